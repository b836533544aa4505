// Package draft predicts the size of the image of a Dockerfile that is being edited, from
// an image that the Dockerfile made before the edits: from its layers, without building
// anything.
package draft

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/ledger"
	"whittle.dev/whittle/internal/patch"
)

// Image is an image that was measured, with the Dockerfile that made it. It may be used by
// several goroutines at once.
type Image struct {
	// Ref is what the image is called.
	Ref string
	// Size is the image's size in bytes.
	Size int64

	file     *dockerfile.File
	target   string
	indexes  []*whittle.Index
	layers   map[int]int // by the first byte of the instruction that made it
	findings []whittle.Finding
}

// Of is an image with its findings as a draft starts from it; nil if it is not known which
// instructions made it.
func Of(x *audit.Examined, findings []whittle.Finding) *Image {
	f := x.Facts
	if f.Dockerfile == nil {
		return nil
	}
	i := &Image{Ref: x.Subject.Ref().Name, file: f.Dockerfile, target: f.Target, indexes: f.Indexes, layers: map[int]int{}}
	for _, idx := range f.Indexes {
		i.Size += idx.Size
	}
	for _, s := range f.Steps {
		if s.Origin != nil && s.Layer >= 0 && s.Origin.File == f.Dockerfile.Name {
			i.layers[s.Origin.Span.Start] = s.Layer
		}
	}
	if len(i.layers) == 0 {
		return nil
	}
	for _, found := range findings {
		if fix := found.Fix; fix != nil && len(fix.Patches) == 1 && fix.Patches[0].File == f.Dockerfile.Name && len(fix.Remake) == 0 {
			i.findings = append(i.findings, found)
		}
	}
	return i
}

// Prediction is what an edited Dockerfile would make.
type Prediction struct {
	// Image is what was measured, and Size its size in bytes.
	Image string `json:"image"`
	Size  int64  `json:"size"`
	// Saving is what the known changes save.
	Saving whittle.Saving `json:"saving"`
	// Fixes are the findings whose fixes the text has, Removed the instructions that are
	// gone with their layers.
	Fixes   []string `json:"fixes"`
	Removed []string `json:"removed"`
	// Unknown are the changes whose effect only a build shows: Saving is without them.
	Unknown []string `json:"unknown"`
}

// Predict compares a text with the Dockerfile that made the image. Instructions that
// stay are taken to make what they made.
func (i *Image) Predict(text []byte) (*Prediction, error) {
	after, err := dockerfile.Parse(i.file.Name, text)
	if err != nil {
		return nil, err
	}
	out := &Prediction{Image: i.Ref, Size: i.Size, Fixes: []string{}, Removed: []string{}, Unknown: []string{}}
	made, before, err := i.made(after)
	if err != nil {
		return nil, err
	}
	gaps := differences(instructions(before), instructions(after))
	layers := i.moved(before)
	var changes []whittle.LayerChange
	for _, f := range made {
		changes = append(changes, f.Change)
		out.Fixes = append(out.Fixes, f.Rule+": "+f.Message)
	}
	for _, g := range gaps {
		for _, in := range g.gone {
			layer, known := layers[in.Span.Start]
			switch {
			case !makesFiles(in.Keyword):
				out.unknown(in, shown(in)+" is gone")
			case g.makesFiles() || movedTo(gaps, in): // what is in its place may make as much
			case !known:
				out.unknown(in, shown(in)+" is gone, of another stage")
			default:
				changes = append(changes, whole(i.indexes[layer], layer))
				out.Removed = append(out.Removed, shown(in))
			}
		}
		for _, in := range g.added {
			out.unknown(in, fmt.Sprintf("%s:%d %s is new", i.file.Name, in.Line, shown(in)))
		}
	}
	out.Saving, err = ledger.Saving(i.indexes, changes...)
	return out, err
}

// withoutFiles are the instructions that change no file, and nothing that others do.
var withoutFiles = []string{"CMD", "ENTRYPOINT", "EXPOSE", "HEALTHCHECK", "LABEL", "MAINTAINER", "STOPSIGNAL", "VOLUME"}

// unknown notes what became of an instruction, unless that does not matter.
func (p *Prediction) unknown(in *dockerfile.Instruction, what string) {
	if !slices.Contains(withoutFiles, in.Keyword) {
		p.Unknown = append(p.Unknown, what)
	}
}

// makesFiles says that an instruction makes a layer.
func makesFiles(keyword string) bool {
	return keyword == "RUN" || keyword == "COPY" || keyword == "ADD"
}

// shown names an instruction by its beginning.
func shown(in *dockerfile.Instruction) string {
	return whittle.Shorten(strings.Join(strings.Fields(in.Text()), " "), 80)
}

