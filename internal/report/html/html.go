// Package html writes reports as single HTML files that need no network and, to
// be read, no scripts: SVG pictures and tables are made here, and the file's own
// script only adds to them (zoom, filters, ticks). It is pure, as its sibling
// report is: every figure is from the value that JSON has too, and all names of
// images and projects go through [page.Plain].
package html

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
	"unicode/utf16"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report"
	"whittle.dev/whittle/internal/report/jsontext"
	"whittle.dev/whittle/internal/report/page"
	"whittle.dev/whittle/internal/view"
)

// Page is what a report shows; what is nil or empty has no part.
type Page struct {
	// Images are looked at side by side.
	Images []Image
	// Study, Check and Comparison are shown besides.
	Study      *whittle.Study
	Check      *whittle.Check
	Comparison *whittle.Comparison
	// Text is shown where the result has no pictures.
	Text *Text
	// Rules are the texts of rules; those of the findings are shown.
	Rules []Rule
	// Diff is what a finding's fix changes, as unified diffs, empty where that
	// cannot be said. Nil knows none.
	Diff func(*whittle.Finding) string
	// Value is what is embedded as JSON: the result that the command gives; nil embeds
	// nothing.
	Value any
	// Live is what a server adds; nil for a file.
	Live *Live
}

// Image is an image with its files and findings.
type Image struct {
	// Name is the study's variant, or the image's own name.
	Name  string
	Model *view.Model
}

// Text is a result as package report writes it.
type Text struct {
	Title, Kind string
	Body        template.HTML
}

// Rule is what a rule is about: its name, what it finds in one line, and why that
// costs bytes, with lines of a file before and after.
type Rule struct{ ID, Title, Text, Before, After string }

//go:embed page.gohtml
var pageText string

//go:embed style.css
var style string

//go:embed script.js
var source string

var script = delivered(source)

// delivered is a script without its comments and indentation, and without ends of
// lines and spaces that mean nothing.
func delivered(source string) string {
	var b strings.Builder
	for line := range strings.Lines(source) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "//") {
			continue
		}
		b.WriteString(strings.ReplaceAll(line, " => ", "=>"))
		if !strings.ContainsAny(line[len(line)-1:], ";,{}") {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"bytes": whittle.Bytes, "signed": whittle.SignedBytes, "plain": page.Plain, "optional": optional, "share": share, "saving": report.SavingText,
	"bar": bar, "twice": twice, "spread": spread, "gain": gain, "thousands": func(n int) string { return whittle.Thousands(int64(n)) }, "seconds": seconds,
	"diff": DiffLines, "prose": prose, "origin": origin, "short": func(s string) string { return page.Plain(whittle.Shorten(s, 160)) },
	"fold": foldOf, "sentence": sentence, "add": func(i int) int { return i + 1 }, "words": func(w []string) string { return page.Plain(whittle.Shorten(strings.Join(w, " "), 160)) }, "fields": view.Fields, "odd": func(i int) bool { return i%2 == 1 }, "counted": counted,
	"percent": func(f float64) string { return fmt.Sprintf("%+.1f %%", f) }, "upper": func(s string) string { return strings.ToUpper(s[:1]) + s[1:] },
}).Parse(pageText))

// The size in bytes of a report, and the part of it that pictures, tables and
// diffs may take. The result is embedded if there is room for it beside the files.
const (
	maxPage  = 3_000_000
	maxShown = 900_000
)

// Write writes a report.
func Write(w io.Writer, p *Page) error {
	d := parts{Page: p, Style: template.CSS(style), Script: template.JS(script)} //nolint:gosec // they are this package's own
	d.Policy = Policy(p.Live)
	if p.Live != nil {
		d.Style, d.More = template.CSS(p.Live.style()), template.JS(p.Live.Script) //nolint:gosec // they are the server's own
	}
	d.images()
	if p.Study != nil {
		d.study()
	}
	d.head()
	d.findings()
	d.rules()
	if err := d.embed(); err != nil {
		return err
	}
	var out bytes.Buffer
	if err := pageTemplate.Execute(&out, &d); err != nil {
		return fmt.Errorf("writing the HTML report: %w", err)
	}
	_, err := w.Write(out.Bytes())
	return err
}

// hash is how a policy names a text that it allows.
// https://www.w3.org/TR/CSP3/#grammardef-hash-source
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// embed adds the result and what the script needs, as JSON.
func (d *parts) embed() error {
	value, err := compactJSON(d.Value)
	if err != nil {
		return fmt.Errorf("writing the HTML report: %w", err)
	}
	room := maxPage - maxShown
	for _, at := range d.Images {
		data, err := dataOf(at.Model, len(d.Images))
		if err != nil {
			return fmt.Errorf("writing the HTML report: %w", err)
		}
		d.Summed += data.Summed
		d.SummedBelow = max(d.SummedBelow, data.Below)
		text := inert(data.text)
		room -= len(text)
		d.Data = append(d.Data, template.JS(text)) //nolint:gosec // it is made inert
	}
	if text := inert(value); len(text) <= room {
		d.JSON = template.JS(text) //nolint:gosec // it is made inert
	} else {
		d.JSONSize = int64(len(value))
	}
	return nil
}

