package serve

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/output"
	"whittle.dev/whittle/internal/report"
	"whittle.dev/whittle/internal/report/html"
	"whittle.dev/whittle/internal/report/jsontext"
	"whittle.dev/whittle/internal/report/page"
)

// question is what can be asked: a page, and its value as JSON below /api.
type question struct {
	method, name string
	// api says that the value is a result that commands have too.
	api bool
	ask func(ctx context.Context, q url.Values) (*html.Page, error)
}

func (s *Server) questions() []question {
	return []question{
		{"GET", "{$}", false, s.home},
		{"GET", "inspect", true, s.inspect},
		{"GET", "advise", true, s.advise},
		{"GET", "compare", true, s.compare},
		{"GET", "simulate", true, s.simulate},
		{"GET", "file", false, s.file},
		{"GET", "edit", false, s.edit},
		{"POST", "edit", false, s.change},
		{"GET", "studies", false, s.studies},
		{"GET", "study", true, s.study},
		{"GET", "history", true, s.records.list},
		{"GET", "changes", true, s.records.changes},
		{"GET", "fleet", false, s.fleet.report},
		{"GET", "find", true, s.fleet.find},
		{"GET", "jobs", true, s.proofs.jobList},
		{"GET", "job", true, s.proofs.job},
	}
}

//go:embed live.css
var style string

//go:embed live.js
var script string

//go:embed live.gohtml
var liveText string

var live = template.Must(template.New("live").Funcs(template.FuncMap{
	"bytes": whittle.Bytes, "saving": report.SavingText, "diff": html.DiffLines, "sub": func(a, b int64) int64 { return a - b }, "signed": whittle.SignedBytes, "plain": page.Plain, "to": to, "lines": lines, "inert": func(name string) bool { return page.Plain(name) == name },
}).Parse(liveText))

// to is an address on the page: a name, and its query in pairs of keys and values.
func to(name string, query ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(query); i += 2 {
		q.Add(query[i], query[i+1])
	}
	return name + "?" + q.Encode()
}

// fill writes a template of the page.
func fill(name string, data any) (template.HTML, error) {
	var b strings.Builder
	if err := live.ExecuteTemplate(&b, name, data); err != nil {
		return "", err
	}
	return template.HTML(b.String()), nil //nolint:gosec // the template escapes it
}

// text is a page of a text.
func text(title, kind, name string, data any) (*html.Page, error) {
	body, err := fill(name, data)
	if err != nil {
		return nil, err
	}
	return &html.Page{Text: &html.Text{Title: title, Kind: kind, Body: body}, Value: data}, nil
}

// Limits of what a request may send and get, in bytes.
const (
	MaxBody = 4 << 20  // of a form
	MaxShow = 1 << 20  // of a file that is shown
	MaxFile = 64 << 20 // of a file that is given whole
)

// values are what a request asks for: its query, and the fields of a form.
func values(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
	if err := r.ParseForm(); err != nil {
		return nil, whittle.ErrUsage.Errorf("reading the form: %w", err)
	}
	return r.Form, nil
}

// page answers a question as a page.
func (s *Server) page(q question) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p, code := s.answer(w, r, q); p != nil {
			s.writePage(w, p, code)
		}
	})
}

func (s *Server) writePage(w http.ResponseWriter, p *html.Page, code int) {
	var out bytes.Buffer
	err := s.around(p)
	if err == nil {
		err = output.WriteHTML(&out, p)
	}
	if err != nil {
		http.Error(w, "writing the page failed", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Security-Policy", html.Policy(p.Live)+"; frame-ancestors 'none'")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write(out.Bytes())
}

// asJSON answers a question with its value alone.
func (s *Server) asJSON(q question) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, code := s.answer(w, r, q)
		if p == nil {
			return
		}
		writeJSON(w, code, p.Value)
	})
}

// draftPart answers with the advice about what was typed, as a part of the page that is
// open.
func (s *Server) draftPart(w http.ResponseWriter, r *http.Request) {
	p, code := s.answer(w, r, question{ask: s.draft})
	if p == nil {
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, string(p.Text.Body))
}

func writeJSON(w http.ResponseWriter, code int, value any) {
	var out bytes.Buffer
	if err := jsontext.Write(&out, value); err != nil {
		http.Error(w, "writing the result failed", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(out.Bytes())
}

// answer asks a question. The page of an error says what is wrong and what to try. There
// is none for who is gone.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, q question) (*html.Page, int) {
	form, err := values(w, r)
	var p *html.Page
	if err == nil {
		p, err = q.ask(r.Context(), form)
	}
	if r.Context().Err() != nil {
		return nil, 0
	}
	if err != nil {
		return failed(err)
	}
	return p, http.StatusOK
}

// failed is the page of an error, with its status.
func failed(err error) (*html.Page, int) {
	code, exit := status(err)
	f := output.Failure{Schema: output.ErrorSchema, Error: page.Plain(whittle.OneLine(err.Error())), Hint: page.Plain(whittle.Hint(err)), Code: exit}
	p, err := text("This did not work", "Error", "failure", f)
	if err != nil {
		return &html.Page{Text: &html.Text{Title: f.Error, Kind: "Error"}, Value: f}, http.StatusInternalServerError
	}
	return p, code
}

// status is the status of an error, and the code that commands end with.
func status(err error) (code, exit int) {
	switch {
	case errors.Is(err, whittle.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return http.StatusNotFound, 2
	case errors.Is(err, whittle.ErrUsage):
		return http.StatusBadRequest, 2
	case errors.Is(err, whittle.ErrUnsupported), errors.Is(err, whittle.ErrCorrupt), errors.Is(err, whittle.ErrLimit):
		return http.StatusUnprocessableEntity, 2
	case errors.Is(err, whittle.ErrEngine), errors.Is(err, whittle.ErrAuth):
		return http.StatusBadGateway, 3
	}
	return http.StatusInternalServerError, 3
}

// around adds what each page has besides the report: the way to the others.
func (s *Server) around(p *html.Page) error {
	above, err := fill("above", nil)
	if err != nil {
		return err
	}
	if p.Live == nil {
		p.Live = &html.Live{}
	}
	p.Live.Above, p.Live.Style, p.Live.Script = above+p.Live.Above, style, script
	return nil
}
