// Package edit edits the files in which a Python project says what it
// needs, and changes nothing else in them: pyproject.toml, requirements files,
// and an import that is to be guarded.
//
// Edits are against the bytes that were given. Before they are returned they
// are applied and the result is read again: it must differ from what was given
// by the intended element alone, and no comment may be lost that is not
// on the element's own line. Else there is an error that wraps
// [whittle.ErrUnsupported], and no edit.
package edit

import (
	"fmt"
	"slices"

	"whittle.dev/whittle"
)

const (
	// maxTOML and maxText bound the files in bytes: a lock of hashes is long,
	// a pyproject.toml is not.
	maxTOML = 1 << 20
	maxText = 8 << 20
	// maxLines bounds the lines of a file that say something.
	maxLines = 100_000
	// maxPairs bounds the keys of a document, inline ones too: to see that none
	// is there twice takes time with their square.
	maxPairs = 8 << 10
	// maxKeys bounds the parts of a dotted key, and so how deep the document
	// of a hostile file can be.
	maxKeys = 64
	// maxCopies bounds how often a list has a distribution that leaves it.
	maxCopies = 16
)

var byteOrderMark = []byte("\ufeff")

// List names one list of requirements in a pyproject.toml.
type List struct {
	// Kind is one of
	//
	//   - "dependencies": project.dependencies;
	//   - "optional": project.optional-dependencies.NAME, an extra;
	//   - "group": dependency-groups.NAME (PEP 735);
	//   - "poetry": tool.poetry.dependencies;
	//   - "poetry-group": tool.poetry.group.NAME.dependencies, or for "dev"
	//     tool.poetry.dev-dependencies where only that is there;
	//   - "pdm-dev": tool.pdm.dev-dependencies.NAME;
	//   - "uv-dev": tool.uv.dev-dependencies;
	//   - "hatch": tool.hatch.envs.NAME.dependencies;
	//   - "pipfile" and "pipfile-dev": the tables packages and dev-packages of a
	//     Pipfile;
	//   - "build": build-system.requires.
	Kind string
	// Name is that of the extra, group or environment, empty for the kinds
	// that have one list. Names of extras and groups are compared as PEP 685
	// does.
	Name string
}

func (l List) String() string {
	if l.Name == "" {
		return fmt.Sprintf("%.80s", l.Kind)
	}
	if !printable(l.Name) || len(l.Name) > 80 {
		return fmt.Sprintf("%s %.80q", l.Kind, l.Name)
	}
	return l.Kind + " " + l.Name
}

// Lists says which lists a pyproject.toml has, also empty ones: by kind in the
// order of [List], then by name as written.
func Lists(src []byte) ([]List, error) {
	d, _, err := parse(src)
	if err != nil {
		return nil, fmt.Errorf("reading pyproject.toml: %w", err)
	}
	return d.lists(), nil
}

// Requirements gives the elements of a list in the order of the file, as PEP
// 508 has them. What a group includes is skipped, and so is Poetry's python.
// A constraint of Poetry's that has no counterpart leaves the name alone. A
// list that is not there is [whittle.ErrNotFound].
func Requirements(src []byte, list List) ([]string, error) {
	d, _, err := parse(src)
	if err != nil {
		return nil, fmt.Errorf("reading pyproject.toml: %w", err)
	}
	p, err := d.locate(list)
	if err != nil {
		return nil, fmt.Errorf("reading %s in pyproject.toml: %w", list, err)
	}
	return p.requirements(), nil
}

// AddRequirement adds a requirement (PEP 508: "rich>=13,<14") to a list of a
// pyproject.toml in the list's own style, in its sorted place where the list
// is sorted, else as the last one. A list that is not there is made where its
// table is, or would be looked for. Where the list has the distribution
// already, with these extras and for this marker or any, there is no edit.
func AddRequirement(src []byte, list List, requirement string) ([]whittle.Edit, error) {
	fail := func(err error) ([]whittle.Edit, error) {
		return nil, fmt.Errorf("adding %.80q to %s in pyproject.toml: %w", requirement, list, err)
	}
	r, err := parseRequirement(requirement)
	if err != nil {
		return fail(err)
	}
	d, shift, err := parse(src)
	if err != nil {
		return fail(err)
	}
	edits, c, err := d.add(list, taken{requirement: r}, "")
	if err != nil {
		return fail(err)
	}
	if len(edits) == 0 {
		return nil, nil
	}
	if err := d.check(edits, nil, c); err != nil {
		return fail(err)
	}
	return shifted(edits, shift), nil
}

