package elf

import (
	"bytes"
	stdelf "debug/elf"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"whittle.dev/whittle"
)

// compiled are libraries and a program of gcc, by how they were made. Each has a function
// that gives 42.
func compiled(t *testing.T) map[string]string {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("no gcc")
	}
	dir, out := t.TempDir(), map[string]string{}
	source := filepath.Join(dir, "a.c")
	text := "static int hidden(int n) { return n * 2; }\nint answer(void) { return hidden(21); }\nint main(void) { return answer() - 42; }\n"
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, flags := range map[string]string{
		"library":               "-shared -fPIC",
		"library for debuggers": "-shared -fPIC -g3",
		"compressed sections":   "-shared -fPIC -g -gz",
		"program":               "-g",
		"no PIE":                "-g -no-pie",
		"one segment":           "-shared -fPIC -g -Wl,-z,noseparate-code",
		"relocations are kept":  "-shared -fPIC -g -Wl,--emit-relocs",
		"stripped":              "-shared -fPIC -s",
	} {
		file := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
		args := append(strings.Fields(flags), "-o", file, source)
		if b, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
			t.Fatalf("gcc %q: %v: %s", args, err, b)
		}
		out[name] = file
	}
	return out
}

// TestStripCompiled: what gcc made does the same afterwards, and is as small as binutils'
// strip makes it, but for padding.
func TestStripCompiled(t *testing.T) {
	refused := map[string]string{"relocations are kept": "for a linker", "stripped": "nothing to strip"}
	for name, file := range compiled(t) {
		t.Run(name, func(t *testing.T) {
			before, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			after, err := Strip(before)
			if why, ok := refused[name]; ok {
				if !errors.Is(err, whittle.ErrUnsupported) || !strings.Contains(err.Error(), why) {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			out := filepath.Join(t.TempDir(), "stripped")
			if err := os.WriteFile(out, after, 0o700); err != nil {
				t.Fatal(err)
			}
			sameForLoaders(t, file, out)
			if strings.HasPrefix(name, "program") || name == "no PIE" {
				if b, err := exec.Command(out).CombinedOutput(); err != nil {
					t.Errorf("it does not run: %v: %s", err, b)
				}
			} else {
				loads(t, out, "assert l.answer() == 42")
			}
			if b, err := exec.Command("strip", "--strip-unneeded", file).CombinedOutput(); err != nil {
				t.Skipf("strip: %v: %s", err, b)
			}
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			if int64(len(after)) > info.Size()+512 {
				t.Errorf("%d bytes, and strip makes %d", len(after), info.Size())
			}
		})
	}
}

// sameForLoaders compares what readelf says of what loaders read.
func sameForLoaders(t *testing.T, before, after string) {
	t.Helper()
	if _, err := exec.LookPath("readelf"); err != nil {
		t.Skip("no readelf")
	}
	for _, flag := range []string{"-lW", "-dW", "-rW", "-VW", "--dyn-syms"} {
		was, is := saidOf(t, flag, before), saidOf(t, flag, after)
		if d := cmp.Diff(was, is); d != "" {
			t.Errorf("readelf %s (-before +after):\n%s", flag, d)
		}
	}
	if d := cmp.Diff(warnings(saidOf(t, "-aW", before)), warnings(saidOf(t, "-aW", after))); d != "" {
		t.Errorf("readelf warns (-before +after):\n%s", d)
	}
}

func warnings(text string) (out []string) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "readelf: ") {
			out = append(out, line)
		}
	}
	return out
}

func saidOf(t *testing.T, flag, file string) string {
	t.Helper()
	b, err := exec.Command("readelf", flag, file).CombinedOutput()
	if err != nil {
		t.Fatalf("readelf %s %s: %v: %s", flag, file, err, b)
	}
	return strings.ReplaceAll(string(b), file, "FILE")
}

// loads loads a library into Python and runs a line with it, l.
func loads(t *testing.T, file, line string) {
	t.Helper()
	if b, err := exec.Command("python3", "-c", "import ctypes,sys\nl = ctypes.CDLL(sys.argv[1])\n"+line, file).CombinedOutput(); err != nil {
		t.Errorf("%s does not load: %v: %s", file, err, b)
	}
}

// TestStripHost: of libraries of this machine, and of those that WHITTLE_ELF_DIRS names, all
// that loaded before load afterwards.
func TestStripHost(t *testing.T) {
	files, refused, saved, byStrip := 0, map[string]int{}, 0, int64(0)
	for _, p := range hostFiles(t, 300) {
		before, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Parse(before)
		if err != nil || f.DebugBytes+f.SymtabBytes == 0 || f.Machine != x8664 || f.Type == stdelf.ET_REL {
			continue
		}
		after, err := Strip(before)
		if err != nil {
			if !errors.Is(err, whittle.ErrUnsupported) {
				t.Errorf("%s: %v", p, err)
			}
			refused[err.Error()]++
			continue
		}
		files++
		saved += len(before) - len(after)
		out := filepath.Join(t.TempDir(), filepath.Base(p))
		if err := os.WriteFile(out, after, 0o700); err != nil {
			t.Fatal(err)
		}
		sameForLoaders(t, p, out)
		if tool := out + ".gnu"; exec.Command("strip", "--strip-unneeded", "-o", tool, p).Run() == nil {
			if info, err := os.Stat(tool); err == nil {
				byStrip += int64(len(before)) - info.Size()
			}
		}
		if !f.Program() && exec.Command("python3", "-c", "import ctypes,sys\nctypes.CDLL(sys.argv[1])", p).Run() == nil {
			// A library looks for others beside itself.
			loads(t, beside(t, p, after), "")
		}
	}
	t.Logf("%d files: %d bytes saved, %d by strip; refused: %v", files, saved, byStrip, refused)
}

