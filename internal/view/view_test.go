package view_test

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/view"
)

// layersOf are layers with downloads, one of them of a Dockerfile's line.
func layersOf(n int) []whittle.LayerRow {
	rows := make([]whittle.LayerRow, n)
	for i := range rows {
		download := int64(1000*i + 7)
		rows[i] = whittle.LayerRow{Index: i, CreatedBy: fmt.Sprintf("RUN make %d", i), Download: &download}
		if i > 0 {
			rows[i].Origin = &whittle.Origin{File: "Dockerfile", Line: 10 * i, EndLine: 10*i + 2, Instruction: "RUN"}
		}
	}
	return rows
}

var categories = []string{"base OS", "tests", "Python packages"}

// factsOf are the facts of items, whose sizes the inspection has.
func factsOf(items []view.Item, layers int) view.Facts {
	in := &whittle.Inspection{Image: whittle.ImageFacts{Ref: "app:1"}, Layers: layersOf(layers)}
	for _, it := range items {
		l := &in.Layers[it.Layer]
		l.Size += it.Bytes
		if it.Cause == whittle.Visible {
			in.Sizes.Visible += it.Bytes
			l.Visible += it.Bytes
		} else {
			in.Sizes.Wasted += it.Bytes
			l.Wasted += it.Bytes
		}
	}
	in.Sizes.Size = in.Sizes.Visible + in.Sizes.Wasted
	return view.Facts{Inspection: in, Base: 1, Items: slices.Values(items), Categories: categories,
		Owners:     []whittle.Owner{{Ecosystem: "deb", Name: "libc6"}, {Ecosystem: "pypi", Name: "pandas", Version: "2.3"}, {Ecosystem: "pypi", Name: "scikit_learn"}},
		OwnerNames: []string{"libc6", "pandas 2.3", "scikit_learn"}}
}

