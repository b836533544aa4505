package page

import (
	"path/filepath"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/shell"
)

// NextStep is the command to type next, and what it does.
type NextStep struct {
	// does says what it does, in a few words without a period.
	does string
	// args are the command's words behind "whittle", images and paths unquoted.
	args []string
	// project says that it is about the folder of a project, which the printer
	// knows.
	project bool
}

// command is the words of a line for a shell, quoted. dir is the folder of the project, empty where it
// is the current one, and options are those that the command repeats.
func (n NextStep) command(dir string, options []string) []string {
	var repeated []string
	for _, o := range options {
		if name, _, _ := strings.Cut(o, "="); !slices.Contains(n.args, name) {
			repeated = append(repeated, o)
		}
	}
	last := len(n.args)
	if !n.project {
		last-- // an image is last
	}
	args := slices.Concat(n.args[:last], repeated, n.args[last:])
	if n.project && dir != "" && filepath.Clean(dir) != "." {
		args = append(args, dir)
	}
	words := []string{"whittle"}
	for _, a := range args {
		words = append(words, shell.Quote(a))
	}
	return words
}

// OfImage is a command about an image.
func OfImage(does, image string, args ...string) *NextStep {
	return &NextStep{does: does, args: append(args, image)}
}

// OfProject is a command about the project.
func OfProject(does string, args ...string) *NextStep {
	return &NextStep{does: does, args: args, project: true}
}

// Next adds the command to type next; nothing where there is none.
func (d *Document) Next(n *NextStep) {
	if n != nil {
		d.Add(*n)
	}
}
