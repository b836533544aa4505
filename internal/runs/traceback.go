package runs

import (
	"path"
	"regexp"
	"strconv"
	"strings"

	"whittle.dev/whittle"
)

// failure is why a command failed, according to its output.
type failure struct {
	// Exception is the exception's class, Module the missing module.
	Exception, Message, Module string
	// Path and Line are the deepest place in a file of the image.
	Path string
	Line int
}

var (
	frameLine     = regexp.MustCompile(`^\s+File "([^"]+)", line (\d+)(?:, in (.*))?`)
	exceptionLine = regexp.MustCompile(`^([A-Za-z_][\w.]*)(?:: (.*))?$`)
	missingModule = regexp.MustCompile(`^No module named '([^']+)'`)
	notExecutable = regexp.MustCompile(`(?:exec|executable file not found|no such file or directory|not found|permission denied)`)
)

const (
	traceHead = "Traceback (most recent call last):"
	// maxTrace bounds the frames that are kept of one exception, and maxMore
	// the lines after it that may belong to its message.
	maxTrace = 1000
	maxMore  = 40
)

// trace is one exception of a Python traceback.
type trace struct {
	frames []frame // outermost first
	// exception is its class as printed, message the first line of its message,
	// and more the lines after that, up to the next blank line.
	exception, message string
	more               []string
	// chained says that the exception before it in the output caused it, or was
	// being handled when it was raised.
	chained bool
	// end is the number of the line after the exception's first.
	end int
}

// frame is one place of a traceback, source the line there.
type frame struct {
	path, function, source string
	line                   int
}

// tracebacks reads the Python tracebacks in a command's output. Their first lines
// may have a prefix (a log level, the bars of an exception group).
// The layout is that of https://docs.python.org/3/library/traceback.html.
func tracebacks(lines []string) []trace {
	var out []trace
	for i := 0; i < len(lines); i++ {
		prefix, _, ok := strings.Cut(lines[i], traceHead)
		if !ok {
			continue
		}
		t := trace{chained: chained(lines[:i])}
		if next, ok := t.read(lines, i+1, prefix); ok {
			out = append(out, t)
			i = next - 1
		}
	}
	return out
}

// chained says that the exception after the lines is chained to the one before.
func chained(lines []string) bool {
	for i := len(lines) - 1; i >= max(0, len(lines)-3); i-- {
		if strings.Contains(lines[i], "During handling of the above exception") || strings.Contains(lines[i], "The above exception was the direct cause") {
			return true
		}
	}
	return false
}

// read reads the frames and the exception after a traceback's first line.
func (t *trace) read(lines []string, at int, prefix string) (next int, ok bool) {
	for ; at < len(lines); at++ {
		line := strings.TrimPrefix(lines[at], prefix)
		if m := frameLine.FindStringSubmatch(line); m != nil {
			if len(t.frames) < maxTrace {
				n, _ := strconv.Atoi(m[2])
				t.frames = append(t.frames, frame{path: m[1], line: n, function: m[3]})
			}
			continue
		}
		if strings.HasPrefix(line, " ") {
			if n := len(t.frames); n > 0 && t.frames[n-1].source == "" {
				t.frames[n-1].source = strings.TrimSpace(line)
			}
			continue
		}
		m := exceptionLine.FindStringSubmatch(line)
		if m == nil {
			return at, false
		}
		t.exception, t.message, t.end = m[1], m[2], at+1
		for _, l := range lines[t.end:min(len(lines), t.end+maxMore)] {
			l = strings.TrimPrefix(l, prefix)
			if strings.TrimSpace(l) == "" || strings.Contains(l, traceHead) {
				break
			}
			t.more = append(t.more, l)
		}
		return t.end, true
	}
	return at, false
}

// class is the exception's class without the module.
func (t *trace) class() string { return t.exception[strings.LastIndexByte(t.exception, '.')+1:] }

// outputLines are the lines of a command's output.
func outputLines(output []byte) []string {
	lines := strings.Split(string(output), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, "\r")
	}
	return lines
}

// readTraceback finds the last exception of a Python traceback in a command's
// error output; ok is false if there is none.
func readTraceback(output []byte, workdir string) (f failure, ok bool) {
	all := tracebacks(outputLines(output))
	if len(all) == 0 {
		return f, false
	}
	t := all[len(all)-1]
	f.Exception, f.Message = t.exception, t.message
	if m := missingModule.FindStringSubmatch(t.message); m != nil {
		f.Module = m[1]
	}
	for i := len(t.frames) - 1; i >= 0; i-- {
		if fr := t.frames[i]; !strings.HasPrefix(fr.path, "<") {
			f.Path, f.Line = displayPath(fr.path, workdir), fr.line
			break
		}
	}
	return f, true
}

// displayPath shortens a path of the image: it is relative to the folder of
// installed packages or to the working directory.
func displayPath(p, workdir string) string {
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

// oneLine is the failure in one line: "ModuleNotFoundError: rich
// (src/commands/anonymize.py:5)".
func (f failure) oneLine() string {
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

// explain says in one line why a command failed, and gives it as a problem.
func explain(output []byte, exit int, workdir string) (string, whittle.Problem) {
	p := whittle.Problem{Rule: whittle.CheckExecFailed, Severity: whittle.SeverityError}
	if f, ok := readTraceback(output, workdir); ok {
		p.Path, p.Line, p.Module = f.Path, f.Line, f.Module
		if f.Module != "" {
			p.Rule = whittle.CheckMissingModule
		}
		p.Message = f.oneLine()
		return p.Message, p
	}
	last := ""
	for _, line := range strings.Split(string(output), "\n") {
		if s := strings.TrimSpace(line); s != "" {
			last = s
		}
	}
	if (exit == 126 || exit == 127) && notExecutable.MatchString(strings.ToLower(last)) {
		p.Rule = whittle.CheckEntrypointNotFound
	}
	p.Message = "exit code " + strconv.Itoa(exit)
	if last != "" {
		p.Message += ": " + last
	}
	return p.Message, p
}
