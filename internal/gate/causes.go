package gate

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/project/settings"
)

// compared is an image beside its baseline.
type compared struct {
	now *whittle.Baseline
	// before is nil without a baseline; pair has for each step of now that of before,
	// or -1.
	before *whittle.Baseline
	pair   []int
	// otherBase says that the base images differ: what is in their layers is one row.
	otherBase bool
	// guessed says that how much of each package is in the base image is not known of
	// one side.
	guessed bool
	// places say where a package comes from, as [Input.Places].
	places func(kind, name string) (file string, line int, why string)
}

func compare(before, now *whittle.Baseline) *compared {
	c := &compared{now: now, before: before}
	if before != nil {
		c.before, c.now = sameBase(before, now)
		c.guessed = c.before != before || c.now != now
		c.pair = align(c.before.Steps, c.now.Steps)
		is, was := baseOf(c.now), baseOf(c.before)
		c.otherBase = len(is) > 0 && len(was) > 0 && !slices.Equal(is, was)
	}
	return c
}

// baseOf are the layers of the base image.
func baseOf(b *whittle.Baseline) (ids []whittle.Digest) {
	for _, s := range b.Steps {
		if s.Base {
			ids = append(ids, s.DiffID)
		}
	}
	return ids
}

// sameBase marks in both the layers of the base image where one knows them, and the
// other one has the same layers.
func sameBase(a, b *whittle.Baseline) (*whittle.Baseline, *whittle.Baseline) {
	mark := func(from, to *whittle.Baseline) *whittle.Baseline {
		ids := baseOf(from)
		if len(ids) == 0 || len(ids) > len(to.Steps) || len(baseOf(to)) == len(ids) {
			return to
		}
		for i, id := range ids {
			if to.Steps[i].DiffID != id {
				return to
			}
		}
		return withBase(to, len(ids))
	}
	b = mark(a, b)
	return mark(b, a), b
}

// withBase is b with its lowest n layers as those of its base image. How much of each
// package is in them is only known as far as a package is in one layer.
func withBase(b *whittle.Baseline, n int) *whittle.Baseline {
	out := *b
	out.Steps, out.Owners = slices.Clone(b.Steps), slices.Clone(b.Owners)
	for i := range out.Steps {
		out.Steps[i].Base = i < n
	}
	for i := range out.Owners {
		o := &out.Owners[i]
		o.Base, o.BaseFiles = 0, 0
		if layerOf(o) < n {
			o.Base, o.BaseFiles = o.Visible, o.Files
		}
	}
	return &out
}

// layerOf is the layer that has most of what an owner has.
func layerOf(o *whittle.BaselineOwner) int {
	if o.Step != nil {
		return *o.Step
	}
	return o.Layer
}

// exceptBase is the exception of a budget that leaves out the base image.
const exceptBase = "base"

// key identifies a row on both sides.
type key struct{ kind, name string }

// baseRow is the key of what the layers of base images have, where these differ.
var baseRow = key{"base", ""}

// row is a cause, with the step that made it where nothing better says where it comes
// from.
type row struct {
	whittle.GateCause
	step *whittle.BaselineStep
}

// table adds up rows of both sides.
type table struct {
	rows  map[key]*row
	order []key
}

func (t *table) row(k key) *row {
	if t.rows == nil {
		t.rows = map[key]*row{}
	}
	if t.rows[k] == nil {
		t.rows[k] = &row{GateCause: whittle.GateCause{Kind: k.kind, Name: k.name}}
		t.order = append(t.order, k)
	}
	return t.rows[k]
}

