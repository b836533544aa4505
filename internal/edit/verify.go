package edit

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/toml"
)

// change is the difference that edits are to make in a document.
type change struct {
	path  []string
	table bool
	// removed is the normalized name of what leaves the list.
	removed string
	// elements are what is added to an array; key is what is added to a
	// table, with its value as written.
	added      bool
	elements   []string
	key, value string
}

// check applies edits and reads what comes out: the lists differ as the
// changes say, nothing else does, and of the comments only those that are
// named are gone.
func (d *document) check(edits []whittle.Edit, lost []string, changes ...change) error {
	out, err := splice(d.src, edits)
	if err != nil {
		return err
	}
	now, shift, err := parse(out)
	if err != nil || shift > 0 {
		return whittle.ErrUnsupported.Errorf("what comes out does not parse (%v)", err)
	}
	if !sameComments(d, now, lost) {
		return whittle.ErrUnsupported.Errorf("a comment would be lost")
	}
	var before map[string]any
	if err := toml.Unmarshal(d.src, &before); err != nil {
		return err
	}
	for _, c := range changes {
		old, oldOK := cut(before, c.path)
		made, madeOK := cut(now.data, c.path)
		if !oldOK || !madeOK || !c.holds(old, made) {
			return whittle.ErrUnsupported.Errorf("%v would not be what it should", c.path)
		}
	}
	if !equal(before, now.data) {
		return whittle.ErrUnsupported.Errorf("something else would change")
	}
	return nil
}

// sameComments says that the comments are the same, in any order, but for
// those that are lost.
func sameComments(before, after *document, lost []string) bool {
	count := map[string]int{}
	for _, c := range before.comments() {
		count[string(before.src[c.Start:c.End])]++
	}
	for _, c := range lost {
		count[c]--
	}
	for _, c := range after.comments() {
		count[string(after.src[c.Start:c.End])]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

// cut takes a value out of a document, and the tables that are empty without
// it. ok is false where something on the way is no table.
func cut(doc map[string]any, path []string) (v any, ok bool) {
	v, there := doc[path[0]]
	if !there {
		return nil, true
	}
	if len(path) > 1 {
		below, isTable := v.(map[string]any)
		if !isTable {
			return nil, false
		}
		if v, ok = cut(below, path[1:]); !ok {
			return nil, false
		}
		if len(below) > 0 {
			return v, true
		}
	}
	delete(doc, path[0])
	return v, true
}

// holds says that a list became what the change says. A list that is not
// there is like an empty one.
func (c change) holds(before, after any) bool {
	if c.table {
		return c.tableHolds(before, after)
	}
	old, ok := before.([]any)
	made, okMade := after.([]any)
	if before != nil && !ok || after != nil && !okMade {
		return false
	}
	if !c.added {
		kept := slices.DeleteFunc(slices.Clone(old), func(e any) bool {
			s, ok := e.(string)
			return ok && nameOf(s) == c.removed
		})
		return after != nil && len(kept) < len(old) && slices.EqualFunc(kept, made, equal)
	}
	missing := slices.Clone(c.elements)
	for _, e := range made {
		if len(old) > 0 && equal(old[0], e) {
			old = old[1:]
			continue
		}
		text, _ := e.(string)
		i := slices.Index(missing, text)
		if i < 0 {
			return false
		}
		missing = slices.Delete(missing, i, i+1)
	}
	return len(old) == 0 && len(missing) == 0
}

func (c change) tableHolds(before, after any) bool {
	old, ok := before.(map[string]any)
	made, okMade := after.(map[string]any)
	if before != nil && !ok || after != nil && !okMade {
		return false
	}
	old, made = maps.Clone(old), maps.Clone(made)
	if !c.added {
		n := len(old)
		maps.DeleteFunc(old, func(k string, _ any) bool { return distribution(k) == c.removed })
		return len(old) < n && (len(old) == 0 && len(made) == 0 || equal(old, made))
	}
	v, there := made[c.key]
	var want struct{ X any }
	if err := toml.Unmarshal(fmt.Appendf(nil, "X = %s", c.value), &want); err != nil || !there || !equal(v, want.X) {
		return false
	}
	delete(made, c.key)
	_, twice := old[c.key]
	return !twice && (len(old) == 0 && len(made) == 0 || equal(old, made))
}

// equal compares values of documents; a NaN is equal to itself.
func equal(a, b any) bool {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		return ok && maps.EqualFunc(x, y, equal)
	case []any:
		y, ok := b.([]any)
		return ok && slices.EqualFunc(x, y, equal)
	case float64:
		y, ok := b.(float64)
		return ok && (x == y || math.IsNaN(x) && math.IsNaN(y))
	}
	return reflect.DeepEqual(a, b)
}
