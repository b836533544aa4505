package project

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
)

// The limits of the search for Dockerfiles below a project's folder.
const (
	maxDepth   = 4    // folders between the project's and the file
	maxFolders = 2000 // folders that are looked at
	maxFound   = 32   // Dockerfiles
)

// notOwn are folders whose Dockerfiles are not what a project ships: those of
// others, of tests, and of editors. Their names are compared in small letters.
var notOwn = []string{"node_modules", "vendor", "vendored", "third_party", "third-party", "site-packages", "venv", "env", "__pycache__", "dist", "build", "target",
	"test", "tests", "testing", "testdata", "fixtures", "e2e", "integration", "bench", "benchmarks", "ci", "docs", "doc"}

// examples are folders that count only if there is nothing else.
var examples = []string{"example", "examples", "sample", "samples", "demo", "demos"}

// below finds the Dockerfiles in the folders below a project's, and the context
// of each. notes name those whose context is not known.
func below(dir string) (found []Variant, notes []string) {
	f := finder{files: whittle.Folder(dir)}
	f.search()
	var own, shown []string
	for _, name := range f.found {
		if slices.ContainsFunc(strings.Split(strings.ToLower(path.Dir(name)), "/"), func(part string) bool { return slices.Contains(examples, part) }) {
			shown = append(shown, name)
		} else {
			own = append(own, name)
		}
	}
	if len(own) == 0 {
		own = shown
	}
	if len(own) > maxFound {
		notes = append(notes, fmt.Sprintf("only the first %d of %d Dockerfiles are variants: name those that count in whittle.yaml (variants:)", maxFound, len(own)))
		own = own[:maxFound]
	}
	for _, name := range own {
		context, ok := f.context(name)
		if !ok {
			notes = append(notes, fmt.Sprintf("%s is skipped: what it copies is neither in the project's folder nor in its own, so that its build context is not known: name it in whittle.yaml (variants: context:)", name))
			continue
		}
		found = append(found, Variant{Name: unique(found, belowName(name)), Context: context, Dockerfile: name})
	}
	return found, notes
}

// finder looks for Dockerfiles, the nearest first.
type finder struct {
	files   whittle.Folder
	found   []string
	folders int // that were looked at
}

func (f *finder) search() {
	level := []string{"."}
	for depth := 0; depth <= maxDepth && len(level) > 0; depth++ {
		var next []string
		for _, dir := range level {
			if f.folders == maxFolders {
				return
			}
			f.folders++
			entries, err := fs.ReadDir(f.files, dir)
			if err != nil {
				continue // what cannot be read has nothing
			}
			for _, e := range entries {
				at := path.Join(dir, e.Name())
				if e.IsDir() && enters(e.Name()) {
					next = append(next, at)
				} else if _, ok := variantName(e.Name()); ok && e.Type().IsRegular() && dir != "." {
					f.found = append(f.found, at)
				}
			}
		}
		level = next
	}
}

// enters says whether a folder may have Dockerfiles of the project.
func enters(name string) bool {
	return (!strings.HasPrefix(name, ".") || name == ".docker") && !slices.Contains(notOwn, strings.ToLower(name))
}

// context is the folder with the most of what a Dockerfile copies: the project's,
// the Dockerfile's, or one between. If the file names nothing that can be looked
// for, it is the Dockerfile's own folder where that has more than Docker's files.
func (f *finder) context(name string) (string, bool) {
	src, err := f.files.Read(name, dockerfile.MaxSize)
	if err != nil {
		return "", true // the build says why
	}
	file, err := dockerfile.Parse(name, src)
	if err != nil {
		return "", true
	}
	wants := wanted(file)
	candidates := []string{"."}
	for own := path.Dir(name); own != "."; own = path.Dir(own) {
		candidates = slices.Insert(candidates, 1, own)
	}
	slices.Reverse(candidates[1:]) // the Dockerfile's folder, then those above
	best, most, tie := "", -1, false
	for _, dir := range candidates {
		n := 0
		for _, want := range wants {
			if f.has(dir, want) {
				n++
			}
		}
		if n > most {
			best, most, tie = dir, n, false
		} else if n == most {
			tie = true
		}
	}
	switch {
	case len(wants) == 0 || most == 0 && !copies(file):
		if best = "."; f.hasCode(path.Dir(name)) {
			best = path.Dir(name)
		}
	case most == 0, tie && most < len(wants):
		return "", false
	}
	return strings.TrimPrefix(best, "."), true
}

