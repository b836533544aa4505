// Package patch applies the fixes of several findings to a project's files at
// once, each completely or not at all, and shows the differences.
package patch

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/aymanbagabas/go-udiff"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
)

// Conflict says why a fix was not applied with the others.
type Conflict struct {
	// Fix is its position among those that were given.
	Fix    int
	Reason string
}

// Merge applies fixes to a project's files, each whole or not at all. files
// has the contents by path; one that is not there yet is missing. dockerfiles
// names those that are Dockerfiles. A fix whose
// edits overlap those of an earlier one, or after which a file would not be
// what it was but for the edits, is a conflict. What several fixes change in
// the same way is changed once. The result has the changed files only.
//
// An error is a fix that was made against another content of a file.
func Merge(files map[string][]byte, dockerfiles []string, fixes []*whittle.Fix) (map[string][]byte, []Conflict, error) {
	m := merger{files: files, dockerfiles: dockerfiles, edits: map[string][]whittle.Edit{}}
	var conflicts []Conflict
	for i, f := range fixes {
		if err := m.check(f); err != nil {
			return nil, nil, err
		}
		if err := m.add(f); err != nil {
			conflicts = append(conflicts, Conflict{i, err.Error()})
		}
	}
	out := map[string][]byte{}
	for name, edits := range m.edits {
		text, err := m.result(name, edits)
		if err != nil {
			return nil, nil, err // add has applied the same edits before
		}
		out[name] = text
	}
	return out, conflicts, nil
}

type merger struct {
	files       map[string][]byte
	dockerfiles []string
	edits       map[string][]whittle.Edit
}

// check compares the fix with the contents that it was made for.
func (m *merger) check(f *whittle.Fix) error {
	for _, p := range f.Patches {
		src, ok := m.files[p.File]
		if p.Digest == "" && ok || p.Digest != "" && (!ok || whittle.DigestOf(src) != p.Digest) {
			return whittle.ErrUsage.Errorf("%s is not what the fix %q was made for", p.File, f.Title)
		}
	}
	return nil
}

// add takes in a fix if all its patches go with what is there.
func (m *merger) add(f *whittle.Fix) error {
	next := map[string][]whittle.Edit{}
	for _, p := range f.Patches {
		have, ok := next[p.File]
		if !ok {
			have = m.edits[p.File]
		}
		edits, err := dockerfile.Combine(m.files[p.File], have, p.Edits)
		if err != nil {
			return fmt.Errorf("%s: %w", p.File, err)
		}
		if _, err := m.apply(p.File, edits); err != nil {
			return fmt.Errorf("%s: %w", p.File, err)
		}
		next[p.File] = edits
	}
	for name, edits := range next {
		m.edits[name] = edits
	}
	return nil
}

// apply makes the edits of one file, and checks the result against what the kind of
// file promises.
func (m *merger) apply(name string, edits []whittle.Edit) ([]byte, error) {
	if slices.Contains(m.dockerfiles, name) {
		return dockerfile.Apply(m.files[name], edits)
	}
	return whittle.Splice(m.files[name], edits)
}

// result is apply to all edits of a file: lines that they make too long
// together are broken.
func (m *merger) result(name string, edits []whittle.Edit) ([]byte, error) {
	if slices.Contains(m.dockerfiles, name) {
		return dockerfile.Wrap(m.files[name], edits)
	}
	return m.apply(name, edits)
}

// Rewrite is a fix that makes one text of a Dockerfile of another. Its edits are whole
// lines, or the whole text where single edits would say less than they change: what
// comes after a new stage is in another one.
func Rewrite(title, file string, before, after []byte) *whittle.Fix {
	var edits []whittle.Edit
	for _, e := range udiff.Lines(string(before), string(after)) {
		edits = append(edits, whittle.Edit{Span: whittle.Span{Start: e.Start, End: e.End}, New: e.New})
	}
	if _, err := dockerfile.Apply(before, edits); err != nil {
		edits = []whittle.Edit{{Span: whittle.Span{Start: 0, End: len(before)}, New: string(after)}}
	}
	return &whittle.Fix{Title: title, Patches: []whittle.Patch{{File: file, Digest: whittle.DigestOf(before), Edits: edits}}}
}

// Changes are the files that differ, with unified diffs, sorted by path.
func Changes(before, after map[string][]byte) []whittle.FileChange {
	out := []whittle.FileChange{}
	for name, text := range after {
		old, existed := before[name]
		if existed && string(old) == string(text) {
			continue
		}
		from := "a/" + name
		if !existed {
			from = "/dev/null"
		}
		out = append(out, whittle.FileChange{Path: name, Diff: unified(from, "b/"+name, old, text), Before: old, After: text, Created: !existed})
	}
	slices.SortFunc(out, func(a, b whittle.FileChange) int { return cmp.Compare(a.Path, b.Path) })
	return out
}
