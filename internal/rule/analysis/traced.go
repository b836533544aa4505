package analysis

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
)

// Traced is what a trace of an image's runs says of its files. Without a trace nothing
// was touched, as far as is known, and there is no evidence.
type Traced struct {
	trace *whittle.Trace
	facts *Facts
	// how is how the visible items were touched, by any of their names.
	how []whittle.Touch
	// same says of each owner whether the image has as much of it as the traced one.
	same map[whittle.Owner]bool
	// used are the distributions of which a file was touched, by their normalized names.
	used map[string]bool
}

func newTraced(f *Facts) *Traced {
	t := &Traced{trace: f.Trace, facts: f, same: map[whittle.Owner]bool{}, used: map[string]bool{}}
	if f.Trace == nil || f.Ledger == nil || f.Ledger.Tree == nil {
		t.trace = nil
		return t
	}
	t.how = make([]whittle.Touch, len(f.Ledger.Items))
	for _, n := range f.Ledger.Tree.Nodes {
		if _, file := metadataFile(n.Path); n.Item >= 0 && file != entryPoints {
			t.how[n.Item] |= f.Trace.How(n.Path)
		}
	}
	listed := t.listed()
	files, bytes := map[whittle.Owner]int{}, map[whittle.Owner]int64{}
	for i, it := range f.Ledger.Items {
		if it.Cause == whittle.Visible && i < len(f.Owner) {
			files[f.Owner[i]]++
			bytes[f.Owner[i]] += it.Bytes
		}
	}
	for _, o := range f.Trace.Owners {
		t.same[o.Owner] = files[o.Owner] == o.Files && bytes[o.Owner] == o.Bytes
		if name := pep.Normalize(o.Name); o.Ecosystem == "pypi" && o.TouchedFiles > listed[name] {
			t.used[name] = true
		}
	}
	return t
}

// entryPoints is the file with a distribution's entry points.
const entryPoints = "entry_points.txt"

// metadataFile is a file in the folder of a distribution's metadata, with the
// distribution's normalized name; both are empty for other paths.
func metadataFile(at string) (name, file string) {
	dir, base := path.Split(at)
	stem, ok := strings.CutSuffix(path.Base(dir), ".dist-info")
	if !ok {
		return "", ""
	}
	name, _, _ = strings.Cut(stem, "-")
	return pep.Normalize(name), base
}

// listed counts the files of each distribution that were touched only because a run listed
// what is installed, which is no use of one distribution:
//   - whoever looks for plug-ins, as pytest and Flask do, reads the entry points of all.
//     What is found there and loaded is touched itself;
//   - importlib.metadata.distributions() reads the METADATA of all, and its caller then
//     perhaps more of the metadata of some;
//   - importlib.metadata.files() reads a RECORD and asks of each file whether it exists.
//
// https://docs.python.org/3/library/importlib.metadata.html
func (t *Traced) listed() map[string]int {
	known, recorded := map[string]bool{}, map[string]bool{} // whose METADATA and RECORD were read
	for _, p := range t.trace.Touched {
		if name, file := metadataFile(p.Path); p.How.Read() {
			known[name] = known[name] || file == "METADATA"
			recorded[name] = recorded[name] || file == "RECORD"
		}
	}
	all, several := true, 0
	for _, o := range t.trace.Owners {
		if o.Ecosystem == "pypi" {
			all = all && known[pep.Normalize(o.Name)]
			several++
		}
	}
	all = all && several > 1
	out := map[string]int{}
	for _, p := range t.trace.Touched {
		if name, file := metadataFile(p.Path); file == entryPoints || file != "" && all {
			out[name]++
		}
	}
	for i, it := range t.facts.Ledger.Items {
		if it.Cause != whittle.Visible || i >= len(t.facts.Owner) || t.facts.Owner[i].Ecosystem != "pypi" {
			continue
		}
		name := pep.Normalize(t.facts.Owner[i].Name)
		if _, file := metadataFile(it.Path); all && recorded[name] && file == "" && t.how[i] != 0 && !t.how[i].Read() {
			out[name]++
		}
	}
	return out
}

// Item says that an item was touched: it is never proposed to go.
func (t *Traced) Item(i int) bool { return t.trace != nil && t.how[i] != 0 }

// Distribution says that runs used a distribution, in whatever version the traced image had
// it, so that it is never proposed to go. Runs that are repeated without it show that
// better: many libraries import what they go on without.
func (t *Traced) Distribution(name string) bool {
	return !t.facts.Repeated && t.used[pep.Normalize(name)]
}

// Evidence says that no run touched any of some items. It says nothing if one was, or if
// the traced image had others of an owner than this one: then the trace is no evidence.
func (t *Traced) Evidence(items []int) []whittle.Evidence {
	if t.trace == nil || len(t.trace.Runs) == 0 {
		return nil
	}
	visible := false
	for _, i := range items {
		if t.facts.Ledger.Items[i].Cause != whittle.Visible {
			continue
		}
		if t.how[i] != 0 || !t.same[t.facts.Owner[i]] {
			return nil
		}
		visible = true
	}
	if !visible {
		return nil
	}
	return []whittle.Evidence{{Layer: -1, What: "no traced run touched a file of it: " + t.runs()}}
}

// maxRuns is how many runs are named.
const maxRuns = 4

func (t *Traced) runs() string {
	var names []string
	for _, r := range t.trace.Runs {
		name := whittle.Shorten(whittle.OneLine(r.Name), 40)
		if r.Problem != "" {
			name += " (failed)"
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if n := len(names); n > maxRuns {
		return strings.Join(names[:maxRuns], ", ") + fmt.Sprintf(" and %d more", n-maxRuns)
	}
	return strings.Join(names, ", ")
}
