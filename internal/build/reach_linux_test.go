package build

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReach: what a RUN step and a run can reach of the machine is what
// docs/explanation/security.md says, and nothing else.
func TestReach(t *testing.T) {
	needEngine(t)
	opts, _ := privateOptions()
	if opts.Daemon.HostNetwork {
		t.Skip("the statement is about an engine with a network of its own: needs slirp4netns")
	}
	opts.Daemon.StateDir = t.TempDir()
	t.Setenv("WHITTLE_TEST_SECRET", "x") // of the engine's environment
	e, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	f := needEngine(t)
	args := []string{"reach", disk(t), strings.Join([]string{strings.TrimPrefix(e.Info().Address, "unix://"), opts.Daemon.StateDir, "/sys/fs/cgroup/" + filepath.Base(filepath.Dir(e.Info().Log)), "/var/lib"}, ","), namespaces(t)}
	var log bytes.Buffer
	if _, err := e.Build(t.Context(), f.define(t, "FROM probe\nRUN [\"/probe\", \""+strings.Join(args, `", "`)+"\"]\n", nil), Output{Log: &log}); err != nil {
		t.Fatal(err)
	}
	r, err := e.Run(t.Context(), f.define(t, "FROM probe\n", nil), []Command{probe(args...)}, RunOptions{})
	if err != nil || !r[0].OK() {
		t.Fatal(r, err)
	}
	got := [2]map[string]string{answers(log.String()), answers(string(r[0].Stdout))}
	want := reachable(t)
	for i, kind := range []string{"RUN", "a run"} {
		if diff := cmp.Diff(want[i], got[i]); diff != "" {
			t.Errorf("what %s reaches (-docs/explanation/security.md +what it does):\n%s", kind, diff)
		}
	}
}

// answers are the probe's lines in a log.
func answers(text string) map[string]string {
	found := map[string]string{}
	for line := range strings.Lines(text) {
		if i := strings.IndexByte(line, ' '); strings.HasPrefix(line, "#") && i > 0 { // "#5 0.1 text"
			line = line[i+1:]
			_, line, _ = strings.Cut(line, " ")
		}
		for _, question := range questions {
			if answer, ok := strings.CutPrefix(line, question+": "); ok {
				found[question] = strings.TrimSpace(answer)
			}
		}
	}
	return found
}

// questions are the first column of the table in docs/explanation/security.md.
var questions = []string{
	"processes", "separate namespaces", "capabilities", "seccomp filter", "host name", "network interfaces", "listening TCP ports", "abstract sockets",
	"device files", "mounts of the engine", "kernel files that can be written", "kernel files that reveal something about the machine", "files of the machine",
	"operations that only the machine's root may do", "environment", "OOM score adjustment",
}

// reachable is the table of docs/explanation/security.md: for a RUN step and for a run, the
// answer to each question.
func reachable(t *testing.T) (want [2]map[string]string) {
	text, err := os.ReadFile("../../docs/explanation/security.md")
	if err != nil {
		t.Fatal(err)
	}
	want = [2]map[string]string{{}, {}}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.ReplaceAll(line, "`", ""), "|")
		if len(cells) != 5 {
			continue
		}
		if question := strings.TrimSpace(cells[1]); slices.Contains(questions, question) {
			want[0][question], want[1][question] = strings.TrimSpace(cells[2]), strings.TrimSpace(cells[3])
		}
	}
	if len(want[0]) != len(questions) {
		t.Errorf("docs/explanation/security.md answers %d of %d questions", len(want[0]), len(questions))
	}
	return want
}

// disk is the number of the device that has this machine's root.
func disk(t *testing.T) string {
	info, err := os.Stat("/")
	if err != nil {
		t.Fatal(err)
	}
	return strconv.FormatUint(info.Sys().(*syscall.Stat_t).Dev, 10)
}

// namespaces are this process's, as the probe takes them. That of control
// groups is left out: there is none of version 1.
func namespaces(t *testing.T) string {
	var all []string
	for _, kind := range []string{"ipc", "mnt", "net", "pid", "user", "uts"} {
		link, err := os.Readlink(filepath.Join("/proc/self/ns", kind))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, kind+"="+link)
	}
	return strings.Join(all, ",")
}
