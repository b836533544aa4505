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

	"whittle.dev/whittle"
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
	var log bytes.Buffer
	shown := &told{}
	rec, ch := record(&log, Progress{To: shown, Label: "v", Usual: time.Minute}, nil, nil)
	for _, s := range recorded() {
		ch <- s
	}
	close(ch)
	rec.wait()
	want := `begin "building v", usually 1m0s
begin "[internal] load build definition"
end "[internal] load build definition" ""
begin "[internal] load build context"
end "[internal] load build context" "2.0 s"
begin "[1/3] COPY a /a"
end "[1/3] COPY a /a" "cached"
done "building v" 1 of 2
begin "[2/3] RUN make"
say "[2/3] RUN make" "three"
end "[2/3] RUN make" ""
done "building v" 2 of 2
begin "[2/3] RUN make"
done "building v" 1 of 2
end "[2/3] RUN make" "failed"
done "building v" 2 of 2
end "building v" "failed"
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

// told is a progress that keeps what it is told, once.
type told struct {
	bytes.Buffer
	last string
}

func (p *told) note(format string, args ...any) {
	if line := fmt.Sprintf(format, args...); line != p.last {
		p.WriteString(line + "\n")
		p.last = line
	}
}

func (p *told) Step(line string) { p.note("step %q", line) }

func (p *told) Begin(w whittle.Work) whittle.Task {
	usual := ""
	if w.Usual > 0 {
		usual = ", usually " + w.Usual.String()
	}
	p.note("begin %q%s", w.Name, usual)
	return &toldTask{on: p, name: w.Name}
}

type toldTask struct {
	on       *told
	name     string
	n, total int64
}

func (t *toldTask) Done(n, total int64) {
	if n != t.n || total != t.total {
		t.n, t.total = n, total
		t.on.note("done %q %d of %d", t.name, n, total)
	}
}
func (t *toldTask) Say(line string) { t.on.note("say %q %q", t.name, line) }
func (t *toldTask) End(note string) { t.on.note("end %q %q", t.name, note) }

// A step that fetches says how many bytes of how many, summed over its parts.
func TestViewBytes(t *testing.T) {
	shown := &told{}
	v := newView(Progress{To: shown}, func(digest.Digest) string { return "" })
	now := time.Now()
	from := digest.FromString("from")
	v.update(&bkclient.SolveStatus{Vertexes: []*bkclient.Vertex{{Digest: from, Name: "[1/1] FROM x", Started: &now}}})
	for _, s := range []bkclient.VertexStatus{{ID: "a", Current: 1, Total: 10}, {ID: "b", Current: 5, Total: 5}, {ID: "a", Current: 10, Total: 10}, {ID: "none"}} {
		s.Vertex = from
		v.update(&bkclient.SolveStatus{Statuses: []*bkclient.VertexStatus{&s}})
	}
	v.end()
	want := `begin "building"
begin "[1/1] FROM x"
done "building" 0 of 1
done "[1/1] FROM x" 1 of 10
done "[1/1] FROM x" 6 of 15
done "[1/1] FROM x" 15 of 0
end "[1/1] FROM x" "stopped"
end "building" ""
`
	if diff := cmp.Diff(want, shown.String()); diff != "" {
		t.Error(diff)
	}
	var none *view
	none.update(&bkclient.SolveStatus{})
	none.end()
}

// A step that was stopped has not failed, and neither has its build; a command
// that only names the error has.
func TestViewStopped(t *testing.T) {
	for text, want := range map[string]string{
		"context canceled: context canceled":                                                            "stopped",
		`process "/bin/sh -c make" did not complete successfully: context canceled`:                     "stopped",
		`process "/bin/sh -c echo context canceled; false" did not complete successfully: exit code: 1`: "failed",
	} {
		shown := &told{}
		v := newView(Progress{To: shown}, func(digest.Digest) string { return "" })
		now := time.Now()
		v.update(&bkclient.SolveStatus{Vertexes: []*bkclient.Vertex{{Digest: digest.FromString("run"), Name: "[1/1] RUN make", Started: &now}}})
		v.update(&bkclient.SolveStatus{Vertexes: []*bkclient.Vertex{{Digest: digest.FromString("run"), Name: "[1/1] RUN make", Started: &now, Completed: &now, Error: text}}})
		v.end()
		for _, name := range []string{"[1/1] RUN make", "building"} {
			if line := fmt.Sprintf("end %q %q\n", name, want); !strings.Contains(shown.String(), line) {
				t.Errorf("%s: want %s, got:\n%s", text, line, shown)
			}
		}
	}
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