// whole is the change that leaves nothing of a layer.
func whole(idx *whittle.Index, layer int) (c whittle.LayerChange) {
	for i := range idx.Entries {
		if k := idx.Entries[i].Kind; k == whittle.File || k == whittle.HardLink {
			c.Remove = append(c.Remove, whittle.Content{Layer: layer, Entry: i})
		}
	}
	return c
}

// made are the findings whose fixes an edited Dockerfile has, and the Dockerfile that made
// the image with these fixes. A fix that was made in another way, or in part, is none: of
// such an instruction nothing is known.
func (i *Image) made(after *dockerfile.File) (made []whittle.Finding, before *dockerfile.File, err error) {
	made, err = i.nearest(after.Source)
	for err == nil {
		if before, err = i.with(made); err != nil {
			break
		}
		var other []gap // in which a fix has made what is not there
		for _, g := range differences(instructions(i.file), instructions(before)) {
			if slices.ContainsFunc(differences(instructions(before), instructions(after)), func(d gap) bool { return common(g.added, d.gone) }) {
				other = append(other, g)
			}
		}
		held := slices.DeleteFunc(slices.Clone(made), func(f whittle.Finding) bool {
			return slices.ContainsFunc(other, func(g gap) bool { return g.touches(f.Fix) })
		})
		if len(held) == len(made) {
			break
		}
		made = held
	}
	return made, before, err
}

// common says that two lists of one file's instructions have one in common.
func common(a, b []*dockerfile.Instruction) bool {
	return slices.ContainsFunc(a, func(in *dockerfile.Instruction) bool {
		return slices.ContainsFunc(b, func(other *dockerfile.Instruction) bool { return in.Span == other.Span })
	})
}

// touches says that a fix edits something in the gap.
func (g *gap) touches(f *whittle.Fix) bool {
	return slices.ContainsFunc(f.Patches[0].Edits, func(e whittle.Edit) bool { return e.Span.End >= g.from && e.Span.Start <= g.to })
}

// nearest are the findings whose fixes bring the Dockerfile nearer to a text, the largest
// first.
func (i *Image) nearest(text []byte) (made []whittle.Finding, err error) {
	left := distance(i.file.Source, text)
	for _, f := range bySaving(i.findings) {
		if left == 0 {
			break
		}
		next, err := i.with(append(slices.Clone(made), f))
		if errors.Is(err, errConflict) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if d := distance(next.Source, text); d < left {
			made, left = append(made, f), d
		}
	}
	return made, nil
}

// errConflict is that fixes do not go together.
var errConflict = errors.New("the fixes do not go together")

// with is the Dockerfile with the fixes of some findings.
func (i *Image) with(made []whittle.Finding) (*dockerfile.File, error) {
	if len(made) == 0 {
		return i.file, nil
	}
	var fixes []*whittle.Fix
	for _, f := range made {
		fixes = append(fixes, f.Fix)
	}
	name := i.file.Name
	merged, conflicts, err := patch.Merge(map[string][]byte{name: i.file.Source}, []string{name}, fixes)
	if err != nil {
		return nil, err
	}
	if len(conflicts) > 0 {
		return nil, errConflict
	}
	return dockerfile.Parse(name, merged[name])
}

// bySaving are findings, those that save most first.
func bySaving(all []whittle.Finding) []whittle.Finding {
	out := slices.Clone(all)
	slices.SortStableFunc(out, func(a, b whittle.Finding) int { return -cmp.Compare(a.Saving.Low, b.Saving.Low) })
	return out
}

// distance is how many words only one of two texts has.
func distance(a, b []byte) (n int) {
	count := map[string]int{}
	for w := range strings.FieldsSeq(string(a)) {
		count[w]++
	}
	for w := range strings.FieldsSeq(string(b)) {
		count[w]--
	}
	for _, c := range count {
		n += max(c, -c)
	}
	return n
}

// moved are the layers by the first byte of their instructions in the Dockerfile with
// some fixes: those of instructions that these fixes leave as they are.
func (i *Image) moved(fixed *dockerfile.File) map[int]int {
	was, now := instructions(i.file), instructions(fixed)
	out := map[int]int{}
	for a, b := range same(was, now) {
		if layer, ok := i.layers[was[a].Span.Start]; ok && i.inTarget(was[a]) {
			out[now[b].Span.Start] = layer
		}
	}
	return out
}

// inTarget says that an instruction is of a stage that the image is made of, and of no
// other that files are copied from.
func (i *Image) inTarget(in *dockerfile.Instruction) bool {
	st, err := i.file.Target(i.target)
	return err == nil && slices.Contains(i.file.Ancestry(st), in.Stage)
}
