package tui

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/teatest/v2"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/view"
)

var sizes = [][2]int{{40, 12}, {80, 24}, {120, 40}}

// scenes are what people do, by the keys that they press; words are typed.
var scenes = []struct {
	name string
	keys []string
}{
	{"start", nil},
	{"package", []string{"2"}},
	{"contents", []string{"2", "enter"}},
	{"folder", []string{"2", "enter", "enter"}},
	{"filter", []string{"/", "pkg:pandas", "enter"}},
	{"filter_wrong", []string{"/", "sise:>1MB", "enter"}},
	{"filter_none", []string{"/", "pkg:pandsa", "enter"}},
	{"wasted", []string{"w"}},
	{"base", []string{"b"}},
	{"difference", []string{"2", "d", "smaller", "enter"}},
	{"requirements", []string{"t", "enter", "down"}},
	{"inverted", []string{"t", "enter", "down", "i"}},
	{"without", []string{"t", "x"}},
	{"finding", []string{"tab", "tab"}},
	{"diff", []string{"tab", "tab", "f"}},
	{"hostile", []string{"/", "clear", "enter", "tab", "enter"}},
	{"card", []string{"/", "frame.py", "enter", "enter", "enter", "enter"}},
	{"help", []string{"?"}},
}

func (d *driver) play(keys []string) {
	for _, k := range keys {
		if _, ok := named[k]; ok || len([]rune(k)) == 1 {
			d.press(k)
		} else {
			d.typing(k)
		}
	}
}

// TestScenes compares each scene in each size with its golden file, and checks
// what has to hold of every screen.
func TestScenes(t *testing.T) {
	for _, s := range scenes {
		for _, size := range sizes {
			t.Run(fmt.Sprintf("%s_%dx%d", s.name, size[0], size[1]), func(t *testing.T) {
				d := drive(t, options(t), size[0], size[1])
				d.play(s.keys)
				screen := screen{d.model}.render()
				checkScreen(t, screen, size[0], size[1])
				teatest.RequireEqualOutput(t, []byte(text(screen)))
			})
		}
	}
}

// text is a screen without its styles and the blanks at the ends of its lines.
func text(screen string) string {
	lines := strings.Split(ansi.Strip(screen), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// checkScreen: a screen has its lines, none of them wider than it, and nothing of
// a name in it moves the cursor or turns the text.
func checkScreen(t failer, screen string, w, h int) {
	t.Helper()
	lines := strings.Split(screen, "\n")
	if len(lines) != h {
		t.Fatalf("%d lines on a screen of %d", len(lines), h)
	}
	for _, l := range lines {
		if n := ansi.StringWidth(l); n > w {
			t.Fatalf("%d cells on a screen of %d: %q", n, w, ansi.Strip(l))
		}
		if strings.ContainsAny(ansi.Strip(l), "\x1b\x07\r\u202e\u2066") {
			t.Fatalf("a terminal obeys: %q", l)
		}
		if strings.Contains(l, "\x1b[2J") || strings.Contains(l, "\x1b]") {
			t.Fatalf("a name's sequence is on the screen: %q", l)
		}
	}
}

// TestProgram runs the program itself: it reads keys, paints, and ends.
func TestProgram(t *testing.T) {
	for _, size := range sizes {
		o := options(t)
		m := newModel(t.Context(), o)
		tm := teatest.NewTestModel(t, m, teatest.WithInitialTermSize(size[0], size[1]))
		wait := func(words string) {
			t.Helper()
			teatest.WaitFor(t, tm.Output(), func(b []byte) bool { return bytes.Contains(b, []byte(words)) }, teatest.WithDuration(20*time.Second), teatest.WithCheckInterval(10*time.Millisecond))
		}
		wait("113.6 MB")
		tm.Type("2")
		wait("pandas")
		tm.Send(tea.WindowSizeMsg{Width: 60, Height: 20})
		tm.Type("?")
		wait("Help")
		tm.Send(pressed("esc"))
		tm.Type("q")
		tm.WaitFinished(t, teatest.WithFinalTimeout(20*time.Second))
		end := tm.FinalModel(t).(*model)
		if end.width != 60 || end.want.by != view.ByPackage || end.over != nil {
			t.Errorf("it ended at width %d by %s", end.width, end.want.by)
		}
	}
}

// TestSums: whatever is pressed, the groups add up to what the head line says,
// the contents of a folder to the folder, and those at the top to the group.
func TestSums(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		o := options(t)
		d := drive(t, o, rapid.IntRange(20, 130).Draw(r, "width"), rapid.IntRange(8, 40).Draw(r, "height"))
		m := build(t, "random", someEntries(r), advice())
		d.model.image, d.shown = m, &answer{}
		d.gone.start(m)
		d.lists[findingsPane].set(1)
		d.run(d.refresh())
		if rapid.Bool().Draw(r, "compared") {
			d.tell(otherMsg{"other", build(t, "other", someEntries(r), nil), nil})
		}
		keys := []string{"1", "2", "3", "4", "5", "w", "b", "s", "enter", "left", "down", "up", "tab", "end", "x", "u", "t", "i", "d", "esc"}
		for range rapid.IntRange(1, 15).Draw(r, "keys") {
			k := rapid.SampledFrom(keys).Draw(r, "key")
			switch what := rapid.IntRange(0, 5).Draw(r, "what"); {
			case what == 0:
				d.text = someFilter(r)
				d.run(d.refresh())
			case k != "d" || d.other != nil: // without an image it asks for one
				d.press(k)
			}
			checkSums(r, d.model)
			checkScreen(r, screen{d.model}.render(), d.width, d.height)
		}
	})
}

