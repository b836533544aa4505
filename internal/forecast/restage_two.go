package forecast

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
func (r *restaged) rebuild() error {
	for i := range r.outline.runtime {
		s := &r.outline.runtime[i]
		if s.role == recipe.Keeps && r.outline.copied(s.in, r.outline.install) && !separate(s, r.dest.venv) {
			return fmt.Errorf("%s: it copies a folder that holds packages and other things", r.outline.at(s.in))
		}
	}
	for i := range r.outline.before {
		s := &r.outline.before[i]
		if s.role != recipe.Installing && s.role != recipe.Cleans {
			continue
		}
		text, err := "", error(nil)
		if s.role == recipe.Installing {
			text, err = r.installing(s)
		} else {
			text, err = r.movePaths(s)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", r.outline.at(s.in), err)
		}
		r.changed[s.in.Span.Start] = text
	}
	if !r.moved {
		return nil
	}
	brought := false
	for i := range r.outline.runtime {
		s := &r.outline.runtime[i]
		switch s.role {
		case recipe.CopiesPackages:
			text := ""
			if !brought {
				text = strings.Join(r.bring(), r.lineEnd())
				if owner := s.in.Flag("chown"); len(owner) == 1 {
					text = strings.Replace(text, r.label+" ", r.label+" --chown="+owner[0]+" ", 1)
				}
				brought = true
			}
			r.changed[s.in.Span.Start] = text
		case recipe.Cleans:
			text, err := r.movePaths(s)
			if err != nil {
				return fmt.Errorf("%s: %w", r.outline.at(s.in), err)
			}
			if strings.Contains(text, r.dest.venv) { // else it deletes what is not in the image
				_, comments := parted(r.above(s.in))
				r.added = append(r.added, comments+text)
			}
			r.changed[s.in.Span.Start] = ""
		}
	}
	return nil
}

// above are the lines between an instruction of any stage and the one before it.
func (r *restaged) above(in *dockerfile.Instruction) string {
	st := &r.outline.file.Stages[in.Stage]
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
func (r *restaged) rebuilt() (string, error) {
	var edits []whittle.Edit
	nl := r.lineEnd()
	made, last := !r.moved, lastInstall(r.outline.before)
	for i := range r.outline.before {
		s := &r.outline.before[i]
		if s.role == recipe.Installing && !made {
			made = true
			_, rest := parted(r.above(s.in))
			at := s.in.Span.Start - len(rest)
			edits = append(edits, whittle.Edit{Span: whittle.Span{Start: at, End: at}, New: r.makeVenv(nl) + nl})
		}
		if text, ok := r.changed[s.in.Span.Start]; ok && text != s.in.Text() {
			edits = append(edits, whittle.Edit{Span: s.in.Span, New: text})
		}
		if i == last && len(r.added) > 0 {
			edits = append(edits, whittle.Edit{Span: whittle.Span{Start: s.in.Span.End, End: s.in.Span.End}, New: nl + strings.Join(r.added, nl)})
		}
	}
	final := &r.outline.file.Stages[r.outline.final.Index]
	if r.takesSlim() && r.Slim != nil {
		edits = append(edits, whittle.Edit{Span: final.Head.Span, New: strings.Replace(final.Head.Text(), final.Base, r.base, 1)})
	}
	if quiet := r.quiet(); len(quiet) > 0 {
		edits = append(edits, whittle.Edit{Span: whittle.Span{Start: final.Head.Span.End, End: final.Head.Span.End}, New: nl + strings.Join(quiet, nl)})
	}
	for i := range r.outline.runtime {
		in := r.outline.runtime[i].in
		text, ok := r.changed[in.Span.Start]
		switch {
		case !ok || slices.ContainsFunc(r.outline.before, func(s step) bool { return s.in.Span == in.Span }):
		case text == "": // with the lines above it
			edits = append(edits, whittle.Edit{Span: whittle.Span{Start: in.Span.Start - len(r.above(in)) - len(nl), End: in.Span.End}})
		default:
			edits = append(edits, whittle.Edit{Span: in.Span, New: text})
		}
	}
	slices.SortStableFunc(edits, func(a, b whittle.Edit) int { return a.Span.Start - b.Span.Start })
	out, err := whittle.Splice(r.outline.file.Source, edits)
	return string(out), err
}

// takesSlim says that the smaller base, if there is one, can be written into the
// image's own FROM line.
func (r *restaged) takesSlim() bool {
	if r == nil || r.Slim == nil {
		return true
	}
	st := &r.outline.file.Stages[r.outline.final.Index]
	return st.From == nil && (r.split == nil || r.split.Index == st.Index)
}

// addMade adds the layers that are left of the original.
func (r *restaged) addMade(s sizes) {
	if r.outline.two() {
		r.account.addMade(s, nil)
		return
	}
	final := map[whittle.Span]string{}
	for i := range r.plan {
		final[r.plan[i].in.Span] = r.plan[i].final
	}
	freed := map[int]int64{}
	if r.System != nil && len(r.build) > 0 {
		freed = r.System.Freed(r.build, r.needs)
	}
	var less int64
	outside := func(st *step) bool { return st.in.Stage != r.split.Index }
	skip := func(st *step) bool {
		_, own := final[st.in.Span]
		return own && final[st.in.Span] == ""
	}
	for i := range r.outline.runtime {
		st := &r.outline.runtime[i]
		layer, ok := r.layers[st.in.Span]
		switch {
		case !ok:
		case outside(st) && st.role != recipe.Keeps && st.role != recipe.InstallsBuildTools:
			s.exact("other instructions", r.Ledger.Layers[layer].Size, r.measured())
		case final[st.in.Span] != "":
			less += freed[layer]
		}
	}
	r.account.addMade(s, skip)
	if less > 0 {
		// The package manager's own records shrink too.
		s.between("system packages that only building needs", -less-less/50-200_000, -less, -less+less/100+20_000, r.measured())
	}
}

// notes says what the image does not have any more, and what was not looked at.
func (r *restaged) notes(f *whittle.Forecast) {
	if len(r.build) > 0 {
		f.Notes = append(f.Notes, "only the builder installs "+strings.Join(r.build, ", "))
	}
	if len(r.needs) > 0 {
		f.Notes = append(f.Notes, "the image needs of what these brought: "+strings.Join(r.needs, ", "))
	}
	if script := r.startScript(); script != "" && r.Names == nil && r.moved {
		f.Notes = append(f.Notes, "the image starts "+script+", which was not read: it may name places or programs that are not there")
	}
}
