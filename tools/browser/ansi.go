package main

import (
	"fmt"
	"html"
	"strconv"
	"strings"
)

// terminalPage is a page that shows a frame of a terminal as it looks there, with
// the colours that xterm has by default.
func terminalPage(frame string) string {
	return `<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Terminal</title><style>` +
		`body{margin:0}pre{display:inline-block;margin:0;padding:12px 16px;background:#16181d;color:#d8dade;font:16px/1.25 "DejaVu Sans Mono","Liberation Mono",monospace;font-variant-ligatures:none}` +
		`</style><pre>` + terminalText(frame) + "</pre></html>\n"
}

// terminalText is a frame as HTML: of the escape sequences, those that set colours
// and attributes have an effect (ECMA-48, SGR), and all others vanish.
func terminalText(frame string) string {
	var b strings.Builder
	var at attributes
	for len(frame) > 0 {
		esc := strings.IndexByte(frame, 0x1b)
		if esc < 0 {
			esc = len(frame)
		}
		at.write(&b, strings.ReplaceAll(frame[:esc], "\r", ""))
		frame = frame[esc:]
		if frame != "" {
			var params string
			var final byte
			params, final, frame = escape(frame)
			if final == 'm' {
				at.set(params)
			}
		}
	}
	return b.String()
}

// escape splits an escape sequence off a text that begins with one: a control
// sequence with its parameters and its final byte, or what ends in another way.
func escape(text string) (params string, final byte, rest string) {
	if strings.HasPrefix(text, "\x1b]") { // a command to the terminal, as its title
		for i := 2; i < len(text); i++ {
			if text[i] == '\a' {
				return "", 0, text[i+1:]
			}
			if text[i] == 0x1b && strings.HasPrefix(text[i:], "\x1b\\") {
				return "", 0, text[i+2:]
			}
		}
		return "", 0, ""
	}
	if !strings.HasPrefix(text, "\x1b[") {
		end := 1
		for end < len(text) && text[end] >= 0x20 && text[end] < 0x30 { // a character set
			end++
		}
		return "", 0, text[min(end+1, len(text)):]
	}
	for i := 2; i < len(text); i++ {
		if text[i] >= 0x40 && text[i] <= 0x7e {
			return text[2:i], text[i], text[i+1:]
		}
	}
	return "", 0, ""
}

// attributes are how text looks.
type attributes struct {
	foreground, background                        string // of CSS, empty is the default
	bold, faint, italic, underline, reverse, line bool
}

// set changes them by the parameters of an SGR sequence.
func (a *attributes) set(params string) {
	var codes []int
	for _, p := range strings.FieldsFunc(params+" ", func(r rune) bool { return r == ';' || r == ':' || r == ' ' }) {
		n, err := strconv.Atoi(p)
		if err != nil {
			return
		}
		codes = append(codes, n)
	}
	if len(codes) == 0 {
		codes = []int{0}
	}
	for i := 0; i < len(codes); i++ {
		switch c := codes[i]; {
		case c == 0:
			*a = attributes{}
		case c == 1:
			a.bold = true
		case c == 2:
			a.faint = true
		case c == 3:
			a.italic = true
		case c == 4:
			a.underline = true
		case c == 7:
			a.reverse = true
		case c == 9:
			a.line = true
		case c == 22:
			a.bold, a.faint = false, false
		case c == 23:
			a.italic = false
		case c == 24:
			a.underline = false
		case c == 27:
			a.reverse = false
		case c == 29:
			a.line = false
		case c >= 30 && c <= 37:
			a.foreground = palette(c - 30)
		case c >= 90 && c <= 97:
			a.foreground = palette(c - 90 + 8)
		case c == 39:
			a.foreground = ""
		case c >= 40 && c <= 47:
			a.background = palette(c - 40)
		case c >= 100 && c <= 107:
			a.background = palette(c - 100 + 8)
		case c == 49:
			a.background = ""
		case c == 38 || c == 48:
			colour, used := extended(codes[i+1:])
			if i += used; c == 38 {
				a.foreground = colour
			} else {
				a.background = colour
			}
		}
	}
}

// extended is a colour of the 256, or of all, and how many parameters it took.
func extended(codes []int) (string, int) {
	switch {
	case len(codes) >= 2 && codes[0] == 5:
		return palette(codes[1]), 2
	case len(codes) >= 4 && codes[0] == 2:
		return fmt.Sprintf("#%02x%02x%02x", byte(codes[1]), byte(codes[2]), byte(codes[3])), 4
	}
	return "", len(codes)
}

// basic are the first sixteen colours, softer than xterm's own.
var basic = [16]string{"#2a2d34", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#c8ccd4", "#7a828e", "#ef8790", "#b5dc97", "#f0d493", "#86c5f7", "#d898ea", "#7fd0da", "#ffffff"}

// palette is a colour of the 256: sixteen, a cube of six levels, and greys.
func palette(n int) string {
	level := func(i int) int {
		if i == 0 {
			return 0
		}
		return 55 + 40*i
	}
	switch {
	case n < 0 || n > 255:
		return ""
	case n < 16:
		return basic[n]
	case n < 232:
		n -= 16
		return fmt.Sprintf("#%02x%02x%02x", level(n/36), level(n/6%6), level(n%6))
	}
	grey := 8 + 10*(n-232)
	return fmt.Sprintf("#%02x%02x%02x", grey, grey, grey)
}

// write adds a text that looks so.
func (a *attributes) write(b *strings.Builder, text string) {
	if text == "" {
		return
	}
	foreground, background := a.foreground, a.background
	if a.reverse {
		foreground, background = background, foreground
		if foreground == "" {
			foreground = "#16181d"
		}
		if background == "" {
			background = "#d8dade"
		}
	}
	var css []string
	for _, c := range []struct {
		on   bool
		text string
	}{{foreground != "", "color:" + foreground}, {background != "", "background:" + background}, {a.bold, "font-weight:700"}, {a.faint, "opacity:.7"}, {a.italic, "font-style:italic"},
		{a.underline, "text-decoration:underline"}, {a.line, "text-decoration:line-through"}} {
		if c.on {
			css = append(css, c.text)
		}
	}
	if text = html.EscapeString(text); len(css) > 0 {
		text = `<span style="` + strings.Join(css, ";") + `">` + text + "</span>"
	}
	b.WriteString(text)
}
