package layer

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// relocation is a way to do the work of a RUN without a copy of the files.
type relocation struct {
	title string
	edits []whittle.Edit
	// fixed are the layers whose wasted bytes disappear in a rebuild.
	fixed []int
	// advice describes it in one sentence.
	advice  string
	caution string
	risk    whittle.Risk
	// whole says that all of the RUN is relocated.
	whole bool
}

// relocate finds a way for what a RUN does to the files of lower layers, which
// are sorted by bytes, the most first.
func relocate(p *analysis.Pass, k *dockerfile.Instruction, layers []int) (relocation, bool) {
	for _, try := range []func(*analysis.Pass, *dockerfile.Instruction, []int) (relocation, bool){toBuilder, intoRun} {
		if r, ok := try(p, k, layers); ok {
			return r, true
		}
	}
	return relocation{}, false
}

// toBuilder moves a RUN to the end of the stage from which the files were
// copied. That is equivalent if the files have the same path there, and the RUN
// only works on that path.
func toBuilder(p *analysis.Pass, k *dockerfile.Instruction, layers []int) (relocation, bool) {
	acts, ok := p.Recipe.Actions(k)
	if !ok || len(k.Flags) > 0 {
		return relocation{}, false
	}
	first, ok := p.Recipe.LayerCopy(layers[0])
	if !ok || !first.SamePath() {
		return relocation{}, false
	}
	stage := first.Stage
	copies, ok := copiesFrom(p, stage, k)
	if !ok || !within(acts, copies) || !sameBase(p, stage, k) {
		return relocation{}, false
	}
	r := relocation{risk: whittle.RiskNone, whole: true, title: "move " + p.Recipe.The(k) + " into " + p.Dockerfile.StageName(stage.Index)}
	for _, c := range copies {
		if slices.Contains(layers, c.Layer) && c.SamePath() {
			r.fixed = append(r.fixed, c.Layer)
		}
		if !c.SamePath() && slices.ContainsFunc(c.Sources, func(s string) bool { return worksAt(acts, whittle.Join("", s)) }) {
			return relocation{}, false // what it brings to another place would change, too
		}
		if !keepsSome(p, p.Recipe.LayerOf(k), c.Layer) {
			return relocation{}, false // there would be nothing to copy
		}
		if between, ok := p.Recipe.Between(c.Instruction, k); !ok || slices.ContainsFunc(between, func(in *dockerfile.Instruction) bool { return !p.Recipe.Indifferent(in) }) {
			return relocation{}, false
		}
	}
	if reaches(p, k, copies) {
		return relocation{}, false
	}
	edits, err := p.Dockerfile.Move(k, &stage.Instructions[len(stage.Instructions)-1])
	if err != nil || len(edits) == 0 || len(r.fixed) == 0 {
		return relocation{}, false
	}
	r.edits = edits
	r.advice = fmt.Sprintf("run it at the end of %s: then COPY --from=%s brings only what is left, and %s makes no layer", p.Dockerfile.StageName(stage.Index), stage.Label(), p.Recipe.Name(k))
	return r, true
}

// reaches says that a RUN works on files that the copies did not add and that
// would reappear, also because a copy would no longer replace them. Bytecode and
// tests of the base image are accepted.
func reaches(p *analysis.Pass, k *dockerfile.Instruction, copies []recipe.Copy) bool {
	hider := p.Recipe.LayerOf(k)
	copied := func(layer int) bool {
		return slices.ContainsFunc(copies, func(c recipe.Copy) bool { return c.Layer == layer })
	}
	gone := map[string]bool{}
	for i := range p.Ledger.Items {
		if it := &p.Ledger.Items[i]; it.HiddenBy == hider && copied(it.Layer) {
			gone[it.Path] = true
		}
	}
	for i := range p.Ledger.Items {
		it := &p.Ledger.Items[i]
		replaced := copied(it.HiddenBy) && gone[it.Path]
		if it.HiddenBy != hider && !replaced || it.Layer == hider || copied(it.Layer) {
			continue
		}
		if !p.Layers.IsBase(it.Layer) || p.Category[i] != "bytecode" && p.Category[i] != "tests" {
			return true
		}
	}
	return false
}

// worksAt says that commands work on a path or below it.
func worksAt(acts []recipe.Action, at string) bool {
	return slices.ContainsFunc(acts, func(a recipe.Action) bool {
		return slices.ContainsFunc(a.Paths, func(q string) bool { return recipe.Overlaps(q, []string{at}) })
	})
}

// keepsSome says that a layer has not hidden everything of a lower one.
func keepsSome(p *analysis.Pass, hider, layer int) bool {
	return slices.ContainsFunc(p.Ledger.Items, func(it whittle.Item) bool { return it.Layer == layer && it.HiddenBy != hider })
}