func modelOf(t interface{ Fatal(...any) }, items []view.Item, layers int) *view.Model {
	m, err := view.New(factsOf(items, layers))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

const drawnLayers = 4

// drawItems draws contents at few paths, so that they meet.
func drawItems(t *rapid.T) []view.Item {
	name := rapid.SampledFrom([]string{"a", "b", "usr", "Lib", "x.so", "y.so.1", "z.py", "a b", "é", "-n", "\xff"})
	one := rapid.Custom(func(t *rapid.T) view.Item {
		it := view.Item{Path: strings.Join(rapid.SliceOfN(name, 1, 5).Draw(t, "path"), "/"), Layer: rapid.IntRange(0, drawnLayers-1).Draw(t, "layer"), HiddenBy: -1,
			Bytes: rapid.SampledFrom([]int64{0, 1, 999, 1000, 1001, 123456789, 5 << 40}).Draw(t, "bytes"), Cause: whittle.Cause(rapid.IntRange(0, 4).Draw(t, "cause")),
			Entry: rapid.IntRange(0, 1000).Draw(t, "entry"),
			Owner: rapid.IntRange(0, 2).Draw(t, "owner"), Category: rapid.IntRange(0, len(categories)-1).Draw(t, "category"), Names: rapid.IntRange(0, 2).Draw(t, "names")}
		if it.Cause != whittle.Visible {
			it.HiddenBy = drawnLayers - 1
		}
		return it
	})
	return rapid.SliceOfN(one, 0, 60).Draw(t, "items")
}

// drawQuery draws a query that people could type, or a text that has its parts.
func drawQuery(t *rapid.T) view.Query {
	term := rapid.SampledFrom([]string{"a", "usr/", "B", `"a b"`, `-"-n"`, "é", "path:/usr", "path:/a/b/", "path:*.so", "path:usr/?", "path:b", "-path:/", "size:>1kB", "size:<=999", "size:1..1000,0",
		"-size:1000", "pkg:pandas", "pkg:Scikit.Learn", "pkg:*", "pkg:libc6,pandas", "cat:pack", "cat:tests", "ext:so", "ext:.PY,none", "wasted:yes", "wasted:no", "-wasted:deleted",
		"wasted:replaced,metadata", "line:12", "line:5..21", "line:Dockerfile:30", "layer:0", "layer:>1", "base:no", "-base:no", "base:yes", "rule:docs"})
	text := strings.Join(rapid.SliceOfN(term, 0, 4).Draw(t, "terms"), " ")
	q, err := view.ParseQuery(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return q
}

// TestRowsSum: whatever is selected, the rows of each grouping and of each folder
// add up to it; what a query selects and what it does not are the image.
func TestRowsSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := drawItems(t)
		m := modelOf(t, items, drawnLayers)
		if s := m.Inspection.Sizes; m.Total.Size() != s.Size || m.Total.Visible != s.Visible || m.Len() != len(items) || m.Total.Files != len(items) {
			t.Fatalf("the head line has %+v, the items %+v", s, m.Total)
		}
		q := drawQuery(t)
		s := m.Select(q)
		for _, key := range view.Keys() {
			rows := s.By(key)
			if got := sumOf(rows); got != s.Sum {
				t.Errorf("%s by %s: rows have %+v, the selection %+v", q, key, got, s.Sum)
			}
			for _, r := range rows {
				if in := s.In(key, r.ID); in.Sum != r.Sum {
					t.Errorf("%s in %s %q: %+v, the row has %+v", q, key, r.Name, in.Sum, r.Sum)
				}
			}
		}
		tree := s.Tree()
		if tree.Folder(0) != s.Sum {
			t.Errorf("%s: the root has %+v, the selection %+v", q, tree.Folder(0), s.Sum)
		}
		for folder := range m.Folders() {
			if got := sumOf(tree.Children(folder)); got != tree.Folder(folder) || s.Below(folder).Sum != got {
				t.Errorf("%s: %s has %+v, its rows %+v, all below %+v", q, m.FolderPath(folder), tree.Folder(folder), got, s.Below(folder).Sum)
			}
		}
		selected := 0
		for i := range m.Len() {
			if s.Has(i) {
				selected++
			}
		}
		if selected != s.Sum.Files || len(slices.Collect(s.Items())) != selected {
			t.Errorf("%s: %d files are selected, the sum has %d", q, selected, s.Sum.Files)
		}
	})
}

func sumOf(rows []view.Row) (sum view.Sum) {
	for _, r := range rows {
		sum.Files += r.Files
		sum.Visible += r.Visible
		sum.Wasted += r.Wasted
		sum.Download += r.Download
	}
	return sum
}

