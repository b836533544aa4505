// Package absent says why files are not there that a build copies from its
// context: a step outside the build makes them, .dockerignore excludes them, a
// submodule is not checked out. It names only what a file of the project says, and
// runs nothing.
package absent

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/dockerfile/ignore"
)

// Build is a build that failed.
type Build struct {
	// Context is the folder of the build context.
	Context string
	// Dockerfile is its path, relative to the context or absolute; Text is its
	// content.
	Dockerfile string
	Text       []byte
	Args       map[string]string
	Target     string
}

const (
	// maxShown is how many files one reason names.
	maxShown = 3
	// maxInstructions and maxSources bound the instructions of a Dockerfile, and the
	// sources of each, that are looked at.
	maxInstructions = 2000
	maxSources      = 200
)

// At says why files are not there that the instruction at a line of the Dockerfile
// copies, in one line. It is empty if all are there or none of this is known.
func (b Build) At(line int) string {
	x, ok := b.explainer()
	if !ok {
		return ""
	}
	var why []string
	for _, in := range x.instructions() {
		if line < in.Line || line > in.EndLine {
			continue
		}
		for _, s := range x.sources(in) {
			if reason := x.why(s); reason != "" && len(why) < maxShown && !slices.Contains(why, reason) {
				why = append(why, reason)
			}
		}
	}
	return strings.Join(why, "; ")
}

// Before says what the instructions before a line of the Dockerfile have not
// copied, although BuildKit does not fail for it: patterns that match no file,
// submodules that are not checked out, pointers of git LFS. With line 0 it looks at
// all instructions of a build that succeeded, for which a pattern without a match
// means nothing.
func (b Build) Before(line int) []string {
	x, ok := b.explainer()
	if !ok {
		return nil
	}
	var out []string
	for _, in := range x.instructions() {
		if line > 0 && in.Line >= line {
			continue
		}
		for _, s := range x.sources(in) {
			for _, what := range x.quietly(s, line > 0) {
				what = fmt.Sprintf("%s:%d: %s", x.file.Name, in.Line, what)
				if len(out) < maxShown && !slices.Contains(out, what) {
					out = append(out, what)
				}
			}
		}
	}
	return out
}

// explainer looks at one build.
type explainer struct {
	Build
	file    *dockerfile.File
	stage   *dockerfile.Stage
	ignored *ignore.File
	// last are the variables at the last instruction that was asked about.
	last *followed
	// makers are the commands of the project's files, read when they are needed.
	found  bool
	makers []maker
}

func (b Build) explainer() (*explainer, bool) {
	f, err := dockerfile.Parse(b.Dockerfile, b.Text)
	if err != nil {
		return nil, false
	}
	stage, err := f.Target(b.Target)
	if err != nil {
		return nil, false
	}
	place := b.Dockerfile
	if !filepath.IsAbs(place) {
		place = filepath.Join(b.Context, filepath.FromSlash(place))
	}
	ignored, err := ignore.Load(b.Context, place)
	if err != nil {
		ignored = &ignore.File{}
	}
	return &explainer{Build: b, file: f, stage: stage, ignored: ignored}, true
}

// instructions are those up to the target: stages that only COPY --from names are
// among them.
func (x *explainer) instructions() (out []*dockerfile.Instruction) {
	for i := range x.file.Stages[:x.stage.Index+1] {
		for j := range x.file.Stages[i].Instructions {
			if len(out) < maxInstructions {
				out = append(out, &x.file.Stages[i].Instructions[j])
			}
		}
	}
	return out
}

// exists says that the build context has a path, whether it is sent or not.
func (x *explainer) exists(rel string) bool {
	_, err := os.Lstat(filepath.Join(x.Context, filepath.FromSlash(rel)))
	return err == nil
}

// why says why a source is not there; it is empty if it is there.
func (x *explainer) why(s source) string {
	inside := strings.TrimPrefix(path.Clean("/"+s.path), "/") // what BuildKit takes a path out of the context for
	if s.unknown || !s.outside && x.there(s) || s.outside && x.exists(inside) {
		return ""
	}
	shown := s.shown()
	switch {
	case s.outside:
		return fmt.Sprintf("%s leads out of the build context, which is the folder %s", shown, filepath.Base(x.Context))
	case len(s.empty) > 0:
		text := fmt.Sprintf("`%s` (ARG %s is empty: give it with args:)", s.written, strings.Join(s.empty, ", ARG "))
		if how := x.madeBy(s); how != "" {
			return text + "; " + how
		}
		return text
	}
	if pattern := x.excludedBy(s); pattern != "" {
		return fmt.Sprintf("%s is excluded by %s (`%s`)", shown, x.ignoreName(), pattern)
	}
	if link := x.linkOut(s.path); link != "" {
		return fmt.Sprintf("%s is a link that leads out of the build context", link)
	}
	if at := x.submodule(s.path); at != "" {
		return fmt.Sprintf("%s is a git submodule that is not checked out: git submodule update --init %s", at, at)
	}
	if how := x.madeBy(s); how != "" {
		return how
	}
	return x.unmade(s)
}

