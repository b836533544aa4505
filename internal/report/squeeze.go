package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
)

// SqueezeText writes for a terminal what was squeezed.
func SqueezeText(w io.Writer, s *whittle.Squeeze, st page.Style) error {
	return page.WriteText(w, squeezeDoc(s), st)
}

// SqueezeMarkdown writes as Markdown what was squeezed.
func SqueezeMarkdown(w io.Writer, s *whittle.Squeeze) error {
	return page.WriteMarkdown(w, squeezeDoc(s))
}

func squeezeDoc(s *whittle.Squeeze) page.Document {
	var d page.Document
	d.Add(page.Heading{Level: 1, Text: squeezeTitle(s)})
	switch {
	case s.Destination != nil && s.Destination.Certificate != "":
		d.Add(page.Para(fmt.Sprintf("Written to %s: %s, with a certificate (%s).", s.Destination.Name, s.Destination.Digest, s.Destination.Certificate)))
	case s.Destination != nil:
		d.Add(page.Para(fmt.Sprintf("Written to %s: %s.", s.Destination.Name, s.Destination.Digest)))
	default:
		d.Add(page.Para("Nothing was written: -o says where to, such as -o docker-archive:small.tar."))
	}
	d.Add(squeezedLayers(s), page.Para(fmt.Sprintf("Size: of the layers as they are stored. Unpacked %s → %s. The merged root file system has %d paths (%s).",
		whittle.Bytes(s.Before.Size), whittle.Bytes(s.After.Size), s.Tree.Paths, s.Tree.Digest)))
	if b := s.Base; b != nil && b.Saves > 0 {
		d.Add(page.Para(fmt.Sprintf("The %d %s of the base stay, so that images of this base go on sharing them. --base rewrite would save up to %s more of unpacked files, and %s would not be shared any more.",
			b.Layers, page.Plural(b.Layers, "layers"), whittle.Bytes(b.Saves), whittle.Bytes(b.Shared))))
	}
	if len(s.Dropped) > 0 {
		t := page.Table{Columns: []page.Column{page.Right("Bytes"), page.Right("Entries"), page.Flexible("Left out")}}
		for _, c := range s.Dropped {
			t.Row(page.Text(whittle.Bytes(c.Bytes)), page.Text(fmt.Sprint(c.Entries)), page.Text(droppedWords(c.Reason)))
		}
		d.Add(page.Heading{Level: 2, Text: "What was left out"}, t)
	}
	if len(s.Trims) > 0 {
		d.Add(page.Heading{Level: 2, Text: "What was to be removed"}, trims(s))
	}
	if s.Traced != nil {
		tracedParts(&d, s.Traced)
	}
	if notes := squeezeNotes(s); len(notes) > 0 {
		d.Add(page.Heading{Level: 2, Text: "To know"}, page.List(notes))
	}
	switch {
	case s.Destination != nil && s.TreeBefore != nil:
		d.Next(page.OfImage("where the bytes of the difference are", s.Destination.Name, "compare", s.Image.Ref))
	case s.Destination != nil:
		d.Next(page.OfImage("prove it again from the two images", s.Destination.Name, "verify", s.Image.Ref))
	default:
		d.Next(page.OfImage("write it", s.Image.Ref, "squeeze", "-o", "docker-archive:squeezed.tar"))
	}
	return d
}

// squeezeTitle is the answer in a line.
func squeezeTitle(s *whittle.Squeeze) string {
	if s.Before.Stored == s.After.Stored && len(s.Dropped) == 0 {
		return fmt.Sprintf("%s: nothing to squeeze out of it, %s", s.Image.Ref, whittle.Bytes(s.Before.Stored))
	}
	proof := "the same file system and configuration (proven by two readings)"
	if s.TreeBefore != nil {
		proof = fmt.Sprintf("the same file system but for %s, and the same configuration (proven by two readings)",
			taken(s.TreeBefore.Paths-s.Tree.Paths, strippedFiles(s), appliedRules(s)))
	}
	if len(s.Ambiguous) > 0 {
		proof = "the same file system and configuration as overlay2 merges them (proven by two readings)"
	}
	return fmt.Sprintf("%s: %s → %s, %s", s.Image.Ref, whittle.Bytes(s.Before.Stored), whittle.Bytes(s.After.Stored), proof)
}

