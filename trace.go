package whittle

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// TraceSchema names the JSON form of [Trace].
const TraceSchema = "whittle.trace/v1"

// Trace says which files of an image its commands touched while they ran: what
// the kernel was asked for, by any process of a command. Its JSON form is the
// contract whittle.trace/v1.
type Trace struct {
	Schema string     `json:"schema"`
	Image  ImageFacts `json:"image"`
	// Runs are the commands, in the order in which they ran.
	Runs []TraceRun `json:"runs"`
	// Touched are the paths of the image that were touched, sorted bytewise, each
	// once. They are real paths: a symlink that was followed is a path of its own,
	// touched as a link, beside what it leads to. Folders that a path only leads
	// through are not among them.
	Touched []TouchedPath `json:"touched"`
	// Missing are absolute paths that were asked for and that the image does not
	// have, sorted bytewise, each once: what a program looks for in several places is
	// missing in most. Where a folder on the way is missing, the path has it.
	Missing []string `json:"missing"`
	// Owners say how much was touched of what each owner brought, sorted by
	// ecosystem, name and version. They add up to the image's visible files.
	Owners []TraceOwner `json:"owners"`
	// Lost counts events that were not seen. It is 0: a trace that loses one is an
	// error.
	Lost int64 `json:"lost"`
	// Notes say what may be otherwise without the tracer, such as a program that did
	// not become another user.
	Notes []string `json:"notes,omitempty"`
}

// Distributions counts the Python distributions that have files in the image, and
// those of them of which no file was touched.
func (t *Trace) Distributions() (all, untouched int) {
	for _, o := range t.Owners {
		if o.Ecosystem != "pypi" {
			continue
		}
		if all++; o.TouchedFiles == 0 {
			untouched++
		}
	}
	return all, untouched
}

// TraceRun is a command that was traced, and how it ended.
type TraceRun struct {
	Name    string   `json:"name"`
	Command []string `json:"command"`
	// Exit is the exit code, or 128 and the signal that ended it; -1 where it was
	// ended because its time was over.
	Exit int `json:"exit"`
	// Served says that it is a server, which answered and was then ended: Exit says
	// nothing.
	Served bool `json:"served,omitempty"`
	// Problem says in one line what went wrong, empty where nothing did.
	Problem string `json:"problem,omitempty"`
	// Seconds is how long it took under the tracer, from its start to its end.
	Seconds float64 `json:"seconds"`
	// Touched and Missing count the paths of this run.
	Touched int `json:"touched"`
	Missing int `json:"missing"`
}

// Touch is a set of the ways in which a path was touched. Its JSON form is a list
// of words.
type Touch uint8

// The ways.
const (
	// TouchOpen: it was opened ("open"), by a program, the dynamic loader, or the
	// kernel for it; a folder that was opened was listed, as a rule.
	TouchOpen Touch = 1 << iota
	// TouchExec: it was executed ("exec"): a program, a script, or the interpreter
	// that either names.
	TouchExec
	// TouchStat: its properties were asked for ("stat"), or it became a process's
	// folder.
	TouchStat
	// TouchLink: it is a symlink that was read, or followed on the way to another
	// path ("link").
	TouchLink
)

var touchWords = []string{"open", "exec", "stat", "link"}

// Words are the ways, in a fixed order: "open", "exec", "stat", "link".
func (t Touch) Words() []string {
	words := []string{}
	for i, w := range touchWords {
		if t&(1<<i) != 0 {
			words = append(words, w)
		}
	}
	return words
}

// Read says that it was more than looked at: its content was opened or executed,
// or its target followed.
func (t Touch) Read() bool { return t&(TouchOpen|TouchExec|TouchLink) != 0 }

// MarshalJSON writes the list of words.
func (t Touch) MarshalJSON() ([]byte, error) { return json.Marshal(t.Words()) }

// UnmarshalJSON reads the list of words.
func (t *Touch) UnmarshalJSON(b []byte) error {
	var words []string
	if err := json.Unmarshal(b, &words); err != nil {
		return err
	}
	*t = 0
	for _, w := range words {
		i := slices.Index(touchWords, w)
		if i < 0 {
			return fmt.Errorf("%q is no way to touch a file", Shorten(w, 20))
		}
		*t |= 1 << i
	}
	return nil
}

