package forecast

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
)

// System is what is known of the operating system's packages in a measured image.
type System interface {
	// Split says which of the packages that a Dockerfile installs only building
	// needs. libraries are packages that these brought and the image loads.
	Split(names []string) (build, libraries []string)
	// Freed are the bytes of each layer that go with build if libraries stay.
	Freed(build, libraries []string) map[int]int64
}

// restaged is the original's Dockerfile, edited so that a stage of its own installs
// the packages and the image gets their environment: lines that need no change stay
// as they are.
type restaged struct {
	*account
	dest destination
	// moved says that the original installs into the interpreter's own folder.
	moved bool
	// split is the stage that is taken apart, or nil if packages are installed in a
	// stage of their own already; plan has its instructions.
	split *dockerfile.Stage
	plan  []placed
	// changed are the other instructions whose text changes, by their place: an
	// empty one is removed. added follows the last that installs.
	changed map[int]string
	added   []string
	// build are the system packages that only the builder needs, libraries those
	// that the image needs of what they brought.
	// needs are all of these libraries, those in libraries are not written yet.
	build, libraries, needs []string
	// label is the builder's name, base what the image's FROM line names.
	label, base string
}

// placed is an instruction of the stage that is taken apart, with its text in each
// of the two stages; an empty one is not there. bare says that the comment above it
// is about the image only.
type placed struct {
	*step
	builder, final string
	bare           bool
}

// restage plans the edit.
func (a *account) restage() (*restaged, error) {
	r := &restaged{account: a, changed: map[int]string{}, base: a.outline.final.Base, dest: a.dest("")}
	if a.Slim != nil {
		r.base = a.Slim.Name
	}
	if err := r.environment(); err != nil {
		return nil, err
	}
	if err := r.refused(); err != nil {
		return nil, err
	}
	if a.outline.two() {
		r.label = a.outline.install.Label()
		return r, r.rebuild()
	}
	r.label = a.outline.freeName(builderName)
	return r, r.takeApart()
}

// environment finds where the packages are: in an environment that the original
// makes, or in the interpreter's folder, from where they are moved to one.
func (r *restaged) environment() error {
	prefix, _, ok := strings.Cut(r.site, "/lib/python")
	if !ok || !strings.HasSuffix(r.site, "/site-packages") {
		return fmt.Errorf("the packages are in /%s, which no environment has", r.site)
	}
	dir := "/" + prefix
	switch {
	case dir == "/usr/local":
		if r.interpreter == "" {
			return fmt.Errorf("the image's Python is not at /usr/local, where python's own images have it")
		}
		r.dest.venv, r.moved = ownVenv, true
	case r.outline.venv() == dir || r.has(prefix+"/pyvenv.cfg"):
		r.dest.venv = dir
	default:
		return fmt.Errorf("the packages are in %s, which is no virtual environment", dir)
	}
	if r.has("root/.local/share/uv/python") {
		return fmt.Errorf("uv has downloaded a Python of its own")
	}
	return r.dest.check()
}

// has says whether the image has a file or folder.
func (r *restaged) has(p string) bool {
	for _, n := range r.Ledger.Tree.Nodes {
		if n.Path == p || strings.HasPrefix(n.Path, p+"/") {
			return true
		}
	}
	return false
}

// pathLoses are words of programs that start others with another PATH.
var pathLoses = []string{"su -", "su --login", "sudo ", "runuser -l", "crond", "cron ", "env -i"}

