package serve

import (
	"bytes"
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/draft"
	"whittle.dev/whittle/internal/output"
	"whittle.dev/whittle/internal/patch"
	"whittle.dev/whittle/internal/report/html"
	"whittle.dev/whittle/internal/report/page"
	"whittle.dev/whittle/internal/static"
)

// DraftSchema names the JSON form of [Draft].
const DraftSchema = "whittle.draft/v1"

// Draft is what is known of a Dockerfile that is being edited.
type Draft struct {
	Schema string `json:"schema"`
	// File is the Dockerfile.
	File string `json:"file"`
	// Error says why the text is no Dockerfile, empty if it is one.
	Error string `json:"error,omitempty"`
	// Advice are the findings in the text, nil if it is no Dockerfile.
	Advice *whittle.StaticAdvice `json:"advice"`
	// Prediction is what the text would make, nil if no image says it.
	Prediction *draft.Prediction `json:"prediction"`
	// Diff is the change against what is on the disk, empty for none.
	Diff string `json:"diff,omitempty"`
}

// edited is the editor of a Dockerfile.
type edited struct {
	Draft
	// Image is where the prediction starts, empty for none; NoImage says why there is none.
	Image, NoImage string
	// Text is what is edited, and Was the digest of what is on the disk.
	Text string
	Was  whittle.Digest
	// Applied says that a fix has changed the text, and Written that the file was written.
	Applied, Written bool
	Hidden           bool // characters that are not seen
}

// edit shows a Dockerfile as it is on the disk.
func (s *Server) edit(ctx context.Context, q url.Values) (*html.Page, error) {
	q.Del("text")
	q.Del("do")
	return s.change(ctx, q)
}

// change shows what was typed. It is written if the form says so, and nothing else is.
func (s *Server) change(ctx context.Context, q url.Values) (*html.Page, error) {
	f, err := s.asked(ctx, q)
	if err != nil {
		return nil, err
	}
	e, read, err := s.work(ctx, f, q, true)
	if err != nil {
		return nil, err
	}
	beside, err := fill("edit", e)
	if err != nil {
		return nil, err
	}
	p := &html.Page{Text: &html.Text{Title: page.Plain(f.Name), Kind: "Dockerfile"}, Value: e.Draft, Live: &html.Live{Beside: beside}}
	if read != nil {
		p.Text, p.Images = nil, output.Shown(read.model)
	}
	return p, nil
}

// draft is the advice about what was typed, without the editor.
func (s *Server) draft(ctx context.Context, q url.Values) (*html.Page, error) {
	f, err := s.asked(ctx, q)
	if err != nil {
		return nil, err
	}
	if q.Get("do") == "write" {
		return nil, whittle.ErrUsage.Errorf("a draft writes nothing")
	}
	e, _, err := s.work(ctx, f, q, false)
	if err != nil {
		return nil, err
	}
	p, err := text(f.Name, "Draft", "advice", e)
	if err == nil {
		p.Value = e.Draft
	}
	return p, err
}

// asked is the Dockerfile that a request is about.
func (s *Server) asked(ctx context.Context, q url.Values) (*dockerfileRow, error) {
	name, err := one(q, "file", "a Dockerfile")
	if err != nil {
		return nil, err
	}
	return s.dockerfile(ctx, name)
}

// work does what a form asks for: a fix is applied, or the text written. Then it says what
// is known of the text. fresh looks whether the image is still the same.
func (s *Server) work(ctx context.Context, f *dockerfileRow, q url.Values, fresh bool) (*edited, *readImage, error) {
	disk, err := f.read()
	if err != nil {
		return nil, nil, err
	}
	ends, err := lineEnds(f.Name, disk)
	if err != nil {
		return nil, nil, err
	}
	e := &edited{Draft: Draft{Schema: DraftSchema, File: f.Name}, Image: q.Get("image")}
	now := disk
	if q.Has("text") {
		now = []byte(strings.ReplaceAll(strings.ReplaceAll(q.Get("text"), "\r\n", "\n"), "\n", ends))
	}
	e.advise(ctx, f, now)
	do, which, _ := strings.Cut(q.Get("do"), " ")
	switch do {
	case "", "look":
	case "apply":
		if now, err = e.apply(f, now, which); err != nil {
			return nil, nil, err
		}
		e.Applied = true
		e.advise(ctx, f, now)
	case "write":
		if err := s.write(ctx, f, disk, now, q); err != nil {
			return nil, nil, err
		}
		e.Written, disk = true, now
	default:
		return nil, nil, whittle.ErrUsage.Errorf("%q is nothing that can be done with a Dockerfile", q.Get("do"))
	}
	e.Text, e.Was = strings.ReplaceAll(string(now), "\r\n", "\n"), whittle.DigestOf(disk)
	e.Hidden = lines(e.Text) != strings.TrimSuffix(e.Text, "\n")+"\n"
	for _, c := range patch.Changes(map[string][]byte{f.file(): disk}, map[string][]byte{f.file(): now}) {
		if !bytes.Equal(disk, now) {
			e.Diff = c.Diff
		}
	}
	read := s.start(ctx, f, e, fresh)
	if read != nil && e.Error == "" {
		if e.Prediction, err = read.draft.Predict(now); err != nil {
			return nil, nil, err
		}
	}
	return e, read, nil
}

