package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/console"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"whittle.dev/whittle/internal/imagetest"
)

// screenOf is a command whose input and output are a terminal of 80 × 24, which
// is its own.
type screenOf struct {
	t       *testing.T
	pty     console.Console
	side    *os.File // the command's
	cmd     *exec.Cmd
	before  *unix.Termios
	lock    sync.Mutex
	text    bytes.Buffer
	seen    int // of the text
	ended   chan struct{}
	waiting error
}

func onScreen(t *testing.T, cmd *exec.Cmd) *screenOf {
	t.Helper()
	pty, name, err := console.NewPty()
	if err != nil {
		t.Skipf("needs a terminal: %v", err)
	}
	s := &screenOf{t: t, pty: pty, cmd: cmd, ended: make(chan struct{})}
	t.Cleanup(func() { _ = pty.Close() })
	if err := pty.Resize(console.WinSize{Width: 80, Height: 24}); err != nil {
		t.Fatal(err)
	}
	if s.side, err = os.OpenFile(name, os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.side.Close() })
	s.before = s.modes()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.side, s.side, s.side
	cmd.Env = append(os.Environ(), "TERM=xterm-256color")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		select {
		case <-s.ended:
		default:
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // its session's
			<-s.ended
		}
	})
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := pty.Read(b)
			s.lock.Lock()
			s.text.Write(b[:n])
			s.lock.Unlock()
			if err != nil {
				return
			}
		}
	}()
	go func() {
		s.waiting = cmd.Wait()
		close(s.ended)
	}()
	return s
}

func (s *screenOf) modes() *unix.Termios {
	m, err := unix.IoctlGetTermios(int(s.side.Fd()), unix.TCGETS)
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}

func (s *screenOf) all() string {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.text.String()
}

// wait waits for words that come after those of the last wait.
func (s *screenOf) wait(words string) {
	s.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		all := s.all()
		if at := strings.Index(all[s.seen:], words); at >= 0 {
			s.seen += at + len(words)
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("%q does not come; there is %q", words, all[s.seen:])
		}
	}
}

func (s *screenOf) press(keys string) {
	s.t.Helper()
	if _, err := s.pty.Write([]byte(keys)); err != nil {
		s.t.Fatal(err)
	}
}

// end waits for the command's end, and gives its exit code.
func (s *screenOf) end() int {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(time.Minute):
		_ = s.cmd.Process.Kill()
		s.t.Fatalf("it does not end; there is %q", s.all())
	}
	return s.cmd.ProcessState.ExitCode()
}

// leave is the sequence that brings the screen from before back, show the one that
// shows the cursor.
const leave, show = "\x1b[?1049l", "\x1b[?25h"

// asBefore: the terminal is as it was. What the command wrote last may be read
// only after the command has ended.
func (s *screenOf) asBefore() {
	s.t.Helper()
	if diff := cmp.Diff(s.before, s.modes()); diff != "" {
		s.t.Errorf("the terminal's modes:\n%s", diff)
	}
	for _, seq := range []struct{ on, off string }{{"\x1b[?1049h", leave}, {"\x1b[?25l", show}, {"\x1b[?1002h", "\x1b[?1002l"}, {"\x1b[?2004h", "\x1b[?2004l"}} {
		takenBack := func() bool {
			all := s.all()
			return strings.LastIndex(all, seq.on) <= strings.LastIndex(all, seq.off)
		}
		for end := time.Now().Add(10 * time.Second); !takenBack() && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
		if !takenBack() {
			s.t.Errorf("%q is not taken back", seq.on)
		}
	}
}

