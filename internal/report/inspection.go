package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
)

// InspectionText writes an inspection for a terminal: first the sizes and the
// largest costs that can be avoided, then where every byte is. At most rows rows
// of each long table are shown, and those below a thousandth of the image are
// summed up; 0 shows all. st.Base shows each layer of the base image.
func InspectionText(w io.Writer, in *whittle.Inspection, st page.Style, rows int) error {
	return page.WriteText(w, inspectionDoc(in, rows, !st.Base), st)
}

// InspectionMarkdown writes an inspection as Markdown.
func InspectionMarkdown(w io.Writer, in *whittle.Inspection, rows int) error {
	return page.WriteMarkdown(w, inspectionDoc(in, rows, false))
}

func inspectionDoc(in *whittle.Inspection, rows int, fold bool) page.Document {
	var d page.Document
	inspectionHead(&d, in)
	few := page.Cutoff{Rows: rows}
	if rows > 0 {
		few.Whole = in.Sizes.Size
	}
	d.Add(page.Heading{Level: 2, Text: "Layers"}, layersTable(in, page.Cutoff{Whole: few.Whole}, fold))
	if len(in.Categories) > 0 {
		d.Add(page.Heading{Level: 2, Text: "Categories"}, groupTable(in, "Category", in.Categories, page.Cutoff{Whole: few.Whole}))
	}
	if in.By != nil {
		d.Add(page.Heading{Level: 2, Text: "By " + in.By.Key}, groupTable(in, strings.ToUpper(in.By.Key[:1])+in.By.Key[1:], in.By.Rows, few))
	}
	if t := packagesTable(in, few); len(t.Rows) > 0 {
		d.Add(page.Heading{Level: 2, Text: "Owners"}, t)
	}
	if t := requirementsTable(in, few); len(t.Rows) > 0 {
		d.Add(page.Heading{Level: 2, Text: "Python requirements"}, t, page.Explained("keeps"))
	}
	if t := distributionsTable(in); len(t.Rows) > 0 && rows == 0 {
		d.Add(page.Heading{Level: 2, Text: "Python distributions"}, t)
	}
	if t := wastedTable(in, few); len(t.Rows) > 0 {
		d.Add(page.Heading{Level: 2, Text: "Wasted bytes"})
		if sums := wastedSumsTable(in, few); len(sums.Rows) > 0 {
			d.Add(sums)
		}
		d.Add(t)
	}
	duplicatesSection(&d, in.Duplicates, 1, rows)
	if len(in.Notes) > 0 {
		d.Add(page.Heading{Level: 2, Text: "What could not be read"}, page.List(in.Notes))
	}
	if len(in.Ambiguous) > 0 {
		items := page.List{}
		for _, a := range in.Ambiguous[:min(len(in.Ambiguous), 10)] {
			items = append(items, fmt.Sprintf("%s (layer %d): %s", a.Path, a.Layer, a.What))
		}
		d.Add(page.Heading{Level: 2, Text: "Places that runtimes merge differently"},
			page.Para(fmt.Sprintf("The figures follow Docker's overlay2; %d such %s.", len(in.Ambiguous), page.Plural(len(in.Ambiguous), "places"))), items)
	}
	return d
}

// inspectionHead is the answer, on the first screen: the sizes, what can be
// avoided, and the command that says more.
func inspectionHead(d *page.Document, in *whittle.Inspection) {
	size := in.Sizes
	download := "no compressed blobs here"
	if size.Download != nil {
		download = "download " + whittle.Bytes(*size.Download)
	}
	wasted := "wasted " + whittle.Bytes(size.Wasted)
	if s := page.ShareCell(size.Wasted, size.Size).Text; s != "" {
		wasted += " (" + s + ")"
	}
	d.Add(page.Heading{Level: 1, Text: fmt.Sprintf("%s: size %s, %s, %s", in.Image.Ref, whittle.Bytes(size.Size), download, wasted)})
	d.Add(page.Para(fmt.Sprintf("%s, %s. Size %s = %s visible + %s wasted.", in.Image.Platform, in.Image.Digest.Short(),
		whittle.Bytes(size.Size), whittle.Bytes(size.Visible), whittle.Bytes(size.Wasted))))
	d.Add(page.Explained("size", "download", "wasted"))
	if !in.Image.Verified {
		d.Add(page.Para(notVerified))
	}
	if costs := avoidable(in); len(costs.Rows) > 0 {
		d.Add(page.Heading{Level: 2, Text: "Largest costs that can be avoided"}, costs)
	}
	args := []string{"advise"}
	if file := dockerfileOf(in); file != "" {
		args = append(args, "-f", file)
	}
	d.Next(page.OfImage("what to change, and what keeps it from running", in.Image.Ref, args...))
}

