package report

import (
	"fmt"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
)

// requestWord is what a request was answered: "404", or why it was not.
func requestWord(r whittle.RequestRun) string {
	if r.Answer == 0 {
		return r.Problem
	}
	return fmt.Sprint(r.Answer)
}

// requestChanges say what an image's start answered before and after. What
// failed before is no evidence.
func requestChanges(before, after []whittle.RequestRun) page.List {
	var items page.List
	for i, was := range before {
		item := fmt.Sprintf("GET %s: %s before", was.Path, requestWord(was))
		if i < len(after) && after[i].Path == was.Path {
			item = fmt.Sprintf("GET %s: %s before, %s after", was.Path, requestWord(was), requestWord(after[i]))
		}
		if !was.Passed {
			item += "; it failed before, so that it shows nothing"
		}
		items = append(items, item)
	}
	return items
}

// failedRequests say what a variant's start did not answer as the project
// wants.
func failedRequests(v whittle.Variant) string {
	var words []string
	for _, c := range v.Run.Commands {
		for _, r := range c.Requests {
			if !r.Passed {
				words = append(words, fmt.Sprintf("GET %s: %s", r.Path, requestWord(r)))
			}
		}
	}
	return strings.Join(words, "; ")
}