// refused is why the packages cannot be moved out of the image's own stage.
func (r *restaged) refused() error {
	for _, d := range r.dists {
		dist := &r.Graph.Distributions[d.index]
		if dist.Editable && !d.pure {
			return fmt.Errorf("%s is installed in place (editable) and may have compiled files there", d.name)
		}
		if dist.Editable && !strings.HasPrefix(dist.Record, r.site+"/") {
			return fmt.Errorf("%s is installed in place (editable), with its metadata beside its sources", d.name)
		}
	}
	for i := range r.outline.runtime {
		s := &r.outline.runtime[i]
		if s.role != recipe.Keeps && s.role != recipe.InstallsBuildTools {
			continue
		}
		text := s.in.Text()
		switch {
		case s.in.Keyword == "ENV" && setsPath(s.in) && r.moved:
			return fmt.Errorf("%s: ENV sets PATH anew", r.outline.at(s.in))
		case startsInstaller(s.in):
			return fmt.Errorf("%s: %s starts an installer, which would not be in the image", r.outline.at(s.in), s.in.Keyword)
		case !r.moved:
		case strings.Contains(text, "/site-packages"), strings.Contains(text, "/usr/local/bin/"), strings.Contains(text, "/usr/local/lib/python"):
			return fmt.Errorf("%s: %s names a place that the packages are moved away from", r.outline.at(s.in), s.in.Keyword)
		case slices.ContainsFunc(pathLoses, func(w string) bool { return strings.Contains(text, w) }):
			return fmt.Errorf("%s: %s may start Python without the image's PATH, and so without the environment", r.outline.at(s.in), s.in.Keyword)
		}
	}
	if r.moved && r.Names != nil {
		for _, part := range slices.Concat([]string{"/usr/local/bin/", "/usr/local/lib/python", "/site-packages"}, pathLoses) {
			if where := r.Names(part); where != "" {
				return fmt.Errorf("%s names %s: it would not find the packages in an environment", where, strings.TrimSpace(part))
			}
		}
	}
	return nil
}

// takeApart plans a stage that installs besides the image's.
func (r *restaged) takeApart() error {
	for i := range r.outline.runtime {
		s := &r.outline.runtime[i]
		if s.role != recipe.Installing {
			continue
		}
		st := &r.outline.file.Stages[s.in.Stage]
		if r.split != nil && r.split != st {
			return fmt.Errorf("packages are installed in %s and in %s, which builds on it", r.outline.file.StageName(r.split.Index), r.outline.file.StageName(st.Index))
		}
		r.split = st
	}
	for i := range r.outline.runtime {
		if s := &r.outline.runtime[i]; s.in.Stage == r.split.Index {
			r.plan = append(r.plan, placed{step: s})
		}
	}
	if err := r.elsewhere(); err != nil {
		return err
	}
	if err := r.tools(); err != nil {
		return err
	}
	last := r.lastInstall()
	for i := range r.plan {
		if err := r.place(&r.plan[i], i, last); err != nil {
			return fmt.Errorf("%s: %w", r.outline.at(r.plan[i].in), err)
		}
	}
	if len(r.libraries) > 0 {
		return fmt.Errorf("the image loads libraries of %s, which no instruction would install", strings.Join(r.libraries, ", "))
	}
	r.dropUnused(last)
	return nil
}

// elsewhere refuses to take a stage apart where another stage would notice.
func (r *restaged) elsewhere() error {
	f := r.outline.file
	for i := range f.Stages {
		st := &f.Stages[i]
		builds := st.Index != r.split.Index && slices.Contains(f.Ancestry(st), r.split.Index)
		for j := range st.Instructions {
			in := &st.Instructions[j]
			text := in.Text()
			if number := numbered(in); number >= r.split.Index && (st.Index >= r.split.Index) {
				return fmt.Errorf("%s: it names a stage by its number, which a further stage changes", r.outline.at(in))
			}
			switch {
			case r.moved && r.outline.copied(in, r.split) && slices.ContainsFunc(in.Args, func(a dockerfile.Arg) bool { return within("/usr/local", path.Clean(a.Value)) || within(path.Clean(a.Value), "/usr/local") }):
				return fmt.Errorf("%s: it copies packages out of %s", r.outline.at(in), f.StageName(r.split.Index))
			case builds && r.moved && (startsInstaller(in) || installs(in) || strings.Contains(text, "/site-packages") || strings.Contains(text, "/usr/local/bin/")):
				return fmt.Errorf("%s: %s builds on %s and works on its packages", r.outline.at(in), f.StageName(st.Index), f.StageName(r.split.Index))
			}
		}
	}
	return nil
}

