package manifest

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/toml"
)

// pyprojectFile is the part of pyproject.toml that declares something.
// https://packaging.python.org/en/latest/specifications/pyproject-toml/
type pyprojectFile struct {
	BuildSystem struct {
		Requires []string `toml:"requires"`
	} `toml:"build-system"`
	Project struct {
		Name           string              `toml:"name"`
		Version        string              `toml:"version"`
		RequiresPython string              `toml:"requires-python"`
		Dependencies   []string            `toml:"dependencies"`
		Optional       map[string][]string `toml:"optional-dependencies"`
		Scripts        map[string]string   `toml:"scripts"`
	} `toml:"project"`
	Groups map[string][]any `toml:"dependency-groups"`
	Tool   struct {
		Poetry struct {
			Name         string           `toml:"name"`
			Dependencies map[string]any   `toml:"dependencies"`
			Dev          map[string]any   `toml:"dev-dependencies"`
			Extras       map[string]any   `toml:"extras"`
			Scripts      map[string]any   `toml:"scripts"`
			Packages     []map[string]any `toml:"packages"`
			Group        map[string]struct {
				Dependencies map[string]any `toml:"dependencies"`
			} `toml:"group"`
		} `toml:"poetry"`
		Flit struct {
			Metadata struct {
				Module   string              `toml:"module"`
				DistName string              `toml:"dist-name"`
				Python   string              `toml:"requires-python"`
				Requires []string            `toml:"requires"`
				Extra    map[string][]string `toml:"requires-extra"`
			} `toml:"metadata"`
			Scripts map[string]string `toml:"scripts"`
		} `toml:"flit"`
		PDM struct {
			Dev map[string][]string `toml:"dev-dependencies"`
		} `toml:"pdm"`
		UV struct {
			Dev []string `toml:"dev-dependencies"`
		} `toml:"uv"`
		Hatch struct {
			Envs map[string]struct {
				Dependencies []string `toml:"dependencies"`
				Extra        []string `toml:"extra-dependencies"`
			} `toml:"envs"`
		} `toml:"hatch"`
	} `toml:"tool"`
}

func (d *declaredReader) pyproject() {
	file := d.at("pyproject.toml")
	b := d.read(file)
	if b == nil {
		return
	}
	var p pyprojectFile
	if err := toml.Unmarshal(b, &p); err != nil {
		d.problem(fmt.Errorf("reading %s: %w", file, err))
		return
	}
	at := newLineFinder(b)
	d.out.Name, d.out.Version, d.out.RequiresPython = p.Project.Name, p.Project.Version, p.Project.RequiresPython
	d.buildTables(b)
	for name, target := range p.Project.Scripts {
		d.out.Scripts[name] = target
	}
	list := func(l []string, section string, kind DependencyKind, extra, group string) {
		for _, text := range l {
			d.add(text, file, at.line(section, text), kind, extra, group)
		}
	}
	list(p.BuildSystem.Requires, "build-system", BuildSystem, "", "")
	list(p.Project.Dependencies, "project", Runtime, "", "")
	for _, extra := range sortedKeys(p.Project.Optional) {
		list(p.Project.Optional[extra], "optional-dependencies", Optional, extra, "")
	}
	for _, group := range sortedKeys(p.Groups) {
		for _, item := range p.Groups[group] {
			if text, ok := item.(string); ok {
				list([]string{text}, "dependency-groups", Development, "", group)
			}
		}
	}
	readFlit(d, &p, list)
	developers := len(d.out.Dependencies)
	for _, group := range sortedKeys(p.Tool.PDM.Dev) {
		list(p.Tool.PDM.Dev[group], "dev-dependencies", Development, "", group)
	}
	list(p.Tool.UV.Dev, "dev-dependencies", Development, "", "dev")
	for _, env := range sortedKeys(p.Tool.Hatch.Envs) {
		e := p.Tool.Hatch.Envs[env]
		list(e.Dependencies, "tool.hatch.envs."+env, Development, "", env)
		list(e.Extra, "tool.hatch.envs."+env, Development, "", env)
	}
	for i := range d.out.Dependencies[developers:] {
		d.out.Dependencies[developers+i].Developers = true
	}
	d.poetry(&p, file, at)
	d.pixiTables(file, b, at)
}

// readFlit reads the metadata of flit's own table, which it had before there was
// [project]. https://flit.pypa.io/en/stable/pyproject_toml.html#old-style-metadata
func readFlit(d *declaredReader, p *pyprojectFile, list func(l []string, section string, kind DependencyKind, extra, group string)) {
	m := &p.Tool.Flit.Metadata
	d.out.Name = cmp.Or(d.out.Name, m.DistName, m.Module)
	d.out.RequiresPython = cmp.Or(d.out.RequiresPython, m.Python)
	for name, target := range p.Tool.Flit.Scripts {
		d.out.Scripts[name] = target
	}
	list(m.Requires, "tool.flit.metadata", Runtime, "", "")
	for _, extra := range sortedKeys(m.Extra) {
		list(m.Extra[extra], "tool.flit.metadata.requires-extra", Optional, extra, "")
	}
}

// buildTables reads what the tables of build systems say: where the sources
// are, which of them are shipped, and where dependencies are read from.
func (d *declaredReader) buildTables(b []byte) {
	var t tomlTable
	if toml.Unmarshal(b, &t) != nil {
		return
	}
	tool := t.table("tool")
	d.groups(t)
	d.roots(tool)
	d.shipped(t, tool)
	for _, group := range sortedKeys(t.table("project", "entry-points")) {
		targets := t.table("project", "entry-points", group)
		for _, name := range sortedKeys(targets) {
			d.plugin(group, fmt.Sprint(targets[name]))
		}
	}
	for _, group := range sortedKeys(tool.table("poetry", "plugins")) {
		targets := tool.table("poetry", "plugins", group)
		for _, name := range sortedKeys(targets) {
			d.plugin(group, fmt.Sprint(targets[name]))
		}
	}
	for name, target := range t.table("project", "gui-scripts") {
		d.out.Scripts[name] = fmt.Sprint(target)
	}
	for _, m := range tool.strings("uv", "workspace", "members") {
		d.out.Members = append(d.out.Members, d.at(m))
	}
	d.dynamic(t, tool)
}

