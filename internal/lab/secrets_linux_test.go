package lab

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/build/buildkitd"
	"whittle.dev/whittle/internal/git"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/index"
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
type loud struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *loud) Step(line string) { l.WriteString(line + "\n") }
func (l *loud) Done(_, _ int64)  {}
func (l *loud) Say(line string)  { l.WriteString(line + "\n") }
func (l *loud) End(note string)  { l.WriteString(note + "\n") }
func (l *loud) Begin(w whittle.Work) whittle.Task {
	l.WriteString(w.Name + "\n")
	return l
}

// WriteString locks, as builds report concurrently.
func (l *loud) WriteString(s string) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.WriteString(s)
}

// collect reads all files of a folder, and all that is compressed or archived in them:
// a file's content says what it is, as blobs have no extensions.
func collect(t *testing.T, dir string, into map[string][]byte) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil {
			unpack(path, text, 0, into)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// unpack adds a text, what it is when it is decompressed, and its members.
func unpack(name string, text []byte, depth int, into map[string][]byte) {
	into[name] = text
	if depth > 4 {
		return
	}
	switch {
	case bytes.HasPrefix(text, []byte{0x1f, 0x8b}):
		if z, err := gzip.NewReader(bytes.NewReader(text)); err == nil {
			plain, _ := io.ReadAll(z)
			unpack(name+"|gunzip", plain, depth+1, into)
		}
	case bytes.HasPrefix(text, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		if plain, ok := imagetest.Unzstd(text); ok {
			unpack(name+"|unzstd", plain, depth+1, into)
		}
	case len(text) > 262 && string(text[257:262]) == "ustar":
		for r := tar.NewReader(bytes.NewReader(text)); ; {
			entry, err := r.Next()
			if err != nil {
				return
			}
			member, _ := io.ReadAll(r)
			unpack(name+":"+entry.Name, member, depth+1, into)
		}
	}
}

// TestSecretsNowhere gives secrets by file and environment to builds and runs that
// print them in all forms, fail in several ways while they do, are fixed, advised and
// committed, and searches everything that is on the disk after that: the project with
// its study and git's objects, the caches, the engine's state, the folder of temporary
// files, and all that was printed.
func TestSecretsNowhere(t *testing.T) {
	h := gatedHealth(t)
	state, temp, caches := t.TempDir(), t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", temp)
	engine, err := build.Open(t.Context(), build.Options{NoDocker: true, NamedContexts: true,
		Daemon: buildkitd.Options{SearchDirs: []string{"../../.cache/bin"}, StateDir: state, TempDir: temp, HostNetwork: os.Getenv("WHITTLE_ENGINE_NETWORK") == "host"}})
	if err != nil {
		t.Skipf("no engine: %v", err)
	}
	defer engine.Close()
	h.engine = engine
	dir := laidOut(t, h, "testdata/secrets_nowhere.txtar")
	run := committed(t, dir)
	outside := t.TempDir()
	const byEnvironment, byFile, byVariable = "env/p@ss-5521 <&+> \"q\"", "file-secret-of-77-" + "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789", "variable:s3cr3t/9147"
	key := filepath.Join(outside, "key")
	if err := os.WriteFile(key, []byte(byFile+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	values := map[string]string{"TOKEN": byEnvironment, "DATABASE_PASSWORD": byVariable}
	env := savingEnv(h)
	env.Lookup = func(name string) (string, bool) { v, ok := values[name]; return v, ok }
	env.Repository = git.Open
	env.Secret = outdir.UserKey(caches)
	if env.Index.Cache, err = index.OpenCache(filepath.Join(caches, "index"), 0); err != nil {
		t.Fatal(err)
	}
	progress := &loud{}
	env.Progress = progress
	o := StudyOptions{Dir: dir, Offline: true, Inputs: inputs.Options{Secrets: []string{"id=key,src=" + key, "id=token,env=TOKEN"}, Env: []string{"DATABASE_PASSWORD"}, CacheTo: []string{"type=local,dest=" + filepath.Join(caches, "build")}}}
	texts := map[string][]byte{}
	say := func(name string, value any, err error) {
		t.Helper()
		text, _ := json.Marshal(value)
		texts["the result of "+name] = text
		if err != nil {
			texts["the error of "+name] = []byte(err.Error() + "\n" + whittle.Hint(err))
		}
	}
	quick := o
	quick.Quick = true
	s, err := Study(t.Context(), env, quick)
	if err != nil {
		t.Fatal(err)
	}
	say("lab", s, nil)
	for _, v := range s.Variants {
		if good := v.Name == "good" || v.Name == "crash"; (v.Build.Status == whittle.Built) != good {
			t.Errorf("%s: %+v", v.Name, v.Build)
		}
		if text, err := json.Marshal([]any{v.Run, v.Build}); v.Name == "crash" || v.Name == "says" || v.Name == "exits" {
			if err != nil || !bytes.Contains(text, []byte("***")) {
				t.Errorf("%s: nothing is hidden: %s", v.Name, text)
			}
		}
	}
	advice, err := AdviseProject(t.Context(), env, o, nil)
	say("advise", advice, err)
	only := o
	only.Only, only.Write = []string{"good"}, true
	r, err := Fix(t.Context(), env, FixOptions{StudyOptions: only, Verify: true, Commits: true, Rules: []string{"python-bytecode", "cleanup-in-later-layer"}})
	say("fix", r, err)
	if err != nil || len(r.Series.Commits) == 0 {
		t.Errorf("nothing was fixed: %v", err)
	}
	only.Only, only.Write = []string{"says"}, false
	_, err = Fix(t.Context(), env, FixOptions{StudyOptions: only})
	if say("fix of what does not build", nil, err); err == nil {
		t.Error("no error")
	}
	texts["git's log"] = []byte(run("log", "-p"))
	texts["the progress"] = progress.Bytes()
	if err := engine.Close(); err != nil {
		t.Log(err)
	}
	for _, d := range []string{dir, caches, state, temp} {
		collect(t, d, texts)
	}
	inflated := 0
	for name, text := range texts { // git's loose objects
		if z, err := zlib.NewReader(bytes.NewReader(text)); err == nil && strings.Contains(name, "/objects/") {
			plain, _ := io.ReadAll(z)
			texts[name+"|inflated"] = plain
			inflated++
		}
	}
	seen := searchSecrets(t, texts, byEnvironment, byFile, byVariable)
	t.Logf("%d texts, %d of git, %d needles", len(texts), inflated, seen)
	if log := texts[filepath.Join(dir, outdir.Name, "logs", "good.log")]; bytes.Count(log, []byte("***")) < 20 || inflated == 0 || len(texts) < 500 {
		t.Error("too little was looked through")
	}
}

// searchSecrets reports each form of a value that a text has. It gives the number of
// forms. These are found without whittle's own code: by base64, quoting and escaping
// as the programs in the images do it.
func searchSecrets(t *testing.T, texts map[string][]byte, values ...string) int {
	t.Helper()
	needles := map[string]string{}
	for _, v := range values {
		quoted, _ := json.Marshal(v)
		hex := ""
		for _, c := range []byte(v) {
			if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-._~", rune(c)) {
				hex += string(rune(c))
			} else {
				hex += fmt.Sprintf("%%%02X", c)
			}
		}
		for _, form := range []string{v, strings.Trim(string(quoted), `"`), strings.ReplaceAll(v, `"`, `\"`), url.QueryEscape(v), url.PathEscape(v), hex} {
			needles[form] = v
		}
		for skip := range 3 {
			part := v[skip:]
			part = part[:len(part)/3*3]
			coded := base64.StdEncoding.EncodeToString([]byte(part))
			needles[coded] = v
			if len(coded) > 76 {
				needles[coded[:60]] = v
			}
		}
	}
	for needle, v := range needles {
		for name, text := range texts {
			if bytes.Contains(text, []byte(needle)) {
				t.Errorf("%q, a form of %q, is in %s", needle, v, name)
			}
		}
	}
	return len(needles)
}
