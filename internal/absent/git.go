package absent

import (
	"os"
	"path"
	"path/filepath"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile/ignore"
)

// submodules are the paths of .gitmodules.
// https://git-scm.com/docs/gitmodules
func (x *explainer) submodules() (out []string) {
	text, err := whittle.Folder(x.Context).ReadFile(".gitmodules")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		key, value, ok := strings.Cut(line, "=")
		if value = strings.Trim(strings.TrimSpace(value), `"`); ok && strings.TrimSpace(key) == "path" && filepath.IsLocal(value) {
			out = append(out, path.Clean(value))
		}
	}
	return out
}

// submodule is the submodule that has a path and is not checked out.
func (x *explainer) submodule(rel string) string {
	for _, at := range x.submodules() {
		if whittle.Under(rel, at) && x.unchecked(at) {
			return at
		}
	}
	return ""
}

// unchecked says that a submodule's folder is empty or missing, as git leaves it
// before it is checked out.
func (x *explainer) unchecked(at string) bool {
	entries, err := os.ReadDir(filepath.Join(x.Context, filepath.FromSlash(at)))
	return os.IsNotExist(err) || err == nil && len(entries) == 0
}

// gitIgnored is the .gitignore that excludes a path, and its pattern.
// https://git-scm.com/docs/gitignore
func (x *explainer) gitIgnored(rel string) (file, pattern string) {
	for dir := path.Dir(rel); ; dir = path.Dir(dir) {
		name := path.Join(dir, ".gitignore")
		if text, err := whittle.Folder(x.Context).ReadFile(name); err == nil {
			below := strings.TrimPrefix(rel, dir+"/")
			if found := lastMatch(string(text), below); found != "" {
				return name, found
			}
		}
		if dir == "." || dir == "/" {
			return "", ""
		}
	}
}

// lastMatch is the pattern of a .gitignore that decides about a path, empty if
// that includes it or there is none.
func lastMatch(text, rel string) (found string) {
	n := 0
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		if n++; n > maxTraced {
			return found
		}
		pattern, negated := strings.CutPrefix(line, "!")
		f, err := ignore.Parse(".gitignore", []byte(contextPattern(pattern)+"\n"))
		if err != nil || !f.Excludes(rel) {
			continue
		}
		if found = line; negated {
			found = ""
		}
	}
	return found
}

// contextPattern is a pattern of .gitignore as .dockerignore has it: there, a name
// without a slash matches only at the top.
func contextPattern(pattern string) string {
	pattern = strings.TrimSuffix(pattern, "/")
	if strings.Contains(pattern, "/") {
		return strings.TrimPrefix(pattern, "/")
	}
	return "**/" + pattern
}
