package dockerfile

import (
	"errors"
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

// corpus reads the hand-made Dockerfiles, which are also the fuzzers' seeds.
func corpus(t testing.TB) map[string][]txtar.File {
	t.Helper()
	names, err := filepath.Glob("testdata/corpus/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	out := map[string][]txtar.File{}
	for _, name := range names {
		ar, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(filepath.Base(name), ".txtar")] = ar.Files
	}
	return out
}

// TestCorpus shows everything that is read of each Dockerfile.
func TestCorpus(t *testing.T) {
	for group, files := range corpus(t) {
		t.Run(group, func(t *testing.T) {
			var got strings.Builder
			for _, file := range files {
				fmt.Fprintf(&got, "== %s\n", file.Name)
				f, err := Parse("Dockerfile", file.Data)
				var bad *ParseError
				switch {
				case err == nil:
					dump(&got, f)
					checkFile(t, f)
				case !errors.As(err, &bad) || !errors.Is(err, whittle.ErrUsage):
					t.Errorf("%s: %v is no parse error of bad input", file.Name, err)
				default:
					fmt.Fprintln(&got, err)
				}
			}
			golden := filepath.Join("testdata", "golden", group+".txt")
			if *update {
				if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("reading (-want +got):\n%s", diff)
			}
		})
	}
}

func dump(b *strings.Builder, f *File) {
	if f.Escape != '\\' || f.Syntax != "" {
		fmt.Fprintf(b, "escape %q, syntax %q\n", f.Escape, f.Syntax)
	}
	for _, w := range f.Warnings {
		fmt.Fprintf(b, "warning in line %d: %s\n", w.Line, w.Text)
	}
	for i := range f.Meta {
		dumpInstruction(b, &f.Meta[i])
	}
	for i := range f.Stages {
		st := &f.Stages[i]
		fmt.Fprintf(b, "stage %s on %q", st.Label(), st.Base)
		if st.BaseResolved != st.Base {
			fmt.Fprintf(b, " = %q", st.BaseResolved)
		}
		if st.From != nil {
			fmt.Fprintf(b, ", stage %d", *st.From)
		}
		if st.Platform != "" {
			fmt.Fprintf(b, ", for %q", st.Platform)
		}
		fmt.Fprintln(b)
		dumpInstruction(b, &st.Head)
		for j := range st.Instructions {
			dumpInstruction(b, &st.Instructions[j])
		}
	}
	fmt.Fprintf(b, "bases %q\n", f.Bases("", nil))
}

func dumpInstruction(b *strings.Builder, in *Instruction) {
	fmt.Fprintf(b, "  %d-%d %s", in.Line, in.EndLine, in.Keyword)
	text := func(s whittle.Span) string { return string(in.file.Source[s.Start:s.End]) }
	for _, f := range in.Flags {
		fmt.Fprintf(b, " --%s=%q", f.Name, f.Value)
	}
	if in.JSON {
		b.WriteString(" JSON")
	}
	for _, a := range in.Args {
		fmt.Fprintf(b, " %q", a.Value)
		if s := text(a.Span); s != a.Value {
			fmt.Fprintf(b, "=%q", s)
		}
	}
	fmt.Fprintln(b)
	for _, c := range in.Comments {
		fmt.Fprintf(b, "      comment %q\n", text(c))
	}
	for _, h := range in.Heredocs {
		fmt.Fprintf(b, "      heredoc %q expand=%v chomp=%v %q %q\n", h.Name, h.Expand, h.Chomp, text(h.Body), text(h.Terminator))
	}
	if in.Trigger != nil {
		b.WriteString("    ")
		dumpInstruction(b, in.Trigger)
		return
	}
	if s, err := in.Shell(); err == nil {
		for i := range s.Commands() {
			dumpCommand(b, &s.Commands()[i], text)
		}
		for _, c := range s.Comments {
			fmt.Fprintf(b, "      # %q\n", text(c))
		}
	} else if in.Keyword == "RUN" || in.Keyword == "CMD" || in.Keyword == "ENTRYPOINT" {
		fmt.Fprintf(b, "      %v\n", err)
	}
}

func dumpCommand(b *strings.Builder, c *Command, text func(whittle.Span) string) {
	fmt.Fprintf(b, "      %s%s", strings.Repeat("> ", c.Depth), c.Name())
	if c.Negated {
		b.WriteString(" !")
	}
	for _, w := range append(append([]Word(nil), c.Assigns...), c.Words...) {
		fmt.Fprintf(b, " %s", w.Text)
		if w.Literal && w.Value != w.Text {
			fmt.Fprintf(b, "=%q", w.Value)
		}
		if s := text(w.Span); s != w.Text {
			fmt.Fprintf(b, "@%q", s)
		}
	}
	for _, r := range c.Redirects {
		fmt.Fprintf(b, " [%s %s %q]", r.Op, r.Target.Text, text(r.Span))
	}
	if c.Before.Text != "" || c.After.Text != "" {
		fmt.Fprintf(b, "   %q %q", c.Before.Text, c.After.Text)
	}
	fmt.Fprintln(b)
}