// beside is a folder with links to all that is beside a file, and the file with another
// content.
func beside(t *testing.T, p string, content []byte) string {
	t.Helper()
	dir := t.TempDir()
	entries, err := os.ReadDir(filepath.Dir(p))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != filepath.Base(p) {
			if err := os.Symlink(filepath.Join(filepath.Dir(p), e.Name()), filepath.Join(dir, e.Name())); err != nil {
				t.Fatal(err)
			}
		}
	}
	out := filepath.Join(dir, filepath.Base(p))
	if err := os.WriteFile(out, content, 0o700); err != nil {
		t.Fatal(err)
	}
	return out
}

// debuggable is a file with something to strip.
var debuggable = spec{Soname: "liba.so", Needed: []string{"libc.so.6"}, Debug: 9000, Symtab: 2400}

// TestStripRefuses: what is not known to be harmless is left as it is.
func TestStripRefuses(t *testing.T) {
	b := debuggable.bytes()
	sections := binary.LittleEndian.Uint64(b[40:])
	with := func(change func(b []byte) []byte) []byte { return change(bytes.Clone(b)) }
	for name, c := range map[string]struct {
		file []byte
		want error
		text string
	}{
		"content behind it":      {append(bytes.Clone(b), "signature"...), whittle.ErrUnsupported, "are of no section"},
		"zeros behind it":        {append(bytes.Clone(b), 0, 0, 0), nil, ""},
		"no ELF file":            {[]byte("#!/bin/sh"), whittle.ErrCorrupt, "does not begin"},
		"an object file":         {with(func(b []byte) []byte { b[16] = 1; return b }), whittle.ErrUnsupported, "no library"},
		"nothing":                {spec{Soname: "liba.so"}.bytes(), whittle.ErrUnsupported, "nothing to strip"},
		"a group":                {with(func(b []byte) []byte { b[sections+64+4] = byte(stdelf.SHT_GROUP); return b }), whittle.ErrUnsupported, "SHT_GROUP"},
		"names outside of table": {with(func(b []byte) []byte { b[62] = 200; return b }), whittle.ErrUnsupported, ""},
	} {
		_, err := Strip(c.file)
		if c.want == nil && err != nil || c.want != nil && (err == nil || !strings.Contains(err.Error(), c.text)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestStripMade: files of either class and byte order.
func TestStripMade(t *testing.T) {
	for _, narrow := range []bool{false, true} {
		for _, big := range []bool{false, true} {
			s := debuggable
			s.Narrow, s.Big = narrow, big
			before := s.bytes()
			after, err := Strip(before)
			if err != nil {
				t.Errorf("narrow %t, big %t: %v", narrow, big, err)
				continue
			}
			if len(before)-len(after) < s.Debug+s.Symtab {
				t.Errorf("narrow %t, big %t: %d bytes of %d are left", narrow, big, len(after), len(before))
			}
			checkStripped(t, before, after)
		}
	}
}

// checkStripped: loaders find the same, and nothing is left to strip.
func checkStripped(t rapid.TB, before, after []byte) {
	t.Helper()
	was, err := Parse(before)
	if err != nil {
		t.Fatal(err)
	}
	is, err := Parse(after)
	if err != nil {
		t.Fatalf("the result does not parse: %v", err)
	}
	if d := cmp.Diff(was, is, cmpopts.IgnoreFields(File{}, "DebugBytes", "SymtabBytes", "GapBytes")); d != "" {
		t.Errorf("(-before +after):\n%s", d)
	}
	if len(after) >= len(before) {
		t.Errorf("%d bytes, and %d before", len(after), len(before))
	}
	if _, err := Strip(after); err == nil {
		t.Error("it can be stripped again")
	}
}

// TestStripDamaged: of files whose headers are damaged, none makes it fail in another way
// than with an error, and what it strips loaders read as before. The fuzz target has no
// compiled files to begin with.
func TestStripDamaged(t *testing.T) {
	seeds := [][]byte{debuggable.bytes()}
	for _, file := range compiled(t) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		seeds = append(seeds, b)
	}
	rapid.Check(t, func(t *rapid.T) {
		b := bytes.Clone(rapid.SampledFrom(seeds).Draw(t, "file"))
		for range rapid.IntRange(1, 4).Draw(t, "bytes") {
			// The header is in front, the table of sections at the end.
			at := rapid.OneOf(rapid.IntRange(16, 63), rapid.IntRange(0, len(b)-1), rapid.IntRange(max(0, len(b)-2500), len(b)-1)).Draw(t, "at")
			b[at] = rapid.Byte().Draw(t, "byte")
		}
		if after, err := Strip(b); err == nil {
			checkStripped(t, b, after)
		} else if !errors.Is(err, whittle.ErrUnsupported) && !errors.Is(err, whittle.ErrCorrupt) {
			t.Fatal(err)
		}
	})
}

func FuzzStrip(f *testing.F) {
	f.Add(debuggable.bytes())
	s := debuggable
	s.Narrow, s.Big = true, true
	f.Add(s.bytes())
	f.Add(extension.bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		was := bytes.Clone(b)
		after, err := Strip(b)
		if !bytes.Equal(was, b) {
			t.Fatal("it changed its input")
		}
		if err != nil {
			if !errors.Is(err, whittle.ErrUnsupported) && !errors.Is(err, whittle.ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		checkStripped(t, b, after)
	})
}
