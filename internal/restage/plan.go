package restage

import (
	"errors"
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
	// needs. used are packages that these brought and that the image uses.
	Split(names []string) (build, used []string)
	// Freed are the bytes of each layer that go with build if used stay.
	Freed(build, used []string) map[int]int64
}

// Input is what is known of an image and of the Dockerfile that made it.
type Input struct {
	*Outline
	// Site is the folder of the packages: "usr/local/lib/python3.13/site-packages".
	Site string
	// Official says that Python is where python's own images have it.
	Official bool
	// Has says whether the image has a file or folder; p does not start with "/".
	Has func(p string) bool
	// Distributions are the installed ones.
	Distributions []Distribution
	// Context has the sizes in bytes of the files in the build context, Texts the
	// requirements files, by their paths.
	Context map[string]int64
	Texts   map[string][]byte
	// System is nil where nothing is known of the system's packages.
	System System
	// Cached says that the layer of a RUN has a cache of an installer of Python
	// packages; nil where that is not known.
	Cached func(in *dockerfile.Instruction) bool
	// Archives says that apt keeps what it downloads in the image: the base lacks the
	// setting of Docker's images.
	Archives bool
	// Names is where a file of the project has a text; nil where none can be read.
	Names func(text string) (where string)
	// Slim is the smaller base for the image, empty where there is none.
	Slim string
	// Full is the base of the stages that install where Slim says more than their own
	// name does, such as Debian's release; empty where that name stays. What is
	// compiled in one release may not load in another.
	Full string
	// Clean is what to delete from the packages, Quiet are lines for the image's stage.
	Clean Cleanup
	Quiet []string
	// bare says that the image has no shell, so that nobody misses pip in it.
	bare bool
}

// Distribution is an installed distribution.
type Distribution struct {
	// Record is the folder of its metadata.
	Name, Record string
	// Editable says that it is installed in place, Pure that its wheel fits every
	// platform, Compiled that it was compiled in the image.
	Editable, Pure, Compiled bool
}

// Plan is the original's Dockerfile, edited so that a stage of its own installs the
// packages and the image gets their environment: lines that need no change stay as
// they are.
type Plan struct {
	Input
	// Moved says that the original installs into the interpreter's own folder; venv
	// is the environment.
	Moved bool
	venv  string
	// pipless says that the environment that the original makes is made without pip.
	pipless bool
	// split is the stage that is taken apart, or nil if packages are installed in a
	// stage of their own already; plan has its instructions.
	split *dockerfile.Stage
	plan  []placed
	// leaf says that the stage that is taken apart stays as it is for others, and that
	// only the image's stage leaves it.
	leaf bool
	// plain says that the environment is first on the PATH of the stage that installs,
	// so that its commands need no change: the environment then has a pip.
	plain bool
	// changed are the other instructions whose text changes, by their place: an
	// empty one is removed. added follows the last that installs.
	changed map[int]string
	added   []string
	// Build are the system packages that only the builder needs, Used those that the
	// image needs of what they brought. left are those that are not written yet.
	// forBuild are all that only building needs, with those that stay.
	Build, Used, left, forBuild []string
	// label is the builder's name, base what the image's FROM line names.
	label, base string
}

// placed is an instruction of the stage that is taken apart, with its text in each
// of the two stages; an empty one is not there. Where it is in both, bare says that
// the comment above it is about the image only, forBuild that it is about the
// builder only.
type placed struct {
	*Step
	builder, final string
	bare, forBuild bool
}

// New plans the edit of a Dockerfile. Errors say what is in its way, with the line.
func New(in Input) (*Plan, error) {
	if in.Install == nil {
		return nil, errors.New("the Dockerfile installs no Python packages")
	}
	r := &Plan{Input: in, changed: map[int]string{}, base: in.Final.Base}
	if in.Slim != "" {
		r.base = in.Slim
	}
	if err := r.environment(); err != nil {
		return nil, err
	}
	if err := r.refused(); err != nil {
		return nil, err
	}
	r.pipless = !r.Moved && in.Clean.Bytecode && r.onlyPip()
	if r.Two() {
		r.label = r.Install.Label()
		return r, r.rebuild()
	}
	r.label = r.FreeName(BuilderName)
	return r, r.takeApart()
}

