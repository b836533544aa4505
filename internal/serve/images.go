package serve

import (
	"bytes"
	"context"
	"errors"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/draft"
	"whittle.dev/whittle/internal/output"
	"whittle.dev/whittle/internal/report"
	"whittle.dev/whittle/internal/report/html"
	"whittle.dev/whittle/internal/report/page"
	"whittle.dev/whittle/internal/view"
)

// home is where one chooses what to look at.
type home struct {
	Images   []string
	Projects []projectRow
	// Local are the images of the engine, and Problem why there are none.
	Local   []string
	Problem string
}

func (s *Server) home(ctx context.Context, _ url.Values) (*html.Page, error) {
	h := home{Images: s.o.Images}
	if s.o.Local != nil {
		var err error
		if h.Local, err = s.o.Local(ctx); err != nil {
			h.Problem = whittle.OneLine(err.Error())
		}
	}
	for _, dir := range s.o.Projects {
		h.Projects = append(h.Projects, projectOf(ctx, dir))
	}
	p, err := text("Images and projects", "Local page", "home", h)
	if err == nil {
		p.Value = nil
	}
	return p, err
}

// one is the only value of a key of a query.
func one(q url.Values, key, what string) (string, error) {
	v := q[key]
	if len(v) != 1 || v[0] == "" {
		return "", whittle.WithHint(whittle.ErrUsage.Errorf("%s is wanted once, and not %d times", what, len(v)), "such as ?"+key+"=…")
	}
	return v[0], nil
}

func (s *Server) inspect(ctx context.Context, q url.Values) (*html.Page, error) {
	p, _, err := s.look(ctx, q)
	return p, err
}

// advise is the same page; its value are the findings.
func (s *Server) advise(ctx context.Context, q url.Values) (*html.Page, error) {
	p, m, err := s.look(ctx, q)
	if err != nil {
		return nil, err
	}
	p.Value = m.Advice
	return p, nil
}

// look is the report of an image.
func (s *Server) look(ctx context.Context, q url.Values) (*html.Page, *view.Model, error) {
	name, err := one(q, "image", "an image")
	if err != nil {
		return nil, nil, err
	}
	read, err := s.imageOf(ctx, name, audit.AdviseOptions{}, true)
	if err != nil {
		return nil, nil, err
	}
	m := read.model
	tools, err := fill("tools", name)
	if err != nil {
		return nil, nil, err
	}
	return &html.Page{Images: output.Shown(m), Value: m.Inspection, Live: &html.Live{Above: tools}}, m, nil
}

func (s *Server) compare(ctx context.Context, q url.Values) (*html.Page, error) {
	names := slices.DeleteFunc(slices.Clone(q["image"]), func(n string) bool { return n == "" })
	if len(names) < 2 || len(names) > MaxCompared {
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("two images are compared, or some more, and not %d", len(names)), "such as ?image=app:1.0&image=app:1.1")
	}
	done, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	c, models, err := audit.CompareViews(ctx, s.o.Env, names, nil)
	if err != nil {
		return nil, err
	}
	return &html.Page{Comparison: c, Images: output.Shown(models...), Value: c}, nil
}

// MaxCompared is how many images are compared at once.
const MaxCompared = 8

// simulate is the image without something. Patterns are in the query as on the command
// line, one for each time that the key is there.
func (s *Server) simulate(ctx context.Context, q url.Values) (*html.Page, error) {
	name, err := one(q, "image", "an image")
	if err != nil {
		return nil, err
	}
	empty := func(s string) bool { return s == "" }
	o := audit.SimulateOptions{Without: slices.DeleteFunc(slices.Clone(q["without"]), empty), Distributions: slices.DeleteFunc(slices.Clone(q["distribution"]), empty)}
	for _, pattern := range o.Without {
		if err := audit.CheckPattern(pattern); err != nil {
			return nil, err
		}
	}
	done, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	result, err := audit.Simulate(ctx, s.o.Env, name, o)
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	if err := report.SimulationHTML(&body, result); err != nil {
		return nil, err
	}
	tools, err := fill("tools", name)
	if err != nil {
		return nil, err
	}
	return &html.Page{Text: &html.Text{Title: result.Image.Ref, Kind: "Simulation", Body: template.HTML(body.String())}, Value: result, Live: &html.Live{Above: tools}}, nil //nolint:gosec // the report escapes it
}

// shownFile is a file of an image.
type shownFile struct {
	Image, Path string
	Text        string
	// Size is how many bytes were read, More that the file has more.
	Size int64
	More bool
	// Binary says that it is no text.
	Binary bool
}

// file shows the beginning of a file of an image as it is, if it is a text.
func (s *Server) file(ctx context.Context, q url.Values) (*html.Page, error) {
	f, content, err := s.fileOf(ctx, q, MaxShow)
	if err != nil {
		return nil, err
	}
	if f.More {
		content = uncut(content)
	}
	if f.Binary = !isText(content); !f.Binary {
		f.Text = string(content)
	}
	p, err := text("/"+f.Path, "File of "+f.Image, "file", f)
	if err == nil {
		p.Value = nil
	}
	return p, err
}

// isText says that a content is UTF-8 without what no text has.
func isText(content []byte) bool { return utf8.Valid(content) && !bytes.ContainsRune(content, 0) }

// uncut is a content without the beginning of a character at its end.
func uncut(content []byte) []byte {
	for n := 1; n < utf8.UTFMax && n <= len(content); n++ {
		if end := content[len(content)-n:]; utf8.RuneStart(end[0]) {
			if !utf8.FullRune(end) {
				return content[:len(content)-n]
			}
			break
		}
	}
	return content
}

