package runs

import (
	"slices"
	"testing"

	"whittle.dev/whittle"
)

// TestSlowerOnALoadedMachine: where the processor time is known, it alone decides, whatever a loaded
// machine makes of the time that passes; where it is not, that time does.
func TestSlowerOnALoadedMachine(t *testing.T) {
	times := func(all ...float64) []float64 { return all }
	loaded := times(9, 8, 12)
	for _, c := range []struct {
		name                string
		before, after       []float64
		cpuBefore, cpuAfter []float64
		want                bool
	}{
		{"as fast", times(1, 1.1, 1), times(1.1, 1, 1), nil, nil, false},
		{"the time that passes", times(1, 1.1, 1), times(2, 2.1, 2), nil, nil, true},
		{"less than counts", times(1, 1, 1), times(1.15, 1.15, 1.15), nil, nil, false},
		{"one run is as fast", times(1, 1, 1), times(0.9, 0.9, 3), nil, nil, false},
		{"a loaded machine", times(1, 1.1, 1), loaded, times(0.9, 0.9, 0.8), times(0.9, 0.8, 0.9), false},
		{"a loaded machine before", loaded, times(1, 1.1, 1), times(0.5, 0.5, 0.5), times(0.9, 0.8, 0.9), true},
		{"a tenth", times(10, 10, 10), times(11, 11, 11), times(10, 10, 10), times(10.9, 10.9, 10.9), false},
		{"too few processor times", times(1, 1, 1), times(2, 2, 2), times(1), times(1), true},
		{"too few runs", times(1, 1), times(2, 2), nil, nil, false},
	} {
		s := StartTimes{Name: "CMD", Before: c.before, After: c.after, CPUBefore: c.cpuBefore, CPUAfter: c.cpuAfter, Least: SlowerSeconds}
		if got := s.Slower(); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
		// What is clearly slower gives a reason to measure it.
		was, is := whittle.CommandRun{Seconds: c.before, CPU: c.cpuBefore}, whittle.CommandRun{Seconds: c.after, CPU: c.cpuAfter}
		if s.Slower() && len(c.cpuBefore) != 1 && !Seems(&was, &is) {
			t.Errorf("%s: it does not seem slower", c.name)
		}
		m := s.Medians()
		if (m.CPUBefore != nil) != (len(c.cpuBefore) > 0) || m.Before != slices.Sorted(slices.Values(c.before))[len(c.before)/2] && len(c.before) != 2 {
			t.Errorf("%s: %+v", c.name, m)
		}
	}
}
