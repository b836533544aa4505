package shell

import (
	"fmt"
	"strings"
	"testing"

	"whittle.dev/whittle/internal/imagetest"
)

// TestLinear: the time over a script grows with it, up to where the bounds cut
// it off.
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
	repeat := func(parts ...string) func(n int) string {
		return func(n int) string {
			out := parts[0] + strings.Repeat(parts[1], n)
			if len(parts) > 2 {
				out += parts[2] + strings.Repeat(parts[3], n)
			}
			return out
		}
	}
	for _, c := range []struct {
		name string
		most int
		text func(n int) string
	}{
		{"commands", 60_000, repeat("", "a b\n")},
		{"words", 120_000, repeat("a", " b")},
		{"long words", 250_000, repeat("a ", "b")},
		{"assignments", 20_000, numbered("A%d=1\n")},
		{"exports", 20_000, numbered("export A%d=1\n")},
		{"values that double", 20_000, repeat("A=x\n", "A=$A$A\n")},
		{"branches over many variables", 10_000, func(n int) string { return numbered("A%d=1\n")(n) + strings.Repeat("if a; then b; fi\n", n) }},
		{"expansions of one word", 40_000, repeat("A=b\na \"", "$A", "\"", "")},
		{"expansions of unset names", 20_000, numbered("a $A%d\n")},
		{"parameters", 20_000, repeat("set --", " a", "\n", "shift\n")},
		{"functions", 10_000, numbered("f%d() { a; }\n")},
		{"functions that call the next", 5_000, numbered("f%d() { f%d; }\n")},
		{"functions that are called", 5_000, numbered("f%[1]d() { a; }\nf%[1]d\n")},
		{"ifs", 5_000, repeat("", "if a; then b; fi\n")},
		{"elifs", 5_000, repeat("if a; then b\n", "elif c; then d\n", "fi\n", "")},
		{"nested ifs", 5_000, repeat("", "if a; then ", "b", "; fi")},
		{"nested loops", 3_000, repeat("", "while a; do ", "b", "; done")},
		{"nested substitutions", 6_000, repeat("a ", "$(b ", "", ")")},
		{"nested quotes", 6_000, repeat("a ", "\"$(b ", "", ")\"")},
		{"nested braces", 6_000, repeat("a ", "{b,", "", "}")},
		{"nested groups", 6_000, repeat("", "{ ", "a", "; }")},
		{"nested subshells", 6_000, repeat("", "( ", "a", " )")},
		{"nested arithmetic", 6_000, repeat("a $((", "(", "1", ")")},
		{"nested cases", 2_000, repeat("", "case a in a) ", "b", ";; esac")},
		{"cases", 10_000, numbered("case $1 in %d) a;; esac\n")},
		{"patterns of a case", 10_000, repeat("case $1 in a", "|b", ") c;; esac", "")},
		{"loops", 2_000, repeat("", "for i in 1 2 3; do a $i; done\n")},
		{"a loop over many words", 40_000, repeat("for i in", " a", "; do b $i; done", "")},
		{"pipes", 20_000, repeat("a", " | b")},
		{"and-lists", 20_000, repeat("a", " && b")},
		{"nots", 10_000, repeat("", "! ", "a", "")},
		{"heredocs", 4_000, repeat("", "a <<E\nx\nE\n")},
		{"a long heredoc", 60_000, repeat("a <<E\n", "$x\n", "E\n", "")},
		{"comments", 60_000, repeat("", "# a\n")},
		{"comments that go on", 60_000, repeat("", "# a\\\n")},
		{"comments that end in backslashes", 60_000, repeat("a # b", "\\", "\n", "")},
		{"continuations", 100_000, repeat("a ", "\\\n")},
		{"open quotes", 100_000, repeat("a ", "'b\n")},
		{"redirections", 20_000, repeat("a", " >b")},
		{"sourced files", 10_000, repeat("", ". /d/1.sh\n")},
		{"evals", 5_000, repeat("", "eval a\n")},
		{"evals in each other", 2_000, repeat("", "eval ", "a", "")},
		{"traps", 5_000, repeat("", "trap a EXIT\n")},
		{"arrays", 20_000, repeat("A=(", "a ", ")\na \"${A[@]}\"\n", "")},
		{"patterns that match", 2_000, repeat("A=", "a", "\nB=${A//a/b}\nC=${A%%*a", "*a")},
		{"tests", 5_000, repeat("", "[ -f a ] && b\n")},
		{"exec", 20_000, repeat("", "exec a\n")},
	} {
		imagetest.Linear(t, imagetest.Growth{Name: c.name, Most: c.most, Make: func(n int) func() {
			script := c.text(n)
			return func() {
				_, _ = Follow(script, Process{Name: "sh", Args: []string{"x"}, Dir: "/", Env: map[string]string{"PATH": "/bin"}}, files{"/d/1.sh": "A=1"})
			}
		}})
	}
}
