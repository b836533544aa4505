package dockerfile

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"whittle.dev/whittle"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const editable = `# syntax=docker/dockerfile:1
# why this base
FROM debian AS build
RUN apt-get update && \
    # compilers
    apt-get install -y gcc \
    && make
# between
COPY a b
RUN <<EOF
pip install x
EOF

FROM scratch
COPY --from=build /a /a
CMD ["a"]
`

// at is the span of the first occurrence of a text.
func at(t *testing.T, src, text string) whittle.Span {
	t.Helper()
	i := strings.Index(src, text)
	if i < 0 {
		t.Fatalf("no %q", text)
	}
	return whittle.Span{Start: i, End: i + len(text)}
}

func TestApply(t *testing.T) {
	type change struct{ old, new string }
	for _, tt := range []struct {
		name    string
		changes []change
		refused string
	}{
		{"a word in a command", []change{{"-y gcc", "-y --no-install-recommends gcc"}}, ""},
		{"two commands", []change{{"apt-get update", "apt-get -q update"}, {"&& make", "&& make && rm -rf /x"}}, ""},
		{"in a heredoc", []change{{"pip install x", "pip install --no-cache-dir x"}}, ""},
		{"another instruction after one", []change{{"COPY a b", "COPY a b\nRUN true"}}, ""},
		{"an instruction goes", []change{{"COPY a b\n", ""}}, ""},
		{"a stage goes", []change{{"FROM scratch\nCOPY --from=build /a /a\nCMD [\"a\"]\n", ""}}, ""},
		{"a new stage at the end", []change{{"CMD [\"a\"]\n", "CMD [\"a\"]\nFROM x\nRUN y\n"}}, ""},
		{"a comment", []change{{"# between", "# in between"}}, ""},
		{"an instruction instead of a comment", []change{{"# between", "ENV A=1"}}, ""},
		{"nothing", nil, ""},

		{"the file breaks", []change{{"FROM scratch", "FROM"}}, "does not parse"},
		{"the shell breaks", []change{{"&& make", "&& make &&"}}, "the shell of RUN in line 4 cannot be read"},
		{"the heredoc's shell breaks", []change{{"pip install x", "pip 'install x"}}, "the shell of RUN in line 10"},
		{"a continuation takes a comment in", []change{{"&& make", "&& make \\"}}, "COPY in line 9 is not the same"},
		{"a continuation at a line end", []change{{"COPY a b\n", "COPY a b \\\n"}}, "does not parse"},
		{"the heredoc does not end", []change{{"\nEOF\n", "\nEO\n"}}, "does not parse"},
		{"the syntax line", []change{{"dockerfile:1", "dockerfile:2"}}, "directive"},
		{"an escape line", []change{{"# why this base", "# escape=`"}}, "does not parse"},
		{"a stage between", []change{{"# between", "FROM other"}}, "COPY in line 9 comes into another stage"},
		{"a comment cut open", []change{{"# be", "# \n"}}, "does not parse"},
		{"an instruction out of a comment", []change{{"# why this base", "ARG A\n# why this base"}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var edits []Edit
			want := editable
			for _, c := range tt.changes {
				edits = append(edits, Edit{Span: at(t, editable, c.old), New: c.new})
				want = strings.Replace(want, c.old, c.new, 1)
			}
			got, err := Apply([]byte(editable), edits)
			if tt.refused != "" {
				if err == nil || !strings.Contains(err.Error(), tt.refused) {
					t.Fatalf("error %v, want %q in it", err, tt.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, string(got)); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}

func TestApplyOrder(t *testing.T) {
	src := []byte("FROM a\nRUN b\n")
	span := func(a, b int) whittle.Span { return whittle.Span{Start: a, End: b} }
	for name, edits := range map[string][]Edit{
		"overlap":      {{Span: span(11, 12), New: "x"}, {Span: span(11, 12), New: "y"}},
		"out of order": {{Span: span(11, 12), New: "x"}, {Span: span(5, 6), New: "y"}},
		"beyond":       {{Span: span(13, 14), New: "x"}},
		"negative":     {{Span: span(-1, 0), New: "x"}},
		"backwards":    {{Span: span(12, 11), New: "x"}},
	} {
		if _, err := Apply(src, edits); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	got, err := Apply(src, []Edit{{Span: span(12, 12), New: " c"}, {Span: span(12, 12), New: " d"}})
	if err != nil || string(got) != "FROM a\nRUN b c d\n" {
		t.Errorf("two insertions: %q, %v", got, err)
	}
}

// TestEditEveryCommand adds a word to every command that a shell runs, in
// every Dockerfile of the corpus, and takes every instruction away.
func TestEditEveryCommand(t *testing.T) {
	edited := 0
	for group, files := range corpus(t) {
		for _, file := range files {
			f, err := Parse("Dockerfile", file.Data)
			if err != nil {
				continue
			}
			for _, in := range f.all() {
				s, err := in.Shell()
				if err != nil || s.Exec {
					continue
				}
				for i, c := range s.Commands() {
					if len(c.Words) == 0 {
						continue
					}
					end := c.Words[len(c.Words)-1].Span.End
					out, err := Apply(file.Data, []Edit{{Span: whittle.Span{Start: end, End: end}, New: " --added"}})
					if err != nil {
						t.Errorf("%s/%s: %s: %v", group, file.Name, c.Words[0].Text, err)
						continue
					}
					edited++
					checkAdded(t, fmt.Sprintf("%s/%s", group, file.Name), out, in, i)
				}
			}
			removeEach(t, group+"/"+file.Name, f)
		}
	}
	if edited < 150 {
		t.Errorf("only %d commands were edited", edited)
	}
}

// checkAdded sees that command i of the instruction has one word more.
func checkAdded(t *testing.T, name string, src []byte, old *Instruction, i int) {
	t.Helper()
	f, err := Parse("Dockerfile", src)
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range f.all() {
		if in.Span.Start != old.Span.Start {
			continue
		}
		s, err := in.Shell()
		if err != nil {
			t.Fatal(err)
		}
		words := s.Commands()[i].Words
		if last := words[len(words)-1]; last.Value != "--added" {
			t.Errorf("%s: the last word of command %d is %q", name, i, last.Text)
		}
	}
}

// removeEach cuts each instruction out that is not a FROM.
func removeEach(t *testing.T, name string, f *File) {
	t.Helper()
	for _, in := range f.all() {
		// Others depend on SHELL, and a lone escape character before an
		// instruction would take the next one.
		if in.Keyword == "FROM" || in.Keyword == "SHELL" || strings.HasSuffix(name, "lone-escape-first") {
			continue
		}
		out, err := Apply(f.Source, []Edit{{Span: in.Span}})
		if err != nil {
			t.Errorf("%s: without %s in line %d: %v", name, in.Keyword, in.Line, err)
			continue
		}
		checkEdited(t, f.Source, out, []Edit{{Span: in.Span}})
	}
}

// TestApplyAnything makes edits at random places of the corpus: whatever is
// accepted keeps the law.
func TestApplyAnything(t *testing.T) {
	var sources [][]byte
	for _, files := range corpus(t) {
		for _, file := range files {
			if _, err := Parse("Dockerfile", file.Data); err == nil {
				sources = append(sources, file.Data)
			}
		}
	}
	news := []string{"", " ", "\n", "\\\n", " \\", "#", "\n# c\n", "RUN x\n", "\nRUN x", " && true", "'", "<<EOF", "FROM x\n", "`", "\r\n", "EOF\n"}
	rapid.Check(t, func(t *rapid.T) {
		src := rapid.SampledFrom(sources).Draw(t, "source")
		var edits []Edit
		for at := 0; at < len(src) && len(edits) < 4; {
			start := rapid.IntRange(at, len(src)).Draw(t, "start")
			end := min(len(src), start+rapid.IntRange(0, 12).Draw(t, "length"))
			edits = append(edits, Edit{Span: whittle.Span{Start: start, End: end}, New: rapid.SampledFrom(news).Draw(t, "new")})
			at = end + 1
		}
		if len(edits) == 0 {
			return
		}
		kept := bytes.Clone(src)
		out, err := Apply(src, edits)
		if !bytes.Equal(src, kept) {
			t.Fatal("the source was changed")
		}
		if err == nil {
			checkEdited(t, src, out, edits)
		}
	})
}

// failer is what the checks need of a test; rapid's has it too.
type failer interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}
