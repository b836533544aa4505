package rule

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
)

// deadRules are those whose fixes move work, and must change nothing else.
func deadRules() []string {
	return []string{"cleanup-in-later-layer", "metadata-copy", "moved-file", "replaced-file", "identical-copy"}
}

// script draws a RUN or a COPY that works on a few paths.
func script(t *rapid.T, final bool) string {
	files := []string{"/a/x", "/a/y.pyc", "/a/tests/z", "/b/x", "/b/sub/y", "/w/lib"}
	dirs := []string{"/a", "/a/tests", "/b", "/w"}
	file := func() string { return rapid.SampledFrom(files).Draw(t, "file") }
	dir := func() string { return rapid.SampledFrom(dirs).Draw(t, "dir") }
	command := func() string {
		switch rapid.IntRange(0, 9).Draw(t, "command") {
		case 0, 1, 2:
			return fmt.Sprintf("mk %s %c*%d", file(), 'a'+rune(rapid.IntRange(0, 3).Draw(t, "letter")), rapid.IntRange(100_000, 100_900).Draw(t, "size"))
		case 3:
			return "rm -rf " + rapid.SampledFrom([]string{dir(), file(), dir() + "/*", dir() + " " + file()}).Draw(t, "rm")
		case 4:
			return "find " + dir() + rapid.SampledFrom([]string{" -name '*.pyc' -delete", " -type d -name tests -prune -exec rm -rf {} +"}).Draw(t, "find")
		case 5:
			return rapid.SampledFrom([]string{"chmod 755 " + file(), "chmod -R 755 " + dir()}).Draw(t, "chmod")
		case 6:
			return rapid.SampledFrom([]string{"chown 7:7 " + file(), "chown -R 7:7 " + dir()}).Draw(t, "chown")
		case 7:
			return "mv " + file() + " " + rapid.SampledFrom([]string{"/c/new", "/w/other"}).Draw(t, "to")
		case 8:
			return "use " + rapid.SampledFrom([]string{dir(), file()}).Draw(t, "use")
		}
		return "useradd me"
	}
	if kind := rapid.IntRange(0, 5).Draw(t, "kind"); kind == 0 || final && kind <= 2 {
		d := dir()
		if final && kind > 0 {
			return "COPY --from=builder " + d + " " + rapid.SampledFrom([]string{d, d, "/b"}).Draw(t, "dest")
		}
		return "COPY " + rapid.SampledFrom([]string{"one", "two", "file"}).Draw(t, "source") + " " + rapid.SampledFrom([]string{d, "/w", "/b/sub/y"}).Draw(t, "dest")
	}
	commands := make([]string, rapid.IntRange(1, 3).Draw(t, "commands"))
	for i := range commands {
		commands[i] = command()
	}
	return "RUN " + strings.Join(commands, " && ")
}

// draw draws a file of two stages that builds.
func draw(t *rapid.T, base, context tree) []byte {
	lines := []string{"FROM base AS builder"}
	add := func(line string) {
		f, err := dockerfile.Parse("Dockerfile", []byte(strings.Join(append(slices.Clone(lines), line), "\n")))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := build(f, base, context); err == nil {
			lines = append(lines, line)
		}
	}
	for range rapid.IntRange(1, 6).Draw(t, "builder") {
		add(script(t, false))
	}
	lines = append(lines, "", "FROM base")
	for range rapid.IntRange(1, 10).Draw(t, "final") {
		add(script(t, true))
		if rapid.IntRange(0, 5).Draw(t, "comment") == 0 {
			lines = append(lines, "# a comment")
		}
	}
	return []byte(strings.Join(lines, "\n") + "\nCMD [\"app\"]\n")
}

// used is a tree without folders that hold no file: where a build has been at
// work such a folder may stay, or not.
func (t tree) used() tree {
	out := tree{}
	for at, n := range t {
		if !n.dir || slices.ContainsFunc(t.below(at), func(p string) bool { return !t[p].dir }) {
			out[at] = n
		}
	}
	return out
}