// TestSelect compares each term with what it says of an item, item for item.
func TestSelect(t *testing.T) {
	has := map[string]func(it view.Item) bool{
		"usr":            func(it view.Item) bool { return strings.Contains(it.Path, "usr") },
		"LIB":            func(it view.Item) bool { return strings.Contains(it.Path, "Lib") },
		"usr/a":          func(it view.Item) bool { return strings.Contains(it.Path, "usr/a") },
		"/usr":           func(it view.Item) bool { return strings.Contains("/"+it.Path, "/usr") },
		"-b":             func(it view.Item) bool { return !strings.Contains(strings.ToLower(it.Path), "b") },
		`"a b"`:          func(it view.Item) bool { return strings.Contains(it.Path, "a b") },
		"path:/usr":      func(it view.Item) bool { return whittle.Under(it.Path, "usr") },
		"path:/usr/Lib/": func(it view.Item) bool { return whittle.Under(it.Path, "usr/Lib") },
		"path:/":         func(view.Item) bool { return true },
		"path:*.so": func(it view.Item) bool {
			return slices.ContainsFunc(strings.Split(it.Path, "/"), func(s string) bool { return strings.HasSuffix(s, ".so") })
		},
		"path:/?/*":                func(it view.Item) bool { return strings.Index(it.Path, "/") == 1 },
		"size:>999":                func(it view.Item) bool { return it.Bytes > 999 },
		"size:1kB..1001":           func(it view.Item) bool { return it.Bytes == 1000 || it.Bytes == 1001 },
		"size:0,999":               func(it view.Item) bool { return it.Bytes == 0 || it.Bytes == 999 },
		"pkg:PANDAS":               func(it view.Item) bool { return it.Owner == 1 },
		"pkg:scikit-learn":         func(it view.Item) bool { return it.Owner == 2 },
		"pkg:*a*":                  func(it view.Item) bool { return it.Owner > 0 },
		"cat:python":               func(it view.Item) bool { return it.Category == 2 },
		"ext:SO":                   func(it view.Item) bool { return whittle.Extension(it.Path) == ".so" },
		"ext:none":                 func(it view.Item) bool { return whittle.Extension(it.Path) == "(none)" },
		"wasted:yes":               func(it view.Item) bool { return it.Cause != whittle.Visible },
		"wasted:deleted,identical": func(it view.Item) bool { return it.Cause == whittle.Deleted || it.Cause == whittle.Identical },
		"line:11":                  func(it view.Item) bool { return it.Layer == 1 },
		"line:12..20":              func(it view.Item) bool { return it.Layer == 1 || it.Layer == 2 },
		"line:other:11":            func(view.Item) bool { return false },
		"layer:<2":                 func(it view.Item) bool { return it.Layer < 2 },
		"base:yes":                 func(it view.Item) bool { return it.Layer == 0 },
		"base:no usr layer:>=2":    func(it view.Item) bool { return it.Layer >= 2 && strings.Contains(it.Path, "usr") },
		"":                         func(view.Item) bool { return true },
	}
	rapid.Check(t, func(t *rapid.T) {
		items := drawItems(t)
		m := modelOf(t, items, drawnLayers)
		for text, want := range has {
			q, err := view.ParseQuery(text)
			if err != nil {
				t.Fatal(err)
			}
			var sum view.Sum
			for _, it := range items {
				if !want(it) {
					continue
				}
				sum.Files++
				if it.Cause == whittle.Visible {
					sum.Visible += it.Bytes
				} else {
					sum.Wasted += it.Bytes
				}
			}
			got := m.Select(q).Sum
			if got.Download = 0; got != sum {
				t.Errorf("%q selects %+v, want %+v", text, got, sum)
			}
		}
	})
}

// TestDownload: the shares of a layer's files add up to its blob.
func TestDownload(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := modelOf(t, drawItems(t), drawnLayers)
		for i, l := range m.Layers {
			got := m.All().In(view.ByInstruction, i).Sum
			if want := *l.Download; got.Size() > 0 && got.Download != want || got.Size() == 0 && got.Download != 0 {
				t.Errorf("layer %d of %d bytes: %d downloaded, want %d", i, got.Size(), got.Download, want)
			}
		}
	})
}

// TestWithout: what is left is what has other paths, and undoing brings all back.
func TestWithout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := drawItems(t)
		m := modelOf(t, items, drawnLayers)
		w := m.Without()
		gone := map[string]bool{}
		var saved int64
		for range rapid.IntRange(0, 3).Draw(t, "steps") {
			s := m.Select(drawQuery(t))
			for i := range s.Items() {
				gone[m.Path(i)] = true
			}
			saved += w.Remove(s).Size()
		}
		var left, linked int64
		for _, it := range items {
			switch {
			case !gone["/"+it.Path]:
				left += it.Bytes
			case it.Names > 1:
				linked += it.Bytes
			}
		}
		if w.Size() != left || w.Linked != linked || saved != w.Sum.Size() {
			t.Errorf("without %v: %d bytes are left, want %d; %d linked, want %d; the steps save %d, all %d", gone, w.Size(), left, w.Linked, linked, saved, w.Sum.Size())
		}
		for w.Undo() {
		}
		if w.Size() != m.Total.Size() || w.Sum != (view.Sum{}) || w.Linked != 0 {
			t.Errorf("undone, %+v is gone", w.Sum)
		}
	})
}

