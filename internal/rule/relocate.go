package rule

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
)

// relocation is a way to have a RUN's work done where it costs no copy.
type relocation struct {
	title string
	edits []whittle.Edit
	// cured are the layers whose dead bytes a rebuild does not have.
	cured []int
	// advice says in one sentence what it comes to.
	advice  string
	caution string
	risk    whittle.Risk
	// whole says that all that the RUN does is done elsewhere.
	whole bool
}

// relocate finds a way for what a RUN does to the files of lower layers, those
// with the most bytes first.
func relocate(p *Pass, k *dockerfile.Instruction, layers []int) (relocation, bool) {
	for _, try := range []func(*Pass, *dockerfile.Instruction, []int) (relocation, bool){toBuilder, intoRun} {
		if r, ok := try(p, k, layers); ok {
			return r, true
		}
	}
	return relocation{}, false
}

// toBuilder moves a RUN to the end of the stage that the files were copied
// from. That is the same work on the same files where they come from the same
// path, and where nothing but that path is worked on.
func toBuilder(p *Pass, k *dockerfile.Instruction, layers []int) (relocation, bool) {
	acts, ok := p.recipe.actions(k)
	if !ok || len(k.Flags) > 0 {
		return relocation{}, false
	}
	first, ok := p.recipe.copy(layers[0])
	if !ok || !first.same() {
		return relocation{}, false
	}
	stage := first.stage
	copies, ok := copiesFrom(p, stage, k)
	if !ok || !within(acts, copies) || !alike(p, stage, k) {
		return relocation{}, false
	}
	r := relocation{risk: whittle.RiskNone, whole: true, title: "move " + short(k) + " into the stage " + stage.Label()}
	for _, c := range copies {
		if slices.Contains(layers, c.layer) && c.same() {
			r.cured = append(r.cured, c.layer)
		}
		if !c.same() && slices.ContainsFunc(c.sources, func(s string) bool { return worked(acts, whittle.Join("", s)) }) {
			return relocation{}, false // what it brings to another place would change, too
		}
		if !leaves(p, p.recipe.layerOf(k), c.layer) {
			return relocation{}, false // there would be nothing to copy
		}
		if between, ok := p.recipe.between(c.in, k); !ok || slices.ContainsFunc(between, func(in *dockerfile.Instruction) bool { return !p.recipe.idle(in) }) {
			return relocation{}, false
		}
	}
	if reaches(p, k, copies) {
		return relocation{}, false
	}
	edits, err := p.Dockerfile.Move(k, &stage.Instructions[len(stage.Instructions)-1])
	if err != nil || len(edits) == 0 || len(r.cured) == 0 {
		return relocation{}, false
	}
	r.edits = edits
	r.advice = fmt.Sprintf("run it at the end of the stage %s: then COPY --from=%s brings only what is left, and %s makes no layer", stage.Label(), stage.Label(), short(k))
	return r, true
}

// reaches says that a RUN works on files that the copies did not bring, and
// that would come back. Bytecode and tests of the base image may.
func reaches(p *Pass, k *dockerfile.Instruction, copies []copied) bool {
	killer := p.recipe.layerOf(k)
	for i := range p.Ledger.Items {
		it := &p.Ledger.Items[i]
		if it.KilledBy != killer || it.Layer == killer || slices.ContainsFunc(copies, func(c copied) bool { return c.layer == it.Layer }) {
			continue
		}
		if !p.layers.base(it.Layer) || p.Category[i] != "bytecode" && p.Category[i] != "tests" {
			return true
		}
	}
	return false
}

// worked says that commands work on a path, or in it.
func worked(acts []action, at string) bool {
	return slices.ContainsFunc(acts, func(a action) bool {
		return slices.ContainsFunc(a.paths, func(q string) bool { return overlaps(q, []string{at}) })
	})
}

// leaves says that a layer left something of a lower one.
func leaves(p *Pass, killer, layer int) bool {
	return slices.ContainsFunc(p.Ledger.Items, func(it whittle.Item) bool { return it.Layer == layer && it.KilledBy != killer })
}

