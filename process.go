package whittle

import (
	"reflect"
	"slices"
	"strings"
)

// Differs says which setting is another one than that of other images of the same
// program; empty if there is none. PATH and VIRTUAL_ENV, which an environment of
// Python sets, do not count.
func (p *Process) Differs(other *Process) string {
	env := func(p *Process) []string {
		out := slices.DeleteFunc(slices.Clone(p.Env), func(v string) bool { return strings.HasPrefix(v, "PATH=") || strings.HasPrefix(v, "VIRTUAL_ENV=") })
		slices.Sort(out)
		return out
	}
	a, b := *p, *other
	a.Env, b.Env = env(p), env(other)
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range x.NumField() {
		if v, w := x.Field(i), y.Field(i); !reflect.DeepEqual(v.Interface(), w.Interface()) && !(empty(v) && empty(w)) {
			return "the image has another setting " + x.Type().Field(i).Name
		}
	}
	return ""
}

// empty says that a setting is not there.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	}
	return v.IsZero()
}
