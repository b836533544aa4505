package rule

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle"
	"whittle/internal/dockerfile"
	"whittle/internal/pep"
	"whittle/internal/python"
)

// install is the RUN that installs the distributions of a layer, and where
// their files are while it runs.
type install struct {
	run *dockerfile.Instruction
	// here is a folder of the image, there the same one while the RUN runs:
	// a COPY from another stage may put it elsewhere.
	here, there string
}

// path is where a path of the image is while the RUN runs, from the root.
func (i *install) path(p string) string {
	if rest, ok := strings.CutPrefix(p, i.here); ok && i.here != i.there {
		p = path.Join(i.there, rest)
	}
	return "/" + p
}

// install finds the RUN that brought the distributions of a layer: the
// layer's own, or the last one of the stage that a COPY takes the folder from.
func (p *Pass) install(layer int) (install, bool) {
	in := p.instruction(layer)
	switch {
	case in == nil:
		return install{}, false
	case in.Keyword == "RUN":
		_, ok := installing(in)
		return install{run: in}, ok
	}
	c, ok := p.copy(layer)
	if !ok || c.stage == nil || len(c.sources) != 1 || !path.IsAbs(c.sources[0]) {
		return install{}, false
	}
	chain := p.chainOf(c.stage)
	for _, run := range slices.Backward(chain) {
		if _, ok := installing(run); ok {
			return install{run: run, here: c.dest, there: whittle.Join("", c.sources[0])}, true
		}
	}
	return install{}, false
}

// quoted is a path of the image, where it is while a group's RUN runs, as a
// word of its shell. Where the base image's tag may come to mean another
// Python, the version in the path is a pattern.
func (p *Pass) quoted(g *installed, at string) string {
	word := dockerfile.Quote(g.path(at))
	version := libPython.FindString(word)
	if version == "" || strings.Contains(string(p.Dockerfile.Source), version) || p.pinsPython(g.run.Stage, strings.Trim(version, "/python")) {
		return word
	}
	if glob := strings.Replace(word, version, "/python3.*/", 1); !strings.HasPrefix(word, "'") {
		return glob
	}
	return word
}

// libPython is the folder of an interpreter's libraries.
var libPython = regexp.MustCompile(`/python3\.\d+/`)

// pinsPython says that the base image of a stage is named by a digest, or by a
// tag with the version of Python: "3.13".
func (p *Pass) pinsPython(stage int, version string) bool {
	st := &p.Dockerfile.Stages[stage]
	for st.From != nil {
		st = &p.Dockerfile.Stages[*st.From]
	}
	if strings.Contains(st.BaseResolved, "@") {
		return true
	}
	_, tag, _ := strings.Cut(path.Base(st.Base), ":")
	return slices.ContainsFunc(strings.FieldsFunc(tag, func(r rune) bool { return r != '.' && (r < '0' || r > '9') }), func(number string) bool {
		return number == version || strings.HasPrefix(number, version+".")
	})
}

// installed are items that one RUN installs.
type installed struct {
	install
	items []int
}

// byInstall parts items by the RUN that installs them, in the order of the
// Dockerfile. A copy that a higher layer makes of a file belongs to the RUN
// that made the file. The rest came in another way.
func (p *Pass) byInstall(items []int) (groups []installed, rest []int) {
	lowest := map[string]int{}
	for i := range p.Ledger.Items {
		it := &p.Ledger.Items[i]
		if _, ok := lowest[it.Path]; !ok {
			lowest[it.Path] = it.Layer
		}
	}
	type answer struct {
		install
		ok bool
	}
	known := map[int]answer{}
	for _, i := range items {
		layer := lowest[p.Ledger.Items[i].Path]
		a, asked := known[layer]
		if !asked {
			a.install, a.ok = p.install(layer)
			known[layer] = a
		}
		k := slices.IndexFunc(groups, func(g installed) bool { return g.install == a.install })
		switch {
		case !a.ok:
			rest = append(rest, i)
		case k >= 0:
			groups[k].items = append(groups[k].items, i)
		default:
			groups = append(groups, installed{a.install, []int{i}})
		}
	}
	slices.SortStableFunc(groups, func(a, b installed) int {
		return cmp.Or(cmp.Compare(a.run.Line, b.run.Line), strings.Compare(a.here, b.here))
	})
	return groups, rest
}

// appended is the fix that has each RUN run one more command at its end. ok is
// false where one of them takes none.
func (p *Pass) appended(title string, groups []installed, command func(*installed) string) (*whittle.Fix, bool) {
	var edits []whittle.Edit
	for i := range groups {
		e, err := groups[i].run.AppendCommand(command(&groups[i]))
		if err != nil {
			return nil, false
		}
		edits = append(edits, e)
	}
	return p.dockerfileFix(title, edits)
}

