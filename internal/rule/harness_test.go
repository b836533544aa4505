package rule

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/distro"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/dockerfile/ignore"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/index"
	"whittle.dev/whittle/internal/ledger"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/rule/analysis"
)

// facts is what facts.json of a case may say beyond the files.
type facts struct {
	// Usage is how the starts use a distribution: "eager", "unused" …
	Usage map[string]string
	// Debug is by path.
	Debug map[string]struct {
		Bytes int64
		Safe  bool
	}
	// Libraries are what a binary loads, by its path; Loaded are the files that are
	// found for them.
	Libraries, Loaded map[string][]string
	Problems          []whittle.Problem
	// Bound has specifiers by distribution.
	Bound map[string]string
	// Growth is what installing a requirement adds, in bytes.
	Growth map[string]int64
	// Traced are the paths that the runs of a trace touched, nil where there is none.
	Traced []string
	// Guard asks for guarded imports.
	Guard bool
}

var usages = map[string]analysis.Usage{"unknown": analysis.UsageUnknown, "unused": analysis.Unused, "plugin": analysis.Plugin, "optional": analysis.Optional, "lazy": analysis.Lazy, "eager": analysis.Eager}

// testCase is one txtar under testdata. Its comment has lines "rule: ID…"
// (which rules are asked) and, if it is not the last stage, "target: NAME".
// Its files:
//
//	layer0, layer1 …  layers in the notation of imagetest, the base's first;
//	                  x*500 is 500 times the letter x, as a content
//	config.json       the image's Process
//	Dockerfile        each RUN, COPY and ADD made one of the topmost layers
//	project/…         the project's folder
//	facts.json        see facts
//	want              the findings
//	want.diff         what their fixes change, each alone
//	want.Dockerfile   the Dockerfile with all of them, where there are several
type testCase struct {
	rules   []string
	target  string
	layers  []string
	parts   map[string][]byte
	project fstest.MapFS
}

var repeated = regexp.MustCompile(` [a-z]\*[0-9]+`)

func readCase(t testing.TB, name string) (*txtar.Archive, testCase) {
	t.Helper()
	ar, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	c := testCase{parts: map[string][]byte{}, project: fstest.MapFS{}}
	for _, f := range ar.Files {
		if p, ok := strings.CutPrefix(f.Name, "project/"); ok {
			c.project[p] = &fstest.MapFile{Data: f.Data}
		}
		c.parts[f.Name] = f.Data
	}
	for line := range strings.Lines(string(ar.Comment)) {
		if rest, ok := strings.CutPrefix(line, "rule:"); ok {
			c.rules = append(c.rules, strings.Fields(rest)...)
		}
		if rest, ok := strings.CutPrefix(line, "target:"); ok {
			c.target = strings.TrimSpace(rest)
		}
	}
	for {
		layer, ok := c.parts[fmt.Sprintf("layer%d", len(c.layers))]
		if !ok {
			break
		}
		c.layers = append(c.layers, expand(string(layer)))
	}
	if len(c.rules) == 0 || len(c.layers) == 0 {
		t.Fatal("a case needs a line rule: in its comment and a file layer0")
	}
	for _, id := range c.rules {
		if !slices.ContainsFunc(All(), func(r analysis.Rule) bool { return r.ID == id }) {
			t.Fatalf("no rule in the table of rules.go is called %s", id)
		}
	}
	return ar, c
}

// expand writes contents such as x*500 out.
func expand(layer string) string {
	return repeated.ReplaceAllStringFunc(layer, func(s string) string {
		n, _ := strconv.Atoi(s[3:])
		return " " + strconv.Quote(strings.Repeat(s[1:2], n))
	})
}

