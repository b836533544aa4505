package ecosystem

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/distro"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/rule/analysis"
)

// NodeDevDependencies is the rule node-dev-dependencies: node_modules in the image
// has packages that only devDependencies require.
func NodeDevDependencies() analysis.Rule {
	return analysis.Rule{
		ID:    "node-dev-dependencies",
		Title: "node_modules has what only devDependencies require",
		Text: `npm and yarn install the devDependencies of package.json too: compilers, linters, bundlers, test frameworks. A program that runs does not
need them. Install without them, or, if a RUN builds with them, build in a stage and copy the result. A package counts as development only
if package.json's dependencies do not lead to it, in the way in which Node.js looks packages up, and if neither the image's start nor a
file of the project outside of node_modules names it.`,
		Before: "RUN npm ci\n",
		After:  "RUN npm ci --omit=dev\n",
		Run:    nodeDevelopment,
	}
}

// manifest are the parts of a package.json that name other packages.
// https://docs.npmjs.com/cli/configuring-npm/package-json
type manifest struct {
	Dependencies         map[string]string `json:"dependencies"`
	OptionalDependencies map[string]string `json:"optionalDependencies"`
	PeerDependencies     map[string]string `json:"peerDependencies"`
	DevDependencies      map[string]string `json:"devDependencies"`
	Scripts              map[string]string `json:"scripts"`
	Workspaces           json.RawMessage   `json:"workspaces"`
	Bin                  json.RawMessage   `json:"bin"`
}

// needed are the names of the packages that the package needs when it runs.
func (m *manifest) needed() (out []string) {
	for _, from := range []map[string]string{m.Dependencies, m.OptionalDependencies, m.PeerDependencies} {
		for name := range from {
			out = append(out, name)
		}
	}
	return out
}

// maxManifest bounds a package.json, in bytes.
const maxManifest = 1 << 20

const modules = "node_modules/"

func nodeDevelopment(p *analysis.Pass) []whittle.Finding {
	if p.Ledger == nil || p.Root == nil || p.Files == nil || p.Dockerfile == nil {
		return nil
	}
	byApp := map[string]map[string]manifest{} // packages by folder, by the folder of the application
	for _, at := range p.Root.Paths() {
		dir, ok := distro.PackageDir(at)
		if !ok {
			continue
		}
		if m, ok := readManifest(p, at); ok {
			app, _, _ := strings.Cut("/"+dir, "/"+modules)
			app = strings.TrimPrefix(app, "/")
			if byApp[app] == nil {
				byApp[app] = map[string]manifest{}
			}
			byApp[app][dir] = m
		}
	}
	var out []whittle.Finding
	for app, packages := range byApp {
		if f, ok := developmentOf(p, app, packages); ok {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b whittle.Finding) int { return strings.Compare(a.Fingerprint, b.Fingerprint) })
	return out
}

func readManifest(p *analysis.Pass, at string) (m manifest, ok bool) {
	b, err := p.Root.ReadFile(at, maxManifest)
	return m, err == nil && json.Unmarshal(b, &m) == nil
}

// developmentOf looks at one application: the folder above node_modules.
func developmentOf(p *analysis.Pass, app string, packages map[string]manifest) (f whittle.Finding, ok bool) {
	own, in, ok := installOf(p, app)
	if !ok || len(own.DevDependencies) == 0 || own.Workspaces != nil {
		return f, false
	}
	kept := reachable(app, own.needed(), packages)
	said, all := codeOf(p, &own)
	if !all {
		return f, false
	}
	for name := range own.DevDependencies {
		words := append(programsOf(name, packages[path.Join(app, modules, name)]), name)
		if slices.ContainsFunc(words, func(w string) bool {
			return slices.ContainsFunc(said, func(text []byte) bool { return analysis.LineWith(text, w) > 0 })
		}) {
			maps.Copy(kept, reachable(app, []string{name}, packages))
		}
	}
	development := reachable(app, slices.Collect(maps.Keys(own.DevDependencies)), packages)
	items := p.Layers.Visible(func(i int) bool {
		it := &p.Ledger.Items[i]
		dir, _ := distro.PackageDir(it.Path)
		return dir != "" && development[dir] && !kept[dir] && !p.Layers.IsBase(it.Layer) && whittle.Under(dir, app)
	})
	count := 0
	for dir := range development {
		if !kept[dir] {
			count++
		}
	}
	if p.Layers.Bytes(items) < analysis.MinBytes {
		return f, false
	}
	f = withLines(p, whittle.Finding{
		Message: fmt.Sprintf("/%s has %s that only devDependencies require: %s", path.Join(app, "node_modules"), analysis.Count(count, "package"),
			whittle.Bytes(p.Layers.Bytes(items))),
		Evidence: p.Layers.Places(items), Change: p.Layers.Removal(items), Risk: whittle.RiskMedium,
		Caution:     "a program that loads one of them by a name that no file shows fails",
		Advice:      "install without devDependencies",
		Fingerprint: whittle.Fingerprint("node-dev-dependencies", app),
	}, items)
	if by := buildsAfter(p, in); by != nil {
		f.Advice = fmt.Sprintf("build in a stage (%s may need them), and install without devDependencies in the image that runs", p.Recipe.The(by))
		return f, true
	}
	f.Fix = withoutDev(p, in)
	return f, true
}

