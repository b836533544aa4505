package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

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
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, ".cache"))
			env.Setenv("DOCKER_HOST", "unix://"+filepath.Join(env.WorkDir, "none.sock"))
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

// mkimage OUT NOTATION... writes a docker archive of plain layers, one for
// each file in the notation of imagetest.
func mkimage(t *testing.T) func(ts *testscript.TestScript, neg bool, args []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		var notations []string
		for _, name := range args[1:] {
			notations = append(notations, ts.ReadFile(name))
		}
		img := imagetest.New(t, imagetest.Plain, notations...)
		conf := img.Config()
		conf.Config.WorkingDir = "/app"
		for i := range conf.History {
			conf.History[i].CreatedBy = "RUN /bin/sh -c step " + fmt.Sprint(i+1) + " # buildkit"
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
