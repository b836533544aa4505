// Package shell reads words of a shell, and finds the programs that a script
// starts without running it: it is a small abstract interpreter of POSIX sh and
// Bash. It knows variables, parameters, functions and sourced files. Where the
// text does not decide a branch, it follows both.
// https://pubs.opengroup.org/onlinepubs/9699919799/utilities/V3_chap02.html
package shell

import (
	"maps"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// UnknownPart replaces the part of a word that only a run knows, such as what a
// program prints.
const UnknownPart = "\x00"

// Truth is an answer in three-valued logic: the text of a script may not decide it.
type Truth uint8

// The answers.
const (
	Maybe Truth = iota
	No
	Yes
	// likely is Yes if the programs that are started succeed.
	likely
)

// Certainty says how certain it is that a script starts a program, and what its
// failure does. The least certain is the last.
type Certainty uint8

const (
	// Must: the program is started, and if it fails, the script fails.
	Must Certainty = iota
	// Survives: the program is started, and if it fails, the script continues.
	Survives
	// Perhaps: the text does not decide whether it is started, or what its failure
	// does.
	Perhaps
	// Elsewhere: it is started only with other arguments, or in another
	// environment.
	Elsewhere
)

// Launch is a program that a script starts.
type Launch struct {
	Args []string
	// Open says that there may be more arguments than these.
	Open bool
	Env  map[string]string
	// Dir is the working directory; it is UnknownPart where it is not known.
	Dir string
	Certainty
	Line int
	// Input is the standard input where the script gives one, as in a
	// heredoc.
	Input *string
	// Made says that the script wrote files before, which the program may need.
	Made bool
	// Unset are the variables in the arguments that nothing sets.
	Unset []string
}

// Process is how a shell is started.
type Process struct {
	// Name is $0, Args are the parameters.
	Name string
	Args []string
	Env  map[string]string
	// Dir is the working directory, absolute.
	Dir string
	// Flags are the letters of the options that the shell is started with.
	Flags string
}

// Host answers questions about the file system and the programs of the machine that
// the script is for. Paths are absolute.
type Host interface {
	// Read gives the text of a file that the script sources.
	Read(path string) (string, bool)
	// Test answers a test of a file: op is "-f" and the like.
	Test(op, path string) Truth
	// Which finds a program as the shell does.
	Which(name, searchPath, dir string) (string, bool)
	// Glob lists the paths that match a pattern.
	Glob(pattern string) []string
	// Output is what a program prints, where that is known.
	Output(args []string) (string, bool)
}

// Trace is what a script starts, in the order of its text.
type Trace struct {
	Launches []Launch
	// Doubts say what could not be followed.
	Doubts []string
}

// Limits: statements, nested function calls, programs, iterations of a loop, and
// the length of a value in bytes.
const (
	maxSteps    = 20_000
	maxCalls    = 20
	maxLaunches = 300
	maxRounds   = 50
	maxValue    = 64 << 10
	// perStep is how many variables and functions count as one more statement.
	perStep = 256
)

// Follow follows a script as a shell would run it, as far as its text, its
// parameters and its environment decide. Programs are assumed to
// succeed. A branch that is not taken is followed, too, as [Elsewhere]. The error is that of
// a text that does not parse.
func Follow(text string, p Process, host Host) (*Trace, error) {
	t := &tracer{host: host, builtins: builtins(), out: &Trace{}, aside: map[*syntax.Stmt]bool{}, called: map[*syntax.Stmt]bool{}}
	stmts, err := t.parse(text)
	if err != nil {
		return nil, err
	}
	sh := &process{vars: map[string]expand.Variable{}, funcs: map[string]*syntax.Stmt{}, params: p.Args, name: p.Name, dir: p.Dir}
	sh.errexit, sh.nounset = strings.Contains(p.Flags, "e"), strings.Contains(p.Flags, "u")
	for k, v := range p.Env {
		sh.vars[k] = expand.Variable{Set: true, Exported: true, Kind: expand.String, Str: v}
	}
	if t.list(sh, stmts, place{tail: true}) == No && sh.how == Must && len(stmts) > 0 {
		t.stops(sh, stmts[len(stmts)-1].Pos().Line())
	}
	t.main()
	sh.how = Elsewhere
	for _, name := range slices.Sorted(maps.Keys(sh.funcs)) {
		if body := sh.funcs[name]; !t.called[body] && !t.tired {
			t.body(sh.copy(), body, []string{unknown}, place{})
		}
	}
	return t.out, nil
}

// main makes the last program of a script that survives every failure [Perhaps]: it
// is what the script is for.
func (t *tracer) main() {
	last := -1
	for i, l := range t.out.Launches {
		switch l.Certainty {
		case Must, Perhaps:
			return
		case Survives:
			last = i
		}
	}
	if last >= 0 {
		t.out.Launches[last].Certainty = Perhaps
	}
}

// tracer follows one script, and the files that it sources.
type tracer struct {
	host     Host
	builtins map[string]func(*simpleCommand) Truth
	out      *Trace
	steps    int
	tired    bool // the limit of steps was exceeded
	calls    int
	// forever counts the enclosing endless loops: what fails there is started again.
	forever int
	// deciding counts the enclosing conditions.
	deciding int
	// asks says that the script reads the exit status of its programs.
	asks bool
	// aside are the functions that were followed as Elsewhere, once each; called are
	// those that the script calls.
	aside, called map[*syntax.Stmt]bool
	// unset are the variables without a value in the last expanded words.
	unset []string
	print *strings.Builder // of a substitution
}

// process is the state of one shell process.
type process struct {
	vars   map[string]expand.Variable
	funcs  map[string]*syntax.Stmt
	params []string
	name   string
	dir    string // unknown where it is not known
	errexit, nounset, pipefail,
	allexport bool
	// how is the certainty that what comes next runs.
	how Certainty
	// ended: the shell has exited; returned and broke: the function or loop has.
	ended, returned, broke bool
	// failed: it has exited with a failure. mayEnd: on some path it has exited in
	// another way.
	failed, mayEnd bool
	// strayed: something changed it that was not followed.
	strayed bool
	// status is what the function returns, if that is known; splits says that it may
	// return something else.
	status *Truth
	splits bool
	// touched: a program may have written files; made: one that is for that has.
	touched, made bool
	// piped: its input is a pipe.
	piped bool
}

// place is where a statement is.
type place struct {
	// tail: its status is that of the script. guard: set -e does not apply to it.
	// sub: in a subshell; after says that the subshell's failure fails the script.
	tail, guard, sub, after bool
}

func (sh *process) copy() *process {
	out := *sh
	out.vars = maps.Clone(sh.vars)
	out.funcs = maps.Clone(sh.funcs)
	out.params = slices.Clone(sh.params)
	return &out
}

// weaken lowers the certainty of what comes next.
func (sh *process) weaken(how Certainty) { sh.how = max(sh.how, how) }

// stray notes that from here on nothing is certain.
func (sh *process) stray() { sh.strayed = true; sh.weaken(Perhaps) }

// end notes that nothing after this runs.
func (sh *process) end() { sh.ended, sh.mayEnd = true, true; sh.weaken(Elsewhere) }

// resume continues after a loop or a function that may have returned early.
func (sh *process) resume(how Certainty, mayEnd bool) {
	sh.returned, sh.broke = false, false
	if sh.ended {
		return
	}
	if sh.how = how; sh.strayed || sh.mayEnd && !mayEnd {
		sh.weaken(Perhaps)
	}
}

// subshell is the place of statements in a subshell.
func (p place) subshell(sh *process) place {
	after := p.fatal(sh)
	return place{tail: p.tail, guard: p.guard, sub: true, after: after}
}

// fatal says that a failing program here fails the script.
func (p place) fatal(sh *process) bool { return p.tail || sh.errexit && !p.guard }

// unknown is UnknownPart while a script is followed: the shell's library drops zero
// bytes.
const unknown = "\uE000"

func isUnknown(s string) bool { return strings.Contains(s, unknown) }

// parse reads a text, and notes whether it reads the exit status of programs.
func (t *tracer) parse(text string) ([]*syntax.Stmt, error) {
	tree, err := Parse(text, syntax.LangBash)
	if err != nil {
		return nil, err
	}
	syntax.Walk(tree, func(n syntax.Node) bool {
		if p, ok := n.(*syntax.ParamExp); ok && p.Param != nil && (p.Param.Value == "?" || p.Param.Value == "PIPESTATUS") {
			t.asks = true
		}
		return true
	})
	return tree.Stmts, nil
}

func (t *tracer) doubt(sh *process, text string) {
	if sh.how != Elsewhere && !slices.Contains(t.out.Doubts, text) && len(t.out.Doubts) < 50 {
		t.out.Doubts = append(t.out.Doubts, text)
	}
}

// launch notes a program.
func (t *tracer) launch(sh *process, args []string, open bool, line uint, input *string, fatal bool) {
	if len(t.out.Launches) >= maxLaunches {
		sh.how = Must
		t.doubt(sh, "its script starts too many programs")
		return
	}
	how := sh.how
	if how == Must && !fatal {
		how = Survives
		if t.asks || t.forever > 0 || t.deciding > 0 {
			how = Perhaps
		}
	}
	l := Launch{Open: open, Env: map[string]string{}, Dir: show(sh.dir), Certainty: how, Line: int(line), Unset: t.unset, Made: sh.made}
	for _, a := range args {
		l.Args = append(l.Args, show(a))
	}
	for name, v := range sh.vars {
		if v.Set && v.Exported && v.Kind == expand.String {
			l.Env[name] = show(v.Str)
		}
	}
	if input != nil {
		text := show(*input)
		l.Input = &text
	}
	t.out.Launches = append(t.out.Launches, l)
}

func show(s string) string { return strings.ReplaceAll(s, unknown, UnknownPart) }
