package memory

import (
	"syscall"
	"testing"
)

// TestFullAddresses: the limit is reached before an allocation fails, as the
// runtime cannot go on after that.
func TestFullAddresses(t *testing.T) {
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_AS, &old); err != nil {
		t.Fatal(err)
	}
	used, ok := addressesInUse()
	if !ok || used < 1<<20 {
		t.Fatalf("%d bytes of addresses in use, %t", used, ok)
	}
	for _, c := range []struct {
		free int64
		want bool
	}{{8 << 30, false}, {addressMargin / 2, true}} {
		if err := syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: uint64(used + c.free), Max: old.Max}); err != nil {
			t.Fatal(err)
		}
		full := fullAddresses()
		got := full != nil && full()
		if err := syscall.Setrlimit(syscall.RLIMIT_AS, &old); err != nil {
			t.Fatal(err)
		}
		if full == nil || got != c.want {
			t.Errorf("%d bytes free: full is %t", c.free, got)
		}
	}
}
