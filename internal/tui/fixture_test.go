package tui

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/view"
)

// fake is an image that was made up.
type fake struct {
	model, judged *view.Model
	files         map[string]string
}

func (f *fake) Model() *view.Model                         { return f.model }
func (f *fake) Judge(context.Context) (*view.Model, error) { return f.judged, nil }
func (f *fake) Diff(x *whittle.Finding) (string, error) {
	return "--- a/Dockerfile\n+++ b/Dockerfile\n@@ -1 +1 @@\n-RUN a\n+RUN b\n", nil
}
func (f *fake) Report(w io.Writer, models ...*view.Model) error {
	_, err := fmt.Fprintf(w, "<!doctype html>%d in %d", models[len(models)-1].Len(), len(models))
	return err
}
func (f *fake) Copy(_ context.Context, p string, w io.Writer) error {
	text, ok := f.files[p]
	if !ok {
		return whittle.ErrNotFound.Errorf("%s is not there", p)
	}
	_, err := io.WriteString(w, text)
	return err
}

// entry is a file of a made-up image.
type entry struct {
	path            string
	layer, hiddenBy int
	bytes           int64
	owner, category int
}

var owners = []whittle.Owner{{Ecosystem: "deb", Name: "libc6", Version: "2.41"}, {Ecosystem: "python", Name: "python", Version: "3.13.1"},
	{Ecosystem: "pypi", Name: "pandas", Version: "2.3.3"}, {Ecosystem: "pypi", Name: "numpy", Version: "2.3.5"}, {Ecosystem: "pypi", Name: "six", Version: "1.17.0"},
	{Ecosystem: "app", Name: "app"}, {Ecosystem: "instruction", Name: "Dockerfile:3"}}

var categories = []string{"base OS", "interpreter", "Python packages", "application", "caches"}

var entries = []entry{
	{"usr/lib/x86_64-linux-gnu/libc.so.6", 0, -1, 2_000_000, 0, 0},
	{"etc/passwd", 0, -1, 1_200, 0, 0},
	{"usr/local/bin/python3.13", 0, -1, 30_000_000, 1, 1},
	{"usr/local/lib/python3.13/os.py", 0, -1, 40_000, 1, 1},
	{"usr/local/lib/python3.13/site-packages/pandas/core/frame.py", 1, -1, 600_000, 2, 2},
	{"usr/local/lib/python3.13/site-packages/pandas/_libs/lib.so", 1, -1, 44_000_000, 2, 2},
	{"usr/local/lib/python3.13/site-packages/numpy/core.so", 1, -1, 21_000_000, 3, 2},
	{"usr/local/lib/python3.13/site-packages/six.py", 1, -1, 34_000, 4, 2},
	{"root/.cache/pip/wheels/a.whl", 1, 2, 12_000_000, 6, 4},
	{"root/.cache/pip/http/b", 1, 2, 3_000_000, 6, 4},
	{"srv/app/main.py", 3, -1, 8_000, 5, 3},
	{"srv/app/データ/見本.csv", 3, -1, 900_000, 5, 3},
	{"srv/app/\x1b[2Jclear\u202etxt", 3, -1, 5_000, 5, 3},
}

// facts are those of an image of some files.
func facts(ref string, list []entry) view.Facts {
	in := &whittle.Inspection{Image: whittle.ImageFacts{Ref: ref}}
	for i, text := range []string{"", "RUN pip install -r requirements.txt # buildkit", "RUN rm -r /root/.cache # buildkit", "COPY . /srv/app # buildkit"} {
		row := whittle.LayerRow{Index: i, CreatedBy: text}
		if i > 0 {
			row.Origin = &whittle.Origin{File: "Dockerfile", Line: i + 2, EndLine: i + 2, Instruction: strings.Fields(text)[0]}
		} else {
			row.CreatedBy = "RUN make python"
		}
		in.Layers = append(in.Layers, row)
	}
	for _, e := range list {
		row := &in.Layers[e.layer]
		row.Size += e.bytes
		in.Sizes.Size += e.bytes
		if e.hiddenBy >= 0 {
			row.Wasted += e.bytes
			in.Sizes.Wasted += e.bytes
		} else {
			row.Visible += e.bytes
			in.Sizes.Visible += e.bytes
		}
	}
	var download int64
	for i := range in.Layers {
		d := in.Layers[i].Size / 3
		in.Layers[i].Download = &d
		download += d
	}
	in.Sizes.Download = &download
	names := make([]string, len(owners))
	for i, o := range owners {
		names[i] = o.String()
	}
	return view.Facts{Inspection: in, Base: 1, Owners: owners, OwnerNames: names, Categories: categories, Requirements: requirements(),
		Items: func(yield func(view.Item) bool) {
			for i, e := range list {
				it := view.Item{Path: e.path, Layer: e.layer, HiddenBy: e.hiddenBy, Entry: i, Bytes: e.bytes, Owner: e.owner, Category: e.category, Names: 1}
				if e.hiddenBy >= 0 {
					it.Cause, it.Names = whittle.Deleted, 0
				}
				if !yield(it) {
					return
				}
			}
		}}
}

