package rule

import (
	"strings"
	"testing"
	"testing/fstest"

	"whittle"
	"whittle/internal/dockerfile"
	"whittle/internal/python"
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
		{name: "a test", file: "test_x.py", text: "run('akit')\n"},
		{name: "a folder of tests", file: "tests/x.py", text: "run('akit')\n"},
		{name: "what is not text", file: "data", text: "\x00akit"},
		{name: "what installs it", dockerfile: "FROM a\nRUN pip install acme-kit && pip wheel acme-kit\n"},
		{name: "a comment of the Dockerfile", dockerfile: "FROM a\n# acme-kit is gone\nCMD [\"x\"]\n"},
	} {
		p := &Pass{Project: fstest.MapFS{}, Config: &whittle.Config{}}
		if c.file != "" {
			p.Project = fstest.MapFS{c.file: &fstest.MapFile{Data: []byte(c.text)}}
		}
		if c.dockerfile != "" {
			f, err := dockerfile.Parse("Dockerfile", []byte(c.dockerfile))
			if err != nil {
				t.Fatal(err)
			}
			p.Dockerfile = f
		}
		said, ok := said(p.withViews())
		if !ok {
			t.Errorf("%s: not all was read", c.name)
		}
		got, _ := namedIn(said, &dist)
		if got != c.want {
			t.Errorf("%s: named in %q, want %q", c.name, got, c.want)
		}
	}
	p := (&Pass{Config: &whittle.Config{Config: whittle.Process{Cmd: []string{"akit"}, Env: []string{"X=1"}}}}).withViews()
	if got, _ := namedIn(must(said(p)), &dist); !strings.HasPrefix(got, "the image's configuration") {
		t.Errorf("the image's command: %q", got)
	}
}

func must(s []saidIn, _ bool) []saidIn { return s }
