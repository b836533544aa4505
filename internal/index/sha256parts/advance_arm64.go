package sha256parts

import "golang.org/x/sys/cpu"

// accelerated says that advance can be used.
var accelerated = cpu.ARM64.HasSHA2

// order: A, B, C, D, and E, F, G, H.
var order = [8]int{0, 1, 2, 3, 4, 5, 6, 7}

// advanceBlocks advances two states by the same n blocks at p, n > 0.
//
//go:noescape
func advanceBlocks(a, b *state, p *byte, n int)

// advance advances two states by the same bytes, which are whole blocks.
func advance(a, b *state, p []byte) { advanceBlocks(a, b, &p[0], len(p)/64) }
