package build

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	bkclient "github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
	"pgregory.net/rapid"

	"whittle.dev/whittle/internal/build/redact"
)

// TestRedactedResult: nothing that a command printed, was called with or failed with
// shows a value.
func TestRedactedResult(t *testing.T) {
	r := RunResult{Args: []string{"x", "--key=AAAABBBB"}, Stdout: []byte("AAAABBBB"), Stderr: []byte("y AAAABBBB"), Err: errors.New("AAAABBBB"), Watched: &Watched{CheckOutput: []byte("AAAABBBB")}}
	r.redact(redact.New([]string{"AAAABBBB"}))
	if text := fmt.Sprintf("%s %s %s %v %s", r.Args, r.Stdout, r.Stderr, r.Err, r.Watched.CheckOutput); strings.Contains(text, "AAAABBBB") {
		t.Error(text)
	}
}

// TestRedactedStream: however a step's output is cut into pieces, nothing of a
// value is shown, and all else is, in its order.
func TestRedactedStream(t *testing.T) {
	const secret = "hunter2hunter3"
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.SampledFrom([]string{"a", "hunter2", secret, "\n", " ", "\r", "hunter"})).Draw(t, "words")
		text := strings.Join(words, "")
		s := &stream{redact.New([]string{secret}), map[pieceKey][]byte{}}
		var shown strings.Builder
		vertex, now := digest.FromString("x"), time.Now()
		send := func(st *bkclient.SolveStatus) {
			for _, l := range s.status(st).Logs {
				shown.Write(l.Data)
			}
		}
		for rest := text; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "n")
			send(&bkclient.SolveStatus{Logs: []*bkclient.VertexLog{{Vertex: vertex, Stream: 1, Data: []byte(rest[:n])}}})
			rest = rest[n:]
		}
		send(&bkclient.SolveStatus{Vertexes: []*bkclient.Vertex{{Digest: vertex, Completed: &now}}})
		if want := strings.ReplaceAll(text, secret, "***"); shown.String() != want {
			t.Fatalf("%q, want %q", shown.String(), want)
		}
	})
}

// TestRedactedLongLine: a line without an end is shown nevertheless.
func TestRedactedLongLine(t *testing.T) {
	s := &stream{redact.New([]string{"hunter2hunter3"}), map[pieceKey][]byte{}}
	key := pieceKey{stream: 1}
	var shown strings.Builder
	for range 40 {
		shown.Write(s.piece(key, []byte(strings.Repeat("x", 3001)+"hunter2hunter3")))
		if len(s.pending[key]) > maxPending+4096 {
			t.Fatalf("%d bytes are held back", len(s.pending[key]))
		}
	}
	if strings.Contains(shown.String(), "hunter2") || shown.Len() < 40<<10 {
		t.Errorf("%d bytes", shown.Len())
	}
}
