package lab

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/outdir"
	"whittle.dev/whittle/internal/report"
	"whittle.dev/whittle/internal/report/jsontext"
	"whittle.dev/whittle/internal/report/page"
)

// Forty is the corpus of what an application reaches only by a name, when it
// runs: see forty_apps_linux_test.go. Every application is studied with its
// fixes (lab --fix); then what it reaches must still be there, which its best
// image shows: the same use, before and after, prints the same. The applications
// that CI tries are marked: WHITTLE_FORTY=few tries these, all tries all,
// most of them in images that they share, each every one in an image of its own.

// house is the image that has all wheels: real ones, and one of acme-kit for
// each application.
const house = "wheelhouse:1"

// wants is what an application's start needs, and does not get, in the module
// ready that each imports first.
var wants = []struct{ how, ready string }{
	{"removed", ""},
	{"failing", "raise RuntimeError('the table of rates is empty')\n"},
	{"an environment", "import os\n\nSECRET = os.environ['SHOP_SECRET']\n"},
	{"an environment, politely", "import os\nimport sys\n\nif 'SHOP_SECRET' not in os.environ:\n    sys.exit('SHOP_SECRET is not set')\n"},
	{"a database", "import pymysql\n\npymysql.connect(host='db', user='shop', connect_timeout=3)\n"},
}

// forty is a corpus in an engine.
type forty struct {
	*health
	apps []reaching
	// most is how many share an image that starts.
	most int
}

func newForty(t *testing.T) *forty {
	t.Helper()
	which := os.Getenv("WHITTLE_FORTY")
	if which != "few" && which != "all" && which != "each" {
		t.Skip("builds real images: set WHITTLE_FORTY=few, all, or each")
	}
	f := &forty{health: newHealth(t), apps: reachings(), most: 60}
	if which == "each" {
		f.most = 1
	}
	for i := range f.apps {
		f.apps[i].name(i)
	}
	if which == "few" {
		f.apps = slices.DeleteFunc(f.apps, func(a reaching) bool { return !a.few })
	} else {
		f.bases[full] = f.fullBase(t)
	}
	dir := t.TempDir()
	real := map[string]bool{}
	for i := range f.apps {
		for _, name := range f.apps[i].real {
			real[name] = true
		}
		f.apps[i].wheel(t, dir)
	}
	madeUp(t, dir, "basekit", "1.0", map[string]string{"basekit/__init__.py": "import importlib\n\nNAME = 'basekit'\n\n\ndef load(name):\n    return importlib.import_module(name)\n"}, "")
	madeUp(t, dir, "deadwood", "1.0", map[string]string{"deadwood/__init__.py": padding()}, "")
	pins := slices.Sorted(maps.Keys(real))
	layout := t.TempDir()
	var log strings.Builder
	res, err := f.engine.Build(t.Context(), build.Definition{Context: dir, Bases: f.bases, Offline: true, Content: []byte(
		"FROM python:3.13-slim AS real\nRUN pip download --no-cache-dir --only-binary :all: -d /house " + pymysql + " " + strings.Join(pins, " ") +
			"\nFROM scratch\nCOPY --from=real /house /\nCOPY . /\n")}, build.Output{Layout: layout, Compression: "uncompressed", Log: &log})
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	f.bases[house] = build.Base{Layout: layout, Digest: res.Manifest}
	return f
}

// fullBase is a stand-in of a full image: the slim one with git.
func (f *forty) fullBase(t *testing.T) build.Base {
	t.Helper()
	layout := t.TempDir()
	res, err := f.engine.Build(t.Context(), build.Definition{Context: t.TempDir(), Bases: f.bases, Offline: true,
		Content: []byte("FROM python:3.13-slim\nRUN apt-get update && apt-get install -y --no-install-recommends git && rm -rf /var/lib/apt/lists/*\n")},
		build.Output{Layout: layout, Compression: "uncompressed"})
	if err != nil {
		t.Fatal(err)
	}
	return build.Base{Layout: layout, Digest: res.Manifest}
}

