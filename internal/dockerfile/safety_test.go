package dockerfile

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"

	"whittle.dev/whittle"

	"github.com/rogpeppe/go-internal/txtar"
)

// counts are how often an operation was made, and how often not.
type counts struct{ refused, unchanged, edited int }

// tally is what came of many trials.
type tally struct {
	sync.Mutex
	byOp     map[string]counts
	failures []string
}

// all tries everything on one file.
func (y *tally) all(name string, src []byte) {
	byOp := map[string]counts{}
	var failures []string
	s, err := newSubject(src)
	if err != nil {
		failures = append(failures, fmt.Sprintf("%s: %v", name, err))
	} else {
		for _, tr := range trials(s.f) {
			got, _, err := s.try(tr)
			if err != nil {
				failures = append(failures, fmt.Sprintf("%s: %s: %v\nof:\n%s", name, tr.name, err, src))
			}
			c := byOp[tr.name]
			switch got {
			case refused:
				c.refused++
			case unchanged:
				c.unchanged++
			case edited:
				c.edited++
			}
			byOp[tr.name] = c
		}
	}
	y.Lock()
	defer y.Unlock()
	y.failures = append(y.failures, failures...)
	for op, c := range byOp {
		sum := y.byOp[op]
		y.byOp[op] = counts{sum.refused + c.refused, sum.unchanged + c.unchanged, sum.edited + c.edited}
	}
}

// TestSafety makes every operation over every instruction of some thousands of
// Dockerfiles, and prints how many with -v.
func TestSafety(t *testing.T) {
	if testing.Short() {
		t.Skip("minutes with the race detector, and nothing in it is concurrent")
	}
	// Each trial allocates little and forgets it all.
	t.Cleanup(func(percent int) func() { return func() { debug.SetGCPercent(percent) } }(debug.SetGCPercent(1000)))
	files := safetyCorpus(t)
	if len(files) < 2000 {
		t.Errorf("only %d files", len(files))
	}
	names := make(chan string)
	y := tally{byOp: map[string]counts{}}
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for name := range names {
				y.all(name, files[name])
			}
		})
	}
	for name := range files {
		names <- name
	}
	close(names)
	wg.Wait()
	slices.Sort(y.failures)
	for i, failure := range y.failures {
		if i == 15 {
			break
		}
		t.Error(failure)
	}
	var all counts
	for _, op := range slices.Sorted(maps.Keys(y.byOp)) {
		c := y.byOp[op]
		all = counts{all.refused + c.refused, all.unchanged + c.unchanged, all.edited + c.edited}
		t.Logf("%-14s %6d edits, %5d without a change, %6d refusals", op, c.edited, c.unchanged, c.refused)
		if c.edited < 500 {
			t.Errorf("%s was made only %d times", op, c.edited)
		}
	}
	t.Logf("%d files: %d edits, %d without a change, %d refusals, %d failures",
		len(files), all.edited, all.unchanged, all.refused, len(y.failures))
}

// safetyCorpus are the hand-made files with their variants, every script in
// every layout, and files put together at random but always the same.
func safetyCorpus(t testing.TB) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	kinds := []func(src string) string{
		func(src string) string { return src },
		func(src string) string { return strings.ReplaceAll(src, "\n", "\r\n") },
		func(src string) string { return strings.TrimSuffix(src, "\n") },
		func(src string) string {
			src = strings.TrimSuffix(strings.TrimPrefix(src, string(bom)), "\n")
			return string(bom) + strings.ReplaceAll(src, "\n", "\r\n")
		},
	}
	add := func(name, src string, which ...int) {
		for _, k := range which {
			out[fmt.Sprintf("%s/%d", name, k)] = []byte(kinds[k](src))
		}
	}
	made := handMade(t)
	for i, name := range slices.Sorted(maps.Keys(made)) {
		add("made/"+name, made[name], 0, 1+i%3)
	}
	for i, members := range scripts {
		for j, layout := range layouts {
			src := fmt.Sprintf(wraps[(i+j)%len(wraps)], layout(members))
			add(fmt.Sprintf("product/%d-%d", i, j), src, (i+j/2)%4, (i+j/2+1+j%3)%4)
		}
	}
	for i := range 320 {
		add(fmt.Sprintf("random/%03d", i), randomFile(rand.New(rand.NewPCG(1, uint64(i)))), i%4)
	}
	return out
}

