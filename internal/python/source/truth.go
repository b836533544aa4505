package source

// Truth is the outcome of a test that may not be known.
type Truth uint8

// The three outcomes.
const (
	Maybe Truth = iota
	Yes
	No
)

// not is the opposite; of what is not known it is not known either.
func Not(t Truth) Truth {
	switch t {
	case Yes:
		return No
	case No:
		return Yes
	}
	return Maybe
}

// truthOf is what is known.
func TruthOf(b bool) Truth {
	if b {
		return Yes
	}
	return No
}
