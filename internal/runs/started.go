package runs

import (
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
func NoteMounts(run *whittle.CommandRun, mounts []string) {
	if run.Status == whittle.Fails && len(mounts) > 0 {
		run.Status, run.Needs = whittle.Unknown, "what compose mounts at "+mounts[0]
		run.Problem = "needs " + run.Needs + ": " + run.Problem
	}
}
