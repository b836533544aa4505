package runs

import (
	"fmt"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/project"
)

// Requests converts a project's requests to those of a watch.
func Requests(all []project.Request) []build.Request {
	var out []build.Request
	for _, r := range all {
		out = append(out, build.Request{Path: r.Path, Port: r.Port, Status: r.Status})
	}
	return out
}

// requestRuns are the results of the project's requests to a start.
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

// WorseAnswer says which request passed before and does not any more; empty if
// there is none.
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
