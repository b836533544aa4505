package absent

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// maker is something outside the build that makes files of the project.
type maker struct {
	// call is how people run it, such as "`npm run build`"; file says so. A place
	// that call names itself has no file.
	call, file string
	line       int
	// dir is the folder in which its commands run, script are their lines.
	dir, script string
	// makes are paths that it makes by its own word, such as a Makefile's target.
	makes []string
	rank  rank
	// outputs are those of script, once they are known.
	outputs []output
	known   bool
}

// rank orders makers: what developers run comes before what CI runs.
type rank uint8

const (
	declaredTask rank = iota // package.json, Makefile …
	ownScript
	buildSystem
	ci
	composed
	described // README
)

// how names the maker in a sentence.
func (m maker) how() string {
	switch {
	case m.file == "":
		return m.call
	case m.line > 0:
		return fmt.Sprintf("%s (%s:%d)", m.call, m.file, m.line)
	}
	return fmt.Sprintf("%s (%s)", m.call, m.file)
}

// maker finds what makes a source: of several, what developers run, the one
// nearest to the top of the project.
func (x *explainer) maker(s source) (maker, bool) {
	if !x.found {
		x.found, x.makers = true, x.readMakers()
	}
	var all []maker
	for i := range x.makers {
		if x.makes(&x.makers[i], s) {
			all = append(all, x.makers[i])
		}
	}
	if len(all) == 0 {
		return x.buildSystem(s)
	}
	best := slices.MinFunc(all, func(a, b maker) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(strings.Count(a.file, "/"), strings.Count(b.file, "/")))
	})
	if best.rank > buildSystem {
		if m, ok := x.buildSystem(s); ok {
			return m, true
		}
	}
	return best, true
}

// makes says that a maker makes a source.
func (x *explainer) makes(m *maker, s source) bool {
	for _, at := range m.makes {
		if (output{path: at}).gives(s) {
			return true
		}
	}
	if !m.known {
		m.known, m.outputs = true, x.outputs(m)
	}
	return slices.ContainsFunc(m.outputs, func(o output) bool { return o.gives(s) })
}

const (
	// maxFolders and maxDepth bound the folders that are looked through for files
	// which say what makes others.
	maxFolders = 400
	maxDepth   = 3
	// maxTold bounds such a file, in bytes, maxMakers what all of them declare.
	maxTold   = 128 << 10
	maxMakers = 3000
)

// folders are those of the project, the top first, without what tools installed.
func (x *explainer) folders() (out []string) {
	top := os.DirFS(x.Context)
	_ = fs.WalkDir(top, ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || !d.IsDir():
			return nil //nolint:nilerr // a folder that cannot be read says nothing
		case p != "." && (strings.HasPrefix(d.Name(), ".") || slices.Contains([]string{"node_modules", "venv", "__pycache__", "vendor", "site-packages"}, d.Name())), strings.Count(p, "/") >= maxDepth:
			return fs.SkipDir
		case len(out) >= maxFolders:
			return fs.SkipAll
		}
		out = append(out, p)
		return nil
	})
	slices.SortStableFunc(out, func(a, b string) int { return cmp.Compare(depth(a), depth(b)) })
	return out
}

func depth(dir string) int {
	if dir == "." {
		return 0
	}
	return strings.Count(dir, "/") + 1
}

// readMakers reads all makers that the project's files declare.
func (x *explainer) readMakers() (out []maker) {
	top := whittle.Folder(x.Context)
	read := func(name string, do func(file string, text string) []maker) {
		if len(out) >= maxMakers {
			return
		}
		if text, err := top.Read(name, maxTold); err == nil {
			out = append(out, do(name, string(text))...)
		}
	}
	folders := x.folders()
	for _, dir := range slices.Concat(folders, []string{".github/workflows", ".circleci", ".gitlab", ".buildkite"}) {
		entries, err := fs.ReadDir(os.DirFS(x.Context), dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if do := x.reader(dir, e.Name()); do != nil && !e.IsDir() {
				read(path.Join(dir, e.Name()), do)
			}
		}
	}
	return out
}

// reader is the function that reads the makers of a file, nil if it has none.
func (x *explainer) reader(dir, name string) func(file, text string) []maker {
	lower := strings.ToLower(name)
	stem, ext := strings.TrimSuffix(lower, path.Ext(lower)), path.Ext(lower)
	isYAML := ext == ".yml" || ext == ".yaml"
	top := dir == "."
	switch {
	case name == "package.json":
		return x.packageScripts
	case lower == "makefile" || lower == "gnumakefile":
		return makeTargets
	case lower == "justfile" || lower == ".justfile":
		return justRecipes
	case isYAML && stem == "taskfile":
		return taskfile
	case name == "tox.ini":
		return toxEnvironments
	case name == "noxfile.py":
		return noxSessions
	case name == "tasks.py":
		return invokeTasks
	case name == "pyproject.toml":
		return pyprojectTasks
	case (ext == ".sh" || ext == ".bash") && !strings.Contains(lower, "entrypoint"):
		return shellScript
	case strings.HasPrefix(dir, ".") && !top:
		if isYAML {
			return ciSteps
		}
	case isYAML && (strings.HasPrefix(stem, "compose") || strings.HasPrefix(stem, "docker-compose")):
		return composeServices
	case top && isYAML && slices.Contains([]string{".gitlab-ci", ".travis", "azure-pipelines", "bitbucket-pipelines", ".drone", ".woodpecker", "cloudbuild", "buildspec", ".appveyor", "appveyor", ".cirrus"}, stem):
		return ciSteps
	case top && lower == "jenkinsfile":
		return jenkinsSteps
	case slices.Contains([]string{".md", ".rst", ".txt", ""}, ext) && (strings.HasPrefix(lower, "readme") || strings.HasPrefix(lower, "contributing") || strings.HasPrefix(lower, "install") || strings.HasPrefix(lower, "development")):
		return x.readmeCommands
	}
	return nil
}
