package analysis

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"whittle.dev/whittle"
)

// TestTraced: what a run touched is not proposed, whatever build it was of; that no run
// touched something is evidence only of what the image has exactly so.
func TestTraced(t *testing.T) {
	alpha, beta := whittle.Owner{Ecosystem: "pypi", Name: "Alpha_X", Version: "1"}, whittle.Owner{Ecosystem: "pypi", Name: "beta", Version: "2"}
	facts := func(trace *whittle.Trace) *Facts {
		return &Facts{Trace: trace, Owner: []whittle.Owner{alpha, alpha, beta, beta}, Ledger: &whittle.Ledger{
			Items: []whittle.Item{{Path: "a/one", Bytes: 1, HiddenBy: -1}, {Path: "a/two", Bytes: 2, HiddenBy: -1}, {Path: "b/one", Bytes: 4, HiddenBy: -1}, {Path: "b/gone", Bytes: 8, Cause: whittle.Deleted}},
			Tree:  &whittle.Tree{Nodes: []whittle.Node{{Path: "a/link", Item: 1}, {Path: "a/one", Item: 0}, {Path: "a/two", Item: 1}, {Path: "b/one", Item: 2}}}}}
	}
	runs := []whittle.TraceRun{{Name: "CMD"}, {Name: "import", Problem: "exit code 1"}}
	trace := func(alphaTouched int, b whittle.TraceOwner, paths ...string) *whittle.Trace {
		out := &whittle.Trace{Runs: runs, Owners: []whittle.TraceOwner{{Owner: alpha, Files: 2, Bytes: 3, TouchedFiles: alphaTouched}, b}}
		for _, p := range paths {
			out.Touched = append(out.Touched, whittle.TouchedPath{Path: p, How: whittle.TouchStat})
		}
		return out
	}
	same := whittle.TraceOwner{Owner: beta, Files: 1, Bytes: 4}
	for name, c := range map[string]struct {
		trace    *whittle.Trace
		item     int
		touched  bool
		evidence bool // of beta's files
		used     bool // alpha
	}{
		"no trace":                   {nil, 0, false, false, false},
		"no runs":                    {&whittle.Trace{Owners: []whittle.TraceOwner{same}}, 2, false, false, false},
		"touched":                    {trace(1, same, "/a/one"), 0, true, true, true},
		"another file":               {trace(1, same, "/a/one"), 1, false, true, true},
		"by another name":            {trace(1, same, "/a/link"), 1, true, true, true},
		"beta itself":                {trace(0, same, "/b/one"), 2, true, false, false},
		"a folder alone":             {trace(0, same, "/b"), 2, false, true, false},
		"another version":            {trace(0, whittle.TraceOwner{Owner: whittle.Owner{Ecosystem: "pypi", Name: "beta", Version: "3"}, Files: 1, Bytes: 4}), 2, false, false, false},
		"more files there":           {trace(0, whittle.TraceOwner{Owner: beta, Files: 2, Bytes: 4}), 2, false, false, false},
		"other bytes":                {trace(0, whittle.TraceOwner{Owner: beta, Files: 1, Bytes: 5}), 2, false, false, false},
		"alpha of another version":   {&whittle.Trace{Runs: runs, Owners: []whittle.TraceOwner{{Owner: whittle.Owner{Ecosystem: "pypi", Name: "alpha-x", Version: "9"}, TouchedFiles: 1}, same}}, 0, false, true, true},
		"a list of entry points":     {trace(1, same, "/site/Alpha_X-1.dist-info/entry_points.txt"), 0, false, true, false},
		"that, and more":             {trace(2, same, "/site/Alpha_X-1.dist-info/METADATA", "/site/Alpha_X-1.dist-info/entry_points.txt"), 0, false, true, true},
		"a system package of a name": {&whittle.Trace{Runs: runs, Owners: []whittle.TraceOwner{{Owner: whittle.Owner{Ecosystem: "deb", Name: "alpha-x"}, TouchedFiles: 1}, same}}, 0, false, true, false},
	} {
		traced := newTraced(facts(c.trace))
		evidence := traced.Evidence([]int{2, 3})
		if traced.Item(c.item) != c.touched || len(evidence) > 0 != c.evidence || traced.Distribution("alpha.x") != c.used {
			t.Errorf("%s: touched %t, evidence %v, alpha used %t", name, traced.Item(c.item), evidence, traced.Distribution("alpha.x"))
		}
		if c.evidence && !strings.HasSuffix(evidence[0].What, ": CMD, import (failed)") {
			t.Errorf("%s: %s", name, evidence[0].What)
		}
		if len(traced.Evidence([]int{3})) > 0 {
			t.Errorf("%s: evidence of what is not visible", name)
		}
	}
}

