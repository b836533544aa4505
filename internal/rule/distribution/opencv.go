package distribution

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/edit"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// OpenCVWithWindows is the rule opencv-with-windows: the build of OpenCV that can
// show windows, in an image that shows none.
func OpenCVWithWindows() analysis.Rule {
	return analysis.Rule{
		ID:    "opencv-with-windows",
		Title: "The build of OpenCV that shows windows, where no window is shown",
		Text: `opencv-python brings Qt and its plug-ins for the functions that show windows (imshow, namedWindow, waitKey …). Its makers also publish
opencv-python-headless, with the same module without these functions. If nothing in the application names one of them, and no other installed
distribution requires the build with windows, the headless one does the same. It also needs none of the system's libraries for windows
(libgl1, libglib2.0-0, libsm6 …), which many Dockerfiles install for the other one.`,
		Before: "opencv-python==4.10.0.84\n",
		After:  "opencv-python-headless==4.10.0.84\n",
		Run:    findOpenCV,
	}
}

// windows are the functions of cv2 that show windows. matplotlib has an imshow, too.
// https://docs.opencv.org/4.x/d7/dfc/group__highgui.html
var windows = regexp.MustCompile(`\b(namedWindow|waitKey(Ex)?|pollKey|destroy(All)?Windows?|createTrackbar|[gs]etTrackbar\w+|setMouseCallback|selectROIs?|moveWindow|resizeWindow|` +
	`[gs]etWindow(Property|ImageRect|Title)|startWindowThread|displayOverlay|displayStatusBar|createButton)\b|\bcv2?\.imshow\b|from cv2 import[^\n]*\bimshow\b|\bcv2\.gapi`)

// windowPackages are packages of Debian that Dockerfiles install for these functions.
var windowPackages = strings.Fields("libgl1 libgl1-mesa-glx libgl1-mesa-dev libglib2.0-0 libglib2.0-0t64 libsm6 libxext6 libxrender1 libxrender-dev python3-opencv libgtk2.0-dev")

func findOpenCV(p *analysis.Pass) (out []whittle.Finding) {
	if p.Graph == nil || len(p.Usage) == 0 {
		return nil
	}
	for _, name := range []string{"opencv-python", "opencv-contrib-python"} {
		i, ok := p.Graph.Find(name)
		if _, both := p.Graph.Find(name + "-headless"); !ok || both {
			continue
		}
		required := false
		for _, e := range p.Graph.Edges {
			required = required || e.To == i && e.From >= 0 && !p.Dists.IsApplication(&p.Graph.Distributions[e.From])
		}
		d := developers{p: p}
		var all bool
		if d.said, all = p.AllTexts(); required || !all || d.says(windows) {
			continue
		}
		if f, ok := headless(p, &d, i); ok {
			out = append(out, f)
		}
	}
	return out
}

// headless reports a build with windows.
func headless(p *analysis.Pass, d *developers, i int) (f whittle.Finding, ok bool) {
	dist := &p.Graph.Distributions[i]
	all := p.Dists.Contents([]int{i})
	var items []int
	for _, it := range all {
		if at := strings.ToLower(p.Ledger.Items[it].Path); strings.Contains(at, "/cv2/qt/") || strings.Contains(at, ".libs/libqt") || strings.Contains(at, ".libs/libx") {
			items = append(items, it)
		}
	}
	size := p.Layers.Bytes(items)
	if size < analysis.MinBytes {
		return f, false
	}
	other := dist.Name + "-headless"
	f = whittle.Finding{
		Evidence: p.Dists.ByDistribution(all), Change: p.Layers.Removal(items), Risk: whittle.RiskLow, Fingerprint: whittle.Fingerprint("opencv-with-windows", dist.Name),
		Message: fmt.Sprintf("%s brings %s for windows, and nothing in the application shows one", dist.Name, whittle.Bytes(size)),
		Advice:  "require " + other + " instead",
		Caution: "a library that shows windows in one of its functions fails there",
	}
	// The rest differs by 0.15 % between the builds of 4.10.
	f.Change.Plus = (p.Layers.Bytes(all) - size) / 100
	f.Change.Minus = -f.Change.Plus
	if p.Growth != nil {
		if low, high, known := p.Growth(other + "==" + dist.Version); known {
			f.Change = p.Layers.Removal(all)
			f.Change.Minus, f.Change.Plus = low, high
		}
	}
	if lines := installedForWindows(p); len(lines) > 0 {
		f.Advice += "; " + analysis.List(lines) + " may not be needed any more"
	}
	var deps []*manifest.Dependency
	for _, dep := range p.Dists.Declared() {
		if pep.Normalize(dep.Name) == dist.Name && !dep.Via {
			deps = append(deps, dep)
			f.Evidence = append(f.Evidence, whittle.Evidence{Layer: -1, File: dep.File, Line: dep.Line, What: dep.Text})
		}
	}
	f.Fix = d.renamed(deps, dist.Name, other)
	afterRelease(p, &f)
	return f, true
}

