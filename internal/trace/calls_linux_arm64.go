package trace

import "golang.org/x/sys/unix"

// auditArch is this machine, as the kernel names it to a filter. The calls of 32-bit
// programs are not known: one ends the trace with an error.
const (
	auditArch   = unix.AUDIT_ARCH_AARCH64
	auditCompat = unix.AUDIT_ARCH_ARM
	x32Bit      = 0 // this machine has none
)

func native() []call {
	return append(common(),
		call{unix.SYS_FSTATAT, kindPath, 0, 1, unlessAt, 3, stats},
		call{unix.SYS_RENAMEAT, kindPath, 0, 1, never, -1, stats},
	)
}

func compat() []call { return nil }
