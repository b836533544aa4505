package build

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBuildLinked: a build on the results of others, which have contexts, ignore files
// and bases of their own; their configurations are that of the base.
func TestBuildLinked(t *testing.T) {
	f := needEngine(t)
	lowest := f.define(t, "FROM probe\nENV A=lowest\nCOPY . /lowest/\n", map[string]string{"a": "of lowest", "b": "", ".dockerignore": "b\nDockerfile\n"})
	middle := f.define(t, "FROM lowest\nENV B=middle\nCOPY a /middle/\n", map[string]string{"a": "of middle"})
	middle.Builds = map[string]Definition{"lowest": lowest}
	middle.Exclude = []string{"excluded"}
	other := f.define(t, "FROM scratch\nCOPY a /other\n", map[string]string{"a": "of other"})
	d := f.define(t, "FROM middle AS first\nRUN [\"/probe\", \"write\", \"/first\", \"x\"]\nFROM first\nCOPY --from=other /other /\nCOPY a /app/\n", map[string]string{"a": "of app", "excluded": ""})
	d.Builds = map[string]Definition{"middle": middle, "other": other}
	d.NoCache = true

	layout := t.TempDir()
	res, err := f.engine.Build(t.Context(), d, Output{Layout: layout})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(layout, "blobs", "sha256", res.ImageID.Hex()))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"A=lowest", "B=middle", "COPY . /lowest/", "COPY a /middle/", "COPY /other / # buildkit", "COPY a /app/"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the configuration has no %s: %s", want, text)
		}
	}
	var got []string
	for _, dir := range []string{"/lowest", "/middle", "/app"} {
		got = append(got, string(f.run(t, d, probe("list", dir))[0].Stdout))
	}
	if diff := cmp.Diff([]string{".dockerignore\na\n", "a\n", "a\n"}, got); diff != "" {
		t.Error(diff)
	}
	archive := filepath.Join(t.TempDir(), "image.tar")
	if again, err := f.engine.Build(t.Context(), d, Output{Archive: archive}); err != nil || len(again.Layers) < 6 {
		t.Errorf("as an archive: %v", err)
	}

	// What goes wrong below is an error about the file that it is in.
	bad := lowest
	bad.Content, bad.Dockerfile = []byte("FROM probe\nCOPY nothing /\n"), "base.Dockerfile"
	middle.Builds = map[string]Definition{"lowest": bad}
	d.Builds["middle"] = middle
	_, err = f.engine.Build(t.Context(), d, Output{})
	var be *Error
	if !errors.As(err, &be) || be.File != "base.Dockerfile" || be.Line != 2 || !strings.Contains(err.Error(), "building middle, which Dockerfile is made of: building lowest, which Dockerfile is made of: base.Dockerfile:2: ") {
		t.Errorf("%v", err)
	}
}
