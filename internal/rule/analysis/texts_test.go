package analysis

import (
	"strings"
	"testing"
	"testing/fstest"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/python"
)

// TestNamed: what an application says by other means than an import, each for
// one distribution, with the place or "" where it does not count.
func TestNamed(t *testing.T) {
	dist := python.Distribution{Name: "acme-kit", Site: "sp", Record: "sp/acme_kit-1.dist-info",
		Files:       []string{"sp/acme/__init__.py", "sp/acme_kit-1.dist-info/RECORD", "bin/akit-tool"},
		EntryPoints: []python.EntryPoint{{Group: "console_scripts", Name: "akit", Module: "acme.cli"}, {Group: "shop.payments", Name: "card", Module: "acme.card"}}}
	for _, c := range []struct{ name, file, text, dockerfile, want string }{
		{name: "subprocess", file: "start.py", text: "import subprocess, shlex\nsubprocess.call(shlex.split('akit -b :8000 app:app'))\n", want: "start.py:2"},
		{name: "a list of words", file: "start.py", text: "subprocess.run(\n  ['nice',\n   'akit'])\n", want: "start.py:3"},
		{name: "a program without an entry point", file: "a.py", text: "shutil.which('akit-tool')\n", want: "a.py:1"},
		{name: "settings", file: "proj/settings.py", text: "MIDDLEWARE = [\n  'acme.middleware.Kit',\n]\n", want: "proj/settings.py:2"},
		{name: "an f-string", file: "a.py", text: "import_module(f'acme.{name}')\n", want: "a.py:1"},
		{name: "a group of entry points", file: "a.py", text: "for e in entry_points(group='shop.payments'): e.load()\n", want: "a.py:1"},
		{name: "metadata", file: "a.py", text: "version('acme-kit')\n", want: "a.py:1"},
		{name: "a data file", file: "a.py", text: "files('acme').joinpath('x.csv')\n", want: "a.py:1"},
		{name: "a script of the shell", file: "entrypoint.sh", text: "#!/bin/sh\n# starts it\nexec akit \"$@\"\n", want: "entrypoint.sh:3"},
		{name: "a script without an ending", file: "bin/web", text: "#!/bin/sh\nexec akit\n", want: "bin/web:2"},
		{name: "a Procfile", file: "Procfile", text: "web: akit serve\n", want: "Procfile:1"},
		{name: "supervisor", file: "deploy/supervisord.conf", text: "[program:web]\ncommand=/venv/bin/akit serve\n", want: "deploy/supervisord.conf:2"},
		{name: "yaml", file: "logging.yaml", text: "handlers:\n  x: {class: acme.Handler}\n", want: "logging.yaml:2"},
		{name: "json", file: "plugins.json", text: "[\"acme.plugin\"]", want: "plugins.json:1"},
		{name: "a template", file: "templates/a.html", text: "{% load acme %}\n", want: "templates/a.html:1"},
		{name: "a list of names", file: "plugins.txt", text: "acme.plugin\n", want: "plugins.txt:1"},
		{name: "a table", file: "plugins.csv", text: "name,class\ncard,acme.Card\n", want: "plugins.csv:2"},
		{name: "a file of any name", file: "conf/app.conf.tmpl", text: "exec {{ akit }}\n", want: "conf/app.conf.tmpl:1"},
		{name: "pickled objects", file: "model.pkl", text: "\x80\x04\x8c\x09acme.core\x8c\x03Kit\x93)R.", want: "model.pkl:1"},
		{name: "own settings in pyproject.toml", file: "pyproject.toml", text: "[project]\nname = \"x\"\n[tool.shop]\nbackend = \"acme.backend\"\n", want: "pyproject.toml:4"},
		{name: "entry points in pyproject.toml", file: "pyproject.toml", text: "[project.entry-points.\"shop.pay\"]\ncard = \"acme:Kit\"\n", want: "pyproject.toml:2"},
		{name: "own settings in setup.cfg", file: "setup.cfg", text: "[shop]\nbackend = acme.Kit\n", want: "setup.cfg:2"},
		{name: "tasks of a queue", file: "tasks.py", text: "app.send_task('acme.tasks.run')\n", want: "tasks.py:1"},
		{name: "a folder env that is no environment", file: "env/live.py", text: "BACKEND = 'acme.Kit'\n", want: "env/live.py:1"},
		{name: "a hidden folder", file: ".shop/backend", text: "acme.Kit", want: ".shop/backend:1"},
		{name: "a name of parts", file: "a.py", text: "import os\nos.execvp('a' + 'kit', x)\n", want: "a.py:2"},
		{name: "a name that is joined", file: "a.py", text: "load('.'.join(['acme', 'cli']))\n", want: "a.py:1"},
		{name: "a Makefile that the image starts", file: "Makefile", text: "serve:\n\takit\n", dockerfile: "FROM a\nCMD [\"make\", \"serve\"]\n", want: "Makefile:2"},
		{name: "CMD", dockerfile: "FROM a\nRUN pip install acme-kit\nCMD [\"sh\", \"-c\", \"akit serve\"]\n", want: "Dockerfile:3"},
		{name: "ENV", dockerfile: "FROM a\nENV BACKEND=acme.backend\n", want: "Dockerfile:2"},
		{name: "RUN", dockerfile: "FROM a\nRUN pip install acme-kit && akit compile\n", want: "Dockerfile:2"},

		{name: "a comment", file: "a.py", text: "# acme was slow\nx = 1\n"},
		{name: "documentation", file: "a.py", text: "\"\"\"No acme-kit here.\"\"\"\n"},
		{name: "a comment of the shell", file: "a.sh", text: "#!/bin/sh\n# no akit\n"},
		{name: "another word", file: "a.py", text: "x = 'acmes akit2 my_akit'\n"},
		{name: "a declaration", file: "requirements.txt", text: "acme-kit\n"},
		{name: "a development tool's settings", file: ".pre-commit-config.yaml", text: "- id: akit\n"},
		{name: "a Makefile", file: "Makefile", text: "lint:\n\takit\n"},
		{name: "a list of requirements", file: "deps.txt", text: "acme-kit==1.0 --hash=x\n-r akit.txt\nacme-kit[x] ; python_version > '3'\n"},
		{name: "declared in pyproject.toml", file: "pyproject.toml", text: "[project]\ndependencies = [\"acme-kit\"]\n[tool.poetry.dependencies]\nacme-kit = \"1\"\n[tool.mypy]\nplugins = [\"acme.mypy\"]\n"},
		{name: "tasks of developers", file: "tasks.py", text: "from invoke import task\nrun('akit')\n"},
		{name: "an environment of Python", file: "venv/x.py", text: "run('akit')\n"},
		{name: "a copy of the declarations", file: "pyproject.old.txt", text: "dependencies = [\"acme-kit\"]\n"},
		{name: "a test", file: "test_x.py", text: "run('akit')\n"},
		{name: "a folder of tests", file: "tests/x.py", text: "run('akit')\n"},
		{name: "what is not text", file: "data", text: "\x00akit"},
		{name: "what installs it", dockerfile: "FROM a\nRUN pip install acme-kit && pip wheel acme-kit\n"},
		{name: "a comment of the Dockerfile", dockerfile: "FROM a\n# acme-kit is gone\nCMD [\"x\"]\n"},
	} {
		p := &Facts{Files: fstest.MapFS{}, Config: &whittle.Config{}}
		if c.file != "" {
			p.Files = fstest.MapFS{c.file: &fstest.MapFile{Data: []byte(c.text)}}
		}
		if c.dockerfile != "" {
			f, err := dockerfile.Parse("Dockerfile", []byte(c.dockerfile))
			if err != nil {
				t.Fatal(err)
			}
			p.Dockerfile = f
		}
		said, ok := New(p).AllTexts()
		if !ok {
			t.Errorf("%s: not all was read", c.name)
		}
		got, _ := said.Naming(&dist)
		if got != c.want {
			t.Errorf("%s: named in %q, want %q", c.name, got, c.want)
		}
	}
	p := New(&Facts{Config: &whittle.Config{Config: whittle.Process{Cmd: []string{"akit"}, Env: []string{"X=1"}}}})
	if got, _ := must(p.AllTexts()).Naming(&dist); !strings.HasPrefix(got, "the image's configuration") {
		t.Errorf("the image's command: %q", got)
	}
}

