package buildkitd

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/tempfolder"
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
// containers' control groups have its name.
type scratch struct{ *tempfolder.Folder }

// newScratch removes what killed daemons left, and makes a folder in temp for
// one on the state folder root, which the caller has locked.
func newScratch(root, temp string) (*scratch, error) {
	if temp == "" {
		temp = os.TempDir()
	}
	sweepScratch(root, temp)
	if len(temp) > 64 { // a socket's path has at most 107 bytes
		temp = "/tmp"
	}
	dir := filepath.Join(temp, whittle.TempName(scratchPrefix))
	// The record first: a process that is killed in between leaves a record of
	// nothing rather than a folder that no record names.
	if err := whittle.Folder(root).Write(scratchRecord, []byte(dir), 0o600); err != nil {
		return nil, err
	}
	folder, err := tempfolder.Make(dir)
	if err != nil {
		return nil, err
	}
	s := &scratch{folder}
	if err := os.Mkdir(s.temp(), 0o700); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	return s, nil
}

func (s *scratch) path(name string) string { return filepath.Join(s.Dir, name) }
func (s *scratch) temp() string            { return s.path("tmp") }
func (s *scratch) cgroup() string          { return filepath.Base(s.Dir) }

// remove removes the folder and the control groups, and frees the lock.
func (s *scratch) remove() error {
	sweepCgroups(s.cgroup())
	return s.Remove()
}

// sweepScratch removes what killed daemons left in temp, and beside the folder
// of the last one on the state folder root.
func sweepScratch(root, temp string) {
	parents := []string{temp}
	if last, err := whittle.Folder(root).Read(scratchRecord, 4<<10); err == nil && filepath.IsAbs(string(last)) {
		parents = append(parents, filepath.Dir(string(last)))
	}
	for _, parent := range parents {
		for _, dead := range tempfolder.Dead(parent, scratchPrefix) {
			_ = (&scratch{dead}).remove()
		}
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
