package view_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/view"
)

// TestQueryErrors: a query that is wrong is refused with what is wrong where, and
// what to write.
func TestQueryErrors(t *testing.T) {
	for text, want := range map[string][3]string{
		"pk:a":                    {"pk", `there is no field "pk"`, `did you mean "pkg"?`},
		"a -sise:3":               {"-sise", `there is no field "sise"`, `did you mean "size"?`},
		"package:pandas":          {"package", `there is no field "package"`, `did you mean "pkg"?`},
		"https://x":               {"https", `there is no field "https"`, "a word with a colon goes into quotes"},
		"size:big":                {"big", `"big" is not a size`, "size:>1MB"},
		"size:>":                  {">", `"" is not a size`, "size:>1MB"},
		"size:1MB..x":             {"1MB..x", `"x" is not a size`, "size:>1MB"},
		"size:5MB..1MB":           {"5MB..1MB", `nothing is in the range "5MB..1MB"`, "the smaller number first"},
		"size:<0":                 {"<0", `nothing is in the range "<0"`, "smaller"},
		"size:":                   {"size:", "the value is missing", "size:>1MB"},
		"pkg:a,":                  {"pkg:a,", "the value is missing", "pkg:pandas"},
		"wasted:maybe":            {"maybe", `wasted is not "maybe"`, "wasted is yes, no, deleted"},
		"wasted:replace":          {"replace", `wasted is not "replace"`, `did you mean "replaced"?`},
		"base:1":                  {"1", `base is not "1"`, "base is yes, no"},
		"layer:-1":                {"-1", `"-1" is not a number`, "layer:3"},
		"line:a:b":                {"a:b", `"b" is not a line`, "line:27"},
		"line:=>3":                {"=>3", `"=>3" is not a line`, "line:27"},
		`x "a b`:                  {`"a b`, "the quote is not closed", `write "`},
		"-":                       {"-", "there is nothing to look for", "size:>1MB"},
		`a ""`:                    {`""`, "there is nothing to look for", "a word"},
		strings.Repeat("a", 5000): {strings.Repeat("a", 20), "a filter has at most 4,096 bytes", "shorter"},
	} {
		_, err := view.ParseQuery(text)
		var e *view.QueryError
		if !errors.As(err, &e) || !errors.Is(err, whittle.ErrUsage) {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if e.Text != want[0] || e.Problem != want[1] || !strings.Contains(whittle.Hint(err), want[2]) || !strings.HasPrefix(text[e.Start:], e.Text) {
			t.Errorf("%q: %q at %d: %s; %s", text, e.Text, e.Start, e.Problem, e.Hint())
		}
	}
}

// TestFields: each field's example is a query of it.
func TestFields(t *testing.T) {
	for _, f := range view.Fields() {
		if q, err := view.ParseQuery(f.Example); err != nil || len(q.Terms) != 1 || q.Terms[0].Field != f.Name {
			t.Errorf("%s: %+v, %v", f.Example, q, err)
		}
	}
}

// TestQueryRoundTrip: a query that is written and read again is the same.
func TestQueryRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := drawQuery(t)
		again, err := view.ParseQuery(q.String())
		if err != nil || !reflect.DeepEqual(q, again) {
			t.Errorf("%#v is written %q and read as %#v, %v", q, q, again, err)
		}
	})
}

func TestHint(t *testing.T) {
	m := modelOf(t, []view.Item{{Path: "a.py", HiddenBy: -1, Owner: 1}}, 1)
	for text, want := range map[string]string{"pkg:panda": `the image has no package panda; did you mean "pandas"?`, "ext:.pu": `the image has no extension .pu; did you mean ".py"?`,
		"cat:test": "the image has no category test", "pkg:pandas": "", "b": ""} {
		q, err := view.ParseQuery(text)
		if got := m.Hint(q); err != nil || !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
}

func FuzzQuery(f *testing.F) {
	for _, text := range []string{`pkg:pandas size:>1MB wasted:yes line:27 ext:.so cat:tests path:/usr/* layer:3`, `-"a \\" b" line:"x y":3..4,<5 size:1.5GB`, `a:b`, `"`, `size:99999999999999999999`, `-- ext:(NONE)`} {
		f.Add(text)
	}
	m := modelOf(f, []view.Item{{Path: "a.py", HiddenBy: -1, Owner: 1, Bytes: 3}, {Path: "usr/lib/x.so", Layer: 1, HiddenBy: 1, Cause: whittle.Replaced, Bytes: 5}}, 2)
	f.Fuzz(func(t *testing.T, text string) {
		q, err := view.ParseQuery(text)
		if err != nil {
			var e *view.QueryError
			if !errors.As(err, &e) || e.Start < 0 || e.Start+len(e.Text) > len(text) || text[e.Start:e.Start+len(e.Text)] != e.Text || e.Problem == "" || e.Hint() == "" {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		if len(q.String()) <= 4096 {
			again, err := view.ParseQuery(q.String())
			if err != nil || !reflect.DeepEqual(q, again) {
				t.Fatalf("%q is written %q and read as %#v, not %#v: %v", text, q, again, q, err)
			}
		}
		if s := m.Select(q); sumOf(s.By(view.ByPackage)) != s.Sum {
			t.Fatalf("%q: the rows do not add up", text)
		}
		m.Hint(q)
	})
}