// exploreProject is a project with the image that its Dockerfile made.
func exploreProject(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	img := imagetest.New(t, imagetest.Gzip, "f etc/motd 3000\n", "f srv/app/data.bin 5000000\nf srv/app/main.py \"print(1)\"\n")
	img.Conf.History[0].CreatedBy, img.Conf.History[1].CreatedBy = "base", "COPY . /srv/app # buildkit"
	img.Conf.History[1].Comment = "buildkit.dockerfile.v0"
	for name, b := range map[string][]byte{"image.tar": imagetest.DockerArchive(t, img), "Dockerfile": []byte("FROM base AS app\n\nCOPY . /srv/app\n"),
		"editor": []byte("#!/bin/sh\necho EDITED \"$@\"\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func explore(dir string, more ...string) *exec.Cmd {
	cmd := exec.Command("whittle", append([]string{"explore", "image.tar", "--cache-dir", filepath.Join(dir, "cache")}, more...)...)
	cmd.Dir = dir
	return cmd
}

// TestExploreEnds: however it ends, the terminal is as it was before.
func TestExploreEnds(t *testing.T) {
	dir := exploreProject(t)
	for _, tt := range []struct {
		name string
		end  func(s *screenOf)
		code int
	}{
		{"q", func(s *screenOf) { s.press("q") }, exitOK},
		{"Ctrl-C", func(s *screenOf) { s.press("\x03") }, exitOK},
		{"SIGTERM", func(s *screenOf) { _ = s.cmd.Process.Signal(syscall.SIGTERM) }, exitInterrupted},
		{"SIGHUP", func(s *screenOf) { _ = s.cmd.Process.Signal(syscall.SIGHUP) }, exitInterrupted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := onScreen(t, explore(dir))
			s.wait("srv/")
			tt.end(s)
			if code := s.end(); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			s.asBefore()
		})
	}
}

// TestExploreGone: without its terminal it ends by itself.
func TestExploreGone(t *testing.T) {
	s := onScreen(t, explore(exploreProject(t)))
	s.wait("srv/")
	_ = s.side.Close()
	_ = s.pty.Close()
	if code := s.end(); code == exitOK {
		t.Error("it says that all is well")
	}
}

// TestExploreStops: Ctrl-Z stops it with the terminal as it was, and fg continues.
// Where nobody waits for it, the screen comes back.
func TestExploreStops(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip(err)
	}
	dir := exploreProject(t)
	shell := exec.Command("bash", "-c", fmt.Sprintf("set -m; whittle explore --cache-dir %s/cache image.tar; echo IS STOPPED; read line; fg; echo IS OVER", dir))
	shell.Dir = dir
	s := onScreen(t, shell)
	s.wait("srv/")
	s.press("\x1a")
	s.wait(leave)
	s.wait("IS STOPPED")
	s.asBefore()
	s.press("\n")
	s.wait("\x1b[?1049h")
	s.wait("srv/")
	s.press("q")
	s.wait("IS OVER")
	if code := s.end(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	s.asBefore()

	alone := onScreen(t, explore(dir))
	alone.wait("srv/")
	alone.press("\x1a")
	alone.wait(leave)
	alone.wait("srv/")
	alone.press("q")
	if code := alone.end(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// TestExploreKeys: with the Dockerfile of a project lines have names and open in
// an editor; H writes a report, which is named when the screen is gone.
func TestExploreKeys(t *testing.T) {
	dir := exploreProject(t)
	cmd := explore(dir, "--file", "Dockerfile", "--target", "app", "--project", dir)
	t.Setenv("EDITOR", filepath.Join(dir, "editor"))
	t.Setenv("VISUAL", "")
	s := onScreen(t, cmd)
	s.wait("Dockerfile:3 COPY . /srv/app")
	s.press("o")
	s.wait("EDITED +3 ")
	s.wait("srv/")
	s.press("H")
	s.wait("image.html")
	s.press("\r")
	s.wait("This view, for a browser")
	s.press("\x1b")
	s.wait("srv/")
	s.press("q")
	if code := s.end(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	s.asBefore()
	all := s.all()
	end := all[strings.LastIndex(all, leave):]
	if !strings.Contains(end, "image.html has the HTML report; this view: file://") || !strings.Contains(end, "/image.html#at=treemap&by=instruction") {
		t.Errorf("at the end %q", end)
	}
	b, err := os.ReadFile(filepath.Join(dir, "image.html"))
	if err != nil || !bytes.Contains(b, []byte("data.bin")) {
		t.Errorf("the report has %d bytes, %v", len(b), err)
	}
}

// TestExploreColors: without colors nothing is colored.
func TestExploreColors(t *testing.T) {
	dir := exploreProject(t)
	for _, tt := range []struct {
		set, color string
		colored    bool
	}{{"", "auto", true}, {"1", "auto", false}, {"", "never", false}} {
		t.Setenv("NO_COLOR", tt.set)
		if tt.set == "" {
			os.Unsetenv("NO_COLOR")
		}
		s := onScreen(t, explore(dir, "--color", tt.color))
		s.wait("srv/")
		s.press("q")
		s.end()
		if got := strings.Contains(s.all(), "\x1b[34m") || strings.Contains(s.all(), ";34m"); got != tt.colored {
			t.Errorf("NO_COLOR %q, --color %s: colored %v", tt.set, tt.color, got)
		}
	}
}