// padding is a module's text that is large enough to be worth a finding.
func padding() string { return strings.Repeat("x = 1\n", 60_000) }

// enlarged is a text with padding where it begins with "!".
func enlarged(text string) string {
	if bare, ok := strings.CutPrefix(text, "!"); ok {
		return bare + padding()
	}
	return text
}

// name gives an application a distribution, a module and programs of its own:
// acme07-kit, acme07 and akit07 of what is written as acme and akit.
func (a *reaching) name(number int) {
	a.number = number
	n := fmt.Sprintf("%02d", number)
	r := strings.NewReplacer("\x04acme", "\x06acme"+n, "acme", "acme"+n, "akit", "akit"+n, "'me'", "'me"+n+"'", "'me.Kit'", "'me"+n+".Kit'",
		"'a' + 'kit'", "'a' + 'kit"+n+"'", "'m' + 'e'", "'m' + 'e"+n+"'")
	for _, text := range []*string{&a.use, &a.imports, &a.points, &a.lines, &a.start, &a.show} {
		*text = r.Replace(*text)
	}
	for _, list := range [][]string{a.reach, a.keep} {
		for i := range list {
			list[i] = r.Replace(list[i])
		}
	}
	for _, files := range []*map[string]string{&a.app, &a.lib} {
		named := map[string]string{}
		for name, text := range *files {
			named[r.Replace(name)] = r.Replace(text)
		}
		*files = named
	}
	if a.reach == nil {
		a.reach = words("python main.py use")
	}
	if a.keep == nil {
		a.keep = []string{site + "acme" + n + "/__init__.py"}
	}
}

// wheel writes an application's acme-kit.
func (a *reaching) wheel(t *testing.T, dir string) {
	module := fmt.Sprintf("acme%02d", a.number)
	files := map[string]string{
		module + "/__init__.py": "import sys\n\n\nclass Kit:\n    def __init__(self, *args, **kwargs):\n        print('acme is here')\n\n\ndef ran():\n    print('acme ran', *sys.argv[1:])\n",
		module + "/__main__.py": "from " + module + " import ran\n\nran()\n",
		module + "/large.py":    padding(),
	}
	for name, text := range a.lib {
		files[name] = enlarged(text)
	}
	madeUp(t, dir, module+"-kit", "1.0", files, a.points)
}

// madeUp writes a wheel.
func madeUp(t *testing.T, dir, name, version string, files map[string]string, points string) {
	t.Helper()
	under := strings.ReplaceAll(name, "-", "_") + "-" + version
	all := map[string]string{
		under + ".dist-info/METADATA": "Metadata-Version: 2.1\nName: " + name + "\nVersion: " + version + "\n",
		under + ".dist-info/WHEEL":    "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
	}
	if points != "" {
		all[under+".dist-info/entry_points.txt"] = points
	}
	for file, text := range files {
		all[strings.Replace(file, "DATA/", under+".data/", 1)] = text
	}
	record := under + ".dist-info/RECORD"
	var lines, archive bytes.Buffer
	z := zip.NewWriter(&archive)
	put := func(file, text string) {
		h := &zip.FileHeader{Name: file, Method: zip.Deflate, Modified: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)}
		h.SetMode(0o755)
		w, err := z.CreateHeader(h)
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range slices.Sorted(maps.Keys(all)) {
		put(file, all[file])
		fmt.Fprintf(&lines, "%s,,\n", file)
	}
	put(record, lines.String()+record+",,\n")
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, under+"-py3-none-any.whl"), archive.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// web is an application that serves pages and reaches what it does at /use, or
// where it is started with that word.
const web = `import http.server
import sys

import ready
import basekit
IMPORTS

def use():
USE

class Shop(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        if self.path == "/use":
            use()
        self.wfile.write(basekit.NAME.encode())


if __name__ == "__main__":
    if sys.argv[1:2] == ["use"]:
        use()
    else:
        http.server.HTTPServer(("", 8000), Shop).serve_forever()
`

