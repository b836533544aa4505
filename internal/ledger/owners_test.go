package ledger

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/index"
)

// account reads an image of the notation and attributes it.
func account(t *testing.T, cfg func(*whittle.Config), claims []whittle.Claim, layers ...string) *Account {
	t.Helper()
	img := imagetest.New(t, imagetest.Gzip, layers...)
	if cfg != nil {
		cfg(img.Config())
	}
	indexes, err := index.All(context.Background(), img, index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := Build(indexes, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return Attribute(l, indexes, img.Config(), img.Config().Steps(), claims)
}

func TestAttribute(t *testing.T) {
	deb := whittle.Owner{Ecosystem: "deb", Name: "python3-yaml", Version: "6.0"}
	py := whittle.Owner{Ecosystem: "pypi", Name: "pyyaml", Version: "6.0"}
	vendored := whittle.Owner{Ecosystem: "pypi", Name: "inner", Version: "1"}
	outer := whittle.Owner{Ecosystem: "pypi", Name: "outer", Version: "2"}
	claims := []whittle.Claim{
		{Owner: py, Kind: whittle.OwnerPython, Paths: []string{"usr/lib/python3/dist-packages/yaml.py", "site/own.py"}, Evidence: "a/PyYAML.dist-info"},
		{Owner: vendored, Kind: whittle.OwnerPython, Paths: []string{"site/outer/_vendor/inner.py"}, Evidence: "site/outer/_vendor/inner-1.dist-info"},
		{Owner: outer, Kind: whittle.OwnerPython, Paths: []string{"site/outer/_vendor/inner.py"}, Evidence: "site/outer-2.dist-info"},
		{Owner: deb, Kind: whittle.OwnerSystem, Paths: []string{"usr/lib/python3/dist-packages/yaml.py"}, Evidence: "var/lib/dpkg/status"},
	}
	a := account(t, func(c *whittle.Config) { c.Config.WorkingDir = "/app" }, claims,
		"f usr/lib/python3/dist-packages/yaml.py 100\nf usr/lib/plain 10",
		"f site/own.py 20\nf site/outer/_vendor/inner.py 30\nf app/main.py 5\nf app/old.py 7",
		"w app/old.py\nf opt/x 3")
	got := map[string]whittle.Owner{}
	for i, it := range a.Ledger.Items {
		got[it.Path] = a.Owners[a.Owner[i]]
	}
	app := whittle.Owner{Ecosystem: "app", Name: "/app"}
	want := map[string]whittle.Owner{
		"usr/lib/python3/dist-packages/yaml.py": deb,
		"usr/lib/plain":                         {Ecosystem: "instruction", Name: "layer 1"},
		"site/own.py":                           py,
		"site/outer/_vendor/inner.py":           outer,
		"app/main.py":                           app,
		"app/old.py":                            app,
		"opt/x":                                 {Ecosystem: "instruction", Name: "layer 3"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("owners (-want +got):\n%s", diff)
	}
}

// TestCategoriesPartition: every byte is in one category.
func TestCategoriesPartition(t *testing.T) {
	a := account(t, nil, nil,
		"f etc/passwd 10\nf usr/share/doc/a/copyright 20\nf usr/lib/x/test/t.py 3\nf var/cache/apt/pkgcache.bin 40",
		"f usr/local/lib/python3.13/site-packages/a/__pycache__/b.cpython-313.pyc 50\nf usr/local/lib/python3.13/site-packages/a/tests/t.py 60\nf app/.git/objects/aa 70\nf usr/include/z.h 80\nf usr/lib/libz.a 90",
		"w app/.git\nf root/.cache/pip/x 5")
	var visible, wasted int64
	got := map[string]int64{}
	for _, c := range a.Categories() {
		visible += c.Visible
		wasted += c.Wasted
		got[c.Name] = c.Visible + c.Wasted
	}
	if sum := a.Ledger.Sum(); visible != sum.Visible || wasted != sum.Wasted {
		t.Errorf("categories add up to %d visible and %d wasted, the ledger to %+v", visible, wasted, sum)
	}
	want := map[string]int64{"base OS": 10, "docs and locales": 20, "tests": 63, "caches": 45, "bytecode": 50, "VCS": 70, "static libraries and headers": 170}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("categories (-want +got):\n%s", diff)
	}
}

func TestDifferenceAddsUp(t *testing.T) {
	claim := func(version string, paths ...string) []whittle.Claim {
		return []whittle.Claim{{Owner: whittle.Owner{Ecosystem: "pypi", Name: "pandas", Version: version}, Kind: whittle.OwnerPython, Paths: paths, Evidence: "x"}}
	}
	a := account(t, nil, claim("2.3.3", "site/pandas.py"), "f etc/a 100", "f site/pandas.py 1000\nf gone 7")
	b := account(t, nil, claim("3.0.1", "site/pandas.py"), "f etc/a 100", "f site/pandas.py 4100 mode=0644", "f site/pandas.py 4100 mode=0755")
	delta, rows := Difference([]*Account{a, b})
	if want := (whittle.Delta{Size: 7193, Visible: 3093, Wasted: 4100}); delta != want {
		t.Errorf("delta %+v, want %+v", delta, want)
	}
	var visible, wasted int64
	for _, r := range rows {
		visible += r.VisibleDelta
		wasted += r.WastedDelta
		if r.Owner == "pandas" {
			if diff := cmp.Diff(whittle.CompareRow{Owner: "pandas", Kind: "pypi", From: "2.3.3", To: "3.0.1", VisibleDelta: 3100, Visible: []int64{1000, 4100}}, r); diff != "" {
				t.Errorf("an upgrade is one row (-want +got):\n%s", diff)
			}
		}
	}
	if visible != delta.Visible || wasted != delta.Wasted {
		t.Errorf("rows add up to %d visible and %d wasted, want %+v", visible, wasted, delta)
	}
}

func TestWords(t *testing.T) {
	origin := func(line int, keyword string) *whittle.Origin {
		return &whittle.Origin{File: "Dockerfile", Line: line, Instruction: keyword}
	}
	for _, tc := range []struct {
		name   string
		layers []string
		want   []string
	}{
		{"nothing wasted", []string{"f a 100", "f b 100"}, nil},
		{"mode alone", []string{"f a 1000 mode=0644\nf b 1000 mode=0644", "f a 1000 mode=0755\nf b 1000 mode=0755"},
			[]string{"2.0 kB of 4.0 kB is wasted.", "2.0 kB: Dockerfile:41 rewrote 2 files of Dockerfile:38 by changing only their mode."}},
		{"owner alone", []string{"f a 1000", "f a 1000 uid=7"},
			[]string{"1.0 kB of 2.0 kB is wasted.", "1.0 kB: Dockerfile:41 rewrote 1 file of Dockerfile:38 by changing only their owner."}},
		{"deleted", []string{"f w/a 1000\nf w/b 500", "w w"},
			[]string{"1.5 kB of 1.5 kB is wasted.", "1.5 kB: Dockerfile:41 deleted 2 files of Dockerfile:38: hidden, but still in the image."}},
		{"replaced", []string{"f a 1000", "f a 900"},
			[]string{"1.0 kB of 1.9 kB is wasted.", "1.0 kB: Dockerfile:41 put other content over 1 file of Dockerfile:38."}},
		{"identical", []string{"f a 1000", "f a 1000"},
			[]string{"1.0 kB of 2.0 kB is wasted.", "1.0 kB: Dockerfile:41 wrote 1 file of Dockerfile:38 again, unchanged."}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := account(t, nil, nil, tc.layers...)
			a.Steps[0].Origin, a.Steps[1].Origin = origin(38, "COPY"), origin(41, "RUN")
			if diff := cmp.Diff(tc.want, a.Words()); diff != "" {
				t.Errorf("words (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0 files", 1: "1 file", 999: "999 files", 1203: "1,203 files", 1234567: "1,234,567 files"} {
		if got := Count(n, "file"); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestBy(t *testing.T) {
	a := account(t, nil, []whittle.Claim{{Owner: whittle.Owner{Ecosystem: "pypi", Name: "a", Version: "1"}, Kind: whittle.OwnerPython, Paths: []string{"site/a/b.so", "site/a/tests/t.py", "site/a/lib.libs/libz.so.1", "site/a/x.py"}}},
		"f site/a/b.so 100\nf site/a/tests/t.py 20\nf site/a/lib.libs/libz.so.1 3\nf site/a/x.py 4", "f site/a/b.so 90\nf readme 5")
	for key, want := range map[string][]whittle.CategoryRow{
		"directory":   {{Name: "/site/a", Visible: 94, Wasted: 100, Files: 3}, {Name: "/site/a/tests", Visible: 20, Files: 1}, {Name: "/", Visible: 5, Files: 1}, {Name: "/site/a/lib.libs", Visible: 3, Files: 1}},
		"extension":   {{Name: ".so", Visible: 93, Wasted: 100, Files: 3}, {Name: ".py", Visible: 24, Files: 2}, {Name: "(none)", Visible: 5, Files: 1}},
		"instruction": {{Name: "layer 0, layer 1", Visible: 27, Wasted: 100, Files: 4}, {Name: "layer 1, layer 2", Visible: 95, Files: 2}},
		"package":     {{Name: "a 1", Visible: 117, Wasted: 100, Files: 5}, {Name: "layer 2", Visible: 5, Files: 1}},
	} {
		got, err := a.By(key)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("by %s (-want +got):\n%s", key, diff)
		}
	}
	if _, err := a.By("colour"); err == nil || whittle.Hint(err) == "" {
		t.Errorf("an unknown key: %v", err)
	}
	want := map[string]int64{"extensions": 90, "tests": 20, "libraries": 3, "modules": 4}
	if diff := cmp.Diff(want, a.Packages()[0].Parts); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
}

func TestDuplicates(t *testing.T) {
	base := "f a \"0123456789\"\nf b \"0123456789\"\nf c 10\nf empty 0\nf empty2 0"
	one := account(t, nil, nil, base, "f d \"0123456789\"\nf c 11")
	want := []whittle.DuplicateRow{{Bytes: 10, Saves: 20, Places: []whittle.Place{{Path: "a"}, {Path: "b"}, {Path: "d"}}}}
	if diff := cmp.Diff(want, Duplicates([]*Account{one})); diff != "" {
		t.Errorf("one image (-want +got):\n%s", diff)
	}
	two := account(t, nil, nil, base, "f e \"0123456789\"")
	want = []whittle.DuplicateRow{{Bytes: 10, Saves: 30, Places: []whittle.Place{{Path: "a"}, {Path: "b"}, {Path: "d"}, {Image: 1, Path: "e"}}}}
	if diff := cmp.Diff(want, Duplicates([]*Account{one, two})); diff != "" {
		t.Errorf("two images with a shared layer (-want +got):\n%s", diff)
	}
}
