package trace

import (
	"bytes"
	"errors"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whittle.dev/whittle"
)

// TestLog: what a recorder writes is read back, wherever the log is cut off: the
// records that are whole.
func TestLog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b bytes.Buffer
		r, err := newRecorder(&b)
		if err != nil {
			t.Fatal(err)
		}
		name := rapid.StringMatching(`/([a-c\n\t éÿ]{1,3}/){0,2}[a-c]{1,2}`)
		for range rapid.IntRange(0, 20).Draw(t, "records") {
			switch p := name.Draw(t, "path"); rapid.IntRange(0, 2).Draw(t, "kind") {
			case 0:
				err = r.touched(p, whittle.Touch(rapid.IntRange(1, 15).Draw(t, "how")))
			case 1:
				err = r.missing(p)
			case 2:
				err = r.unprivileged(p)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		whole := b.Len()
		r.log.Ended, r.log.Exit = true, rapid.IntRange(0, 255).Draw(t, "exit")
		if err := r.end(r.log.Exit, nil); err != nil {
			t.Fatal(err)
		}
		got, err := Read(bytes.NewReader(b.Bytes()))
		if diff := cmp.Diff(&r.log, got); diff != "" || err != nil {
			t.Fatalf("%v (-want +got):\n%s", err, diff)
		}
		cut, err := Read(bytes.NewReader(b.Bytes()[:rapid.IntRange(len(logHeader)+1, whole).Draw(t, "cut")]))
		if err != nil || cut.Ended || len(cut.Touched) > len(got.Touched) || len(cut.Missing) > len(got.Missing) {
			t.Fatalf("cut off: %v, %+v", err, cut)
		}
	})
}

// TestLogRefused: what no tracer writes is an error of a kind.
func TestLogRefused(t *testing.T) {
	for text, want := range map[string]error{
		"": whittle.ErrUnmeasured, "other\x00": whittle.ErrUnmeasured, "whittle-trace/1\x00Eno way\x00": whittle.ErrUnmeasured,
		"whittle-trace/1\x00T1relative\x00": whittle.ErrCorrupt, "whittle-trace/1\x00T0/x\x00": whittle.ErrCorrupt, "whittle-trace/1\x00T1/x/../y\x00": whittle.ErrCorrupt,
		"whittle-trace/1\x00T\x00": whittle.ErrCorrupt, "whittle-trace/1\x00\x00": whittle.ErrCorrupt, "whittle-trace/1\x00M\x00": whittle.ErrCorrupt,
		"whittle-trace/1\x00X256\x00": whittle.ErrCorrupt, "whittle-trace/1\x00X1\x00M/x\x00": whittle.ErrCorrupt, "whittle-trace/1\x00?\x00": whittle.ErrCorrupt,
		"whittle-trace/1\x00M/" + strings.Repeat("x", 2*maxPath) + "\x00": whittle.ErrCorrupt,
	} {
		if _, err := Read(strings.NewReader(text)); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", whittle.Shorten(text, 60), err, want)
		}
	}
}

// FuzzLog: a log comes from a container, which may write anything: all paths of one
// that is read are absolute and clean, and what is written again reads the same.
func FuzzLog(f *testing.F) {
	for _, seed := range []string{"", logHeader + "\x00", logHeader + "\x00T5/bin/sh\x00M/none\x00U/bin/su\x00X0\x00", logHeader + "\x00Ex\x00", logHeader + "\x00T1/a\x00T2/a\x00T"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		var again bytes.Buffer
		r, err := newRecorder(&again)
		if err != nil {
			t.Fatal(err)
		}
		kept := Log{Touched: map[string]whittle.Touch{}, Missing: map[string]bool{}, Unprivileged: map[string]bool{}, Ended: l.Ended, Exit: l.Exit}
		for p, how := range l.Touched {
			if !path.IsAbs(p) || path.Clean(p) != p || how == 0 {
				t.Fatalf("%q, %v", p, how)
			}
			if !ignored(p) {
				kept.Touched[p] = how
			}
			err = errors.Join(err, r.touched(p, how))
		}
		for p := range l.Missing {
			if !ignored(p) {
				kept.Missing[p] = true
			}
			err = errors.Join(err, r.missing(p))
		}
		for p := range l.Unprivileged {
			if !ignored(p) {
				kept.Unprivileged[p] = true
			}
			err = errors.Join(err, r.unprivileged(p))
		}
		if l.Ended {
			err = errors.Join(err, r.end(l.Exit, nil))
		}
		back, failed := Read(&again)
		if err = errors.Join(err, failed); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&kept, back); diff != "" {
			t.Fatal(diff)
		}
	})
}
