package lab

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/build/buildkitd"
	"whittle.dev/whittle/internal/imagetest"
)

// TestCachesOutside builds a step that makes something else each time, puts its cache
// into a folder of the project, and builds it with other engines that have no cache of
// their own: a quick build takes the step from the folder, a measured one does not.
func TestCachesOutside(t *testing.T) {
	h := gatedHealth(t)
	dir := t.TempDir()
	writeProject(t, h, &txtar.Archive{Files: []txtar.File{
		{Name: "Dockerfile", Data: []byte("FROM python:3.13-slim\nRUN cat /proc/sys/kernel/random/uuid > /made\nCOPY . /app/\n")},
		{Name: "app.py", Data: []byte("print('ok')\n")},
	}}, dir)
	config := filepath.Join(dir, "whittle.yaml")
	text, err := os.ReadFile(config)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	imagetest.Must(t, os.WriteFile(config, append(text, "\nvariants: [{name: a, cache-from: ['type=local,src=.cache/build'], cache-to: ['type=local,dest=.cache/build,mode=max']}]\n"...), 0o644))
	// made is the layer of the step, as a new engine builds it.
	made := func(o StudyOptions) (whittle.Digest, []string) {
		t.Helper()
		engine, err := build.Open(t.Context(), build.Options{NoDocker: true, NamedContexts: true,
			Daemon: buildkitd.Options{SearchDirs: []string{"../../.cache/bin"}, StateDir: t.TempDir(), TempDir: t.TempDir(), HostNetwork: os.Getenv("WHITTLE_ENGINE_NETWORK") == "host"}})
		if err != nil {
			t.Skipf("no engine: %v", err)
		}
		defer engine.Close()
		h.engine = engine
		o.Dir, o.Offline = dir, true
		s, err := Study(t.Context(), savingEnv(h), o)
		if err != nil {
			t.Fatal(err)
		}
		v := s.Variants[0]
		if v.Build.Status != whittle.Built {
			t.Fatalf("%+v", v.Build)
		}
		layers := v.Inspect.Layers
		return layers[len(layers)-2].DiffID, v.Build.Notes
	}
	first, _ := made(StudyOptions{Quick: true})
	if !imagetest.Exists(filepath.Join(dir, ".cache", "build", "index.json")) {
		t.Fatal("no cache was put into the folder")
	}
	if second, _ := made(StudyOptions{Quick: true}); second != first {
		t.Error("a quick build of another engine did not take the step from the folder")
	}
	before, err := os.ReadFile(filepath.Join(dir, ".cache", "build", "index.json"))
	imagetest.Must(t, err)
	if cold, _ := made(StudyOptions{}); cold == first {
		t.Error("a measured build took the step from the folder")
	}
	after, err := os.ReadFile(filepath.Join(dir, ".cache", "build", "index.json"))
	imagetest.Must(t, err)
	if string(before) != string(after) {
		t.Error("a measured build put its cache into the folder")
	}
	// The folder itself is not sent to builds.
	if fresh, _ := made(StudyOptions{Quick: true, Resume: true}); fresh == "" {
		t.Error("no layer")
	}
}
