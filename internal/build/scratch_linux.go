package build

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	scratchPrefix = "whittle-buildkitd-"
	// scratchRecord is the file of a state folder that names the scratch folder
	// of the last daemon on it.
	scratchRecord = "scratch"
	sweepTimeout  = 2 * time.Second
)

// scratch is the folder of one daemon that goes with it: socket, log,
// configuration, runc's state, and what buildkitd itself leaves in TMPDIR. The
// containers' control groups have its name. Its name says which process made
// it; it is locked as long as that process lives, so that the next one knows
// what a killed one has left behind.
type scratch struct {
	dir  string
	lock *os.File
}

// newScratch removes what killed daemons left, and makes a folder for one on
// the state folder root, which the caller has locked.
func newScratch(root string) (*scratch, error) {
	sweepScratch(root)
	temp := os.TempDir()
	if len(temp) > 64 { // a socket's path has at most 107 bytes
		temp = "/tmp"
	}
	s := &scratch{dir: filepath.Join(temp, fmt.Sprintf("%s%d-%s", scratchPrefix, os.Getpid(), strings.ToLower(rand.Text()[:8])))}
	// The record first: a process that is killed in between leaves a record of
	// nothing rather than a folder that no record names.
	if err := os.WriteFile(filepath.Join(root, scratchRecord), []byte(s.dir), 0o600); err != nil {
		return nil, err
	}
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		return nil, err
	}
	var err error
	if s.lock, err = lockFolder(s.dir); err == nil {
		err = os.Mkdir(s.temp(), 0o700)
	}
	if err != nil {
		return nil, errors.Join(err, s.remove())
	}
	return s, nil
}

func (s *scratch) path(name string) string { return filepath.Join(s.dir, name) }
func (s *scratch) temp() string            { return s.path("tmp") }
func (s *scratch) cgroup() string          { return filepath.Base(s.dir) }

// remove removes the folder and the control groups, and frees the lock.
func (s *scratch) remove() error {
	sweepCgroups(s.cgroup())
	err := os.RemoveAll(s.dir)
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}

// sweepScratch removes what killed daemons left: the one that had the state
// folder root, wherever its folder is, and those with folders in TMPDIR.
func sweepScratch(root string) {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), scratchPrefix+"*"))
	if last, err := os.ReadFile(filepath.Join(root, scratchRecord)); err == nil && filepath.IsAbs(string(last)) {
		dirs = append(dirs, string(last))
	}
	for _, dir := range dirs {
		if !abandoned(dir) {
			continue
		}
		if lock, err := lockFolder(dir); err == nil && lock != nil {
			_ = (&scratch{dir, lock}).remove()
		}
	}
}

// abandoned says that a folder is this user's scratch folder whose process is
// not alive. A folder that nobody has locked may be a moment old: its process is
// asked for, too.
func abandoned(dir string) bool {
	rest, ok := strings.CutPrefix(filepath.Base(dir), scratchPrefix)
	info, err := os.Lstat(dir)
	if !ok || err != nil || !info.IsDir() {
		return false
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || int(stat.Uid) != os.Geteuid() {
		return false
	}
	number, _, _ := strings.Cut(rest, "-")
	pid, err := strconv.Atoi(number)
	dead := err == nil && errors.Is(unix.Kill(pid, 0), unix.ESRCH)
	return dead || time.Since(info.ModTime()) > time.Minute
}

// lockFolder locks a folder until the file is closed or the process ends; nil
// where another has it.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
	case err == nil:
		return f, nil
	case errors.Is(err, unix.EWOULDBLOCK):
		return nil, f.Close()
	default:
		_ = f.Close()
		return nil, fmt.Errorf("locking %s: %w", dir, err)
	}
}

// sweepCgroups removes the control groups of a daemon that has ended. The
// processes of its containers were killed with it, and may take a moment.
func sweepCgroups(name string) {
	for start := time.Now(); time.Since(start) < sweepTimeout; time.Sleep(20 * time.Millisecond) {
		left := false
		for _, pattern := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*"} {
			tops, _ := filepath.Glob(filepath.Join(pattern, name))
			for _, top := range tops {
				removeCgroup(top)
				_, err := os.Stat(top)
				left = left || err == nil
			}
		}
		if !left {
			return
		}
	}
}

func removeCgroup(top string) {
	var dirs []string
	_ = filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
		}
		return nil
	})
	for _, dir := range slices.Backward(dirs) { // children first
		_ = os.Remove(dir)
	}
}
