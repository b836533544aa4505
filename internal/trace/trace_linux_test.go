//go:build amd64 || arm64

package trace

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"whittle.dev/whittle"
)

const python = "/usr/bin/python3"

func needsPython(t testing.TB) {
	if _, err := os.Stat(python); err != nil {
		t.Skip("there is no " + python)
	}
}

// TestForkStorm: of 2,000 processes, up to 50 at once, that each look for a file of
// its own and open another, no call is lost.
func TestForkStorm(t *testing.T) {
	needsPython(t)
	dir := t.TempDir()
	count := 2000
	if testing.Short() {
		count = 300
	}
	log, out := runTraced(t, dir, python, "-c", fmt.Sprintf(`
import os
for n in range(%d):
    if os.fork() == 0:
        open('made-%%d' %% n, 'w').close(); os.access('none-%%d' %% n, 0); os._exit(0)
    if n %% 50 == 49:
        for i in range(50): os.wait()`, count))
	allSeen(t, log, out, dir, count)
}

// TestThreads: 1,000 threads at once, likewise.
func TestThreads(t *testing.T) {
	needsPython(t)
	dir := t.TempDir()
	log, out := runTraced(t, dir, python, "-c", `
import os, threading
threading.stack_size(1 << 17)
barrier = threading.Barrier(1000)
def work(n):
    barrier.wait()
    open('made-%d' % n, 'w').close(); os.access('none-%d' % n, 0)
threads = [threading.Thread(target=work, args=(n,)) for n in range(1000)]
[t.start() for t in threads]; [t.join() for t in threads]`)
	allSeen(t, log, out, dir, 1000)
}

// allSeen fails if one of the files that were made or looked for is not in a log.
func allSeen(t *testing.T, log *Log, out, dir string, count int) {
	t.Helper()
	lost := 0
	for n := range count {
		name := strconv.Itoa(n)
		if log.Touched[filepath.Join(dir, "made-"+name)]&opens == 0 || !log.Missing[filepath.Join(dir, "none-"+name)] {
			lost++
		}
	}
	if made, err := filepath.Glob(filepath.Join(dir, "made-*")); len(made) != count || err != nil {
		t.Fatalf("%d of %d files were made: %v: %s", len(made), count, err, out)
	}
	if lost > 0 || log.Exit != 0 {
		t.Errorf("%d of %d are lost; exit code %d: %s", lost, count, log.Exit, out)
	}
}

// TestTransparent: a command's exit code, output and signals are what they are
// without the tracer.
func TestTransparent(t *testing.T) {
	for _, script := range []string{
		"exit 0", "exit 255", "kill -KILL $$", "kill -SEGV $$", "trap 'exit 5' TERM; kill $$", "echo out; echo err >&2; exit 3", "no-such-command",
		"(kill -STOP $BASHPID 2>/dev/null; exit 1) & exit 2", "sleep 5 >/dev/null 2>&1 & exit 6", "trap '' HUP; kill -HUP $$; exit 7", "ulimit -n; umask; pwd", "cat; exit 8",
		"exec 5<&1; ls -l /proc/self/fd | wc -l", "ps >/dev/null; trap -p; exit 9",
	} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			plain := exec.Command("sh", "-c", script)
			plain.Dir = dir
			plain.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "LC_ALL=C.UTF-8", "PWD="+dir)
			want, _ := plain.CombinedOutput()
			code := plain.ProcessState.ExitCode()
			if s := plain.ProcessState.Sys().(interface{ Signaled() bool }); s.Signaled() {
				code = 128 + int(signalOf(plain.ProcessState))
			}
			log, got := runTraced(t, dir, "sh", "-c", script)
			if got != string(want) || log.Exit != code {
				t.Errorf("traced: %d, %q; without: %d, %q", log.Exit, got, code, want)
			}
		})
	}
}

// TestOtherUsers: the tracer looks into processes that have changed their user, as
// root and without CAP_SYS_PTRACE, as in a container, whether or not they have
// executed a program since.
func TestOtherUsers(t *testing.T) {
	needsPython(t)
	if os.Getuid() != 0 {
		t.Skip("only root changes its user")
	}
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		t.Skip("setpriv is not installed")
	}
	dir := t.TempDir()
	for d := dir; len(d) > len(os.TempDir()); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"one", "two", "three"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(t.TempDir(), "log")
	cmd := exec.Command(setpriv, "--bounding-set", "-sys_ptrace,-sys_admin,-dac_read_search", "--inh-caps", "-all", os.Args[0], Arg, name, python, "-c", `
import os, threading
os.setgroups([]); os.setgid(65534); os.setuid(65534)
open('one').close(); os.access('none', 0)
t = threading.Thread(target=lambda: open('two').close()); t.start(); t.join()
if os.fork() == 0: os.execv('/bin/cat', ['cat', 'three'])
os.wait()`)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	f, failed := os.Open(name)
	if failed != nil {
		t.Fatalf("%v, %v: %s", failed, err, out)
	}
	defer func() { _ = f.Close() }()
	log, failed := Read(f)
	if failed != nil || err != nil {
		t.Fatalf("%v, %v: %s", failed, err, out)
	}
	for _, p := range []string{"one", "two", "three"} {
		if log.Touched[filepath.Join(dir, p)]&opens == 0 {
			t.Errorf("%s is lost", p)
		}
	}
	if !log.Missing[filepath.Join(dir, "none")] {
		t.Error("none is lost")
	}
}

