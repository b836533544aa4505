package html

import "html/template"

// Live is what a server adds to a report. The texts are its own, with all names made
// inert.
type Live struct {
	// Above is shown before the report, Beside at the side of its treemap.
	Above, Beside template.HTML
	// Style and Script come after the report's own.
	Style, Script string
}

// Policy is the policy (CSP) of a report: nothing is fetched, and no text is a script or a
// style but the report's own. One that a server adds to may also send forms to that server
// and ask it for more.
// https://www.w3.org/TR/CSP3/
func Policy(l *Live) string {
	if l == nil {
		return "default-src 'none'; base-uri 'none'; form-action 'none'; style-src '" + hash(style) + "'; script-src '" + hash(script) + "'"
	}
	return "default-src 'none'; base-uri 'none'; form-action 'self'; connect-src 'self'; style-src '" + hash(l.style()) + "'; script-src '" + hash(script) + "' '" + hash(l.Script) + "'"
}

// style is the style of a report that a server adds to.
func (l *Live) style() string { return style + l.Style }

// Beside is what a server shows beside the treemap, empty for nothing.
func (d *parts) Beside() template.HTML {
	if d.Live == nil {
		return ""
	}
	return d.Live.Beside
}
