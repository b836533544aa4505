// Package forecast predicts the sizes of images that nobody has built: the same
// project with other stages, bases or requirements, from the measured image. It
// also writes the Dockerfile of each.
package forecast

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/restage"
)

// Project is the input of forecasts: one image of a project that was built and
// measured, and what else is known.
type Project struct {
	// Name is the project's, Variant that of the measured image: "original".
	Name, Variant string
	// Dockerfile is what made the image, with its build arguments resolved,
	// Target the stage, empty for the last.
	Dockerfile *dockerfile.File
	// Own is its path in the build context; empty is its name.
	Own    string
	Target string
	// Arguments are the build arguments by name, without those that have only the
	// Dockerfile's default.
	Arguments map[string]string
	// Declared is what the project's files say that it needs.
	Declared *manifest.Declared
	// Context has the sizes in bytes of the files in the build context, by path;
	// Before is the context of the measured image's build, nil where it is the same.
	// Ignored says whether a further file would be excluded, nil where
	// that is not known.
	Context, Before map[string]int64
	Ignored         func(name string) bool

	// Texts are the project's requirements files by their paths.
	Texts map[string][]byte

	// Ledger accounts for the image; Steps are its history's, joined to the
	// Dockerfile. Root is its merged root, of which the RECORDs are read.
	Ledger *whittle.Ledger
	Steps  []whittle.Step
	Root   whittle.Root
	// Graph has the installed distributions, Env is what markers are evaluated
	// in.
	Graph *python.Graph
	Env   pep.Environment

	// Clean is what strategies delete from the packages.
	Clean restage.Cleanup
	// Loud says that RUNs write so little bytecode of what they import that no line
	// of a Dockerfile is worth it.
	Loud bool
	// Added are the distributions that fixes of the requirements add to the measured
	// image, Removed those that they remove from it, by name. Dockerfile, Declared, Context and Texts are the
	// project's with these fixes.
	Added   []Weight
	Removed map[string]bool
	// Fixed is the Dockerfile with all fixes, nil where there are none; Saving is
	// what they save together.
	Fixed  []byte
	Saving whittle.Saving

	// System is what is known of the operating system's packages, nil where nothing
	// is.
	System restage.System
	// Names is where a file of the project, its name, has a text such as a path;
	// empty where none has.
	Names func(text string) (where string)

	// Slim is the smaller variant of the image's base, nil where there is none, or
	// the image needs more of the full one than packages.
	Slim *SlimBase
	// Alpine and Distroless are facts about other bases, nil where there are none.
	Alpine     *AlpineBase
	Distroless *DistrolessBase
	// Extras has the distributions that an extra adds and that are not in the
	// image, by the extra's name.
	Extras map[string][]Weight
}

// SlimBase is the smaller variant of a base image: its name, and by how many
// bytes it is smaller with what the image uses of the full one.
type SlimBase struct {
	Name   string
	Saving whittle.Saving
	// Full is what a builder's FROM line has to say for the same release, empty where
	// it says that already.
	Full string
	// Install is the RUN that installs what the image uses of the full base when it
	// runs, InstallAll also what its build uses; empty where there is nothing.
	Install, InstallAll string
	// Builds say what can only be installed on the full base: strategies without a
	// second stage stay there.
	Builds []string
}

// Weight is a distribution of a package index with its installed size.
type Weight struct {
	Name, Version string
	// Low, Bytes and High are the size without bytecode, and Bytecode that of
	// the bytecode, in bytes; Cleaned says that the tests which [Project.Clean]
	// deletes are not counted.
	Low, Bytes, High int64
	Bytecode         int64
	Cleaned          bool
	// Source says where the sizes are from: "wheel's directory".
	Source string
	// Pure says that the wheel holds no machine code.
	Pure bool
	// SourceOnly says that no wheel fits the target: it has to be compiled.
	// NoSource says that there is no source to compile, either.
	SourceOnly, NoSource bool
}