// handMade are the files of testdata that parse.
func handMade(t testing.TB) map[string]string {
	t.Helper()
	out := map[string]string{}
	for group, files := range corpus(t) {
		for _, file := range files {
			if _, err := Parse("Dockerfile", file.Data); err == nil {
				out[group+"/"+file.Name] = string(file.Data)
			}
		}
	}
	names, err := filepath.Glob("testdata/ops/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, name := range names {
		ar, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range ar.Files {
			out[filepath.Base(name)+"/"+file.Name] = string(file.Data)
		}
	}
	return out
}

// scripts are lists of commands.
var scripts = [][]string{
	{"a"},
	{"apt-get update", "apt-get install -y curl git", "rm -rf /var/lib/apt/lists/*"},
	{"pip install x"},
	{"(a; b)", "c"},
	{"{ a; b; }", "c"},
	{"if a; then b; fi", "c"},
	{"for x in 1 2; do a $x; done", "b"},
	{"f() { a; }", "f x"},
	{"case $x in a) b;; esac", "c"},
	{"a | b", "c | d"},
	{"! a", "b"},
	{"a <<<word", "b"},
	{`echo "a b" 'c d' e\ f`, "b"},
	{"x=1", `export Y="$x"`, "a"},
	{"a > /x 2>&1", "b >> /y"},
	{"cd /x", "make -j$(nproc)", "cd .."},
	{"[ -f x ]", "[[ -d y ]]"},
	{"echo $((1+2))", `a "$(b c)" ` + "`d`"},
	{"while a; do b; done", "c"},
	{"sh -c 'a && b'", `bash -c "c; d"`},
	{"a || b", "c"},
	{"set -e", "a", "b"},
	{"set -euo pipefail", "a", "! b"},
	{"A=1 b c", "d"},
	{"find / -exec rm {} +", "a"},
}

// layouts put a list of commands into a RUN.
var layouts = []func(m []string) string{
	func(m []string) string { return "RUN " + strings.Join(m, " && ") },
	func(m []string) string { return "RUN " + strings.Join(m, "; ") },
	func(m []string) string { return "RUN " + strings.Join(m, "&&") },
	func(m []string) string { return "RUN " + strings.Join(m, " && \\\n    ") },
	func(m []string) string { return "RUN " + strings.Join(m, " \\\n && ") },
	func(m []string) string { return "RUN \\\n\t" + strings.Join(m, " \\\n\t&& ") },
	func(m []string) string { return "RUN " + strings.Join(m, " && \\\n    # inside\n  # twice\n    ") },
	func(m []string) string { return "RUN " + strings.Join(m, " \\\n# inside\n   && ") },
	func(m []string) string { return "RUN " + strings.Join(m, " && \\\n\n  ") },
	func(m []string) string { return "RUN " + strings.Join(m, " && \\  \n  ") },
	func(m []string) string { return "RUN set -eux; \\\n\t" + strings.Join(m, "; \\\n\t\\\n\t") },
	func(m []string) string {
		return "RUN --mount=type=cache,target=/c \\\n    " + strings.Join(m, " && \\\n    ")
	},
	func(m []string) string {
		return "RUN --mount=type=cache,target=/c \\\n    # why\n    --network=none " + strings.Join(m, " && ")
	},
	func(m []string) string { return "RUN " + strings.Join(m, " && ") + ";" },
	func(m []string) string { return "RUN " + strings.Join(m, " && ") + " || true" },
	func(m []string) string { return "RUN " + strings.Join(m, " && ") + " # why" },
	func(m []string) string { return "RUN " + strings.ReplaceAll(strings.Join(m, " && "), " ", " \\\n  ") },
	func(m []string) string { return "RUN <<EOF\n" + strings.Join(m, "\n") + "\nEOF" },
	func(m []string) string {
		return "RUN <<EOF\nset -e\n# why\n  " + strings.Join(m, "\n  # then\n  ") + "\nEOF"
	},
	func(m []string) string { return "RUN <<-'E F'\n\t" + strings.Join(m, " && \\\n\t") + " # why\n\tE F" },
	func(m []string) string {
		return "RUN --mount=type=cache,target=/c <<EOF\nset -ex\n" + strings.Join(m, " &&\n  ") + "\nEOF"
	},
	func(m []string) string {
		return "RUN cat <<A >/a && \\\n    # why\n    " + strings.Join(m, " && ") + "\n# data\nA"
	},
	func(m []string) string { return "ONBUILD RUN " + strings.Join(m, " && \\\n  # why\n  ") },
	func(m []string) string { return "HEALTHCHECK --retries=1 CMD " + strings.Join(m, " && ") },
}