func someEntries(r *rapid.T) []entry {
	list := make([]entry, rapid.IntRange(1, 40).Draw(r, "files"))
	for i := range list {
		list[i] = entry{path: rapid.StringMatching(`[ab](/[abc]){0,4}/[xyz]\.(py|so)`).Draw(r, "path"), layer: rapid.IntRange(0, 3).Draw(r, "layer"),
			hiddenBy: rapid.SampledFrom([]int{-1, -1, 3}).Draw(r, "by"), bytes: rapid.Int64Range(0, 5_000_000).Draw(r, "bytes"), owner: rapid.IntRange(0, len(owners)-1).Draw(r, "owner"),
			category: rapid.IntRange(0, len(categories)-1).Draw(r, "category")}
	}
	return list
}

// someFilter is a filter of several terms, now and then one that is none.
func someFilter(r *rapid.T) string {
	terms := []string{"size:>1MB", "size:10kB..2MB", "size:<1", "ext:.py", "ext:(none)", "wasted:yes", "wasted:deleted", "wasted:no", "base:yes", "base:no", "pkg:pandas,numpy", "pkg:lib*", "a/b", "B",
		"path:*/x.so", "path:/a/b", "path:c", "line:3..4", "line:Dockerfile:5", "layer:0", "layer:1..2", "cat:python", "rule:pip-cache", `"a b"`, "sise:3", `"`}
	var out []string
	for range rapid.IntRange(0, 3).Draw(r, "terms") {
		out = append(out, rapid.SampledFrom([]string{"", "", "-"}).Draw(r, "not")+rapid.SampledFrom(terms).Draw(r, "term"))
	}
	return strings.Join(out, " ")
}

func checkSums(t *rapid.T, m *model) {
	checkGone(t, m)
	now, before := m.shown.sums()
	if m.wrong != nil {
		return // the lists are those of the filter before
	}
	var delta int64
	for _, r := range m.groups {
		delta += r.Delta()
	}
	if m.shown.other != nil && delta != now.Size()-before.Size() {
		t.Fatalf("the groups differ by %d, the images by %d", delta, now.Size()-before.Size())
	}
	total := func(rows []row) (s view.Sum) {
		for _, r := range rows {
			o := own(r)
			s.Files += o.Files
			s.Visible += o.Visible
			s.Wasted += o.Wasted
		}
		return s
	}
	want := now
	want.Download = 0
	if diff := cmp.Diff(want, total(m.groups)); diff != "" {
		t.Fatalf("the groups do not add up to the head line:\n%s", diff)
	}
	in := m.shown.side.inside.Sum
	in.Download = 0
	if diff := cmp.Diff(in, total(m.shown.children(m.top))); diff != "" {
		t.Fatalf("the contents at the top do not add up to the group:\n%s", diff)
	}
	// The head line against an oracle that passes over the files one by one.
	q, err := view.ParseQuery(m.query())
	if err != nil {
		t.Fatalf("%v", err)
	}
	sel := m.image.Select(q)
	var bytes int64
	for i := range m.image.Len() {
		if sel.Has(i) {
			bytes += m.image.Size(i)
		}
	}
	if bytes != now.Size() {
		t.Fatalf("the head line says %d, the files have %d", now.Size(), bytes)
	}
	var below int64
	for i := range m.image.Len() {
		if m.shown.side.inside.Has(i) && strings.HasPrefix(m.image.Path(i), strings.TrimSuffix(m.folder, "/")+"/") {
			below += m.image.Size(i)
		}
	}
	if s := total(m.contents); s.Size() != below {
		t.Fatalf("the contents of %s add up to %d, its files to %d", m.folder, s.Size(), below)
	}
}

