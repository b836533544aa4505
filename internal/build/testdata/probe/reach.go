package main

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

// dockersCapabilities are those that Docker leaves a container by default.
const dockersCapabilities = 0xa80425fb

// reach says what a process here can reach of the machine, one line for each
// question: "question: answer". disk is a block device's number, paths are
// files of the machine that must not be there, with commas between them.
func reach(disk, paths, namespaces string) {
	say := func(what string, names ...string) {
		slices.Sort(names)
		if len(names) == 0 {
			names = []string{"none"}
		}
		fmt.Printf("%s: %s\n", what, strings.Join(slices.Compact(names), " "))
	}
	say("processes", processes()...)
	say("separate namespaces", ownNamespaces(namespaces)...)
	say("capabilities", capabilities())
	say("seccomp filter", map[string]string{"2": "yes"}[status("Seccomp")])
	say("host name", first(os.Hostname()))
	say("network interfaces", interfaces()...)
	say("listening TCP ports", listening()...)
	say("abstract sockets", abstractSockets()...)
	say("device files", devices()...)
	say("mounts of the engine", mounts()...)
	say("kernel files that can be written", writable("/proc", "/sys")...)
	say("kernel files that reveal something about the machine", readable("/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware", "/proc/acpi", "/proc/scsi")...)
	say("files of the machine", present(strings.Split(paths, ","))...)
	say("operations that only the machine's root may do", forbidden(disk)...)
	say("environment", variables()...)
	score, _ := os.ReadFile("/proc/self/oom_score_adj")
	say("OOM score adjustment", strings.TrimSpace(string(score)))
}

func first(s string, _ error) string { return s }

func status(name string) string {
	text, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func processes() []string {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		if exe, err := os.Readlink(dir + "/exe"); err != nil || exe != "/probe" {
			return []string{dir}
		}
	}
	if os.Getpid() != 1 {
		return []string{"not the first"}
	}
	return []string{"its own"}
}

// ownNamespaces are those that are not the machine's, which host names as
// "net=net:[1],…".
func ownNamespaces(host string) (own []string) {
	for pair := range strings.SplitSeq(host, ",") {
		kind, theirs, _ := strings.Cut(pair, "=")
		if mine, err := os.Readlink("/proc/self/ns/" + kind); err == nil && mine != theirs {
			own = append(own, kind)
		}
	}
	return own
}

func capabilities() string {
	n, err := strconv.ParseUint(status("CapBnd"), 16, 64)
	if err == nil && n == dockersCapabilities {
		return "Docker's default"
	}
	return fmt.Sprintf("%x", n)
}

func interfaces() (names []string) {
	all, _ := net.Interfaces()
	for _, i := range all {
		names = append(names, i.Name)
	}
	return names
}

func listening() (ports []string) {
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, _ := os.ReadFile(file)
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) > 3 && f[3] == "0A" {
				ports = append(ports, f[1])
			}
		}
	}
	return ports
}

func abstractSockets() (names []string) {
	text, _ := os.ReadFile("/proc/net/unix")
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 8 && strings.HasPrefix(f[7], "@") {
			names = append(names, f[7])
		}
	}
	return names
}

func devices() (names []string) {
	_ = filepath.WalkDir("/dev", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type()&fs.ModeDevice != 0 {
			names = append(names, strings.TrimPrefix(path, "/dev/"))
		}
		return nil
	})
	return names
}

// mounts are the mounts that are neither the root nor the kernel's own file
// systems.
func mounts() (places []string) {
	text, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(text)) {
		left, right, _ := strings.Cut(line, " - ")
		place, kind := strings.Fields(left)[4], strings.Fields(right)[0]
		if place != "/" && !slices.Contains([]string{"proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2"}, kind) || strings.HasPrefix(place, "/etc/") {
			places = append(places, place)
		}
	}
	return places
}

// writable are the files below some folders that can be opened for writing,
// but for those of this process.
func writable(roots ...string) (files []string) {
	for _, root := range roots {
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				if _, err := strconv.Atoi(filepath.Base(path)); err == nil && filepath.Dir(path) == "/proc" {
					return fs.SkipDir
				}
				return nil
			}
			// Root may open what nobody can write, and a masked file is /dev/null.
			if info, err := d.Info(); err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o222 == 0 || harmless(path) {
				return nil
			}
			if fd, err := syscall.Open(path, syscall.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
				_ = syscall.Close(fd)
				files = append(files, path)
			}
			return nil
		})
	}
	return files
}

// harmless files take what is written and change nothing: a notice of pressure
// is for who asks for it, and interrupts has no way to be written.
func harmless(path string) bool {
	return strings.HasPrefix(path, "/proc/pressure/") || path == "/proc/interrupts"
}

// readable are the files that have a byte, and the folders that have a file.
func readable(paths ...string) (found []string) {
	for _, path := range paths {
		if entries, err := os.ReadDir(path); err == nil && len(entries) > 0 {
			found = append(found, path)
		}
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		if n, _ := f.Read(make([]byte, 1)); n > 0 {
			found = append(found, path)
		}
		_ = f.Close()
	}
	return found
}

func present(paths []string) (found []string) {
	for _, path := range paths {
		if _, err := os.Lstat(path); err == nil {
			found = append(found, path)
		}
	}
	return found
}

// forbidden are the things of the machine's root that succeed here.
func forbidden(disk string) (done []string) {
	number, _ := strconv.Atoi(disk)
	tries := map[string]func() error{
		"mount":   func() error { return syscall.Mount("none", "/tmp", "tmpfs", 0, "") },
		"remount": func() error { return syscall.Mount("", "/proc/sys", "", syscall.MS_REMOUNT|syscall.MS_BIND, "") },
		"disk": func() error {
			_ = syscall.Mknod("/disk", syscall.S_IFBLK|0o600, number)
			f, err := os.Open("/disk")
			if err != nil {
				return err
			}
			return f.Close()
		},
		"user-namespace": func() error { return syscall.Unshare(syscall.CLONE_NEWUSER) },
		"namespace":      func() error { return syscall.Unshare(syscall.CLONE_NEWNS) },
		"hostname":       func() error { return syscall.Sethostname([]byte("x")) },
		"module":         func() error { return call(syscall.SYS_INIT_MODULE, 0, 0) },
		"reboot":         func() error { return call(syscall.SYS_REBOOT, 0, 0) }, // its magic numbers are wrong
		"swapoff": func() error {
			return call(syscall.SYS_SWAPOFF, uintptr(unsafe.Pointer(&[]byte("/nosuch\x00")[0])), 0)
		},
		"kernel-log": func() error { return call(syscall.SYS_SYSLOG, 3, 0) },
	}
	for name, try := range tries {
		// Of what is allowed and fails only for its arguments, the error is another.
		if err := try(); err != syscall.EPERM && err != syscall.EACCES && err != syscall.EROFS && !os.IsPermission(err) {
			done = append(done, name)
		}
	}
	return done
}

func call(number, a, b uintptr) error {
	if _, _, errno := syscall.Syscall(number, a, b, 0); errno != 0 {
		return errno
	}
	return nil
}

func variables() (names []string) {
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		names = append(names, name)
	}
	return names
}
