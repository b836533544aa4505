package lab

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"whittle"
)

// TestServeCommand runs the script with a real shell: a server that takes a
// moment, one that ends, and health checks in both forms.
func TestServeCommand(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "it's ready")
	slow := []string{"sh", "-c", `sleep 1; touch "$0"; exec sleep 60`, ready}
	for _, c := range []struct {
		name  string
		entry []string
		test  []string
		want  bool
		says  string
	}{
		{"the usual form", slow, []string{"CMD-SHELL", `test -e "` + ready + `" || exit 1`}, true, ""},
		{"words", slow, []string{"CMD", "test", "-e", ready}, true, ""},
		{"it ends", []string{"sh", "-c", "exit 3"}, []string{"CMD-SHELL", "exit 1"}, false, "it ended with 3 before its health check passed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd, ok := serveCommand(whittle.Process{Cmd: c.entry, Healthcheck: &whittle.Healthcheck{Test: c.test, StartPeriod: 2 * time.Minute}})
			if !ok || cmd.Timeout < 4*time.Minute {
				t.Fatalf("%t, %+v", ok, cmd)
			}
			out, err := exec.CommandContext(t.Context(), cmd.Args[0], cmd.Args[1:]...).CombinedOutput()
			if (err == nil) != c.want || !strings.Contains(string(out), c.says) {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	if _, ok := serveCommand(whittle.Process{Cmd: []string{"x"}, Healthcheck: &whittle.Healthcheck{Test: []string{"NONE"}}}); ok {
		t.Error("an image without a health check is asked for it")
	}
}