// renamed is the fix by which all that asks for a distribution asks for another one
// with the same versions.
func (d *developers) renamed(deps []*manifest.Dependency, name, other string) *whittle.Fix {
	var patches []whittle.Patch
	rename := func(text string) string {
		own, rest := pep.CutName(strings.TrimSpace(text))
		if pep.Normalize(own) != name {
			return ""
		}
		return other + rest
	}
	for _, dep := range deps {
		patch, ok := d.renamedIn(dep, rename)
		if !ok {
			return nil
		}
		if !slices.ContainsFunc(patches, func(o whittle.Patch) bool { return o.File == patch.File }) {
			patches = append(patches, patch)
		}
	}
	edits := d.renamedWords(name, rename)
	title := "require " + other + " instead of " + name
	if len(patches) > 0 {
		fix := projectFix(d.p, title, patches)
		if fix == nil || len(edits) == 0 {
			return fix
		}
		more, ok := d.p.Recipe.Fix(title, edits)
		if !ok {
			return nil
		}
		fix.Patches = append(fix.Patches, more.Patches...)
		return fix
	}
	if fix, ok := d.p.Recipe.Fix(title, edits); ok {
		return fix
	}
	return nil
}

// renamedIn renames a requirement in the first file in which it is written by hand.
func (d *developers) renamedIn(dep *manifest.Dependency, rename func(string) string) (patch whittle.Patch, ok bool) {
	for _, file := range d.p.Project.Written(dep.File) {
		src := d.p.Project.File(file)
		var change analysis.Change
		switch ext := path.Ext(file); {
		case path.Base(file) == "pyproject.toml":
			if list, found := listOf(src, dep); found {
				change = func(src []byte) ([]whittle.Edit, error) {
					return edit.ReplaceRequirement(src, list, dep.Name, rename(dep.Text))
				}
			}
		case ext == ".txt" || ext == ".in":
			text := lineOf(src, dep)
			change = func(src []byte) ([]whittle.Edit, error) { return edit.ReplaceLine(src, dep.Name, rename(text)) }
		}
		if change != nil {
			patch, err := d.p.Project.Patch(file, []analysis.Change{change})
			return patch, err == nil
		}
	}
	return patch, false
}

// renamedWords renames the distribution where commands name it themselves.
func (d *developers) renamedWords(name string, rename func(string) string) (edits []whittle.Edit) {
	for _, c := range d.commands() {
		if !byWords(&c.InstallCommand) {
			continue
		}
		for _, a := range c.Arguments() {
			r, err := pep.ParseRequirement(a.Value)
			if a.Option != "" || err != nil || r.Name != name {
				continue
			}
			w := c.Words[a.At]
			quote := strings.Trim(w.Text, strings.Trim(w.Text, `"'`))
			if len(quote) > 0 {
				quote = quote[:1]
			}
			edits = append(edits, c.run.ReplaceWord(w, quote+rename(a.Value)+quote))
		}
	}
	return edits
}

// installedForWindows are the packages that the Dockerfile installs for functions
// that show windows: "libgl1 (Dockerfile:3)".
func installedForWindows(p *analysis.Pass) (out []string) {
	if p.Dockerfile == nil {
		return nil
	}
	for i := range p.Dockerfile.Stages {
		for j := range p.Dockerfile.Stages[i].Instructions {
			in := &p.Dockerfile.Stages[i].Instructions[j]
			names, _ := recipe.AptInstalls(in)
			for _, name := range names {
				if slices.Contains(windowPackages, name) && p.Recipe.Ships(i) {
					out = append(out, fmt.Sprintf("%s (%s)", name, p.Recipe.Name(in)))
				}
			}
		}
	}
	return out
}
