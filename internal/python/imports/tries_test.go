package imports

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/source"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// paper is an importer of modules in memory; what is not there is missing.
func paper(texts map[string]string) *Importer {
	im := &Importer{Finder: &Finder{t: &python.Tree{}, top: map[string]Module{}}, Runtime: source.Runtime{Version: [3]int{3, 13, 0}, Platform: "linux", OSName: "posix"}}
	for _, name := range []string{"gone1", "gone2", "gone3"} {
		im.Finder.top[name] = Module{Name: name, Found: Missing}
	}
	for name := range texts {
		im.Finder.top[name] = Module{Name: name, Found: SourceFile, File: name + ".py"}
	}
	im.Sources = func(p string) (*source.Facts, bool) {
		text, ok := texts[strings.TrimSuffix(p, ".py")]
		return source.Scan([]byte(text)), ok
	}
	return im
}

// TestTries: a handler belongs to its own try, whatever stands between.
func TestTries(t *testing.T) {
	tests := []struct {
		name, text string
		fails      source.Truth
		guarded    []string // what is missing and caught
		perhaps    []string // what is missing if it is asked for
	}{
		{"the handler goes well", "try: import gone1\nexcept ImportError: import os\n", source.No, []string{"gone1"}, nil},
		{"the handler fails", "try: import gone1\nexcept ImportError: import gone2\n", source.Yes, []string{"gone1"}, nil},
		{"the handler is not needed", "try: import os\nexcept ImportError: import gone2\n", source.No, nil, nil},
		{"another try before it", "try: import gone1\nexcept ImportError: pass\ntry: import os\nexcept ImportError: import gone2\n", source.No, []string{"gone1"}, nil},
		{"a try without imports", "try: set\nexcept Exception: import gone1\n", source.Maybe, nil, []string{"gone1"}},
		{"a try without imports after one that fails", "try: import gone1\nexcept ImportError: pass\ntry: set\nexcept Exception: import gone2\n", source.Maybe, []string{"gone1"}, []string{"gone2"}},
		{"a try in the body", "try:\n    try: import gone1\n    except ImportError: import os\nexcept ImportError: import gone2\n", source.No, []string{"gone1"}, nil},
		{"a try in the body that fails", "try:\n    try: import gone1\n    except ImportError: import gone3\nexcept ImportError: import gone2\n", source.Yes, []string{"gone1", "gone3"}, nil},
		{"a try in the handler", "try: import gone1\nexcept ImportError:\n    try: import gone2\n    except ImportError: import os\n", source.No, []string{"gone1", "gone2"}, nil},
		{"a try in the handler after which it goes on", "try: import gone1\nexcept ImportError:\n    try: import gone2\n    except ImportError: pass\n    import gone3\n", source.Yes, []string{"gone1", "gone2"}, nil},
		{"else", "try: import os\nexcept ImportError: pass\nelse: import gone1\n", source.Yes, nil, nil},
		{"else of a try that fails", "try: import gone1\nexcept ImportError: pass\nelse: import gone2\n", source.No, []string{"gone1"}, nil},
		{"a condition in the body", "import sys\ntry:\n    if unknown: import gone1\nexcept ImportError: import gone2\n", source.Maybe, []string{"gone1"}, []string{"gone2"}},
		{"a handler that raises", "try: import os\nexcept ImportError:\n    import gone1\n    raise\n", source.No, nil, nil},
		{"a handler that raises in a body", "try:\n    try: import gone1\n    except ImportError: raise\nexcept ImportError: import os\n", source.No, []string{"gone1"}, nil},
		{"suppress", "import contextlib\nwith contextlib.suppress(ImportError):\n    import gone1\ntry: import os\nexcept ImportError: import gone2\n", source.No, []string{"gone1"}, nil},
		{"more than are told apart", nested(30), source.Maybe, slices.Repeat([]string{"gone1"}, 30), []string{"gone2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			im := paper(map[string]string{"os": "", "sys": "", "contextlib": "suppress = 1\n", "it": tt.text})
			n, f := im.Import("it")
			if f != nil {
				t.Fatal(f)
			}
			fails := im.fails(n)
			if fails != tt.fails {
				t.Errorf("fails: %v, want %v", fails, tt.fails)
			}
			if diff := cmp.Diff([][]string{tt.guarded, tt.perhaps}, [][]string{missing(n.Guarded), missing(n.Perhaps)}); diff != "" {
				t.Errorf("caught and possible failures (-want +got):\n%s", diff)
			}
		})
	}
}

