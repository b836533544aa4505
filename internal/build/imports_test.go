package build

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestParseImports: what interpreters have noted, each once; nil, not none,
// where no interpreter did.
func TestParseImports(t *testing.T) {
	for _, c := range []struct {
		name, log string
		want      []Import
	}{
		{"no log", "", nil},
		{"a log that no interpreter began", "module\tos\t/os.py\n", nil},
		{"an interpreter that imports nothing", "python\t/usr/bin/python3\n", []Import{}},
		{"two processes", "python\t/p\nmodule\ta.b\t/s/a/b.py\npython\t/p\nmodule\ta.b\t/s/a/b.py\nmodule\tc\t\nmodule\tc\t/t/../s/c.so\n",
			[]Import{{"a.b", "/s/a/b.py"}, {"c", ""}, {"c", "/s/c.so"}}},
		{"no such lines", "python\nx\ty\tz\npython\t/p\nmodule\t\t/a\nmodule\ta b\t/a\nmodule\ta\nmodule\t" + strings.Repeat("m", 300) + "\t/a\nmodule\tr\trelative.py\n", []Import{{"r", ""}}},
		{"one that is cut off", "python\t/p\nmodule\ta\t/a.py\nmodule\tb\t/b", []Import{{"a", "/a.py"}}},
	} {
		if diff := cmp.Diff(c.want, parseImports(c.log)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func FuzzImports(f *testing.F) {
	f.Add("python\t/p\nmodule\ta\t/a.py\n")
	f.Add("module\ta\npython\t\n\t\t\n")
	f.Fuzz(func(t *testing.T, log string) {
		all := parseImports(log)
		for _, i := range all {
			if !moduleName(i.Module) || i.Path != "" && i.Path != filepath.Clean(i.Path) {
				t.Errorf("%+v", i)
			}
		}
		if again := parseImports(log + log); !slices.Equal(again, all) && strings.HasSuffix(log, "\n") && all != nil && len(all) < maxImports {
			if len(again) < len(all) || !slices.Equal(again[:len(all)], all) {
				t.Errorf("twice the log: %v, not %v", again, all)
			}
		}
	})
}

// TestImportsLine: an interpreter of this machine that reads the line notes
// what it imports by every way (a statement, importlib, an extension, a forked
// process), and does not what it does not; its output is as it was.
func TestImportsLine(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3")
	}
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	if out, err := exec.Command(python, "-m", "venv", "--without-pip", filepath.Join(dir, "venv")).CombinedOutput(); err != nil {
		t.Skipf("python3 makes no venv: %v: %s", err, out)
	}
	found, err := filepath.Glob(filepath.Join(dir, "venv", "lib", "python3*", "site-packages"))
	if err != nil || len(found) != 1 {
		t.Fatalf("the venv's packages are in %q, %v", found, err)
	}
	line := strings.ReplaceAll(importsLine(), importsLog, log)
	for name, text := range map[string]string{pathFile: line, "lazy.py": "", "never.py": "", "broken.py": "raise ValueError\n"} {
		if err := os.WriteFile(filepath.Join(found[0], name), []byte(text), 0o444); err != nil {
			t.Fatal(err)
		}
	}
	main := filepath.Join(dir, "main.py")
	if err := os.WriteFile(main, []byte(`import importlib, os, sys
before = list(sys.meta_path), sorted(os.listdir("/proc/self/fd"))
if os.fork() == 0:
    importlib.import_module("lazy")
    os._exit(0)
os.wait()
try:
    import broken
except ValueError:
    pass
try:
    import missing
except ModuleNotFoundError:
    print("no missing")
import _ctypes
print(before == (list(sys.meta_path), sorted(os.listdir("/proc/self/fd"))), flush=True)
os.kill(os.getpid(), 9)
`), 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (string, []string) {
		cmd := exec.Command(filepath.Join(dir, "venv", "bin", "python"), args...)
		out, _ := cmd.CombinedOutput() // it kills itself
		text, _ := os.ReadFile(log)
		var names []string
		for _, i := range parseImports(string(text)) {
			names = append(names, i.Module)
		}
		return string(out), names
	}
	if out, names := run("-I", main); out != "no missing\nTrue\n" || names != nil {
		t.Errorf("without a log it prints %q, and notes %q", out, names)
	}
	if err := os.WriteFile(log, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, names := run("-S", main); names != nil {
		t.Errorf("without site packages it notes %q", names)
	}
	out, names := run("-I", main)
	if out != "no missing\nTrue\n" {
		t.Errorf("it prints %q", out)
	}
	if text, _ := os.ReadFile(log); strings.Count(string(text), "\tlazy\t") != 1 {
		t.Errorf("a module is noted more than once: %q", text)
	}
	for name, want := range map[string]bool{"lazy": true, "broken": true, "_ctypes": true, "missing": false, "never": false, "__main__": false} {
		if slices.Contains(names, name) != want {
			t.Errorf("%s: %t, want %t; %q", name, !want, want, names)
		}
	}
}
