package imports

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/python/source"
)

// TestLibraryNames: no name of any module of the standard library is ever
// reported missing, nor is it doubted, as CPython's own dir has it.
func TestLibraryNames(t *testing.T) {
	interpreter := imagetest.Python(t)
	if p := os.Getenv("WHITTLE_PYTHON"); p != "" {
		interpreter = p
	}
	im := libraryImporter(t, interpreter)
	cmd := exec.Command(interpreter, "-I", "-S", "testdata/library/names.py")
	cmd.Dir, _ = os.Getwd()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	modules, names := 0, 0
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		var line struct {
			Module string
			Names  []string
		}
		if json.Unmarshal(s.Bytes(), &line) != nil {
			continue // something printed by a module
		}
		n, f := im.Import(line.Module)
		if f != nil {
			t.Errorf("%s is there, and %s is not found", line.Module, f.Module)
			continue
		}
		if n == nil {
			continue
		}
		modules++
		for _, name := range line.Names {
			names++
			switch {
			case im.Defines(n, name) == source.No:
				t.Errorf("%s has %s", line.Module, name)
			case im.Defines(n, name) == source.Maybe && !im.hints(n, name):
				if _, f := im.Import(line.Module + "." + name); f != nil {
					t.Errorf("%s has %s, which is doubted", line.Module, name)
				}
			}
		}
	}
	t.Logf("Python %s: %d modules, %d names", im.Finder.Interpreter.Version, modules, names)
	if modules < 150 || names < 5000 {
		t.Errorf("only %d modules with %d names were compared", modules, names)
	}
}

// libraryImporter imports the standard library of an interpreter of this
// machine.
func libraryImporter(t *testing.T, interpreter string) *Importer {
	t.Helper()
	out, err := exec.Command(interpreter, "-I", "-c", "import sys; print(sys.base_prefix, sys.executable, *sys.builtin_module_names)").Output()
	if err != nil {
		t.Skip(err)
	}
	words := strings.Fields(string(out))
	exe, err := filepath.EvalSymlinks(words[1])
	if err != nil {
		t.Fatal(err)
	}
	prefix := filepath.Dir(filepath.Dir(exe))
	root := imagetest.ReadFolder(t, prefix)
	f, err := NewFinder(root, Process{Executable: strings.TrimPrefix(exe, prefix+"/"), NoUserSite: true}, words[2:])
	if err != nil {
		t.Skip(err)
	}
	im := &Importer{Finder: f, Runtime: source.Runtime{Version: f.Interpreter.Numbers(), Platform: "linux", OSName: "posix", System: "Linux",
		Implementation: "cpython", Machine: "x86_64"}}
	im.Sources = func(p string) (*source.Facts, bool) {
		b, err := root.ReadFile(p, 1<<30)
		if err != nil {
			return nil, false
		}
		return source.Scan(b), true
	}
	return im
}
