package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/git"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/outdir"
	"whittle.dev/whittle/internal/states"
)

// secretText is what lies outside of a project: no result may hold it.
const secretText = "HUNTER2-OF-SOMEBODY-ELSE"

// fileKinds put a file of each kind in the place of at, beside which outside is
// a file that is not the project's. What was there before is regular.
var fileKinds = map[string]func(at, outside string) error{
	"regular": func(string, string) error { return nil },
	"link in": func(at, _ string) error {
		return errors.Join(os.Rename(at, at+".moved"), os.Symlink(filepath.Base(at)+".moved", at))
	},
	"link out": relink,
	"link up and out": func(at, outside string) error {
		rel, _ := filepath.Rel(filepath.Dir(at), outside)
		return relink(at, rel)
	},
	"dangling link":    func(at, _ string) error { return relink(at, "nothing") },
	"link to itself":   func(at, _ string) error { return relink(at, filepath.Base(at)) },
	"link to a device": func(at, _ string) error { return relink(at, "/dev/zero") },
	"link to proc":     func(at, _ string) error { return relink(at, "/proc/self/environ") },
	"FIFO":             func(at, _ string) error { return errors.Join(os.Remove(at), syscall.Mkfifo(at, 0o666)) },
	"folder":           func(at, _ string) error { return errors.Join(os.Remove(at), os.Mkdir(at, 0o777)) },
	"socket": func(at, _ string) error {
		return errors.Join(os.Remove(at), syscall.Mknod(at, syscall.S_IFSOCK|0o666, 0))
	},
	"unreadable":        func(at, _ string) error { return os.Chmod(at, 0) },
	"empty":             func(at, _ string) error { return os.Truncate(at, 0) },
	"huge":              func(at, _ string) error { return os.Truncate(at, 1<<40) },
	"zeros":             func(at, _ string) error { return errors.Join(os.Truncate(at, 0), os.Truncate(at, 3<<20)) },
	"hard link":         func(at, _ string) error { return os.Link(at, at+".second") },
	"hard link outside": func(at, outside string) error { return os.Link(at, outside+".second") },
	"read only":         func(at, _ string) error { return os.Chmod(at, 0o444) },
	"missing":           func(at, _ string) error { return os.Remove(at) },
}

func relink(at, target string) error { return errors.Join(os.Remove(at), os.Symlink(target, at)) }

// kindsProject is a project of every file that whittle reads.
var kindsProject = map[string]string{
	"Dockerfile":              toyDockerfile,
	".dockerignore":           ".git\n",
	"Dockerfile.dockerignore": "*.log\n",
	"whittle.yaml":            "run: [{name: works, command: [works]}]\n",
	"pyproject.toml":          "[project]\nname = \"shop\"\nversion = \"1\"\ndependencies = [\"flask\"]\n",
	"setup.py":                "from setuptools import setup\nsetup(install_requires=['flask'])\n",
	"setup.cfg":               "[options]\ninstall_requires =\n  flask\n",
	"requirements.txt":        "-r more.txt\n-c limits.txt\nflask\n",
	"more.txt":                "click\n",
	"limits.txt":              "click<9\n",
	"Pipfile":                 "[packages]\nflask = \"*\"\n",
	"Pipfile.lock":            "{}\n",
	"environment.yml":         "dependencies: [flask]\n",
	"pixi.toml":               "[dependencies]\nflask = \"*\"\n",
	"poetry.lock":             "",
	"pdm.lock":                "",
	"uv.lock":                 "version = 1\n",
	".env":                    "A=1\n",
	"shop.py":                 "import flask, nothing\n",
	"settings.py":             "DEBUG = True\n",
	"test_shop.py":            "import pytest\n",
	"package/__init__.py":     "import click\n",
	"package/more.py":         "import requests\n",
	"manage.py":               "import django\n",
}

