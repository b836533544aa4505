package resolve

import (
	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
)

// A .pyc is about as large as its source, but for what is not compiled: comments
// are dropped, and tables of text or numbers are marshalled smaller than they
// are written. How far a source can be compressed separates them. The factors
// were fitted to 14,223 files of 66 distributions, each with the same weight
// (CPython 3.10 and 3.13; 3.9 to 3.12 by the sums of all): for one distribution the
// estimate is 20 % too small to 33 % too large in nine cases of ten, for ten together
// 14 % to 17 %.

// bytecodeFactors say what a source of n bytes compiles to: bytes of bytecode per
// byte of source by how far it is compressed, and a part that each file has.
type bytecodeFactors struct {
	dense, usual, repetitive float64
	each                     float64
}

// Sources that are compressed to more than half, and to less than an eighth.
const (
	denseBelow      = 2
	repetitiveAbove = 8
)

// What the estimate of one distribution is multiplied by at the ends of its
// range.
const (
	bytecodeLow  = 0.75
	bytecodeHigh = 1.27
)

// factorsOf are those of an interpreter: 3.11 made bytecode wider and added
// caches to it, 3.12 took some away. Later ones are taken to be like the last
// that was measured.
func factorsOf(t pep.Target) bytecodeFactors {
	switch {
	case t.Major < 3 || t.Minor <= 10:
		return bytecodeFactors{dense: 0.41, usual: 0.80, repetitive: 0.44, each: 190}
	case t.Minor == 11:
		return bytecodeFactors{dense: 0.75, usual: 1.27, repetitive: 0.74, each: 210}
	}
	return bytecodeFactors{dense: 0.69, usual: 1.16, repetitive: 0.68, each: 200}
}

// bytecodeSize estimates the .pyc of a source.
func bytecodeSize(t pep.Target, m whittle.WheelMember) float64 {
	f := factorsOf(t)
	factor := f.usual
	switch ratio := float64(m.Size) / float64(max(m.Compressed, 1)); {
	case ratio < denseBelow:
		factor = f.dense
	case ratio >= repetitiveAbove:
		factor = f.repetitive
	}
	return factor*float64(m.Size) + f.each
}
