package check

import (
	"fmt"
	"path"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/python/imports"
	"whittle.dev/whittle/internal/start"
)

// readable sees that the user may reach, execute and read what the image starts.
func readable() group {
	return group{run: checkReadable, checks: []Check{
		{ID: whittle.CheckUnreadablePath, Severity: whittle.SeverityError, Title: "the user may not execute or read what the image starts",
			Text: "A program, a script or a module belongs to another user, and only that user may read it or enter its folder: `/root/.local/bin` after `pip install --user`, an interpreter of uv in `/root/.local/share`, files of the project that only their author may read. Install to a folder that every user may enter (`/opt`, `/usr/local`), or use `COPY --chown` or `--chmod`. The check does not judge files that the user owns or that have extended attributes, and images that start as root or start a program that gains privileges."},
	}}
}

// checkReadable looks at the programs of each process, and at what Python
// imports.
func checkReadable(s *state) []whittle.Problem {
	a := access{state: s, folders: map[string]*denial{}}
	if s.trace.User.UID == 0 || s.trace.User.Missing != "" || a.gainsRights() {
		return nil
	}
	var out []whittle.Problem
	for _, st := range s.starts {
		problems, ok := a.programs(st)
		out = append(out, problems...)
		if !ok || st.Python == nil {
			continue
		}
		for _, r := range st.Python.Roots {
			if r.Node != nil {
				out = append(out, a.modules(st, r)...)
			}
		}
	}
	return out
}

// access is what the image's user may do with files.
type access struct {
	*state
	// folders has the folder that keeps the user from a folder, nil for none.
	folders map[string]*denial
}

// denial is a place that the user may not execute, enter or read.
type denial struct {
	at    string
	verb  string // "enter"
	entry whittle.Entry
}

// String is "may not enter /root (owner 0, mode 0700)".
func (d *denial) String() string {
	return fmt.Sprintf("may not %s /%s (owner %d, mode %04o)", d.verb, d.at, d.entry.UID, d.entry.Mode&0o7777)
}

// gainsRights says that a program on the way has the rights of another user than
// the one who starts it, or some of root's: it may change or reach any file.
func (a *access) gainsRights() bool {
	for _, st := range a.starts {
		for _, p := range st.Programs {
			if _, e, ok := a.files.Stat(p); ok && (e.Mode&0o6000 != 0 || e.Special.Value().Xattrs != "") {
				return true
			}
		}
	}
	return false
}

// denied says whether the user lacks a permission for certain: an owner can
// give it to himself, and an access control list, which is an extended
// attribute, may give it.
func (a *access) denied(e whittle.Entry, may func(whittle.Entry) bool) bool {
	return int(e.UID) != a.trace.User.UID && e.Special.Value().Xattrs == "" && !may(e)
}

// shut is the folder on the way to a path that the user may not enter, as the
// path is written and without symlinks.
func (a *access) shut(p string) *denial {
	if d := a.above(path.Dir(p)); d != nil {
		return d
	}
	if real := a.files.Real(p); real != "" && real != p {
		return a.above(path.Dir(real))
	}
	return nil
}

// above looks at a folder and those that it lies in, the topmost first.
func (a *access) above(dir string) *denial {
	if dir == "." || dir == "/" || dir == "" {
		return nil
	}
	if d, seen := a.folders[dir]; seen {
		return d
	}
	d := a.above(path.Dir(dir))
	if d == nil {
		if real, e, ok := a.files.Stat(dir); ok && e.Kind == whittle.Dir && a.denied(e, a.trace.User.MayExecute) {
			d = &denial{at: real, verb: "enter", entry: e}
		}
	}
	a.folders[dir] = d
	return d
}

// programs sees that each program of a process can be executed and, if it is a
// script, read; ok is false where one of them perhaps cannot, which is all that
// is said of the process then.
func (a *access) programs(st *start.Process) (problems []whittle.Problem, ok bool) {
	for i, file := range st.Programs {
		d := a.program(file)
		switch {
		case d == nil:
			continue
		case d.verb != "read" && a.elsewhere(st, i):
			st.Doubt(fmt.Sprintf("which %s it starts: user %s %s", path.Base(file), a.Config.Config.User, d))
			return nil, false
		}
		return []whittle.Problem{a.problem(st, file, d)}, false
	}
	return nil, true
}

