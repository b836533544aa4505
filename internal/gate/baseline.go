// Package gate says whether an image keeps its budgets, and if not, why: which
// packages and instructions have grown, in rows that add up. It is pure: it gets
// inspections, and the settings of a project.
package gate

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// Measure reduces an inspection to what a gate compares. base counts the layers, from
// the lowest, of the base image, 0 where that is not known; owners have the visible
// bytes.
func Measure(in *whittle.Inspection, base int, owners []whittle.BaselineOwner) *whittle.Baseline {
	b := &whittle.Baseline{Schema: whittle.BaselineSchema, Ref: in.Image.Ref, Digest: in.Image.Digest, Platform: in.Image.Platform, Sizes: in.Sizes, Owners: owners}
	for i, l := range in.Layers {
		s := whittle.BaselineStep{Text: stepText(&l, i), DiffID: l.DiffID, Base: i < base, Download: l.Download, Size: l.Size}
		if l.Origin != nil {
			s.File, s.Line = l.Origin.File, l.Origin.Line
		}
		b.Steps = append(b.Steps, s)
	}
	for _, c := range in.Categories {
		b.Files += c.Files
	}
	for _, w := range in.WastedSums {
		b.Wasted = append(b.Wasted, whittle.BaselineWaste{AddedBy: w.AddedBy, HiddenBy: w.HiddenBy, Cause: w.Cause, Bytes: w.Bytes, Files: w.Files})
	}
	slices.SortStableFunc(b.Owners, func(x, y whittle.BaselineOwner) int {
		return cmp.Or(cmp.Compare(x.Ecosystem, y.Ecosystem), cmp.Compare(x.Name, y.Name), cmp.Compare(x.Version, y.Version), cmp.Compare(layerOf(&x), layerOf(&y)))
	})
	return b
}

// stepText is the instruction of a layer in one line.
func stepText(l *whittle.LayerRow, i int) string {
	text := whittle.Shorten(whittle.Printable(whittle.OneLine(whittle.StepText(l.CreatedBy, l.Comment))), maxText)
	return cmp.Or(text, fmt.Sprintf("layer %d", i+1))
}

const (
	maxText = 120 // characters of an instruction in a baseline
	// maxBaseline bounds a baseline file that is read, in bytes.
	maxBaseline = 4 << 20
	// maxOwners is how many owners a file names: more than that many, the smallest are
	// summed up by ecosystem, so that the file stays under 100 kB.
	maxOwners = 450
)

// Encode writes a baseline so that a change of one package is a change of one line.
func Encode(b *whittle.Baseline) ([]byte, error) {
	var out bytes.Buffer
	head := struct {
		Schema   string                `json:"schema"`
		Ref      string                `json:"ref"`
		Digest   whittle.Digest        `json:"digest"`
		Platform string                `json:"platform"`
		Base     *whittle.BaselineBase `json:"base,omitempty"`
		Sizes    whittle.Sizes         `json:"sizes"`
		Files    int                   `json:"files"`
		Startup  *float64              `json:"startup,omitempty"`
		Build    *float64              `json:"build,omitempty"`
	}{b.Schema, b.Ref, b.Digest, b.Platform, b.Base, b.Sizes, b.Files, b.Startup, b.Build}
	text, err := json.MarshalIndent(head, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the baseline of %s: %w", b.Ref, err)
	}
	out.Write(bytes.TrimSuffix(text, []byte("\n}")))
	err = cmp.Or(encodeRows(&out, "steps", b.Steps), encodeRows(&out, "owners", summed(b.Owners)), encodeRows(&out, "wasted", b.Wasted))
	if len(b.Directories) > 0 {
		err = cmp.Or(err, encodeRows(&out, "directories", b.Directories))
	}
	if len(b.Allowed) > 0 {
		err = cmp.Or(err, encodeRows(&out, "allowed", b.Allowed))
	}
	if err != nil {
		return nil, fmt.Errorf("writing the baseline of %s: %w", b.Ref, err)
	}
	out.WriteString("\n}\n")
	return out.Bytes(), nil
}

