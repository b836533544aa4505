package lab

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"archive/tar"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/build/buildkitd"
	"whittle.dev/whittle/internal/inputs"
	"whittle.dev/whittle/internal/outdir"
)

// TestSecretsStay builds and runs a project whose steps and programs print all
// that they are given, and looks for the values in everything that is left: the
// study's folder with its images and logs, the engine's state and log, and the
// reports. Both use what they are given, too.
func TestSecretsStay(t *testing.T) {
	h := gatedHealth(t)
	state, temp := t.TempDir(), t.TempDir()
	engine, err := build.Open(t.Context(), build.Options{NoDocker: true, NamedContexts: true,
		Daemon: buildkitd.Options{SearchDirs: []string{"../../.cache/bin"}, StateDir: state, TempDir: temp, HostNetwork: os.Getenv("WHITTLE_ENGINE_NETWORK") == "host"}})
	if err != nil {
		t.Skipf("no engine: %v", err)
	}
	defer engine.Close()
	h.engine = engine
	dir := laidOut(t, h, "testdata/secrets.txtar")
	values := map[string]string{"TOKEN": "of-the-environment-7351", "PLAIN": "plain-of-the-environment-2268"}
	if err := os.WriteFile(filepath.Join(dir, "npmrc"), []byte("//registry.example/:_authToken=of-the-file-9942\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "app.env"), []byte("DATABASE_URL=postgresql://app:of-the-envfile-1187@nowhere/app\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := savingEnv(h)
	env.Lookup = func(name string) (string, bool) { v, ok := values[name]; return v, ok }
	progress := &loud{}
	env.Progress = progress
	s, err := Study(t.Context(), env, StudyOptions{Dir: dir, Quick: true, Offline: true, Inputs: inputs.Options{Env: []string{"OPTION=of-the-option-5520"}, Allow: []string{"env=TOKEN", "env=PLAIN"}}})
	if err != nil {
		t.Fatal(err)
	}
	v := s.Variants[0]
	if v.Build.Status != whittle.Built || v.Run.Status != whittle.Runs {
		log, _ := os.ReadFile(filepath.Join(dir, outdir.Name, v.Build.Log))
		t.Fatalf("%+v %+v\n%s", v.Build, v.Run, log)
	}
	broken := s.Variants[1]
	if broken.Build.Status != whittle.Failed || !strings.Contains(strings.Join(broken.Build.Tail, "\n"), "***") {
		t.Errorf("the step that fails and says why: %+v", broken.Build)
	}
	report, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string][]byte{"the report": report, "the progress": progress.Bytes()}
	for _, dir := range []string{filepath.Join(dir, outdir.Name), state, temp} {
		collect(t, dir, texts)
	}
	for _, value := range []string{"of-the-environment-7351", "of-the-file-9942", "of-the-envfile-1187", "of-the-option-5520", "plain-of-the-environment-2268"} {
		for name, text := range texts {
			if bytes.Contains(text, []byte(value)) {
				t.Errorf("%s is in %s", value, name)
			}
		}
	}
	if log := texts[filepath.Join(dir, outdir.Name, "logs", "original.log")]; !bytes.Contains(log, []byte("authToken")) && !bytes.Contains(log, []byte("***")) {
		t.Errorf("the step has printed nothing:\n%s", log)
	}
	t.Logf("%d texts looked through", len(texts))
}

// loud is a progress that keeps all that it is told.
type loud struct{ bytes.Buffer }

func (l *loud) Step(line string)  { l.WriteString(line + "\n") }
func (l *loud) Writer() io.Writer { return &l.Buffer }

// collect reads all files of a folder, and what is packed in archives.
func collect(t *testing.T, dir string, into map[string][]byte) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		into[path] = text
		if strings.HasSuffix(path, ".tar") {
			for r := tar.NewReader(bytes.NewReader(text)); ; {
				entry, err := r.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					return err
				}
				if z, err := gzip.NewReader(r); err == nil {
					if into[path+":"+entry.Name], err = io.ReadAll(z); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
