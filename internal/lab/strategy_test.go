package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/git"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/report"
	"whittle.dev/whittle/internal/report/jsontext"
)

// stagedEngine makes images of Python's own base as the last stage of a Dockerfile
// says: apt-get installs a compiler of a size, pip one package into the environment or
// the interpreter's folder, and COPY brings the environment or the application.
type stagedEngine struct {
	toyEngine
	compiler int
	// bytecode is that of the package, in bytes, unless pip does not compile.
	bytecode int
}

const (
	localSite = "usr/local/lib/python3.13/site-packages/"
	venvSite  = "opt/venv/lib/python3.13/site-packages/"
)

func (e *stagedEngine) Build(_ context.Context, d build.Definition, o build.Output) (*build.Result, error) {
	text, err := os.ReadFile(filepath.Join(d.Context, d.Dockerfile))
	if err != nil {
		return nil, err
	}
	e.note(d.Dockerfile)
	f, err := dockerfile.Parse(d.Dockerfile, text)
	if err != nil {
		return nil, err
	}
	layers := []string{"f usr/local/bin/python3 1000 mode=0755\ns usr/local/bin/python python3\nf usr/local/lib/python3.13/os.py 1000\nf usr/local/lib/python3.13/site.py 1000\nf usr/lib/libc.so.6 2000000"}
	history := []whittle.History{{CreatedBy: "a base image"}}
	last := &f.Stages[len(f.Stages)-1]
	for i := range last.Instructions {
		in := &last.Instructions[i]
		layer := e.made(in)
		h := whittle.History{CreatedBy: in.Text() + " # buildkit", Comment: "buildkit.dockerfile.v0", EmptyLayer: layer == ""}
		switch in.Keyword {
		case "RUN":
			h.CreatedBy = "RUN /bin/sh -c " + in.Args[0].Value + " # buildkit"
		case "WORKDIR":
			h.CreatedBy = in.Text()
		case "ENV":
			h.CreatedBy = "ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin"
		case "CMD":
			h.CreatedBy = strings.ReplaceAll(in.Text(), `", "`, `" "`)
		}
		if history = append(history, h); layer != "" {
			layers = append(layers, layer)
		}
	}
	img := imagetest.New(e.t, imagetest.Plain, layers...)
	img.Config().History = history
	img.Config().Config.Cmd = []string{"python", "main.py"}
	return &build.Result{Solve: time.Second}, whittle.WriteFile(o.Archive, imagetest.DockerArchive(e.t, img))
}

// made is the layer of an instruction, empty where it makes none.
func (e *stagedEngine) made(in *dockerfile.Instruction) string {
	text := in.Text()
	var lines []string
	if in.Keyword == "RUN" && strings.Contains(text, "apt-get install") && !strings.Contains(text, "purge") {
		lines = append(lines, fmt.Sprintf("f usr/bin/gcc %d", e.compiler))
	}
	switch {
	case strings.Contains(text, "/opt/big && rm"):
		lines = append(lines, "d opt")
	case strings.Contains(text, "cp /usr/lib"):
		lines = append(lines, "f opt/big 500000")
	case strings.Contains(text, "rm -rf /opt/big"):
		lines = append(lines, "w opt/big")
	case in.Keyword == "RUN" && strings.Contains(text, "pip install"):
		lines = append(lines, flaskIn(localSite))
		if e.bytecode > 0 && !strings.Contains(text, "--no-compile") {
			lines = append(lines, fmt.Sprintf("f %sflask/__pycache__/__init__.cpython-313.pyc %d", localSite, e.bytecode))
		}
	case in.Keyword == "COPY" && strings.Contains(text, "--from=builder"):
		lines = append(lines, "f opt/venv/pyvenv.cfg \"home = /usr/local/bin\\n\"\ns opt/venv/bin/python /usr/local/bin/python3", flaskIn(venvSite))
	case in.Keyword == "COPY":
		lines = append(lines, "f app/"+in.Args[0].Value+" 10")
	case in.Keyword == "WORKDIR":
		lines = append(lines, "d app")
	}
	return strings.Join(lines, "\n")
}

func flaskIn(site string) string {
	return fmt.Sprintf("f %sflask/__init__.py 3000000\nf %sflask-3.dist-info/METADATA \"Metadata-Version: 2.1\\nName: flask\\nVersion: 3\\n\"\nf %sflask-3.dist-info/RECORD \"flask/__init__.py,,\\nflask-3.dist-info/METADATA,,\\nflask-3.dist-info/RECORD,,\\n\"",
		site, site, site)
}

const stagedDockerfile = `FROM python:3.13-slim
# To compile
RUN apt-get update && apt-get install -y gcc
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY main.py .
CMD ["python", "main.py"]
`

