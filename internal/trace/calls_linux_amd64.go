package trace

import "golang.org/x/sys/unix"

// auditArch is this machine, as the kernel names it to a filter, and auditCompat the
// one whose programs it runs, too.
const (
	auditArch   = unix.AUDIT_ARCH_X86_64
	auditCompat = unix.AUDIT_ARCH_I386
	// x32Bit marks the calls of programs with short pointers. Distributions have none.
	x32Bit = 0x40000000
)

func native() []call {
	return append(common(),
		call{unix.SYS_OPEN, kindPath, -1, 0, unlessOpen, 1, opens},
		call{unix.SYS_CREAT, kindPath, -1, 0, always, -1, opens},
		call{unix.SYS_STAT, kindPath, -1, 0, always, -1, stats},
		call{unix.SYS_LSTAT, kindPath, -1, 0, never, -1, stats},
		call{unix.SYS_NEWFSTATAT, kindPath, 0, 1, unlessAt, 3, stats},
		call{unix.SYS_ACCESS, kindPath, -1, 0, always, -1, stats},
		call{unix.SYS_READLINK, kindPath, -1, 0, never, -1, links},
		call{unix.SYS_CHMOD, kindPath, -1, 0, always, -1, stats},
		call{unix.SYS_CHOWN, kindPath, -1, 0, always, -1, stats},
		call{unix.SYS_LCHOWN, kindPath, -1, 0, never, -1, stats},
		call{unix.SYS_UTIME, kindPath, -1, 0, always, -1, stats},
		call{unix.SYS_UTIMES, kindPath, -1, 0, always, -1, stats},
		call{unix.SYS_FUTIMESAT, kindPath, 0, 1, always, -1, stats},
		call{unix.SYS_UNLINK, kindPath, -1, 0, never, -1, stats},
		call{unix.SYS_RMDIR, kindPath, -1, 0, never, -1, stats},
		call{unix.SYS_LINK, kindPath, -1, 0, never, -1, stats},
		call{unix.SYS_RENAME, kindPath, -1, 0, never, -1, stats},
		call{unix.SYS_RENAMEAT, kindPath, 0, 1, never, -1, stats},
	)
}

// compat are the calls of 32-bit programs (int 0x80), with their numbers in
// https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git/tree/arch/x86/entry/syscalls/syscall_32.tbl
func compat() []call {
	return []call{
		{5, kindPath, -1, 0, unlessOpen, 1, opens},  // open
		{8, kindPath, -1, 0, always, -1, opens},     // creat
		{9, kindPath, -1, 0, never, -1, stats},      // link
		{10, kindPath, -1, 0, never, -1, stats},     // unlink
		{11, kindExec, -1, 0, always, -1, execs},    // execve
		{12, kindPath, -1, 0, always, -1, stats},    // chdir
		{15, kindPath, -1, 0, always, -1, stats},    // chmod
		{16, kindPath, -1, 0, never, -1, stats},     // lchown, of 16 bits
		{18, kindPath, -1, 0, always, -1, stats},    // oldstat
		{30, kindPath, -1, 0, always, -1, stats},    // utime
		{33, kindPath, -1, 0, always, -1, stats},    // access
		{38, kindPath, -1, 0, never, -1, stats},     // rename
		{40, kindPath, -1, 0, never, -1, stats},     // rmdir
		{61, kindPath, -1, 0, always, -1, stats},    // chroot
		{84, kindPath, -1, 0, never, -1, stats},     // oldlstat
		{85, kindPath, -1, 0, never, -1, links},     // readlink
		{92, kindPath, -1, 0, always, -1, opens},    // truncate
		{99, kindPath, -1, 0, always, -1, stats},    // statfs
		{106, kindPath, -1, 0, always, -1, stats},   // stat
		{107, kindPath, -1, 0, never, -1, stats},    // lstat
		{182, kindPath, -1, 0, always, -1, stats},   // chown, of 16 bits
		{193, kindPath, -1, 0, always, -1, opens},   // truncate64
		{195, kindPath, -1, 0, always, -1, stats},   // stat64
		{196, kindPath, -1, 0, never, -1, stats},    // lstat64
		{198, kindPath, -1, 0, never, -1, stats},    // lchown32
		{212, kindPath, -1, 0, always, -1, stats},   // chown32
		{229, kindPath, -1, 0, always, -1, stats},   // getxattr
		{230, kindPath, -1, 0, never, -1, stats},    // lgetxattr
		{232, kindPath, -1, 0, always, -1, stats},   // listxattr
		{233, kindPath, -1, 0, never, -1, stats},    // llistxattr
		{268, kindPath, -1, 0, always, -1, stats},   // statfs64
		{271, kindPath, -1, 0, always, -1, stats},   // utimes
		{292, kindPath, -1, 1, always, -1, stats},   // inotify_add_watch
		{295, kindPath, 0, 1, unlessOpen, 2, opens}, // openat
		{298, kindPath, 0, 1, unlessAt, 4, stats},   // fchownat
		{299, kindPath, 0, 1, always, -1, stats},    // futimesat
		{300, kindPath, 0, 1, unlessAt, 3, stats},   // fstatat64
		{301, kindPath, 0, 1, never, -1, stats},     // unlinkat
		{302, kindPath, 0, 1, never, -1, stats},     // renameat
		{303, kindPath, 0, 1, ifAt, 4, stats},       // linkat
		{305, kindPath, 0, 1, never, -1, links},     // readlinkat
		{306, kindPath, 0, 1, always, -1, stats},    // fchmodat
		{307, kindPath, 0, 1, always, -1, stats},    // faccessat
		{310, kindSpace, -1, -1, never, 0, 0},       // unshare
		{320, kindPath, 0, 1, unlessAt, 3, stats},   // utimensat
		{341, kindPath, 0, 1, ifAt, 4, stats},       // name_to_handle_at
		{342, kindHandle, -1, -1, never, -1, opens}, // open_by_handle_at
		{346, kindSpace, -1, -1, never, 1, 0},       // setns
		{353, kindPath, 0, 1, never, -1, stats},     // renameat2
		{358, kindExec, 0, 1, unlessAt, 4, execs},   // execveat
		{383, kindPath, 0, 1, unlessAt, 2, stats},   // statx
		{412, kindPath, 0, 1, unlessAt, 3, stats},   // utimensat, of 64 bits
		{428, kindPath, 0, 1, unlessAt, 2, opens},   // open_tree
		{437, kindHow, 0, 1, unlessOpen, 2, opens},  // openat2
		{439, kindPath, 0, 1, unlessAt, 3, stats},   // faccessat2
	}
}
