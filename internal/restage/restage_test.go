package restage

import (
	"cmp"
	"flag"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
)

var update = flag.Bool("update", false, "accept the Dockerfiles that are written")

// packages is a [System] that a case states.
type packages struct{ build, used []string }

func (p packages) Split(names []string) (build, used []string) {
	for _, n := range names {
		if slices.Contains(p.build, n) {
			build = append(build, n)
		}
	}
	if len(build) > 0 {
		used = p.used
	}
	return build, used
}

func (packages) Freed(build, used []string) map[int]int64 { return nil }

// inputOf makes an input of a Dockerfile and of a case's comment, whose lines "KEY:
// VALUE" say what is known of the image: its site, its target, files that it has,
// the system packages that only building needs (build), what these brought and the
// image uses (used), editable distributions, and a text that a file of the project
// has (names: FILE TEXT), the RUN whose layer has a cache (cached: TEXT), and what is
// deleted of the packages (clean: bytecode tests), that apt keeps its archives
// (archives: yes), and the smaller base (slim), with the builder's for the same
// release (full).
func inputOf(t testing.TB, comment string, source []byte, context map[string][]byte) (Input, error) {
	t.Helper()
	says := map[string][]string{}
	for line := range strings.Lines(comment) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			says[key] = append(says[key], value)
		}
	}
	one := func(key string) string { return strings.Join(says[key], " ") }
	f, err := dockerfile.Parse("Dockerfile", source)
	if err != nil {
		t.Fatal(err)
	}
	outline, err := ReadOutline(f, one("target"), nil)
	if err != nil {
		return Input{}, err
	}
	in := Input{Outline: outline, Site: cmp.Or(one("site"), "usr/local/lib/python3.13/site-packages"), Official: true, Context: map[string]int64{}, Texts: map[string][]byte{},
		Slim: one("slim"), Full: one("full"), Has: func(p string) bool { return slices.Contains(says["has"], p) }}
	for name, text := range context {
		in.Context[name] = int64(len(text))
		if strings.HasSuffix(name, ".txt") {
			in.Texts[name] = text
		}
	}
	if build := one("build"); build != "" {
		in.System = packages{strings.Fields(build), strings.Fields(one("used"))}
	}
	for _, name := range says["editable"] {
		in.Distributions = append(in.Distributions, Distribution{Name: name, Record: in.Site + "/" + name + "-1.dist-info", Editable: true, Pure: true})
	}
	if cached := one("cached"); cached != "" {
		in.Cached = func(o *dockerfile.Instruction) bool { return strings.Contains(o.Text(), cached) }
	}
	in.Archives = one("archives") != ""
	if clean := one("clean"); clean != "" {
		in.Clean = Cleanup{Bytecode: strings.Contains(clean, "bytecode"), Tests: strings.Contains(clean, "tests"), KeepTests: []string{"numpy"}}
	}
	in.Names = func(text string) string {
		file, part, _ := strings.Cut(one("names"), " ")
		if part != "" && strings.Contains(part, text) {
			return file
		}
		return ""
	}
	return in, nil
}

// strategies write a Dockerfile for an input, by the folder that their cases are in.
var strategies = map[string]func(Input) (interface{ Text() (string, error) }, error){
	"":           func(in Input) (interface{ Text() (string, error) }, error) { return New(in) },
	"single":     func(in Input) (interface{ Text() (string, error) }, error) { return NewSingle(in) },
	"distroless": func(in Input) (interface{ Text() (string, error) }, error) { return NewBare(in, debian()) },
}

// debian is a small one; of the Python packages' programs there is Gunicorn.
func debian() Debian {
	return Debian{Suite: "trixie", Packages: []string{"libc6", "libstdc++6", "python3"}, Ships: func(program string) bool { return program == "gunicorn" }}
}

// textOf is what is written, or why nothing is.
func textOf(in Input, err error, strategy string) (text string, reason error) {
	if err != nil {
		return "", err
	}
	p, err := strategies[strategy](in)
	if err != nil {
		return "", err
	}
	return p.Text()
}

// TestShapes compares what is written for each way to install with what is accepted
// in testdata, and holds it to the properties that every edit has.
func TestShapes(t *testing.T) {
	for strategy, least := range map[string]int{"": 40, "single": 15, "distroless": 15} {
		files, err := filepath.Glob(filepath.Join("testdata", strategy, "*.txtar"))
		if err != nil || len(files) < least {
			t.Fatal(strategy, len(files), "shapes", err)
		}
		for _, file := range files {
			t.Run(strings.TrimSuffix(strings.TrimPrefix(file, "testdata/"), ".txtar"), func(t *testing.T) { holdShape(t, file, strategy) })
		}
	}
}