// fileBytes gives a file of an image as it is, for programs: browsers store it.
func (s *Server) fileBytes(w http.ResponseWriter, r *http.Request) {
	q, err := values(w, r)
	var f shownFile
	var content []byte
	if err == nil {
		f, content, err = s.fileOf(r.Context(), q, MaxFile)
	}
	if err == nil && f.More {
		err = whittle.ErrLimit.Errorf("/%s of %s has more than %s", f.Path, f.Image, whittle.Bytes(MaxFile))
	}
	if err != nil {
		p, code := failed(err)
		writeJSON(w, code, p.Value)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", "attachment")
	w.Header().Set("Content-Length", strconv.Itoa(len(content)))
	_, _ = w.Write(content)
}

// fileOf reads at most so many bytes of a file.
func (s *Server) fileOf(ctx context.Context, q url.Values, most int64) (f shownFile, content []byte, err error) {
	if f.Image, err = one(q, "image", "an image"); err != nil {
		return f, nil, err
	}
	name, err := one(q, "path", "a path")
	if err != nil {
		return f, nil, err
	}
	f.Path = path.Clean("/" + name)[1:]
	done, err := s.read(ctx)
	if err != nil {
		return f, nil, err
	}
	defer done()
	head := &beginning{most: most}
	if err := audit.CopyFile(ctx, s.o.Env, f.Image, f.Path, head); err != nil && !errors.Is(err, errEnough) {
		return f, nil, err
	}
	f.Size, f.More = int64(len(head.bytes)), head.more
	return f, head.bytes, nil
}

// beginning keeps the first bytes that are written to it, and ends the writing then.
type beginning struct {
	most  int64
	bytes []byte
	more  bool
}

var errEnough = errors.New("enough was read")

func (b *beginning) Write(p []byte) (int, error) {
	n := min(int64(len(p)), b.most-int64(len(b.bytes)))
	b.bytes = append(b.bytes, p[:n]...)
	if n < int64(len(p)) {
		b.more = true
		return int(n), errEnough
	}
	return int(n), nil
}

var _ io.Writer = (*beginning)(nil)

// read waits until an image may be read. done lets the next one go.
func (s *Server) read(ctx context.Context) (done func(), err error) {
	select {
	case s.reading <- struct{}{}:
		return func() { <-s.reading }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// images are those that were read, the newest first: a page that is loaded again, or an
// edit beside it, reads none.
type images struct {
	mu   sync.Mutex
	kept []keptImage
}

// mostKept is how many images are kept.
const mostKept = 4

// keptImage is an image that was read: its name and the options, and what the name stood
// for.
type keptImage struct {
	name, content string
	read          *readImage
}

// get has an image of some content, or of any if that is empty.
func (m *images) get(name, content string) *readImage {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, k := range m.kept {
		if k.name == name && (content == "" || k.content == content) {
			m.kept = slices.Insert(slices.Delete(m.kept, i, i+1), 0, k)
			return k.read
		}
	}
	return nil
}

func (m *images) put(name, content string, read *readImage) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept = slices.DeleteFunc(m.kept, func(k keptImage) bool { return k.name == name })
	m.kept = slices.Insert(m.kept, 0, keptImage{name, content, read})
	m.kept = m.kept[:min(len(m.kept), mostKept)]
}

// readImage is an image as pages show it, and as drafts of its Dockerfile start from it.
type readImage struct {
	model *view.Model
	draft *draft.Image // nil if it is not known what made it
}

// imageOf reads an image with its findings. fresh reads it again if its name stands for
// another one now.
func (s *Server) imageOf(ctx context.Context, name string, o audit.AdviseOptions, fresh bool) (*readImage, error) {
	key := strings.Join([]string{name, o.Project, o.Dockerfile, string(o.Source), o.Target}, "\x00")
	if r := s.images.get(key, ""); r != nil && !fresh {
		return r, nil
	}
	done, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	content, err := s.content(ctx, name)
	if err != nil {
		return nil, err
	}
	if r := s.images.get(key, content); r != nil {
		return r, nil
	}
	x, err := audit.Examine(ctx, s.o.Env, name, o)
	if err != nil {
		return nil, err
	}
	defer x.Subject.Close()
	advice, err := x.Advise(ctx, s.o.Env, nil)
	if err != nil {
		return nil, err
	}
	r := &readImage{draft: draft.Of(x, advice.Findings)}
	if r.model, err = x.View(advice); err == nil {
		s.images.put(key, content, r)
	}
	return r, err
}

// content identifies what a name stands for now.
func (s *Server) content(ctx context.Context, name string) (string, error) {
	img, err := s.o.Env.Images.Open(ctx, name)
	if err != nil {
		return "", err
	}
	defer img.Close()
	ids := []string{string(img.Ref().Digest)}
	for _, l := range img.Layers() {
		ids = append(ids, string(l.DiffID()))
	}
	return strings.Join(ids, " "), nil
}

// lines is a text whose characters are inert, with its tabs and ends of lines.
func lines(text string) string {
	var b strings.Builder
	for l := range strings.Lines(text) {
		for i, part := range strings.Split(strings.TrimRight(l, "\r\n"), "\t") {
			if i > 0 {
				b.WriteByte('\t')
			}
			b.WriteString(page.Plain(part))
		}
		b.WriteByte('\n')
	}
	return b.String()
}
