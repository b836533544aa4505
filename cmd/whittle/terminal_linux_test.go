package main

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/console"

	"whittle.dev/whittle/internal/imagetest"
)

// onTerminal runs whittle with standard error on a terminal of 80 × 24, and gives
// all that it wrote there once it has ended. during, if not nil, gets what is there
// so far until it gives false.
func onTerminal(t *testing.T, cmd *exec.Cmd, during func(p *os.Process, sofar string) bool) (string, error) {
	t.Helper()
	pty, name, err := console.NewPty()
	if err != nil {
		t.Skipf("needs a terminal: %v", err)
	}
	defer pty.Close()
	if err := pty.Resize(console.WinSize{Width: 80, Height: 24}); err != nil {
		t.Fatal(err)
	}
	terminal, err := os.OpenFile(name, os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = terminal
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = terminal.Close()
	var text strings.Builder
	b := make([]byte, 4096)
	for {
		n, err := pty.Read(b)
		text.Write(b[:n])
		if during != nil && !during(cmd.Process, text.String()) {
			during = nil
		}
		if err != nil { // the terminal is closed when whittle has ended
			break
		}
	}
	return strings.ReplaceAll(text.String(), "\r\n", "\n"), cmd.Wait()
}

// silentEngine is an address that takes connections and never answers.
func silentEngine(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return "tcp://" + l.Addr().String()
}

// TestTerminal: on a terminal a waiting whittle changes what it shows each second,
// and after Ctrl-C nothing is left half-drawn.
func TestTerminal(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("whittle", "lab", "--engine", silentEngine(t), "--cache-dir", filepath.Join(dir, "cache"), dir)
	sent := time.Time{}
	text, err := onTerminal(t, cmd, func(p *os.Process, sofar string) bool {
		if !strings.Contains(sofar, "2 s") {
			return true
		}
		sent = time.Now()
		_ = p.Signal(os.Interrupt)
		return false
	})
	if sent.IsZero() || cmd.ProcessState.ExitCode() != exitInterrupted {
		t.Fatalf("%v: %q", err, text)
	}
	if took := time.Since(sent); took > 20*time.Second {
		t.Errorf("it ended %s after Ctrl-C", took)
	}
	if !strings.Contains(text, "looking for a build engine") || !strings.HasSuffix(text, "\x1b[1A\x1b[Jwhittle: looking for a build engine\nwhittle: interrupted\n") {
		t.Errorf("%q", text)
	}
}

// inspected is what a terminal gets while an image is inspected, with a variable of the
// environment, and the image's file. The result goes elsewhere.
func inspected(t *testing.T, variable string) (text, file string, err error) {
	t.Helper()
	dir := t.TempDir()
	file = filepath.Join(dir, "x.tar")
	if err := os.WriteFile(file, imagetest.DockerArchive(t, imagetest.New(t, imagetest.Gzip, "f a 5000000")), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("whittle", "inspect", "--cache-dir", filepath.Join(dir, "cache"), file)
	cmd.Stdout = io.Discard
	cmd.Env = append(os.Environ(), variable)
	text, err = onTerminal(t, cmd, nil)
	return text, file, err
}

// TestTerminalResult: the result comes when what went on is gone from the terminal.
func TestTerminalResult(t *testing.T) {
	text, file, err := inspected(t, "NO_COLOR=1")
	if err != nil {
		t.Fatalf("%v: %q", err, text)
	}
	if !strings.HasSuffix(text, "whittle: reading "+file+"\n") || strings.Contains(text, "\x1b[2m") {
		t.Errorf("%q", text)
	}
}

// TestTerminalDumb: a terminal that cannot move its cursor gets lines, as a log does.
func TestTerminalDumb(t *testing.T) {
	text, file, err := inspected(t, "TERM=dumb")
	if err != nil || text != "whittle: reading "+file+"\n" {
		t.Errorf("%v: %q", err, text)
	}
}
