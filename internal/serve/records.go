package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/url"
	"path"
	"path/filepath"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/history"
	"whittle.dev/whittle/internal/outdir"
	"whittle.dev/whittle/internal/report"
	"whittle.dev/whittle/internal/report/html"
	"whittle.dev/whittle/internal/report/page"
	"whittle.dev/whittle/internal/timeline"
)

// MaxStudy bounds the report of a study, in bytes.
const MaxStudy = 256 << 20

// studyOf is the last study of a project; nil if there is none.
func studyOf(dir string) (*whittle.Study, error) {
	name := path.Join(outdir.Name, "report.json")
	text, err := whittle.Folder(dir).Read(name, MaxStudy)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	s := &whittle.Study{}
	if err == nil {
		err = whittle.ParseJSON(text, s)
	}
	if err == nil && s.Schema != whittle.StudySchema {
		err = whittle.ErrUnsupported.Errorf("it is of another version of whittle")
	}
	if err != nil {
		return nil, whittle.WithHint(fmt.Errorf("reading %s: %w", filepath.Join(dir, name), err), "whittle lab makes it again")
	}
	return s, nil
}

// studyRow is a project with its last study.
type studyRow struct {
	Dir     string
	Study   *whittle.Study
	Images  []string
	Problem string
}

// studies lists the last studies of the projects.
func (s *Server) studies(ctx context.Context, _ url.Values) (*html.Page, error) {
	var rows []studyRow
	for _, dir := range s.o.Projects {
		study, err := studyOf(dir)
		row := studyRow{Dir: dir, Study: study, Images: projectOf(ctx, dir).Images}
		if err != nil {
			row.Problem = whittle.OneLine(err.Error())
		}
		rows = append(rows, row)
	}
	p, err := text("Studies", "Local page", "studies", rows)
	if err == nil {
		p.Value = nil
	}
	return p, err
}

// study shows the report of a project's last study, if it is asked for with its images.
func (s *Server) study(ctx context.Context, q url.Values) (*html.Page, error) {
	dir, err := one(q, "project", "a project")
	if err != nil {
		return nil, err
	}
	if !slices.Contains(s.o.Projects, dir) {
		return nil, whittle.WithHint(whittle.ErrNotFound.Errorf("%s is no project that is served", page.Plain(dir)), "name it: whittle serve DIR")
	}
	study, err := studyOf(dir)
	if err == nil && study == nil {
		err = whittle.WithHint(whittle.ErrNotFound.Errorf("there is no study of %s", page.Plain(dir)), "whittle lab makes one")
	}
	if err != nil {
		return nil, err
	}
	p := &html.Page{Study: study, Value: study}
	if q.Get("images") == "" {
		return p, nil
	}
	there := projectOf(ctx, dir).Images
	for _, v := range study.Variants {
		archive := filepath.Join(dir, outdir.Name, outdir.ArchivePath(v.Name))
		if !slices.Contains(there, archive) {
			continue
		}
		read, err := s.imageOf(ctx, archive, audit.AdviseOptions{Project: dir}, true)
		if err != nil {
			return nil, err
		}
		p.Images = append(p.Images, html.Image{Name: v.Name, Model: read.model})
	}
	return p, nil
}

// records are the history, as the page shows it.
type records struct {
	// open opens the history; nil if there is none.
	open func(ctx context.Context) (*history.Store, error)
}

// shownRecords is how many records are listed.
const shownRecords = 200

func (r *records) with(ctx context.Context, do func(*history.Store) error) error {
	if r.open == nil {
		return whittle.ErrNotFound.Errorf("there is no history")
	}
	store, err := r.open(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	return do(store)
}

// queryOf selects records as the options of whittle history do.
func queryOf(q url.Values) history.Query {
	return history.Query{Project: q.Get("project"), Variant: q.Get("variant"), Branch: q.Get("branch"), Package: q.Get("package"), Last: shownRecords}
}

// list shows the newest records.
func (r *records) list(ctx context.Context, q url.Values) (*html.Page, error) {
	list := &whittle.HistoryList{Schema: whittle.HistorySchema, Package: q.Get("package"), Records: []whittle.RecordRow{}}
	err := r.with(ctx, func(s *history.Store) error {
		rows, more, err := s.List(ctx, queryOf(q))
		list.Database, list.Records, list.More = s.Name(), append(list.Records, rows...), more
		return err
	})
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	if err := report.HistoryHTML(&body, list); err != nil {
		return nil, err
	}
	choose, err := fill("records", list)
	if err != nil {
		return nil, err
	}
	return &html.Page{Text: &html.Text{Title: "History", Kind: "Local page", Body: choose + template.HTML(body.String())}, Value: list}, nil //nolint:gosec // the report escapes it
}

// changes says what changed between two records, which are named as for whittle history
// compare.
func (r *records) changes(ctx context.Context, q url.Values) (*html.Page, error) {
	names := [2]string{}
	for i, key := range []string{"from", "to"} {
		var err error
		if names[i], err = one(q, key, "a record"); err != nil {
			return nil, err
		}
	}
	var c *whittle.HistoryChange
	err := r.with(ctx, func(s *history.Store) error {
		var both [2]*whittle.Record
		for i, name := range names {
			var err error
			if both[i], err = timeline.Select(ctx, s, queryOf(q), name); err != nil {
				return err
			}
		}
		var err error
		c, err = timeline.Compare(both[0], both[1])
		return err
	})
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	if err := report.HistoryChangeHTML(&body, c); err != nil {
		return nil, err
	}
	return &html.Page{Text: &html.Text{Title: fmt.Sprintf("Record %d → %d", c.From.ID, c.To.ID), Kind: "Change", Body: template.HTML(body.String())}, Value: c}, nil //nolint:gosec // the report escapes it
}
