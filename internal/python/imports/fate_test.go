package imports

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/python/source"
)

// Packages whose modules are imported without what they need.
const (
	fewPackages  = "requests flask click rich httpx jinja2"
	manyPackages = `requests flask click rich httpx jinja2 pandas sqlalchemy pydantic attrs celery django fastapi uvicorn matplotlib
		scikit-learn pytest streamlit aiohttp black`
)

// TestFate holds what an import would come to on paper to what it comes to: in
// a virtual environment whose packages were installed without what they need,
// each module is imported in a process of its own. WHITTLE_FATE=few or =many
// runs it, on six packages or on twenty.
func TestFate(t *testing.T) {
	packages := map[string]string{"few": fewPackages, "many": manyPackages}[os.Getenv("WHITTLE_FATE")]
	if packages == "" {
		t.Skip("installs packages: set WHITTLE_FATE=few (scripts/test does) or =many")
	}
	dir := t.TempDir()
	python := filepath.Join(dir, "bin", "python")
	for _, args := range [][]string{{"python3", "-m", "venv", dir},
		append([]string{python, "-m", "pip", "-q", "install", "--no-deps", "--no-compile"}, strings.Fields(packages)...),
		{python, "-m", "pip", "-q", "uninstall", "-y", "pip", "setuptools"}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Skipf("%s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
	im := hostImporter(t, python, dir)
	modules := sitePackages(t, im)
	fates := importAll(t, python, modules)
	tally := map[string]int{}
	for _, m := range modules {
		predicted := im.fate(m)
		actual, missing, _ := strings.Cut(fates[m], " ")
		switch fails := actual == "missing" || actual == "name"; {
		case actual == "other" || actual == "":
			tally["set aside"]++
		case predicted == source.Yes && fails:
			tally["true positives"]++
		case predicted == source.Yes:
			tally["false positives"]++
			t.Errorf("%s should not import, and does", m)
		case fails:
			tally["false negatives"]++
			t.Logf("missed: %s: %s %s (predicted %v)", m, actual, missing, predicted)
		default:
			tally["true negatives"]++
		}
	}
	found, missed := tally["true positives"], tally["false negatives"]
	recall := float64(found) / float64(max(1, found+missed))
	t.Logf("%d modules: %v; recall %.4f", len(modules), tally, recall)
	// Of the few, two are for Windows and raise ImportError by themselves.
	if found < 50 || missed > max(2, (found+missed)/100) {
		t.Errorf("%d of %d modules that fail were missed, want one of a hundred at the most", missed, found+missed)
	}
}

// fate says whether a module's import fails.
func (im *Importer) fate(module string) source.Truth {
	n, f := im.Import(module)
	switch {
	case f != nil:
		return source.Yes
	case n == nil:
		return source.Maybe
	}
	// A parent that fails takes its children along.
	for i := range module {
		if module[i] == '.' {
			if p, _ := im.Import(module[:i]); p != nil && im.fails(p) == source.Yes {
				return source.Yes
			}
		}
	}
	return im.fails(n)
}

// hostImporter imports as a virtual environment of this machine would.
func hostImporter(t *testing.T, python, dir string) *Importer {
	t.Helper()
	out, err := exec.Command(python, "-c", `import sys, os, platform
print(sys.base_prefix, " ".join(sys.builtin_module_names), platform.machine(), *sys.version_info[:3], sep="\n")`).Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	base, err := filepath.EvalSymlinks(lines[0])
	if err != nil {
		t.Fatal(err)
	}
	root := imagetest.ReadFolder(t, "/", base, dir)
	p := Process{Executable: strings.TrimPrefix(python, "/"), Env: map[string]string{"PYTHONNOUSERSITE": "1"}}
	f, err := NewFinder(root, p, strings.Fields(lines[1]))
	if err != nil {
		t.Fatal(err)
	}
	im := &Importer{Finder: f, Runtime: source.Runtime{Version: f.Interpreter.Numbers(), Platform: "linux", OSName: "posix", System: "Linux",
		Implementation: "cpython", Machine: lines[2]}}
	im.Sources = func(p string) (*source.Facts, bool) {
		b, err := root.ReadFile(p, 1<<30)
		if err != nil {
			return nil, false
		}
		return source.Scan(b), true
	}
	return im
}

// sitePackages are the modules of a virtual environment, but for programs.
func sitePackages(t *testing.T, im *Importer) []string {
	t.Helper()
	var out []string
	site := "/lib/python" + im.Finder.Interpreter.Series + "/site-packages/"
	for _, p := range im.Finder.t.Paths {
		_, rest, ok := strings.Cut(p, site)
		stem, isPython := strings.CutSuffix(rest, ".py")
		if !ok || !isPython || !strings.HasPrefix("/"+p, "/"+strings.TrimPrefix(im.Finder.Venv.Dir, "/")) {
			continue
		}
		name := strings.ReplaceAll(strings.TrimSuffix(stem, "/__init__"), "/", ".")
		plain := strings.IndexFunc(name, func(r rune) bool {
			return r != '.' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
		}) < 0
		if plain && !strings.HasSuffix(name, "__main__") {
			out = append(out, name)
		}
	}
	return out
}

// importAll imports each module in a process of its own, by two drivers.
func importAll(t *testing.T, python string, modules []string) map[string]string {
	t.Helper()
	fates := map[string]string{}
	results := make(chan map[string]string)
	half := len(modules) / 2
	for _, part := range [][]string{modules[:half], modules[half:]} {
		go func() {
			cmd := exec.Command(python, "-I", "testdata/fate/driver.py")
			cmd.Env = append(os.Environ(), "HOME="+filepath.Dir(python), "MPLBACKEND=agg")
			cmd.Stdin = strings.NewReader(strings.Join(part, "\n") + "\n")
			cmd.Stderr = os.Stderr
			out, _ := cmd.Output()
			got := map[string]string{}
			for s := bufio.NewScanner(strings.NewReader(string(out))); s.Scan(); {
				m, fate, _ := strings.Cut(s.Text(), "\t")
				got[m] = fate
			}
			results <- got
		}()
	}
	for range 2 {
		for m, fate := range <-results {
			fates[m] = fate
		}
	}
	return fates
}