// requirements are pandas, which alone needs numpy, and six.
func requirements() *view.Requirements {
	return &view.Requirements{List: []view.Requirement{
		{Name: "pandas", Version: "2.3.3", Own: 44_600_000, Retained: 65_600_000, By: -1, Needed: true, Asked: true, Needs: []int{1}},
		{Name: "numpy", Version: "2.3.5", Own: 21_000_000, Retained: 21_000_000, By: 0, Needed: true},
		{Name: "six", Version: "1.17.0", Own: 34_000, Retained: 34_000, By: -1, Needed: true, Asked: true, Unused: true},
	}, Frees: func(without ...int) []int {
		out := []int{}
		for _, w := range without {
			switch w {
			case 0:
				out = append(out, 0, 1)
			case 2:
				out = append(out, 2)
			}
		}
		return out
	}}
}

func advice() *whittle.Advice {
	return &whittle.Advice{Findings: []whittle.Finding{{
		Rule: "pip-cache", Message: "pip's cache of 15.0 MB stays in a layer", Saving: whittle.Saving{Low: 15_000_000, High: 15_000_000}, Risk: whittle.RiskNone,
		Advice: "Use --no-cache-dir.", Evidence: []whittle.Evidence{{Path: "root/.cache/pip", Layer: 1, Bytes: 15_000_000, File: "Dockerfile", Line: 3}},
		Fix: &whittle.Fix{Title: "install without the cache"}, Change: whittle.LayerChange{Remove: []whittle.Content{{Layer: 1, Entry: 8}, {Layer: 1, Entry: 9}}},
	}}}
}

func build(t testing.TB, ref string, list []entry, with *whittle.Advice) *view.Model {
	t.Helper()
	f := facts(ref, list)
	f.Advice = with
	m, err := view.New(f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// example is the made-up image, and smaller the same without pandas and with a
// larger application.
func example(t testing.TB, name string) *fake {
	list := entries
	if name == "smaller" {
		list = nil
		for _, e := range entries {
			if e.owner == 2 {
				continue
			}
			if e.path == "srv/app/main.py" {
				e.bytes *= 2
			}
			list = append(list, e)
		}
	}
	return &fake{build(t, name, list, nil), build(t, name, list, advice()), map[string]string{
		"/srv/app/main.py": "import pandas\n\tprint('\x1b]0;owned\x07')\n", "/usr/local/bin/python3.13": "\x7fELF\x00\x01"}}
}

// options load images that are made up.
func options(t testing.TB) Options {
	open := func(name string, p whittle.Progress) (*fake, error) {
		if name == "missing" {
			return nil, whittle.ErrNotFound.Errorf("there is no image %q", name)
		}
		p.Step("reading " + name)
		return example(t, name), nil
	}
	o := Options{Image: "app:1.0"}
	o.Load = func(_ context.Context, p whittle.Progress, _ func(*view.Model, int)) (Subject, error) {
		return open("app:1.0", p)
	}
	o.Compare = func(_ context.Context, name string, p whittle.Progress) (*view.Model, error) {
		f, err := open(name, p)
		if err != nil {
			return nil, err
		}
		return f.model, nil
	}
	return o
}

// driver gives messages to a model, and runs all that they start to the end.
type driver struct {
	t testing.TB
	*model
	quit bool
}

func drive(t testing.TB, o Options, w, h int) *driver {
	d := &driver{t: t, model: newModel(context.Background(), o)}
	d.tell(tea.WindowSizeMsg{Width: w, Height: h})
	d.run(d.Init())
	return d
}

func (d *driver) tell(msg tea.Msg) {
	if msg == nil {
		return
	}
	if batch, ok := msg.(tea.BatchMsg); ok {
		for _, cmd := range batch {
			d.run(cmd)
		}
		return
	}
	if _, ok := msg.(tea.QuitMsg); ok {
		d.quit = true
		return
	}
	_, cmd := d.Update(msg)
	d.run(cmd)
}

func (d *driver) run(cmd tea.Cmd) {
	if cmd != nil {
		d.tell(cmd())
	}
}

var named = map[string]rune{"enter": tea.KeyEnter, "esc": tea.KeyEscape, "up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight, "tab": tea.KeyTab,
	"home": tea.KeyHome, "end": tea.KeyEnd, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "backspace": tea.KeyBackspace}

func pressed(name string) tea.KeyPressMsg {
	if c, ok := named[name]; ok {
		return tea.KeyPressMsg{Code: c}
	}
	r := []rune(name)
	if len(r) != 1 {
		panic(fmt.Sprintf("there is no key %q", name))
	}
	return tea.KeyPressMsg{Code: r[0], Text: name}
}

// press presses keys, by their names.
func (d *driver) press(names ...string) *driver {
	for _, n := range names {
		d.tell(pressed(n))
	}
	return d
}

// typing types a text.
func (d *driver) typing(text string) *driver {
	for _, r := range text {
		d.tell(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
	return d
}
