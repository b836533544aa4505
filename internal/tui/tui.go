// Package tui is the terminal UI of whittle explore: an image's groups, their
// contents by size, the findings, and a card of what is selected. It shows a
// [view.Model] and decides nothing: what a filter means and how sums are made is
// in package view. It is the only door to bubbletea.
package tui

import (
	"context"
	"errors"
	"fmt"
	"io"

	tea "charm.land/bubbletea/v2"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/view"
)

// Options are what is explored and how.
type Options struct {
	// Image is the image's name, Other that of the one that it is compared with;
	// it may be empty.
	Image, Other string
	// Load reads the image. While it does, first gets the lowest layers that were
	// read, and their number, as often as there are more.
	Load func(ctx context.Context, p whittle.Progress, first func(m *view.Model, layers int)) (Subject, error)
	// Compare reads another image.
	Compare func(ctx context.Context, image string, p whittle.Progress) (*view.Model, error)
	// Folder is the project's, in which files of layers and findings are named.
	Folder string
	// Environ has the variables of the environment, as os.Environ gives them.
	Environ []string
	In      io.Reader
	Out     io.Writer
}

// Subject is an image whose files have been read. Several goroutines ask it.
type Subject interface {
	// Model has the image's files.
	Model() *view.Model
	// Judge reads the rest: the model that it gives has the same files, the
	// requirements, and what the rules find.
	Judge(ctx context.Context) (*view.Model, error)
	// Copy writes a visible regular file's contents.
	Copy(ctx context.Context, path string, to io.Writer) error
	// Diff is a finding's fix as unified diffs.
	Diff(f *whittle.Finding) (string, error)
	// Report writes models as an HTML report. The last is of this image.
	Report(w io.Writer, models ...*view.Model) error
}

// Run shows the terminal UI until it is left.
func Run(outer context.Context, o Options) error {
	ctx, cancel := context.WithCancel(outer)
	defer cancel()
	m := newModel(ctx, o)
	p := tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(o.In), tea.WithOutput(o.Out), tea.WithEnvironment(o.Environ), tea.WithoutSignalHandler())
	m.send = p.Send
	last, err := p.Run()
	cancel()
	m.writes.Wait()
	for _, line := range m.left {
		fmt.Fprintln(o.Out, line)
	}
	if err != nil {
		if outer.Err() != nil {
			return outer.Err()
		}
		if errors.Is(err, tea.ErrProgramKilled) || errors.Is(err, tea.ErrInterrupted) {
			return context.Canceled
		}
		return whittle.ErrSystem.Errorf("showing %s in the terminal: %w", o.Image, err)
	}
	if end, ok := last.(*model); ok && end.fatal != nil {
		return end.fatal
	}
	return nil
}

// lookup is a variable of the environment.
func (o Options) lookup(names ...string) string {
	for _, name := range names {
		for _, e := range o.Environ {
			if len(e) > len(name) && e[len(name)] == '=' && e[:len(name)] == name && e[len(name)+1:] != "" {
				return e[len(name)+1:]
			}
		}
	}
	return ""
}