// TestJoin: the differences of groups add up to that of the images.
func TestJoin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := drawQuery(t)
		a, b := modelOf(t, drawItems(t), drawnLayers).Select(q), modelOf(t, drawItems(t), drawnLayers).Select(q)
		rows := [][2][]view.Row{{a.Tree().Children(0), b.Tree().Children(0)}}
		for _, key := range view.Keys() {
			rows = append(rows, [2][]view.Row{a.By(key), b.By(key)})
		}
		for _, r := range rows {
			var delta int64
			for _, p := range view.Join(r[0], r[1]) {
				delta += p.Delta()
			}
			if delta != b.Sum.Size()-a.Sum.Size() {
				t.Errorf("the rows differ by %d, the images by %d", delta, b.Sum.Size()-a.Sum.Size())
			}
		}
	})
}

// TestItems: each item is found again as it was given.
func TestItems(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := drawItems(t)
		m := modelOf(t, items, drawnLayers)
		key := func(path string, layer int, size int64, cause whittle.Cause, hidden, owner, category int, linked bool) string {
			return fmt.Sprintf("%q %d %d %s %d %d %d %t", path, layer, size, cause, hidden, owner, category, linked)
		}
		var want, got []string
		for _, it := range items {
			want = append(want, key("/"+it.Path, it.Layer, it.Bytes, it.Cause, it.HiddenBy, it.Owner, it.Category, it.Names > 1))
		}
		for i := range m.Len() {
			cause, hidden := m.Fate(i)
			got = append(got, key(m.Path(i), m.Layer(i), m.Size(i), cause, hidden, m.Owner(i), m.Category(i), m.Linked(i)))
			if folder, ok := m.FindFolder(path.Dir(m.Path(i))); !ok || folder != m.Folder(i) || m.Name(i) != path.Base(m.Path(i)) {
				t.Errorf("%q is in folder %d, by its path in %d", m.Path(i), m.Folder(i), folder)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// TestFindings: what a finding would remove is found by its rule.
func TestFindings(t *testing.T) {
	f := factsOf([]view.Item{{Path: "a", Bytes: 5, HiddenBy: -1}, {Path: "b/c", Bytes: 7, Layer: 1, Entry: 3, HiddenBy: -1}, {Path: "b/d", Bytes: 11, Layer: 1, Entry: 4, HiddenBy: -1}}, 2)
	change := func(contents ...whittle.Content) whittle.LayerChange { return whittle.LayerChange{Remove: contents} }
	f.Advice = &whittle.Advice{Findings: []whittle.Finding{
		{Rule: "docs", Change: change(whittle.Content{Layer: 1, Entry: 4}, whittle.Content{Layer: 0, Entry: 9})},
		{Rule: "docs", Change: change(whittle.Content{})},
		{Rule: "tests", Change: change(whittle.Content{Layer: 1, Entry: 3}, whittle.Content{Layer: 1, Entry: 4})}}}
	m, err := view.New(f)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int64{"rule:docs": 16, "rule:tests": 18, "-rule:tests": 5, "rule:doc": 0} {
		if q, err := view.ParseQuery(text); err != nil || m.Select(q).Sum.Size() != want {
			t.Errorf("%s: %d bytes, %v, want %d", text, m.Select(q).Sum.Size(), err, want)
		}
	}
	if i := slices.Collect(m.All().Items())[2]; m.Path(i) != "/b/d" || !slices.Equal(m.FindingsOf(i), []int{0, 2}) {
		t.Errorf("%s: findings %v", m.Path(i), m.FindingsOf(i))
	}
}

// TestContradiction: facts that do not add up make no model.
func TestContradiction(t *testing.T) {
	for name, spoil := range map[string]func(*view.Facts){
		"size":     func(f *view.Facts) { f.Inspection.Sizes.Visible++ },
		"layer":    func(f *view.Facts) { f.Inspection.Layers = nil },
		"owner":    func(f *view.Facts) { f.Owners, f.OwnerNames = nil, nil },
		"names":    func(f *view.Facts) { f.OwnerNames = f.OwnerNames[1:] },
		"category": func(f *view.Facts) { f.Categories = nil },
	} {
		f := factsOf([]view.Item{{Path: "a", Bytes: 5, HiddenBy: -1}}, 1)
		spoil(&f)
		if _, err := view.New(f); err == nil || !strings.Contains(err.Error(), "app:1") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRequirements(t *testing.T) {
	r := &view.Requirements{List: []view.Requirement{
		{Name: "app", Own: 1, Retained: 16, By: -1, Needed: true, Asked: true, Needs: []int{1, 2}},
		{Name: "Pandas_Ext", Own: 2, Retained: 10, By: 0, Needed: true, Needs: []int{3}},
		{Name: "six", Own: 5, Retained: 5, By: 0, Needed: true, Needs: []int{2}},
		{Name: "numpy", Own: 8, Retained: 8, By: 1, Needed: true},
		{Name: "left", Own: 9, By: -1},
	}}
	if got := [][]int{r.Dominated(-1), r.Dominated(0), r.Needing(3), r.Needing(2), r.Why(3), r.Why(0), r.Why(4)}; fmt.Sprint(got) != "[[0] [1 2] [1] [0] [0 1 3] [0] []]" {
		t.Errorf("%v", got)
	}
	if i, ok := r.Find("pandas.ext"); !ok || i != 1 {
		t.Errorf("pandas.ext is %d, %t", i, ok)
	}
}

// TestOnly: single items are selected once each, and none is an empty selection.
func TestOnly(t *testing.T) {
	items := []view.Item{{Path: "a", HiddenBy: -1, Bytes: 5, Names: 1}, {Path: "b/c", HiddenBy: -1, Bytes: 7, Names: 1}}
	in := &whittle.Inspection{Sizes: whittle.Sizes{Size: 12, Visible: 12}, Layers: []whittle.LayerRow{{Size: 12, Visible: 12}}}
	m, err := view.New(view.Facts{Inspection: in, Owners: []whittle.Owner{{Name: "x"}}, OwnerNames: []string{"x"}, Categories: []string{"y"}, Items: slices.Values(items)})
	if err != nil {
		t.Fatal(err)
	}
	for want, s := range map[int64]*view.Selection{0: m.Only(), 12: m.Only(0, 1, 0), 5: m.Only(0)} {
		if s.Sum.Size() != want {
			t.Errorf("%d bytes are selected, want %d", s.Sum.Size(), want)
		}
	}
}

// TestWithoutLinear: one path many times in a layer costs as much as other paths.
func TestWithoutLinear(t *testing.T) {
	imagetest.Linear(t, imagetest.Growth{Name: "one path", Most: 100_000, Make: func(n int) func() {
		items := make([]view.Item, n)
		for i := range items {
			items[i] = view.Item{Path: "same", Entry: i, HiddenBy: 0, Cause: whittle.Replaced, Bytes: 1}
		}
		size := int64(n)
		in := &whittle.Inspection{Sizes: whittle.Sizes{Size: size, Wasted: size}, Layers: []whittle.LayerRow{{Size: size, Wasted: size}}}
		m, err := view.New(view.Facts{Inspection: in, Owners: []whittle.Owner{{Name: "x"}}, OwnerNames: []string{"x"}, Categories: []string{"y"}, Items: slices.Values(items)})
		if err != nil {
			t.Fatal(err)
		}
		return func() { m.Without().Remove(m.All()) }
	}})
}