// dockerfileOf is the Dockerfile whose lines are known, empty if none is.
func dockerfileOf(in *whittle.Inspection) string {
	for _, l := range in.Layers {
		if l.Origin != nil {
			return l.Origin.File
		}
	}
	return ""
}

// most avoidable costs are on the first screen.
const mostCosts = 3

// avoidable has the largest costs of an image that a change could avoid: what
// one layer wastes of another, and requirements with what only they need, if
// nothing uses them. At least one of its rows is about waste, where there is
// some of a thousandth of the image.
func avoidable(in *whittle.Inspection) page.Table {
	type cost struct {
		bytes int64
		what  string
		waste bool
	}
	var costs []cost
	base := baseLayers(in)
	for _, s := range in.WastedSums {
		if s.HiddenBy >= base && s.Bytes >= in.Sizes.Size/1000 && s.Bytes > 0 {
			costs = append(costs, cost{s.Bytes, "wasted: " + wastedSentence(in, s), true})
		}
	}
	for _, p := range in.Packages {
		if p.Requested && p.Base <= p.Visible/2 && p.Retained != nil && *p.Retained >= in.Sizes.Size/100 && *p.Retained > 0 {
			costs = append(costs, cost{*p.Retained, requirement(p) + ", if nothing uses it", false})
		}
	}
	slices.SortStableFunc(costs, func(a, b cost) int { return cmp.Compare(b.bytes, a.bytes) })
	if i := slices.IndexFunc(costs, func(c cost) bool { return c.waste }); i >= mostCosts {
		costs[mostCosts-1] = costs[i]
	}
	t := page.Table{Columns: []page.Column{page.Right("Saves"), page.Shares(1), {Head: "What", Flex: true, Wrap: true, Least: 40}}}
	for _, c := range costs[:min(len(costs), mostCosts)] {
		t.Row(page.Toned(whittle.Bytes(c.bytes), page.Good), page.ShareCell(c.bytes, in.Sizes.Size), page.Text(c.what))
	}
	return t
}

// requirement is a requirement in words: "pygwalker 0.5.0 (18.0 MB) with 12
// packages that nothing else requires".
func requirement(p whittle.PackageRow) string {
	s := strings.TrimSpace(p.Name + " " + p.Version)
	if p.Brings == 0 {
		return s
	}
	return fmt.Sprintf("%s (%s) with %d %s that nothing else requires", s, whittle.Bytes(p.Visible), p.Brings, page.Plural(p.Brings, "packages"))
}

// baseLayers is how many layers the base image has: those below the first that
// the Dockerfile made. It is 0 where no Dockerfile is known.
func baseLayers(in *whittle.Inspection) int {
	return max(slices.IndexFunc(in.Layers, func(l whittle.LayerRow) bool { return l.Origin != nil }), 0)
}

// layerName names a layer by its place in the Dockerfile where that is known.
func layerName(in *whittle.Inspection, i int) string {
	if i >= 0 && i < len(in.Layers) && in.Layers[i].Origin != nil {
		o := in.Layers[i].Origin
		return fmt.Sprintf("%s:%d", o.File, o.Line)
	}
	return fmt.Sprintf("layer %d", i)
}

// notVerified is said of an image whose digests were not all compared.
const notVerified = "The digests of layers that are stored uncompressed were not verified; --verify-digests does that."

