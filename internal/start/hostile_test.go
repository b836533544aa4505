package start

import (
	"strings"
	"testing"

	"whittle.dev/whittle/internal/imagetest"
)

// TestSectionsLinear: the time over an INI file grows with it.
func TestSectionsLinear(t *testing.T) {
	for name, part := range map[string]string{"lines of a value": " b\n", "values": "a=b\n", "sections": "[a]\n", "comments": "; a\n"} {
		imagetest.Linear(t, imagetest.Growth{Name: name, Most: 2_000_000, Make: func(n int) func() {
			text := "[a]\na=b\n" + strings.Repeat(part, n)
			return func() { sections(text) }
		}})
	}
}

// FuzzSections: a section's values are those of its lines, the last of a name.
func FuzzSections(f *testing.F) {
	f.Add("[program:web]\ncommand = gunicorn app:app ; note\n  -w 2\n# c\nenvironment=A=b\n[include]\nfiles: conf.d/*.conf\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, sec := range sections(text) {
			last := map[string]string{}
			for _, l := range sec.lines {
				last[l[0]] = l[1]
			}
			if len(last) != len(sec.values) {
				t.Fatalf("%d names in lines, %d values", len(last), len(sec.values))
			}
			for name, v := range sec.values {
				if last[name] != v || strings.Contains(v, "\n") {
					t.Errorf("%q is %q, its line says %q", name, v, last[name])
				}
			}
		}
	})
}
