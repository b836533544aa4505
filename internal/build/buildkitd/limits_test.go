package buildkitd

import "testing"

func TestWhy(t *testing.T) {
	kills := int64(1)
	full := &Guard{memory: 4e9, pids: 100, kills: func() int64 { return kills }, crowded: func() bool { return true }}
	roomy := &Guard{pids: 100, crowded: func() bool { return false }}
	for _, tc := range []struct {
		g      *Guard
		before int64
		code   int
		output string
		want   string
	}{
		{nil, 0, 137, "", ""},
		{full, 1, 137, "Killed", ""}, // by somebody else
		{full, 0, 137, "", "ended by the memory limit of 4.00 GB; --build-memory 8GB"},
		{full, 0, 1, "", "exit code 1, after the memory limit of 4.00 GB ended one of its processes; --build-memory 8GB"},
		{full, 1, 2, "sh: can't fork: Resource temporarily unavailable", "exit code 2 at the limit of 100 processes; --build-pids 200"},
		{full, 1, 1, "BlockingIOError: [Errno 11] x", "exit code 1 at the limit of 100 processes; --build-pids 200"},
		{full, 1, 1, "RuntimeError: can't start new thread", "exit code 1 at the limit of 100 processes; --build-pids 200"},
		{full, 1, 1, "[Errno 111] Connection refused", ""},
		{roomy, 0, 2, "sh: can't fork: Resource temporarily unavailable", ""},
	} {
		if got := tc.g.Why(tc.before, tc.code, tc.output); got != tc.want {
			t.Errorf("%d %d %q: %q, want %q", tc.before, tc.code, tc.output, got, tc.want)
		}
	}
}

func TestDoubled(t *testing.T) {
	for n, want := range map[int64]string{4e9: "8GB", 300e6: "600MB", 18_300_000_000: "37GB", 5: "10"} {
		if got := doubled(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
