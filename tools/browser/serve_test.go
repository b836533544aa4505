package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// pageProgram is the test program of internal/serve, whose TestPage is a page of whittle
// serve with images in memory, and an engine that does as it is told.
var pageProgram = sync.OnceValues(func() (string, error) {
	var err error
	if pageDir, err = os.MkdirTemp("", "whittle-serve-"); err != nil {
		return "", err
	}
	program := filepath.Join(pageDir, "serve.test")
	build := exec.Command("go", "test", "-c", "-o", program, "./internal/serve")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the page: %w\n%s", err, out)
	}
	return program, nil
})

// pageDir is the folder of pageProgram, once that is built. TestMain removes it.
var pageDir string

// livePage is a server, and the folder that it works in.
type livePage struct {
	*testing.T
	dir, url string
	cmd      *exec.Cmd
	in       io.Closer
}

// startPage starts a page in a folder: what an earlier one has left there goes on.
func startPage(t *testing.T, dir string) *livePage {
	t.Helper()
	program, err := pageProgram()
	must(t, err)
	_ = os.Remove(filepath.Join(dir, "url"))
	l := &livePage{T: t, dir: dir, cmd: exec.Command(program, "-test.run", "^TestPage$")}
	l.cmd.Env = append(os.Environ(), "SERVE_TEST_FOLDER="+dir)
	l.in, err = l.cmd.StdinPipe()
	must(t, err)
	must(t, l.cmd.Start())
	t.Cleanup(l.end)
	for l.url == "" {
		b, _ := os.ReadFile(filepath.Join(dir, "url"))
		l.url = string(b)
		if l.url == "" && l.cmd.ProcessState != nil {
			t.Fatal("the page has ended")
		}
		time.Sleep(20 * time.Millisecond)
	}
	return l
}

// end ends the server as Ctrl-C would.
func (l *livePage) end() {
	l.in.Close()
	_ = l.cmd.Wait() // it was killed, or ends by itself
}

// dockerfile is the file as it is on the disk.
func (l *livePage) dockerfile() string {
	l.Helper()
	b, err := os.ReadFile(filepath.Join(l.dir, "shop", "Dockerfile"))
	must(l.T, err)
	return string(b)
}

// own fails where the page asked anybody but its server, or anything went wrong in it.
func (p *tab) own(url string) {
	p.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.requests {
		if !strings.HasPrefix(r, url) {
			p.Errorf("it asks for %s", r)
		}
	}
	for _, problem := range p.problems {
		p.Error(problem)
	}
}

// loaded waits for a page whose title has some text.
func (p *tab) loaded(title string) {
	p.Helper()
	p.until(`document.readyState === 'complete' && document.title.includes(%s)`, quote(title))
}

// follow clicks on an element that leads to another page, whose title may be the same.
func (p *tab) follow(element, title string) {
	p.Helper()
	left := get[float64](p, `performance.timeOrigin`)
	p.click("%s", element)
	p.until(`performance.timeOrigin !== %v`, left)
	p.loaded(title)
}

func query(selector string) string { return "document.querySelector(" + quote(selector) + ")" }

// enter puts a text in the place of what is in a field, by keys.
func (p *tab) enter(selector, text string) {
	p.Helper()
	get[any](p, `(e => { e.focus(); e.select(); return null; })(%s)`, query(selector))
	p.types(text)
}

func text(p *tab) string {
	p.Helper()
	return get[string](p, `document.body.innerText`)
}

// TestServeCompares: two images are chosen by their names, and compared; the treemap of an
// image leads to files, and to the image without them.
func TestServeCompares(t *testing.T) {
	l := startPage(t, t.TempDir())
	p := open(t, l.url)
	p.loaded("Images and projects")
	p.enter(`form[action=compare] input`, "app:1")
	p.enter(`form[action=compare] label:nth-of-type(2) input`, "app:2")
	p.follow(query(`form[action=compare] button`), "→")
	if !strings.Contains(text(p), "Where the difference is") || get[int](p, `document.querySelectorAll('.map').length`) != 2 {
		t.Error("the comparison lacks the differences, or the two treemaps")
	}
	if got := get[string](p, `location.search`); got != "?image=app%3A1&image=app%3A2" {
		t.Errorf("the address asks %s", got)
	}
	p.do(chromedp.Navigate(l.url + "inspect?image=app:1#f=%2Fetc&s=%2Fetc%2Fos-release"))
	p.until(`document.querySelector('#card a')`)
	p.follow(`[...document.querySelectorAll('#card a')].find(a => a.textContent === 'without it')`, "whittle")
	p.until(`location.pathname.endsWith('/simulate')`)
	p.do(chromedp.Navigate(l.url + "file?image=app:1&path=/etc/os-release"))
	p.loaded("os-release")
	if !strings.Contains(text(p), "ID=test") {
		t.Error("the file is not shown")
	}
	p.own(l.url)
}

