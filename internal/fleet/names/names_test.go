package names_test

import (
	"bytes"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/registry"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/fleet/names"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/source/catalog"
)

func TestList(t *testing.T) {
	for text, want := range map[string][]string{
		"":                                nil,
		"a:1\n\n # all\nb@sha256:1 # b\n": {"a:1", "b@sha256:1"},
		"a:1\r\nb:2":                      {"a:1", "b:2"},
		"a b\n":                           nil,
		strings.Repeat("x", 1<<17):        nil,
	} {
		got, err := names.List(strings.NewReader(text), "list")
		if diff := cmp.Diff(want, got); diff != "" || (err != nil) != (len(text) > 1<<16 || text == "a b\n") {
			t.Errorf("%.20q: %q, %v", text, got, err)
		}
	}
	if _, err := names.ReadList(filepath.Join(t.TempDir(), "none"), nil); !errors.Is(err, whittle.ErrNotFound) {
		t.Error(err)
	}
}

func TestPattern(t *testing.T) {
	all := []string{"app", "team-a/app", "team-a/web/api", "team-b/app", "library/app.old"}
	for _, c := range []struct{ patterns, want string }{
		{"", "app team-a/app team-a/web/api team-b/app library/app.old"},
		{"*", "app"},
		{"**", "app team-a/app team-a/web/api team-b/app library/app.old"},
		{"team-*/*", "team-a/app team-b/app"},
		{"team-a/**", "team-a/app team-a/web/api"},
		{"team-?/app", "team-a/app team-b/app"},
		{"!team-a/**", "app team-b/app library/app.old"},
		{"**/app !team-b/**", "team-a/app"},
		{"library/app.o?d app", "app library/app.old"},
		{"library/appxold", ""},
		{"(a", ""},
	} {
		match, err := names.Pattern(strings.Fields(c.patterns)).Match()
		imagetest.Must(t, err)
		if got := strings.Join(slices.DeleteFunc(slices.Clone(all), func(s string) bool { return !match(s) }), " "); got != c.want {
			t.Errorf("%s: %s, want %s", c.patterns, got, c.want)
		}
	}
	if _, err := (names.Pattern{"!"}).Match(); !errors.Is(err, whittle.ErrUsage) {
		t.Error(err)
	}
}

