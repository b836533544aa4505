// Package recipe says what the instructions of a Dockerfile do: which layer each
// one made, where a COPY puts which files of the build context, what a RUN's
// commands do to files, and what its package managers install.
package recipe

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
	"whittle.dev/whittle/internal/dockerfile/ignore"
)

// Recipe is what made the layers: the instructions of the Dockerfile beside
// the steps of the image's history, and what they see of the build context.
type Recipe struct {
	Dockerfile *dockerfile.File
	Target     string
	Steps      []whittle.Step
	Indexes    []*whittle.Index
	Ignore     *ignore.File
	Context    fs.FS
}

// Independent says that commands neither change nor read some paths, as far as
// their words tell.
func Independent(acts []Action, paths ...string) bool {
	return !slices.ContainsFunc(acts, func(a Action) bool {
		if a.Effect == NoEffect {
			return false
		}
		return a.Effect == Unknown || !a.Complete || a.Value != "" && Overlaps(a.Value, paths) ||
			slices.ContainsFunc(a.Paths, func(at string) bool { return Overlaps(at, paths) })
	})
}

// WithLine adds the instruction that made a layer to evidence, where it is
// known: it costs nothing itself.
func (rc *Recipe) WithLine(evidence []whittle.Evidence, layer int) []whittle.Evidence {
	if st := rc.Step(layer); st != nil && st.Origin != nil {
		o := st.Origin
		evidence = append(evidence, whittle.Evidence{Layer: layer, File: o.File, Line: o.Line, What: o.Instruction})
	}
	return evidence
}

// LayerName is an instruction in a message: "Dockerfile:12", or "layer 3" where
// the Dockerfile is not known.
func (rc *Recipe) LayerName(layer int) string {
	if st := rc.Step(layer); st != nil && st.Origin != nil {
		return fmt.Sprintf("%s:%d", st.Origin.File, st.Origin.Line)
	}
	return "layer " + strconv.Itoa(layer)
}

// LayerText identifies what made a layer in a fingerprint.
func (rc *Recipe) LayerText(layer int) string {
	if st := rc.Step(layer); st != nil {
		return whittle.OneLine(st.CreatedBy)
	}
	return ""
}

// Installer finds the RUN that brought the distributions of a layer: the
// layer's own, or the last one of the stage that a COPY takes the folder from.
func (rc *Recipe) Installer(layer int) (Install, bool) {
	in := rc.Instruction(layer)
	switch {
	case in == nil:
		return Install{}, false
	case in.Keyword == "RUN":
		_, ok := InstallCommands(in)
		return Install{Run: in}, ok
	}
	c, ok := rc.LayerCopy(layer)
	if !ok || c.Stage == nil || len(c.Sources) != 1 || !path.IsAbs(c.Sources[0]) {
		return Install{}, false
	}
	chain := rc.ChainOf(c.Stage)
	for _, run := range slices.Backward(chain) {
		if _, ok := InstallCommands(run); ok {
			return Install{Run: run, Here: c.Dest, There: whittle.Join("", c.Sources[0])}, true
		}
	}
	return Install{}, false
}

// Fix is the fix by some edits of the Dockerfile, in any order.
func (rc *Recipe) Fix(title string, edits []whittle.Edit) (*whittle.Fix, bool) {
	if len(edits) == 0 {
		return nil, false
	}
	slices.SortStableFunc(edits, func(a, b whittle.Edit) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
	if _, err := dockerfile.Apply(rc.Dockerfile.Source, edits); err != nil {
		return nil, false
	}
	return &whittle.Fix{Title: title, Patches: []whittle.Patch{rc.Patch(edits)}}, true
}

// WithoutWords are the edits that take words out of a command. Those next to
// each other go together.
func WithoutWords(in *dockerfile.Instruction, c dockerfile.Command, at []int) (edits []whittle.Edit, ok bool) {
	at = slices.Clone(at)
	slices.Sort(at)
	for i := 0; i < len(at); {
		to := i + 1
		for to < len(at) && at[to] == at[to-1]+1 {
			to++
		}
		more, err := in.RemoveWords(c, at[i], at[to-1]+1)
		if err != nil {
			return nil, false
		}
		edits = append(edits, more...)
		i = to
	}
	return edits, true
}

// TakesFrom says whether an instruction copies from a stage or mounts it.
func (rc *Recipe) TakesFrom(in *dockerfile.Instruction, stage *dockerfile.Stage) bool {
	names := in.Flag("from")
	for _, m := range in.Flag("mount") {
		for _, field := range strings.Split(m, ",") {
			if name, ok := strings.CutPrefix(field, "from="); ok {
				names = append(names, name)
			}
		}
	}
	return slices.ContainsFunc(names, func(name string) bool {
		st, err := rc.Dockerfile.Target(name)
		return err == nil && name != "" && st.Index == stage.Index
	})
}

// Name names an instruction: "Dockerfile:12".
func (rc *Recipe) Name(in *dockerfile.Instruction) string {
	return fmt.Sprintf("%s:%d", rc.Dockerfile.Name, in.Line)
}

// The names an instruction that something is done to: "the RUN at
// Dockerfile:12".
func (rc *Recipe) The(in *dockerfile.Instruction) string {
	return "the " + in.Keyword + " at " + rc.Name(in)
}

// Step is the history's line of a layer, nil where there is none.
func (rc *Recipe) Step(layer int) *whittle.Step {
	for i := range rc.Steps {
		if rc.Steps[i].Layer == layer {
			return &rc.Steps[i]
		}
	}
	return nil
}

// Instruction is the Dockerfile's instruction that made a layer, nil where it
// is not known or comes with the base image.
func (rc *Recipe) Instruction(layer int) *dockerfile.Instruction {
	st := rc.Step(layer)
	if st == nil || st.Origin == nil || rc.Dockerfile == nil {
		return nil
	}
	for i := range rc.Dockerfile.Stages {
		s := &rc.Dockerfile.Stages[i]
		for j := range s.Instructions {
			if s.Instructions[j].Span == st.Origin.Span {
				return &s.Instructions[j]
			}
		}
	}
	return nil
}

// Patch is the fix of the Dockerfile by some edits.
func (rc *Recipe) Patch(edits []whittle.Edit) whittle.Patch {
	return whittle.Patch{File: rc.Dockerfile.Name, Digest: whittle.DigestOf(rc.Dockerfile.Source), Edits: edits}
}
