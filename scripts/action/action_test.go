// Package action_test runs the steps of action.yml and of templates/gate.yml as GitHub
// and GitLab do.
package action_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"whittle.dev/whittle/internal/imagetest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

type action struct {
	Inputs map[string]struct {
		Default  string
		Required bool
	}
	Outputs map[string]struct{ Value string }
	Runs    struct {
		Using string
		Steps []struct {
			ID, Name, If, Shell, Run string
			Env                      map[string]string
		}
	}
}

func readAction(t *testing.T) (a action) {
	t.Helper()
	text, err := os.ReadFile("../../action.yml")
	imagetest.Must(t, err)
	d := yaml.NewDecoder(bytes.NewReader(text))
	imagetest.Must(t, d.Decode(&a))
	return a
}

// TestAction: no expression is in a script, where a value would be a command; each step
// runs a file that is there; each input is used.
func TestAction(t *testing.T) {
	a := readAction(t)
	if a.Runs.Using != "composite" || len(a.Runs.Steps) != 3 {
		t.Fatalf("%+v", a.Runs)
	}
	var used []string
	for _, s := range a.Runs.Steps {
		if strings.Contains(s.Run, "${{") || s.Shell != "bash" {
			t.Errorf("%s: %s", s.Name, s.Run)
		}
		file := regexp.MustCompile(`\$GITHUB_ACTION_PATH/([^"]+)`).FindStringSubmatch(s.Run)
		if info, err := os.Stat(filepath.Join("../..", file[1])); err != nil || !strings.HasPrefix(s.Run, "python3 ") && info.Mode()&0o111 == 0 {
			t.Errorf("%s: %v", s.Run, err)
		}
		for _, v := range append(slices.Collect(mapValues(s.Env)), s.If) {
			for _, m := range regexp.MustCompile(`inputs\.([\w-]+)`).FindAllStringSubmatch(v, -1) {
				used = append(used, m[1])
			}
		}
	}
	for name := range a.Inputs {
		if !slices.Contains(used, name) {
			t.Errorf("the input %s does nothing", name)
		}
	}
	for _, name := range used {
		if _, ok := a.Inputs[name]; !ok {
			t.Errorf("there is no input %s", name)
		}
	}
	for name, o := range a.Outputs {
		if o.Value != "${{ steps.gate.outputs."+name+" }}" {
			t.Errorf("the output %s is %s", name, o.Value)
		}
	}
}

func mapValues(m map[string]string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, v := range m {
			if !yield(v) {
				return
			}
		}
	}
}

// github is a job of GitHub's: its files, and an API of comments.
type github struct {
	t        *testing.T
	dir      string // the checked-out repository
	temp     string
	api      *httptest.Server
	comments []comment
	requests []string
	refuse   int // the status of an API that refuses
}

type comment struct {
	ID   int    `json:"id"`
	Body string `json:"body"`
	User struct {
		Login string `json:"login"`
	} `json:"user"`
}

func by(login, body string, id int) comment {
	c := comment{ID: id, Body: body}
	c.User.Login = login
	return c
}

func newJob(t *testing.T, binary string) *github {
	t.Helper()
	g := &github{t: t, dir: t.TempDir(), temp: t.TempDir()}
	imagetest.Must(t, os.MkdirAll(filepath.Join(g.temp, "bin"), 0o700))
	imagetest.Must(t, os.Symlink(binary, filepath.Join(g.temp, "bin/whittle")))
	imagetest.Must(t, os.Mkdir(filepath.Join(g.dir, ".git"), 0o700))
	for name, text := range map[string]string{
		"Dockerfile":   "FROM debian\nRUN make data\nRUN chmod 755 /opt/big/x.so\n",
		"whittle.yaml": "variants: [{name: app, dockerfile: Dockerfile}]\ngate:\n  check: off\n  budgets:\n    - {on: size, max: 2MB}\n    - {on: wasted, max: 10kB}\n    - {on: layers, max: 4}\n",
	} {
		imagetest.Must(t, os.WriteFile(filepath.Join(g.dir, name), []byte(text), 0o600))
	}
	g.image("app.tar", "f etc/os-release 500000\n", "f opt/big/x.so 1000000 mode=0644\n", "f opt/big/x.so 1000000 mode=0755\n")
	imagetest.Must(t, os.WriteFile(filepath.Join(g.temp, "event.json"), []byte(`{"pull_request": {"number": 7}}`), 0o600))
	g.api = httptest.NewServer(http.HandlerFunc(g.serve))
	t.Cleanup(g.api.Close)
	return g
}