// environment finds where the packages are: in an environment that the original
// makes, or in the interpreter's folder, from where they are moved to one.
func (r *Plan) environment() error {
	prefix, _, ok := strings.Cut(r.Site, "/lib/python")
	if !ok || !strings.HasSuffix(r.Site, "/site-packages") {
		return fmt.Errorf("the packages are in /%s, which no environment has", r.Site)
	}
	dir := "/" + prefix
	switch {
	case dir == "/usr/local", dir == "/root/.local":
		if !r.Official {
			return fmt.Errorf("the image's Python is not at /usr/local, where python's own images have it")
		}
		r.venv, r.Moved = OwnVenv, true
	case r.OwnVenv() == dir || r.Has(prefix+"/pyvenv.cfg"):
		r.venv = dir
	default:
		return fmt.Errorf("the packages are in %s, which is no virtual environment", dir)
	}
	if r.Has("root/.local/share/uv/python") {
		return fmt.Errorf("uv has downloaded a Python of its own")
	}
	for _, word := range append([]string{r.venv}, r.Clean.KeepTests...) {
		if !Plain(word) {
			return fmt.Errorf("%.40q cannot be written into a Dockerfile", word)
		}
	}
	return nil
}

// pathLoses are words of programs that start others with another PATH.
var pathLoses = []string{"su -", "su --login", "sudo ", "runuser -l", "crond", "cron ", "env -i"}

// cannotRun says that the program of a command is not in the image: what names it, a
// script for developers, does not run there.
func (r *Plan) cannotRun(command string) bool {
	name := strings.Fields(command)[0]
	return !slices.ContainsFunc([]string{"bin", "sbin", "usr/bin", "usr/sbin", "usr/local/bin", "usr/local/sbin"}, func(dir string) bool { return r.Has(dir + "/" + name) })
}

// refused is why the packages cannot be moved out of the image's own stage.
func (r *Plan) refused() error {
	for _, d := range r.Distributions {
		if d.Editable && !d.Pure {
			return fmt.Errorf("%s is installed in place (editable) and may have compiled files there", d.Name)
		}
		if d.Editable && !strings.HasPrefix(d.Record, r.Site+"/") {
			return fmt.Errorf("%s is installed in place (editable), with its metadata beside its sources", d.Name)
		}
	}
	for i := range r.Runtime {
		s := &r.Runtime[i]
		if s.Role != recipe.Keeps && s.Role != recipe.InstallsBuildTools {
			continue
		}
		text := s.In.Text()
		switch {
		case s.In.Keyword == "ENV" && SetsPath(s.In) && r.Moved:
			return fmt.Errorf("%s: ENV sets PATH anew", r.At(s.In))
		case StartsInstaller(s.In):
			return fmt.Errorf("%s: %s starts an installer, which would not be in the image", r.At(s.In), s.In.Keyword)
		case !r.Moved:
		case strings.Contains(text, "/site-packages"), strings.Contains(text, "/usr/local/bin/"), strings.Contains(text, "/usr/local/lib/python"):
			return fmt.Errorf("%s: %s names a place that the packages are moved away from", r.At(s.In), s.In.Keyword)
		case slices.ContainsFunc(pathLoses, func(w string) bool { return strings.Contains(text, w) }):
			return fmt.Errorf("%s: %s may start Python without the image's PATH, and so without the environment", r.At(s.In), s.In.Keyword)
		}
	}
	if r.Moved && r.Names != nil {
		for _, part := range slices.Concat([]string{"/usr/local/bin/", "/usr/local/lib/python", "/site-packages"}, slices.DeleteFunc(slices.Clone(pathLoses), r.cannotRun)) {
			if where := r.Names(part); where != "" {
				return fmt.Errorf("%s names %s: it would not find the packages in an environment", where, strings.TrimSpace(part))
			}
		}
	}
	return nil
}

