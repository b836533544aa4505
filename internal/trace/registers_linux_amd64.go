package trace

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// registers are a thread's, at the beginning of a call.
type registers unix.PtraceRegs

// openUp changes the call that a thread is about to make into one that lets the
// tracer look into it. The thread makes its own call again afterwards.
func openUp(pid int) (*registers, error) {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(pid, &regs); err != nil {
		return nil, err
	}
	before := registers(regs)
	if regs.Cs == 0x23 { // a 32-bit program
		regs.Orig_rax, regs.Rbx, regs.Rcx = 172, unix.PR_SET_DUMPABLE, 1
	} else {
		regs.Orig_rax, regs.Rdi, regs.Rsi = unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 1
	}
	if err := unix.PtraceSetRegs(pid, &regs); err != nil {
		return nil, fmt.Errorf("changing a call: %w", err)
	}
	return &before, nil
}

// again makes a thread go back to the instruction of the call.
func (r *registers) again(pid int) error {
	regs := unix.PtraceRegs(*r)
	regs.Rax = regs.Orig_rax
	regs.Rip -= 2 // syscall, and int 0x80
	regs.Orig_rax = ^uint64(0)
	return unix.PtraceSetRegs(pid, &regs)
}
