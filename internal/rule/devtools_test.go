package rule

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"whittle.dev/whittle"
)

// toolCase is an image with some distributions, by the project that it is of.
type toolCase struct {
	name, dockerfile string
	// files are the project's, "NAME: line|line".
	files []string
	// dists are what is installed: "NAME USE REQUIREMENT…"; the use is the first
	// letters of one (unu, eag, laz, opt, plu, unk).
	dists  []string
	target string
	cmd    []string
	// want are the changed lines of the fix, "no fix" or "silent"; again are the
	// files that their tools make again, bytes what is saved, risk a risk other than
	// low.
	want, again string
	bytes       int64
	risk        whittle.Risk
}

const distBytes = 200_000

// facts makes the case of the harness.
func (c *toolCase) facts(t *testing.T, rule string) testCase {
	t.Helper()
	out := testCase{rules: []string{rule}, target: c.target, parts: map[string][]byte{}, project: fstest.MapFS{}}
	layer := ""
	uses := map[string]string{}
	for _, text := range c.dists {
		words := strings.Fields(text)
		name, site := strings.ReplaceAll(words[0], "-", "_"), "usr/local/lib/python3.13/site-packages/"
		module := map[string]string{"factory_boy": "factory", "setuptools_scm": "setuptools_scm", "django_debug_toolbar": "debug_toolbar"}[name]
		file := cmp.Or(module, name) + "/__init__.py"
		if strings.HasPrefix(name, "types_") || strings.HasSuffix(name, "_stubs") {
			file = strings.TrimPrefix(name, "types_") + "-stubs/__init__.pyi"
		}
		meta := "Metadata-Version: 2.1\\nName: " + words[0] + "\\nVersion: 1.0\\n"
		for _, r := range words[2:] {
			meta += "Requires-Dist: " + strings.ReplaceAll(r, ";", "; ") + "\\n"
			if _, extra, ok := strings.Cut(r, "extra=="); ok {
				meta += "Provides-Extra: " + strings.Trim(extra, "'") + "\\n"
			}
		}
		layer += fmt.Sprintf("f %s%s %d\nf %[1]s%[4]s-1.0.dist-info/METADATA \"%s\"\nf %[1]s%[4]s-1.0.dist-info/RECORD \"%[2]s,,\\n%[4]s-1.0.dist-info/METADATA,,\\n%[4]s-1.0.dist-info/RECORD,,\\n\"\n",
			site, file, distBytes, name, meta)
		for full := range usages {
			if strings.HasPrefix(full, words[1]) {
				uses[words[0]] = full
			}
		}
	}
	out.layers = []string{"f usr/local/bin/python3.13 5000 mode=0755\nf usr/local/lib/python3.13/os.py 900\n"}
	out.parts["Dockerfile"] = []byte(c.dockerfile)
	n := 0
	for line := range strings.Lines(c.dockerfile) {
		if strings.HasPrefix(line, "FROM") {
			n = 0
		}
		if strings.HasPrefix(line, "RUN") || strings.HasPrefix(line, "COPY") {
			n++
		}
	}
	for range n - 1 {
		out.layers = append(out.layers, "f app/file 1\n")
	}
	out.layers = append(out.layers, layer)
	for _, text := range c.files {
		name, body, _ := strings.Cut(text, ": ")
		out.parts["project/"+name] = []byte(strings.ReplaceAll(body, "|", "\n") + "\n")
		out.project[name] = &fstest.MapFile{Data: out.parts["project/"+name]}
	}
	b, err := json.Marshal(map[string]any{"usage": uses})
	if err != nil {
		t.Fatal(err)
	}
	out.parts["facts.json"] = b
	conf, _ := json.Marshal(map[string]any{"Cmd": c.cmd})
	out.parts["config.json"] = conf
	return out
}

// changed are the lines of diffs that begin with + or -, without the headers.
func changed(diff string) string {
	var out []string
	for line := range strings.Lines(diff) {
		if (line[0] == '+' || line[0] == '-') && !strings.HasPrefix(line, "+++") && !strings.HasPrefix(line, "---") {
			out = append(out, strings.TrimRight(line, "\n"))
		}
	}
	return strings.Join(out, "\n")
}

// try asks a rule about a case.
func (c *toolCase) try(t *testing.T, rule string) {
	tc := c.facts(t, rule)
	p := tc.pass(t)
	found, err := Find(t.Context(), p, tc.rules)
	if err != nil {
		t.Fatal(err)
	}
	got, again, saved, risk := "silent", "", int64(0), whittle.RiskLow
	for i := range found {
		hold(t, p, &found[i])
		if i == 0 {
			got = ""
		}
		if found[i].Fix == nil {
			got += "no fix"
			continue
		}
		got = strings.TrimPrefix(got+"\n"+changed(tc.fixed(t, p, &found[i])), "\n")
		again += strings.Join(found[i].Fix.Remake, " ")
		saved += saving(p, &found[i]).Low
		risk = found[i].Risk
	}
	if got != strings.TrimSpace(c.want) {
		t.Errorf("got:\n%s\nwant:\n%s\n%s", got, strings.TrimSpace(c.want), show(p, found))
	}
	if again != c.again {
		t.Errorf("made again: %q, want %q", again, c.again)
	}
	if want := c.bytes * distBytes; c.bytes > 0 && (saved < want || saved > want+500*int64(len(c.dists))) {
		t.Errorf("saves %d, want about %d\n%s", saved, want, show(p, found))
	}
	if want := cmp.Or(c.risk, whittle.RiskLow); len(found) > 0 && found[0].Fix != nil && risk != want {
		t.Errorf("risk %s, want %s", risk, want)
	}
}