// dockerfileFix is the fix by some edits of the Dockerfile, in any order.
func (p *Pass) dockerfileFix(title string, edits []whittle.Edit) (*whittle.Fix, bool) {
	if len(edits) == 0 {
		return nil, false
	}
	slices.SortStableFunc(edits, func(a, b whittle.Edit) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
	if _, err := dockerfile.Apply(p.Dockerfile.Source, edits); err != nil {
		return nil, false
	}
	return &whittle.Fix{Title: title, Patches: []whittle.Patch{p.patch(edits)}}, true
}

// runs names the RUNs of some groups: "RUN line 5".
func (p *Pass) runs(groups []installed) string {
	var names []string
	for _, g := range groups {
		if name := p.short(g.run); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return list(names)
}

// runLines are the RUNs of some groups as evidence.
func (p *Pass) runLines(groups []installed) []whittle.Evidence {
	var out []whittle.Evidence
	for _, g := range groups {
		e := whittle.Evidence{Layer: -1, File: p.Dockerfile.Name, Line: g.run.Line, What: g.run.Keyword}
		if !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	return out
}

// installation is a command that installs distributions.
type installation struct {
	dockerfile.Command
	// tool is "pip", "uv", "poetry", "pdm" or "pipenv"; verb is the position
	// of its word "install" or "sync".
	tool string
	verb int
}

// installing are the commands of a RUN that install distributions.
func installing(in *dockerfile.Instruction) (out []installation, ok bool) {
	if in.Keyword != "RUN" {
		return nil, false
	}
	s, err := in.Shell()
	if err != nil {
		return nil, false
	}
	for _, c := range s.Commands() {
		if i, ok := readInstallation(c); ok {
			out = append(out, i)
		}
	}
	return out, len(out) > 0
}

// readInstallation reads one command: "pip install", "python -m pip install",
// "uv pip install", "uv sync", "poetry install" …
func readInstallation(c dockerfile.Command) (installation, bool) {
	i := installation{Command: c}
	at := 0
	if strings.HasPrefix(c.Name(), "python") && len(c.Words) > 3 && c.Words[1].Value == "-m" {
		at = 2
	}
	name := c.Name()
	if at > 0 {
		name = c.Words[at].Value
	}
	verbs := []string{"install", "sync"}
	switch {
	case name == "pip" || strings.HasPrefix(name, "pip3") || strings.HasPrefix(name, "pip2"):
		i.tool, verbs = "pip", verbs[:1]
	case name == "uv" && len(c.Words) > at+2 && c.Words[at+1].Value == "pip":
		i.tool = "uv"
		at++
	case name == "uv":
		i.tool, verbs = "uv", verbs[1:]
	case name == "poetry", name == "pdm", name == "pipenv":
		i.tool = name
	default:
		return i, false
	}
	for k := at + 1; k < len(c.Words); k++ {
		if slices.Contains(verbs, c.Words[k].Value) {
			i.verb = k
			return i, true
		}
		if !strings.HasPrefix(c.Words[k].Value, "-") {
			break
		}
	}
	return i, false
}

// has says whether one of the words is there, also as "--word=…".
func (i *installation) has(words ...string) bool {
	return slices.ContainsFunc(i.Words, func(w dockerfile.Word) bool {
		name, _, _ := strings.Cut(w.Value, "=")
		return slices.Contains(words, name)
	})
}

// sites are the folders that distributions are installed in, sorted.
func (p *Pass) sites() []string {
	var out []string
	for i := range p.Graph.Distributions {
		if d := &p.Graph.Distributions[i]; d.VendoredBy == "" && !slices.Contains(out, d.Site) {
			out = append(out, d.Site)
		}
	}
	slices.Sort(out)
	return out
}

// site is the innermost of the folders that a path lies in.
func site(sites []string, at string) (string, bool) {
	best := ""
	for _, s := range sites {
		if s != at && s != "" && under(at, s) && len(s) > len(best) {
			best = s
		}
	}
	return best, best != ""
}

// ofDistribution says that an item is a distribution's and no part of the base
// image.
func (p *Pass) ofDistribution(item int) bool {
	return p.Owner[item].Ecosystem == "pypi" && !p.base(p.Ledger.Items[item].Layer)
}

// live are the items that can be seen in the image and that a rule wants.
func (p *Pass) live(want func(item int) bool) []int {
	var out []int
	for i := range p.Ledger.Items {
		if it := &p.Ledger.Items[i]; it.Cause == whittle.Live && it.Bytes > 0 && want(i) {
			out = append(out, i)
		}
	}
	return out
}

// withDead adds the dead items at the paths of live ones: copies of a file
// that lower layers hold, which are not there either where the file is not.
// Those of the base image stay.
func (p *Pass) withDead(items []int) []int {
	paths := map[string]bool{}
	for _, i := range items {
		paths[p.Ledger.Items[i].Path] = true
	}
	out := slices.Clone(items)
	for i := range p.Ledger.Items {
		if it := &p.Ledger.Items[i]; it.Cause != whittle.Live && it.Bytes > 0 && paths[it.Path] && !p.base(it.Layer) {
			out = append(out, i)
		}
	}
	slices.Sort(out)
	return out
}

// sourceReader is a Root that keeps what Python texts say instead of the
// texts.
type sourceReader interface {
	Source(path string) (*python.Source, bool)
}

// maxSource is the largest Python file that is read, in bytes.
const maxSource = 4 << 20

// source is what the Python text at a path of the image says.
func (p *Pass) source(at string) (*python.Source, bool) {
	if r, ok := p.Root.(sourceReader); ok {
		return r.Source(at)
	}
	b, err := p.Root.ReadFile(at, maxSource)
	if err != nil {
		return nil, false
	}
	return python.Scan(b), true
}

// isApplication says whether a distribution is the project itself: by its name,
// or because it was installed from a folder.
func (p *Pass) isApplication(d *python.Distribution) bool {
	return d.Local || d.Editable || p.Declared != nil && p.Declared.Name != "" && pep.Normalize(p.Declared.Name) == d.Name
}
