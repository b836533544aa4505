package python

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle"
)

// requirementsFile are the names of requirements files by their words:
// requirements.txt, dev-requirements.in, reqs-prod.txt.
var requirementsFile = regexp.MustCompile(`(?i)^(.*[^a-z])?(requirements?|reqs?|deps)([^a-z].*)?\.(txt|in|pip)$`)

var (
	forDevelopment = []string{"dev", "devel", "develop", "development", "test", "tests", "testing", "lint", "linting", "linter", "linters", "doc", "docs",
		"documentation", "typing", "types", "typecheck", "ci", "mypy", "qa", "style", "format", "formatting", "bench", "benchmark", "benchmarks", "example", "examples",
		"build", "release", "local", "precommit", "tox", "nox", "pytest", "coverage", "debug", "tool", "tools", "tooling", "quality", "check", "checks", "notebook", "notebooks"}
	forSome = []string{"optional", "extra", "extras", "all", "full", "gpu", "cuda", "cpu", "plugins", "contrib"}
)

// kindOfFile tells for what a requirements file is, by the words of its path.
func kindOfFile(file string) DependencyKind {
	words := strings.FieldsFunc(strings.ToLower(strings.TrimSuffix(file, path.Ext(file))), func(r rune) bool { return r < 'a' || r > 'z' })
	switch {
	case slices.Contains(words, "constraints"), slices.Contains(words, "constraint"):
		return Constraint
	case slices.ContainsFunc(words, func(w string) bool { return slices.Contains(forDevelopment, w) }):
		return Dev
	case slices.ContainsFunc(words, func(w string) bool { return slices.Contains(forSome, w) }):
		return Optional
	}
	return Runs
}

// compiled says that a file is what another was made from: deps.in beside
// deps.txt.
func (d *declaredReader) compiled(file string) bool {
	stem, ok := strings.CutSuffix(file, ".in")
	if !ok {
		return false
	}
	_, err := fs.Stat(d.fsys, stem+".txt")
	return err == nil
}

// requirementsDir reads the files of a folder "requirements" and the folders
// in it.
func (d *declaredReader) requirementsDir(dir string, depth int) {
	entries, _ := fs.ReadDir(d.fsys, dir)
	for _, e := range entries {
		file := path.Join(dir, e.Name())
		ext := path.Ext(file)
		switch {
		case e.IsDir() && depth < 2:
			d.requirementsDir(file, depth+1)
		case e.Type().IsRegular() && (ext == ".txt" || ext == ".in" || ext == ".pip") && !d.compiled(file):
			d.requirements(file, kindOfFile(strings.TrimPrefix(file, d.dir+"/")), 0)
		}
	}
}

// maxIncludes bounds how deep requirements files include each other.
const maxIncludes = 20

// source is where a requirement is declared.
type source struct {
	kind         DependencyKind
	extra, group string
}

// requirements reads a requirements file.
func (d *declaredReader) requirements(file string, kind DependencyKind, depth int) {
	from := source{kind: kind}
	if kind == Optional {
		from.extra = strings.TrimSuffix(path.Base(file), path.Ext(file))
	}
	d.requirementsOf(file, from, depth)
}

// requirementsOf reads a requirements file.
// https://pip.pypa.io/en/stable/reference/requirements-file-format/
func (d *declaredReader) requirementsOf(file string, from source, depth int) {
	key := fmt.Sprint(file, from)
	if d.seen[key] || depth > maxIncludes {
		return
	}
	d.seen[key] = true
	b := d.read(file)
	if b == nil && depth+len(from.extra) == 0 {
		return
	}
	n := 0
	var text strings.Builder
	start := 0
	before, added := len(d.out.Locked), len(d.out.Dependencies)
	var via viaComment
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
		if len(d.out.Dependencies) > added {
			via.line(&d.out.Dependencies[len(d.out.Dependencies)-1], line)
		}
		if stripComment(line) != "" {
			added, via = len(d.out.Dependencies), viaComment{}
		}
		d.requirement(strings.TrimSpace(stripComment(text.String())), file, start, from, depth)
		text.Reset()
	}
	if isCompiled(string(b)) && (from.kind == Runs || from.kind == Constraint) {
		d.whole(file, d.out.Locked[before:])
	}
}

// viaComment reads the comment below a requirement of a compiled file, which
// says what it is there for: "# via" with one name, or with more on the lines
// that follow.
type viaComment struct{ begun, direct bool }

func (v *viaComment) line(d *Dependency, line string) {
	text, ok := strings.CutPrefix(strings.TrimSpace(line), "#")
	if !ok {
		return
	}
	text = strings.TrimSpace(text)
	v.begun = v.begun || text == "via" || strings.HasPrefix(text, "via ")
	v.direct = v.direct || viaFile.MatchString(text)
	d.Via = v.begun && !v.direct
}

// viaFile is a file that is named as the reason.
var viaFile = regexp.MustCompile(`(^|\s)-[rc]\s|\(|\.(in|txt|toml|cfg|py)\b`)