// TestCatalog: a registry's repositories and tags by patterns, over several pages.
func TestCatalog(t *testing.T) {
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	forbidden := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if forbidden != "" && strings.Contains(r.URL.Path, forbidden) {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	for _, name := range []string{"a/one:1", "a/one:2", "a/one:latest", "a/two:1", "b/one:1"} {
		repository, tag, _ := strings.Cut(name, ":")
		w := httptest.NewRecorder()
		req := httptest.NewRequest(http.MethodPut, "/v2/"+repository+"/manifests/"+tag, bytes.NewReader([]byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`)))
		req.Header.Set("Content-Type", "application/vnd.oci.image.index.v1+json")
		if inner.ServeHTTP(w, req); w.Code != http.StatusCreated {
			t.Fatal(w.Code, w.Body)
		}
	}
	for _, c := range []struct {
		repositories, tags, forbidden, want string
		notes                               int
		kind                                error
	}{
		{"", "", "", "a/one:1 a/one:2 a/one:latest a/two:1 b/one:1", 0, nil},
		{"a/*", "1", "", "a/one:1 a/two:1", 0, nil},
		{"", "? !1", "", "a/one:2", 0, nil},
		{"none", "", "", "", 0, nil},
		{"", "1", "/a/two/", "a/one:1 b/one:1", 1, nil},
		{"", "1", "/tags/", "", 0, whittle.ErrAuth},
		{"", "1", "/_catalog", "", 0, whittle.ErrAuth},
		{"!", "", "", "", 0, whittle.ErrUsage},
	} {
		forbidden = c.forbidden
		got, notes, err := names.Catalog{Registry: host, Repositories: strings.Fields(c.repositories), Tags: strings.Fields(c.tags)}.Names(t.Context(), catalog.Options{})
		for i := range got {
			got[i] = strings.TrimPrefix(got[i], host+"/")
		}
		slices.Sort(got)
		if strings.Join(got, " ") != c.want || len(notes) != c.notes || (err != nil) != (c.kind != nil) || c.kind != nil && !errors.Is(err, c.kind) {
			t.Errorf("%+v: %v, %v, %v", c, got, notes, err)
		}
	}
	if _, err := catalog.Repositories(t.Context(), host, func(string) bool { return true }, catalog.Options{Most: 1}); err == nil && forbidden == "" {
		t.Error("a list may be longer than it may be")
	}
	if _, _, err := (names.Catalog{Registry: "no registry"}).Names(t.Context(), catalog.Options{}); !errors.Is(err, whittle.ErrUsage) {
		t.Error(err)
	}
}

// TestManifests: the images of all kinds of objects that have pods, and nothing else.
func TestManifests(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"pod.yaml":            "apiVersion: v1\nkind: Pod\nspec:\n  initContainers: [{name: i, image: init:1}]\n  containers:\n  - name: a\n    image: app:1\n  - image: 'other:2'\n  ephemeralContainers: [{image: debug}]\n  volumes: [{image: {reference: data:1}}]\n",
		"a/deploy.yml":        "kind: Deployment\nspec: {template: {spec: {containers: [{image: app:1}]}}}\n---\nkind: CronJob\nspec: {jobTemplate: {spec: {template: {spec: {containers: [{image: cron:1}]}}}}}\n---\n---\nkind: ConfigMap\ndata: {image: not:this, containers: text}\n",
		"list.json":           `{"kind": "List", "items": [{"kind": "StatefulSet", "spec": {"template": {"spec": {"containers": [{"image": "db:1"}]}}}}]}`,
		"own.yaml":            "kind: Workflow\nspec:\n  templates:\n  - podSpec: &p {containers: [{image: own:1}]}\n  - podSpec: *p\n",
		"chart/template.yaml": "spec:\n  containers:\n  {{- range .Values.x }}\n",
		"chart/filled.yaml":   "spec: {containers: [{image: '{{ .Values.image }}'}, {image: \"$(IMAGE):1\"}, {image: ok:1}]}\n",
		"half.yaml":           "kind: Pod\nspec: {containers: [{image: first:1}]}\n---\n: : :\n\t- x\n",
		"cycle.yaml":          "a: &a\n  b: *a\n  containers: [{image: cycle:1}]\n",
		".git/pod.yaml":       "spec: {containers: [{image: hidden:1}]}",
		"readme.txt":          "containers: [{image: text:1}]",
		"odd.yaml":            "containers: [1, [2], {image: [x]}, {image: ''}, {name: x}]",
		"Chart.YAML":          "spec: {containers: [{image: upper:1}]}",
	} {
		imagetest.Must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		imagetest.Must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	imagetest.Must(t, os.Symlink("/", filepath.Join(dir, "link.yaml")))
	got, notes, err := names.Manifests(t.Context(), dir)
	want := []string{"app:1", "cron:1", "cycle:1", "db:1", "debug", "first:1", "init:1", "ok:1", "other:2", "own:1", "upper:1"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil || len(notes) != 4 {
		t.Errorf("%v, notes %q\n%s", err, notes, diff)
	}
	if _, _, err := names.Manifests(t.Context(), filepath.Join(dir, "none")); !errors.Is(err, whittle.ErrNotFound) {
		t.Error(err)
	}
}

// TestAliases: aliases that repeat each other many times end at a bound.
func TestAliases(t *testing.T) {
	text := "a0: &a0 [{containers: [{image: x:1}]}]\n"
	for i := range 30 {
		text += strings.NewReplacer("I", string(rune('0'+i/10))+string(rune('0'+i%10)), "J", string(rune('0'+(i+1)/10))+string(rune('0'+(i+1)%10))).Replace("aJ: &aJ [*aI, *aI, *aI, *aI]\n")
	}
	text = strings.ReplaceAll(strings.Replace(text, "a0: &a0 ", "a00: &a00 ", 1), "*a0,", "*a00,")
	dir := t.TempDir()
	imagetest.Must(t, os.WriteFile(filepath.Join(dir, "bomb.yaml"), []byte(text), 0o600))
	got, notes, err := names.Manifests(t.Context(), dir)
	if err != nil || len(notes) != 1 || len(got) > 1 {
		t.Errorf("%v, %v, %v", got, notes, err)
	}
}
