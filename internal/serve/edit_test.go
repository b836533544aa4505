package serve

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

const dockerfileText = "FROM debian:12\nRUN apt-get update && apt-get install -y curl\nCMD [\"/bin/true\"]\n"

// project is a folder with a Dockerfile.
func newProject(t *testing.T, text string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	imagetest.Must(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o640))
	imagetest.Must(t, os.WriteFile(filepath.Join(dir, "secret.txt"), []byte("secret"), 0o600))
	return dir
}

func (s *served) disk(dir string) string {
	s.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "Dockerfile"))
	imagetest.Must(s.T, err)
	return string(b)
}

// post sends a form, and gives the answer.
func (s *served) post(name string, fields ...string) answer {
	s.Helper()
	q := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		q.Set(fields[i], fields[i+1])
	}
	return s.do("POST", s.url+name, q.Encode(), nil)
}

// drafted is what the API says of a text.
func (s *served) drafted(fields ...string) (d Draft) {
	s.Helper()
	a := s.post("api/draft", fields...)
	if err := json.Unmarshal([]byte(a.body), &d); err != nil || a.code != 200 || d.Schema != DraftSchema {
		s.Fatalf("%d %s %v", a.code, a.body, err)
	}
	s.validate("draft.v1.json", a.body)
	return d
}

// validate holds JSON against a schema of the project.
func (s *served) validate(schema, text string) {
	s.Helper()
	compiled, err := jsonschema.NewCompiler().Compile("../../schema/" + schema)
	imagetest.Must(s.T, err)
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	imagetest.Must(s.T, err)
	if err := compiled.Validate(doc); err != nil {
		s.Errorf("%s: %v", schema, err)
	}
}

// TestDraft: the advice is about what was typed, and nothing is written.
func TestDraft(t *testing.T) {
	dir := newProject(t, dockerfileText)
	s := serve(t, Options{Projects: []string{dir}})
	name := filepath.ToSlash(dir) + "/Dockerfile"
	if page := s.get("edit?"+url.Values{"file": {name}}.Encode(), 200); !strings.Contains(page, "apt-get install -y curl</textarea>") && !strings.Contains(page, "package-manager-cache") {
		t.Error("the editor lacks the text or the advice")
	}
	d := s.drafted("file", name, "text", dockerfileText)
	if len(d.Advice.Findings) == 0 || d.Diff != "" || d.Prediction != nil {
		t.Fatalf("%+v", d)
	}
	f := d.Advice.Findings[0]
	fixed := s.drafted("file", name, "text", dockerfileText, "do", "apply "+f.Rule+" "+f.Fingerprint)
	if len(fixed.Advice.Findings) >= len(d.Advice.Findings) || !strings.Contains(fixed.Diff, "\n+RUN") {
		t.Errorf("the fix of %s: %+v", f.Rule, fixed)
	}
	if part := s.post("draft", "file", name, "text", strings.ReplaceAll(dockerfileText, "\n", "\r\n")); part.code != 200 || !strings.Contains(part.body, f.Rule) || strings.Contains(part.body, "<html") {
		t.Errorf("the part of the page: %d %s", part.code, part.body)
	}
	if d := s.drafted("file", name, "text", "FROM debian:12\nNOTHING "+hostile+"\n"); d.Error == "" || d.Advice != nil {
		t.Errorf("a text that is no Dockerfile: %+v", d)
	}
	for _, fields := range [][]string{{"file", name, "do", "write"}, {"file", name, "do", "apply x y"}, {"file", name, "do", "apply"}, {"file", name, "do", "remove"},
		{"file", filepath.ToSlash(dir) + "/secret.txt"}, {"file", filepath.ToSlash(dir) + "/../x/Dockerfile"}, {"file", "/etc/passwd"}, {"file", "Dockerfile"}, {"file", ""}, {}} {
		for _, page := range []string{"draft", "edit", "api/draft"} {
			if page == "edit" && strings.Contains(strings.Join(fields, " "), "do write") {
				continue
			}
			if a := s.post(page, append(fields, "text", "FROM other\n")...); a.code != 400 && a.code != 404 || strings.Contains(a.body, "secret\n") {
				t.Errorf("%s %v: %d", page, fields, a.code)
			}
		}
	}
	if got := s.disk(dir); got != dockerfileText {
		t.Errorf("the file was written: %q", got)
	}
}