// Projects by tool, with pytest and mypy for developers and flask for the
// application.
const (
	uvProject     = "pyproject.toml: [project]|name = \"svc\"|version = \"1\"|dependencies = [\"flask\"]||[dependency-groups]|dev = [\"mypy\", \"pytest\"]"
	poetryProject = "pyproject.toml: [tool.poetry]|name = \"svc\"||[tool.poetry.dependencies]|python = \"^3.13\"|flask = \"^3\"||[tool.poetry.group.dev.dependencies]|pytest = \"^8\"|mypy = \"*\""
	extraProject  = "pyproject.toml: [project]|name = \"svc\"|version = \"1\"|dependencies = [\"flask\"]||[project.optional-dependencies]|dev = [\"mypy\", \"pytest\"]|pg = [\"psycopg\"]"
	own           = "svc eag flask mypy;extra=='dev' pytest;extra=='dev' psycopg;extra=='pg'"
)

var devDists = []string{"svc eag flask", "flask eag", "mypy unu mypy-extensions", "mypy-extensions unu", "pytest unu pluggy", "pluggy unu"}

// installLines are commands that ask for what is for developers, by tool and place.
var installLines = []toolCase{
	{name: "uv sync", files: []string{uvProject}, dockerfile: "FROM a\nRUN uv sync --locked\n", want: "-RUN uv sync --locked\n+RUN uv sync --locked --no-dev", bytes: 4},
	{name: "uv sync and uv run", files: []string{uvProject}, dockerfile: "FROM a\nRUN uv sync\nCMD [\"uv\", \"run\", \"flask\", \"run\"]\n",
		want: "-RUN uv sync\n-CMD [\"uv\", \"run\", \"flask\", \"run\"]\n+RUN uv sync --no-dev\n+CMD [\"uv\", \"run\", \"--no-dev\", \"flask\", \"run\"]"},
	{name: "uv run of the shell", files: []string{uvProject}, dockerfile: "FROM a\nRUN uv sync\nCMD uv run flask run\n",
		want: "-RUN uv sync\n-CMD uv run flask run\n+RUN uv sync --no-dev\n+CMD uv run --no-dev flask run"},
	{name: "uv run in a script", files: []string{uvProject, "start.sh: uv run flask run"}, dockerfile: "FROM a\nRUN uv sync\nCMD [\"./start.sh\"]\n", want: "no fix"},
	{name: "uv run that does not sync", files: []string{uvProject}, dockerfile: "FROM a\nRUN uv sync\nCMD [\"uv\", \"run\", \"--no-sync\", \"flask\"]\n", want: "-RUN uv sync\n+RUN uv sync --no-dev"},
	{name: "uv sync twice", files: []string{uvProject}, dockerfile: "FROM a\nRUN uv sync --frozen --no-install-project\nRUN uv sync --frozen\n",
		want: "-RUN uv sync --frozen --no-install-project\n-RUN uv sync --frozen\n+RUN uv sync --frozen --no-install-project --no-dev\n+RUN uv sync --frozen --no-dev"},
	{name: "uv sync, the second alone", files: []string{uvProject}, dockerfile: "FROM a\nRUN uv sync --frozen --no-dev\nRUN uv sync --frozen\n", want: "-RUN uv sync --frozen\n+RUN uv sync --frozen --no-dev"},
	{name: "uv sync with mounts, on several lines", files: []string{uvProject}, dockerfile: "FROM a\nRUN --mount=type=cache,target=/root/.cache/uv \\\n    uv sync --locked \\\n      --no-install-project\n",
		want: "-      --no-install-project\n+      --no-install-project \\\n+      --no-dev"},
	{name: "uv sync --no-dev", files: []string{uvProject}, dockerfile: "FROM a\nRUN uv sync --no-dev\n", want: "silent"},
	{name: "UV_NO_DEV", files: []string{uvProject}, dockerfile: "FROM a\nENV UV_NO_DEV=1\nRUN uv sync\n", want: "silent"},
	{name: "UV_NO_DEV before the command", files: []string{uvProject}, dockerfile: "FROM a\nRUN UV_NO_DEV=1 uv sync\n", want: "silent"},
	{name: "uv sync --no-default-groups", files: []string{uvProject}, dockerfile: "FROM a\nRUN uv sync --no-default-groups\n", want: "silent"},
	{name: "uv sync --group dev", files: []string{strings.Replace(uvProject, "||[dep", "||[tool.uv]|default-groups = []||[dep", 1)}, dockerfile: "FROM a\nRUN uv sync --group dev --locked\n", want: "-RUN uv sync --group dev --locked\n+RUN uv sync --locked"},
	{name: "uv sync --all-groups", files: []string{uvProject}, dockerfile: "FROM a\nRUN uv sync --all-groups\n", want: "-RUN uv sync --all-groups\n+RUN uv sync --all-groups --no-group dev"},
	{name: "uv's default groups are all for developers", files: []string{"pyproject.toml: [project]|name = \"svc\"|version = \"1\"|dependencies = [\"flask\"]|[tool.uv]|default-groups = [\"lint\", \"test\"]|[dependency-groups]|lint = [\"mypy\"]|test = [\"pytest\"]"},
		dockerfile: "FROM a\nRUN uv sync\n", want: "-RUN uv sync\n+RUN uv sync --no-default-groups", bytes: 4},
	{name: "one of uv's default groups", files: []string{"pyproject.toml: [project]|name = \"svc\"|version = \"1\"|dependencies = []|[tool.uv]|default-groups = [\"server\", \"test\"]|[dependency-groups]|server = [\"flask\"]|test = [\"pytest\", \"mypy\"]"},
		dockerfile: "FROM a\nRUN uv sync\n", want: "-RUN uv sync\n+RUN uv sync --no-group test", bytes: 4},
	{name: "uv's groups include groups", files: []string{"pyproject.toml: [project]|name = \"svc\"|version = \"1\"|dependencies = [\"flask\"]|[dependency-groups]|dev = [{include-group = \"test\"}, \"mypy\"]|test = [\"pytest\"]"},
		dockerfile: "FROM a\nRUN uv sync\n", want: "-RUN uv sync\n+RUN uv sync --no-dev", bytes: 4},
	{name: "uv's old table", files: []string{"pyproject.toml: [project]|name = \"svc\"|version = \"1\"|dependencies = [\"flask\"]|[tool.uv]|dev-dependencies = [\"mypy\", \"pytest\"]"},
		dockerfile: "FROM a\nRUN uv sync\n", want: "-RUN uv sync\n+RUN uv sync --no-dev", bytes: 4},
	{name: "uv sync --extra dev", files: []string{extraProject}, dockerfile: "FROM a\nRUN uv sync --extra dev --extra pg\n", want: "-RUN uv sync --extra dev --extra pg\n+RUN uv sync --extra pg"},
	{name: "uv sync --all-extras", files: []string{extraProject}, dockerfile: "FROM a\nRUN uv sync --all-extras\n", want: "-RUN uv sync --all-extras\n+RUN uv sync --all-extras --no-extra dev"},
	{name: "poetry install", files: []string{poetryProject}, dockerfile: "FROM a\nRUN poetry install --no-root\n", want: "-RUN poetry install --no-root\n+RUN poetry install --no-root --only main", bytes: 4},
	{name: "poetry sync", files: []string{poetryProject}, dockerfile: "FROM a\nRUN poetry sync\n", want: "-RUN poetry sync\n+RUN poetry sync --only main"},
	{name: "poetry with another group", files: []string{poetryProject + "||[tool.poetry.group.server.dependencies]|gunicorn = \"*\""}, dockerfile: "FROM a\nRUN poetry install\n", want: "-RUN poetry install\n+RUN poetry install --without dev"},
	{name: "poetry 1.1", files: []string{poetryProject}, dockerfile: "FROM a\nENV POETRY_VERSION=1.1.15\nRUN poetry install\n", want: "-RUN poetry install\n+RUN poetry install --no-dev"},
	{name: "poetry --with dev", files: []string{strings.Replace(poetryProject, "||[tool.poetry.group.dev.dep", "||[tool.poetry.group.dev]|optional = true||[tool.poetry.group.dev.dep", 1)}, dockerfile: "FROM a\nRUN poetry install --with dev\n", want: "-RUN poetry install --with dev\n+RUN poetry install"},
	{name: "poetry, an optional group", files: []string{strings.Replace(poetryProject, "||[tool.poetry.group.dev.dep", "||[tool.poetry.group.dev]|optional = true||[tool.poetry.group.dev.dep", 1)}, dockerfile: "FROM a\nRUN poetry install\n", want: "silent"},
	{name: "poetry --only", files: []string{poetryProject}, dockerfile: "FROM a\nRUN poetry install --only main,dev\n", want: "-RUN poetry install --only main,dev\n+RUN poetry install --only main"},
	{name: "poetry --only main", files: []string{poetryProject}, dockerfile: "FROM a\nRUN poetry install --only=main\n", want: "silent"},
	{name: "poetry --without dev", files: []string{poetryProject}, dockerfile: "FROM a\nRUN poetry install --without dev\n", want: "silent"},
	{name: "poetry --no-dev", files: []string{poetryProject}, dockerfile: "FROM a\nRUN poetry install --no-dev\n", want: "silent"},
	{name: "poetry's old table", files: []string{"pyproject.toml: [tool.poetry]|name = \"svc\"||[tool.poetry.dependencies]|flask = \"^3\"||[tool.poetry.dev-dependencies]|pytest = \"^8\"|mypy = \"*\""},
		dockerfile: "FROM a\nRUN poetry config virtualenvs.create false && poetry install --no-interaction --no-ansi\n", want: "-RUN poetry config virtualenvs.create false && poetry install --no-interaction --no-ansi\n+RUN poetry config virtualenvs.create false && poetry install --no-interaction --no-ansi --only main"},
	{name: "pdm install", files: []string{uvProject}, dockerfile: "FROM a\nRUN pdm install --check --no-editable\n", want: "-RUN pdm install --check --no-editable\n+RUN pdm install --check --no-editable --prod"},
	{name: "pdm sync", files: []string{"pyproject.toml: [project]|name = \"svc\"|version = \"1\"|dependencies = [\"flask\"]|[tool.pdm.dev-dependencies]|test = [\"pytest\"]|lint = [\"mypy\"]"}, dockerfile: "FROM a\nRUN pdm sync\n", want: "-RUN pdm sync\n+RUN pdm sync --prod", bytes: 4},
	{name: "pdm --prod", files: []string{uvProject}, dockerfile: "FROM a\nRUN pdm sync --prod\n", want: "silent"},
	{name: "pdm -G dev", files: []string{uvProject}, dockerfile: "FROM a\nRUN pdm sync --prod -G dev\n", want: "-RUN pdm sync --prod -G dev\n+RUN pdm sync --prod"},
	{name: "pipenv --dev", files: []string{"Pipfile: [packages]|flask = \"*\"|[dev-packages]|pytest = \"*\"|mypy = \"*\""}, dockerfile: "FROM a\nRUN pipenv install --system --deploy --dev\n", want: "-RUN pipenv install --system --deploy --dev\n+RUN pipenv install --system --deploy", bytes: 4},
	{name: "pipenv", files: []string{"Pipfile: [packages]|flask = \"*\"|[dev-packages]|pytest = \"*\"|mypy = \"*\""}, dockerfile: "FROM a\nRUN pipenv install --system --deploy\n", want: "silent"},
	{name: "an extra", files: []string{extraProject}, dockerfile: "FROM a\nRUN pip install --no-cache-dir \".[dev]\"\n", want: "-RUN pip install --no-cache-dir \".[dev]\"\n+RUN pip install --no-cache-dir .", bytes: 4},
	{name: "an extra of several", files: []string{extraProject}, dockerfile: "FROM a\nRUN pip install -e .[dev,pg]\n", want: "-RUN pip install -e .[dev,pg]\n+RUN pip install -e .[pg]"},
	{name: "an extra that names others", files: []string{"pyproject.toml: [project]|name = \"svc\"|version = \"1\"|dependencies = [\"flask\"]||[project.optional-dependencies]|test = [\"pytest\"]|dev = [\"svc[test]\", \"mypy\"]"}, dockerfile: "FROM a\nRUN pip install '.[dev]'\n", want: "-RUN pip install '.[dev]'\n+RUN pip install .", bytes: 4},
	{name: "no extra", files: []string{extraProject}, dockerfile: "FROM a\nRUN pip install .\n", want: "silent"},
	{name: "uv pip install", files: []string{extraProject}, dockerfile: "FROM a\nRUN uv pip install --system -r pyproject.toml --extra dev\n", want: "-RUN uv pip install --system -r pyproject.toml --extra dev\n+RUN uv pip install --system -r pyproject.toml"},
	{name: "pip's group", files: []string{uvProject}, dockerfile: "FROM a\nRUN pip install --group dev .\n", want: "-RUN pip install --group dev .\n+RUN pip install ."},
	{name: "a file that includes the other", files: []string{"requirements.txt: flask", "requirements-dev.txt: -r requirements.txt|pytest|mypy"}, dockerfile: "FROM a\nCOPY requirements*.txt ./\nRUN pip install -r requirements-dev.txt\n", want: "-RUN pip install -r requirements-dev.txt\n+RUN pip install -r requirements.txt", bytes: 4},
	{name: "a file in a folder", files: []string{"requirements/base.txt: flask", "requirements/dev.txt: -r base.txt|pytest|mypy"}, dockerfile: "FROM a\nCOPY requirements /tmp/requirements\nRUN pip install --no-cache-dir -r /tmp/requirements/dev.txt\n", want: "-RUN pip install --no-cache-dir -r /tmp/requirements/dev.txt\n+RUN pip install --no-cache-dir -r /tmp/requirements/base.txt"},
	{name: "both files", files: []string{"requirements.txt: flask", "requirements-dev.txt: pytest|mypy"}, dockerfile: "FROM a\nCOPY . .\nRUN pip install -r requirements.txt -r requirements-dev.txt\n", want: "-RUN pip install -r requirements.txt -r requirements-dev.txt\n+RUN pip install -r requirements.txt", bytes: 4},
	{name: "a command for each file", files: []string{"requirements.txt: flask", "requirements-dev.txt: pytest|mypy"}, dockerfile: "FROM a\nCOPY . .\nRUN pip install -r requirements.txt && pip install -r requirements-dev.txt\n", want: "-RUN pip install -r requirements.txt && pip install -r requirements-dev.txt\n+RUN pip install -r requirements.txt"},
	{name: "a RUN for each file", files: []string{"requirements.txt: flask", "requirements-dev.txt: -r requirements.txt|pytest|mypy"}, dockerfile: "FROM a\nCOPY . .\nRUN pip install -r requirements.txt\nRUN pip install -r requirements-dev.txt\n", want: "-RUN pip install -r requirements-dev.txt"},
	{name: "a whole file for developers", files: []string{"requirements.txt: flask==3.0", "requirements-dev.txt: flask==3.0|pytest|mypy"}, dockerfile: "FROM a\nCOPY requirements-dev.txt ./\nRUN pip install -r requirements-dev.txt\n", want: "-COPY requirements-dev.txt ./\n-RUN pip install -r requirements-dev.txt\n+COPY requirements-dev.txt requirements.txt ./\n+RUN pip install -r requirements.txt", bytes: 4},
	{name: "a whole file with other versions", files: []string{"requirements.txt: flask==2.0", "requirements-dev.txt: flask==3.0|pytest|mypy"}, dockerfile: "FROM a\nCOPY requirements-dev.txt ./\nRUN pip install -r requirements-dev.txt\n", want: "no fix"},
	{name: "another stage is for tests", files: []string{uvProject}, dockerfile: "FROM a AS base\nRUN uv sync --no-dev\nFROM base AS test\nRUN uv sync && pytest\nFROM base\nCOPY app.py /app/\nRUN uv sync\n", want: "-RUN uv sync\n+RUN uv sync --no-dev"},
	{name: "the target is for tests", files: []string{uvProject}, target: "test", dockerfile: "FROM a AS test\nRUN uv sync\n", want: "silent"},
	{name: "the last stage is for development", files: []string{uvProject}, dockerfile: "FROM a AS base\nRUN uv sync --no-dev\nFROM base AS development\nRUN uv sync\n", want: "silent"},
	{name: "the builder's environment", files: []string{uvProject}, dockerfile: "FROM a AS builder\nRUN uv sync --frozen\nFROM b\nCOPY --from=builder /app /app\n", want: "-RUN uv sync --frozen\n+RUN uv sync --frozen --no-dev"},
	{name: "a RUN tests", files: []string{uvProject}, dockerfile: "FROM a\nRUN uv sync && pytest\n", want: "silent"},
	{name: "a script tests", files: []string{uvProject, "scripts/test.sh: pytest -x"}, dockerfile: "FROM a\nRUN uv sync\n", want: "silent"},
	{name: "compose tests", files: []string{uvProject, "compose.yaml: services:|  t:|    build: .|    command: pytest"}, dockerfile: "FROM a\nRUN uv sync\n", want: "silent"},
	{name: "compose tests if a comment is taken away", files: []string{uvProject, "docker-compose.yml: services:|  web:|    build: .|  #-- uncomment to run tests --|  # t:|  #   build: .|  #   command: python -m pytest ./tests"}, dockerfile: "FROM a\nRUN uv sync\n", want: "silent"},
	{name: "compose speaks of tests", files: []string{uvProject, "docker-compose.yml: services:|  web:|    build: .|    # pytest runs in CI"}, dockerfile: "FROM a\nRUN uv sync\n", want: "-RUN uv sync\n+RUN uv sync --no-dev"},
	{name: "the health check runs one", files: []string{uvProject}, dockerfile: "FROM a\nRUN uv sync\nHEALTHCHECK CMD mypy --version\n", want: "silent"},
	{name: "the Makefile that the image runs", files: []string{uvProject, "Makefile: serve:|	pytest"}, dockerfile: "FROM a\nRUN uv sync\nCMD [\"make\", \"serve\"]\n", want: "silent"},
	{name: "another Makefile, tests, noxfile and CI", files: []string{uvProject, "Makefile: test:|	pytest", "tests/test_x.py: import pytest", "test_y.py: import pytest", "conftest.py: import pytest", "noxfile.py: import nox, mypy", "tox.ini: [testenv]|commands = pytest", ".github/workflows/ci.yml: run: pytest"}, dockerfile: "FROM a\nRUN uv sync\n", want: "-RUN uv sync\n+RUN uv sync --no-dev"},
	{name: "a module of the project imports one", files: []string{uvProject, "svc/testing.py: import pytest"}, dockerfile: "FROM a\nRUN uv sync\n", want: "silent"},
	{name: "settings name one", files: []string{uvProject, "proj/settings.py: PLUGINS = ['mypy.plugin']"}, dockerfile: "FROM a\nRUN uv sync\n", want: "silent"},
}