func makeKindsProject(t *testing.T, top string) (dir, outside string) {
	t.Helper()
	dir, outside = filepath.Join(top, "project"), filepath.Join(top, "outside")
	for name, text := range kindsProject {
		imagetest.Must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		imagetest.Must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	imagetest.Must(t, os.WriteFile(outside, []byte(secretText), 0o644))
	return dir, outside
}

// kindLimit is how long a verb may take about a small project, hugeLimit about
// one with a file that has no end, which only Ctrl-C ends; kindPatience is how
// long it may go on after that.
const (
	kindLimit    = 20 * time.Second
	hugeLimit    = time.Second
	kindPatience = 10 * time.Second
)

// kindsEnv asks for all files in all kinds; otherwise it is a sixth of them,
// always the same.
const kindsEnv = "WHITTLE_KINDS"

// eachKind calls do for files in each kind.
func eachKind(t *testing.T, files []string, do func(name, kind string)) {
	t.Helper()
	if testing.Short() {
		t.Skip("some hundred studies")
	}
	n := 0
	slices.Sort(files)
	for i, name := range files {
		for j, kind := range slices.Sorted(maps.Keys(fileKinds)) {
			if os.Getenv(kindsEnv) != "" || (i+j)%6 == 0 {
				do(name, kind)
				n++
			}
		}
	}
	t.Logf("%d files in %d kinds: %d cases", len(files), len(fileKinds), n)
}

// watched runs a verb: it ends by itself or soon after it is interrupted, with a
// result, or an error that is one line and of some kind; what it says and writes holds
// nothing of what lies outside.
func watched(t *testing.T, what, dir, outside string, verb func(ctx context.Context) (any, error)) {
	t.Helper()
	limit := kindLimit
	if strings.Contains(what, "huge") {
		limit = hugeLimit
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	type ending struct {
		result any
		err    error
	}
	ended := make(chan ending, 1)
	go func() {
		result, err := verb(ctx)
		ended <- ending{result, err}
	}()
	var e ending
	select {
	case e = <-ended:
	case <-time.After(limit + kindPatience):
		t.Errorf("%s: it goes on after Ctrl-C", what)
		return
	}
	if err := e.err; err != nil {
		ofKind := slices.ContainsFunc([]error{whittle.ErrUsage, whittle.ErrLimit, whittle.ErrSystem, whittle.ErrCorrupt, whittle.ErrUnsupported, whittle.ErrNotFound, whittle.ErrEngine, context.DeadlineExceeded},
			func(kind error) bool { return errors.Is(err, kind) })
		var syntax interface{ Hint() string }
		if !ofKind && !errors.As(err, &syntax) && !strings.Contains(err.Error(), "Dockerfile:") || strings.Contains(strings.TrimSpace(err.Error()), "\n") {
			t.Errorf("%s: error %q is of no kind, or has several lines", what, err)
		}
		if strings.Contains(err.Error()+whittle.Hint(err), secretText) {
			t.Errorf("%s: error %q tells what is outside", what, err)
		}
	}
	said, err := json.Marshal(e.result)
	imagetest.Must(t, err)
	if strings.Contains(string(said), secretText) {
		t.Errorf("%s: the result tells what is outside", what)
	}
	holdsNot(t, what, filepath.Join(dir, outdir.Name))
	if text, err := os.ReadFile(outside); err != nil || string(text) != secretText {
		t.Errorf("%s: outside is %.60q, %v", what, text, err)
	}
	around, _ := filepath.Glob(filepath.Join(filepath.Dir(outside), "*"))
	for _, p := range around {
		if base := filepath.Base(p); base != "project" && base != "outside" && base != "outside.second" && base != "cache" {
			t.Errorf("%s: %s appeared outside", what, base)
		}
	}
}

// holdsNot fails where a file below dir holds the secret, or was left behind.
func holdsNot(t *testing.T, what, dir string) {
	t.Helper()
	_ = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(d.Name(), ".whittle-") {
			t.Errorf("%s: left behind: %s", what, p)
		}
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		if info, err := d.Info(); err == nil && info.Size() < 1<<20 {
			if text, err := os.ReadFile(p); err == nil && strings.Contains(string(text), secretText) {
				t.Errorf("%s: %s holds what is outside", what, p)
			}
		}
		return nil
	})
}