// copiesFrom are the copies from a stage that run before an instruction. ok is
// false where the stage is used in another way too, which would see its files
// change: as a base, by a mount, or by a copy that another stage or a later
// instruction makes.
func copiesFrom(p *Pass, stage *dockerfile.Stage, k *dockerfile.Instruction) (out []copied, ok bool) {
	chain := p.recipe.chain()
	for i := range p.Dockerfile.Stages {
		st := &p.Dockerfile.Stages[i]
		if st.From != nil && *st.From == stage.Index {
			return nil, false
		}
		for j := range st.Instructions {
			in := &st.Instructions[j]
			if !p.recipe.takesFrom(in, stage) {
				continue
			}
			at := slices.Index(chain, in)
			c, known := p.recipe.copy(p.recipe.layerOf(in))
			if at < 0 || at > slices.Index(chain, k) || !known {
				return nil, false
			}
			out = append(out, c)
		}
	}
	return out, true
}

// within says whether commands only delete files and change modes and times,
// and only below what copies brought from the same path.
func within(acts []action, copies []copied) bool {
	some := false
	for _, a := range acts {
		switch {
		case a.verb == inert && (a.Name() == "find" || a.Name() == "true" || a.Name() == ":" || a.Name() == "set" || a.Name() == "echo"):
		case a.verb != deletes && a.verb != chmods && a.verb != touches, !a.all:
			return false
		}
		if len(a.Redirects) > 0 && !quiet(a.Redirects) {
			return false
		}
		for _, at := range a.paths {
			some = true
			if !slices.ContainsFunc(copies, func(c copied) bool {
				return c.same() && whittle.Under(at, c.dest) && (a.verb != chmods || len(c.in.Flag("chmod")) == 0)
			}) {
				return false
			}
		}
	}
	return some
}

// quiet says that redirections only hide what is printed.
func quiet(rs []dockerfile.Redirect) bool {
	return !slices.ContainsFunc(rs, func(r dockerfile.Redirect) bool {
		return r.Target.Value != "/dev/null" && r.Target.Value != "1" && r.Target.Value != "2"
	})
}

// alike says whether a RUN does the same at the end of another stage: on the
// same base, with at least the same rights.
func alike(p *Pass, stage *dockerfile.Stage, k *dockerfile.Instruction) bool {
	base := p.recipe.baseOf(stage)
	if len(stage.Instructions) == 0 || base == "" || base != p.recipe.baseOf(&p.Dockerfile.Stages[k.Stage]) {
		return false
	}
	last := &stage.Instructions[len(stage.Instructions)-1]
	there, here := p.recipe.last(last, "USER"), p.recipe.last(k, "USER")
	if last.Keyword == "USER" && len(last.Args) > 0 {
		there = last.Args[0].Value
	}
	return isRoot(there) || there == here
}

// intoRun appends what a RUN does to the RUN that made the files, if nothing
// that stands between them could notice.
func intoRun(p *Pass, k *dockerfile.Instruction, layers []int) (relocation, bool) {
	a := p.recipe.instruction(layers[0])
	acts, ok := p.recipe.actions(k)
	if a == nil || a.Keyword != "RUN" || a.Stage != k.Stage || !ok || len(k.Flags)+len(k.Heredocs)+len(k.Args)-1 != 0 || !plainList(acts) {
		return relocation{}, false
	}
	if leavesState(a) {
		return relocation{}, false
	}
	between, ok := p.recipe.between(a, k)
	if copiesUp(p, p.recipe.layerOf(a)) {
		return relocation{}, false // first that has to be mended, which changes what is there to be deleted
	}
	if !ok || p.recipe.last(a, "USER") != p.recipe.last(k, "USER") || !passes(p, acts, between) || shadowed(p, a, acts) {
		return relocation{}, false
	}
	span := k.Args[0].Span
	edit, err := a.AppendCommand(string(p.Dockerfile.Source[span.Start:span.End]))
	if err != nil {
		return relocation{}, false
	}
	edits := commented(p, k, edit)
	if _, err := dockerfile.Apply(p.Dockerfile.Source, edits); err != nil {
		return relocation{}, false
	}
	return relocation{title: "append it to " + short(a), edits: edits, cured: []int{p.recipe.layerOf(a)}, risk: whittle.RiskNone, whole: true,
		advice: fmt.Sprintf("do it in %s, which made the files: a layer keeps only what is there when its RUN ends", short(a))}, true
}

