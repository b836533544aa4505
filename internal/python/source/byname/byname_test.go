package byname

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/pep"
)

// TestTable: each row has normalized names, words that a text can have, and a
// source, and no row is there twice.
func TestTable(t *testing.T) {
	word := regexp.MustCompile(`^[A-Za-z_]\w*(://)?$`)
	file := regexp.MustCompile(`^\S+ \d\S* (\S+\.py|METADATA)$`)
	seen := map[string]bool{}
	n := 0
	for line := range strings.Lines(table) {
		n++
		r, ok := parseRow(line)
		if !ok {
			t.Errorf("line %d: %q", n, line)
			continue
		}
		if pep.Normalize(r.Host) != r.Host || pep.Normalize(r.Name) != r.Name || r.Host == r.Name {
			t.Errorf("line %d: names %s, %s", n, r.Host, r.Name)
		}
		for _, w := range r.Words {
			if !word.MatchString(w) {
				t.Errorf("line %d: word %q", n, w)
			}
		}
		if page, err := url.Parse(r.Source); !file.MatchString(r.Source) && (err != nil || page.Scheme != "https" || page.Host == "") {
			t.Errorf("line %d: source %q", n, r.Source)
		}
		if key := r.Host + " " + r.Name + " " + strings.Join(r.Words, " "); seen[key] {
			t.Errorf("line %d: again", n)
		} else {
			seen[key] = true
		}
	}
	if n < 300 {
		t.Errorf("%d rows", n)
	}
}

// TestWidgets: widgets are shown in a notebook only, so that something has to name one.
// Otherwise whatever brings them would be needed in each image that has a table or a
// progress bar.
func TestWidgets(t *testing.T) {
	seen := 0
	for r := range Rows() {
		if r.Name == "ipywidgets" || r.Name == "anywidget" {
			if seen++; len(r.Words) == 0 {
				t.Errorf("%s loads %s whatever a text says", r.Host, r.Name)
			}
		}
	}
	if seen < 4 {
		t.Errorf("%d rows", seen)
	}
}

// TestPattern: the pattern of a row and the words of a text agree.
func TestPattern(t *testing.T) {
	for r := range Rows() {
		for _, w := range r.Words {
			text := "x = a." + w + "(b)\n"
			if scheme, ok := strings.CutSuffix(w, "://"); ok {
				text = "x = '" + scheme + "+driver://h'\n"
			}
			if !slices.Contains(Words([]byte(text)), w) || !r.Pattern().MatchString(text) {
				t.Errorf("%s loads %s for %s: not found in %q", r.Host, r.Name, w, text)
			}
			if text = "x" + w + "x y"; slices.Contains(Words([]byte(text)), w) && !strings.HasSuffix(w, "://") {
				t.Errorf("%q has %s", text, w)
			}
		}
	}
}

func TestWords(t *testing.T) {
	for _, c := range []struct {
		src  string
		want []string
	}{
		{"import pandas as pd\npd.read_excel('x')\n", []string{"read_excel"}},
		{"pd.DataFrame().to_excel(read_excel_file)\n", []string{"to_excel"}},
		{"READ = {'.xlsx': 'read_excel'}\n", []string{"read_excel"}},
		{"create_engine('postgresql://h/d')\n", []string{"postgresql://"}},
		{"create_engine('postgresql+asyncpg://h/d')\n", []string{"postgresql://"}},
		{"postgresql = '//'\n", nil},
		{"getattr(pd, 'read_' + kind)('x')\n", []string{"made pd"}},
		{"getattr(pd, f'read_{kind}')('x')\n", []string{"made pd"}},
		{"getattr(pd, 'read_csv')('x')\n", nil},
		{"getattr(pd, \"read_csv\", None)\n", nil},
		{"getattr(a.b, name)\n", []string{"made "}},
		{"getattr(f(a, b), name)\n", []string{"made "}},
		{"x.getattr(pd, name)\n", nil},
		{"methodcaller(name)(pd); eval(x)\n", []string{"made "}},
		{"re.exec(x); operator.methodcaller('upper')\n", nil},
		{"for e in entry_points(group='shop.payments'): e.load()\n", []string{"group shop.payments"}},
		{"GROUP = \"a-b.c\"\nentry_points()[GROUP]\n", []string{"group a-b.c"}},
		{"GROUP = 'shop.payments'\n", nil},
		{"entry_points('a sentence of words')\n", nil},
		{"getattr(", []string{"made "}},
		{"", nil},
	} {
		if diff := cmp.Diff(c.want, Words([]byte(c.src))); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.src, diff)
		}
	}
}

func TestDrivers(t *testing.T) {
	if got := strings.Join(Drivers("sqlalchemy", "postgresql"), " "); got != "psycopg2 psycopg2-binary psycopg" {
		t.Error(got)
	}
	if got := Drivers("sqlalchemy", "sqlite"); got != nil {
		t.Error(got)
	}
}

// TestWordsLinear: time grows with the text, whatever it has.
func TestWordsLinear(t *testing.T) {
	var all []imagetest.Growth
	for _, part := range []string{"read_excel ", "getattr(x(", "getattr(a, b) ", "'entry_points' ", "postgresql+a", "exec(", "a"} {
		all = append(all, imagetest.Growth{Name: part, Most: 400_000, Make: func(n int) func() {
			src := []byte(strings.Repeat(part, n))
			return func() { Words(src) }
		}})
	}
	imagetest.Linear(t, all...)
}

// FuzzWords: what is found is sorted, in the text, and not more than the bounds.
func FuzzWords(f *testing.F) {
	for _, s := range []string{"pd.read_excel('x')", "getattr(pd, 'a' + b)", "entry_points(group='a.b')", "postgresql+x://", "getattr(", "exec(\xff)", "'entry_points'"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		got := Words(src)
		if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Errorf("%q", got)
		}
		others := 0
		for _, w := range got {
			name, isGroup := strings.CutPrefix(w, Group)
			object, isMade := strings.CutPrefix(w, Made)
			if isGroup || isMade {
				others++
			} else {
				name = strings.TrimSuffix(w, "://")
			}
			if isMade {
				name = object
			}
			if !strings.Contains(string(src), name) {
				t.Errorf("%q is not in the text", w)
			}
		}
		if others > maxWords+1 {
			t.Errorf("%d groups and objects", others)
		}
	})
}