// madeBy says what makes a source.
func (x *explainer) madeBy(s source) string {
	m, ok := x.maker(s)
	if !ok {
		return ""
	}
	shown := s.shown()
	if len(s.empty) > 0 {
		shown = s.parent + "/"
	}
	return fmt.Sprintf("%s is made by %s", shown, m.how())
}

// unmade describes a source that nothing in the project is known to make.
func (x *explainer) unmade(s source) string {
	shown := s.shown()
	if file, pattern := x.gitIgnored(s.path); file != "" {
		return fmt.Sprintf("%s is not there; %s has `%s`, so something makes it, and no file of the project says what", shown, file, pattern)
	}
	if near := x.near(s.path); near != "" {
		return fmt.Sprintf("there is no %s; did you mean %q?", shown, near)
	}
	if at := x.elsewhere(s.path); at != "" {
		return fmt.Sprintf("there is no %s in the build context, and there is %s: paths are relative to the context, which is the folder %s", shown, at, filepath.Base(x.Context))
	}
	if s.glob {
		return fmt.Sprintf("no file matches %s", shown)
	}
	return fmt.Sprintf("there is no %s in the build context, and no file of the project says what makes it", shown)
}

// there says that the build sees a source, or a file that matches its pattern.
func (x *explainer) there(s source) bool {
	if s.path == "." || s.path == "" {
		return true
	}
	if !s.glob {
		return x.exists(s.path) && (!x.ignored.Excludes(s.path) || x.folderSent(s.path)) && x.linkOut(s.path) == ""
	}
	return slices.ContainsFunc(x.matches(s.path), func(rel string) bool { return !x.ignored.Excludes(rel) || x.folderSent(rel) })
}

// matches are the paths that match a pattern, whether they are sent or not.
func (x *explainer) matches(pattern string) []string {
	found, err := fs.Glob(os.DirFS(x.Context), pattern)
	if err != nil {
		return nil
	}
	return found
}

// maxLooked bounds the files of a folder that are looked at.
const maxLooked = 20_000

var errEnough = errors.New("enough")

// folderSent says that an excluded folder still has a file that is sent, because
// of an exception.
func (x *explainer) folderSent(rel string) bool {
	if !slices.ContainsFunc(x.ignored.Patterns, func(p string) bool { return strings.HasPrefix(p, "!") }) {
		return false
	}
	n, sent := 0, false
	_ = fs.WalkDir(os.DirFS(x.Context), rel, func(p string, d fs.DirEntry, err error) error {
		if n++; err != nil || n > maxLooked {
			return errEnough
		}
		if !d.IsDir() && !x.ignored.Excludes(p) {
			sent = true
			return errEnough
		}
		return nil
	})
	return sent
}

// maxTraced is how many patterns an ignore file may have for the one that excludes
// a path to be looked for.
const maxTraced = 300

// excludedBy is the pattern of the ignore file that excludes a source which is
// there.
func (x *explainer) excludedBy(s source) string {
	rel := s.path
	if s.glob {
		all := x.matches(rel)
		if len(all) == 0 {
			return ""
		}
		rel = all[0]
	} else if !x.exists(rel) {
		return ""
	}
	if !x.ignored.Excludes(rel) {
		return ""
	}
	if len(x.ignored.Patterns) > maxTraced {
		return "one of its patterns"
	}
	found, excluded := "", false
	for i, pattern := range x.ignored.Patterns {
		f, err := ignore.Parse(x.ignored.Name, []byte(strings.Join(x.ignored.Patterns[:i+1], "\n")))
		if err != nil {
			continue
		}
		now := f.Excludes(rel)
		if now && !excluded {
			found = pattern
		}
		excluded = now
	}
	return found
}

