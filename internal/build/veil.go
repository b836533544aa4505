package build

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	bkclient "github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
)

const (
	// minHidden is the shortest value that is looked for, in bytes: what is
	// shorter is in every text.
	minHidden = 4
	// maxPending is how much of a line is held back until it ends, in bytes.
	maxPending = 64 << 10
	// shown replaces a value.
	shown = "***"
)

// veil takes values out of what is printed: as they are, line by line, quoted
// as JSON, URLs and base64 have them, and the passwords of URLs. A nil one hides
// nothing.
type veil struct {
	replacer *strings.Replacer
	longest  int
}

func newVeil(values []string) *veil {
	var needles []string
	add := func(s string) {
		if len(s) >= minHidden && !slices.Contains(needles, s) {
			needles = append(needles, s)
		}
	}
	for _, value := range values {
		whole := strings.TrimSpace(value)
		if len(whole) < minHidden {
			continue
		}
		parts := []string{whole}
		for line := range strings.Lines(whole) {
			line = strings.TrimSpace(line)
			parts = append(parts, line)
			// A file of settings: "//host/:_authToken=value".
			if _, set, ok := strings.Cut(line, "="); ok && len(set) >= 2*minHidden {
				parts = append(parts, set)
			}
		}
		if u, err := url.Parse(whole); err == nil && u.User != nil {
			if password, ok := u.User.Password(); ok {
				parts = append(parts, password)
			}
		}
		for _, s := range parts {
			add(s)
			add(url.QueryEscape(s))
			add(url.PathEscape(s))
			if quoted, err := json.Marshal(s); err == nil {
				add(strings.Trim(string(quoted), `"`))
			}
		}
		for _, text := range []string{value, whole} {
			// What follows the value changes the last group of four.
			if n := len(text) / 3 * 3; n >= 2*minHidden {
				add(base64.StdEncoding.EncodeToString([]byte(text[:n])))
				add(base64.URLEncoding.EncodeToString([]byte(text[:n])))
			}
		}
	}
	if len(needles) == 0 {
		return nil
	}
	// The longest first: one value may be the beginning of another.
	slices.SortStableFunc(needles, func(a, b string) int { return len(b) - len(a) })
	v := &veil{longest: len(needles[0])}
	pairs := make([]string, 0, 2*len(needles))
	for _, n := range needles {
		pairs = append(pairs, n, shown)
	}
	v.replacer = strings.NewReplacer(pairs...)
	return v
}

func (v *veil) text(s string) string {
	if v == nil {
		return s
	}
	return v.replacer.Replace(s)
}

func (v *veil) bytes(b []byte) []byte {
	if v == nil || len(b) == 0 {
		return b
	}
	return []byte(v.replacer.Replace(string(b)))
}

func (v *veil) lines(all []string) []string {
	out := slices.Clone(all)
	for i := range out {
		out[i] = v.text(out[i])
	}
	return out
}

// error hides the values in an error's texts. What it is stays.
func (v *veil) error(err error) error {
	if v == nil || err == nil || v.text(err.Error()) == err.Error() {
		return err
	}
	return &veiled{text: v.text(err.Error()), err: err}
}

// veiled is an error whose text shows no values.
type veiled struct {
	text string
	err  error
}

func (e *veiled) Error() string { return e.text }
func (e *veiled) Unwrap() error { return e.err }

// result hides the values in what a command has printed.
func (v *veil) result(r *RunResult) {
	if v == nil {
		return
	}
	r.Stdout, r.Stderr = v.bytes(r.Stdout), v.bytes(r.Stderr)
	r.Err = v.error(r.Err)
	r.Args = v.lines(r.Args)
	if r.Watched != nil {
		r.Watched.CheckOutput = v.bytes(r.Watched.CheckOutput)
	}
}

// stream hides values in the reports of a build. They come in pieces, which may
// begin and end anywhere: a line is held back until it has ended.
type stream struct {
	*veil
	pending map[pieceKey][]byte
}

// pieceKey is one of the streams of a step.
type pieceKey struct {
	vertex digest.Digest
	stream int
}

func (s *stream) status(in *bkclient.SolveStatus) *bkclient.SolveStatus {
	if s.veil == nil {
		return in
	}
	out := *in
	out.Vertexes, out.Logs, out.Warnings = nil, nil, nil
	for _, l := range in.Logs {
		c := *l
		if c.Data = s.piece(pieceKey{l.Vertex, l.Stream}, l.Data); len(c.Data) > 0 {
			out.Logs = append(out.Logs, &c)
		}
	}
	for _, v := range in.Vertexes {
		c := *v
		c.Name, c.Error = s.text(v.Name), s.text(v.Error)
		out.Vertexes = append(out.Vertexes, &c)
		if v.Completed != nil {
			out.Logs = append(out.Logs, s.rest(v.Digest)...)
		}
	}
	for _, w := range in.Warnings {
		c := *w
		c.Short = s.bytes(w.Short)
		c.Detail = slices.Clone(w.Detail)
		for i := range c.Detail {
			c.Detail[i] = s.bytes(c.Detail[i])
		}
		out.Warnings = append(out.Warnings, &c)
	}
	return &out
}

// piece is what can be shown after one more piece.
func (s *stream) piece(key pieceKey, data []byte) []byte {
	all := slices.Concat(s.pending[key], data)
	cut := bytes.LastIndexByte(all, '\n') + 1
	if over := len(all) - maxPending; cut < over {
		// A line without an end: what may be the beginning of a value stays.
		all = s.bytes(all)
		cut = max(0, len(all)-s.longest)
		s.pending[key] = bytes.Clone(all[cut:])
		return all[:cut]
	}
	s.pending[key] = bytes.Clone(all[cut:])
	return s.bytes(all[:cut])
}

// rest are the last lines of a step, which need not have an end.
func (s *stream) rest(vertex digest.Digest) []*bkclient.VertexLog {
	var out []*bkclient.VertexLog
	for key, data := range s.pending {
		if key.vertex == vertex || vertex == "" {
			if len(data) > 0 {
				out = append(out, &bkclient.VertexLog{Vertex: key.vertex, Stream: key.stream, Data: s.bytes(data)})
			}
			delete(s.pending, key)
		}
	}
	return out
}
