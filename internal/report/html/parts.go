package html

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report"
	"whittle.dev/whittle/internal/report/page"
	"whittle.dev/whittle/internal/view"
)

// parts are a page as the template gets it.
type parts struct {
	*Page
	Style    template.CSS
	Script   template.JS
	More     template.JS // of a server
	Policy   string
	JSON     template.JS
	JSONSize int64 // of a result that is too large to be embedded
	Data     []template.JS
	// Summed counts the files that the script knows only in sums; they are at most
	// SummedBelow bytes large.
	Summed      int
	SummedBelow int64

	Title, Kind string
	Facts       []fact
	Images      []*image
	Joined      []joined
	Findings    []finding
	Filters     []filter
	Waterfalls  []waterfall
	Builds      []timeline
	Known       []Rule // of the findings
}

// fact is a figure of the head, and the part that says more.
type fact struct{ Name, Value, Note, Part string }

func (d *parts) fact(name, value, note, part string) {
	d.Facts = append(d.Facts, fact{name, value, note, part})
}

// head says what the report is about, and its answer.
func (d *parts) head() {
	switch {
	case d.Study != nil:
		d.Title, d.Kind = page.Plain(d.Study.Project), "Study"
		d.studyHead()
	case d.Comparison != nil:
		d.Kind = "Comparison"
		d.comparisonHead()
	case len(d.Page.Images) > 0:
		d.imageHead(d.Page.Images[0].Model)
	case d.Text != nil:
		d.Title, d.Kind = page.Plain(d.Text.Title), d.Text.Kind
	case d.Check != nil:
		d.Title, d.Kind = page.Plain(cmp.Or(d.Check.Image, d.Check.Project)), "Check"
	}
	if d.Check != nil {
		d.fact("Does it run?", verdict(d.Check.Verdict), counted(len(d.Check.Problems), "problem"), "check")
	}
}

func (d *parts) imageHead(m *view.Model) {
	d.Title, d.Kind = page.Plain(m.Inspection.Image.Ref), "Image"
	s := m.Inspection.Sizes
	d.fact("Size", whittle.Bytes(s.Size), "", "treemap")
	d.fact("Download", optional(s.Download), "", "layers")
	d.fact("Wasted", whittle.Bytes(s.Wasted), share(s.Wasted, s.Size), "layers")
	if a := m.Advice; a != nil && len(a.Findings) > 0 {
		d.fact("Can go", report.SavingText(a.Total), counted(len(a.Findings), "finding"), "opportunities")
	}
}

// counted is "1 finding" or "3 findings".
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return whittle.Thousands(int64(n)) + " " + what + "s"
}

func verdict(v whittle.Verdict) string {
	switch v {
	case whittle.Runs:
		return "✓ runs"
	case whittle.Fails:
		return "✗ does not run"
	}
	return "? unknown"
}

func (d *parts) comparisonHead() {
	var names []string
	for _, i := range d.Comparison.Images {
		names = append(names, page.Plain(i.Ref))
	}
	d.Title = strings.Join(names, " → ")
	first, last := d.Comparison.Images[0].Sizes, d.Comparison.Images[len(d.Comparison.Images)-1].Sizes
	d.fact("Size", fromTo(first.Size, last.Size), change(first.Size, last.Size), "comparison")
	d.fact("Wasted", fromTo(first.Wasted, last.Wasted), change(first.Wasted, last.Wasted), "comparison")
	d.downloads(first.Download, last.Download, "comparison")
}

func (d *parts) downloads(from, to *int64, part string) {
	note := ""
	if from != nil && to != nil {
		note = change(*from, *to)
	}
	d.fact("Download", optional(from)+" → "+optional(to), note, part)
}

func fromTo(from, to int64) string { return whittle.Bytes(from) + " → " + whittle.Bytes(to) }

// change is a difference in percent, "−47 %".
func change(from, to int64) string {
	if from == 0 {
		return ""
	}
	return strings.Replace(fmt.Sprintf("%+.0f %%", float64(to-from)*100/float64(from)), "-", "−", 1)
}

func (d *parts) studyHead() {
	s := d.Study
	var first *whittle.Variant
	runs, built := 0, 0
	for i := range s.Variants {
		v := &s.Variants[i]
		if v.Inspect == nil {
			continue
		}
		if built++; first == nil {
			first = v
		}
		if v.Run.Status == whittle.Runs {
			runs++
		}
	}
	if first == nil {
		d.fact("Size", "no variant was built", "", "variants")
		return
	}
	size, name := first.Inspect.Sizes, ""
	if built > 1 {
		name = page.Plain(first.Name)
	}
	if b := s.Best; b != nil && b.Sizes.Size != b.Original.Size {
		part := "variants"
		if len(d.Waterfalls) > 0 {
			part = "waterfall"
		}
		d.fact("Size", fromTo(b.Original.Size, b.Sizes.Size), change(b.Original.Size, b.Sizes.Size), part)
		d.fact("Wasted", fromTo(b.Original.Wasted, b.Sizes.Wasted), change(b.Original.Wasted, b.Sizes.Wasted), part)
		d.downloads(size.Download, b.Sizes.Download, part)
	} else {
		d.fact("Size", whittle.Bytes(size.Size), name, "variants")
		d.fact("Download", optional(size.Download), name, "variants")
		d.fact("Wasted", whittle.Bytes(size.Wasted), share(size.Wasted, size.Size), "layers")
	}
	d.startUp(first)
	d.fact("Runs", runsText(runs, built), "variants", "runs")
}

