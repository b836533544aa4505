package lab

import (
	"context"
	"fmt"
	"os"

	"whittle"
	"whittle/internal/check"
	"whittle/internal/dockerfile"
)

// CheckProject says whether what a project's own modules import is declared,
// without an image.
func CheckProject(ctx context.Context, dir string) (*whittle.Check, error) {
	c, err := check.Project(ctx, os.DirFS(dir))
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
