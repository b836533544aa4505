package layer

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/dockerfile/ignore"
	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// VcsAndJunk is the rule vcs-and-junk: COPY adds files that should not be in
// the build context.
func VcsAndJunk() analysis.Rule {
	return analysis.Rule{
		ID:    "vcs-and-junk",
		Title: "COPY brings what the build context should not have",
		Text: `COPY . . copies everything that .dockerignore does not exclude: the history of version control, virtual environments of another machine,
caches of tools, settings of editors, old builds. They make the image larger and every build slower, and may contain secrets. Files stay
if the Dockerfile copies them by name or a build reads them through git, and so do tests and dumps that the application names.`,
		Before: "# .dockerignore\n__pycache__\n",
		After:  "# .dockerignore\n__pycache__\n.git\n.venv\n",
		Run:    junk,
		Static: staticJunk,
	}
}

// junkKind is a kind of junk.
type junkKind uint8

const (
	noJunk junkKind = iota
	tools           // what tools leave behind: nobody runs it
	tests
	dumps
)

// contextScan decides about names that are junk in some projects only.
type contextScan struct {
	p *analysis.Pass
	// git says that a build reads version control, node that it installs
	// packages itself; imported are top-level folders of tests that other
	// modules import.
	git, node bool
	imported  map[string]bool
}

// dumped are the extensions of dumps, backups and logs.
var dumped = []string{".sql", ".dump", ".bak", ".log", ".hprof", ".pcap"}

// in finds the first part of a path in the context that makes it junk.
func (y *contextScan) in(rel string) (at, pattern string, kind junkKind) {
	parts := strings.Split(rel, "/")
	for i, name := range parts {
		at := strings.Join(parts[:i+1], "/")
		file := i == len(parts)-1
		pattern := name
		if i > 0 {
			pattern = "**/" + name
		}
		switch ext := path.Ext(name); {
		case y.left(name, at), i == 0 && y.built(parts):
			return at, pattern, tools
		case i == 0 && !file && (name == "tests" || name == "test") && !y.imported[name]:
			return at, pattern, tests
		case ext == ".egg-info" && !file:
			return at, strings.TrimSuffix(pattern, name) + "*.egg-info", tools
		case file && slices.Contains(dumped, ext):
			return at, at, dumps
		}
	}
	return "", "", noJunk
}

// left says that a folder, at any place, is output of tools.
func (y *contextScan) left(name, at string) bool {
	switch name {
	case ".git", ".hg", ".svn", ".bzr":
		return !y.git
	case "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".tox", ".nox", ".hypothesis", ".ipynb_checkpoints", ".vscode", ".idea", "htmlcov":
		return true
	case "node_modules":
		return y.node
	case ".venv", "venv", "env":
		return y.p.Recipe.InContext(at + "/pyvenv.cfg")
	}
	return false
}

// built says that a path is in a top-level folder to which builds of the
// project write.
func (y *contextScan) built(parts []string) bool {
	switch {
	case len(parts) < 2:
		return false
	case parts[0] == "dist":
		ext := path.Ext(parts[1])
		return len(parts) == 2 && (ext == ".whl" || ext == ".gz") && y.p.Recipe.InContext("pyproject.toml")
	case parts[0] == "build":
		return parts[1] == "lib" || strings.HasPrefix(parts[1], "bdist.") || strings.HasPrefix(parts[1], "temp.")
	}
	return false
}

// neverMade says that no RUN creates such junk, so that it came from the build
// context.
func neverMade(name string) bool {
	switch name {
	case ".git", ".hg", ".svn", ".bzr", ".vscode", ".idea":
		return true
	}
	return false
}

// contextItems are items and the patterns that exclude them, by kind.
type contextItems struct {
	items    map[junkKind][]int
	patterns map[junkKind]map[string]bool
}

// collect adds the junk that a COPY added. Whether the rest of the project
// needs a path is looked up once for each path.
func (h *contextItems) collect(y *contextScan, said analysis.Texts, layer int, c *recipe.Copy) {
	p := y.p
	known := map[string]bool{}
	for i := range p.Ledger.Items {
		it := &p.Ledger.Items[i]
		if it.Layer != layer || it.Bytes == 0 {
			continue
		}
		from, ok := p.Recipe.Origin(c, it.Path)
		if !ok {
			continue
		}
		at, pattern, kind := y.in(from)
		if kind == noJunk || c.Stage != nil && !neverMade(path.Base(at)) {
			continue
		}
		free, seen := known[at]
		if !seen {
			free = !namedInFile(p, at) && (kind == tools || !said.NamesPlace(at, kind == dumps))
			known[at] = free
		}
		if free {
			h.items[kind] = append(h.items[kind], i)
			h.patterns[kind][pattern] = true
		}
	}
}

