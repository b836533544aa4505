package runs

import (
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/project"
)

// TestNoteMounts: what compose puts into a container and whittle does not is no failure
// of the image.
func TestNoteMounts(t *testing.T) {
	const denied = "PermissionError: [Errno 13] Permission denied: '/data/app.db'"
	for _, c := range []struct {
		problem, module, tail string
		start                 *project.Start
		needs                 string
	}{
		{denied, "", "", nil, ""},
		{denied, "", "", &project.Start{}, ""},
		{denied, "", "", &project.Start{Given: []string{"/cache", "/data"}}, "what compose mounts at /data"},
		{"exit code 1", "", "cannot open /data: no such file", &project.Start{Given: []string{"/data/"}}, "what compose mounts at /data/"},
		{"exit code 1", "", "cannot open /database", &project.Start{Given: []string{"/data"}}, ""},
		{"exit code 1", "", "cannot open /srv/data/x", &project.Start{Given: []string{"/data"}}, ""},
		{"exit code 1", "", "/srv/data /data", &project.Start{Given: []string{"/data"}}, "what compose mounts at /data"},
		{"exit code 1", "", "anything", &project.Start{Given: []string{"/"}}, ""},
		{"ModuleNotFoundError: x", "x", "File \"/data/x.py\"", &project.Start{Given: []string{"/data"}}, ""},
		{"ModuleNotFoundError: x", "x", "", &project.Start{Mounts: []string{"/app"}}, "what compose mounts at /app"},
	} {
		run := whittle.CommandRun{Status: whittle.Fails, Problem: c.problem, Module: c.module, Tail: []string{c.tail}}
		NoteMounts(&run, c.start)
		if run.Needs != c.needs || (run.Status == whittle.Unknown) != (c.needs != "") {
			t.Errorf("%q %q: %s, needs %q, want %q", c.problem, c.tail, run.Status, run.Needs, c.needs)
		}
	}
}