// checkGone: what was taken out are all items of its paths, each once, and the
// head line has what remains.
func checkGone(t *rapid.T, m *model) {
	paths := map[string]bool{}
	for _, r := range m.gone.out {
		for _, s := range r.of(m.image) {
			for i := range s.Items() {
				paths[m.image.Path(i)] = true
			}
		}
	}
	var rest, all int64
	for i := range m.image.Len() {
		all += m.image.Size(i)
		if !paths[m.image.Path(i)] {
			rest += m.image.Size(i)
		}
	}
	if got := m.gone.account.Size(); got != rest {
		t.Fatalf("without what was taken out it is %d, the other files have %d", got, rest)
	}
	if want := whittle.Bytes(all) + " → " + whittle.Bytes(rest); m.gone.any() && m.width > 60 && !strings.Contains(text(screen{m}.head()[0]), want) {
		t.Fatalf("the head line does not say %s: %s", want, screen{m}.head()[0])
	}
}

// TestDifference: rows of two images add up to the difference of the head line.
func TestDifference(t *testing.T) {
	d := drive(t, options(t), 120, 40)
	d.press("d").typing("smaller").press("enter")
	for _, keys := range [][]string{nil, {"2"}, {"w"}, {"w", "3"}, {"5"}, {"4"}} {
		d.press(keys...)
		now, before := d.shown.sums()
		var got int64
		for _, r := range d.groups {
			got += r.Delta()
		}
		if want := now.Size() - before.Size(); got != want {
			t.Errorf("after %v the rows differ by %d, the images by %d", keys, got, want)
		}
	}
	d.press("d")
	if d.shown.other != nil {
		t.Error("d does not leave the difference")
	}
	d.press("d")
	if d.shown.other == nil {
		t.Error("d does not show it again")
	}
}

// TestDifferenceMissing: an image that is not there is a note, and no end.
func TestDifferenceMissing(t *testing.T) {
	d := drive(t, options(t), 80, 24)
	d.press("d").typing("missing").press("enter")
	if d.quit || !strings.Contains(d.note, `no image "missing"`) {
		t.Errorf("note %q, quit %v", d.note, d.quit)
	}
}

// TestLoadFails: an image that cannot be read ends the program with its error.
func TestLoadFails(t *testing.T) {
	o := options(t)
	o.Load = func(context.Context, whittle.Progress, func(*view.Model, int)) (Subject, error) {
		return nil, whittle.ErrNotFound.Errorf("there is no image")
	}
	d := drive(t, o, 80, 24)
	if !d.quit || d.fatal == nil {
		t.Errorf("fatal %v, quit %v", d.fatal, d.quit)
	}
}

// TestWithout: x takes out what the cursor is on, the head line has the running
// total, and u puts it back.
func TestWithout(t *testing.T) {
	const all = 113_588_200
	for _, tt := range []struct {
		name string
		keys []string
		want int64
	}{
		{"a package", []string{"2", "x"}, all - 44_600_000},
		{"twice is once", []string{"2", "x", "x"}, all - 44_600_000},
		{"a requirement and what only it needs", []string{"t", "x"}, all - 65_600_000},
		{"a requirement that another needs", []string{"t", "enter", "down", "x"}, all},
		{"a folder", []string{"4", "end", "x"}, all - 1_200},
		{"a finding", []string{"tab", "tab", "x"}, all - 15_000_000},
		{"two that overlap", []string{"2", "x", "t", "x"}, all - 65_600_000},
		{"undone", []string{"2", "x", "t", "x", "u"}, all - 44_600_000},
		{"a file", []string{"/", "six.py", "enter", "enter", "x"}, all - 34_000},
		{"of a filter only what matches", []string{"/", "frame.py", "enter", "2", "x"}, all - 600_000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := drive(t, options(t), 120, 40)
			d.play(tt.keys)
			if got := d.gone.account.Size(); got != tt.want {
				t.Errorf("without it %d bytes, want %d; note %q", got, tt.want, d.note)
			}
			head := text(screen{d.model}.head()[0])
			if tt.want != all && !strings.Contains(head, "→") {
				t.Errorf("the head line does not say it: %s", head)
			}
		})
	}
}

