package start

import (
	"path"
	"strings"

	"whittle.dev/whittle"
)

// streamlit: https://docs.streamlit.io/develop/api-reference/cli/run
func streamlit(t *Trace, st *Process, exe string, args []string) {
	if len(args) < 2 || args[0] != "run" {
		return
	}
	t.needs(st, exe, "streamlit.web.bootstrap")
	file := ""
	for _, a := range args[1:] {
		if strings.HasSuffix(a, ".py") && !strings.HasPrefix(a, "-") {
			file = a
			break
		}
	}
	if file == "" {
		st.Doubt("which script streamlit runs is only known when it runs")
		return
	}
	t.program(st, exe, file, false)
	// Streamlit runs the script when a browser opens the page. Python can run it,
	// too; then nothing is shown.
	st.Probe = []string{"/" + exe, "/" + whittle.Join(st.Dir, file)}
	pages := path.Join(path.Dir(whittle.Join(st.Dir, file)), "pages")
	for _, p := range t.Root.Paths() {
		if path.Dir(p) == pages && strings.HasSuffix(p, ".py") {
			t.program(st, exe, "/"+p, true)
		}
	}
}
