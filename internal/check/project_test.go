package check_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/check"
	"whittle.dev/whittle/internal/deps"
)

const shopProject = `[project]
name = "shop"
version = "1"
dependencies = ["requests", "Pillow"]
[project.optional-dependencies]
plots = ["matplotlib"]
[project.scripts]
shop = "shop.cli:main"
[dependency-groups]
dev = ["pytest"]
`

// TestProject: what a project's own modules import against what its files
// declare, from what it starts.
func TestProject(t *testing.T) {
	tests := []struct {
		name    string
		files   map[string]string
		verdict whittle.Verdict
		want    []string
	}{
		{"in order", map[string]string{"shop/cli.py": "import os, requests\nfrom PIL import Image\nfrom . import more\n", "shop/more.py": "import json\n"}, whittle.Runs, nil},
		{"undeclared", map[string]string{"shop/cli.py": "import requests, PIL\nimport rich.console\n"}, whittle.Unknown, []string{"info undeclared-dependency rich shop/cli.py:2"}},
		{"undeclared, with a lock", map[string]string{"shop/cli.py": "import requests, PIL\nimport rich\nimport idna\n",
			"uv.lock": "version = 1\n[[package]]\nname = \"requests\"\nversion = \"2.1\"\n[[package]]\nname = \"pillow\"\nversion = \"11\"\n[[package]]\nname = \"idna\"\nversion = \"3.4\"\n"},
			whittle.Fails, []string{"error undeclared-dependency rich shop/cli.py:2", "warning transitive-dependency idna shop/cli.py:3"}},
		{"constraints that pin all", map[string]string{"shop/cli.py": "import requests, PIL\nimport rich\n", "constraints.txt": "requests==2.1\npillow==11.0\nidna==3.4\n    # via requests\n"},
			whittle.Fails, []string{"error undeclared-dependency rich shop/cli.py:2"}},
		{"not reached", map[string]string{"shop/cli.py": "import requests, PIL\n", "shop/other.py": "import rich\n"}, whittle.Runs, []string{"info undeclared-dependency rich shop/other.py:1"}},
		{"in a function", map[string]string{"shop/cli.py": "import requests, PIL\ndef f():\n    from . import other\n", "shop/other.py": "import rich\n"},
			whittle.Runs, []string{"info undeclared-dependency rich shop/other.py:1"}},
		{"caught, typing", map[string]string{"shop/cli.py": "import requests, PIL\nfrom typing import TYPE_CHECKING\ntry:\n    import ujson\nexcept ImportError:\n    pass\nif TYPE_CHECKING:\n    import boto3\n"}, whittle.Runs, nil},
		{"for development only", map[string]string{"shop/cli.py": "import requests, PIL\nimport pytest\n"}, whittle.Unknown, []string{"info misplaced-dependency pytest shop/cli.py:2"}},
		{"for an extra only", map[string]string{"shop/cli.py": "import requests, PIL\nimport matplotlib.pyplot\n"}, whittle.Runs, []string{"warning undeclared-dependency matplotlib shop/cli.py:2"}},
		{"an extra that is installed", map[string]string{"shop/cli.py": "import requests, PIL\nimport matplotlib\n", "Dockerfile": "FROM python\nRUN pip install '.[plots]'\n"}, whittle.Runs, nil},
		{"unused", map[string]string{"shop/cli.py": "import requests\n"}, whittle.Runs, []string{"info unused-dependency pillow pyproject.toml:4"}},
		{"started by a Dockerfile", map[string]string{"shop/cli.py": "import requests, PIL\n", "page.py": "import streamlit\n", "Dockerfile": "FROM python\nCMD streamlit run page.py\n"},
			whittle.Unknown, []string{"info undeclared-dependency streamlit page.py:1"}},
		{"another module of the script", map[string]string{"shop/main.py": "import requests, PIL\n"}, whittle.Fails, []string{"error missing-entry-point  :0"}},
		{"a private distribution", map[string]string{"shop/cli.py": "import requests, PIL\nimport acme\n", "requirements.txt": "acme-client\n"}, whittle.Unknown, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := fstest.MapFS{"pyproject.toml": {Data: []byte(shopProject)}, "shop/__init__.py": {}}
			for name, text := range tt.files {
				files[name] = &fstest.MapFile{Data: []byte(text)}
			}
			c, err := check.Project(context.Background(), files, deps.Options{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range c.Problems {
				got = append(got, fmt.Sprintf("%s %s %s %s:%d", p.Severity, p.Rule, p.Distribution, p.Path, p.Line))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || c.Verdict != tt.verdict {
				t.Errorf("verdict %s, want %s; problems (-want +got):\n%s", c.Verdict, tt.verdict, diff)
			}
		})
	}
}

// TestProjectWithout: a folder that declares nothing is no project.
func TestProjectWithout(t *testing.T) {
	_, err := check.Project(context.Background(), fstest.MapFS{"a.py": {Data: []byte("import b\n")}}, deps.Options{})
	if !errors.Is(err, whittle.ErrUsage) {
		t.Errorf("error %v", err)
	}
}

// FuzzProject: whatever a file of a project says, checking the folder says the
// same twice.
func FuzzProject(f *testing.F) {
	f.Add("Procfile", "web: gunicorn shop.cli:main\n", "import requests")
	f.Add("compose.yaml", "services: {a: {command: python -m shop.cli}}\n", "import rich")
	f.Add("Dockerfile", "FROM python\nRUN pip install -r requirements.txt\nCMD python -m shop.cli\n", "import yaml")
	f.Add("notes.ipynb", `{"cells":[{"cell_type":"code","source":["import numpy"]}]}`, "")
	f.Add("pixi.toml", "[dependencies]\nrich = '*'\n", "from . import x")
	f.Fuzz(func(t *testing.T, name, text, code string) {
		if !fs.ValidPath(name) || name == "." || strings.HasPrefix(name, "shop") || strings.HasPrefix(name, "pyproject.toml") {
			t.Skip()
		}
		one := func() string {
			c, err := check.Project(context.Background(), fstest.MapFS{"pyproject.toml": {Data: []byte(shopProject)}, "shop/__init__.py": {},
				"shop/cli.py": {Data: []byte(code)}, name: {Data: []byte(text)}}, deps.Options{})
			if err != nil {
				return err.Error()
			}
			return fmt.Sprint(c.Verdict, c.Problems, c.Unknown)
		}
		if diff := cmp.Diff(one(), one()); diff != "" {
			t.Error(diff)
		}
	})
}
