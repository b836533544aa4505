package runs

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
)

// TestRequestRuns: what was answered, and why what was not was not.
func TestRequestRuns(t *testing.T) {
	requests := []build.Request{{Path: "/"}, {Path: "/login", Port: 81, Status: 401}}
	ok := []build.Answer{{Port: 80, Status: 302}, {Port: 81, Status: 200}}
	for _, c := range []struct {
		name string
		w    build.Watched
		want []whittle.RequestRun
	}{
		{"answers", build.Watched{Answers: ok, Ports: []int{80, 81}}, []whittle.RequestRun{{Path: "/", Port: 80, Answer: 302, Passed: true}, {Path: "/login", Port: 81, Answer: 200}}},
		{"no answer", build.Watched{Answers: make([]build.Answer, 2), Ports: []int{80}}, []whittle.RequestRun{{Path: "/", Problem: "no answer"}, {Path: "/login", Port: 81, Problem: "no answer"}}},
		{"nothing listens", build.Watched{Answers: make([]build.Answer, 2)}, []whittle.RequestRun{{Path: "/", Problem: "not asked: nothing was seen to listen"}, {Path: "/login", Port: 81, Problem: "not asked: nothing was seen to listen"}}},
		{"no shell", build.Watched{Blind: true}, []whittle.RequestRun{{Path: "/", Problem: "not asked: the image has no shell"}, {Path: "/login", Port: 81, Problem: "not asked: the image has no shell"}}},
	} {
		if diff := cmp.Diff(c.want, requestRuns(requests, &c.w)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// TestWorseAnswer: what was answered as wanted has to be again; what failed
// before is no evidence.
func TestWorseAnswer(t *testing.T) {
	run := func(all ...whittle.RequestRun) *whittle.CommandRun { return &whittle.CommandRun{Requests: all} }
	fine := whittle.RequestRun{Path: "/a", Answer: 200, Passed: true}
	broken := whittle.RequestRun{Path: "/a", Answer: 500}
	silent := whittle.RequestRun{Path: "/a", Problem: "no answer"}
	for _, c := range []struct {
		name    string
		was, is *whittle.CommandRun
		want    string
	}{
		{"as before", run(fine), run(fine), ""},
		{"an error", run(fine), run(broken), "GET /a is answered with 500 now, and was with 200"},
		{"no answer", run(fine), run(silent), "GET /a: no answer, and it was answered with 200"},
		{"not asked", run(fine), run(), "GET /a was not asked, and was answered with 200"},
		{"it failed before", run(broken), run(silent), ""},
		{"it is better", run(broken), run(fine), ""},
		{"the second", run(broken, fine), run(broken, broken), "GET /a is answered with 500 now, and was with 200"},
	} {
		if got := WorseAnswer(c.was, c.is); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
