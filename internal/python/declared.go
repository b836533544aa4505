package python

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"whittle"
)

// DependencyKind says for what a dependency is declared.
type DependencyKind uint8

// The kinds, the most binding first.
const (
	Runs DependencyKind = iota
	Optional
	Dev
	Build
	Constraint
)

// Dependency is one requirement that a project's file declares.
type Dependency struct {
	Requirement
	// Text is as written, File relative to the project's folder, Line from 1.
	Text, File string
	Line       int
	Kind       DependencyKind
	// Extra and Group name where an Optional or Dev one stands.
	Extra, Group string
}

// Locked is a version that a lock or constraints file pins.
type Locked struct{ Name, Version, File string }

// Declared is what the files of a project say that it needs.
type Declared struct {
	Name, Version, RequiresPython string
	// Packages are the top-level modules that the project itself ships.
	Packages []string
	// Scripts are its console scripts: name to "module:attribute".
	Scripts      map[string]string
	Dependencies []Dependency
	Locked       []Locked
	// Files are those that were read.
	Files []string
}

const maxDeclared = 8 << 20

// ReadDeclared reads pyproject.toml (PEP 621, PEP 735, Poetry, PDM, Hatch),
// requirements files with their includes and constraints, setup.cfg, the
// literals of setup.py, uv.lock, poetry.lock and pdm.lock of a project's
// folder. The errors are those of files that could not be read, joined; what the others
// say stands.
func ReadDeclared(fsys fs.FS) (*Declared, error) {
	d := declaredReader{fsys: fsys, out: &Declared{Scripts: map[string]string{}}, seen: map[string]bool{}}
	d.pyproject()
	d.setupCfg()
	d.setupPy()
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return d.out, fmt.Errorf("listing the project: %w", err)
	}
	for _, e := range entries {
		name := e.Name()
		switch {
		case e.IsDir() && name == "requirements":
			below, _ := fs.ReadDir(fsys, name)
			for _, b := range below {
				if strings.HasSuffix(b.Name(), ".txt") {
					d.requirements(name+"/"+b.Name(), kindOfFile(b.Name()), 0)
				}
			}
		case !e.Type().IsRegular():
		case strings.HasPrefix(name, "constraints") && strings.HasSuffix(name, ".txt"):
			d.requirements(name, Constraint, 0)
		case strings.Contains(name, "requirements") && strings.HasSuffix(name, ".txt"):
			d.requirements(name, kindOfFile(name), 0)
		case name == "uv.lock", name == "poetry.lock", name == "pdm.lock":
			d.lock(name)
		}
	}
	d.packages()
	return d.out, errors.Join(d.errs...)
}

// kindOfFile tells requirements files of development by their names.
func kindOfFile(name string) DependencyKind {
	for _, word := range []string{"dev", "test", "lint", "doc", "typing", "ci", "mypy"} {
		if strings.Contains(name, word) {
			return Dev
		}
	}
	return Runs
}

type declaredReader struct {
	fsys fs.FS
	out  *Declared
	errs []error
	seen map[string]bool
}

// read gives a file of the project, nil where there is none.
func (d *declaredReader) read(name string) []byte {
	f, err := d.fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var b []byte
	if err == nil {
		defer f.Close()
		b, err = io.ReadAll(io.LimitReader(f, maxDeclared+1))
	}
	if err == nil && len(b) > maxDeclared {
		err = fmt.Errorf("more than %s: %w", whittle.Bytes(maxDeclared), whittle.ErrLimit)
	}
	if err != nil {
		d.errs = append(d.errs, fmt.Errorf("reading %s: %w", name, err))
		return nil
	}
	d.out.Files = append(d.out.Files, name)
	return b
}

