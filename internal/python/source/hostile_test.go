package source

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// contexts names the bits of a context in a test's expectation.
func contexts(c Context) string {
	out := ""
	for i, name := range []string{"lazy", "typing", "guarded", "handler", "dynamic"} {
		if c&(1<<i) != 0 {
			out += " " + name
		}
	}
	return out
}

func importLines(s *Facts) (out []string) {
	for _, i := range s.Imports {
		name := strings.Repeat(".", i.Level) + i.Module
		if i.Names != nil {
			name += ":" + strings.Join(i.Names, ",")
		}
		line := fmt.Sprintf("%d %s%s", i.Line, name, contexts(i.Context))
		for _, c := range i.Conditions {
			if c.Not {
				line += " not"
			}
			line += " [" + c.Text + "]"
		}
		out = append(out, line)
	}
	return out
}

// TestSyntax is a table of what Python's grammar has come to up to 3.14, which
// the ast of an older interpreter could not read. The expectations follow the
// language reference and the PEPs that are named.
func TestSyntax(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"same quotes in an f-string (PEP 701)", "x = f\"{d[\"import a\"]}\"\nimport b\n", []string{"2 b"}},
		{"an f-string over lines (PEP 701)", "x = f\"{\n    g(1)  # import a\n}\"\nimport b\n", []string{"4 b"}},
		{"nested f-strings", "x = f'{f\"{f'{1}'}\"}'\nimport b\n", []string{"2 b"}},
		{"doubled braces", "x = f'{{import a}}'\nimport b\n", []string{"2 b"}},
		{"a format with a field", "x = f'{v:{w}.{p}}'; import b\n", []string{"1 b"}},
		{"a t-string (PEP 750)", "x = t'{name!r:>{w}}'\nimport b\n", []string{"2 b"}},
		{"raw, bytes and template prefixes", "a = rb'\\'; b = Rt\"{x}\"; c = fR'{x}'\nimport b\n", nil},
		{"lazy imports (PEP 810)", "lazy import a, b\nlazy from c import d\nlazy = 1\nlazy(import_)\n", []string{"1 a lazy", "1 b lazy", "2 c:d lazy"}},
		{"match", "match x:\n    case {'k': [1, *_]} if y:\n        import a\n    case _:\n        import b\n", []string{"3 a [match]", "5 b [match]"}},
		{"soft keywords as names", "match = 1\ncase = match\ntype = case\nmatch(case)\nimport a\n", []string{"5 a"}},
		{"type aliases (PEP 695)", "type Pair[T] = tuple[T, T]\nimport a\n", []string{"2 a"}},
		{"type parameters (PEP 695)", "def f[T: (int, str)](x: T) -> T:\n    import a\nclass C[T]: import b\n", []string{"2 a lazy", "3 b"}},
		{"except* (PEP 654)", "try:\n    import a\nexcept* ImportError:\n    import b\n", []string{"2 a guarded", "4 b handler"}},
		{"except without brackets (PEP 758)", "try:\n    import a\nexcept ImportError, AttributeError:\n    import b\n", []string{"2 a guarded", "4 b handler"}},
		{"walrus and decorators", "@(d := decorate(lambda: 1))\ndef f(): import a\nimport b\n", []string{"2 a lazy", "3 b"}},
		{"continuation", "from \\\n    a \\\n    import b, \\\n        c\n", []string{"1 a:b,c"}},
		{"brackets", "from a import (  # why\n    b as x,\n\n    c,\n)\n", []string{"1 a:b,c"}},
		{"latin-1", "# -*- coding: latin-1 -*-\nx = '\xe9'\nimport a\n", []string{"3 a"}},
		{"byte order mark", "\xef\xbb\xbfimport a\n", []string{"1 a"}},
		{"form feed", "\fimport a\n\f\nimport b\n", []string{"1 a", "3 b"}},
		{"tabs", "if x:\n\timport a\n\tif y:\n\t\timport b\n", []string{"2 a [x]", "4 b [x] [y]"}},
		{"carriage returns", "import a\r\nif x:\r\n    import b\r\n", []string{"1 a", "3 b [x]"}},
		{"async", "async def f():\n    async with a as b:\n        import c\n", []string{"3 c lazy"}},
		{"one line", "if x: import a; import b\nelse: import c\n", []string{"1 a [x]", "1 b [x]", "2 c not [x]"}},
		{"a try on one line", "try: import a\nexcept ImportError: a = None\n", []string{"1 a guarded"}},
		{"a handler that raises", "try:\n    import a\nexcept ImportError as e:\n    raise RuntimeError from e\n", []string{"2 a"}},
		{"a try for something else", "try:\n    import a\nexcept KeyError:\n    pass\n", []string{"2 a"}},
		{"suppress", "from contextlib import suppress\nwith suppress(ImportError):\n    import a\n", []string{"1 contextlib:suppress", "3 a guarded"}},
		{"type checking", "import typing\nif typing.TYPE_CHECKING:\n    import a\nelse:\n    import b\n", []string{"1 typing", "3 a typing", "5 b"}},
		{"type checking, negated", "from typing import TYPE_CHECKING\nif not TYPE_CHECKING:\n    import a\n", []string{"1 typing:TYPE_CHECKING", "3 a"}},
		{"dynamic", "import importlib\nimportlib.import_module('a.b')\n__import__('c')\nimportlib.import_module(name)\n", []string{"1 importlib", "2 a.b dynamic", "3 c dynamic"}},
		{"in texts and comments", "'''\nimport a\n'''\n# import b\nx = 'import c'\n", nil},
		{"relative", "from . import a\nfrom ..b import c\nfrom ... import d\n", []string{"1 .:a", "2 ..b:c", "3 ...:d"}},
		{"a class body", "class A:\n    import a\n    def f(self):\n        import b\n", []string{"2 a", "4 b lazy"}},
		{"a lambda", "f = lambda: __import__('a')\n", []string{"1 a lazy dynamic"}},
		{"names like keywords", "important = 1\nfrom_ = important\nimport_module = 2\nimport a.import_b as c\n", []string{"4 a.import_b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Scan([]byte(tt.text))
			if tt.name == "raw, bytes and template prefixes" {
				return // the first string does not end: only that it comes to an end
			}
			if diff := cmp.Diff(tt.want, importLines(s)); diff != "" || s.Broken != "" {
				t.Errorf("broken %q; imports (-want +got):\n%s", s.Broken, diff)
			}
		})
	}
}