// hasCode says whether a folder has more than what Docker's files need.
func (f *finder) hasCode(dir string) bool {
	entries, _ := fs.ReadDir(f.files, dir)
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		name := strings.ToLower(e.Name())
		_, isDockerfile := variantName(e.Name())
		return !isDockerfile && !strings.HasPrefix(name, ".") && !strings.Contains(name, "entrypoint") && !slices.Contains([]string{".sh", ".conf", ".yml", ".yaml", ".md", ".env", ".ini", ".cfg"}, path.Ext(name))
	})
}

// has says whether a folder has a file that COPY names, which may be a pattern.
func (f *finder) has(dir, name string) bool {
	found, err := fs.Glob(f.files, path.Join(dir, name))
	return err == nil && len(found) > 0
}

// wanted are the files of the build context that a Dockerfile names: what COPY
// and ADD bring, and what a RUN after COPY of the whole context installs from.
func wanted(file *dockerfile.File) []string {
	var out []string
	add := func(name string) {
		name = strings.TrimPrefix(path.Clean("/"+name), "/")
		if name != "" && !strings.ContainsAny(name, "$\\") && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	eachInstruction(file, func(in *dockerfile.Instruction) {
		switch {
		case in.Keyword == "RUN":
			for _, name := range []string{"requirements.txt", "pyproject.toml", "setup.py", "package.json", "Pipfile", "poetry.lock", "uv.lock", "go.mod", "Cargo.toml", "pom.xml", "Gemfile"} {
				if strings.Contains(in.Text(), name) {
					add(name)
				}
			}
		case fromContext(in):
			for _, a := range in.Args[:len(in.Args)-1] {
				if !strings.Contains(a.Value, "://") && !strings.HasPrefix(a.Value, "<<") && !strings.HasPrefix(a.Value, "git@") {
					add(strings.Trim(a.Value, `"'`))
				}
			}
		}
	})
	return out
}

// copies says whether a Dockerfile copies anything that it names.
func copies(file *dockerfile.File) (named bool) {
	eachInstruction(file, func(in *dockerfile.Instruction) {
		if fromContext(in) {
			for _, a := range in.Args[:len(in.Args)-1] {
				named = named || strings.Trim(a.Value, "./") != ""
			}
		}
	})
	return named
}

func fromContext(in *dockerfile.Instruction) bool {
	return (in.Keyword == "COPY" || in.Keyword == "ADD") && len(in.Flag("from")) == 0 && len(in.Args) > 1
}

func eachInstruction(file *dockerfile.File, do func(in *dockerfile.Instruction)) {
	for i := range file.Stages {
		for j := range file.Stages[i].Instructions {
			do(&file.Stages[i].Instructions[j])
		}
	}
}

// belowName names a variant by the folder and the name of its Dockerfile.
func belowName(file string) string {
	name := path.Dir(file)
	if own, _ := variantName(path.Base(file)); own != "original" {
		name += "-" + own
	}
	return cmp.Or(validated(strings.ReplaceAll(strings.TrimLeft(name, "."), "/", "-")), "variant")
}

// validated is a text as the name of a variant.
func validated(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x80 && validName("a"+string(r)) {
			return r
		}
		return '-'
	}, s)
	s = strings.TrimLeft(s, "._-")
	return s[:min(len(s), 60)]
}

// unique is a name that no variant has.
func unique(all []Variant, name string) string {
	out := name
	for n := 2; slices.ContainsFunc(all, func(v Variant) bool { return v.Name == out }); n++ {
		out = fmt.Sprintf("%s-%d", name, n)
	}
	return out
}

// ContextOf is the build context of a Dockerfile of a folder of which nothing says how
// it is built: the folder, in it, that has most of what the file copies. Both are slashed
// and relative. ok is false if that is not clear.
func ContextOf(dir, name string) (context string, ok bool) {
	f := finder{files: whittle.Folder(dir)}
	return f.context(name)
}

// IsDockerfile says that a file is a Dockerfile by its name.
func IsDockerfile(name string) bool {
	_, ok := variantName(name)
	return ok
}

// NamesBuilds says that a folder has a file that may say how its Dockerfiles are built:
// settings of whittle, a compose or a Bake file.
func NamesBuilds(dir string) bool {
	for _, pattern := range []string{ConfigName, "compose*.y*ml", "docker-compose*.y*ml", "docker-bake*.hcl", "docker-bake*.json", "pyproject.toml"} {
		if found, err := fs.Glob(whittle.Folder(dir), pattern); err == nil && len(found) > 0 {
			return true
		}
	}
	return false
}
