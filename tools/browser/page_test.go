package main

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// small are the reports that TestReports writes about small images, projects and
// comparisons.
var small = []string{"known", "advice", "study", "hostile", "hostile-made", "hostile-study", "comparison", "check"}

// TestSize: a report has at most 3 MB, however many files the image has, and says
// how long it took to open.
func TestSize(t *testing.T) {
	for _, name := range []string{"known", "files-40000", "files-500000"} {
		t.Run(name, func(t *testing.T) {
			p := report(t, name)
			p.until(`document.readyState === 'complete'`)
			info, err := os.Stat(filepath.Join(reports, name+".html"))
			must(t, err)
			if info.Size() > 3_000_000 {
				t.Errorf("it has %d bytes", info.Size())
			}
			begin := time.Now()
			p.do(chromedp.Reload())
			p.settledFrame()
			t.Logf("%s: %d bytes, opened in %d ms; %d ms in the browser", name, info.Size(), time.Since(begin).Milliseconds(),
				get[int](p, `Math.round(performance.getEntriesByType('navigation')[0].loadEventEnd)`))
		})
	}
}

// settledFrame waits until the page has been painted.
func (p *tab) settledFrame() {
	p.Helper()
	when[bool](p, `new Promise(done => requestAnimationFrame(() => setTimeout(() => done(true), 0)))`)
}

