package layer

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/rule/analysis"
)

// DuplicateFiles is the rule duplicate-files: the same content at several
// paths.
func DuplicateFiles() analysis.Rule {
	return analysis.Rule{
		ID:    "duplicate-files",
		Title: "The same content at several paths",
		Text: `If N files have the same content, one is enough. Wheels contain the libraries that they were linked with, each its own copy; an
application that is both installed and copied is in the image twice. Install the application or copy it, not both; choose wheels that
share a library. There is no fix, because only a run shows which of the copies is read.`,
		Before: "RUN pip install .\nCOPY . /app\n",
		After:  "RUN pip install .\nCOPY data /app/data\n",
		Run:    findDuplicates,
	}
}

// sameFiles are two folders with files that have the same contents and the same
// paths below them; items are those in the second.
type sameFiles struct {
	first, second string
	items, kept   []int
}

func findDuplicates(p *analysis.Pass) []whittle.Finding {
	if p.Ledger == nil {
		return nil
	}
	var out []whittle.Finding
	for _, t := range findSameFiles(p) {
		size := p.Layers.Bytes(t.items)
		if size < analysis.MinBytes {
			continue
		}
		f := whittle.Finding{
			Message: fmt.Sprintf("%s holds %s in %s that %s holds too", named(t.second), whittle.Bytes(size), analysis.FileCount(len(t.items)), named(t.first)),
			Change:  p.Layers.Removal(t.items), Risk: whittle.RiskHigh,
			Caution:     "only a run shows which of the copies is read",
			Advice:      "keep one of the copies",
			Evidence:    append(p.Layers.Places(t.items), copies(p, t.kept)...),
			Fingerprint: whittle.Fingerprint("duplicate-files", t.first, t.second),
		}
		if t.first == t.second {
			f.Message = fmt.Sprintf("%s holds %s in %s that are copies of others there", named(t.second), whittle.Bytes(size), analysis.FileCount(len(t.items)))
		}
		f.Change.Plus = size // both may be needed where they are
		a, b := p.Owner[t.kept[0]], p.Owner[t.items[0]]
		switch {
		case a.Ecosystem == "pypi" && b.Ecosystem == "pypi" && a.Name != b.Name:
			f.Advice = fmt.Sprintf("%s and %s bring the same: builds of them that share it, as those of conda or the system, have one copy", a.Name, b.Name)
		case (a.Ecosystem == "pypi") != (b.Ecosystem == "pypi") && (a.Ecosystem == "app" || b.Ecosystem == "app"):
			f.Advice = "install the application or copy its source, not both"
		}
		out = append(out, f)
	}
	return out
}

// named is a folder in a message.
func named(folder string) string { return "/" + folder }

// copies are the files that are kept, as evidence without bytes, because
// removing them saves nothing.
func copies(p *analysis.Pass, items []int) []whittle.Evidence {
	out := p.Layers.Places(items)
	for i := range out {
		out[i].Bytes, out[i].What = 0, "the copy that stays"
	}
	return out[:min(len(out), 5)]
}

// findSameFiles finds the visible contents that are at several paths, the
// largest sum first. Hard links count once. The first copy, by layer, is kept;
// the others are duplicates if they are above the base image.
func findSameFiles(p *analysis.Pass) []sameFiles {
	type content struct {
		sum  [32]byte
		size int64
	}
	groups := map[content][]int{}
	for _, i := range p.Layers.Visible(func(i int) bool { return true }) {
		e := &p.Indexes[p.Ledger.Items[i].Layer].Entries[p.Ledger.Items[i].Entry]
		if e.Content != [32]byte{} {
			key := content{e.Content, e.Size}
			groups[key] = append(groups[key], i)
		}
	}
	all := map[[2]string]*sameFiles{}
	for _, items := range groups {
		for _, i := range items[1:] {
			if p.Layers.IsBase(p.Ledger.Items[i].Layer) {
				continue
			}
			first, second := distinctFolders(p.Ledger.Items[items[0]].Path, p.Ledger.Items[i].Path)
			key := [2]string{first, second}
			if all[key] == nil {
				all[key] = &sameFiles{first: first, second: second}
			}
			all[key].items = append(all[key].items, i)
			all[key].kept = append(all[key].kept, items[0])
		}
	}
	var out []sameFiles
	for _, key := range slices.SortedFunc(maps.Keys(all), func(a, b [2]string) int {
		return cmp.Or(cmp.Compare(p.Layers.Bytes(all[b].items), p.Layers.Bytes(all[a].items)), strings.Compare(a[0], b[0]), strings.Compare(a[1], b[1]))
	}) {
		t := all[key]
		slices.Sort(t.items)
		slices.Sort(t.kept)
		out = append(out, *t)
	}
	return out
}

// distinctFolders are two paths without their common last folders and name; if
// their names differ, they are the folders.
func distinctFolders(a, b string) (first, second string) {
	for path.Base(a) == path.Base(b) && path.Dir(a) != "." && path.Dir(b) != "." {
		a, b = path.Dir(a), path.Dir(b)
		first, second = a, b
	}
	if first == "" {
		return path.Dir(a), path.Dir(b)
	}
	return first, second
}
