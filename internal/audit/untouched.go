package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/keep"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/rootfs"
	"whittle.dev/whittle/internal/rule/analysis"
	"whittle.dev/whittle/internal/squeeze"
)

// TracedTrim is what certificates and reports call the removal of what no run touched,
// where they name a rule.
const TracedTrim = "traced"

// TracedOptions say which runs decide what is removed.
type TracedOptions struct {
	TraceOptions
	// Miss is the share of further runs that may be expected to touch something that
	// was removed, from 0 to 1: see [keep.Rate] and [keep.Image.Abstain].
	Miss float64
}

// untouched finds the Python distributions that no run touches and that nothing which
// stays needs. All of a distribution goes or nothing.
type untouched struct {
	x       *Examined
	trimmer *squeeze.Trimmer
	lists   *fileLists
	dists   []python.Distribution
	image   keep.Image
	// of are the positions of the distributions that have a path, records the metadata
	// files of one name in one folder of distributions.
	of      map[string][]int
	records map[string][]string
	// items are those of the ledger, by path.
	items map[string]int
	// needed says why files show that a distribution is used, left why it cannot be
	// removed; both are empty where neither.
	needed, left []string
	// paths go with each distribution, files counts the regular ones.
	paths [][]string
	files []int
}

// lookedUp are distributions whose data the standard library or many others look for
// without an import that files show: certificates and time zones.
var lookedUp = []string{"certifi", "tzdata"}

func newUntouched(t *trimming) *untouched {
	g := t.x.Facts.Graph
	n := len(g.Distributions)
	u := &untouched{x: t.x, trimmer: t.trimmer, lists: t.lists, dists: g.Distributions, of: map[string][]int{}, records: map[string][]string{}, items: map[string]int{},
		needed: make([]string, n), left: make([]string, n), paths: make([][]string, n), files: make([]int, n),
		image: keep.Image{Bytes: make([]int64, n), Always: make([]bool, n), Needs: make([][]int, n)}}
	for i := range u.dists {
		d := &u.dists[i]
		if d.VendoredBy != "" {
			continue
		}
		for _, p := range d.Files {
			u.of[p] = append(u.of[p], i)
			if path.Dir(p) == d.Record {
				key := d.Site + "/" + path.Base(p)
				u.records[key] = append(u.records[key], p)
			}
		}
	}
	for _, n := range t.x.Facts.Ledger.Tree.Nodes {
		if len(u.of[n.Path]) > 0 {
			u.items[n.Path] = n.Item
		}
	}
	u.needs(g)
	u.whoStays()
	return u
}

// needs notes what distributions need of each other: what they require, what modules of
// those that no start reaches import, and the libraries of binaries.
func (u *untouched) needs(g *python.Graph) {
	modules := map[string][]int{}
	for i := range u.dists {
		if u.dists[i].VendoredBy == "" {
			for _, m := range u.dists[i].ImportNames() {
				modules[m] = append(modules[m], i)
			}
		}
	}
	for _, e := range g.Edges {
		if e.From >= 0 && e.To >= 0 {
			u.image.Needs[e.From] = append(u.image.Needs[e.From], e.To)
		}
	}
	for i := range u.dists {
		d := &u.dists[i]
		for _, p := range d.Files {
			if u.x.Facts.Usage[i] != analysis.Unused || d.PartOf(p) != python.Modules {
				continue // what used ones import is used
			}
			src, ok := u.x.Subject.Source(p)
			if !ok {
				continue
			}
			for _, imp := range src.Imports {
				if imp.Level == 0 && imp.Context&source.TypeChecking == 0 {
					u.image.Needs[i] = append(u.image.Needs[i], modules[source.Top(imp.Module)]...)
				}
			}
		}
	}
	for _, p := range u.x.Subject.Paths() {
		if _, ok := u.x.Subject.Binary(p); !ok {
			continue
		}
		for _, lib := range u.x.Facts.Loaded(p) {
			for _, j := range u.of[lib] {
				if len(u.of[p]) == 0 && u.needed[j] == "" {
					u.needed[j] = "/" + p + " loads a library of it"
				}
				for _, i := range u.of[p] {
					u.image.Needs[i] = append(u.image.Needs[i], j)
				}
			}
		}
	}
}

