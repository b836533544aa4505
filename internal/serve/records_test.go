package serve

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/fleet/store"
	"whittle.dev/whittle/internal/history"
	"whittle.dev/whittle/internal/imagetest"
)

// TestHistory: records are listed, and any two compared.
func TestHistory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "history.db")
	open := func(ctx context.Context) (*history.Store, error) { return history.Open(ctx, file) }
	store, err := open(t.Context())
	imagetest.Must(t, err)
	for i, size := range []int64{5_000_000, 7_000_000} {
		image := &whittle.Baseline{Sizes: whittle.Sizes{Size: size, Visible: size}, Steps: []whittle.BaselineStep{}, Owners: []whittle.BaselineOwner{{Owner: whittle.Owner{Ecosystem: "pypi", Name: "numpy" + hostile}, Visible: size}}, Wasted: []whittle.BaselineWaste{}}
		imagetest.Must(t, store.Add(t.Context(), &whittle.Record{Image: image, RecordRow: whittle.RecordRow{Project: "shop" + hostile, Command: "lab", Ref: "shop", Platform: "linux/amd64", Commit: strings.Repeat("ab", 20), Branch: "main", Sizes: whittle.Sizes{Size: size, Visible: size}, Files: i}}))
	}
	imagetest.Must(t, store.Close())
	s := serve(t, Options{History: open})
	list := s.get("history", 200)
	for _, want := range []string{"7.0 MB", `name="from"`, `<option value="2">`} {
		if !strings.Contains(list, want) {
			t.Errorf("the history lacks %q", want)
		}
	}
	change := s.get("changes?from=1&to=2", 200)
	if !strings.Contains(change, "2.0 MB") {
		t.Error("the change lacks what changed")
	}
	for _, body := range []string{list, change} {
		if strings.Contains(body, hostile) || strings.Contains(body, "\u202e") {
			t.Error("a name is not inert")
		}
	}
	s.validate("history.v1.json", s.get("api/history", 200))
	s.validate("history-change.v1.json", s.get("api/changes?from=1&to=latest", 200))
	if body := s.get("history?project=other", 200); strings.Contains(body, `name="from"`) {
		t.Error("another project has records")
	}
	for name, want := range map[string]int{"changes": 400, "changes?from=1": 400, "changes?from=1&to=9": 404, "changes?from=x&to=1": 400} {
		s.get(name, want)
		s.get("api/"+name, want)
	}
	serve(t, Options{}).get("history", 404)
}

// TestStudies: the last study of a project is shown, whatever its folder says.
func TestStudies(t *testing.T) {
	dir := newProject(t, dockerfileText)
	s := serve(t, Options{Projects: []string{dir}})
	study := "study?" + url.Values{"project": {dir}}.Encode()
	if body := s.get("studies", 200); !strings.Contains(body, "There is no study of it") {
		t.Error("a project without a study")
	}
	s.get(study, 404)
	report := func(text string) {
		imagetest.Must(t, os.MkdirAll(filepath.Join(dir, ".whittle", "images"), 0o755))
		imagetest.Must(t, os.WriteFile(filepath.Join(dir, ".whittle", "report.json"), []byte(text), 0o644))
	}
	v := whittle.Study{Schema: whittle.StudySchema, Project: "shop" + hostile, Date: "2026-11-30T12:00:00Z", Variants: []whittle.Variant{{Name: "original" + hostile, Build: whittle.BuildFacts{Status: whittle.Failed, Reason: hostile, Tail: []string{hostile}}, Run: whittle.RunFacts{Status: whittle.Unknown}}},
		Differences: []whittle.Difference{}, Findings: []whittle.Finding{}, Forecasts: []whittle.Forecast{}}
	text, err := json.Marshal(v)
	imagetest.Must(t, err)
	report(string(text))
	imagetest.Must(t, os.WriteFile(filepath.Join(dir, ".whittle", "images", "original.tar"), nil, 0o644))
	for _, name := range []string{"studies", study, study + "&images=yes"} {
		body := s.get(name, 200)
		if !strings.Contains(body, "2026-11-30") || strings.Contains(body, hostile) || strings.Contains(body, "\u202e") {
			t.Errorf("%s: %v", name, strings.Contains(body, hostile))
		}
	}
	if body := s.get("", 200); !strings.Contains(body, "original.tar") {
		t.Error("the image of the study is not offered")
	}
	s.validate("lab.v2.json", s.get("api/"+study, 200))
	for _, bad := range []string{"{", "[]", `{"schema":"whittle.lab/v1"}`, `{"schema":"whittle.lab/v2","variants":[{"name":3}]}`} {
		report(bad)
		if body := s.get("studies", 200); !strings.Contains(body, "report.json") {
			t.Errorf("%q: no problem is said", bad)
		}
		if a := s.do("GET", s.url+study, "", nil); a.code == 200 {
			t.Errorf("%q is shown", bad)
		}
	}
	report(`{"schema":"whittle.lab/v2"}`)
	s.get(study, 200)
	s.get("study?project=/etc", 404)
	imagetest.Must(t, os.Remove(filepath.Join(dir, ".whittle", "report.json")))
	imagetest.Must(t, os.Symlink("/etc/passwd", filepath.Join(dir, ".whittle", "report.json")))
	if a := s.do("GET", s.url+study, "", nil); a.code == 200 || strings.Contains(a.body, "root:") {
		t.Errorf("a link is followed: %d", a.code)
	}
}

