package pypi

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"whittle.dev/whittle/internal/imagetest"
)

// TestLinear: the time over what an index sends grows with it.
func TestLinear(t *testing.T) {
	numbered := func(format string) func(n int) string {
		return func(n int) string {
			var b strings.Builder
			for i := range n {
				fmt.Fprintf(&b, format, i)
			}
			return b.String()
		}
	}
	repeat := func(part string) func(n int) string {
		return func(n int) string { return strings.Repeat(part, n) }
	}
	for _, c := range []struct {
		name, kind string
		most       int
		text       func(n int) string
	}{
		{"anchors", "text/html", 400_000, numbered("<a href='a-%d.tar.gz'>a</a>\n")},
		{"open tags", "text/html", 2_000_000, repeat("<a ")},
		{"open comments", "text/html", 2_000_000, repeat("<!--")},
		{"open quotes", "text/html", 2_000_000, repeat("<a href='")},
		{"scripts", "text/html", 1_000_000, repeat("<script>")},
		{"ends of scripts", "text/html", 1_000_000, func(n int) string { return "<script>" + strings.Repeat("</scrip", n) }},
		{"attributes", "text/html", 1_000_000, func(n int) string { return "<a " + numbered("b%d=c ")(n) + ">" }},
		{"blanks", "text/html", 4_000_000, repeat("<a  ")},
		{"bases", "text/html", 100_000, repeat("<base href='a/'>")},
		{"bases that grow", "text/html", 100_000, func(n int) string {
			return "<base href='" + strings.Repeat("../a/", n) + "'>" + strings.Repeat("<a href=b>", 10)
		}},
		{"entities", "text/html", 1_000_000, func(n int) string { return "<a href='" + strings.Repeat("&amp;&#x", n) + "'>" }},
		{"files", "application/json", 200_000, func(n int) string {
			return `{"files":[` + numbered(`{"filename":"a-%d.tar.gz","url":"x"},`)(n) + `{}]}`
		}},
		{"hashes", "application/json", 200_000, func(n int) string {
			return `{"files":[{"filename":"a","url":"x","hashes":{` + numbered(`"h%d":"x",`)(n) + `"b":""}}]}`
		}},
		{"nested", "application/json", 4_000_000, repeat("[")},
		{"nested flags", "application/json", 4_000_000, func(n int) string { return `{"files":[{"yanked":` + strings.Repeat(`{"a":`, n) }},
	} {
		imagetest.Linear(t, imagetest.Growth{Name: c.name, Most: c.most, Make: func(n int) func() {
			b := []byte(c.text(n))
			return func() { _, _ = parseListing(b, c.kind, base(t)) }
		}})
	}
	imagetest.Linear(t, imagetest.Growth{Name: "files of a wheel", Most: 200_000, Make: func(n int) func() {
		members := make([]member, n)
		for i := range members {
			members[i] = member{fmt.Sprintf("a/b%d.py", i), ""}
		}
		b := makeWheel(t, members...)
		return func() {
			entries, _, err := readWhole(b)
			if err != nil || len(entries) != n {
				t.Fatalf("%d files of %d: %v", len(entries), n, err)
			}
		}
	}}, imagetest.Growth{Name: "end marks", Most: 2_000_000, Make: func(n int) func() {
		b := []byte(strings.Repeat(endMark, n))
		return func() { _, _, _ = readWhole(b) }
	}})
	for name, text := range map[string]func(n int) string{
		"lines of a value": func(n int) string { return "[global]\nindex-url = a\n" + strings.Repeat(" b\n", n) },
		"values":           func(n int) string { return "[global]\n" + numbered("a%d = b\n")(n) },
		"sections":         numbered("[a%d]\nb = c\n"),
	} {
		imagetest.Linear(t, imagetest.Growth{Name: "pip's configuration: " + name, Most: 200_000, Make: func(n int) func() {
			b := []byte(text(n))
			return func() { parseINI(b) }
		}})
	}
}

// FuzzConfig: pip's configuration files have values by section and key, each
// trimmed, and what is written anew from them is read as the same.
func FuzzConfig(f *testing.F) {
	f.Add([]byte("[global]\nindex-url = https://x/simple\nextra_index_url =\n  https://y/simple\n  https://z\n[install]\n--no-binary: :all:\n"))
	f.Add([]byte("\ufeff[a]\n; c\n x\nb\n]\n["))
	f.Fuzz(func(t *testing.T, b []byte) {
		values := parseINI(b)
		var again strings.Builder
		for key, value := range values {
			section, name, ok := strings.Cut(key, ".")
			if !ok || value != strings.TrimSpace(value) {
				t.Errorf("%q = %q", key, value)
			}
			if strings.ContainsAny(key+value, "[]=:;#-_. \t\n\r\ufeff") || strings.ToLower(name) != name || section == "" || name == "" || strings.TrimSpace(name) != name {
				return // it would be read as something else
			}
			fmt.Fprintf(&again, "[%s]\n%s = %s\n", section, name, value)
		}
		if got := parseINI([]byte(again.String())); len(values) > 0 && fmt.Sprint(got) != fmt.Sprint(values) && strings.Count(again.String(), ".") == 0 && !strings.Contains(again.String(), "\v") && !strings.Contains(again.String(), "\f") {
			t.Errorf("%q, and written anew %q", values, got)
		}
	})
}

// FuzzCache: whatever lies in the cache is an answer for the address that was
// asked for, or none, and stays what it is when it is kept again.
func FuzzCache(f *testing.F) {
	const address = "https://x/simple/a/"
	f.Add([]byte(`{"URL":"https://x/simple/a/","Files":[{"Name":"a-1.whl"}]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, ok := listingOf(b, address)
		if _, other := listingOf(b, address+"b"); ok && (other || l.URL != address) {
			t.Errorf("the listing of %q", l.URL)
		}
		if !ok {
			return
		}
		again, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		if l2, ok := listingOf(again, address); !ok || !reflect.DeepEqual(l, l2) && fmt.Sprintf("%+v", l) != fmt.Sprintf("%+v", l2) {
			t.Errorf("%+v, and kept again %+v", l, l2)
		}
	})
}
