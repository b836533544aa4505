package rule

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/python/source"
)

// install is the RUN that installs the distributions of a layer, and where
// their files are while it runs.
type install struct {
	run *dockerfile.Instruction
	// here is a folder of the image, there the same one while the RUN runs:
	// a COPY from another stage may put it elsewhere.
	here, there string
}

// path is where a path of the image is while the RUN runs, from the root.
func (i *install) path(p string) string {
	if rest, ok := strings.CutPrefix(p, i.here); ok && i.here != i.there {
		p = path.Join(i.there, rest)
	}
	return "/" + p
}

// libPython is the folder of an interpreter's libraries.
var libPython = regexp.MustCompile(`/python3\.\d+/`)

// installation is a command that installs distributions.
type installation struct {
	dockerfile.Command
	// tool is "pip", "uv", "poetry", "pdm" or "pipenv"; verb is the position
	// of its word "install" or "sync".
	tool string
	verb int
}

// installing are the commands of a RUN that install distributions.
func installing(in *dockerfile.Instruction) (out []installation, ok bool) {
	if in.Keyword != "RUN" {
		return nil, false
	}
	s, err := in.Shell()
	if err != nil {
		return nil, false
	}
	for _, c := range s.Commands() {
		if i, ok := readInstallation(c); ok {
			out = append(out, i)
		}
	}
	return out, len(out) > 0
}

// readInstallation reads one command: "pip install", "python -m pip install",
// "uv pip install", "uv sync", "poetry install" …
func readInstallation(c dockerfile.Command) (installation, bool) {
	i := installation{Command: c}
	at := 0
	if strings.HasPrefix(c.Name(), "python") && len(c.Words) > 3 && c.Words[1].Value == "-m" {
		at = 2
	}
	name := c.Name()
	if at > 0 {
		name = c.Words[at].Value
	}
	verbs := []string{"install", "sync"}
	switch {
	case name == "pip" || strings.HasPrefix(name, "pip3") || strings.HasPrefix(name, "pip2"):
		i.tool, verbs = "pip", verbs[:1]
	case name == "uv" && len(c.Words) > at+2 && c.Words[at+1].Value == "pip":
		i.tool = "uv"
		at++
	case name == "uv":
		i.tool, verbs = "uv", verbs[1:]
	case name == "poetry", name == "pdm", name == "pipenv":
		i.tool = name
	default:
		return i, false
	}
	for k := at + 1; k < len(c.Words); k++ {
		if slices.Contains(verbs, c.Words[k].Value) {
			i.verb = k
			return i, true
		}
		if !strings.HasPrefix(c.Words[k].Value, "-") {
			break
		}
	}
	return i, false
}

// has says whether one of the words is there, also as "--word=…".
func (i *installation) has(words ...string) bool {
	return slices.ContainsFunc(i.Words, func(w dockerfile.Word) bool {
		name, _, _ := strings.Cut(w.Value, "=")
		return slices.Contains(words, name)
	})
}

// site is the innermost of the folders that a path lies in.
func site(sites []string, at string) (string, bool) {
	best := ""
	for _, s := range sites {
		if s != at && s != "" && whittle.Under(at, s) && len(s) > len(best) {
			best = s
		}
	}
	return best, best != ""
}

// sourceReader is a Root that keeps what Python texts say instead of the
// texts.
type sourceReader interface {
	Source(path string) (*source.Facts, bool)
}

// maxSource is the largest Python file that is read, in bytes.
const maxSource = 4 << 20