// whoStays finds the distributions that stay whatever runs touch.
func (u *untouched) whoStays() {
	texts, _ := analysis.New(u.x.Facts).AllTexts()
	strange := u.strangers()
	names := map[string]int{}
	for i := range u.dists {
		if u.dists[i].VendoredBy == "" {
			names[u.dists[i].Name]++
		}
	}
	for i := range u.dists {
		d := &u.dists[i]
		where, named := texts.Naming(d)
		switch u.left[i] = u.cannotGo(i, strange); {
		case u.needed[i] != "":
		case u.x.Facts.Usage[i] == analysis.UsageUnknown:
			u.needed[i] = "how it is used is not known"
		case u.x.Facts.Usage[i] != analysis.Unused:
			u.needed[i] = "what the image starts may import or load it"
		case slices.Contains(lookedUp, d.Name):
			u.needed[i] = "its data are looked up without an import"
		case named:
			u.needed[i] = where + " names it"
		case names[d.Name] > 1:
			u.needed[i] = "it is installed in several places"
		}
		u.image.Always[i] = u.needed[i] != "" || u.left[i] != ""
	}
}

// strangers are files that no distribution has, by the folder or module of a site that
// they are in: they would stay there, and an import would find a package without its
// modules.
func (u *untouched) strangers() map[string]string {
	sites, out := map[string]bool{}, map[string]string{}
	for i := range u.dists {
		sites[u.dists[i].Site] = true
	}
	for _, p := range u.x.Subject.Paths() {
		if len(u.of[p]) > 0 {
			continue
		}
		if e, err := u.x.Subject.Lstat(p); err != nil || e.Kind == whittle.Dir {
			continue
		}
		for dir, top := path.Dir(p), p; dir != "."; dir, top = path.Dir(dir), dir {
			if sites[dir] {
				out[top] = p
			}
		}
	}
	return out
}

// cannotGo says why a distribution cannot be removed whole, empty if it can, and notes
// what goes with it.
func (u *untouched) cannotGo(i int, strange map[string]string) string {
	d := &u.dists[i]
	switch {
	case d.VendoredBy != "":
		return "it is a part of another one"
	case d.Editable, !slices.Contains(d.Files, d.Record+"/RECORD"):
		return "no list says all of its files"
	}
	own := map[string]bool{}
	for _, p := range d.Files {
		own[p] = true
	}
	counted := map[int]bool{}
	for _, p := range d.Files {
		item, ok := u.items[p]
		if !ok {
			continue
		}
		names, owner := []string{p}, whittle.Owner{Ecosystem: "pypi"}
		if item >= 0 {
			names, owner = u.trimmer.Names(item), u.x.Facts.Owner[item]
		}
		rest := strings.TrimPrefix(p, d.Site+"/")
		top, _, _ := strings.Cut(rest, "/")
		for _, name := range names {
			switch why := u.lists.stays(name, owner, u.trimmer); {
			case u.trimmer.Fixed(name) != "":
				return u.trimmer.Fixed(name)
			case why != "":
				return why
			case !own[name]:
				return "/" + name + " is the same file as /" + p
			case len(u.of[name]) > 1:
				return "/" + name + " is of several distributions"
			case top != "__pycache__" && rest != p && strange[d.Site+"/"+top] != "":
				return "no list has /" + strange[d.Site+"/"+top]
			}
		}
		if u.paths[i] = append(u.paths[i], p); item >= 0 && !counted[item] {
			counted[item] = true
			u.files[i]++
			u.image.Bytes[i] += u.x.Facts.Ledger.Items[item].Bytes
		}
	}
	return ""
}