// RemoveRequirement removes a distribution from a list of a pyproject.toml: the
// element, or all of them where markers tell several apart. An element alone
// on its line goes with the line and the comment at its end; all other
// comments stay. The list stays, empty. What is not there is no edit.
func RemoveRequirement(src []byte, list List, name string) ([]whittle.Edit, error) {
	fail := func(err error) ([]whittle.Edit, error) {
		return nil, fmt.Errorf("removing %.80q from %s in pyproject.toml: %w", name, list, err)
	}
	d, shift, err := parse(src)
	if err != nil {
		return fail(err)
	}
	gone, err := d.remove(list, name)
	if err != nil {
		return fail(err)
	}
	if len(gone.edits) == 0 {
		return nil, nil
	}
	if err := d.check(gone.edits, gone.comments, gone.change); err != nil {
		return fail(err)
	}
	return shifted(gone.edits, shift), nil
}

// MoveRequirement takes a distribution out of one list of a pyproject.toml and
// adds it to another, with the comment on its line. Where the other list has
// it already it is only taken out. What is not there is
// [whittle.ErrNotFound].
func MoveRequirement(src []byte, from, to List, name string) ([]whittle.Edit, error) {
	fail := func(err error) ([]whittle.Edit, error) {
		return nil, fmt.Errorf("moving %.80q from %s to %s in pyproject.toml: %w", name, from, to, err)
	}
	d, shift, err := parse(src)
	if err != nil {
		return fail(err)
	}
	gone, err := d.remove(from, name)
	switch {
	case err != nil:
		return fail(err)
	case len(gone.edits) == 0:
		return fail(whittle.ErrNotFound.Errorf("it is not there"))
	}
	if same, err := d.samePlace(from, to); err != nil {
		return fail(err)
	} else if same {
		return nil, nil
	}
	edits, err := d.move(gone, to)
	if err != nil {
		return fail(err)
	}
	return shifted(edits, shift), nil
}

// move adds what was taken to a list, and checks both changes together.
func (d *document) move(gone removal, to List) ([]whittle.Edit, error) {
	note := ""
	switch {
	case len(gone.comments) > 1 || len(gone.comments) == 1 && len(gone.elements) > 1:
		return nil, whittle.ErrUnsupported.Errorf("the comments on its lines would be lost")
	case len(gone.comments) == 1:
		note = gone.note
	}
	cur, all := d, change{added: true}
	var lost []string
	for i, e := range gone.elements {
		added, c, err := cur.add(to, e, note)
		switch {
		case err != nil:
			return nil, err
		case len(gone.elements) > 1 && (c.table || i > 0 && len(added) == 0 != (len(all.path) == 0)):
			return nil, whittle.ErrUnsupported.Errorf("there are several of it, and not all would arrive")
		case len(added) == 0:
			lost = gone.comments
			continue
		}
		c.elements = append(all.elements, c.elements...)
		all = c
		if edits, ok := merged(gone.edits, added); ok && len(gone.elements) == 1 && d.check(edits, nil, gone.change, all) == nil {
			return edits, nil
		}
		out, err := splice(cur.src, added)
		if err != nil {
			return nil, err
		}
		if cur, _, err = parse(out); err != nil {
			return nil, fmt.Errorf("what comes out does not parse: %w", err)
		}
	}
	// There are several elements, or the edits are in each other's way: one
	// after the other then, and one edit for all.
	again, err := cur.remove(gone.list, gone.name)
	if err != nil {
		return nil, err
	}
	out, err := splice(cur.src, again.edits)
	if err != nil {
		return nil, err
	}
	edits, changes := difference(d.src, out), []change{gone.change}
	if len(all.path) > 0 {
		changes = append(changes, all)
	}
	if err := d.check(edits, lost, changes...); err != nil {
		return nil, err
	}
	return edits, nil
}

// merged puts two sets of edits in order; ok is false where they overlap.
func merged(a, b []whittle.Edit) (out []whittle.Edit, ok bool) {
	out = append(slices.Clone(a), b...)
	sortEdits(out)
	for i := 1; i < len(out); i++ {
		if out[i].Span.Start < out[i-1].Span.End {
			return nil, false
		}
	}
	return out, true
}

// difference is one edit that covers all that differs.
func difference(a, b []byte) []whittle.Edit {
	start, end := 0, 0
	for start < len(a) && start < len(b) && a[start] == b[start] {
		start++
	}
	for end < len(a)-start && end < len(b)-start && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	if start == len(a) && start == len(b) {
		return nil
	}
	return []whittle.Edit{{Span: whittle.Span{Start: start, End: len(a) - end}, New: string(b[start : len(b)-end])}}
}

func shifted(edits []whittle.Edit, by int) []whittle.Edit {
	for i := range edits {
		edits[i].Span.Start += by
		edits[i].Span.End += by
	}
	return edits
}
