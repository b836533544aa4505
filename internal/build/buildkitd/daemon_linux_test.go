package buildkitd

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/shell"
	"whittle.dev/whittle/internal/tempfolder"
)

// options are those of a daemon of the test's, which needs root, runc and
// buildkitd.
func options(t *testing.T) Options {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root for a private buildkitd")
	}
	if _, err := findRunc(); err != nil {
		t.Skip("needs runc")
	}
	opts := Options{Binary: os.Getenv("WHITTLE_BUILDKITD"), SearchDirs: []string{"../../../.cache/bin"}, StateDir: t.TempDir(), HostNetwork: true}
	if _, err := findBuildkitd(opts); err != nil {
		t.Skip("needs buildkitd in $WHITTLE_BUILDKITD, .cache/bin or on PATH")
	}
	return opts
}

// TestLinkedState: where a link leads to the cache, the daemon gets the folder behind it.
func TestLinkedState(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	imagetest.Must(t, err)
	link := filepath.Join(t.TempDir(), "cache")
	imagetest.Must(t, os.Symlink(dir, link))
	d := &Daemon{}
	imagetest.Must(t, d.makeFolders(t.Context(), filepath.Join(link, "buildkit"), t.TempDir()))
	imagetest.Must(t, d.release())
	if want := filepath.Join(dir, "buildkit", "root-0"); d.root != want {
		t.Errorf("%s, want %s", d.root, want)
	}
}

// What joins a container ends well, whatever becomes of it; all else that runc
// says is passed on. (A watch that dies with its container would take the exit
// code of the container's own process with it.)
func TestWrapWorker(t *testing.T) {
	dir := t.TempDir()
	fake := filepath.Join(dir, "a runc's own")
	if err := os.WriteFile(fake, []byte("#!/bin/sh\necho \"$@\"\nexit 137\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	d := &Daemon{root: dir, scratch: &scratch{&tempfolder.Folder{Dir: "/s"}}}
	name, err := d.wrapWorker(fake)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args []string
		code int
	}{
		{[]string{"--log", "/x y", "run", "--bundle", "/b", "id"}, 137},
		{[]string{"--log", "/x", "exec", "--process", "/p", "id"}, 0},
		{[]string{"kill", "id", "9"}, 137},
	} {
		cmd := exec.Command(name, tc.args...)
		out, _ := cmd.Output()
		if want := "--root /s/runc " + strings.Join(tc.args, " ") + "\n"; string(out) != want || cmd.ProcessState.ExitCode() != tc.code {
			t.Errorf("%q: %q, exit code %d, want %q and %d", tc.args, out, cmd.ProcessState.ExitCode(), want, tc.code)
		}
	}
}

// Half a second passes between the daemon's bind and its listen, as on a busy
// machine.
func TestDaemonListensLate(t *testing.T) {
	opts := options(t)
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("needs strace")
	}
	binary, err := findBuildkitd(opts)
	if err != nil {
		t.Fatal(err)
	}
	opts.Binary = filepath.Join(t.TempDir(), "buildkitd")
	script := fmt.Sprintf("#!/bin/sh\nexec %s -f -qq -o /dev/null -e trace=listen -e inject=listen:delay_enter=500000 %s \"$@\"\n", shell.Quote(strace), shell.Quote(binary))
	if err := os.WriteFile(opts.Binary, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	e, err := Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Stop(); err != nil {
		t.Error(err)
	}
}

// A scratch folder goes when its process has gone, and only then; what has the
// name and is another user's or no folder stays.
func TestScratchSwept(t *testing.T) {
	temp, root := t.TempDir(), t.TempDir()
	mine, err := newScratch(root, temp)
	if err != nil {
		t.Fatal(err)
	}
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	name := func(pid int, rest string) string {
		return filepath.Join(temp, fmt.Sprintf("%s%d-%s", scratchPrefix, pid, rest))
	}
	left, young, file, foreign := name(dead.ProcessState.Pid(), "left"), name(os.Getpid(), "young"), name(dead.ProcessState.Pid(), "file"), name(dead.ProcessState.Pid(), "foreign")
	for _, dir := range []string{left, young, foreign} {
		if err := os.MkdirAll(filepath.Join(dir, "runc"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{filepath.Base(mine.Dir), filepath.Base(young), filepath.Base(file)}
	if os.Chown(foreign, 4242, 4242) == nil {
		want = append(want, filepath.Base(foreign))
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	sweepScratch(root, temp)
	slices.Sort(want)
	if diff := cmp.Diff(want, imagetest.Names(t, temp)); diff != "" {
		t.Errorf("after the sweep (-want +got):\n%s", diff)
	}
	if err := mine.remove(); err != nil {
		t.Error(err)
	}
	if slices.Contains(imagetest.Names(t, temp), filepath.Base(mine.Dir)) {
		t.Error("a scratch folder is not removed")
	}
}

func TestResolver(t *testing.T) {
	got := string(resolver([]byte("# x\nnameserver 127.0.0.53\noptions edns0  trust-ad\nsearch a.example b.example\nnameserver ::1\nsortlist 1\n")))
	if want := "nameserver 10.0.2.3\noptions edns0 trust-ad\nsearch a.example b.example\n"; got != want {
		t.Errorf("%q", got)
	}
}

func TestLoopbackProxies(t *testing.T) {
	for value, want := range map[string]bool{"http://127.0.0.1:3128": true, "localhost:3128": true, "http://[::1]:1": true, "http://proxy.example:3128": false, "": false, "http://10.1.2.3": false} {
		got := loopbackProxies(func(name string) string {
			if name == "HTTPS_PROXY" {
				return value
			}
			return ""
		})
		if (len(got) == 1) != want {
			t.Errorf("%q: %q", value, got)
		}
	}
}

func TestComplaints(t *testing.T) {
	log := `time="2026-11-24T00:14:57Z" level=info msg="found 1 workers"
time="2026-11-24T00:14:57Z" level=error msg="first \"quoted\""
buildkitd: could not lock /x/buildkitd.lock, another instance running?
	runtime/proc.go:290
runtime.goexit
time="2026-11-24T00:14:57Z" level=fatal msg=last
`
	want := "buildkitd: could not lock /x/buildkitd.lock, another instance running?; last"
	if diff := cmp.Diff(want, complaints([]byte(log))); diff != "" {
		t.Error(diff)
	}
	if got := complaints([]byte("time=\"x\" level=info msg=\"running\"\n")); got != "" {
		t.Errorf("%q", got)
	}
}