// TestNotStarted: a command that cannot be executed is an error that says so, and the
// exit code is a shell's.
func TestNotStarted(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	for command, want := range map[string]int{"no-such-command-at-all": 127, "/no/such/file": 127, text: 126, dir: 126} {
		name := filepath.Join(t.TempDir(), "log")
		cmd := exec.Command(os.Args[0], Arg, name, command)
		out, _ := cmd.CombinedOutput()
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Read(f)
		_ = f.Close()
		if err == nil || !strings.Contains(err.Error(), ErrNotStarted.Error()) || cmd.ProcessState.ExitCode() != want {
			t.Errorf("%s: %v, exit code %d, want %d: %s", command, err, cmd.ProcessState.ExitCode(), want, out)
		}
	}
}

// TestCompat: a program that makes 32-bit calls (int 0x80) is followed, too; where
// the machine has no table of them the trace is an error.
func TestCompat(t *testing.T) {
	compiler, err := exec.LookPath("gcc")
	if err != nil || auditCompat != unix.AUDIT_ARCH_I386 {
		t.Skip("there is no gcc for amd64")
	}
	dir := t.TempDir()
	source := filepath.Join(dir, "x.c")
	text := `static const char here[] = "x.c", none[] = "none32";
static int call(int n, const char *p) { int r; __asm__ volatile("int $0x80" : "=a"(r) : "a"(n), "b"(p), "c"(0), "d"(0) : "memory"); return r; }
int main(void) { return call(5, here) < 0 || call(33, none) != -2; }`
	if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(compiler, "-static", "-no-pie", "-o", filepath.Join(dir, "x"), source).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	log, out := runTraced(t, dir, "./x")
	if log.Exit != 0 {
		t.Skipf("the kernel runs no 32-bit calls: exit code %d: %s", log.Exit, out)
	}
	if log.Touched[source]&opens == 0 || !log.Missing[filepath.Join(dir, "none32")] {
		b, _ := json.Marshal(log.Touched)
		t.Errorf("32-bit calls are lost: %s", b)
	}
}

// TestSetUserID: a set-user-ID program that does not become its owner is named.
func TestSetUserID(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root makes such programs")
	}
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		t.Skip("setpriv is not installed")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "id")
	text, err := os.ReadFile("/usr/bin/id")
	if err != nil {
		t.Skip(err)
	}
	if err := os.WriteFile(program, text, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(program, 65534, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(program, 0o755|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	for _, dropped := range []bool{false, true} {
		name := filepath.Join(t.TempDir(), "log")
		args := []string{os.Args[0], Arg, name, program, "-u"}
		if dropped {
			args = append([]string{setpriv, "--bounding-set", "-sys_ptrace,-sys_admin", "--inh-caps", "-all"}, args...)
		}
		out, err := exec.Command(args[0], args[1:]...).Output()
		f, failed := os.Open(name)
		if failed != nil || err != nil {
			t.Fatalf("%v, %v: %s", failed, err, out)
		}
		log, err := Read(f)
		_ = f.Close()
		if err != nil {
			t.Fatal(err)
		}
		became := strings.TrimSpace(string(out)) == "65534"
		if became == log.Unprivileged[program] || became == dropped {
			t.Errorf("without privileges %t: it became its owner: %t; noted as one that did not: %t", dropped, became, log.Unprivileged[program])
		}
	}
}

// TestLimit: a command that touches more paths than the limit is an error.
func TestLimit(t *testing.T) {
	var b strings.Builder
	r, err := newRecorder(&b)
	if err != nil {
		t.Fatal(err)
	}
	r.limit = 10
	for i := range 20 {
		if err = r.touched(fmt.Sprintf("/%d", i), whittle.TouchOpen); err != nil {
			break
		}
	}
	if err == nil || !strings.Contains(err.Error(), "more than 10 paths") {
		t.Errorf("no limit: %v", err)
	}
}

// BenchmarkOverhead: what tracing costs, as a ratio to the same command without it.
func BenchmarkOverhead(b *testing.B) {
	needsPython(b)
	name := filepath.Join(b.TempDir(), "log")
	command := []string{python, "-c", "import json, email.mime.text, xml.dom.minidom, sqlite3, ssl, asyncio"}
	var plain, traced int64
	for b.Loop() {
		for _, args := range [][]string{command, append([]string{os.Args[0], Arg, name}, command...)} {
			var before, after unix.Timespec
			_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &before)
			if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
				b.Fatalf("%v: %s", err, out)
			}
			_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &after)
			if took := after.Nano() - before.Nano(); len(args) == len(command) {
				plain += took
			} else {
				traced += took
			}
		}
	}
	b.ReportMetric(float64(traced)/float64(plain), "traced/plain")
}
