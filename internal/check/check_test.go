package check_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/check"
	"whittle.dev/whittle/internal/python"
)

// site is a Python installation with one application, in the notation of a
// root in memory: paths to contents.
func site(files map[string]string) map[string]string {
	all := map[string]string{
		"usr/local/lib/python3.13/os.py":                 "import sys",
		"usr/local/lib/python3.13/site.py":               "import os",
		"usr/local/bin/python3.13":                       "",
		"usr/local/lib/python3.13/encodings/__init__.py": "",
		"usr/local/lib/python3.13/encodings/aliases.py":  "",
		"usr/local/lib/python3.13/encodings/utf_8.py":    "",
		"etc/passwd":  "root:x:0:0:root:/root:/bin/sh\n",
		"app/main.py": "import os\n",
	}
	for p, text := range files {
		all[p] = text
	}
	return all
}

// run checks an image of files whose interpreter counts as a binary.
func run(t *testing.T, files map[string]string, p whittle.Process) *whittle.Check {
	t.Helper()
	c, err := check.Run(context.Background(), imageOf(files, p))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestTarget: a file of a distribution in a folder of pip install --target has
// the name that it has in the project.
func TestTarget(t *testing.T) {
	in := imageOf(map[string]string{"opt/app/svc/__init__.py": "", "opt/app/svc/cli.py": "import rich\n",
		"opt/app/svc-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: svc\nVersion: 1\n", "opt/app/svc-1.dist-info/RECORD": "svc/__init__.py,,\nsvc/cli.py,,\n"},
		whittle.Process{Cmd: []string{"/usr/local/bin/python3.13", "-m", "svc.cli"}, WorkingDir: "/app", Env: []string{"PYTHONPATH=/opt/app"}})
	in.Distributions, _ = python.Distributions(t.Context(), in.Root)
	c, err := check.Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Problems) != 1 || c.Problems[0].Path != "svc/cli.py" || c.Problems[0].Module != "rich" {
		t.Errorf("%+v", c.Problems)
	}
}

// executable is a root whose files can all be started.
type executable struct{ whittle.Root }

func (r executable) Lstat(p string) (whittle.Entry, error) {
	e, err := r.Root.Lstat(p)
	e.Mode = 0o755
	return e, err
}