// TestFileKinds: for each file of a project and each kind of file in its place,
// the check of the folder and a whole proof that writes.
func TestFileKinds(t *testing.T) {
	eachKind(t, slices.Collect(maps.Keys(kindsProject)), func(name, kind string) {
		dir, outside := makeKindsProject(t, t.TempDir())
		if err := fileKinds[kind](filepath.Join(dir, name), outside); err != nil {
			t.Fatalf("%s, %s: %v", name, kind, err)
		}
		kindVerbs(t, name+", "+kind, dir, outside)
	})
}

// kindVerbs runs what reads and writes a project.
func kindVerbs(t *testing.T, what, dir, outside string) {
	t.Helper()
	e := &toyEngine{fakeEngine: fakeEngine{t: t}, runs: func(string) bool { return true }}
	env := toyEnv(e)
	env.Secret = func() []byte { return []byte("mine") }
	env.Dirty = git.Dirty
	watched(t, what+": check", dir, outside, func(ctx context.Context) (any, error) { return audit.CheckProject(ctx, env, dir) })
	watched(t, what+": lab", dir, outside, func(ctx context.Context) (any, error) {
		return Study(ctx, env, StudyOptions{Dir: dir, Quick: true, Fix: true, Write: true})
	})
}

// TestFileChanging: files that are written again and again, longer and shorter,
// while they are read: what is written is either what somebody else has written
// or a change of just that.
func TestFileChanging(t *testing.T) {
	if testing.Short() {
		t.Skip("some dozen studies")
	}
	for _, name := range []string{"Dockerfile", ".dockerignore", "whittle.yaml", "pyproject.toml", "requirements.txt", "more.txt", "setup.py", "uv.lock", "shop.py", outdir.Name + "/variants/original.json", outdir.Name + "/lock"} {
		dir, outside := makeKindsProject(t, t.TempDir())
		at := filepath.Join(dir, filepath.FromSlash(name))
		imagetest.Must(t, os.MkdirAll(filepath.Dir(at), 0o755))
		text := kindsProject[name]
		texts := []string{text, text + text, text[:len(text)/2], strings.Repeat(text+"\n", 5000)}
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() {
			var err error
			for i := 0; ctx.Err() == nil; i++ {
				if i%2 == 0 || strings.HasPrefix(name, outdir.Name) {
					err = os.WriteFile(at, []byte(texts[i%len(texts)]), 0o644)
				} else {
					err = whittle.WriteFile(at, []byte(texts[i%len(texts)]))
				}
				if err != nil {
					break
				}
			}
			ended <- err
		}()
		for range 3 {
			kindVerbs(t, name+" is changing", dir, outside)
		}
		stop()
		imagetest.Must(t, <-ended)
		if got, err := os.ReadFile(at); err != nil || name != "Dockerfile" && !strings.HasPrefix(name, outdir.Name) && !slices.Contains(texts, string(got)) {
			t.Errorf("%s is %.100q, %v", name, got, err)
		}
	}
}

// asUserEnv makes TestFileKinds run as an ordinary user in a process of its own.
const asUserEnv = "WHITTLE_TEST_AS_USER"

// TestFileKindsAsUser does the same as an ordinary user, to whom files may be
// unreadable and folders closed.
func TestFileKindsAsUser(t *testing.T) {
	if os.Geteuid() != 0 || testing.Short() {
		t.Skip("needs root to become somebody else")
	}
	if os.Getenv(asUserEnv) != "" {
		return
	}
	dir, err := os.MkdirTemp("", "whittle-kinds-")
	imagetest.Must(t, err)
	defer os.RemoveAll(dir)
	imagetest.Must(t, os.Chmod(dir, 0o711))
	program, temp := filepath.Join(dir, "lab.test"), filepath.Join(dir, "temp")
	imagetest.Must(t, states.CopyFile(context.Background(), os.Args[0], program))
	imagetest.Must(t, errors.Join(os.Mkdir(temp, 0o700), os.Chown(temp, 65534, 65534)))
	cmd := exec.Command(program, "-test.run=^(TestFileKinds|TestFileChanging|TestStudyFileKinds|TestGitFileKinds)$", "-test.v")
	cmd.Dir = temp
	cmd.Env = append(os.Environ(), asUserEnv+"=1", "TMPDIR="+temp, "HOME="+temp)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestFileKinds") {
		t.Errorf("as user 65534: %v\n%s", err, out)
	}
}