// copiesUp says that a layer rewrites files of lower ones, or moves them, and
// so has a finding of its own.
func copiesUp(p *Pass, layer int) bool {
	var sum int64
	for i := range p.Ledger.Items {
		if it := &p.Ledger.Items[i]; it.KilledBy == layer && it.Layer != layer && !p.layers.base(it.Layer) {
			sum += it.Bytes
		}
	}
	return sum >= small
}

// commented are the edits that append a RUN to another and take it out; the
// comments above it go along, into a line of their own.
func commented(p *Pass, k *dockerfile.Instruction, edit whittle.Edit) []whittle.Edit {
	plain := append([]whittle.Edit{edit}, p.Dockerfile.Remove(k)...)
	src := p.Dockerfile.Source
	lines := strings.Split(string(src[:k.Span.Start]), "\n")
	lines = lines[:len(lines)-1]
	first := len(lines)
	for first > 0 && strings.HasPrefix(strings.TrimSpace(lines[first-1]), "#") {
		first--
	}
	if first == len(lines) || len(k.Comments) > 0 || bytes.ContainsRune(src, '\r') {
		return plain
	}
	const indent = "    "
	command := strings.TrimLeft(strings.TrimPrefix(strings.TrimLeft(edit.New, " \\\n"), "&&"), " \\\n")
	text := " && \\\n"
	for _, c := range lines[first:] {
		text += indent + strings.TrimSpace(c) + "\n"
	}
	edit.New = text + indent + command
	gone := p.Dockerfile.Remove(k)
	gone[0].Span.Start = min(gone[0].Span.Start, len(strings.Join(lines[:first], "\n"))+1)
	edits := append([]whittle.Edit{edit}, gone...)
	if _, err := dockerfile.Apply(src, edits); err != nil {
		return plain
	}
	return edits
}

// passes says whether commands do the same before some instructions as behind
// them. Settings pass anything. What only deletes at absolute paths passes
// what brings files elsewhere, too.
func passes(p *Pass, acts []action, between []*dockerfile.Instruction) bool {
	fixed := !slices.ContainsFunc(acts, func(a action) bool { return a.verb != deletes || !a.all || !absolute(a) })
	for _, in := range between {
		switch {
		case setting(in):
		case !fixed:
			return false
		case in.Keyword == "ENV", in.Keyword == "ARG", in.Keyword == "WORKDIR", in.Keyword == "USER":
		case in.Keyword == "COPY" || in.Keyword == "ADD":
			c, ok := p.recipe.copy(p.recipe.layerOf(in))
			if !ok || slices.ContainsFunc(acts, func(a action) bool {
				return slices.ContainsFunc(a.paths, func(at string) bool { return whittle.Under(at, c.dest) || whittle.Under(c.dest, at) })
			}) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// absolute says that a command names its paths from the root.
func absolute(a action) bool {
	return !slices.ContainsFunc(a.words, func(i int) bool { return !path.IsAbs(a.Words[i].Value) })
}

// shadowed says that commands would work on what a RUN has mounted, and not on
// the layer.
func shadowed(p *Pass, in *dockerfile.Instruction, acts []action) bool {
	mounts := p.recipe.mounts(in)
	if len(mounts) == 0 {
		return false
	}
	for _, a := range acts {
		if a.verb != inert && !a.all {
			return true
		}
		for _, at := range a.paths {
			for target := range mounts {
				if whittle.Under(at, target) || whittle.Under(target, at) {
					return true
				}
			}
		}
	}
	return false
}
