package toml

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// TestLinear: the time over a file grows with it, whatever its tables are. The library
// takes the square of the keys of a table, so that this begins where the limit is.
func TestLinear(t *testing.T) {
	for name, c := range map[string]struct {
		most int
		text func(n int) string
	}{
		"keys":                  {400_000, func(n int) string { return imagetest.Lines(n, "a%d = 1\n") }},
		"keys of one line":      {400_000, func(n int) string { return "a = {" + imagetest.Lines(n, "a%d = 1, ") + "b = 1}\n" }},
		"dotted keys of a line": {200_000, func(n int) string { return "a = {" + imagetest.Lines(n, "a.b%d = 1, ") + "b = 1}\n" }},
		"tables":                {200_000, func(n int) string { return imagetest.Lines(n, "[a%d]\nb = 1\n") }},
		"tables in a table":     {200_000, func(n int) string { return imagetest.Lines(n, "[a.b%d]\nb = 1\n") }},
		"arrays of tables":      {200_000, func(n int) string { return imagetest.Lines(n, "[[a%d]]\nb = 1\n") }},
		"one array of tables":   {200_000, func(n int) string { return strings.Repeat("[[a]]\nb = 1\n[a.c]\nd = 1\n", n) }},
		"tables in an array":    {200_000, func(n int) string { return "a = [" + strings.Repeat("{b = 1}, ", n) + "]\n" }},
		"parts":                 {4_000_000, func(n int) string { return strings.Repeat("a.", n) + "a = 1\n" }},
		"parts of many keys":    {40_000, func(n int) string { return imagetest.Lines(n, strings.Repeat("a.", 100)+"b%d = 1\n") }},
		"parts in a line":       {400_000, func(n int) string { return "a = {" + strings.Repeat("a.", n) + "a = 1}\n" }},
		"nested":                {4_000_000, func(n int) string { return "a = " + strings.Repeat("[", n) }},
		"comments":              {4_000_000, func(n int) string { return strings.Repeat("#\n", n) }},
		"open strings":          {4_000_000, func(n int) string { return "a = '''" + strings.Repeat("''\n", n) }},
	} {
		imagetest.Linear(t, imagetest.Growth{Name: name, Most: c.most, Least: 12_000, Make: func(n int) func() {
			src := []byte(c.text(n))
			return func() {
				var v map[string]any
				_ = Unmarshal(src, &v)
			}
		}})
	}
}

func TestLimits(t *testing.T) {
	for _, tc := range []struct {
		text string
		want error
	}{
		{imagetest.Lines(9_000, "a%d = 1\n"), nil},
		{imagetest.Lines(12_000, "a%d = 1\n"), whittle.ErrLimit},
		{imagetest.Lines(5_000, "[a.b%d.c]\nd = 1\n"), nil},
		{imagetest.Lines(8_000, "[a.b%d.c]\nd = 1\n"), whittle.ErrLimit}, // three of the list for each
		{"[metadata.files]\n" + imagetest.Lines(800, "a%d = ["+strings.Repeat("{file = 'a', hash = 'b'}, ", 30)+"]\n"), nil},
		{"[metadata.files]\n" + imagetest.Lines(5_000, "a%d = ["+strings.Repeat("{file = 'a', hash = 'b'}, ", 30)+"]\n"), whittle.ErrLimit},
		{imagetest.Lines(3_000, "[[b]]\nx = 1\n[t%d]\n"), nil},
		{imagetest.Lines(30_000, "[[b]]\nx = 1\n[t%d]\n"), whittle.ErrLimit},
		{imagetest.Lines(30_000, "[[package]]\nname = 'a%d'\n"), nil},
		{strings.Repeat("a.", maxParts-1) + "a = 1\n", nil},
		{strings.Repeat("a.", maxParts) + "a = 1\n", whittle.ErrLimit},
	} {
		var v map[string]any
		if err := Unmarshal([]byte(tc.text), &v); !errors.Is(err, tc.want) {
			t.Errorf("%.20q and %d bytes: %v, want %v", tc.text, len(tc.text), err, tc.want)
		}
	}
}

// FuzzUnmarshal: within the limits a file is read as the library reads it.
func FuzzUnmarshal(f *testing.F) {
	for _, s := range []string{"a = 1", "[a]\nb.c = {d = [1, {e = 2}]}\n[[f]]\n[f.g]\n[[f]]\n[f.g]\n", "a.a.a = '''\n'''", "[[a]]\n[[a.b]]\nc = \"\\u0000\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		var ours, theirs map[string]any
		err, want := Unmarshal(src, &ours), toml.Unmarshal(src, &theirs)
		if errors.Is(err, whittle.ErrLimit) && want == nil && strings.Count(string(src), ".") > maxParts {
			return
		}
		if fmt.Sprint(err) != fmt.Sprint(want) || !reflect.DeepEqual(ours, theirs) && err == nil && fmt.Sprint(ours) != fmt.Sprint(theirs) {
			t.Errorf("%v, %v; the library %v, %v", ours, err, theirs, want)
		}
	})
}

// TestShapes: a value of another shape is named in words of TOML, not of Go.
func TestShapes(t *testing.T) {
	for _, key := range []string{"name", "list", "table", "number", "yes", "sub", "many"} {
		for _, value := range []string{`"text"`, "1", "1.5", "true", "[1]", `["a"]`, "[[1]]", "{a = 1}", "{a = [1]}", "2001-01-01", "07:00:00"} {
			var v struct {
				Name   string              `toml:"name"`
				List   []string            `toml:"list"`
				Table  map[string]string   `toml:"table"`
				Number int                 `toml:"number"`
				Yes    bool                `toml:"yes"`
				Sub    struct{ A string }  `toml:"sub"`
				Many   []map[string]string `toml:"many"`
			}
			if err := Unmarshal([]byte(key+" = "+value+"\n"), &v); err != nil && regexp.MustCompile(`Go|struct|\[\]|map\[|toml:|type `).MatchString(err.Error()) {
				t.Errorf("%s = %s: %v", key, value, err)
			}
		}
	}
}