// layersTable has a row for each layer. fold makes one of the base image's, and
// one of those that are too small.
func layersTable(in *whittle.Inspection, few page.Cutoff, fold bool) page.Table {
	t := page.Table{Columns: []page.Column{page.Right("#"), page.Right("Size"), page.Shares(3), page.Right("Wasted"), page.Spare(2, page.Right("Download")), {Head: "Instruction", Flex: true, Least: 15}}}
	base := 0
	if fold {
		base = baseLayers(in)
	}
	var small []whittle.LayerRow
	if base > 1 {
		layerRow(&t, in, fmt.Sprintf("0–%d", base-1), sumOf(in.Layers[:base]), page.Toned(fmt.Sprintf("base image, %d layers (--base shows them)", base), page.Faint))
	} else {
		base = 0
	}
	for _, l := range in.Layers[base:] {
		if few.Small(l.Size) && few.Small(l.Wasted) {
			small = append(small, l)
		}
	}
	for _, l := range in.Layers[base:] {
		if len(small) > 1 && few.Small(l.Size) && few.Small(l.Wasted) {
			continue
		}
		layerRow(&t, in, fmt.Sprint(l.Index), l, page.Text(instruction(l)))
	}
	if len(small) > 1 {
		layerRow(&t, in, "", sumOf(small), page.Smaller(len(small)))
	}
	return t
}

func layerRow(t *page.Table, in *whittle.Inspection, number string, l whittle.LayerRow, what page.Cell) {
	tn := page.Normal
	if l.Wasted > 0 && l.Wasted >= l.Size/20 {
		tn = page.Bad
	}
	t.Row(page.Text(number), page.Text(whittle.Bytes(l.Size)), page.ShareCell(l.Size, in.Sizes.Size), page.Toned(whittle.Bytes(l.Wasted), tn), page.Text(optionalBytes(l.Download)), what)
}

// sumOf adds layers up; the download is nil where one has none.
func sumOf(layers []whittle.LayerRow) whittle.LayerRow {
	var sum whittle.LayerRow
	var download int64
	known := true
	for _, l := range layers {
		sum.Size += l.Size
		sum.Wasted += l.Wasted
		if l.Download == nil {
			known = false
		} else {
			download += *l.Download
		}
	}
	if known {
		sum.Download = &download
	}
	return sum
}

// instruction names what made a layer: its place in the Dockerfile and the
// instruction's text.
func instruction(l whittle.LayerRow) string {
	s := whittle.StepText(l.CreatedBy, l.Comment)
	if l.Origin != nil {
		s = fmt.Sprintf("%s:%d %s", l.Origin.File, l.Origin.Line, s)
	}
	if s == "" {
		s = "(not in the history)"
	}
	return s
}

// groupTable has a row for each group of a partition of all bytes. Those that are
// not shown are summed up, so that the table still adds up.
func groupTable(in *whittle.Inspection, head string, groups []whittle.CategoryRow, few page.Cutoff) page.Table {
	t := page.Table{Columns: []page.Column{{Head: head, Flex: true, Least: 20}, page.Right("Size"), page.Shares(2), page.Right("Wasted"), page.Spare(1, page.Right("Files"))}}
	row := func(name page.Cell, g whittle.CategoryRow) {
		t.Row(name, page.Text(whittle.Bytes(g.Visible+g.Wasted)), page.ShareCell(g.Visible+g.Wasted, in.Sizes.Size), page.Text(whittle.Bytes(g.Wasted)), page.Text(fmt.Sprint(g.Files)))
	}
	var rest []whittle.CategoryRow
	for i, g := range groups {
		if few.Rows > 0 && i >= few.Rows || few.Small(g.Visible+g.Wasted) {
			rest = append(rest, g)
		}
	}
	for i, g := range groups {
		if len(rest) > 1 && (few.Rows > 0 && i >= few.Rows || few.Small(g.Visible+g.Wasted)) {
			continue
		}
		row(page.Text(g.Name), g)
	}
	if len(rest) > 1 {
		var sum whittle.CategoryRow
		for _, g := range rest {
			sum.Visible += g.Visible
			sum.Wasted += g.Wasted
			sum.Files += g.Files
		}
		row(page.Smaller(len(rest)), sum)
	}
	return t
}

