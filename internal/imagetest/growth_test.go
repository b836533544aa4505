package imagetest

import (
	"strings"
	"testing"
)

// TestGrowth: what grows with the square is found, what grows with its input
// is not.
func TestGrowth(t *testing.T) {
	sink := 0
	square := Growth{Most: 1 << 16, Make: func(n int) func() {
		return func() {
			for i := range n {
				for j := range n / 8 {
					sink += i ^ j
				}
			}
		}
	}}
	if m := square.compare(); !RaceDetector && !strings.Contains(m, "the time grows") {
		t.Errorf("a square: %q", m)
	}
	var kept []byte
	memory := Growth{Most: 1 << 16, Make: func(n int) func() { return func() { kept = make([]byte, n*n/64) } }}
	if m := memory.compare(); !strings.Contains(m, "grows faster") {
		t.Errorf("memory that is a square: %q", m)
	}
	line := Growth{Most: 1 << 24, Make: func(n int) func() {
		return func() {
			for i := range n {
				sink += i
			}
		}
	}}
	if m := line.compare(); m != "" {
		t.Errorf("a line: %s", m)
	}
	_ = kept
}