func (g *github) image(name string, layers ...string) {
	img := imagetest.New(g.t, imagetest.Plain, layers...)
	for i, by := range []string{"debian", "make data", "chmod 755 /opt/big/x.so"}[:len(layers)] {
		img.Config().History[i].CreatedBy, img.Config().History[i].Comment = "RUN /bin/sh -c "+by+" # buildkit", "buildkit.dockerfile.v0"
	}
	imagetest.Must(g.t, os.WriteFile(filepath.Join(g.dir, name), imagetest.DockerArchive(g.t, img), 0o600))
}

func (g *github) serve(w http.ResponseWriter, r *http.Request) {
	g.requests = append(g.requests, r.Method+" "+r.URL.String())
	if r.Header.Get("Authorization") != "Bearer secret" || g.refuse != 0 {
		http.Error(w, `{"message": "Resource not accessible by integration"}`, max(g.refuse, http.StatusUnauthorized))
		return
	}
	var in comment
	if r.Method != http.MethodGet {
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || len(in.Body) > 65_536 {
			http.Error(w, "bad", http.StatusUnprocessableEntity)
			return
		}
	}
	switch {
	case r.Method == http.MethodGet && r.URL.Path == "/repos/acme/app/issues/7/comments":
		var page int
		_, _ = fmt.Sscan(r.URL.Query().Get("page"), &page)
		from := min((page-1)*100, len(g.comments))
		_ = json.NewEncoder(w).Encode(g.comments[from:min(from+100, len(g.comments))])
	case r.Method == http.MethodPost && r.URL.Path == "/repos/acme/app/issues/7/comments":
		g.comments = append(g.comments, by("github-actions[bot]", in.Body, 1000+len(g.comments)))
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte("{}"))
	case r.Method == http.MethodPatch && strings.HasPrefix(r.URL.Path, "/repos/acme/app/issues/comments/"):
		for i := range g.comments {
			if strings.HasSuffix(r.URL.Path, fmt.Sprintf("/%d", g.comments[i].ID)) {
				g.comments[i].Body = in.Body
			}
		}
		_, _ = w.Write([]byte("{}"))
	default:
		http.NotFound(w, r)
	}
}

// run runs the steps of the action with inputs, as GitHub does: a step that fails ends
// the job, but for those that run anyway. It gives the log, and whether a step failed.
func (g *github) run(inputs map[string]string) (log string, failed bool) {
	g.t.Helper()
	a := readAction(g.t)
	root, err := filepath.Abs("../..")
	imagetest.Must(g.t, err)
	value := func(expression string) string {
		return regexp.MustCompile(`\$\{\{ (inputs\.)?([\w.-]+) \}\}`).ReplaceAllStringFunc(expression, func(m string) string {
			name := strings.TrimSuffix(strings.TrimPrefix(m, "${{ inputs."), " }}")
			if v, ok := inputs[name]; ok {
				return v
			}
			if d := a.Inputs[name].Default; d != "${{ github.token }}" {
				return d
			}
			return "secret"
		})
	}
	var out strings.Builder
	for _, s := range a.Runs.Steps {
		if failed && !strings.Contains(s.If, "!cancelled()") || strings.Contains(s.If, "inputs.comment") && value("${{ inputs.comment }}") != "true" {
			continue
		}
		cmd := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", s.Run) //nolint:gosec // the action's own steps
		cmd.Dir = g.dir
		cmd.Env = []string{"PATH=" + filepath.Join(g.temp, "bin") + ":" + os.Getenv("PATH"), "HOME=" + g.temp, "CI=true", "GITHUB_ACTIONS=true", "GITHUB_ACTION_PATH=" + root,
			"GITHUB_WORKSPACE=" + g.dir, "GITHUB_REPOSITORY=acme/app", "GITHUB_EVENT_NAME=pull_request", "GITHUB_EVENT_PATH=" + filepath.Join(g.temp, "event.json"),
			"GITHUB_API_URL=" + g.api.URL, "GITHUB_OUTPUT=" + filepath.Join(g.temp, "output"), "GITHUB_STEP_SUMMARY=" + filepath.Join(g.temp, "summary.md"),
			"GITHUB_PATH=" + filepath.Join(g.temp, "path"), "RUNNER_TEMP=" + g.temp, "NO_PROXY=*"}
		for name, v := range s.Env {
			cmd.Env = append(cmd.Env, name+"="+value(v))
		}
		text, err := cmd.CombinedOutput()
		out.Write(text)
		failed = failed || err != nil
	}
	return out.String(), failed
}

