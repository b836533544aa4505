package base

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// needs are the packages of the full base that an image uses.
type needs struct {
	p    *analysis.Pass
	list *analysis.Packages
	// only are the packages that only the full base has.
	only map[int]bool
	// programs are positions of packages by the names of their programs, paths by the
	// paths of programs and libraries. libraries are those by the names of their libraries, and by shorter names
	// that may be links to them: libffi.so.8 of libffi.so.8.1.2.
	programs, paths, libraries map[string]int
	// numbered are the libraries libNAME.so.N by libNAME.so, see readNumbered.
	numbered map[string][]string
	// why says what uses a package, by its position.
	why map[int]string
	// running says which packages something uses that runs in the image; others are
	// used only while it is built.
	running map[int]bool
	// building is the instruction that is looked at, nil for what runs later. first is
	// the first RUN of the image that uses a package, nil if none does.
	building, first *dockerfile.Instruction
	// libraryPrograms says that the programs count, too, that libraries run.
	libraryPrograms bool
	// blocks say what the slim image cannot do even with packages.
	blocks []string
	// wheels are those of them that say that a distribution was compiled: where a stage
	// on the full base installs the packages, the image's own needs no compiler.
	wheels []string
}

// findNeeds looks for everything in an image, and in the instructions of the stages
// that are built on the same FROM line, that uses packages which only the full base
// has.
func findNeeds(p *analysis.Pass, s *analysis.Packages, st *dockerfile.Stage, only []int) *needs {
	n := newNeeds(p, s, only)
	if len(s.List) == 0 || p.Ledger.Tree == nil {
		n.unknownPackages(st)
		return n
	}
	n.runs()
	n.compiled()
	n.builds(st)
	n.named()
	n.certificates()
	return n
}

func newNeeds(p *analysis.Pass, s *analysis.Packages, only []int) *needs {
	n := &needs{p: p, list: s, only: map[int]bool{}, programs: map[string]int{}, paths: map[string]int{}, libraries: map[string]int{}, why: map[int]string{}, running: map[int]bool{}}
	for _, k := range only {
		n.only[k] = true
		for _, i := range s.List[k].Items {
			n.place(k, p.Ledger.Items[i].Path)
		}
		for _, at := range s.List[k].Files { // links among them: gcc, libpq.so
			n.place(k, at)
		}
	}
	return n
}

// runs notes what the files of the image and its configuration use when it runs.
func (n *needs) runs() {
	n.withoutOthers()
	n.binaries()
	n.sources()
	n.scripts()
	n.configured()
	n.distributions()
}

// place notes a file of a package if it is a program or a library.
func (n *needs) place(k int, at string) {
	base, dir := path.Base(at), path.Base(path.Dir(at))
	switch {
	case dir == "bin" || dir == "sbin":
		n.programs[base], n.paths[at] = k, k
	case strings.Contains(base, ".so"):
		n.paths[at] = k
		for name := base; strings.Contains(name, ".so"); name = name[:strings.LastIndexByte(name, '.')] {
			if _, known := n.libraries[name]; !known || name == base {
				n.libraries[name] = k
			}
		}
	}
}

// withoutOthers forgets the programs that another package or the language has, too.
func (n *needs) withoutOthers() {
	owners := map[string]bool{}
	for k := range n.list.List {
		if n.only[k] {
			continue
		}
		for _, i := range n.list.List[k].Items {
			owners[n.p.Ledger.Items[i].Path] = true
		}
	}
	for i := range n.p.Ledger.Tree.Nodes {
		at := n.p.Ledger.Tree.Nodes[i].Path
		base, dir := path.Base(at), path.Base(path.Dir(at))
		if _, known := n.programs[base]; known && (dir == "bin" || dir == "sbin") && (ofLanguage(at) || owners[at]) {
			delete(n.programs, base)
		}
	}
}

