package audit

import (
	"fmt"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/keep"
)

// unusedDependency is the rule that finds distributions that nothing uses. It looks at what
// a project declares; of an image alone all distributions are looked at.
const unusedDependency = "unused-dependency"

// unused are the paths of distributions that files show to be unused, and that no run of
// the trace touched if there is one. Without a trace those with commands stay: people call
// these. It is false if there is none.
func (t *trimming) unused() (map[string]string, whittle.Trim, bool) {
	row := whittle.Trim{Rule: unusedDependency, Status: whittle.Applied}
	if t.x.Facts.Graph == nil {
		return nil, row, false
	}
	u, left := t.distributions(), leftBy{}
	var touched []int
	if t.options.Trace != nil {
		paths := map[string]bool{}
		for _, p := range t.options.Trace.Touched {
			paths[p.Path] = true
		}
		touched = u.Touched(paths)
	} else {
		touched = t.called(u, left)
	}
	o := keep.Outcome{Units: u, Touched: touched, Kept: u.Kept(touched), Rule: unusedDependency, Paths: map[string]string{}}
	var gone []string
	all := 0
	for i := range t.x.Facts.Graph.Distributions {
		d := &t.x.Facts.Graph.Distributions[i]
		if _, within := u.Within[i]; within || d.VendoredBy != "" {
			continue
		}
		all++
		switch r := o.Row(i, d.Name, d.Version); r.Status {
		case whittle.TracedRemoved:
			gone = append(gone, d.Name)
		case whittle.TracedLeft:
			left.add(d.Name+" is unused, but "+r.Reason, u.Files[i], r.Bytes)
		}
	}
	row.Files, row.Bytes, row.Left = o.Files, o.Bytes, left.rows()
	if len(gone) == 0 {
		row.Status, row.Reason = whittle.FixSkipped, "nothing of it can be removed"
		row.Message = "Python distributions that nothing imports, loads or names"
		return nil, row, len(row.Left) > 0
	}
	row.Message = fmt.Sprintf("%d of %d Python distributions are unused: nothing that the image starts imports, loads or names them", len(gone), all)
	if t.options.Trace != nil {
		row.Message += ", and no run of the trace touched them"
	}
	row.Message += ": " + strings.Join(gone, ", ")
	return o.Paths, row, true
}

// called are the distributions with commands that people may call; left notes those that
// nothing else needs.
func (t *trimming) called(u *keep.Distributions, left leftBy) (out []int) {
	for i := range t.x.Facts.Graph.Distributions {
		d := &t.x.Facts.Graph.Distributions[i]
		for _, e := range d.EntryPoints {
			if e.Group != "console_scripts" || d.VendoredBy != "" {
				continue
			}
			if out = append(out, i); !u.Always[i] {
				left.add(d.Name+" is unused, but people may call its command "+e.Name+": a trace (--trace) would show what is called", u.Files[i], u.Bytes[i])
			}
			break
		}
	}
	return out
}