func junk(p *analysis.Pass) []whittle.Finding {
	if p.Dockerfile == nil || p.Files == nil || p.Ledger == nil {
		return nil
	}
	said := p.Texts()
	y := &contextScan{p: p, git: asksGit(p), node: startsAny(p, "npm", "yarn", "pnpm"), imported: map[string]bool{}}
	for _, folder := range []string{"tests", "test"} {
		y.imported[folder] = p.Recipe.InContext(folder) && importsTests(p, folder)
	}
	found := contextItems{items: map[junkKind][]int{}, patterns: map[junkKind]map[string]bool{tools: {}, tests: {}, dumps: {}}}
	for layer := range p.Ledger.Layers {
		if c, ok := p.Recipe.LayerCopy(layer); ok && !c.External {
			found.collect(y, said, layer, &c)
		}
	}
	var out []whittle.Finding
	for _, kind := range []junkKind{tools, tests, dumps} {
		if p.Layers.Bytes(found.items[kind]) >= analysis.MinBytes {
			out = append(out, ignorable(p, kind, found.items[kind], slices.Sorted(maps.Keys(found.patterns[kind]))))
		}
	}
	return out
}

// ignorable reports items that .dockerignore should exclude.
func ignorable(p *analysis.Pass, kind junkKind, items []int, patterns []string) whittle.Finding {
	layers := p.Layers.LayersOf(items)
	evidence := p.Layers.Places(items)
	for _, layer := range layers {
		evidence = p.Recipe.WithLine(evidence, layer)
	}
	f := junkFinding(p, kind, bringNames(p, layers), p.Layers.Bytes(items), len(items), patterns)
	f.Evidence, f.Change = evidence, p.Layers.Removal(items)
	return f
}

// junkFinding is a finding about files that brings ("this COPY brings") adds, with the
// patterns for .dockerignore as its fix.
func junkFinding(p *analysis.Pass, kind junkKind, brings string, bytes int64, files int, patterns []string) whittle.Finding {
	amount := fmt.Sprintf("%s %s in %s", brings, whittle.Bytes(bytes), analysis.FileCount(files))
	f := whittle.Finding{
		Message: fmt.Sprintf("%s that no program needs: %s", amount, analysis.List(patterns)),
		Risk:    whittle.RiskLow, Caution: "a program that looks for these files at run time does not find them",
		Advice: "name them in .dockerignore", Fingerprint: whittle.Fingerprint("vcs-and-junk", patterns...),
	}
	switch kind {
	case tests:
		f.Message = amount + " of the project's tests"
		f.Risk, f.Caution = whittle.RiskMedium, "tests that are run in the image need them"
	case dumps:
		f.Message = fmt.Sprintf("%s that look like dumps and logs: %s", amount, analysis.List(patterns))
		f.Risk, f.Caution = whittle.RiskMedium, "the application may load its data from them"
	}
	name, src := ignoreFile(p)
	edits, err := ignore.Add(src, patterns...)
	if err != nil || len(edits) == 0 {
		return f
	}
	patch := whittle.Patch{File: name, Edits: edits}
	if src != nil {
		patch.Digest = whittle.DigestOf(src)
	}
	f.Fix = &whittle.Fix{Title: "ignore " + analysis.List(patterns), Patches: []whittle.Patch{patch}}
	return f
}

// bringNames names the instructions that add files.
func bringNames(p *analysis.Pass, layers []int) string {
	if len(layers) == 1 {
		return p.LayerNames(layers) + " brings"
	}
	return p.LayerNames(layers) + " bring"
}

// ignoreFile is the build's .dockerignore, nil if there is none.
func ignoreFile(p *analysis.Pass) (name string, src []byte) {
	if p.Ignore != nil && p.Ignore.Name != "" { // the Dockerfile may lie outside of the context
		if filepath.Base(p.Ignore.Name) != ".dockerignore" {
			return p.Dockerfile.Name + ".dockerignore", p.Ignore.Source
		}
		return ".dockerignore", p.Ignore.Source
	}
	for _, name := range []string{p.Dockerfile.Name + ".dockerignore", ".dockerignore"} {
		if src, ok := p.Project.Read(name); ok {
			return name, src
		}
	}
	return ".dockerignore", nil
}