// TestServeEdits: advice and the predicted size follow what is typed; a fix is made in the
// editor; nothing is written before the button is pressed.
func TestServeEdits(t *testing.T) {
	l := startPage(t, t.TempDir())
	was := l.dockerfile()
	p := open(t, l.url)
	p.loaded("Images and projects")
	name := get[string](p, `new URL(document.querySelector('a[href^="edit?"]').href).searchParams.get('file')`)
	p.do(chromedp.Navigate(l.url + "edit?image=shop:1&file=" + name))
	p.loaded("shop:1")
	if !get[bool](p, `(a => a[0].top < a[1].bottom && a[1].top < a[0].bottom)([...document.querySelectorAll('.beside > section')].map(s => s.getBoundingClientRect()))`) {
		t.Error("the editor is not beside the treemap")
	}
	const size = `document.querySelector('.predicted-size')?.textContent`
	if got := get[string](p, size); got != "5.6 MB" {
		t.Errorf("the size is %q", got)
	}
	find := `[...document.querySelectorAll('#advice button')].find(b => b.value.startsWith('apply '))`
	p.until("%s", find)
	// A line is taken out: the size follows.
	get[any](p, `(e => { e.focus(); const at = e.value.indexOf('RUN make-large\n'); e.setSelectionRange(at, at + 15); return null; })(document.querySelector('#text'))`)
	start := time.Now()
	p.keys(kb.Backspace)
	p.until(`(%s || '').includes('3.6 MB')`, size)
	t.Logf("the size has followed after %d ms, the time for which nothing is typed included", time.Since(start).Milliseconds())
	// What slash and ? do elsewhere, they do not do in the text.
	get[any](p, `(e => { e.focus(); e.setSelectionRange(0, 0); return null; })(document.querySelector('#text'))`)
	p.types("# a/b?")
	p.keys(kb.Enter)
	if got := get[string](p, `document.querySelector('#text').value`); !strings.HasPrefix(got, "# a/b?\nFROM") {
		t.Errorf("what was typed is %q", got)
	}
	p.until(`!document.querySelector('#advice .findings') || document.querySelector('#advice .findings').textContent.includes('Dockerfile:3')`)
	p.until("%s", find)
	p.click("%s", find)
	p.until(`document.querySelector('#text').value.includes('rm -rf /var/lib/apt/lists') && !document.querySelector('#advice .findings')`)
	if l.dockerfile() != was {
		t.Fatal("it was written before the button was pressed")
	}
	typed := get[string](p, `document.querySelector('#text').value`)
	p.click("%s", query(`button[value=write]`))
	p.until(`document.readyState === 'complete' && document.body.innerText.includes('It was written.')`)
	if got := l.dockerfile(); got != typed {
		t.Errorf("%q is written, want %q", got, typed)
	}
	p.own(l.url)
}

// TestServeVerifies: a build is watched, the page loaded again in the middle, and the
// server killed and started again.
func TestServeVerifies(t *testing.T) {
	dir := t.TempDir()
	l := startPage(t, dir)
	p := open(t, l.url)
	p.loaded("Images and projects")
	p.follow(query(`form[action=verify] button`), "shop")
	const lines = `(document.querySelector('#log').textContent.match(/^line \d+\.$/gm) || []).map(l => parseInt(l.slice(5)))`
	p.until(`%s.length > 5`, lines)
	p.do(chromedp.Reload())
	p.loaded("shop")
	p.until(`%s.length > 15`, lines)
	gapless := func() {
		t.Helper()
		got := get[[]int](p, lines)
		if !slices.IsSorted(got) || got[0] != 1 || got[len(got)-1] != len(got) {
			t.Errorf("the lines are %v", got)
		}
	}
	gapless()
	if got := get[string](p, `document.querySelector('#state').textContent`); got != "running" {
		t.Errorf("it is %s", got)
	}
	p.own(l.url)

	must(t, l.cmd.Process.Kill())
	_ = l.cmd.Wait()
	l = startPage(t, dir)
	p = open(t, l.url+"job?id=1")
	p.loaded("shop")
	if got := get[string](p, `document.querySelector('#state').textContent`); got != "interrupted" {
		t.Errorf("after the server was killed it is %s", got)
	}
	p.follow(`[...document.querySelectorAll('button')].find(b => b.textContent === 'Start again')`, "shop")
	p.until(`location.search === '?id=2' && %s.length > 5`, lines)
	must(t, os.WriteFile(filepath.Join(dir, "go-on"), nil, 0o644))
	// Its state is shown just before the page is loaded again, with the result.
	p.until(`document.readyState === 'complete' && document.querySelector('#state').textContent === 'done' && !document.querySelector('#log[data-job]')`)
	gapless()
	was := l.dockerfile()
	p.click("%s", query(`form[action=write] button`))
	p.until(`location.search.includes('written')`)
	if got := l.dockerfile(); got == was {
		t.Error("what was proven is not written")
	}
	p.own(l.url)
}

