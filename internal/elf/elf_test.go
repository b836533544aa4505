package elf

import (
	"bytes"
	stdelf "debug/elf"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
)

var extension = spec{Soname: "x.so", Needed: []string{"libm.so.6", "libc.so.6"}, RPath: "$ORIGIN/../x.libs:/opt/lib",
	Needs:    []VersionNeed{need("libc.so.6 GLIBC_2.17 GLIBC_2.2.5"), need("libm.so.6 GLIBC_2.29")},
	Weak:     []VersionNeed{need("libc.so.6 GLIBC_ABI_DT_RELR")},
	Provides: []string{"X_1", "X_2"}, Debug: 100, Symtab: 48}

func TestParse(t *testing.T) {
	libs := File{Class: stdelf.ELFCLASS64, Data: stdelf.ELFDATA2LSB, Type: stdelf.ET_DYN, Machine: x8664, Dynamic: true,
		Soname: "x.so", Needed: []string{"libm.so.6", "libc.so.6"}, RPath: []string{"$ORIGIN/../x.libs", "/opt/lib"},
		Needs:    []VersionNeed{{"libc.so.6", []string{"GLIBC_2.17", "GLIBC_2.2.5"}}, {"libm.so.6", []string{"GLIBC_2.29"}}, {"libc.so.6", nil}},
		Provides: []string{"X_1", "X_2"}, DebugBytes: 100, SymtabBytes: 48}
	narrow := libs
	narrow.Class, narrow.Data, narrow.Machine = stdelf.ELFCLASS32, stdelf.ELFDATA2MSB, arm
	big := extension
	big.Narrow, big.Big, big.Machine = true, true, arm
	skewed := File{Class: libs.Class, Data: libs.Data, Type: libs.Type, Machine: x8664, MisalignedLoad: true}
	for name, c := range map[string]struct {
		spec spec
		want File
		libc string
	}{
		"extension":              {extension, libs, "glibc"},
		"32 bits, big-endian":    {big, narrow, "glibc"},
		"program":                {spec{Exec: true, Interp: "/lib/ld-musl-x86_64.so.1", RunPath: "/a:", Flags: stdelf.DF_1_NODEFLIB}, File{Class: libs.Class, Data: libs.Data, Type: stdelf.ET_EXEC, Machine: x8664, Dynamic: true, Interp: "/lib/ld-musl-x86_64.so.1", RunPath: []string{"/a", ""}, NoDefaultLib: true}, "musl"},
		"static program":         {spec{Exec: true, Static: true}, File{Class: libs.Class, Data: libs.Data, Type: stdelf.ET_EXEC, Machine: x8664}, ""},
		"offset and address":     {spec{Static: true, Skew: 8}, skewed, ""},
		"aligned below a page":   {spec{Static: true, Align: 16}, skewed, ""},
		"static and relocatable": {spec{Flags: stdelf.DF_1_PIE}, File{Class: libs.Class, Data: libs.Data, Type: libs.Type, Machine: x8664, Dynamic: true, PIE: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse(c.spec.bytes())
			if err != nil {
				t.Fatal(err)
			}
			c.want.GapBytes = got.GapBytes // the tables of these files are in no section
			if d := cmp.Diff(&c.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if got.Libc() != c.libc {
				t.Errorf("libc %q, want %q", got.Libc(), c.libc)
			}
			if static := c.libc == "" && !c.want.MisalignedLoad; got.Static() != static {
				t.Errorf("static %v, want %v", got.Static(), static)
			}
			checkBinary(t, got)
		})
	}
}

func checkBinary(t *testing.T, f *File) {
	t.Helper()
	b, err := f.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	var back File
	if err := back.UnmarshalBinary(b); err != nil {
		t.Fatalf("%+v: %v", f, err)
	}
	if d := cmp.Diff(f, &back); d != "" {
		t.Errorf("decoded (-want +got):\n%s", d)
	}
	again, _ := back.AppendBinary(nil)
	if !bytes.Equal(b, again) {
		t.Error("its encoding changes")
	}
}

// TestCorrupt cuts a file everywhere and sets each of its bytes to other
// values: no panic, and one kind of error.
func TestCorrupt(t *testing.T) {
	good := extension.bytes()
	for i := range good {
		if f, err := Parse(good[:i]); err == nil {
			checkBinary(t, f)
		} else if !errors.Is(err, whittle.ErrCorrupt) {
			t.Fatalf("cut at %d: %v", i, err)
		}
		for _, v := range []byte{0, 1, 0x7f, 0xff} {
			b := bytes.Clone(good)
			b[i] = v
			if _, err := Parse(b); err != nil && !errors.Is(err, whittle.ErrCorrupt) {
				t.Fatalf("byte %d = %d: %v", i, v, err)
			}
		}
	}
}

// TestGreedy has names and versions that a small file repeats without end.
func TestGreedy(t *testing.T) {
	long := strings.Repeat("x", maxName-1)
	for name, s := range map[string]spec{
		"a long name":       {Needed: []string{long + "x"}},
		"many libraries":    {Needed: make([]string, maxNeeded+1)},
		"one name often":    {Needed: slices.Repeat([]string{long}, 300)},
		"many versions":     {Soname: "x", Provides: make([]string, maxRecords+1)},
		"many dynamic tags": {Flags: 1, Needed: make([]string, 2*maxRecords)},
	} {
		if _, err := Parse(s.bytes()); !errors.Is(err, whittle.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSystemDirs(t *testing.T) {
	table := "/lib64/\x00/usr/lib64/\x00"
	b := append(spec{Soname: "ld-linux-x86-64.so.2"}.bytes(), "\x00/usr/lib/x\x00/lib/\x00\x00"+table+"\x00GCONV_PATH"...)
	f, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"/lib64/", "/usr/lib64/"}, f.SystemDirs); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	checkBinary(t, f)
}

func TestUnmarshalHostile(t *testing.T) {
	f, err := Parse(extension.bytes())
	if err != nil {
		t.Fatal(err)
	}
	good, _ := f.AppendBinary(nil)
	for i := range good {
		var g File
		if err := g.UnmarshalBinary(good[:i]); !errors.Is(err, whittle.ErrCorrupt) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
	var g File
	if err := g.UnmarshalBinary(append(good, 0)); !errors.Is(err, whittle.ErrCorrupt) {
		t.Fatalf("a byte too many: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(extension.bytes())
	f.Add(spec{Interp: "/lib64/ld-linux-x86-64.so.2", Needed: []string{"libc.so.6"}, RunPath: "$ORIGIN"}.bytes())
	f.Add(spec{Narrow: true, Big: true, Soname: "ld64.so.2", Needed: []string{"/lib/"}}.bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Parse(b)
		if err != nil {
			if !errors.Is(err, whittle.ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		if file.GapBytes < 0 || file.GapBytes > int64(len(b)) {
			t.Errorf("%d bytes in no section of %d", file.GapBytes, len(b))
		}
		if file.DebugBytes+file.SymtabBytes > int64(len(b)) {
			t.Errorf("%d + %d bytes to strip of %d", file.DebugBytes, file.SymtabBytes, len(b))
		}
		checkBinary(t, file)
	})
}

func FuzzUnmarshal(f *testing.F) {
	file, err := Parse(extension.bytes())
	if err != nil {
		f.Fatal(err)
	}
	b, _ := file.AppendBinary(nil)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var file File
		if file.UnmarshalBinary(b) != nil {
			return
		}
		if again, _ := file.AppendBinary(nil); !bytes.Equal(again, b) {
			t.Error("its encoding changes")
		}
	})
}

// TestReadelf compares with binutils on files of the host.
func TestReadelf(t *testing.T) {
	if _, err := exec.LookPath("readelf"); err != nil {
		t.Skip("no readelf")
	}
	for _, p := range hostFiles(t, 150) {
		out, err := exec.Command("readelf", "-dVlW", p).Output()
		if err != nil {
			continue
		}
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Parse(b)
		if err != nil {
			t.Errorf("%s: %v", p, err)
			continue
		}
		got := &File{Interp: f.Interp, Needed: f.Needed, Soname: f.Soname, RPath: f.RPath, RunPath: f.RunPath, Provides: f.Provides}
		for _, n := range f.Needs {
			if len(n.Versions) > 0 {
				got.Needs = append(got.Needs, n)
			}
		}
		if d := cmp.Diff(readelf(string(out)), got); d != "" {
			t.Errorf("%s (-readelf +got):\n%s", p, d)
		}
	}
}

func readelf(out string) *File {
	f := &File{}
	var file string
	bracket := func(line string) string {
		_, s, _ := strings.Cut(line, "[")
		return strings.TrimSuffix(s, "]")
	}
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		fields := strings.Fields(line)
		after := func(key string) string {
			for i, f := range fields[:max(0, len(fields)-1)] {
				if f == key {
					return fields[i+1]
				}
			}
			return ""
		}
		switch {
		case strings.HasPrefix(line, "[Requesting program interpreter: "):
			f.Interp = strings.TrimSuffix(strings.TrimPrefix(line, "[Requesting program interpreter: "), "]")
		case strings.Contains(line, "(NEEDED)"):
			f.Needed = append(f.Needed, bracket(line))
		case strings.Contains(line, "(SONAME)"):
			f.Soname = bracket(line)
		case strings.Contains(line, "(RPATH)"):
			f.RPath = split(bracket(line))
		case strings.Contains(line, "(RUNPATH)"):
			f.RunPath = split(bracket(line))
		case after("File:") != "" && after("Cnt:") != "":
			file = after("File:")
		case after("Rev:") != "" && after("Flags:") != "BASE":
			f.Provides = append(f.Provides, after("Name:"))
		case after("Name:") != "" && after("Rev:") == "" && after("Flags:") == "none":
			if n := len(f.Needs); n == 0 || f.Needs[n-1].File != file {
				f.Needs = append(f.Needs, VersionNeed{File: file})
			}
			n := &f.Needs[len(f.Needs)-1]
			n.Versions = append(n.Versions, after("Name:"))
		}
	}
	return f
}