// TestListed: that a run lists what is installed, and the files of some of it, is no use of
// a distribution. Whatever it reads besides is; so is looking for one file, as
// importlib.util.find_spec does.
func TestListed(t *testing.T) {
	site := "usr/lib/python3/site-packages/"
	names := []string{"alpha", "beta"}
	var owners []whittle.Owner
	ledger := &whittle.Ledger{Tree: &whittle.Tree{}}
	var all []whittle.TraceOwner
	for _, name := range names {
		o := whittle.Owner{Ecosystem: "pypi", Name: name, Version: "1"}
		for _, file := range []string{name + "-1.dist-info/METADATA", name + "-1.dist-info/RECORD", name + "-1.dist-info/entry_points.txt", name + "/__init__.py", name + "/data.txt"} {
			ledger.Tree.Nodes = append(ledger.Tree.Nodes, whittle.Node{Path: site + file, Item: len(ledger.Items)})
			ledger.Items = append(ledger.Items, whittle.Item{Path: site + file, Bytes: 1, HiddenBy: -1})
			owners = append(owners, o)
		}
		all = append(all, whittle.TraceOwner{Owner: o, Files: 5, Bytes: 5})
	}
	const open, stat = whittle.TouchOpen, whittle.TouchStat
	metadata := map[string]whittle.Touch{"alpha-1.dist-info/METADATA": open, "beta-1.dist-info/METADATA": open | stat}
	with := func(more map[string]whittle.Touch) map[string]whittle.Touch {
		out := maps.Clone(metadata)
		maps.Copy(out, more)
		return out
	}
	for name, c := range map[string]struct {
		touched map[string]whittle.Touch
		used    string
	}{
		"nothing":                           {nil, ""},
		"the entry points of one":           {map[string]whittle.Touch{"beta-1.dist-info/entry_points.txt": open}, ""},
		"the metadata of one, as version()": {map[string]whittle.Touch{"beta-1.dist-info/METADATA": open}, "beta"},
		"that one asked for in vain":        {map[string]whittle.Touch{"beta-1.dist-info/METADATA": stat, "alpha-1.dist-info/METADATA": open}, "alpha beta"},
		"the metadata of all":               {metadata, ""},
		"and the files of one":              {with(map[string]whittle.Touch{"beta-1.dist-info/RECORD": open, "beta/__init__.py": stat, "beta/data.txt": stat}), ""},
		"and one of them read":              {with(map[string]whittle.Touch{"beta-1.dist-info/RECORD": open, "beta/__init__.py": stat, "beta/data.txt": open | stat}), "beta"},
		"one looked for":                    {with(map[string]whittle.Touch{"beta/__init__.py": stat}), "beta"},
		"one looked for, another listed":    {with(map[string]whittle.Touch{"alpha-1.dist-info/RECORD": open, "beta/__init__.py": stat}), "beta"},
		"one imported":                      {with(map[string]whittle.Touch{"alpha/__init__.py": open}), "alpha"},
		"the files of one alone":            {map[string]whittle.Touch{"beta-1.dist-info/RECORD": open, "beta/__init__.py": stat}, "beta"},
	} {
		trace := &whittle.Trace{Runs: []whittle.TraceRun{{Name: "CMD"}}, Owners: slices.Clone(all)}
		for _, file := range slices.Sorted(maps.Keys(c.touched)) {
			trace.Touched = append(trace.Touched, whittle.TouchedPath{Path: "/" + site + file, How: c.touched[file]})
			for i := range trace.Owners {
				if strings.HasPrefix(file, trace.Owners[i].Name) {
					trace.Owners[i].TouchedFiles++
				}
			}
		}
		traced := newTraced(&Facts{Trace: trace, Owner: owners, Ledger: ledger})
		var used []string
		for _, n := range names {
			if traced.Distribution(n) {
				used = append(used, n)
			}
		}
		traced.facts.Repeated = true
		if traced.Distribution("alpha") || traced.Distribution("beta") {
			t.Errorf("%s: it is repeated, and decides all the same", name)
		}
		if got := strings.Join(used, " "); got != c.used {
			t.Errorf("%s: used %q, want %q", name, got, c.used)
		}
	}
}
