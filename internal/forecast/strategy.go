package forecast

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/restage"
)

// Strategies says how large the image would be if it were made in other ways, and
// gives the Dockerfile of each. A strategy that the project has no use for is skipped;
// where a Dockerfile cannot be written, a note says why. An image of which
// nothing is known is [whittle.ErrUnsupported].
func Strategies(p *Project) (*whittle.Forecasts, error) {
	out := &whittle.Forecasts{Schema: whittle.ForecastSchema, Project: p.Name, Base: p.Variant}
	add := func(f *whittle.Forecast, err error) {
		var none *noUse
		switch {
		case errors.As(err, &none):
			out.Notes = append(out.Notes, none.Error())
		case err != nil:
			f.Notes = append(f.Notes, "no Dockerfile: "+err.Error())
			fallthrough
		case f != nil:
			f.Low, f.High = max(0, min(f.Low, f.Predicted)), max(f.High, f.Predicted)
			out.Forecasts = append(out.Forecasts, *f)
		}
	}
	if p.Fixed != nil {
		add(p.originalFixed())
	}
	r, err := restage.ReadOutline(p.Dockerfile, p.Target, p.Arguments)
	if err != nil {
		out.Notes = append(out.Notes, fmt.Sprintf("%s is not understood, so that nothing can be generated from it: %v", p.Dockerfile.Name, err))
		return out, nil
	}
	a, err := newAccount(p, r)
	if err != nil {
		return nil, err
	}
	add(a.singleStage())
	add(a.twoStages())
	for _, extra := range a.extras() {
		add(a.split(extra))
	}
	add(a.alpine())
	add(a.distroless())
	return out, nil
}

// The names of strategies that [Strategy] knows.
const (
	NameTwoStage    = "two-stage"
	NameSingleStage = "single-stage"
	NameDistroless  = "distroless"
)

// Names are the names of the strategies that are a change of the project's own
// Dockerfile.
func Names() []string { return []string{NameTwoStage, NameSingleStage, NameDistroless} }

// Does is what a strategy of [Names] does to the Dockerfile, as an imperative phrase.
func Does(name string) string {
	return map[string]string{NameTwoStage: "install the packages in a stage of their own", NameSingleStage: "remove what only building needs in the RUN that needs it",
		NameDistroless: "start the image from Debian's Python without a shell"}[name]
}

// Strategy is one of the strategies, with its Dockerfile, and without any clean-up of
// the packages. Without a Dockerfile, the error says what is in its way, with the line.
func Strategy(p *Project, name string) (*whittle.Forecast, error) {
	p.Clean = Cleanup{}
	r, err := restage.ReadOutline(p.Dockerfile, p.Target, p.Arguments)
	if err != nil {
		return nil, err
	}
	a, err := newAccount(p, r)
	if err != nil {
		return nil, err
	}
	if name == NameSingleStage && a.outline.Two() { // what forecasts write is no edit of the file
		_, err := restage.NewSingle(a.input(""))
		return nil, err
	}
	f, err := map[string]func() (*whittle.Forecast, error){NameTwoStage: a.twoStages, NameSingleStage: a.singleStage, NameDistroless: a.distroless}[name]()
	switch {
	case err != nil:
		return nil, err
	case len(f.Skipped) > 0:
		return nil, errors.New(f.Skipped[0])
	}
	f.Low, f.High = max(0, min(f.Low, f.Predicted)), max(f.High, f.Predicted)
	return f, nil
}

// noUse is why a strategy would change nothing for a project.
type noUse struct{ strategy, reason string }

func (n *noUse) Error() string { return n.strategy + ": " + n.reason }

// originalFixed is the original with all fixes.
func (p *Project) originalFixed() (*whittle.Forecast, error) {
	f := &whittle.Forecast{Strategy: "original-fixed", Title: "the original Dockerfile with all fixes"}
	s := sizes{f}
	s.exact("the image", p.Ledger.Sum().Size, "measured in "+p.Variant)
	saving, lines := p.fixed(), int64(len(p.Added)+len(p.Removed))*metadataLine
	likely := (saving.Low + saving.High) / 2
	s.between("the fixes", -saving.High-lines, -likely, -saving.Low+lines, "replayed on the layers of "+p.Variant)
	if err := parses(string(p.Fixed)); err != nil {
		return f, err
	}
	f.Dockerfile = string(p.Fixed)
	return f, nil
}