func runsText(runs, of int) string {
	mark := "✓ "
	if runs < of {
		mark = "✗ "
	}
	return fmt.Sprintf("%s%d of %d", mark, runs, of)
}

// startUp says how long starts take, where that was measured: with a fix, before
// and after.
func (d *parts) startUp(first *whittle.Variant) {
	if r := d.Study.Repair; r != nil && r.Verified != nil {
		for _, v := range r.Verified.Variants {
			if v.SecondsBefore != nil && v.SecondsAfter != nil {
				d.fact("Start-up", seconds(v.SecondsBefore)+" → "+seconds(v.SecondsAfter), page.Plain(v.Name), "waterfall")
				return
			}
		}
	}
	if first.Run.Seconds != nil {
		d.fact("Start-up", seconds(first.Run.Seconds), page.Plain(first.Name), "runs")
	}
}

// image is an image as it is shown.
type image struct {
	*view.Model
	Index    int
	Name     string
	Sum      string
	Map      template.HTML
	Groups   []group
	Files    []file
	Rows     []layer
	Texts    []text
	Needed   []*need
	Left     []view.Requirement // what nothing asks for
	LeftSize int64
}

// group is a table of all bytes by a key.
type group struct {
	Key  view.Key
	Rows []view.Row
	// Rest sums up the rows that are too small, More counts them.
	Rest view.Sum
	More int
}

// joined is a group of several images, side by side.
type joined struct {
	Key  view.Key
	Rows []joinedRow
	Rest joinedRow
	More int
}

type joinedRow struct {
	Name  string
	Sizes []int64
}

// Delta is how much more the last image has than the first.
func (r joinedRow) Delta() int64 { return r.Sizes[len(r.Sizes)-1] - r.Sizes[0] }

// file is one of the largest files.
type file struct {
	Path, Owner, Layer, Fate string
	Size                     int64
}

// The rows of a table that are shown one by one.
const (
	maxGroupRows = 40
	maxFiles     = 40
)

// images adds the parts of images.
func (d *parts) images() {
	var all []*view.Selection
	for n, i := range d.Page.Images {
		m := i.Model
		all = append(all, m.All())
		out := &image{Model: m, Index: n, Name: page.Plain(i.Name), Map: treemap(m, page.Plain(i.Name), len(d.Page.Images))}
		out.Sum = fmt.Sprintf("%s, %s (%s), %s wasted", counted(m.Total.Files, "file"), whittle.Bytes(m.Total.Size()), share(m.Total.Size(), m.Total.Size()), whittle.Bytes(m.Total.Wasted))
		out.largest()
		out.layers()
		out.requirements()
		d.Images = append(d.Images, out)
	}
	for _, key := range view.Keys() {
		switch len(all) {
		case 0:
		case 1:
			d.Images[0].Groups = append(d.Images[0].Groups, groupOf(key, all[0].By(key)))
		default:
			d.Joined = append(d.Joined, join(key, all))
		}
	}
}

func groupOf(key view.Key, rows []view.Row) group {
	g := group{Key: key, Rows: rows}
	if n := len(rows); n > maxGroupRows {
		for _, r := range rows[maxGroupRows:] {
			g.Rest.Files += r.Files
			g.Rest.Visible += r.Visible
			g.Rest.Wasted += r.Wasted
		}
		g.Rows, g.More = rows[:maxGroupRows], n-maxGroupRows
	}
	return g
}

// join puts the groups of several images beside each other by their names, the
// largest first.
func join(key view.Key, all []*view.Selection) joined {
	at := map[string]int{}
	out := joined{Key: key, Rest: joinedRow{Sizes: make([]int64, len(all))}}
	for n, s := range all {
		for _, r := range s.By(key) {
			i, ok := at[r.Name]
			if !ok {
				i = len(out.Rows)
				at[r.Name] = i
				out.Rows = append(out.Rows, joinedRow{r.Name, make([]int64, len(all))})
			}
			out.Rows[i].Sizes[n] += r.Size()
		}
	}
	slices.SortFunc(out.Rows, func(a, b joinedRow) int {
		return cmp.Or(-cmp.Compare(slices.Max(a.Sizes), slices.Max(b.Sizes)), cmp.Compare(a.Name, b.Name))
	})
	if n := len(out.Rows); n > maxGroupRows {
		for _, r := range out.Rows[maxGroupRows:] {
			for i, size := range r.Sizes {
				out.Rest.Sizes[i] += size
			}
		}
		out.Rows, out.More = out.Rows[:maxGroupRows], n-maxGroupRows
	}
	return out
}

