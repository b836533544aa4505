package lab

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/project/settings"
)

// oneCommit is a change of a small repository, and what a gate has to say of it.
type oneCommit struct {
	what string
	// replace has texts of the Dockerfile and of requirements.txt and what comes in
	// their place; data are files of so many bytes, or none.
	replace [][2]string
	data    map[string]int
	// first is the first cause, place where it is: "six, new" "requirements.txt:2".
	first, place string
	grows        bool
}

// tenCommits are the changes, one on top of the other.
var tenCommits = []oneCommit{
	{"a new dependency", [][2]string{{"idna==3.6\n", "idna==3.6\nsix==1.16.0\n"}}, nil, "six, new", "requirements.txt:2", true},
	{"an upgrade of a dependency", [][2]string{{"idna==3.6\n", "idna==3.10\n"}}, nil, "idna 3.6 → 3.10", "requirements.txt:1", true},
	{"a dependency with what it requires", [][2]string{{"six==1.16.0\n", "six==1.16.0\nrequests==2.32.3\n"}}, nil, "urllib3, required by requests", "requirements.txt:3", true},
	{"what an extra requires", [][2]string{{"requests==", "requests[socks]=="}}, nil, "pysocks, required by requests", "requirements.txt:3", true},
	{"a chmod of what another layer has", [][2]string{{"COPY main.py .\n", "COPY main.py .\nRUN chmod -R go-r /data\n"}}, nil, "RUN chmod -R go-r /data", "Dockerfile:7", true},
	{"the chmod is gone", [][2]string{{"RUN chmod -R go-r /data\n", ""}}, nil, "RUN chmod -R go-r /data", "Dockerfile:0", false},
	{"a clean-up that is removed", [][2]string{{" --no-cache-dir", ""}}, nil, "RUN pip install -r requirements.txt", "Dockerfile:4", true},
	{"data files", nil, map[string]int{"data/b.bin": 700_000}, "COPY data /data", "Dockerfile:5", true},
	{"a file is deleted", nil, map[string]int{"data/a.bin": 0}, "COPY data /data", "Dockerfile:5", false},
	{"a dependency is removed", [][2]string{{"six==1.16.0\n", ""}, {"pip install", "pip install --no-cache-dir"}}, nil, "six, removed", "Dockerfile:4", false},
	{"a build tool is left in", [][2]string{{"COPY data", "RUN apt-get update && apt-get install -y --no-install-recommends make && rm -rf /var/lib/apt/lists/* /var/cache/apt\nCOPY data"}}, nil, "make, new", "Dockerfile:5", true},
}

// otherBase are the commits of a repository whose base image changes.
var otherBase = []oneCommit{
	{"another base image", [][2]string{{"FROM debian:trixie-slim", "FROM python:3.13-slim"}}, nil, "base image debian:trixie-slim → python:3.13-slim, changed", "Dockerfile:1", true},
}

// TestTenCommits builds each commit of a small repository, and gates it by the baseline
// of the commit before: the first cause is the line that was changed, and the rows add
// up to the difference.
func TestTenCommits(t *testing.T) {
	h := gatedHealth(t)
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git")
	}
	for name, c := range map[string]struct {
		dockerfile string
		commits    []oneCommit
	}{
		"application": {"FROM python:3.13-slim\nWORKDIR /app\nCOPY requirements.txt .\nRUN pip install --no-cache-dir -r requirements.txt\nCOPY data /data\nCOPY main.py .\nCMD [\"python\", \"main.py\"]\n", tenCommits},
		"base":        {"FROM debian:trixie-slim\nCOPY data /data\n", otherBase},
	} {
		t.Run(name, func(t *testing.T) {
			r := &gatedRepository{h: h, dir: t.TempDir(), texts: map[string]string{"Dockerfile": c.dockerfile, "requirements.txt": "idna==3.6\n", "main.py": "print('hello')\n", ".dockerignore": ".git\n"}}
			r.git(t, "init", "-q")
			bases := "bases:\n"
			for name, b := range h.bases {
				bases += fmt.Sprintf("  %q: oci-layout:%s\n", name, b.Layout)
			}
			r.texts["whittle.yaml"] = bases
			r.commit(t, oneCommit{what: "the first", data: map[string]int{"data/a.bin": 400_000}})
			r.gate(t, "none")
			for _, change := range c.commits {
				r.commit(t, change)
				change.hold(t, r.gate(t, "git:HEAD~1"))
			}
		})
	}
}

