package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// level is the level of the treemap that is shown, as its table has it.
type level struct {
	Name, Size, Share, Wasted, Files string
}

func (p *tab) level() []level {
	p.Helper()
	return get[[]level](p, `[...document.querySelectorAll('#level tbody tr')].map(r => (c => ({Name: c[0], Size: c[1], Share: c[2], Wasted: c[3], Files: c[4]}))([...r.cells].map(c => c.textContent)))`)
}

// trail is where the treemap is: all / usr / lib.
func (p *tab) trail() string {
	p.Helper()
	return get[string](p, `document.querySelector('#crumbs').textContent`)
}

// cells are the labels of the rectangles that can be opened.
func (p *tab) cells() []string {
	p.Helper()
	return get[[]string](p, `[...document.querySelectorAll('.map [role=button]')].map(g => g.getAttribute('aria-label'))`)
}

// focused is the label of what has the focus.
func (p *tab) focused() string {
	p.Helper()
	return get[string](p, `document.activeElement.getAttribute('aria-label') || document.activeElement.tagName`)
}

// click clicks on a point where nothing but the element that an expression names
// is hit. It waits until the element stays where it is: what was opened above it, or is
// still being drawn, moves it.
func (p *tab) click(format string, args ...any) {
	p.Helper()
	var at, before []float64
	for range 100 {
		before, at = at, get[[]float64](p, `(e => { if (!e) return null; e.scrollIntoView({block: 'center'});
		const r = e.getBoundingClientRect();
		for (const y of [r.top + 3, r.top + r.height / 2, r.bottom - 3]) for (const x of [r.left + r.width / 2, r.left + 3, r.right - 3]) {
			const hit = document.elementFromPoint(x, y);
			if (hit && (hit === e || e.contains(hit))) return [x, y];
		}
		return null; })(%s)`, fmt.Sprintf(format, args...))
		if at != nil && slices.Equal(at, before) {
			p.do(chromedp.MouseClickXY(at[0], at[1]))
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.Fatalf("it cannot be clicked: "+format, args...)
}

// cell is the expression of the rectangle of a name.
func cell(name string) string {
	return fmt.Sprintf(`[...document.querySelectorAll('.map [role=button]')].find(g => g.getAttribute('aria-label').startsWith(%s))`, quote(name+": "))
}

func trailOf(path string) string {
	if path == "/" {
		return "all"
	}
	return "all" + strings.ReplaceAll(path, "/", " / ")
}

// holdLevel compares a level with what the view says of the folder.
func (p *tab) holdLevel(f folder) {
	p.Helper()
	if got := p.trail(); got != trailOf(f.Path) {
		p.Errorf("at %s the trail is %q", f.Path, got)
	}
	rows, alone := p.level(), get[int](p, `document.querySelectorAll('.map').length`) == 1 // else beside other images
	for i, c := range f.Children {
		if !c.Folder {
			continue // small files may be in one row
		}
		n := slices.IndexFunc(rows, func(r level) bool { return r.Name == c.Name && shows(r.Size, c.Size) })
		if n < 0 {
			p.Errorf("%s: child %d, %+v, is not in %v", f.Path, i, c, rows[:min(len(rows), 30)])
			continue
		}
		if r := rows[n]; alone && (!shows(r.Wasted, c.Wasted) || !counts(r.Files, c.Files)) {
			p.Errorf("%s: %+v is shown as %+v", f.Path, c, r)
		}
	}
}

// TestZoom: a click on a rectangle goes into it, one on the trail goes back.
func TestZoom(t *testing.T) {
	for _, name := range []string{"known", "study", "files-40000", "files-500000"} {
		t.Run(name, func(t *testing.T) {
			p, e := report(t, name), expected(t, name)
			depth := 0
			for i, f := range e.Folders {
				p.holdLevel(f)
				if i+1 == len(e.Folders) || !f.Children[0].Folder {
					break
				}
				next := e.Folders[i+1]
				p.click("%s", cell(next.Path[strings.LastIndexByte(next.Path, '/')+1:]))
				p.until(`document.querySelector('#crumbs').textContent === %s`, quote(trailOf(next.Path)))
				depth++
			}
			if depth < 4 {
				t.Errorf("only %d levels", depth)
			}
			deep := p.cells()
			p.click(`document.querySelectorAll('#crumbs button')[1]`)
			p.until(`document.querySelector('#crumbs').textContent === 'all / usr'`)
			p.holdLevel(e.Folders[1])
			p.click(`document.querySelector('#crumbs button')`)
			p.until(`document.querySelector('#crumbs').textContent === 'all'`)
			p.holdLevel(e.Folders[0])
			if top := p.cells(); slices.Equal(top, deep) {
				t.Errorf("zoom shows the same: %v", top)
			}
			p.quiet()
		})
	}
}

// TestKeyboard: everything can be reached without a mouse.
func TestKeyboard(t *testing.T) {
	p, e := report(t, "known"), expected(t, "known")
	inMap := func() bool { return get[bool](p, `!!document.activeElement.closest('.map')`) }
	for range 200 {
		if p.keys(kb.Tab); inMap() {
			break
		}
	}
	if !inMap() {
		t.Fatal("Tab does not lead into the treemap")
	}
	if n := get[int](p, `document.querySelectorAll('.map [tabindex="0"]').length`); n != 1 {
		t.Errorf("%d places of the treemap are stops of Tab, want 1", n)
	}
	// The arrows reach all rectangles of the level.
	all := p.cells()
	reached := map[string]bool{p.focused(): true}
	for _, key := range strings.Split(strings.Repeat(kb.ArrowRight+" "+kb.ArrowDown+" "+kb.ArrowLeft+" "+kb.ArrowDown+" "+kb.ArrowUp+" ", 20), " ") {
		if key != "" {
			p.keys(key)
			reached[p.focused()] = true
		}
	}
	for _, c := range all {
		if !reached[c] {
			t.Errorf("arrows do not lead to %s, but to %v", c, reached)
		}
	}
	// Into the folders and out.
	for i, f := range e.Folders[1:5] {
		name := f.Path[strings.LastIndexByte(f.Path, '/')+1:]
		p.walkTo(name)
		p.keys(kb.Enter)
		p.until(`document.querySelector('#crumbs').textContent === %s`, quote(trailOf(f.Path)))
		p.holdLevel(e.Folders[i+1])
		if !inMap() {
			t.Fatalf("after Enter the focus is at %s", p.focused())
		}
	}
	for i := 3; i >= 0; i-- {
		p.keys(kb.Escape)
		p.until(`document.querySelector('#crumbs').textContent === %s`, quote(trailOf(e.Folders[i].Path)))
		if !inMap() {
			t.Errorf("after Esc the focus is at %s", p.focused())
		}
	}
	p.types("/")
	p.until(`document.activeElement.id === 'q'`)
	p.types("heavy")
	p.until(`document.querySelector('#q').value === 'heavy'`)
	p.types("?") // is text there
	p.until(`document.querySelector('#q').value === 'heavy?' && !document.querySelector('#help').open`)
	p.keys(kb.Escape)
	p.until(`document.activeElement.id !== 'q'`)
	p.types("?")
	p.until(`document.querySelector('#help').open && document.querySelector('#help').contains(document.activeElement)`)
	if text := get[string](p, `document.querySelector('#help').innerText`); !strings.Contains(text, "Enter") || !strings.Contains(text, "Esc") || !strings.Contains(text, "size:") {
		t.Errorf("the help is %q", text)
	}
	p.keys(kb.Escape)
	p.until(`!document.querySelector('#help').open`)
	// A requirement is ticked by Tab and the space bar.
	for range 300 {
		if get[bool](p, `document.activeElement.type === 'checkbox'`) {
			break
		}
		p.keys(kb.Tab)
	}
	p.types(" ")
	p.until(`document.querySelector('.without').textContent`)
	p.quiet()
}

// walkTo moves the focus to a rectangle by arrows.
func (p *tab) walkTo(name string) {
	p.Helper()
	tries := []string{kb.ArrowLeft, kb.ArrowUp, kb.ArrowRight, kb.ArrowDown}
	for n := range 80 {
		if strings.HasPrefix(p.focused(), name+": ") {
			return
		}
		p.keys(tries[(n+n/7)%4])
	}
	p.Fatalf("arrows do not lead to %s: %v", name, p.cells())
}

// filter types a filter into the field, in place of what is there.
func (p *tab) filter(text string) {
	p.Helper()
	get[any](p, `document.activeElement.blur()`)
	p.types("/")
	p.until(`document.activeElement.id === 'q'`)
	p.keys("a", chromedp.KeyModifiers(kb.ModifierCtrl))
	p.keys(kb.Delete)
	if text != "" {
		p.types(text)
	}
	p.until(`document.querySelector('#q').value === %s`, quote(text))
}

var sumsPattern = regexp.MustCompile(`^([0-9,]+) files?, ([^(]+) \(.*\), (.+) wasted$`)

// TestSearch: the sums beside a filter are those of package view.
func TestSearch(t *testing.T) {
	for _, name := range []string{"known", "hostile", "files-40000"} {
		t.Run(name, func(t *testing.T) {
			p, e := report(t, name), expected(t, name)
			if len(e.Queries) < 4 {
				t.Fatal("there are no filters")
			}
			for _, q := range e.Queries {
				p.filter(q.Query)
				var text string
				for end := time.Now().Add(patience / 5); !p.holds(&text, q); time.Sleep(20 * time.Millisecond) {
					if time.Now().After(end) {
						t.Fatalf("%q gives %q, want %d files of %d bytes, %d wasted", q.Query, text, q.Files, q.Size, q.Wasted)
					}
				}
			}
			p.filter("size:q")
			p.until(`document.querySelector('#q').getAttribute('aria-invalid') === 'true' && document.querySelector('#wrong').textContent.includes('size')`)
			p.filter("")
			p.until(`!document.querySelector('#q').matches('[aria-invalid=true]')`)
			p.quiet()
		})
	}
}

// holds says whether the sums beside the filter are those of the view.
func (p *tab) holds(text *string, q sum) bool {
	p.Helper()
	*text = get[string](p, `document.querySelector('output').textContent`)
	m := sumsPattern.FindStringSubmatch(*text)
	return m != nil && counts(m[1], q.Files) && shows(m[2], q.Size) && shows(m[3], q.Wasted)
}

// TestWithout: a tick says what the image is without the requirement, which is
// what the JSON says that it retains less; two ticks say it of both.
func TestWithout(t *testing.T) {
	for _, name := range []string{"known", "files-40000"} {
		t.Run(name, func(t *testing.T) {
			p, e := report(t, name), expected(t, name)
			value := struct {
				Sizes    struct{ Size int64 }
				Packages []struct {
					Name     string
					Retained *int64
				}
			}{}
			decode(t, reports+"/"+name+".json", &value)
			if len(e.Needs) < 3 || len(e.Pairs) < 2 {
				t.Fatal("there are no requirements")
			}
			for _, r := range append(e.Needs, e.Pairs...) {
				if len(r.Names) == 1 {
					n := slices.IndexFunc(value.Packages, func(p struct {
						Name     string
						Retained *int64
					}) bool {
						return p.Name == r.Names[0]
					})
					if n < 0 || *value.Packages[n].Retained != value.Sizes.Size-r.Without {
						t.Errorf("the JSON does not say that without %s the image has %d", r.Names[0], r.Without)
					}
				}
				for _, n := range r.Names {
					p.tick(n)
				}
				m := regexp.MustCompile(`^Without (.+): (.+), (.+) less; (\d+) distributions? go(es)?\.$`).FindStringSubmatch(get[string](p, `document.querySelector('.without').textContent`))
				if m == nil || !slices.Equal(sorted(strings.Split(m[1], ", ")), sorted(r.Names)) || !shows(m[2], r.Without) || !shows(m[3], value.Sizes.Size-r.Without) || m[4] != fmt.Sprint(r.Goes) {
					t.Errorf("%v: %q, want %+v", r.Names, m, r)
				}
				for _, n := range r.Names {
					p.tick(n)
				}
				p.until(`!document.querySelector('.without').textContent`)
			}
			p.quiet()
		})
	}
}

func sorted(names []string) []string { return slices.Sorted(slices.Values(names)) }

// tick clicks on the box of a requirement, and opens what it is in.
func (p *tab) tick(name string) {
	p.Helper()
	box := fmt.Sprintf(`[...document.querySelectorAll('input.need')].find(b => b.getAttribute('aria-label') === %s)`, quote("without "+name))
	get[any](p, `(b => { for (let d = b.closest('details'); d; d = d.parentElement.closest('details')) d.open = true; })(%s)`, box)
	was := get[bool](p, "%s.checked", box)
	p.click("%s", box)
	for range 100 { // a click that comes while the page draws may be lost
		if get[bool](p, "%s.checked", box) != was {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.click("%s", box)
	p.until("%s.checked === %v", box, !was)
}

// TestAddress: the address of a report has its state, which another tab shows.
func TestAddress(t *testing.T) {
	p := report(t, "known")
	p.filter("path:/usr size:>100kB")
	p.click("%s", cell("usr"))
	p.until(`document.querySelector('#crumbs').textContent === 'all / usr'`)
	p.tick("heavy")
	p.tick("unneeded")
	state := func(p *tab) string {
		return get[string](p, `JSON.stringify({q: document.querySelector('#q').value, trail: document.querySelector('#crumbs').textContent, sums: document.querySelector('output').textContent,
			without: document.querySelector('.without').textContent, ticked: [...document.querySelectorAll('input.need')].map(b => b.checked), by: [...document.querySelectorAll('.tools select')].map(s => s.value),
			cells: [...document.querySelectorAll('.map [role=button]')].map(g => g.getAttribute('aria-label'))})`)
	}
	first := state(p)
	other := open(t, get[string](p, `location.href`))
	if second := state(other); second != first {
		t.Errorf("the tab shows\n%s, the other\n%s", first, second)
	}
	other.quiet()
	// Other groups and areas, back and forth.
	for n, value := range []string{"package", "instruction", "category", "extension"} {
		get[any](p, `(s => { s.value = %s; s.dispatchEvent(new Event('input', {bubbles: true})); })(document.querySelector('[data-s=by]'))`, quote(value))
		get[any](p, `(s => { s.value = %s; s.dispatchEvent(new Event('input', {bubbles: true})); })(document.querySelector('[data-s=m]'))`, quote([]string{"files", "download", "size"}[n%3]))
		now := state(p)
		if restored := state(open(t, get[string](p, `location.href`))); restored != now {
			t.Errorf("by %s the tab shows\n%s, the other\n%s", value, now, restored)
		}
	}
	for range 8 {
		p.do(chromedp.NavigateBack())
	}
	p.until(`document.querySelector('#crumbs').textContent === 'all / usr'`)
	if back := state(p); back != first {
		t.Errorf("back is\n%s, was\n%s", back, first)
	}
	// An address that somebody has made up does no harm.
	for _, hash := range []string{"#f=/no/such/folder&q=x", "#by=__proto__&m=constructor", "#q=size:%22", "#without=99,-1,x", "#g=77&by=package", "#f=%3Cimg%20src=x%20onerror=alert(1)%3E", "#toString=1&__proto__=2", "#%"} {
		t.Run(hash, func(t *testing.T) {
			bad := open(t, p.url+hash)
			bad.until(`document.querySelector('#q')`)
			if len(bad.cells()) == 0 && !get[bool](bad, `document.querySelector('#q').matches('[aria-invalid=true]') || document.querySelector('#wrong').textContent !== ''`) {
				t.Error("it shows nothing, and does not say so")
			}
			bad.quiet()
		})
	}
}
