package buildkitd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestGuardUnified: what is asked of a kernel with control groups of version 2.
// What a kernel does then TestLimits shows, of the version that the system has.
func TestGuardUnified(t *testing.T) {
	write := func(t *testing.T, dir string, files map[string]string) {
		t.Helper()
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	read := func(name string) string {
		text, _ := os.ReadFile(name)
		return string(text)
	}
	root := t.TempDir()
	write(t, root, map[string]string{"cgroup.controllers": "cpu memory pids\n", "cgroup.subtree_control": "memory pids\n", "memory.max": "8000000000\n"})
	group := filepath.Join(root, "x")
	kernel := map[string]string{"memory.max": "max", "memory.swap.max": "max", "pids.max": "max"}
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, group, kernel)
	g, notes := newGuard(hierarchy{root, true}, "x", 0, 0)
	if len(notes) != 0 || g.pids != DefaultPids || g.memory > 6e9 || g.memory <= 0 {
		t.Errorf("%+v, %q", g, notes)
	}
	if m, s, p := read(group+"/memory.max"), read(group+"/memory.swap.max"), read(group+"/pids.max"); !strings.HasPrefix(m, "6") && !strings.HasPrefix(m, "5") || !strings.HasPrefix(s, "0") || p != "8192" {
		t.Errorf("memory.max %q, memory.swap.max %q, pids.max %q", m, s, p)
	}
	write(t, group, map[string]string{"memory.events": "low 0\nhigh 0\nmax 12\noom 2\noom_kill 3\n"})
	if n := g.Kills(); n != 3 {
		t.Errorf("%d kills, want 3", n)
	}
	g.release()

	for want, files := range map[string]map[string]string{
		"does not offer them":       {"cgroup.controllers": "cpu\n", "cgroup.subtree_control": "cpu\n"},
		"no such file or directory": {"cgroup.controllers": "memory pids\n"},
	} {
		root := t.TempDir()
		write(t, root, files)
		g, notes := newGuard(hierarchy{root, true}, "x", 0, 0)
		if g.memory != 0 || g.pids != 0 || len(notes) != 2 || !strings.Contains(notes[0], "no limit of memory: ") || !strings.Contains(notes[1], "no limit of processes: ") || !strings.Contains(notes[0], want) {
			t.Errorf("%s: %+v, %q", want, g, notes)
		}
	}
	g, notes = newGuard(hierarchy{t.TempDir(), false}, "x", NoLimit, 0)
	if g.memory != 0 || len(notes) != 1 || !strings.Contains(notes[0], "this system has no control groups for pids") {
		t.Errorf("version 1 without controllers: %+v, %q", g, notes)
	}
	root = t.TempDir()
	write(t, root, map[string]string{"cgroup.controllers": "memory pids\n", "cgroup.subtree_control": ""})
	if err := os.Mkdir(filepath.Join(root, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "x"), kernel)
	if _, notes := newGuard(hierarchy{root, true}, "x", NoLimit, 0); len(notes) != 0 || read(root+"/cgroup.subtree_control") != "+pids" {
		t.Errorf("%q, subtree_control %q", notes, read(root+"/cgroup.subtree_control"))
	}
}
