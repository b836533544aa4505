package distro_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/distro"
	"whittle.dev/whittle/internal/imagetest"
)

// TestWithoutStanzas: a stanza goes with the empty line that ends it, and no other byte.
func TestWithoutStanzas(t *testing.T) {
	for _, c := range []struct{ text, gone, want string }{
		{"", "a", ""},
		{"Package: a\nArchitecture: all\n\n", "a", ""},
		{"Package: a\nArchitecture: all\n\nPackage: b\nArchitecture: all\n\n", "a", "Package: b\nArchitecture: all\n\n"},
		{"Package: a\nArchitecture: all\n\nPackage: b\nArchitecture: all", "b", "Package: a\nArchitecture: all\n\n"},
		{"Package: a\nArchitecture: all\n\nPackage: b\nArchitecture: all\n\n\nPackage: c\nArchitecture: all\n", "b", "Package: a\nArchitecture: all\n\nPackage: c\nArchitecture: all\n"},
		{"Status: x\npackage: a\nDescription: a\n .\n Package: b\n\n", "b", "Status: x\npackage: a\nDescription: a\n .\n Package: b\n\n"},
		{"Package: ab\nArchitecture: all\n\n", "a", "Package: ab\nArchitecture: all\n\n"},
		{"# a comment\n\nPackage: a\n\n", "a", "# a comment\n\n"},
	} {
		if got := distro.WithoutStanzas([]byte(c.text), func(name, _ string) bool { return name == c.gone }); string(got) != c.want {
			t.Errorf("%q without %s: %q, want %q", c.text, c.gone, got, c.want)
		}
	}
}

// TestWithoutStanzasParses: the database is read as the same packages without those that
// are gone, and their bytes are the same.
func TestWithoutStanzasParses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var text, bytes strings.Builder // the whole, and what has to be left
		var want []string
		gone := map[string]bool{}
		for i := range rapid.IntRange(0, 12).Draw(t, "packages") {
			name := fmt.Sprintf("p%d", i)
			arch := rapid.SampledFrom([]string{"all", "amd64", "i386"}).Draw(t, "arch")
			stanza := fmt.Sprintf("Package: %s\nStatus: install ok installed\nArchitecture: %s\nVersion: %d\nDescription: %s\n .\n more\n%s", name, arch, i,
				rapid.StringMatching(`[a-z: ]{0,20}`).Draw(t, "description"), strings.Repeat("\n", rapid.IntRange(1, 3).Draw(t, "lines")))
			text.WriteString(stanza)
			if gone[name+arch] = rapid.Bool().Draw(t, "gone"); !gone[name+arch] {
				want = append(want, name+arch)
				bytes.WriteString(stanza)
			}
		}
		left := distro.WithoutStanzas([]byte(text.String()), func(name, arch string) bool { return gone[name+arch] })
		packages, problems := distro.Read(t.Context(), imagetest.Root{"var/lib/dpkg/status": string(left)})
		var got []string
		for i := range packages {
			got = append(got, packages[i].Name+packages[i].Arch)
		}
		if len(problems) > 0 || !slices.Equal(got, want) {
			t.Fatalf("%v, %v, want %v of\n%s", got, problems, want, left)
		}
		if string(left) != bytes.String() {
			t.Fatalf("%q is left, want %q", left, bytes.String())
		}
	})
}

// FuzzWithoutStanzas: whatever the text, what is read of the rest are the same packages
// without those that are gone.
func FuzzWithoutStanzas(f *testing.F) {
	f.Add("Package: a\nStatus: install ok installed\n\nPackage: b\nStatus: install ok installed\n", "a")
	f.Add("Package: a\nStatus: x installed\r\n\r\nPackage: b\nStatus: x installed\n\n\n", "b")
	f.Fuzz(func(t *testing.T, text, gone string) {
		names := func(text string) (out []string, ok bool) {
			packages, problems := distro.Read(t.Context(), imagetest.Root{"var/lib/dpkg/status": text})
			for i := range packages {
				out = append(out, packages[i].Name)
			}
			return out, len(problems) == 0
		}
		was, ok := names(text)
		if !ok {
			return
		}
		left := distro.WithoutStanzas([]byte(text), func(name, _ string) bool { return whittle.Printable(name) == gone })
		is, ok := names(string(left))
		if want := slices.DeleteFunc(was, func(n string) bool { return n == gone }); !ok || !slices.Equal(is, want) {
			t.Errorf("%q without %q: %q, want %q", text, gone, is, want)
		}
	})
}
