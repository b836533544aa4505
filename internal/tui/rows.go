package tui

import (
	"cmp"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/view"
)

// order is what rows are sorted by.
type order int

const (
	bySize order = iota
	byWasted
	byFiles
	byName
	orders = 4
)

func (o order) String() string { return [...]string{"size", "wasted", "files", "name"}[o] }

// row is a line of a list: a group, a folder or a file, beside that of the other
// image (A) where two are compared. At least one of the two is there.
type row = view.Pair

// own is a row of this image alone, or of the other where only that has it; its
// sums are then none.
func own(r row) view.Row {
	if r.B != nil {
		return *r.B
	}
	return view.Row{Name: r.Name, ID: -1, Folder: r.A.Folder}
}

// shape is what the lists are about: it takes a pass over all files to answer.
type shape struct {
	query string
	by    view.Key
	group string // "" is all groups
	both  bool
}

// answer are the lists of a shape.
type answer struct {
	shape
	side, other *side
	groups      []row
	err         error
}

// side is what one image has of a shape.
type side struct {
	all    *view.Selection // that match the query
	rows   []view.Row      // the groups
	inside *view.Selection // of them, those in the group
	tree   *view.Tree
}

// ask answers for an image, and for another one if the shape has both. What
// does not match the query counts nowhere.
func ask(m, other *view.Model, s shape, last *answer) *answer {
	a := &answer{shape: s}
	var before *view.Selection
	if last != nil && last.err == nil && last.query == s.query {
		before = last.side.all
	}
	side, err := look(m, s, before)
	if err != nil {
		a.err = err
		return a
	}
	a.side = side
	if s.both && other != nil {
		a.other, _ = look(other, s, nil) // the query was read above
	}
	if a.other != nil {
		a.groups = view.Join(a.other.rows, a.side.rows)
	} else {
		a.groups = single(a.side.rows)
	}
	return a
}

func look(m *view.Model, s shape, all *view.Selection) (*side, error) {
	if all == nil {
		q, err := view.ParseQuery(s.query)
		if err != nil {
			return nil, err
		}
		all = m.Select(q)
	}
	out := &side{all: all, rows: all.By(s.by), inside: all}
	if s.group != "" {
		id := -1 // which selects nothing
		if at := slices.IndexFunc(out.rows, func(r view.Row) bool { return r.Name == s.group }); at >= 0 {
			id = out.rows[at].ID
		}
		out.inside = all.In(s.by, id)
	}
	out.tree = out.inside.Tree()
	return out, nil
}

func single(rows []view.Row) []row {
	out := make([]row, len(rows))
	for i := range rows {
		out[i] = row{Name: rows[i].Name, B: &rows[i]}
	}
	return out
}

// children are the contents of a folder. They add up to it.
func (a *answer) children(path string) []row {
	if a.side == nil {
		return nil
	}
	rows := a.side.children(path)
	if a.other != nil {
		return view.Join(a.other.children(path), rows)
	}
	return single(rows)
}

func (s *side) children(path string) []view.Row {
	if f, ok := s.all.Model.FindFolder(path); ok {
		return s.tree.Children(f)
	}
	return nil
}

// descend goes down from a folder as long as there is nothing but one folder in
// it.
func (a *answer) descend(path string) string {
	for {
		rows := a.children(path)
		if len(rows) != 1 || !own(rows[0]).Folder {
			break
		}
		path = strings.TrimSuffix(path, "/") + "/" + rows[0].Name
	}
	return path
}

// sums are those of what is shown, in both images.
func (a *answer) sums() (now, before view.Sum) {
	if a.side == nil {
		return view.Sum{}, view.Sum{}
	}
	if a.other != nil {
		before = a.other.all.Sum
	}
	return a.side.all.Sum, before
}

// sortRows puts the largest first, of two images the largest difference. Equal
// ones are sorted by name.
func sortRows(rows []row, by order) {
	value := func(r *view.Row) int64 {
		switch {
		case r == nil:
			return 0
		case by == byWasted:
			return r.Wasted
		case by == byFiles:
			return int64(r.Files)
		case by == byName:
			return 0
		}
		return r.Size()
	}
	rank := func(r row) int64 {
		d := value(r.B) - value(r.A)
		return max(d, -d)
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		return cmp.Or(-cmp.Compare(rank(a), rank(b)), strings.Compare(a.Name, b.Name))
	})
}

// sortBy puts the largest first, then sorts by name.
func sortBy(list []int, size func(int) int64, name func(int) string) {
	slices.SortFunc(list, func(a, b int) int {
		return cmp.Or(-cmp.Compare(size(a), size(b)), strings.Compare(name(a), name(b)))
	})
}
