package keep

import (
	"slices"

	"whittle.dev/whittle"
)

// Outcome says which units stay after all runs, and adds up what goes.
type Outcome struct {
	Units *Distributions
	// Touched are the units that runs touched, Back those that came back. Kept says which
	// stay.
	Touched, Back []int
	Kept          []bool
	// Paths go, with Rule; Files and Bytes count them.
	Rule  string
	Paths map[string]string
	Files int
	Bytes int64
}

// Row says why a unit stays or goes, and adds what goes.
func (o *Outcome) Row(i int, name, version string) whittle.TracedDistribution {
	u := o.Units
	d := whittle.TracedDistribution{Name: name, Version: version, Bytes: u.Bytes[i]}
	switch {
	case slices.Contains(o.Touched, i):
		d.Status = whittle.TracedTouched
	case u.Needed[i] != "":
		d.Status, d.Reason = whittle.TracedNeeded, u.Needed[i]
	case u.Left[i] != "":
		d.Status, d.Reason = whittle.TracedLeft, u.Left[i]
	case slices.Contains(o.Back, i):
		d.Status = whittle.TracedAbstained
	case o.Kept[i]:
		d.Status, d.Reason = whittle.TracedNeeded, "what stays needs it"
	default:
		d.Status = whittle.TracedRemoved
		o.Files += u.Files[i]
		o.Bytes += u.Bytes[i]
		for _, p := range u.Paths[i] {
			o.Paths[p] = o.Rule
		}
	}
	return d
}

// HeldOut says what each run touched, and what the deciding ones alone would have missed
// of the others.
func (d *Distributions) HeldOut(runs []whittle.TraceRun, touched [][]int) *whittle.TracedSqueeze {
	out := &whittle.TracedSqueeze{Runs: []whittle.SqueezeRun{}, Distributions: []whittle.TracedDistribution{}, Packages: []whittle.TracedDistribution{}}
	var names []string
	for i := range runs {
		names = append(names, runs[i].Name)
	}
	held := Split(names)
	var deciding [][]int
	for i := range touched {
		if !held[i] {
			deciding = append(deciding, touched[i])
		}
	}
	before, alone := d.Kept(deciding...), d.Alone(touched)
	for i := range runs {
		run := whittle.SqueezeRun{Name: names[i], Command: runs[i].Command, HeldOut: held[i], Touched: len(touched[i]), Alone: alone[i], Missed: []string{}}
		if held[i] {
			out.HeldOut++
			for _, n := range Missed(before, touched[i]) {
				run.Missed = append(run.Missed, d.names[n])
			}
			if len(run.Missed) > 0 {
				out.HeldOutMissed++
			}
		}
		out.Runs = append(out.Runs, run)
	}
	out.Rate, out.Bound = Rate(alone), Bound(out.HeldOutMissed, out.HeldOut)
	return out
}
