//go:build amd64 || arm64

package trace

import (
	"golang.org/x/sys/unix"

	"whittle.dev/whittle"
)

// call says how a system call names a file. Its arguments are counted from 0; -1
// is none.
type call struct {
	number uint32
	kind   kind
	// dir is the argument with the folder that a relative path starts from; without
	// one it is the process's. path is the argument with the path.
	dir, path int
	// follow says what becomes of a symlink at the end; flags is the argument with
	// the flags that decide it.
	follow follow
	flags  int
	how    whittle.Touch
}

type kind uint8

const (
	kindPath    kind = iota // it names a file
	kindExec                // it executes one
	kindHow                 // openat2: the flags are in memory
	kindHandle              // open_by_handle_at: it names none, but opens one
	kindSpace               // it may leave the mount namespace
	kindStrange             // of a machine that the tracer does not know
)

type follow uint8

const (
	always follow = iota
	never
	unlessAt   // unless AT_SYMLINK_NOFOLLOW
	ifAt       // if AT_SYMLINK_FOLLOW
	unlessOpen // unless O_NOFOLLOW, or O_CREAT with O_EXCL
)

const (
	opens = whittle.TouchOpen
	stats = whittle.TouchStat
	execs = whittle.TouchExec
	links = whittle.TouchLink
)

// common are the calls that all machines have, with the numbers of this one.
func common() []call {
	return []call{
		{unix.SYS_OPENAT, kindPath, 0, 1, unlessOpen, 2, opens},
		{unix.SYS_OPENAT2, kindHow, 0, 1, unlessOpen, 2, opens},
		{unix.SYS_OPEN_BY_HANDLE_AT, kindHandle, -1, -1, never, -1, opens},
		{unix.SYS_OPEN_TREE, kindPath, 0, 1, unlessAt, 2, opens},
		{unix.SYS_EXECVE, kindExec, -1, 0, always, -1, execs},
		{unix.SYS_EXECVEAT, kindExec, 0, 1, unlessAt, 4, execs},
		{unix.SYS_STATX, kindPath, 0, 1, unlessAt, 2, stats},
		{unix.SYS_FACCESSAT, kindPath, 0, 1, always, -1, stats},
		{unix.SYS_FACCESSAT2, kindPath, 0, 1, unlessAt, 3, stats},
		{unix.SYS_READLINKAT, kindPath, 0, 1, never, -1, links},
		{unix.SYS_STATFS, kindPath, -1, 0, always, -1, stats},
		{unix.SYS_CHDIR, kindPath, -1, 0, always, -1, stats},
		{unix.SYS_CHROOT, kindPath, -1, 0, always, -1, stats},
		{unix.SYS_TRUNCATE, kindPath, -1, 0, always, -1, opens},
		{unix.SYS_INOTIFY_ADD_WATCH, kindPath, -1, 1, always, -1, stats},
		{unix.SYS_NAME_TO_HANDLE_AT, kindPath, 0, 1, ifAt, 4, stats},
		{unix.SYS_GETXATTR, kindPath, -1, 0, always, -1, stats},
		{unix.SYS_LGETXATTR, kindPath, -1, 0, never, -1, stats},
		{unix.SYS_LISTXATTR, kindPath, -1, 0, always, -1, stats},
		{unix.SYS_LLISTXATTR, kindPath, -1, 0, never, -1, stats},
		{unix.SYS_FCHMODAT, kindPath, 0, 1, always, -1, stats},
		{unix.SYS_FCHOWNAT, kindPath, 0, 1, unlessAt, 4, stats},
		{unix.SYS_UTIMENSAT, kindPath, 0, 1, unlessAt, 3, stats},
		{unix.SYS_UNLINKAT, kindPath, 0, 1, never, -1, stats},
		{unix.SYS_LINKAT, kindPath, 0, 1, ifAt, 4, stats},
		{unix.SYS_RENAMEAT2, kindPath, 0, 1, never, -1, stats},
		{unix.SYS_UNSHARE, kindSpace, -1, -1, never, 0, 0},
		{unix.SYS_SETNS, kindSpace, -1, -1, never, 1, 0},
	}
}
