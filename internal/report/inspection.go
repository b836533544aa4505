package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// InspectionText writes an inspection for a terminal: first the sizes and the
// largest costs that can be avoided, then where every byte is. At most rows rows
// of each long table are shown, and those below a thousandth of the image are
// summed up; 0 shows all. st.Base shows each layer of the base image.
func InspectionText(w io.Writer, in *whittle.Inspection, st Style, rows int) error {
	return writeText(w, inspectionDoc(in, rows, !st.Base), st)
}

// InspectionMarkdown writes an inspection as Markdown.
func InspectionMarkdown(w io.Writer, in *whittle.Inspection, rows int) error {
	return writeMarkdown(w, inspectionDoc(in, rows, false))
}

func inspectionDoc(in *whittle.Inspection, rows int, fold bool) document {
	var d document
	inspectionHead(&d, in)
	few := cutoff{rows: rows}
	if rows > 0 {
		few.whole = in.Sizes.Size
	}
	d.add(heading{2, "Layers"}, layersTable(in, cutoff{whole: few.whole}, fold))
	if len(in.Categories) > 0 {
		d.add(heading{2, "Categories"}, groupTable(in, "Category", in.Categories, cutoff{whole: few.whole}))
	}
	if in.By != nil {
		d.add(heading{2, "By " + in.By.Key}, groupTable(in, strings.ToUpper(in.By.Key[:1])+in.By.Key[1:], in.By.Rows, few))
	}
	if t := packagesTable(in, few); len(t.rows) > 0 {
		d.add(heading{2, "Owners"}, t)
	}
	if t := requirementsTable(in, few); len(t.rows) > 0 {
		d.add(heading{2, "Python requirements"}, t, explained("keeps"))
	}
	if t := distributionsTable(in); len(t.rows) > 0 && rows == 0 {
		d.add(heading{2, "Python distributions"}, t)
	}
	if t := wastedTable(in, few); len(t.rows) > 0 {
		d.add(heading{2, "Wasted bytes"})
		if sums := wastedSumsTable(in, few); len(sums.rows) > 0 {
			d.add(sums)
		}
		d.add(t)
	}
	duplicatesSection(&d, in.Duplicates, 1, rows)
	if len(in.Notes) > 0 {
		d.add(heading{2, "What could not be read"}, list(in.Notes))
	}
	if len(in.Ambiguous) > 0 {
		items := list{}
		for _, a := range in.Ambiguous[:min(len(in.Ambiguous), 10)] {
			items = append(items, fmt.Sprintf("%s (layer %d): %s", a.Path, a.Layer, a.What))
		}
		d.add(heading{2, "Places that runtimes merge differently"},
			para(fmt.Sprintf("The figures follow Docker's overlay2; %d such %s.", len(in.Ambiguous), plural(len(in.Ambiguous), "places"))), items)
	}
	return d
}