// add declares one requirement in the form of PEP 508; it is nil where the text
// is none.
func (d *declaredReader) add(text, file string, line int, kind DependencyKind, extra, group string) *Dependency {
	r, err := ParseRequirement(text)
	if err != nil {
		d.errs = append(d.errs, fmt.Errorf("reading %s:%d: %w", file, line, err))
		return nil
	}
	d.out.Dependencies = append(d.out.Dependencies, Dependency{Requirement: r, Text: text, File: file, Line: line, Kind: kind, Extra: extra, Group: group})
	return &d.out.Dependencies[len(d.out.Dependencies)-1]
}

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
	const file = "pyproject.toml"
	b := d.read(file)
	if b == nil {
		return
	}
	var p pyprojectFile
	if err := toml.Unmarshal(b, &p); err != nil {
		d.errs = append(d.errs, fmt.Errorf("reading %s: %w", file, err))
		return
	}
	at := lineFinder{src: b}
	d.out.Name, d.out.Version, d.out.RequiresPython = p.Project.Name, p.Project.Version, p.Project.RequiresPython
	for name, target := range p.Project.Scripts {
		d.out.Scripts[name] = target
	}
	list := func(l []string, section string, kind DependencyKind, extra, group string) {
		for _, text := range l {
			d.add(text, file, at.line(section, text), kind, extra, group)
		}
	}
	list(p.BuildSystem.Requires, "build-system", Build, "", "")
	list(p.Project.Dependencies, "project", Runs, "", "")
	for _, extra := range sortedKeys(p.Project.Optional) {
		list(p.Project.Optional[extra], "optional-dependencies", Optional, extra, "")
	}
	for _, group := range sortedKeys(p.Groups) {
		for _, item := range p.Groups[group] {
			if text, ok := item.(string); ok {
				list([]string{text}, "dependency-groups", Dev, "", group)
			}
		}
	}
	for _, group := range sortedKeys(p.Tool.PDM.Dev) {
		list(p.Tool.PDM.Dev[group], "dev-dependencies", Dev, "", group)
	}
	list(p.Tool.UV.Dev, "dev-dependencies", Dev, "", "dev")
	for _, env := range sortedKeys(p.Tool.Hatch.Envs) {
		e := p.Tool.Hatch.Envs[env]
		list(e.Dependencies, "tool.hatch.envs."+env, Dev, "", env)
		list(e.Extra, "tool.hatch.envs."+env, Dev, "", env)
	}
	d.poetry(&p, at)
}

// poetry reads Poetry's own tables.
// https://python-poetry.org/docs/dependency-specification/
func (d *declaredReader) poetry(p *pyprojectFile, at lineFinder) {
	po := &p.Tool.Poetry
	if d.out.Name == "" {
		d.out.Name = po.Name
	}
	for name, target := range po.Scripts {
		if s, ok := target.(string); ok {
			d.out.Scripts[name] = s
		}
	}
	for _, pkg := range po.Packages {
		if name, ok := pkg["include"].(string); ok {
			d.out.Packages = append(d.out.Packages, strings.Trim(name, "/"))
		}
	}
	extras := map[string]string{}
	for extra, list := range po.Extras {
		names, _ := list.([]any)
		for _, n := range names {
			if s, ok := n.(string); ok {
				extras[Normalize(s)] = extra
			}
		}
	}
	table := func(section string, deps map[string]any, kind DependencyKind, group string) {
		for _, name := range sortedKeys(deps) {
			if name == "python" {
				continue
			}
			k, extra := kind, ""
			if e, ok := extras[Normalize(name)]; ok && kind == Runs {
				k, extra = Optional, e
			}
			d.add(name+poetrySpecifier(deps[name]), "pyproject.toml", at.key(section, name), k, extra, group)
		}
	}
	table("tool.poetry.dependencies", po.Dependencies, Runs, "")
	table("tool.poetry.dev-dependencies", po.Dev, Dev, "dev")
	for _, g := range sortedKeys(po.Group) {
		kind := Dev
		if g == "main" {
			kind = Runs
		}
		table("tool.poetry.group."+g+".dependencies", po.Group[g].Dependencies, kind, g)
	}
}

