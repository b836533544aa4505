package html

import (
	"fmt"
	"html/template"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
	"whittle.dev/whittle/internal/view"
)

// rect is a place in a picture.
type rect struct{ X, Y, W, H float64 }

// halves divides a rectangle among sizes, the largest first: in two parts of about
// the same size along its longer side, and these again. put gets the place of each
// that is large enough to be seen. The script does the same.
func halves(sizes []int64, first int, in rect, put func(i int, at rect)) {
	if len(sizes) == 0 || in.W*in.H < leastArea {
		return
	}
	if len(sizes) == 1 {
		put(first, in)
		return
	}
	var sum float64
	for _, s := range sizes {
		sum += float64(s)
	}
	n, part := 1, float64(sizes[0])
	for n < len(sizes)-1 && part+float64(sizes[n])/2 <= sum/2 {
		part += float64(sizes[n])
		n++
	}
	a, b := in, in
	if in.W >= in.H {
		a.W = in.W * part / sum
		b.X, b.W = in.X+a.W, in.W-a.W
	} else {
		a.H = in.H * part / sum
		b.Y, b.H = in.Y+a.H, in.H-a.H
	}
	halves(sizes[:n], first, a, put)
	halves(sizes[n:], first+n, b, put)
}

// The smallest rectangle that is drawn, in the units of a picture, and how deep
// they are in each other.
const (
	leastArea = 90
	maxDepth  = 9
)

// mapSize is the size of a picture alone, and of one of several.
func mapSize(images int) (width, height float64) {
	if images > 1 {
		return 600, 400
	}
	return 1000, 560
}

// drawing makes the treemap of an image's folders.
type drawing struct {
	strings.Builder
	tree  *view.Tree
	base  *view.Tree
	total int64
}

// treemap is the picture of all folders, by size. What is too small to be seen is
// part of its folder's rectangle.
func treemap(m *view.Model, name string, images int) template.HTML {
	all := m.All()
	width, height := mapSize(images)
	d := &drawing{tree: all.Tree(), base: m.Select(view.Query{Terms: []view.Term{{Field: "base", Values: []view.Value{{Text: "yes"}}}}}).Tree(), total: max(m.Total.Size(), 1)}
	fmt.Fprintf(d, `<svg class="map" viewBox="0 0 %.0f %.0f" role="group" aria-label="Treemap of %s: each area is a folder or file. The tables below say the same.">`,
		width, height, template.HTMLEscapeString(name))
	d.folder(0, rect{0, 0, width, height}, 0)
	d.WriteString(`</svg>`)
	return template.HTML(d.String()) //nolint:gosec // names are escaped in cell
}

func (d *drawing) folder(folder int, in rect, depth int) {
	rows := d.tree.Children(folder)
	var sizes []int64
	for _, r := range rows {
		if r.Size() > 0 {
			sizes = append(sizes, r.Size()) // the largest first
		}
	}
	halves(sizes, 0, in, func(i int, at rect) {
		deep := rows[i].Folder && depth < maxDepth && at.W > 18 && at.H > 32
		d.cell(rows[i], at, depth, !deep)
		if deep {
			d.folder(rows[i].ID, rect{at.X + 2, at.Y + 16, at.W - 4, at.H - 18}, depth+1)
		}
	})
}

// cell draws a rectangle; the wasted part of one without others in it is hatched.
func (d *drawing) cell(r view.Row, at rect, depth int, leaf bool) {
	class := "cell d" + fmt.Sprint(depth%4)
	path := ""
	if r.Folder {
		path = d.tree.Model.FolderPath(r.ID)
		if base := d.base.Folder(r.ID); base.Size()*2 > r.Size() {
			class += " base"
		}
	} else {
		path = d.tree.Model.Path(r.ID)
		if d.tree.Model.Layers[d.tree.Model.Layer(r.ID)].Base {
			class += " base"
		}
	}
	title := fmt.Sprintf("%s: %s, %s", page.Plain(path), whittle.Bytes(r.Size()), share(r.Size(), d.total))
	if r.Wasted > 0 {
		title += ", " + whittle.Bytes(r.Wasted) + " wasted"
	}
	fmt.Fprintf(d, `<g class="%s"><title>%s</title><rect x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, class, template.HTMLEscapeString(title), at.X, at.Y, at.W, at.H)
	if wasted := at.H * float64(r.Wasted) / float64(max(r.Size(), 1)); wasted > 1 && leaf {
		fmt.Fprintf(d, `<rect class="hatch" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, at.X, at.Y+at.H-wasted, at.W, wasted)
	}
	if fits := int((at.W - 8) / 6.5); fits > 3 && at.H > 14 {
		fmt.Fprintf(d, `<text x="%.1f" y="%.1f">%s</text>`, at.X+4, at.Y+12, template.HTMLEscapeString(whittle.Shorten(page.Plain(r.Name), fits)))
	}
	d.WriteString("</g>")
}