// causes are the rows, the largest change first, without those that change nothing.
func (t *table) causes(c *compared) []whittle.GateCause {
	var out []whittle.GateCause
	for _, k := range t.order {
		if r := t.rows[k]; r.Change != 0 {
			c.place(r)
			out = append(out, r.GateCause)
		}
	}
	slices.SortStableFunc(out, func(a, b whittle.GateCause) int {
		return cmp.Or(cmp.Compare(math.Abs(b.Change), math.Abs(a.Change)), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
	})
	return out
}

// place adds where a package comes from: the line that asks for it, or else the
// instruction that installed it.
func (c *compared) place(r *row) {
	if r.File != "" {
		return
	}
	if c.places != nil && r.Name != others {
		var why string
		r.File, r.Line, why = c.places(r.Kind, r.Name)
		r.Why = cmp.Or(why, r.Why)
	}
	switch {
	case r.File != "" || r.step == nil:
	case r.step.Base && c.now.Base != nil:
		r.File, r.Line, r.Why = c.now.Base.File, c.now.Base.Line, cmp.Or(r.Why, "of the base image")
	default:
		r.File, r.Line = r.step.File, r.step.Line
	}
}

// sides calls do with the image and +1, then, if there is one, with its baseline and -1.
func (c *compared) sides(do func(b *whittle.Baseline, sign float64)) {
	do(c.now, 1)
	if c.before != nil {
		do(c.before, -1)
	}
}

// step identifies a step on both sides: by its position now, or, of those that are
// not there any more, by that before.
func (c *compared) step(b *whittle.Baseline, i int) key {
	if b != c.now {
		if j := slices.Index(c.pair, i); j >= 0 {
			return key{"step", fmt.Sprint(j)}
		}
		return key{"gone", fmt.Sprint(i)}
	}
	return key{"step", fmt.Sprint(i)}
}

// stepNow is the step of the image for one of a side, that of the baseline where it is
// not there any more; its line is then one of a file that has changed.
func (c *compared) stepNow(b *whittle.Baseline, i int) *whittle.BaselineStep {
	if b != c.now {
		if j := slices.Index(c.pair, i); j >= 0 {
			return &c.now.Steps[j]
		}
		gone := b.Steps[i]
		gone.Line = 0
		return &gone
	}
	return &b.Steps[i]
}

// describe gives a row the name and place of a step.
func (c *compared) describe(r *row, kind, why string, b *whittle.Baseline, i int) {
	s := c.stepNow(b, i)
	r.Kind, r.Name, r.File, r.Line, r.Why = kind, s.Text, s.File, s.Line, why
	switch {
	case s.Base && r.Why == "":
		r.Why = "of the base image"
	case c.before == nil || r.Why != "":
	case b == c.now && c.pair[i] < 0:
		r.Why = "new"
	case b != c.now && !slices.Contains(c.pair, i):
		r.Why = "removed"
	}
}

// addBase adds to the row of the base images.
func (c *compared) addBase(t *table, change float64) {
	r := t.row(baseRow)
	r.Change += change
	name := func(b *whittle.Baseline) string {
		if b.Base == nil {
			return ""
		}
		return b.Base.Name
	}
	is, was := name(c.now), name(c.before)
	r.Name, r.Why = strings.TrimSpace("base image "+is), "changed"
	if is != was && is != "" && was != "" {
		r.Name, r.From, r.To = "base image", was, is
	}
	if c.now.Base != nil {
		r.File, r.Line = c.now.Base.File, c.now.Base.Line
	}
}

// owned adds the visible bytes or files of owners: figure gives all, and those of them
// that are in the layers of the base image.
func (c *compared) owned(t *table, figure func(o *whittle.BaselineOwner) (all, base float64)) {
	summedUp := c.alsoOthers()
	c.sides(func(b *whittle.Baseline, sign float64) {
		for i := range b.Owners {
			o := &b.Owners[i]
			n, base := figure(o)
			if c.otherBase && base != 0 {
				c.addBase(t, sign*base)
				n -= base
			}
			if n == 0 {
				continue
			}
			if o.Step != nil {
				k := c.step(b, *o.Step)
				k.kind += " " + o.Ecosystem
				r := t.row(k)
				r.Change += sign * n
				if b == c.now || r.step == nil {
					r.step = &b.Steps[*o.Step]
					c.describe(r, o.Ecosystem, "", b, *o.Step)
				}
				continue
			}
			c.ownedBy(t, b, o, sign*n, summedUp(o))
		}
	})
}

// ownedBy adds what a package has.
func (c *compared) ownedBy(t *table, b *whittle.Baseline, o *whittle.BaselineOwner, change float64, summedUp bool) {
	k := keyOf(o)
	if summedUp || o.Name == others {
		t.row(key{o.Ecosystem, others}).Change += change
		return
	}
	r := t.row(k)
	r.Change += change
	if b == c.now {
		r.Name, r.To = o.Name, versions(r.To, o.Version)
	} else {
		r.From = versions(r.From, o.Version)
		if r.To == "" && r.step == nil {
			r.Name = o.Name
		}
	}
	if r.step == nil && o.Layer < len(b.Steps) {
		r.step = c.stepNow(b, o.Layer)
		switch {
		case c.before == nil:
		case b != c.now:
			r.Why = "removed"
		case !slices.ContainsFunc(c.before.Owners, func(w whittle.BaselineOwner) bool { return keyOf(&w) == k }):
			r.Why = "new"
		}
	}
}

// keyOf is the key of a package, in the spelling that its ecosystem takes for the same.
func keyOf(o *whittle.BaselineOwner) key {
	if o.Ecosystem == "pypi" {
		return key{o.Ecosystem, pep.Normalize(o.Name)}
	}
	return key{o.Ecosystem, o.Name}
}

// alsoOthers says which owners are among those that a baseline file sums up: where one
// has a row for the others of an ecosystem, those that it does not name and that are
// smaller than all that it does.
func (c *compared) alsoOthers() func(o *whittle.BaselineOwner) bool {
	if c.before == nil {
		return func(*whittle.BaselineOwner) bool { return false }
	}
	named, least, sums := map[key]bool{}, int64(math.MaxInt64), map[string]bool{}
	for i := range c.before.Owners {
		o := &c.before.Owners[i]
		if o.Name == others {
			sums[o.Ecosystem] = true
			continue
		}
		named[keyOf(o)] = true
		least = min(least, o.Visible)
	}
	return func(o *whittle.BaselineOwner) bool {
		return o.Step == nil && sums[o.Ecosystem] && !named[keyOf(o)] && o.Visible <= least
	}
}

func versions(have, more string) string {
	if more == "" || slices.Contains(strings.Split(have, ", "), more) {
		return have
	}
	if have == "" {
		return more
	}
	return have + ", " + more
}

// wasted adds what layers hide, by the layer that hides it: that is what was changed.
// Without the base, what its own layers hide of each other does not count.
func (c *compared) wasted(t *table, except string, figure func(w *whittle.BaselineWaste) float64) {
	c.sides(func(b *whittle.Baseline, sign float64) {
		for i := range b.Wasted {
			w := &b.Wasted[i]
			ofBase := b.Steps[w.HiddenBy].Base
			switch {
			case ofBase && except == exceptBase:
				continue
			case ofBase && c.otherBase:
				c.addBase(t, sign*figure(w))
				continue
			}
			k := c.step(b, w.HiddenBy)
			k.kind += " wasted"
			r := t.row(k)
			r.Change += sign * figure(w)
			if b == c.now || r.step == nil {
				r.step = &b.Steps[w.HiddenBy]
				c.describe(r, "wasted", "hides what is stored below it", b, w.HiddenBy)
			}
		}
	})
}

// steps adds a figure of layers.
func (c *compared) steps(t *table, except string, figure func(s *whittle.BaselineStep) float64) {
	c.sides(func(b *whittle.Baseline, sign float64) {
		for i := range b.Steps {
			s := &b.Steps[i]
			switch {
			case s.Base && except == exceptBase:
				continue
			case s.Base && c.otherBase:
				c.addBase(t, sign*figure(s))
				continue
			}
			r := t.row(c.step(b, i))
			r.Change += sign * figure(s)
			if b == c.now || r.step == nil {
				r.step = s
				c.describe(r, "instruction", "", b, i)
			}
		}
	})
}

// causes says why the figure of a budget is what it is, or what it has changed by.
func (c *compared) causes(b *settings.Budget) []whittle.GateCause {
	var t table
	visible := func(o *whittle.BaselineOwner) (float64, float64) { return float64(o.Visible), float64(o.Base) }
	switch b.On {
	case settings.OnSize:
		if b.Except != "" && c.guessed {
			c.steps(&t, b.Except, func(s *whittle.BaselineStep) float64 { return float64(s.Size) })
			break
		}
		if b.Except != "" {
			visible = func(o *whittle.BaselineOwner) (float64, float64) { return float64(o.Visible - o.Base), 0 }
		}
		c.owned(&t, visible)
		c.wasted(&t, "", func(w *whittle.BaselineWaste) float64 { return float64(w.Bytes) })
		c.settle(&t, func(w *whittle.BaselineWaste) float64 { return float64(w.Bytes) })
		if b.Except != "" {
			c.hiddenBase(&t)
		}
	case settings.OnWasted:
		c.wasted(&t, b.Except, func(w *whittle.BaselineWaste) float64 { return float64(w.Bytes) })
	case settings.OnFiles:
		c.owned(&t, func(o *whittle.BaselineOwner) (float64, float64) { return float64(o.Files), float64(o.BaseFiles) })
		c.wasted(&t, "", func(w *whittle.BaselineWaste) float64 { return float64(w.Files) })
		c.settle(&t, func(w *whittle.BaselineWaste) float64 { return float64(w.Files) })
	case settings.OnDownload:
		c.steps(&t, b.Except, func(s *whittle.BaselineStep) float64 { return float64(pointed(s.Download)) })
	case settings.OnLayers:
		c.steps(&t, b.Except, func(*whittle.BaselineStep) float64 { return 1 })
	case settings.OnPackage:
		c.packages(&t, b.Name)
	case settings.OnDirectory:
		c.directory(&t, b.Path)
	case settings.OnStartup, settings.OnBuild:
		c.time(&t, b)
	}
	return t.causes(c)
}

// settle takes out of two rows what only moved between them: a file of no package that
// a later layer writes again (a chmod) is seen in that layer, and its first copy is
// hidden. What has changed is the hidden copy, which has a row of its own.
func (c *compared) settle(t *table, figure func(w *whittle.BaselineWaste) float64) {
	kinds := []string{" app", " instruction"}
	c.sides(func(b *whittle.Baseline, sign float64) {
		for i := range b.Wasted {
			w := &b.Wasted[i]
			left := figure(w)
			for _, of := range kinds {
				for _, to := range kinds {
					from, into := c.step(b, w.AddedBy), c.step(b, w.HiddenBy)
					lower, upper := t.rows[key{from.kind + of, from.name}], t.rows[key{into.kind + to, into.name}]
					if lower == nil || upper == nil || lower == upper {
						continue
					}
					n := min(left, -sign*lower.Change, sign*upper.Change)
					if n <= 0 {
						continue
					}
					lower.Change, upper.Change, left = lower.Change+sign*n, upper.Change-sign*n, left-n
				}
			}
		}
	})
}

// hiddenBase takes out of the rows what layers hide of the base image: it is stored in
// the base image's layers, which the budget does not count.
func (c *compared) hiddenBase(t *table) {
	c.sides(func(b *whittle.Baseline, sign float64) {
		for i := range b.Wasted {
			w := &b.Wasted[i]
			if !b.Steps[w.AddedBy].Base {
				continue
			}
			if b.Steps[w.HiddenBy].Base && c.otherBase {
				c.addBase(t, -sign*float64(w.Bytes))
				continue
			}
			k := c.step(b, w.HiddenBy)
			k.kind += " wasted"
			t.row(k).Change -= sign * float64(w.Bytes)
		}
	})
}

// packages adds the packages of a name, as one row for each ecosystem and version.
func (c *compared) packages(t *table, name string) {
	c.sides(func(b *whittle.Baseline, sign float64) {
		for i := range b.Owners {
			if o := &b.Owners[i]; isPackage(o, name) {
				c.ownedBy(t, b, o, sign*float64(o.Visible), false)
			}
		}
	})
}

// time is the one row of a time.
func (c *compared) time(t *table, b *settings.Budget) {
	r := t.row(key{"time", string(b.On)})
	is, _ := figure(c.now, b)
	was, _ := figureOf(c.before, b)
	r.Change = milliseconds(is - was)
}

// milliseconds is a time in seconds without what is less than a millisecond.
func milliseconds(n float64) float64 { return math.Round(n*1000) / 1000 }

// directory adds the parts of a folder.
func (c *compared) directory(t *table, path string) {
	c.sides(func(b *whittle.Baseline, sign float64) {
		for _, d := range b.Directories {
			if d.Path != path {
				continue
			}
			for name, n := range d.Parts {
				t.row(key{"directory", strings.TrimSuffix(path, "/") + "/" + name}).Change += sign * float64(n)
			}
		}
	})
	slices.SortFunc(t.order, func(a, b key) int { return cmp.Compare(a.name, b.name) })
}

func pointed(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

// isPackage says whether an owner is a package of a name, in any spelling that
// Python's index takes for the same.
func isPackage(o *whittle.BaselineOwner, name string) bool {
	return packaged(o) && pep.Normalize(o.Name) == pep.Normalize(name)
}

// packaged says that an owner is a package, not the project or an instruction.
func packaged(o *whittle.BaselineOwner) bool {
	return o.Step == nil && o.Ecosystem != "app" && o.Ecosystem != "instruction" && o.Name != others
}

// Difference says what makes up the change of the size from one image to another, in rows
// that add up to it, and how the base image differs: empty where it is the same.
func Difference(before, now *whittle.Baseline) (causes []whittle.GateCause, base string) {
	c := compare(before, now)
	return c.causes(&settings.Budget{On: settings.OnSize}), c.baseChange()
}
