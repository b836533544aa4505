package lab

import (
	"path"
	"regexp"
	"strconv"
	"strings"

	"whittle"
)

// failure is what a command's output says about why it failed.
type failure struct {
	// Exception is the exception's class, Module the module that is missing.
	Exception, Message, Module string
	// Path and Line are the deepest place in a file of the image.
	Path string
	Line int
}

var (
	frameLine     = regexp.MustCompile(`^\s+File "([^"]+)", line (\d+)`)
	exceptionLine = regexp.MustCompile(`^([A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Warning|NotFound))(?:: (.*))?$`)
	missingModule = regexp.MustCompile(`^No module named '([^']+)'`)
	notExecutable = regexp.MustCompile(`(?:exec|executable file not found|no such file or directory|not found|permission denied)`)
)

// readTraceback finds the last exception of a Python traceback in a command's
// error output; ok is false where there is none. The layout of tracebacks is
// that of https://docs.python.org/3/library/traceback.html.
func readTraceback(output []byte, workdir string) (f failure, ok bool) {
	inTrace := false
	for _, line := range strings.Split(string(output), "\n") {
		line = strings.TrimRight(line, "\r")
		switch {
		case strings.HasPrefix(line, "Traceback (most recent call last):"):
			inTrace = true
			f.Path, f.Line = "", 0
		case !inTrace:
		case frameLine.MatchString(line):
			m := frameLine.FindStringSubmatch(line)
			if !strings.HasPrefix(m[1], "<") {
				f.Path = shownPath(m[1], workdir)
				f.Line, _ = strconv.Atoi(m[2])
			}
		case exceptionLine.MatchString(line):
			m := exceptionLine.FindStringSubmatch(line)
			f.Exception, f.Message, f.Module = m[1], m[2], ""
			if mm := missingModule.FindStringSubmatch(m[2]); mm != nil {
				f.Module = mm[1]
			}
			inTrace, ok = false, true
		}
	}
	return f, ok
}

// shownPath shortens a path of the image to what a developer knows it by.
func shownPath(p, workdir string) string {
	for _, dir := range []string{"/site-packages/", "/dist-packages/"} {
		if i := strings.LastIndex(p, dir); i >= 0 {
			return p[i+len(dir):]
		}
	}
	if workdir = path.Clean("/" + workdir); workdir != "/" {
		if rest, ok := strings.CutPrefix(p, workdir+"/"); ok {
			return rest
		}
	}
	return p
}

// line is the failure in one line: "ModuleNotFoundError: rich
// (src/commands/anonymize.py:5)".
func (f failure) line() string {
	s := f.Exception
	switch {
	case f.Module != "":
		s += ": " + f.Module
	case f.Message != "":
		s += ": " + f.Message
	}
	if f.Path != "" {
		s += " (" + f.Path + ":" + strconv.Itoa(f.Line) + ")"
	}
	return s
}

// explain says in one line why a command failed, from all that is known.
func explain(output []byte, exit int, workdir string) (string, whittle.Problem) {
	p := whittle.Problem{Rule: "exec-failed", Severity: "error"}
	if f, ok := readTraceback(output, workdir); ok {
		p.Path, p.Line, p.Module = f.Path, f.Line, f.Module
		if f.Module != "" {
			p.Rule = "missing-module"
		}
		p.Message = f.line()
		return p.Message, p
	}
	last := ""
	for _, line := range strings.Split(string(output), "\n") {
		if s := strings.TrimSpace(line); s != "" {
			last = s
		}
	}
	if (exit == 126 || exit == 127) && notExecutable.MatchString(strings.ToLower(last)) {
		p.Rule = "entrypoint-not-found"
	}
	p.Message = "exit code " + strconv.Itoa(exit)
	if last != "" {
		p.Message += ": " + last
	}
	return p.Message, p
}