// forecast starts a forecast with the parts that no strategy changes.
func (a *account) forecast(strategy, title string) (*whittle.Forecast, sizes) {
	f := &whittle.Forecast{Strategy: strategy, Title: title}
	s := sizes{f}
	if a.Slim == nil {
		s.exact("base image", a.base, a.measured())
		return f, s
	}
	low, high := a.Slim.Saving.Low, a.Slim.Saving.High
	s.between("base image", a.base-high, a.base-(low+high)/2, a.base-low, a.measured()+", without what "+a.Slim.Name+" does not have")
	note := fmt.Sprintf("it starts from %s: what only %s has is not in it", a.Slim.Name, a.outline.Final.BaseResolved)
	if a.Slim.Install != "" {
		note += ", except the packages that the image uses"
	}
	f.Notes = append(f.Notes, note)
	return f, s
}

// from is the final stage's FROM line, with the slim base if there is one, and install,
// the instruction that installs what is used of the full one.
func (a *account) from(install string) string {
	text := a.outline.Head(a.outline.Final)
	if a.Slim == nil {
		return text
	}
	text = strings.Replace(text, a.outline.Final.Base, a.Slim.Name, 1)
	if install != "" {
		text += "\n" + install
	}
	return text
}

// kept are the instructions that install in the slim base what is used of the full one.
func (a *account) kept() (image, all string) {
	if a.Slim == nil {
		return "", ""
	}
	return a.Slim.Install, a.Slim.InstallAll
}

func (a *account) measured() string { return "measured in " + a.Variant }

// addPackages adds those of the measured image; nil are all. moved says that they may be
// installed in another folder than the original's.
func (a *account) addPackages(s sizes, only map[string]bool, moved bool) {
	bytes, bytecode := a.packages(only)
	low, high := bytes, bytes
	if !a.pinned(only) {
		// The most that sizes changed with the versions of a month.
		low, high = bytes-bytes/33, bytes+bytes/33
		s.f.Notes = append(s.f.Notes, "not every version is pinned by a lock or constraints file: a build may find newer ones")
	}
	s.between("Python packages", low, bytes, high, a.measured()+", and the RECORDs of what it left behind")
	slack := int64(0)
	if moved && bytecode > 0 {
		slack = compiled{a}.modules(only) * longerPath
	}
	s.between("bytecode", bytecode-slack, bytecode, bytecode+slack, a.measured())
	if a.Clean.Bytecode {
		s.f.Notes = append(s.f.Notes, "modules are not compiled: each is when it is first imported, and at every start where the user may not write beside it")
	}
}

// addMade adds the layers that are made in the same way as in the original.
func (a *account) addMade(s sizes, skip func(*restage.Step) bool) {
	application, other := a.made(skip)
	s.exact("application", application, a.measured())
	s.exact("other instructions", other, a.measured())
	asked := compiled{a}.compiledOnPurpose(skip)
	// Marshalled code differs by a few bytes between processes.
	s.between("bytecode that is asked for", asked-asked/1000, asked, asked+asked/1000, a.measured())
}

// addVenv adds what a virtual environment has besides packages: pyvenv.cfg and
// the scripts that activate it, as CPython 3.11 to 3.14, uv and virtualenv write
// them. PDM makes its environment with virtualenv if the Dockerfile makes none.
// https://pdm-project.org/en/latest/usage/venv/#virtualenv-auto-creation
func (a *account) addVenv(s sizes) {
	by := func(tool recipe.Tool) bool {
		return slices.ContainsFunc(a.outline.Installs(), func(in recipe.PackageInstall) bool { return in.Tool == tool })
	}
	switch {
	case by(recipe.UVSync):
		s.between("virtual environment", 22_000, 29_900, 40_000, "files of uv's environments")
	case by(recipe.PDM) && a.outline.OwnVenv() == "":
		s.between("virtual environment", 22_000, 40_000, 60_000, "files of virtualenv's environments")
	default:
		s.between("virtual environment", 8_000, 14_400, 24_000, "files of venv")
	}
}

