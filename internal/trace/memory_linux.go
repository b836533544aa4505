//go:build amd64 || arm64

package trace

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// errDenied: a process does not let the tracer look into it, as it has changed its
// user and not executed a program since.
var errDenied = errors.New("the process cannot be looked into")

// errFault: an address is none of the process's: the call will fail.
var errFault = errors.New("no address of the process")

// proc is a file of a thread in /proc.
func proc(tid int, name string) string { return "/proc/" + strconv.Itoa(tid) + "/" + name }

// asThread calls do, and again as the thread's user where the tracer may not look
// into it as its own: a container's root has no right over other users' processes,
// and can become them.
func asThread(tid int, do func() error) error {
	err := do()
	if !denied(err) {
		return err
	}
	uid, gid, failed := user(tid)
	if failed != nil {
		return failed
	}
	ownUID, ownGID := os.Geteuid(), os.Getegid()
	_ = unix.Setfsgid(gid)
	_ = unix.Setfsuid(uid)
	err = do()
	_ = unix.Setfsuid(ownUID)
	_ = unix.Setfsgid(ownGID)
	if denied(err) {
		return errDenied
	}
	return err
}

func denied(err error) bool {
	return errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES)
}

// user is the effective user and group of a thread, which everybody may know.
func user(tid int) (uid, gid int, err error) {
	b, err := os.ReadFile(proc(tid, "status"))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(b)) {
		words := strings.Fields(line)
		if len(words) < 3 {
			continue
		}
		switch words[0] {
		case "Uid:":
			uid, err = strconv.Atoi(words[2])
		case "Gid:":
			gid, err = strconv.Atoi(words[2])
		}
		if err != nil {
			return 0, 0, err
		}
	}
	return uid, gid, nil
}

// link is what a link of a thread in /proc leads to.
func link(tid int, name string) (target string, err error) {
	err = asThread(tid, func() (err error) {
		target, err = readlink(proc(tid, name))
		return err
	})
	return target, err
}

// text reads a string that ends with a NUL: a path.
func text(tid int, at uint64) (string, error) {
	var out []byte
	for len(out) < unix.PathMax {
		// A page that is not there may follow.
		b := make([]byte, min(256, 4096-at%4096))
		n, err := memory(tid, at, b)
		if err != nil {
			return "", err
		}
		if i := bytes.IndexByte(b[:n], 0); i >= 0 {
			return string(append(out, b[:i]...)), nil
		}
		out, at = append(out, b[:n]...), at+uint64(n)
	}
	return "", errFault // longer than any path: the call will fail
}

// memory reads some memory of a thread, one byte at least.
func memory(tid int, at uint64, b []byte) (int, error) {
	local := []unix.Iovec{{Base: &b[0]}}
	local[0].SetLen(len(b))
	n, err := unix.ProcessVMReadv(tid, local, []unix.RemoteIovec{{Base: uintptr(at), Len: len(b)}}, 0)
	if denied(err) {
		err = asThread(tid, func() error {
			f, err := os.Open(proc(tid, "mem"))
			if err != nil {
				return err
			}
			defer func() { _ = f.Close() }()
			n, err = unix.Pread(int(f.Fd()), b, int64(at))
			return err
		})
	}
	switch {
	case errors.Is(err, unix.EFAULT), errors.Is(err, unix.EIO), err == nil && n == 0:
		return 0, errFault
	case errors.Is(err, unix.ESRCH), errors.Is(err, errDenied):
		return 0, err
	case err != nil:
		return 0, fmt.Errorf("reading the memory of a process: %w", err)
	}
	return n, nil
}

// callInfo is struct ptrace_syscall_info: the same on every machine.
type callInfo struct {
	op   uint8
	_    [3]uint8
	arch uint32
	_    [2]uint64 // instruction and stack pointers
	data [8]uint64
}

const (
	getCallInfo = 0x420e // PTRACE_GET_SYSCALL_INFO
	infoExit    = 2      // data: the result, and whether it is an error
	infoSeccomp = 3      // data: number, six arguments, what the filter gave
)

// callOf says which call a stopped thread makes, or how it ended.
func callOf(tid int, op uint8) (callInfo, error) {
	var info callInfo
	_, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, getCallInfo, uintptr(tid), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	switch {
	case errno == unix.ESRCH:
		return info, errno
	case errno != 0:
		return info, fmt.Errorf("asking the kernel for a system call (Linux 5.3 and later have that): %w", errno)
	case info.op != op:
		return info, fmt.Errorf("the kernel reports a stop of kind %d at a system call, not %d", info.op, op)
	}
	return info, nil
}