// TestRun: what a start needs and does not have is found, with its place; what
// is caught, lazy or conditional does not fail the image.
func TestRun(t *testing.T) {
	start := whittle.Process{Cmd: []string{"/usr/local/bin/python3.13", "main.py"}, WorkingDir: "/app"}
	tests := []struct {
		name    string
		files   map[string]string
		process whittle.Process
		verdict whittle.Verdict
		want    []string
	}{
		{"in order", nil, start, whittle.Runs, nil},
		{"missing", map[string]string{"app/main.py": "import os\nimport rich\n"}, start, whittle.Fails, []string{"error missing-module rich main.py:2"}},
		{"deeper", map[string]string{"app/main.py": "import helper\n", "app/helper.py": "\nimport yaml\n"}, start, whittle.Fails, []string{"error missing-module yaml helper.py:2"}},
		{"guarded", map[string]string{"app/main.py": "try:\n    import rich\nexcept ImportError:\n    rich = None\n"}, start, whittle.Runs, []string{"info optional-import rich main.py:2"}},
		{"guarded, and raised", map[string]string{"app/main.py": "try:\n    import rich\nexcept ImportError:\n    raise\n"}, start, whittle.Fails, []string{"error missing-module rich main.py:2"}},
		{"lazy", map[string]string{"app/main.py": "def f():\n    import rich\n"}, start, whittle.Runs, []string{"warning lazy-import rich main.py:2"}},
		{"another version", map[string]string{"app/main.py": "import sys\nif sys.version_info < (3, 11):\n    import tomli\n"}, start, whittle.Runs, nil},
		{"another exception", map[string]string{"app/main.py": "try:\n    set\nexcept NameError:\n    import sets\n"}, start, whittle.Runs, []string{"warning lazy-import sets main.py:4"}},
		{"a name", map[string]string{"app/main.py": "from helper import gone\n", "app/helper.py": "here = 1\n"}, start, whittle.Fails, []string{"error missing-name helper main.py:1"}},
		{"no script", map[string]string{}, whittle.Process{Cmd: []string{"/usr/local/bin/python3.13", "gone.py"}, WorkingDir: "/app"}, whittle.Fails, []string{"error missing-source  gone.py:0"}},
		{"no program", nil, whittle.Process{Entrypoint: []string{"serve"}}, whittle.Fails, []string{"error entrypoint-not-found  serve:0"}},
		{"no user", nil, whittle.Process{Cmd: start.Cmd, WorkingDir: "/app", User: "app"}, whittle.Fails, []string{"error missing-user  /etc/passwd:0"}},
		{"nothing", nil, whittle.Process{}, whittle.Unknown, nil},
		{"distutils of setuptools, with what that vendors", map[string]string{"app/main.py": "from distutils.util import strtobool\n",
			packages + "distutils-precedence.pth":               "import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local') == 'local'; enabled and __import__('_distutils_hack')\n",
			packages + "_distutils_hack/__init__.py":            "",
			packages + "_distutils_hack/override.py":            "__import__('_distutils_hack').do_override()\n",
			packages + "setuptools/__init__.py":                 "import os\nimport sys\nsys.path.extend(((vendor_path := os.path.join(os.path.dirname(os.path.dirname(__file__)), 'setuptools', '_vendor')) not in sys.path) * [vendor_path])  # fmt: skip\nimport _distutils_hack.override\nimport distutils.core\n",
			packages + "setuptools/_distutils/__init__.py":      "",
			packages + "setuptools/_distutils/core.py":          "from . import util\n",
			packages + "setuptools/_distutils/util.py":          "from jaraco.functools import pass_none\n\ndef strtobool(x): ...\n",
			packages + "setuptools/_vendor/jaraco/functools.py": "def pass_none(f): ...\n"}, start, whittle.Runs, nil},
		{"distutils of setuptools, which is not whole", map[string]string{"app/main.py": "from distutils.util import strtobool\n",
			packages + "distutils-precedence.pth":          "import os; enabled = True; enabled and __import__('_distutils_hack')\n",
			packages + "setuptools/__init__.py":            "import os\n",
			packages + "setuptools/_distutils/__init__.py": "",
			packages + "setuptools/_distutils/util.py":     "from jaraco.functools import pass_none\n\ndef strtobool(x): ...\n"}, start, whittle.Fails, []string{"error missing-module jaraco.functools setuptools/_distutils/util.py:1"}},
		{"the root folder, put on the path", map[string]string{"shop/main.py": "import os\nimport sys\nsys.path.append(os.path.abspath('.'))\nfrom shop import cart\n", "shop/cart.py": ""},
			whittle.Process{Cmd: []string{"/usr/local/bin/python3.13", "shop/main.py"}}, whittle.Runs, nil},
		{"the root folder, made the path", map[string]string{"shop/main.py": "import sys\nsys.path = ['/'] + sys.path\nimport shop.cart\n", "shop/cart.py": ""},
			whittle.Process{Cmd: []string{"/usr/local/bin/python3.13", "shop/main.py"}}, whittle.Runs, nil},
		{"the root folder, not on the path", map[string]string{"shop/main.py": "from shop import cart\n", "shop/cart.py": ""},
			whittle.Process{Cmd: []string{"/usr/local/bin/python3.13", "shop/main.py"}}, whittle.Fails, []string{"error not-on-path shop /shop/main.py:1"}},
		{"a user's folder of another place", map[string]string{"opt/user/lib/python3.13/site-packages/svc.py": ""},
			whittle.Process{Cmd: []string{"/usr/local/bin/python3.13", "-m", "svc"}, WorkingDir: "/app", Env: []string{"PYTHONUSERBASE=/opt/user"}}, whittle.Runs, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := run(t, tt.files, tt.process)
			var got []string
			for _, p := range c.Problems {
				got = append(got, strings.Join([]string{string(p.Severity), p.Rule, p.Module, p.Path}, " ")+":"+string(rune('0'+p.Line)))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || c.Verdict != tt.verdict {
				t.Errorf("verdict %s, want %s; problems (-want +got):\n%s%v", c.Verdict, tt.verdict, diff, c.Unknown)
			}
		})
	}
}

// FuzzStart: whatever files a start reads, checking says the same twice, and
// what it names is a verdict.
func FuzzStart(f *testing.F) {
	f.Add("supervisord -n -c /etc/a", "[program:a]\ncommand=python3.13 main.py\n[include]\nfiles=/etc/*\n", "import os")
	f.Add("/etc/a", "#!/bin/sh\nset -e\n. /etc/a\nexec python3.13 -m main \"$@\"\n", "import rich")
	f.Add("honcho start -f /etc/a", "web: python3.13 main.py\n", "from x import *\nimport importlib\nimportlib.import_module('y')")
	f.Add("uwsgi /etc/a", "[uwsgi]\nmodule = main:app\nini = /etc/a\n", "app = 1")
	f.Add("circusd /etc/a", "[watcher:a]\ncmd = python3.13\nargs = main.py\n", "")
	f.Add("python3.13 /app/main.py", "", "import sys\nsys.path.insert(0, '/etc')\nimport a")
	f.Fuzz(func(t *testing.T, command, file, code string) {
		files := site(map[string]string{"etc/a": file, "app/main.py": code, "bin/sh": "", "usr/bin/supervisord": "#!/usr/local/bin/python3.13\n"})
		one := func() string {
			c := run(t, files, whittle.Process{Entrypoint: strings.Fields(command), WorkingDir: "/app"})
			if c.Verdict != whittle.Runs && c.Verdict != whittle.Fails && c.Verdict != whittle.Unknown {
				t.Fatalf("verdict %q", c.Verdict)
			}
			return fmt.Sprint(c.Verdict, c.Problems, c.Unknown)
		}
		if diff := cmp.Diff(one(), one()); diff != "" {
			t.Error(diff)
		}
	})
}