func (m *image) largest() {
	var largest []int
	for i := range m.Len() {
		at, _ := slices.BinarySearchFunc(largest, m.Size(i), func(a int, size int64) int { return -cmp.Compare(m.Size(a), size) })
		if at < maxFiles {
			largest = slices.Insert(largest, at, i)
			largest = largest[:min(len(largest), maxFiles)]
		}
	}
	for _, i := range largest {
		m.Files = append(m.Files, file{page.Plain(whittle.Shorten(m.Path(i), 300)), page.Plain(whittle.Shorten(m.OwnerNames[m.Owner(i)], 80)),
			page.Plain(whittle.Shorten(m.Layers[m.Layer(i)].Name, 80)), fate(m.Model, i), m.Size(i)})
	}
}

// fate says what becomes of a file.
func fate(m *view.Model, item int) string {
	cause, hidden := m.Fate(item)
	if cause == whittle.Visible {
		return "visible"
	}
	return fmt.Sprintf("wasted: %s by %s", cause, page.Plain(whittle.Shorten(m.Layers[hidden].Name, 60)))
}

// layer is a layer with what hides its wasted bytes.
type layer struct {
	view.Layer
	// Image is the position of its image.
	Image  int
	Hidden []hiding
}

// hiding is what one other layer wastes of a layer.
type hiding struct {
	By, Cause string
	Layer     int
	Bytes     int64
}

// text is a Dockerfile with its layers beside the lines.
type text struct {
	Name  string
	Lines []line
}

type line struct {
	Number int
	Text   string
	Layers []*layer // of an instruction that starts here
}

func (m *image) layers() {
	for _, l := range m.Layers {
		out := layer{Layer: l, Image: m.Index}
		for _, s := range m.Inspection.WastedSums {
			if s.AddedBy == l.Index && s.HiddenBy >= 0 && s.HiddenBy < len(m.Layers) {
				out.Hidden = append(out.Hidden, hiding{page.Plain(whittle.Shorten(m.Layers[s.HiddenBy].Name, 80)), s.Cause.String(), s.HiddenBy, s.Bytes})
			}
		}
		m.Rows = append(m.Rows, out)
	}
	for _, f := range m.Dockerfiles {
		t := text{Name: page.Plain(f.Name)}
		for i, l := range strings.Split(strings.TrimSuffix(f.Text, "\n"), "\n") {
			at := line{Number: i + 1, Text: page.Plain(strings.ReplaceAll(strings.TrimSuffix(l, "\r"), "\t", "    "))}
			for n, l := range m.Rows {
				if l.Origin != nil && l.Origin.File == f.Name && l.Origin.Line == i+1 {
					at.Layers = append(at.Layers, &m.Rows[n])
				}
			}
			t.Lines = append(t.Lines, at)
		}
		m.Texts = append(m.Texts, t)
	}
}

// LargestLayer is the size of the largest layer.
func (m *image) LargestLayer() (size int64) {
	for _, l := range m.Rows {
		size = max(size, l.Size)
	}
	return size
}

// need is a node of the dominator tree of requirements.
type need struct {
	view.Requirement
	ID      string
	Why     string
	Whole   int64 // of the image
	Without int64 // the image's size without it, if it can go
	Below   []*need
}

// Rest is what only a requirement needs.
func (n *need) Rest() int64 { return n.Retained - n.Own }

// mostNested is how deep requirements are shown.
const mostNested = 50

func (m *image) requirements() {
	r := m.Requirements
	if r == nil {
		return
	}
	size := m.Total.Size()
	var add func(by, depth int) []*need
	add = func(by, depth int) (out []*need) {
		if depth > mostNested {
			return nil
		}
		for _, i := range r.Dominated(by) {
			out = append(out, &need{Requirement: r.List[i], ID: fmt.Sprintf("%d.%d", m.Index, i), Whole: size, Without: size - r.List[i].Retained,
				Why: strings.Join(chainOf(r, i), " → "), Below: add(i, depth+1)})
		}
		return out
	}
	m.Needed = add(-1, 0)
	for _, q := range r.List {
		if !q.Needed && q.Own > 0 {
			m.Left = append(m.Left, q)
			m.LeftSize += q.Own
		}
	}
}

// Largest is the size of a study's largest image.
func (d *parts) Largest() (size int64) {
	for _, v := range d.Study.Variants {
		if v.Inspect != nil {
			size = max(size, v.Inspect.Sizes.Size)
		}
	}
	for _, f := range d.Study.Forecasts {
		size = max(size, f.High)
	}
	return size
}

// HasNeeds says that an image has Python requirements.
func (d *parts) HasNeeds() bool {
	return slices.ContainsFunc(d.Images, func(i *image) bool { return len(i.Needed) > 0 })
}

// HasSizes says that the page is about sizes, and not only about whether an image
// runs.
func (d *parts) HasSizes() bool {
	return d.Study != nil || d.Comparison != nil || len(d.Images) > 0
}
