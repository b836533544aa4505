package check

import (
	"cmp"
	"io/fs"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/deps"
	"whittle.dev/whittle/internal/python/imports"
	"whittle.dev/whittle/internal/python/source"
)

// places are where modules lie in a tree of files, whatever looks for them
// there.
type places struct {
	files map[string]bool
	// at are the files and folders that may be a top-level module of a name,
	// the shallowest first.
	at map[string][]string
}

// moduleSuffixes are what a module's file ends in.
var moduleSuffixes = []string{".py", ".so", ".pyd", ".pyx"}

// stemOf is the name of the module that a file is.
func stemOf(file string) (string, bool) {
	base := path.Base(file)
	if !slices.Contains(moduleSuffixes, path.Ext(base)) {
		return "", false
	}
	stem, _, _ := strings.Cut(base, ".")
	return stem, stem != ""
}

func newPlaces(files []string) *places {
	p := &places{files: map[string]bool{}, at: map[string][]string{}}
	seen := map[string]bool{}
	add := func(name, at string) {
		if !seen[at] {
			seen[at] = true
			p.at[name] = append(p.at[name], at)
		}
	}
	for _, f := range files {
		stem, ok := stemOf(f)
		if !ok {
			continue
		}
		p.files[f] = true
		if stem != "__init__" {
			add(stem, f)
		}
		for dir := path.Dir(f); dir != "." && dir != "/"; dir = path.Dir(dir) {
			add(path.Base(dir), dir)
		}
	}
	for _, at := range p.at {
		slices.SortFunc(at, func(a, b string) int {
			return cmp.Or(cmp.Compare(remoteness(a), remoteness(b)), strings.Compare(a, b))
		})
	}
	return p
}

// remoteness orders the places of a module: the shallowest first, those of tests
// last.
func remoteness(at string) int {
	const test = 1 << 20 // deeper than any path
	n := strings.Count(at, "/")
	if deps.IsTest(at + "/") {
		n += test
	}
	return n
}

// projectPlaces are those of a project's folder.
func projectPlaces(fsys fs.FS) *places {
	var files []string
	_ = fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // what cannot be read is no module either
		case d.IsDir() && p != "." && Aside(fsys, p):
			return fs.SkipDir
		case len(files) > deps.MaxSources:
			return fs.SkipAll
		}
		if _, ok := stemOf(p); ok && !d.IsDir() {
			files = append(files, p)
		}
		return nil
	})
	return newPlaces(files)
}

// Aside says that what lies in a folder of a project is not the project's: no check looks
// into it.
func Aside(fsys fs.FS, dir string) bool {
	name := path.Base(dir)
	if strings.HasPrefix(name, ".") || slices.Contains([]string{"node_modules", "site-packages", "__pycache__"}, name) {
		return true
	}
	_, err := fs.Stat(fsys, path.Join(dir, "pyvenv.cfg"))
	return err == nil
}

// find is the file or folder of a module, or else that of its first part; all
// says that it is the whole module's. The importing file is not what it
// imports, and what is in one of some folders is skipped.
func (p *places) find(module, importer string, without []string) (at string, all, ok bool) {
	top, rest, _ := strings.Cut(module, ".")
	for _, place := range p.at[top] {
		if place == importer || slices.Contains(without, strings.TrimPrefix(path.Dir(place), ".")) {
			continue
		}
		if at == "" {
			at = place
		}
		if file, has := p.below(place, rest); has {
			return file, true, true
		}
	}
	return at, false, at != ""
}

// below is the file or folder of a module in a package's folder.
func (p *places) below(place, rest string) (string, bool) {
	if rest == "" {
		return place, true
	}
	at := place + "/" + strings.ReplaceAll(rest, ".", "/")
	_, last, _ := source.CutLast(rest)
	if slices.Contains(p.at[last], at) {
		return at, true
	}
	for _, f := range p.at[last] {
		if stem, _ := stemOf(f); stem == last && path.Dir(f) == path.Dir(at) {
			return f, true
		}
	}
	return "", false
}

