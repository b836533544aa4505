package dockerfile

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// outcome is what came of a trial.
type outcome int

const (
	refused outcome = iota // the operation or Apply said no
	unchanged
	edited
)

// subject is a file that operations are tried on.
type subject struct {
	f                *File
	nodes            []node
	comments, hashes []string
}

func newSubject(src []byte) (*subject, error) {
	f, err := Parse("Dockerfile", src)
	if err != nil {
		return nil, err
	}
	old, err := nodes(src)
	if err != nil {
		return nil, err
	}
	return &subject{f: f, nodes: old, comments: commentsOf(f), hashes: hashLines(f)}, nil
}

// try makes an operation and holds it to the invariants.
func (s *subject) try(tr trial) (outcome, []whittle.Edit, error) {
	edits, err := tr.run()
	if err != nil {
		if !errors.Is(err, whittle.ErrUnsupported) && !errors.Is(err, whittle.ErrUsage) || strings.Contains(err.Error(), "\n") {
			return refused, nil, fmt.Errorf("refused by %#v", err)
		}
		return refused, nil, nil
	}
	after, err := s.f.apply(edits)
	if err != nil {
		if tr.sure {
			return refused, nil, fmt.Errorf("Apply takes no %+v: %w", edits, err)
		}
		return refused, nil, nil
	}
	if bytes.Equal(after.Source, s.f.Source) {
		return unchanged, nil, nil
	}
	if err := s.check(tr, after); err != nil {
		return edited, nil, fmt.Errorf("%w\nedits %+v\nresult:\n%s", err, edits, after.Source)
	}
	return edited, edits, nil
}

// check holds the result of a trial to the invariants.
func (s *subject) check(tr trial, after *File) error {
	now, err := nodes(after.Source)
	if err != nil {
		return err
	}
	if err := tr.want(s.nodes, now); err != nil {
		return err
	}
	if err := s.keepsComments(tr, after); err != nil {
		return err
	}
	if tr.again == nil {
		return nil
	}
	if more, err := tr.again(after); err != nil || len(more) > 0 {
		return fmt.Errorf("again it gives %+v, %v", more, err)
	}
	return nil
}

// keepsComments compares the comments before and after: those that this
// package reads, and the lines that start with "#".
func (s *subject) keepsComments(tr trial, after *File) error {
	if tr.drops {
		return nil
	}
	if now := commentsOf(after); !slices.Equal(s.comments, now) {
		return fmt.Errorf("comments %q became %q", s.comments, now)
	}
	now := hashLines(after)
	for _, line := range s.hashes {
		i := slices.Index(now, line)
		if i < 0 {
			return fmt.Errorf("comment line %q is gone, %q are there", line, now)
		}
		now = slices.Delete(now, i, i+1)
	}
	// What is left stood behind a command that went, or was the shell's.
	if len(now) > 0 && tr.name != "RemoveCommand" && tr.name != "Remove" {
		return fmt.Errorf("comment lines %q are new", now)
	}
	return nil
}

// hashLines are the lines that start with "#", those of heredocs left out: only
// the shell knows what they are there.
func hashLines(f *File) (out []string) {
	src := bytes.Clone(f.Source)
	for _, in := range f.all() {
		if in.Trigger != nil {
			in = in.Trigger
		}
		for _, h := range in.Heredocs {
			copy(src[h.Body.Start:h.Terminator.End], bytes.Repeat([]byte(" "), h.Terminator.End-h.Body.Start))
		}
	}
	for line := range strings.Lines(strings.TrimPrefix(string(src), string(bom))) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	slices.Sort(out)
	return out
}

// commentsOf lists the comments of a file, sorted.
func commentsOf(f *File) (out []string) {
	at := 0
	gap := func(end int) {
		for line := range strings.Lines(strings.TrimPrefix(string(f.Source[at:end]), string(bom))) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "#") {
				out = append(out, line)
			}
		}
	}
	for _, in := range f.all() {
		gap(max(at, in.from))
		at = in.Span.End
		out = append(out, comments(in)...)
	}
	gap(len(f.Source))
	slices.Sort(out)
	return out
}
