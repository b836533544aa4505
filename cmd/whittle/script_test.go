package main

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"whittle.dev/whittle/internal/imagetest"
)

var update = flag.Bool("update", false, "rewrite the expected outputs in testdata/script")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"whittle": main})
}

// root is the module's folder.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestScript runs the command line.
func TestScript(t *testing.T) { runScripts(t, "testdata/script") }

// TestWrongUse runs a script for each kind of wrong use: what is said, and that it
// is said before anything is read.
func TestWrongUse(t *testing.T) { runScripts(t, "testdata/wrong") }

// TestScriptEngine runs the scripts that need the build engine and the base
// image of scripts/setup and scripts/base-image.
func TestScriptEngine(t *testing.T) {
	if testing.Short() {
		t.Skip("builds images")
	}
	for _, need := range []string{".cache/bin/buildkitd", ".cache/bases/python-3.13-slim/index.json"} {
		if _, err := os.Stat(filepath.Join(root(t), need)); err != nil {
			t.Skipf("%s is missing: run make setup", need)
		}
	}
	if _, err := exec.LookPath("runc"); err != nil || os.Getuid() != 0 {
		t.Skip("the private build engine needs root and runc")
	}
	runScripts(t, "testdata/engine")
}

func runScripts(t *testing.T, dir string) {
	testscript.Run(t, testscript.Params{
		Dir:           dir,
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("ROOT", root(t))
			env.Setenv("TODAY", time.Now().Format(time.DateOnly))
			env.Setenv("YESTERDAY", time.Now().AddDate(0, 0, -1).Format(time.DateOnly))
			env.Setenv("ANSWERS", answers(t))
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, ".cache"))
			env.Setenv("DOCKER_HOST", "unix://"+filepath.Join(env.WorkDir, "none.sock"))
			env.Setenv("CONTAINER_HOST", "unix://"+filepath.Join(env.WorkDir, "none.sock"))
			env.Setenv("GORACE", os.Getenv("GORACE"))
			env.Setenv("WHITTLE_ENGINE_NETWORK", os.Getenv("WHITTLE_ENGINE_NETWORK"))
			env.Setenv("WHITTLE_BUILDKITD", filepath.Join(root(t), ".cache/bin/buildkitd"))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"mkimage": mkimage(t),
			"schema":  checkSchema(t),
			"width":   checkWidth,
		},
	})
}

// answers starts a registry that answers each request with the status that begins the
// repository's name: HOST/s404/app. It gives HOST.
func answers(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var status int
		if _, err := fmt.Sscanf(r.URL.Path, "/v2/s%d/", &status); err != nil {
			status = http.StatusOK
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// mkimage OUT NOTATION... writes a docker archive of plain layers, one for
// each file in the notation of imagetest.
func mkimage(t *testing.T) func(ts *testscript.TestScript, neg bool, args []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		var notations, by []string
		for _, name := range args[1:] {
			text := ts.ReadFile(name)
			command := ""
			if first, rest, _ := strings.Cut(text, "\n"); strings.HasPrefix(first, "# by ") {
				command, text = strings.TrimPrefix(first, "# by "), rest
			}
			notations, by = append(notations, text), append(by, command)
		}
		img := imagetest.New(t, imagetest.Plain, notations...)
		conf := img.Config()
		conf.Config.WorkingDir = "/app"
		for i := range conf.History {
			command := "step " + fmt.Sprint(i+1)
			if by[i] != "" {
				command, conf.History[i].Comment = by[i], "buildkit.dockerfile.v0"
			}
			conf.History[i].CreatedBy = "RUN /bin/sh -c " + command + " # buildkit"
		}
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), imagetest.DockerArchive(t, img), 0o644))
	}
}

// schema NAME FILE validates a JSON file against a schema of the repository.
func checkSchema(t *testing.T) func(ts *testscript.TestScript, neg bool, args []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		s, err := jsonschema.NewCompiler().Compile(filepath.Join(root(t), "schema", args[0]))
		ts.Check(err)
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(ts.ReadFile(args[1])))
		ts.Check(err)
		if err := s.Validate(doc); (err != nil) != neg {
			ts.Fatalf("%s against %s: %v", args[1], args[0], err)
		}
	}
}

// width N FILE fails where a line has more than N columns.
func checkWidth(ts *testscript.TestScript, _ bool, args []string) {
	var limit int
	_, err := fmt.Sscan(args[0], &limit)
	ts.Check(err)
	for _, line := range strings.Split(ts.ReadFile(args[1]), "\n") {
		if n := len([]rune(line)); n > limit {
			ts.Fatalf("%d columns: %s", n, line)
		}
	}
}
