package dockerfile

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"whittle.dev/whittle/internal/imagetest"
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

// TestLinear: what is done with a file takes time that grows with it.
func TestLinear(t *testing.T) {
	numbered := func(format string) func(n int) string {
		return func(n int) string {
			var b strings.Builder
			for i := range n {
				fmt.Fprintf(&b, format, i, i+1)
			}
			return b.String()
		}
	}
	repeat := func(head, part, tail string) func(n int) string {
		return func(n int) string { return head + strings.Repeat(part, n) + tail }
	}
	for _, c := range []struct {
		name string
		most int
		text func(n int) string
	}{
		{"instructions", 100_000, repeat("", "RUN a\n", "")},
		{"ARGs", 60_000, numbered("ARG A%d=1\n")},
		{"ARGs of ARGs", 40_000, numbered("ARG A%[2]d=$A%[1]d\n")},
		{"ARGs that grow", 40_000, repeat("", "ARG A=$A$A\n", "")},
		{"ENVs", 60_000, numbered("ENV A%d=1\n")},
		{"ENVs of ENVs", 40_000, numbered("ENV A%[2]d=$A%[1]d\n")},
		{"values of one ENV", 100_000, func(n int) string { return "ENV" + numbered(" A%d=1")(n) + "\n" }},
		{"labels", 60_000, numbered("LABEL a%d=$b\n")},
		{"stages", 20_000, numbered("FROM scratch AS s%d\n")},
		{"stages of stages", 20_000, numbered("FROM s%[1]d AS s%[2]d\n")},
		{"stages of one name", 20_000, repeat("", "FROM a AS a\n", "")},
		{"copies from stages", 20_000, numbered("FROM scratch AS s%[1]d\nCOPY --from=s%[1]d a b\n")},
		{"triggers", 60_000, repeat("", "ONBUILD RUN a\n", "")},
		{"heredocs", 40_000, repeat("", "RUN <<E\na\nE\n", "")},
		{"heredocs of one line", 4_000, func(n int) string { return "RUN a" + strings.Repeat(" <<E", n) + "\n" + strings.Repeat("E\n", n) }},
		{"commands of a RUN", 40_000, repeat("RUN a", " && b", "\n")},
		{"broken lines of a RUN", 40_000, repeat("RUN a", " && \\\n b", "\n")},
		{"comments in a RUN", 60_000, repeat("RUN a \\\n", "# b\n", " c\n")},
		{"flags", 20_000, repeat("RUN", " --mount=type=cache,target=/a", " a\n")},
		{"quotes in a RUN", 60_000, repeat("RUN a ", "'b' ", "\n")},
		{"nested brackets", 10_000, func(n int) string { return "RUN " + strings.Repeat("( ", n) + "a" + strings.Repeat(" )", n) + "\n" }},
		{"modifiers", 20_000, repeat("ENV A=", "${a:-", "\n")},
		{"nested JSON", 400_000, repeat("CMD ", "[", "\n")},
	} {
		imagetest.Linear(t, imagetest.Growth{Name: c.name, Most: c.most, Make: func(n int) func() {
			src := []byte("FROM scratch\n" + c.text(n))
			if c.name[0] == 'A' {
				src = []byte(c.text(n) + "FROM scratch\n" + c.text(n))
			}
			return func() {
				f, err := Parse("Dockerfile", src)
				if err != nil {
					return
				}
				for _, in := range f.all() {
					_, _ = in.Shell()
				}
				f.With(map[string]string{"A": "x"}).Bases("", nil)
			}
		}})
	}
}