func encodeRows[T any](out *bytes.Buffer, key string, rows []T) error {
	fmt.Fprintf(out, ",\n  %q: [", key)
	for i, r := range rows {
		text, err := json.Marshal(r)
		if err != nil {
			return err
		}
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString("\n    ")
		out.Write(text)
	}
	if len(rows) > 0 {
		out.WriteString("\n  ")
	}
	out.WriteByte(']')
	return nil
}

// summed are owners of which the smallest are one for each ecosystem, if they are too
// many for a file.
func summed(all []whittle.BaselineOwner) []whittle.BaselineOwner {
	if len(all) <= maxOwners {
		return all
	}
	sizes := make([]int64, len(all))
	for i, o := range all {
		sizes[i] = o.Visible
	}
	slices.Sort(sizes)
	least := sizes[len(sizes)-maxOwners]
	rest := map[string]*whittle.BaselineOwner{}
	var out []whittle.BaselineOwner
	for _, o := range all {
		if o.Visible > least || o.Step != nil {
			out = append(out, o)
			continue
		}
		r := rest[o.Ecosystem]
		if r == nil {
			r = &whittle.BaselineOwner{Owner: whittle.Owner{Ecosystem: o.Ecosystem, Name: others}}
			rest[o.Ecosystem] = r
		}
		r.Visible, r.Files = r.Visible+o.Visible, r.Files+o.Files
		r.Base, r.BaseFiles = r.Base+o.Base, r.BaseFiles+o.BaseFiles
	}
	for _, kind := range slices.Sorted(maps.Keys(rest)) {
		out = append(out, *rest[kind])
	}
	return out
}

// others is the name of owners that are summed up.
const others = "(others)"

// Decode reads a baseline file of that name. Its errors wrap [whittle.ErrUnmeasured].
func Decode(name string, text []byte) (*whittle.Baseline, error) {
	again := "whittle gate IMAGE --baseline none --update-baseline writes it again"
	fail := func(hint, format string, args ...any) (*whittle.Baseline, error) {
		return nil, whittle.WithHint(whittle.ErrUnmeasured.Errorf("reading the baseline %s: %w", name, fmt.Errorf(format, args...)), hint)
	}
	if len(text) > maxBaseline {
		return fail(again, "it is larger than %s", whittle.Bytes(maxBaseline))
	}
	var b whittle.Baseline
	if err := whittle.ParseJSON(text, &b); err != nil {
		return fail(again+"; a merge may have left its marks", "%w", err)
	}
	switch version, known := strings.CutPrefix(b.Schema, "whittle.baseline/v"); {
	case b.Schema == whittle.BaselineSchema:
	case known && version != "" && strings.Trim(version, "0123456789") == "":
		return fail("use the whittle that wrote it, or a newer one", "its schema is %s, and this whittle knows %s", whittle.Shorten(b.Schema, 40), whittle.BaselineSchema)
	default:
		return fail(again, "its schema is %q, and %s is wanted", whittle.Shorten(whittle.Printable(b.Schema), 40), whittle.BaselineSchema)
	}
	if err := whole(&b); err != nil {
		return fail(again+"; a merge may have mixed two of them", "%w", err)
	}
	return &b, nil
}