// TestJudgedLater: what was taken out before the rules were asked is still out.
func TestJudgedLater(t *testing.T) {
	d := drive(t, options(t), 120, 40)
	d.press("2", "x")
	before := d.gone.account.Size()
	d.tell(judgedMsg{model: example(t, "app:1.0").judged})
	if got := d.gone.account.Size(); got != before {
		t.Errorf("%d bytes after, %d before", got, before)
	}
	d.press("u")
	if d.gone.any() || d.gone.account.Size() != d.model.image.Total.Size() {
		t.Error("u does not put it back")
	}
}

// TestView: a file is shown inert, a wasted one not at all.
func TestView(t *testing.T) {
	d := drive(t, options(t), 80, 24)
	d.play([]string{"/", "main.py", "enter", "enter", "v"})
	if d.over == nil {
		t.Fatalf("nothing is shown: %s", d.note)
	}
	checkScreen(t, screen{d.model}.render(), 80, 24)
	if want := []string{"import pandas", `    print('\x1b]0;owned\x07')`}; !cmp.Equal(want, d.over.lines) {
		t.Error(cmp.Diff(want, d.over.lines))
	}
	d.press("q")
	if d.over != nil || d.quit {
		t.Error("q does not close the file alone")
	}
	for _, tt := range []struct{ filter, note string }{{"a.whl", "wasted"}, {"os.py", "not there"}} {
		d := drive(t, options(t), 80, 24)
		d.play([]string{"/", tt.filter, "enter", "enter", "v"})
		if d.over != nil || !strings.Contains(d.note, tt.note) {
			t.Errorf("%s: note %q", tt.filter, d.note)
		}
	}
	d = drive(t, options(t), 80, 24)
	d.play([]string{"/", "path:/usr/local/bin", "enter", "enter", "v"})
	if d.over == nil || !strings.Contains(d.over.lines[0], "7f 45 4c 46 00 01") {
		t.Errorf("a binary is not dumped: %s", d.note)
	}
}