// poetrySpecifier turns a constraint of Poetry's into PEP 440's; what has no
// counterpart becomes none.
func poetrySpecifier(v any) string {
	text, _ := v.(string)
	if m, ok := v.(map[string]any); ok {
		text, _ = m["version"].(string)
	}
	var out []string
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		switch {
		case part == "" || part == "*" || strings.Contains(part, "||"):
		case part[0] == '^' || part[0] == '~' && !strings.HasPrefix(part, "~="):
			out = append(out, caret(part[0], strings.TrimSpace(part[1:]))...)
		case strings.ContainsAny(part[:1], "<>=!~"):
			out = append(out, strings.ReplaceAll(part, " ", ""))
		default:
			out = append(out, "=="+part)
		}
	}
	return strings.Join(out, ",")
}

// caret is "^1.2" or "~1.2" as two bounds.
func caret(sign byte, version string) []string {
	v, err := ParseVersion(version)
	if err != nil {
		return nil
	}
	upper := []int{}
	for _, n := range v.release {
		var x int
		if _, err := fmt.Sscan(n.String(), &x); err != nil {
			return nil
		}
		upper = append(upper, x)
	}
	keep := 0
	if sign == '~' {
		keep = min(1, len(upper)-1)
	} else {
		for keep < len(upper)-1 && upper[keep] == 0 {
			keep++
		}
	}
	upper = upper[:keep+1]
	upper[keep]++
	var b bytes.Buffer
	for i, n := range upper {
		if i > 0 {
			b.WriteByte('.')
		}
		fmt.Fprint(&b, n)
	}
	return []string{">=" + version, "<" + b.String()}
}

// maxIncludes bounds how deep requirements files include each other.
const maxIncludes = 20