// use notes that something uses a package.
func (n *needs) use(k int, format string, args ...any) {
	if !n.only[k] {
		return
	}
	if n.why[k] == "" {
		n.why[k] = fmt.Sprintf(format, args...)
	}
	if n.building == nil {
		n.running[k] = true
	} else if n.first == nil && n.building.Keyword == "RUN" && slices.Contains(n.p.Recipe.Chain(), n.building) {
		n.first = n.building
	}
}

// program notes that something runs a program.
func (n *needs) program(name, by string) {
	if k, ok := n.programs[name]; ok {
		n.use(k, "%s runs %s", by, name)
	}
}

// above are the visible files that the image adds to its base.
func (n *needs) above(do func(at string, item int)) {
	for i := range n.p.Ledger.Tree.Nodes {
		node := &n.p.Ledger.Tree.Nodes[i]
		if node.Item >= 0 && !n.p.Layers.IsBase(node.Layer) && !n.p.Layers.OfSystem(node.Item) {
			do(node.Path, node.Item)
		}
	}
}

// binaries notes the libraries that binaries of the image load.
func (n *needs) binaries() {
	if n.p.Libraries == nil {
		return
	}
	n.above(func(at string, _ int) { n.binary(at) })
}

func (n *needs) binary(at string) {
	for _, name := range n.p.Libraries(at) {
		k, ok := n.libraries[name]
		if !ok {
			continue
		}
		// The loader may find another file of that name: one that a wheel brings.
		if n.p.Loaded == nil || slices.ContainsFunc(n.p.Loaded(at), func(file string) bool {
			found, ok := n.paths[file]
			return ok && found == k
		}) {
			n.use(k, "%s loads %s", path.Base(at), name)
		}
	}
}

// openers are functions that load a library, and runners those that start a program,
// by the last part of their names.
var (
	openers = strings.Fields("find_library CDLL PyDLL LoadLibrary dlopen _dlopen")
	runners = strings.Fields("run Popen call check_call check_output system which getoutput popen")
)

// sources notes what Python modules load and start. Of distributions only those count
// that something uses, and only the libraries that they load: many name programs that
// they run if asked to.
func (n *needs) sources() {
	if n.p.Dists == nil || n.p.Root == nil {
		return
	}
	unused := n.unused()
	n.above(func(at string, item int) {
		if !strings.HasSuffix(at, ".py") {
			return
		}
		owner := n.p.Owner[item]
		own := owner.Ecosystem != "pypi" || n.application(owner.Name)
		if !own && unused[owner.Name] {
			return
		}
		src, ok := n.p.Dists.Source(at)
		if !ok {
			return
		}
		for _, imp := range src.Imports {
			if own && imp.Level == 0 && (imp.Module == "tkinter" || strings.HasPrefix(imp.Module, "tkinter.") || imp.Module == "turtle") {
				n.tk(at)
			}
		}
		for _, c := range src.Calls {
			last := c.Func[strings.LastIndexByte(c.Func, '.')+1:]
			switch {
			case len(c.Args) == 0 || onOtherSystem(c.Conditions):
			case slices.Contains(openers, last):
				n.opened(last, c.Args, at, c.Line)
			case (own || n.libraryPrograms && !installers[owner.Name]) && slices.Contains(runners, last):
				n.command(c.Args[0], fmt.Sprintf("/%s:%d", at, c.Line))
			}
		}
	})
}

// onOtherSystem says that a statement runs on other systems than Linux.
func onOtherSystem(conditions []source.Condition) bool {
	linux := source.Runtime{Platform: "linux", OSName: "posix", System: "Linux"}
	return slices.ContainsFunc(conditions, func(c source.Condition) bool {
		return !strings.Contains(c.Text, "version") && !strings.Contains(c.Text, "__name__") && c.Holds(linux) == source.No
	})
}

// installers are distributions that run programs only to install others.
var installers = map[string]bool{"pip": true, "setuptools": true, "wheel": true, "uv": true, "poetry": true, "poetry-core": true, "virtualenv": true, "pdm": true,
	"hatchling": true, "cffi": true, "cython": true, "numpy": true, "torch": true, "numba": true, "setuptools-scm": true}

