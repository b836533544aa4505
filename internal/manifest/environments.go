package manifest

import (
	"fmt"
	"regexp"
	"strings"

	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/toml"
)

// pipfile reads Pipfile.
// https://github.com/pypa/pipfile
func (d *declaredReader) pipfile() {
	file := d.at("Pipfile")
	t, at, ok := d.tomlFile(file)
	if !ok {
		return
	}
	for section, kind := range map[string]DependencyKind{"packages": Runtime, "dev-packages": Development} {
		deps := t.table(section)
		for _, name := range sortedKeys(deps) {
			d.add(name+poetrySpecifier(deps[name])+poetryMarker(deps[name]), file, at.key(section, name), kind, "", "")
		}
	}
	if v := t.strings("requires", "python_version"); len(v) == 1 && d.out.RequiresPython == "" {
		d.out.RequiresPython = "==" + v[0] + ".*"
	}
}

func (d *declaredReader) tomlFile(file string) (tomlTable, *lineFinder, bool) {
	b := d.read(file)
	if b == nil {
		return nil, nil, false
	}
	var t tomlTable
	if err := toml.Unmarshal(b, &t); err != nil {
		d.problem(fmt.Errorf("reading %s: %w", file, err))
		return nil, nil, false
	}
	return t, newLineFinder(b), true
}

// pixi reads pixi.toml, and pixiTables the same tables of pyproject.toml.
// https://pixi.sh/latest/reference/pixi_manifest/
func (d *declaredReader) pixi() {
	file := d.at("pixi.toml")
	if t, at, ok := d.tomlFile(file); ok {
		d.pixiOf(t, file, "", at)
	}
}

func (d *declaredReader) pixiTables(file string, b []byte, at *lineFinder) {
	var t tomlTable
	if toml.Unmarshal(b, &t) == nil {
		d.pixiOf(t.table("tool", "pixi"), file, "tool.pixi.", at)
	}
}

func (d *declaredReader) pixiOf(t tomlTable, file, prefix string, at *lineFinder) {
	list := func(t tomlTable, section string, kind DependencyKind, group string) {
		for _, key := range []string{"dependencies", "pypi-dependencies"} {
			deps := t.table(key)
			for _, name := range sortedKeys(deps) {
				text := pypiName(name) + poetrySpecifier(deps[name])
				if _, err := pep.ParseRequirement(text); err != nil {
					text = pypiName(name)
				}
				if isDistribution(name) {
					d.add(text, file, at.key(section+key, name), kind, group, group)
				}
			}
		}
	}
	main := Runtime
	if d.out.Builds {
		main = Development // the distribution declares what it needs; these are the environments to work on it
	}
	list(t, prefix, main, "")
	for _, target := range sortedKeys(t.table("target")) {
		list(t.table("target", target), prefix+"target."+target+".", main, "")
	}
	for _, feature := range sortedKeys(t.table("feature")) {
		kind := kindOfFile(feature + ".txt")
		if kind == Runtime {
			kind = max(main, Optional)
		}
		list(t.table("feature", feature), prefix+"feature."+feature+".", kind, feature)
	}
}

var condaFile = regexp.MustCompile(`(?i)^(.*[^a-z])?(environment|conda|env)([^a-z].*)?\.ya?ml$`)

// condaLine is a package of environment.yml: "numpy>=2", "conda-forge::numpy=2".
var condaLine = regexp.MustCompile(`^\s*-\s+["']?(?:[\w./-]+::)?([A-Za-z0-9][\w.-]*)`)

// conda reads the list of packages of environment.yml. Its names are those of
// conda's channels, most of which are those of the Python package index.
// https://docs.conda.io/projects/conda/en/stable/user-guide/tasks/manage-environments.html
func (d *declaredReader) conda(file string) {
	b := d.read(file)
	in, pip, n := false, false, 0
	found := false
	kind := kindOfFile(file)
	if d.out.Builds {
		kind = Development
	}
	for line := range strings.Lines(string(b)) {
		n++
		if i := pep.CommentAt(line); i >= 0 {
			line = line[:i]
		}
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "":
			continue
		case trimmed == "dependencies:":
			in, pip, found = true, false, true
			continue
		case line[0] != ' ' && line[0] != '-' && line[0] != '\t':
			in = false
		}
		if !in {
			continue
		}
		if strings.TrimSpace(strings.TrimLeft(trimmed, "- ")) == "pip:" {
			pip = true
			continue
		}
		if pip {
			d.requirement(strings.Trim(strings.TrimSpace(strings.TrimPrefix(trimmed, "-")), `"'`), file, n, origin{kind: kind}, 0)
			continue
		}
		if m := condaLine.FindStringSubmatch(line); m != nil && isDistribution(m[1]) {
			d.add(pypiName(m[1]), file, n, kind, "", "")
		}
	}
	if found && kind == Runtime {
		d.unread("%s: what conda's packages bring along is not known", file)
	}
}

// isDistribution: conda's list has the interpreter and its tools, too.
func isDistribution(name string) bool {
	switch name {
	case "python", "pip", "conda", "mamba":
		return false
	}
	return true
}

// pypiName is the name in the Python package index of a package of conda-forge
// that has another there.
func pypiName(name string) string {
	switch strings.ToLower(name) {
	case "pytorch", "pytorch-gpu", "pytorch-cpu":
		return "torch"
	case "opencv", "py-opencv", "libopencv":
		return "opencv-python"
	case "matplotlib-base":
		return "matplotlib"
	case "msgpack-python":
		return "msgpack"
	case "python-graphviz":
		return "graphviz"
	case "pytables":
		return "tables"
	case "dask-core":
		return "dask"
	case "seaborn-base":
		return "seaborn"
	case "tensorflow-gpu", "tensorflow-base":
		return "tensorflow"
	}
	return name
}

var scriptBlock = regexp.MustCompile(`(?m)^# /// script[ \t]*\r?\n((?:#(?: .*)?\r?\n)+?)# ///[ \t]*\r?$`)

// ScriptDependencies are those of a script's own metadata (PEP 723); ok is
// false for a script without any.
// https://packaging.python.org/en/latest/specifications/inline-script-metadata/
func ScriptDependencies(file string, src []byte) (deps []Dependency, ok bool) {
	m := scriptBlock.FindSubmatch(src)
	if m == nil {
		return nil, false
	}
	var text strings.Builder
	for line := range strings.Lines(string(m[1])) {
		text.WriteString(strings.TrimPrefix(strings.TrimPrefix(line, "#"), " "))
	}
	var t tomlTable
	if err := toml.Unmarshal([]byte(text.String()), &t); err != nil {
		return nil, false
	}
	d := newDeclaredReader(nil, ".", &budget{})
	at := newLineFinder(src)
	for _, r := range t.strings("dependencies") {
		d.add(r, file, at.line("/// script", r), Runtime, "", "")
	}
	return d.out.Dependencies, true
}