// TestServeRefuses: pages of other sites cannot do anything with the server, and nobody
// without the token.
func TestServeRefuses(t *testing.T) {
	l := startPage(t, t.TempDir())
	base, _, _ := strings.Cut(strings.TrimSuffix(l.url, "/"), "127.0.0.1:")
	at := l.url[:strings.LastIndex(strings.TrimSuffix(l.url, "/"), "/")+1]
	if base != "http://" {
		t.Fatalf("the address is %s", l.url)
	}
	p := open(t, at+"WRONGTOKEN/")
	p.until(`document.body.innerText.includes('no valid token')`)
	// Another site that knows even the token.
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `<!DOCTYPE html><title>other</title><form method="post" action="%sverify"><input name="project" value="%s"><button>go</button></form>`, l.url, filepath.Join(l.dir, "shop"))
	}))
	defer other.Close()
	foreign := strings.Replace(other.URL, "127.0.0.1", "localhost", 1)
	p = open(t, foreign)
	p.loaded("other")
	for _, mode := range []string{"cors", "no-cors"} {
		got := get[string](p, `fetch(%s, {mode: %s}).then(r => r.type + ' ' + r.status, e => 'refused')`, quote(l.url+"api/jobs"), quote(mode))
		if got != "refused" {
			t.Errorf("fetch, %s: %s", mode, got)
		}
	}
	p.click(`document.querySelector('button')`)
	p.until(`document.body.innerText.includes('refused')`)
	// A name of another site that leads here, as after DNS rebinding.
	for name, want := range map[string]int{"rebound.example" + at[strings.LastIndexByte(at, ':'):len(at)-1]: http.StatusForbidden, "": http.StatusOK} {
		r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, l.url, nil)
		must(t, err)
		r.Host = name
		res, err := http.DefaultClient.Do(r)
		must(t, err)
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("as %q: %d", name, res.StatusCode)
		}
	}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, l.url+"api/jobs", nil)
	must(t, err)
	res, err := http.DefaultClient.Do(r)
	must(t, err)
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); err != nil || strings.Contains(string(b), `"id"`) {
		t.Errorf("a job was begun: %s, %v", b, err)
	}
}

// TestServeFleet: the page of a fleet does not wait for the report, which follows by itself. It
// prints when each page is painted first, of so many images as $WHITTLE_TEST_FLEET_FULL says,
// which is a measurement: then none may take a second.
func TestServeFleet(t *testing.T) {
	_, err := findBrowser()
	need(t, err == nil, fmt.Sprint(err))
	dir, images := t.TempDir(), os.Getenv("WHITTLE_TEST_FLEET_FULL")
	fill := exec.Command("go", "test", "-count=1", "-timeout=30m", "-run", "^TestReportScale$/^file$", "./internal/fleet/store")
	fill.Dir = filepath.Join("..", "..")
	fill.Env = append(os.Environ(), "WHITTLE_TEST_FLEET_FILE="+filepath.Join(dir, "fleet.db"), "WHITTLE_TEST_FLEET_FULL="+cmp.Or(images, "300"))
	if out, err := fill.CombinedOutput(); err != nil {
		t.Fatalf("filling the fleet: %v\n%s", err, out)
	}
	l := startPage(t, dir)
	begin := time.Now()
	p := open(t, l.url+"fleet?team=team")
	painted := func(what string) {
		p.settledFrame()
		// The page loads itself again until the report is there.
		ms := when[float64](p, `performance.getEntriesByName('first-paint')[0].startTime`)
		t.Logf("%s: painted first after %.0f ms", what, ms)
		if images != "" && ms >= 1000 {
			t.Errorf("%s: painted first after %.0f ms", what, ms)
		}
	}
	painted("the first visit")
	p.until(`document.readyState === 'complete' && document.body.innerText.includes(%s)`, quote("package-0"))
	t.Logf("the report is there after %d ms", time.Since(begin).Milliseconds())
	p.do(chromedp.Reload())
	p.until(`document.readyState === 'complete' && document.body.innerText.includes(%s)`, quote("package-0"))
	painted("the report")
	if want := cmp.Or(images, "300"); !strings.Contains(strings.ReplaceAll(text(p), ",", ""), want+" images") {
		t.Errorf("the report is not about %s images", want)
	}
	p.enter(`form[action=find] input`, "package_007")
	p.follow(query(`form[action=find] button`), "package_007")
	painted("the images that have a package")
	p.own(l.url)
	p.do(chromedp.Navigate(l.url + "fleet?team=team"))
	p.loaded("images")
	p.until(`!document.querySelector('[data-again]')`)
	p.scan()
}

// TestServeAxe: axe-core finds nothing that keeps people from using the page.
func TestServeAxe(t *testing.T) {
	dir := t.TempDir()
	l := startPage(t, dir)
	file := filepath.ToSlash(filepath.Join(dir, "shop", "Dockerfile"))
	for _, name := range []string{"", "inspect?image=app:1", "compare?image=app:1&image=app:2", "simulate?image=app:1&without=*.py", "file?image=app:1&path=etc/os-release", "edit?image=shop:1&file=" + file,
		"studies", "history", "jobs", "inspect?image=nothing"} {
		t.Run(strings.Map(func(r rune) rune {
			if strings.ContainsRune("?/=&:*", r) {
				return '-'
			}
			return r
		}, name), func(t *testing.T) {
			p := open(t, l.url+name)
			p.until(`document.readyState === 'complete'`)
			p.scan()
		})
	}
	p := open(t, l.url)
	p.follow(query(`form[action=verify] button`), "shop")
	p.scan()
}
