package check_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/check"
	"whittle.dev/whittle/internal/deps"
	"whittle.dev/whittle/internal/elf"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/start"
)

// ownImport is an import that a project made up: its first part lies somewhere
// in the project, where a start need not look.
type ownImport struct{ module, statement string }

// madeUp is a project with imports of its own modules, from what the starts
// reach: a console script's module, a script, a page.
type madeUp struct {
	files   map[string]string
	imports []ownImport
	start   whittle.Process
}

var (
	usualNames   = []string{"utils", "config", "db", "routers", "agents", "core", "models", "services", "common", "helpers", "api", "state", "schemas", "settings"}
	usualFolders = []string{"src", "lib", "backend", "scripts", "server", "apps", "packages/web", "src/dashboard", "services/api/src", "tools/deep/er"}
)

// makeUp makes a project of n imports.
func makeUp(r *rand.Rand, n int) madeUp {
	p := madeUp{files: map[string]string{}}
	var text strings.Builder
	for i := range n {
		name := usualNames[r.IntN(len(usualNames))]
		if r.IntN(3) > 0 {
			name = fmt.Sprintf("%s_%c%d", name, 'a'+rune(r.IntN(26)), i)
		}
		dir := usualFolders[r.IntN(len(usualFolders))]
		if r.IntN(2) == 0 {
			dir += fmt.Sprintf("/d%d", r.IntN(5))
		}
		if r.IntN(4) == 0 { // inside a package
			p.files[dir+"/__init__.py"] = ""
		}
		sub := usualNames[r.IntN(len(usualNames))]
		own := ownImport{module: name}
		switch r.IntN(5) {
		case 0: // a module
			p.files[path.Join(dir, name+".py")] = "x = 1\n"
			own.statement = "import " + name
		case 1: // a package with a module
			p.files[path.Join(dir, name, "__init__.py")] = ""
			p.files[path.Join(dir, name, sub+".py")] = "x = 1\n"
			own.module, own.statement = name+"."+sub, "from "+name+"."+sub+" import x"
		case 2: // a namespace package
			p.files[path.Join(dir, name, sub+".py")] = "x = 1\n"
			own.statement = "from " + name + " import " + sub
		case 3: // the first part is there, the rest is not
			p.files[path.Join(dir, name, "other.py")] = ""
			own.module, own.statement = name+".gone."+sub, "import "+name+".gone."+sub
		default: // deep in a namespace
			p.files[path.Join(dir, name, "a", "b", sub+".py")] = "x = 1\n"
			own.module, own.statement = name+".a.b."+sub, "import "+name+".a.b."+sub
		}
		p.imports = append(p.imports, own)
		fmt.Fprintln(&text, own.statement)
	}
	importer := []string{"main.py", "scripts/run.py", "src/shop/page.py", "backend/app/pages/one.py"}[r.IntN(4)]
	p.files[importer] = text.String()
	p.start = whittle.Process{WorkingDir: "/app", Cmd: []string{"/usr/local/bin/python3.13", importer}}
	if r.IntN(2) == 0 { // a module reaches it, and the working directory is first
		p.start.Cmd = []string{"/usr/local/bin/python3.13", "-m", strings.ReplaceAll(strings.TrimSuffix(importer, ".py"), "/", ".")}
	}
	return p
}

// hostile answers as an index would that has a distribution for every name,
// with every module, and remembers that it was asked.
type hostile struct{ asked []string }

func (h *hostile) bound(name string) (string, bool) {
	h.asked = append(h.asked, name)
	return ">=1,<2", true
}

func (h *hostile) ships(name, _ string) source.Truth {
	h.asked = append(h.asked, name)
	return source.Yes
}

// TestOwnImports: 1,000 made-up imports whose first part exists somewhere in
// the project are nobody else's: no distribution is named for one, none is
// looked up, nothing is to be added; of the image and of the folder.
func TestOwnImports(t *testing.T) {
	const projects, each = 50, 20
	r := rand.New(rand.NewPCG(12, 2026))
	missed := 0
	for range projects {
		p := makeUp(r, each)
		index := &hostile{}
		for _, where := range []string{"image", "image without the files", "folder"} {
			c := checkMadeUp(t, p, where, index)
			for _, q := range c.Problems {
				if q.Distribution != "" || strings.Contains(q.Fix, "add ") || strings.Contains(q.Fix, "install ") || strings.Contains(q.Message, "add ") {
					t.Errorf("%s: %s %s: %s; to do: %s", where, q.Rule, q.Module, q.Message, q.Fix)
				}
				if q.Rule == "missing-module" || q.Rule == "undeclared-dependency" {
					missed++
					t.Errorf("%s: %s: %s is the project's own: %s", where, q.Rule, q.Module, q.Message)
				}
			}
		}
		if len(index.asked) > 0 {
			t.Errorf("the index was asked about %v", index.asked)
		}
	}
	t.Logf("%d imports in %d projects, %d of them taken for somebody else's", projects*each, projects, missed)
}

