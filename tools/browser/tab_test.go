package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long a tab may take for all that is done in it: the machine may
// be busy with the other steps of scripts/test. Nothing waits for a time, only for
// what is to be seen.
const patience = 10 * time.Minute

// reports is the folder that TestReports of internal/report/html has written into.
var reports = os.Getenv("WHITTLE_REPORTS")

// chromium is the browser that all tests use, started by the first.
var chromium = sync.OnceValues(func() (context.Context, error) {
	ctx, stop, err := startBrowser(context.Background())
	stopBrowser = stop
	return ctx, err
})

var stopBrowser context.CancelFunc

func TestMain(m *testing.M) {
	code := m.Run()
	if stopBrowser != nil {
		stopBrowser()
	}
	if pageDir != "" {
		_ = os.RemoveAll(pageDir)
	}
	os.Exit(code)
}

// need skips a test where it cannot be run, but fails in CI, where scripts/test
// brings all that it needs.
func need(t *testing.T, have bool, what string) {
	t.Helper()
	switch {
	case have:
	case os.Getenv("CI") == "true":
		t.Fatal(what)
	default:
		t.Skip(what)
	}
}

// tab is a tab of the browser with a report.
type tab struct {
	*testing.T
	ctx context.Context
	url string

	mu       sync.Mutex
	requests []string
	// problems are what the page wrote on the console as warnings and errors,
	// exceptions, and dialogs.
	problems []string
}

// report opens a report that TestReports has written.
func report(t *testing.T, name string, before ...chromedp.Action[chromedp.Void]) *tab {
	t.Helper()
	need(t, reports != "", "WHITTLE_REPORTS names no folder with reports: scripts/test has one made")
	return open(t, fileURL(t, filepath.Join(reports, name+".html")), before...)
}

func fileURL(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	must(t, err)
	return "file://" + path
}

// open opens a page in a tab of its own, after some actions. What it asks of the
// network and what goes wrong in it is noted, and held against it at the end.
func open(t *testing.T, url string, before ...chromedp.Action[chromedp.Void]) *tab {
	t.Helper()
	_, err := findBrowser()
	need(t, err == nil, fmt.Sprint(err))
	all, err := chromium()
	must(t, err)
	ctx, cancel := chromedp.NewContext(all)
	t.Cleanup(cancel)
	must(t, chromedp.Do(ctx)) // opens the tab, which lives as long as the context
	limited, stop := context.WithTimeout(ctx, patience)
	t.Cleanup(stop)
	p := &tab{T: t, ctx: limited, url: url}
	must(t, chromedp.Listen(ctx, p.note))
	_, err = chromedp.Call(ctx, network.Enable, network.EnableParams{})
	must(t, err)
	_, err = chromedp.Call(ctx, log.Enable, cdp.Empty{})
	must(t, err)
	must(t, resize(limited, 1280, 900))
	p.do(before...)
	p.do(chromedp.Navigate(url))
	return p
}

// note keeps an event.
func (p *tab) note(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, e.Request.URL)
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			text += " " + x.Description
		}
		p.problems = append(p.problems, "exception: "+text)
	case *runtime.EventConsoleAPICalled:
		p.problems = append(p.problems, fmt.Sprintf("console: %s", e.Type))
	case *log.EventEntryAdded:
		p.problems = append(p.problems, fmt.Sprintf("%s: %s", e.Entry.Source, e.Entry.Text))
	case *page.EventJavascriptDialogOpening:
		p.problems = append(p.problems, "dialog: "+e.Message)
	}
}

// quiet fails where the page asked for more than itself, or anything went wrong.
func (p *tab) quiet() {
	p.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	document, _, _ := strings.Cut(p.url, "#")
	for _, r := range p.requests {
		if asked, _, _ := strings.Cut(r, "#"); asked != document {
			p.Errorf("it asks for %s", r)
		}
	}
	if len(p.requests) != 1 {
		p.Errorf("%d requests, want 1", len(p.requests))
	}
	for _, problem := range p.problems {
		p.Error(problem)
	}
}

func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	must(p, chromedp.Do(p.ctx, actions...))
}

// keys presses a key that has a name.
func (p *tab) keys(keys string, o ...chromedp.KeyOption) {
	p.Helper()
	p.do(chromedp.KeyEvent(keys, o...))
}

// types presses the keys of a text. What a page does when a key goes down decides
// whether it is typed, as with a person's keys.
func (p *tab) types(text string) {
	p.Helper()
	for _, r := range text {
		for _, event := range []input.DispatchKeyEventParams{{Type: input.DispatchKeyEventTypeKeyDown, Key: string(r), Text: string(r)}, {Type: input.DispatchKeyEventTypeKeyUp, Key: string(r)}} {
			_, err := chromedp.Call(p.ctx, input.DispatchKeyEvent, event)
			must(p, err)
		}
	}
}

// get is the value of an expression, in a page that is there and stays: what may still
// be on its way is waited for, with until or when.
func get[T any](p *tab, format string, args ...any) T {
	p.Helper()
	js := fmt.Sprintf(format, args...)
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	if err != nil {
		p.Fatalf("%s: %v", js, err)
	}
	return v
}

// until waits for an expression to be true, in a page that may still be on its way.
func (p *tab) until(format string, args ...any) {
	p.Helper()
	_, err := poll(p.ctx, "!!("+fmt.Sprintf(format, args...)+")", func(is bool) bool { return is })
	must(p, err)
}

// when waits for an expression to have a value, which it returns. It is evaluated anew
// in each page that comes meanwhile.
func when[T any](p *tab, format string, args ...any) T {
	p.Helper()
	v, err := poll(p.ctx, fmt.Sprintf(format, args...), func(T) bool { return true })
	must(p, err)
	return v
}

