package dockerfile

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"whittle.dev/whittle"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// seed gives a fuzzer the corpus.
func seed(f *testing.F, add func(src []byte)) {
	for _, files := range corpus(f) {
		for _, file := range files {
			add(file.Data)
			add(bytes.TrimSuffix(file.Data, []byte("\n")))
		}
	}
}

func FuzzParse(f *testing.F) {
	seed(f, func(src []byte) { f.Add(src) })
	f.Fuzz(func(t *testing.T, src []byte) {
		file, err := Parse("Dockerfile", src)
		if accepted := builds(src); accepted != (err == nil) && !errors.Is(err, whittle.ErrLimit) {
			t.Fatalf("BuildKit takes it: %v, whittle says %v", accepted, err)
		}
		if err != nil {
			var bad *ParseError
			if !errors.As(err, &bad) || !errors.Is(err, whittle.ErrUsage) || bad.Line > bytes.Count(src, []byte("\n"))+1 {
				t.Fatalf("error %#v", err)
			}
			if strings.Contains(bad.Text, "cannot place") {
				t.Fatal(err)
			}
			return
		}
		checkFile(t, file)
		for i := range file.Stages {
			target := file.Stages[i].Label()
			file.Bases(target, map[string]string{"A": "x"})
		}
	})
}

// builds says whether BuildKit takes the file.
func builds(src []byte) bool {
	res, err := parser.Parse(bytes.NewReader(src))
	if err != nil {
		return false
	}
	stages, _, err := instructions.Parse(res.AST, linter.New(&linter.Config{}))
	return err == nil && len(stages) > 0
}

func FuzzShell(f *testing.F) {
	seed(f, func(src []byte) { f.Add(src) })
	for _, script := range []string{"a && b | c", "x=$(a \\\n b)", "cat <<E\nx\nE", "if a; then b; fi", "a 'b\\\nc' \"d\\\ne\"", "((((1))))", "a\x00b", "${a"} {
		f.Add([]byte("FROM a\nRUN " + script + "\n"))
		f.Add([]byte("FROM a\nRUN <<X\n" + script + "\nX\n"))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		file, err := Parse("Dockerfile", src)
		if err != nil {
			return
		}
		for _, in := range file.all() {
			checkShell(t, in)
			if in.Trigger != nil {
				checkShell(t, in.Trigger)
			}
		}
	})
}

func FuzzApply(f *testing.F) {
	seed(f, func(src []byte) {
		f.Add(src, uint16(len(src)/2), uint8(3), " && true", uint16(1), uint8(0), "RUN x\n")
		f.Add(src, uint16(0), uint8(0), "# c\n", uint16(len(src)), uint8(0), " \\\n")
	})
	f.Fuzz(func(t *testing.T, src []byte, skip1 uint16, cut1 uint8, new1 string, skip2 uint16, cut2 uint8, new2 string) {
		first := whittle.Span{Start: int(skip1), End: int(skip1) + int(cut1)}
		second := whittle.Span{Start: first.End + int(skip2), End: first.End + int(skip2) + int(cut2)}
		edits := []Edit{{Span: first, New: new1}, {Span: second, New: new2}}
		copied := bytes.Clone(src)
		out, err := Apply(src, edits)
		if !bytes.Equal(src, copied) {
			t.Fatal("the source was changed")
		}
		if err != nil {
			return
		}
		checkEdited(t, src, out, edits)
	})
}

// checkEdited looks at an accepted result without the code that accepted it:
// the bytes around the edits are there, and so are the words of every
// instruction that no edit comes near.
func checkEdited(t failer, src, out []byte, edits []Edit) {
	t.Helper()
	before, err := Parse("Dockerfile", src)
	if err != nil {
		t.Fatal(err)
	}
	after, err := Parse("Dockerfile", out)
	if err != nil {
		t.Fatalf("the result does not parse: %v", err)
	}
	checkFile(t, after)
	first, last := edits[0].Span.Start, edits[len(edits)-1].Span.End
	if !bytes.HasPrefix(out, src[:first]) || !bytes.HasSuffix(out, src[last:]) {
		t.Fatal("bytes outside of the edits changed")
	}
	olds, news := before.all(), after.all()
	for i := 0; i < len(olds) && olds[i].Span.End < first; i++ {
		if i >= len(news) || news[i].Text() != olds[i].Text() || news[i].Stage != olds[i].Stage {
			t.Fatalf("%s in line %d changed", olds[i].Keyword, olds[i].Line)
		}
	}
	for i := 1; i <= len(olds) && olds[len(olds)-i].Span.Start > last; i++ {
		old := olds[len(olds)-i]
		if i > len(news) || news[len(news)-i].Text() != old.Text() {
			t.Fatalf("%s in line %d changed", old.Keyword, old.Line)
		}
	}
}