// compactJSON is a result as JSON in one line, empty if there is none.
func compactJSON(v any) (string, error) {
	if v == nil {
		return "", nil
	}
	var pretty, line bytes.Buffer
	if err := jsontext.Write(&pretty, v); err != nil {
		return "", err
	}
	err := json.Compact(&line, pretty.Bytes())
	return line.String(), err
}

// inert is JSON without what ends an HTML script or reorders a text: such
// characters are only in strings, and are written there by their number.
func inert(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	for i, r := range text {
		switch {
		case r == '<' || r == '>' || r == '&' || r == 0x2028 || r == 0x2029 || r > 0x7f && page.Plain(text[i:i+len(string(r))]) != text[i:i+len(string(r))]:
			for _, unit := range utf16.AppendRune(nil, r) {
				fmt.Fprintf(&b, `\u%04x`, unit)
			}
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// optional is a size that may not be known.
func optional(n *int64) string {
	if n == nil {
		return "not known"
	}
	return whittle.Bytes(*n)
}

// share is a part of a whole in percent.
func share(part, whole int64) string {
	switch p := float64(part) * 100 / float64(max(whole, 1)); {
	case part == 0 || p >= 99.5 && part != whole:
		return fmt.Sprintf("%.1f %%", p)
	case p < 0.1 && p > -0.1:
		return "< 0.1 %"
	case p < 10 && p > -10:
		return fmt.Sprintf("%.1f %%", p)
	default:
		return fmt.Sprintf("%.0f %%", p)
	}
}

func seconds(s *float64) string {
	if s == nil {
		return "not measured"
	}
	return fmt.Sprintf("%.2f s", *s)
}

// origin names what made a layer.
func origin(l view.Layer) string {
	text := page.Plain(whittle.Shorten(whittle.StepText(l.CreatedBy, l.Comment), 200))
	if l.Origin != nil {
		return page.Plain(l.Name) + " " + text
	}
	if text == "" {
		return "(not in the history)"
	}
	return text
}

// bar is a bar of visible and wasted bytes of a whole, beside the figures that say
// the same.
func bar(visible, wasted, whole int64) template.HTML {
	return parted(visible, wasted, whole, "wasted", nil)
}

// twice is a bar of a requirement and of what only it needs.
func twice(own, rest, whole int64) template.HTML { return parted(own, rest, whole, "more", nil) }

// gain is a bar of what a fix saves: at least, at most, and actually.
func gain(s whittle.Saving, actual *int64, whole int64) template.HTML {
	return parted(s.Low, s.High-max(s.Low, 0), whole, "more", actual)
}

func parted(first, second, whole int64, class string, mark *int64) template.HTML {
	x := func(n int64) float64 { return min(float64(max(n, 0))*100/float64(max(whole, 1)), 100) }
	tick := ""
	if mark != nil {
		tick = fmt.Sprintf(`<path class="actual" vector-effect="non-scaling-stroke" d="M%.2f 0V8"/>`, x(*mark))
	}
	return template.HTML(fmt.Sprintf(`<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="visible" width="%.2f" height="8"/>`+
		`<rect class="%s" x="%.2f" width="%.2f" height="8"/>%s</svg>`, x(first), class, x(first), x(second), tick)) //nolint:gosec // numbers alone
}

// sentence ends a text with a period, if it has none.
func sentence(text string) string {
	if text = strings.TrimSpace(page.Plain(text)); text == "" || strings.ContainsAny(text[len(text)-1:], ".!?") {
		return text
	}
	return text + "."
}

// fold is the name of one of several images, whose part can be folded.
type fold struct {
	Name string
	Open bool
}

// foldOf is nil for the only image.
func foldOf(d *parts, i *image) *fold {
	if len(d.Images) < 2 {
		return nil
	}
	return &fold{i.Name, i.Index == 0}
}

// prose is Markdown of rules as paragraphs and codes, which are every second part
// of a paragraph.
func prose(text string) (paragraphs [][]string) {
	for p := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		paragraphs = append(paragraphs, strings.Split(p, "`"))
	}
	return paragraphs
}

// DiffLine is a line of a unified diff, made inert, and whether it adds ("add") or
// removes ("del").
type DiffLine struct{ Class, Text string }

// DiffLines are the lines of a unified diff.
func DiffLines(diff string) []DiffLine {
	var out []DiffLine
	for line := range strings.SplitSeq(strings.TrimSuffix(diff, "\n"), "\n") {
		class := ""
		switch {
		case strings.HasPrefix(line, "+"):
			class = "add"
		case strings.HasPrefix(line, "-"):
			class = "del"
		}
		words := strings.Split(line, "\t") // tabs stay: people copy it
		for i, w := range words {
			words[i] = page.Plain(w)
		}
		out = append(out, DiffLine{class, strings.Join(words, "\t")})
	}
	return out
}
