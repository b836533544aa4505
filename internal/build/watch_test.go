package build

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestWatch: a server is watched until its check passes, one that ends until
// its end, one that does neither until its time is over. The base's program
// stands in for the shell, too.
func TestWatch(t *testing.T) {
	f := needEngine(t)
	d := f.define(t, "FROM probe\nCOPY --from=probe /probe /bin/sh\n", nil)
	check := &Watch{Check: []string{"/probe", "size", "/ready"}}
	watched := func(w *Watch, limit time.Duration, args ...string) Command {
		c := probe(args...)
		c.Watch, c.Timeout = w, limit
		return c
	}
	r := f.run(t, d,
		watched(check, time.Minute, "ready", "/ready"),
		watched(check, time.Minute, "exit", "3"),
		watched(check, 2*time.Second, "ready", "/elsewhere"),
		watched(&Watch{}, 2*time.Second, "sleep", "60"),
		watched(&Watch{}, time.Minute, "where"),
		watched(&Watch{Check: []string{"/probe", "where"}}, time.Minute, "exit", "3"),
	)
	if !r[0].OK() || !r[0].Watched.Healthy || r[0].Times[0] > 50*time.Second {
		t.Errorf("a server: %+v %+v", r[0], r[0].Watched)
	}
	if diff := cmp.Diff([]int{8000}, r[0].Watched.Ports); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
	if r[1].ExitCode != 3 || r[1].Watched.Healthy || string(r[1].Stderr) != "err\n" {
		t.Errorf("one that ends: %+v %+v", r[1], r[1].Watched)
	}
	if !r[2].TimedOut || r[2].Watched.Healthy || !strings.Contains(string(r[2].Watched.CheckOutput), "no such file") {
		t.Errorf("one whose check does not pass: %+v %q", r[2], r[2].Watched.CheckOutput)
	}
	if !r[3].TimedOut || string(r[3].Stdout) != "sleeping\n" {
		t.Errorf("one that stays, without a check: %+v", r[3])
	}
	if !r[4].OK() || len(r[4].Times) != 1 || string(r[4].Stdout) == "" {
		t.Errorf("one that passes, which is run again alone: %+v", r[4])
	}
	if r[5].ExitCode != 3 || r[5].Watched.Healthy {
		t.Errorf("one that ends, with a check that always passes: %+v %+v", r[5], r[5].Watched)
	}
	blind := f.run(t, f.define(t, "FROM probe\n", nil), watched(check, time.Second, "sleep", "60"))[0]
	if !blind.Watched.Blind || !blind.TimedOut {
		t.Errorf("an image without a shell: %+v %+v", blind, blind.Watched)
	}
}

func TestObserver(t *testing.T) {
	s := newObserver(&Watch{})
	for _, part := range []string{"port 1F90\npo", "rt 0050\nport 1F90\nport 0000\nport zz\nprogram gunicorn\nprogram my server\nprogram gunicorn\nprogram \n",
		"nonsense\nround\ncheck a\nround\ncheck b c\nanswer 0 80 404\n", "answer 0 80 500\nhealthy\n"} {
		if _, err := s.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	<-s.over
	want := Watched{Ports: []int{80, 8080}, Programs: []string{"gunicorn", "my server"}, Answer: 404, Port: 80, Healthy: true}
	if diff := cmp.Diff(want, s.result()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// FuzzObserver: whatever a container prints in the place of a watch's script, in
// whichever pieces it comes, is read as the same, in bounds; the watch is over
// only when its check has passed and each request was answered.
func FuzzObserver(f *testing.F) {
	f.Add([]byte("port 1F90\nport 0050\nprogram gunicorn\nround\ncheck a b\nhealthy\nanswer 0 8080 200\nanswer 1 80 404\n"), true, uint(7))
	f.Add([]byte("port 0\nport 10000\nport -1\nprogram \nmute\nanswer 0 -5 200\nanswer 9 1 200\nanswer 0 99999999999999999999 200\n"), false, uint(3))
	f.Add([]byte("healthy\n"+strings.Repeat("answer 1 80 500\n", 30)+"answer 0 1 204"), true, uint(0))
	f.Add([]byte(strings.Repeat("program a\x1b]0;\x00\xff", 20)+"\n"), false, uint(1))
	f.Fuzz(func(t *testing.T, text []byte, checked bool, cut uint) {
		w := &Watch{Requests: []Request{{Path: "/"}, {Path: "/a", Port: 80, Status: 404}}}
		if checked {
			w.Check = []string{"true"}
		}
		read := func(parts ...[]byte) (Watched, bool) {
			s := newObserver(w)
			for _, p := range parts {
				if n, err := s.Write(p); n != len(p) || err != nil {
					t.Fatalf("%d of %d bytes, %v", n, len(p), err)
				}
			}
			select {
			case <-s.over:
				return s.result(), true
			default:
				return s.result(), false
			}
		}
		seen, over := read(text)
		at := int(cut % uint(len(text)+1))
		again, overAgain := read(text[:at], text[at:])
		if diff := cmp.Diff(seen, again); diff != "" || over != overAgain {
			t.Errorf("in two pieces, over %v and %v (-whole +pieces):\n%s", over, overAgain, diff)
		}
		if n := len(seen.Ports); n > maxWatched || !slices.IsSorted(seen.Ports) || len(slices.Compact(slices.Clone(seen.Ports))) != n || n > 0 && (seen.Ports[0] < 1 || seen.Ports[n-1] > maxPort) {
			t.Errorf("ports %d", seen.Ports)
		}
		if n := len(seen.Programs); n > maxWatched || !slices.IsSorted(seen.Programs) || len(slices.Compact(slices.Clone(seen.Programs))) != n {
			t.Errorf("programs %q", seen.Programs)
		}
		for _, p := range seen.Programs {
			if p == "" || len(p) > maxProgram || strings.Contains(p, "\n") {
				t.Errorf("program %q", p)
			}
		}
		if len(seen.CheckOutput) > 2*maxWatched<<10 {
			t.Errorf("%d bytes of a check, %+v", len(seen.CheckOutput), seen)
		}
		if len(seen.Answers) != len(w.Requests) {
			t.Fatalf("answers %+v", seen.Answers)
		}
		for i, a := range seen.Answers {
			if (a != Answer{}) && (a.Port < 1 || a.Port > maxPort || a.Status < 100 || a.Status > 599) || over && a == (Answer{}) && !seen.Mute {
				t.Errorf("answer %d: %+v, over %v", i, a, over)
			}
		}
		if over && checked && !seen.Healthy {
			t.Error("it is over before its check has passed")
		}
	})
}
