package tui

import (
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	tea "charm.land/bubbletea/v2"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/view"
)

// html asks where to write an HTML report to, and writes it. What is shown here
// is in the fragment of the address that opens it.
func (m tools) html() tea.Cmd {
	if m.reads || m.subject == nil {
		m.note = stillRead
		return nil
	}
	offered := reportName(m.o.Image)
	return m.prompting("HTML report to: ", offered, prompt{done: func(_ *model, answer string) tea.Cmd {
		if answer = strings.TrimSpace(answer); answer == "" {
			return nil
		}
		to := chosen(answer, offered)
		m.reads, m.note = true, "writing "+to+" …"
		s, images, fragment, missing := m.subject, m.reported(), m.fragment(), m.notShared()
		return m.writing(func() tea.Msg {
			n, err := writeNew(to, func(w io.Writer) error { return s.Report(w, images...) })
			if err != nil {
				return textMsg{err: err}
			}
			return textMsg{wrote: &written{to, n, address(to, fragment), missing}}
		})
	}})
}

// written is an HTML report that was written: its file, its size in bytes, the
// address that opens it as what was shown, and what of that it cannot show.
type written struct {
	file    string
	bytes   int64
	address string
	missing []string
}

// pager says where the report is, in w columns.
func (r written) pager(w int) *pager {
	lines := wrap(plain(fmt.Sprintf("%s has %s.", r.file, whittle.Bytes(r.bytes))), w)
	lines = append(append(lines, "", "This view, for a browser:"), hard(plain(r.address), w)...)
	for _, what := range r.missing {
		lines = append(append(lines, ""), wrap(plain(what), w)...)
	}
	return newPager("HTML report", lines)
}

// hard breaks a text after each n columns, as an address has no spaces.
func hard(s string, n int) (lines []string) {
	for n > 0 && cells(s) > n {
		head := uncut(s, n)
		lines, s = append(lines, head), s[len(head):]
	}
	return append(lines, s)
}

// reportName is a name for the report of an image.
func reportName(image string) string {
	name := image[strings.LastIndexAny(image, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		if r < 0x7f && (r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("._-", r)) {
			return r
		}
		return '-'
	}, name)
	name = strings.TrimLeft(strings.TrimSuffix(name, ".tar"), ".-")
	if name == "" {
		name = "image"
	}
	return name[:min(len(name), 100)] + ".html"
}

// address is the URL of a file and a fragment.
func address(file, fragment string) string {
	if abs, err := filepath.Abs(file); err == nil {
		file = abs
	}
	path := filepath.ToSlash(file)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/
	}
	u := url.URL{Scheme: "file", Path: path}
	return u.String() + "#" + fragment
}

// fragment is what is shown, as the script of the HTML report has it in its URL:
// q is the filter, by the grouping, g the group, f the folder, w the positions of
// images and their requirements, at the part.
func (m tools) fragment() string {
	v := url.Values{"at": {"treemap"}}
	set := func(key, value string) {
		if value != "" {
			v.Set(key, value)
		}
	}
	set("q", m.query())
	by, group, folder := m.want.by, m.want.group, ""
	if m.folder != m.top {
		folder = m.folder
	}
	switch {
	case by == view.ByDirectory:
		if folder == "" {
			folder = strings.TrimSuffix(group, "/")
		}
	case group != "" || folder == "":
		set("by", string(by))
		set("g", plain(whittle.Shorten(group, maxGroup)))
	}
	set("f", plain(folder))
	var without []string
	for _, r := range m.gone.out {
		if at, ok := m.image.Requirements.Find(r.requirement); r.requirement != "" && ok {
			without = append(without, fmt.Sprintf("%d.%d", len(m.reported())-1, at))
		}
	}
	set("w", strings.Join(without, " "))
	return v.Encode()
}

// maxGroup is the length of a group's name in the report.
const maxGroup = 200

// reported are the images of the report: the one that is compared with comes first.
func (m tools) reported() []*view.Model {
	if m.want.both && m.other != nil {
		return []*view.Model{m.other, m.image}
	}
	return []*view.Model{m.image}
}

// notShared says what of the screen the report does not show.
func (m tools) notShared() (out []string) {
	if m.judging {
		out = append(out, "It has no findings and no requirements: they were still being read.")
	}
	for _, r := range m.gone.out {
		if r.requirement == "" {
			out = append(out, "What x took out is in it for requirements alone.")
			break
		}
	}
	return out
}
