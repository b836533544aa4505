package report

import (
	"fmt"
	"io"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
)

// ComparisonText writes a comparison for a terminal. At most rows rows of
// owners are shown; 0 shows all.
func ComparisonText(w io.Writer, c *whittle.Comparison, st page.Style, rows int) error {
	return page.WriteText(w, comparisonDoc(c, rows), st)
}

// ComparisonMarkdown writes a comparison as Markdown.
func ComparisonMarkdown(w io.Writer, c *whittle.Comparison, rows int) error {
	return page.WriteMarkdown(w, comparisonDoc(c, rows))
}

func comparisonDoc(c *whittle.Comparison, rows int) page.Document {
	var d page.Document
	t := page.Table{Columns: []page.Column{page.Right("#"), page.Flexible("Image"), page.Right("Size"), page.Spare(2, page.Right("Visible")), page.Right("Wasted"), page.Spare(1, page.Right("Download"))}}
	for i, im := range c.Images {
		t.Row(page.Text(fmt.Sprint(i+1)), page.Text(im.Ref), page.Text(whittle.Bytes(im.Sizes.Size)), page.Text(whittle.Bytes(im.Sizes.Visible)),
			page.Text(whittle.Bytes(im.Sizes.Wasted)), page.Text(optionalBytes(im.Sizes.Download)))
	}
	d.Add(page.Heading{Level: 1, Text: comparisonTitle(c)}, t, page.Explained("size", "download", "wasted"))
	if slices.ContainsFunc(c.Images, func(im whittle.ImageSizes) bool { return !im.Verified }) {
		d.Add(page.Para(notVerified))
	}
	if len(c.Words) > 0 {
		d.Add(page.List(c.Words))
	}
	if rt := compareTable(c, rows); len(rt.Rows) > 0 {
		d.Add(page.Heading{Level: 2, Text: "Where the difference comes from"}, rt)
	}
	if n := len(c.Images); n > 1 {
		d.Next(page.OfImage("where its bytes are", c.Images[n-1].Ref, "inspect"))
	}
	duplicatesSection(&d, c.Duplicates, len(c.Images), rows)
	if len(c.Images) > 1 {
		d.Add(page.Heading{Level: 2, Text: "Shared layers"}, page.Para(sharedLine(c)))
		if len(c.Images) > 2 {
			d.Add(sharedMatrix(c), ownersMatrix(c, rows))
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
		page.Plural(c.Shared.Layers, "layers"), whittle.Bytes(c.Shared.Size), whittle.Bytes(c.Shared.PullSize))
	if c.Shared.PullDownload != nil {
		s += " and a download of " + whittle.Bytes(*c.Shared.PullDownload)
	}
	return s + "."
}

func sharedMatrix(c *whittle.Comparison) page.Table {
	t := page.Table{Columns: []page.Column{page.Left("shares with")}}
	for i := range c.Images {
		t.Columns = append(t.Columns, page.Right(fmt.Sprint(i+1)))
	}
	for i, row := range c.Shared.Matrix {
		cells := []page.Cell{page.Text(fmt.Sprint(i + 1))}
		for _, n := range row {
			cells = append(cells, page.Text(whittle.Bytes(n)))
		}
		t.Row(cells...)
	}
	return t
}

// compareTable lists the largest rows and the rest as one, so that the table
// adds up to the difference.
func compareTable(c *whittle.Comparison, rows int) page.Table {
	t := rowsTable(c.Rows, rows)
	if len(t.Rows) > 0 {
		t.Row(page.Text(whittle.SignedBytes(c.Delta.Visible)), page.Text(whittle.SignedBytes(c.Delta.Wasted)), page.Text(""), page.Text("in all"), page.Text(""), page.Text(""))
	}
	return t
}

// rowsTable is compareTable without the sum.
func rowsTable(all []whittle.CompareRow, rows int) page.Table {
	t := page.Table{Columns: []page.Column{page.Right("Visible"), page.Right("Wasted"), page.Shares(2), {Head: "Owner", Flex: true, Least: 25}, {Head: "Version", Flex: true, Early: 24, Spare: 1}, page.Spare(3, page.Left("From"))}}
	var whole int64
	for _, r := range all {
		whole += moved(r)
	}
	few := page.Cutoff{Rows: rows}
	if rows > 0 {
		few.Whole = whole
	}
	shown := few.Of(len(all), func(i int) int64 { return moved(all[i]) })
	for _, r := range all[:shown] {
		t.Row(signed(r.VisibleDelta), signed(r.WastedDelta), page.ShareCell(moved(r), whole), page.Text(r.Owner), page.Text(versions(r)), page.Text(r.Kind))
	}
	if rest := all[shown:]; len(rest) > 0 {
		var visible, wasted, size int64
		for _, q := range rest {
			visible += q.VisibleDelta
			wasted += q.WastedDelta
			size += moved(q)
		}
		t.Row(page.Text(whittle.SignedBytes(visible)), page.Text(whittle.SignedBytes(wasted)), page.ShareCell(size, whole), page.Smaller(len(rest)), page.Text(""), page.Text(""))
	}
	return t
}

// moved is how many bytes a row is about, whichever way they went.
func moved(r whittle.CompareRow) int64 {
	return max(r.VisibleDelta, -r.VisibleDelta) + max(r.WastedDelta, -r.WastedDelta)
}

func signed(n int64) page.Cell {
	switch {
	case n > 0:
		return page.Toned(whittle.SignedBytes(n), page.Bad)
	case n < 0:
		return page.Toned(whittle.SignedBytes(n), page.Good)
	}
	return page.Text("–")
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
func ownersMatrix(c *whittle.Comparison, rows int) page.Table {
	t := page.Table{Columns: []page.Column{page.Flexible("Visible bytes of")}}
	for i := range c.Images {
		t.Columns = append(t.Columns, page.Right(fmt.Sprint(i+1)))
	}
	n := 0
	for _, r := range c.Rows {
		if r.Kind == "wasted" {
			continue
		}
		if n++; rows > 0 && n > rows {
			break
		}
		cells := []page.Cell{page.Text(r.Owner)}
		for _, visible := range r.Visible {
			cells = append(cells, page.Text(whittle.Bytes(visible)))
		}
		t.Row(cells...)
	}
	return t
}