// account is the measured image in the terms of a outline.
type account struct {
	*Project
	outline *restage.Outline
	// base is the size of the layers below the Dockerfile's, in bytes, with what
	// later layers hide.
	base int64
	// first is the lowest layer that the Dockerfile made.
	first int
	// layers has the layer that an instruction made, by its place.
	layers map[whittle.Span]int
	// site is the folder of the packages; dists are what is installed there.
	site  string
	dists []installed
	// installer are pip, and what else comes with an interpreter, where the application
	// does not need them.
	installer content
	// loose are files in site that no distribution owns.
	loose content
	// beside are the bytes of each layer that are no packages, metadata those that
	// an editable installation has written beside the sources, and bytecode all
	// bytes of bytecode.
	beside, bytecode map[int]int64
	metadata         int64
	// imported are the bytes of the packages' bytecode in each layer.
	imported map[int]int64
	// interpreter is Python's program, empty where it is not at /usr/local.
	interpreter string
	// pipWrites says that installers write bytecode of themselves into the image that
	// is worth a line.
	pipWrites bool
}

// installed is a distribution of the measured image.
type installed struct {
	index         int // in Graph.Distributions
	name, version string
	pure          bool
	content
}

// content is a distribution's size by kind of file, in bytes.
type content struct {
	// files are all but bytecode and tests.
	files, tests, bytecode, testBytecode int64
	// lines are what the RECORD says about bytecode.
	lines int64
	// modules is the number of bytecode files.
	modules int64
}

// bytes is the size after a clean-up.
func (c content) bytes(clean restage.Cleanup) int64 {
	n := c.files
	if !clean.Tests {
		n += c.tests
	}
	switch {
	case clean.Bytecode:
		n -= c.lines
	case clean.Tests:
		n += c.bytecode
	default:
		n += c.bytecode + c.testBytecode
	}
	return n
}

// newAccount attributes the measured bytes.
func newAccount(p *Project, r *restage.Outline) (*account, error) {
	a := &account{Project: p, outline: r, first: -1, layers: map[whittle.Span]int{}}
	for _, st := range p.Steps {
		if st.Origin == nil || st.Layer < 0 {
			continue
		}
		a.layers[st.Origin.Span] = st.Layer
		if a.first < 0 || st.Layer < a.first {
			a.first = st.Layer
		}
	}
	if a.first < 0 {
		return nil, whittle.ErrUnsupported.Errorf("which layers of %s the Dockerfile made is not known", p.Variant)
	}
	for _, l := range p.Ledger.Layers[:a.first] {
		a.base += l.Size
	}
	for _, n := range p.Ledger.Tree.Nodes {
		if n.Path == "usr/local/bin/python3" || n.Path == "usr/local/bin/python" {
			a.interpreter = "/" + n.Path
		}
	}
	a.measure()
	return a, nil
}

// measure adds up the distributions that the Dockerfile installed.
func (a *account) measure() {
	if a.Graph == nil {
		return
	}
	nodes := make(map[string]int, len(a.Ledger.Tree.Nodes))
	for i, n := range a.Ledger.Tree.Nodes {
		nodes[n.Path] = i
	}
	a.site = busiestSite(a, nodes)
	owned := map[string]bool{}
	a.imported = map[int]int64{}
	upgraded := a.upgraded()
	for i := range a.Graph.Distributions {
		d := &a.Graph.Distributions[i]
		for _, f := range d.Files {
			owned[f] = true
		}
		if d.Site != a.site || d.VendoredBy != "" || a.Removed[d.Name] || isBase(a, nodes, d.Record) {
			continue
		}
		in := installed{index: i, name: d.Name, version: d.Version, pure: isPure(d)}
		for _, f := range d.Files {
			if n, ok := bytesAt(a, nodes, f); ok {
				a.add(&in.content, f, n)
				if strings.HasSuffix(f, ".pyc") {
					a.imported[a.Ledger.Tree.Nodes[nodes[f]].Layer] += n
				}
			}
		}
		if upgraded[d.Name] { // the generated environments do not have it
			a.installer.files += in.files + in.tests
			a.installer.bytecode += in.bytecode + in.testBytecode
			continue
		}
		a.missing(&in.content, d, nodes)
		a.dists = append(a.dists, in)
	}
	slices.SortFunc(a.dists, func(x, y installed) int { return cmp.Compare(x.name, y.name) })
	a.beside, a.bytecode = map[int]int64{}, map[int]int64{}
	for i := range a.Ledger.Items {
		if it := &a.Ledger.Items[i]; strings.HasSuffix(it.Path, ".pyc") {
			a.bytecode[it.Layer] += it.Bytes
		}
	}
	for _, n := range a.Ledger.Tree.Nodes {
		switch {
		case n.Item < 0 || owned[n.Path] || n.Layer < a.first || strings.HasPrefix(n.Path, "root/.cache/"):
		case strings.HasPrefix(n.Path, a.site+"/"):
			a.add(&a.loose, n.Path, a.Ledger.Items[n.Item].Bytes)
		case strings.HasSuffix(n.Path, ".pyc"): // of the interpreter, which ran pip
		default:
			a.beside[n.Layer] += a.Ledger.Items[n.Item].Bytes
			if name, ok := strings.CutSuffix(path.Base(path.Dir(n.Path)), ".egg-info"); ok && a.inPlace(name) {
				a.metadata += a.Ledger.Items[n.Item].Bytes
			}
		}
	}
}