// copiesFrom are the copies from a stage before an instruction. ok is false if
// the stage is also used in another way, in which its files would change: as a
// base, by a mount, or by a copy in another stage or a later instruction.
func copiesFrom(p *analysis.Pass, stage *dockerfile.Stage, k *dockerfile.Instruction) (out []recipe.Copy, ok bool) {
	chain := p.Recipe.Chain()
	for i := range p.Dockerfile.Stages {
		st := &p.Dockerfile.Stages[i]
		if st.From != nil && *st.From == stage.Index {
			return nil, false
		}
		for j := range st.Instructions {
			in := &st.Instructions[j]
			if !p.Recipe.TakesFrom(in, stage) {
				continue
			}
			at := slices.Index(chain, in)
			c, known := p.Recipe.LayerCopy(p.Recipe.LayerOf(in))
			if at < 0 || at > slices.Index(chain, k) || !known {
				return nil, false
			}
			out = append(out, c)
		}
	}
	return out, true
}

// within says whether commands only delete files and change modes and times,
// and only below paths that copies took from the same path.
func within(acts []recipe.Action, copies []recipe.Copy) bool {
	some := false
	for _, a := range acts {
		switch {
		case a.Effect == recipe.NoEffect && (a.Name() == "find" || a.Name() == "true" || a.Name() == ":" || a.Name() == "set" || a.Name() == "echo"):
		case a.Effect != recipe.Deletes && a.Effect != recipe.ChangesMode && a.Effect != recipe.ChangesTime, !a.Complete:
			return false
		}
		if len(a.Redirects) > 0 && !hidesOutput(a.Redirects) {
			return false
		}
		for _, at := range a.Paths {
			some = true
			if !slices.ContainsFunc(copies, func(c recipe.Copy) bool {
				return c.SamePath() && whittle.Under(at, c.Dest) && (a.Effect != recipe.ChangesMode || len(c.Instruction.Flag("chmod")) == 0)
			}) {
				return false
			}
		}
	}
	return some
}

// hidesOutput says that redirections only hide output.
func hidesOutput(rs []dockerfile.Redirect) bool {
	return !slices.ContainsFunc(rs, func(r dockerfile.Redirect) bool {
		return r.Target.Value != "/dev/null" && r.Target.Value != "1" && r.Target.Value != "2"
	})
}

// sameBase says whether a RUN does the same at the end of another stage: it has
// the same base and at least the same permissions.
func sameBase(p *analysis.Pass, stage *dockerfile.Stage, k *dockerfile.Instruction) bool {
	base := p.Recipe.BaseOf(stage)
	if len(stage.Instructions) == 0 || base == "" || base != p.Recipe.BaseOf(&p.Dockerfile.Stages[k.Stage]) {
		return false
	}
	last := &stage.Instructions[len(stage.Instructions)-1]
	there, here := p.Recipe.Last(last, "USER"), p.Recipe.Last(k, "USER")
	if last.Keyword == "USER" && len(last.Args) > 0 {
		there = last.Args[0].Value
	}
	return recipe.IsRoot(there) || there == here
}

// intoRun appends the commands of a RUN to the RUN that made the files, if the
// instructions between them are not affected.
func intoRun(p *analysis.Pass, k *dockerfile.Instruction, layers []int) (relocation, bool) {
	a := p.Recipe.Instruction(layers[0])
	acts, ok := p.Recipe.Actions(k)
	if a == nil || a.Keyword != "RUN" || a.Stage != k.Stage || !ok || len(k.Flags)+len(k.Heredocs)+len(k.Args)-1 != 0 || !recipe.IsPlainList(acts) {
		return relocation{}, false
	}
	if recipe.LeavesState(a) {
		return relocation{}, false
	}
	between, ok := p.Recipe.Between(a, k)
	if copiesUp(p, p.Recipe.LayerOf(a)) {
		return relocation{}, false // that has to be fixed first, and changes what is there to be deleted
	}
	if !ok || p.Recipe.Last(a, "USER") != p.Recipe.Last(k, "USER") || !commutes(p, acts, between) || shadowed(p, a, acts) || listsNeeded(p, k, acts) {
		return relocation{}, false
	}
	span := k.Args[0].Span
	edit, err := a.AppendCommand(string(p.Dockerfile.Source[span.Start+updated(a, k) : span.End]))
	if err != nil {
		return relocation{}, false
	}
	edits := appendRun(p, k, edit)
	if _, err := dockerfile.Apply(p.Dockerfile.Source, edits); err != nil {
		return relocation{}, false
	}
	return relocation{title: "append it to " + p.Recipe.The(a), edits: edits, fixed: []int{p.Recipe.LayerOf(a)}, risk: whittle.RiskNone, whole: true,
		advice: fmt.Sprintf("do it in %s, which made the files: a layer keeps only what is there when its RUN ends", p.Recipe.The(a))}, true
}

