package report

import (
	"fmt"
	"io"
	"slices"

	"whittle.dev/whittle"
)

// ComparisonText writes a comparison for a terminal. At most rows rows of
// owners are shown; 0 shows all.
func ComparisonText(w io.Writer, c *whittle.Comparison, st Style, rows int) error {
	return writeText(w, comparisonDoc(c, rows), st)
}

// ComparisonMarkdown writes a comparison as Markdown.
func ComparisonMarkdown(w io.Writer, c *whittle.Comparison, rows int) error {
	return writeMarkdown(w, comparisonDoc(c, rows))
}

func comparisonDoc(c *whittle.Comparison, rows int) document {
	var d document
	t := table{columns: []column{right("#"), flexible("Image"), right("Size"), spare(2, right("Visible")), right("Wasted"), spare(1, right("Download"))}}
	for i, im := range c.Images {
		t.row(text(fmt.Sprint(i+1)), text(im.Ref), text(whittle.Bytes(im.Sizes.Size)), text(whittle.Bytes(im.Sizes.Visible)),
			text(whittle.Bytes(im.Sizes.Wasted)), text(optionalBytes(im.Sizes.Download)))
	}
	d.add(heading{1, comparisonTitle(c)}, t, explained("size", "download", "wasted"))
	if slices.ContainsFunc(c.Images, func(im whittle.ImageSizes) bool { return !im.Verified }) {
		d.add(para(notVerified))
	}
	if len(c.Words) > 0 {
		d.add(list(c.Words))
	}
	if rt := compareTable(c, rows); len(rt.rows) > 0 {
		d.add(heading{2, "Where the difference comes from"}, rt)
	}
	if n := len(c.Images); n > 1 {
		d.next(ofImage("where its bytes are", c.Images[n-1].Ref, "inspect"))
	}
	duplicatesSection(&d, c.Duplicates, len(c.Images), rows)
	if len(c.Images) > 1 {
		d.add(heading{2, "Shared layers"}, para(sharedLine(c)))
		if len(c.Images) > 2 {
			d.add(sharedMatrix(c), ownersMatrix(c, rows))
		}
	}
	return d
}

// comparisonTitle is the result in a line: "app:1 → app:2: 200.9 MB larger".
func comparisonTitle(c *whittle.Comparison) string {
	if len(c.Images) != 2 {
		return fmt.Sprintf("Comparison of %d images", len(c.Images))
	}
	a, b := c.Images[0], c.Images[1]
	s := a.Ref + " → " + b.Ref + ": "
	change := percentChange(a.Sizes.Size, b.Sizes.Size)
	if change != "" {
		change = " (" + change + ")"
	}
	switch delta := b.Sizes.Size - a.Sizes.Size; {
	case delta > 0:
		return s + whittle.Bytes(delta) + " larger" + change
	case delta < 0:
		return s + whittle.Bytes(-delta) + " smaller" + change
	}
	return s + "the same size"
}

func sharedLine(c *whittle.Comparison) string {
	s := fmt.Sprintf("All images have %d %s in common, %s. All of them together have a size of %s", c.Shared.Layers,
		plural(c.Shared.Layers, "layers"), whittle.Bytes(c.Shared.Size), whittle.Bytes(c.Shared.PullSize))
	if c.Shared.PullDownload != nil {
		s += " and a download of " + whittle.Bytes(*c.Shared.PullDownload)
	}
	return s + "."
}

func sharedMatrix(c *whittle.Comparison) table {
	t := table{columns: []column{left("shares with")}}
	for i := range c.Images {
		t.columns = append(t.columns, right(fmt.Sprint(i+1)))
	}
	for i, row := range c.Shared.Matrix {
		cells := []cell{text(fmt.Sprint(i + 1))}
		for _, n := range row {
			cells = append(cells, text(whittle.Bytes(n)))
		}
		t.row(cells...)
	}
	return t
}

// compareTable lists the largest rows and the rest as one, so that the table
// adds up to the difference.
func compareTable(c *whittle.Comparison, rows int) table {
	t := rowsTable(c.Rows, rows)
	if len(t.rows) > 0 {
		t.row(text(whittle.SignedBytes(c.Delta.Visible)), text(whittle.SignedBytes(c.Delta.Wasted)), text(""), text("in all"), text(""), text(""))
	}
	return t
}

// rowsTable is compareTable without the sum.
func rowsTable(all []whittle.CompareRow, rows int) table {
	t := table{columns: []column{right("Visible"), right("Wasted"), shares(2), {head: "Owner", flex: true, least: 25}, {head: "Version", flex: true, early: 24, spare: 1}, spare(3, left("From"))}}
	var whole int64
	for _, r := range all {
		whole += moved(r)
	}
	few := cutoff{rows: rows}
	if rows > 0 {
		few.whole = whole
	}
	shown := few.of(len(all), func(i int) int64 { return moved(all[i]) })
	for _, r := range all[:shown] {
		t.row(signed(r.VisibleDelta), signed(r.WastedDelta), shareCell(moved(r), whole), text(r.Owner), text(versions(r)), text(r.Kind))
	}
	if rest := all[shown:]; len(rest) > 0 {
		var visible, wasted, size int64
		for _, q := range rest {
			visible += q.VisibleDelta
			wasted += q.WastedDelta
			size += moved(q)
		}
		t.row(text(whittle.SignedBytes(visible)), text(whittle.SignedBytes(wasted)), shareCell(size, whole), smaller(len(rest)), text(""), text(""))
	}
	return t
}

// moved is how many bytes a row is about, whichever way they went.
func moved(r whittle.CompareRow) int64 {
	return max(r.VisibleDelta, -r.VisibleDelta) + max(r.WastedDelta, -r.WastedDelta)
}

func signed(n int64) cell {
	switch {
	case n > 0:
		return toned(whittle.SignedBytes(n), bad)
	case n < 0:
		return toned(whittle.SignedBytes(n), good)
	}
	return text("–")
}

func versions(r whittle.CompareRow) string {
	switch {
	case r.From != "" && r.To != "" && r.From != r.To:
		return r.From + " → " + r.To
	case r.To == "" && r.From != "":
		return r.From
	}
	return r.To
}

// ownersMatrix has the visible bytes of the owners in each image.
func ownersMatrix(c *whittle.Comparison, rows int) table {
	t := table{columns: []column{flexible("Visible bytes of")}}
	for i := range c.Images {
		t.columns = append(t.columns, right(fmt.Sprint(i+1)))
	}
	n := 0
	for _, r := range c.Rows {
		if r.Kind == "wasted" {
			continue
		}
		if n++; rows > 0 && n > rows {
			break
		}
		cells := []cell{text(r.Owner)}
		for _, visible := range r.Visible {
			cells = append(cells, text(whittle.Bytes(visible)))
		}
		t.row(cells...)
	}
	return t
}