// pass reads the case's image as lab does.
func (c *testCase) pass(t testing.TB) *analysis.Facts {
	t.Helper()
	img := imagetest.New(t, imagetest.Plain, c.layers...)
	c.decode(t, "config.json", &img.Conf.Config)
	root, err := newTestRoot(t, img, func(*whittle.Entry) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	p := &analysis.Facts{Config: img.Config(), Indexes: root.indexes, Ledger: root.ledger, Root: root, Target: c.target, Files: c.project}
	p.Steps = img.Config().Steps()
	if src, ok := c.parts["Dockerfile"]; ok {
		if p.Dockerfile, err = dockerfile.Parse("Dockerfile", src); err != nil {
			t.Fatal(err)
		}
		p.Steps = c.steps(t, p)
	}
	if p.Ignore, err = ignore.Parse(".dockerignore", c.parts["project/.dockerignore"]); err != nil {
		t.Fatal(err)
	}
	packages, problems := distro.Read(t.Context(), root)
	p.Packages = packages
	more, others := python.Claims(t.Context(), root)
	if problems = append(problems, others...); len(problems) > 0 {
		t.Fatalf("reading the package databases: %v", problems)
	}
	a := ledger.Attribute(root.ledger, root.indexes, img.Config(), p.Steps, append(distro.Claims(packages), more...))
	for i := range root.ledger.Items {
		p.Owner = append(p.Owner, a.Owners[a.Owner[i]])
		p.Category = append(p.Category, a.Category[i].String())
	}
	c.python(t, p)
	return p
}

// steps gives the topmost layers their instructions.
func (c *testCase) steps(t testing.TB, p *analysis.Facts) []whittle.Step {
	t.Helper()
	chain, err := p.Dockerfile.Chain(c.target)
	if err != nil {
		t.Fatal(err)
	}
	makes := func(in dockerfile.Instruction) bool {
		return in.Keyword == "RUN" || in.Keyword == "COPY" || in.Keyword == "ADD"
	}
	layer := len(c.layers)
	for _, in := range chain {
		if makes(in) {
			layer--
		}
	}
	if layer < 0 {
		t.Fatalf("%d layers are too few for the Dockerfile", len(c.layers))
	}
	steps := p.Steps[:layer:layer]
	for _, in := range chain {
		st := whittle.Step{CreatedBy: in.Text(), Layer: -1, Origin: &whittle.Origin{File: "Dockerfile", Line: in.Line, EndLine: in.EndLine,
			Stage: p.Dockerfile.Stages[in.Stage].Label(), Instruction: in.Keyword, Span: in.Span}}
		if makes(in) {
			st.Layer = layer
			layer++
		}
		steps = append(steps, st)
	}
	return steps
}

// python fills in what is known of distributions, and facts.json.
func (c *testCase) python(t testing.TB, p *analysis.Facts) {
	t.Helper()
	var problems []error
	var err error
	if len(c.project) > 0 {
		if p.Declared, err = manifest.ReadDeclared(c.project); err != nil {
			t.Fatal(err)
		}
	}
	var wanted []pep.Requirement
	if p.Declared != nil {
		for _, d := range p.Declared.Dependencies {
			if d.Kind <= manifest.Optional && !d.Via {
				wanted = append(wanted, d.Requirement)
			}
		}
	}
	dists, problems := python.Distributions(t.Context(), p.Root)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	env := python.Interpreter{Series: "3.13", Version: "3.13.5", Implementation: "cpython"}.Environment("x86_64")
	p.Graph = python.NewGraph(dists, env, wanted)
	var f facts
	if !c.decode(t, "facts.json", &f) {
		return
	}
	if f.Usage != nil {
		p.Usage = make([]analysis.Usage, len(dists))
	}
	for name, use := range f.Usage {
		n, ok := p.Graph.Find(name)
		if _, known := usages[use]; !ok || !known {
			t.Fatalf("facts.json: usage of %s: %s", name, use)
		}
		p.Usage[n] = usages[use]
	}
	if f.Problems != nil {
		p.Check = &whittle.Check{Schema: whittle.CheckSchema, Verdict: whittle.Fails, Problems: f.Problems}
	}
	p.Guard = f.Guard
	if f.Traced != nil {
		p.Trace = traceOf(p, f.Traced)
	}
	if f.Libraries != nil {
		p.Libraries = func(path string) []string { return f.Libraries[path] }
	}
	if f.Loaded != nil {
		p.Loaded = func(path string) []string { return f.Loaded[path] }
	}
	p.Debug = func(path string) (int64, bool, bool) {
		d, ok := f.Debug[path]
		return d.Bytes, d.Safe, ok
	}
	if f.Growth != nil {
		p.Growth = func(requirements ...string) (low, high int64, ok bool) {
			for _, r := range requirements {
				n, known := f.Growth[r]
				if !known {
					return 0, 0, false
				}
				low, high = low+n, high+n+n/10
			}
			return low, high, true
		}
	}
	p.Bound = func(name string) (string, bool) {
		b, ok := f.Bound[name]
		return b, ok
	}
}

// traceOf is a trace of the image, whose runs touched some paths.
func traceOf(p *analysis.Facts, touched []string) *whittle.Trace {
	out := &whittle.Trace{Runs: []whittle.TraceRun{{Name: "CMD"}, {Name: "tests"}}}
	owners := map[whittle.Owner]*whittle.TraceOwner{}
	for i, it := range p.Ledger.Items {
		if it.Cause != whittle.Visible {
			continue
		}
		o := owners[p.Owner[i]]
		if o == nil {
			o = &whittle.TraceOwner{Owner: p.Owner[i]}
			owners[p.Owner[i]] = o
		}
		o.Files, o.Bytes = o.Files+1, o.Bytes+it.Bytes
		if slices.Contains(touched, it.Path) {
			o.TouchedFiles++
		}
	}
	for _, o := range owners {
		out.Owners = append(out.Owners, *o)
	}
	for _, at := range slices.Sorted(slices.Values(touched)) {
		out.Touched = append(out.Touched, whittle.TouchedPath{Path: "/" + at, How: whittle.TouchOpen})
	}
	return out
}

func (c *testCase) decode(t testing.TB, name string, to any) bool {
	t.Helper()
	b, ok := c.parts[name]
	if !ok {
		return false
	}
	dec := json.NewDecoder(strings.NewReader(string(b)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(to); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return true
}

// testRoot is the merged root of an image, with the contents that were kept.
type testRoot struct {
	indexes []*whittle.Index
	ledger  *whittle.Ledger
	paths   []string
	nodes   map[string]whittle.Node
}

func newTestRoot(t testing.TB, img whittle.Image, keep func(*whittle.Entry) bool) (*testRoot, error) {
	t.Helper()
	indexes, err := index.All(t.Context(), img, index.Options{Hash: true, Keep: keep, KeepName: "test"})
	if err != nil {
		return nil, err
	}
	r := &testRoot{indexes: indexes, nodes: map[string]whittle.Node{}}
	if r.ledger, err = ledger.Build(indexes, ledger.Options{}); err != nil {
		return nil, err
	}
	for _, n := range r.ledger.Tree.Nodes {
		r.paths = append(r.paths, n.Path)
		r.nodes[n.Path] = n
	}
	return r, nil
}

// Paths implements [whittle.Root].
func (r *testRoot) Paths() []string { return r.paths }

// Lstat implements [whittle.Root].
func (r *testRoot) Lstat(path string) (whittle.Entry, error) {
	n, ok := r.nodes[path]
	switch {
	case !ok:
		return whittle.Entry{}, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	case n.Entry < 0:
		return whittle.Entry{Path: path, Kind: whittle.Dir, Mode: 0o755}, nil
	}
	e := r.indexes[n.Layer].Entries[n.Entry]
	if e.Kind == whittle.HardLink && n.Item >= 0 {
		it := r.ledger.Items[n.Item]
		e = r.indexes[it.Layer].Entries[it.Entry]
	}
	e.Path = path
	return e, nil
}

// ReadFile implements [whittle.Root].
func (r *testRoot) ReadFile(path string, limit int64) ([]byte, error) {
	n, ok := r.nodes[path]
	if !ok || n.Item < 0 {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	it := r.ledger.Items[n.Item]
	if it.Bytes > limit {
		return nil, fmt.Errorf("%s: %w", path, whittle.ErrLimit)
	}
	return r.indexes[it.Layer].Kept[it.Entry], nil
}

// saving is what replaying a finding's change gives.
func saving(p *analysis.Facts, f *whittle.Finding) whittle.Saving {
	if f.Saving != (whittle.Saving{}) {
		return f.Saving
	}
	s := whittle.Saving{Low: -f.Change.Plus, High: -f.Change.Minus}
	size := func(c whittle.Content) int64 { return p.Indexes[c.Layer].Entries[c.Entry].Size }
	for _, c := range f.Change.Remove {
		s.Low += size(c)
		s.High += size(c)
	}
	for _, c := range f.Change.Shrink {
		s.Low += size(c.Content) - c.High
		s.High += size(c.Content) - c.Low
	}
	return s
}

// show prints findings in a readable form.
func show(p *analysis.Facts, found []whittle.Finding) string {
	var b strings.Builder
	for i := range found {
		f := &found[i]
		breaks := ""
		if f.Breaks {
			breaks = " breaks"
		}
		fmt.Fprintf(&b, "%s%s risk=%s saves ", f.Rule, breaks, f.Risk)
		if s := saving(p, f); s.Exact() {
			fmt.Fprintf(&b, "%d\n", s.Low)
		} else {
			fmt.Fprintf(&b, "%d to %d\n", s.Low, s.High)
		}
		fmt.Fprintf(&b, "  %s\n", f.Message)
		for _, e := range f.Evidence {
			fmt.Fprintf(&b, "  - %s", cmp.Or(e.Path, "."))
			if e.Layer >= 0 {
				fmt.Fprintf(&b, " layer%d", e.Layer)
			}
			fmt.Fprintf(&b, " %d B", e.Bytes)
			if e.Files > 0 {
				fmt.Fprintf(&b, " %d files", e.Files)
			}
			if e.File != "" {
				fmt.Fprintf(&b, " %s:%d", e.File, e.Line)
			}
			if e.What != "" {
				fmt.Fprintf(&b, " (%s)", e.What)
			}
			b.WriteString("\n")
		}
		if f.Caution != "" {
			fmt.Fprintf(&b, "  caution: %s\n", f.Caution)
		}
		fmt.Fprintf(&b, "  advice: %s\n", f.Advice)
		if f.Fix != nil {
			fmt.Fprintf(&b, "  fix: %s\n", f.Fix.Title)
			for _, name := range f.Fix.Remake {
				fmt.Fprintf(&b, "  make again: %s\n", name)
			}
		}
		if f.Alternative != nil {
			fmt.Fprintf(&b, "  alternative: %s", f.Alternative.Advice)
			if s := f.Alternative.Saving; s != nil {
				fmt.Fprintf(&b, " (saves %d to %d)", s.Low, s.High)
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}