// takeApart plans a stage that installs besides the image's.
func (r *Plan) takeApart() error {
	for i := range r.Runtime {
		s := &r.Runtime[i]
		if s.Role != recipe.Installing {
			continue
		}
		st := &r.File.Stages[s.In.Stage]
		if r.split != nil && r.split != st {
			return fmt.Errorf("packages are installed in %s and in %s, which builds on it", r.File.StageName(r.split.Index), r.File.StageName(st.Index))
		}
		r.split = st
	}
	for i := range r.Runtime {
		if s := &r.Runtime[i]; s.In.Stage == r.split.Index {
			r.plan = append(r.plan, placed{Step: s})
		}
	}
	if err := r.elsewhere(); err != nil {
		return err
	}
	r.plain = r.leaf || r.Moved && !r.bare && !r.Clean.Bytecode && r.onlyPlain()
	r.tools()
	last := r.lastInstall()
	for i := range r.plan {
		if err := r.place(&r.plan[i], i, last); err != nil {
			return fmt.Errorf("%s: %w", r.At(r.plan[i].In), err)
		}
	}
	if r.leaf {
		if err := (leaves{r}).check(); err != nil {
			return err
		}
	}
	if len(r.left) > 0 {
		return fmt.Errorf("the image loads libraries of %s, which no instruction would install", strings.Join(r.left, ", "))
	}
	r.dropUnused(last)
	return nil
}

