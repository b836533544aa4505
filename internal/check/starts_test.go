package check_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/check"
	"whittle.dev/whittle/internal/elf"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/start"
)

// startRow is one row of testdata/starts: an image, whole and broken, with its
// truth, which scripts/starts establishes by running it.
type startRow struct {
	name    string
	process whittle.Process
	// truth is what a run of the whole image came to, and of the one without
	// the module "gone": "runs", "fails", or "broken" where it stays but says
	// that it lacks the module.
	truth []string
	files map[string]string
}

func readStarts(t *testing.T) []startRow {
	t.Helper()
	tables, err := filepath.Glob("testdata/starts/*.txt")
	if err != nil || len(tables) == 0 {
		t.Fatalf("no tables of starts: %v", err)
	}
	var out []startRow
	for _, table := range tables {
		b, err := os.ReadFile(table)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range strings.Split("\n"+string(b), "\n== ")[1:] {
			out = append(out, readStart(t, text))
		}
	}
	return out
}

func readStart(t *testing.T, text string) startRow {
	t.Helper()
	head, rest, _ := strings.Cut(text+"\n", "\n-- ")
	lines := strings.Split(head, "\n")
	r := startRow{name: lines[0], files: map[string]string{}, process: whittle.Process{Env: []string{"PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"}}}
	words := func(s string) (out []string) {
		if err := json.Unmarshal([]byte(s), &out); err != nil {
			t.Fatalf("%s: %v", r.name, err)
		}
		return out
	}
	for _, line := range lines[1:] {
		key, value, _ := strings.Cut(line, ": ")
		switch key {
		case "entrypoint":
			r.process.Entrypoint = words(value)
		case "cmd":
			r.process.Cmd = words(value)
		case "workdir":
			r.process.WorkingDir = value
		case "env":
			r.process.Env = append(r.process.Env, value)
		case "truth":
			r.truth = strings.Fields(value)
		}
	}
	for _, file := range strings.Split(rest, "\n-- ") {
		name, content, ok := strings.Cut(file, " --\n")
		if ok {
			r.files[name] = content + "\n"
		}
	}
	return r
}

// startRoot is a root of a row's files over a base, with what the checks ask.
type startRoot struct {
	base  *startMachine
	files imagetest.Root
	paths []string
}

// startMachine is the root below the rows: an interpreter with its runners.
type startMachine struct {
	root     whittle.Root
	sources  map[string]*source.Facts
	binaries map[string]*elf.File
	dists    []python.Distribution
	keys     map[string]string // of the paths, in whose order they are sorted
}

// on lays files over the machine's; both lists of paths are sorted.
func (m *startMachine) on(files map[string]string) *startRoot {
	l := &startRoot{base: m, files: files}
	if m.keys == nil {
		m.keys = map[string]string{}
		for _, p := range m.root.Paths() {
			m.keys[p] = strings.ReplaceAll(p, "/", "\x00")
		}
	}
	below, above := m.root.Paths(), l.files.Paths()
	for len(below)+len(above) > 0 {
		switch {
		case len(above) == 0:
			l.paths, below = append(l.paths, below...), nil
		case len(below) == 0:
			l.paths, above = append(l.paths, above...), nil
		default:
			switch c := strings.Compare(m.keys[below[0]], strings.ReplaceAll(above[0], "/", "\x00")); {
			case c == 0:
				below = below[1:]
			case c < 0:
				l.paths, below = append(l.paths, below[0]), below[1:]
			default:
				l.paths, above = append(l.paths, above[0]), above[1:]
			}
		}
	}
	return l
}

func (l *startRoot) Paths() []string { return l.paths }

func (l *startRoot) Lstat(p string) (whittle.Entry, error) {
	e, err := l.files.Lstat(p)
	if err != nil {
		return l.base.root.Lstat(p)
	}
	if e.Kind == whittle.File && strings.HasPrefix(l.files[p], "#!") {
		e.Mode = 0o755
	}
	e.Link = strings.TrimSpace(e.Link)
	return e, nil
}

func (l *startRoot) ReadFile(p string, limit int64) ([]byte, error) {
	if _, ok := l.files[p]; ok {
		return l.files.ReadFile(p, limit)
	}
	return l.base.root.ReadFile(p, limit)
}

