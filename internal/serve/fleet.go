package serve

import (
	"bytes"
	"context"
	"html/template"
	"net/url"
	"strings"

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

// report is about all images of the last scans.
func (f *fleet) report(ctx context.Context, q url.Values) (*html.Page, error) {
	var out *html.Page
	err := f.with(ctx, func(s *store.Store) error {
		r, err := s.Report(ctx, store.ReportOptions{Team: q.Get("team"), Rows: fleetRows})
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