// dest is where a strategy installs to.
func (a *account) dest(venv string) destination {
	version := strings.TrimPrefix(path.Base(path.Dir(a.site)), "python")
	uncached := slices.ContainsFunc(a.outline.InstallSteps(), func(s restage.Step) bool {
		return s.In.Keyword == "ENV" && strings.Contains(s.In.Text(), "PIP_NO_CACHE_DIR")
	})
	return destination{venv: venv, python: version, clean: a.Clean, uncached: uncached}
}

// uses refuses strategies about packages where none are installed.
func (a *account) uses(strategy string) error {
	if a.outline.Install == nil || len(a.dists) == 0 {
		return &noUse{strategy, "the Dockerfile installs no Python packages"}
	}
	return nil
}

// singleStage is one stage whose RUNs delete what they need only while they run.
func (a *account) singleStage() (*whittle.Forecast, error) {
	const name = NameSingleStage
	if err := a.uses(name); err != nil {
		return nil, err
	}
	const title = "one stage that installs and cleans up in one RUN"
	a = installsItself(a)
	if !a.outline.Two() {
		return single(a, name, title)
	}
	f, s := a.forecast(name, title)
	a.addPackages(s, nil, true)
	a.addChanges(s, true)
	a.addMade(s, func(st *restage.Step) bool { return st.Role == recipe.InstallsBuildTools })
	s.exact("system packages that the RUN installs", a.system(), a.measured())
	var copied int64
	for _, st := range a.outline.Before {
		if sources, ok := restage.FromContext(st.In); ok {
			copied += contextBytes(a.Context, sources)
		}
	}
	s.exact("what is installed from", copied, "the build context")
	s.exact("metadata of what is installed in place", a.metadata, a.measured())
	_, kept := a.kept()
	t := &merged{Outline: a.outline, from: a.from(kept), dest: a.dest(a.outline.OwnVenv()), context: a.Context, texts: a.Texts, quiet: a.quiet(),
		head: []string{"One stage: the packages are installed and cleaned up in one RUN."}}
	t.dest.inImage = true
	if t.dest.venv != "" {
		a.addVenv(s)
	}
	return a.finish(f, t.text, t.dest)
}

// twoStage is a Dockerfile on the original's bases.
func (a *account) twoStage(head ...string) *twoStage {
	venv := a.outline.OwnVenv()
	if venv == "" {
		venv = restage.OwnVenv
	}
	t := &twoStage{Outline: a.outline, dest: a.dest(venv), head: head, build: asWritten, run: asWritten, texts: a.Texts, quiet: a.quiet()}
	t.sameBases()
	kept, _ := a.kept()
	t.final = a.from(kept)
	return t
}

// finish writes the Dockerfile, unless something in the original makes that unsafe.
func (a *account) finish(f *whittle.Forecast, text func() (string, error), d destination) (*whittle.Forecast, error) {
	if err := errors.Join(a.outline.Printable(), movable(a.outline, d)); err != nil {
		return f, err
	}
	if err := d.check(); err != nil && a.outline.Install != nil {
		return f, err
	}
	if a.site == "" && a.outline.Install != nil {
		return f, fmt.Errorf("where the image has its packages is not known")
	}
	if a.interpreter == "" && a.outline.Install != nil {
		return f, fmt.Errorf("the image's Python is not at /usr/local, where python's own images have it")
	}
	if i := slices.IndexFunc(a.dists, func(in installed) bool { return a.Graph.Distributions[in.index].Editable }); i >= 0 && (d.venv != a.outline.OwnVenv() || a.outline.Two()) {
		return f, fmt.Errorf("%s is installed in place (editable)", a.dists[i].name)
	}
	if tools := a.compilersInImage(); tools != "" {
		f.Notes = append(f.Notes, "not in the image, as only compiling needs it: "+tools)
	}
	if strings.HasSuffix(strings.TrimPrefix(d.venv, "/"), "/.venv") && hasFile(a.Context, func(name string) bool { return strings.HasPrefix(name, ".venv/") }) {
		return f, fmt.Errorf("the build context has its own virtual environment (.venv), which .dockerignore does not exclude")
	}
	if script := a.startScript(); script != "" {
		f.Notes = append(f.Notes, "the image starts "+script+", which was not read: it may name places or programs that are not there")
	}
	out, err := text()
	if err != nil {
		return f, err
	}
	if err := parses(out); err != nil {
		return f, err
	}
	f.Dockerfile = out
	a.addItself(sizes{f})
	return f, nil
}

