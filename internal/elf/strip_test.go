package elf

import (
	stdelf "debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGaps(t *testing.T) {
	for name, c := range map[string]struct {
		held []extent
		size uint64
		want int64
	}{
		"full":        {[]extent{{64, 36}, {0, 64}}, 100, 0},
		"between":     {[]extent{{0, 10}, {20, 10}, {25, 75}}, 100, 10},
		"at the end":  {[]extent{{0, 10}}, 100, 90},
		"past it":     {[]extent{{0, 100}, {1 << 63, 5}}, 100, 0},
		"within":      {[]extent{{0, 100}, {10, 5}, {30, 5}}, 100, 0},
		"one of none": {[]extent{{50, 0}, {0, 10}}, 100, 90},
	} {
		if got := gaps(c.held, c.size); got != c.want {
			t.Errorf("%s: %d bytes, want %d", name, got, c.want)
		}
	}
}

func TestStrippable(t *testing.T) {
	type result struct {
		Low, High int64
		Safe      bool
	}
	for name, c := range map[string]struct {
		file File
		want result
	}{
		"stripped":        {File{Type: stdelf.ET_DYN, GapBytes: 500}, result{}},
		"object file":     {File{Type: stdelf.ET_REL, DebugBytes: 9000}, result{}},
		"extension":       {File{Type: stdelf.ET_DYN, DebugBytes: 9000, SymtabBytes: 1000, GapBytes: 500}, result{7952, 18192, true}},
		"few symbols":     {File{Type: stdelf.ET_DYN, SymtabBytes: 1000}, result{0, 9192, true}},
		"misaligned":      {File{Type: stdelf.ET_DYN, SymtabBytes: 9000, MisalignedLoad: true}, result{6952, 17192, false}},
		"moved by others": {File{Type: stdelf.ET_DYN, SymtabBytes: 9000, GapBytes: 180_000}, result{6952, 17192, false}},
	} {
		low, high, safe := c.file.Strippable()
		if d := cmp.Diff(c.want, result{low, high, safe}); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// TestStrip strips files of the host, and those of wheels that
// WHITTLE_ELF_DIRS names: what is called safe loads afterwards, and is smaller
// by as much as was said.
func TestStrip(t *testing.T) {
	if _, err := exec.LookPath("strip"); err != nil {
		t.Skip("no strip")
	}
	out := filepath.Join(t.TempDir(), "stripped")
	files, safe, refused, broken := 0, 0, 0, 0
	var said, saved int64
	for _, p := range hostFiles(t, 150) {
		before, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Parse(before)
		if err != nil || f.Machine != x8664 {
			continue
		}
		low, high, ok := f.Strippable()
		if high == 0 || exec.Command("strip", "--strip-unneeded", "-o", out, p).Run() != nil {
			continue
		}
		files++
		after, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		g, err := Parse(after)
		bad := err != nil || g.MisalignedLoad
		if bad {
			broken++
		}
		if !ok {
			refused++
			continue
		}
		safe++
		said += f.DebugBytes + f.SymtabBytes
		saved += int64(len(before) - len(after))
		if d := int64(len(before) - len(after)); bad || d < low || d > high {
			t.Errorf("%s: smaller by %d, said %d to %d; broken %v", p, d, low, high, bad)
		}
	}
	t.Logf("%d files with symbols, %d safe: %d bytes in sections, %d saved; %d refused, %d broken by strip", files, safe, said, saved, refused, broken)
}