// roots are the folders that modules are found in.
func (d *declaredReader) roots(tool tomlTable) {
	add := func(dirs ...string) {
		for _, dir := range dirs {
			if dir = d.at(dir); fs.ValidPath(dir) {
				d.once(&d.out.Roots, dir)
			}
		}
	}
	for _, p := range tool.list("poetry", "packages") {
		add(tomlTable{"p": p}.strings("p", "from")...)
	}
	add(tool.strings("setuptools", "package-dir", "")...)
	for _, name := range sortedKeys(tool.table("setuptools", "package-dir")) {
		mapPackage(d, name)
	}
	add(tool.strings("setuptools", "packages", "find", "where")...)
	add(tool.strings("pdm", "build", "package-dir")...)
	add(tool.strings("maturin", "python-source")...)
	add(tool.strings("uv", "build-backend", "module-root")...)
	add(tool.strings("hatch", "build", "targets", "wheel", "sources")...)
	add(tool.strings("pytest", "ini_options", "pythonpath")...)
	for _, p := range tool.strings("hatch", "build", "targets", "wheel", "packages") {
		add(path.Dir(p))
	}
}

// shipped are the folders and files that a build puts into the distribution.
func (d *declaredReader) shipped(t, tool tomlTable) {
	ship := func(from string, names ...string) {
		for _, n := range names {
			n = d.at(path.Join(from, strings.TrimSuffix(strings.TrimRight(n, "/*"), "/**")))
			if fs.ValidPath(n) {
				d.once(&d.out.Ships, n)
			}
		}
	}
	for _, p := range tool.list("poetry", "packages") {
		one := tomlTable{"p": p}
		from := strings.Join(one.strings("p", "from"), "")
		ship(from, one.strings("p", "include")...)
	}
	root := strings.Join(tool.strings("setuptools", "package-dir", ""), "")
	for _, n := range append(tool.strings("setuptools", "packages"), tool.strings("setuptools", "py-modules")...) {
		ship(root, strings.ReplaceAll(n, ".", "/"))
		ship(root, strings.ReplaceAll(n, ".", "/")+".py")
	}
	wheel := tool.table("hatch", "build", "targets", "wheel")
	ship("", append(wheel.strings("packages"), wheel.strings("only-include")...)...)
	if n := append(tool.strings("flit", "module", "name"), tool.strings("flit", "metadata", "module")...); len(n) > 0 {
		ship("", n[0], n[0]+".py", "src/"+n[0], "src/"+n[0]+".py")
	}
	_, builds := t["build-system"]
	d.out.Builds = d.out.Builds || builds && !slices.Equal(tool.strings("poetry", "package-mode"), []string{"false"})
}

// dynamic reads dependencies that the project's table leaves to the build.
func (d *declaredReader) dynamic(t, tool tomlTable) {
	extras := tool.table("setuptools", "dynamic", "optional-dependencies")
	for _, extra := range sortedKeys(extras) {
		for _, f := range extras.table(extra).strings("file") {
			d.requirementsOf(d.at(f), origin{kind: Optional, extra: extra}, 0)
		}
	}
	if !slices.Contains(t.strings("project", "dynamic"), "dependencies") {
		return
	}
	files := tool.strings("setuptools", "dynamic", "dependencies", "file")
	hook := tool.table("hatch", "metadata", "hooks", "requirements_txt")
	files = append(files, append(hook.strings("files"), hook.strings("filename")...)...)
	for _, f := range files {
		d.requirements(d.at(f), Runtime)
	}
	if len(files) > 0 || len(tool.table("poetry", "dependencies")) > 0 || d.exists("setup.py") || d.exists("setup.cfg") {
		return
	}
	d.unread("%s: dependencies are dynamic, a build makes them", d.at("pyproject.toml"))
}

// mapPackage adds a top-level package whose folder package_dir names.
func mapPackage(d *declaredReader, name string) {
	if source.IsIdentifier(name) {
		d.once(&d.out.Mapped, name)
	}
}

// plugin adds an entry point that another distribution loads.
func (d *declaredReader) plugin(group, target string) {
	module, _, _ := strings.Cut(target, ":")
	if module = strings.TrimSpace(module); group != "console_scripts" && group != "gui_scripts" && module != "" {
		d.out.Plugins = append(d.out.Plugins, module)
	}
}

// tomlTable is a table whose form is not sure.
type tomlTable map[string]any

func (t tomlTable) at(keys ...string) any {
	var v any = map[string]any(t)
	for _, k := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[k]
	}
	return v
}

func (t tomlTable) table(keys ...string) tomlTable {
	m, _ := t.at(keys...).(map[string]any)
	return m
}

func (t tomlTable) list(keys ...string) []any {
	l, _ := t.at(keys...).([]any)
	return l
}

// strings is a value as strings: those of a list, or the value alone.
func (t tomlTable) strings(keys ...string) []string {
	var out []string
	switch v := t.at(keys...).(type) {
	case nil, map[string]any:
	case []any:
		for _, e := range v {
			if s, ok := e.(string); ok {
				out = append(out, s)
			}
		}
	default:
		out = append(out, fmt.Sprint(v))
	}
	return out
}