// listsNeeded says that a later RUN needs the lists or the index that commands of a RUN
// fetch. What empties them at the end of the RUN before it would come after these.
func listsNeeded(p *analysis.Pass, k *dockerfile.Instruction, acts []recipe.Action) bool {
	for _, of := range []func(c *dockerfile.Command) need{aptNeeds, apkNeeds} {
		if slices.ContainsFunc(acts, func(a recipe.Action) bool { return of(&a.Command) != needsNothing }) && neededBy(p, k, of, managers) != nil {
			return true
		}
	}
	return false
}

// updated is the length of what the text of a RUN begins with and which need not be done
// again behind another RUN: apt-get update, if that one has done it and has only
// installed packages of those lists since. 0 if there is nothing.
func updated(a, k *dockerfile.Instruction) int {
	script, err := k.Shell()
	before, ok := recipe.RunCommands(a)
	if err != nil || !ok || !isUpdate(&script.Commands()[0]) || script.Commands()[0].After.Text != "&&" || len(script.Commands()) < 2 {
		return 0
	}
	fresh := false
	for _, c := range before {
		apt, isApt := recipe.ReadApt(&c.Command)
		switch {
		case isUpdate(&c.Command):
			fresh = true
		case c.Depth > 0, !isApt && c.Name() != "set":
			return 0 // it may change or delete sources or lists
		case isApt && (apt.Verb != "install" || !apt.Literal() || slices.ContainsFunc(apt.Words, func(w dockerfile.Word) bool { return strings.HasSuffix(w.Value, ".deb") })):
			return 0
		}
	}
	if !fresh {
		return 0
	}
	return script.Commands()[1].Span.Start - k.Args[0].Span.Start
}

// isUpdate says that a command is apt-get update, with options at most, of which each
// run does the same.
func isUpdate(c *dockerfile.Command) bool {
	apt, ok := recipe.ReadApt(c)
	return ok && apt.Verb == "update" && apt.At == len(c.Words)-1 && len(c.Assigns)+len(c.Redirects) == 0 && c.Depth == 0 && !slices.ContainsFunc(c.Words[1:apt.At], func(w dockerfile.Word) bool {
		return !strings.HasPrefix(w.Text, "-q") && w.Text != "-y" && w.Text != "--yes"
	})
}

// copiesUp says that a layer rewrites or moves files of lower layers, which is
// a separate finding.
func copiesUp(p *analysis.Pass, layer int) bool {
	var sum int64
	for i := range p.Ledger.Items {
		if it := &p.Ledger.Items[i]; it.HiddenBy == layer && it.Layer != layer && !p.Layers.IsBase(it.Layer) {
			sum += it.Bytes
		}
	}
	return sum >= analysis.MinBytes
}

// appendRun are the edits that append a RUN to another and remove it. The
// comments above it move with it, to separate lines.
func appendRun(p *analysis.Pass, k *dockerfile.Instruction, edit whittle.Edit) []whittle.Edit {
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
	edits := append([]whittle.Edit{edit}, p.Dockerfile.RemoveFrom(k, len(strings.Join(lines[:first], "\n"))+1)...)
	if _, err := dockerfile.Apply(src, edits); err != nil {
		return plain
	}
	return edits
}

// commutes says whether commands have the same effect before some instructions
// as after them. Instructions that only set metadata commute with everything.
// Commands that only delete absolute paths also commute with instructions that
// add files elsewhere.
func commutes(p *analysis.Pass, acts []recipe.Action, between []*dockerfile.Instruction) bool {
	fixed := !slices.ContainsFunc(acts, func(a recipe.Action) bool { return a.Effect != recipe.Deletes || !a.Complete || !absolute(a) })
	for _, in := range between {
		switch {
		case recipe.OnlyConfigures(in):
		case !fixed:
			return false
		case in.Keyword == "ENV", in.Keyword == "ARG", in.Keyword == "WORKDIR", in.Keyword == "USER":
		case in.Keyword == "COPY" || in.Keyword == "ADD":
			c, ok := p.Recipe.LayerCopy(p.Recipe.LayerOf(in))
			if !ok || slices.ContainsFunc(acts, func(a recipe.Action) bool {
				return slices.ContainsFunc(a.Paths, func(at string) bool { return whittle.Under(at, c.Dest) || whittle.Under(c.Dest, at) })
			}) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// absolute says that a command only has absolute paths.
func absolute(a recipe.Action) bool {
	return !slices.ContainsFunc(a.PathWords, func(i int) bool { return !path.IsAbs(a.Words[i].Value) })
}

// shadowed says that commands would work on a mount of a RUN instead of the
// layer.
func shadowed(p *analysis.Pass, in *dockerfile.Instruction, acts []recipe.Action) bool {
	mounts := p.Recipe.Mounts(in)
	if len(mounts) == 0 {
		return false
	}
	for _, a := range acts {
		if a.Effect != recipe.NoEffect && !a.Complete {
			return true
		}
		for _, at := range a.Paths {
			for target := range mounts {
				if whittle.Under(at, target) || whittle.Under(target, at) {
					return true
				}
			}
		}
	}
	return false
}
