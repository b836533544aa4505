package source

import (
	"fmt"
	"strings"
	"testing"

	"whittle.dev/whittle/internal/imagetest"
)

// TestTextLinear is the same for Python texts.
func TestTextLinear(t *testing.T) {
	scan := func(name string, most int, text func(n int) string) imagetest.Growth {
		return imagetest.Growth{Name: name, Most: most, Make: func(n int) func() {
			src := []byte(text(n))
			return func() { Scan(src) }
		}}
	}
	repeat := func(parts ...string) func(n int) string {
		return func(n int) string { return parts[0] + strings.Repeat(parts[1], n) + strings.Join(parts[2:], "") }
	}
	imagetest.Linear(t,
		scan("imports", 400_000, func(n int) string { return imagetest.Lines(n, "import a%d\n") }),
		scan("names of one import", 400_000, func(n int) string { return "from a import (" + imagetest.Lines(n, "a%d,") + ")\n" }),
		scan("names of a module with a long name", 20_000, func(n int) string {
			return "from " + strings.Repeat("a.", n) + "a import (" + imagetest.Lines(n, "a%d,") + ")\n"
		}),
		scan("assignments", 400_000, func(n int) string { return imagetest.Lines(n, "a%d = 1\n") }),
		scan("assignments to one name", 400_000, repeat("", "a = a\n")),
		scan("deletions", 400_000, func(n int) string { return imagetest.Lines(n, "del a%d\n") }),
		scan("functions", 200_000, func(n int) string { return imagetest.Lines(n, "def f%d(): import a\n") }),
		scan("calls", 200_000, func(n int) string { return imagetest.Lines(n, "f%d()\n") }),
		scan("__all__", 200_000, func(n int) string { return "__all__ = [" + imagetest.Lines(n, "'a%d',") + "]\n" }),
		scan("additions to __all__", 100_000, func(n int) string { return "__all__ = []\n" + imagetest.Lines(n, "__all__ += ['a%d']\n") }),
		scan("additions to sys.path", 100_000, func(n int) string { return "import sys\n" + imagetest.Lines(n, "sys.path.append('a%d')\n") }),
		scan("strings that go on", 400_000, repeat("a = ", "'a' ", "\n")),
		scan("strings that are added", 200_000, repeat("a = ", "'a' + ", "'a'\n")),
		scan("strings that double", 10_000, func(n int) string { return "a = 'ab'\n" + strings.Repeat("a = a + a\n", n) + "__import__(a)\n" }),
		scan("strings of strings", 10_000, func(n int) string { return "a0 = 'ab'\n" + chained(n, "a%d = a%d + a%[2]d\n") + "__import__(a)\n" }),
		scan("brackets", 1_000_000, repeat("a = ", "(", "\n")),
		scan("closed brackets", 400_000, func(n int) string { return "a = " + strings.Repeat("(", n) + strings.Repeat(")", n) + "\n" }),
		scan("lists in lists", 400_000, func(n int) string { return "a = " + strings.Repeat("[", n) + strings.Repeat("]", n) + "\n" }),
		scan("lambdas", 400_000, repeat("a = ", "lambda: ", "1\n")),
		scan("nots", 400_000, repeat("if ", "not ", "a: import b\n")),
		scan("conditions", 200_000, repeat("if ", "a and ", "a: import b\n")),
		scan("elifs", 200_000, repeat("if a: pass\n", "elif a: import b\n")),
		scan("tries", 100_000, repeat("", "try: import a\nexcept ImportError: import b\n")),
		scan("excepts", 100_000, repeat("try: import a\n", "except ImportError: import b\n")),
		scan("attributes", 400_000, repeat("a", ".a", "\n")),
		scan("subscripts", 400_000, repeat("a", "[0]", "\n")),
		scan("calls of calls", 400_000, repeat("a", "()", "\n")),
		scan("formatted strings", 100_000, repeat("a = f'", "{a}", "'\n")),
		scan("formatted strings in each other", 20_000, repeat("a = ", "f'{", "")),
		scan("open strings", 400_000, repeat("", "'\n")),
		scan("open long strings", 400_000, repeat("", "'''a\n")),
		scan("backslashes", 1_000_000, repeat("a = 1 ", "\\\n", "\n")),
		scan("indentation", 1_400, func(n int) string {
			var b strings.Builder
			for i := range n {
				b.WriteString(strings.Repeat(" ", i) + "if a:\n")
			}
			return b.String()
		}),
		scan("decorators", 200_000, repeat("", "@a\n", "def f(): pass\n")),
		scan("classes", 100_000, func(n int) string { return imagetest.Lines(n, "class a%d(b): c = 1\n") }),
		scan("loops over literals", 20_000, repeat("", "for x in ['a', 'b']: __import__(x)\n")),
		scan("one long loop", 100_000, func(n int) string { return "for x in [" + imagetest.Lines(n, "'a%d',") + "]: __import__(x)\n" }),
		scan("semicolons", 400_000, repeat("", "a;")),
		scan("stars", 200_000, func(n int) string { return imagetest.Lines(n, "from a%d import *\n") }),
		scan("globals", 200_000, func(n int) string { return "def f():\n" + imagetest.Lines(n, " global a%d\n") }),
		scan("walruses", 200_000, repeat("a = ", "(b := ", "1\n")),
		scan("comprehensions", 100_000, repeat("a = ", "[x for x in ", "1\n")),
		scan("getattrs", 100_000, func(n int) string { return imagetest.Lines(n, "def __getattr__(n%d): pass\n") }),
	)
}

// chained is a line for each number and the one before.
func chained(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i+1, i)
	}
	return b.String()
}
