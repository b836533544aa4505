package source

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"whittle.dev/whittle/internal/imagetest"

	"github.com/google/go-cmp/cmp"
)

// sources are the Python files of the host's standard library with what is
// installed, or of the folder $WHITTLE_SITE.
func sources(t testing.TB) []string {
	t.Helper()
	dir := os.Getenv("WHITTLE_SITE")
	if dir == "" {
		out, err := exec.Command(imagetest.Python(t), "-c", "import os; print(os.path.dirname(os.__file__))").Output()
		if err != nil {
			t.Skip(err)
		}
		dir = strings.TrimSpace(string(out))
	}
	var files []string
	_ = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.HasSuffix(p, ".py") && !strings.Contains(p, "\n") {
			files = append(files, p)
		}
		return nil
	})
	if most := 1500; os.Getenv("WHITTLE_SITE") == "" && len(files) > most {
		files = files[:most]
	}
	return files
}

// TestScanAgainstAST compares with CPython's own parser: equal sets of
// imports, with line, context and whether a test decides; names at least.
func TestScanAgainstAST(t *testing.T) {
	files := sources(t)
	cmd := exec.Command(imagetest.Python(t), "testdata/scan/oracle.py")
	cmd.Stdin = strings.NewReader(strings.Join(files, "\n"))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	imports, compared, wrong := 0, 0, 0
	sc := bufio.NewScanner(bytes.NewReader(out))
	sc.Buffer(nil, 64<<20)
	for sc.Scan() {
		var want struct {
			Path    string
			Imports [][]any
			Names   []string
		}
		if err := json.Unmarshal(sc.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		src, err := os.ReadFile(want.Path)
		if err != nil {
			t.Fatal(err)
		}
		got := Scan(src)
		compared++
		imports += len(want.Imports)
		lines, loose := oracleLines(want.Imports)
		if diff := cmp.Diff(lines, scanLines(got, loose)); diff != "" || got.Broken != "" {
			if wrong++; wrong < 20 {
				t.Errorf("%s (-ast +scan): broken %q line %d\n%s", want.Path, got.Broken, got.BrokenLine, diff)
			}
		}
		for _, n := range want.Names {
			if _, ok := slices.BinarySearch(got.Names, n); !ok {
				if wrong++; wrong < 20 {
					t.Errorf("%s: name %s is missing", want.Path, n)
				}
			}
		}
		b, err := got.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		var back Facts
		if err := back.UnmarshalBinary(b); err != nil || !cmp.Equal(got, &back) {
			t.Errorf("%s: the binary form gives back something else (%v): %s", want.Path, err, cmp.Diff(got, &back))
		}
	}
	t.Logf("%d files, %d imports, %d files differ", compared, imports, wrong)
	if compared < 100 {
		t.Errorf("only %d files were compared", compared)
	}
}

// oracleLines are the imports in words, and the lines of those that may be
// guarded by what stands before, which [TestGuards] is about.
func oracleLines(imports [][]any) (out []string, loose map[int]bool) {
	loose = map[int]bool{}
	for _, i := range imports {
		names := "-"
		if list, ok := i[3].([]any); ok {
			names = ""
			for _, n := range list {
				names += fmt.Sprint(n, ",")
			}
		}
		flags := fmt.Sprint(i[4])
		if strings.Contains(flags, "?") {
			flags = strings.NewReplacer("?", "", "g", "").Replace(flags)
			loose[int(i[0].(float64))] = true
		}
		out = append(out, fmt.Sprint(i[0], " ", i[1], " ", i[2], " ", names, " ", flags, " ", i[5]))
	}
	slices.Sort(out)
	return out, loose
}

func scanLines(s *Facts, loose map[int]bool) []string {
	var out []string
	for _, i := range s.Imports {
		if i.Context&Dynamic != 0 {
			continue
		}
		names := "-"
		if i.Names != nil {
			names = ""
			for _, n := range i.Names {
				names += n + ","
			}
		}
		flags := ""
		for _, f := range []struct {
			c Context
			s string
		}{{Guarded, "g"}, {Handler, "h"}, {Lazy, "l"}, {TypeChecking, "t"}} {
			if i.Context&f.c != 0 && (f.c != Guarded || !loose[i.Line]) {
				flags += f.s
			}
		}
		out = append(out, fmt.Sprint(i.Line, " ", i.Module, " ", i.Level, " ", names, " ", flags, " ", len(i.Conditions) > 0))
	}
	slices.Sort(out)
	return out
}

// BenchmarkScan scans the same files on one core; scripts/bench has it scan a
// site-packages of twenty popular packages.
func BenchmarkScan(b *testing.B) {
	var texts [][]byte
	size := 0
	for _, f := range sources(b) {
		if src, err := os.ReadFile(f); err == nil {
			texts, size = append(texts, src), size+len(src)
		}
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	imports := 0
	for b.Loop() {
		imports = 0
		for _, src := range texts {
			imports += len(Scan(src).Imports)
		}
	}
	b.ReportMetric(float64(len(texts))*float64(b.N)/b.Elapsed().Seconds(), "files/s")
	b.ReportMetric(float64(imports), "imports")
}

// TestAddedTo: a command that is a list is known, unless the text adds to the list
// before: to a list of that name, not of one that ends in it.
func TestAddedTo(t *testing.T) {
	for added, want := range map[string]string{"mycmd.append('x')": "[ 'a' , 'b' ]", "cmd.append('x')": "…", "cmd += other": "…", "pass": "[ 'a' , 'b' ]"} {
		f := Scan([]byte("import subprocess\ndef f():\n    cmd = ['a', 'b']\n    " + added + "\n    subprocess.run(cmd)\n"))
		if len(f.Calls) != 1 || f.Calls[0].Func != AskStart || f.Calls[0].Text != want {
			t.Errorf("%s: %+v, want %s", added, f.Calls, want)
		}
	}
}
