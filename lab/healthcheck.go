package lab

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"whittle"
	"whittle/internal/build"
	"whittle/internal/dockerfile"
)

// healthcheckImports makes an import test of a health check that runs the
// Python interpreter on a line of code: the same interpreter with only the
// line's import statements, so that the test needs no running service. ok is
// false where the health check is of another kind.
func healthcheckImports(p whittle.Process) (args []string, ok bool) {
	if p.Healthcheck == nil || len(p.Healthcheck.Test) < 2 {
		return nil, false
	}
	words := p.Healthcheck.Test[1:]
	if p.Healthcheck.Test[0] == "CMD-SHELL" {
		words = firstCommand(p.Healthcheck.Test[1])
	}
	for i, w := range words {
		if w != "-c" || i == 0 || i+1 >= len(words) || !strings.HasPrefix(path.Base(words[0]), "python") {
			continue
		}
		if imports := importStatements(words[i+1]); len(imports) > 0 {
			return append(append([]string{}, words[:i+1]...), strings.Join(imports, "; ")), true
		}
	}
	return nil, false
}

// importStatements are the top-level imports of a line of Python.
func importStatements(code string) []string {
	var out []string
	for _, s := range strings.FieldsFunc(code, func(r rune) bool { return r == ';' || r == '\n' }) {
		if s = strings.TrimSpace(s); strings.HasPrefix(s, "import ") || strings.HasPrefix(s, "from ") {
			out = append(out, s)
		}
	}
	return out
}

// firstCommand are the words of the first command of a shell command line, nil
// where they are not known before it runs.
func firstCommand(line string) []string {
	script, err := dockerfile.ParseShell("healthcheck", line)
	if err != nil || len(script.Commands()) == 0 {
		return nil
	}
	words, _ := literal(script.Commands()[0])
	return words
}

// serveLimit is how many seconds an image has until its health check passes,
// unless it asks for more.
const serveLimit = 60

// Names of the runs that whittle makes itself.
const (
	serveName = "health check"
	testsName = "tests"
)

// serveCommand starts what the image starts and runs its own health check
// until that passes. ok is false where the image has none. It needs a shell in
// the image.
func serveCommand(p whittle.Process) (build.Command, bool) {
	entry := append(slices.Clone(p.Entrypoint), p.Cmd...)
	if p.Healthcheck == nil || len(p.Healthcheck.Test) < 2 || len(entry) == 0 {
		return build.Command{}, false
	}
	check := p.Healthcheck.Test[1]
	if p.Healthcheck.Test[0] == "CMD" {
		check = quoted(p.Healthcheck.Test[1:])
	}
	// The output of the last try is what tells why it does not pass.
	limit := max(serveLimit, int((p.Healthcheck.StartPeriod+p.Healthcheck.Interval)/time.Second))
	script := fmt.Sprintf(`"$@" & main=$!
check() ( %s
)
for i in $(seq %d); do
  if check >/dev/null 2>&1; then kill $main; exit 0; fi
  kill -0 $main 2>/dev/null || { wait $main; code=$?; echo "it ended with $code before its health check passed" >&2; exit 1; }
  sleep 1
done
check; echo "its health check did not pass within %d s" >&2; kill $main; exit 1`, check, limit, limit)
	return build.Command{Name: serveName, Args: append([]string{"/bin/sh", "-c", script, "sh"}, entry...), Timeout: time.Duration(2*limit) * time.Second}, true
}

// quoted are words as a POSIX shell reads them back.
func quoted(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = dockerfile.Quote(w)
	}
	return strings.Join(out, " ")
}
