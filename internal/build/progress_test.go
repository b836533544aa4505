package build

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	bkclient "github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
	"google.golang.org/grpc/stats"
	"pgregory.net/rapid"
)

var connEnd = &stats.ConnEnd{Client: true}

// recorded is a stream of reports as an engine sends it: vertexes repeat, a
// step is taken up twice, logs come in pieces.
func recorded() []*bkclient.SolveStatus {
	at := func(seconds float64) *time.Time {
		t := time.Unix(1_700_000_000, 0).Add(time.Duration(seconds * 1e9))
		return &t
	}
	v := func(name string, start, end *time.Time, cached bool, err string) *bkclient.Vertex {
		return &bkclient.Vertex{Digest: digest.FromString(name), Name: name, Started: start, Completed: end, Cached: cached, Error: err}
	}
	log := func(name, text string) *bkclient.VertexLog {
		return &bkclient.VertexLog{Vertex: digest.FromString(name), Data: []byte(text), Timestamp: *at(0)}
	}
	return []*bkclient.SolveStatus{
		{Vertexes: []*bkclient.Vertex{v("[internal] load build definition", at(0), nil, false, "")}},
		{Vertexes: []*bkclient.Vertex{v("[internal] load build definition", at(0), at(0.1), false, "")}},
		{Vertexes: []*bkclient.Vertex{v("[internal] load build context", at(0.1), at(2.1), false, "")}},
		{Vertexes: []*bkclient.Vertex{v("[1/3] COPY a /a", at(0.2), at(0.2), true, ""), v("[2/3] RUN make", nil, nil, false, "")}},
		{Vertexes: []*bkclient.Vertex{v("[2/3] RUN make", at(0.3), nil, false, "")}},
		{Logs: []*bkclient.VertexLog{log("[2/3] RUN make", "one\ntw"), log("[2/3] RUN make", "o\r\n10%\r20%\r30%\nthree")}},
		{Warnings: []*bkclient.VertexWarning{{Short: []byte("JSONArgsRecommended: ...")}}},
		{Vertexes: []*bkclient.Vertex{v("[2/3] RUN make", at(0.3), at(1.3), false, "")}},
		{Vertexes: []*bkclient.Vertex{v("[2/3] RUN make", at(1.5), nil, false, "")}},
		{Vertexes: []*bkclient.Vertex{v("[2/3] RUN make", at(1.5), at(3.5), false, "exit code: 2")}},
	}
}

func TestRecorder(t *testing.T) {
	var log, shown bytes.Buffer
	rec, ch := record(&log, Progress{W: &shown, Label: "v"}, nil, nil)
	for _, s := range recorded() {
		ch <- s
	}
	close(ch)
	rec.wait()
	want := `v: 2.0s [internal] load build context
v: cached [1/3] COPY a /a
v: 1.0s [2/3] RUN make
v: 2.0s [2/3] RUN make FAILED
`
	if diff := cmp.Diff(want, shown.String()); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(log.String(), "three") || !strings.Contains(log.String(), "RUN make") {
		t.Errorf("log:\n%s", log.String())
	}
	name, last := rec.failed("")
	if diff := cmp.Diff([]string{"one", "two", "30%", "three"}, last); diff != "" || name != "[2/3] RUN make" {
		t.Errorf("%s: %s", name, diff)
	}
	var got []string
	for _, s := range rec.list() {
		got = append(got, fmt.Sprintf("%s %s %t %t", s.Name, s.Duration(), s.Cached, s.Dockerfile()))
	}
	if diff := cmp.Diff([]string{
		"[internal] load build definition 100ms false false",
		"[internal] load build context 2s false false",
		"[1/3] COPY a /a 0s true true",
		"[2/3] RUN make 3.2s false true",
	}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"JSONArgsRecommended: ..."}, rec.warnings); diff != "" {
		t.Error(diff)
	}
}

func TestCompactSlow(t *testing.T) {
	var out bytes.Buffer
	c := &compact{w: &out, said: map[digest.Digest]time.Time{}}
	start := time.Unix(1_700_000_000, 0)
	steps := []Step{
		{Name: "[1/2] RUN slow", Started: start},
		{Name: "[2/2] RUN new", Started: start.Add(time.Minute)},
		{Name: "[x] RUN done", Started: start, Completed: start.Add(time.Second)},
		{Name: "[x] RUN waits"},
	}
	for range 2 {
		c.slow(steps, start.Add(time.Minute))
	}
	if diff := cmp.Diff("running [1/2] RUN slow\n", out.String()); diff != "" {
		t.Error(diff)
	}
	var none *compact
	none.slow(steps, start)
	none.update(&bkclient.SolveStatus{})
}

// What is kept of a stream does not depend on how it is cut into pieces.
func TestTail(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.SampledFrom([]rune("ab\r\n")), 0, 200, -1).Draw(t, "text")
		var whole, pieces tail
		whole.write([]byte(text))
		for rest := text; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			pieces.write([]byte(rest[:n]))
			rest = rest[n:]
		}
		a, b := whole.last(), pieces.last()
		if !slices.Equal(a, b) || len(a) > tailLines {
			t.Fatalf("%q %q", a, b)
		}
		for _, line := range a {
			if strings.ContainsAny(line, "\r\n") {
				t.Fatalf("%q", line)
			}
		}
	})
	var long tail
	long.write(bytes.Repeat([]byte("x"), 10*tailLine))
	if got := long.last(); len(got) != 1 || len(got[0]) != tailLine {
		t.Errorf("a line of %d bytes is kept", len(got[0]))
	}
}
