package outdir

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// tree has the texts of all files below a folder, by their paths.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	imagetest.Must(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all[path] = string(text)
		return err
	}))
	return all
}

// FuzzJournal: a journal that is not under the user's key, also one that was
// and in which a bit has changed, does nothing and is removed; whatever one
// under the key says, no file outside of the project changes.
func FuzzJournal(f *testing.F) {
	digest := func(s string) whittle.Digest { return whittle.SHA256(sha256.Sum256([]byte(s))) }
	base := f.TempDir()
	dir := filepath.Join(base, "project")
	good := journal{Dir: dir, Staged: ".whittle-staged-1", Ready: true, Files: []journalRow{{Path: "a", Before: digest("old"), After: digest("new")}}}
	for _, change := range []func(*journal){
		func(*journal) {},
		func(j *journal) { j.Ready = false },
		func(j *journal) { j.Files[0].Path = "../outside" },
		func(j *journal) { j.Files[0].Path, j.Files[0].Beside = "a", "../outside" },
		func(j *journal) { j.Staged, j.Ready = "../..", false },
		func(j *journal) { j.Files = append(j.Files, j.Files[0], journalRow{Path: "", After: digest("new")}) },
	} {
		j := good
		j.Files = append([]journalRow(nil), good.Files...)
		change(&j)
		body, err := json.Marshal(j)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body, true, uint(0))
		f.Add(body, true, uint(77))
		f.Add(body, false, uint(0))
	}
	f.Add([]byte("{\n}\n"), true, uint(0))
	f.Add([]byte(nil), false, uint(9))
	key := []byte("mine")
	f.Fuzz(func(t *testing.T, body []byte, sealed bool, flip uint) {
		imagetest.Must(t, os.RemoveAll(base))
		out, err := Make(filepath.Join(mkdir(t, dir), Name))
		imagetest.Must(t, err)
		out.key = key
		staged := mkdir(t, out.Path(".whittle-staged-1"))
		for name, text := range map[string]string{filepath.Join(base, "outside"): "old", filepath.Join(dir, "a"): "old", filepath.Join(staged, "0"): "new"} {
			imagetest.Must(t, os.WriteFile(name, []byte(text), 0o600))
		}
		before := tree(t, base)
		text := bytes.Clone(body)
		if sealed {
			text = append(text, journalSeal(key, body)...)
		}
		if flip > 0 && len(text) > 0 {
			text[int(flip/8%uint(len(text)))] ^= 1 << (flip % 8)
		}
		imagetest.Must(t, os.WriteFile(out.Path(journalName), text, 0o600))
		if err := out.recover(dir, func(string) {}); err != nil && (!sealed || flip > 0) {
			t.Errorf("a journal of nobody's: %v", err)
		}
		after := tree(t, base)
		if !sealed || flip > 0 {
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("a journal of nobody's (-before +after):\n%s", diff)
			}
		}
		if after[filepath.Join(base, "outside")] != "old" {
			t.Error("a file outside of the project has changed")
		}
	})
}

func mkdir(t *testing.T, dir string) string {
	t.Helper()
	imagetest.Must(t, os.MkdirAll(dir, 0o700))
	return dir
}

// FuzzRecord: a kept record is the one that was kept, of that variant, image and
// key; with any bit of it changed, or of somebody else's making, there is none.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"name":"a","build":{"status":"built"}}`), []byte("FROM x\n"), []byte(nil), uint(0))
	f.Add([]byte(`{"name":"a","dockerfile":"../../etc/passwd"}`), []byte(nil), []byte("00"), uint(13))
	f.Add([]byte(`{"name":"b"}`), []byte("FROM x\n"), []byte(strings.Repeat("0", 64)+"\n"), uint(5000))
	f.Add([]byte("[["), []byte("\x00"), []byte(" "), uint(1))
	dir := f.TempDir()
	key := []byte("mine")
	f.Fuzz(func(t *testing.T, variant, source, seal []byte, flip uint) {
		out, err := Make(dir)
		imagetest.Must(t, err)
		out.key = key
		put := func(texts ...[]byte) {
			for i, name := range []string{recordPath("a"), sourcePath("a"), sealPath("a")} {
				imagetest.Must(t, os.WriteFile(out.Path(name), texts[i], 0o600))
			}
		}
		right := record{variant, source, "sha256:1"}.seal(key)
		put(variant, source, seal)
		if _, _, ok := out.Record("a", "sha256:1"); ok && strings.TrimSpace(string(seal)) != right {
			t.Fatalf("a record under the seal %q is believed", seal)
		}
		texts := [][]byte{bytes.Clone(variant), bytes.Clone(source), []byte(right + "\n")}
		put(texts...)
		v, text, ok := out.Record("a", "sha256:1")
		if ok && (v.Name != "a" || !bytes.Equal(text, source)) {
			t.Errorf("kept %q, read %+v, %q", variant, v, text)
		}
		for what, other := range map[string]func() bool{
			"another image":   func() bool { _, _, ok := out.Record("a", "sha256:2"); return ok },
			"another variant": func() bool { _, _, ok := out.Record("../a", "sha256:1"); return ok },
			"another key": func() bool {
				theirs := Folder{Dir: dir, key: []byte("theirs")}
				_, _, ok := theirs.Record("a", "sha256:1")
				return ok
			},
		} {
			if other() {
				t.Errorf("a record of %s is believed", what)
			}
		}
		part := texts[flip%3]
		if len(part) == 0 {
			return
		}
		part[int(flip/24%uint(len(part)))] ^= 1 << (flip / 3 % 8)
		put(texts...)
		if _, _, ok := out.Record("a", "sha256:1"); ok && strings.TrimSpace(string(texts[2])) != right {
			t.Errorf("a record with another bit is believed: %q", texts)
		} else if ok && flip%3 < 2 {
			t.Errorf("a record with another bit in its text is believed: %q", texts)
		}
	})
}

// TestTraceKept: a trace is read for the image that it is of, and not if anybody else
// wrote it.
func TestTraceKept(t *testing.T) {
	dir := t.TempDir()
	mkdir(t, filepath.Join(dir, "variants"))
	f := At(dir, []byte("key"))
	one, other := whittle.DigestOf([]byte("one")), whittle.DigestOf([]byte("other"))
	trace := &whittle.Trace{Schema: whittle.TraceSchema, Touched: []whittle.TouchedPath{{Path: "/a", How: whittle.TouchOpen}}}
	if err := f.SaveTrace("app", one, trace); err != nil {
		t.Fatal(err)
	}
	if got := f.Trace("app", one); got == nil || !got.Touches("/a") {
		t.Errorf("%+v", got)
	}
	if f.Trace("app", other) != nil || f.Trace("other", one) != nil || At(f.Dir, []byte("other")).Trace("app", one) != nil {
		t.Error("a trace of another image, variant or user was read")
	}
	at := f.Path(tracePath("app"))
	text, err := os.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, bytes.Replace(text, []byte(`"/a"`), []byte(`"/b"`), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	if f.Trace("app", one) != nil {
		t.Error("a changed trace was read")
	}
}
