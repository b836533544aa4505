package dockerfile

import (
	"errors"
	"strings"
	"testing"

	"whittle.dev/whittle"

	"github.com/google/go-cmp/cmp"
)

func TestRefusals(t *testing.T) {
	trigger := func(f func(in *Instruction) ([]whittle.Edit, error)) op {
		return func(_ *testing.T, file *File) ([]whittle.Edit, error) { return f(nth(file, 1).Trigger) }
	}
	unsupported, usage := whittle.ErrUnsupported, whittle.ErrUsage
	for _, tt := range []struct {
		name, src string
		op        op
		sentinel  error
		text      string
	}{
		{"append to JSON", "FROM a\nRUN [\"b\"]\n", appended(1, "x"), unsupported, "JSON form"},
		{"append behind a semicolon", "FROM a\nRUN b;\n", appended(1, "x"), unsupported, "does not end with"},
		{"append behind ||", "FROM a\nRUN b || true\n", appended(1, "x"), unsupported, "does not end with"},
		{"append behind || &&", "FROM a\nRUN b || c && d\n", appended(1, "x"), unsupported, "does not end with"},
		{"append behind &", "FROM a\nRUN b &\n", appended(1, "x"), unsupported, "does not end with"},
		{"append behind a comment", "FROM a\nRUN b # c\n", appended(1, "x"), unsupported, "comment"},
		{"append behind exec", "FROM a\nRUN b && exec c\n", appended(1, "x"), unsupported, "ends with exec"},
		{"append to what does not parse", "FROM a\nRUN b 'c\n", appended(1, "x"), unsupported, "cannot be read"},
		{"append to nothing", "FROM a\nRUN <<E\nE\n", appended(1, "x"), unsupported, "empty"},
		{"append to Python", "FROM a\nRUN <<E\n#!/usr/bin/python3\nb\nE\n", appended(1, "x"), unsupported, "not a shell"},
		{"append to COPY", "FROM a\nCOPY b c\n", appended(1, "x"), unsupported, "COPY takes no further command"},
		{"append a list", "FROM a\nRUN b\n", appended(1, "x; y"), usage, "more than commands"},
		{"append a comment", "FROM a\nRUN b\n", appended(1, "x # y"), usage, "more than commands"},
		{"append lines", "FROM a\nRUN b\n", appended(1, "x\ny"), usage, "fit on a line"},
		{"append a heredoc", "FROM a\nRUN b\n", appended(1, "x <<E"), usage, "fit on a line"},
		{"append nothing", "FROM a\nRUN b\n", appended(1, ""), usage, "more than commands"},
		{"append half a command", "FROM a\nRUN b\n", appended(1, "x '"), usage, "cannot be read"},
		{"append the heredoc's end", "FROM a\nRUN <<E\nset -e\nb\nE\n", appended(1, "E"), unsupported, "RUN"},
		{"append in PowerShell", "FROM a\nSHELL [\"powershell\"]\nRUN b\n", appended(2, "x"), unsupported, "powershell"},
		{"append with a backtick", "# escape=`\nFROM a\nRUN b\n", appended(1, "x"), unsupported, "escape character"},
		{"append to a trigger", "FROM a\nONBUILD RUN b\n", trigger(func(in *Instruction) ([]whittle.Edit, error) { return one(in.AppendCommand("x")) }), unsupported, "ONBUILD"},

		{"the only command", "FROM a\nRUN b;\n", without(1, 0), unsupported, "only command"},
		{"of a pipeline", "FROM a\nRUN b | c && d\n", without(1, 0), unsupported, "part of a larger"},
		{"before ||", "FROM a\nRUN b && c || d\n", without(1, 1), unsupported, "|| joins"},
		{"in a group", "FROM a\nRUN (b; c) && d\n", without(1, 0), unsupported, "part of a larger"},
		{"with a heredoc", "FROM a\nRUN cat <<E && b\nc\nE\n", without(1, 0), unsupported, "heredoc"},
		{"the last before the data", "FROM a\nRUN cat <<E && \\\n # c\n b\nd\nE\n", without(1, 1), unsupported, "comment"},
		{"of another instruction", "FROM a\nRUN b\nRUN c && d\n", func(t *testing.T, f *File) ([]whittle.Edit, error) {
			return nth(f, 1).RemoveCommand(cmdOf(t, f, 2, 0))
		}, usage, "none of RUN"},

		{"a word too far", "FROM a\nRUN b\n", addWords(1, 0, 1, "x"), usage, "no word 1"},
		{"no word", "FROM a\nRUN b\n", addWords(1, 0, 0, ""), usage, "words"},
		{"a comment for a word", "FROM a\nRUN b\n", addWords(1, 0, 0, "#x"), usage, "words"},
		{"an operator for a word", "FROM a\nRUN b\n", addWords(1, 0, 0, "&&", "x"), usage, "words"},
		{"two words for one", "FROM a\nRUN b\n", addWords(1, 0, 0, "x y"), usage, "words"},
		{"a word for JSON", "FROM a\nRUN [\"b\"]\n", addWords(1, 0, 0, "x"), unsupported, "JSON"},
		{"the program", "FROM a\nRUN b c\n", removeWords(1, 0, 0, 1), usage, "after its name"},
		{"no words", "FROM a\nRUN b c\n", removeWords(1, 0, 1, 1), usage, "after its name"},
		{"a redirection among words", "FROM a\nRUN b c >d e\n", removeWords(1, 0, 1, 3), unsupported, "redirection"},

		{"a flag of ENV", "FROM a\nENV B=1\n", setFlag(1, "chmod", "755"), unsupported, "no flags"},
		{"a flag of another", "FROM a\nRUN b\n", setFlag(1, "chmod", "755"), unsupported, "unknown flag"},
		{"a value with blanks", "FROM a\nCOPY b c\n", setFlag(1, "chown", "a b"), unsupported, "quotes"},
		{"a flag's name", "FROM a\nCOPY b c\n", setFlag(1, "-x", "a"), usage, "name of a flag"},
		{"a second chmod", "FROM a\nCOPY --chmod=644 b c\n", addFlag(1, "chmod", "755"), unsupported, "only once"},
		{"a flag of a trigger", "FROM a\nONBUILD COPY b c\n", trigger(func(in *Instruction) ([]whittle.Edit, error) { return in.SetFlag("chmod", "755") }), unsupported, "ONBUILD"},

		{"FROM moves", "FROM a\nFROM b\nRUN c\n", move(1, 2), unsupported, "FROM is not moved"},
		{"SHELL moves", "FROM a\nSHELL [\"sh\"]\nRUN c\n", move(1, 2), unsupported, "SHELL is not moved"},
		{"under another shell", "FROM a\nRUN c\nSHELL [\"bash\", \"-c\"]\n", move(1, 2), unsupported, "another shell"},
		{"before the first FROM", "ARG A\nFROM a\nRUN b\n", move(2, 0), unsupported, "before the first FROM"},
		{"behind itself", "FROM a\nRUN b\n", move(1, 1), usage, "after itself"},
		{"ONBUILD moves", "FROM a\nONBUILD RUN b\nRUN c\n", move(1, 2), unsupported, "ONBUILD"},
		{"a backtick moves", "# escape=`\nFROM a\nRUN b\nRUN c\n", move(1, 2), unsupported, "escape character"},

		{"no stage", "FROM a\n", setEnv(1, "A", "1"), usage, "no stage 1"},
		{"no variable", "FROM a\n", setEnv(0, "A-B", "1"), usage, "name of a variable"},
		{"lines in a variable", "FROM a\n", setEnv(0, "A", "1\n2"), unsupported, "more than one line"},
		{"a backtick's variable", "# escape=`\nFROM a\n", setEnv(0, "A", "1"), unsupported, "escape character"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := Parse("Dockerfile", []byte(tt.src))
			if err != nil {
				t.Fatal(err)
			}
			edits, err := tt.op(t, f)
			if !errors.Is(err, tt.sentinel) || !strings.Contains(err.Error(), tt.text) || strings.Contains(err.Error(), "\n") {
				t.Errorf("edits %+v, error %v; want %q and that it is %v", edits, err, tt.text, tt.sentinel)
			}
		})
	}
}

