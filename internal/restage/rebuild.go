package restage

import (
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
)

// rebuild plans the edit of a Dockerfile that installs in a stage of its own: the
// packages go into an environment, and the image gets that instead of folders of
// the interpreter.
func (r *Plan) rebuild() error {
	for i := range r.Runtime {
		s := &r.Runtime[i]
		if s.Role == recipe.Keeps && r.Copied(s.In, r.Install) && !Separate(s, r.venv) {
			return fmt.Errorf("%s: it copies a folder that holds packages and other things", r.At(s.In))
		}
	}
	for i := range r.Before {
		s := &r.Before[i]
		text, err := "", error(nil)
		switch s.Role {
		case recipe.MakesVenv:
			text, err = r.scripts().making(s)
		case recipe.Installing:
			text, err = r.scripts().installing(s)
		case recipe.Cleans:
			text, err = r.scripts().movePaths(s)
		default:
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", r.At(s.In), err)
		}
		r.changed[s.In.Span.Start] = text
	}
	if !r.Moved {
		return nil
	}
	brought := false
	for i := range r.Runtime {
		s := &r.Runtime[i]
		switch s.Role {
		case recipe.CopiesPackages:
			text := ""
			if !brought {
				text = strings.Join(r.bring(), r.lineEnd())
				if owner := s.In.Flag("chown"); len(owner) == 1 {
					text = strings.Replace(text, r.label+" ", r.label+" --chown="+owner[0]+" ", 1)
				}
				brought = true
			}
			r.changed[s.In.Span.Start] = text
		case recipe.Cleans:
			text, err := r.scripts().movePaths(s)
			if err != nil {
				return fmt.Errorf("%s: %w", r.At(s.In), err)
			}
			if strings.Contains(text, r.venv) { // else it deletes what is not in the image
				_, comments := parted(r.above(s.In))
				r.added = append(r.added, comments+text)
			}
			r.changed[s.In.Span.Start] = ""
		}
	}
	return nil
}

// above are the lines between an instruction of any stage and the one before it.
func (r *Plan) above(in *dockerfile.Instruction) string {
	st := &r.File.Stages[in.Stage]
	before := st.Head.Span.End
	for i := range st.Instructions {
		if st.Instructions[i].Span == in.Span {
			break
		}
		before = st.Instructions[i].Span.End
	}
	return r.lead(before, in)
}

// rebuilt is the text of a Dockerfile that has a stage for installing.
func (r *Plan) rebuilt() (string, error) {
	var edits []whittle.Edit
	nl := r.lineEnd()
	made, last := !r.Moved, LastInstall(r.Before)
	for i := range r.Before {
		s := &r.Before[i]
		if s.Role == recipe.Installing && !made {
			made = true
			_, rest := parted(r.above(s.In))
			at := s.In.Span.Start - len(rest)
			edits = append(edits, whittle.Edit{Span: whittle.Span{Start: at, End: at}, New: r.makeVenv(nl) + nl})
		}
		if text, ok := r.changed[s.In.Span.Start]; ok && text != s.In.Text() {
			edits = append(edits, whittle.Edit{Span: s.In.Span, New: text})
		}
		if i == last && len(r.added) > 0 {
			edits = append(edits, whittle.Edit{Span: whittle.Span{Start: s.In.Span.End, End: s.In.Span.End}, New: nl + strings.Join(r.added, nl)})
		}
	}
	final := &r.File.Stages[r.Final.Index]
	if r.TakesSlim() {
		edits = append(edits, whittle.Edit{Span: final.Head.Span, New: strings.Replace(final.Head.Text(), final.Base, r.base, 1)})
		if st := r.Install; r.Full != "" && st.From == nil && st.Base == final.Base {
			edits = append(edits, whittle.Edit{Span: st.Head.Span, New: strings.Replace(st.Head.Text(), st.Base, r.Full, 1)})
		}
	}
	if quiet := r.Quiet; len(quiet) > 0 {
		edits = append(edits, whittle.Edit{Span: whittle.Span{Start: final.Head.Span.End, End: final.Head.Span.End}, New: nl + strings.Join(quiet, nl)})
	}
	for i := range r.Runtime {
		in := r.Runtime[i].In
		text, ok := r.changed[in.Span.Start]
		switch {
		case !ok || slices.ContainsFunc(r.Before, func(s Step) bool { return s.In.Span == in.Span }):
		case text == "": // with the lines above it
			edits = append(edits, whittle.Edit{Span: whittle.Span{Start: in.Span.Start - len(r.above(in)) - len(nl), End: in.Span.End}})
		default:
			edits = append(edits, whittle.Edit{Span: in.Span, New: text})
		}
	}
	slices.SortStableFunc(edits, func(a, b whittle.Edit) int { return a.Span.Start - b.Span.Start })
	out, err := whittle.Splice(r.File.Source, edits)
	return string(out), err
}

// takesSlim says that the smaller base, if there is one, can be written into the
// image's own FROM line.
func (r *Plan) takesSlim() bool {
	st := &r.File.Stages[r.Final.Index]
	if r.leaf {
		return r.split.From == nil
	}
	return st.From == nil && (r.split == nil || r.split.Index == st.Index)
}

// TakesSlim says whether the new Dockerfile starts the image from the smaller base.
func (r *Plan) TakesSlim() bool { return r.Slim != "" && r.takesSlim() }

// Left returns the text of an instruction in the image's stage, empty where it is
// only in the builder; own says whether its stage is taken apart.
func (r *Plan) Left(in *dockerfile.Instruction) (text string, own bool) {
	for i := range r.plan {
		if r.plan[i].In.Span == in.Span {
			return r.plan[i].final, true
		}
	}
	return "", false
}

// Apart says whether a stage is taken apart: if not, there was a builder before.
func (r *Plan) Apart() bool { return r.split != nil }