// whole says where a baseline contradicts itself: rows that do not add up to its sizes,
// figures that are less than nothing, steps that it does not have.
func whole(b *whittle.Baseline) error {
	var size, wasted, visible, download total
	if _, err := whittle.ParseDigest(string(b.Digest)); err != nil {
		return err
	}
	for i, s := range b.Steps {
		size.add(s.Size)
		if s.Download != nil {
			download.add(*s.Download)
		}
		if s.Base && i > 0 && !b.Steps[i-1].Base {
			return fmt.Errorf("step %d is one of the base image, and the one below it is not", i)
		}
	}
	for _, w := range b.Wasted {
		wasted.add(w.Bytes)
		wasted.bad = wasted.bad || w.Files < 0
		if min(w.AddedBy, w.HiddenBy) < 0 || max(w.AddedBy, w.HiddenBy) >= len(b.Steps) {
			return fmt.Errorf("what is wasted names steps %d and %d, and there are %d", w.AddedBy, w.HiddenBy, len(b.Steps))
		}
	}
	for i := range b.Owners {
		o := &b.Owners[i]
		visible.add(o.Visible)
		visible.bad = visible.bad || o.Files < 0 || o.Base < 0 || o.Base > o.Visible || o.BaseFiles < 0 || o.BaseFiles > o.Files
		if n := layerOf(o); n < 0 || n >= len(b.Steps) {
			return fmt.Errorf("%.80q names step %d, and there are %d", o.Name, n, len(b.Steps))
		}
	}
	if err := rest(b); err != nil {
		return err
	}
	if size.bad || wasted.bad || visible.bad || download.bad || b.Files < 0 {
		return errors.New("it has figures that are less than nothing, or too large")
	}
	if size.n != b.Sizes.Size || wasted.n != b.Sizes.Wasted || visible.n != b.Sizes.Visible || b.Sizes.Download != nil && *b.Sizes.Download != download.n {
		return fmt.Errorf("its rows add up to %d bytes (%d visible, %d wasted), and its sizes say %d (%d, %d)", size.n, visible.n, wasted.n, b.Sizes.Size, b.Sizes.Visible, b.Sizes.Wasted)
	}
	return nil
}

// rest says what is wrong with the times, folders and allowances of a baseline.
func rest(b *whittle.Baseline) error {
	for _, s := range []*float64{b.Startup, b.Build} {
		if s != nil && (*s < 0 || *s > maxSeconds) {
			return fmt.Errorf("it has a time of %v seconds", *s)
		}
	}
	for _, d := range b.Directories {
		var parts total
		for _, n := range d.Parts {
			parts.add(n)
		}
		if parts.bad || parts.n != d.Visible {
			return fmt.Errorf("the parts of %.80q do not add up to its bytes", d.Path)
		}
	}
	for _, a := range b.Allowed {
		if a.Bytes < 0 || a.Bytes > math.MaxInt64/maxAllowed {
			return fmt.Errorf("it allows growth by %d bytes", a.Bytes)
		}
	}
	if len(b.Allowed) > maxAllowed {
		return fmt.Errorf("it has %d allowances", len(b.Allowed))
	}
	return nil
}

// total adds up figures of which none is less than nothing.
type total struct {
	n   int64
	bad bool
}

func (t *total) add(n int64) {
	t.n += n
	t.bad = t.bad || n < 0 || t.n < 0
}

const (
	maxSeconds = 30 * 24 * 3600
	// maxAllowed is how many allowances a file keeps.
	maxAllowed = 20
)

// Allowed are the allowances of a baseline file that count over a baseline, and
// whether there are others, which were given over another one.
func Allowed(file *whittle.Baseline, over whittle.Digest) (counts []whittle.Allowance, ended bool) {
	if file == nil {
		return nil, false
	}
	for _, a := range file.Allowed {
		if a.Over == over {
			counts = append(counts, a)
		} else {
			ended = true
		}
	}
	return counts, ended
}

// Allow is what a file keeps after growth was accepted: the new allowance first. The
// same one is not kept twice.
func Allow(have []whittle.Allowance, a whittle.Allowance) []whittle.Allowance {
	have = slices.DeleteFunc(slices.Clone(have), func(h whittle.Allowance) bool {
		return h.Over == a.Over && h.Reason == a.Reason && h.Bytes == a.Bytes
	})
	have = append([]whittle.Allowance{a}, have...)
	return have[:min(len(have), maxAllowed)]
}