// poll evaluates an expression until its value is enough. If the time of the context is
// over before, the error has the last exception.
func poll[T any](ctx context.Context, js string, enough func(T) bool) (T, error) {
	var last error
	for {
		v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
		switch {
		case err == nil && enough(v):
			return v, nil
		case ctx.Err() != nil && last != nil:
			return v, fmt.Errorf("waiting for %s: %w; the last exception: %w", js, ctx.Err(), last)
		case err != nil && !passes(err):
			return v, fmt.Errorf("waiting for %s: %w", js, err)
		case err != nil:
			last = err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// passes says whether an expression may have a value later: its page is not parsed so
// far, or makes room for another.
func passes(err error) bool {
	if x, ok := errors.AsType[*chromedp.ExceptionError](err); ok {
		return x.Exception == nil || x.Exception.ClassName != "SyntaxError"
	}
	if x, ok := errors.AsType[*cdproto.Error](err); ok {
		return slices.ContainsFunc([]string{"Execution context was destroyed", "Cannot find context", "Cannot find default execution context", "Inspected target navigated", "Promise was collected"},
			func(text string) bool { return strings.HasPrefix(x.Message, text) })
	}
	return errors.Is(err, chromedp.ErrJSNull) || errors.Is(err, chromedp.ErrJSUndefined)
}

// TestUntil: what is waited for may be in a page that comes after some others; what will
// never be there is named with the exception, when the time is over.
func TestUntil(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			return
		}
		w.Header().Set("Content-Type", "text/html")
		if asked.Add(1) < 10 {
			fmt.Fprint(w, `<title>other</title><script>setTimeout(() => location.reload(), 30)</script>`)
			return
		}
		fmt.Fprint(w, `<title>last</title><script>setTimeout(() => document.body.append(Object.assign(document.createElement('p'), {id: 'log', textContent: 'there'})), 300)</script>`)
	}))
	defer server.Close()
	p := open(t, server.URL)
	// In the other pages this is an exception, and then a promise that they do not keep.
	if got := when[string](p, `document.title === 'other' ? new Promise(() => {}) : document.querySelector('#log').textContent`); got != "there" {
		t.Errorf("it is %q", got)
	}
	asked.Store(0)
	p.do(chromedp.Reload())
	p.until(`document.querySelector('#log').textContent === 'there'`)

	ctx, cancel := context.WithTimeout(p.ctx, 300*time.Millisecond)
	defer cancel()
	_, err := poll(ctx, `document.querySelector('#none').textContent`, func(string) bool { return true })
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "TypeError: Cannot read properties of null") || !strings.Contains(err.Error(), "#none") {
		t.Errorf("after the time: %v", err)
	}
	if _, err = poll(p.ctx, `document.querySelector(`, func(string) bool { return true }); err == nil || !strings.Contains(err.Error(), "SyntaxError") {
		t.Errorf("no expression: %v", err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// quote is a string of JavaScript.
func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// expectation is what TestReports says that a reader is to find.
type expectation struct {
	Queries      []sum
	Folders      []folder
	Groups       map[string][]sum
	Needs, Pairs []requirement
	Totals       map[string]int64
	Plain        string
}

type sum struct {
	Query, Name  string
	Folder       bool
	Size, Wasted int64
	Files        int
}

type folder struct {
	Path string
	sum
	Children []sum
}

type requirement struct {
	Names                  []string
	Own, Retained, Without int64
	Goes                   int
	Unused                 bool
}

func expected(t *testing.T, name string) (e expectation) {
	t.Helper()
	decode(t, filepath.Join(reports, name+".expect.json"), &e)
	return e
}

func decode(t *testing.T, file string, v any) {
	t.Helper()
	b, err := os.ReadFile(file)
	must(t, err)
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

var (
	sizePattern  = regexp.MustCompile(`^([+−-]?)([0-9]+(?:\.([0-9]+))?) ([kMG]?B)$`)
	countPattern = regexp.MustCompile(`^[0-9]{1,3}(,[0-9]{3})*$`)
)

// shows says whether a text is a number of bytes, rounded to the digits it has.
func shows(text string, bytes int64) bool {
	m := sizePattern.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return false
	}
	n, _ := strconv.ParseFloat(m[2], 64)
	if m[1] == "-" || m[1] == "−" {
		n = -n
	}
	unit := map[string]float64{"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}[m[4]]
	return math.Abs(n*unit-float64(bytes)) <= unit*math.Pow(0.1, float64(len(m[3])))*0.5000001
}

// counts says whether a text is a number with commas.
func counts(text string, n int) bool {
	return countPattern.MatchString(text) && strings.ReplaceAll(text, ",", "") == strconv.Itoa(n)
}

func TestShows(t *testing.T) {
	for _, c := range []struct {
		text  string
		bytes int64
		want  bool
	}{{"12.3 MB", 12_345_678, true}, {"12.4 MB", 12_345_678, false}, {"0 B", 0, true}, {"999 B", 999, true}, {"-1.0 kB", -1000, true}, {"1.0 kB", -1000, false}, {"1.23 GB", 1_234_000_000, true}, {"12 apples", 12, false}, {"1.0 MB", 1_049_999, true}, {"1.0 MB", 1_051_000, false}} {
		if got := shows(c.text, c.bytes); got != c.want {
			t.Errorf("%q shows %d: %v", c.text, c.bytes, got)
		}
	}
	if !counts("1,234", 1234) || counts("1234", 1234) || counts("1,235", 1234) || !counts("0", 0) {
		t.Error("counts")
	}
}
