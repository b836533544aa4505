package runs

import (
	"slices"
	"strings"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/project"
)

// Started is how compose starts an image: what the service does not say is the
// image's. A service's entry point goes without the image's command.
// https://docs.docker.com/reference/compose-file/services/#entrypoint
func Started(p whittle.Process, s project.Start) whittle.Process {
	if s.Entrypoint != nil {
		p.Entrypoint, p.Cmd = s.Entrypoint, nil
	}
	if s.Command != nil {
		p.Cmd = s.Command
	}
	if s.User != "" {
		p.User = s.User
	}
	if s.WorkingDir != "" {
		p.WorkingDir = s.WorkingDir
	}
	if h := s.Healthcheck; h != nil {
		own := whittle.Healthcheck{}
		if p.Healthcheck != nil {
			own = *p.Healthcheck
		}
		if len(h.Test.Words) > 0 {
			own.Test = h.Test.Words
		}
		for _, d := range []struct {
			from project.Duration
			to   *time.Duration
		}{{h.Interval, &own.Interval}, {h.Timeout, &own.Timeout}, {h.StartPeriod, &own.StartPeriod}} {
			if d.from > 0 {
				*d.to = time.Duration(d.from)
			}
		}
		if h.Retries > 0 {
			own.Retries = h.Retries
		}
		p.Healthcheck = &own
	}
	return p
}

// NoteMounts makes a failure unknown if compose lays folders of this machine over
// those of the image: the files that were missing may be in them.
// So it does if its output names a place where compose puts something else, and no
// module is missing. start is nil for what compose does not start.
func NoteMounts(run *whittle.CommandRun, start *project.Start) {
	if run.Status != whittle.Fails || start == nil {
		return
	}
	places := start.Mounts
	if len(places) == 0 && run.Module == "" {
		said := run.Problem + "\n" + strings.Join(run.Tail, "\n")
		places = slices.DeleteFunc(slices.Clone(start.Given), func(place string) bool { return !names(said, place) })
	}
	if len(places) > 0 {
		run.Status, run.Needs = whittle.Unknown, "what compose mounts at "+places[0]
		run.Problem = "needs " + run.Needs + ": " + run.Problem
	}
}

// names says that a text names a place, or something in it.
func names(text, place string) bool {
	for place = strings.TrimRight(place, "/"); place != ""; {
		at := strings.Index(text, place)
		if at < 0 {
			return false
		}
		inWord := func(s string) bool {
			return s != "" && (s[0] == '_' || s[0] == '-' || s[0] >= '0' && s[0] <= '9' || s[0]|32 >= 'a' && s[0]|32 <= 'z')
		}
		before := text[:at]
		if text = text[at+len(place):]; !inWord(text) && (before == "" || !inWord(before[len(before)-1:]) && before[len(before)-1] != '/' && before[len(before)-1] != '.') {
			return true
		}
	}
	return false
}
