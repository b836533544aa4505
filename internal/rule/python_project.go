package rule

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/edit"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/project"
)

// maxProjectFile is the largest file of a project that is read, in bytes;
// maxProjectFiles bounds how many are looked through for a name,
// maxProjectSources how many Python files are read for what they import.
const (
	maxProjectFile    = 1 << 20
	maxProjectFiles   = 2000
	maxProjectSources = 20_000
)

// change is an edit of one file's text.
type change func(src []byte) ([]whittle.Edit, error)

// oneEdit is the edit from one text to another: all between what they begin
// and what they end with.
func oneEdit(a, b []byte) whittle.Edit {
	n := min(len(a), len(b))
	from, back := 0, 0
	for from < n && a[from] == b[from] {
		from++
	}
	for back < n-from && a[len(a)-1-back] == b[len(b)-1-back] {
		back++
	}
	return whittle.Edit{Span: whittle.Span{Start: from, End: len(a) - back}, New: string(b[from : len(b)-back])}
}

// listOf is the list of a pyproject.toml in which a dependency stands.
func listOf(src []byte, d *project.Dependency) (edit.List, bool) {
	lists, err := edit.Lists(src)
	if err != nil {
		return edit.List{}, false
	}
	for _, l := range lists {
		mine := d.Kind == project.Runtime && (l.Kind == "dependencies" || l.Kind == "poetry" || l.Kind == "poetry-group" && l.Name == "main") ||
			d.Kind == project.Optional && (l.Kind == "optional" && pep.Normalize(l.Name) == pep.Normalize(d.Extra) || l.Kind == "poetry")
		if !mine {
			continue
		}
		names, err := edit.Requirements(src, l)
		if err == nil && slices.ContainsFunc(names, func(text string) bool {
			r, err := pep.ParseRequirement(text)
			return err == nil && r.Name == pep.Normalize(d.Name)
		}) {
			return l, true
		}
	}
	return edit.List{}, false
}

// undeclare takes dependencies out of the project's files; ok is false where
// one stands in a file that cannot be edited.
func undeclare(p *Pass, deps []*project.Dependency) (patches []whittle.Patch, ok bool) {
	changes := map[string][]change{}
	var order []string
	for _, d := range deps {
		file, c, found := undeclaring(p, d)
		if !found {
			return nil, false
		}
		if changes[file] == nil {
			order = append(order, file)
		}
		changes[file] = append(changes[file], c)
	}
	for _, file := range order {
		patch, err := p.project.patch(file, changes[file])
		if err != nil {
			return nil, false
		}
		patches = append(patches, patch)
	}
	return patches, len(patches) > 0
}

// undeclaring is the change that takes a dependency out of the file that
// people write it in.
func undeclaring(p *Pass, d *project.Dependency) (file string, c change, ok bool) {
	for _, file := range p.project.written(d.File) {
		switch {
		case path.Base(file) == "pyproject.toml":
			list, found := listOf(p.project.file(file), d)
			if !found {
				continue
			}
			c = func(src []byte) ([]whittle.Edit, error) { return edit.RemoveRequirement(src, list, d.Name) }
		case strings.HasSuffix(file, ".txt"), strings.HasSuffix(file, ".in"):
			c = func(src []byte) ([]whittle.Edit, error) { return edit.RemoveLine(src, d.Name) }
		default:
			continue
		}
		if _, err := p.project.patch(file, []change{c}); err == nil {
			return file, c, true
		}
	}
	return "", nil, false
}

func topModule(module string) string {
	top, _, _ := strings.Cut(module, ".")
	return top
}

// general says that a word names no distribution, although one may have a
// module of that name.
func general(word string) bool {
	return len(word) < 3 || slices.Contains([]string{"bin", "lib", "src", "app", "api", "test", "tests", "doc", "docs", "data", "main", "core",
		"utils", "scripts", "example", "examples", "build", "static", "config", "tools", "benchmarks"}, word)
}

// speaks says whether a file's words may be commands or names of modules.
func speaks(at string) bool {
	base := strings.ToLower(path.Base(at))
	if strings.Contains(base, "requirements") || strings.HasPrefix(base, "constraints") || base == "pyproject.toml" || base == "conftest.py" {
		return false
	}
	switch path.Ext(base) {
	case ".py", ".sh", ".bash", ".yml", ".yaml", ".ini", ".conf", ".env", ".toml", ".json", ".service":
		return path.Ext(strings.TrimSuffix(base, ".json")) != ".lock"
	}
	return strings.Contains(base, "dockerfile") || base == "makefile" || base == "procfile"
}

// lineWith is the first line that has a word, 0 for none.
func lineWith(text []byte, word string) int {
	for from := 0; ; {
		i := bytes.Index(text[from:], []byte(word))
		if i < 0 || word == "" {
			return 0
		}
		at := from + i
		end := at + len(word)
		if (at == 0 || !wordByte(text[at-1])) && (end == len(text) || !wordByte(text[end])) {
			return 1 + bytes.Count(text[:at], []byte("\n"))
		}
		from = end
	}
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