// TestExtract: a file is written where nothing is yet, and nowhere else.
func TestExtract(t *testing.T) {
	dir := t.TempDir()
	to := filepath.Join(dir, "m.py")
	open := func() *driver {
		d := drive(t, options(t), 80, 24)
		d.play([]string{"/", "main.py", "enter", "enter", "e"})
		for d.prompt.input.Value() != "" {
			d.press("backspace")
		}
		return d.typing(to).press("enter")
	}
	open()
	b, err := os.ReadFile(to)
	if err != nil || !strings.HasPrefix(string(b), "import pandas") {
		t.Fatalf("%q, %v", b, err)
	}
	if err := os.WriteFile(to, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if d := open(); !strings.Contains(d.note, "there already") {
		t.Errorf("note %q", d.note)
	}
	if b, _ := os.ReadFile(to); string(b) != "mine" {
		t.Error("a file was written over")
	}
}

// TestEditor: the line is given as each editor wants it, and no shell is asked.
func TestEditor(t *testing.T) {
	for _, tt := range []struct {
		command, file string
		want          []string
	}{
		{"vim", "/p/Dockerfile", []string{"vim", "+27", "/p/Dockerfile"}},
		{"emacsclient -t", "/p/Dockerfile", []string{"emacsclient", "-t", "+27", "/p/Dockerfile"}},
		{"code --wait", "/p/Dockerfile", []string{"code", "--wait", "--goto", "/p/Dockerfile:27"}},
		{"/opt/hx", "Dockerfile", []string{"/opt/hx", "Dockerfile:27"}},
		{"vim; rm", "-c", []string{"vim;", "rm", "+27", "./-c"}},
		{"", "Dockerfile", nil},
	} {
		if diff := cmp.Diff(tt.want, editor(tt.command, tt.file, 27)); diff != "" {
			t.Errorf("%q: %s", tt.command, diff)
		}
	}
}

// TestMouse: a click chooses a row, a second one goes into it; the wheel moves.
func TestMouse(t *testing.T) {
	d := drive(t, options(t), 80, 24)
	d.press("2")
	at := d.listAt(groupsPane)
	click := tea.MouseClickMsg{X: 3, Y: at.y + 1, Button: tea.MouseLeft}
	d.tell(click)
	if d.lists[groupsPane].cursor != 1 {
		t.Fatalf("the cursor is at %d", d.lists[groupsPane].cursor)
	}
	d.tell(click)
	if d.focus != contentsPane || d.want.group == "" {
		t.Errorf("a second click does not go into the row: %v %q", d.focus, d.want.group)
	}
	d.tell(tea.MouseWheelMsg{X: 3, Y: at.y, Button: tea.MouseWheelDown})
	d.tell(tea.MouseClickMsg{X: 300, Y: 300, Button: tea.MouseLeft})
	checkScreen(t, screen{d.model}.render(), 80, 24)
}

// TestResize: at any size there is a whole screen.
func TestResize(t *testing.T) {
	d := drive(t, options(t), 80, 24)
	for w := 1; w < 140; w += 3 {
		for h := 1; h < 50; h += 3 {
			for _, focus := range []pane{groupsPane, contentsPane, findingsPane, cardPane} {
				d.tell(tea.WindowSizeMsg{Width: w, Height: h})
				d.look(focus)
				checkScreen(t, screen{d.model}.render(), w, h)
			}
		}
	}
}

// TestBack: ← leaves the folders one by one, the cursor on the one that was left,
// then the group.
func TestBack(t *testing.T) {
	d := drive(t, options(t), 80, 24)
	d.press("tab")
	var at []string
	for d.focus == contentsPane {
		at = append(at, d.folder)
		d.press("enter")
	}
	d.press("left")
	for i := len(at) - 1; i > 0; i-- {
		if d.folder != at[i] && i < len(at)-1 {
			t.Fatalf("at %s, want %s", d.folder, at[i])
		}
		d.press("left")
		if got := selectedName(d.contents, d.lists[contentsPane]); !strings.Contains(at[i], got) || got == "" {
			t.Errorf("the cursor is on %q, came from %s", got, at[i])
		}
	}
	if d.folder != at[0] {
		t.Errorf("at %s", d.folder)
	}
	d.press("left")
	if d.focus != groupsPane {
		t.Error("← does not leave for the groups")
	}
}

// TestLast: an answer that comes late does not replace a newer one.
func TestLast(t *testing.T) {
	d := drive(t, options(t), 80, 24)
	d.text = "pandas"
	first := d.refresh()
	d.text = "numpy"
	second := d.refresh()
	d.run(second)
	d.run(first)
	if d.shown.query != "numpy" || (screen{d.model}).busy() {
		t.Errorf("it shows %q", d.shown.query)
	}
}

// TestBar: a bar has its share of the cells, and never none for something.
func TestBar(t *testing.T) {
	for _, tt := range []struct {
		part, whole int64
		want        string
	}{{0, 10, ""}, {10, 10, "████"}, {5, 10, "██"}, {1, 1_000_000, "▏"}, {20, 10, "████"}, {-1, 10, ""}, {1, 0, ""}, {3, 16, "▊"}} {
		if got := bar(tt.part, tt.whole, 4); got != tt.want {
			t.Errorf("%d of %d: %q, want %q", tt.part, tt.whole, got, tt.want)
		}
	}
}

// TestWidths: what is cut fits, and what fits is not cut.
func TestWidths(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s, n := plain(rapid.String().Draw(r, "text")), rapid.IntRange(0, 30).Draw(r, "cells")
		for name, got := range map[string]string{"first": first(s, n), "middle": middle(s, n), "left": left(s, n), "right": right(s, n)} {
			if w := cells(got); w > n {
				r.Fatalf("%s: %q has %d cells, more than %d", name, got, w, n)
			}
		}
		if cells(s) <= n && middle(s, n) != s {
			r.Fatalf("%q fits and is cut to %q", s, middle(s, n))
		}
		if got := cells(left(s, n)); got != n {
			r.Fatalf("left has %d cells, want %d", got, n)
		}
	})
}