func (g *github) file(name string) string {
	text, err := os.ReadFile(filepath.Join(g.temp, name))
	imagetest.Must(g.t, err)
	return string(text)
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		imagetest.Must(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	imagetest.Must(t, err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; -update accepts):\n%s", name, diff)
	}
}

func binary(t *testing.T) string {
	t.Helper()
	for _, need := range []string{"bash", "python3"} {
		if _, err := exec.LookPath(need); err != nil {
			t.Skipf("there is no %s", need)
		}
	}
	file := filepath.Join(t.TempDir(), "whittle")
	if out, err := exec.Command("go", "build", "-o", file, "../../cmd/whittle").CombinedOutput(); err != nil { //nolint:gosec // the test's own folder
		t.Fatalf("%v\n%s", err, out)
	}
	return file
}

// TestSteps runs the action's steps on a pull request: the summary and the comment are
// golden files, a second run edits the comment in its place.
func TestSteps(t *testing.T) {
	whittle := binary(t)
	t.Run("comment", func(t *testing.T) {
		g := newJob(t, whittle)
		for i := range 120 {
			g.comments = append(g.comments, by("somebody", "<!-- whittle gate \"app.tar\" -->\nnot the action's", i+1))
		}
		inputs := map[string]string{"image": "app.tar", "version": "installed", "comment": "true", "file": "Dockerfile", "sarif": "x.sarif", "junit": "x.xml", "html": "x.html"}
		log, failed := g.run(inputs)
		if !failed || !strings.Contains(log, "::error file=Dockerfile,line=3,title=whittle%3A budget/wasted::") || !strings.Contains(log, "the comment is written") {
			t.Errorf("%v %s", failed, log)
		}
		golden(t, "summary.md", g.file("summary.md"))
		golden(t, "output", g.file("output"))
		if len(g.comments) != 121 {
			t.Fatalf("%d comments: %s", len(g.comments), log)
		}
		golden(t, "comment.md", g.comments[120].Body)
		for _, file := range []string{"x.sarif", "x.xml", "x.html"} {
			if _, err := os.Stat(filepath.Join(g.dir, file)); err != nil {
				t.Error(err)
			}
		}
		if log, _ := g.run(inputs); !strings.Contains(log, "the comment is as it was") {
			t.Error(log)
		}
		g.image("app.tar", "f etc/os-release 500000\n", "f opt/big/x.so 1000000 mode=0644\n")
		log, failed = g.run(inputs)
		if failed || !strings.Contains(log, "the comment is edited") || len(g.comments) != 121 || !strings.Contains(g.comments[120].Body, "app.tar: passes") || g.comments[0].Body != "<!-- whittle gate \"app.tar\" -->\nnot the action's" {
			t.Errorf("%v %s\n%s", failed, log, g.comments[len(g.comments)-1].Body)
		}
	})
	t.Run("refused", func(t *testing.T) {
		g := newJob(t, whittle)
		g.refuse = http.StatusForbidden
		g.image("app.tar", "f etc/os-release 500000\n")
		log, failed := g.run(map[string]string{"image": "app.tar", "version": "installed", "comment": "true"})
		if failed || !strings.Contains(log, "::warning title=whittle::The comment was not written: GitHub answers 403") || strings.Contains(log, "secret") {
			t.Errorf("%v %s", failed, log)
		}
	})
	t.Run("push", func(t *testing.T) {
		g := newJob(t, whittle)
		imagetest.Must(t, os.WriteFile(filepath.Join(g.temp, "event.json"), []byte(`{"ref": "refs/heads/main"}`), 0o600))
		if log, _ := g.run(map[string]string{"image": "app.tar", "version": "installed", "comment": "true"}); !strings.Contains(log, "this is no pull request") || len(g.requests) > 0 {
			t.Errorf("%s %q", log, g.requests)
		}
		g.requests = nil
		if g.run(map[string]string{"image": "app.tar", "version": "installed"}); len(g.requests) > 0 {
			t.Errorf("%q", g.requests)
		}
	})
	t.Run("injection", func(t *testing.T) {
		for _, evil := range []string{"$(touch pwned)", "`touch pwned`", `"; touch pwned; "`, "--help", "-o=json=pwned", "a\ntouch pwned", "${IFS}touch${IFS}pwned"} {
			for _, names := range [][]string{{"version"}, {"image", "project", "file", "target", "config", "baseline", "sarif", "junit", "html", "token", "comment-author"}} {
				g := newJob(t, whittle)
				inputs := map[string]string{"image": "app.tar", "version": "installed", "comment": "true"}
				for _, name := range names {
					inputs[name] = evil
				}
				log, failed := g.run(inputs)
				if _, err := os.Stat(filepath.Join(g.dir, "pwned")); err == nil || !failed {
					t.Errorf("%s: %q ran or passes: %s", names, evil, log)
				}
			}
		}
	})
}