// TestHostile: what is too large or too deep ends, and takes memory of the
// order of the text.
func TestHostile(t *testing.T) {
	const n = 100_000
	large := 10 << 20
	if !testing.Short() {
		large = 100 << 20
	}
	tests := []struct{ name, text string }{
		{"a line of many megabytes", "x = '" + strings.Repeat("a", large) + "'\nimport a\n"},
		{"brackets", "x = " + strings.Repeat("(", n) + strings.Repeat(")", n) + "\nimport a\n"},
		{"open brackets", strings.Repeat("([{", n)},
		{"f-strings", strings.Repeat("f'{", n)},
		{"one f-string", "f'" + strings.Repeat("{x:", n)},
		{"blocks", nestedBlocks(2000)},
		{"tries", strings.Repeat("try:\n import a\nexcept ImportError:\n import b\n", n)},
		{"conditions", strings.Repeat("if a:\n import b\nelif c:\n import d\n", n)},
		{"a chain of elif", "if a: pass\n" + strings.Repeat("elif b: import c\n", 20_000)},
		{"text without an end", "'''" + strings.Repeat("a\n", n)},
		{"zeros", strings.Repeat("\x00", n)},
		{"continuations", strings.Repeat("\\\n", n)},
		{"imports", strings.Repeat("import a\n", 1_000_000)},
		{"names", "from a import " + strings.Repeat("b,", n) + "c\n"},
		{"dots", "import " + strings.Repeat("a.", n) + "b\n"},
		{"semicolons", strings.Repeat("import a;", n)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src := []byte(tt.text)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			s := Scan(src)
			runtime.ReadMemStats(&after)
			if got, most := after.TotalAlloc-before.TotalAlloc, uint64(100*len(src)+64<<20); got > most {
				t.Errorf("%d bytes of text took %d bytes of memory, more than %d", len(src), got, most)
			}
			if len(s.Imports) > maxFacts {
				t.Errorf("%d imports", len(s.Imports))
			}
		})
	}
}

func nestedBlocks(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "if x:\n")
	}
	return b.String() + strings.Repeat(" ", n) + "import a\n"
}

// FuzzScan: any text comes to an end, twice the same, with places inside the
// text; and what is kept of it is what was found.
func FuzzScan(f *testing.F) {
	for _, text := range []string{"import a\n", "try:\n  from . import b\nexcept ImportError: pass\n", "x = f\"{d[\"k\"]:{w}}\"\n", "match x:\n case 1: import y\n",
		"if TYPE_CHECKING:\n import z\n", "INSTALLED_APPS = ['a', 'b']\n", "\xff\xfe", "type X[T] = int\n", "@a\nasync def f(): __import__('b')\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		s := Scan(src)
		lines := 1 + strings.Count(string(src), "\n") + strings.Count(string(src), "\r")
		for _, i := range s.Imports {
			if i.Line < 1 || i.Line > lines {
				t.Errorf("line %d of %d", i.Line, lines)
			}
		}
		if diff := cmp.Diff(s, Scan(src)); diff != "" {
			t.Errorf("twice (-first +second):\n%s", diff)
		}
		b, err := s.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		var back Facts
		if err := back.UnmarshalBinary(b); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, &back); diff != "" {
			t.Errorf("kept (-found +read):\n%s", diff)
		}
	})
}

// FuzzSource: what is no kept source is refused, in memory of its order.
func FuzzSource(f *testing.F) {
	b, _ := Scan([]byte("import a\nfrom b import c\nif d:\n import e\n")).AppendBinary(nil)
	f.Add(b)
	f.Fuzz(func(_ *testing.T, b []byte) {
		var s Facts
		_ = s.UnmarshalBinary(b)
	})
}
