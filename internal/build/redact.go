package build

import (
	"bytes"
	"slices"

	bkclient "github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"

	"whittle.dev/whittle/internal/build/redact"
)

// redact hides values in the output of a command.
func (r *RunResult) redact(v *redact.Redactor) {
	if v == nil {
		return
	}
	r.Stdout, r.Stderr = v.Bytes(r.Stdout), v.Bytes(r.Stderr)
	r.Err = v.Error(r.Err)
	r.Args = v.Lines(r.Args)
	if r.Watched != nil {
		r.Watched.CheckOutput = v.Bytes(r.Watched.CheckOutput)
	}
}

// maxPending is how much of a line is held back until it ends, in bytes.
const maxPending = 64 << 10

// stream redacts the progress of a build. Logs arrive in pieces that may begin and
// end anywhere, so a line is held back until it is complete.
type stream struct {
	*redact.Redactor
	pending map[pieceKey][]byte
}

// pieceKey is one output stream of a step.
type pieceKey struct {
	vertex digest.Digest
	stream int
}

func (s *stream) status(in *bkclient.SolveStatus) *bkclient.SolveStatus {
	if s.Redactor == nil {
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
		c.Name, c.Error = s.Text(v.Name), s.Text(v.Error)
		out.Vertexes = append(out.Vertexes, &c)
		if v.Completed != nil {
			out.Logs = append(out.Logs, s.rest(v.Digest)...)
		}
	}
	for _, w := range in.Warnings {
		c := *w
		c.Short = s.Bytes(w.Short)
		c.Detail = slices.Clone(w.Detail)
		for i := range c.Detail {
			c.Detail[i] = s.Bytes(c.Detail[i])
		}
		out.Warnings = append(out.Warnings, &c)
	}
	return &out
}

// piece is what can be shown after a further piece.
func (s *stream) piece(key pieceKey, data []byte) []byte {
	all := slices.Concat(s.pending[key], data)
	cut := bytes.LastIndexByte(all, '\n') + 1
	if over := len(all) - maxPending; cut < over {
		// A line without an end: hold back what may be the beginning of a value.
		all = s.Bytes(all)
		cut = max(0, len(all)-s.Longest())
		s.pending[key] = bytes.Clone(all[cut:])
		return all[:cut]
	}
	s.pending[key] = bytes.Clone(all[cut:])
	return s.Bytes(all[:cut])
}

// rest are the last lines of a step, complete or not.
func (s *stream) rest(vertex digest.Digest) []*bkclient.VertexLog {
	var out []*bkclient.VertexLog
	for key, data := range s.pending {
		if key.vertex == vertex || vertex == "" {
			if len(data) > 0 {
				out = append(out, &bkclient.VertexLog{Vertex: key.vertex, Stream: key.stream, Data: s.Bytes(data)})
			}
			delete(s.pending, key)
		}
	}
	return out
}
