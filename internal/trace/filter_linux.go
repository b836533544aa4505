//go:build amd64 || arm64

package trace

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"whittle.dev/whittle"
)

// calls are all calls at which a process is stopped. The kernel gives the position
// of one in this list with each stop.
func calls() []call {
	return append(append(native(), compat()...), call{kind: kindStrange})
}

// filter is the program that the kernel runs at each system call. It stops the
// process at those of calls(), and at all of another machine. io_uring would open
// files without a call: it is as if the kernel did not have it, which programs are
// ready for, as container engines forbid it.
//
// https://docs.kernel.org/userspace-api/seccomp_filter.html
func filter() []unix.SockFilter {
	const load, equal, atLeast, give = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	const number, arch = 0, 4 // offsets in struct seccomp_data
	do := func(code uint16, k uint32) unix.SockFilter { return unix.SockFilter{Code: code, K: k} }
	unless := func(code uint16, k uint32) unix.SockFilter { return unix.SockFilter{Code: code, Jf: 1, K: k} }
	const absent = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	strange := do(give, unix.SECCOMP_RET_TRACE|uint32(len(native())+len(compat())))

	table := func(calls []call, first int) []unix.SockFilter {
		prog := []unix.SockFilter{do(load, number)}
		if first == 0 && x32Bit != 0 {
			prog = append(prog, unless(atLeast, x32Bit), do(give, absent))
		}
		prog = append(prog, unless(equal, unix.SYS_IO_URING_SETUP), do(give, absent)) // 425 everywhere
		for i, c := range calls {
			prog = append(prog, unless(equal, c.number), do(give, unix.SECCOMP_RET_TRACE|uint32(first+i)))
		}
		return append(prog, do(give, unix.SECCOMP_RET_ALLOW))
	}
	own, other := table(native(), 0), []unix.SockFilter{strange}
	if list := compat(); len(list) > 0 {
		other = append([]unix.SockFilter{unless(equal, auditCompat), {Code: unix.BPF_JMP | unix.BPF_JA, K: 1}, strange}, table(list, len(native()))...)
	}
	// The jump to the other machine's table may be longer than a condition can say.
	prog := []unix.SockFilter{do(load, arch), {Code: equal, K: auditArch, Jt: 1}, {Code: unix.BPF_JMP | unix.BPF_JA, K: uint32(len(own))}}
	return append(append(prog, own...), other...)
}

// install makes the kernel run the filter for this thread, and for all that it
// starts. Without the right to do so (CAP_SYS_ADMIN) a thread must first give up what
// set-user-ID programs would give it.
func install() error {
	prog := filter()
	p := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	set := func() unix.Errno {
		_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&p)))
		runtime.KeepAlive(prog)
		return errno
	}
	errno := set()
	if errno == unix.EACCES {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return whittle.ErrSystem.Errorf("giving up privileges to be traced: %w", err)
		}
		errno = set()
	}
	if errno != 0 {
		return whittle.ErrSystem.Errorf("installing a seccomp filter: %w", errno)
	}
	return nil
}