// requirements reads a requirements file.
// https://pip.pypa.io/en/stable/reference/requirements-file-format/
func (d *declaredReader) requirements(file string, kind DependencyKind, depth int) {
	key := fmt.Sprint(file, kind)
	if d.seen[key] || depth > maxIncludes {
		return
	}
	d.seen[key] = true
	b := d.read(file)
	n := 0
	var text strings.Builder
	start := 0
	for line := range strings.Lines(strings.TrimPrefix(string(b), "\ufeff")) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if text.Len() == 0 {
			start = n
		}
		if more, ok := strings.CutSuffix(line, `\`); ok {
			text.WriteString(more)
			continue
		}
		text.WriteString(line)
		d.requirement(strings.TrimSpace(stripComment(text.String())), file, start, kind, depth)
		text.Reset()
	}
}

func stripComment(s string) string {
	if strings.HasPrefix(strings.TrimSpace(s), "#") {
		return ""
	}
	for i := 1; i < len(s); i++ {
		if s[i] == '#' && (s[i-1] == ' ' || s[i-1] == '\t') {
			return s[:i]
		}
	}
	return s
}

func (d *declaredReader) requirement(text, file string, line int, kind DependencyKind, depth int) {
	for _, flag := range []string{"-r", "--requirement", "-c", "--constraint"} {
		rest, ok := strings.CutPrefix(text, flag)
		if !ok || rest == "" || !strings.ContainsAny(rest[:1], " =\t") && len(flag) > 2 {
			continue
		}
		target := path.Join(path.Dir(file), strings.Trim(rest, " =\t"))
		if !fs.ValidPath(target) || strings.Contains(rest, "://") {
			d.errs = append(d.errs, fmt.Errorf("reading %s:%d: %s is not in the project: %w", file, line, strings.TrimSpace(rest), whittle.ErrUsage))
			return
		}
		if strings.HasPrefix(flag, "-c") || flag == "--constraint" {
			kind = Constraint
		}
		d.requirements(target, kind, depth+1)
		return
	}
	if text == "" || text[0] == '-' || text[0] == '.' || text[0] == '/' {
		return
	}
	if i := strings.Index(text, " --"); i >= 0 {
		text = strings.TrimSpace(text[:i])
	}
	if strings.Contains(text, "://") && !strings.Contains(text, "@") {
		return
	}
	if dep := d.add(text, file, line, kind, "", ""); dep != nil {
		if v, ok := strings.CutPrefix(dep.Specifiers.String(), "=="); ok && !strings.Contains(v, "*") {
			d.out.Locked = append(d.out.Locked, Locked{dep.Name, v, file})
		}
	}
}

// setupCfg reads install_requires and extras of setup.cfg.
func (d *declaredReader) setupCfg() {
	const file = "setup.cfg"
	section, key, n := "", "", 0
	for line := range strings.Lines(string(d.read(file))) {
		n++
		line = strings.TrimRight(line, "\r\n")
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';':
			continue
		case trimmed[0] == '[':
			section, key = strings.Trim(trimmed, "[]"), ""
			continue
		case line[0] != ' ' && line[0] != '\t':
			k, v, ok := strings.Cut(line, "=")
			if !ok {
				continue
			}
			key, trimmed = strings.TrimSpace(k), strings.TrimSpace(v)
		}
		if trimmed == "" {
			continue
		}
		switch {
		case section == "metadata" && key == "name" && d.out.Name == "":
			d.out.Name = trimmed
		case section == "options" && key == "install_requires":
			d.add(trimmed, file, n, Runs, "", "")
		case section == "options.extras_require":
			d.add(trimmed, file, n, Optional, key, "")
		}
	}
}

// lock reads the [[package]] tables that uv, Poetry and PDM write.
func (d *declaredReader) lock(file string) {
	var l struct {
		Package []struct {
			Name    string `toml:"name"`
			Version string `toml:"version"`
		} `toml:"package"`
	}
	b := d.read(file)
	if b == nil {
		return
	}
	if err := toml.Unmarshal(b, &l); err != nil {
		d.errs = append(d.errs, fmt.Errorf("reading %s: %w", file, err))
		return
	}
	for _, p := range l.Package {
		d.out.Locked = append(d.out.Locked, Locked{p.Name, p.Version, file})
	}
}

// packages finds the modules that the project ships by its folders, and by
// what its scripts start.
func (d *declaredReader) packages() {
	add := func(name string) {
		if isIdentifier(name) && !slices.Contains(d.out.Packages, name) && !slices.Contains([]string{"tests", "test", "docs", "examples", "scripts"}, name) {
			d.out.Packages = append(d.out.Packages, name)
		}
	}
	for _, target := range d.out.Scripts {
		module, _, _ := strings.Cut(target, ":")
		top, _, _ := strings.Cut(strings.TrimSpace(module), ".")
		add(top)
	}
	for _, dir := range []string{".", "src"} {
		entries, _ := fs.ReadDir(d.fsys, dir)
		for _, e := range entries {
			if _, err := fs.Stat(d.fsys, path.Join(dir, e.Name(), "__init__.py")); e.IsDir() && err == nil {
				add(e.Name())
			}
			if name, ok := strings.CutSuffix(e.Name(), ".py"); ok && name != "setup" && name != "conftest" {
				add(name)
			}
		}
	}
	slices.Sort(d.out.Packages)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// lineFinder finds the lines of values in a TOML file by their text.
type lineFinder struct{ src []byte }

// line is where a string stands, after the first mention of its section.
func (f lineFinder) line(section, text string) int {
	from := max(bytes.Index(f.src, []byte(section)), 0)
	for _, q := range []string{`"`, `'`} {
		if i := bytes.Index(f.src[from:], []byte(q+text+q)); i >= 0 {
			return 1 + bytes.Count(f.src[:from+i], []byte("\n"))
		}
		if i := bytes.Index(f.src, []byte(q+text+q)); i >= 0 {
			return 1 + bytes.Count(f.src[:i], []byte("\n"))
		}
	}
	return 0
}

// key is where a key of a table stands.
func (f lineFinder) key(section, name string) int {
	in, n := false, 0
	for line := range bytes.Lines(f.src) {
		n++
		line = bytes.TrimSpace(line)
		if bytes.HasPrefix(line, []byte("[")) {
			in = string(bytes.Trim(line, "[] ")) == section
			continue
		}
		k, _, _ := bytes.Cut(line, []byte("="))
		if in && string(bytes.Trim(k, ` "'`)) == name {
			return n
		}
	}
	return 0
}
