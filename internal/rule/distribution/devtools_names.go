package distribution

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
)

// The development tools by their purpose, by name. No application needs one of them
// to serve: one that does imports, runs or names it.
const (
	testTools = `pytest nose nose2 tox nox coverage codecov coveralls hypothesis faker factory-boy model-bakery mixer mock responses requests-mock httpretty
	vcrpy freezegun time-machine moto respx aioresponses pyfakefs testfixtures testcontainers behave robotframework mutmut cosmic-ray parameterized ddt
	green ward django-nose django-test-plus django-coverage-plugin unittest-xml-reporting syrupy inline-snapshot pyhamcrest assertpy
	locust pyperf asv schemathesis tavern pook betamax diff-cover testtools`
	lintTools = `ruff black isort flake8 pylint pyflakes pycodestyle pydocstyle autopep8 yapf autoflake pyupgrade bandit safety pip-audit pre-commit
	pre-commit-hooks pep8-naming docformatter darker unify eradicate dodgy prospector pylama pyroma vulture radon xenon interrogate codespell deptry creosote
	import-linter refurb perflint wemake-python-styleguide djlint curlylint yamllint detect-secrets semgrep gitlint add-trailing-comma pydoclint doc8
	nplusone pyproject-fmt validate-pyproject check-manifest licensecheck pip-licenses pipreqs slotscheck flynt`
	typeTools = `mypy pyright basedpyright pytype pyre-check monkeytype ty pyrefly boto3-stubs botocore-stubs sqlalchemy2-stubs`
	docTools  = `sphinx mkdocs pdoc pdoc3 furo myst-parser nbsphinx mkdocstrings mkdocstrings-python numpydoc pydata-sphinx-theme autodoc-pydantic
	recommonmark`
	debugTools = `ipython ipdb ipykernel jupyter jupyterlab notebook jupyter-console jupytext nbdime nbstripout pudb pdbpp debugpy pydevd pydevd-pycharm
	remote-pdb web-pdb rpdb wdb icecream snoop pysnooper birdseye bpython ptpython ptipython line-profiler memory-profiler scalene snakeviz gprof2dot
	django-debug-toolbar flask-debugtoolbar python-lsp-server pyls rope devtools`
	packTools = `build twine flit hatch pip-tools pipdeptree bump2version bumpversion bumpver tbump towncrier commitizen python-semantic-release
	zest-releaser check-wheel-contents cibuildwheel pyinstaller cruft reno`
)

// purposes are the development tools by name, with their purpose.
var purposes = func() map[string]string {
	out := map[string]string{}
	for purpose, names := range map[string]string{"test": testTools, "lint": lintTools, "typing": typeTools, "docs": docTools, "debug": debugTools, "release": packTools} {
		for _, name := range strings.Fields(names) {
			out[name] = purpose
		}
	}
	return out
}()

// plugInsOf are prefixes of the names of plug-ins of development tools.
var plugInsOf = []struct{ prefix, purpose string }{{"pytest-", "test"}, {"flake8-", "lint"}, {"pylint-", "lint"}, {"sphinx-", "docs"}, {"sphinxcontrib-", "docs"},
	{"mkdocs-", "docs"}, {"tox-", "test"}, {"nox-", "test"}, {"hypothesis-", "test"}, {"types-", "typing"}, {"mypy-boto3", "typing"}, {"jupyterlab-", "debug"}}

// purposeOf is what a development tool is for: test, lint, typing, docs, debug or
// release; empty for every other distribution.
func purposeOf(name string) string {
	name = pep.Normalize(name)
	if p := purposes[name]; p != "" {
		return p
	}
	for _, x := range plugInsOf {
		if strings.HasPrefix(name, x.prefix) {
			return x.purpose
		}
	}
	if strings.HasSuffix(name, "-stubs") || strings.HasSuffix(name, "-pytest") {
		return map[bool]string{true: "typing", false: "test"}[strings.HasSuffix(name, "-stubs")]
	}
	return ""
}

// runners are the tools that an image for development starts.
var runners = strings.Fields(`pytest nose nose2 tox nox ruff mypy black isort flake8 pylint pre-commit jupyter jupyterlab notebook jupyter-core jupyter-server sphinx mkdocs
	behave robotframework locust coverage build twine bandit`)

// testRunners are the tools that run tests.
var testRunners = strings.Fields(`pytest nose nose2 tox nox behave robotframework ward green`)

// commonWords are names of tools and of their modules that also mean something else
// in a text.
var commonWords = strings.Fields(`black build coverage mock responses green ward mixer nose flit hatch behave safety notebook factory faker unify radon vulture
	interrogate prospector dodgy refurb moto time_machine parameterized snoop creosote scalene locust devtools eradicate`)

// developersWords are the words with which projects name what is for developers.
var developersWords = strings.Fields(`dev devel develop development developer developers test tests testing lint linting linter linters doc docs documentation
	typing typecheck mypy qa style pre-commit precommit coverage bench benchmark benchmarks debug notebook notebooks ci tox nox pytest check checks format quality`)

// forDevelopersOnly says that a group, an extra or a requirements file is for
// developers by its name.
func forDevelopersOnly(name string) bool {
	if ext := path.Ext(name); ext == ".txt" || ext == ".in" || ext == ".pip" {
		name = strings.TrimSuffix(name, ext)
	}
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r < 'a' || r > 'z' })
	return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(developersWords, w) })
}

// place is where a requirement is declared for developers: an extra, a group, or a
// file of requirements.
type place struct{ file, extra, group string }

func (w place) String() string {
	switch {
	case w.extra != "":
		return "the extra " + w.extra
	case w.group != "":
		return "the group " + w.group
	case path.Base(w.file) == "Pipfile":
		return "the dev-packages of " + w.file
	}
	return w.file
}

// placeOf is the place of a dependency.
func placeOf(d *manifest.Dependency) place {
	switch path.Ext(d.File) {
	case ".txt", ".in", ".pip":
		return place{file: d.File}
	}
	switch {
	case d.Kind == manifest.Optional:
		return place{extra: pep.Normalize(d.Extra)}
	case d.Kind == manifest.Development && d.Group == "":
		return place{file: d.File} // Pipfile
	case d.Kind == manifest.Development:
		return place{group: pep.Normalize(d.Group)}
	}
	return place{}
}
