package analysis

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/python/source/spelled"
)

type kindOfText uint8

const (
	otherText kindOfText = iota
	pythonText
	// lineText has comments that start with "#" or ";".
	lineText
	plainText
	// listText may be a list of requirements, whose lines name distributions to
	// install.
	listText
	// sections has settings of the application among those of tools.
	sections
	// pickled has pickled Python objects, with the names of their classes.
	pickled
)

func textKind(at string) kindOfText {
	base := strings.ToLower(path.Base(at))
	if base == "pyproject.toml" || base == "setup.cfg" {
		return sections
	}
	switch path.Ext(base) {
	case ".py":
		return pythonText
	case ".sh", ".bash", ".yml", ".yaml", ".ini", ".conf", ".cfg", ".env", ".toml", ".service", ".properties", ".list", ".tsv", ".csv":
		return lineText
	case ".txt":
		return listText
	case ".pkl", ".pickle", ".joblib", ".dill":
		return pickled
	case "":
		return lineText // a script, a Procfile; a file that is no text has no words
	}
	switch {
	case strings.HasPrefix(base, ".env"):
		return lineText
	case nameless[path.Ext(base)]:
		return otherText
	}
	return plainText // of any name; a file that is no text has no words
}

// nameless are the extensions of files that name nothing that runs: documents,
// styles, translations, pictures, archives, compiled files.
var nameless = set(`.md .rst .adoc .tex .css .scss .less .map .svg .po .pot .lock .pyi .ipynb .in .log .patch .diff .png .jpg .jpeg .gif .ico .webp .pdf
	.woff .woff2 .ttf .otf .mp3 .mp4 .zip .gz .whl .pyc .so .mo .parquet .db .sqlite3 .npy .npz`)

// set is the set of the words in a string.
func set(words string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(words) {
		out[w] = true
	}
	return out
}

// forDevelopers are files that declare, lock, test, describe, or set up tools
// that no image runs.
func forDevelopers(at string) bool {
	base := strings.ToLower(path.Base(at))
	switch base {
	case "setup.py", "conftest.py", "makefile", "noxfile.py", "tox.ini", "mypy.ini", "pytest.ini", "ruff.toml", ".ruff.toml",
		"pylintrc", ".pylintrc", ".flake8", "whittle.yaml", "environment.yml", "environment.yaml", "pixi.toml", "pipfile", "justfile", "fabfile.py",
		"dockerfile", "containerfile", "license", "licence", "readme", "changelog", "authors", "mkdocs.yml", "package.json", "package-lock.json", "renovate.json",
		"codecov.yml", "taskfile.yml", "vercel.json", ".gitignore", ".dockerignore", ".gitattributes", ".editorconfig", "pdm.lock", "poetry.lock", "uv.lock", "pipfile.lock":
		return true
	}
	return strings.HasPrefix(base, "test_") || strings.HasSuffix(base, "_test.py") || strings.HasPrefix(base, "dockerfile.") || strings.HasSuffix(base, ".dockerfile") ||
		strings.HasPrefix(base, ".pre-commit") || strings.HasPrefix(base, "readme.") || strings.HasPrefix(base, "license.") || strings.HasPrefix(base, "constraints") ||
		strings.HasPrefix(base, "pyproject.") && base != "pyproject.toml" || strings.Contains(strings.ToLower(at), "requirements")
}

// usedTools are the configuration files of development tools that the image's start
// or build names.
func usedTools(image Texts) map[string]bool {
	out := map[string]bool{}
	for tool, file := range map[string]string{"make": "makefile", "just": "justfile", "task": "taskfile.yml", "npm": "package.json", "yarn": "package.json", "fab": "fabfile.py"} {
		for _, s := range image {
			out[file] = out[file] || s.Line(tool) > 0
		}
	}
	return out
}

// onlyDeclares says that a file of the project only declares dependencies.
func (pr *Project) onlyDeclares(at string) bool {
	return pr.declared != nil && textKind(at) != sections &&
		slices.ContainsFunc(pr.declared.Dependencies, func(d manifest.Dependency) bool { return d.File == at })
}

// maxPickle bounds the bytes that are read of pickled objects, and maxPickleWords
// the bytes of words that are kept of them.
const (
	maxPickle      = 256 << 20
	maxPickleWords = 4 << 20
)

// pickledWords are the words in pickled objects, including the modules of their
// classes, one a line. ok is false if they cannot be read, because they are
// compressed or too large.
// https://docs.python.org/3/library/pickletools.html
func (pr *Project) pickledWords(at string) (text []byte, ok bool) {
	f, err := pr.files.Open(at)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	in := bufio.NewReaderSize(io.LimitReader(f, maxPickle+1), 64<<10)
	first, err := in.Peek(1)
	if err != nil {
		return nil, errors.Is(err, io.EOF) // the file is empty
	}
	binary := first[0] == 0x80
	if !binary && strings.IndexByte("(]}c)lda", first[0]) < 0 {
		return nil, false
	}
	seen := map[string]bool{}
	add := func(word []byte) {
		if len(word) > 2 && !seen[string(word)] {
			seen[string(word)] = true
			text = append(append(text, word...), '\n')
		}
	}
	var word []byte
	for n := 0; ; n++ {
		c, err := in.ReadByte()
		if err == nil && n < maxPickle && (wordByte(c) || c == '.') && len(word) < 200 {
			word = append(word, c)
			continue
		}
		add(word)
		if !binary && len(word) > 0 && word[0] == 'c' {
			add(word[1:]) // protocol 0 names a class by c, its module and a line end
		}
		word = word[:0]
		switch {
		case errors.Is(err, io.EOF):
			return text, true
		case err != nil || n >= maxPickle || len(text) > maxPickleWords:
			return nil, false
		}
	}
}

