package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"whittle.dev/whittle/internal/imagetest"
)

// hungry is an archive of an image that takes about 250 MB of memory: its
// names imply some hundred thousand folders.
func hungry(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := range 400 {
		if err := w.WriteHeader(&tar.Header{Name: fmt.Sprintf("%d/%sf", i, strings.Repeat("a/", 2000)), Mode: 0o644, Format: tar.FormatPAX}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(file, imagetest.DockerArchive(t, imagetest.FromTars(t, imagetest.Plain, b.Bytes())), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestOutOfMemory: a process that needs more memory than it may have ends with
// one line and exit code 3, and takes little more than it may.
func TestOutOfMemory(t *testing.T) {
	file := hungry(t)
	for _, c := range []struct {
		name, before string
		env          []string
		code         int
		want         string
		most         int64 // of memory, in bytes; 0 for any
	}{
		{name: "enough", code: exitOK},
		{name: "the runtime's limit", env: []string{"GOMEMLIMIT=90MiB"}, code: exitOutside, want: "it needs more than 94.4 MB of memory, and GOMEMLIMIT allows no more", most: 250e6},
		{name: "a large limit of addresses", before: "ulimit -v 4000000; ", code: exitOK},
	} {
		cmd := exec.Command("sh", "-c", c.before+`exec whittle inspect --quiet --cache-dir "$1" "$2"`, "sh", t.TempDir(), file)
		cmd.Env = append(os.Environ(), c.env...)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		peak, err := runMeasured(cmd)
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		said := errs.String()
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(said, c.want) || c.want != "" && strings.Count(said, "\n") != 2 {
			t.Errorf("%s: exit code %d, want %d with %q: %.600s", c.name, code, c.code, c.want, said)
		}
		if c.most > 0 && peak > c.most && !imagetest.RaceDetector {
			t.Errorf("%s: %d bytes of memory at the most, want %d", c.name, peak, c.most)
		} else {
			t.Logf("%s: %d bytes of memory at the most", c.name, peak)
		}
	}
}

// runMeasured runs a command and gives the most memory that it had, in bytes. Its usage
// (wait4) would say that of this process, which it shares until its own program begins.
func runMeasured(cmd *exec.Cmd) (peak int64, err error) {
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	status := fmt.Sprintf("/proc/%d/status", cmd.Process.Pid)
	for {
		select {
		case err := <-ended:
			return peak, err
		case <-time.After(2 * time.Millisecond):
		}
		text, _ := os.ReadFile(status)
		if _, after, ok := bytes.Cut(text, []byte("VmHWM:")); ok {
			kB, _ := strconv.ParseInt(string(bytes.Fields(after)[0]), 10, 64)
			peak = max(peak, kB<<10)
		}
	}
}