// application says that a distribution is the project itself.
func (n *needs) application(name string) bool {
	if n.p.Graph == nil {
		return false
	}
	i, ok := n.p.Graph.Find(name)
	return ok && n.p.Dists.IsApplication(&n.p.Graph.Distributions[i])
}

// unused are the names of the distributions that no start uses.
func (n *needs) unused() map[string]bool {
	out := map[string]bool{}
	if n.p.Graph != nil {
		for i := range n.p.Graph.Distributions {
			if n.p.Dists.Usage(i) == analysis.Unused {
				out[n.p.Graph.Distributions[i].Name] = true
			}
		}
	}
	return out
}

// tk notes the libraries of the language's own tkinter, which slim images do not
// have.
func (n *needs) tk(by string) {
	if n.p.Libraries == nil {
		n.blocks = append(n.blocks, "/"+by+" imports tkinter, for which the slim image has no library")
		return
	}
	for i := range n.p.Ledger.Tree.Nodes {
		if at := n.p.Ledger.Tree.Nodes[i].Path; strings.HasPrefix(path.Base(at), "_tkinter.") && ofLanguage(at) {
			n.binary(at)
		}
	}
}

// opened notes the library that a call loads. find_library takes a name without
// "lib" and the suffix, the others the name of a file.
func (n *needs) opened(function string, names []string, at string, line int) {
	for _, name := range names {
		if strings.Contains(name, "/") || name == "" {
			continue
		}
		files := []string{name}
		if function != "CDLL" && function != "PyDLL" && function != "LoadLibrary" {
			files = append(files, n.searched(name)...)
		}
		for _, file := range files {
			if k, ok := n.libraries[file]; ok {
				n.use(k, "/%s:%d loads %s", at, line, name)
			}
		}
	}
}

// searched are the names of the files that find_library may find for a name. With
// glibc it asks ldconfig, which knows libpq.so.5; the link libpq.so, for the linker, is
// needed only where there is no such file. With musl, find_library asks the linker.
func (n *needs) searched(name string) (files []string) {
	link := "lib" + name + ".so"
	if n.numbered == nil {
		n.readNumbered()
	}
	if files, ok := n.numbered[link]; ok {
		return files
	}
	return []string{link}
}

// readNumbered finds the libraries with a number in the folders of the loader. Of those
// of other packages than only there are no names.
func (n *needs) readNumbered() {
	n.numbered = map[string][]string{}
	if slices.ContainsFunc(n.list.List, func(k analysis.Package) bool { return k.Ecosystem == "apk" }) {
		return
	}
	for i := range n.p.Ledger.Tree.Nodes {
		at := n.p.Ledger.Tree.Nodes[i].Path
		link, number, ok := strings.Cut(path.Base(at), ".so.")
		if !ok || number == "" || number[0] < '0' || number[0] > '9' || !loaderFolder.MatchString(path.Dir(at)) {
			continue
		}
		link += ".so"
		files := n.numbered[link]
		if _, mine := n.paths[at]; mine {
			files = append(files, path.Base(at))
		}
		n.numbered[link] = files
	}
}

// loaderFolder matches the folders that the dynamic loader knows without being told.
var loaderFolder = regexp.MustCompile(`^(usr/)?(local/)?lib(64)?(/[a-z0-9_]+-linux-gnu[a-z0-9]*)?$`)

// command notes the programs of a command line, which may be a program alone.
func (n *needs) command(text, by string) {
	if !strings.ContainsAny(text, " \t\n;|&") {
		n.program(path.Base(text), by)
		return
	}
	if script, err := dockerfile.ParseShell("command", text); err == nil {
		n.script(script, by)
	}
}

// script notes the programs of a script.
func (n *needs) script(s *dockerfile.Script, by string) {
	for _, c := range s.Commands() {
		first := firstProgram(&c)
		for i, w := range c.Words {
			name := path.Base(w.Value)
			if i != first && (analysis.IsCommonWord(name) || strings.Contains(w.Value, "/") && !strings.Contains(w.Value, "bin/") || onlyNames(&c)) {
				continue
			}
			n.program(name, by)
		}
		if k := slices.IndexFunc(c.Words, func(w dockerfile.Word) bool {
			return strings.Contains(w.Value, "git@") || strings.Contains(w.Value, "ssh://")
		}); k >= 0 {
			n.program("ssh", by)
		}
	}
}

