package forecast

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/restage"
)

// merged is a generated Dockerfile of one stage where the original installs in a stage
// of its own: a RUN deletes what it added itself.
type merged struct {
	*restage.Outline
	dest destination
	head []string
	// from is the FROM line.
	from string
	// context has the files of the build context by path, with their sizes, texts
	// the requirements files that were read.
	context map[string]int64
	texts   map[string][]byte
	// quiet keeps Python in RUNs from writing bytecode.
	quiet []string
	// tools are Debian's packages that only compiling needs.
	tools []string
	// mounts bring in an installer from another image.
	mounts []string
	made   bool
	// installers are commands that install the builder's installers, which the
	// image must not keep; names are what they install. variables set the builder's
	// variables.
	installers, names, variables []string
}

// tooling writes a RUN that sets up an installer. One that only the builder has is
// installed and removed by the RUN that uses it.
func (t *merged) tooling(s *restage.Step) error {
	if s.OnlyPip() {
		return nil
	}
	base := t.dest
	base.venv = ""
	var commands []string
	for i := range s.Parts {
		p := &s.Parts[i]
		if p.Role != recipe.PreparesInstaller || len(p.Install.Args) == 0 {
			commands = append(commands, p.Text)
			continue
		}
		c, err := base.command(p.Install)
		if err != nil {
			return fmt.Errorf("%s: %w", t.Outline.At(s.In), err)
		}
		commands = append(commands, c)
		for _, arg := range p.Install.Args {
			r, err := pep.ParseRequirement(strings.Trim(arg, `"'`))
			switch {
			case strings.HasPrefix(arg, "-"), err == nil && slices.Contains(restage.WithInterpreter, r.Name):
			case err != nil || r.Name != "uv":
				return fmt.Errorf("%s: %.40s of the builder would be in the image", t.Outline.At(s.In), arg)
			default:
				t.names = append(t.names, r.Name)
			}
		}
	}
	t.installers = append(t.installers, commands...)
	return nil
}

// text writes the Dockerfile.
func (t *merged) text() (string, error) {
	w := &textWriter{}
	w.top(t.Outline, t.head)
	w.arguments(t.Outline, t.from)
	for i := range t.File.Stages {
		if st := &t.File.Stages[i]; t.Needed(st) {
			w.paragraph(string(t.File.Source[st.Span.Start:st.Span.End]))
		}
	}
	w.paragraph(t.from)
	w.lines(t.quiet...)
	placed := false
	for i := range t.Before {
		for _, p := range t.Before[i].Parts {
			if p.Role == recipe.PreparesInstaller && strings.Contains(p.Text, " export ") {
				return "", fmt.Errorf("%s: what is exported would be in the image", t.Outline.At(t.Before[i].In))
			}
		}
	}
	for i := range t.Runtime {
		s := &t.Runtime[i]
		if !placed && s.In.Keyword == "USER" {
			return "", fmt.Errorf("%s: the image has another user before it has packages", t.Outline.At(s.In))
		}
		_, context := restage.FromContext(s.In)
		if !placed && (s.Role == recipe.CopiesPackages || context) {
			if err := t.merge(w, restage.Workdir(t.Runtime[:i])); err != nil {
				return "", err
			}
			placed = true
		}
		if err := t.write(w, s); err != nil {
			return "", err
		}
	}
	return w.String(), nil
}

// write writes one instruction of the stage.
func (t *merged) write(w *textWriter, s *restage.Step) error {
	switch s.Role {
	case recipe.Keeps:
		if t.Copied(s.In, t.Outline.Install) {
			return fmt.Errorf("%s: it copies more than packages from %s", t.Outline.At(s.In), t.Outline.File.StageName(t.Outline.Install.Index))
		}
		w.lines(spaced(s, s.Text)...)
	case recipe.PreparesInstaller:
		return t.tooling(s)
	case recipe.InstallsBuildTools:
		names, _ := recipe.AptInstalls(s.In)
		t.tools = append(t.tools, names...)
	case recipe.FetchesInstaller:
		return t.fetch(w, s)
	case recipe.Installing:
		return t.install(w, s)
	}
	return nil
}

// merge writes the stage that installs into this one. dir is the working
// directory that the image has at this place.
func (t *merged) merge(w *textWriter, dir string) error {
	for i := range t.Before {
		s := &t.Before[i]
		switch {
		case s.In.Keyword != "WORKDIR" && slices.ContainsFunc(t.Runtime, func(own restage.Step) bool { return own.In.Span == s.In.Span }):
			continue // both stages build on one that has it
		case s.Role == recipe.Keeps && s.In.Keyword == "RUN":
			return fmt.Errorf("%s: what the builder runs besides installing would be in the image", t.Outline.At(s.In))
		case s.In.Keyword == "ENV":
			export, err := restage.Exported(s.In)
			if err != nil {
				return fmt.Errorf("%s: %w", t.Outline.At(s.In), err)
			}
			t.variables = append(t.variables, export)
			continue
		}
		if ends(s.In) {
			continue
		}
		if copiesAll(s.In) && !slices.ContainsFunc(t.Runtime, func(s restage.Step) bool { return copiesAll(s.In) }) {
			return fmt.Errorf("%s: the whole build context would be in the image", t.Outline.At(s.In))
		}
		if err := t.write(w, s); err != nil {
			return err
		}
	}
	if now := restage.Workdir(t.Before); now != "" && now != dir {
		w.lines("", "WORKDIR "+path.Clean("/"+dir))
	}
	return nil
}

