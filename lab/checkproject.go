package lab

import (
	"context"
	"fmt"

	"whittle"
	"whittle/internal/check"
	"whittle/internal/dockerfile"
	"whittle/internal/project"
	"whittle/internal/python"
)

// usualPython is what bounds are looked up for where there is no image: they
// hardly hang on it.
const usualPython = "3.13"

// CheckProject says whether what a project's own modules import is declared,
// without an image.
func CheckProject(ctx context.Context, env *Env, dir string) (*whittle.Check, error) {
	usual := python.Interpreter{Series: usualPython, Version: usualPython, Implementation: "cpython"}.Environment("x86_64")
	said, err := project.ReadCheck(dir)
	if err != nil {
		return nil, err
	}
	c, err := check.Project(ctx, whittle.Folder(dir), check.ProjectOptions{Names: said.Names, Ships: ships(ctx, env, usual),
		Bound: func(name string) (string, bool) { return newest(ctx, env, name, usual) }})
	if err != nil {
		return nil, fmt.Errorf("checking %s: %w", dir, err)
	}
	return c, nil
}

// Words are the words of a command line as a POSIX shell splits them, where
// they are the same whatever the environment.
func Words(line string) ([]string, error) {
	script, err := dockerfile.ParseShell("command", line)
	if err != nil {
		return nil, fmt.Errorf("reading the command %q: %w: %w", line, err, whittle.ErrUsage)
	}
	if len(script.Commands()) != 1 {
		return nil, whittle.WithHint(fmt.Errorf("%q is not one command: %w", line, whittle.ErrUsage), "put it into sh -c '…'")
	}
	words, ok := literal(script.Commands()[0])
	if !ok {
		return nil, whittle.WithHint(fmt.Errorf("a word of %q is only known to a shell: %w", line, whittle.ErrUsage), "put it into sh -c '…'")
	}
	return words, nil
}

// literal are the words of a command; ok is false where one of them is only
// known to the shell that runs it.
func literal(c dockerfile.Command) (words []string, ok bool) {
	for _, w := range c.Words {
		if !w.Literal {
			return nil, false
		}
		words = append(words, w.Value)
	}
	return words, true
}