// files are an application's project. ready is the text of its module ready;
// without a start it has no CMD.
func (a *reaching) files(ready string, started bool) map[string]string {
	indent := ""
	for line := range strings.Lines(cmp.Or(a.use, "print('nothing')\n")) {
		indent += "    " + line
	}
	files := map[string]string{
		"ready.py": ready,
		"main.py":  "# deadwood was for the old prices.\n" + strings.NewReplacer("IMPORTS", a.imports, "USE", indent).Replace(web),
	}
	for name, text := range a.app {
		files[name] = enlarged(text)
	}
	files["requirements.txt"] = strings.Join(a.required(ready), "\n") + "\n"
	start := ""
	if started {
		start = cmp.Or(a.start, `CMD ["python", "main.py"]`) + "\n"
	}
	files["Dockerfile"] = recipe(cmp.Or(a.base, "python:3.13-slim"), a.system, a.lines+start)
	return files
}

// recipe is an application's Dockerfile.
func recipe(base, system, end string) string {
	return "FROM " + base + "\nENV PYTHONDONTWRITEBYTECODE=1\n" + system + "WORKDIR /app\nCOPY requirements.txt .\n" +
		"RUN --mount=type=bind,from=" + house + ",target=/house \\\n    pip install --no-cache-dir --no-compile --no-index --find-links=/house -r requirements.txt\n" +
		"COPY . .\n" + end
}

// required are what an application declares; deadwood is what nothing uses.
func (a *reaching) required(ready string) []string {
	out := append([]string{"basekit", "deadwood"}, a.real...)
	if !a.alone {
		out = append(out, fmt.Sprintf("acme%02d-kit", a.number))
	}
	if strings.Contains(ready, "pymysql") && !slices.Contains(out, pymysql) {
		out = append(out, pymysql)
	}
	return out
}

// pymysql asks for a database.
const pymysql = "pymysql==1.1.2"

// shares says that an application's project can lie in a folder of another
// image: it has nothing of its own there but distributions and files.
func (a *reaching) shares() bool {
	return a.base+a.system+a.lines+a.start == "" && !strings.HasPrefix(a.keep[0], "/app/")
}

// sharing parts applications into those that share an image, so many at most;
// those that make names keep to themselves.
func sharing(apps []reaching, most int) (out [][]*reaching) {
	last := map[bool]int{}
	for i := range apps {
		a := &apps[i]
		at, ok := last[a.dark]
		switch {
		case !a.shares():
			out = append(out, []*reaching{a})
		case ok && len(out[at]) < most:
			out[at] = append(out[at], a)
		default:
			last[a.dark] = len(out)
			out = append(out, []*reaching{a})
		}
	}
	return out
}

// together is the project of applications that share an image, each in a folder
// of its own; the first of them starts.
func together(apps []*reaching, ready string, started bool) map[string]string {
	if len(apps) == 1 {
		return apps[0].files(ready, started)
	}
	files := map[string]string{}
	var required []string
	for _, a := range apps {
		for name, text := range a.files(ready, false) {
			files[a.folder()+"/"+name] = text
		}
		for _, name := range []string{"/requirements.txt", "/Dockerfile"} {
			delete(files, a.folder()+name)
		}
		required = append(required, a.required(ready)...)
	}
	slices.Sort(required)
	files["requirements.txt"] = strings.Join(slices.Compact(required), "\n") + "\n"
	start := ""
	if started {
		start = fmt.Sprintf("CMD [\"python\", \"%s/main.py\"]\n", apps[0].folder())
	}
	files["Dockerfile"] = recipe("python:3.13-slim", "", start)
	return files
}

// folder is where an application lies in an image that it shares.
func (a *reaching) folder() string { return fmt.Sprintf("app%02d", a.number) }

