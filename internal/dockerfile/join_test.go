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

	"whittle"

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
