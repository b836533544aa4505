package edit

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/toml"
)

// ReplaceRequirement puts a requirement (PEP 508) in the place of the one element of
// a list of a pyproject.toml that has a distribution, with the element's quotes. In
// a table of Poetry's the key changes, or the extras leave the value. What is there
// several times, or not at all, is [whittle.ErrUnsupported].
func ReplaceRequirement(src []byte, list List, name, with string) ([]whittle.Edit, error) {
	fail := func(err error) ([]whittle.Edit, error) {
		return nil, fmt.Errorf("replacing %.80q in %s of pyproject.toml: %w", name, list, err)
	}
	want, err := parseRequirement(with)
	if err != nil {
		return fail(err)
	}
	d, shift, err := parse(src)
	if err != nil {
		return fail(err)
	}
	l, err := d.locate(list)
	if err != nil {
		return fail(err)
	}
	var e whittle.Edit
	if l.table {
		e, err = l.replaceKey(pep.Normalize(name), want)
	} else {
		e, err = l.replaceElement(pep.Normalize(name), want)
	}
	if err != nil {
		return fail(err)
	}
	out, err := splice(d.src, []whittle.Edit{e})
	if err != nil {
		return fail(err)
	}
	now, _, err := parse(out)
	switch {
	case err != nil:
		return fail(err)
	case !sameComments(d, now, nil):
		return fail(whittle.ErrUnsupported.Errorf("a comment would be lost"))
	}
	var before map[string]any
	if err := toml.Unmarshal(d.src, &before); err != nil {
		return fail(err)
	}
	// The lists differ as intended: replaceKey and replaceElement change one value,
	// so that everything else has to be equal, and the list as long as before.
	old, oldOK := cut(before, l.path)
	made, madeOK := cut(now.data, l.path)
	if !oldOK || !madeOK || !equal(before, now.data) || !replaced(old, made, pep.Normalize(name), want) {
		return fail(whittle.ErrUnsupported.Errorf("something else would change"))
	}
	return shifted([]whittle.Edit{e}, shift), nil
}

// replaced says that a list differs from another one in one element alone, which is
// what is wanted.
func replaced(before, after any, name string, want requirement) bool {
	if old, ok := before.([]any); ok {
		made, ok := after.([]any)
		if !ok || len(old) != len(made) {
			return false
		}
		n := 0
		for i := range old {
			if equal(old[i], made[i]) {
				continue
			}
			s, _ := old[i].(string)
			t, _ := made[i].(string)
			if nameOf(s) != name || t != want.text {
				return false
			}
			n++
		}
		return n == 1
	}
	old, ok := before.(map[string]any)
	made, okMade := after.(map[string]any)
	if !ok || !okMade || len(old) != len(made) {
		return false
	}
	old, made = maps.Clone(old), maps.Clone(made)
	maps.DeleteFunc(old, func(k string, _ any) bool { return distribution(k) == name })
	maps.DeleteFunc(made, func(k string, _ any) bool { return distribution(k) == want.Name })
	return equal(old, made)
}

func (l *located) replaceElement(name string, want requirement) (e whittle.Edit, err error) {
	a, err := l.d.array(l.path)
	if err != nil {
		return e, err
	}
	at := -1
	for i, v := range l.array {
		s, _ := v.(string)
		if nameOf(s) != name {
			continue
		}
		if at >= 0 {
			return e, whittle.ErrUnsupported.Errorf("it is there several times")
		}
		at = i
	}
	if at < 0 || at >= len(a.items) {
		return e, whittle.ErrUnsupported.Errorf("it is not there")
	}
	it := a.items[at]
	return whittle.Edit{Span: whittle.Span{Start: it.Start, End: it.End}, New: quote(want.text, preferred(quotesOf(a.src, it.Start)))}, nil
}

func (l *located) replaceKey(name string, want requirement) (e whittle.Edit, err error) {
	entries := slices.DeleteFunc(l.entries(), func(x entry) bool { return distribution(x.name) != name })
	if len(entries) != 1 || len(entries[0].exprs) != 1 || entries[0].value.End == 0 {
		return e, whittle.ErrUnsupported.Errorf("it is not there once in a line of its own")
	}
	found := entries[0]
	x := &l.d.exprs[found.exprs[0]]
	if want.Name != name {
		k := x.keys[len(x.keys)-1]
		return whittle.Edit{Span: k, New: keyText(want.Written)}, nil
	}
	value, ok := l.keys[found.name].(map[string]any)
	_, versioned := value["version"].(string)
	if !ok || !versioned || len(value) != 2 || value["extras"] == nil || len(want.Extras) > 0 || l.d.src[found.value.Start] != '{' {
		return e, whittle.ErrUnsupported.Errorf("it says more than a version and extras")
	}
	for _, it := range l.d.bracketed(found.value.Start).items {
		if kv, ok := l.d.keyValue(it); ok && len(kv.key) == 1 && kv.key[0] == "version" {
			return whittle.Edit{Span: found.value, New: string(l.d.src[kv.value:kv.span.End])}, nil
		}
	}
	return e, whittle.ErrUnsupported.Errorf("its version cannot be read")
}

// ReplaceLine puts a requirement in the place of the one of a distribution in a file
// of requirements; options and the comment on its line stay. What has hashes, or is
// there several times or not at all, is [whittle.ErrUnsupported].
func ReplaceLine(src []byte, name, with string) ([]whittle.Edit, error) {
	fail := func(err error) ([]whittle.Edit, error) {
		return nil, fmt.Errorf("replacing %.80q in a requirements file: %w", name, err)
	}
	want, err := parseRequirement(with)
	if err != nil {
		return fail(err)
	}
	f, err := parseLines(src)
	if err != nil {
		return fail(err)
	}
	at := -1
	for i := range f.lines {
		if f.lines[i].name != pep.Normalize(name) {
			continue
		}
		if at >= 0 {
			return fail(whittle.ErrUnsupported.Errorf("it is there several times"))
		}
		at = i
	}
	if at < 0 {
		return fail(whittle.ErrUnsupported.Errorf("it is not there"))
	}
	l := &f.lines[at]
	old, options := pep.SplitOptions(l.Text)
	old = string(bytes.TrimSpace([]byte(old)))
	start := bytes.Index(src[l.Start:l.End], []byte(old))
	if start < 0 || options != "" {
		return fail(whittle.ErrUnsupported.Errorf("it has options, or is on several lines"))
	}
	start += l.Start
	e := whittle.Edit{Span: whittle.Span{Start: start, End: start + len(old)}, New: want.text}
	out, err := splice(src, []whittle.Edit{e})
	if err != nil {
		return fail(err)
	}
	now, err := parseLines(out)
	if err != nil || len(now.lines) != len(f.lines) {
		return fail(whittle.ErrUnsupported.Errorf("another line would change"))
	}
	for i := range now.lines {
		if a, b := &f.lines[i], &now.lines[i]; a.Comment != b.Comment || i != at && a.Text != b.Text || i == at && b.Text != want.text {
			return fail(whittle.ErrUnsupported.Errorf("another line would change"))
		}
	}
	return []whittle.Edit{e}, nil
}