// holdShape holds one strategy to one case.
func holdShape(t *testing.T, file, strategy string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	given := &txtar.Archive{Comment: archive.Comment}
	context := map[string][]byte{}
	var source []byte
	want := ""
	for _, f := range archive.Files {
		switch f.Name {
		case "want", "refused":
			want = f.Name + "\n" + string(f.Data)
			continue
		case "Dockerfile":
			source = f.Data
		default:
			context[f.Name] = f.Data
		}
		given.Files = append(given.Files, f)
	}
	comment := string(archive.Comment)
	crlf := strings.Contains(comment, "crlf: yes")
	if crlf {
		source = []byte(strings.ReplaceAll(string(source), "\n", "\r\n"))
	}
	in, err := inputOf(t, comment, source, context)
	text, err := textOf(in, err, strategy)
	if crlf && err == nil {
		if strings.Count(text, "\n") != strings.Count(text, "\r\n") {
			t.Errorf("line ends are mixed: %q", text)
		}
		text = strings.ReplaceAll(text, "\r\n", "\n")
	}
	got := txtar.File{Name: "want", Data: []byte(text)}
	if err != nil {
		got = txtar.File{Name: "refused", Data: []byte(err.Error() + "\n")}
	} else if in.Slim == "" && text != string(source) {
		keepsAll(t, in, text, strategy)
	}
	if *update {
		given.Files = append(given.Files, got)
		if err := os.WriteFile(file, txtar.Format(given), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := gocmp.Diff(want, got.Name+"\n"+string(got.Data)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// keepsAll holds a written Dockerfile to what every edit promises: it parses, all
// comments are there, and so are all instructions that are not about installing; the
// settings of the image are the same but for its PATH.
func keepsAll(t testing.TB, in Input, text, strategy string) {
	t.Helper()
	after, err := dockerfile.Parse("Dockerfile", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for line, n := range commentLines(string(in.File.Source)) {
		if now := commentLines(text)[line]; now < n {
			t.Errorf("the comment %q was there %d times, and is %d times\n%s", line, n, now, text)
		}
	}
	have := map[string]int{}
	for i := range after.Stages {
		for j := range after.Stages[i].Instructions {
			have[plainText(&after.Stages[i].Instructions[j])]++
		}
	}
	for i := range in.File.Stages {
		for j := range in.File.Stages[i].Instructions {
			o := &in.File.Stages[i].Instructions[j]
			if aboutInstalling(in, o) || strategy == "distroless" && forShell(o) {
				continue
			}
			if have[plainText(o)]--; have[plainText(o)] < 0 {
				t.Errorf("%q is gone\n%s", o.Text(), text)
			}
		}
	}
	target := in.Final.Name
	before, err1 := in.File.Chain(target)
	now, err2 := after.Chain(target)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	was, is := settings(before), settings(now)
	if strategy == "distroless" {
		for _, k := range []string{"CMD", "ENTRYPOINT", "HEALTHCHECK", "ENV LANG"} {
			delete(was, k)
			delete(is, k)
		}
	}
	if diff := gocmp.Diff(was, is); diff != "" {
		t.Errorf("the settings differ (-before +after):\n%s\n%s", diff, text)
	}
}

// forShell says that an instruction may get another form in an image without a shell.
func forShell(in *dockerfile.Instruction) bool {
	return slices.Contains([]string{"RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK"}, in.Keyword)
}

// plainText is an instruction without what other lines it may be on.
func plainText(in *dockerfile.Instruction) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(in.Text(), "\\", " ")), " ")
}

// aboutInstalling says that an instruction may be another one, or none, in the
// result: it installs, or brings what to install from.
func aboutInstalling(in Input, o *dockerfile.Instruction) bool {
	for _, steps := range [][]Step{in.Before, in.After, in.Runtime} {
		for i := range steps {
			if steps[i].In.Span == o.Span && (steps[i].Role != recipe.Keeps || o.Keyword == "RUN" && len(requested(&steps[i])) > 0) {
				return true
			}
		}
	}
	if o.Keyword == "RUN" {
		script, err := o.Shell()
		return err == nil && slices.ContainsFunc(script.Commands(), func(c dockerfile.Command) bool {
			m, ok := readManager(&c)
			return ok && m.removes
		})
	}
	sources, ok := FromContext(o)
	return ok && !slices.ContainsFunc(sources, func(s string) bool {
		base := path.Base(s)
		return !strings.Contains(base, "requirement") && !strings.Contains(base, "constraints") && !slices.Contains(lockFiles, base) && !slices.Contains(metadataFiles, base) && !strings.HasPrefix(base, "README")
	})
}

func commentLines(text string) map[string]int {
	out := map[string]int{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "#") {
			out[line]++
		}
	}
	return out
}

// settings are what instructions make of an image's configuration, as they are
// written.
func settings(chain []dockerfile.Instruction) map[string][]string {
	out := map[string][]string{}
	for i := range chain {
		in := &chain[i]
		switch in.Keyword {
		case "ENV":
			for _, x := range Assignments(in) {
				if x.Name != "PATH" {
					out["ENV "+x.Name] = []string{x.value}
				}
			}
		case "LABEL", "EXPOSE", "VOLUME", "ONBUILD", "WORKDIR":
			out[in.Keyword] = append(out[in.Keyword], plainText(in))
		case "USER", "CMD", "ENTRYPOINT", "HEALTHCHECK", "STOPSIGNAL", "SHELL", "MAINTAINER":
			out[in.Keyword] = []string{plainText(in)}
		}
	}
	for _, k := range []string{"LABEL", "EXPOSE", "VOLUME"} {
		slices.Sort(out[k])
	}
	return out
}

// FuzzRestage: whatever is written keeps what every edit promises, and nothing
// panics.
func FuzzRestage(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.txtar")
	more, _ := filepath.Glob("testdata/*/*.txtar")
	for _, file := range append(files, more...) {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, a := range archive.Files {
			if a.Name == "Dockerfile" {
				f.Add(a.Data, string(archive.Comment))
			}
		}
	}
	f.Fuzz(func(t *testing.T, source []byte, comment string) {
		if len(source) > 4<<10 {
			t.Skip()
		}
		if _, err := dockerfile.Parse("Dockerfile", source); err != nil {
			t.Skip()
		}
		in, err := inputOf(t, comment, source, map[string][]byte{"requirements.txt": []byte("flask==3\n"), "main.py": nil})
		for strategy := range strategies {
			text, reason := textOf(in, err, strategy)
			if reason == nil && text != string(source) && in.Slim == "" {
				keepsAll(t, in, text, strategy)
			}
		}
	})
}
