package check

import (
	"slices"
	"strings"

	"whittle"
	"whittle/internal/elf"
	"whittle/internal/pep"
	"whittle/internal/python"
)

// state is what the checks share.
type state struct {
	*Image
	starts  []*start
	env     map[string]string
	workdir string
	// own are the indexes of the application's own distributions; owner is
	// the distribution of each file.
	own   []int
	owner map[string]int
	// ownModules are the top-level modules of the application.
	ownModules map[string]bool
	importers  map[string]*python.Importer
	// touchedBy is the start that an importer was made for: one that changed
	// its path is of no use to others.
	touchedBy map[*python.Importer]*start
	loader    *elf.Loader
	user      *account
	names     *python.Names
	// inImage and inProject are read when they are asked for.
	inImage, inProject *places
}

func newState(img *Image) *state {
	s := &state{Image: img, env: map[string]string{}, owner: map[string]int{}, ownModules: map[string]bool{},
		importers: map[string]*python.Importer{}, touchedBy: map[*python.Importer]*start{}}
	if s.names = img.Names; s.names == nil {
		s.names = python.NewNames(img.Distributions, img.Project)
	}
	for _, kv := range img.Config.Config.Env {
		k, v, _ := strings.Cut(kv, "=")
		s.env[k] = v
	}
	s.workdir = whittle.Join("", img.Config.Config.WorkingDir)
	s.user = s.account(img.Config.Config.User)
	for i := range img.Distributions {
		d := &img.Distributions[i]
		for _, f := range d.Files {
			s.owner[f] = i
		}
		if s.isOwn(d) {
			s.own = append(s.own, i)
			for _, name := range d.ImportNames() {
				s.ownModules[topOf(name)] = true
			}
			for _, e := range d.EntryPoints {
				if e.Group == "console_scripts" || e.Group == "gui_scripts" {
					s.ownModules[topOf(e.Module)] = true
				}
			}
		}
	}
	if img.Project != nil {
		for _, name := range img.Project.Packages {
			s.ownModules[topOf(name)] = true
		}
	}
	s.loader = elf.NewLoader(img.Root, img.Binaries, s.env)
	s.loader.Machine = elf.MachineOf(img.Config.Architecture)
	return s
}

func topOf(module string) string {
	top, _, _ := strings.Cut(module, ".")
	return top
}

// isOwn says whether a distribution is the application: the project's own
// name, or installed from a folder rather than from an index (PEP 610).
func (s *state) isOwn(d *python.Distribution) bool {
	if s.Project != nil && s.Project.Name != "" && pep.Normalize(s.Project.Name) == d.Name {
		return true
	}
	return d.VendoredBy == "" && (d.Editable || d.Local)
}

// ownFile says whether a file is the application's.
func (s *state) ownFile(file string, f *python.Finder) bool {
	if file == "" || strings.HasPrefix(file, "<") {
		return file != ""
	}
	if i, ok := s.owner[file]; ok {
		return slices.Contains(s.own, i)
	}
	if strings.Contains("/"+file, "/site-packages/") || strings.Contains("/"+file, "/dist-packages/") {
		return s.ownModules[topModule(file)]
	}
	return f == nil || !strings.HasPrefix(file, f.Interpreter.Lib+"/")
}

// topModule is the top-level module of a file in a site-packages folder.
func topModule(file string) string {
	for _, dir := range []string{"/site-packages/", "/dist-packages/"} {
		if i := strings.LastIndex("/"+file, dir); i >= 0 {
			top, _, _ := strings.Cut(("/" + file)[i+len(dir):], "/")
			return strings.TrimSuffix(top, ".py")
		}
	}
	return ""
}

// stat follows a path's symlinks to what is there.
func (s *state) stat(p string) (real string, e whittle.Entry, ok bool) {
	return whittle.Follow(s.Root, "", p)
}

// realOf is a path without symlinks, "" where it leads nowhere.
func (s *state) realOf(p string) string { real, _, _ := s.stat(p); return real }

// text reads a script; first is its first line with the line end. Of Python
// files only the first line may be known.
func (s *state) text(file string) (first string, text []byte, ok bool) {
	real, e, ok := s.stat(file)
	if !ok || e.Kind == whittle.Dir {
		return "", nil, false
	}
	if b, err := s.Root.ReadFile(real, maxScript); err == nil {
		line, _, more := strings.Cut(string(b), "\n")
		if more {
			line += "\n"
		}
		return line, b, true
	}
	if src, ok := s.Sources(real); ok {
		return src.Shebang, nil, true
	}
	return "", nil, false
}

// shown is how messages name a file of the image: the application's as the
// developer knows it, others by what follows site-packages or another folder
// that distributions were installed to, or whole.
func (s *state) shown(file string) string {
	if file == "" || strings.HasPrefix(file, "<") {
		return file
	}
	p := "/" + file
	for _, dir := range []string{"/site-packages/", "/dist-packages/"} {
		if i := strings.LastIndex(p, dir); i >= 0 {
			return p[i+len(dir):]
		}
	}
	if i, ok := s.owner[file]; ok {
		if rest, ok := strings.CutPrefix(file, s.Distributions[i].Site+"/"); ok {
			return rest
		}
	}
	if s.workdir != "" {
		if rest, ok := strings.CutPrefix(file, s.workdir+"/"); ok {
			return rest
		}
	}
	return p
}