// taken says what rules took from an image.
func taken(removed, stripped int, rules []string) string {
	paths := fmt.Sprintf("%d %s that %s removed", removed, page.Plural(removed, "paths"), removers(rules))
	files := fmt.Sprintf("%d %s that %s stripped", stripped, page.Plural(stripped, "files"), stripDebug)
	others := slices.DeleteFunc(slices.Clone(rules), func(id string) bool { return id == stripDebug })
	switch {
	case stripped == 0:
		return paths
	case len(others) == 0:
		return files
	}
	return fmt.Sprintf("%d %s that %s removed and %s", removed, page.Plural(removed, "paths"), removers(others), files)
}

// stripDebug is the rule that changes files in place of removing them.
const stripDebug = "strip-debug"

func strippedFiles(s *whittle.Squeeze) (n int) {
	for _, t := range s.Trims {
		if t.Status == whittle.Applied && t.Rule == stripDebug {
			n += t.Files
		}
	}
	return n
}

// appliedRules are those whose findings were removed.
func appliedRules(s *whittle.Squeeze) (rules []string) {
	for _, t := range s.Trims {
		if t.Status == whittle.Applied && !slices.Contains(rules, t.Rule) {
			rules = append(rules, t.Rule)
		}
	}
	return rules
}

// trims says what became of each finding.
func trims(s *whittle.Squeeze) page.Table {
	t := page.Table{Columns: []page.Column{page.Flexible("Rule"), page.Right("Bytes"), {Head: "What", Flex: true, Wrap: true, Least: 16}}}
	for _, row := range s.Trims {
		what := fmt.Sprintf("%s (%d %s): %s", row.Status, row.Files, page.Plural(row.Files, "files"), row.Message)
		if row.Reason != "" {
			what += ": " + row.Reason
		}
		for _, l := range row.Left {
			what += fmt.Sprintf("; %d %s (%s) %s: %s", l.Files, page.Plural(l.Files, "files"), whittle.Bytes(l.Bytes), stay(l.Files), l.Reason)
		}
		t.Row(page.Text(removers([]string{row.Rule})), page.Text(whittle.Bytes(row.Bytes)), page.Text(what))
	}
	return t
}

func stay(n int) string {
	if n == 1 {
		return "stays"
	}
	return "stay"
}

// squeezedLayers says where the bytes went, by layer.
func squeezedLayers(s *whittle.Squeeze) page.Table {
	t := page.Table{Columns: []page.Column{page.Right("Layer"), page.Right("Before"), page.Right("After"), {Head: "What", Flex: true, Wrap: true, Least: 12}}}
	for _, l := range s.Layers {
		after, what := "", l.Action
		if l.After != nil {
			after = whittle.Bytes(l.After.Stored)
		}
		var parts []string
		for _, c := range l.Dropped {
			parts = append(parts, fmt.Sprintf("%s %s", whittle.Bytes(c.Bytes), c.Reason))
		}
		switch {
		case len(parts) > 0 && l.Action != "kept":
			what += ": without " + strings.Join(parts, ", ")
		case l.Why != "":
			what += ": " + l.Why
		}
		t.Row(page.Text(fmt.Sprint(l.Index)), page.Text(whittle.Bytes(l.Before.Stored)), page.Text(after), page.Text(what))
	}
	return t
}

// droppedWords are the reasons in words, as docs/terms.md has them.
func droppedWords(reason string) string {
	words := map[string]string{
		"deleted":   "files that a later layer deletes",
		"replaced":  "files that a later layer has something else for",
		"metadata":  "files that a later layer has with the same content and other metadata",
		"identical": "files that a later layer has again, unchanged",
		"duplicate": "files that the same layer has again",
		"whiteout":  "whiteouts that hide nothing",
		"directory": "folders whose metadata a later layer has",
		"trimmed":   "what rules found, or no run touched",
		"link":      "links that a later layer replaces or deletes",
		"other":     "other entries that are not visible",
	}
	return cmp.Or(words[reason], reason)
}

func squeezeNotes(s *whittle.Squeeze) []string {
	notes := slices.Clone(s.Notes)
	for _, a := range s.Ambiguous {
		notes = append(notes, fmt.Sprintf("runtimes merge %s in layer %d differently: %s", a.Path, a.Layer, a.What))
	}
	for _, a := range s.Stale {
		kind := a.Kind
		if a.Type != "" {
			kind += " (" + a.Type + ")"
		}
		notes = append(notes, fmt.Sprintf("%s of the image as it was is not about the new one: %s", kind, a.Digest))
	}
	return notes
}

