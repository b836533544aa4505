package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/patch"
	"whittle.dev/whittle/internal/runs"
)

// lasting is an engine that outlives the verbs that close it.
type lasting struct{ *build.Engine }

func (lasting) Close() error { return nil }

// savingEnv is the outside world with the test's engine.
func savingEnv(h *health) *host.Env {
	env := *h.env
	env.Packages, env.Fetch = nil, nil
	env.Engine = func(context.Context, bool) (host.Builder, error) { return lasting{h.engine}, nil }
	return &env
}

// laidOut is the folder of a project that a file has.
func laidOut(t *testing.T, h *health, file string) string {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writeProject(t, h, archive, dir)
	return dir
}

// writeProject lays out a project. A content "@N" stands for N bytes that do
// not compress, "@python N" for about N bytes of Python.
func writeProject(t *testing.T, h *health, archive *txtar.Archive, dir string) {
	t.Helper()
	bases := "bases:\n"
	for name, b := range h.bases {
		bases += fmt.Sprintf("  %q: oci-layout:%s\n", name, b.Layout)
	}
	files := append(slices.Clone(archive.Files), txtar.File{Name: "whittle.yaml", Data: []byte(bases)})
	for _, f := range files {
		if f.Name == "rules" {
			continue
		}
		if f.Name == "run" {
			f.Name, f.Data = "whittle.yaml", append([]byte(bases), f.Data...)
			files[len(files)-1].Name = "rules"
		}
		name := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, expand(t, f.Data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func expand(t *testing.T, data []byte) []byte {
	t.Helper()
	spec, ok := strings.CutPrefix(strings.TrimSpace(string(data)), "@")
	if !ok {
		return data
	}
	spec, python := strings.CutPrefix(spec, "python ")
	n, err := strconv.Atoi(spec)
	if err != nil {
		t.Fatal(err)
	}
	if !python {
		return imagetest.Content("saving", n)
	}
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "def f%d(x):\n    return x + %d\n", i, i)
	}
	return []byte(b.String())
}

// TestSavings holds what findings say to true rebuilds: each fix alone, and
// all together, saves to the byte what was predicted where that is exact, and
// lies within the bounds elsewhere.
func TestSavings(t *testing.T) {
	h := gatedHealth(t)
	files, err := filepath.Glob("testdata/savings/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no corpus", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			writeProject(t, h, archive, dir)
			holdSavings(t, h, archive, dir)
		})
	}
}

