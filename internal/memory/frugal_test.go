package memory

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestPercent(t *testing.T) {
	for live, want := range map[uint64]int{0: 100, 1 << 20: 100, 16 << 20: 100, 32 << 20: 50, 64 << 20: 40, 4 << 30: 40} {
		if got := percent(live); got != want {
			t.Errorf("%d bytes in use: %d %%, not %d %%", live, got, want)
		}
	}
}

// TestFrugal: the percentage follows what is in use, up and down.
func TestFrugal(t *testing.T) {
	old := debug.SetGCPercent(100)
	defer debug.SetGCPercent(old)
	Frugal()
	hold := make([]byte, 128<<20)
	becomes(t, leastPercent)
	runtime.KeepAlive(hold)
	becomes(t, 100)
}

// becomes waits until collections have made the percentage be as wanted.
func becomes(t *testing.T, want int) {
	t.Helper()
	for range 500 {
		runtime.GC()
		got := debug.SetGCPercent(100)
		debug.SetGCPercent(got)
		if got == want {
			return
		}
		time.Sleep(10 * time.Millisecond) // finalizers have a goroutine of their own
	}
	t.Fatalf("the percentage does not become %d", want)
}
