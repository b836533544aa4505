//go:build !amd64 && !arm64

package sha256parts

const accelerated = false

var order = [8]int{0, 1, 2, 3, 4, 5, 6, 7}

func advance(_, _ *state, _ []byte) { panic("sha256parts: not for this processor") }