// installOf is the package.json of an application as the project has it, and the RUN
// that installed its packages.
func installOf(p *analysis.Pass, app string) (own manifest, in *dockerfile.Instruction, ok bool) {
	for _, in := range p.Recipe.Chain() {
		c, copies := p.Recipe.ReadCopy(in)
		if !copies {
			continue
		}
		if from, found := p.Recipe.Origin(&c, path.Join(app, "package.json")); found {
			ok = json.Unmarshal(p.Project.File(from), &own) == nil
		}
	}
	if !ok {
		return own, nil, false
	}
	bytes := map[int]int64{}
	for i := range p.Ledger.Items {
		if it := &p.Ledger.Items[i]; whittle.Under(it.Path, path.Join(app, "node_modules")) {
			bytes[it.Layer] += it.Bytes
		}
	}
	for layer, n := range bytes {
		if in == nil || n > bytes[p.Recipe.LayerOf(in)] {
			in = p.Recipe.Instruction(layer)
		}
	}
	return own, in, in != nil && in.Keyword == "RUN"
}

// reachable are the folders of the packages to which names lead from a folder. A
// package is looked up in node_modules of the folder and of those above it.
// https://nodejs.org/api/modules.html#loading-from-node_modules-folders
func reachable(from string, names []string, packages map[string]manifest) map[string]bool {
	type request struct{ from, name string }
	out := map[string]bool{}
	var todo []request
	for _, name := range names {
		todo = append(todo, request{from, name})
	}
	for len(todo) > 0 {
		r := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		dir, ok := lookUp(r.from, r.name, packages)
		if !ok || out[dir] {
			continue
		}
		out[dir] = true
		m := packages[dir]
		for _, name := range m.needed() {
			todo = append(todo, request{dir, name})
		}
	}
	return out
}

func lookUp(from, name string, packages map[string]manifest) (dir string, ok bool) {
	for at := from; ; at = path.Dir(at) {
		dir = path.Join(at, "node_modules", name)
		if _, ok = packages[dir]; ok || at == "." || at == "" || at == "/" {
			return dir, ok
		}
	}
}

// programsOf are the names of a package's programs.
func programsOf(name string, m manifest) (out []string) {
	var many map[string]string
	if json.Unmarshal(m.Bin, &many) == nil {
		return slices.Collect(maps.Keys(many))
	}
	return []string{path.Base(name)}
}

// maxCode bounds the files of the project that are searched for packages' names.
const maxCode = 5000

// codeOf are the texts that may load a package or start its program in the image:
// the project's code and scripts, the image's commands, and the scripts of
// package.json that these run. Tests, and the settings of what builds, do not
// count. all is false if there are too many.
func codeOf(p *analysis.Pass, own *manifest) (out [][]byte, all bool) {
	command := strings.Join(p.StartWords(), " ")
	out = append(out, []byte(command))
	for name, script := range own.Scripts {
		if analysis.LineWith([]byte(command), name) > 0 {
			out = append(out, []byte(script))
		}
	}
	n := 0
	err := fs.WalkDir(p.Files, ".", func(at string, e fs.DirEntry, err error) error {
		switch name := path.Base(at); {
		case err != nil:
			return nil // an unreadable file is not sent to the build either
		case e.IsDir() && at != "." && (strings.HasPrefix(name, ".") || slices.Contains([]string{"node_modules", "test", "tests", "__tests__", "spec", "e2e", "cypress", "docs", "dist", "build"}, name)):
			return fs.SkipDir
		case !e.Type().IsRegular() || !isCode(name):
			return nil
		}
		if n++; n > maxCode {
			return fs.SkipAll
		}
		text, ok := p.Project.Read(at)
		if !ok {
			n = maxCode + 1
			return fs.SkipAll
		}
		out = append(out, text)
		return nil
	})
	return out, err == nil && n <= maxCode
}