func (l *startRoot) check(t *testing.T, p whittle.Process) *whittle.Check {
	t.Helper()
	m := l.base
	in := &check.Image{Image: start.Image{Root: l, Config: &whittle.Config{Architecture: "amd64", OS: "linux", Config: p}, Distributions: m.dists,
		Sources: func(p string) (*source.Facts, bool) {
			if text, ok := l.files[p]; ok {
				return source.Scan([]byte(text)), strings.HasSuffix(p, ".py")
			}
			if s, ok := m.sources[p]; ok || !strings.HasSuffix(p, ".py") {
				return s, s != nil
			}
			if b, err := m.root.ReadFile(p, 8<<20); err == nil {
				m.sources[p] = source.Scan(b)
			}
			return m.sources[p], m.sources[p] != nil
		},
		Binaries: func(p string) (*elf.File, bool) {
			if _, ok := l.files[p]; ok {
				return nil, false
			}
			if f, ok := m.binaries[p]; ok {
				return f, f != nil
			}
			if b, err := m.root.ReadFile(p, 256<<20); err == nil && elf.IsELF(b) {
				m.binaries[p], _ = elf.Parse(b)
			} else {
				m.binaries[p] = nil
			}
			return m.binaries[p], m.binaries[p] != nil
		}}}
	c, err := check.Run(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestStarts: of every way to start that the table has, whole and broken, the
// verdict is what a run came to, or says what was not followed.
func TestStarts(t *testing.T) {
	judgeStarts(t, smallMachine())
}

// TestStartsReal checks the same rows over a real root file system, that of
// scripts/starts.
func TestStartsReal(t *testing.T) {
	dir := os.Getenv("WHITTLE_STARTS_ROOT")
	if dir == "" {
		t.Skip("WHITTLE_STARTS_ROOT names no root file system")
	}
	root := newDiskRoot(t, dir)
	dists, _ := python.Distributions(context.Background(), root)
	judgeStarts(t, &startMachine{root: root, sources: map[string]*source.Facts{}, binaries: map[string]*elf.File{}, dists: dists})
}

func judgeStarts(t *testing.T, m *startMachine) {
	tally := map[string]int{}
	for _, r := range readStarts(t) {
		t.Run(r.name, func(t *testing.T) {
			for i, truth := range r.truth {
				files := map[string]string{}
				for p, text := range r.files {
					if i == 0 || filepath.Base(p) != "gone.py" {
						files[p] = text
					}
				}
				c := m.on(files).check(t, r.process)
				what := [...]string{"whole", "broken"}[i]
				switch right := string(c.Verdict) == truth || c.Verdict == whittle.Fails && truth == "broken"; {
				case right:
					tally["right"]++
				case c.Verdict == whittle.Unknown && len(c.Unknown) > 0:
					tally["unknown"]++
					t.Logf("%s %s: %s, a run %s: %s", r.name, what, c.Verdict, truth, strings.Join(c.Unknown, "; "))
				default:
					tally["false "+string(c.Verdict)]++
					t.Errorf("%s %s: %s, a run %s: %s%v", r.name, what, c.Verdict, truth, messages(c), c.Unknown)
				}
			}
		})
	}
	t.Logf("starts: %v", tally)
}

func messages(c *whittle.Check) string {
	var out bytes.Buffer
	for _, p := range c.Problems {
		fmt.Fprintf(&out, "\n%s %s: %s", p.Severity, p.Rule, p.Message)
	}
	return out.String()
}

// diskRoot is a root file system in a folder.
type diskRoot struct {
	dir     string
	paths   []string
	entries map[string]whittle.Entry
}

func newDiskRoot(t *testing.T, dir string) *diskRoot {
	t.Helper()
	f := &diskRoot{dir: dir, entries: map[string]whittle.Entry{}}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, p)
		if err != nil || rel == "." {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		e := whittle.Entry{Path: rel, Kind: whittle.File, Size: info.Size(), Mode: uint32(info.Mode().Perm())}
		switch {
		case d.IsDir():
			e.Kind = whittle.Dir
		case info.Mode()&fs.ModeSymlink != 0:
			e.Kind = whittle.Symlink
			e.Link, _ = os.Readlink(p)
		case !info.Mode().IsRegular():
			return nil
		}
		f.paths = append(f.paths, rel)
		f.entries[rel] = e
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *diskRoot) Paths() []string { return f.paths }

func (f *diskRoot) Lstat(p string) (whittle.Entry, error) {
	e, ok := f.entries[p]
	if !ok {
		return e, fmt.Errorf("%s: %w", p, fs.ErrNotExist)
	}
	return e, nil
}

func (f *diskRoot) ReadFile(p string, limit int64) ([]byte, error) {
	e, ok := f.entries[p]
	if !ok || e.Kind != whittle.File {
		return nil, fmt.Errorf("%s: %w", p, fs.ErrNotExist)
	}
	if e.Size > limit {
		return nil, fmt.Errorf("%s: %w", p, whittle.ErrLimit)
	}
	return os.ReadFile(filepath.Join(f.dir, p))
}