// TestBeforeRules: the files can be looked through while the rules are asked.
func TestBeforeRules(t *testing.T) {
	o := options(t)
	d := &driver{t: t, model: newModel(t.Context(), o)}
	d.tell(tea.WindowSizeMsg{Width: 120, Height: 40})
	watch := watcher{func(m tea.Msg) { d.tell(m) }}
	watch.Step("reading app:1.0")
	watch.Begin(whittle.Work{Bytes: true}).Done(1_000_000, 4_000_000)
	if got := text(screen{d.model}.render()); !strings.Contains(got, "… reading app:1.0, 1.0 MB of 4.0 MB") {
		t.Errorf("the screen while it reads:\n%s", got)
	}
	_, cmd := d.Update(d.Init()())
	both, ok := cmd().(tea.BatchMsg)
	if !ok || len(both) != 2 {
		t.Fatal("the lists and the rules are not asked for at once")
	}
	d.run(both[0])
	watch.Step("asking the rules")
	got := text(screen{d.model}.render())
	for _, want := range []string{"80.6 MB", "Findings: still asking the rules"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not on the screen:\n%s", want, got)
		}
	}
	d.play([]string{"2", "/", "main.py", "enter", "enter", "v"})
	if d.over == nil {
		t.Errorf("a file is not shown: %s", d.note)
	}
	d.press("q", "esc")
	d.run(both[1])
	if len(d.findings()) != 1 || d.judging || d.want.by != view.ByPackage {
		t.Errorf("%d findings, by %s", len(d.findings()), d.want.by)
	}
}

// TestRulesFail: without the rules there are the files, and a note.
func TestRulesFail(t *testing.T) {
	d := drive(t, options(t), 80, 24)
	d.tell(judgedMsg{err: whittle.ErrCorrupt.Errorf("a database\nis damaged")})
	if d.quit || !strings.Contains(d.note, "a database is damaged") || len(d.groups) == 0 {
		t.Errorf("note %q", d.note)
	}
}

// TestHostile: whatever names of an image and of its parts are, they move nothing
// on the screen and are no wider than it.
func TestHostile(t *testing.T) {
	nasty := []string{"\x1b[2J", "\x1b]0;title\x07", "\u202ertl", "a\rb", "a\nb", "\x9b31m", "\xff\xfe", "\u2066x", "日本語", "e\u0301\u0301\u0301", "👨‍👩‍👧", strings.Repeat("x", 300), "-", "\t"}
	rapid.Check(t, func(r *rapid.T) {
		name := func(label string) string {
			return strings.Join(rapid.SliceOfN(rapid.SampledFrom(nasty), 1, 3).Draw(r, label), "")
		}
		list := []entry{{path: "a/" + name("path"), hiddenBy: -1, bytes: 10}, {path: name("folder") + "/x", layer: 1, hiddenBy: 2, bytes: 20, owner: 1}}
		f := facts(name("ref"), list)
		f.OwnerNames = append([]string{name("owner"), name("owner2") + "2"}, f.OwnerNames[2:]...)
		f.Inspection.Layers[1].CreatedBy = name("instruction")
		f.Inspection.Layers[1].Origin.File = name("file")
		f.Advice = &whittle.Advice{Findings: []whittle.Finding{{Rule: name("rule"), Message: name("message"), Advice: name("advice"), Caution: name("caution"),
			Evidence: []whittle.Evidence{{Path: name("at"), File: name("in"), What: name("what")}}, Fix: &whittle.Fix{Title: name("title")}}}}
		f.Requirements.List[0].Name, f.Requirements.List[1].Version = name("requirement"), name("version")
		m, err := view.New(f)
		if err != nil {
			r.Fatalf("%v", err)
		}
		o := options(t)
		o.Image = name("image")
		o.Load = func(context.Context, whittle.Progress, func(*view.Model, int)) (Subject, error) {
			return &fake{model: m, judged: m}, nil
		}
		w, h := rapid.SampledFrom([]int{40, 80, 120}).Draw(r, "width"), rapid.SampledFrom([]int{12, 24, 40}).Draw(r, "height")
		d := drive(t, o, w, h)
		for _, k := range []string{"", "2", "tab", "tab", "f", "esc", "tab", "x", "4", "enter", "x", "v", "e", "esc", "t", "enter", "down", "i", "x", "o"} {
			if k != "" {
				d.press(k)
			}
			checkScreen(r, screen{d.model}.render(), w, h)
		}
	})
}