// copiesAll says whether an instruction copies the whole build context.
func copiesAll(in *dockerfile.Instruction) bool {
	sources, ok := restage.FromContext(in)
	return ok && slices.ContainsFunc(sources, func(s string) bool { return path.Clean("/"+s) == "/" })
}

// fetch mounts an installer instead of copying it into the image.
func (t *merged) fetch(w *textWriter, s *restage.Step) error {
	from := s.In.Flag("from")[0]
	for _, a := range s.In.Args[:len(s.In.Args)-1] {
		name := path.Base(a.Value)
		if name != "uv" && name != "uvx" || !restage.Plain(a.Value) || !restage.Plain(from) {
			w.lines(s.Text)
			return nil
		}
		t.mounts = append(t.mounts, fmt.Sprintf("--mount=type=bind,from=%s,source=%s,target=/usr/local/bin/%s", from, a.Value, name))
	}
	return nil
}

// install writes the RUN that installs and cleans up.
func (t *merged) install(w *textWriter, s *restage.Step) error {
	first, last := slices.Concat(t.variables, t.installers), []string(nil)
	if len(t.names) > 0 {
		last = append(last, strings.Join(append(t.dest.quietly(), "pip uninstall -y "+strings.Join(t.names, " ")), " "))
	}
	lines := []string{"", "# What is deleted has to be deleted by the RUN that brought it: a later one would only hide it."}
	if len(t.tools) > 0 {
		first = append(first, "apt-get update", "apt-get install -y --no-install-recommends "+strings.Join(t.tools, " "))
		last = append(last, "apt-get purge -y --auto-remove "+strings.Join(t.tools, " "), "rm -rf /var/lib/apt/lists/*")
		t.tools = nil
	}
	if t.dest.venv != "" && !t.made && !slices.ContainsFunc(s.Installs, func(in recipe.PackageInstall) bool { return in.Tool == recipe.UVSync }) {
		first = append(first, strings.Join(append(t.dest.quietly(), "python -m venv --without-pip "+t.dest.venv), " "))
	}
	t.made = true
	last = append(last, t.leftovers(s.Installs)...)
	if _, locked := t.context["uv.lock"]; !locked && slices.ContainsFunc(s.Installs, func(in recipe.PackageInstall) bool { return in.Tool == recipe.UVSync }) {
		last = append(last, "rm -f uv.lock") // uv writes one where there is none
	}
	run, err := t.dest.runInstall(s, func(*restage.Part) bool { return true }, append(s.Flags(), t.mounts...), first, last)
	if err != nil {
		return fmt.Errorf("%s: %w", t.Outline.At(s.In), err)
	}
	w.lines(append(lines, run)...)
	return nil
}

// leftovers are the commands that delete what builds of the project, and of other
// folders of the context, write beside the sources. There are none where they would
// delete files of the project.
func (t *merged) leftovers(installs []recipe.PackageInstall) (commands []string) {
	if hasFile(t.context, func(name string) bool {
		return strings.HasPrefix(name, "build/") || strings.Contains(name, "/build/") || strings.Contains(name, ".egg-info/")
	}) {
		return nil
	}
	var dirs []string
	for _, in := range installs {
		if in.Tool == recipe.UVSync && !slices.ContainsFunc(in.Args, func(a string) bool { return strings.HasPrefix(a, "--no-install-") }) {
			dirs = append(dirs, ".")
		}
		if in.Tool == recipe.Pip || in.Tool == recipe.UVPip {
			dirs = append(dirs, t.folders(in)...)
		}
	}
	var done []string
	for _, dir := range dirs {
		if slices.Contains(done, dir) {
			continue
		}
		done = append(done, dir)
		if dir == "." {
			commands = append(commands, leftovers)
			continue
		}
		commands = append(commands, fmt.Sprintf("rm -rf %[1]s/build %[1]s/*.egg-info %[1]s/src/*.egg-info", dir))
	}
	return commands
}

// folders are those that pip builds, from its arguments and the requirements files
// that it reads. Editable installs need what is written there and are none.
func (t *merged) folders(in recipe.PackageInstall) (dirs []string) {
	add := func(word string) {
		word, _, _ = strings.Cut(strings.Trim(word, `"'`), "[")
		if dir := path.Clean(word); word != "" && (dir == "." || strings.HasPrefix(word, "./") || strings.HasPrefix(word, "/") && !strings.HasSuffix(word, ".whl")) && restage.Plain(dir) {
			dirs = append(dirs, dir)
		}
	}
	for i, word := range in.Args {
		if i == 0 || !recipe.TakesValue(in.Args[i-1]) {
			add(word)
		}
	}
	seen := map[string]bool{}
	files := slices.Clone(in.Files)
	for len(files) > 0 {
		name := path.Clean(files[0])
		if files = files[1:]; seen[name] {
			continue
		}
		seen[name] = true
		for line := range bytes.Lines(t.texts[name]) {
			words := strings.Fields(string(line))
			switch {
			case len(words) == 0:
			case len(words) > 1 && (words[0] == "-r" || words[0] == "--requirement"):
				files = append(files, path.Join(path.Dir(name), words[1]))
			default:
				add(words[0])
			}
		}
	}
	return dirs
}

// hasFile says whether a build context has a file with such a name.
func hasFile(context map[string]int64, is func(name string) bool) bool {
	for name := range context {
		if is(name) {
			return true
		}
	}
	return false
}
