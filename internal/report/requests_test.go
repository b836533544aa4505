package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
)

func TestRequestChanges(t *testing.T) {
	before := []whittle.RequestRun{{Path: "/", Answer: 200, Passed: true}, {Path: "/a", Answer: 404}, {Path: "/b", Problem: "not asked: the image has no shell"}}
	after := []whittle.RequestRun{{Path: "/", Answer: 302, Passed: true}, {Path: "/a", Problem: "no answer"}}
	want := page.List{"GET /: 200 before, 302 after", "GET /a: 404 before, no answer after; it failed before, so that it shows nothing",
		"GET /b: not asked: the image has no shell before; it failed before, so that it shows nothing"}
	if diff := cmp.Diff(want, requestChanges(before, after)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	v := whittle.Variant{Run: whittle.RunFacts{Commands: []whittle.CommandRun{{Requests: before}}}}
	if got := failedRequests(v); got != "GET /a: 404; GET /b: not asked: the image has no shell" {
		t.Errorf("%q", got)
	}
}