func (x *explainer) ignoreName() string {
	if rel, ok := whittle.Below(x.Context, x.ignored.Name); ok && filepath.IsAbs(x.ignored.Name) {
		return filepath.ToSlash(rel)
	}
	if x.ignored.Name == "" {
		return ".dockerignore"
	}
	return filepath.ToSlash(x.ignored.Name)
}

// linkOut is the first part of a path that is a link out of the context.
func (x *explainer) linkOut(rel string) string {
	top := whittle.WithoutLinks(x.Context)
	for at := rel; at != "." && at != "/" && at != ""; at = path.Dir(at) {
		full := filepath.Join(x.Context, filepath.FromSlash(at))
		info, err := os.Lstat(full)
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			continue
		}
		if at == rel { // the link itself is sent
			continue
		}
		if _, ok := whittle.Below(top, whittle.WithoutLinks(full)); !ok {
			return at
		}
	}
	return ""
}

// near is a path in the same folder that is almost the same.
func (x *explainer) near(rel string) string {
	dir, name := path.Split(rel)
	entries, err := os.ReadDir(filepath.Join(x.Context, filepath.FromSlash(dir)))
	if err != nil {
		return ""
	}
	var names []string
	for _, e := range entries {
		if at := path.Join(dir, e.Name()); !x.ignored.Excludes(at) && e.Name() != name {
			names = append(names, e.Name())
		}
	}
	if near := whittle.Nearest(name, names); near != "" {
		return path.Join(dir, near)
	}
	return ""
}

// elsewhere is the path of a file of the same name in a folder of the project, if
// there is just one.
func (x *explainer) elsewhere(rel string) string {
	if strings.ContainsAny(rel, "*?[") {
		return ""
	}
	var found []string
	for _, dir := range x.folders() {
		if at := path.Join(dir, rel); dir != "." && x.exists(at) {
			found = append(found, at)
		}
	}
	if len(found) != 1 {
		return ""
	}
	return found[0]
}

// maxPointer is the size of the largest pointer of git LFS.
// https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
const maxPointer = 1024

var pointerHead = []byte("version https://git-lfs.github.com/spec/v1\n")

// pointer says that a file holds a pointer of git LFS instead of its content.
func (x *explainer) pointer(rel string) bool {
	info, err := os.Lstat(filepath.Join(x.Context, filepath.FromSlash(rel)))
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxPointer {
		return false
	}
	text, err := whittle.Folder(x.Context).Read(rel, maxPointer)
	return err == nil && bytes.HasPrefix(text, pointerHead)
}

// quietly says what a source lacks although BuildKit copies it without an error.
func (x *explainer) quietly(s source, failed bool) (out []string) {
	if s.unknown || s.outside {
		return nil
	}
	if s.glob && !x.there(s) {
		_, made := x.maker(s)
		if failed && (made || len(s.empty) > 0 || x.excludedBy(s) != "") { // others may be optional
			out = append(out, "nothing is copied, and BuildKit accepts that: "+x.why(s))
		}
		return out
	}
	for _, at := range x.submodules() {
		if s.covers(at) && !x.ignored.Excludes(at) && x.unchecked(at) {
			out = append(out, fmt.Sprintf("%s is a git submodule that is not checked out: git submodule update --init %s", at, at))
		}
	}
	if at := x.anyPointer(s); at != "" {
		out = append(out, fmt.Sprintf("%s is a pointer of git LFS and not its content: git lfs pull", at))
	}
	return out
}

// anyPointer is the first file of a source that is a pointer of git LFS. Only a
// repository that uses LFS is looked through.
func (x *explainer) anyPointer(s source) string {
	attributes, err := whittle.Folder(x.Context).ReadFile(".gitattributes")
	if err != nil || !bytes.Contains(attributes, []byte("filter=lfs")) {
		return ""
	}
	roots := []string{s.path}
	if s.glob {
		roots = x.matches(s.path)
	}
	n, found := 0, ""
	for _, root := range roots {
		_ = fs.WalkDir(os.DirFS(x.Context), path.Clean(root), func(p string, d fs.DirEntry, err error) error {
			if n++; n > maxLooked {
				return errEnough
			}
			switch {
			case err != nil:
				return nil //nolint:nilerr // a file that cannot be read is no pointer
			case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules"):
				return fs.SkipDir
			case !d.IsDir() && !x.ignored.Excludes(p) && x.pointer(p):
				found = p
				return errEnough
			}
			return nil
		})
		if found != "" {
			break
		}
	}
	return found
}
