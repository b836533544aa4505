package spelled

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLiterals(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"x = 'a'\n", "1:a"},
		{"\"\"\"About gunicorn.\"\"\"\nimport os # gunicorn\nos.system('gunicorn x')\n", "3:gunicorn x"},
		{"def f():\n    'says'\n    return ['a',\n        \"b\"]\n", "3:a 4:b"},
		{"f(f'{a}-b', b'c', r'd', 'e' 'f')\n", "1:{a}-b 1:c 1:d 1:e 1:f"},
		{"x = '''\na\n'''\n", "1:\na\n"},
		{"a; 'b'; c('d')\n", "1:b 1:d"},
	} {
		got, ok := Literals([]byte(c.src))
		if !ok {
			t.Errorf("%q cannot be read", c.src)
		}
		var parts []string
		for _, l := range got {
			parts = append(parts, string(rune('0'+l.Line))+":"+c.src[l.Start:l.End])
		}
		if diff := cmp.Diff(c.want, strings.Join(parts, " ")); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.src, diff)
		}
	}
	if _, ok := Literals([]byte("x = 'a\n")); ok {
		t.Error("an open string is read")
	}
}