// isCompiled tells the output of pip-compile, uv or pip freeze with hashes,
// which has all that comes along, from a list that a person wrote.
var compiledMark = regexp.MustCompile(`(?m)^\s*#\s*via\b|^[^#\n]*--hash=|(?i)^#.*autogenerated by (pip-compile|uv)|^#.*pip-compile`)

func isCompiled(text string) bool { return compiledMark.MatchString(text) }

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

// include follows -r and -c.
func (d *declaredReader) include(text, file string, line int, from source, depth int) bool {
	for _, flag := range []string{"-r", "--requirement", "-c", "--constraint"} {
		rest, ok := strings.CutPrefix(text, flag)
		if !ok || rest == "" || !strings.ContainsAny(rest[:1], " =\t") && len(flag) > 2 {
			continue
		}
		target := path.Join(path.Dir(file), strings.Trim(rest, " =\t"))
		if !fs.ValidPath(target) || strings.Contains(rest, "://") {
			d.errs = append(d.errs, fmt.Errorf("reading %s:%d: %s is not in the project: %w", file, line, strings.TrimSpace(rest), whittle.ErrUsage))
			return true
		}
		if strings.HasPrefix(flag, "-c") || flag == "--constraint" {
			from.kind = Constraint
		}
		if _, err := fs.Stat(d.fsys, target); err != nil {
			d.unread("%s:%d: %s is not there", file, line, target)
		}
		d.requirementsOf(target, from, depth+1)
		return true
	}
	return false
}

func (d *declaredReader) requirement(text, file string, line int, from source, depth int) {
	if d.include(text, file, line, from, depth) {
		return
	}
	for _, flag := range []string{"-e", "--editable"} {
		if rest, ok := strings.CutPrefix(text, flag); ok && rest != "" && strings.ContainsAny(rest[:1], " =\t") {
			text = strings.Trim(rest, " =\t\"'")
		}
	}
	if text == "" || text[0] == '-' {
		return
	}
	if i := strings.Index(text, " --"); i >= 0 {
		text = strings.TrimSpace(text[:i])
	}
	if isPlace(text) {
		d.place(text, file, line, from)
		return
	}
	if dep := d.add(text, file, line, from.kind, from.extra, from.group); dep != nil {
		if v, ok := dep.Specifiers.Pinned(); ok {
			d.out.Locked = append(d.out.Locked, Locked{dep.Name, v, file})
		}
	}
}

var (
	nameAt    = regexp.MustCompile(`^\s*[A-Za-z0-9][\w.-]*\s*(\[[^\]]*\])?\s*@`)
	archive   = regexp.MustCompile(`(?i)([A-Za-z0-9][\w.]*(?:-[A-Za-z_][\w.]*)*)-\d[\w.!+]*(?:-[\w.]+-[\w.]+-[\w.]+\.whl|\.tar\.gz|\.zip|\.tar\.bz2)$`)
	eggName   = regexp.MustCompile(`[#&]egg=([A-Za-z0-9][\w.-]*)`)
	pathStart = regexp.MustCompile(`^(\.|/|~|file:|[\w.-]+/)`)
)

// isPlace says that a requirement is a path or a URL without a name before it.
func isPlace(text string) bool {
	if nameAt.MatchString(text) {
		return false
	}
	return strings.Contains(text, "://") || pathStart.MatchString(text) || archive.MatchString(text)
}

// place declares what a path or a URL brings, by the name that it says.
func (d *declaredReader) place(text, file string, line int, from source) {
	where, marker, _ := strings.Cut(text, " ;")
	name := ""
	if m := eggName.FindStringSubmatch(where); m != nil {
		name = m[1]
	} else if m := archive.FindStringSubmatch(strings.SplitN(where, "#", 2)[0]); m != nil {
		name = m[1]
	}
	if name == "" && !strings.Contains(where, "://") {
		dir, _, _ := strings.Cut(strings.TrimPrefix(where, "file:"), "[")
		local := path.Join(path.Dir(file), strings.TrimSpace(dir))
		if local == path.Clean(d.dir) || path.Clean(strings.TrimSpace(dir)) == "." {
			return // the project itself
		}
		if fs.ValidPath(local) {
			d.out.Members = append(d.out.Members, local)
			name = d.nameIn(local)
		}
	}
	if name == "" {
		if from.kind != Dev {
			d.unread("%s:%d: what %s brings is not known", file, line, where)
		}
		return
	}
	if marker != "" {
		marker = ";" + marker
	}
	if dep := d.add(name+marker, file, line, from.kind, from.extra, from.group); dep != nil {
		dep.Text, dep.URL = text, where
	}
}

// nameIn is the name of the project in a folder.
func (d *declaredReader) nameIn(dir string) string {
	if d.nested > 3 {
		return ""
	}
	r := declaredReader{fsys: d.fsys, dir: dir, nested: d.nested + 1, out: &Declared{Scripts: map[string]string{}}, seen: map[string]bool{}}
	r.pyproject()
	r.setupCfg()
	r.setupPy()
	return r.out.Name
}