// TestFirstLayers: the first layers can be looked through while others are read;
// what was taken out stays out, and what needs the whole image has to wait.
func TestFirstLayers(t *testing.T) {
	var lower []entry
	for _, e := range entries {
		if e.layer < 2 {
			e.hiddenBy = -1
			lower = append(lower, e)
		}
	}
	part := build(t, "app:1.0", lower, nil)
	d := &driver{t: t, model: newModel(t.Context(), options(t))}
	d.tell(tea.WindowSizeMsg{Width: 120, Height: 40})
	d.tell(firstMsg{part, 2})
	got := text(screen{d.model}.render())
	for _, want := range []string{"the first 2 layers: 112.7 MB", "Findings: still reading"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not on the screen:\n%s", want, got)
		}
	}
	d.play([]string{"/", "frame.py", "enter", "enter", "x"})
	for _, k := range []string{"v", "e", "H", "d"} {
		if d.press(k); !strings.Contains(d.note, "being read") || d.prompt != nil {
			t.Errorf("%s: note %q", k, d.note)
		}
	}
	d.press("esc")
	if got := d.gone.account.Size(); got != part.Total.Size()-600_000 {
		t.Errorf("without it %d bytes", got)
	}
	d.run(d.Init())
	if d.layers != 0 || d.pending() || d.image.Total.Size() != 113_588_200 || d.gone.account.Size() != 113_588_200-600_000 {
		t.Errorf("%d layers, %d bytes, %d without what was taken out", d.layers, d.image.Total.Size(), d.gone.account.Size())
	}
	d.tell(firstMsg{part, 2})
	if d.layers != 0 || d.image == part {
		t.Error("the first layers come back")
	}
}

// TestCursorAtTop: as long as no key was pressed, the cursor is on the largest row,
// also where it came after others, and all folders are shown; then it stays on what
// it is on.
func TestCursorAtTop(t *testing.T) {
	var small []entry
	for _, e := range entries {
		if e.path == "etc/passwd" {
			e.hiddenBy = -1
			small = append(small, e)
		}
	}
	for _, tt := range []struct {
		keys []string
		top  bool
	}{{nil, true}, {[]string{"up"}, false}} {
		d := &driver{t: t, model: newModel(t.Context(), options(t))}
		d.tell(tea.WindowSizeMsg{Width: 120, Height: 40})
		d.tell(firstMsg{build(t, "app:1.0", small, nil), 1})
		first := selectedName(d.groups, d.lists[groupsPane])
		d.play(tt.keys)
		d.run(d.Init())
		now := selectedName(d.groups, d.lists[groupsPane])
		if first == "" || d.groups[0].Name == first {
			t.Fatalf("the fixture's first layer %q is its largest", first)
		}
		if want := map[bool]string{true: d.groups[0].Name, false: first}[tt.top]; now != want {
			t.Errorf("after %v the cursor is on %q, want %q", tt.keys, now, want)
		}
		if want := map[bool]string{true: "/", false: "/etc"}[tt.top]; d.folder != want {
			t.Errorf("after %v %s is shown, want %s", tt.keys, d.folder, want)
		}
	}
}

