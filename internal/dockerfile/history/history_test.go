package history

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/imagetest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write the golden files")

const sample = `FROM python:3.13-slim AS build
FROM python:3.13-slim
ENV A=1 B="two words"
COPY --from=build --chown=1:1 /usr/local /usr/local
COPY . .
RUN <<EOF
set -e
echo hi
EOF
CMD ["python", "-m", "app"]
`

func mustParse(t testing.TB, src string) *dockerfile.File {
	t.Helper()
	f, err := dockerfile.Parse("Dockerfile", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// all lists every instruction in the order of the file.
func all(f *dockerfile.File) (out []dockerfile.Instruction) {
	out = append(out, f.Meta...)
	for i := range f.Stages {
		out = append(append(out, f.Stages[i].Head), f.Stages[i].Instructions...)
	}
	return out
}

func TestJoin(t *testing.T) {
	f := mustParse(t, sample)
	steps := []whittle.Step{
		{CreatedBy: "# debian.sh --arch 'amd64' out/ 'trixie'", Layer: 0},
		{CreatedBy: "ENV PATH=/usr/local/bin", Layer: -1},
		{CreatedBy: "ENV A=1 B=two words", Layer: -1},
		{CreatedBy: "COPY --chown=1:1 /usr/local /usr/local # buildkit", Layer: 1},
		{CreatedBy: "COPY . . # buildkit", Layer: 2},
		{CreatedBy: "RUN /bin/sh -c set -e\necho hi\n # buildkit", Layer: 3},
		{CreatedBy: `CMD ["python" "-m" "app"]`, Layer: -1},
	}
	var got []int
	for _, s := range Join(f, steps, "") {
		line := 0
		if s.Origin != nil {
			line = s.Origin.Line
		}
		got = append(got, line)
	}
	if want := []int{0, 0, 3, 4, 5, 6, 10}; !cmp.Equal(got, want) {
		t.Errorf("joined to lines %v, want %v", got, want)
	}
}

// TestJoinHistories joins histories that real builders wrote, one golden line
// for each step.
func TestJoinHistories(t *testing.T) {
	files, err := filepath.Glob("testdata/history/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no histories: %v", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			parts := map[string]*txtar.File{}
			for i := range ar.Files {
				parts[ar.Files[i].Name] = &ar.Files[i]
			}
			f, err := dockerfile.Parse("Dockerfile", parts["Dockerfile"].Data)
			if err != nil {
				t.Fatal(err)
			}
			_, target, _ := strings.Cut(string(ar.Comment), "target: ")
			got := show(Join(f, readSteps(t, parts["history.json"].Data), strings.TrimSpace(target)))
			if *update {
				parts["want"].Data = []byte(got)
				if err := os.WriteFile(name, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(parts["want"].Data), got); diff != "" {
				t.Errorf("joined steps (-want +got):\n%s", diff)
			}
		})
	}
}

// readSteps reads a history as an image configuration has it.
func readSteps(t *testing.T, history []byte) []whittle.Step {
	t.Helper()
	var c whittle.Config
	dec := json.NewDecoder(bytes.NewReader(history))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c.History); err != nil {
		t.Fatal(err)
	}
	for _, h := range c.History {
		if !h.EmptyLayer {
			c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, "sha256:")
		}
	}
	return c.Steps()
}

// show prints each step with its origin.
func show(steps []whittle.Step) string {
	var b strings.Builder
	for _, s := range steps {
		text, rest, _ := strings.Cut(s.CreatedBy, "\n")
		if rest != "" {
			text += "…"
		}
		where := "-"
		if o := s.Origin; o != nil {
			where = fmt.Sprintf("%d-%d %s %s", o.Line, o.EndLine, o.Stage, o.Instruction)
		}
		fmt.Fprintf(&b, "%-22s %s\n", where, text)
	}
	return b.String()
}

// recorded is a random Dockerfile and what BuildKit v0.34.2 wrote for it, on
// scratch or on a base image with baseSteps history lines.
type recorded struct {
	Dockerfile string            `json:"dockerfile"`
	BuildArgs  []string          `json:"build_args"`
	History    []json.RawMessage `json:"history"`
}

const baseSteps = 6

