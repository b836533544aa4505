package dockerfile

import (
	"strings"
	"testing"

	"whittle.dev/whittle"

	"github.com/google/go-cmp/cmp"
)

// op makes edits of a parsed file.
type op func(t *testing.T, f *File) ([]whittle.Edit, error)

// nth is instruction i of the file, the FROM lines and ARGs included.
func nth(f *File, i int) *Instruction { return f.all()[i] }

func one(e whittle.Edit, err error) ([]whittle.Edit, error) { return []whittle.Edit{e}, err }

// cmdOf is command j of instruction i.
func cmdOf(t *testing.T, f *File, i, j int) Command {
	t.Helper()
	s, err := nth(f, i).Shell()
	if err != nil {
		t.Fatal(err)
	}
	return s.Commands()[j]
}

func before(i int, text string) op {
	return func(t *testing.T, f *File) ([]whittle.Edit, error) { return one(f.InsertBefore(nth(f, i), text), nil) }
}

func after(i int, text string) op {
	return func(t *testing.T, f *File) ([]whittle.Edit, error) { return one(f.InsertAfter(nth(f, i), text), nil) }
}

func remove(i int) op {
	return func(t *testing.T, f *File) ([]whittle.Edit, error) { return f.Remove(nth(f, i)), nil }
}

func move(i, j int) op {
	return func(t *testing.T, f *File) ([]whittle.Edit, error) { return f.Move(nth(f, i), nth(f, j)) }
}

func setFlag(i int, name, value string) op {
	return func(t *testing.T, f *File) ([]whittle.Edit, error) { return nth(f, i).SetFlag(name, value) }
}

func addFlag(i int, name, value string) op {
	return func(t *testing.T, f *File) ([]whittle.Edit, error) { return nth(f, i).AddFlag(name, value) }
}

func appended(i int, text string) op {
	return func(t *testing.T, f *File) ([]whittle.Edit, error) { return one(nth(f, i).AppendCommand(text)) }
}

func without(i, j int) op {
	return func(t *testing.T, f *File) ([]whittle.Edit, error) {
		return nth(f, i).RemoveCommand(cmdOf(t, f, i, j))
	}
}

func listed(i, j, first int, word string) op {
	return func(t *testing.T, f *File) ([]whittle.Edit, error) {
		return one(nth(f, i).AddToList(cmdOf(t, f, i, j), first, word))
	}
}

func addWords(i, j, after int, words ...string) op {
	return func(t *testing.T, f *File) ([]whittle.Edit, error) {
		return one(nth(f, i).AddWords(cmdOf(t, f, i, j), after, words...))
	}
}

func removeWords(i, j, from, to int) op {
	return func(t *testing.T, f *File) ([]whittle.Edit, error) {
		return nth(f, i).RemoveWords(cmdOf(t, f, i, j), from, to)
	}
}

func replaceWord(i, j, k int, text string) op {
	return func(t *testing.T, f *File) ([]whittle.Edit, error) {
		return one(nth(f, i).ReplaceWord(cmdOf(t, f, i, j).Words[k], text), nil)
	}
}

func replaceArg(i, k int, text string) op {
	return func(t *testing.T, f *File) ([]whittle.Edit, error) {
		return one(nth(f, i).ReplaceArg(k, text), nil)
	}
}

func setEnv(stage int, name, value string) op {
	return func(t *testing.T, f *File) ([]whittle.Edit, error) { return f.SetEnv(stage, name, value) }
}

// opCase is one operation and what it makes of a file.
type opCase struct {
	name, src string
	op        op
	want      string
}

