package base

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// wrapped reads a command as a script of the project that installs the packages which
// are its arguments, and does nothing
// else.
func wrapped(p *analysis.Pass, in *dockerfile.Instruction, c *dockerfile.Command) (out installing, ok bool) {
	if len(c.Words) < 2 || !c.Words[0].Literal || c.Depth > 0 {
		return out, false
	}
	text, ok := copied(p, in, c.Words[0].Value)
	if !ok || !installsArguments(c.Words[0].Value, text) {
		return out, false
	}
	out = installing{Command: *c, in: in, manager: "apt", wrapped: true}
	for k, w := range c.Words[1:] {
		if !w.Literal || strings.ContainsAny(w.Value, "*?[<>~@") {
			return out, false
		}
		if !strings.HasPrefix(w.Value, "-") {
			out.names = append(out.names, k+1)
		}
	}
	return out, len(out.names) > 0
}

// copied is the text of the program of a command, if it was copied from the context.
func copied(p *analysis.Pass, in *dockerfile.Instruction, program string) (string, bool) {
	at := []string{strings.TrimPrefix(path.Clean(program), "/")}
	if !strings.Contains(program, "/") {
		at = nil
		for _, dir := range []string{"usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin"} {
			at = append(at, path.Join(dir, program))
		}
	} else if !path.IsAbs(program) {
		return "", false
	}
	chain := p.Recipe.Chain()
	for _, before := range slices.Backward(chain[:max(0, slices.Index(chain, in))]) {
		cp, ok := p.Recipe.ReadCopy(before)
		if !ok || !cp.FromContext() || p.Files == nil {
			continue
		}
		for _, at := range at {
			if name, ok := p.Recipe.Origin(&cp, at); ok {
				text, ok := p.Project.Read(name)
				return string(text), ok && len(text) <= maxScript
			}
		}
	}
	return "", false
}

// installsArguments says that a script gives its arguments to apt-get install, and does
// nothing but update and clean up besides.
func installsArguments(name, text string) bool {
	script, err := dockerfile.ParseShell(name, text)
	if err != nil {
		return false
	}
	installs := 0
	for _, c := range script.Commands() {
		a, isApt := recipe.ReadApt(&c)
		switch {
		case isApt && a.Verb == "install":
			last := c.Words[len(c.Words)-1].Text
			if last != `"$@"` && last != "$@" && last != "$*" || c.Depth > 0 {
				return false
			}
			installs++
		case isApt && a.Verb == "update", cleans(&c), c.Name() == "set", c.Name() == "export", len(c.Words) == 0:
		default:
			return false
		}
	}
	return installs == 1
}