// program is what keeps the user from a program, nil for nothing.
func (a *access) program(file string) *denial {
	if d := a.shut(file); d != nil {
		return d
	}
	real, e, ok := a.files.Stat(file)
	if !ok || e.Kind != whittle.File {
		return nil
	}
	if a.denied(e, a.trace.User.MayExecute) {
		return &denial{at: real, verb: "execute", entry: e}
	}
	if _, binary := a.Binaries(real); !binary && a.denied(e, a.trace.User.MayRead) {
		return &denial{at: real, verb: "read", entry: e}
	}
	return nil
}

// elsewhere says that a program may be found in another folder of PATH: the
// search goes on where a program cannot be executed. execvp(3)
func (a *access) elsewhere(st *start.Process, i int) bool {
	if i > 0 && path.Base(st.Programs[i-1]) != "env" {
		return false // the interpreter that #! names
	}
	for _, dir := range strings.Split(st.Env["PATH"], ":") {
		p := whittle.Join(st.Dir, dir+"/"+path.Base(st.Programs[i]))
		if _, e, ok := a.files.Stat(p); ok && p != st.Programs[i] && e.Kind == whittle.File && e.Mode&0o111 != 0 {
			return true
		}
	}
	return false
}

// modules sees that a script and what it imports can be read. A module in a
// folder that cannot be entered is not found there; it may be found elsewhere.
func (a *access) modules(st *start.Process, r start.Root) []whittle.Problem {
	var out []whittle.Problem
	walk := imports.Walk(false, r.Node)
	for _, n := range walk.Nodes {
		script := n == r.Node && r.What == ""
		real, e, ok := a.files.Stat(n.File)
		if n.File == "" || !ok || e.Kind != whittle.File {
			continue
		}
		d := a.shut(n.File)
		if d != nil && !script {
			st.Doubt(fmt.Sprintf("whether modules are found elsewhere: user %s %s", a.Config.Config.User, d))
			continue
		}
		if d == nil && a.denied(e, a.trace.User.MayRead) && (script || !a.compiled(r, n.File)) {
			d = &denial{at: real, verb: "read", entry: e}
		}
		if d == nil {
			continue
		}
		p := a.problem(st, n.File, d)
		p.Path, p.Module, p.ReachedFrom = a.owners.Shown(n.File), n.Name, reached(a.state, st, r, walk.Chain(n))
		out = append(out, p)
	}
	return out
}

// compiled says that there is bytecode of a source, which may be read instead of
// it.
func (a *access) compiled(r start.Root, file string) bool {
	v := r.Importer.Finder.Interpreter.Numbers()
	stem := fmt.Sprintf("%s/__pycache__/%s.cpython-%d%d", path.Dir(file), strings.TrimSuffix(path.Base(file), ".py"), v[0], v[1])
	for _, level := range []string{"", ".opt-1", ".opt-2"} {
		if a.files.Real(stem+level+".pyc") != "" {
			return true
		}
	}
	return false
}

// problem is that of a file which a process needs.
func (a *access) problem(st *start.Process, file string, d *denial) whittle.Problem {
	user := a.Config.Config.User
	p := whittle.Problem{Rule: whittle.CheckUnreadablePath, Path: "/" + file,
		Message: fmt.Sprintf("%s needs /%s: user %s %s", st.Name, file, user, d),
		Fix:     fmt.Sprintf("give it to the user (COPY --chown=%s …), or the permission to all (COPY --chmod=…, or chmod in the RUN that makes it)", user)}
	if d.verb == "enter" {
		p.Fix = fmt.Sprintf("put it into a folder that every user may enter (/opt, /usr/local), or give /%s to the user", d.at)
	}
	return adjust(st, p)
}
