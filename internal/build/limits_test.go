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
	opts.Daemon.StateDir, opts.Daemon.Memory, opts.Daemon.Pids, opts.Time = t.TempDir(), 300e6, 60, 5*time.Minute
	e, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if notes := strings.Join(e.Info().Notes, "; "); strings.Contains(notes, "have no limit of") {
		t.Skipf("this system has no such limits: %q", notes)
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
		e.limit = opts.Time
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

func TestSpell(t *testing.T) {
	for d, want := range map[time.Duration]string{2 * time.Hour: "2h", 90 * time.Minute: "1h30m", 10 * time.Minute: "10m", 61 * time.Second: "1m1s", 40 * time.Second: "40s", time.Hour + 10*time.Minute: "1h10m"} {
		if got := spell(d); got != want {
			t.Errorf("%s: %s, want %s", d, got, want)
		}
	}
}