// namedInFile says that the Dockerfile names a path in the context or a path
// below it.
func namedInFile(p *analysis.Pass, at string) bool {
	for i := range p.Dockerfile.Stages {
		for _, in := range p.Recipe.ChainOf(&p.Dockerfile.Stages[i]) {
			words := in.Flag("mount")
			if (in.Keyword == "COPY" || in.Keyword == "ADD") && len(in.Args) > 1 {
				for _, a := range in.Args[:len(in.Args)-1] {
					words = append(words, "source="+strings.Trim(a.Value, `"'`))
				}
			}
			for _, w := range words {
				for _, field := range strings.Split(w, ",") {
					k, v, _ := strings.Cut(field, "=")
					v, _, _ = strings.Cut(v, "*")
					if v = strings.Trim(path.Clean("/"+v), "/"); (k == "source" || k == "src") && v != "" && whittle.Under(v, at) {
						return true
					}
				}
			}
		}
	}
	return false
}

// startsAny says that a RUN of the file runs one of the programs.
func startsAny(p *analysis.Pass, programs ...string) bool {
	for i := range p.Dockerfile.Stages {
		for j := range p.Dockerfile.Stages[i].Instructions {
			in := &p.Dockerfile.Stages[i].Instructions[j]
			if in.Keyword != "RUN" {
				continue
			}
			script, err := in.Shell()
			if err != nil || slices.ContainsFunc(script.Commands(), func(c dockerfile.Command) bool { return slices.Contains(programs, c.Name()) }) {
				return true
			}
		}
	}
	return false
}

// asksGit says that a build may read version control: a RUN does, or the build
// backend takes the version from it.
func asksGit(p *analysis.Pass) bool {
	if startsAny(p, "git", "hg", "svn", "make") {
		return true
	}
	for i := range p.Dockerfile.Stages {
		for j := range p.Dockerfile.Stages[i].Instructions {
			if in := &p.Dockerfile.Stages[i].Instructions[j]; in.Keyword == "RUN" && strings.Contains(in.Text(), ".git") {
				return true
			}
		}
	}
	if givesVersion(p) {
		return false
	}
	for _, name := range []string{"pyproject.toml", "setup.py", "setup.cfg", "package.json"} {
		src, ok := p.Project.Read(name)
		for _, word := range []string{"setuptools_scm", "setuptools-scm", "hatch-vcs", "versioningit", "pbr", "dunamai", "dynamic-versioning",
			"versioneer", "pdm-backend", "git rev-parse", "git describe"} {
			if ok && bytes.Contains(src, []byte(word)) {
				return true
			}
		}
	}
	return false
}

// versionGiven matches a variable that gives a build backend the version, which it
// otherwise takes from version control: setuptools-scm and hatch-vcs, pbr, PDM,
// poetry-dynamic-versioning, versioningit.
var versionGiven = regexp.MustCompile(`\b(SETUPTOOLS_SCM_PRETEND_VERSION(_FOR_[A-Z0-9_]+)?|PBR_VERSION|PDM_BUILD_SCM_VERSION|POETRY_DYNAMIC_VERSIONING_BYPASS|VERSIONINGIT_FOR_PACKAGE_[A-Z0-9_]+)=["']?[0-9A-Za-z]`)

// givesVersion says that an instruction gives build backends the version. An ARG
// without a default may be empty.
func givesVersion(p *analysis.Pass) bool {
	for i := range p.Dockerfile.Stages {
		for j := range p.Dockerfile.Stages[i].Instructions {
			if in := &p.Dockerfile.Stages[i].Instructions[j]; (in.Keyword == "ENV" || in.Keyword == "ARG" || in.Keyword == "RUN") && versionGiven.MatchString(in.Text()) {
				return true
			}
		}
	}
	return false
}

// importsTests says that a module outside a top-level folder of tests imports
// it, or that the folder is a package of the distribution.
func importsTests(p *analysis.Pass, folder string) bool {
	if p.Declared != nil && slices.Contains(p.Declared.Packages, folder) {
		return true
	}
	for _, at := range p.Recipe.PythonSources() {
		if whittle.Under(at, folder) {
			continue
		}
		src, ok := p.Project.Read(at)
		if !ok {
			return true
		}
		for _, imp := range source.Scan(src).Imports {
			if top, _, _ := strings.Cut(imp.Module, "."); top == folder && imp.Level == 0 {
				return true
			}
		}
	}
	return false
}