// elsewhere refuses to take a stage apart where another stage would notice.
func (r *Plan) elsewhere() error {
	f := r.File
	for i := range f.Stages {
		st := &f.Stages[i]
		builds := st.Index != r.split.Index && slices.Contains(f.Ancestry(st), r.split.Index)
		for j := range st.Instructions {
			in := &st.Instructions[j]
			text := in.Text()
			if number := numbered(in); number >= r.split.Index && (st.Index >= r.split.Index) {
				return fmt.Errorf("%s: it names a stage by its number, which a further stage changes", r.At(in))
			}
			switch {
			case r.Moved && r.Copied(in, r.split) && slices.ContainsFunc(in.Args, func(a dockerfile.Arg) bool {
				return Within("/usr/local", path.Clean(a.Value)) || Within(path.Clean(a.Value), "/usr/local")
			}):
				return fmt.Errorf("%s: it copies packages out of %s", r.At(in), f.StageName(r.split.Index))
			case builds && r.Moved && (StartsInstaller(in) || installs(in) || strings.Contains(text, "/site-packages") || strings.Contains(text, "/usr/local/bin/")):
				if (leaves{r}).may(st, in) {
					r.leaf, r.label = true, r.split.Label()
					continue
				}
				return fmt.Errorf("%s: %s builds on %s and works on its packages", r.At(in), f.StageName(st.Index), f.StageName(r.split.Index))
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

func (r *Plan) lastInstall() (last int) {
	for i := range r.plan {
		if r.plan[i].Role == recipe.Installing {
			last = i
		}
	}
	return last
}

// onlyPip says that the environment is made by venv, and that pip installs all that is
// in it.
func (r *Plan) onlyPip() bool {
	made := false
	for _, s := range r.InstallSteps() {
		for i := range s.Parts {
			p := &s.Parts[i]
			switch {
			case p.Role == recipe.MakesVenv && (!strings.HasPrefix(p.name, "python") || strings.Contains(p.Text, "--without-pip")):
				return false
			case p.Role == recipe.MakesVenv:
				made = true
			case p.Role == recipe.Installing && p.Install.Tool != recipe.Pip, p.Role == recipe.PreparesInstaller && strings.Contains(p.Text, "pip"):
				return false
			}
		}
	}
	return made
}

// onlyPlain says that the stage that is taken apart installs with the pip of the PATH
// alone, which then is that of an environment that comes first on it, and nothing else
// into that.
func (r *Plan) onlyPlain() bool {
	made := false
	for i := range r.plan {
		p := &r.plan[i]
		made = made || p.Role == recipe.Installing
		if p.Role == recipe.Installing && !onlyPlainPip(p.In) || made && slices.ContainsFunc(p.Parts, bringsInstaller) {
			return false
		}
	}
	last := r.plan[r.lastInstall()].In.Span
	return pathIsFree(r.File, r.split, slices.IndexFunc(r.split.Instructions, func(in dockerfile.Instruction) bool { return in.Span == last }))
}

// bringsInstaller says that a command installs an installer that an environment does
// not have, such as Poetry.
func bringsInstaller(p Part) bool {
	return p.Role == recipe.PreparesInstaller && len(p.Install.Args) > 0 && !p.OnlyPip()
}

// HasPip says whether the environment has a pip of its own.
func (r *Plan) HasPip() bool { return r.plain || !r.Moved && !r.pipless }

// tools finds the system packages that the image does not need. There are none if
// another instruction may compile.
func (r *Plan) tools() {
	var names []string
	compile := false
	for i := range r.plan {
		s := r.plan[i].Step
		if s.In.Keyword != "RUN" {
			continue
		}
		more := requested(s)
		if s.Role != recipe.Installing { // what a RUN removes itself serves it alone
			gone := removed(s)
			more = slices.DeleteFunc(more, func(n string) bool { return slices.Contains(gone, n) })
		}
		names = append(names, more...)
		compile = compile || (s.Role == recipe.Keeps || s.Role == recipe.Installing) && compiles(s) != ""
	}
	var used []string
	if r.System != nil {
		r.forBuild, used = r.System.Split(names)
	} else {
		r.forBuild = slices.DeleteFunc(names, func(n string) bool { return !slices.Contains(Compilers(), n) })
	}
	if !compile { // else what that needs of the tools is not known, and they stay
		r.Build, r.Used, r.left = r.forBuild, used, used
	}
}

// place decides where an instruction goes.
func (r *Plan) place(p *placed, at, last int) (err error) {
	text := p.In.Text()
	switch p.Role {
	case recipe.MakesVenv:
		p.builder, err = r.scripts().making(p.Step)
		return err
	case recipe.FetchesInstaller, recipe.PreparesInstaller:
		p.builder = text
		return nil
	case recipe.Cleans:
		p.builder, err = r.scripts().movePaths(p.Step)
		return err
	case recipe.Installing:
		if p.builder, err = r.scripts().installing(p.Step); err == nil {
			p.final, err = r.scripts().remainder(p.Step)
		}
		return err
	}
	switch p.In.Keyword {
	case "RUN":
		p.final, err = r.scripts().remainder(p.Step)
		if at < last && !r.indifferent(p.Step) || p.final == "" {
			p.builder = text
		}
		return err
	case "COPY", "ADD":
		p.final = text
		if at < last {
			copies{r}.place(p, at)
		}
		return nil
	case "ENV":
		p.final, p.forBuild = text, r.setsBuild(p.In)
		if p.bare = !p.forBuild; at < last && !onlyRuntime(p.In) {
			p.builder = text
		}
	case "ARG", "WORKDIR", "SHELL":
		p.final, p.bare = text, true
		if at < last {
			p.builder = text
		}
	case "USER":
		p.final = text
		if user := p.In.Args; at < last && len(user) > 0 && recipe.IsRoot(user[0].Value) {
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
	return !slices.ContainsFunc(Assignments(in), func(x Assignment) bool { return !slices.Contains(runtimeOnly, x.Name) })
}

// dropUnused takes out of each stage what nothing there asks for: settings that the
// other stage's instructions name, and copied files that none of it reads.
func (r *Plan) dropUnused(last int) {
	local := slices.ContainsFunc(r.Installs(), func(in recipe.PackageInstall) bool {
		return len(in.Projects) > 0 || in.Editable || in.Tool != recipe.Pip && in.Tool != recipe.UVPip
	})
	for i := range r.plan {
		p := &r.plan[i]
		switch {
		case p.builder == "" || p.final == "":
		case p.In.Keyword == "ARG":
			r.placeArgument(p)
		case p.In.Keyword == "ENV" && i < last && !local && r.namesNothing(p):
			p.builder = ""
		}
	}
}

// forBuilds are how the names of variables start that installers and compilers ask
// for without being told.
var forBuilds = []string{"PIP_", "UV_", "POETRY_", "PDM_", "PIPENV_", "CC", "CXX", "C_", "CPP", "CFLAGS", "LD", "CPATH", "LIBRARY_", "PKG_", "CARGO", "RUST", "LANG", "LC_", "PATH", "HTTP",
	"http", "NO_PROXY", "no_proxy", "DEBIAN_", "SETUPTOOLS", "SOURCE_DATE", "MAKE", "CMAKE", "VIRTUAL_ENV", "SSL_", "REQUESTS_", "GIT_", "NPM_", "NODE_", "HOME", "TMP", "ARCH"}

func isForBuilds(name string) bool {
	return slices.ContainsFunc(forBuilds, func(start string) bool { return strings.HasPrefix(name, start) })
}

// setsBuild says that an ENV is for installers and compilers only.
func (r *Plan) setsBuild(in *dockerfile.Instruction) bool {
	all := Assignments(in)
	return len(all) > 0 && !slices.ContainsFunc(all, func(x Assignment) bool {
		return !isForBuilds(x.Name) || slices.Contains([]string{"PATH", "VIRTUAL_ENV", "LANG", "HOME"}, x.Name) || strings.HasPrefix(x.Name, "LC_")
	})
}

// namesNothing says that none of the variables of an ENV is for builds by its name,
// or named by what the builder runs, and that it only installs what the index has
// built.
func (r *Plan) namesNothing(p *placed) bool {
	for _, x := range Assignments(p.In) {
		if isForBuilds(x.Name) || r.mentions(true, p, x.Name) || len(r.Build) > 0 {
			return false
		}
	}
	return true
}

// mentions says that another instruction of a stage has a word in its text.
func (r *Plan) mentions(builder bool, but *placed, word string) bool {
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
func (r *Plan) placeArgument(p *placed) {
	builder, final := false, false
	for _, x := range Assignments(p.In) {
		builder, final = builder || r.mentions(true, p, x.Name), final || r.mentions(false, p, x.Name)
	}
	runs := slices.ContainsFunc(r.plan, func(o placed) bool { return o.In.Keyword == "RUN" && o.final != "" })
	switch {
	case builder && !final && !runs, !builder && !final && !runs:
		p.final, p.bare = "", false
	case final && !builder:
		p.builder = ""
	}
}

// idle are programs that make users, folders and links, and change owners and modes.
var idle = []string{"useradd", "groupadd", "adduser", "addgroup", "usermod", "mkdir", "chown", "chmod", "ln", "touch", "set", "true", "echo"}

// ofNode are programs that work on packages of Node.
var ofNode = []string{"npm", "npx", "yarn", "pnpm", "node", "corepack"}

// indifferent says that installing does not ask for what a RUN does: it only makes
// users and folders; or it works on packages of Node, or installs system packages
// that build nothing, while all Python packages come ready from the index.
func (r *Plan) indifferent(s *Step) bool {
	script, err := s.In.Shell()
	if err != nil {
		return false
	}
	ready := !(copies{r}).local() && !slices.ContainsFunc(r.Distributions, func(d Distribution) bool { return d.Compiled })
	for _, c := range script.Commands() {
		if m, ok := readManager(&c); ok && ready {
			if slices.ContainsFunc(m.packages(&c), func(n string) bool { return slices.Contains(r.forBuild, n) || slices.Contains(fetching, n) }) {
				return false
			}
			continue
		}
		if ready && (slices.Contains(ofNode, c.Name()) || c.Name() == "cd" || c.Name() == "rm") {
			continue
		}
		if !slices.Contains(idle, c.Name()) || len(c.Redirects) > 0 {
			return false
		}
		for _, w := range c.Words[1:] {
			if path.IsAbs(w.Value) && r.builderNames(s, w.Value) {
				return false
			}
		}
	}
	return true
}

// fetching are system packages that installers use to fetch what they install.
var fetching = []string{"git", "openssh-client", "mercurial", "subversion", "curl", "wget", "ca-certificates", "gnupg", "unzip", "apt-transport-https", "file"}

// builderNames says that another RUN up to the last install names a place.
func (r *Plan) builderNames(but *Step, place string) bool {
	last := r.lastInstall()
	for i := range r.plan[:last+1] {
		if s := r.plan[i].Step; s != but && s.In.Keyword == "RUN" && strings.Contains(s.In.Text(), place) {
			return true
		}
	}
	return false
}