// TestComponent runs the script of GitLab's component with inputs in its variables.
func TestComponent(t *testing.T) {
	text, err := os.ReadFile("../../templates/gate.yml")
	imagetest.Must(t, err)
	head, body, ok := strings.Cut(string(text), "\n---\n")
	if !ok {
		t.Fatal("there is no header")
	}
	var spec struct {
		Spec struct {
			Inputs map[string]struct{ Default *string }
		}
	}
	imagetest.Must(t, yaml.Unmarshal([]byte(head), &spec))
	inputs := map[string]string{"image": "app.tar"}
	for name, in := range spec.Spec.Inputs {
		if in.Default != nil {
			inputs[name] = *in.Default
		}
	}
	body = regexp.MustCompile(`\$\[\[ inputs\.([\w-]+) \]\]`).ReplaceAllStringFunc(body, func(m string) string {
		v, ok := inputs[strings.TrimSuffix(strings.TrimPrefix(m, "$[[ inputs."), " ]]")]
		if !ok {
			t.Errorf("there is no input %s", m)
		}
		return v
	})
	var jobs map[string]struct {
		Variables map[string]string
		Script    []string
		Artifacts struct{ Reports map[string]string }
	}
	imagetest.Must(t, yaml.Unmarshal([]byte(body), &jobs))
	job, ok := jobs["whittle-gate"]
	if !ok || len(job.Script) != 3 || strings.Contains(strings.Join(job.Script, "\n"), "[[") {
		t.Fatalf("%+v", jobs)
	}
	g := newJob(t, binary(t))
	cmd := exec.Command("bash", "-ec", strings.ReplaceAll(job.Script[2], ".whittle-venv/bin/whittle", "whittle")) //nolint:gosec // the component's own script
	cmd.Dir = g.dir
	cmd.Env = []string{"PATH=" + filepath.Join(g.temp, "bin") + ":" + os.Getenv("PATH"), "HOME=" + g.temp, "CI=true", "GITLAB_CI=true"}
	for name, v := range job.Variables {
		cmd.Env = append(cmd.Env, name+"="+v)
	}
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "over 2 of 3 budgets") {
		t.Errorf("%v %s", err, out)
	}
	for _, file := range []string{job.Artifacts.Reports["codequality"], job.Artifacts.Reports["junit"], "whittle.md"} {
		if _, err := os.Stat(filepath.Join(g.dir, file)); err != nil {
			t.Error(err)
		}
	}
}
