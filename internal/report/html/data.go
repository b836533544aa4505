package html

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/report/page"
	"whittle.dev/whittle/internal/view"
)

// data are the files as the script gets them: columns, in which a row is a file,
// or the sum of the small ones of a folder and a kind. The rows add up to the
// image.
type data struct {
	Folders struct {
		Name   []string `json:"n"`
		Parent []int    `json:"p"`
	} `json:"folders"`
	// Kinds are what rows have in common: layer, hiding layer, owner, category,
	// cause, extension and set of findings.
	Kinds [][7]int `json:"kinds"`
	Rows  struct {
		Folder []int    `json:"f"`
		Name   []string `json:"n"` // empty for a sum
		Size   []int64  `json:"s"`
		Kind   []int    `json:"k"`
		Files  []int    `json:"c"`
	} `json:"rows"`
	Layers []layerData `json:"layers"`
	// Owners have their name, and the chain of requirements that they are there
	// for.
	Owners [][2]string `json:"owners"`
	// Labels are the names of groups, by what is grouped by.
	Labels struct {
		Package     []string `json:"package"`
		Instruction []string `json:"instruction"`
		Category    []string `json:"category"`
		Extension   []string `json:"extension"`
	} `json:"labels"`
	Causes []string          `json:"causes"`
	Rules  []string          `json:"rules"` // of findings
	Sets   [][]int           `json:"sets"`  // of findings
	Needs  []requirementData `json:"reqs"`
	// Summed counts the files that are only in sums, Below is the size in bytes
	// below which they are.
	Summed int   `json:"summed"`
	Below  int64 `json:"below"`

	text string
}

type layerData struct {
	File     string `json:"f"`
	Line     int    `json:"a"`
	End      int    `json:"z"`
	Base     bool   `json:"b"`
	Size     int64  `json:"s"`
	Download int64  `json:"d"`
}

type requirementData struct {
	Name  string `json:"n"`
	Own   int64  `json:"o"`
	Asked bool   `json:"a"`
	Needs []int  `json:"r"`
}

// What the rows may take in a report: their number, and the bytes of their
// names.
const (
	maxRows    = 40_000
	maxNames   = 1_200_000
	maxRowName = 120
)

// dataOf gives an image's files to the script; images counts those that share the
// space.
func dataOf(m *view.Model, images int) (*data, error) {
	d := &data{Rules: []string{}, Sets: [][]int{}, Needs: []requirementData{}}
	d.Labels.Extension, d.Labels.Category = plainAll(m.Extensions), m.Categories
	for c := whittle.Visible; c <= whittle.Identical; c++ {
		d.Causes = append(d.Causes, c.String())
	}
	for _, l := range m.Layers {
		row := layerData{Base: l.Base, Size: l.Size}
		if l.Origin != nil {
			row.File, row.Line, row.End = page.Plain(l.Origin.File), l.Origin.Line, max(l.Origin.Line, l.Origin.EndLine)
		}
		if l.Download != nil {
			row.Download = *l.Download
		}
		d.Layers = append(d.Layers, row)
		d.Labels.Instruction = append(d.Labels.Instruction, shortName(l.Name))
	}
	why := reasons(m.Requirements)
	for i, o := range m.Owners {
		chain := ""
		if o.Ecosystem == "pypi" {
			chain = why[pep.Normalize(o.Name)]
		}
		d.Owners = append(d.Owners, [2]string{shortName(o.Name), chain})
		d.Labels.Package = append(d.Labels.Package, shortName(m.OwnerNames[i]))
	}
	if m.Advice != nil {
		for _, f := range m.Advice.Findings {
			d.Rules = append(d.Rules, f.Rule)
		}
	}
	if m.Requirements != nil {
		for _, r := range m.Requirements.List {
			d.Needs = append(d.Needs, requirementData{page.Plain(r.Name), r.Own, r.Asked, append([]int{}, r.Needs...)})
		}
	}
	d.rows(m, maxRows/images, maxNames/images)
	b, err := json.Marshal(d)
	d.text = string(b)
	return d, err
}

// shortName is a name for a list.
func shortName(name string) string { return page.Plain(whittle.Shorten(name, 200)) }

// reasons are the chains of requirements, by what they lead to. What is asked for
// itself has none.
func reasons(r *view.Requirements) map[string]string {
	out := map[string]string{}
	if r == nil {
		return out
	}
	for i, q := range r.List {
		if chain := chainOf(r, i); len(chain) > 1 {
			out[pep.Normalize(q.Name)] = strings.Join(chain, " → ")
		}
	}
	return out
}

func chainOf(r *view.Requirements, one int) (names []string) {
	for _, at := range r.Why(one) {
		names = append(names, page.Plain(r.List[at].Name))
	}
	return names
}

func plainAll(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = page.Plain(s)
	}
	return out
}