// ground is a base image and a build context.
func ground() (base, context tree) {
	base = tree{"b": {mode: "755", owner: "0", dir: true}, "b/x": {content: "q*100500", mode: "644", owner: "0"}}
	context = tree{"one": {mode: "755", owner: "0", dir: true}, "one/x": {content: "r*100600", mode: "644", owner: "0"},
		"one/tests": {mode: "755", owner: "0", dir: true}, "one/tests/z": {content: "s*100700", mode: "644", owner: "0"},
		"two": {mode: "755", owner: "0", dir: true}, "two/x": {content: "r*100600", mode: "644", owner: "0"}, "file": {content: "v*100800", mode: "644", owner: "0"}}
	return base, context
}

// TestRebuild builds random files before and after each fix, and after all of
// them together: the file system of the last stage is the same, and the sum of
// the layers is smaller by exactly what the finding says.
func TestRebuild(t *testing.T) {
	base, context := ground()
	fixes := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		src := draw(rt, base, context)
		f, err := dockerfile.Parse("Dockerfile", src)
		if err != nil {
			rt.Fatal(err)
		}
		layers, before, err := build(f, base, context)
		if err != nil {
			rt.Fatal(err)
		}
		c := testCase{parts: map[string][]byte{"Dockerfile": src}}
		for _, l := range layers {
			c.layers = append(c.layers, expand(l))
		}
		p := c.pass(t)
		found, err := Find(t.Context(), p, deadRules())
		if err != nil {
			rt.Fatal(err)
		}
		var sets [][]whittle.Edit
		gone := map[whittle.Content]int64{}
		for i := range found {
			hold(t, p, &found[i])
			if found[i].Fix == nil {
				continue
			}
			fixes[found[i].Rule]++
			edits := found[i].Fix.Patches[0].Edits
			sets = append(sets, edits)
			for _, r := range found[i].Change.Remove {
				gone[r] = p.Indexes[r.Layer].Entries[r.Entry].Size
			}
			out, err := dockerfile.Apply(src, edits)
			if err != nil {
				rt.Fatalf("%s\n%s: %v", src, found[i].Message, err)
			}
			rebuilt(rt, src, out, base, context, layers, before, saving(p, &found[i]).Low)
		}
		if len(sets) < 2 {
			return
		}
		out, conflicts, err := merged(p.Dockerfile, sets)
		if err != nil {
			rt.Fatal(err)
		}
		if len(conflicts) == 0 {
			var sum int64
			for _, n := range gone {
				sum += n
			}
			rebuilt(rt, src, out, base, context, layers, before, sum)
		}
	})
	t.Logf("fixes held to a rebuild: %v", fixes)
	if len(fixes) == 0 && !testing.Short() {
		t.Error("no fix was tried")
	}
}

// rebuilt builds a changed file and compares.
func rebuilt(t *rapid.T, src, changed []byte, base, context tree, layers []string, before tree, saved int64) {
	t.Helper()
	f, err := dockerfile.Parse("Dockerfile", changed)
	if err != nil {
		t.Fatal(err)
	}
	again, after, err := build(f, base, context)
	if err != nil {
		t.Fatalf("%s\nbecomes\n%s\nwhich does not build: %v", src, changed, err)
	}
	if diff := cmp.Diff(before.used(), after.used(), cmp.AllowUnexported(node{})); diff != "" {
		t.Fatalf("%s\nbecomes\n%s\nwith other files:\n%s", src, changed, diff)
	}
	var old, now int64
	for _, l := range layers {
		old += unpacked(l)
	}
	for _, l := range again {
		now += unpacked(l)
	}
	if old-now != saved {
		t.Fatalf("%s\nbecomes\n%s\nsaves %d and not %d", src, changed, old-now, saved)
	}
}