// VerifyText writes for a terminal whether two images have the same tree.
func VerifyText(w io.Writer, c *whittle.TreeComparison, st page.Style) error {
	return page.WriteText(w, verifyDoc(c), st)
}

// VerifyMarkdown writes it as Markdown.
func VerifyMarkdown(w io.Writer, c *whittle.TreeComparison) error {
	return page.WriteMarkdown(w, verifyDoc(c))
}

func verifyDoc(c *whittle.TreeComparison) page.Document {
	var d page.Document
	d.Add(page.Heading{Level: 1, Text: verifyTitle(c)})
	t := page.Table{Columns: []page.Column{page.Flexible("Image"), page.Right("Paths"), page.Right("Files"), page.Right("Size"), page.Left("File system")}}
	for _, im := range c.Images {
		t.Row(page.Text(im.Ref), page.Text(fmt.Sprint(im.Tree.Paths)), page.Text(fmt.Sprint(im.Tree.Files)), page.Text(whittle.Bytes(im.Tree.Bytes)), page.Text(im.Tree.Digest.Short()))
	}
	d.Add(t)
	if len(c.Differences) > 0 {
		t := page.Table{Columns: []page.Column{page.PathColumn("Path"), page.Wrapped("What differs")}}
		for _, x := range c.Differences {
			t.Row(page.Text(x.Path), page.Text(x.What))
		}
		d.Add(page.Heading{Level: 2, Text: "Where the file systems differ"}, t)
		if c.More > 0 {
			d.Add(page.Para(fmt.Sprintf("And %d more.", c.More)))
		}
	}
	if len(c.ConfigDifferences) > 0 {
		d.Add(page.Heading{Level: 2, Text: "Where the configurations differ"}, page.List(c.ConfigDifferences))
	}
	var notes page.List
	for _, im := range c.Images {
		for _, a := range im.Ambiguous {
			notes = append(notes, fmt.Sprintf("runtimes merge %s in layer %d of %s differently: %s", a.Path, a.Layer, im.Ref, a.What))
		}
	}
	if len(notes) > 0 {
		d.Add(page.Heading{Level: 2, Text: "To know"}, notes)
	}
	if c.Contradicts() {
		var list page.List
		for _, im := range c.Images {
			for _, x := range im.Contradictions {
				list = append(list, fmt.Sprintf("layer %d of %s: %s", x.Layer, im.Ref, x.What))
			}
		}
		d.Add(page.Heading{Level: 2, Text: "Layers whose table of contents contradicts their tar"},
			page.Para("Engines that read the table (Podman, CRI-O) see another tree than those that read the tar."), list)
	}
	if !c.Same && len(c.Images) == 2 {
		d.Next(page.OfImage("where the bytes of the difference are", c.Images[1].Ref, "compare", c.Images[0].Ref))
	}
	return d
}

func verifyTitle(c *whittle.TreeComparison) string {
	names := "The images"
	if len(c.Images) == 2 {
		names = c.Images[0].Ref + " and " + c.Images[1].Ref
	}
	paths, fields := len(c.Differences)+c.More, len(c.ConfigDifferences)
	switch {
	case c.Contradicts():
		return names + ": a layer's table of contents contradicts its tar"
	case c.Trim != nil && !c.Same && c.Explained():
		return fmt.Sprintf("%s: the same configuration, and file systems that differ in just what the certificate lists: %s, and %d %s of files (by two readings)",
			names, taken(c.Trim.Removed, c.Trim.Stripped, c.Trim.Rules), c.Trim.Edited-c.Trim.Stripped, page.Plural(c.Trim.Edited-c.Trim.Stripped, "lists"))
	case c.Trim != nil && !c.Trim.Holds:
		return names + ": they do not differ in just what the certificate lists: " + c.Trim.Problem
	case c.Same:
		return names + ": the same file system and configuration (by two readings)"
	case c.SameTree:
		return fmt.Sprintf("%s: the same file system, and %d %s of the configuration %s", names, fields, page.Plural(fields, "fields"), differ(fields))
	case paths == 0:
		return names + ": other file systems"
	case fields == 0:
		return fmt.Sprintf("%s: %d %s %s", names, paths, page.Plural(paths, "paths"), differ(paths))
	}
	return fmt.Sprintf("%s: %d %s and %d %s of the configuration differ", names, paths, page.Plural(paths, "paths"), fields, page.Plural(fields, "fields"))
}

func differ(n int) string {
	if n == 1 {
		return "differs"
	}
	return "differ"
}