// rows adds the largest files as rows, and sums up the others: by their folders,
// or by the folders above if these are too many.
func (d *data) rows(m *view.Model, most, mostNames int) {
	order := make([]int, m.Len())
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(-cmp.Compare(m.Size(a), m.Size(b)), cmp.Compare(a, b)) })
	alone, names, cost := 0, 0, folderCost{m, map[int]bool{}}
	for alone < len(order) && alone < most && names <= mostNames {
		names += min(len(m.Name(order[alone])), maxRowName) + 16 + cost.add(m.Folder(order[alone]))
		alone++
	}
	rest := order[alone:]
	if d.Summed = len(rest); d.Summed > 0 {
		d.Below = m.Size(rest[0])
	}
	kinds := d.kinds(m)
	type sumKey struct{ folder, kind int }
	for depth := 12; ; depth-- {
		top, sums, names := foldersAt(m, depth), map[sumKey][2]int64{}, 0
		cost := folderCost{m, maps.Clone(cost.seen)}
		for _, i := range rest {
			k := sumKey{top[m.Folder(i)], kinds[i]}
			names += cost.add(k.folder)
			s := sums[k]
			sums[k] = [2]int64{s[0] + 1, s[1] + m.Size(i)}
		}
		if (len(sums) > most/2 || names > mostNames/2) && depth > 0 {
			continue
		}
		folders := folderIDs{data: d, model: m, known: map[int]int{}}
		slices.Sort(order[:alone])
		for _, i := range order[:alone] {
			d.row(folders.id(m.Folder(i)), whittle.Shorten(page.Plain(m.Name(i)), maxRowName), m.Size(i), kinds[i], 1)
		}
		keys := make([]sumKey, 0, len(sums))
		for k := range sums {
			keys = append(keys, k)
		}
		slices.SortFunc(keys, func(a, b sumKey) int { return cmp.Or(cmp.Compare(a.folder, b.folder), cmp.Compare(a.kind, b.kind)) })
		for _, k := range keys {
			d.row(folders.id(k.folder), "", sums[k][1], k.kind, int(sums[k][0]))
		}
		return
	}
}

// folderCost counts the bytes that folders' names take, each folder once.
type folderCost struct {
	model *view.Model
	seen  map[int]bool
}

func (c *folderCost) add(folder int) (bytes int) {
	for at := folder; at >= 0 && !c.seen[at]; at = c.model.Parent(at) {
		c.seen[at] = true
		p := c.model.FolderPath(at)
		bytes += min(len(p)-strings.LastIndexByte(p, '/'), maxRowName) + 10
	}
	return bytes
}

func (d *data) row(folder int, name string, size int64, kind, files int) {
	r := &d.Rows
	r.Folder, r.Name, r.Size, r.Kind, r.Files = append(r.Folder, folder), append(r.Name, name), append(r.Size, size), append(r.Kind, kind), append(r.Files, files)
}

// foldersAt has for each folder the one above it that is at most so deep.
func foldersAt(m *view.Model, depth int) []int {
	top, deep := make([]int, m.Folders()), make([]int, m.Folders())
	for i := 1; i < m.Folders(); i++ {
		deep[i] = deep[m.Parent(i)] + 1
		if top[i] = i; deep[i] > depth {
			top[i] = top[m.Parent(i)]
		}
	}
	return top
}

// kinds gives each item's position in Kinds.
func (d *data) kinds(m *view.Model) []int {
	sets := d.sets(m)
	known := map[[7]int]int{}
	out := make([]int, m.Len())
	for i := range out {
		cause, hidden := m.Fate(i)
		k := [7]int{m.Layer(i), hidden, m.Owner(i), m.Category(i), int(cause), m.Extension(i), sets[i]}
		n, ok := known[k]
		if !ok {
			n = len(d.Kinds)
			known[k] = n
			d.Kinds = append(d.Kinds, k)
		}
		out[i] = n
	}
	return out
}

// sets gives each item's position in Sets, -1 where no finding is about it.
func (d *data) sets(m *view.Model) []int {
	of := make([]int, m.Len())
	for i := range of {
		of[i] = -1
	}
	type step struct{ set, finding int }
	known := map[step]int{}
	for f := range d.Rules {
		for i := range m.Removed(f) {
			k := step{of[i], f}
			n, ok := known[k]
			if !ok {
				n = len(d.Sets)
				known[k] = n
				var set []int
				if of[i] >= 0 {
					set = slices.Clone(d.Sets[of[i]])
				}
				d.Sets = append(d.Sets, append(set, f))
			}
			of[i] = n
		}
	}
	return of
}

// folderIDs numbers the folders that rows name, and those above them; parents
// come first.
type folderIDs struct {
	data  *data
	model *view.Model
	known map[int]int
}

func (f *folderIDs) id(folder int) int {
	if n, ok := f.known[folder]; ok {
		return n
	}
	parent := -1
	if folder > 0 {
		parent = f.id(f.model.Parent(folder))
	}
	p := f.model.FolderPath(folder)
	n := len(f.data.Folders.Name)
	f.known[folder] = n
	f.data.Folders.Name = append(f.data.Folders.Name, whittle.Shorten(page.Plain(p[strings.LastIndexByte(p, '/')+1:]), maxRowName))
	f.data.Folders.Parent = append(f.data.Folders.Parent, parent)
	return n
}
