//go:build unix

// Package postgrestest starts a real PostgreSQL for tests.
package postgrestest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Server is a cluster of its own, in a folder of the test's, which listens on a socket in
// that folder only.
type Server struct {
	dir, bin string
	account  *syscall.SysProcAttr
	process  *exec.Cmd
}

// URL is the address of a database.
func (s *Server) URL(database string) string {
	return "postgres://whittle@/" + database + "?host=" + s.dir
}

// Start starts a server that ends with the test. Without PostgreSQL the test is skipped,
// but not in CI, where scripts/setup --test has installed it.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{bin: binaries(t)}
	// In a short folder: the path of a socket has at most 107 bytes.
	dir, err := os.MkdirTemp("", "whittle-pg-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	s.dir = dir
	s.unprivileged(t)
	data := filepath.Join(dir, "data")
	initdb := s.command("initdb", "-D", data, "-U", "whittle", "-A", "trust", "-E", "UTF8", "--no-sync", "--no-locale")
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	t.Cleanup(func() { s.stop(t, syscall.SIGQUIT) })
	s.run(t)
	return s
}

// Restart ends the server as a crash of the machine's does not, but as its administrator
// may, in the middle of what clients do (immediate shutdown), and starts it again.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.stop(t, syscall.SIGQUIT)
	s.run(t)
}

func (s *Server) run(t testing.TB) {
	t.Helper()
	log := filepath.Join(s.dir, "log")
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(t, err)
	defer out.Close()
	s.process = s.command("postgres", "-D", filepath.Join(s.dir, "data"), "-k", s.dir, "-h", "", "-c", "fsync=off", "-c", "max_connections=200")
	s.process.Stdout, s.process.Stderr = out, out
	must(t, s.process.Start())
	for range 600 {
		if exec.Command(filepath.Join(s.bin, "pg_isready"), "-h", s.dir, "-q").Run() == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	text, _ := os.ReadFile(log)
	t.Fatalf("PostgreSQL does not start:\n%s", text)
}

func (s *Server) stop(t testing.TB, signal syscall.Signal) {
	if s.process == nil || s.process.Process == nil {
		return
	}
	_ = s.process.Process.Signal(signal)
	var exit *exec.ExitError
	if err := s.process.Wait(); err != nil && !errors.As(err, &exit) {
		t.Error(err)
	}
	s.process = nil
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir, cmd.SysProcAttr = s.dir, s.account
	return cmd
}

// unprivileged chooses the account that PostgreSQL runs as: it refuses root.
func (s *Server) unprivileged(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, _ := strconv.Atoi(u.Uid) // of the machine's own list
		gid, _ := strconv.Atoi(u.Gid)
		must(t, os.Chown(s.dir, uid, gid))
		s.account = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		return
	}
	t.Fatal("PostgreSQL does not run as root, and there is no account postgres or nobody")
}

// binaries is the folder of the newest PostgreSQL's programs. Debian has them outside of
// PATH.
func binaries(t testing.TB) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	must(t, err)
	slices.SortFunc(found, func(a, b string) int { return version(a) - version(b) })
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1])
	}
	name, err := exec.LookPath("initdb")
	if err == nil {
		return filepath.Dir(name)
	}
	if os.Getenv("CI") != "" {
		t.Fatal("there is no PostgreSQL: scripts/setup --test installs it")
	}
	t.Skip("there is no PostgreSQL: apt-get install postgresql")
	return ""
}

func version(file string) int {
	n, _ := strconv.Atoi(strings.Split(file, string(filepath.Separator))[4])
	return n
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(fmt.Errorf("starting PostgreSQL: %w", err))
	}
}