// TestRequests: a report asks for nothing, and its policy keeps it from asking.
func TestRequests(t *testing.T) {
	need(t, reports != "", "WHITTLE_REPORTS names no folder with reports: scripts/test has one made")
	var mu sync.Mutex
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if strings.Contains(r.UserAgent(), "Chrome") { // others on the machine may try all ports
			asked = append(asked, r.URL.Path)
		}
		http.ServeFile(w, r, filepath.Join(reports, filepath.Base(r.URL.Path)))
	}))
	defer server.Close()
	for _, name := range small {
		t.Run(name, func(t *testing.T) {
			asked = nil
			url := server.URL + "/" + name + ".html"
			p := open(t, url)
			p.exercise()
			p.quiet()
			mu.Lock()
			defer mu.Unlock()
			if len(asked) == 0 || !slices.Equal(asked, []string{"/" + name + ".html"}) {
				t.Errorf("the server was asked for %v", asked)
			}
		})
	}
	t.Run("policy", func(t *testing.T) {
		p := open(t, server.URL+"/known.html")
		asked = nil
		blocked := get[[]string](p, `(async () => {
			const blocked = [];
			document.addEventListener('securitypolicyviolation', e => blocked.push(e.effectiveDirective));
			const add = (tag, o) => document.body.append(Object.assign(document.createElement(tag), o));
			await fetch('/fetched').catch(() => {});
			add('img', {src: '/image'}); add('script', {src: '/script.js'}); add('script', {textContent: 'document.title = "run"'}); add('iframe', {src: '/frame'});
			add('link', {rel: 'stylesheet', href: '/style.css'}); add('style', {textContent: 'body{display:none}'}); add('object', {data: '/object'}); add('video', {src: '/video'});
			const image = new Image(); image.src = '/image2'; image.setAttribute('onerror', 'document.title = "run"');
			try { new WebSocket('ws://' + location.host + '/socket'); } catch {}
			try { new Worker('/worker.js'); } catch {}
			navigator.sendBeacon('/beacon');
			const form = document.createElement('form'); form.action = '/form'; document.body.append(form); form.submit();
			for (let i = 0; i < 500 && new Set(blocked).size < 10; i++) await new Promise(r => setTimeout(r, 20));
			return blocked.sort();
		})()`)
		for _, directive := range []string{"connect-src", "img-src", "script-src-elem", "frame-src", "style-src-elem", "object-src", "media-src", "worker-src", "form-action"} {
			if !slices.Contains(blocked, directive) {
				t.Errorf("%s is not blocked: %v", directive, blocked)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		if len(asked) > 0 {
			t.Errorf("the server was asked for %v", asked)
		}
		if title := get[string](p, `document.title`); title == "run" {
			t.Error("a script that was added has run")
		}
	})
}

// exercise does with a report what can be done with it.
func (p *tab) exercise() {
	p.Helper()
	get[any](p, `document.querySelectorAll('details').forEach(d => d.open = true)`)
	if get[bool](p, `!!document.querySelector('#q')`) {
		for _, by := range []string{"package", "instruction", "category", "extension", "directory"} {
			get[any](p, `(s => { s.value = %s; s.dispatchEvent(new Event('input', {bubbles: true})); })(document.querySelector('[data-s=by]'))`, quote(by))
		}
		p.filter("wasted:yes")
		p.filter("")
		// Every rectangle of the level is looked at, and every file of three levels.
		get[any](p, `document.querySelectorAll('.map [role=button]').forEach(g => g.focus())`)
		get[any](p, `document.querySelectorAll('.map .cell').forEach(g => g.dispatchEvent(new MouseEvent('mouseenter')))`)
		get[any](p, `document.querySelectorAll('#level tbody button').forEach(b => b.isConnected && b.click())`)
	}
	get[any](p, `document.querySelectorAll('input.need').forEach(b => b.click())`)
	get[any](p, `document.querySelectorAll('select').forEach(s => { s.selectedIndex = s.options.length - 1; s.dispatchEvent(new Event('input', {bubbles: true})); })`)
	get[any](p, `document.querySelectorAll('a[href^="#"]').forEach(a => a.click())`)
	p.settledFrame()
}

// TestHostile: names of images and projects are text, wherever they are shown.
func TestHostile(t *testing.T) {
	for _, name := range []string{"hostile", "hostile-made", "hostile-study", "comparison"} {
		t.Run(name, func(t *testing.T) {
			p := report(t, name)
			elements := get[int](p, `document.querySelectorAll('script').length`)
			p.exercise()
			if n := get[int](p, `document.querySelectorAll('img, iframe, object, embed, link, base, form, body svg svg, b').length`); n != 0 {
				t.Errorf("%d elements are from names", n)
			}
			if n := get[int](p, `document.querySelectorAll('script').length`); n != elements {
				t.Errorf("%d scripts, and %d at the start", n, elements)
			}
			if bad := get[[]string](p, `[...document.querySelectorAll('*')].flatMap(e => [...e.attributes].filter(a => /^on|^style$|^src$|^srcdoc$/.test(a.name) || /javascript:/i.test(a.value) && a.name !== 'aria-label' && a.name !== 'value').map(a => e.tagName + ' ' + a.name + '=' + a.value))`); len(bad) > 0 {
				t.Errorf("attributes: %q", bad)
			}
			// What turns text round or drives a terminal is not there, in no text and no
			// attribute.
			if bad := get[[]string](p, `(() => { const bad = [], re = /[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c\u0000-\u0008\u000b-\u001f\u007f-\u009f\ufffd]/;
				for (const w = document.createTreeWalker(document, NodeFilter.SHOW_ALL); w.nextNode();) { const n = w.currentNode;
					for (const s of [n.nodeValue, ...[...n.attributes || []].map(a => a.value)]) if (re.test(s || '')) bad.push(s.slice(0, 80)); }
				return bad; })()`); len(bad) > 0 {
				t.Errorf("texts: %q", bad)
			}
			if text := get[string](p, `document.body.textContent`); !strings.Contains(text, `</script><img src=x onerror=alert(1)>`) {
				t.Error("the name is not shown as it is")
			}
			p.holdPlainTitle()
			p.quiet()
		})
	}
}

func (p *tab) holdPlainTitle() {
	p.Helper()
	if title := get[string](p, `document.title`); regexp.MustCompile(`[\x00-\x1f\x{202a}-\x{202e}]`).MatchString(title) {
		p.Errorf("the title is %q", title)
	}
}

// TestAxe: axe-core finds nothing that keeps people from reading a report, in
// either scheme, on a phone's screen, and in the states of the page.
func TestAxe(t *testing.T) {
	for _, name := range []string{"known", "study", "hostile", "hostile-study", "comparison", "check", "files-40000"} {
		t.Run(name, func(t *testing.T) { report(t, name).scan() })
	}
}

// scan has axe-core look at a report as [TestAxe] says.
func (p *tab) scan() {
	p.Helper()
	file := os.Getenv("WHITTLE_AXE")
	need(p.T, file != "", "WHITTLE_AXE names no axe.min.js: scripts/setup --browser gets it by npm")
	axe, err := os.ReadFile(file)
	must(p, err)
	get[any](p, "%s\n;null", axe)
	for _, scheme := range []string{"light", "dark"} {
		must(p, look(p.ctx, "screen", scheme))
		for _, width := range []int64{1280, 400} {
			must(p, resize(p.ctx, width, 900))
			p.holdAxe(fmt.Sprintf("%s, %d px", scheme, width))
		}
	}
	get[any](p, `document.querySelectorAll('details').forEach(d => d.open = true)`)
	p.holdAxe("unfolded, dark, 400 px")
	must(p, look(p.ctx, "screen", "light"))
	must(p, resize(p.ctx, 1280, 900))
	if get[bool](p, `!!document.querySelector('#q')`) {
		p.filter("size:q")
		p.holdAxe("unfolded, with a wrong filter")
		p.filter("-line:7")
		p.until(`document.querySelector('.map [role=button]')`)
		get[any](p, `document.querySelector('.map [role=button]').focus()`)
		p.keys(kb.Enter)
		get[any](p, `document.querySelectorAll('input.need').forEach(b => b.click())`)
		p.holdAxe("zoomed and ticked")
		get[any](p, `document.activeElement.blur()`)
		p.types("?")
		p.until(`document.querySelector('#help').open`)
		p.holdAxe("help")
		p.keys(kb.Escape)
	}
}

func (p *tab) holdAxe(state string) {
	p.Helper()
	p.settledFrame()
	result := get[string](p, `axe.run(document, {resultTypes: ['violations']}).then(r => JSON.stringify({passes: r.passes.length, violations: r.violations.map(v => v.id + ' (' + v.impact + '): ' + v.nodes.slice(0, 3).map(n => n.target.join(' ') + ' ' + n.failureSummary.replace(/\s+/g, ' ')).join('; '))}))`)
	var found struct {
		Passes     int
		Violations []string
	}
	must(p, json.Unmarshal([]byte(result), &found))
	if found.Passes < 10 {
		p.Errorf("%s: axe-core has looked at only %d rules", state, found.Passes)
	}
	for _, v := range found.Violations {
		p.Errorf("%s: %s", state, v)
	}
}

// TestPrint: a printed report has the figures, without what only a screen can do.
func TestPrint(t *testing.T) {
	for _, name := range []string{"known", "study", "check"} {
		t.Run(name, func(t *testing.T) {
			p := report(t, name)
			background := true
			res, err := chromedp.Call(p.ctx, page.PrintToPDF, page.PrintToPDFParams{PrintBackground: &background})
			must(t, err)
			shown, pages := drawn(t, res.Data)
			t.Logf("%d bytes, %d pages, %d texts drawn", len(res.Data), pages, shown)
			if pages < 1 || shown < 40 {
				t.Errorf("%d pages with %d texts", pages, shown)
			}
			must(t, look(p.ctx, "print", "dark"))
			if seen := get[[]string](p, `[...document.querySelectorAll('button, input, select, nav, dialog')].filter(e => e.checkVisibility({visibilityProperty: true}) && e.getBoundingClientRect().height > 0).map(e => e.outerHTML.slice(0, 100))`); len(seen) > 0 {
				t.Errorf("print shows %q", seen)
			}
			if c := get[string](p, `getComputedStyle(document.body).backgroundColor`); c != "rgb(255, 255, 255)" {
				t.Errorf("paper is %s where the screen is dark", c)
			}
			if n := get[int](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); n > 0 {
				t.Errorf("it is %d px wider than the paper", n)
			}
		})
	}
}

// drawn counts the texts that a PDF draws, and its pages.
func drawn(t *testing.T, pdf []byte) (texts, pages int) {
	t.Helper()
	stream := regexp.MustCompile(`(?s)stream\r?\n`)
	for rest := pdf; ; {
		at := stream.FindIndex(rest)
		if at == nil {
			break
		}
		rest = rest[at[1]:]
		z, err := zlib.NewReader(bytes.NewReader(rest))
		if err != nil {
			continue // not compressed in this way
		}
		content, _ := io.ReadAll(z)
		texts += len(regexp.MustCompile(`\bT[jJ]\b`).FindAll(content, -1))
		pages += len(regexp.MustCompile(`/Type ?/Page\b`).FindAll(content, -1))
	}
	return texts, pages + len(regexp.MustCompile(`/Type ?/Page\b`).FindAll(pdf, -1))
}

// TestWithoutScripts: without scripts all figures can be read, on the narrowest
// screen too, and nothing is there that does nothing.
func TestWithoutScripts(t *testing.T) {
	for _, name := range append(slices.Clone(small), "files-40000") {
		t.Run(name, func(t *testing.T) {
			with := report(t, name)
			p := report(t, name, func(ctx context.Context, s *chromedp.Target) (v chromedp.Void, err error) {
				_, err = cdp.Call(ctx, s, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
				return v, err
			})
			if get[bool](p, `!!document.querySelector('#q') && !document.querySelector('#q').closest('[hidden]')`) {
				t.Error("a field is shown that does nothing")
			}
			if seen := get[[]string](p, `[...document.querySelectorAll('button, input, select')].filter(e => e.checkVisibility()).map(e => e.outerHTML.slice(0, 100))`); len(seen) > 0 {
				t.Errorf("without scripts there is %q", seen)
			}
			// What can be unfolded is, by a click on its summary.
			if get[bool](p, `!!document.querySelector('main details:not([open]):not([hidden]) > summary')`) {
				p.click(`[...document.querySelectorAll('main details:not([open]) > summary')].find(s => s.checkVisibility())`)
				p.until(`document.querySelector('main details[open]')`)
			}
			p.holdNarrow()
			get[any](p, `document.querySelectorAll('details').forEach(d => d.open = true)`)
			p.holdNarrow()
			// The figures are those that the page has with scripts.
			figures := `[...new Set([...document.querySelectorAll('header, main section:not(#treemap), .group')].flatMap(e => (e.innerText || '').match(/[0-9][0-9.,]* ?([kMG]?B|%|s)\b/g) || []))].sort()`
			get[any](with, `document.querySelectorAll('details').forEach(d => d.open = true)`)
			a, b := get[[]string](p, "%s", figures), get[[]string](with, "%s", figures)
			if strings.Join(a, "|") != strings.Join(b, "|") {
				t.Errorf("without scripts %v, with them %v", a, b)
			}
			p.quiet()
		})
	}
}

// holdNarrow fails where a page of 320 px has to be moved sideways.
func (p *tab) holdNarrow() {
	p.Helper()
	must(p, resize(p.ctx, 320, 700))
	if wide := get[[]string](p, `document.documentElement.scrollWidth <= 320 ? [] : [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > 320 && !e.closest('.scroll') && e.checkVisibility()).slice(0, 5).map(e => e.tagName + '.' + e.getAttribute('class') + ' ' + e.textContent.slice(0, 40))`); len(wide) > 0 {
		p.Errorf("%d px are wider than 320: %q", get[int](p, `document.documentElement.scrollWidth`), wide)
	}
	must(p, resize(p.ctx, 1280, 900))
}
