package progress

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"whittle.dev/whittle"
)

const (
	maxLines   = 12 // of a frame
	barCells   = 20
	oddColumns = 80 // for a terminal that does not say how wide it is
	oddRows    = 24
)

// draw shows the frame on a terminal, if it differs from what is there. The lock
// is held.
func (d *Display) draw() {
	if d.o.Size == nil || d.closed || d.hidden {
		return
	}
	columns, rows := d.size()
	next := d.lines(columns, rows)
	if strings.Join(next, "\n") == strings.Join(d.frame, "\n") {
		return
	}
	d.erase(strings.Join(append(next, ""), "\n"))
	d.frame = next
}

// erase removes the frame and writes a text in its place, in one piece, so that
// nothing flickers. The lock is held.
func (d *Display) erase(text string) {
	if len(d.frame) > 0 {
		columns, rows := d.size()
		up := 0
		for _, line := range d.frame { // a terminal that has become narrower breaks lines
			up += max(1, (ansi.StringWidth(line)+columns-1)/columns)
		}
		text = fmt.Sprintf("\r\x1b[%dA\x1b[J", min(up, rows-1)) + text
	}
	d.frame = nil
	if text != "" {
		_, _ = d.o.Out.Write([]byte(text)) // nobody is told that it cannot be told
	}
}

func (d *Display) size() (columns, rows int) {
	columns, rows = d.o.Size()
	if columns <= 0 {
		columns = oddColumns
	}
	if rows <= 0 {
		rows = oddRows
	}
	return max(columns, 10), max(rows, 3)
}

// lines are those of the frame: the step, and below it what goes on in it, with
// what it printed last.
func (d *Display) lines(columns, rows int) []string {
	if d.step == "" && len(d.tasks) == 0 {
		return nil
	}
	now := d.o.Now()
	limit := min(rows-1, maxLines)
	var out []string
	tasks := d.tasks
	if d.step != "" {
		right := []string{elapsed(now.Sub(d.began).Truncate(time.Second))}
		if len(tasks) > 0 && tasks[0].work.Name == "" {
			right = tasks[0].states(now)
		}
		out = append(out, d.line(columns, "whittle: "+d.step, right))
	}
	for i, t := range tasks {
		if t.work.Name == "" {
			continue
		}
		if left := len(tasks) - i; len(out) == limit-1 && left > 1 {
			out = append(out, d.dim(ansi.Truncate(fmt.Sprintf("  and %d more", left), columns-1, "…")))
			break
		} else if len(out) >= limit {
			break
		}
		out = append(out, d.line(columns, "  "+t.work.Name, t.states(now)))
		if t.said != "" && len(out) < limit-1 {
			out = append(out, d.dim(ansi.Truncate("    "+t.said, columns-1, "…")))
		}
	}
	return out
}

// line has a text on its left, shortened to what the right side leaves of it: the
// first of several, longest first, that leaves enough. The last column stays
// empty, as some terminals begin a new line after it.
func (d *Display) line(columns int, left string, rights []string) string {
	right, room := "", 0
	for _, right = range rights {
		room = columns - 1 - ansi.StringWidth(right) - 2
		if room >= columns/2 || room >= ansi.StringWidth(left) {
			break
		}
	}
	if room < 3 {
		return ansi.Truncate(right, columns-1, "…")
	}
	left = ansi.Truncate(left, room, "…")
	gap := strings.Repeat(" ", room-ansi.StringWidth(left)+2)
	return left + gap + d.dim(right)
}

func (d *Display) dim(s string) string {
	if !d.o.Color || s == "" {
		return s
	}
	return "\x1b[2m" + s + "\x1b[22m"
}

// states say how far a task is, from the most that there is to say to the least.
func (t *task) states(now time.Time) []string {
	took := now.Sub(t.began).Truncate(time.Second)
	time := elapsed(took)
	full := time
	if usual := t.usual(took); usual != "" {
		full += " of about " + usual
	}
	far := t.far()
	if far == "" {
		return []string{full, time}
	}
	out := []string{far + "  " + full, far + "  " + time}
	if t.work.Total > 0 {
		out = append([]string{bar(t.done, t.work.Total) + "  " + out[0]}, out...)
		out = append(out, fmt.Sprintf("%d %%  %s", min(max(t.done, 0), t.work.Total)*100/t.work.Total, time))
	}
	return append(out, time)
}

// far is how much is done of how much.
func (t *task) far() string {
	switch {
	case t.work.Bytes && t.work.Total > 0:
		return whittle.Bytes(t.done) + " of " + whittle.Bytes(t.work.Total)
	case t.work.Bytes && t.done > 0:
		return whittle.Bytes(t.done)
	case t.work.Total > 0:
		return strings.TrimSpace(fmt.Sprintf("%s %d of %d", t.work.Item, min(t.done+1, t.work.Total), t.work.Total))
	}
	return ""
}

// usual is how long it took the last time; empty if that is over.
func (t *task) usual(took time.Duration) string {
	if t.work.Usual < time.Second || took > t.work.Usual {
		return ""
	}
	return elapsed(t.work.Usual.Round(time.Second))
}

// bar is a bar of barCells cells, in eighths of a cell.
func bar(n, total int64) string {
	const eighths = "▏▎▍▌▋▊▉"
	part := int(float64(min(max(n, 0), total)) / float64(total) * barCells * 8)
	s := strings.Repeat("█", part/8)
	if part%8 > 0 {
		s += string([]rune(eighths)[part%8-1])
	}
	return s + strings.Repeat("░", barCells-len([]rune(s)))
}

// elapsed is a time as people say it: 2.5 s, 42 s, 1:05, 1:02:03.
func elapsed(d time.Duration) string {
	s := int(d.Round(time.Second).Seconds())
	switch {
	case d < 10*time.Second && d%time.Second != 0:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// alive is a sign of life in one line: the step, what goes on in it, and what was
// printed last. The lock is held.
func (d *Display) alive() string {
	if d.step == "" && len(d.tasks) == 0 {
		return ""
	}
	now := d.o.Now()
	parts := []string{}
	if d.step != "" {
		parts = append(parts, d.step+", "+elapsed(now.Sub(d.began).Truncate(time.Second)))
	}
	said := ""
	for i, t := range d.tasks {
		if t.said != "" {
			said = t.said
		}
		if i < 3 {
			states := t.states(now)
			state := states[0]
			if t.work.Total > 0 {
				state = states[1] // without a bar
			}
			parts = append(parts, strings.TrimSpace(whittle.Shorten(t.work.Name, 80)+" "+strings.ReplaceAll(state, "  ", ", ")))
		}
	}
	if n := len(d.tasks) - 3; n > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", n))
	}
	line := "still " + strings.Join(parts, "; ")
	if said != "" {
		line += ": " + said
	}
	return whittle.Shorten(line, 400)
}
