package restage

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
)

// Needed says whether a stage is one of the others that are kept, because what is
// kept copies from it, mounts it or builds on it.
func (r *Outline) Needed(st *dockerfile.Stage) bool { return r.kept[st.Index] }

// keep finds the other stages that the kept ones copy from, mount or build on.
// Later stages come first, as they use earlier ones.
func (r *Outline) keep() {
	r.kept = map[int]bool{}
	users := []*dockerfile.Stage{r.Final}
	if r.Two() {
		users = append(users, r.Install)
	}
	uses := func(user, st *dockerfile.Stage) bool {
		for i := range user.Instructions {
			in := &user.Instructions[i]
			if r.Copied(in, st) || slices.ContainsFunc(in.Flag("mount"), func(m string) bool { return strings.Contains(m, "from="+st.Label()) }) {
				return true
			}
		}
		return false
	}
	for _, st := range slices.Backward(r.Others) {
		if slices.ContainsFunc(users, func(user *dockerfile.Stage) bool {
			own := user.Index != r.Final.Index && !(r.Two() && user.Index == r.Install.Index)
			return own && user.From != nil && *user.From == st.Index || uses(user, st)
		}) {
			r.kept[st.Index] = true
			users = append(users, st)
		}
	}
}

// OnlyPip says whether the only installers that a RUN prepares are those that come
// with an interpreter, such as pip: the base image's are enough.
func (s *Step) OnlyPip() bool {
	return !slices.ContainsFunc(s.Parts, func(p Part) bool { return p.Role == recipe.PreparesInstaller && !p.OnlyPip() })
}

// OnlyPip says whether a command installs nothing but installers that come with an
// interpreter.
func (p *Part) OnlyPip() bool {
	return len(p.Install.Args) > 0 && !slices.ContainsFunc(p.Install.Args, func(arg string) bool {
		name, _, _ := strings.Cut(strings.Trim(arg, `"'`), "=")
		name, _, _ = strings.Cut(name, ">")
		name, _, _ = strings.Cut(name, "<")
		return !slices.Contains(WithInterpreter, name)
	})
}

// LastInstall returns the index of the last step that installs packages, -1 where
// none does.
func LastInstall(steps []Step) int {
	last := -1
	for i := range steps {
		if steps[i].Role == recipe.Installing {
			last = i
		}
	}
	return last
}

// SelfContained says whether a requirements file is not empty and names no other
// files.
func SelfContained(text []byte) bool {
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && (line[0] == '.' || line[0] == '/' || line[0] == '-' && !bytes.HasPrefix(line, []byte("--hash"))) || bytes.Contains(line, []byte("file:")) ||
			bytes.HasSuffix(line, []byte(".whl")) || bytes.HasSuffix(line, []byte(".tar.gz")) {
			return false
		}
	}
	return len(text) > 0
}

// MayImport says whether a RUN starts a program that may be Python and is no
// installer.
func (s *Step) MayImport() bool {
	if s.In.Keyword != "RUN" || s.Role != recipe.Keeps && s.Role != recipe.Installing {
		return false
	}
	script, err := s.In.Shell()
	if err != nil {
		return true
	}
	read := s.known.reader(s.In.Text())
	for _, c := range script.Commands() {
		c = read(c)
		if a, err := recipe.ReadPackageCommand(&c); err == nil && a.Role == recipe.Keeps && len(c.Words) > 0 && !slices.Contains(importless, path.Base(c.Words[0].Value)) {
			return true
		}
	}
	return false
}

// Compiles returns the folders that a RUN compiles with compileall or py_compile;
// all says that it names none, or that only the build knows them.
// https://docs.python.org/3/library/compileall.html
func (s *Step) Compiles() (dirs []string, all bool) {
	script, err := s.In.Shell()
	if err != nil {
		return nil, false
	}
	read := s.known.reader(s.In.Text())
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
				dirs = append(dirs, FromDir(s.dir, w.Value))
			}
		}
		all = all || !named
	}
	return dirs, all
}

