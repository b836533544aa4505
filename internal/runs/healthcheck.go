package runs

import (
	"path"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
)

// HealthcheckImports makes an import test of a health check that runs the
// Python interpreter on a line of code: the same interpreter with only the
// line's import statements, so that the test needs no running service. ok is
// false if the health check is of another kind.
func HealthcheckImports(p whittle.Process) (args []string, ok bool) {
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
// if they are only known once it runs.
func firstCommand(line string) []string {
	script, err := dockerfile.ParseShell("healthcheck", line)
	if err != nil || len(script.Commands()) == 0 {
		return nil
	}
	words, _ := script.Commands()[0].Literals()
	return words
}