// newFleet is the file of a fleet with one image, and how it is opened.
func newFleet(t *testing.T) func(ctx context.Context) (*store.Store, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "fleet.db")
	open := func(ctx context.Context) (*store.Store, error) {
		return store.Open(ctx, file, store.Options{Version: "1"})
	}
	f, err := open(t.Context())
	imagetest.Must(t, err)
	name := "registry.example.org/shop:1" + hostile
	imagetest.Must(t, f.Within(t.Context(), func(tx *sql.Tx) error {
		scan, err := f.AddScan(t.Context(), tx, "all", "", []string{name})
		if err != nil {
			return err
		}
		image, _, err := f.Put(t.Context(), tx, scan, name, &store.Manifest{Digest: whittle.DigestOf([]byte("image")), Place: name, Platform: "linux/amd64", Config: []byte("{}")})
		if err != nil {
			return err
		}
		return f.PutFigures(t.Context(), tx, image, &store.Figures{Layers: []store.Part{}})
	}))
	imagetest.Must(t, f.Close())
	return open
}

// TestFleet: the report on many images, and those that have a package.
func TestFleet(t *testing.T) {
	open := newFleet(t)
	s := serve(t, Options{Fleet: open})
	for name, want := range map[string]string{"fleet": "1 image", "find?package=openssl": "openssl", "find?package=openssl" + url.QueryEscape("=="+hostile): "openssl"} {
		body := s.get(name, 200)
		if !strings.Contains(body, want) || strings.Contains(body, hostile) || strings.Contains(body, "\u202e") {
			t.Errorf("%s lacks %q, or has what is not inert", name, want)
		}
	}
	s.validate("fleet.v1.json", s.get("api/fleet", 200))
	s.validate("fleet-find.v1.json", s.get("api/find?package=openssl", 200))
	s.get("find", 400)
	serve(t, Options{}).get("fleet", 404)
}

// TestFleetIsMade: a page does not wait for a report that takes long, and programs do.
func TestFleetIsMade(t *testing.T) {
	open, goOn := newFleet(t), make(chan struct{})
	opened := make(chan struct{}, 10)
	s := serve(t, Options{Fleet: func(ctx context.Context) (*store.Store, error) {
		opened <- struct{}{}
		select {
		case <-goOn:
			return open(ctx)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}})
	for range 2 {
		if body := s.get("fleet", 200); !strings.Contains(body, "The report is being made") {
			t.Error("the page waits")
		}
	}
	other := s.get("fleet?team=x", 200) // the one for no label is given up
	if !strings.Contains(other, "being made") {
		t.Error("another label")
	}
	close(goOn)
	s.validate("fleet.v1.json", s.get("api/fleet?team=x", 200))
	if body := s.get("fleet?team=x", 200); strings.Contains(body, "being made") {
		t.Error("it was made, and is not shown")
	}
	if len(opened) != 2 {
		t.Errorf("the fleet was opened %d times, want 2", len(opened))
	}
	imagetest.Must(t, s.Close())
}