// wraps are files around one instruction.
var wraps = []string{
	"FROM debian\n%s\n",
	"# top\nFROM debian\n# about\n%s\nCOPY a b\n",
	"# syntax=docker/dockerfile:1\nFROM debian AS x\n\n  %s\n\nFROM scratch\nCOPY --from=x a b\n",
	"ARG V=1\nFROM debian:$V\nENV A=1 \\\n    B=2\n%s\n# end\n",
	"FROM debian\nSHELL [\"/bin/bash\", \"-c\"]\n%s\n%[1]s\n",
}

// randomFile puts a file together.
func randomFile(r *rand.Rand) string {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	var b strings.Builder
	b.WriteString(pick("", "# syntax=docker/dockerfile:1\n", "# check=skip=all\n# one\n", "\n\n# one\n\n", "ARG V=1\nARG W\n", "# escape=\\\n"))
	for stage := range 1 + r.IntN(2) {
		fmt.Fprintf(&b, pick("FROM debian AS s%d\n", "FROM --platform=linux/amd64 python:3 as s%d\n", "FROM \\\n  # which\n  alpine \\\n  AS s%d\n"), stage)
		for range 2 + r.IntN(4) {
			b.WriteString(pick("", "", "\n", "# about\n", "  # two\n# lines\n", "\n# apart\n\n", "\\\n", "\\\n# odd\n"))
			b.WriteString(pick("", "", "", "  ", "\t"))
			b.WriteString(randomInstruction(r, pick) + "\n")
		}
	}
	b.WriteString(pick("", "", "\n", "# end\n", "RUN a && \\\n  b \\\n", "COPY a b \\\n# open\n"))
	return b.String()
}

func randomInstruction(r *rand.Rand, pick func(...string) string) string {
	if r.IntN(2) == 0 {
		return layouts[r.IntN(len(layouts))](scripts[r.IntN(len(scripts))])
	}
	return pick(
		"COPY a b", "COPY --chown=1:1 a \\\n  # two\n  b /c/", "COPY [\"a b\", \"c\"]", "COPY <<X /x\n# data\nX", "ADD --chmod=644 x /y",
		"ENV A=1", "ENV A=1 B=\"2 3\" \\\n  # third\n  C=4", "ENV A old form", "LABEL a=b c='d e'", "ARG X=1", "WORKDIR /x", "USER a:b",
		"EXPOSE 80 81", "VOLUME /a /b", "STOPSIGNAL TERM", "CMD [\"a\", \\\n  \"b\"]", "CMD a && b", "ENTRYPOINT [\"a\"]",
		"SHELL [\"/bin/bash\", \"-eo\", \"pipefail\", \"-c\"]", "SHELL [\"/bin/sh\", \"-c\"]", "SHELL [\"powershell\"]",
		"ONBUILD COPY a b", "HEALTHCHECK NONE", "RUN [\"a\", \"b c\"]", "RUN echo \"open", "MAINTAINER x y")
}

// TestMergeMany merges what many operations would change of one file.
func TestMergeMany(t *testing.T) {
	if testing.Short() {
		t.Skip("minutes with the race detector, and nothing in it is concurrent")
	}
	merged, conflicted := 0, 0
	for name, src := range handMade(t) {
		s, err := newSubject([]byte(src))
		if err != nil {
			t.Fatal(err)
		}
		f := s.f
		var sets [][]whittle.Edit
		for i, tr := range trials(f) {
			if tr.drops || i%3 > 0 {
				continue
			}
			if got, edits, err := s.try(tr); err == nil && got == edited {
				sets = append(sets, edits)
			}
		}
		out, conflicts, err := merge(f.Source, sets...)
		if err != nil || !slices.IsSorted(conflicts) || len(conflicts) >= max(len(sets), 1) {
			t.Errorf("%s: %v, %d conflicts of %d sets", name, err, len(conflicts), len(sets))
			continue
		}
		after, err := Parse("Dockerfile", out)
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
			continue
		}
		checkFile(t, after)
		if a, b := s.comments, commentsOf(after); !slices.Equal(a, b) {
			t.Errorf("%s: comments %q became %q in\n%s", name, a, b, out)
		}
		merged += len(sets) - len(conflicts)
		conflicted += len(conflicts)
	}
	t.Logf("%d sets merged, %d left out", merged, conflicted)
}
