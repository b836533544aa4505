package dockerfile

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

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write the golden files")

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
			f, err := Parse("Dockerfile", parts["Dockerfile"].Data)
			if err != nil {
				t.Fatal(err)
			}
			_, target, _ := strings.Cut(string(ar.Comment), "target: ")
			got := show(f.Join(readSteps(t, parts["history.json"].Data), strings.TrimSpace(target)))
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
		if f.Stages[f.chain(st)[0]].Base == scratch {
			base = 0
		}
		steps := f.Join(r.steps(t), "")
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
		truth := f.Join(r.steps(t), "")
		text := func(src []byte, o *whittle.Origin) string { return string(src[o.Span.Start:o.Span.End]) }
		writes := map[[2]string]bool{}
		for _, s := range truth {
			if s.Origin != nil {
				writes[[2]string{s.CreatedBy, text(f.Source, s.Origin)}] = true
			}
		}
		for _, in := range f.all() {
			if in.Keyword == "FROM" {
				continue
			}
			for _, n := range []string{"", in.Text() + "\n" + in.Text()} {
				src := string(f.Source[:in.Span.Start]) + n + string(f.Source[in.Span.End:])
				g, err := Parse("Dockerfile", []byte(src))
				if err != nil {
					t.Fatal(err)
				}
				for j, s := range g.Join(r.steps(t), "") {
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