// TestWrite: a file is written when the form says so, if it is as it was and git has it.
func TestWrite(t *testing.T) {
	dir := newProject(t, strings.ReplaceAll(dockerfileText, "\n", "\r\n"))
	var dirty []string
	env := testEnv(t)
	env.Dirty = func(_ context.Context, _ string, files []string) ([]string, error) {
		if len(dirty) > 0 {
			return files, nil
		}
		return nil, nil
	}
	s := serve(t, Options{Projects: []string{dir}, Env: env})
	name := filepath.ToSlash(dir) + "/Dockerfile"
	was := string(whittle.DigestOf([]byte(s.disk(dir))))
	next := strings.Replace(dockerfileText, "curl", "wget", 1)
	if a := s.post("edit", "file", name, "text", next, "do", "write", "was", "sha256:"+strings.Repeat("0", 64)); a.code != 400 || !strings.Contains(a.body, "has changed since") {
		t.Errorf("another file: %d", a.code)
	}
	dirty = []string{"Dockerfile"}
	if a := s.post("edit", "file", name, "text", next, "do", "write", "was", was); a.code != 400 || !strings.Contains(a.body, "not committed") {
		t.Errorf("uncommitted changes: %d", a.code)
	}
	if got := s.disk(dir); strings.Contains(got, "wget") {
		t.Fatal("it was written")
	}
	if a := s.post("edit", "file", name, "text", next, "do", "write", "was", was, "force", "yes"); a.code != 200 || !strings.Contains(a.body, "It was written.") {
		t.Errorf("by force: %d", a.code)
	}
	want := strings.ReplaceAll(next, "\n", "\r\n")
	if got := s.disk(dir); got != want {
		t.Errorf("%q is written, want %q", got, want)
	}
	if info, err := os.Stat(filepath.Join(dir, "Dockerfile")); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("its mode is %v", info.Mode())
	}
	if names := imagetest.Names(t, dir); len(names) != 2 {
		t.Errorf("the folder has %v", names)
	}
	if a := s.do("GET", s.url+"edit?"+url.Values{"file": {name}, "text": {"FROM x"}, "do": {"write"}, "was": {string(whittle.DigestOf([]byte(want)))}}.Encode(), "", nil); a.code != 200 || s.disk(dir) != want {
		t.Errorf("a link writes: %d", a.code)
	}
}

// TestOddTexts: what a browser would change is not edited.
func TestOddTexts(t *testing.T) {
	for _, text := range []string{"FROM a\r\nRUN b\n", "FROM a\rRUN b\n", "FROM a\nRUN \xff\n", "FROM a\nRUN \x00\n"} {
		dir := newProject(t, text)
		s := serve(t, Options{Projects: []string{dir}})
		if a := s.do("GET", s.url+"edit?"+url.Values{"file": {filepath.ToSlash(dir) + "/Dockerfile"}}.Encode(), "", nil); a.code != 422 && a.code != 404 {
			t.Errorf("%q: %d", text, a.code)
		}
	}
}

// TestPrediction: with an image, the size follows what is typed.
func TestPrediction(t *testing.T) {
	dir := newProject(t, "FROM base\nRUN one\nRUN two\n")
	img := imagetest.New(t, imagetest.Gzip, "f base 1000", "f one 200", "f two 30")
	for i, line := range []string{"RUN /bin/sh -c one # buildkit", "RUN /bin/sh -c two # buildkit"} {
		img.Conf.History[i+1] = whittle.History{CreatedBy: line, Comment: "buildkit.dockerfile.v0"}
	}
	env := testEnv(t)
	env.Images.(named)["built"] = img
	s := serve(t, Options{Projects: []string{dir}, Env: env})
	name := filepath.ToSlash(dir) + "/Dockerfile"
	if page := s.get("edit?"+url.Values{"file": {name}, "image": {"built"}}.Encode(), 200); !strings.Contains(page, "1.2 kB") || !strings.Contains(page, `class="beside"`) || !strings.Contains(page, `id="treemap"`) {
		t.Error("the editor lacks the treemap or the size")
	}
	d := s.drafted("file", name, "image", "built", "text", "FROM base\nRUN two\nRUN three\n")
	if p := d.Prediction; p == nil || p.Size != 1230 || p.Saving != (whittle.Saving{Low: 200, High: 200}) || len(p.Unknown) != 1 || len(p.Removed) != 1 {
		t.Errorf("%+v", p)
	}
	if d := s.drafted("file", name, "image", "nothing", "text", "FROM base\n"); d.Prediction != nil || d.Advice == nil {
		t.Errorf("without an image: %+v", d)
	}
}
