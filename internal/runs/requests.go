package runs

import (
	"fmt"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/project"
)

// Requests are a project's requests as a watch makes them.
func Requests(all []project.Request) []build.Request {
	var out []build.Request
	for _, r := range all {
		out = append(out, build.Request{Path: r.Path, Port: r.Port, Status: r.Status})
	}
	return out
}

// requestRuns are what a start answered to the project's requests.
func requestRuns(requests []build.Request, w *build.Watched) []whittle.RequestRun {
	var out []whittle.RequestRun
	for i, r := range requests {
		var a build.Answer
		if i < len(w.Answers) {
			a = w.Answers[i]
		}
		run := whittle.RequestRun{Path: r.Path, Port: a.Port, Answer: a.Status, Passed: a.Status != 0 && r.Passed(a.Status)}
		if run.Port == 0 {
			run.Port = r.Port
		}
		switch {
		case a.Status != 0:
		case w.Blind:
			run.Problem = "not asked: the image has no shell"
		case w.Mute:
			run.Problem = "not asked: the image has none of python3, curl, bash, perl, node and wget"
		case len(w.Ports) == 0:
			run.Problem = "not asked: nothing was seen to listen"
		default:
			run.Problem = "no answer"
		}
		out = append(out, run)
	}
	return out
}

// WorseAnswer says which request a start does not answer any more as it did.
// One that failed before is no evidence.
func WorseAnswer(was, is *whittle.CommandRun) string {
	for i, r := range was.Requests {
		if !r.Passed {
			continue
		}
		if i >= len(is.Requests) || is.Requests[i].Path != r.Path {
			return fmt.Sprintf("GET %s was not asked, and was answered with %d", r.Path, r.Answer)
		}
		switch now := is.Requests[i]; {
		case now.Passed:
		case now.Answer == 0:
			return fmt.Sprintf("GET %s: %s, and it was answered with %d", r.Path, now.Problem, r.Answer)
		default:
			return fmt.Sprintf("GET %s is answered with %d now, and was with %d", r.Path, now.Answer, r.Answer)
		}
	}
	return ""
}