// nested is a try in the handler of a try in the handler of a try.
func nested(depth int) string {
	var b strings.Builder
	for i := range depth {
		indent := strings.Repeat(" ", i)
		fmt.Fprintf(&b, "%stry: import gone1\n%sexcept ImportError:\n", indent, indent)
	}
	return b.String() + strings.Repeat(" ", depth) + "import gone2\n"
}

func missing(fs []Failure) (out []string) {
	for _, f := range fs {
		out = append(out, f.Module)
	}
	return out
}

// program draws statements of nested tries. Bodies begin with an import, so
// that all of it is known, but for handlers of another exception.
func program(t *rapid.T, indent string, depth int) string {
	var b strings.Builder
	for range rapid.IntRange(1, 3).Draw(t, "statements") {
		name := rapid.SampledFrom([]string{"os", "json", "re", "os", "os", "gone1"}).Draw(t, "module")
		fmt.Fprintf(&b, "%simport %s\n", indent, name)
		if depth == 0 || rapid.Bool().Draw(t, "no try") {
			continue
		}
		fmt.Fprintf(&b, "%stry:\n%s", indent, program(t, indent+" ", depth-1))
		catch := rapid.SampledFrom([]string{"ImportError", "Exception", "(ValueError, ModuleNotFoundError)", "ValueError"}).Draw(t, "catch")
		fmt.Fprintf(&b, "%sexcept %s:\n%s", indent, catch, program(t, indent+" ", depth-1))
		if rapid.IntRange(0, 5).Draw(t, "raise") == 0 {
			fmt.Fprintf(&b, "%s raise\n", indent)
		}
		if rapid.IntRange(0, 2).Draw(t, "else") == 0 {
			fmt.Fprintf(&b, "%selse:\n%s", indent, program(t, indent+" ", depth-1))
		}
	}
	return b.String()
}

// runAll runs programs one after another and says which raise ImportError.
const runAll = `import json, sys, re, os
def run(text):
    try: exec(compile(text, "it", "exec"), {})
    except ImportError: return True
    return False
json.dump([run(t) for t in json.load(sys.stdin)], sys.stdout)`

// TestTriesAgainstPython holds the fate of random nested tries to what Python
// makes of them.
func TestTriesAgainstPython(t *testing.T) {
	var texts []string
	rapid.Check(t, func(t *rapid.T) { texts = append(texts, program(t, "", 3)) })
	in, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(imagetest.Python(t), "-I", "-c", runAll)
	cmd.Stdin = strings.NewReader(string(in))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var failed []bool
	if err := json.Unmarshal(out, &failed); err != nil || len(failed) != len(texts) {
		t.Fatalf("%d programs, %d results, %v", len(texts), len(failed), err)
	}
	tally := map[source.Truth]int{}
	for i, text := range texts {
		im := paper(map[string]string{"os": "", "json": "", "re": "", "it": text})
		n, f := im.Import("it")
		if f != nil {
			t.Fatal(f)
		}
		got := im.fails(n)
		tally[got]++
		if got == source.Yes && !failed[i] || got == source.No && failed[i] || got == source.Maybe && !strings.Contains(text, "except ValueError") {
			t.Errorf("it fails: %v, on paper %v:\n%s", failed[i], got, text)
		}
	}
	t.Logf("fails %d, runs %d, not known %d", tally[source.Yes], tally[source.No], tally[source.Maybe])
	if tally[source.Yes] == 0 || tally[source.No] == 0 {
		t.Error("one of the fates does not occur")
	}
}