// gatedRepository is a repository with its files.
type gatedRepository struct {
	h     *health
	dir   string
	texts map[string]string
}

func (r *gatedRepository) git(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", r.dir, "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

// commit makes a change and commits it.
func (r *gatedRepository) commit(t *testing.T, c oneCommit) {
	t.Helper()
	for _, pair := range c.replace {
		found := false
		for name, text := range r.texts {
			if strings.Contains(text, pair[0]) && name != "whittle.yaml" {
				r.texts[name], found = strings.Replace(text, pair[0], pair[1], 1), true
			}
		}
		if !found {
			t.Fatalf("%s: no file has %q", c.what, pair[0])
		}
	}
	write := func(name string, data []byte) {
		at := filepath.Join(r.dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range r.texts {
		write(name, []byte(text))
	}
	for name, n := range c.data {
		if write(name, imagetest.Content(name, n)); n == 0 {
			if err := os.Remove(filepath.Join(r.dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.git(t, "add", "-A")
	r.git(t, "commit", "-q", "-m", c.what)
}

// gate judges the image of what is committed, and commits it as the next baseline with
// the commit.
func (r *gatedRepository) gate(t *testing.T, baseline string) *whittle.Gate {
	t.Helper()
	var g settings.Gate
	if err := yaml.Unmarshal([]byte("{check: off, budgets: [{on: size, grow: 0}, {on: wasted, grow: 0}, {on: files, grow: 0}, {on: layers, grow: 0}, {on: download, grow: 0}, {on: size, grow: 0, except: base}]}"), &g); err != nil {
		t.Fatal(err)
	}
	if err := g.Validate(); err != nil {
		t.Fatal(err)
	}
	g.Baseline = baseline
	o := audit.GateOptions{Settings: g, AdviseOptions: audit.AdviseOptions{Project: r.dir}}
	env := savingEnv(r.h)
	before, err := audit.Baseline(t.Context(), env, &o)
	if err != nil {
		t.Fatal(err)
	}
	var verdict *whittle.Gate
	err = Examine(t.Context(), env, StudyOptions{Dir: r.dir, Quick: true, Offline: true}, func(_ *whittle.Variant, x *audit.Examined, a *whittle.Advice) error {
		v, now, err := x.Gate(a, before, o, audit.GateMeasures{})
		if err != nil {
			return err
		}
		verdict = v
		return audit.WriteBaseline(r.dir, audit.BaselineFile, now)
	})
	if err != nil {
		t.Fatal(err)
	}
	r.git(t, "add", "-A")
	r.git(t, "commit", "-q", "--amend", "--no-edit")
	return verdict
}

// hold compares a verdict with what was changed.
func (c oneCommit) hold(t *testing.T, g *whittle.Gate) {
	t.Helper()
	for _, b := range g.Budgets {
		if b.Was == nil {
			t.Fatalf("%s: %s has no baseline: %s", c.what, b.On, b.Text)
		}
		sum := 0.0
		for _, r := range b.Causes {
			sum += r.Change
		}
		if sum != b.Actual-*b.Was {
			t.Errorf("%s: %s: the rows add up to %v of %v", c.what, b.On, sum, b.Actual-*b.Was)
		}
	}
	size := g.Budgets[0]
	if grown := size.Actual > *size.Was; grown != c.grows || grown != (size.Status == whittle.GateFails) || len(size.Causes) == 0 {
		t.Errorf("%s: %s: %s", c.what, size.Status, size.Text)
		return
	}
	r := size.Causes[0]
	name := r.Name
	switch {
	case r.Kind == "wasted" || r.Kind == "instruction" || r.Kind == "app":
	default:
		if r.From != "" && r.To != "" && r.From != r.To {
			name += " " + r.From + " → " + r.To
		}
		if r.Why != "" {
			name += ", " + r.Why
		}
	}
	if place := fmt.Sprintf("%s:%d", r.File, r.Line); place != c.place || name != c.first || math.Abs(r.Change) < 0.3*math.Abs(size.Actual-*size.Was) {
		t.Errorf("%s: the first cause is %q at %s (%v of %v), want %q at %s\nall: %+v", c.what, name, place, r.Change, size.Actual-*size.Was, c.first, c.place, size.Causes)
	}
}
