package shell

import (
	"testing"

	"mvdan.cc/sh/v3/syntax"
	"pgregory.net/rapid"
)

func TestQuote(t *testing.T) {
	for word, want := range map[string]string{
		"": "''", "a": "a", "--x=y": "--x=y", "a b": "'a b'", "it's": `'it'\''s'`, "$x": "'$x'", "~": "'~'", "a\\": `'a\'`, "=x": "'=x'", "*": "'*'", "#": "'#'", "é": "'é'",
	} {
		if got := Quote(word); got != want {
			t.Errorf("Quote(%q) = %s, want %s", word, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[ -~éö\t]{0,12}`).Draw(t, "word")
		file, err := Parse("echo "+Quote(word), syntax.LangBash)
		if err != nil {
			t.Fatal(err)
		}
		if len(file.Stmts) != 1 {
			t.Fatalf("%q is %d statements", Quote(word), len(file.Stmts))
		}
		call, ok := file.Stmts[0].Cmd.(*syntax.CallExpr)
		if !ok || len(call.Args) != 2 {
			t.Fatalf("%q is read as %+v", Quote(word), file.Stmts[0].Cmd)
		}
		if value, ok := Unquote(call.Args[1]); !ok || value != word {
			t.Fatalf("%q is read as %q, %v", Quote(word), value, ok)
		}
	})
}