// numbered is the number of the stage that an instruction names by it, -1 where it
// names none so.
func numbered(in *dockerfile.Instruction) int {
	names := in.Flag("from")
	for _, m := range in.Flag("mount") {
		for _, part := range strings.Split(m, ",") {
			if name, ok := strings.CutPrefix(part, "from="); ok {
				names = append(names, name)
			}
		}
	}
	for _, name := range names {
		if n, err := strconv.Atoi(name); err == nil {
			return n
		}
	}
	return -1
}

// installs says that a RUN starts an installer of Python packages.
func installs(in *dockerfile.Instruction) bool {
	if in.Keyword != "RUN" {
		return false
	}
	script, err := in.Shell()
	return err != nil || slices.ContainsFunc(script.Commands(), func(c dockerfile.Command) bool {
		return recipe.IsInstaller(c.Name()) || strings.HasPrefix(c.Name(), "python") && len(c.Words) > 2 && c.Words[1].Value == "-m" && recipe.IsInstaller(c.Words[2].Value)
	})
}

func (r *restaged) lastInstall() (last int) {
	for i := range r.plan {
		if r.plan[i].role == recipe.Installing {
			last = i
		}
	}
	return last
}

// tools finds the system packages that the image does not need. There are none if
// another instruction may compile.
func (r *restaged) tools() error {
	var names []string
	for i := range r.plan {
		s := r.plan[i].step
		if s.in.Keyword != "RUN" {
			continue
		}
		names = append(names, requested(s)...)
		if s.role == recipe.Keeps || s.role == recipe.Installing {
			if name := compiles(s); name != "" {
				return nil // what it needs of the tools is not known: they stay
			}
		}
	}
	if r.System != nil {
		r.build, r.libraries = r.System.Split(names)
		r.needs = r.libraries
		return nil
	}
	for _, n := range names {
		if slices.Contains(compilers(), n) {
			r.build = append(r.build, n)
		}
	}
	return nil
}

// place decides where an instruction goes.
func (r *restaged) place(p *placed, at, last int) (err error) {
	text := p.in.Text()
	switch p.role {
	case recipe.FetchesInstaller, recipe.PreparesInstaller, recipe.MakesVenv:
		p.builder = text
		return nil
	case recipe.Cleans:
		p.builder, err = r.movePaths(p.step)
		return err
	case recipe.Installing:
		if p.builder, err = r.installing(p.step); err == nil {
			p.final, err = r.remainder(p.step)
		}
		return err
	}
	switch p.in.Keyword {
	case "RUN":
		if p.final, err = r.remainder(p.step); at < last && !r.indifferent(p.step) {
			p.builder = text
		}
		return err
	case "COPY", "ADD":
		p.final = text
		if at < last {
			r.placeCopy(p, at)
		}
		return nil
	case "ENV":
		p.final, p.bare = text, true
		if at < last && !onlyRuntime(p.in) {
			p.builder = text
		}
	case "ARG", "WORKDIR", "SHELL":
		p.final, p.bare = text, true
		if at < last {
			p.builder = text
		}
	case "USER":
		p.final = text
		if user := p.in.Args; at < last && len(user) > 0 && recipe.IsRoot(user[0].Value) {
			p.builder, p.bare = text, true
		}
	default:
		p.final = text
	}
	return nil
}

// runtimeOnly are variables that say how an application runs, and that no build
// asks for.
var runtimeOnly = []string{"PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONFAULTHANDLER", "PYTHONHASHSEED", "PYTHONPATH", "PORT", "HOST", "WEB_CONCURRENCY",
	"DJANGO_SETTINGS_MODULE", "FLASK_APP", "FLASK_ENV", "FLASK_DEBUG", "FLASK_RUN_HOST", "FLASK_RUN_PORT", "GUNICORN_CMD_ARGS"}

// onlyRuntime says that an ENV sets nothing that a build may ask for.
func onlyRuntime(in *dockerfile.Instruction) bool {
	return !slices.ContainsFunc(assignments(in), func(x assignment) bool { return !slices.Contains(runtimeOnly, x.name) })
}