// firstProgram is the position of the program that a command runs in the end: sudo,
// env and their like run another one.
func firstProgram(c *dockerfile.Command) int {
	for i, w := range c.Words {
		if !strings.HasPrefix(w.Value, "-") && !strings.Contains(w.Value, "=") &&
			!slices.Contains([]string{"sudo", "env", "time", "nice", "xargs", "exec", "command", "nohup", "eval", "gosu"}, w.Value) {
			return i
		}
	}
	return 0
}

// onlyNames says that the words of a command name packages, folders or texts, and no
// programs.
func onlyNames(c *dockerfile.Command) bool {
	switch c.Name() {
	case "apt-get", "apt", "aptitude", "pip", "pip3", "uv", "poetry", "npm", "yarn", "pnpm", "gem", "bundle", "cpan", "cpanm", "useradd", "adduser", "groupadd",
		"addgroup", "mkdir", "rm", "echo", "printf", "chmod", "chown", "cp", "mv", "ln", "touch", "cd", "export", "test", "[", "grep", "sed", "git":
		return true
	}
	_, _, apt := recipe.Verb(c, "apt-get", "apt", "aptitude", "npm", "yarn", "pip", "pip3")
	return apt
}

// scripts notes the programs of the shell scripts that the image adds.
func (n *needs) scripts() {
	if n.p.Root == nil {
		return
	}
	n.above(func(at string, item int) {
		base := path.Base(at)
		e := n.p.Layers.Content(item)
		entry := &n.p.Indexes[e.Layer].Entries[e.Entry]
		if n.p.Owner[item].Ecosystem == "pypi" || entry.Mode&0o111 == 0 && path.Ext(base) != ".sh" || entry.Size > maxScript || path.Ext(base) == ".py" || isHook(at) {
			return
		}
		text, err := n.p.Root.ReadFile(at, maxScript)
		if err != nil {
			return
		}
		first, _, _ := strings.Cut(string(text), "\n")
		program, found := strings.CutPrefix(first, "#!")
		words := strings.Fields(program)
		if found && len(words) > 0 {
			n.interpreter(words, at)
		}
		if !found && path.Ext(base) != ".sh" || found && !slices.ContainsFunc(words, isShell) {
			return
		}
		if script, err := dockerfile.ParseShell(at, string(text)); err == nil {
			n.script(script, "/"+at)
		}
	})
}

// isHook says that a file is in a repository of git: only git runs hooks.
func isHook(at string) bool { return strings.Contains("/"+at, "/.git/") }

// maxScript is the size of the largest script that is read, in bytes.
const maxScript = 256 << 10

func isShell(word string) bool {
	return slices.Contains([]string{"sh", "bash", "dash", "ash"}, path.Base(word))
}

// interpreter notes the program in a script's first line.
func (n *needs) interpreter(words []string, by string) {
	if path.Base(words[0]) == "env" && len(words) > 1 {
		n.program(path.Base(words[len(words)-1]), "/"+by)
		return
	}
	for _, at := range []string{strings.TrimPrefix(words[0], "/"), "usr" + words[0]} {
		if k, ok := n.paths[at]; ok {
			n.use(k, "/%s runs %s", by, path.Base(words[0]))
		}
	}
}

// named notes the programs that files of the project name, if they are in the image.
// Of shell scripts only the commands count, see scripts.
func (n *needs) named() {
	inImage := map[string]bool{}
	n.above(func(at string, _ int) { inImage[path.Base(at)] = true })
	texts := n.p.Texts().OfProject(func(file string) bool {
		return inImage[path.Base(file)] && path.Ext(file) != ".sh" && path.Ext(file) != ".bash"
	})
	for name := range texts.Programs() {
		if !analysis.IsCommonWord(name) {
			if k, ok := n.programs[name]; ok && n.why[k] == "" {
				n.use(k, "the application names the program %s", name)
			}
		}
	}
}