// inPlace says that a distribution is installed where its sources are.
func (a *account) inPlace(name string) bool {
	return slices.ContainsFunc(a.Graph.Distributions, func(d python.Distribution) bool { return d.Editable && d.Name == pep.Normalize(name) })
}

// upgraded are pip and what else comes with an interpreter, where the original only
// upgrades them, or has them in an environment, and nothing else needs them.
func (a *account) upgraded() map[string]bool {
	out := map[string]bool{}
	if a.outline.OwnVenv() != "" && !a.needs("pip") {
		out["pip"] = true
	}
	for _, s := range a.outline.InstallSteps() {
		for i := range s.Parts {
			for _, name := range restage.WithInterpreter {
				if p := &s.Parts[i]; p.Role == recipe.PreparesInstaller && p.OnlyPip() && slices.ContainsFunc(p.Install.Args, func(w string) bool { return strings.HasPrefix(strings.Trim(w, `"'`), name) }) && !a.needs(name) {
					out[name] = true
				}
			}
		}
	}
	return out
}

// needs says that an installed distribution, other than an installer, requires
// another.
func (a *account) needs(name string) bool {
	pip, ok := a.Graph.Find(name)
	tools := a.tools()
	return ok && slices.ContainsFunc(a.Graph.Edges, func(e python.Edge) bool {
		return e.To == pip && e.From >= 0 && !slices.Contains(tools, a.Graph.Distributions[e.From].Name)
	})
}

// busiestSite is the folder that the Dockerfile installs most distributions
// to.
func busiestSite(a *account, nodes map[string]int) (site string) {
	count := map[string]int{}
	for i := range a.Graph.Distributions {
		d := &a.Graph.Distributions[i]
		if d.VendoredBy != "" || isBase(a, nodes, d.Record) {
			continue
		}
		count[d.Site]++
		if c := count[d.Site]; c > count[site] || c == count[site] && d.Site < site {
			site = d.Site
		}
	}
	return site
}

// isBase says whether a record came with the base image.
func isBase(a *account, nodes map[string]int, record string) bool {
	for _, p := range []string{record + "/RECORD", record + "/METADATA", record + "/PKG-INFO", record} {
		if i, ok := nodes[p]; ok {
			return a.Ledger.Tree.Nodes[i].Layer < a.first
		}
	}
	return true
}

// bytesAt is the size of a file that the Dockerfile added.
func bytesAt(a *account, nodes map[string]int, p string) (int64, bool) {
	i, ok := nodes[p]
	if !ok || a.Ledger.Tree.Nodes[i].Item < 0 {
		return 0, false
	}
	it := &a.Ledger.Items[a.Ledger.Tree.Nodes[i].Item]
	return it.Bytes, it.Layer >= a.first
}

// add counts a file's bytes by its kind.
func (a *account) add(c *content, p string, n int64) {
	test, bytecode := isTest(a, p), strings.HasSuffix(p, ".pyc")
	if bytecode {
		c.modules++
	}
	switch {
	case test && bytecode:
		c.testBytecode += n
	case test:
		c.tests += n
	case bytecode:
		c.bytecode += n
	default:
		c.files += n
	}
}

// isTest says whether a file lies in a folder that [Cleanup.Tests] deletes.
func isTest(a *account, p string) bool {
	rest, ok := strings.CutPrefix(p, a.site+"/")
	if !ok {
		return false
	}
	top, _, _ := strings.Cut(rest, "/")
	return strings.Contains("/"+rest, "/tests/") && !slices.Contains(a.Clean.KeepTests, top)
}

// isPure says that a distribution's wheel fits every platform.
func isPure(d *python.Distribution) bool {
	return len(d.Tags) > 0 && !slices.ContainsFunc(d.Tags, func(t pep.Tag) bool { return t.Platform != "any" })
}

// Cleanup says what strategies delete from the packages.
type Cleanup = restage.Cleanup