// rootOf is the folder that the first part of a module lies in: what has to be
// on sys.path.
func rootOf(at, module string) string {
	top, _, _ := strings.Cut(module, ".")
	parts := strings.Split(at, "/")
	for i, part := range parts {
		if part == top || i == len(parts)-1 {
			return strings.Join(parts[:i], "/")
		}
	}
	return ""
}

// fullName is the dotted name of a module that lies in packages, from the
// topmost of them; empty where its folder is none.
func (p *places) fullName(root, module string) string {
	full := module
	for dir := root; dir != "" && dir != "." && p.files[dir+"/__init__.py"]; dir = path.Dir(dir) {
		full = path.Base(dir) + "." + full
	}
	if full == module {
		return ""
	}
	return full
}

// ofImage are the places of an image where an application's modules may lie:
// not in the interpreters' and the distribution's own folders, nor among what
// is installed for somebody else.
func ofImage(s *state) *places {
	if s.inImage != nil {
		return s.inImage
	}
	var files []string
	for _, f := range s.Root.Paths() {
		if _, ok := stemOf(f); !ok || !s.owners.OwnFile(f, nil) {
			continue
		}
		if systemFolder(f) && !s.owners.InstalledOwn(f) {
			continue
		}
		files = append(files, f)
	}
	s.inImage = newPlaces(files)
	return s.inImage
}

// systemFolder says that a path is where systems and interpreters keep theirs.
func systemFolder(f string) bool {
	for _, dir := range []string{"usr/lib/", "usr/share/", "lib/", "etc/", "proc/", "sys/", "dev/", "var/lib/", "var/cache/"} {
		if strings.HasPrefix(f, dir) {
			return true
		}
	}
	return strings.Contains("/"+f, "/lib/python") || strings.Contains("/"+f, "/node_modules/") || strings.Contains("/"+f, "/site-packages/")
}

// ofProject are the places of the project's folder, empty where it is not
// known.
func ofProject(s *state) *places {
	if s.inProject == nil {
		s.inProject = newPlaces(nil)
		if s.Folder != nil {
			s.inProject = projectPlaces(s.Folder)
		}
	}
	return s.inProject
}

// elsewhere is where the image or the project has a module that a start does
// not find.
type elsewhere struct {
	// at is the path, root the folder that its import would begin in, full its
	// name from the topmost package above; copied says that it is in the image.
	at, root, full string
	all, copied    bool
}

// locate says where a module that an import does not find is: in a folder that
// the import does not look in.
func locate(s *state, im *imports.Importer, f imports.Failure) (elsewhere, bool) {
	wanted := wantedOf(f)
	inImage, inProject := ofImage(s), ofProject(s)
	var looked []string
	if im != nil {
		looked = im.Finder.Path
	}
	at, all, ok := inImage.find(wanted, f.File, looked)
	if ok {
		root := rootOf(at, wanted)
		return elsewhere{at, root, inImage.fullName(root, wanted), all, true}, true
	}
	at, all, ok = inProject.find(wanted, inProjectAs(s, f.File), nil)
	if !ok {
		return elsewhere{}, false
	}
	root := rootOf(at, wanted)
	return elsewhere{at, root, inProject.fullName(root, wanted), all, false}, true
}

// inProjectAs is the file of the project that a file of the image most likely
// is a copy of: the one with the longest common end.
func inProjectAs(s *state, file string) string {
	for rest := file; rest != ""; _, rest, _ = strings.Cut(rest, "/") {
		for _, root := range []string{"", "src/", "lib/"} {
			if ofProject(s).files[root+rest] {
				return root + rest
			}
		}
	}
	return ""
}

// wantedOf is the whole name of the module that a statement wants.
func wantedOf(f imports.Failure) string {
	if len(f.Module) >= len(f.Wanted) {
		return f.Module
	}
	return f.Wanted
}