func must(s Texts, _ bool) Texts { return s }

// TestPickledWords: what is compressed is not taken for something that names
// nothing.
func TestPickledWords(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
		ok               bool
	}{
		{"protocol 4", "\x80\x04\x8c\x0bacme.models\x8c\x03Kit\x93)R.", "acme.models\nKit\n", true},
		{"protocol 0", "cacme\nKit\n(tR.", "cacme\nacme\nKit\ntR.\n", true},
		{"nothing", "", "", true},
		{"zlib", "\x78\x9cKLN\xcd", "", false},
		{"gzip", "\x1f\x8b\x08", "", false},
	} {
		p := &Facts{Files: fstest.MapFS{"m.pkl": &fstest.MapFile{Data: []byte(c.text)}}}
		if got, ok := New(p).Project.pickledWords("m.pkl"); string(got) != c.want || ok != c.ok {
			t.Errorf("%s: %q, %t", c.name, got, ok)
		}
	}
}

// TestNamesPlace: a folder of tests, or a dump, that the application reads.
func TestNamesPlace(t *testing.T) {
	for _, c := range []struct {
		text, at   string
		file, want bool
	}{
		{"open('tests/prices.csv')\n", "tests", false, true},
		{"os.path.join('te' + 'sts', 'x')\n", "tests", false, true},
		{"open('seed.sql')\n", "seed.sql", true, true},
		{"glob('db/*')\n", "db/001.sql", true, true},
		{"os.path.join('db', name)\n", "db/001.sql", true, true},
		{"glob('*.sql')\n", "db/001.sql", true, true},
		{"print('greatests/x')\n", "tests", false, false},
		{"x = 'a'  # seed.sql\n", "seed.sql", true, false},
		{"open('x')\n", "db/001.sql", true, false},
	} {
		p := &Facts{Files: fstest.MapFS{"a.py": &fstest.MapFile{Data: []byte(c.text)}}}
		if got := New(p).Texts().NamesPlace(c.at, c.file); got != c.want {
			t.Errorf("%q names %s: %t", c.text, c.at, got)
		}
	}
}

// TestPrograms: the words that may start one.
func TestPrograms(t *testing.T) {
	p := &Facts{Files: fstest.MapFS{
		"a.py":   &fstest.MapFile{Data: []byte("run(['/usr/bin/git', 'log'])\nrun('curl -s x')\nrun('w' + 'get')\nx = 'not less'\n")},
		"run.sh": &fstest.MapFile{Data: []byte("# unzip\nexec tini -- ssh\n")},
	}}
	got := New(p).Texts().Programs()
	for name, want := range map[string]bool{"git": true, "log": true, "curl": true, "wget": true, "less": false, "unzip": false, "tini": true, "ssh": true} {
		if got[name] != want {
			t.Errorf("%s: %t", name, got[name])
		}
	}
}