func packagesTable(in *whittle.Inspection, few page.Cutoff) page.Table {
	t := page.Table{Columns: []page.Column{{Head: "Owner", Flex: true, Least: 34}, {Head: "Version", Flex: true, Early: 16}, page.Spare(3, page.Left("From")), page.Right("Size"), page.Shares(2), page.Spare(4, page.Right("Files"))}}
	shown := few.Of(len(in.Packages), func(i int) int64 { return in.Packages[i].Visible })
	for _, p := range in.Packages[:shown] {
		t.Row(page.Text(ownerName(p)), page.Text(p.Version), page.Text(p.Ecosystem), page.Text(whittle.Bytes(p.Visible)), page.ShareCell(p.Visible, in.Sizes.Size), page.Text(fmt.Sprint(p.Files)))
	}
	if rest := in.Packages[shown:]; len(rest) > 0 {
		var visible int64
		files := 0
		for _, q := range rest {
			visible += q.Visible
			files += q.Files
		}
		t.Row(page.Smaller(len(rest)), page.Text(""), page.Text(""), page.Text(whittle.Bytes(visible)), page.ShareCell(visible, in.Sizes.Size), page.Text(fmt.Sprint(files)))
	}
	return t
}

// requirementsTable has the Python distributions that were not installed as a
// dependency, those that keep most in the image first.
func requirementsTable(in *whittle.Inspection, few page.Cutoff) page.Table {
	t := page.Table{Columns: []page.Column{{Head: "Requirement", Flex: true, Least: 16}, {Head: "Version", Flex: true, Early: 12, Spare: 2}, page.Right("Size"), page.Right("Keeps"), page.Shares(1), page.Spare(3, page.Right("Only it needs"))}}
	var asked []whittle.PackageRow
	for _, p := range in.Packages {
		if p.Requested && p.Retained != nil {
			asked = append(asked, p)
		}
	}
	slices.SortStableFunc(asked, func(a, b whittle.PackageRow) int { return cmp.Compare(*b.Retained, *a.Retained) })
	shown := few.Of(len(asked), func(i int) int64 { return *asked[i].Retained })
	row := func(name page.Cell, version string, size, kept int64, brings int) {
		t.Row(name, page.Text(version), page.Text(whittle.Bytes(size)), page.Text(whittle.Bytes(kept)), page.ShareCell(kept, in.Sizes.Size), page.Text(fmt.Sprint(brings)))
	}
	for _, p := range asked[:shown] {
		row(page.Text(p.Name), p.Version, p.Visible, *p.Retained, p.Brings)
	}
	if rest := asked[shown:]; len(rest) > 0 {
		var size, kept int64
		brings := 0
		for _, p := range rest {
			size, kept, brings = size+p.Visible, kept+*p.Retained, brings+p.Brings
		}
		row(page.Smaller(len(rest)), "", size, kept, brings)
	}
	return t
}

// ownerName is an owner's name; an instruction has its layer before it.
func ownerName(p whittle.PackageRow) string {
	if p.Layer == nil || p.Name == fmt.Sprintf("layer %d", *p.Layer) {
		return p.Name
	}
	return fmt.Sprintf("layer %d: %s", *p.Layer, page.Shorten(p.Name, 160)) // scripts are instructions, too
}

// distributionsTable divides Python distributions by what their files are for.
func distributionsTable(in *whittle.Inspection) page.Table {
	t := page.Table{Columns: []page.Column{{Head: "Distribution", Flex: true, Least: 16}, page.Right("Visible"), page.Spare(1, page.Right("Extensions")), page.Spare(2, page.Right("Libraries")), page.Spare(3, page.Right("Tests")), page.Spare(4, page.Right("Bytecode")), page.Spare(5, page.Right("Data"))}}
	for _, p := range in.Packages {
		if len(p.Parts) == 0 {
			continue
		}
		cells := []page.Cell{page.Text(p.Name), page.Text(whittle.Bytes(p.Visible))}
		for _, part := range []string{"extensions", "libraries", "tests", "bytecode", "data"} {
			if n := p.Parts[part]; n > 0 {
				cells = append(cells, page.Text(whittle.Bytes(n)))
			} else {
				cells = append(cells, page.Text("–"))
			}
		}
		t.Row(cells...)
	}
	return t
}