func TestMerge(t *testing.T) {
	const src = "FROM a\nRUN b && c\nRUN d"
	ops := map[string]op{
		"flag": setFlag(1, "network", "none"), "mount": addFlag(1, "mount", "type=cache,target=/c"), "append": appended(1, "x"),
		"append last": appended(2, "x"), "after last": after(2, "CMD y"), "again after last": after(2, "CMD z"), "remove": remove(1),
		"remove c": without(1, 1), "words": addWords(1, 0, 0, "-q"), "env": setEnv(0, "A", "1"), "before": before(1, "USER u"),
		"word": replaceWord(1, 0, 0, "bb"), "another word": replaceWord(1, 0, 0, "x"), "last words": addWords(2, 0, 0, "-q"),
	}
	for _, tt := range []struct {
		name      string
		sets      []string
		want      string
		conflicts []int
	}{
		{"nothing", nil, src, nil},
		{"apart", []string{"append last", "flag", "words", "env"}, "FROM a\nENV A=1\nRUN --network=none b -q && c\nRUN d && x", nil},
		{"at one place", []string{"flag", "mount"}, "FROM a\nRUN --network=none --mount=type=cache,target=/c b && c\nRUN d", nil},
		{"at one place, the other way", []string{"mount", "flag"}, "FROM a\nRUN --mount=type=cache,target=/c --network=none b && c\nRUN d", nil},
		{"a line behind what goes on", []string{"after last", "append last", "again after last"}, "FROM a\nRUN b && c\nRUN d && x\nCMD y\nCMD z", nil},
		{"words of the last command", []string{"append last", "after last", "last words"}, "FROM a\nRUN b && c\nRUN d -q && x\nCMD y", nil},
		{"words of the last command first", []string{"last words", "append last"}, "FROM a\nRUN b && c\nRUN d -q && x", nil},
		{"two lines at one place", []string{"env", "before"}, "FROM a\nENV A=1\nUSER u\nRUN b && c\nRUN d", nil},
		{"within what goes", []string{"remove", "words", "env"}, "FROM a\nENV A=1\nRUN d", []int{1}},
		{"the other way", []string{"words", "remove", "env"}, "FROM a\nENV A=1\nRUN b -q && c\nRUN d", []int{1}},
		{"beside what goes", []string{"remove c", "append"}, "FROM a\nRUN b && x\nRUN d", nil},
		{"one edit twice", []string{"word", "word"}, "FROM a\nRUN bb && c\nRUN d", nil},
		{"one word in two ways", []string{"word", "another word"}, "FROM a\nRUN bb && c\nRUN d", []int{1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := Parse("Dockerfile", []byte(src))
			if err != nil {
				t.Fatal(err)
			}
			var sets [][]whittle.Edit
			for _, name := range tt.sets {
				edits, err := ops[name](t, f)
				if err != nil {
					t.Fatal(err)
				}
				sets = append(sets, edits)
			}
			out, conflicts, err := merge([]byte(src), sets...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(out)); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.conflicts, conflicts); diff != "" {
				t.Errorf("conflicts (-want +got):\n%s", diff)
			}
		})
	}
	if _, _, err := merge([]byte("RUN x")); !errors.Is(err, whittle.ErrUsage) {
		t.Errorf("what does not parse: %v", err)
	}
	breaks := []whittle.Edit{{Span: whittle.Span{Start: 0, End: 4}, New: "FORM"}}
	beyond := []whittle.Edit{{Span: whittle.Span{Start: 90, End: 99}}}
	out, conflicts, err := merge([]byte(src), breaks, beyond)
	if err != nil || string(out) != src || !cmp.Equal(conflicts, []int{0, 1}) {
		t.Errorf("sets that break the file: %q, %v, %v", out, conflicts, err)
	}
}

