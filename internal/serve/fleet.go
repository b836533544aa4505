package serve

import (
	"bytes"
	"context"
	"html/template"
	"net/url"
	"strings"
	"sync"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/fleet/store"
	"whittle.dev/whittle/internal/report/fleetpage"
	"whittle.dev/whittle/internal/report/html"
	"whittle.dev/whittle/internal/report/page"
)

// fleet are many images, as the page shows them.
type fleet struct {
	// open opens the fleet; nil if there is none.
	open func(ctx context.Context) (*store.Store, error)

	mu   sync.Mutex
	last *madeReport // nil before the first
	next *madeReport // that is being made
	all  sync.WaitGroup
}

// madeReport is a report, which takes long to make for many images.
type madeReport struct {
	team string
	at   time.Time
	done chan struct{} // closed once page or err is there
	page *html.Page
	err  error
	stop context.CancelFunc
}

// The age at which a report is made again, how long a page waits for one before it says
// that it is being made, and how long that may take.
const (
	reportAge  = time.Minute
	reportWait = 500 * time.Millisecond
	reportTime = time.Hour
)

// making is the report for a team's label that there is, nil if there is none, and the one
// that is being made, nil if there is no need. What an earlier page has asked for about
// another label is given up.
func (f *fleet) making(ctx context.Context, team string, now time.Time) (last, next *madeReport) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.last != nil && f.last.team == team {
		last = f.last
	}
	if f.next != nil && f.next.team == team {
		return last, f.next
	}
	if last != nil && now.Sub(last.at) < reportAge {
		return last, nil
	}
	if f.next != nil {
		f.next.stop()
	}
	own, stop := context.WithTimeout(context.WithoutCancel(ctx), reportTime)
	next = &madeReport{team: team, at: now, done: make(chan struct{}), stop: stop}
	f.next = next
	f.all.Go(func() { f.do(own, next) })
	return last, next
}

// do makes a report, for whoever asks for it.
func (f *fleet) do(ctx context.Context, m *madeReport) {
	defer m.stop()
	m.page, m.err = f.make(ctx, m.team)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.next == m {
		f.next = nil
		if m.err == nil {
			f.last = m
		}
	}
	close(m.done)
}

// close gives up what is being made.
func (f *fleet) close() {
	f.mu.Lock()
	if f.next != nil {
		f.next.stop()
	}
	f.mu.Unlock()
	f.all.Wait()
}

// The rows of each long table, and of a list of images.
const (
	fleetRows = 50
	foundRows = 1000
)

func (f *fleet) with(ctx context.Context, do func(*store.Store) error) error {
	if f.open == nil {
		return whittle.ErrNotFound.Errorf("there is no fleet")
	}
	s, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	return do(s)
}

// report is about all images of the last scans: the last one that was made, while a newer
// one is being made.
func (f *fleet) report(ctx context.Context, q url.Values) (*html.Page, error) {
	last, next := f.making(ctx, q.Get("team"), time.Now())
	if last != nil {
		return copied(last.page), nil
	}
	select {
	case <-next.done:
		return copied(next.page), next.err
	case <-time.After(reportWait):
		p, err := text("The report is being made", "Fleet", "making", nil)
		if err == nil {
			p.Value = nil
		}
		return p, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// result is the report for programs, which wait for it.
func (f *fleet) result(ctx context.Context, q url.Values) (*html.Page, error) {
	last, next := f.making(ctx, q.Get("team"), time.Now())
	if next == nil {
		return copied(last.page), nil
	}
	select {
	case <-next.done:
		return copied(next.page), next.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// copied is a page that several answers show, each with its own surroundings.
func copied(p *html.Page) *html.Page {
	if p == nil {
		return nil
	}
	own := *p
	return &own
}

// make makes the report.
func (f *fleet) make(ctx context.Context, team string) (*html.Page, error) {
	var out *html.Page
	err := f.with(ctx, func(s *store.Store) error {
		r, err := s.Report(ctx, store.ReportOptions{Team: team, Rows: fleetRows})
		if err != nil {
			return err
		}
		out, err = document(fleetpage.Title(r), fleetpage.Report(r), r)
		return err
	})
	return out, err
}

// find lists the images that have a package: NAME, or NAME==VERSION.
func (f *fleet) find(ctx context.Context, q url.Values) (*html.Page, error) {
	asked, err := one(q, "package", "a package")
	if err != nil {
		return nil, err
	}
	name, version, _ := strings.Cut(asked, "==")
	var out *html.Page
	err = f.with(ctx, func(s *store.Store) error {
		found, err := s.Find(ctx, name, version, store.ReportOptions{Rows: foundRows})
		if err != nil {
			return err
		}
		out, err = document(page.Plain(asked), fleetpage.Found(found), found)
		return err
	})
	return out, err
}

// document is a page of a document, with the way to find a package above it.
func document(title string, d page.Document, value any) (*html.Page, error) {
	var body bytes.Buffer
	if err := page.WriteHTML(&body, d); err != nil {
		return nil, err
	}
	ask, err := fill("find", nil)
	if err != nil {
		return nil, err
	}
	return &html.Page{Text: &html.Text{Title: title, Kind: "Fleet", Body: ask + template.HTML(body.String())}, Value: value}, nil //nolint:gosec // the report escapes it
}
