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
	t := table{columns: []column{right("#"), flexible("Image"), right("Unpacked"), right("Live"), right("Dead"), right("Transfer")}}
	for i, im := range c.Images {
		t.row(text(fmt.Sprint(i+1)), text(im.Ref), text(whittle.Bytes(im.Size.Unpacked)), text(whittle.Bytes(im.Size.Live)),
			text(whittle.Bytes(im.Size.Dead)), text(optionalBytes(im.Size.Transfer)))
	}
	d.add(heading{1, "Comparison"}, t)
	if slices.ContainsFunc(c.Images, func(im whittle.ImageSizes) bool { return !im.Verified }) {
		d.add(para(notVerified))
	}
	if len(c.Words) > 0 {
		d.add(list(c.Words))
	}
	if rt := compareTable(c, rows); len(rt.rows) > 0 {
		d.add(heading{2, "Where the difference comes from"}, rt)
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

func sharedLine(c *whittle.Comparison) string {
	s := fmt.Sprintf("All images have %d %s in common, %s. Pulling all of them takes %s unpacked", c.Shared.Layers,
		plural(c.Shared.Layers, "layers"), whittle.Bytes(c.Shared.Unpacked), whittle.Bytes(c.Shared.PullUnpacked))
	if c.Shared.PullTransfer != nil {
		s += ", " + whittle.Bytes(*c.Shared.PullTransfer) + " to transfer"
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
		t.row(text(whittle.SignedBytes(c.Delta.Live)), text(whittle.SignedBytes(c.Delta.Dead)), text("in all"), text(""), text(""))
	}
	return t
}

// rowsTable is compareTable without the sum.
func rowsTable(all []whittle.CompareRow, rows int) table {
	t := table{columns: []column{right("Live"), right("Dead"), {head: "Owner", flex: true, least: 25}, {head: "Version", flex: true, early: 24}, left("From")}}
	for i, r := range all {
		if rows > 0 && i == rows {
			var live, dead int64
			for _, q := range all[i:] {
				live += q.LiveDelta
				dead += q.DeadDelta
			}
			t.row(text(whittle.SignedBytes(live)), text(whittle.SignedBytes(dead)), toned(fmt.Sprintf("%d more rows", len(all)-i), faint), text(""), text(""))
			break
		}
		t.row(signed(r.LiveDelta), signed(r.DeadDelta), text(r.Owner), text(versions(r)), text(r.Kind))
	}
	return t
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

// ownersMatrix has the live bytes of the owners in each image.
func ownersMatrix(c *whittle.Comparison, rows int) table {
	t := table{columns: []column{flexible("Live bytes of")}}
	for i := range c.Images {
		t.columns = append(t.columns, right(fmt.Sprint(i+1)))
	}
	n := 0
	for _, r := range c.Rows {
		if r.Kind == "dead" {
			continue
		}
		if n++; rows > 0 && n > rows {
			break
		}
		cells := []cell{text(r.Owner)}
		for _, live := range r.Live {
			cells = append(cells, text(whittle.Bytes(live)))
		}
		t.row(cells...)
	}
	return t
}