// written adds the Dockerfile of an edit of the original's.
func written(a *account, f *whittle.Forecast, edit interface{ Text() (string, error) }) (*whittle.Forecast, error) {
	text, err := edit.Text()
	if err == nil {
		err = parses(text)
	}
	if err != nil {
		return f, err
	}
	f.Dockerfile = text
	a.addItself(sizes{f})
	return f, nil
}

// movable refuses to move packages that the original names by their path.
func movable(r *restage.Outline, d destination) error {
	for _, in := range r.Installs() {
		if in.Editable && (r.Two() || d.venv != "" && in.Tool != recipe.UVSync) {
			return fmt.Errorf("the project is installed in place (editable), and the packages would point to a folder that is not there")
		}
	}
	moved := d.venv != r.OwnVenv()
	for i := range r.Runtime {
		s := &r.Runtime[i]
		if s.Role != recipe.Keeps {
			continue
		}
		text := s.In.Text()
		switch {
		case moved && strings.Contains(text, "/site-packages"), moved && strings.Contains(text, "/usr/local/bin/"):
			return fmt.Errorf("%s: %s names a place that packages are moved away from", r.At(s.In), s.In.Keyword)
		case s.In.Keyword == "ENV" && restage.SetsPath(s.In):
			return fmt.Errorf("%s: ENV sets PATH anew", r.At(s.In))
		case restage.StartsInstaller(s.In):
			return fmt.Errorf("%s: %s starts an installer", r.At(s.In), s.In.Keyword)
		}
		if r.Two() && r.Copied(s.In, r.Install) && !restage.Separate(s, d.venv) {
			return fmt.Errorf("%s: it copies a folder that holds packages and other things", r.At(s.In))
		}
	}
	return nil
}

// compilersInImage names the packages that the original installs into the image and only
// compiling needs.
func (a *account) compilersInImage() string {
	var names []string
	if a.outline.Two() {
		return ""
	}
	for i := range a.outline.Runtime {
		if s := &a.outline.Runtime[i]; s.Role == recipe.InstallsBuildTools {
			apt, _ := recipe.AptInstalls(s.In)
			names = append(names, apt...)
		}
	}
	return strings.Join(names, ", ")
}

// startScript is a script of the build context that the image starts, empty
// where it starts a program.
func (a *account) startScript() string {
	for _, c := range a.outline.Starts() {
		for name := range a.Context {
			if c.Name() != "" && path.Base(name) == c.Name() && path.Ext(name) != ".py" {
				return c.Name()
			}
		}
	}
	return ""
}

// extras are the extras that a separate image could be made for: those that the
// original installs, and those whose packages are known.
func (a *account) extras() (out []string) {
	if a.Declared == nil || a.Graph == nil || a.uses("split") != nil {
		return nil
	}
	chosen := map[string]bool{}
	for _, in := range a.outline.Installs() {
		for _, at := range in.Projects {
			r, err := pep.ParseRequirement("x" + strings.TrimLeft(strings.Trim(in.Args[at], `"'`), "./"))
			if err == nil {
				for _, e := range r.Extras {
					chosen[e] = true
				}
			}
		}
		for i, w := range in.Args {
			if value, ok := strings.CutPrefix(w, "--extra="); ok && in.Tool == recipe.UVSync {
				chosen[value] = true
			} else if w == "--extra" && i+1 < len(in.Args) {
				chosen[in.Args[i+1]] = true
			}
		}
	}
	for _, d := range a.Declared.Dependencies {
		if d.Kind == manifest.Optional && d.Extra != "" && !slices.Contains(out, d.Extra) && (chosen[pep.Normalize(d.Extra)] || a.Extras[d.Extra] != nil) {
			out = append(out, d.Extra)
		}
	}
	slices.Sort(out)
	return out
}
