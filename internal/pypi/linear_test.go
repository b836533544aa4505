package pypi

import (
	"fmt"
	"strings"
	"testing"

	"whittle/internal/imagetest"
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
}
