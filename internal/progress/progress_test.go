package progress

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whittle.dev/whittle"
)

var update = flag.Bool("update", false, "rewrite testdata")

// screen is a terminal as far as a display drives one: lines that break at the
// width, the cursor up, and all below it removed. Anything else fails.
type screen struct {
	t       interface{ Fatalf(string, ...any) }
	columns int
	lines   []string // the last one is that of the cursor
	below   int      // lines below the cursor
	all     bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.all.Write(p)
	text := string(p)
	for text != "" {
		switch {
		case text[0] == '\n':
			s.lines, text = append(s.lines, ""), text[1:]
		case text[0] == '\r':
			text = text[1:]
		case strings.HasPrefix(text, "\x1b["):
			end := strings.IndexFunc(text[2:], func(r rune) bool { return r >= '@' })
			n, _ := strconv.Atoi(text[2 : 2+end])
			switch text[2+end] {
			case 'A':
				if s.below = n; n >= len(s.lines) {
					s.t.Fatalf("%d lines up of %d", n, len(s.lines))
				}
			case 'J':
				s.lines, s.below = append(s.lines[:len(s.lines)-1-s.below:len(s.lines)-1-s.below], ""), 0
			case 'm':
			default:
				s.t.Fatalf("unknown sequence %q", text[:3+end])
			}
			text = text[3+end:]
		default:
			n := strings.IndexAny(text, "\n\r\x1b")
			if n < 0 {
				n = len(text)
			}
			if s.below != 0 {
				s.t.Fatalf("%q is written over what is there", text[:n])
			}
			s.lines[len(s.lines)-1] += text[:n]
			for last := s.lines[len(s.lines)-1]; ansi.StringWidth(last) > s.columns; last = s.lines[len(s.lines)-1] {
				first := ansi.Truncate(last, s.columns, "")
				s.lines = append(s.lines[:len(s.lines)-1], first, last[len(first):])
			}
			text = text[n:]
		}
	}
	return len(p), nil
}

func (s *screen) String() string { return strings.TrimRight(strings.Join(s.lines, "\n"), "\n") + "\n" }

// clock is a clock that is set.
type clock struct{ now time.Time }

func (c *clock) pass(d *Display, t time.Duration) {
	for end := c.now.Add(t); c.now.Before(end); {
		c.now = c.now.Add(min(time.Second, end.Sub(c.now)))
		d.Look()
	}
}

func newTest(t interface{ Fatalf(string, ...any) }, columns int) (*Display, *screen, *clock) {
	s, c := &screen{t: t, columns: columns, lines: []string{""}}, &clock{time.Unix(1_700_000_000, 0)}
	o := Options{Out: s, Now: func() time.Time { return c.now }, Tick: make(chan time.Time)}
	if columns > 0 {
		o.Size = func() (int, int) { return s.columns, 200 } // what scrolls away is out of reach
	} else {
		s.columns = 1000
	}
	return New(o), s, c
}

// study is a study as a display sees one; look is called at points of interest.
func study(d *Display, c *clock, look func(what string)) {
	d.Step("reading example:1.0")
	task := d.Begin(whittle.Work{Bytes: true, Total: 914_200_000})
	c.pass(d, 2*time.Second)
	task.Done(412_300_000, 914_200_000)
	c.pass(d, 1*time.Second)
	look("reading")
	task.End("")
	d.Step("building with buildkitd v0.34.2")
	d.Step("variant Dockerfile (1 of 2): building Dockerfile")
	build := d.Begin(whittle.Work{Name: "building Dockerfile", Item: "step", Usual: 130 * time.Second, Kept: time.Second})
	d.Begin(whittle.Work{Name: "[internal] load .dockerignore", Kept: time.Second}).End("")
	d.Begin(whittle.Work{Name: "[1/9] FROM python:3.13-slim"}).End("cached")
	build.Done(3, 9)
	pip := d.Begin(whittle.Work{Name: "[builder 4/9] RUN pip install --no-cache-dir -r requirements.txt && rm -rf /root/.cache"})
	copied := d.Begin(whittle.Work{Name: "[stage-1 2/3] COPY 日本語 /srv", Bytes: true})
	copied.Done(1_500_000, 6_000_000)
	c.pass(d, 42*time.Second)
	pip.Say("Collecting numpy==2.1.0\x1b[2J")
	c.pass(d, time.Second)
	look("building")
	copied.End("")
	c.pass(d, 31*time.Second)
	look("later")
	pip.End("failed")
	build.End("failed")
	_, _ = io.WriteString(d, "whittle: note: something\n")
	d.Step("asking the rules about example")
	for i := range 20 {
		d.Begin(whittle.Work{Name: fmt.Sprintf("asking the package index about distribution-%d", i), Kept: time.Hour})
	}
	c.pass(d, 90*time.Second)
	look("many")
	d.Close()
	_, _ = io.WriteString(d, "whittle: interrupted\n")
	look("interrupted")
}

