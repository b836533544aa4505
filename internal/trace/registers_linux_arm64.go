package trace

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// registers are a thread's, at the beginning of a call.
type registers unix.PtraceRegs

const (
	generalSet = 1     // NT_PRSTATUS
	callSet    = 0x404 // NT_ARM_SYSTEM_CALL
)

// openUp changes the call that a thread is about to make into one that lets the
// tracer look into it. The thread makes its own call again afterwards.
func openUp(pid int) (*registers, error) {
	var regs unix.PtraceRegs
	if err := set(unix.PTRACE_GETREGSET, pid, generalSet, unsafe.Pointer(&regs), unsafe.Sizeof(regs)); err != nil {
		return nil, err
	}
	before := registers(regs)
	regs.Regs[0], regs.Regs[1], regs.Regs[8] = unix.PR_SET_DUMPABLE, 1, unix.SYS_PRCTL
	number := int32(unix.SYS_PRCTL)
	if err := set(unix.PTRACE_SETREGSET, pid, generalSet, unsafe.Pointer(&regs), unsafe.Sizeof(regs)); err != nil {
		return nil, fmt.Errorf("changing a call: %w", err)
	}
	if err := set(unix.PTRACE_SETREGSET, pid, callSet, unsafe.Pointer(&number), unsafe.Sizeof(number)); err != nil {
		return nil, fmt.Errorf("changing a call: %w", err)
	}
	return &before, nil
}

// again makes a thread go back to the instruction of the call.
func (r *registers) again(pid int) error {
	regs := unix.PtraceRegs(*r)
	regs.Pc -= 4
	return set(unix.PTRACE_SETREGSET, pid, generalSet, unsafe.Pointer(&regs), unsafe.Sizeof(regs))
}

func set(request, pid, kind int, regs unsafe.Pointer, size uintptr) error {
	vec := unix.Iovec{Base: (*byte)(regs), Len: uint64(size)}
	if _, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, uintptr(request), uintptr(pid), uintptr(kind), uintptr(unsafe.Pointer(&vec)), 0, 0); errno != 0 {
		return errno
	}
	return nil
}