// wastedSumsTable says which layers wasted which bytes, a row for each pair of layers
// and cause.
func wastedSumsTable(in *whittle.Inspection, few page.Cutoff) page.Table {
	t := page.Table{Columns: []page.Column{page.Right("Bytes"), page.Wrapped("Why")}}
	shown := few.Of(len(in.WastedSums), func(i int) int64 { return in.WastedSums[i].Bytes })
	for _, s := range in.WastedSums[:shown] {
		t.Row(page.Text(whittle.Bytes(s.Bytes)), page.Text(wastedSentence(in, s)))
	}
	if rest := in.WastedSums[shown:]; len(rest) > 0 {
		var bytes int64
		for _, q := range rest {
			bytes += q.Bytes
		}
		t.Row(page.Text(whittle.Bytes(bytes)), page.Smaller(len(rest)))
	}
	return t
}

func wastedSentence(in *whittle.Inspection, s whittle.WastedSum) string {
	by, of := layerName(in, s.HiddenBy), layerName(in, s.AddedBy)
	files := fmt.Sprintf("%d %s", s.Files, page.Plural(s.Files, "files"))
	switch {
	case s.AddedBy == s.HiddenBy:
		return fmt.Sprintf("%s has %s twice", of, files)
	case s.Cause == whittle.Deleted:
		return fmt.Sprintf("%s deleted %s of %s", by, files, of)
	case s.Cause == whittle.Metadata:
		return fmt.Sprintf("%s changed only metadata of %s of %s", by, files, of)
	case s.Cause == whittle.Identical:
		return fmt.Sprintf("%s wrote %s of %s again, unchanged", by, files, of)
	}
	return fmt.Sprintf("%s put other content over %s of %s", by, files, of)
}

func wastedTable(in *whittle.Inspection, few page.Cutoff) page.Table {
	t := page.Table{Columns: []page.Column{page.Right("Bytes"), page.Spare(3, page.Right("Files")), page.Left("Cause"), page.Spare(1, page.Right("Added")), page.Spare(2, page.Right("Hidden")), {Head: "Path", Flex: true, Path: true, Least: 20}}}
	shown := few.Of(len(in.Wasted), func(i int) int64 { return in.Wasted[i].Bytes })
	for _, r := range in.Wasted[:shown] {
		t.Row(page.Text(whittle.Bytes(r.Bytes)), page.Text(fmt.Sprint(r.Files)), page.Text(r.Cause.String()), page.Text(fmt.Sprint(r.AddedBy)),
			page.Text(fmt.Sprint(r.HiddenBy)), page.Text(r.Path))
	}
	if rest := in.Wasted[shown:]; len(rest) > 0 {
		var bytes int64
		files := 0
		for _, q := range rest {
			bytes += q.Bytes
			files += q.Files
		}
		t.Row(page.Text(whittle.Bytes(bytes)), page.Text(fmt.Sprint(files)), page.Text(""), page.Text(""), page.Text(""), page.Smaller(len(rest)))
	}
	return t
}

// duplicatesSection lists contents that are at several places.
func duplicatesSection(d *page.Document, rows []whittle.DuplicateRow, images, most int) {
	if len(rows) == 0 {
		return
	}
	var saves int64
	t := page.Table{Columns: []page.Column{page.Right("Saves"), page.Right("Copies"), page.Right("Each"), page.PathColumn("First place")}}
	for i, r := range rows {
		saves += r.Saves
		if most > 0 && i >= most {
			continue
		}
		place := r.Places[0].Path
		if images > 1 {
			place = fmt.Sprintf("image %d: %s", r.Places[0].Image+1, place)
		}
		t.Row(page.Text(whittle.Bytes(r.Saves)), page.Text(fmt.Sprint(len(r.Places))), page.Text(whittle.Bytes(r.Bytes)), page.Text(place))
	}
	d.Add(page.Heading{Level: 2, Text: "Duplicates"}, page.Para(fmt.Sprintf("One copy of each would save %s; %d %s.", whittle.Bytes(saves), len(rows), page.Plural(len(rows), "contents"))), t)
}
