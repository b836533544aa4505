package build

import (
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
	if !r[4].OK() {
		t.Errorf("one that passes: %+v", r[4])
	}
	blind := f.run(t, f.define(t, "FROM probe\n", nil), watched(check, time.Second, "sleep", "60"))[0]
	if !blind.Watched.Blind || !blind.TimedOut {
		t.Errorf("an image without a shell: %+v %+v", blind, blind.Watched)
	}
}

func TestSight(t *testing.T) {
	s := newSight(&Watch{})
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
