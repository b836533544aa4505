//go:build !amd64

package sha256parts

const accelerated = false

func advance(_, _ *state, _ []byte) { panic("sha256parts: not for this processor") }
