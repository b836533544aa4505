package history

import (
	"fmt"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// nop marks a history line of Docker's old builder that ran nothing.
const nop = "#(nop) "

// docker is the history of Docker's old builder (moby, builder/dockerfile):
// the container's command line, which is the shell and a comment for
// everything but RUN. COPY and ADD name a digest instead of the sources.
// Buildah writes the same.
type docker struct{}

func (docker) silent(*dockerfile.Instruction) bool { return false }

// added: labels of the command line become a last instruction.
func (docker) added(createdBy string) bool {
	_, rest, ok := strings.Cut(createdBy, nop)
	return ok && strings.HasPrefix(strings.TrimLeft(rest, " "), "LABEL ")
}

func (docker) match(s *scope, c command, step whittle.Step) (ok, exact bool) {
	text := step.CreatedBy
	if run, isRun := c.parsed.(*instructions.RunCommand); isRun {
		return s.matchOldRun(run, text)
	}
	text, ok = s.comment(text)
	if !ok {
		return false, false
	}
	switch c := c.parsed.(type) {
	case *instructions.CopyCommand:
		return s.matchOldCopy("COPY", c.SourcesAndDest, c.Chown, text)
	case *instructions.AddCommand:
		return s.matchOldCopy("ADD", c.SourcesAndDest, c.Chown, text)
	case *instructions.WorkdirCommand:
		return s.matchWorkdir(c, text)
	case *instructions.OnbuildCommand:
		return anyLike(text, "ONBUILD "+c.Expression)
	case *instructions.ExposeCommand:
		want := "EXPOSE " + strings.Join(c.Ports, " ")
		if strings.ContainsRune(want, '$') {
			want = "EXPOSE " + wild
		}
		return anyLike(text, append(s.ports(c.Ports), want)...)
	case *instructions.EntrypointCommand:
		// The old builder shows the entry point that the image has then.
		return anyLike(text, append(s.commandLines("ENTRYPOINT", c.ShellDependantCmdLine), fmt.Sprintf("ENTRYPOINT %q", c.CmdLine))...)
	}
	return s.matchSetting(c.parsed, text)
}

// comment is the text after "SHELL #(nop) ", for a shell that may run here.
func (s *scope) comment(text string) (string, bool) {
	prefix, rest, ok := strings.Cut(text, nop)
	if !ok {
		return "", false
	}
	for _, shell := range s.shells {
		if strings.Join(shell, " ")+" " == prefix {
			return strings.TrimLeft(rest, " "), true
		}
	}
	// SHELL itself is written by the new shell.
	if words, found := strings.CutPrefix(strings.TrimLeft(rest, " "), "SHELL ["); found {
		return strings.TrimLeft(rest, " "), strings.TrimSuffix(words, "]")+" " == prefix
	}
	return "", false
}

// matchOldRun compares RUN: the command line alone, after the build arguments
// that have a value.
func (s *scope) matchOldRun(c *instructions.RunCommand, text string) (ok, exact bool) {
	if strings.Contains(text, nop) {
		return false, false
	}
	var wants []string
	for _, line := range s.runLines(c.ShellDependantCmdLine) {
		wants = append(wants, line, "|0 "+line, "|"+wild+"="+wild+" "+line)
	}
	ok, exact = anyLike(text, wants...)
	if ok && !exact && len(s.args) == 0 && s.baseArgs == 0 {
		return false, false
	}
	return ok, exact
}

// matchOldCopy compares COPY and ADD, of which only the destination is known.
func (s *scope) matchOldCopy(keyword string, c instructions.SourcesAndDest, chown, text string) (ok, exact bool) {
	if chown != "" {
		chown = "--chown=" + s.expand(chown) + " "
	}
	text = strings.TrimRight(text, " ")
	var wants []string
	dest := s.expand(c.DestPath)
	for _, dir := range append(s.chdir(dest), dest) {
		dir = strings.TrimSuffix(dir, "/")
		for _, flag := range []string{chown, ""} {
			want := keyword + " " + flag + wild + ":" + wild + " in " + dir
			wants = append(wants, want, want+"/")
		}
	}
	return anyLike(text, wants...)
}
