package rule

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
)

// recipe is what made the layers: the instructions of the Dockerfile beside
// the steps of the image's history, and what they see of the build context.
type recipe struct {
	dockerfile *dockerfile.File
	target     string
	steps      []whittle.Step
	indexes    []*whittle.Index
	ignore     *dockerfile.Ignore
	project    fs.FS
}

// apart says that commands have nothing to do with some paths.
func independent(acts []action, paths ...string) bool {
	return !slices.ContainsFunc(acts, func(a action) bool {
		if a.verb == inert {
			return false
		}
		return a.verb == other || !a.all || a.value != "" && overlaps(a.value, paths) ||
			slices.ContainsFunc(a.paths, func(at string) bool { return overlaps(at, paths) })
	})
}

// withLine adds the instruction that made a layer to evidence, where it is
// known: it costs nothing itself.
func (rc *recipe) withLine(evidence []whittle.Evidence, layer int) []whittle.Evidence {
	if st := rc.step(layer); st != nil && st.Origin != nil {
		o := st.Origin
		evidence = append(evidence, whittle.Evidence{Layer: layer, File: o.File, Line: o.Line, What: o.Instruction})
	}
	return evidence
}

// named is an instruction in a message: "RUN line 12", or "layer 3" where the
// Dockerfile is not known.
func (rc *recipe) named(layer int) string {
	if st := rc.step(layer); st != nil && st.Origin != nil {
		return st.Origin.Instruction + " line " + strconv.Itoa(st.Origin.Line)
	}
	return "layer " + strconv.Itoa(layer)
}

// text identifies what made a layer in a fingerprint.
func (rc *recipe) text(layer int) string {
	if st := rc.step(layer); st != nil {
		return strings.Join(strings.Fields(st.CreatedBy), " ")
	}
	return ""
}

// install finds the RUN that brought the distributions of a layer: the
// layer's own, or the last one of the stage that a COPY takes the folder from.
func (rc *recipe) install(layer int) (install, bool) {
	in := rc.instruction(layer)
	switch {
	case in == nil:
		return install{}, false
	case in.Keyword == "RUN":
		_, ok := installing(in)
		return install{run: in}, ok
	}
	c, ok := rc.copy(layer)
	if !ok || c.stage == nil || len(c.sources) != 1 || !path.IsAbs(c.sources[0]) {
		return install{}, false
	}
	chain := rc.chainOf(c.stage)
	for _, run := range slices.Backward(chain) {
		if _, ok := installing(run); ok {
			return install{run: run, here: c.dest, there: whittle.Join("", c.sources[0])}, true
		}
	}
	return install{}, false
}

// pinsPython says that the base image of a stage is named by a digest, or by a
// tag with the version of Python: "3.13".
func (rc *recipe) pinsPython(stage int, version string) bool {
	st := &rc.dockerfile.Stages[stage]
	for st.From != nil {
		st = &rc.dockerfile.Stages[*st.From]
	}
	if strings.Contains(st.BaseResolved, "@") {
		return true
	}
	_, tag, _ := strings.Cut(path.Base(st.Base), ":")
	return slices.ContainsFunc(strings.FieldsFunc(tag, func(r rune) bool { return r != '.' && (r < '0' || r > '9') }), func(number string) bool {
		return number == version || strings.HasPrefix(number, version+".")
	})
}

// dockerfileFix is the fix by some edits of the Dockerfile, in any order.
func (rc *recipe) dockerfileFix(title string, edits []whittle.Edit) (*whittle.Fix, bool) {
	if len(edits) == 0 {
		return nil, false
	}
	slices.SortStableFunc(edits, func(a, b whittle.Edit) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
	if _, err := dockerfile.Apply(rc.dockerfile.Source, edits); err != nil {
		return nil, false
	}
	return &whittle.Fix{Title: title, Patches: []whittle.Patch{rc.patch(edits)}}, true
}

// takesFrom says whether an instruction copies from a stage or mounts it.
func (rc *recipe) takesFrom(in *dockerfile.Instruction, stage *dockerfile.Stage) bool {
	names := in.Flag("from")
	for _, m := range in.Flag("mount") {
		for _, field := range strings.Split(m, ",") {
			if name, ok := strings.CutPrefix(field, "from="); ok {
				names = append(names, name)
			}
		}
	}
	return slices.ContainsFunc(names, func(name string) bool {
		st, err := rc.dockerfile.Target(name)
		return err == nil && name != "" && st.Index == stage.Index
	})
}

// short names an instruction: "RUN line 12".
func short(in *dockerfile.Instruction) string {
	return fmt.Sprintf("%s line %d", in.Keyword, in.Line)
}

// step is the history's line of a layer, nil where there is none.
func (rc *recipe) step(layer int) *whittle.Step {
	for i := range rc.steps {
		if rc.steps[i].Layer == layer {
			return &rc.steps[i]
		}
	}
	return nil
}

// instruction is the Dockerfile's instruction that made a layer, nil where it
// is not known or comes with the base image.
func (rc *recipe) instruction(layer int) *dockerfile.Instruction {
	st := rc.step(layer)
	if st == nil || st.Origin == nil || rc.dockerfile == nil {
		return nil
	}
	for i := range rc.dockerfile.Stages {
		s := &rc.dockerfile.Stages[i]
		for j := range s.Instructions {
			if s.Instructions[j].Span == st.Origin.Span {
				return &s.Instructions[j]
			}
		}
	}
	return nil
}

// patch is the fix of the Dockerfile by some edits.
func (rc *recipe) patch(edits []whittle.Edit) whittle.Patch {
	return whittle.Patch{File: rc.dockerfile.Name, Digest: whittle.DigestOf(rc.dockerfile.Source), Edits: edits}
}