// TestStudyFileKinds: the same for the files of the study's folder, which a
// project may bring, when a study is resumed.
func TestStudyFileKinds(t *testing.T) {
	files := []string{"lock", "journal", ".gitignore", "report.md", "report.json", "images/Dockerfile.tar", "images/best.tar", "logs/Dockerfile.log",
		"variants/Dockerfile.json", "variants/Dockerfile.Dockerfile", "variants/Dockerfile.seal", "images", "logs", "variants", ""}
	eachKind(t, files, func(name, kind string) {
		put := fileKinds[kind]
		dir, outside := makeKindsProject(t, t.TempDir())
		env := toyEnv(&toyEngine{fakeEngine: fakeEngine{t: t}, runs: func(string) bool { return true }})
		if _, err := Study(context.Background(), env, StudyOptions{Dir: dir, Quick: true}); err != nil {
			t.Fatal(err)
		}
		at := filepath.Join(dir, outdir.Name, filepath.FromSlash(name))
		info, err := os.Lstat(at)
		if err != nil {
			imagetest.Must(t, os.WriteFile(at, nil, 0o644))
		} else if info.IsDir() { // a folder: only what takes its place whole
			imagetest.Must(t, os.RemoveAll(at))
			imagetest.Must(t, os.WriteFile(at, nil, 0o644))
		}
		if err := put(at, outside); err != nil {
			t.Fatalf("%s, %s: %v", name, kind, err)
		}
		what := fmt.Sprintf("%s/%s, %s", outdir.Name, name, kind)
		watched(t, what, dir, outside, func(ctx context.Context) (any, error) {
			keep := func(_ *whittle.Study, dir string) error {
				return whittle.WriteFile(filepath.Join(dir, "report.md"), []byte("report"))
			}
			return Study(ctx, env, StudyOptions{Dir: dir, Quick: true, Resume: true, Fix: true, Write: true, Keep: keep})
		})
	})
}

// TestFolderOfOthers: a folder that the user cannot write to is named, with a
// way around it.
func TestFolderOfOthers(t *testing.T) {
	dir := shop(t)
	if err := os.WriteFile(filepath.Join(dir, outdir.Name), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	env := fakeEnv(&fakeEngine{t: t})
	if _, err := Study(context.Background(), env, StudyOptions{Dir: dir, Quick: true}); !errors.Is(err, whittle.ErrUsage) {
		t.Errorf("a file in its place: %v", err)
	}
}

// TestGitFileKinds: the same for git's own files.
func TestGitFileKinds(t *testing.T) {
	files := []string{".git/HEAD", ".git/config", ".git/index", ".git/refs/heads/main", ".git/info/exclude", ".git/info/attributes", ".git/objects/info/alternates"}
	eachKind(t, files, func(name, kind string) {
		put := fileKinds[kind]
		dir, run := imagetest.GitRepository(t, "--initial-branch=main")
		run("status")
		imagetest.Must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		if at := filepath.Join(dir, name); !imagetest.Exists(at) {
			imagetest.Must(t, os.WriteFile(at, nil, 0o644))
		}
		outside := filepath.Join(t.TempDir(), "outside")
		imagetest.Must(t, os.WriteFile(outside, []byte(secretText), 0o644))
		if err := put(filepath.Join(dir, name), outside); err != nil {
			t.Fatalf("%s, %s: %v", name, kind, err)
		}
		watched(t, name+", "+kind, dir, outside, func(ctx context.Context) (any, error) {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			return git.Dirty(ctx, dir, []string{"same", "modified"})
		})
	})
}
