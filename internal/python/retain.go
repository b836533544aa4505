package python

import (
	"path"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
)

// Retain says of each Python distribution of the rows what it keeps in the image.
// The application's own distributions keep nothing: what they require is asked for.
func (g *Graph) Retain(rows []whittle.PackageRow) {
	if g == nil {
		return
	}
	rowOf, sizes := g.Rows(rows)
	roots := g.Asked()
	requested := map[int]bool{}
	for _, r := range roots {
		requested[r] = true
	}
	kept := g.Retained(sizes, roots)
	brings := brought(kept)
	for i, r := range kept {
		if rowOf[i] < 0 || !r.Needed {
			continue
		}
		row := &rows[rowOf[i]]
		size := r.Size
		row.Retained, row.Requested, row.Brings = &size, requested[i], brings[i]
	}
}

// Rows are the positions of the distributions' rows, -1 of those that have none,
// and their visible sizes.
func (g *Graph) Rows(rows []whittle.PackageRow) (rowOf []int, sizes []int64) {
	type name struct{ name, version string }
	at := map[name]int{}
	for i, r := range rows {
		if r.Ecosystem == "pypi" {
			at[name{r.Name, r.Version}] = i
		}
	}
	rowOf, sizes = make([]int, len(g.Distributions)), make([]int64, len(g.Distributions))
	for i, d := range g.Distributions {
		rowOf[i] = -1
		if d.VendoredBy != "" {
			continue
		}
		n := name{whittle.Printable(d.Name), whittle.Printable(d.Version)}
		if row, ok := at[n]; ok {
			rowOf[i], sizes[i] = row, rows[row].Visible
			delete(at, n) // in another folder it is there once more
		}
	}
	return rowOf, sizes
}

// Asked are the distributions that were not installed as a dependency: those that
// the project or its own distributions require, those that nothing requires, and
// those that the installer was told to install, if it was not told to install
// nearly everything, as from a lock file.
func (g *Graph) Asked() []int {
	own := make([]bool, len(g.Distributions))
	names := map[string]bool{}
	for _, d := range g.Distributions {
		if d.VendoredBy == "" && (d.Local || d.Editable) {
			names[pep.Normalize(d.Name)] = true
		}
	}
	for i, d := range g.Distributions {
		own[i] = d.VendoredBy == "" && names[pep.Normalize(d.Name)] // what its build left beside the sources, too
	}
	seen := make([]bool, len(g.Distributions))
	var out []int
	add := func(i int) {
		if i >= 0 && !own[i] && !seen[i] {
			seen[i] = true
			out = append(out, i)
		}
	}
	for _, e := range g.Edges {
		if e.From < 0 || own[e.From] {
			add(e.To)
		}
	}
	for _, i := range g.Roots() {
		add(i)
	}
	var told []int
	others := 0
	for i, d := range g.Distributions {
		switch first, ok := g.Find(d.Name); {
		case !ok || first != i || own[i] || seen[i]:
		case isRequested(&d):
			told = append(told, i)
		default:
			others++
		}
	}
	if len(told) < others {
		for _, i := range told {
			add(i)
		}
	}
	return out
}

// isRequested says that the installer was told to install a distribution.
// https://peps.org/pep-0376/#requested
func isRequested(d *Distribution) bool {
	return slices.Contains(d.Files, path.Join(d.Record, "REQUESTED"))
}

// brought counts what is needed only because of each distribution.
func brought(kept []Retained) []int {
	out := make([]int, len(kept))
	for i := range kept {
		for by, n := kept[i].By, 0; by >= 0 && n < len(kept); by, n = kept[by].By, n+1 {
			out[by]++
		}
	}
	return out
}
