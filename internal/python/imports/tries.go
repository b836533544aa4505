package imports

import (
	"whittle.dev/whittle/internal/python/source"
)

// outcomes say of the try statements of a module whether their bodies fail, as
// far as the imports there go. Of those without imports it is not known.
type outcomes map[int]source.Truth

// add notes how an import went: what it raises goes through tries whose
// handlers raise, and is caught by the first that guards it; those around that
// go on.
func (o outcomes) add(imp *source.Import, fails, runs source.Truth) {
	for _, t := range imp.Tries {
		if t.Part != source.TryBody && t.Part != source.TryThrough {
			continue
		}
		was, seen := o[t.Number]
		if !seen {
			was = source.No
		}
		switch {
		case fails == source.Yes && runs == source.Yes:
			was = source.Yes
		case fails != source.No && was == source.No:
			was = source.Maybe
		}
		o[t.Number] = was
		if t.Part == source.TryBody {
			fails = source.No
		}
	}
}

// runs says whether a statement runs: its conditions hold, the body failed of
// each try in whose handler it stands, and went well where it stands in the
// else.
func (o outcomes) runs(imp *source.Import, rt source.Runtime) source.Truth {
	runs := o.parts(imp.Tries)
	for _, c := range imp.Conditions {
		if runs != source.No && c.Text != source.TrySucceeded {
			runs = both(runs, c.Holds(rt))
		}
	}
	return runs
}

// parts says whether the parts of try statements run that a statement is in.
func (o outcomes) parts(tries []source.Try) source.Truth {
	runs := source.Yes
	for _, t := range tries {
		if t.Part != source.TryHandler && t.Part != source.TryElse {
			continue
		}
		failed := o[t.Number] // Maybe where it is not known
		if t.Part == source.TryElse {
			failed = source.Not(failed)
		}
		runs = both(runs, failed)
	}
	return runs
}

// both is Yes where both are.
func both(a, b source.Truth) source.Truth {
	switch {
	case a == source.No || b == source.No:
		return source.No
	case a == source.Maybe || b == source.Maybe:
		return source.Maybe
	}
	return source.Yes
}