// configured notes the programs that the image starts.
func (n *needs) configured() {
	if n.p.Config == nil {
		return
	}
	c := &n.p.Config.Config
	for _, words := range [][]string{slices.Concat(c.Entrypoint, c.Cmd), healthcheck(n.p)} {
		for i, w := range words {
			if i == 0 || !analysis.IsCommonWord(path.Base(w)) && !strings.ContainsAny(w, " \t") {
				n.program(path.Base(w), "what the image starts")
			} else if strings.ContainsAny(w, " \t") {
				n.command(w, "what the image starts")
			}
		}
	}
}

func healthcheck(p *analysis.Pass) []string {
	if h := p.Config.Config.Healthcheck; h != nil && len(h.Test) > 1 {
		return h.Test[1:]
	}
	return nil
}

// known are libraries and programs that distributions need and name in a way that no
// text shows.
var known = map[string]string{"gitpython": "git", "wand": "libMagickWand", "cairocffi": "libcairo.so.2", "pycairo": "libcairo.so.2"}

// listed are libraries that distributions look for by the names in a list, which no call
// shows, if the application names a part of theirs.
// https://docs.djangoproject.com/en/5.2/ref/contrib/gis/install/geolibs/
var listed = []struct {
	name, part string
	libraries  []string
}{{"django", "django.contrib.gis", []string{"gdal", "geos_c"}}}

// byList notes what a distribution looks for by names in a list.
func (n *needs) byList(name string) {
	for _, l := range listed {
		if l.name != name || !slices.ContainsFunc(n.p.Texts(), func(t analysis.Text) bool { return t.Contains(l.part) }) {
			continue
		}
		for _, library := range l.libraries {
			for _, file := range n.searched(library) {
				if k, ok := n.libraries[file]; ok {
					n.use(k, "%s loads %s", l.part, library)
				}
			}
		}
	}
}

// distributions notes what distributions are known to need.
func (n *needs) distributions() {
	if n.p.Graph == nil {
		return
	}
	for i := range n.p.Graph.Distributions {
		d := &n.p.Graph.Distributions[i]
		if n.p.Dists.Usage(i) == analysis.Unused {
			continue
		}
		n.byList(d.Name)
		what, ok := known[d.Name]
		if !ok {
			continue
		}
		n.program(what, d.Name)
		for _, file := range slices.Sorted(maps.Keys(n.libraries)) {
			if strings.HasPrefix(file, what) {
				n.use(n.libraries[file], "%s loads %s", d.Name, what)
			}
		}
	}
}

// certificates keeps ca-certificates beside programs that fetch over https.
func (n *needs) certificates() {
	for _, name := range []string{"curl", "wget", "git"} {
		if k, ok := n.programs[name]; ok && n.why[k] != "" {
			for _, c := range n.list.Providers["ca-certificates"] {
				n.use(c, "%s verifies certificates", name)
				n.running[c] = n.running[k]
			}
		}
	}
}

// keep are the names of the packages to install, without those that others bring,
// and what uses each. With only, they are those that something uses which runs.
func (n *needs) keep(only bool) (names, why []string) {
	used := slices.DeleteFunc(slices.Sorted(maps.Keys(n.why)), func(k int) bool { return only && !n.running[k] })
	for _, k := range used {
		others := slices.DeleteFunc(slices.Clone(used), func(o int) bool { return o == k })
		if brought := n.list.Needed(others, false); brought[k] && !n.mutual(k, others) {
			continue
		}
		names, why = append(names, n.list.List[k].Name), append(why, n.why[k])
	}
	return names, why
}

// mutual says that a package needs one of those that need it, so that one of them has
// to be named: the first.
func (n *needs) mutual(k int, others []int) bool {
	mine := n.list.Needed([]int{k}, false)
	for _, o := range others {
		if n.list.Needed([]int{o}, false)[k] && (!mine[o] || o < k) {
			return false
		}
	}
	return true
}
