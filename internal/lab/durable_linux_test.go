package lab

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/outdir"
)

var (
	tracedSync   = regexp.MustCompile(`(?:fsync|fdatasync)\(\d+<([^>]*)>\)\s+= 0`)
	tracedRename = regexp.MustCompile(`renameat2?\((?:AT_FDCWD|\d+)(?:<([^>]*)>)?, "([^"]*)", (?:AT_FDCWD|\d+)(?:<([^>]*)>)?, "([^"]*)"(?:, \w+)?\)\s+= 0`)
	tracedUnlink = regexp.MustCompile(`unlinkat\((?:AT_FDCWD|\d+)(?:<([^>]*)>)?, "([^"]*)", \w+\)\s+= 0`)
)

// TestDurable traces the system calls of a proof that writes: every file that
// is kept is on the disk before it gets its name, and the folder after that; the
// journal goes only when all that it lists is there.
func TestDurable(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("needs strace")
	}
	top := t.TempDir()
	dir, cache, log := filepath.Join(top, "p"), filepath.Join(top, "cache"), filepath.Join(top, "trace")
	imagetest.Must(t, os.Mkdir(dir, 0o755))
	twoFiles(t, dir)
	cmd := proofProcess(t, dir, "", cache, top)
	cmd.Args = append([]string{strace, "-f", "-y", "-qq", "-s", "4096", "-e", "trace=fsync,fdatasync,renameat,renameat2,rename,unlinkat", "-o", log}, append([]string{os.Args[0]}, cmd.Args[1:]...)...)
	cmd.Path = strace
	if out, err := cmd.CombinedOutput(); err != nil {
		if strings.Contains(string(out), "ptrace") {
			t.Skipf("strace: %s", out)
		}
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(log)
	imagetest.Must(t, err)
	lines := wholeCalls(strings.Split(string(text), "\n"))
	synced := func(path string, from, to int) bool {
		return slices.ContainsFunc(lines[from:to], func(l string) bool {
			m := tracedSync.FindStringSubmatch(l)
			return m != nil && m[1] == path
		})
	}
	seen := map[string]int{}
	for i, l := range lines {
		m := tracedRename.FindStringSubmatch(l)
		if m == nil {
			continue
		}
		from, to := at(m[1], m[2]), at(m[3], m[4])
		if strings.HasPrefix(to, filepath.Join(dir, outdir.Name, ".whittle-")) || strings.HasSuffix(to, ".tar") {
			continue // of a trial, which goes with the run; an image is the engine's, and synced with its record
		}
		seen[kindOf(to)]++
		if !synced(from, 0, i) {
			t.Errorf("%s has its name before its content is on the disk", to)
		}
		if !synced(filepath.Dir(to), i, len(lines)) {
			t.Errorf("the name of %s is not brought to the disk", to)
		}
	}
	if !synced(filepath.Join(dir, outdir.Name, "images", "original.tar"), 0, len(lines)) {
		t.Error("the image is not brought to the disk")
	}
	journal := slices.IndexFunc(lines, func(l string) bool {
		m := tracedUnlink.FindStringSubmatch(l)
		return m != nil && at(m[1], m[2]) == filepath.Join(dir, outdir.Name, "journal")
	})
	if journal < 0 || !synced(filepath.Join(dir, "Dockerfile.b"), 0, journal) || !synced(dir, 0, journal) {
		t.Errorf("the journal goes (%d) before the files are on the disk", journal)
	}
	for _, kind := range []string{"index", "seen", "key", ".gitignore", "variants", "journal", "Dockerfile", "report.md"} {
		if seen[kind] == 0 {
			t.Errorf("no %s was written: %v", kind, seen)
		}
	}
}

// wholeCalls puts the two halves of calls together during which another thread
// made one.
func wholeCalls(lines []string) []string {
	var out []string
	open := map[string]string{}
	for _, l := range lines {
		thread, call, _ := strings.Cut(l, " ")
		call = strings.TrimSpace(call)
		if head, ok := strings.CutSuffix(call, " <unfinished ...>"); ok {
			open[thread] = head
			continue
		}
		if _, rest, ok := strings.Cut(call, " resumed>"); ok {
			call = open[thread] + rest
		}
		out = append(out, call)
	}
	return out
}

func at(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}

// kindOf names what a file is.
func kindOf(path string) string {
	switch ext := filepath.Ext(path); {
	case ext == ".index" || ext == ".seen":
		return ext[1:]
	case filepath.Base(filepath.Dir(path)) == "variants":
		return "variants"
	}
	return filepath.Base(path)
}