// TestInstallsForDevelopers: the command that asks for tools does not any more.
func TestInstallsForDevelopers(t *testing.T) {
	for _, c := range installLines {
		t.Run(c.name, func(t *testing.T) {
			if c.dists == nil {
				c.dists = slices.Clone(devDists)
				if strings.Contains(strings.Join(c.files, ""), "optional-dependencies") {
					c.dists[0] = own
				}
			}
			if c.cmd == nil {
				c.cmd = []string{"svc"}
			}
			c.try(t, "development-tools")
		})
	}
}

// misplacedTools are tools among the application's requirements, by tool and place.
var misplacedTools = []toolCase{
	{name: "named by a script that starts containers", files: []string{"pyproject.toml: [project]|name = \"svc\"|version = \"1\"|dependencies = [\"flask\", \"mypy\"]||[dependency-groups]|dev = [\"pytest\"]", "uv.lock: version = 1", "run: #!/usr/bin/env bash|cmd() {|  docker compose exec web \"$@\"|}|lint() {|  cmd mypy .|}"}, dockerfile: "FROM a\nRUN uv sync --locked --no-dev\n",
		want: "-dependencies = [\"flask\", \"mypy\"]\n+dependencies = [\"flask\"]\n-dev = [\"pytest\"]\n+dev = [\"pytest\", \"mypy\"]", again: "uv.lock", risk: whittle.RiskMedium},
	{name: "tests run in the image, with what they import", dists: []string{"svc eag flask", "flask eag", "pytest unu", "pytest-mock unu pytest", "faker unu", "mypy unu"}, files: []string{"pyproject.toml: [project]|name = \"svc\"|version = \"1\"|dependencies = [\"flask\", \"pytest\", \"pytest-mock\", \"faker\", \"mypy\"]", "compose.yaml: services:|  web:|    build: .|  # t:|  #   command: python -m pytest tests"}, dockerfile: "FROM a\nRUN pip install .\n",
		want: "-dependencies = [\"flask\", \"pytest\", \"pytest-mock\", \"faker\", \"mypy\"]\n+dependencies = [\"flask\", \"pytest\", \"pytest-mock\", \"faker\"]\n+\n+[project.optional-dependencies]\n+dev = [\"mypy\"]"},
	{name: "run by a script that starts containers", files: []string{"pyproject.toml: [project]|name = \"svc\"|version = \"1\"|dependencies = [\"flask\", \"mypy\"]||[dependency-groups]|dev = [\"pytest\"]", "uv.lock: version = 1", "run: #!/usr/bin/env bash|cmd() {|  docker compose exec web \"$@\"|}|lint() {|  mypy .|}"}, dockerfile: "FROM a\nRUN uv sync --locked --no-dev\n",
		want: "silent"},
	{name: "run by a launcher in such a script", files: []string{"pyproject.toml: [project]|name = \"svc\"|version = \"1\"|dependencies = [\"flask\", \"mypy\"]||[dependency-groups]|dev = [\"pytest\"]", "uv.lock: version = 1", "run: #!/usr/bin/env bash|cmd() {|  docker compose exec web \"$@\"|}|lint() {|  uv run mypy .|}"}, dockerfile: "FROM a\nRUN uv sync --locked --no-dev\n",
		want: "silent"},
	{name: "such a script is what the image starts", files: []string{"pyproject.toml: [project]|name = \"svc\"|version = \"1\"|dependencies = [\"flask\", \"mypy\"]||[dependency-groups]|dev = [\"pytest\"]", "uv.lock: version = 1", "run: #!/usr/bin/env bash|cmd() {|  docker compose exec web \"$@\"|}|lint() {|  cmd mypy .|}"}, dockerfile: "FROM a\nRUN uv sync --locked --no-dev\n",
		cmd: []string{"/app/run"}, want: "silent"},
	{name: "the script of the install asks for all groups", files: []string{"pyproject.toml: [project]|name = \"svc\"|version = \"1\"|dependencies = [\"flask\", \"mypy\"]||[dependency-groups]|dev = [\"pytest\"]", "uv.lock: version = 1", "run: #!/usr/bin/env bash|cmd() {|  docker compose exec web \"$@\"|}|lint() {|  cmd mypy .|}", "install.sh: #!/bin/sh|uv sync --frozen"}, dockerfile: "FROM a\nCOPY install.sh .\nRUN ./install.sh\n",
		want: "no fix"},
	{name: "uv with a group", files: []string{"pyproject.toml: [project]|name = \"svc\"|version = \"1\"|dependencies = [\"flask\", \"mypy\", \"pytest>=8\"]||[dependency-groups]|dev = [\"mypy\"]", "uv.lock: version = 1"}, dockerfile: "FROM a\nRUN uv sync --locked --no-dev\n",
		want: "-dependencies = [\"flask\", \"mypy\", \"pytest>=8\"]\n+dependencies = [\"flask\"]\n-dev = [\"mypy\"]\n+dev = [\"mypy\", \"pytest>=8\"]", again: "uv.lock", bytes: 4},
	{name: "uv without a group", files: []string{"pyproject.toml: [project]|name = \"svc\"|version = \"1\"|dependencies = [\"flask\", \"mypy\", \"pytest\"]", "uv.lock: version = 1"}, dockerfile: "FROM a\nRUN uv sync --locked --no-cache\n",
		want: "-dependencies = [\"flask\", \"mypy\", \"pytest\"]\n+dependencies = [\"flask\"]\n+\n+[dependency-groups]\n+dev = [\"mypy\", \"pytest\"]\n-RUN uv sync --locked --no-cache\n+RUN uv sync --locked --no-cache --no-dev", again: "uv.lock", bytes: 4},
	{name: "uv, both ways", files: []string{"pyproject.toml: [project]|name = \"svc\"|version = \"1\"|dependencies = [\"flask\", \"mypy\"]||[dependency-groups]|dev = [\"pytest\"]", "uv.lock: version = 1"}, dockerfile: "FROM a\nRUN uv sync\n",
		want: "-dependencies = [\"flask\", \"mypy\"]\n+dependencies = [\"flask\"]\n-dev = [\"pytest\"]\n+dev = [\"pytest\", \"mypy\"]\n-RUN uv sync\n+RUN uv sync --no-dev", again: "uv.lock", bytes: 4},
	{name: "groups by purpose", files: []string{"pyproject.toml: [project]|name = \"svc\"|version = \"1\"|dependencies = [\"flask\", \"mypy\", \"pytest\"]||[dependency-groups]|lint = [\"ruff\"]|test = [\"coverage\"]", "uv.lock: version = 1"}, dockerfile: "FROM a\nRUN uv sync\n",
		want: "-dependencies = [\"flask\", \"mypy\", \"pytest\"]\n+dependencies = [\"flask\"]\n-lint = [\"ruff\"]\n-test = [\"coverage\"]\n+lint = [\"ruff\", \"mypy\"]\n+test = [\"coverage\", \"pytest\"]", again: "uv.lock"},
	{name: "uv's old table", files: []string{"pyproject.toml: [project]|name = \"svc\"|version = \"1\"|dependencies = [\"flask\", \"pytest\"]||[tool.uv]|dev-dependencies = [\"ruff\"]"}, dockerfile: "FROM a\nRUN uv sync --no-dev\n",
		want: "-dependencies = [\"flask\", \"pytest\"]\n+dependencies = [\"flask\"]\n-dev-dependencies = [\"ruff\"]\n+dev-dependencies = [\"ruff\", \"pytest\"]", bytes: 2},
	{name: "poetry", files: []string{"pyproject.toml: [tool.poetry]|name = \"svc\"||[tool.poetry.dependencies]|python = \"^3.13\"|flask = \"^3\"|pytest = \"^8\"||[tool.poetry.group.dev.dependencies]|mypy = \"*\"", "poetry.lock: "}, dockerfile: "FROM a\nRUN poetry install --only main\n",
		want: "-pytest = \"^8\"\n+pytest = \"^8\"", again: "poetry.lock", bytes: 2},
	{name: "poetry without a group", files: []string{"pyproject.toml: [tool.poetry]|name = \"svc\"||[tool.poetry.dependencies]|python = \"^3.13\"|flask = \"^3\"|pytest = \"^8\"", "poetry.lock: "}, dockerfile: "FROM a\nRUN poetry install --no-root\n",
		want: "+\n+[tool.poetry.group.dev.dependencies]\n-RUN poetry install --no-root\n+RUN poetry install --no-root --only main", again: "poetry.lock"},
	{name: "pdm", files: []string{"pyproject.toml: [project]|name = \"svc\"|version = \"1\"|dependencies = [\"flask\", \"pytest\"]||[tool.pdm.dev-dependencies]|dev = [\"mypy\"]", "pdm.lock: "}, dockerfile: "FROM a\nRUN pdm sync --prod\n",
		want: "-dependencies = [\"flask\", \"pytest\"]\n+dependencies = [\"flask\"]\n-dev = [\"mypy\"]\n+dev = [\"mypy\", \"pytest\"]", again: "pdm.lock"},
	{name: "pipenv", files: []string{"Pipfile: [packages]|flask = \"*\"|pytest = \"==8.0\"||[dev-packages]|mypy = \"*\"", "Pipfile.lock: {}"}, dockerfile: "FROM a\nRUN pipenv install --system --deploy\n",
		want: "-pytest = \"==8.0\"\n+pytest = \"==8.0\"", again: "Pipfile.lock", bytes: 2},
	{name: "pipenv without a table", files: []string{"Pipfile: [packages]|flask = \"*\"|pytest = \"*\"", "Pipfile.lock: {}"}, dockerfile: "FROM a\nRUN pipenv sync\n",
		want: "+\n+[dev-packages]", again: "Pipfile.lock"},
	{name: "an extra", files: []string{"pyproject.toml: [project]|name = \"svc\"|version = \"1\"|dependencies = [\"flask\", \"pytest\"]||[project.optional-dependencies]|test = [\"coverage\"]"}, dockerfile: "FROM a\nRUN pip install .\n",
		want: "-dependencies = [\"flask\", \"pytest\"]\n+dependencies = [\"flask\"]\n-test = [\"coverage\"]\n+test = [\"coverage\", \"pytest\"]"},
	{name: "no place yet", files: []string{"pyproject.toml: [project]|name = \"svc\"|version = \"1\"|dependencies = [\"flask\", \"pytest\"]"}, dockerfile: "FROM a\nRUN pip install .\n",
		want: "-dependencies = [\"flask\", \"pytest\"]\n+dependencies = [\"flask\"]\n+\n+[project.optional-dependencies]\n+dev = [\"pytest\"]"},
	{name: "requirements", files: []string{"requirements.txt: flask==3.0|mypy==1.0|pytest==8.0", "requirements-dev.txt: -r requirements.txt|ruff"}, dockerfile: "FROM a\nRUN pip install -r requirements.txt\n",
		want: "-mypy==1.0\n-pytest==8.0\n+mypy==1.0\n+pytest==8.0", bytes: 4},
	{name: "requirements that developers have already", files: []string{"requirements.txt: flask==3.0|mypy==1.0|pytest==8.0", "requirements-dev.txt: mypy|pytest"}, dockerfile: "FROM a\nRUN pip install -r requirements.txt\n",
		want: "-mypy==1.0\n-pytest==8.0"},
	{name: "no other requirements", files: []string{"requirements.txt: flask==3.0|pytest==8.0|mypy"}, dockerfile: "FROM a\nCOPY . .\nRUN pip install -r requirements.txt\n",
		want: "-pytest==8.0\n-mypy\n+-r requirements.txt\n+mypy\n+pytest==8.0"},
	{name: "a folder of requirements", files: []string{"requirements/base.txt: flask|pytest", "requirements/dev.txt: -r base.txt|mypy"}, dockerfile: "FROM a\nRUN pip install -r requirements/base.txt\n", want: "-pytest\n+pytest", bytes: 2},
	{name: "compiled requirements", files: []string{"requirements.in: flask|pytest", "requirements.txt: # This file is autogenerated by pip-compile|# pip-compile requirements.in|flask==3|pytest==8"}, dockerfile: "FROM a\nRUN pip install -r requirements.txt\n",
		want: "-pytest\n+-c requirements.txt\n+pytest", again: "requirements.txt"},
	{name: "setup.cfg", files: []string{"setup.cfg: [metadata]|name = svc|[options]|install_requires =|    flask|    pytest"}, dockerfile: "FROM a\nRUN pip install .\n", want: "no fix"},
	{name: "an exported file", files: []string{"pyproject.toml: [tool.poetry]|name = \"svc\"", "poetry.lock: ", "requirements.txt: flask==3|pytest==8"}, dockerfile: "FROM a\nRUN pip install -r requirements.txt\n", want: "no fix"},
	{name: "conda-lock beside", files: []string{"pyproject.toml: [project]|name = \"svc\"|version = \"1\"|dependencies = [\"flask\", \"pytest\"]", "pylock.toml: "}, dockerfile: "FROM a\nRUN pip install .\n", want: "no fix"},
	{name: "an application that imports it", files: []string{"requirements.txt: flask|pytest", "app.py: import pytest"}, dockerfile: "FROM a\nRUN pip install -r requirements.txt\n", want: "silent"},
	{name: "a library needs it", files: []string{"requirements.txt: flask|pytest"}, dists: []string{"flask eag pytest", "pytest laz"}, dockerfile: "FROM a\nRUN pip install -r requirements.txt\n", want: "silent"},
	{name: "the release from the index", files: []string{"pyproject.toml: [project]|name = \"svc\"|version = \"1\"|dependencies = [\"flask\", \"pytest\"]"}, dockerfile: "FROM a\nRUN pip install svc==1.0\n", want: "no fix"},
	{name: "nothing is followed", files: []string{"requirements.txt: flask|pytest"}, dists: []string{"flask unk", "pytest unk"}, dockerfile: "FROM a\nRUN pip install -r requirements.txt\n", want: "silent"},
	{name: "an image of tests", files: []string{"requirements.txt: flask|pytest|mypy"}, dists: []string{"flask eag", "pytest eag", "mypy unu"}, dockerfile: "FROM a\nRUN pip install -r requirements.txt\n", want: "silent"},
	{name: "stubs", files: []string{"requirements.txt: flask|types-requests|pandas-stubs", "requirements-dev.txt: mypy"}, dists: []string{"flask eag", "types-requests unk", "pandas-stubs unk"}, dockerfile: "FROM a\nRUN pip install -r requirements.txt\n",
		want: "-types-requests\n-pandas-stubs\n+pandas-stubs\n+types-requests", bytes: 2},
	{name: "a colour", files: []string{"requirements.txt: flask|black", "requirements-dev.txt: mypy", "app.py: COLORS = ['black', 'red']"}, dists: []string{"flask eag", "black unu"}, dockerfile: "FROM a\nRUN pip install -r requirements.txt\n", want: "-black\n+black"},
	{name: "a program", files: []string{"requirements.txt: flask|black", "app.py: import subprocess|subprocess.run(['black', x])"}, dists: []string{"flask eag", "black unu"}, dockerfile: "FROM a\nRUN pip install -r requirements.txt\n", want: "silent"},
	{name: "words in a text", files: []string{"requirements.txt: flask|mypy", "requirements-dev.txt: ruff", "app.py: on('click')"}, dists: []string{"flask eag", "mypy unu click", "click unu"}, dockerfile: "FROM a\nRUN pip install -r requirements.txt\n", want: "-mypy\n+mypy", bytes: 2},
	{name: "what an optional import has", files: []string{"requirements.txt: flask|ipython", "requirements-dev.txt: ruff"}, dists: []string{"flask eag", "ipython opt"}, dockerfile: "FROM a\nRUN pip install -r requirements.txt\n", want: "-ipython\n+ipython"},
	{name: "what else a group has", files: []string{"pyproject.toml: [project]|name = \"svc\"|version = \"1\"|dependencies = [\"flask\"]|[dependency-groups]|dev = [\"python-dotenv\", \"pytest\"]"}, dists: []string{"flask eag", "python-dotenv opt", "pytest unu"}, dockerfile: "FROM a\nRUN uv sync\n",
		want: "-RUN uv sync\n+RUN uv sync --no-dev", risk: whittle.RiskMedium},
	{name: "a group with what is used", files: []string{"pyproject.toml: [project]|name = \"svc\"|version = \"1\"|dependencies = [\"flask\"]|[dependency-groups]|dev = [\"gunicorn\", \"pytest\"]"}, dists: []string{"flask eag", "gunicorn eag", "pytest unu"}, dockerfile: "FROM a\nRUN uv sync\n", want: "silent"},
	{name: "what a tool alone brings and the application imports", files: []string{"requirements.txt: flask|pytest"}, dists: []string{"flask eag", "pytest unu packaging", "packaging eag"}, dockerfile: "FROM a\nRUN pip install -r requirements.txt\n", want: "silent"},
	{name: "named in a RUN", files: []string{"requirements.txt: flask"}, dists: []string{"flask eag", "pytest unu", "mypy unu"}, dockerfile: "FROM a\nRUN pip install --no-cache-dir flask pytest mypy\n", want: "-RUN pip install --no-cache-dir flask pytest mypy\n+RUN pip install --no-cache-dir flask", bytes: 2},
	{name: "one a line", files: []string{"requirements.txt: flask"}, dists: []string{"flask eag", "pytest unu"}, dockerfile: "FROM a\nRUN pip install \\\n    flask \\\n    'pytest>=8'\n", want: "-    flask \\\n-    'pytest>=8'\n+    flask"},
	{name: "alone in a RUN", files: []string{"requirements.txt: flask"}, dists: []string{"flask eag", "pytest unu"}, dockerfile: "FROM a\nRUN pip install -r requirements.txt\nRUN pip install pytest\n", want: "-RUN pip install pytest"},
	{name: "alone in a command", files: []string{"requirements.txt: flask"}, dists: []string{"flask eag", "pytest unu"}, dockerfile: "FROM a\nRUN pip install -r requirements.txt && pip install pytest ipdb\n", want: "-RUN pip install -r requirements.txt && pip install pytest ipdb\n+RUN pip install -r requirements.txt && pip install ipdb"},
	{name: "named and run", files: []string{"requirements.txt: flask"}, dists: []string{"flask eag", "pytest unu"}, dockerfile: "FROM a\nRUN pip install flask pytest && pytest\n", want: "silent"},
	{name: "named in another stage", files: []string{"requirements.txt: flask"}, dists: []string{"flask eag", "pytest unu"}, dockerfile: "FROM a AS test\nRUN pip install pytest\nFROM b\nRUN pip install flask\n", want: "silent"},
}

// TestMisplacedTools: tools go to where the project has its own.
func TestMisplacedTools(t *testing.T) {
	for _, c := range misplacedTools {
		t.Run(c.name, func(t *testing.T) {
			if c.dists == nil {
				c.dists = []string{"svc eag flask", "flask eag", "mypy unu mypy-extensions", "mypy-extensions unu", "pytest unu pluggy", "pluggy unu"}
				if !strings.Contains(strings.Join(c.files, ""), "mypy") {
					c.dists = slices.Delete(c.dists, 2, 4)
				}
			}
			c.try(t, "development-tools")
		})
	}
}
