package buildkitd

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// hierarchy is where the control groups are: one tree of version 2, or a tree of
// version 1 for each controller.
type hierarchy struct {
	root    string
	unified bool
}

// findHierarchy looks where runc does.
func findHierarchy() hierarchy {
	const root = "/sys/fs/cgroup"
	var st unix.Statfs_t
	err := unix.Statfs(root, &st)
	return hierarchy{root, err == nil && st.Type == unix.CGROUP2_SUPER_MAGIC}
}

// newGuard makes the control group that a daemon puts its containers into, and
// gives it limits. notes name the limits that this system does not offer.
func newGuard(h hierarchy, name string, memory, pids int64) (g *Guard, notes []string) {
	if memory == 0 {
		memory = h.machineMemory() / 4 * 3
	}
	g = &Guard{}
	if memory > 0 {
		if err := g.boundMemory(h, name, memory); err != nil {
			notes = append(notes, fmt.Sprintf("RUN steps and runs have no limit of memory: %v", err))
		}
	}
	if pids = cmp.Or(pids, DefaultPids); pids > 0 {
		if err := g.boundPids(h, name, pids); err != nil {
			notes = append(notes, fmt.Sprintf("RUN steps and runs have no limit of processes: %v", err))
		}
	}
	g.used, g.load = h.processorTime(name), machineLoad
	return g, notes
}

// machineLoad is the load average of the last minute, 0 if the kernel does not say it: see
// sysinfo(2) for the unit of what it says.
func machineLoad() float64 {
	var s unix.Sysinfo_t
	if unix.Sysinfo(&s) != nil {
		return 0
	}
	return float64(s.Loads[0]) / (1 << 16)
}

// processorTime reads what the containers in a group have used of the processors, in
// nanoseconds. The group counts those that have ended, too. It is nil where the kernel
// does not count it.
// https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files
// https://docs.kernel.org/admin-guide/cgroup-v1/cpuacct.html
func (h hierarchy) processorTime(name string) func() int64 {
	if h.unified {
		file := filepath.Join(h.root, name, "cpu.stat")
		if _, err := os.Stat(file); err != nil { // no limit has made the group
			return nil
		}
		return func() int64 { return 1000 * field(file, "usage_usec") }
	}
	dir, err := h.make(name, "cpuacct")
	if file := filepath.Join(dir, "cpuacct.usage"); err == nil && number(file) >= 0 {
		return func() int64 { return number(file) }
	}
	return nil
}

func (g *Guard) boundMemory(h hierarchy, name string, limit int64) error {
	dir, err := h.make(name, "memory")
	if err != nil {
		return err
	}
	if h.unified {
		err = errors.Join(put(dir, "memory.max", limit), optional(put(dir, "memory.swap.max", 0)))
		g.kills = func() int64 { return field(filepath.Join(dir, "memory.events"), "oom_kill") }
	} else {
		_ = put(dir, "memory.use_hierarchy", 1) // what newer kernels always do
		err = errors.Join(put(dir, "memory.limit_in_bytes", limit), optional(put(dir, "memory.memsw.limit_in_bytes", limit)))
		if err == nil {
			err = g.listen(dir)
		}
	}
	if err == nil {
		g.memory = limit
	}
	return err
}

// listen counts how often the memory of a group of version 1 ran out: its
// counter is the group's of the killed process, which goes with its container.
// https://docs.kernel.org/admin-guide/cgroup-v1/memory.html#oom-control
func (g *Guard) listen(dir string) error {
	events, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return err
	}
	control, err := os.Open(filepath.Join(dir, "memory.oom_control"))
	if err == nil {
		defer control.Close()
		err = putText(filepath.Join(dir, "cgroup.event_control"), fmt.Sprintf("%d %d", events, control.Fd()))
	}
	if err != nil {
		return errors.Join(err, unix.Close(events))
	}
	f := os.NewFile(uintptr(events), "memory events")
	count := make(chan int64, 1)
	count <- 0
	g.kills = func() int64 {
		total := <-count
		defer func() { count <- total }()
		var b [8]byte
		if n, err := unix.Read(events, b[:]); err == nil && n == len(b) {
			total += int64(binary.NativeEndian.Uint64(b[:]))
		}
		return total
	}
	g.close = func() { _ = f.Close() }
	return nil
}

func (g *Guard) boundPids(h hierarchy, name string, limit int64) error {
	dir, err := h.make(name, "pids")
	if err == nil {
		err = put(dir, "pids.max", limit)
	}
	if err != nil {
		return err
	}
	g.pids = limit
	if peak := filepath.Join(dir, "pids.peak"); number(peak) >= 0 {
		g.crowded = func() bool { return number(peak) >= limit }
	}
	return nil
}

// make makes a group for a controller, where runc will look for it.
func (h hierarchy) make(name, controller string) (dir string, err error) {
	root := h.root
	if h.unified {
		if err := h.delegate(controller); err != nil {
			return "", fmt.Errorf("no control groups for %s: %w", controller, err)
		}
	} else if root = filepath.Join(root, controller); number(filepath.Join(root, "notify_on_release")) < 0 {
		return "", fmt.Errorf("this system has no control groups for %s", controller)
	}
	dir = filepath.Join(root, name)
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return dir, nil
}

// delegate lets the groups below the root of version 2 have a controller.
func (h hierarchy) delegate(controller string) error {
	control := filepath.Join(h.root, "cgroup.subtree_control")
	if text, err := os.ReadFile(control); err != nil || hasWord(text, controller) {
		return err
	}
	if text, err := os.ReadFile(filepath.Join(h.root, "cgroup.controllers")); err != nil || !hasWord(text, controller) {
		return errors.Join(err, errors.New("the kernel, or the container that whittle is in, does not offer them"))
	}
	return putText(control, "+"+controller)
}

func hasWord(text []byte, word string) bool {
	for w := range strings.FieldsSeq(string(text)) {
		if w == word {
			return true
		}
	}
	return false
}

// put writes a number into a file that the kernel has made.
func put(dir, file string, n int64) error { return putText(filepath.Join(dir, file), fmt.Sprint(n)) }

func putText(file, text string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// optional is the error of a file that kernels without swap do not have.
func optional(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// number is the number in a file of the kernel's, -1 where there is none.
func number(file string) int64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return -1
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// field is the number behind a name in a file of lines "name number".
func field(file, name string) int64 {
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) >= 2 && strings.TrimSuffix(f[0], ":") == name {
			n, _ := strconv.ParseInt(f[1], 10, 64)
			return n
		}
	}
	return 0
}

// machineMemory is this machine's memory in bytes, or that of the container
// that whittle is in.
func (h hierarchy) machineMemory() int64 {
	memory := field("/proc/meminfo", "MemTotal") * 1024
	for _, file := range []string{"memory.max", "memory/memory.limit_in_bytes"} {
		if n := number(filepath.Join(h.root, file)); n > 0 {
			memory = min(memory, n)
		}
	}
	return memory
}
