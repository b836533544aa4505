package spelled

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStrings(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"x = 'a'\n", ""},
		{"f('a' 'b', 'c')\n", "1:ab"},
		{"f('a' + 'c' + 'me')\n", "1:acme"},
		{"x = ('a'\n  'b')\n", "1:ab"},
		{"f('.'.join(['acme', 'cli']), ''.join(('a', 'b')))\n", "1:acme.cli 1:ab"},
		{"f('ac%s' % 'me', '%s.%s' % ('a', 'b'))\n", "1:acme 1:a.b"},
		{"f('{}.cli'.format('acme'))\n", "1:acme.cli"},
		{"f('ac' + 'm{}'.format('e') + x)\n", "1:acme"},
		{"f('a' + x + 'b', '.'.join([x, 'b']), '%s' % x)\n", ""},
		{"f('a' % x.y, 'b'.join(\n", ""},
	} {
		var got []string
		for _, s := range Strings([]byte(c.src)) {
			got = append(got, fmt.Sprintf("%d:%s", s.Line, s.Text))
		}
		if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.src, diff)
		}
	}
}

// FuzzStrings: any text is read to its end.
func FuzzStrings(f *testing.F) {
	f.Add([]byte("f('a' + 'b', '.'.join(['c', 'd']), 'x%s' % ('y',))\n"))
	f.Add([]byte("'a' % ("))
	f.Fuzz(func(t *testing.T, src []byte) {
		n := 0
		for _, s := range Strings(src) {
			n += len(s.Text)
		}
		if most := maxSpelled + len(src) + maxFilling*maxFilled*(1+len(src)); n > most {
			t.Errorf("%d bytes of %d", n, len(src))
		}
	})
}
