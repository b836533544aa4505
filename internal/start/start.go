// Package start follows what an image starts, without running it: the entry
// point, the command, the health check, further commands and the application's
// console scripts. [Follow] reads each command line as the kernel, shells,
// launchers, interpreters and servers do, and gives the processes that result,
// with the programs, files and Python modules that each of them needs.
//
// What only a run would show is noted as unknown; it is never guessed.
package start

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/shell"
)

// Role is why the image starts a process.
type Role uint8

// The roles.
const (
	Entry       Role = iota // the entry point or the command
	Healthcheck             // the health check
	Console                 // a console script of the application
	Command                 // a command that the user named
)

// Process is one program that the image starts, with all that is known of how.
type Process struct {
	// Name is that of the start that leads to it, as users know it: "CMD",
	// "console script inventory".
	Name string
	Role Role
	argv []string
	Env  map[string]string
	Dir  string // the working directory, clean and relative
	// Program is the path of the program that runs in the end, empty where it was
	// not found. Programs are all on the way to it, with interpreters of scripts.
	Program  string
	Programs []string
	// Python says what is imported, nil for other programs; flags are the letters
	// of the interpreter's options that change its search path.
	Python *Python
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
	by string
	// Problems are those that were found while it was followed, Unknown says in
	// words what could not be followed.
	Problems []whittle.Problem
	Unknown  []string
	// Command is the command line of the start, nil for a process that another
	// one starts.
	Command []string
	// Probe is a command that does what the start would do for its first visitor,
	// nil for none.
	Probe []string
}

// unknownWord replaces a word, or a part of one, that is only known at run time.
const unknownWord = shell.UnknownPart

// maxStarts and maxDepth bound the processes that start each other, maxScript the
// bytes of a script.
const (
	maxStarts = 500
	maxDepth  = 12
	maxScript = 1 << 20
)

// findStarts lists what the image starts.
func (t *Trace) findStarts() {
	cfg := t.Config.Config
	argv := append(slices.Clone(cfg.Entrypoint), cfg.Cmd...)
	if len(argv) > 0 {
		name := "CMD"
		if len(cfg.Entrypoint) > 0 {
			name = "ENTRYPOINT"
		}
		st := &Process{Name: name, Role: Entry, argv: argv, Env: t.Env, Dir: t.Workdir}
		if Idle(argv) && len(t.Commands) == 0 {
			st.Unknown = append(st.Unknown, NoStart(argv)+"; name a command that has to work")
		}
		t.follow(st, 0)
	}
	if h := cfg.Healthcheck; h != nil && len(h.Test) > 1 {
		st := &Process{Name: "HEALTHCHECK", Role: Healthcheck, Env: t.Env, Dir: t.Workdir, argv: h.Test[1:]}
		if h.Test[0] == "CMD-SHELL" {
			st.argv = append(t.shell(), h.Test[1])
		}
		t.follow(st, 0)
	}
	for _, argv := range t.Commands {
		if len(argv) > 0 {
			t.follow(&Process{Name: strings.Join(argv, " "), Role: Command, argv: argv, Env: t.Env, Dir: t.Workdir}, 0)
		}
	}
	t.consoleScripts()
	t.findStarted()
}

func (t *Trace) shell() []string {
	if sh := t.Config.Config.Shell; len(sh) > 0 {
		return sh
	}
	return []string{"/bin/sh", "-c"}
}

// consoleScripts are those of the application's own distributions.
func (t *Trace) consoleScripts() {
	for _, i := range t.Owners.Own {
		d := &t.Distributions[i]
		for _, e := range d.EntryPoints {
			if e.Group != "console_scripts" {
				continue
			}
			st := &Process{Name: "console script " + e.Name, Role: Console, argv: []string{e.Name}, Env: t.Env, Dir: t.Workdir}
			file := ""
			for _, f := range d.Files {
				if path.Base(f) == e.Name && path.Base(path.Dir(f)) == "bin" {
					file = f
				}
			}
			if _, onPath := t.Files.lookup(st, e.Name); !onPath {
				if file == "" {
					continue // installed without its scripts: nobody can start it
				}
				st.argv = []string{"/" + file}
			}
			t.follow(st, 0)
		}
	}
}

// follow finds the program that a start runs, through wrappers, interpreters
// and shell scripts, and adds it to the starts.
func (t *Trace) follow(st *Process, depth int) {
	if len(t.Processes) >= maxStarts || depth > maxDepth {
		st.Doubt("too many scripts start each other")
		t.Processes = append(t.Processes, st)
		return
	}
	st.depth = depth
	if depth == 0 {
		st.Command = slices.Clone(st.argv)
	}
	if depth == 0 || len(t.Processes) == 0 || t.Processes[len(t.Processes)-1] != st {
		t.Processes = append(t.Processes, st)
	}
	name := st.argv[0]
	if strings.Contains(name, unknownWord) || name == "" {
		st.Doubt("what it starts is only known when it runs")
		return
	}
	file, ok := t.Files.lookup(st, name)
	if !ok {
		return
	}
	if unwrapped(t, st, file) || managed(t, st, file) {
		return
	}
	t.execute(st, file)
}

// child is a start that another one makes. It can be no surer than that one.
func (st *Process) child(argv []string, how shell.Certainty) *Process {
	return &Process{Name: st.Name, Role: st.Role, argv: argv, Env: clone(st.Env), Dir: st.Dir, how: max(st.how, how), user: st.user, by: st.by}
}

// Doubt notes what could not be followed, each thing once.
func (st *Process) Doubt(text string) {
	if st.by != "" && !strings.HasPrefix(text, st.by) {
		text = st.by + ": " + text
	}
	if !slices.Contains(st.Unknown, text) {
		st.Unknown = append(st.Unknown, text)
	}
}

// notFollowed is the doubt about a program that starts something by what
// whittle does not read.
func (st *Process) notFollowed(name string) { st.Doubt("what " + name + " starts was not followed") }

// Decides says that the image's verdict depends on what is unknown of the process.
func (st *Process) Decides() bool { return st.how == shell.Must || st.how == shell.Perhaps }

// execute looks at the file that the kernel would start.
func (t *Trace) execute(st *Process, file string) {
	st.Program = file
	st.Programs = append(st.Programs, file)
	base := path.Base(t.Files.Real(file))
	switch _, binary := t.Binaries(t.Files.Real(file)); {
	case binary && isPython(base, st.argv[0]):
		t.startPython(st, file, st.argv[1:])
	case binary && IsShell(path.Base(st.argv[0])):
		t.startShell(st, st.argv[1:])
	case binary && opaquePrograms[base]:
		st.Doubt("whittle does not read what " + base + " runs")
	case binary:
		if startsAnother(t, st) {
			st.notFollowed(path.Base(st.argv[0]))
		}
	default:
		t.script(st, file)
	}
}

// opaquePrograms run code that whittle does not read.
var opaquePrograms = map[string]bool{"node": true, "java": true, "ruby": true, "perl": true, "php": true, "deno": true, "bun": true, "lua": true}