// inspectionHead is the answer, on the first screen: the sizes, what can be
// avoided, and the command that says more.
func inspectionHead(d *document, in *whittle.Inspection) {
	size := in.Sizes
	download := "no compressed blobs here"
	if size.Download != nil {
		download = "download " + whittle.Bytes(*size.Download)
	}
	wasted := "wasted " + whittle.Bytes(size.Wasted)
	if s := shareCell(size.Wasted, size.Size).text; s != "" {
		wasted += " (" + s + ")"
	}
	d.add(heading{1, fmt.Sprintf("%s: size %s, %s, %s", in.Image.Ref, whittle.Bytes(size.Size), download, wasted)})
	d.add(para(fmt.Sprintf("%s, %s. Size %s = %s visible + %s wasted.", in.Image.Platform, in.Image.Digest.Short(),
		whittle.Bytes(size.Size), whittle.Bytes(size.Visible), whittle.Bytes(size.Wasted))))
	d.add(explained("size", "download", "wasted"))
	if !in.Image.Verified {
		d.add(para(notVerified))
	}
	if costs := avoidable(in); len(costs.rows) > 0 {
		d.add(heading{2, "Largest costs that can be avoided"}, costs)
	}
	args := []string{"advise"}
	if file := dockerfileOf(in); file != "" {
		args = append(args, "-f", file)
	}
	d.next(ofImage("what to change, and what keeps it from running", in.Image.Ref, args...))
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
func avoidable(in *whittle.Inspection) table {
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
	t := table{columns: []column{right("Saves"), shares(1), {head: "What", flex: true, wrap: true, least: 40}}}
	for _, c := range costs[:min(len(costs), mostCosts)] {
		t.row(toned(whittle.Bytes(c.bytes), good), shareCell(c.bytes, in.Sizes.Size), text(c.what))
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
	return fmt.Sprintf("%s (%s) with %d %s that nothing else requires", s, whittle.Bytes(p.Visible), p.Brings, plural(p.Brings, "packages"))
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
func layersTable(in *whittle.Inspection, few cutoff, fold bool) table {
	t := table{columns: []column{right("#"), right("Size"), shares(3), right("Wasted"), spare(2, right("Download")), {head: "Instruction", flex: true, least: 15}}}
	base := 0
	if fold {
		base = baseLayers(in)
	}
	var small []whittle.LayerRow
	if base > 1 {
		layerRow(&t, in, fmt.Sprintf("0–%d", base-1), sumOf(in.Layers[:base]), toned(fmt.Sprintf("base image, %d layers (--base shows them)", base), faint))
	} else {
		base = 0
	}
	for _, l := range in.Layers[base:] {
		if few.small(l.Size) && few.small(l.Wasted) {
			small = append(small, l)
		}
	}
	for _, l := range in.Layers[base:] {
		if len(small) > 1 && few.small(l.Size) && few.small(l.Wasted) {
			continue
		}
		layerRow(&t, in, fmt.Sprint(l.Index), l, text(instruction(l)))
	}
	if len(small) > 1 {
		layerRow(&t, in, "", sumOf(small), smaller(len(small)))
	}
	return t
}

func layerRow(t *table, in *whittle.Inspection, number string, l whittle.LayerRow, what cell) {
	tn := plain
	if l.Wasted > 0 && l.Wasted >= l.Size/20 {
		tn = bad
	}
	t.row(text(number), text(whittle.Bytes(l.Size)), shareCell(l.Size, in.Sizes.Size), toned(whittle.Bytes(l.Wasted), tn), text(optionalBytes(l.Download)), what)
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
func groupTable(in *whittle.Inspection, head string, groups []whittle.CategoryRow, few cutoff) table {
	t := table{columns: []column{{head: head, flex: true, least: 20}, right("Size"), shares(2), right("Wasted"), spare(1, right("Files"))}}
	row := func(name cell, g whittle.CategoryRow) {
		t.row(name, text(whittle.Bytes(g.Visible+g.Wasted)), shareCell(g.Visible+g.Wasted, in.Sizes.Size), text(whittle.Bytes(g.Wasted)), text(fmt.Sprint(g.Files)))
	}
	var rest []whittle.CategoryRow
	for i, g := range groups {
		if few.rows > 0 && i >= few.rows || few.small(g.Visible+g.Wasted) {
			rest = append(rest, g)
		}
	}
	for i, g := range groups {
		if len(rest) > 1 && (few.rows > 0 && i >= few.rows || few.small(g.Visible+g.Wasted)) {
			continue
		}
		row(text(g.Name), g)
	}
	if len(rest) > 1 {
		var sum whittle.CategoryRow
		for _, g := range rest {
			sum.Visible += g.Visible
			sum.Wasted += g.Wasted
			sum.Files += g.Files
		}
		row(smaller(len(rest)), sum)
	}
	return t
}

func packagesTable(in *whittle.Inspection, few cutoff) table {
	t := table{columns: []column{{head: "Owner", flex: true, least: 34}, {head: "Version", flex: true, early: 16}, spare(3, left("From")), right("Size"), shares(2), spare(4, right("Files"))}}
	shown := few.of(len(in.Packages), func(i int) int64 { return in.Packages[i].Visible })
	for _, p := range in.Packages[:shown] {
		t.row(text(ownerName(p)), text(p.Version), text(p.Ecosystem), text(whittle.Bytes(p.Visible)), shareCell(p.Visible, in.Sizes.Size), text(fmt.Sprint(p.Files)))
	}
	if rest := in.Packages[shown:]; len(rest) > 0 {
		var visible int64
		files := 0
		for _, q := range rest {
			visible += q.Visible
			files += q.Files
		}
		t.row(smaller(len(rest)), text(""), text(""), text(whittle.Bytes(visible)), shareCell(visible, in.Sizes.Size), text(fmt.Sprint(files)))
	}
	return t
}

// requirementsTable has the Python distributions that were not installed as a
// dependency, those that keep most in the image first.
func requirementsTable(in *whittle.Inspection, few cutoff) table {
	t := table{columns: []column{{head: "Requirement", flex: true, least: 16}, {head: "Version", flex: true, early: 12, spare: 2}, right("Size"), right("Keeps"), shares(1), spare(3, right("Only it needs"))}}
	var asked []whittle.PackageRow
	for _, p := range in.Packages {
		if p.Requested && p.Retained != nil {
			asked = append(asked, p)
		}
	}
	slices.SortStableFunc(asked, func(a, b whittle.PackageRow) int { return cmp.Compare(*b.Retained, *a.Retained) })
	shown := few.of(len(asked), func(i int) int64 { return *asked[i].Retained })
	row := func(name cell, version string, size, kept int64, brings int) {
		t.row(name, text(version), text(whittle.Bytes(size)), text(whittle.Bytes(kept)), shareCell(kept, in.Sizes.Size), text(fmt.Sprint(brings)))
	}
	for _, p := range asked[:shown] {
		row(text(p.Name), p.Version, p.Visible, *p.Retained, p.Brings)
	}
	if rest := asked[shown:]; len(rest) > 0 {
		var size, kept int64
		brings := 0
		for _, p := range rest {
			size, kept, brings = size+p.Visible, kept+*p.Retained, brings+p.Brings
		}
		row(smaller(len(rest)), "", size, kept, brings)
	}
	return t
}

// ownerName is an owner's name; an instruction has its layer before it.
func ownerName(p whittle.PackageRow) string {
	if p.Layer == nil || p.Name == fmt.Sprintf("layer %d", *p.Layer) {
		return p.Name
	}
	return fmt.Sprintf("layer %d: %s", *p.Layer, shorten(p.Name, 160)) // scripts are instructions, too
}

// distributionsTable divides Python distributions by what their files are for.
func distributionsTable(in *whittle.Inspection) table {
	t := table{columns: []column{{head: "Distribution", flex: true, least: 16}, right("Visible"), spare(1, right("Extensions")), spare(2, right("Libraries")), spare(3, right("Tests")), spare(4, right("Bytecode")), spare(5, right("Data"))}}
	for _, p := range in.Packages {
		if len(p.Parts) == 0 {
			continue
		}
		cells := []cell{text(p.Name), text(whittle.Bytes(p.Visible))}
		for _, part := range []string{"extensions", "libraries", "tests", "bytecode", "data"} {
			if n := p.Parts[part]; n > 0 {
				cells = append(cells, text(whittle.Bytes(n)))
			} else {
				cells = append(cells, text("–"))
			}
		}
		t.row(cells...)
	}
	return t
}

// wastedSumsTable says which layers wasted which bytes, a row for each pair of layers
// and cause.
func wastedSumsTable(in *whittle.Inspection, few cutoff) table {
	t := table{columns: []column{right("Bytes"), wrapped("Why")}}
	shown := few.of(len(in.WastedSums), func(i int) int64 { return in.WastedSums[i].Bytes })
	for _, s := range in.WastedSums[:shown] {
		t.row(text(whittle.Bytes(s.Bytes)), text(wastedSentence(in, s)))
	}
	if rest := in.WastedSums[shown:]; len(rest) > 0 {
		var bytes int64
		for _, q := range rest {
			bytes += q.Bytes
		}
		t.row(text(whittle.Bytes(bytes)), smaller(len(rest)))
	}
	return t
}

func wastedSentence(in *whittle.Inspection, s whittle.WastedSum) string {
	by, of := layerName(in, s.HiddenBy), layerName(in, s.AddedBy)
	files := fmt.Sprintf("%d %s", s.Files, plural(s.Files, "files"))
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

func wastedTable(in *whittle.Inspection, few cutoff) table {
	t := table{columns: []column{right("Bytes"), spare(3, right("Files")), left("Cause"), spare(1, right("Added")), spare(2, right("Hidden")), {head: "Path", flex: true, path: true, least: 20}}}
	shown := few.of(len(in.Wasted), func(i int) int64 { return in.Wasted[i].Bytes })
	for _, r := range in.Wasted[:shown] {
		t.row(text(whittle.Bytes(r.Bytes)), text(fmt.Sprint(r.Files)), text(r.Cause.String()), text(fmt.Sprint(r.AddedBy)),
			text(fmt.Sprint(r.HiddenBy)), text(r.Path))
	}
	if rest := in.Wasted[shown:]; len(rest) > 0 {
		var bytes int64
		files := 0
		for _, q := range rest {
			bytes += q.Bytes
			files += q.Files
		}
		t.row(text(whittle.Bytes(bytes)), text(fmt.Sprint(files)), text(""), text(""), text(""), smaller(len(rest)))
	}
	return t
}

// duplicatesSection lists contents that are at several places.
func duplicatesSection(d *document, rows []whittle.DuplicateRow, images, most int) {
	if len(rows) == 0 {
		return
	}
	var saves int64
	t := table{columns: []column{right("Saves"), right("Copies"), right("Each"), pathColumn("First place")}}
	for i, r := range rows {
		saves += r.Saves
		if most > 0 && i >= most {
			continue
		}
		place := r.Places[0].Path
		if images > 1 {
			place = fmt.Sprintf("image %d: %s", r.Places[0].Image+1, place)
		}
		t.row(text(whittle.Bytes(r.Saves)), text(fmt.Sprint(len(r.Places))), text(whittle.Bytes(r.Bytes)), text(place))
	}
	d.add(heading{2, "Duplicates"}, para(fmt.Sprintf("One copy of each would save %s; %d %s.", whittle.Bytes(saves), len(rows), plural(len(rows), "contents"))), t)
}
