package check

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/shell"
)

// role is what a start is for.
type role uint8

const (
	entry role = iota
	healthcheck
	console // a console script of the application
	command // one that the user named
)

// start is one program that the image starts, with all that is known of how.
type start struct {
	// name is what the user knows it by: "CMD", "console script inventory".
	name string
	role role
	argv []string
	env  map[string]string
	dir  string // the working directory, clean and relative
	// program is the path of the program that runs in the end, a script's
	// interpreter included in programs; empty where it was not found.
	program  string
	programs []string
	// python is what is imported, nil for other programs; flags are the letters
	// of the interpreter's options that change where it looks.
	python *pythonStart
	flags  string
	// how says whether the image fails where the start does: a program of a
	// shell script may be one that the script does without.
	how shell.Certainty
	// input is the standard input, nil where it is the container's.
	input *string
	// user is who a program such as gosu makes of the process, empty for the
	// image's own.
	user string
	// depth is how many programs that start each other lead to it.
	depth int
	// by is the statement that starts it, if one does: "start.py:4 starts gunicorn".
	by       string
	problems []whittle.Problem
	unknown  []string
	// command is what was asked to start, nil for what scripts start.
	command []string
	// probe does what the start would do for its first visitor.
	probe []string
}

// unknownWord stands for a word that only a run knows, or for a part of one.
const unknownWord = shell.UnknownPart

// maxStarts and maxDepth bound what scripts that start scripts come to.
const (
	maxStarts = 500
	maxDepth  = 12
	maxScript = 1 << 20
)

// findStarts lists what the image starts.
func (s *state) findStarts() {
	cfg := s.Config.Config
	argv := append(slices.Clone(cfg.Entrypoint), cfg.Cmd...)
	if len(argv) > 0 {
		name := "CMD"
		if len(cfg.Entrypoint) > 0 {
			name = "ENTRYPOINT"
		}
		st := &start{name: name, role: entry, argv: argv, env: s.env, dir: s.workdir}
		if Idle(argv) && len(s.Commands) == 0 {
			st.unknown = append(st.unknown, NoStart(argv)+"; name a command that has to work")
		}
		s.follow(st, 0)
	}
	if h := cfg.Healthcheck; h != nil && len(h.Test) > 1 {
		st := &start{name: "HEALTHCHECK", role: healthcheck, env: s.env, dir: s.workdir, argv: h.Test[1:]}
		if h.Test[0] == "CMD-SHELL" {
			st.argv = append(s.shell(), h.Test[1])
		}
		s.follow(st, 0)
	}
	for _, argv := range s.Commands {
		if len(argv) > 0 {
			s.follow(&start{name: strings.Join(argv, " "), role: command, argv: argv, env: s.env, dir: s.workdir}, 0)
		}
	}
	s.consoleScripts()
	s.findStarted()
}

func (s *state) shell() []string {
	if sh := s.Config.Config.Shell; len(sh) > 0 {
		return sh
	}
	return []string{"/bin/sh", "-c"}
}

// consoleScripts are those of the application's own distributions.
func (s *state) consoleScripts() {
	for _, i := range s.owners.own {
		d := &s.Distributions[i]
		for _, e := range d.EntryPoints {
			if e.Group != "console_scripts" {
				continue
			}
			st := &start{name: "console script " + e.Name, role: console, argv: []string{e.Name}, env: s.env, dir: s.workdir}
			file := ""
			for _, f := range d.Files {
				if path.Base(f) == e.Name && path.Base(path.Dir(f)) == "bin" {
					file = f
				}
			}
			if _, onPath := s.files.lookup(st, e.Name); !onPath {
				if file == "" {
					continue // installed without its scripts: nobody can start it
				}
				st.argv = []string{"/" + file}
			}
			s.follow(st, 0)
		}
	}
}

// follow finds the program that a start runs, through wrappers, interpreters
// and shell scripts, and adds it to the starts.
func (s *state) follow(st *start, depth int) {
	if len(s.starts) >= maxStarts || depth > maxDepth {
		st.doubt("too many scripts start each other")
		s.starts = append(s.starts, st)
		return
	}
	st.depth = depth
	if depth == 0 {
		st.command = slices.Clone(st.argv)
	}
	if depth == 0 || len(s.starts) == 0 || s.starts[len(s.starts)-1] != st {
		s.starts = append(s.starts, st)
	}
	name := st.argv[0]
	if strings.Contains(name, unknownWord) || name == "" {
		st.doubt("what it starts is only known when it runs")
		return
	}
	file, ok := s.files.lookup(st, name)
	if !ok {
		return
	}
	if unwrapped(s, st, file) || managed(s, st, file) {
		return
	}
	s.execute(st, file)
}

// child is a start that another one makes. It can be no surer than that one.
func (st *start) child(argv []string, how shell.Certainty) *start {
	return &start{name: st.name, role: st.role, argv: argv, env: clone(st.env), dir: st.dir, how: max(st.how, how), user: st.user, by: st.by}
}

// doubt notes what could not be followed, each thing once.
func (st *start) doubt(text string) {
	if st.by != "" && !strings.HasPrefix(text, st.by) {
		text = st.by + ": " + text
	}
	if !slices.Contains(st.unknown, text) {
		st.unknown = append(st.unknown, text)
	}
}

// notFollowed is the doubt about a program that starts something by what
// whittle does not read.
func (st *start) notFollowed(name string) { st.doubt("what " + name + " starts was not followed") }

// decides says that what is not known of the start is not known of the image.
func (st *start) decides() bool { return st.how == shell.Must || st.how == shell.Perhaps }

// execute looks at the file that the kernel would start.
func (s *state) execute(st *start, file string) {
	st.program = file
	st.programs = append(st.programs, file)
	base := path.Base(s.files.realOf(file))
	switch _, binary := s.Binaries(s.files.realOf(file)); {
	case binary && isPython(base, st.argv[0]):
		s.startPython(st, file, st.argv[1:])
	case binary && isShell(path.Base(st.argv[0])):
		s.startShell(st, st.argv[1:])
	case binary && opaquePrograms[base]:
		st.doubt("whittle does not read what " + base + " runs")
	case binary:
		if startsAnother(s, st) {
			st.notFollowed(path.Base(st.argv[0]))
		}
	default:
		s.script(st, file)
	}
}

// opaquePrograms run code that whittle does not read.
var opaquePrograms = map[string]bool{"node": true, "java": true, "ruby": true, "perl": true, "php": true, "deno": true, "bun": true, "lua": true}
