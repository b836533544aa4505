package start

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/imports"
	"whittle.dev/whittle/internal/python/source"
)

// Owners says whose a file or a module is: the application's, or that of an
// installed distribution.
type Owners struct {
	distributions []python.Distribution
	workdir       string
	// Own are the indexes of the application's own distributions; Owner is the
	// index of the distribution of each file.
	Own   []int
	Owner map[string]int
	// OwnModules are the top-level modules of the application.
	OwnModules map[string]bool
}

func newOwners(img *Image, workdir string) *Owners {
	ow := &Owners{distributions: img.Distributions, workdir: workdir, Owner: map[string]int{}, OwnModules: map[string]bool{}}
	for i := range img.Distributions {
		d := &img.Distributions[i]
		for _, f := range d.Files {
			ow.Owner[f] = i
		}
		if !isOwn(d, img.Project) {
			continue
		}
		ow.Own = append(ow.Own, i)
		for _, name := range d.ImportNames() {
			ow.OwnModules[source.Top(name)] = true
		}
		for _, e := range d.EntryPoints {
			if e.Group == "console_scripts" || e.Group == "gui_scripts" {
				ow.OwnModules[source.Top(e.Module)] = true
			}
		}
	}
	if img.Project != nil {
		for _, name := range img.Project.Packages {
			ow.OwnModules[source.Top(name)] = true
		}
	}
	return ow
}

// ShownIn is a reason whose first word may be a file and a line.
func (ow *Owners) ShownIn(why string) string {
	file, rest, _ := strings.Cut(why, " ")
	if name, line, ok := strings.Cut(file, ":"); ok {
		return ow.Shown(name) + ":" + line + " " + rest
	}
	return why
}

// IsScript says that a file is a console script's wrapper.
func (ow *Owners) IsScript(file string) bool {
	return path.Base(path.Dir(file)) == "bin" && !strings.HasSuffix(file, ".py")
}

// InstalledOwn says that a file is of one of the application's distributions.
func (ow *Owners) InstalledOwn(f string) bool {
	i, ok := ow.Owner[f]
	return ok && slices.Contains(ow.Own, i) || ow.OwnModules[topModule(f)]
}

// isOwn says whether a distribution is the application: the project's own
// name, or installed from a folder rather than from an index (PEP 610).
func isOwn(d *python.Distribution, project *manifest.Declared) bool {
	if project != nil && project.Name != "" && pep.Normalize(project.Name) == d.Name {
		return true
	}
	return d.VendoredBy == "" && (d.Editable || d.Local)
}

// OwnFile says whether a file is the application's.
func (ow *Owners) OwnFile(file string, f *imports.Finder) bool {
	if file == "" || strings.HasPrefix(file, "<") {
		return file != ""
	}
	if i, ok := ow.Owner[file]; ok {
		return slices.Contains(ow.Own, i)
	}
	if strings.Contains("/"+file, "/site-packages/") || strings.Contains("/"+file, "/dist-packages/") {
		return ow.OwnModules[topModule(file)]
	}
	return f == nil || !strings.HasPrefix(file, f.Interpreter.Lib+"/")
}

// Shown is how messages name a file of the image: the application's as the
// developer knows it, others by what follows site-packages or another folder
// that distributions were installed to, or whole.
func (ow *Owners) Shown(file string) string {
	if file == "" || strings.HasPrefix(file, "<") {
		return file
	}
	p := "/" + file
	for _, dir := range []string{"/site-packages/", "/dist-packages/"} {
		if i := strings.LastIndex(p, dir); i >= 0 {
			return p[i+len(dir):]
		}
	}
	if i, ok := ow.Owner[file]; ok {
		if rest, ok := strings.CutPrefix(file, ow.distributions[i].Site+"/"); ok {
			return rest
		}
	}
	if ow.workdir != "" {
		if rest, ok := strings.CutPrefix(file, ow.workdir+"/"); ok {
			return rest
		}
	}
	return p
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
