package check_test

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/check"
	"whittle.dev/whittle/internal/elf"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/start"
)

// TestTruth holds the check to what CPython does with images that are made up
// for it: testdata/truth has their files, and whether running them succeeds.
// No image that runs may be called broken, and none that fails may be called
// running; the third answer, unknown, is allowed where the case says so.
//
// The standard library is that of the machine's python3. WHITTLE_TRUTH names
// root file systems instead, colon between, the upper first, that have Python
// in /usr/local: each case is then run there in a chroot, as root, and has to
// go as recorded.
func TestTruth(t *testing.T) {
	m := newMachine(t)
	files, err := filepath.Glob("testdata/truth/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	tally := map[string]int{}
	for _, file := range files {
		for _, c := range casesOf(t, file, m.series) {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar")+"/"+c.name, func(t *testing.T) {
				if os.Getenv("WHITTLE_TRUTH") != "" {
					m.confirm(t, &c)
				}
				got := m.check(t, &c)
				tally[fmt.Sprintf("%s → %s", c.truth, got.Verdict)]++
				var said []string
				for _, p := range got.Problems {
					said = append(said, string(p.Severity)+": "+p.Message)
				}
				switch {
				case got.Verdict == c.says:
				case got.Verdict == whittle.Unknown:
					t.Errorf("it %s, and the check does not know: %s", c.truth, strings.Join(got.Unknown, "; "))
				default:
					t.Errorf("it %s, and the check says %s, where %s is wanted: %s", c.truth, got.Verdict, c.says, strings.Join(append(said, got.Unknown...), "; "))
				}
			})
		}
	}
	t.Logf("Python %s: %v", m.series, tally)
}

// truthCase is one image: what CPython does with it, and what the check says.
type truthCase struct {
	name        string
	truth, says whittle.Verdict
	start       []string
	env         []string
	remove      []string
	files       map[string]string
}

// casesOf reads the cases of a file that are about a version of Python.
func casesOf(t *testing.T, file, series string) []truthCase {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("{include}", "usr/local/include/python"+series, "{lib}", "usr/local/lib/python"+series, "{site}", "usr/local/lib/python"+series+"/site-packages",
		"{python}", "python"+series, "{ff}", "\xff")
	var out []truthCase
	skip := false
	for _, f := range archive.Files {
		if f.Name != "case" {
			if !skip {
				out[len(out)-1].files[fill.Replace(f.Name)] = fill.Replace(string(f.Data))
			}
			continue
		}
		lines := strings.Split(strings.TrimSpace(string(f.Data)), "\n")
		c := truthCase{name: lines[0], truth: whittle.Verdict(lines[1]), says: whittle.Verdict(lines[1]), start: []string{"main.py"}, files: map[string]string{}}
		if c.truth != whittle.Runs && c.truth != whittle.Fails {
			t.Fatalf("%s: case %q is neither runs nor fails", file, c.name)
		}
		skip = false
		for _, line := range lines[2:] {
			key, value, _ := strings.Cut(line, ": ")
			switch value = fill.Replace(value); key {
			case "start":
				c.start = strings.Fields(value)
			case "env":
				c.env = append(c.env, value)
			case "remove":
				c.remove = strings.Fields(value)
			case "says":
				c.says = whittle.Verdict(value)
			case "since":
				skip = skip || minor(series) < minor(value)
			case "until":
				skip = skip || minor(series) >= minor(value)
			default:
				t.Fatalf("%s: case %q: unknown key %q", file, c.name, key)
			}
		}
		if !skip {
			out = append(out, c)
		}
	}
	return out
}

func minor(series string) int {
	_, m, _ := strings.Cut(series, ".")
	n, _ := strconv.Atoi(m)
	return n
}