// TestFrames compares what is on terminals of several widths, and elsewhere, with
// what is kept in testdata.
func TestFrames(t *testing.T) {
	for _, columns := range []int{0, 40, 80, 120} {
		d, s, c := newTest(t, columns)
		var got strings.Builder
		study(d, c, func(what string) {
			fmt.Fprintf(&got, "-- %s --\n%s", what, s)
			for _, line := range s.lines {
				if columns > 0 && !strings.HasPrefix(line, "whittle: ") && ansi.StringWidth(line) >= columns {
					t.Errorf("%d columns: %q", columns, line)
				}
			}
		})
		file := filepath.Join("testdata", fmt.Sprintf("columns-%d.txt", columns))
		if *update {
			if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%d columns (-want +got):\n%s", columns, diff)
		}
		if strings.Contains(s.all.String(), "\x1b[2J") {
			t.Error("what a step prints drives the terminal")
		}
	}
}

// TestAlive: a terminal changes every ten seconds, a log gets a line every
// thirty, whatever goes on; and when it is over, no frame is left.
func TestAlive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		columns := rapid.SampledFrom([]int{0, 10, 40, 80}).Draw(t, "columns")
		d, s, c := newTest(t, columns)
		var tasks []whittle.Task
		d.Step("begin")
		seen, at := "", c.now
		for i := range rapid.IntRange(1, 40).Draw(t, "events") {
			switch rapid.IntRange(0, 6).Draw(t, "event") {
			case 0:
				d.Step(fmt.Sprintf("step %d", i))
			case 1:
				w := whittle.Work{Name: rapid.SampledFrom([]string{"", "[1/2] RUN x", "日本語のとても長い名前"}).Draw(t, "name"), Total: int64(rapid.IntRange(0, 3).Draw(t, "total")),
					Bytes: rapid.Bool().Draw(t, "bytes"), Usual: time.Duration(rapid.IntRange(0, 100).Draw(t, "usual")) * time.Second}
				tasks = append(tasks, d.Begin(w))
			case 2:
				if len(tasks) > 0 {
					task := tasks[rapid.IntRange(0, len(tasks)-1).Draw(t, "task")]
					task.Done(int64(rapid.IntRange(-1, 9).Draw(t, "n")), int64(rapid.IntRange(-1, 9).Draw(t, "of")))
					task.Say(rapid.SampledFrom([]string{"", "line", "\x1b[5A", "長い行長い行長い行長い行長い行"}).Draw(t, "said"))
				}
			case 3:
				if len(tasks) > 0 {
					tasks[rapid.IntRange(0, len(tasks)-1).Draw(t, "task")].End(rapid.SampledFrom([]string{"", "failed"}).Draw(t, "note"))
				}
			case 4:
				_, _ = io.WriteString(d, "said\n")
			case 5:
				if columns > 0 {
					s.columns = rapid.IntRange(10, 100).Draw(t, "resized")
					s.rewrap()
					d.Look()
				}
			case 6:
				for range rapid.IntRange(1, 70).Draw(t, "seconds") {
					c.pass(d, time.Second)
					limit := 10 * time.Second
					if columns == 0 {
						limit = Silence
					}
					if now := s.String(); now != seen {
						seen, at = now, c.now
					} else if c.now.Sub(at) > limit {
						t.Fatalf("nothing has changed for %s:\n%s", c.now.Sub(at), s)
					}
				}
			}
		}
		d.Close()
		_, _ = io.WriteString(d, "end\n")
		d.Step("after the end")
		for _, task := range tasks {
			task.End("")
		}
		text := s.String()
		if !strings.HasSuffix(text, "end\n") || columns > 0 && strings.Contains(text, "\n  ") {
			t.Fatalf("left behind:\n%s", text)
		}
	})
}

// rewrap breaks lines anew, as a terminal does whose width has changed.
func (s *screen) rewrap() {
	old := s.lines
	s.lines = []string{""}
	for i, line := range old {
		if i > 0 {
			s.lines = append(s.lines, "")
		}
		_, _ = s.Write([]byte(line))
	}
}

// TestQuestion: after a text without an end, as of a question, nothing is drawn
// before something begins.
func TestQuestion(t *testing.T) {
	d, s, c := newTest(t, 80)
	d.Step("one")
	_, _ = io.WriteString(d, "delete it? [y]es: ")
	c.pass(d, time.Minute)
	if s.String() != "delete it? [y]es: \n" {
		t.Errorf("%q", s)
	}
	_, _ = s.Write([]byte("y\n")) // what is typed
	d.Step("two")
	if got := s.String(); got != "delete it? [y]es: y\nwhittle: one: 1:00\nwhittle: two"+strings.Repeat(" ", 64)+"0 s\n" {
		t.Errorf("%q", got)
	}
	d.Close()
}

// broken takes nothing.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("gone") }

// TestBroken: progress that cannot be shown harms nothing, and says so to who
// writes.
func TestBroken(t *testing.T) {
	d := New(Options{Out: broken{}, Size: func() (int, int) { return 0, 0 }})
	d.Step("a")
	d.Begin(whittle.Work{Name: "b"}).End("")
	if _, err := d.Write([]byte("x\n")); err == nil {
		t.Error("no error")
	}
	d.Close()
	d.Close()
}

func TestElapsed(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0 s", 340 * time.Millisecond: "0.3 s", 2 * time.Second: "2 s", 9990 * time.Millisecond: "10.0 s", 59 * time.Second: "59 s",
		65 * time.Second: "1:05", time.Hour + 2*time.Minute + 3*time.Second: "1:02:03"} {
		if got := elapsed(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}
