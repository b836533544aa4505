package forecast

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
)

// noBytecode is the variable that keeps Python from writing bytecode of what it
// imports.
const noBytecode = "PYTHONDONTWRITEBYTECODE"

// quiet are the lines that keep Python in RUNs from writing bytecode of what it
// imports into their layers. An ARG is in the environment of RUN and not in the
// image's. There are none where no RUN may start Python, or the Dockerfile sets the
// variable itself.
func (a *account) quiet() []string {
	if !a.Clean.Bytecode {
		return nil
	}
	runs := false
	for i := range a.outline.runtime {
		s := &a.outline.runtime[i]
		if (s.in.Keyword == "ENV" || s.in.Keyword == "ARG") && slices.ContainsFunc(assignments(s.in), func(x assignment) bool { return x.name == noBytecode }) {
			return nil
		}
		runs = runs || s.mayImport()
	}
	if !runs {
		return nil
	}
	return []string{"# While the image is built, Python writes no bytecode of what it imports.", "ARG " + noBytecode + "=1"}
}

// mayImport says that a RUN starts a program that may be Python and is no
// installer.
func (s *step) mayImport() bool {
	if s.in.Keyword != "RUN" || s.role != recipe.Keeps && s.role != recipe.Installing {
		return false
	}
	script, err := s.in.Shell()
	if err != nil {
		return true
	}
	read := s.known.reader(s.in.Text())
	for _, c := range script.Commands() {
		c = read(c)
		if a, err := recipe.ReadPackageCommand(&c); err == nil && a.Role == recipe.Keeps && len(c.Words) > 0 && !slices.Contains(importless, path.Base(c.Words[0].Value)) {
			return true
		}
	}
	return false
}

// importless are programs that start no Python.
var importless = []string{"apt-get", "apt", "apk", "useradd", "groupadd", "adduser", "addgroup", "usermod", "mkdir", "chown", "chmod", "rm", "rmdir", "ln", "cp", "mv", "touch",
	"echo", "printf", "cat", "sed", "grep", "find", "tar", "unzip", "gzip", "curl", "wget", "git", "set", "cd", "export", "true", "test", "[", "install", "dpkg", "update-ca-certificates",
	"locale-gen", "localedef", "ldconfig", "strip", "npm", "node", "make-ssl-cert"}

// compiledOnPurpose is the bytecode that the image's commands write explicitly: it
// is there with every strategy.
func (a *account) compiledOnPurpose(skip func(*step) bool) (sum int64) {
	if !a.Clean.Bytecode {
		return 0 // it is among the packages and the layers
	}
	var dirs []string
	all := false
	for i := range a.outline.runtime {
		s := &a.outline.runtime[i]
		if s.in.Keyword != "RUN" || s.role != recipe.Keeps || skip != nil && skip(s) {
			continue
		}
		more, every := s.compiles()
		dirs, all = append(dirs, more...), all || every
	}
	for _, n := range a.Ledger.Tree.Nodes {
		if n.Item < 0 || n.Layer < a.first || !strings.HasSuffix(n.Path, ".pyc") {
			continue
		}
		if all || slices.ContainsFunc(dirs, func(dir string) bool { return within("/"+n.Path, dir) }) {
			sum += a.Ledger.Items[n.Item].Bytes
		}
	}
	return sum
}

// compiles are the folders that a RUN compiles with compileall; all says that it
// names none, or only the build knows them.
// https://docs.python.org/3/library/compileall.html
func (s *step) compiles() (dirs []string, all bool) {
	script, err := s.in.Shell()
	if err != nil {
		return nil, false
	}
	read := s.known.reader(s.in.Text())
	for _, c := range script.Commands() {
		c = read(c)
		i := slices.IndexFunc(c.Words, func(w dockerfile.Word) bool { return w.Value == "compileall" || w.Value == "py_compile" })
		if i < 2 || c.Words[i-1].Value != "-m" || !strings.HasPrefix(c.Name(), "python") {
			continue
		}
		named := false
		for _, w := range c.Words[i+1:] {
			switch {
			case strings.HasPrefix(w.Value, "-"):
			case !w.Literal:
				all = true
			default:
				named = true
				dirs = append(dirs, fromDir(s.dir, w.Value))
			}
		}
		all = all || !named
	}
	return dirs, all
}
