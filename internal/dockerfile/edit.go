package dockerfile

import (
	"errors"
	"fmt"
	"slices"

	"whittle.dev/whittle"
)

// Edit replaces the bytes of a span. An empty span inserts.
type Edit = whittle.Edit

// Apply splices edits into a Dockerfile. Edits are sorted and do not overlap;
// two that insert at the same place go in their order. The result is refused,
// and src is never changed, unless
//
//   - it parses, with the same directives;
//   - every instruction that no edit touches is there with the same bytes, and
//     in the same stage;
//   - new and changed instructions stay within the edited spans, so that no comment
//     or line around an edit becomes part of an instruction;
//   - the shell of a touched instruction parses if it did before.
func Apply(src []byte, edits []Edit) ([]byte, error) {
	before, err := Parse("Dockerfile", src)
	if err != nil {
		return nil, err
	}
	after, err := before.apply(edits)
	if err != nil {
		return nil, err
	}
	return after.Source, nil
}

// apply is Apply to a file that is parsed already.
func (f *File) apply(edits []Edit) (*File, error) {
	out, err := whittle.Splice(f.Source, edits)
	if err != nil {
		return nil, err
	}
	after, err := Parse(f.Name, out)
	if err != nil {
		return nil, fmt.Errorf("the edited Dockerfile does not parse: %w", err)
	}
	if f.Escape != after.Escape || f.Syntax != after.Syntax {
		return nil, errors.New("the edits change a parser directive")
	}
	if err := compare(f, after, edits); err != nil {
		return nil, fmt.Errorf("the edits reach further than they say: %w", err)
	}
	return after, nil
}

// compare compares the instructions of both files.
func compare(before, after *File, edits []Edit) error {
	m := newMoves(edits)
	olds := before.all()
	allowed := m.gaps(olds)
	keep := map[whittle.Span]*Instruction{}
	for _, in := range after.all() {
		keep[in.Span] = in
	}
	for _, old := range olds {
		to, touched := m.move(old.Span)
		if touched {
			allowed = append(allowed, region{to, old})
			continue
		}
		now := keep[to]
		if now == nil {
			return fmt.Errorf("%s in line %d is not the same any more", old.Keyword, old.Line)
		}
		delete(keep, to)
		if err := same(old, now, before, after, m); err != nil {
			return err
		}
	}
	for _, now := range after.all() {
		if keep[now.Span] == nil {
			continue
		}
		if err := within(now, allowed); err != nil {
			return err
		}
	}
	return nil
}

// region is a place where the edits may make instructions; old was there.
type region struct {
	whittle.Span
	old *Instruction
}

// within finds the region that an edited or new instruction keeps to.
func within(now *Instruction, allowed []region) error {
	for _, r := range allowed {
		if now.Span.Start < r.Start || now.Span.End > r.End {
			continue
		}
		if r.old != nil && r.old.Keyword == now.Keyword && readable(r.old) && !readable(now) {
			return fmt.Errorf("the shell of %s in line %d cannot be read any more", now.Keyword, now.Line)
		}
		return nil
	}
	return fmt.Errorf("%s in line %d takes in more than was edited", now.Keyword, now.Line)
}

// same compares an untouched instruction with itself after the edits.
func same(old, now *Instruction, before, after *File, m moves) error {
	switch {
	case old.Keyword != now.Keyword || old.Text() != now.Text():
		return fmt.Errorf("%s in line %d is not the same any more", old.Keyword, old.Line)
	case !slices.Equal(old.shell, now.shell) && readable(old) != readable(now):
		return fmt.Errorf("the shell of %s in line %d changes", old.Keyword, old.Line)
	case old.Stage < 0 && now.Stage < 0:
		return nil
	case old.Stage < 0 || now.Stage < 0:
		return fmt.Errorf("%s in line %d changes its place among the stages", old.Keyword, old.Line)
	}
	head := &before.Stages[old.Stage].Head
	to, touched := m.move(head.Span)
	if at := after.Stages[now.Stage].Head.Span; !touched && at != to {
		return fmt.Errorf("%s in line %d comes into another stage", old.Keyword, old.Line)
	}
	return nil
}

func readable(in *Instruction) bool {
	if in.Trigger != nil {
		in = in.Trigger
	}
	switch in.Keyword {
	case "RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK":
		_, err := in.Shell()
		return err == nil
	}
	return false
}

// all lists every instruction in the order of the file.
func (f *File) all() []*Instruction {
	var out []*Instruction
	for i := range f.Meta {
		out = append(out, &f.Meta[i])
	}
	for i := range f.Stages {
		out = append(out, &f.Stages[i].Head)
		for j := range f.Stages[i].Instructions {
			out = append(out, &f.Stages[i].Instructions[j])
		}
	}
	return out
}

// moves gives the new places of what the edits do not touch.
type moves []moved

// moved is an edit with the place of its new text.
type moved struct {
	old, now whittle.Span
}

func newMoves(edits []Edit) moves {
	m := make(moves, len(edits))
	delta := 0
	for i, e := range edits {
		start := e.Span.Start + delta
		m[i] = moved{e.Span, whittle.Span{Start: start, End: start + len(e.New)}}
		delta += len(e.New) - (e.Span.End - e.Span.Start)
	}
	return m
}

// touches says that the edit changes the instruction at s. What is inserted
// right before an instruction does not, what is inserted right after it does.
func (e moved) touches(s whittle.Span) bool {
	if e.old.Start == e.old.End {
		return e.old.Start > s.Start && e.old.Start <= s.End
	}
	return e.old.Start < s.End && e.old.End > s.Start
}

// move is where the instruction at s is after the edits, grown over the
// new text of those that touch it.
func (m moves) move(s whittle.Span) (to whittle.Span, touched bool) {
	to = s
	for _, e := range m {
		delta := (e.now.End - e.now.Start) - (e.old.End - e.old.Start)
		switch {
		case e.touches(s):
			touched = true
			if e.old.Start <= s.Start {
				to.Start = e.now.Start
			}
			if e.old.End >= s.End {
				to.End = e.now.End
			} else {
				to.End += delta
			}
		case e.old.End <= s.Start:
			to.Start += delta
			to.End += delta
		}
	}
	return to, touched
}

// gaps are the new texts of the edits that touch no instruction.
func (m moves) gaps(olds []*Instruction) []region {
	var out []region
	for _, e := range m {
		if !slices.ContainsFunc(olds, func(in *Instruction) bool { return e.touches(in.Span) }) {
			out = append(out, region{e.now, nil})
		}
	}
	return out
}