// TestMergeAtTheEnd: whatever is put at the end of a RUN at once, words stay
// with their command and what is appended follows.
func TestMergeAtTheEnd(t *testing.T) {
	for _, src := range []string{
		"FROM a\nRUN b c\n", "FROM a\nRUN b c", "FROM a\r\nRUN b \\\r\n  c\r\n", "FROM a\nRUN b \\\n  a \\\n  c\nCMD x\n", "FROM a\nRUN a \\\n && b c\n",
		"FROM a\nRUN set -e; a; b c\n", "FROM a\nRUN <<E\nb c\nE\n", "FROM a\nRUN <<E\nset -e\nb c\nE\n", "FROM a\nRUN <<E\na && \\\n  b \\\n  c\nE",
	} {
		f, err := Parse("Dockerfile", []byte(src))
		if err != nil {
			t.Fatal(err)
		}
		in := &f.Stages[0].Instructions[0]
		s, err := in.Shell()
		if err != nil {
			t.Fatal(err)
		}
		last := s.Commands()[len(s.Commands())-1]
		first, err := in.AppendCommand("rm -rf /x")
		if err != nil {
			t.Fatal(err)
		}
		second, err := in.AddToList(last, 1, "d")
		if err != nil {
			t.Fatal(err)
		}
		for _, sets := range [][][]whittle.Edit{{{first}, {second}}, {{second}, {first}}} {
			out, conflicts, err := merge(f.Source, sets...)
			if err != nil || len(conflicts) > 0 {
				t.Fatal(conflicts, err)
			}
			now, err := Parse("Dockerfile", out)
			if err != nil {
				t.Fatal(err)
			}
			s, err := now.Stages[0].Instructions[0].Shell()
			if err != nil {
				t.Fatal(err)
			}
			all := s.Commands()
			had, _ := all[len(all)-2].Literals()
			end, _ := all[len(all)-1].Literals()
			if diff := cmp.Diff([]string{"c d", "rm -rf /x"}, []string{strings.Join(had[len(had)-2:], " "), strings.Join(end, " ")}); diff != "" {
				t.Errorf("%q became %q (-want +got):\n%s", src, out, diff)
			}
		}
	}
}

// TestMergeContinues: words for the last command are not taken where another
// fix deletes that command; they would become words of the one before.
func TestMergeContinues(t *testing.T) {
	src := []byte("FROM a\nRUN pip install /w/x.whl && rm -rf /w\n")
	f, err := Parse("Dockerfile", src)
	if err != nil {
		t.Fatal(err)
	}
	in := &f.Stages[0].Instructions[0]
	more, err := in.AppendCommand("rm -rf /tests")
	if err != nil {
		t.Fatal(err)
	}
	s, err := in.Shell()
	if err != nil {
		t.Fatal(err)
	}
	less, err := in.RemoveCommand(s.Commands()[1])
	if err != nil {
		t.Fatal(err)
	}
	out, conflicts, err := merge(src, less, []whittle.Edit{more})
	if want := "FROM a\nRUN pip install /w/x.whl\n"; err != nil || len(conflicts) != 1 || string(out) != want {
		t.Errorf("%q, conflicts %v, error %v", out, conflicts, err)
	}
}