// touched are the distributions that a run touched, by the absolute paths that it did. A
// run that looks through the metadata of all that is installed, as pytest does for its
// plug-ins, uses none of them by that: of three distributions or more in one folder it
// then touched the same metadata file of each.
func (u *untouched) touched(paths map[string]bool) (out []int) {
	passed := map[string]bool{}
	for _, files := range u.records {
		if len(files) >= 3 && !slices.ContainsFunc(files, func(p string) bool { return !paths["/"+p] }) {
			for _, p := range files {
				passed[p] = true
			}
		}
	}
	for p := range paths {
		if p = strings.TrimPrefix(p, "/"); !passed[p] {
			out = append(out, u.of[p]...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// untouched traces the workload in the image as it is, and gives the paths of what no run
// touched and nothing that stays needs, each with [TracedTrim].
func (t *trimming) untouched(ctx context.Context) (map[string]string, error) {
	was, err := t.workload.trace(ctx, t.x.Subject, t.name)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, r := range was.out.Runs {
		if names = append(names, r.Name); r.Exit < 0 && !r.Served && (r.Name != "CMD" && r.Name != "ENTRYPOINT") {
			r.Problem = cmp.Or(r.Problem, "it does not end in time")
		}
		if r.Problem != "" {
			return nil, whittle.WithHint(whittle.ErrUsage.Errorf("%s fails in %s as it is: %s", r.Name, t.name, r.Problem), "leave it out, or give it what it needs: a run that fails touches less than it will")
		}
	}
	t.was = was.out.Runs
	if len(names) < 2 {
		return nil, whittle.WithHint(whittle.ErrUnmeasured.Errorf("squeezing %s: of one run none can be held out, and what a further one would touch is unknown", t.name), "name more to run with --command, or the project's commands and tests with --project and --test")
	}
	u := newUntouched(t)
	out := &whittle.TracedSqueeze{Miss: t.options.Traced.Miss, Runs: []whittle.SqueezeRun{}, Distributions: []whittle.TracedDistribution{}}
	t.evidence = out
	var all, deciding [][]int
	held := keep.Split(names)
	for i := range names {
		touched := u.touched(was.byRun[i])
		if all = append(all, touched); !held[i] {
			deciding = append(deciding, touched)
		}
	}
	before, alone := u.image.Kept(deciding...), u.image.Alone(all)
	for i, name := range names {
		run := whittle.SqueezeRun{Name: name, Command: was.out.Runs[i].Command, HeldOut: held[i], Touched: len(all[i]), Alone: alone[i], Missed: []string{}}
		if held[i] {
			out.HeldOut++
			for _, d := range keep.Missed(before, all[i]) {
				run.Missed = append(run.Missed, u.dists[d].Name)
			}
			if len(run.Missed) > 0 {
				out.HeldOutMissed++
			}
		}
		out.Runs = append(out.Runs, run)
	}
	out.Rate, out.Bound = keep.Rate(alone), keep.Bound(out.HeldOutMissed, out.HeldOut)
	kept := u.image.Kept(all...)
	back, estimate := u.image.Abstain(kept, out.Rate, out.Miss)
	out.Estimate = min(1, estimate) // more than one in a run are no more runs
	return t.untouchedPaths(u, slices.Concat(all...), kept, back), nil
}

// untouchedPaths says of each distribution why it stays or goes, and gives the paths of
// those that go.
func (t *trimming) untouchedPaths(u *untouched, touched []int, kept []bool, back []int) map[string]string {
	paths := map[string]string{}
	row := whittle.Trim{Rule: TracedTrim, Status: whittle.Applied, Left: []whittle.TrimLeft{}}
	gone := 0
	for i := range u.dists {
		if u.dists[i].VendoredBy != "" {
			continue
		}
		d := whittle.TracedDistribution{Name: u.dists[i].Name, Version: u.dists[i].Version, Bytes: u.image.Bytes[i]}
		switch {
		case slices.Contains(touched, i):
			d.Status = "touched"
		case u.needed[i] != "":
			d.Status, d.Reason = "needed", u.needed[i]
		case u.left[i] != "":
			d.Status, d.Reason = "left", u.left[i]
		case slices.Contains(back, i):
			d.Status = "abstained"
		case kept[i]:
			d.Status, d.Reason = "needed", "what stays needs it"
		default:
			d.Status = "removed"
			gone++
			row.Files += u.files[i]
			row.Bytes += u.image.Bytes[i]
			for _, p := range u.paths[i] {
				paths[p] = TracedTrim
			}
		}
		t.evidence.Distributions = append(t.evidence.Distributions, d)
	}
	row.Message = fmt.Sprintf("%d of %d Python distributions: no run touched them, and nothing that stays needs them", gone, len(t.evidence.Distributions))
	if gone == 0 {
		row.Status, row.Reason = whittle.FixSkipped, "nothing is left to remove"
	}
	t.rows = append(t.rows, row)
	return paths
}

// passes says which run of the workload does not pass in an image any more, and why;
// empty if all do.
func (t *trimming) passes(ctx context.Context, img *rootfs.Image) (harm string, err error) {
	is, err := t.workload.trace(ctx, &Subject{Image: img}, t.name)
	if errors.Is(err, whittle.ErrNotFound) || errors.Is(err, whittle.ErrUnmeasured) {
		return err.Error(), nil // what it starts is gone, or the setup of the tests fails
	}
	if err != nil {
		return "", err
	}
	t.evidence.Failed = 0
	for i, r := range is.out.Runs {
		if was := t.was[i]; r.Problem == "" && (r.Served != was.Served || !r.Served && r.Exit != was.Exit) {
			r.Problem = fmt.Sprintf("it ended with %d, and with %d before", r.Exit, was.Exit)
		}
		if t.evidence.Runs[i].Problem = r.Problem; r.Problem == "" {
			continue
		}
		if harm = cmp.Or(harm, r.Name+": "+r.Problem); t.evidence.Runs[i].HeldOut {
			t.evidence.Failed++
		}
	}
	return harm, nil
}
