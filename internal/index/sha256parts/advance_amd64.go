package sha256parts

import "golang.org/x/sys/cpu"

// accelerated says that advance can be used. AVX is for its instructions of three operands; its
// flag also says that the system saves the registers.
var accelerated = cpu.X86.HasAVX && cpu.X86.HasSSSE3 && cpu.X86.HasSSE41 && hasSHA()

// order: F, E, B, A, and H, G, D, C.
var order = [8]int{3, 2, 7, 6, 1, 0, 5, 4}

// hasSHA says whether the processor has the SHA extensions.
func hasSHA() bool

// advanceBlocks advances two states by the same n blocks at p, n > 0.
//
//go:noescape
func advanceBlocks(a, b *state, p *byte, n int)

// advance advances two states by the same bytes, which are whole blocks.
func advance(a, b *state, p []byte) { advanceBlocks(a, b, &p[0], len(p)/64) }
