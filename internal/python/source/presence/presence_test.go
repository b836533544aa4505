package presence

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFound(t *testing.T) {
	flags := Flags{
		"spec":   {Test: "find_spec ( 'a.b' )"},
		"HAS":    {Guards: []Guard{{Module: "a"}}},
		"NOT":    {Guards: []Guard{{Distribution: "a-b"}}, Absent: true},
		"itself": {Test: "itself or itself and itself"},
	}
	for _, c := range []struct {
		test      string
		yes, fine string // what is there where it holds, and where not
	}{
		{"find_spec ( 'a' )", "a", ""},
		{"importlib . util . find_spec ( 'a' ) is None", "", "a"},
		{"not importlib . util . find_spec ( 'a' )", "", "a"},
		{"not ( find_spec ( 'a' ) and find_spec ( 'b' ) )", "", "a b"},
		{"not find_spec ( 'a' ) or not find_spec ( 'b' )", "", "a b"},
		{"find_spec ( 'a' ) or find_spec ( 'b' )", "", ""},
		{"find_spec ( 'a' ) and x", "a", ""},
		{"( s := find_spec ( 'a' ) ) is not None", "a", ""},
		{"bool ( find_spec ( 'a' ) ) is False", "", "a"},
		{"spec is None", "", "a.b"},
		{"HAS", "a", ""},
		{"NOT", "", "a-b"},
		{"itself", "", ""},
		{"'a' in sys . modules", "a", ""},
		{"'a' not in sys . modules", "", "a"},
		{"all ( find_spec ( m ) for m in ( 'a' , 'b' ) )", "a b", ""},
		{"any ( find_spec ( m ) is None for m in ( 'a' , 'b' ) )", "", "a b"},
		{"any ( not find_spec ( m ) for m in ( 'a' , 'b' ) )", "", "a b"},
		{"all ( not find_spec ( m ) for m in ( 'a' , 'b' ) )", "", ""},
		{"is_available ( 'a' )", "a", ""},
		{"compat . HAS_A", "HAS_A", ""},
		{"is_a_available ( )", "is_a_available", ""},
		{"NO_A_FOUND", "", ""},
		{"MISSING", "", ""},
		{"itself ( )", "", ""},
		{"HAS ( )", "a", ""},
		{"self . HAS", "a", ""},
		{"None is find_spec ( 'a' )", "", "a"},
		{"None is not find_spec ( 'a' )", "a", ""},
		{"True if find_spec ( 'a' ) else False", "a", ""},
		{"False if find_spec ( 'a' ) else True", "", "a"},
		{"x if find_spec ( 'a' ) else y", "", ""},
		{"[ m for m in ( 'a' , 'b' ) if find_spec ( m ) is None ]", "", "a b"},
		{"[ m for m in ( 'a' , 'b' ) if find_spec ( m ) ]", "", ""},
		{"[ m for m in ( 'a' , 'b' ) ]", "", ""},
		{"x > 3", "", ""},
		{"f ( 'a' ) is None", "", ""},
		{"…", "", ""},
		{"", "", ""},
	} {
		got := []string{words(flags.Found(c.test, true)), words(flags.Found(c.test, false))}
		if diff := cmp.Diff([]string{c.yes, c.fine}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.test, diff)
		}
	}
}

func words(guards []Guard) string {
	var out []string
	for _, g := range guards {
		out = append(out, g.Module+g.Distribution+g.Flag)
	}
	return strings.Join(out, " ")
}

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		guard  Guard
		module string
		want   bool
	}{
		{Guard{Module: "a.b"}, "a.c", true},
		{Guard{Module: "a"}, "ab", false},
		{Guard{Distribution: "typing-extensions"}, "typing_extensions", true},
		{Guard{Distribution: "PyYAML"}, "yaml", false},
		{Guard{Flag: "HAS_NUMPY"}, "numpy.linalg", true},
		{Guard{Flag: "is_sentry_sdk_available"}, "sentry_sdk", true},
		{Guard{Flag: "HAS_NUMPY"}, "scipy", false},
		{Guard{Flag: "numpy"}, "numpy", false},
		{Guard{Module: "a"}, "", false},
	} {
		if got := c.guard.Covers(c.module); got != c.want {
			t.Errorf("%+v covers %q: %v", c.guard, c.module, got)
		}
	}
}

// FuzzFound: any test is read in bounded time, and says nothing of both at once.
func FuzzFound(f *testing.F) {
	f.Add("not ( find_spec ( 'a' ) is None or HAS )")
	f.Add("any ( x ( y ) )")
	f.Fuzz(func(t *testing.T, test string) {
		flags := Flags{"HAS": {Test: test}}
		yes := flags.Found(test, true)
		if no := flags.Found(test, false); len(yes)+len(no) > 2*maxGuards || len(yes) > 0 && slices.Equal(yes, no) {
			t.Errorf("%q: %v, %v", test, yes, no)
		}
	})
}
