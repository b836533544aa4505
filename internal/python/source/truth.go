package source

// Truth is the outcome of a test that may not be known.
type Truth uint8

// The three outcomes.
const (
	Maybe Truth = iota
	Yes
	No
)

// Not is the opposite; that of [Maybe] is Maybe.
func Not(t Truth) Truth {
	switch t {
	case Yes:
		return No
	case No:
		return Yes
	}
	return Maybe
}

// TruthOf is [Yes] or [No].
func TruthOf(b bool) Truth {
	if b {
		return Yes
	}
	return No
}