const stagedWant = `FROM python:3.13-slim AS builder
# To compile
RUN apt-get update && apt-get install -y gcc
WORKDIR /app
COPY requirements.txt .
RUN python -m venv /opt/venv
ENV PATH="/opt/venv/bin:$PATH"
RUN pip install --no-cache-dir -r requirements.txt

FROM python:3.13-slim
WORKDIR /app
COPY --from=builder /opt/venv /opt/venv
ENV PATH="/opt/venv/bin:$PATH"
COPY main.py .
CMD ["python", "main.py"]
`

func stagedProject(t *testing.T) string {
	return toyProject(t, map[string]string{"Dockerfile": stagedDockerfile, "requirements.txt": "flask==3\n", "main.py": "import flask\n",
		"whittle.yaml": "run: [{name: works, command: [python, main.py]}]\n", ".dockerignore": ".git\n.whittle\nDockerfile\nwhittle.yaml\n"})
}

func newStaged(t *testing.T, compiler int) (*stagedEngine, *host.Env) {
	e := &stagedEngine{toyEngine{fakeEngine: fakeEngine{t: t}, runs: func(string) bool { return true }}, compiler, 0}
	env := fakeEnv(&e.fakeEngine)
	env.Engine = func(context.Context, bool) (host.Builder, error) { return e, nil }
	return e, env
}

// TestStrategyCommits: a strategy is the first commit of the series, with a message of
// its own, and what git am makes of the patches is what --write makes.
func TestStrategyCommits(t *testing.T) {
	for _, verify := range []bool{false, true} {
		_, env := newStaged(t, 90_000_000)
		env.Repository = git.Open
		dir := stagedProject(t)
		run := committed(t, dir)
		o := FixOptions{StudyOptions: StudyOptions{Dir: dir}, Strategy: "two-stage", Verify: verify, Commits: true, Rules: []string{"cleanup-in-later-layer"}}
		shown, err := Fix(t.Context(), env, o)
		imagetest.Must(t, err)
		if run("log", "--format=%s") != "the project" || onDisk(t, dir) != stagedDockerfile || len(shown.Series.Commits) != 1 {
			t.Fatalf("verify %t: %d commits", verify, len(shown.Series.Commits))
		}
		holdSchema(t, shown)
		if said := shown.Steps[0].Support != ""; said != verify {
			t.Errorf("verify %t: %q", verify, shown.Steps[0].Support)
		}
		other := t.TempDir()
		imagetest.Must(t, exec.Command("git", "clone", "-q", dir, other).Run())
		var mail bytes.Buffer
		imagetest.Must(t, report.RepairSeries(&mail, shown))
		am := exec.Command("git", "-C", other, "am", "-q")
		am.Stdin = &mail
		if out, err := am.CombinedOutput(); err != nil {
			t.Fatalf("git am: %v\n%s", err, out)
		}
		o.Write = true
		if _, err := Fix(t.Context(), env, o); err != nil {
			t.Fatal(err)
		}
		if got := onDisk(t, dir); got != stagedWant || run("status", "--porcelain") != "" {
			t.Errorf("verify %t: the Dockerfile is\n%s", verify, got)
		}
		text, err := os.ReadFile(filepath.Join(other, "Dockerfile"))
		if err != nil || string(text) != stagedWant {
			t.Errorf("git am makes\n%s%v", text, err)
		}
		message := run("log", "-1", "--format=%B")
		if !strings.HasPrefix(message, "Install the packages in a stage of their own\n\n") {
			t.Errorf("subject:\n%s", message)
		}
		for _, part := range []string{"Made by whittle (strategy two-stage).", map[bool]string{true: "as measured", false: "Predicted to save"}[verify], map[bool]string{true: "Only runs that did not fail show"}[verify]} {
			if !strings.Contains(strings.Join(strings.Fields(message), " "), part) {
				t.Errorf("verify %t: no %q in\n%s", verify, part, message)
			}
		}
	}
}

// holdSchema holds a repair to its schema.
func holdSchema(t *testing.T, r *whittle.Repair) {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile("../../schema/fix.v2.json")
	imagetest.Must(t, err)
	var b bytes.Buffer
	imagetest.Must(t, jsontext.Write(&b, r))
	doc, err := jsonschema.UnmarshalJSON(&b)
	imagetest.Must(t, err)
	imagetest.Must(t, s.Validate(doc))
}

