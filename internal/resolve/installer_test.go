package resolve

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
)

// TestInstaller: the lines of the RECORD and the files that pip would write, by
// hand.
func TestInstaller(t *testing.T) {
	idx := newShelf("tiny 1.0")
	points := "[console_scripts]\nrun = tiny.cli:app.main\n[gui_scripts]\nwin = tiny:win\n[tiny.plugins]\nx = tiny:x\n"
	idx.members["tiny-1.0-py3-none-any.whl"] = []whittle.WheelMember{
		{Path: "tiny-1.0.data/scripts/tool", Size: 100},
		{Path: "tiny-1.0.data/data/share/tiny,x", Size: 7},
		{Path: "tiny-1.0.data/headers/tiny.h", Size: 8},
		{Path: "tiny-1.0.data/purelib/more.txt", Size: 9},
		{Path: "tiny-1.0.dist-info/METADATA", Size: 50},
		{Path: "tiny-1.0.dist-info/RECORD", Size: 999},
		{Path: "tiny-1.0.dist-info/entry_points.txt", Size: int64(len(points)), Content: []byte(points)},
		{Path: "tiny/__init__.py", Size: 1000, Compressed: 300},
	}
	sum := "sha256=" + strings.Repeat("x", 43)
	run := "#!/usr/local/bin/python3.13\n# -*- coding: utf-8 -*-\nimport re\nimport sys\nfrom tiny.cli import app\nif __name__ == '__main__':\n" +
		"    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])\n    sys.exit(app.main())\n"
	win := strings.NewReplacer("tiny.cli", "tiny", "import app", "import win", "app.main", "win").Replace(run)
	files := []struct {
		path string
		size string
	}{
		{"../../../bin/tool", "119"}, {`"../../../share/tiny,x"`, "7"}, {"../../../include/site/python3.13/tiny/tiny.h", "8"}, {"more.txt", "9"},
		{"tiny-1.0.dist-info/METADATA", "50"}, {"tiny-1.0.dist-info/entry_points.txt", "97"}, {"tiny/__init__.py", "1000"},
		{"tiny-1.0.dist-info/INSTALLER", "4"}, {"tiny-1.0.dist-info/REQUESTED", "0"},
		{"../../../bin/run", "219"}, {"../../../bin/win", "210"},
	}
	if len(points) != 97 || len(run) != 219 || len(win) != 210 {
		t.Fatalf("the table has other sizes: %d, %d, %d", len(points), len(run), len(win))
	}
	record := "tiny-1.0.dist-info/RECORD,,\r\n"
	for _, f := range files {
		record += f.path + "," + sum + "," + f.size + "\r\n"
	}
	plain := int64(len(record)) + 119 + 7 + 8 + 9 + 50 + 97 + 1000 + 4 + 219 + 210
	pyc := int64(len("tiny/__pycache__/__init__.cpython-313.pyc,,\r\n"))

	res, err := Versions(t.Context(), idx, requirements(t, "tiny"), linux("3.13", 13))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Installed(t.Context(), idx, res, InstallOptions{NoCompile: true})
	if err != nil {
		t.Fatal(err)
	}
	part := InstalledPart{Name: "tiny", Version: "1.0", Bytes: plain, Low: plain, High: plain, Files: 12, Source: fromWheel}
	want := &Installation{Parts: []InstalledPart{part}, Bytes: plain, Low: plain, High: plain, Files: 12}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("without bytecode (-want +got):\n%s", d)
	}
	got, err = Installed(t.Context(), idx, res, InstallOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if code := int64(1160 + 200); got.Bytecode != code || got.Bytes != plain+pyc+code || got.Files != 13 || got.Low >= got.Bytes || got.High <= got.Bytes {
		t.Errorf("with bytecode: %+v", got)
	}
}

// TestInstalledOfSources: what has to be built has a wide range.
func TestInstalledOfSources(t *testing.T) {
	idx := newShelf("a 1 sdist size=1000", "b 1 sdist size=1000", "b 1 tag=cp313-cp313-musllinux_1_2_x86_64", "c 1")
	idx.members["b-1-cp313-cp313-musllinux_1_2_x86_64.whl"] = []whittle.WheelMember{{Path: "b-1.dist-info/METADATA", Size: 10_000}}
	res, err := Versions(t.Context(), idx, requirements(t, "a", "b"), linux("3.13", 13))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Installed(t.Context(), idx, res, InstallOptions{})
	if err != nil {
		t.Fatal(err)
	}
	a, b := got.Parts[0], got.Parts[1]
	if a.Source != fromSource || a.Low != 500 || a.Bytes != 3000 || a.High != 10_000 {
		t.Errorf("%+v", a)
	}
	if b.Source != fromOther || b.Low >= b.Bytes*6/10 || b.High <= b.Bytes*15/10 {
		t.Errorf("%+v", b)
	}
	if got.Low >= got.Bytes || got.High <= got.Bytes || got.Low < a.Low+b.Low {
		t.Errorf("%+v", got)
	}
	// What the index does not have is an error, and no zero.
	res, err = Versions(t.Context(), idx, requirements(t, "c"), linux("3.13", 13))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Installed(t.Context(), idx, res, InstallOptions{}); !errors.Is(err, whittle.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// TestBytecodeByVersion: the estimate grows with the source, and 3.11's
// bytecode is the widest.
func TestBytecodeByVersion(t *testing.T) {
	m := whittle.WheelMember{Size: 10_000, Compressed: 3000}
	size := func(minor int, m whittle.WheelMember) float64 {
		return bytecodeSize(pep.Target{Major: 3, Minor: minor}, m)
	}
	if old, wide, now := size(10, m), size(11, m), size(13, m); old >= now || now >= wide {
		t.Errorf("3.10: %.0f, 3.11: %.0f, 3.13: %.0f", old, wide, now)
	}
	table, dense := m, m
	table.Compressed, dense.Compressed = 500, 9000
	if size(13, table) >= size(13, m) || size(13, dense) >= size(13, m) || size(13, whittle.WheelMember{}) != 200 {
		t.Error("how far a source is compressed makes no difference")
	}
}