// SetsPath says whether an ENV sets PATH without keeping its previous value.
func SetsPath(in *dockerfile.Instruction) bool {
	return slices.ContainsFunc(in.Args, func(a dockerfile.Arg) bool {
		value, ok := strings.CutPrefix(a.Value, "PATH=")
		return ok && !strings.Contains(value, "$PATH") && !strings.Contains(value, "${PATH}")
	})
}

// StartsInstaller says whether a CMD, ENTRYPOINT or HEALTHCHECK starts uv, Poetry or
// another installer.
func StartsInstaller(in *dockerfile.Instruction) bool {
	if in.Keyword != "CMD" && in.Keyword != "ENTRYPOINT" && in.Keyword != "HEALTHCHECK" {
		return false
	}
	script, err := in.Shell()
	return err == nil && slices.ContainsFunc(script.Commands(), func(c dockerfile.Command) bool { return recipe.IsInstaller(c.Name()) })
}

// Separate says whether a COPY from the builder copies no packages. venv is the
// environment, empty where there is none.
func Separate(s *Step, venv string) bool {
	for _, a := range s.In.Args[:len(s.In.Args)-1] {
		src := path.Clean(s.known.expanded(a.Value))
		if strings.Contains(src, "$") || venv != "" && (Within(venv, src) || Within(src, venv)) || Within("/usr/local", src) || Within(src, "/usr/local") {
			return false
		}
	}
	return true
}

// Within says whether the path p is dir or below it.
func Within(p, dir string) bool { return dir == "/" || p == dir || strings.HasPrefix(p, dir+"/") }

// Plain says whether a word means the same in a shell and in a Dockerfile. Words
// from an image or an index may not be plain.
func Plain(word string) bool {
	return word != "" && strings.IndexFunc(word, func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && !strings.ContainsRune("._+-/:@~", c)
	}) < 0
}

// Compilers returns the Debian packages that compile and that no program needs at
// run time.
func Compilers() []string {
	return []string{"build-essential", "gcc", "g++", "cmake", "ninja-build", "pkg-config", "pkgconf", "cargo", "rustc", "gfortran", "python3-dev"}
}

// onlyBuildTools says that a RUN installs only packages to compile with.
func onlyBuildTools(in *dockerfile.Instruction) bool {
	names, ok := recipe.AptInstalls(in)
	return ok && !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(Compilers(), n) })
}

// WithInterpreter are the installers that come with an interpreter.
var WithInterpreter = []string{"pip", "setuptools", "wheel"}

// importless are programs that start no Python.
var importless = []string{"apt-get", "apt", "apk", "useradd", "groupadd", "adduser", "addgroup", "usermod", "mkdir", "chown", "chmod", "rm", "rmdir", "ln", "cp", "mv", "touch",
	"echo", "printf", "cat", "sed", "grep", "find", "tar", "unzip", "gzip", "curl", "wget", "git", "set", "cd", "export", "true", "test", "[", "install", "dpkg", "update-ca-certificates",
	"locale-gen", "localedef", "ldconfig", "strip", "npm", "node", "make-ssl-cert"}

// OwnVenv is the folder of the virtual environment in generated Dockerfiles where the original
// has none.
const OwnVenv = "/opt/venv"

// BuilderName is the name of the stage that a generated Dockerfile installs in.
const BuilderName = "builder"

// Cleanup says what strategies delete from the packages.
type Cleanup struct {
	// Bytecode leaves modules uncompiled: Python then compiles them when they
	// are first imported.
	Bytecode bool
	// Tests deletes the folders that are called "tests", but for those of the
	// top-level folders in KeepTests ("numpy"), whose tests are imported.
	Tests     bool
	KeepTests []string
}

// PlatformFlag returns the --platform flag of a stage's FROM line with a blank
// behind it, empty where it has none.
func PlatformFlag(st *dockerfile.Stage) string {
	if st.Platform == "" {
		return ""
	}
	return "--platform=" + st.Platform + " "
}
