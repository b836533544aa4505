package build

import (
	"errors"
	"strings"
	"testing"
	"time"

	"whittle.dev/whittle"
)

// A step, and a run, that eats memory or processes is ended by its limit, and
// the machine stays usable; the message names the limit and its option.
func TestLimits(t *testing.T) {
	needEngine(t)
	opts, _ := privateOptions()
	opts.StateDir = t.TempDir()
	opts.Limits = Limits{Memory: 300e6, Pids: 60, Time: 5 * time.Minute}
	e, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if e.guard.memory != opts.Limits.Memory || e.guard.pids != opts.Limits.Pids {
		t.Skipf("this system has no such limits: %q", e.Info().Notes)
	}
	f := needEngine(t)
	d := f.define(t, "FROM probe\n", nil)
	for _, tc := range []struct{ args, want string }{
		{`"eat", "600"`, "ended by the memory limit of 300.0 MB; --build-memory 600MB"},
		{`"child", "eat", "600"`, "exit code 9, after the memory limit of 300.0 MB ended one of its processes; --build-memory 600MB"},
		{`"spawn", "400"`, "exit code 9 at the limit of 60 processes; --build-pids 120"},
		{`"exit", "3"`, "exit code 3"},
		{`"sleep", "60"`, "ended by the time limit of 4s for a build; --build-timeout 8s"},
	} {
		e.limit = opts.Limits.Time
		if strings.Contains(tc.want, "time limit") {
			e.limit = 4 * time.Second
		}
		_, err := e.Build(t.Context(), f.define(t, "FROM probe\nRUN [\"/probe\", "+tc.args+"]\n", nil), Output{})
		var failed *Error
		if !errors.As(err, &failed) || failed.Kind != StepFailed || failed.Message != tc.want || !strings.Contains(failed.Error(), "RUN") || strings.Contains(err.Error(), "\n") {
			t.Errorf("RUN %s: %v, want %s", tc.args, err, tc.want)
		}
		if errors.Is(err, whittle.ErrEngine) {
			t.Errorf("RUN %s: %v", tc.args, err)
		}
		if strings.Contains(tc.want, "time limit") { // a run has its own time, its build has this
			_, err := e.Run(t.Context(), f.define(t, "FROM probe\nRUN [\"/probe\", "+tc.args+"]\n", nil), []Command{probe("where")}, RunOptions{})
			if !errors.As(err, &failed) || failed.Message != tc.want {
				t.Errorf("build of a run: %v", err)
			}
			continue
		}
		r, err := e.Run(t.Context(), d, []Command{{Args: append([]string{"/probe"}, strings.Split(strings.ReplaceAll(tc.args, `"`, ""), ", ")...)}}, RunOptions{})
		if limit, _, _ := strings.Cut(tc.want+";", ";"); err != nil || r[0].OK() || r[0].Limit != tc.want && r[0].Limit != "" || (r[0].Limit != "") != strings.Contains(limit, "limit") {
			t.Errorf("run of %s: %+v, %v", tc.args, r, err)
		}
	}
	// What was ended does not linger on in the account of the next.
	if _, err := e.Build(t.Context(), f.define(t, "FROM probe\nRUN [\"/probe\", \"eat\", \"100\"]\n", nil), Output{}); err != nil {
		t.Errorf("within the limits: %v", err)
	}
}

func TestWhy(t *testing.T) {
	deaths := int64(1)
	full := &guard{memory: 4e9, pids: 100, killed: func() int64 { return deaths }, crowded: func() bool { return true }}
	roomy := &guard{pids: 100, crowded: func() bool { return false }}
	for _, tc := range []struct {
		g      *guard
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
		if got := tc.g.why(tc.before, tc.code, tc.output); got != tc.want {
			t.Errorf("%d %d %q: %q, want %q", tc.before, tc.code, tc.output, got, tc.want)
		}
	}
}

func TestSpell(t *testing.T) {
	for d, want := range map[time.Duration]string{2 * time.Hour: "2h", 90 * time.Minute: "1h30m", 10 * time.Minute: "10m", 61 * time.Second: "1m1s", 40 * time.Second: "40s", time.Hour + 10*time.Minute: "1h10m"} {
		if got := spell(d); got != want {
			t.Errorf("%s: %s, want %s", d, got, want)
		}
	}
	for n, want := range map[int64]string{4e9: "8GB", 300e6: "600MB", 18_300_000_000: "37GB", 5: "10"} {
		if got := doubled(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