func readRandom(t *testing.T) []recorded {
	t.Helper()
	data, err := os.ReadFile("testdata/history/random.json")
	if err != nil {
		t.Fatal(err)
	}
	var out []recorded
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func (r recorded) steps(t *testing.T) []whittle.Step {
	t.Helper()
	history, err := json.Marshal(r.History)
	if err != nil {
		t.Fatal(err)
	}
	return readSteps(t, history)
}

// TestJoinRandom joins every step above the base image, and none of it.
func TestJoinRandom(t *testing.T) {
	for i, r := range readRandom(t) {
		f := mustParse(t, r.Dockerfile)
		st, err := f.Target("")
		if err != nil {
			t.Fatal(err)
		}
		base := baseSteps
		if f.Stages[f.Ancestry(st)[0]].Base == dockerfile.Scratch {
			base = 0
		}
		steps := Join(f, r.steps(t), "")
		for j, s := range steps {
			keyword, _, _ := strings.Cut(s.CreatedBy, " ")
			if (s.Origin != nil) != (j >= base) || s.Origin != nil && s.Origin.Instruction != keyword && s.Origin.Instruction != "ONBUILD" {
				t.Errorf("case %d, build arguments %q, step %d:\n%s\n%s", i, r.BuildArgs, j, r.Dockerfile, show(steps))
				break
			}
		}
	}
}

// TestJoinNeverGuesses takes an instruction out of each Dockerfile, or puts
// one twice, and joins the old history: a step may stay alone, but where it is
// joined it is to the instruction that made it, or one that writes the same.
func TestJoinNeverGuesses(t *testing.T) {
	joined, alone := 0, 0
	for i, r := range readRandom(t) {
		if i%3 != 0 {
			continue // for time
		}
		f := mustParse(t, r.Dockerfile)
		truth := Join(f, r.steps(t), "")
		text := func(src []byte, o *whittle.Origin) string { return string(src[o.Span.Start:o.Span.End]) }
		writes := map[[2]string]bool{}
		for _, s := range truth {
			if s.Origin != nil {
				writes[[2]string{s.CreatedBy, text(f.Source, s.Origin)}] = true
			}
		}
		for _, in := range all(f) {
			if in.Keyword == "FROM" {
				continue
			}
			for _, n := range []string{"", in.Text() + "\n" + in.Text()} {
				src := string(f.Source[:in.Span.Start]) + n + string(f.Source[in.Span.End:])
				g, err := dockerfile.Parse("Dockerfile", []byte(src))
				if err != nil {
					t.Fatal(err)
				}
				for j, s := range Join(g, r.steps(t), "") {
					switch {
					case s.Origin == nil:
						alone++
					case truth[j].Origin == nil:
						t.Errorf("case %d without line %d: step %d of the base image is joined to %s", i, in.Line, j, s.Origin)
					case !writes[[2]string{s.CreatedBy, text(g.Source, s.Origin)}]:
						t.Errorf("case %d without line %d: %q is joined to %q", i, in.Line, s.CreatedBy, text(g.Source, s.Origin))
					default:
						joined++
					}
				}
			}
		}
	}
	if joined == 0 || alone == 0 {
		t.Errorf("%d steps joined, %d alone", joined, alone)
	}
}

// FuzzJoin joins a history of one Dockerfile's to any other: each step is there
// as it was, and one that was joined is in the chain.
func FuzzJoin(f *testing.F) {
	for _, pattern := range []string{"testdata/history/*.txtar", "../testdata/corpus/*.txtar"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			f.Fatalf("no files in %s: %v", pattern, err)
		}
		for _, name := range names {
			ar, err := txtar.ParseFile(name)
			if err != nil {
				f.Fatal(err)
			}
			for _, file := range ar.Files {
				f.Add(file.Data, "RUN /bin/sh -c x # buildkit", "CMD [\"x\"]")
			}
		}
	}
	f.Add([]byte(sample), "COPY . . # buildkit", `CMD ["python" "-m" "app"]`)
	f.Add([]byte("FROM a\nARG A\nRUN x\n"), "|1 A=b /bin/sh -c x", "/bin/sh -c #(nop)  CMD [\"x\"]")
	f.Fuzz(func(t *testing.T, src []byte, made, set string) {
		file, err := dockerfile.Parse("Dockerfile", src)
		if err != nil {
			return
		}
		steps := []whittle.Step{{CreatedBy: "# base"}, {CreatedBy: made, Layer: 1}, {CreatedBy: set, Layer: -1}}
		for i := range file.Stages {
			got := Join(file, steps, file.Stages[i].Label())
			for j, s := range got {
				if o := s.Origin; o != nil && (o.Line < 1 || o.EndLine < o.Line || o.Span.End > len(src)) {
					t.Fatalf("step %d is joined to %+v", j, o)
				}
				if s.Origin = nil; s != steps[j] {
					t.Fatalf("step %d became %+v", j, s)
				}
			}
		}
	})
}

// TestLinear: joining takes time that grows with the file.
func TestLinear(t *testing.T) {
	lines := func(format string) func(n int) string {
		return func(n int) string { return imagetest.Lines(n, format) }
	}
	for _, c := range []struct {
		name string
		most int
		text func(n int) string
	}{
		{"ARGs", 60_000, lines("ARG A%d=1\n")},
		{"ENVs", 60_000, lines("ENV A%d=1\n")},
		{"stages", 20_000, lines("FROM scratch AS s%d\n")},
		{"triggers", 60_000, func(n int) string { return strings.Repeat("ONBUILD RUN a\n", n) }},
		{"ports", 8_000, func(n int) string { return "EXPOSE " + strings.Repeat("0-65535 ", n) + "\n" }},
	} {
		imagetest.Linear(t, imagetest.Growth{Name: c.name, Most: c.most, Make: func(n int) func() {
			f := mustParse(t, "FROM scratch\n"+c.text(n))
			steps := []whittle.Step{{CreatedBy: "RUN x"}, {CreatedBy: "CMD [\"x\"]", Layer: -1}}
			return func() { Join(f, steps, "") }
		}})
	}
}