// machine is where the standard library of the cases comes from.
type machine struct {
	series, version string
	builtins        []string
	// paths are those of the library, below lib, the folder on this machine.
	lib     string
	paths   []string
	sources map[string]*source.Facts
	lower   string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{lower: os.Getenv("WHITTLE_TRUTH"), sources: map[string]*source.Facts{}}
	const ask = "import os, sys; print(*sys.version_info[:3], os.path.dirname(os.__file__), *sys.builtin_module_names)"
	cmd := exec.Command("python3", "-c", ask)
	if m.lower != "" {
		cmd = m.chroot(t.TempDir(), nil, "/usr/local/bin/python3", "-c", ask)
	}
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("there is no python3: %v", err)
	}
	words := strings.Fields(string(out))
	m.series, m.version = words[0]+"."+words[1], strings.Join(words[:3], ".")
	m.lib, m.builtins = words[3], words[4:]
	if m.lower != "" {
		for _, root := range strings.Split(m.lower, ":") {
			dir := filepath.Join(root, "usr/local/lib/python"+m.series)
			if _, err := os.Stat(dir); err == nil {
				m.lib = dir
				break
			}
		}
	}
	err = filepath.WalkDir(m.lib, func(p string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(m.lib, p)
		if err == nil && d.IsDir() && slices.Contains([]string{"site-packages", "dist-packages", "test", "__pycache__", "tests"}, d.Name()) {
			return fs.SkipDir
		}
		if rel != "." {
			m.paths = append(m.paths, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// chroot is a command in the roots of WHITTLE_TRUTH with more files over them;
// what it writes is gone afterwards.
func (m *machine) chroot(upper string, env []string, args ...string) *exec.Cmd {
	const script = `lower=$1 upper=$2 over=$(mktemp -d); shift 2
mount -t tmpfs tmpfs "$over" && mkdir "$over/u" "$over/w" "$over/m" && cp -a "$upper/." "$over/u/" &&
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$over/u,workdir=$over/w" "$over/m" && mount --bind /dev "$over/m/dev" || exit 99
exec chroot "$over/m" "$@"`
	words := append([]string{"-m", "sh", "-c", script, "sh", m.lower, upper, "/usr/bin/env", "-i", "-C", "/app", "PATH=/usr/local/bin:/usr/bin:/bin",
		"LD_LIBRARY_PATH=/usr/local/lib"}, env...)
	if err := os.MkdirAll(filepath.Join(upper, "app"), 0o755); err != nil {
		panic(err)
	}
	return exec.Command("unshare", append(words, args...)...)
}

// confirm runs a case for its truth.
func (m *machine) confirm(t *testing.T, c *truthCase) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range c.files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	gone := ""
	for _, name := range c.remove {
		gone += " /" + name
	}
	args := append([]string{"/bin/sh", "-c", `for f in $1; do rm -r "$f" || exit 98; done; shift; exec timeout 20 /usr/local/bin/python3 "$@"`, "sh", gone}, c.start...)
	out, err := m.chroot(dir, c.env, args...).CombinedOutput()
	truth := whittle.Runs
	if err != nil {
		truth = whittle.Fails
	}
	if truth != c.truth || strings.Contains(fmt.Sprint(err), "status 9") {
		t.Errorf("it %s by the record, and %s (%v): %s", c.truth, truth, err, out)
	}
}

// check is what the check says of a case.
func (m *machine) check(t *testing.T, c *truthCase) *whittle.Check {
	t.Helper()
	exe := "usr/local/bin/python" + m.series
	r := &layered{files: map[string]string{
		exe:                     "",
		"usr/local/bin/python3": "-> python" + m.series,
		"usr/local/include/python" + m.series + "/patchlevel.h": "#define PY_VERSION \"" + m.version + "\"\n",
		"etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
	}, disk: map[string]string{}, dirs: map[string]bool{}}
	lib := "usr/local/lib/python" + m.series
	for _, p := range m.paths {
		name := path.Join(lib, filepath.ToSlash(p))
		if !slices.ContainsFunc(c.remove, func(gone string) bool { return name == gone || strings.HasPrefix(name, gone+"/") }) {
			r.disk[name] = filepath.Join(m.lib, p)
		}
	}
	for name, text := range c.files {
		r.files[name] = text
	}
	for _, gone := range c.remove {
		delete(r.files, gone)
	}
	r.index()
	dists, _ := python.Distributions(context.Background(), r)
	in := &check.Image{Image: start.Image{Root: r, Distributions: dists,
		Config:   &whittle.Config{Architecture: "amd64", OS: "linux", Config: whittle.Process{Env: c.env, WorkingDir: "/app", Cmd: append([]string{"/usr/local/bin/python3"}, c.start...)}},
		Builtins: func(string) []string { return m.builtins },
		Sources: func(p string) (*source.Facts, bool) {
			if !strings.HasSuffix(p, ".py") {
				return nil, false
			}
			key := r.disk[p]
			if _, ours := r.files[p]; !ours && m.sources[key] != nil {
				return m.sources[key], true
			}
			b, err := r.ReadFile(p, 1<<30)
			if err != nil {
				return nil, false
			}
			src := source.Scan(b)
			if _, ours := r.files[p]; !ours {
				m.sources[key] = src
			}
			return src, true
		},
		Binaries: func(p string) (*elf.File, bool) {
			if p == exe {
				return &elf.File{Machine: elf.MachineOf("amd64")}, true
			}
			return nil, false
		}}}
	out, err := check.Run(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// layered is a root of files in memory over files of the disk.
type layered struct {
	files, disk map[string]string
	dirs        map[string]bool
	paths       []string
}

func (r *layered) index() {
	seen := map[string]bool{}
	for _, m := range []map[string]string{r.files, r.disk} {
		for p := range m {
			for d := path.Dir(p); d != "." && !r.dirs[d]; d = path.Dir(d) {
				r.dirs[d] = true
			}
			seen[p] = true
		}
	}
	for d := range r.dirs {
		seen[d] = true
	}
	for p := range seen {
		r.paths = append(r.paths, p)
	}
	key := func(p string) string { return strings.ReplaceAll(p, "/", "\x00") }
	slices.SortFunc(r.paths, func(a, b string) int { return cmp.Compare(key(a), key(b)) })
}

// Paths implements [whittle.Root].
func (r *layered) Paths() []string { return r.paths }

// Lstat implements [whittle.Root].
func (r *layered) Lstat(p string) (whittle.Entry, error) {
	content, ok := r.files[p]
	target, link := strings.CutPrefix(content, "-> ")
	switch {
	case link:
		return whittle.Entry{Path: p, Kind: whittle.Symlink, Link: target}, nil
	case ok:
		return whittle.Entry{Path: p, Kind: whittle.File, Size: int64(len(content)), Mode: 0o755}, nil
	case r.dirs[p]:
		return whittle.Entry{Path: p, Kind: whittle.Dir, Mode: 0o755}, nil
	case r.disk[p] != "":
		info, err := os.Stat(r.disk[p])
		if err != nil {
			return whittle.Entry{}, err
		}
		return whittle.Entry{Path: p, Kind: whittle.File, Size: info.Size(), Mode: 0o755}, nil
	}
	return whittle.Entry{}, fmt.Errorf("%s: %w", p, fs.ErrNotExist)
}

// ReadFile implements [whittle.Root].
func (r *layered) ReadFile(p string, limit int64) ([]byte, error) {
	if content, ok := r.files[p]; ok {
		return []byte(content), nil
	}
	if r.disk[p] == "" {
		return nil, fmt.Errorf("%s: %w", p, fs.ErrNotExist)
	}
	b, err := os.ReadFile(r.disk[p])
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s: %w", p, whittle.ErrLimit)
	}
	return b, err
}
