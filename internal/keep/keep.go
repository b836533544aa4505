// Package keep decides which packages of an image stay when the others are removed:
// those that a run touched, and all that these need. It estimates how often a further
// run would touch one that is gone. [Distributions] are the packages that it knows; the
// rest works on their numbers.
package keep

import (
	"cmp"
	"math"
	"slices"
)

// Image is what is known of an image's packages without running it.
type Image struct {
	// Bytes is what removing each package saves.
	Bytes []int64
	// Always says which packages stay whatever runs touch.
	Always []bool
	// Needs are, of each package, the others that stay with it.
	Needs [][]int
}

// Split says which runs of a workload are held out: they do not decide what stays. The
// first run, the image's own start, never is. The others are sorted by name, and every
// other one of them is, beginning with the first.
func Split(names []string) []bool {
	held := make([]bool, len(names))
	var order []int
	for i := 1; i < len(names); i++ {
		order = append(order, i)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(names[a], names[b]) })
	for n, i := range order {
		held[i] = n%2 == 0
	}
	return held
}

// Kept says which packages stay after some runs, given as the packages that each
// touched: these, those that always stay, and all that they need.
func (m *Image) Kept(runs ...[]int) []bool {
	kept := make([]bool, len(m.Bytes))
	var next []int
	add := func(i int) {
		if !kept[i] {
			kept[i] = true
			next = append(next, i)
		}
	}
	for i, always := range m.Always {
		if always {
			add(i)
		}
	}
	for _, touched := range runs {
		for _, i := range touched {
			add(i)
		}
	}
	for len(next) > 0 {
		i := next[len(next)-1]
		next = next[:len(next)-1]
		for _, to := range m.Needs[i] {
			add(to)
		}
	}
	return kept
}

// Missed are the packages that a run touched and that do not stay, each once, in order.
func Missed(kept []bool, touched []int) (out []int) {
	for _, i := range touched {
		if !kept[i] {
			out = append(out, i)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Alone says of each run how many packages it touched that would be gone without it:
// those that neither the other runs touched nor anything that stays needs.
func (m *Image) Alone(runs [][]int) []int {
	out := make([]int, len(runs))
	for i := range runs {
		others := slices.Concat(runs[:i:i], runs[i+1:])
		out[i] = len(Missed(m.Kept(others...), runs[i]))
	}
	return out
}

// Rate is the Good–Turing estimate of how many packages that no run touched, and that
// nothing needs, a further run of the same kind touches. alone is that of
// [Image.Alone]; without runs the rate is not a number.
//
// Turing's estimate of the unseen is the share of what was seen just once (I. J. Good,
// The population frequencies of species and the estimation of population parameters,
// Biometrika 40 (1953), 237–264). Here a sample is a run and touches a set. Then the
// number of packages that one run alone touched, by the number of runs, is the mean of
// what each run touched that the others would have lost: each run was the further one
// once.
//
// It supposes that the further run is drawn as these were. It says nothing of a use of
// another kind, and 0 of few runs is little: see [Bound].
func Rate(alone []int) float64 {
	sum := 0
	for _, n := range alone {
		sum += n
	}
	return float64(sum) / float64(len(alone))
}

// Abstain gives packages back until the estimate is miss or less. The rate is that of
// all packages that do not stay; which of these a further run touches is not known, so
// that each has an equal share. The smallest come first, with all that they need, as
// they save least. It changes kept, and gives what came back, in order, and the estimate
// of the rest.
func (m *Image) Abstain(kept []bool, rate, miss float64) (back []int, estimate float64) {
	var gone []int
	for i := range kept {
		if !kept[i] {
			gone = append(gone, i)
		}
	}
	if len(gone) == 0 {
		return nil, 0
	}
	share := rate / float64(len(gone))
	slices.SortStableFunc(gone, func(a, b int) int { return cmp.Compare(m.Bytes[a], m.Bytes[b]) })
	left := len(gone)
	for _, i := range gone {
		if float64(left)*share <= miss || miss >= 1 {
			break
		}
		if kept[i] {
			continue // something smaller needs it
		}
		for j, stays := range m.Kept([]int{i}) {
			if stays && !kept[j] {
				kept[j] = true
				back = append(back, j)
				left--
			}
		}
	}
	slices.Sort(back)
	return back, float64(left) * share
}

// confidence is that of [Bound].
const confidence = 0.95

// Bound is the largest share of runs that may miss something when missed of n held-out
// ones did, with a confidence of 95 % (C. J. Clopper and E. S. Pearson, The use of
// confidence or fiducial limits, Biometrika 26 (1934), 404–413; one-sided). It supposes
// that runs are independent and of one kind. It is 1 of no runs, and 0.95 of one that
// misses nothing.
func Bound(missed, n int) float64 {
	if missed >= n {
		return 1
	}
	low, high := 0.0, 1.0
	for range 60 {
		p := (low + high) / 2
		if atMost(missed, n, p) > 1-confidence {
			low = p
		} else {
			high = p
		}
	}
	return math.Round(high*1e6) / 1e6 // what bisection adds in the last digits says nothing
}

// atMost is the probability of at most k of n, each with probability p.
func atMost(k, n int, p float64) (sum float64) {
	choose := 1.0
	for i := 0; i <= k; i++ {
		sum += choose * math.Pow(p, float64(i)) * math.Pow(1-p, float64(n-i))
		choose *= float64(n-i) / float64(i+1)
	}
	return sum
}
