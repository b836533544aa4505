package dockerfile

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestLarge reads files of almost the largest size, each made of one thing
// that may follow itself. Nothing is timed: what reads a byte once for every
// line takes hours over these, and the tests' own limit ends it.
func TestLarge(t *testing.T) {
	for name, parts := range map[string][3]string{
		"continued blank lines":   {"FROM scratch\nRUN a ", "\\\n", "b\n"},
		"before the first one":    {"", "\\\n", "FROM scratch\n"},
		"continued comments":      {"FROM scratch\nRUN a ", "\\\n# x\n", "b\n"},
		"continued empty lines":   {"FROM scratch\nRUN a ", "\\\n\n", "b\n"},
		"continued words":         {"FROM scratch\nRUN a ", "x \\\n", "b\n"},
		"continued values":        {"FROM scratch\nENV a=b ", "x=y \\\n", "b=c\n"},
		"continued files":         {"FROM scratch\nCOPY a ", "x \\\n", "b/\n"},
		"continued JSON":          {"FROM scratch\nRUN [", "\"x\", \\\n", "\"b\"]\n"},
		"continued quotes":        {"FROM scratch\nLABEL a=\"", "x \\\n", "\"\n"},
		"continued triggers":      {"FROM scratch\n", "ONBUILD RUN a \\\n \\\n b\n", ""},
		"continued in a document": {"FROM scratch\nRUN <<E\n", "x \\\n", "E\n"},
		"instructions":            {"FROM scratch\n", "RUN a\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			size := MaxSize / 4
			n := (size - len(parts[0]) - len(parts[2])) / len(parts[1])
			f, err := Parse("Dockerfile", []byte(parts[0]+strings.Repeat(parts[1], n)+parts[2]))
			if err != nil {
				t.Fatal(err)
			}
			if len(f.Stages) != 1 {
				t.Errorf("%d stages", len(f.Stages))
			}
		})
	}
}

// repeated is how often ONBUILD stands at the beginning of src and right after
// itself.
func repeated(src []byte) int {
	for n := 0; ; n++ {
		src = bytes.TrimLeft(src, "\\` \t\n")
		if !bytes.HasPrefix(bytes.ToUpper(src), []byte("ONBUILD")) {
			return n
		}
		src = src[len("ONBUILD"):]
	}
}

// TestOnbuilds holds the search for chains against asking every line.
func TestOnbuilds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.SampledFrom([]string{"ONBUILD ", "onbuild", strings.Repeat("ONBUILD\\\n", 60), strings.Repeat("onbuild ", 99), "\\\n", "\n", " ", "RUN a", "`"})
		src := []byte(strings.Join(rapid.SliceOfN(part, 0, 12).Draw(t, "parts"), ""))
		want := -1
		lines := splitLines(src)
		for _, at := range lines[:len(lines)-1] {
			if repeated(src[at:]) >= 100 {
				want = at
				break
			}
		}
		if got := (&File{Source: src}).onbuilds(); got != want {
			t.Fatalf("onbuilds is %d, want %d", got, want)
		}
	})
}
