package start

import (
	"strings"
	"testing"
)

func TestIdle(t *testing.T) {
	for line, want := range map[string]bool{
		"python3": true, "/usr/local/bin/python3.13": true, "python": true, "bash": true, "/bin/sh": true, "node": true,
		"python3 app.py": false, "python -m app": false, "sh -c serve": false, "serve": false, "pythonic": false, "": false,
	} {
		if got := Idle(strings.Fields(line)); got != want {
			t.Errorf("%q: %t", line, got)
		}
	}
}