func holdSavings(t *testing.T, h *health, archive *txtar.Archive, dir string) {
	ctx, env := t.Context(), savingEnv(h)
	s, err := newStudy(ctx, env, StudyOptions{Dir: dir, Quick: true, Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.buildAll(ctx); err != nil {
		t.Fatal(err)
	}
	w, err := newWorkshop(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	v := s.bench.Project.Variants[0]
	before := w.trials[trialKey(v.Name, nil)]
	if before.image == "" {
		t.Fatal(before.Build.Reason, before.Build.Tail)
	}
	subjects, err := s.readAll(ctx)
	if err != nil {
		t.Fatal(err)
	}
	closeAll(subjects)
	advice, x, err := w.advise(ctx, v, before, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Subject.Close()
	var fixed []whittle.Finding
	rules := map[string]bool{}
	for _, f := range advice.Findings {
		t.Logf("%s: %s, saves %+v", f.Rule, f.Message, f.Saving)
		if f.Fix != nil {
			fixed, rules[f.Rule] = append(fixed, f), true
		}
	}
	for _, want := range strings.Fields(section(archive, "rules")) {
		if !rules[want] {
			t.Errorf("no fix of %s is proposed", want)
		}
	}
	for _, f := range fixed {
		w.hold(t, before, f.Rule+" alone", []whittle.Finding{f}, f.Saving)
	}
	_, fixed, err = w.mergeFindings(nil, fixed) // those in the way of others come in a later round
	if err != nil {
		t.Fatal(err)
	}
	var changes []whittle.LayerChange
	for _, f := range fixed {
		changes = append(changes, f.Change)
	}
	total, err := x.Saving(changes...)
	if err != nil {
		t.Fatal(err)
	}
	w.hold(t, before, "all together", fixed, total)
}

func section(archive *txtar.Archive, name string) string {
	for _, f := range archive.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

// hold applies some fixes, rebuilds, and compares what that saves.
func (w *workshop) hold(t *testing.T, before *trial, what string, findings []whittle.Finding, want whittle.Saving) {
	t.Helper()
	fixes := make([]*whittle.Fix, len(findings))
	for i, f := range findings {
		fixes[i] = f.Fix
	}
	files, err := w.copy.Files(nil, fixes)
	if err != nil {
		t.Fatal(err)
	}
	changed, conflicts, err := patch.Merge(files, w.dockerfiles(), fixes)
	if err != nil {
		t.Fatal(err)
	}
	if len(conflicts) > 0 {
		t.Logf("%s: %+v", what, conflicts)
		return
	}
	after, err := w.try(t.Context(), w.bench.Project.Variants[0], state(changed))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range changed {
		t.Logf("%s: %s\n%s", what, name, text)
	}
	if after.image == "" {
		t.Fatalf("%s: it does not build any more: %s %q", what, after.Build.Reason, after.Build.Tail)
	}
	if why := worse(before, after, false); why != "" {
		t.Errorf("%s: %s", what, why)
	}
	saved := runs.Outcome(before.Variant).Sizes.Size - runs.Outcome(after.Variant).Sizes.Size
	t.Logf("%s: predicted %+v, true %d", what, want, saved)
	// The project's own files change with a fix, and may be in the image.
	if own := w.grown(t, changed); saved+own < want.Low || saved > want.High+own {
		t.Errorf("%s: predicted %d to %d bytes, a rebuild saves %d (the files themselves grow by %d)", what, want.Low, want.High, saved, own)
	}
}

// grown is by how much the changed files are larger than they were.
func (w *workshop) grown(t *testing.T, changed map[string][]byte) (n int64) {
	t.Helper()
	for name, text := range changed {
		old, _ := os.ReadFile(filepath.Join(w.bench.Project.Dir, name)) // a new file had no bytes
		n += max(int64(len(text)-len(old)), int64(len(old)-len(text)))
	}
	return n
}

// TestReverted: a fix that breaks the application in a way that no file shows
// is reverted, and said why; one that files show to break it is not proposed. The trace has
// seen nothing: one of the runs would keep both from being proposed.
func TestReverted(t *testing.T) {
	h := gatedHealth(t)
	for _, c := range []struct {
		name string
		// use is a statement of the application that needs the tests.
		use       string
		takenBack bool
	}{
		{"by a name that is made at run time", "importlib.import_module('toolkit.' + ''.join(chr(c - 1) for c in (117, 102, 116, 117, 116)))", true},
		{"by a statement in a function", "exec('')\ndef check():\n    import toolkit.tests\ncheck()", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			archive, err := txtar.ParseFile("testdata/reverted.txtar")
			if err != nil {
				t.Fatal(err)
			}
			for i := range archive.Files {
				archive.Files[i].Data = []byte(strings.ReplaceAll(string(archive.Files[i].Data), "USE", c.use))
			}
			dir := t.TempDir()
			writeProject(t, h, archive, dir)
			r, err := Fix(t.Context(), savingEnv(h), FixOptions{StudyOptions: StudyOptions{Dir: dir, Offline: true, Objective: ObjectiveSize, Trace: &whittle.Trace{}}, Verify: true, Rules: []string{"python-tests", "python-bytecode"}})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]whittle.FixStatus{}
			for _, s := range r.Steps {
				t.Logf("%s %s: %s", s.Finding.Rule, s.Status, s.Reason)
				got[s.Finding.Rule] = s.Status
			}
			want := map[string]whittle.FixStatus{"python-bytecode": whittle.Applied}
			if c.takenBack {
				want["python-tests"] = whittle.Reverted
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
			if v := r.Verified.Variants[0]; v.After.Verdict != whittle.Runs || v.Saved <= 0 {
				t.Errorf("%+v", v)
			}
		})
	}
}