// checkMadeUp checks a made-up project: its image, an image that it is not
// copied to as a whole, or its folder.
func checkMadeUp(t *testing.T, p madeUp, where string, index *hostile) *whittle.Check {
	t.Helper()
	folder := fstest.MapFS{"pyproject.toml": {Data: []byte("[project]\nname = \"shop\"\nversion = \"1\"\ndependencies = []\n")}}
	files := map[string]string{}
	for f, text := range p.files {
		folder[f] = &fstest.MapFile{Data: []byte(text)}
		if where == "image" || strings.Contains(text, "import") {
			files["app/"+f] = text
		}
	}
	declared, err := manifest.ReadDeclared(folder)
	if err != nil {
		t.Fatal(err)
	}
	if where == "folder" {
		c, err := check.Project(context.Background(), folder, deps.Options{Bound: index.bound, Ships: index.ships})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	in := imageOf(files, p.start)
	in.Project, in.Folder, in.Bound = declared, folder, index.bound
	in.Names = python.NewNames(nil)
	in.Names.Declare(declared.Names())
	in.Names.Ships = index.ships
	c, err := check.Run(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// imageOf is an image of files whose interpreter counts as a binary.
func imageOf(files map[string]string, p whittle.Process) *check.Image {
	root := executable{imagetest.Root(site(files))}
	return &check.Image{Image: start.Image{Root: root, Config: &whittle.Config{Architecture: "amd64", OS: "linux", Config: p},
		Sources: func(p string) (*source.Facts, bool) {
			b, err := root.ReadFile(p, 1<<20)
			if err != nil || !strings.HasSuffix(p, ".py") {
				return nil, false
			}
			return source.Scan(b), true
		},
		Binaries: func(p string) (*elf.File, bool) {
			if p == "usr/local/bin/python3.13" {
				return &elf.File{Machine: elf.MachineOf("amd64")}, true
			}
			return nil, false
		}}}
}

// TestElsewhere: what is said of a module that lies where a start does not
// look, and of one that only the project has.
func TestElsewhere(t *testing.T) {
	const site = "usr/local/lib/python3.13/site-packages/"
	tests := []struct {
		name, module    string
		files, project  map[string]string
		process         whittle.Process
		rule, says, fix string
	}{
		{"a page's helper, from a console script", "utils.state",
			map[string]string{site + "shop/__init__.py": "", site + "shop/cli.py": "import dashboard.app\n", site + "shop-1.dist-info/METADATA": "Name: shop\nVersion: 1\n",
				site + "shop-1.dist-info/RECORD":          "shop/__init__.py,,\nshop/cli.py,,\ndashboard/__init__.py,,\ndashboard/app.py,,\ndashboard/utils/state.py,,\n",
				site + "shop-1.dist-info/direct_url.json": `{"url": "file:///src", "dir_info": {}}`,
				site + "dashboard/__init__.py":            "", site + "dashboard/app.py": "from utils.state import x\n", site + "dashboard/utils/state.py": "x = 1\n"},
			nil, whittle.Process{Cmd: []string{"/usr/local/bin/python3.13", "-m", "shop.cli"}, WorkingDir: "/srv"},
			"not-on-path", "/" + site + "dashboard/utils/state.py, and this start does not look in /" + site + "dashboard", "import it as dashboard.utils.state"},
		{"a folder below the working directory", "routers.items",
			map[string]string{"app/server/routers/items.py": "", "app/main.py": "import routers.items\n"},
			nil, whittle.Process{Cmd: []string{"/usr/local/bin/python3.13", "main.py"}, WorkingDir: "/app"},
			"not-on-path", "this start does not look in /app/server, it begins with /app", "set PYTHONPATH=/app/server"},
		{"only in the project", "db",
			map[string]string{"app/main.py": "import db\n"}, map[string]string{"server/db/__init__.py": ""},
			whittle.Process{Cmd: []string{"/usr/local/bin/python3.13", "main.py"}, WorkingDir: "/app"},
			"missing-source", "server/db, which is not in the image", "COPY server/db into the image"},
		{"named as a distribution's", "redis",
			map[string]string{"app/x/redis/other.py": "", "app/main.py": "import redis\n"},
			nil, whittle.Process{Cmd: []string{"/usr/local/bin/python3.13", "main.py"}, WorkingDir: "/app"},
			"not-on-path", "may be meant, the project's own, or the module of redis", "set PYTHONPATH=/app/x"},
		{"the file itself", "celery",
			map[string]string{"app/proj/__init__.py": "", "app/proj/celery.py": "from celery import Celery\n", "app/main.py": "import proj.celery\n"},
			nil, whittle.Process{Cmd: []string{"/usr/local/bin/python3.13", "main.py"}, WorkingDir: "/app"},
			"missing-module", "nothing that is installed requires it", "add celery"},
		{"a folder that is no package", "celery.schedules",
			map[string]string{"app/celery/tasks.py": "", "app/main.py": "from celery import schedules\n"}, map[string]string{"celery/tasks.py": "", "main.py": ""},
			whittle.Process{Cmd: []string{"/usr/local/bin/python3.13", "main.py"}, WorkingDir: "/app"},
			"missing-module", "celery.schedules is imported by main.py:1", "add celery"},
		{"a folder that is no package, and a wheel that was not read", "alembic.command",
			map[string]string{"app/alembic/env.py": "", "app/main.py": "from alembic import command\n"}, nil,
			whittle.Process{Cmd: []string{"/usr/local/bin/python3.13", "main.py"}, WorkingDir: "/app"},
			"missing-module", "perhaps alembic has it", "check.names of whittle.yaml"},
		{"a part of a namespace of its own", "acme.gone",
			map[string]string{"app/acme/here.py": "", "app/main.py": "from acme import gone\n"}, nil,
			whittle.Process{Cmd: []string{"/usr/local/bin/python3.13", "main.py"}, WorkingDir: "/app"},
			"missing-source", "it is the application's own", "COPY the application's source"},
		{"a part that only the project has", "acme.gone",
			map[string]string{"app/acme/here.py": "", "app/main.py": "from acme import gone\n"}, map[string]string{"acme/gone.py": ""},
			whittle.Process{Cmd: []string{"/usr/local/bin/python3.13", "main.py"}, WorkingDir: "/app"},
			"missing-source", "acme/gone.py, which is not in the image", "COPY acme/gone.py"},
		{"a server's application", "serve",
			map[string]string{"app/server/serve.py": "app = 1\n", site + "uvicorn/__init__.py": "", site + "uvicorn/__main__.py": ""},
			nil, whittle.Process{Cmd: []string{"/usr/local/bin/python3.13", "-m", "uvicorn", "serve:app"}, WorkingDir: "/srv"},
			"missing-entry-point", "it is at /app/server/serve.py", "set WORKDIR or PYTHONPATH to /app/server"},
		{"a distribution of the standard library's name", "json",
			map[string]string{"app/main.py": "import json\n"}, nil,
			whittle.Process{Cmd: []string{"/usr/local/bin/python3.13", "main.py"}, WorkingDir: "/app"},
			"missing-module", "it is of the standard library", "do not delete"},
		{"nobody knows", "acme_thing",
			map[string]string{"app/main.py": "import acme_thing\n"}, nil,
			whittle.Process{Cmd: []string{"/usr/local/bin/python3.13", "main.py"}, WorkingDir: "/app"},
			"missing-module", "which distribution has it is not known", "check.names of whittle.yaml"},
		{"several have it", "cv2",
			map[string]string{"app/main.py": "import cv2\n"}, nil,
			whittle.Process{Cmd: []string{"/usr/local/bin/python3.13", "main.py"}, WorkingDir: "/app"},
			"missing-module", "several distributions have it: opencv-contrib-python, opencv-contrib-python-headless, opencv-python, opencv-python-headless", "declare the one that is meant"},
		{"a namespace", "google.cloud.storage",
			map[string]string{"app/main.py": "from google.cloud import storage\n"}, nil,
			whittle.Process{Cmd: []string{"/usr/local/bin/python3.13", "main.py"}, WorkingDir: "/app"},
			"missing-module", "google.cloud.storage is imported by main.py:1", "add google-cloud-storage"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := imageOf(tt.files, tt.process)
			in.Distributions, _ = python.Distributions(t.Context(), in.Root)
			if tt.project != nil {
				folder := fstest.MapFS{}
				for f, text := range tt.project {
					folder[f] = &fstest.MapFile{Data: []byte(text)}
				}
				in.Folder = folder
			}
			c, err := check.Run(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(c.Problems, func(p whittle.Problem) bool { return p.Rule == tt.rule })
			if i < 0 {
				t.Fatalf("no %s: %+v", tt.rule, c.Problems)
			}
			p := c.Problems[i]
			if !strings.Contains(p.Message, tt.says) || !strings.Contains(p.Fix, tt.fix) || !strings.HasPrefix(tt.module, p.Module) {
				t.Errorf("%s: %s; to do: %s", p.Module, p.Message, p.Fix)
			}
		})
	}
}