func runOps(t *testing.T, cases []opCase) {
	t.Helper()
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			f, err := Parse("Dockerfile", []byte(tt.src))
			if err != nil {
				t.Fatal(err)
			}
			edits, err := tt.op(t, f)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Apply(f.Source, edits)
			if err != nil {
				t.Fatalf("%v: %+v", err, edits)
			}
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLines(t *testing.T) {
	runOps(t, []opCase{
		{"before", "FROM a\nRUN b\n", before(1, "ENV A=1"), "FROM a\nENV A=1\nRUN b\n"},
		{"before the comments", "FROM a\n\n# one\n  # two\nRUN b\n", before(1, "ENV A=1\nENV B=2"), "FROM a\n\nENV A=1\nENV B=2\n# one\n  # two\nRUN b\n"},
		{"not before other comments", "FROM a\n# one\n\n# two\nRUN b\n", before(1, "ENV A=1"), "FROM a\n# one\n\nENV A=1\n# two\nRUN b\n"},
		{"before indented", "FROM a\n  RUN b\n", before(1, "ENV A=1"), "FROM a\nENV A=1\n  RUN b\n"},
		{"behind directives", "# syntax=x\n# check=skip=all\n# c\nFROM a\n", before(0, "ARG A"), "# syntax=x\n# check=skip=all\nARG A\n# c\nFROM a\n"},
		{"behind the BOM", "\ufeffFROM a\n", before(0, "ARG A"), "\ufeffARG A\nFROM a\n"},
		{"behind the BOM and a comment", "\ufeff# c\nFROM a\n", before(0, "ARG A"), "\ufeffARG A\n# c\nFROM a\n"},
		{"before CRLF", "FROM a\r\n# c\r\nRUN b\r\n", before(1, "ENV A=1\nENV B=2"), "FROM a\r\nENV A=1\r\nENV B=2\r\n# c\r\nRUN b\r\n"},
		{"before a lone escape", "FROM a\n# c\n\\\n# d\nRUN b\n", before(1, "ENV A=1"), "FROM a\nENV A=1\n# c\n\\\n# d\nRUN b\n"},
		{"a terminator is no comment", "FROM a\nRUN <<#E\nb\n#E\nRUN c\n", before(2, "ENV A=1"), "FROM a\nRUN <<#E\nb\n#E\nENV A=1\nRUN c\n"},
		{"after", "FROM a\nRUN b \\\n  c\n# d\nRUN e\n", after(1, "ENV A=1"), "FROM a\nRUN b \\\n  c\nENV A=1\n# d\nRUN e\n"},
		{"after a heredoc", "FROM a\nRUN <<E\nb\nE\nRUN c\n", after(1, "ENV A=1"), "FROM a\nRUN <<E\nb\nE\nENV A=1\nRUN c\n"},
		{"after the last line", "FROM a\nRUN b", after(1, "ENV A=1"), "FROM a\nRUN b\nENV A=1"},
		{"after the last line, CRLF", "FROM a\r\nRUN b", after(1, "ENV A=1"), "FROM a\r\nRUN b\r\nENV A=1"},
		{"after an open line", "FROM a\nRUN b \\\n", after(1, "ENV A=1"), "FROM a\nRUN b\nENV A=1\n"},
		{"after an open line with comments", "FROM a\nRUN b \\\n  # c\n  \\\n\n # d", after(1, "ENV A=1"), "FROM a\nRUN b\nENV A=1\n  # c\n\n # d"},
	})
}

func TestRemove(t *testing.T) {
	runOps(t, []opCase{
		{"a line", "FROM a\nRUN b\nRUN c\n", remove(1), "FROM a\nRUN c\n"},
		{"the last", "FROM a\nRUN b\n", remove(1), "FROM a\n"},
		{"the last, without a line end", "FROM a\nRUN b", remove(1), "FROM a\n"},
		{"one of two blank lines", "FROM a\n\nRUN b\n\nRUN c\n", remove(1), "FROM a\n\nRUN c\n"},
		{"one blank line", "FROM a\n\nRUN b\nRUN c\n", remove(1), "FROM a\n\nRUN c\n"},
		{"the last behind a blank line", "FROM a\n\nRUN b\n", remove(1), "FROM a\n"},
		{"comments stay", "FROM a\n# one\nRUN b && \\\n    # two\n    c # three\nRUN d\n", remove(1), "FROM a\n# one\n# two\n# three\nRUN d\n"},
		{"a shell comment over two lines", "FROM a\nRUN b # one \\\n  two\n", remove(1), "FROM a\n# one   two\n"},
		{"a heredoc", "FROM a\nRUN <<E\nb # one\n# two\nE\nRUN c\n", remove(1), "FROM a\n# one\n# two\nRUN c\n"},
		{"with a lone escape", "FROM a\n\\\n# c\nRUN b\nRUN d\n", remove(1), "FROM a\n# c\nRUN d\n"},
		{"a comment becomes no directive", "ARG A\n# syntax=x\nFROM a\n", remove(0), "\n# syntax=x\nFROM a\n"},
		{"an inner comment becomes no directive", "ARG A=1 \\\n# syntax=x\n B=2\nFROM a\n", remove(0), "\n# syntax=x\nFROM a\n"},
		{"CRLF", "FROM a\r\n\r\nRUN b \\\r\n # c\r\n d\r\n\r\nRUN e\r\n", remove(1), "FROM a\r\n\r\n# c\r\n\r\nRUN e\r\n"},
		{"a trigger", "FROM a\nONBUILD RUN b # c\nRUN d\n", func(_ *testing.T, f *File) ([]whittle.Edit, error) { return f.Remove(nth(f, 1).Trigger), nil }, "FROM a\n# c\nRUN d\n"},
		{"an open line", "FROM a\nRUN b \\\n # c\n", remove(1), "FROM a\n# c\n"},
		{"what accepts findings goes along", "FROM a\n\n# whittle: ignore=x reason=\"y\"\nRUN b \\\n # whittle: ignore=z reason=\"y\"\n c\n\nRUN d\n", remove(1), "FROM a\n\nRUN d\n"},
		{"the rest of its comments stays", "FROM a\n# whittle: ignore=x reason=\"y\"\n# one\n\nRUN b\nRUN d\n", remove(1), "FROM a\n# one\n\nRUN d\n"},
		{"what others accept stays", "FROM a\n# whittle: ignore=x reason=\"y\"\nRUN b\nRUN d\n", remove(2), "FROM a\n# whittle: ignore=x reason=\"y\"\nRUN b\n"},
	})
}

func TestMove(t *testing.T) {
	runOps(t, []opCase{
		{"down", "FROM a\nRUN b\nRUN c\n", move(1, 2), "FROM a\nRUN c\nRUN b\n"},
		{"up", "FROM a\nRUN b\nRUN c\n", move(2, 0), "FROM a\nRUN c\nRUN b\n"},
		{"where it is", "FROM a\nRUN b\nRUN c\n", move(2, 1), "FROM a\nRUN b\nRUN c\n"},
		{"with its comments", "FROM a\n# one\nRUN b\n\n# two\nRUN c \\\n # in\n d\nRUN e\n", move(2, 0), "FROM a\n# two\nRUN c \\\n # in\n d\n# one\nRUN b\n\nRUN e\n"},
		{"to another stage", "FROM a AS x\nRUN b\nFROM c\nCOPY --from=x /b /b\nRUN d", move(4, 1), "FROM a AS x\nRUN b\nRUN d\nFROM c\nCOPY --from=x /b /b\n"},
		{"to the end", "FROM a\nRUN b\nRUN c", move(1, 2), "FROM a\nRUN c\nRUN b"},
		{"a heredoc", "FROM a\nRUN <<E\nb\nE\nRUN c\n", move(1, 2), "FROM a\nRUN c\nRUN <<E\nb\nE\n"},
		{"an open line up", "FROM a\nRUN b\nRUN c \\\n", move(2, 0), "FROM a\nRUN c\nRUN b\n"},
		{"behind an open line", "FROM a\nRUN b\nRUN c \\\n", move(1, 2), "FROM a\nRUN c\nRUN b\n"},
		{"blank lines close up", "FROM a\n\nRUN b\n\nRUN c\n", move(1, 2), "FROM a\n\nRUN c\nRUN b\n"},
	})
}

func TestFlags(t *testing.T) {
	runOps(t, []opCase{
		{"first", "FROM a\nCOPY b c\n", setFlag(1, "chmod", "755"), "FROM a\nCOPY --chmod=755 b c\n"},
		{"behind others", "FROM a\nCOPY --chown=1:1  b c\n", setFlag(1, "chmod", "755"), "FROM a\nCOPY --chown=1:1 --chmod=755  b c\n"},
		{"another value", "FROM a\nCOPY --chmod=644 --link b c\n", setFlag(1, "chmod", "755"), "FROM a\nCOPY --chmod=755 --link b c\n"},
		{"the same value", "FROM a\nCOPY --chmod=755 b c\n", setFlag(1, "chmod", "755"), "FROM a\nCOPY --chmod=755 b c\n"},
		{"without a value", "FROM a\nCOPY b c\n", setFlag(1, "link", ""), "FROM a\nCOPY --link b c\n"},
		{"a mount", "FROM a\nRUN b\n", setFlag(1, "mount", "type=cache,target=/c"), "FROM a\nRUN --mount=type=cache,target=/c b\n"},
		{"a second mount", "FROM a\nRUN --mount=type=bind,target=/b b\n", setFlag(1, "mount", "type=cache,target=/c"), "FROM a\nRUN --mount=type=bind,target=/b --mount=type=cache,target=/c b\n"},
		{"a mount on a line of its own", "FROM a\nRUN --mount=type=bind,target=/b \\\n    # why\n    b\n", addFlag(1, "mount", "type=cache,target=/c"), "FROM a\nRUN --mount=type=bind,target=/b \\\n    --mount=type=cache,target=/c \\\n    # why\n    b\n"},
		{"the same mount", "FROM a\nRUN --mount=type=cache,target=/c b\n", addFlag(1, "mount", "type=cache,target=/c"), "FROM a\nRUN --mount=type=cache,target=/c b\n"},
		{"a flag over two lines", "FROM a\nCOPY --chmod=6\\\n# c\n44 b c\n", setFlag(1, "chmod", "755"), "FROM a\nCOPY \\\n# c\n--chmod=755 b c\n"},
		{"a keyword over two lines", "FROM a\nCO\\\nPY b c\n", setFlag(1, "chmod", "755"), "FROM a\nCO\\\nPY --chmod=755 b c\n"},
		{"before a continuation", "FROM a\r\nRUN \\\r\n  b\r\n", setFlag(1, "network", "none"), "FROM a\r\nRUN --network=none \\\r\n  b\r\n"},
	})
}

func TestAppendCommand(t *testing.T) {
	runOps(t, []opCase{
		{"one line", "FROM a\nRUN b\nRUN c\n", appended(1, "x y"), "FROM a\nRUN b && x y\nRUN c\n"},
		{"one line, several", "FROM a\nRUN b; c | d", appended(1, "x"), "FROM a\nRUN b; c | d && x"},
		{"operators at the end", "FROM a\nRUN b && \\\n    # c\n    d\n", appended(1, "x"), "FROM a\nRUN b && \\\n    # c\n    d && \\\n    x\n"},
		{"operators in front", "FROM a\nRUN b \\\n && c \\\n  # d\n &&  e\n", appended(1, "x"), "FROM a\nRUN b \\\n && c \\\n  # d\n &&  e \\\n && x\n"},
		{"semicolons", "FROM a\nRUN set -eux; \\\n\tb; \\\n\tc\n", appended(1, "x"), "FROM a\nRUN set -eux; \\\n\tb; \\\n\tc; \\\n\tx\n"},
		{"semicolons that hide failures", "FROM a\nRUN b; \\\n\tc\n", appended(1, "x"), "FROM a\nRUN b; \\\n\tc && \\\n\tx\n"},
		{"semicolons before a list", "FROM a\nRUN set -e; \\\n\tb; \\\n\tc && d\n", appended(1, "x"), "FROM a\nRUN set -e; \\\n\tb; \\\n\tc && d && \\\n\tx\n"},
		{"semicolons on one line", "FROM a\nRUN set -e; b; c\n", appended(1, "x"), "FROM a\nRUN set -e; b; c; x\n"},
		{"to an rm", "FROM a\nRUN b && rm -rf /c\n", appended(1, "rm -rf /d /c /e"), "FROM a\nRUN b && rm -rf /c /d /e\n"},
		{"to an rm in lines", "FROM a\nRUN b && \\\n    rm -rf /c \\\n      /d\nRUN e\n", appended(1, "rm -rf /x /y"), "FROM a\nRUN b && \\\n    rm -rf /c \\\n      /d \\\n      /x \\\n      /y\nRUN e\n"},
		{"to a long rm", "FROM a\nRUN b && \\\n    rm -rf /" + strings.Repeat("c", 90) + "\n", appended(1, "rm -rf /d"), "FROM a\nRUN b && \\\n    rm -rf /" + strings.Repeat("c", 90) + " \\\n        /d\n"},
		{"to an rm in a heredoc", "FROM a\nRUN <<E\nset -e\nb\nrm -fr /c\nE\n", appended(1, "rm -rf /d"), "FROM a\nRUN <<E\nset -e\nb\nrm -fr /c /d\nE\n"},
		{"not to an rm that may fail", "FROM a\nRUN b && rm -r /c\n", appended(1, "rm -rf /d"), "FROM a\nRUN b && rm -r /c && rm -rf /d\n"},
		{"not to an rm before others", "FROM a\nRUN rm -rf /c && b\n", appended(1, "rm -rf /d"), "FROM a\nRUN rm -rf /c && b && rm -rf /d\n"},
		{"paths in lines", "FROM a\nRUN b\n", appended(1, "rm -rf /"+strings.Repeat("c", 50)+" /"+strings.Repeat("d", 50)), "FROM a\nRUN b && \\\n    rm -rf /" + strings.Repeat("c", 50) + " \\\n        /" + strings.Repeat("d", 50) + "\n"},
		{"tests in lines", "FROM a\nRUN b\n", appended(1, `find /`+strings.Repeat("c", 60)+` -type d \( -name x -o -name y \) ! -path '/c/z*' -prune -exec rm -rf {} +`), "FROM a\nRUN b && \\\n    find /" + strings.Repeat("c", 60) + " -type d \\\n        \\( -name x -o -name y \\) ! -path '/c/z*' -prune -exec rm -rf {} +\n"},
		{"one command over lines", "FROM a\nRUN b \\\n    c \\\n    d\n", appended(1, "x"), "FROM a\nRUN b \\\n    c \\\n    d \\\n    && x\n"},
		{"one command over lines, below flags", "FROM a\nRUN --network=none \\\n    b \\\n        -c \\\n        d\n", appended(1, "x"), "FROM a\nRUN --network=none \\\n    b \\\n        -c \\\n        d \\\n    && x\n"},
		{"CRLF", "FROM a\r\nRUN b && \\\r\n  c\r\n", appended(1, "x"), "FROM a\r\nRUN b && \\\r\n  c && \\\r\n  x\r\n"},
		{"an open line", "FROM a\nRUN b && \\\n  c \\\n  # d\n", appended(1, "x"), "FROM a\nRUN b && \\\n  c && \\\n  x \\\n  # d\n"},
		{"a condition", "FROM a\nRUN if b; then c; fi\n", appended(1, "x"), "FROM a\nRUN if b; then c; fi && x\n"},
		{"a heredoc for a command", "FROM a\nRUN cat <<E > f\nb\nE\nRUN c\n", appended(1, "x"), "FROM a\nRUN cat <<E > f && x\nb\nE\nRUN c\n"},
		{"a heredoc under set -e", "FROM a\nRUN <<E\nset -e\n  b\n  c | d\nE\n", appended(1, "x"), "FROM a\nRUN <<E\nset -e\n  b\n  c | d\n  x\nE\n"},
		{"a heredoc without", "FROM a\nRUN <<E\nb\nc # d\nE\n", appended(1, "x"), "FROM a\nRUN <<E\nb\nc && x # d\nE\n"},
		{"a list under set -e hides no failure", "FROM a\nRUN <<E\nset -e\nb && c\nE\n", appended(1, "x"), "FROM a\nRUN <<E\nset -e\nb && c && x\nE\n"},
		{"set +e", "FROM a\nRUN <<E\nset -e\nset +e\nb\nE\n", appended(1, "x"), "FROM a\nRUN <<E\nset -e\nset +e\nb && x\nE\n"},
		{"a heredoc's own list", "FROM a\nRUN <<E\nb &&\n  c\nE\n", appended(1, "x"), "FROM a\nRUN <<E\nb &&\n  c &&\n  x\nE\n"},
		{"the shell's own -e", "FROM a\nSHELL [\"/bin/bash\", \"-eo\", \"pipefail\", \"-c\"]\nRUN <<E\nb\nE\n", appended(2, "x"), "FROM a\nSHELL [\"/bin/bash\", \"-eo\", \"pipefail\", \"-c\"]\nRUN <<E\nb\nx\nE\n"},
		{"the first line's -e", "FROM a\nRUN <<-E\n\t#!/bin/sh -e\n\tb\n\tE\n", appended(1, "x"), "FROM a\nRUN <<-E\n\t#!/bin/sh -e\n\tb\n\tx\n\tE\n"},
	})
}

func TestSurround(t *testing.T) {
	op := func(t *testing.T, f *File) ([]Edit, error) {
		return nth(f, 1).Surround([]string{"i x", "j"}, []string{"p x", "rm -rf /l"})
	}
	runOps(t, []opCase{
		{"one line", "FROM a\nRUN b -r c\nRUN d\n", op, "FROM a\nRUN i x && \\\n    j && \\\n    b -r c && \\\n    p x && \\\n    rm -rf /l\nRUN d\n"},
		{"operators in front", "FROM a\nRUN b \\\n && c\n", op, "FROM a\nRUN i x \\\n && j \\\n && b \\\n && c \\\n && p x \\\n && rm -rf /l\n"},
		{"set -e", "FROM a\nRUN set -eux; \\\n\tb; \\\n\tc\n", op, "FROM a\nRUN set -eux; \\\n\ti x; \\\n\tj; \\\n\tb; \\\n\tc; \\\n\tp x; \\\n\trm -rf /l\n"},
		{"with a mount", "FROM a\nRUN --mount=type=cache,target=/c \\\n  b\n", op, "FROM a\nRUN --mount=type=cache,target=/c \\\n  i x && \\\n    j && \\\n    b && \\\n    p x && \\\n    rm -rf /l\n"},
	})
	for _, script := range []string{"b; c", "b || c", "b &", "set -e; b || c", "b # c", "exit 1", "! b; c"} {
		f, err := Parse("Dockerfile", []byte("FROM a\nRUN "+script+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		if edits, err := nth(f, 1).Surround([]string{"i"}, []string{"p"}); err == nil {
			t.Errorf("%s: %v", script, edits)
		}
	}
}

func TestInsertCommand(t *testing.T) {
	before := func(k int) func(t *testing.T, f *File) ([]Edit, error) {
		return func(t *testing.T, f *File) ([]Edit, error) {
			s, err := nth(f, 1).Shell()
			if err != nil {
				t.Fatal(err)
			}
			return one(nth(f, 1).InsertCommand(s.Commands()[k], "p x"))
		}
	}
	runOps(t, []opCase{
		{"one line", "FROM a\nRUN b && rm c\n", before(1), "FROM a\nRUN b && p x && rm c\n"},
		{"operators at the end", "FROM a\nRUN b && \\\n    c && \\\n    rm d\n", before(2), "FROM a\nRUN b && \\\n    c && \\\n    p x && \\\n    rm d\n"},
		{"operators in front", "FROM a\nRUN b \\\n && c \\\n && rm d\n", before(2), "FROM a\nRUN b \\\n && c \\\n && p x \\\n && rm d\n"},
		{"set -e", "FROM a\nRUN set -eux; \\\n\tb; \\\n\trm c\n", before(2), "FROM a\nRUN set -eux; \\\n\tb; \\\n\tp x; \\\n\trm c\n"},
	})
}

func TestRemoveCommand(t *testing.T) {
	runOps(t, []opCase{
		{"the first", "FROM a\nRUN b && c && d\n", without(1, 0), "FROM a\nRUN c && d\n"},
		{"the second", "FROM a\nRUN b && c && d\n", without(1, 1), "FROM a\nRUN b && d\n"},
		{"the last", "FROM a\nRUN b && c && d\n", without(1, 2), "FROM a\nRUN b && c\n"},
		{"semicolons", "FROM a\nRUN b; c; d\n", without(1, 1), "FROM a\nRUN b; d\n"},
		{"the last with a semicolon", "FROM a\nRUN b; c;\n", without(1, 1), "FROM a\nRUN b;\n"},
		{"between both", "FROM a\nRUN b; c && d\n", without(1, 1), "FROM a\nRUN b; d\n"},
		{"a line", "FROM a\nRUN b && \\\n    # one\n    c && \\\n    # two\n    d\n", without(1, 1), "FROM a\nRUN b && \\\n    # one\n    # two\n    d\n"},
		{"the first line", "FROM a\nRUN b && \\\n    c\n", without(1, 0), "FROM a\nRUN c\n"},
		{"the first line before a comment", "FROM a\nRUN b && \\\n    # one\n    c\n", without(1, 0), "FROM a\nRUN \\\n    # one\n    c\n"},
		{"the last line", "FROM a\nRUN b && \\\n    c\nRUN d\n", without(1, 1), "FROM a\nRUN b\nRUN d\n"},
		{"the last line behind a comment", "FROM a\nRUN b && \\\n    # one\n    c\nRUN d\n", without(1, 1), "FROM a\nRUN b\n    # one\nRUN d\n"},
		{"operators in front", "FROM a\nRUN b \\\n # one\n && c \\\n # two\n && d\n", without(1, 1), "FROM a\nRUN b \\\n # one\n # two\n && d\n"},
		{"operators in front, the last", "FROM a\nRUN b \\\n && c\n", without(1, 1), "FROM a\nRUN b\n"},
		{"operators in front, the first", "FROM a\nRUN b \\\n && c\n", without(1, 0), "FROM a\nRUN c\n"},
		{"over lines with a comment", "FROM a\nRUN b && \\\n    c \\\n    # one\n      e && \\\n    d\n", without(1, 1), "FROM a\nRUN b && \\\n    # one\n    d\n"},
		{"a heredoc's line", "FROM a\nRUN <<E\nb\n# one\nc\nd\nE\n", without(1, 1), "FROM a\nRUN <<E\nb\n# one\nd\nE\n"},
		{"a heredoc's list", "FROM a\nRUN <<E\nb \\\n && c\nd\nE\n", without(1, 1), "FROM a\nRUN <<E\nb\nd\nE\n"},
		{"negated", "FROM a\nRUN b && ! c && d\n", without(1, 1), "FROM a\nRUN b && d\n"},
		{"before a comment of the shell", "FROM a\nRUN b \\\n && c # d\n", without(1, 1), "FROM a\nRUN b # d\n"},
		{"open", "FROM a\nRUN b && \\\n  c \\\n", without(1, 1), "FROM a\nRUN b \\\n"},
	})
}

func TestWords(t *testing.T) {
	runOps(t, []opCase{
		{"add", "FROM a\nRUN pip install \\\n  x\n", addWords(1, 0, 1, "--no-cache-dir", "-q"), "FROM a\nRUN pip install --no-cache-dir -q \\\n  x\n"},
		{"add behind the last", "FROM a\nRUN b>c && d\n", addWords(1, 0, 0, "x"), "FROM a\nRUN b x>c && d\n"},
		{"add to an option on a line of its own", "FROM a\nRUN b \\\n  -c \\\n  d\n", addWords(1, 0, 1, "-e"), "FROM a\nRUN b \\\n  -c \\\n  -e \\\n  d\n"},
		{"list in lines, sorted", "FROM a\nRUN b -c \\\n  # one\n  d \\\n  # two\n  f\n", listed(1, 0, 2, "e"), "FROM a\nRUN b -c \\\n  # one\n  d \\\n  # two\n  e \\\n  f\n"},
		{"list in lines, the last", "FROM a\nRUN b -c \\\n  d \\\n  f && g\n", listed(1, 0, 2, "x"), "FROM a\nRUN b -c \\\n  d \\\n  f \\\n  x && g\n"},
		{"list in lines, unsorted", "FROM a\nRUN b \\\n  f \\\n  d\n", listed(1, 0, 1, "x"), "FROM a\nRUN b \\\n  x \\\n  f \\\n  d\n"},
		{"list on a line", "FROM a\nRUN b -c d f>g\n", listed(1, 0, 2, "e"), "FROM a\nRUN b -c d e f>g\n"},
		{"list on a line of its own", "FROM a\nRUN b -c \\\n  f d && \\\n  g\n", listed(1, 0, 2, "e"), "FROM a\nRUN b -c \\\n  e f d && \\\n  g\n"},
		{"list on a line of its own, sorted", "FROM a\nRUN b -c \\\n  d f && \\\n  g\n", listed(1, 0, 2, "x"), "FROM a\nRUN b -c \\\n  d f x && \\\n  g\n"},
		{"list in lines of several", "FROM a\nRUN b \\\n  d f \\\n  h j\n", listed(1, 0, 1, "i"), "FROM a\nRUN b \\\n  d f \\\n  h i j\n"},
		{"list before options, sorted", "FROM a\nRUN b d f -y && g\n", listed(1, 0, 1, "x"), "FROM a\nRUN b d f x -y && g\n"},
		{"list before options in lines", "FROM a\nRUN b \\\n  d \\\n  -y\n", listed(1, 0, 1, "c"), "FROM a\nRUN b \\\n  c \\\n  d \\\n  -y\n"},
		{"list in a heredoc", "FROM a\nRUN <<E\nb \\\n  d\nE\n", listed(1, 0, 1, "c"), "FROM a\nRUN <<E\nb \\\n  c \\\n  d\nE\n"},
		{"remove", "FROM a\nRUN b c d e\n", removeWords(1, 0, 1, 3), "FROM a\nRUN b e\n"},
		{"remove the last", "FROM a\nRUN b c && d\n", removeWords(1, 0, 1, 2), "FROM a\nRUN b && d\n"},
		{"remove a line", "FROM a\nRUN b \\\n  # one\n  c \\\n  d\n", removeWords(1, 0, 1, 2), "FROM a\nRUN b \\\n  # one\n  d\n"},
		{"remove the last line", "FROM a\nRUN b \\\n  # one\n  c\nRUN d\n", removeWords(1, 0, 1, 2), "FROM a\nRUN b\n  # one\nRUN d\n"},
		{"remove the last line before an operator", "FROM a\nRUN b \\\n  c \\\n  d && \\\n  e\n", removeWords(1, 0, 2, 3), "FROM a\nRUN b \\\n  c && \\\n  e\n"},
		{"remove the last line before an operator, with a comment", "FROM a\nRUN b \\\n  c \\\n  # one\n  d && \\\n  e\n", removeWords(1, 0, 2, 3), "FROM a\nRUN b \\\n  c \\\n  # one\n  && \\\n  e\n"},
		{"remove the last line before an operator, in a heredoc", "FROM a\nRUN <<E\nb \\\n  c && d\nE\n", removeWords(1, 0, 1, 2), "FROM a\nRUN <<E\nb && d\nE\n"},
		{"remove before a redirection", "FROM a\nRUN b 2 x>c\n", removeWords(1, 0, 2, 3), "FROM a\nRUN b 2 >c\n"},
		{"remove in a heredoc", "FROM a\nRUN <<E\nb \\\n  c\nd\nE\n", removeWords(1, 0, 1, 2), "FROM a\nRUN <<E\nb\nd\nE\n"},
		{"replace", "FROM a\nRUN b c\n", replaceWord(1, 0, 1, "'x y'"), "FROM a\nRUN b 'x y'\n"},
		{"replace over lines", "FROM a\nRUN b c\\\n# one\nd\nRUN e\n", replaceWord(1, 0, 1, "x"), "FROM a\nRUN b \\\n# one\nx\nRUN e\n"},
		{"replace an argument", "FROM a\nCOPY b c\n", replaceArg(1, 0, "x"), "FROM a\nCOPY x c\n"},
	})
}

func TestMoveBefore(t *testing.T) {
	up := func(i, j int, first string) op {
		return func(t *testing.T, f *File) ([]whittle.Edit, error) { return f.MoveBefore(nth(f, i), nth(f, j), first) }
	}
	runOps(t, []opCase{
		{"a line", "FROM a\nCOPY b b\nRUN c\n", up(2, 1, ""), "FROM a\nRUN c\nCOPY b b\n"},
		{"another before it", "FROM a\nCOPY b b\nRUN c\n", up(2, 1, "COPY d ./"), "FROM a\nCOPY d ./\nRUN c\nCOPY b b\n"},
		{"comments", "FROM a\n# one\nCOPY b b\n# two\nRUN c\n", up(2, 1, "COPY d ./"), "FROM a\n# two\nCOPY d ./\nRUN c\n# one\nCOPY b b\n"},
		{"blank lines", "FROM a\n\n# one\nCOPY b b\n\n# two\nRUN c\n\nCMD d\n", up(2, 1, "COPY d ./"), "FROM a\n\n# two\nCOPY d ./\nRUN c\n\n# one\nCOPY b b\n\nCMD d\n"},
		{"the last", "FROM a\n\nCOPY b b\n\nRUN c", up(2, 1, ""), "FROM a\n\nRUN c\n\nCOPY b b\n"},
		{"CRLF", "FROM a\r\n\r\nCOPY b b\r\n\r\nRUN c \\\r\n d\r\n", up(2, 1, "COPY d ./"), "FROM a\r\n\r\nCOPY d ./\r\nRUN c \\\r\n d\r\n\r\nCOPY b b\r\n"},
		{"a heredoc", "FROM a\nCOPY b b\nRUN <<E\nc\nE\nCMD d\n", up(2, 1, ""), "FROM a\nRUN <<E\nc\nE\nCOPY b b\nCMD d\n"},
		{"an open line", "FROM a\nCOPY b b\nRUN c \\\n", up(2, 1, ""), "FROM a\nRUN c\nCOPY b b\n"},
	})
	for name, i := range map[string][2]int{"down": {1, 2}, "above FROM": {2, 0}, "itself": {2, 2}} {
		f, err := Parse("Dockerfile", []byte("FROM a\nCOPY b b\nRUN c\n"))
		if err != nil {
			t.Fatal(err)
		}
		if edits, err := f.MoveBefore(nth(f, i[0]), nth(f, i[1]), ""); err == nil {
			t.Errorf("%s: %+v", name, edits)
		}
	}
}

func TestSetEnv(t *testing.T) {
	runOps(t, []opCase{
		{"behind FROM", "FROM a\nRUN b\n", setEnv(0, "A", "1"), "FROM a\nENV A=1\nRUN b\n"},
		{"behind the only FROM", "FROM a", setEnv(0, "A", "1"), "FROM a\nENV A=1"},
		{"beside another", "FROM a\nENV B=2\nRUN b\n", setEnv(0, "A", "1 2"), "FROM a\nENV B=2\nENV A=\"1 2\"\nRUN b\n"},
		{"beside several", "FROM a\nENV B=2 C=3\nRUN b\n", setEnv(0, "A", "1 2"), "FROM a\nENV B=2 C=3 A=\"1 2\"\nRUN b\n"},
		{"one with a comment", "FROM a\n# what B is\nENV B=2\n\nRUN b\n", setEnv(0, "A", "1"), "FROM a\n# what B is\nENV B=2\nENV A=1\n\nRUN b\n"},
		{"behind the labels", "FROM a\nLABEL maintainer=x\nARG V\nWORKDIR /b\nLABEL c=d\nRUN b\n", setEnv(0, "A", "1"), "FROM a\nLABEL maintainer=x\nARG V\nENV A=1\nWORKDIR /b\nLABEL c=d\nRUN b\n"},
		{"behind the maintainer", "FROM a\nMAINTAINER x\nRUN b\n", setEnv(0, "A", "1"), "FROM a\nMAINTAINER x\nENV A=1\nRUN b\n"},
		{"in lines", "FROM a\nENV B=2 \\\n    # c\n    C=3\nRUN b\n", setEnv(0, "A", "1"), "FROM a\nENV B=2 \\\n    # c\n    C=3 \\\n    A=1\nRUN b\n"},
		{"behind the old form", "FROM a\nARG X\nENV B 2\nRUN b\n", setEnv(0, "A", "1"), "FROM a\nARG X\nENV B 2\nENV A=1\nRUN b\n"},
		{"not behind a command", "FROM a\nRUN b\nENV B=2\n", setEnv(0, "A", "1"), "FROM a\nENV A=1\nRUN b\nENV B=2\n"},
		{"another value", "FROM a\nENV B=2 A=0\nRUN b\nENV A 5\n", setEnv(0, "A", "1"), "FROM a\nENV B=2 A=1\nRUN b\nENV A 1\n"},
		{"the same value", "FROM a\nENV A=\"1 2\"\n", setEnv(0, "A", "1 2"), "FROM a\nENV A=\"1 2\"\n"},
		{"the same value in quotes", "FROM a\nENV A='1 2' B=\"3\"\nENV A=\"1 2\"\n", setEnv(0, "A", "1 2"), "FROM a\nENV A='1 2' B=\"3\"\nENV A=\"1 2\"\n"},
		{"quotes of its own", "FROM a\nENV A=\"x\"\n", setEnv(0, "A", `"x"`), "FROM a\nENV A=\"\\\"x\\\"\"\n"},
		{"a variable in it", "FROM a\nENV PATH='/x:$PATH'\n", setEnv(0, "PATH", "/x:$PATH"), "FROM a\nENV PATH=/x:$PATH\n"},
		{"another stage", "FROM a AS x\nENV A=0\nFROM x\nCMD b\n", setEnv(1, "A", "1"), "FROM a AS x\nENV A=0\nFROM x\nENV A=1\nCMD b\n"},
	})
}

// TestCommentsThatEndInABackslash: no shell continues a comment.
func TestCommentsThatEndInABackslash(t *testing.T) {
	s, err := ParseShell("x", "a # one \\\nb # two\\\r\n# three \\\\\nc d\n")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range s.Commands() {
		got = append(got, c.Name())
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, got); diff != "" || len(s.Comments) != 3 {
		t.Errorf("%d comments, commands (-want +got):\n%s", len(s.Comments), diff)
	}
	if _, err := ParseShell("x", strings.Repeat("a # b \\\n", 2*20)); err != nil {
		t.Errorf("many comments: %v", err)
	}
	runOps(t, []opCase{
		{"words", "FROM a\nRUN <<E\nb # one \\\nc d\nE\n", removeWords(1, 1, 1, 2), "FROM a\nRUN <<E\nb # one \\\nc\nE\n"},
		{"a command", "FROM a\nRUN <<E\nb # one \\\nc d\nE\n", without(1, 0), "FROM a\nRUN <<E\n# one \\\nc d\nE\n"},
	})
	f, err := Parse("Dockerfile", []byte("FROM a\nRUN b \\\n  \\ \\\n"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := Apply(f.Source, []whittle.Edit{f.InsertAfter(nth(f, 1), "CMD c")}); err == nil {
		t.Errorf("behind an escape character of its own: %q", out)
	}
}