// lineEnds are the ends of a file's lines. What a browser does not give back as it was is
// not edited.
func lineEnds(name string, text []byte) (string, error) {
	rest := bytes.ReplaceAll(text, []byte("\r\n"), nil)
	switch crlf := len(rest) < len(text); {
	case !isText(text) || bytes.ContainsRune(rest, '\r'):
		return "", whittle.ErrUnsupported.Errorf("%s is no text that a page can edit", name)
	case crlf && bytes.ContainsRune(rest, '\n'):
		return "", whittle.ErrUnsupported.Errorf("%s has ends of lines of two kinds, of which a page would make one", name)
	case crlf:
		return "\r\n", nil
	}
	return "\n", nil
}

// advise asks the rules about a text.
func (e *edited) advise(ctx context.Context, f *dockerfileRow, text []byte) {
	var err error
	e.Error = ""
	e.Advice, err = static.Advise(ctx, static.Options{Names: []string{f.Dir}, Variants: f.variants(), Today: time.Now(), Texts: map[string][]byte{f.Name: text}})
	if err != nil {
		e.Advice, e.Error = nil, page.Plain(whittle.OneLine(err.Error()))
	}
}

// Usable says that a finding has a fix of this file alone, which the editor can make.
func (e *edited) Usable(f whittle.StaticFinding) bool {
	return f.Fix != nil && len(f.Fix.Remake) == 0 && !slices.ContainsFunc(f.Fix.Patches, func(p whittle.Patch) bool { return p.File != e.File })
}

// apply makes the fix of a finding, which its rule and fingerprint name.
func (e *edited) apply(f *dockerfileRow, text []byte, which string) ([]byte, error) {
	rule, print, _ := strings.Cut(which, " ")
	if e.Advice != nil {
		for _, found := range e.Advice.Findings {
			if found.Rule != rule || found.Fingerprint != print || !e.Usable(found) {
				continue
			}
			merged, conflicts, err := patch.Merge(map[string][]byte{f.Name: text}, []string{f.Name}, []*whittle.Fix{found.Fix})
			if err != nil {
				return nil, err
			}
			if len(conflicts) > 0 {
				return nil, whittle.ErrUsage.Errorf("the fix of %s cannot be made: %s", rule, conflicts[0].Reason)
			}
			return merged[f.Name], nil
		}
	}
	return nil, whittle.WithHint(whittle.ErrNotFound.Errorf("the text has no such finding of %s any more", rule), "load the page again")
}

// write writes a text in the place of what is on the disk, if that is what the editor
// began with, and git has it.
func (s *Server) write(ctx context.Context, f *dockerfileRow, disk, text []byte, q url.Values) error {
	if was := whittle.Digest(q.Get("was")); was != whittle.DigestOf(disk) {
		return whittle.WithHint(whittle.ErrUsage.Errorf("%s has changed since the page was loaded: nothing was written", f.Name), "copy your text, and load the page again")
	}
	if bytes.Equal(disk, text) {
		return nil
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	return static.Write(ctx, f.abs, []whittle.FileChange{{Path: f.file(), Before: disk, After: text}}, static.WriteOptions{Force: q.Get("force") != "", Dirty: s.o.Env.Dirty})
}

// start is the image that a prediction starts from; nil if there is none, which the editor
// says.
func (s *Server) start(ctx context.Context, f *dockerfileRow, e *edited, fresh bool) *readImage {
	v := f.Variants[0]
	o := audit.AdviseOptions{Project: f.abs}
	switch {
	case e.Image == "" || e.Image == f.Image: // the study says what made it
		e.Image = f.Image
	default:
		disk, err := f.read()
		if err != nil {
			return nil
		}
		o.InspectOptions = audit.InspectOptions{Dockerfile: v.Dockerfile, Source: disk, Target: v.Target, Args: v.Args, Context: v.Context}
	}
	if e.Image == "" {
		e.NoImage = "there is no image of a study"
		return nil
	}
	read, err := s.imageOf(ctx, e.Image, o, fresh)
	switch {
	case err != nil:
		e.NoImage = page.Plain(whittle.OneLine(err.Error()))
	case read.draft == nil:
		e.NoImage = "it is not known which instructions made " + page.Plain(e.Image)
	default:
		return read
	}
	return nil
}