// TestReport: H writes a report where nothing is yet, and says how it is opened
// as what is shown.
func TestReport(t *testing.T) {
	t.Chdir(t.TempDir())
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for i, tt := range []struct {
		keys     []string
		fragment string
		missing  string
	}{
		{nil, "#at=treemap&by=instruction", ""},
		{[]string{"4"}, "#at=treemap", ""},
		{[]string{"2"}, "#at=treemap&by=package", ""},
		{[]string{"2", "enter"}, "#at=treemap&by=package&g=pandas+2.3.3", ""},
		{[]string{"4", "enter"}, "#at=treemap&f=%2Fusr%2Flocal%2Flib", ""},
		{[]string{"/", "size:>1MB -ext:.so", "enter", "w", "b"}, "#at=treemap&by=instruction&q=size%3A%3E1MB+-ext%3A.so+wasted%3Ayes+base%3Ano", ""},
		{[]string{"2", "enter", "enter"}, "#at=treemap&by=package&f=%2Fusr%2Flocal%2Flib%2Fpython3.13%2Fsite-packages%2Fpandas%2F_libs&g=pandas+2.3.3", ""},
		{[]string{"tab", "enter"}, "#at=treemap&f=%2Fusr", ""},
		{[]string{"t", "x", "end", "x"}, "#at=treemap&by=instruction&w=0.0+0.2", ""},
		{[]string{"2", "x"}, "#at=treemap&by=package", "for requirements alone"},
		{[]string{"d", "smaller", "enter", "t", "x"}, "#at=treemap&by=instruction&w=1.0", ""},
	} {
		d := drive(t, options(t), 80, 24)
		d.play(tt.keys)
		d.press("H")
		if d.prompt == nil || d.prompt.input.Value() != "app-1.0.html" {
			t.Fatalf("%v: no file is asked for; note %q", tt.keys, d.note)
		}
		for d.prompt.input.Value() != "" {
			d.press("backspace")
		}
		name := fmt.Sprintf("%d #.html", i)
		d.typing(name).press("enter")
		if b, err := os.ReadFile(name); err != nil || !strings.HasPrefix(string(b), "<!doctype html>13") {
			t.Fatalf("%q, %v; note %q", b, err, d.note)
		}
		want := "file://" + filepath.ToSlash(dir) + fmt.Sprintf("/%d%%20%%23.html", i) + tt.fragment
		shown := strings.Join(d.over.lines, "")
		if !strings.Contains(shown, want) || len(d.left) != 1 || !strings.HasSuffix(d.left[0], want) {
			t.Errorf("%v: want %s\ngot %s\nleft %q", tt.keys, want, shown, d.left)
		}
		if tt.missing == "" && len(d.over.lines) > 6 || !strings.Contains(strings.Join(d.over.lines, " "), tt.missing) {
			t.Errorf("%v: %q", tt.keys, d.over.lines)
		}
		checkScreen(t, screen{d.model}.render(), 80, 24)
	}
	d := drive(t, options(t), 80, 24)
	d.press("H").press("enter").press("esc").press("H").press("enter")
	if !strings.Contains(d.note, "there already") {
		t.Errorf("note %q", d.note)
	}
}

// TestNewFile: a file gets its name when it is complete, no link is followed at
// it, and what fails leaves nothing behind.
func TestNewFile(t *testing.T) {
	dir := t.TempDir()
	full := func(w io.Writer) error { _, err := io.WriteString(w, "all"); return err }
	half := func(w io.Writer) error {
		_, _ = io.WriteString(w, "al")
		return whittle.ErrCorrupt.Errorf("the layer ends early")
	}
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), filepath.Join(dir, "link")); err != nil {
		t.Skip(err)
	}
	for _, tt := range []struct {
		name  string
		write func(io.Writer) error
		err   string
	}{
		{"a", full, ""}, {"a", full, "is there already"}, {"b", half, "the layer ends early"}, {"link", full, "is there already"}, {"no/folder", full, "writing " + filepath.Join(dir, "no/folder") + ": no such file"},
		{"late", func(w io.Writer) error {
			_ = full(w)
			return os.WriteFile(filepath.Join(dir, "late"), []byte("theirs"), 0o600)
		}, "is there already"},
	} {
		_, err := writeNew(filepath.Join(dir, tt.name), tt.write)
		if (err == nil) != (tt.err == "") || err != nil && (!strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "partial")) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.err)
		}
	}
	var names []string
	list, _ := os.ReadDir(dir)
	for _, e := range list {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff([]string{"a", "late", "link"}, names); diff != "" {
		t.Errorf("in the folder:\n%s", diff)
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "late")); string(b) != "theirs" {
		t.Error("a file that came meanwhile was written over")
	}
	if got := chosen(dir, "offered"); got != filepath.Join(dir, "offered") {
		t.Errorf("a folder gives %s", got)
	}
	t.Setenv("HOME", dir)
	if got := chosen("~/x", "offered"); got != filepath.Join(dir, "x") {
		t.Errorf("~ gives %s", got)
	}
}