// blanks is a text with everything but its line ends replaced by spaces.
func blanks(text []byte) []byte {
	out := bytes.Repeat([]byte{' '}, len(text))
	for i, c := range text {
		if c == '\n' {
			out[i] = c
		}
	}
	return out
}

// onlyNames blanks the parts that cannot be a command or a name: in Python
// everything but strings, in other texts comment lines. It is nil for a file that is
// no text.
func onlyNames(kind kindOfText, text []byte) []byte {
	if bytes.IndexByte(text[:min(len(text), 4096)], 0) >= 0 {
		return nil
	}
	switch kind {
	case sections:
		return ownSections(onlyNames(lineText, text))
	case listText:
		return requirementLine.ReplaceAllFunc(onlyNames(lineText, text), blanks)
	case pythonText:
		literals, ok := spelled.Literals(text)
		if !ok {
			return text
		}
		out := blanks(text)
		for _, l := range literals {
			copy(out[l.Start:l.End], text[l.Start:l.End])
		}
		return out
	case lineText:
		out := bytes.Clone(text)
		at := 0
		for line := range bytes.Lines(text) {
			if bare := bytes.TrimLeft(line, " \t"); len(bare) > 0 && (bare[0] == '#' && !bytes.HasPrefix(bare, []byte("#!")) || bare[0] == ';') {
				for i := at; i < at+len(bytes.TrimRight(line, "\r\n")); i++ {
					out[i] = ' '
				}
			}
			at += len(line)
		}
		return out
	}
	return text
}

// composeFile matches the names of compose files, overrides among them.
var composeFile = regexp.MustCompile(`^(docker-)?compose[a-z0-9._-]*\.ya?ml$`)

// optionalCommand matches a commented line of a compose file with what a service runs:
// people take the comment away to run it ("uncomment to run tests").
var optionalCommand = regexp.MustCompile(`(?m)^[ \t]*#[# \t]*(command|entrypoint)[ \t]*:.*$`)

// withOptional puts the commands of commented services back into the names of a
// compose file's text.
func withOptional(at string, names, text []byte) []byte {
	if !composeFile.MatchString(strings.ToLower(path.Base(at))) {
		return names
	}
	for _, m := range optionalCommand.FindAllIndex(text, -1) {
		copy(names[m[0]:m[1]], text[m[0]:m[1]])
	}
	return names
}

// requirementLine matches a line of a list of requirements: a requirement with a
// version, a URL or a hash, or an option.
var requirementLine = regexp.MustCompile(`(?m)^(\s*-[^\n]*|\s*[A-Za-z0-9][A-Za-z0-9._-]*(\[[^\]\n]*\])?\s*([=<>~!]=|[<>;@]|===)[^\n]*)$`)

// header matches the header of a section of settings.
var header = regexp.MustCompile(`^\s*\[+\s*([^\]]+)\]`)

// ownSections keeps, of a project's pyproject.toml or setup.cfg, the entry points
// and the settings of the application, not those of development and build tools.
func ownSections(text []byte) []byte {
	out := blanks(text)
	keep, at := false, 0
	for line := range bytes.Lines(text) {
		if m := header.FindSubmatch(line); m != nil {
			keep = ownSection(strings.ReplaceAll(strings.ToLower(string(m[1])), `"`, ""))
		}
		if keep {
			copy(out[at:], line)
		}
		at += len(line)
	}
	return out
}

func ownSection(name string) bool {
	words := strings.FieldsFunc(name, func(r rune) bool { return r == '.' || r == ':' })
	if len(words) > 0 && words[0] == "tool" {
		words = words[1:]
	}
	if len(words) == 0 {
		return false
	}
	if offers := set("project.entry-points project.scripts project.gui-scripts options.entry_points poetry.scripts poetry.plugins"); len(words) > 1 && offers[words[0]+"."+words[1]] {
		return true
	}
	return !developersSections[words[0]]
}

// developersSections are sections of declarations and tools, which are unrelated to
// what runs.
var developersSections = set(`project options build-system dependency-groups metadata poetry uv pdm hatch flit setuptools setuptools_scm setuptools-scm distutils
	bdist_wheel sdist build_ext egg_info aliases black ruff isort flake8 mypy pyright basedpyright pyre pytest coverage tox nox pylint pydocstyle pycodestyle
	bandit codespell commitizen semantic_release semantic-release bumpversion bumpver towncrier pyupgrade autoflake autopep8 yapf vulture deptry fawltydeps
	creosote interrogate pydoclint djlint sqlfluff cibuildwheel maturin scikit-build scikit-build-core meson-python versioningit versioneer dunamai
	poetry-dynamic-versioning pixi rye pipenv pip-tools conda-lock poe taskipy doit invoke refurb pyrefly ty importlinter pre-commit upload_docs
	build_sphinx sphinx nbqa check-manifest pyproject-fmt tomlsort whittle cosmic_ray mutmut hypothesis report run`)

// mayName says whether the words of a file may be commands or names of modules.
func mayName(at string) bool {
	base := strings.ToLower(path.Base(at))
	if strings.Contains(base, "requirements") || strings.HasPrefix(base, "constraints") || base == "pyproject.toml" || base == "conftest.py" {
		return false
	}
	switch path.Ext(base) {
	case ".py", ".sh", ".bash", ".yml", ".yaml", ".ini", ".conf", ".env", ".toml", ".json", ".service":
		return path.Ext(strings.TrimSuffix(base, ".json")) != ".lock"
	}
	return strings.Contains(base, "dockerfile") || base == "makefile" || base == "procfile"
}
