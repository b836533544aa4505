package report

import (
	"fmt"
	"io"
	"strings"

	"whittle.dev/whittle"
)

// InspectionText writes an inspection for a terminal. At most rows rows of
// each long table are shown; 0 shows all.
func InspectionText(w io.Writer, in *whittle.Inspection, st Style, rows int) error {
	return writeText(w, inspectionDoc(in, rows), st)
}

// InspectionMarkdown writes an inspection as Markdown.
func InspectionMarkdown(w io.Writer, in *whittle.Inspection, rows int) error {
	return writeMarkdown(w, inspectionDoc(in, rows))
}

func inspectionDoc(in *whittle.Inspection, rows int) document {
	var d document
	d.add(heading{1, in.Image.Ref})
	size := in.Sizes
	download := "no compressed blobs here"
	if size.Download != nil {
		download = "download " + whittle.Bytes(*size.Download)
	}
	d.add(para(fmt.Sprintf("%s, %s. Size %s = %s visible + %s wasted; %s.", in.Image.Platform, in.Image.Digest.Short(),
		whittle.Bytes(size.Size), whittle.Bytes(size.Visible), whittle.Bytes(size.Wasted), download)))
	d.add(explained("size", "download", "wasted"))
	if !in.Image.Verified {
		d.add(para(notVerified))
	}
	d.add(heading{2, "Layers"}, layersTable(in))
	if len(in.Categories) > 0 {
		d.add(heading{2, "Categories"}, categoriesTable(in))
	}
	if in.By != nil {
		d.add(heading{2, "By " + in.By.Key}, groupTable(in.By, rows))
	}
	if t := packagesTable(in, rows); len(t.rows) > 0 {
		d.add(heading{2, "Owners"}, t)
	}
	if t := distributionsTable(in, rows); len(t.rows) > 0 {
		d.add(heading{2, "Python distributions"}, t)
	}
	if t := wastedTable(in, rows); len(t.rows) > 0 {
		d.add(heading{2, "Wasted bytes"})
		if sums := wastedSumsTable(in, rows); len(sums.rows) > 0 {
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

// notVerified is said of an image whose digests were not all compared.
const notVerified = "The digests of layers that are stored uncompressed were not verified; --verify-digests does that."

func layersTable(in *whittle.Inspection) table {
	t := table{columns: []column{right("#"), right("Size"), right("Wasted"), spare(1, right("Download")), flexible("Instruction")}}
	for _, l := range in.Layers {
		tn := plain
		if l.Wasted > 0 && l.Wasted*20 >= l.Size {
			tn = bad
		}
		t.row(text(fmt.Sprint(l.Index)), text(whittle.Bytes(l.Size)), toned(whittle.Bytes(l.Wasted), tn), text(optionalBytes(l.Download)),
			text(instruction(l)))
	}
	return t
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

func categoriesTable(in *whittle.Inspection) table {
	t := table{columns: []column{left("Category"), right("Visible"), right("Wasted"), right("Files")}}
	for _, c := range in.Categories {
		t.row(text(c.Name), text(whittle.Bytes(c.Visible)), text(whittle.Bytes(c.Wasted)), text(fmt.Sprint(c.Files)))
	}
	return t
}

func packagesTable(in *whittle.Inspection, rows int) table {
	t := table{columns: []column{{head: "Owner", flex: true, least: 25}, {head: "Version", flex: true, early: 16}, spare(1, left("From")), right("Visible"), spare(2, right("Files"))}}
	for i, p := range in.Packages {
		if rows > 0 && i == rows {
			var visible int64
			files := 0
			for _, q := range in.Packages[i:] {
				visible += q.Visible
				files += q.Files
			}
			t.row(toned(fmt.Sprintf("%d more", len(in.Packages)-i), faint), text(""), text(""), text(whittle.Bytes(visible)), text(fmt.Sprint(files)))
			break
		}
		t.row(text(ownerName(p)), text(p.Version), text(p.Ecosystem), text(whittle.Bytes(p.Visible)), text(fmt.Sprint(p.Files)))
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
func distributionsTable(in *whittle.Inspection, rows int) table {
	t := table{columns: []column{flexible("Distribution"), right("Visible"), right("Extensions"), right("Libraries"), right("Tests"), right("Bytecode"), right("Data")}}
	for _, p := range in.Packages {
		if len(p.Parts) == 0 {
			continue
		}
		if rows > 0 && len(t.rows) == rows {
			break
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
func wastedSumsTable(in *whittle.Inspection, rows int) table {
	t := table{columns: []column{right("Bytes"), wrapped("Why")}}
	for i, s := range in.WastedSums {
		if rows > 0 && i == rows {
			var bytes int64
			for _, q := range in.WastedSums[i:] {
				bytes += q.Bytes
			}
			t.row(text(whittle.Bytes(bytes)), toned(fmt.Sprintf("%d more rows", len(in.WastedSums)-i), faint))
			break
		}
		t.row(text(whittle.Bytes(s.Bytes)), text(wastedSentence(s)))
	}
	return t
}

func wastedSentence(s whittle.WastedSum) string {
	files := fmt.Sprintf("%d %s", s.Files, plural(s.Files, "files"))
	switch {
	case s.AddedBy == s.HiddenBy:
		return fmt.Sprintf("layer %d has %s twice", s.AddedBy, files)
	case s.Cause == whittle.Deleted:
		return fmt.Sprintf("layer %d deleted %s of layer %d", s.HiddenBy, files, s.AddedBy)
	case s.Cause == whittle.Metadata:
		return fmt.Sprintf("layer %d changed only metadata of %s of layer %d", s.HiddenBy, files, s.AddedBy)
	case s.Cause == whittle.Identical:
		return fmt.Sprintf("layer %d wrote %s of layer %d again, unchanged", s.HiddenBy, files, s.AddedBy)
	}
	return fmt.Sprintf("layer %d put other content over %s of layer %d", s.HiddenBy, files, s.AddedBy)
}

func wastedTable(in *whittle.Inspection, rows int) table {
	t := table{columns: []column{right("Bytes"), spare(3, right("Files")), left("Cause"), spare(1, right("Added")), spare(2, right("Hidden")), flexible("Path")}}
	for i, r := range in.Wasted {
		if rows > 0 && i == rows {
			var bytes int64
			files := 0
			for _, q := range in.Wasted[i:] {
				bytes += q.Bytes
				files += q.Files
			}
			t.row(text(whittle.Bytes(bytes)), text(fmt.Sprint(files)), text(""), text(""), text(""), toned(fmt.Sprintf("%d more rows", len(in.Wasted)-i), faint))
			break
		}
		t.row(text(whittle.Bytes(r.Bytes)), text(fmt.Sprint(r.Files)), text(r.Cause.String()), text(fmt.Sprint(r.AddedBy)),
			text(fmt.Sprint(r.HiddenBy)), text(r.Path))
	}
	return t
}

func groupTable(g *whittle.Grouping, rows int) table {
	t := table{columns: []column{flexible(strings.ToUpper(g.Key[:1]) + g.Key[1:]), right("Visible"), right("Wasted"), right("Files")}}
	for i, r := range g.Rows {
		if rows > 0 && i == rows {
			var rest whittle.CategoryRow
			for _, q := range g.Rows[i:] {
				rest.Visible += q.Visible
				rest.Wasted += q.Wasted
				rest.Files += q.Files
			}
			t.row(toned(fmt.Sprintf("%d more", len(g.Rows)-i), faint), text(whittle.Bytes(rest.Visible)), text(whittle.Bytes(rest.Wasted)), text(fmt.Sprint(rest.Files)))
			break
		}
		t.row(text(r.Name), text(whittle.Bytes(r.Visible)), text(whittle.Bytes(r.Wasted)), text(fmt.Sprint(r.Files)))
	}
	return t
}

// duplicatesSection lists contents that are at several places.
func duplicatesSection(d *document, rows []whittle.DuplicateRow, images, most int) {
	if len(rows) == 0 {
		return
	}
	var saves int64
	t := table{columns: []column{right("Saves"), right("Copies"), right("Each"), flexible("First place")}}
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
