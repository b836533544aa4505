package check

import (
	"path"
	"strings"

	"whittle.dev/whittle"
)

// streamlit: https://docs.streamlit.io/develop/api-reference/cli/run
func streamlit(s *state, st *start, exe string, args []string) {
	if len(args) < 2 || args[0] != "run" {
		return
	}
	s.needs(st, exe, "streamlit.web.bootstrap")
	file := ""
	for _, a := range args[1:] {
		if strings.HasSuffix(a, ".py") && !strings.HasPrefix(a, "-") {
			file = a
			break
		}
	}
	if file == "" {
		st.doubt("which script streamlit runs is only known when it runs")
		return
	}
	s.program(st, exe, file, false)
	// Streamlit runs the script when somebody opens the page; run by itself
	// it draws to nobody.
	st.probe = []string{"/" + exe, "/" + whittle.Join(st.dir, file)}
	pages := path.Join(path.Dir(whittle.Join(st.dir, file)), "pages")
	for _, p := range s.Root.Paths() {
		if path.Dir(p) == pages && strings.HasSuffix(p, ".py") {
			s.program(st, exe, "/"+p, true)
		}
	}
}