// isCode says that a file may load packages when the image runs.
func isCode(name string) bool {
	stem, ext := strings.TrimSuffix(name, path.Ext(name)), path.Ext(name)
	switch {
	case strings.HasPrefix(name, "."), path.Ext(stem) == ".config", path.Ext(stem) == ".test", path.Ext(stem) == ".spec", path.Ext(stem) == ".d",
		slices.Contains([]string{"Gruntfile", "gulpfile", "jest", "karma.conf"}, stem):
		return false
	}
	return slices.Contains([]string{".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".jsx", ".tsx", ".vue", ".svelte", ".coffee", ".sh", ".py"}, ext)
}

// buildsAfter is the first instruction that may build something once the packages
// are installed; nil if there is none.
func buildsAfter(p *analysis.Pass, in *dockerfile.Instruction) *dockerfile.Instruction {
	script, err := in.Shell()
	if err != nil {
		return in
	}
	installed := false
	for _, c := range script.Commands() {
		if _, ok := installsNode(&c); ok {
			installed = true
		} else if installed && !harmless(&c) {
			return in
		}
	}
	chain := p.Recipe.Chain()
	for _, later := range chain[slices.Index(chain, in)+1:] {
		if later.Keyword != "RUN" {
			continue
		}
		script, err := later.Shell()
		if err != nil || slices.ContainsFunc(script.Commands(), func(c dockerfile.Command) bool { return !harmless(&c) }) {
			return later
		}
	}
	return nil
}

// harmless says that a command uses no package of node_modules.
func harmless(c *dockerfile.Command) bool {
	switch c.Name() {
	case "rm", "mkdir", "chown", "chmod", "ln", "cp", "mv", "echo", "touch", "set", "cd", "true", "apt-get", "apt", "apk", "useradd", "groupadd", "adduser", "addgroup", "pip", "pip3":
		return true
	case "npm", "yarn":
		return len(c.Words) > 2 && c.Words[1].Value == "cache"
	}
	return false
}

// installsNode says that a command installs what package.json names; at is the
// position of the word after which an option may come.
func installsNode(c *dockerfile.Command) (at int, ok bool) {
	verbs := map[string][]string{"npm": {"ci", "install", "i"}, "yarn": {"install"}}[c.Name()]
	if verbs == nil {
		return 0, false
	}
	rest := c.Words[1:]
	if len(rest) > 0 && slices.Contains(verbs, rest[0].Value) {
		at, rest = 1, rest[1:]
	} else if c.Name() == "npm" {
		return 0, false
	}
	return at, !slices.ContainsFunc(rest, func(w dockerfile.Word) bool { return !strings.HasPrefix(w.Text, "-") })
}

// withoutDev adds the option that leaves devDependencies out.
// https://docs.npmjs.com/cli/commands/npm-ci#omit and
// https://classic.yarnpkg.com/lang/en/docs/cli/install/
func withoutDev(p *analysis.Pass, in *dockerfile.Instruction) *whittle.Fix {
	script, err := in.Shell()
	if err != nil {
		return nil
	}
	for _, c := range script.Commands() {
		at, ok := installsNode(&c)
		if !ok {
			continue
		}
		option := "--omit=dev"
		if c.Name() == "yarn" {
			if option = "--production"; !classicYarn(p) {
				return nil
			}
		}
		if slices.ContainsFunc(c.Words, func(w dockerfile.Word) bool {
			return strings.Contains(w.Text, "dev") || strings.Contains(w.Text, "prod")
		}) {
			return nil // it says something about them already
		}
		edit, err := in.AddWords(c, at, option)
		if err != nil {
			return nil
		}
		if fix, ok := p.Recipe.Fix("add "+option, []whittle.Edit{edit}); ok {
			return fix
		}
		return nil
	}
	return nil
}

// classicYarn says that the project's lock file is one of Yarn 1.
func classicYarn(p *analysis.Pass) bool {
	return strings.Contains(string(p.Project.File("yarn.lock")), "# yarn lockfile v1")
}