// TestStrategyRefusedBefore: what keeps a strategy from being committed is known before
// anything is built.
func TestStrategyRefusedBefore(t *testing.T) {
	e, env := newStaged(t, 90_000_000)
	env.Repository = git.Open
	dir := stagedProject(t)
	committed(t, dir)
	imagetest.Must(t, os.WriteFile(filepath.Join(dir, "main.py"), []byte("new"), 0o644))
	_, err := Fix(t.Context(), env, FixOptions{StudyOptions: StudyOptions{Dir: dir, Write: true}, Strategy: "two-stage", Commits: true})
	if !errors.Is(err, whittle.ErrUsage) || !strings.Contains(err.Error(), "main.py has changes that are not committed") || len(e.builds) > 0 {
		t.Errorf("%v, built %q", err, e.builds)
	}
}

// TestRevertedInStrategies: a fix that leaves out bytecode and makes the start slower is
// reverted, and no strategy leaves it out either. One that does no harm is kept by all.
func TestRevertedInStrategies(t *testing.T) {
	for _, slow := range []bool{true, false} {
		e, env := newStaged(t, 90_000_000)
		e.bytecode = 12_000_000
		e.toyEngine.seconds = func(text string) float64 {
			if slow && strings.Contains(text, "--no-compile") {
				return 7
			}
			return 2
		}
		s, err := Study(t.Context(), env, StudyOptions{Dir: stagedProject(t), Quick: true, Fix: true})
		imagetest.Must(t, err)
		var status whittle.FixStatus
		for _, step := range s.Repair.Steps {
			if step.Finding.Rule == "python-bytecode" {
				status = step.Status
				if len(step.StartUp) == 0 {
					t.Errorf("slow %t: nothing was timed", slow)
				}
			}
		}
		if want := map[bool]whittle.FixStatus{true: whittle.Reverted, false: whittle.Applied}[slow]; status != want {
			t.Fatalf("slow %t: python-bytecode is %q: %+v", slow, status, s.Repair.Steps)
		}
		for _, f := range s.Forecasts {
			if f.Strategy != fixedStrategy && f.Dockerfile != "" && strings.Contains(f.Dockerfile, "--no-compile") == slow { // that one was predicted before
				t.Errorf("slow %t: %s\n%s", slow, f.Strategy, f.Dockerfile)
			}
		}
		if next := s.Repair.Next; next == nil || next.Predicted > 20_000_000 || next.Fixed < 90_000_000 {
			t.Errorf("slow %t: next is %+v", slow, next)
		}
		if len(s.Forecasts) < 3 || s.Best == nil {
			t.Errorf("slow %t: %d forecasts, the best %+v", slow, len(s.Forecasts), s.Best)
		}
	}
}

// TestNextStrategy: fix and advise name a strategy that saves more than 5 MB and 5 % of
// what the fixes leave, and no other; fix does not where one was asked for, or only
// some fixes.
func TestNextStrategy(t *testing.T) {
	for _, c := range []struct {
		compiler int
		want     bool
	}{{90_000_000, true}, {4_000_000, false}} {
		for _, verify := range []bool{false, true} {
			if verify && !c.want {
				continue
			}
			_, env := newStaged(t, c.compiler)
			dir := stagedProject(t)
			bad := strings.Replace(stagedDockerfile, "WORKDIR /app\n", "RUN cp /usr/lib/libc.so.6 /opt/big\nRUN rm -rf /opt/big\nWORKDIR /app\n", 1)
			imagetest.Must(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(bad), 0o644))
			advice, err := AdviseProject(t.Context(), env, StudyOptions{Dir: dir}, nil)
			imagetest.Must(t, err)
			r, err := Fix(t.Context(), env, FixOptions{StudyOptions: StudyOptions{Dir: dir}, Verify: verify})
			imagetest.Must(t, err)
			if len(r.Files) != 1 {
				t.Errorf("the fix is not made: %+v", r.Steps)
			}
			holdSchema(t, r)
			for name, n := range map[string]*whittle.NextStrategy{"advise": advice[0].Next, "fix": r.Next} {
				if (n != nil) != c.want {
					t.Errorf("%s, a compiler of %d bytes, verify %t: %+v", name, c.compiler, verify, n)
				}
				if n != nil && (n.Fixed-n.Predicted < int64(c.compiler)*9/10 || n.Strategy != "two-stage" && n.Strategy != "single-stage") {
					t.Errorf("%s: %+v", name, n)
				}
			}
			for _, o := range []FixOptions{{Strategy: "two-stage"}, {Rules: []string{"cleanup-in-later-layer"}}} {
				o.Dir, o.Verify = dir, verify
				if r, err := Fix(t.Context(), env, o); err != nil || r.Next != nil {
					t.Errorf("%+v: %v, %+v", o, err, r)
				}
			}
		}
	}
}
