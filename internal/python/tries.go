package python

// outcomes say of the try statements of a module whether their bodies fail, as
// far as the imports there go. Of those without imports it is not known.
type outcomes map[int]Truth

// add notes how an import went: what it raises goes through tries whose
// handlers raise, and is caught by the first that guards it; those around that
// go on.
func (o outcomes) add(imp *Import, fails, runs Truth) {
	for _, t := range imp.Tries {
		if t.Part != TryBody && t.Part != TryThrough {
			continue
		}
		was, seen := o[t.Number]
		if !seen {
			was = No
		}
		switch {
		case fails == Yes && runs == Yes:
			was = Yes
		case fails != No && was == No:
			was = Maybe
		}
		o[t.Number] = was
		if t.Part == TryBody {
			fails = No
		}
	}
}

// runs says whether a statement runs: its conditions hold, the body failed of
// each try in whose handler it stands, and went well where it stands in the
// else.
func (o outcomes) runs(imp *Import, rt Runtime) Truth {
	runs := o.parts(imp.Tries)
	for _, c := range imp.Conditions {
		if runs != No && c.Text != trySucceeded {
			runs = both(runs, c.Holds(rt))
		}
	}
	return runs
}

// parts says whether the parts of try statements run that a statement is in.
func (o outcomes) parts(tries []Try) Truth {
	runs := Yes
	for _, t := range tries {
		if t.Part != TryHandler && t.Part != TryElse {
			continue
		}
		failed := o[t.Number] // Maybe where it is not known
		if t.Part == TryElse {
			failed = not(failed)
		}
		runs = both(runs, failed)
	}
	return runs
}

// both is Yes where both are.
func both(a, b Truth) Truth {
	switch {
	case a == No || b == No:
		return No
	case a == Maybe || b == Maybe:
		return Maybe
	}
	return Yes
}