// TouchedPath is a path of the image, absolute, and how it was touched.
type TouchedPath struct {
	Path string `json:"path"`
	How  Touch  `json:"how"`
}

// TraceOwner says how much of what an owner brought was touched.
type TraceOwner struct {
	Owner
	// Files and Bytes are all regular files that the owner has in the image, those of
	// several names once, and their sizes.
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
	// TouchedFiles and TouchedBytes are those of them that were touched in any way,
	// ReadFiles and ReadBytes those that were opened, executed or followed.
	TouchedFiles int   `json:"touched_files"`
	TouchedBytes int64 `json:"touched_bytes"`
	ReadFiles    int   `json:"read_files"`
	ReadBytes    int64 `json:"read_bytes"`
}

// MaxTrace is the largest trace that is read, in bytes of JSON.
const MaxTrace = 256 << 20

// ReadTrace reads the JSON form of a trace, which anybody may have written.
func ReadTrace(text []byte) (*Trace, error) {
	var t Trace
	if err := json.Unmarshal(text, &t); err != nil || t.Schema != TraceSchema {
		return nil, WithHint(ErrUsage.Errorf("it is no trace"), "whittle trace IMAGE -o json=FILE writes one")
	}
	if t.Lost != 0 {
		return nil, ErrUnmeasured.Errorf("the trace says that it has lost events")
	}
	for i, p := range t.Touched {
		name := escapedByte.ReplaceAllStringFunc(p.Path, func(e string) string {
			n, _ := strconv.ParseUint(e[2:], 16, 8) // two digits, as the pattern says
			return string([]byte{byte(n)})
		})
		if !path.IsAbs(name) || path.Clean(name) != name || p.How == 0 {
			return nil, ErrCorrupt.Errorf("%q of the trace is no path that was touched", Shorten(p.Path, 80))
		}
		t.Touched[i].Path = name
	}
	slices.SortFunc(t.Touched, func(a, b TouchedPath) int { return strings.Compare(a.Path, b.Path) })
	for i := 1; i < len(t.Touched); i++ {
		if t.Touched[i].Path == t.Touched[i-1].Path {
			return nil, ErrCorrupt.Errorf("%q is in the trace more than once", Shorten(t.Touched[i].Path, 80))
		}
	}
	return &t, nil
}

// escapedByte is a byte of a path that is no UTF-8, or a backslash before an x, as
// JSON has it.
var escapedByte = regexp.MustCompile(`\\x[0-9a-f]{2}`)

// How says how a path was touched, 0 if it was not. The path is absolute or
// relative to the root, clean, and real: see [Trace.Touched].
func (t *Trace) How(at string) Touch {
	i, found := slices.BinarySearchFunc(t.Touched, rooted(at), func(p TouchedPath, at string) int { return strings.Compare(p.Path, at) })
	if !found {
		return 0
	}
	return t.Touched[i].How
}

// Touches says whether a path was touched in any way: see [Trace.How].
func (t *Trace) Touches(path string) bool { return t.How(path) != 0 }

// TouchesBelow says whether a folder, or anything in it, was touched in one of the
// ways; the folder is named as in [Trace.How].
func (t *Trace) TouchesBelow(dir string, ways Touch) bool {
	dir = rooted(dir)
	if t.How(dir)&ways != 0 {
		return true
	}
	below := strings.TrimSuffix(dir, "/") + "/"
	i, _ := slices.BinarySearchFunc(t.Touched, below, func(p TouchedPath, path string) int { return strings.Compare(p.Path, path) })
	for ; i < len(t.Touched) && strings.HasPrefix(t.Touched[i].Path, below); i++ {
		if t.Touched[i].How&ways != 0 {
			return true
		}
	}
	return false
}

// rooted makes a path absolute; "." is the root.
func rooted(path string) string {
	if path == "." || path == "" {
		return "/"
	}
	return "/" + strings.TrimPrefix(path, "/")
}