// dropUnused takes out of each stage what nothing there asks for: settings that the
// other stage's instructions name, and copied files that none of it reads.
func (r *restaged) dropUnused(last int) {
	local := slices.ContainsFunc(r.outline.installs(), func(in recipe.PackageInstall) bool {
		return len(in.Projects) > 0 || in.Editable || in.Tool == recipe.UVSync || in.Tool == recipe.Poetry
	})
	for i := range r.plan {
		p := &r.plan[i]
		switch {
		case p.builder == "" || p.final == "":
		case p.in.Keyword == "ARG":
			r.placeArgument(p)
		case p.in.Keyword == "ENV" && i < last && !local && r.namesNothing(p):
			p.builder = ""
		}
	}
}

// forBuilds are how the names of variables start that installers and compilers ask
// for without being told.
var forBuilds = []string{"PIP_", "UV_", "POETRY_", "PDM_", "PIPENV_", "CC", "CXX", "C_", "CPP", "CFLAGS", "LD", "CPATH", "LIBRARY_", "PKG_", "CARGO", "RUST", "LANG", "LC_", "PATH", "HTTP",
	"http", "NO_PROXY", "no_proxy", "DEBIAN_", "SETUPTOOLS", "SOURCE_DATE", "MAKE", "CMAKE", "VIRTUAL_ENV", "SSL_", "REQUESTS_", "GIT_", "NPM_", "NODE_", "HOME", "TMP", "ARCH"}

// namesNothing says that none of the variables of an ENV is for builds by its name,
// or named by what the builder runs, and that it only installs what the index has
// built.
func (r *restaged) namesNothing(p *placed) bool {
	for _, x := range assignments(p.in) {
		if slices.ContainsFunc(forBuilds, func(start string) bool { return strings.HasPrefix(x.name, start) }) || r.mentions(true, p, x.name) || len(r.build) > 0 {
			return false
		}
	}
	return true
}

// mentions says that another instruction of a stage has a word in its text.
func (r *restaged) mentions(builder bool, but *placed, word string) bool {
	for i := range r.plan {
		p := &r.plan[i]
		text := p.final
		if builder {
			text = p.builder
		}
		if p != but && strings.Contains(text, word) {
			return true
		}
	}
	return false
}

// placeArgument leaves an ARG where it is named. One that nothing names is for
// what RUN starts.
func (r *restaged) placeArgument(p *placed) {
	builder, final := false, false
	for _, x := range assignments(p.in) {
		builder, final = builder || r.mentions(true, p, x.name), final || r.mentions(false, p, x.name)
	}
	runs := slices.ContainsFunc(r.plan, func(o placed) bool { return o.in.Keyword == "RUN" && o.final != "" })
	switch {
	case builder && !final && !runs, !builder && !final && !runs:
		p.final, p.bare = "", false
	case final && !builder:
		p.builder = ""
	}
}

// indifferent says that a RUN makes users and folders only, which installing does
// not ask for.
func (r *restaged) indifferent(s *step) bool {
	script, err := s.in.Shell()
	if err != nil {
		return false
	}
	for _, c := range script.Commands() {
		if !slices.Contains([]string{"useradd", "groupadd", "adduser", "addgroup", "usermod", "mkdir", "chown", "chmod", "set", "true", "echo"}, c.Name()) || len(c.Redirects) > 0 {
			return false
		}
		for _, w := range c.Words[1:] {
			if path.IsAbs(w.Value) && r.builderNames(s, w.Value) {
				return false
			}
		}
	}
	return !slices.ContainsFunc(r.plan, func(p placed) bool { // the user of a copied file has to be there
		return (p.in.Keyword == "COPY" || p.in.Keyword == "ADD") && len(p.in.Flag("chown")) > 0 && p.in.Span.Start < r.plan[r.lastInstall()].in.Span.Start
	})
}

// builderNames says that a RUN or COPY before the last install names a place.
func (r *restaged) builderNames(but *step, place string) bool {
	last := r.lastInstall()
	for i := range r.plan[:last+1] {
		if s := r.plan[i].step; s != but && (s.in.Keyword == "RUN" || s.in.Keyword == "COPY") && strings.Contains(s.in.Text(), place) {
			return true
		}
	}
	return false
}
