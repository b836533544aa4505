package keep_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"whittle.dev/whittle/internal/keep"
)

// TestSplit: the first run always decides, and the others take turns by name.
func TestSplit(t *testing.T) {
	for names, want := range map[string]string{
		"":                  "",
		"start":             "",
		"start tests":       "tests",
		"start b a":         "a",
		"start d c b a":     "c a",
		"start z report a2": "z a2",
		"start x x":         "x",
	} {
		all := strings.Fields(names)
		var held []string
		for i, h := range keep.Split(all) {
			if h {
				held = append(held, all[i])
			}
		}
		if got := strings.Join(held, " "); got != want {
			t.Errorf("%q: %q is held out, want %q", names, got, want)
		}
	}
}

// image has packages a to f: a needs b, b and c need each other, f always stays and
// needs e.
func image() *keep.Image {
	return &keep.Image{Bytes: []int64{10, 20, 30, 40, 50, 60}, Always: []bool{5: true}, Needs: [][]int{{1}, {2}, {1}, nil, nil, {4}}}
}

func letters(kept []bool) (out string) {
	for i, k := range kept {
		if k {
			out += string(rune('a' + i))
		}
	}
	return out
}

func numbers(text string) (out []int) {
	for _, c := range text {
		out = append(out, int(c-'a'))
	}
	return out
}

func TestKept(t *testing.T) {
	for runs, want := range map[string]string{"": "ef", "a": "abcef", "c": "bcef", "d": "def", "d,c": "bcdef", "f,e": "ef"} {
		var touched [][]int
		for _, r := range strings.Split(runs, ",") {
			touched = append(touched, numbers(r))
		}
		if got := letters(image().Kept(touched...)); got != want {
			t.Errorf("%s: %s stay, want %s", runs, got, want)
		}
	}
	if got := keep.Missed(image().Kept(numbers("d")), numbers("cadac")); !slices.Equal(got, numbers("ac")) {
		t.Errorf("missed %v", got)
	}
}

// TestRate: what a run alone touched counts, unless something that stays needs it.
func TestRate(t *testing.T) {
	for _, c := range []struct {
		runs, alone string
		rate        float64
	}{
		{"a,a", "[0 0]", 0},
		{"a,b", "[1 0]", 0.5}, // without a, the other keeps b
		{"ab,d", "[2 1]", 1.5},
		{"d,d,e", "[0 0 0]", 0}, // e stays whatever runs touch
		{"a,a,d,", "[0 0 1 0]", 0.25},
		{"abcd", "[4]", 4},
	} {
		var runs [][]int
		for _, r := range strings.Split(c.runs, ",") {
			runs = append(runs, numbers(r))
		}
		alone := image().Alone(runs)
		if fmt.Sprint(alone) != c.alone || keep.Rate(alone) != c.rate {
			t.Errorf("%s: alone %v, rate %g; want %s, %g", c.runs, alone, keep.Rate(alone), c.alone, c.rate)
		}
	}
	if !math.IsNaN(keep.Rate(nil)) {
		t.Error("a rate without runs")
	}
}

// TestAbstain: the smallest come back first, with what they need, until it is enough.
func TestAbstain(t *testing.T) {
	for _, c := range []struct {
		kept       string
		rate, miss float64
		back       string
		estimate   float64
	}{
		{"ef", 0, 0, "", 0},
		{"ef", 0.4, 0.5, "", 0.4},
		{"ef", 0.4, 0.1, "abc", 0.1}, // a needs the others
		{"ef", 0.4, 0.09, "abcd", 0},
		{"abcef", 0.4, 0.39, "d", 0},
		{"abcdef", 0.4, 0, "", 0},
		{"ef", 3, 1, "", 3},
	} {
		kept := make([]bool, 6)
		for _, i := range numbers(c.kept) {
			kept[i] = true
		}
		back, estimate := image().Abstain(kept, c.rate, c.miss)
		if !slices.Equal(back, numbers(c.back)) || math.Abs(estimate-c.estimate) > 1e-9 {
			t.Errorf("%+v: %v, %g", c, back, estimate)
		}
		for _, i := range back {
			if !kept[i] {
				t.Errorf("%+v: %d came back and does not stay", c, i)
			}
		}
	}
}

// TestEstimateHolds: over many workloads drawn in one way, the estimate is in the mean
// what a further run touches.
func TestEstimateHolds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const packages, runs, times = 40, 8, 4000
	m := &keep.Image{Bytes: make([]int64, packages), Always: make([]bool, packages), Needs: make([][]int, packages)}
	for i := range m.Needs {
		if i%3 == 0 && i > 0 {
			m.Needs[i] = []int{i - 1}
		}
	}
	draw := func() (touched []int) {
		for i := range packages {
			if r.Float64() < 1/float64(i+1) {
				touched = append(touched, i)
			}
		}
		return touched
	}
	var estimated, touched float64
	for range times {
		seen := make([][]int, runs)
		for i := range seen {
			seen[i] = draw()
		}
		estimated += keep.Rate(m.Alone(seen))
		// The estimate is of the last of the runs, after the others.
		touched += float64(len(keep.Missed(m.Kept(seen[:runs-1]...), draw())))
	}
	if estimated, touched = estimated/times, touched/times; math.Abs(estimated-touched) > 0.05*touched || touched < 0.1 {
		t.Errorf("estimated %.3f, touched %.3f", estimated, touched)
	}
}

// TestBound compares with the rule of three and with printed tables.
func TestBound(t *testing.T) {
	for _, c := range []struct {
		missed, n int
		want      float64
	}{{0, 0, 1}, {0, 1, 0.95}, {1, 1, 1}, {0, 2, 0.7764}, {0, 10, 0.2589}, {1, 10, 0.3942}, {5, 10, 0.7776}, {0, 300, 0.00994}} {
		if got := keep.Bound(c.missed, c.n); math.Abs(got-c.want) > 1e-4 {
			t.Errorf("%d of %d: %.5f, want %.5f", c.missed, c.n, got, c.want)
		}
	}
}