// lay writes an application's project.
func (f *forty) lay(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	bases := "bases:\n"
	for name, b := range f.bases {
		bases += fmt.Sprintf("  %q: oci-layout:%s\n", name, b.Layout)
	}
	write(t, dir, files)
	write(t, dir, map[string]string{"whittle.yaml": bases})
	return dir
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// study is what lab --fix gives of a project.
func (f *forty) study(t *testing.T, dir string) *whittle.Study {
	t.Helper()
	s, err := Study(t.Context(), savingEnv(f.health), StudyOptions{Dir: dir, Quick: true, Offline: true, Fix: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range s.Repair.Steps {
		t.Logf("%s, risk %s, %s: %s; %s", step.Finding.Rule, step.Finding.Risk, step.Status, step.Finding.Message, step.Reason)
	}
	for _, v := range s.Repair.Verified.Variants {
		t.Logf("%s: %s (%s) to %s (%s)", v.Name, v.Before.Verdict, v.Before.Start, v.After.Verdict, v.After.Start)
	}
	return s
}

// seen is what a use of an image shows.
type seen struct {
	exit int
	out  string
	// there are the files that are to be kept.
	there string
}

// look runs what reaches in an image of applications, and lists what they reach.
func (f *forty) look(t *testing.T, apps []*reaching, d build.Definition) []seen {
	t.Helper()
	var commands []build.Command
	for _, a := range apps {
		use := build.Command{Name: "use", Args: a.reach, Timeout: time.Minute}
		if len(apps) > 1 {
			use.Dir = "/app/" + a.folder()
		}
		commands = append(commands, use, build.Command{Name: "files", Args: append([]string{"ls", "-d"}, a.keep...)})
	}
	r, err := f.engine.Run(t.Context(), d, commands, build.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	out := make([]seen, len(apps))
	for i := range apps {
		use, files := r[2*i], r[2*i+1]
		out[i] = seen{use.ExitCode, string(use.Stdout), string(files.Stdout) + string(files.Stderr)}
		if use.ExitCode != 0 {
			out[i].out += string(use.Stderr)
		}
	}
	return out
}

// reaches says that an application has what it reaches.
func (s seen) reaches(a *reaching) bool {
	return s.exit == 0 && strings.Contains(s.out, a.shows()) && !strings.Contains(s.there, "No such file")
}

// TestForty: what is reached only by a name is not lost by lab --fix.
func TestForty(t *testing.T) {
	f := newForty(t)
	lost, fell := 0, 0
	for _, apps := range sharing(f.apps, f.most) {
		t.Run(fmt.Sprintf("%s and %d others", apps[0].how, len(apps)-1), func(t *testing.T) {
			began := time.Now()
			defer func() { t.Logf("%.1f s", time.Since(began).Seconds()) }()
			dir := f.lay(t, together(apps, "", true))
			before := f.look(t, apps, build.Definition{Context: dir, Bases: f.bases, Offline: true})
			s := f.study(t, dir)
			if s.Best == nil || s.Best.Outcome.Verdict != whittle.Runs {
				t.Fatalf("no best image that runs: %+v", s.Best)
			}
			after := f.look(t, apps, f.best(t, filepath.Join(dir, outdir.Name, s.Best.Archive)))
			for i, a := range apps {
				if !before[i].reaches(a) {
					t.Errorf("%s: it does not reach it as it is: %+v", a.how, before[i])
				} else if after[i] != before[i] {
					lost++
					t.Errorf("%s: lost, in %s:\n%+v\nbefore:\n%+v\n%s", a.how, s.Best.Variant, after[i], before[i], s.Best.Diff)
				}
			}
			if strings.Contains(s.Best.Diff, "-deadwood") {
				fell++
			} else if !apps[0].dark {
				t.Errorf("what nothing uses is still there:\n%s", s.Best.Diff)
			}
		})
	}
	t.Logf("%d applications: %d lost; what nothing uses is gone from %d images", len(f.apps), lost, fell)
}

// best is a build that starts from an archive of a study, which is an OCI
// layout, too.
func (f *forty) best(t *testing.T, archive string) build.Definition {
	t.Helper()
	layout := t.TempDir()
	file, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for tr := tar.NewReader(file); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		text, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		write(t, layout, map[string]string{h.Name: string(text)})
	}
	img, err := f.env.Images.Open(context.Background(), "oci-layout:"+layout)
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	return build.Definition{Content: []byte("FROM best:1\n"), Bases: map[string]build.Base{"best:1": {Layout: layout, Digest: img.Ref().Digest}}, Offline: true}
}

// TestFortyWithoutStart: where an application's start is not there or does not
// run, nothing is said to run, no fix of medium risk is made, and nothing is
// lost either.
func TestFortyWithoutStart(t *testing.T) {
	f := newForty(t)
	lost, risky, tried := 0, 0, 0
	for _, apps := range sharing(f.apps, 60) {
		for _, w := range wants {
			t.Run(fmt.Sprintf("%s and %d others/%s", apps[0].how, len(apps)-1, w.how), func(t *testing.T) {
				began := time.Now()
				defer func() { t.Logf("%.1f s", time.Since(began).Seconds()) }()
				s := f.study(t, f.lay(t, together(apps, w.ready, w.ready != "")))
				tried += len(apps)
				for _, step := range s.Repair.Steps {
					if r := step.Finding.Risk; step.Status == whittle.Applied && !r.AtMost(whittle.RiskLow) {
						risky++
						t.Errorf("%s, of risk %s, was made: %s", step.Finding.Rule, r, step.Finding.Message)
					}
				}
				f.silent(t, s)
				if len(s.Repair.Files) == 0 {
					return // nothing was changed
				}
				fixed := together(apps, "", false)
				for _, c := range s.Repair.Files {
					fixed[c.Path] = string(c.After)
				}
				for i, after := range f.look(t, apps, build.Definition{Context: f.lay(t, fixed), Bases: f.bases, Offline: true}) {
					if !after.reaches(apps[i]) {
						lost++
						t.Errorf("%s: lost: %+v", apps[i].how, after)
					}
				}
			})
		}
	}
	t.Logf("%d applications without a start: %d lost, %d fixes of medium risk", tried, lost, risky)
}

// silent holds all that is said of a study to that no start of it was seen to
// run.
func (f *forty) silent(t *testing.T, s *whittle.Study) {
	t.Helper()
	if s.Best != nil {
		t.Errorf("a best image: %+v", s.Best.Outcome)
	}
	var text, md, js bytes.Buffer
	for _, err := range []error{report.StudyText(&text, s, page.Style{}), report.StudyMarkdown(&md, s), jsontext.Write(&js, s)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for what, said := range map[string]string{"text": text.String(), "Markdown": md.String()} {
		said = strings.NewReplacer("that runs", "", "when it runs", "").Replace(strings.Join(strings.Fields(said), " ")) // of programs in general
		if at := strings.Index(said, " runs "); at >= 0 {
			t.Errorf("%s says: %s", what, said[max(0, at-80):min(len(said), at+80)])
		}
	}
	var all any
	if err := json.Unmarshal(js.Bytes(), &all); err != nil {
		t.Fatal(err)
	}
	verdicts(all, func(at, verdict string) {
		// What the files of a start show stands beside its run.
		if verdict == string(whittle.Runs) && !strings.Contains(at, ".check.starts.") {
			t.Errorf("JSON says %q at %s", verdict, at)
		}
	})
}

// verdicts visits the verdicts and statuses of a JSON value.
func verdicts(v any, visit func(at, verdict string)) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if s, ok := value.(string); ok && (key == "verdict" || key == "status") {
				visit(key, s)
			}
			verdicts(value, func(at, verdict string) { visit(key+"."+at, verdict) })
		}
	case []any:
		for i, value := range v {
			verdicts(value, func(at, verdict string) { visit(fmt.Sprintf("%d.%s", i, at), verdict) })
		}
	}
}
