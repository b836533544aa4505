//go:build amd64 || arm64

package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"whittle.dev/whittle"
)

// tracer follows the processes of a command. All its methods run on one thread of
// the system: the kernel lets no other control what it has attached to.
type tracer struct {
	out   *recorder
	calls []call
	// main is the command's process; started says that it has executed its program.
	main    int
	started bool
	// pending are the calls that threads are in, by thread. opened are the threads
	// that were made to let the tracer look into them.
	pending map[int]pending
	opened  map[int]bool
	// space is the mount namespace: paths of another are not the tracer's.
	space string
	// live are the threads that are attached.
	live map[int]bool
}

// pending is a call that a thread is in.
type pending struct {
	call *call
	walked
	// interpreters are those that a script or a program names, and what each leads to.
	interpreters []walked
	// blind says that the call names nothing that the tracer can find: it can only
	// fail. gone says that what it names has no name any more.
	blind, gone bool
	// undo is what a thread's registers were before the tracer made a call in it;
	// nil for its own calls.
	undo *registers
	args [6]uint64
}

const options = unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEEXEC |
	unix.PTRACE_O_TRACESECCOMP | unix.PTRACE_O_EXITKILL | unix.PTRACE_O_TRACESYSGOOD

// stopEvent is PTRACE_EVENT_STOP: a new thread, or one of a stopped group.
const stopEvent = 128

// follow waits for what the command does until it ends, and gives its exit code.
func (t *tracer) follow() (int, error) {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WALL, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return 0, fmt.Errorf("waiting for the command: %w", err)
		}
		if status.Stopped() {
			t.live[pid] = true
			if err := t.stopped(pid, status); err != nil && !errors.Is(err, unix.ESRCH) { // killed meanwhile: the next wait says so
				return 0, err
			}
			continue
		}
		if err := t.ended(pid); err != nil {
			return 0, err
		}
		if pid == t.main && !t.started {
			return 0, whittle.ErrUnmeasured.Errorf("the command's process ended before the command began")
		}
		if pid == t.main {
			if status.Signaled() {
				return 128 + int(status.Signal()), nil
			}
			return status.ExitStatus(), nil
		}
	}
}

// ended forgets a thread. A call that it was in may have succeeded before it was
// killed: then what it named was there.
func (t *tracer) ended(pid int) error {
	p, in := t.pending[pid]
	delete(t.pending, pid)
	delete(t.opened, pid)
	delete(t.live, pid)
	if !in || p.undo != nil || p.call.kind == kindExec || p.blind || p.gone || !p.exists {
		return nil
	}
	return t.touch(p.walked, p.call.how)
}

// stopped handles a stop of a thread, and makes it go on.
func (t *tracer) stopped(pid int, status unix.WaitStatus) error {
	sig, event := status.StopSignal(), int(status)>>16
	inject := 0
	switch {
	case event == unix.PTRACE_EVENT_SECCOMP:
		if err := t.enter(pid); err != nil {
			return err
		}
	case event == unix.PTRACE_EVENT_EXEC:
		former, err := unix.PtraceGetEventMsg(pid)
		if err != nil {
			return err
		}
		if err := t.executed(pid, int(former)); err != nil {
			return err
		}
	case event == stopEvent && sig != unix.SIGTRAP:
		// The whole group is stopped by a signal, and stays so until SIGCONT.
		return ptrace(unix.PTRACE_LISTEN, pid, 0)
	case event != 0: // a thread began, or has begun another
	case sig == unix.SIGTRAP|0x80:
		if err := t.leave(pid); err != nil {
			return err
		}
	default:
		inject = int(sig)
	}
	request := unix.PTRACE_CONT
	if _, in := t.pending[pid]; in {
		request = unix.PTRACE_SYSCALL // to the end of the call
	}
	return ptrace(request, pid, inject)
}

func ptrace(request, pid, data int) error {
	if _, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, uintptr(request), uintptr(pid), 0, uintptr(data), 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// enter handles the beginning of a call.
func (t *tracer) enter(pid int) error {
	info, err := callOf(pid, infoSeccomp)
	if err != nil {
		return err
	}
	at := int(uint32(info.data[7]))
	if at >= len(t.calls) || t.calls[at].kind == kindStrange {
		return whittle.ErrUnsupported.Errorf("a program makes calls of another machine (%#x, call %d)", info.arch, info.data[0])
	}
	c := &t.calls[at]
	p := pending{call: c, args: [6]uint64(info.data[1:7])}
	wanted, err := t.find(pid, &p)
	switch {
	case errors.Is(err, errDenied) && !t.opened[pid]:
		undo, err := openUp(pid)
		if err != nil {
			return err
		}
		t.opened[pid] = true
		t.pending[pid] = pending{call: c, undo: undo}
		return nil
	case err != nil:
		return err
	}
	delete(t.opened, pid)
	if wanted {
		t.pending[pid] = p
	}
	return nil
}

// find follows what a call names. It is not wanted if the call names nothing.
func (t *tracer) find(pid int, p *pending) (wanted bool, err error) {
	c := p.call
	switch c.kind {
	case kindHandle:
		return true, nil
	case kindSpace:
		return p.args[c.flags]&unix.CLONE_NEWNS != 0 || p.args[c.flags] == 0, nil
	}
	if p.args[c.path] == 0 && c.kind != kindExec {
		return false, nil // NULL: what is open, as of utimensat, or an error
	}
	name, err := text(pid, p.args[c.path])
	if errors.Is(err, errFault) {
		p.blind = true
		return true, nil
	}
	if err != nil {
		return false, err
	}
	flags := uint64(0)
	if c.flags >= 0 {
		flags = p.args[c.flags]
	}
	if c.kind == kindHow {
		var b [8]byte
		if n, err := memory(pid, p.args[c.flags], b[:]); err != nil || n < len(b) {
			p.blind = true
			return true, ignoreFault(err)
		}
		flags = binary.NativeEndian.Uint64(b[:])
	}
	if name == "" && c.kind != kindExec {
		return false, nil // what is open, or an error
	}
	w, dir, err := t.from(pid, p, name)
	if err != nil || p.blind || p.gone {
		return true, err
	}
	if p.walked, err = w.walk(dir, name, c.follows(flags)); err != nil || c.kind != kindExec {
		return true, err
	}
	p.interpreters, err = w.interpreters(p.final, func() (string, error) { return link(pid, "cwd") })
	return true, err
}

func ignoreFault(err error) error {
	if errors.Is(err, errFault) {
		return nil
	}
	return err
}

// follows says whether a call follows a symlink at the end of its path.
func (c *call) follows(flags uint64) bool {
	switch c.follow {
	case never:
		return false
	case unlessAt:
		return flags&unix.AT_SYMLINK_NOFOLLOW == 0
	case ifAt:
		return flags&unix.AT_SYMLINK_FOLLOW != 0
	case unlessOpen:
		return flags&unix.O_NOFOLLOW == 0 && flags&(unix.O_CREAT|unix.O_EXCL) != unix.O_CREAT|unix.O_EXCL
	}
	return true
}

// from is where a path starts.
func (t *tracer) from(pid int, p *pending, name string) (w walker, dir string, err error) {
	w.self = strings.TrimSuffix(proc(pid, ""), "/")
	if w.root, err = link(pid, "root"); err != nil || path.IsAbs(name) {
		return w, w.root, err
	}
	file := "cwd"
	if p.call.dir >= 0 && int32(p.args[p.call.dir]) != unix.AT_FDCWD {
		file = fmt.Sprintf("fd/%d", int32(p.args[p.call.dir]))
	}
	switch dir, err = link(pid, file); {
	case errors.Is(err, unix.ENOENT):
		p.blind = true // not open
		return w, "", nil
	case err != nil:
		return w, "", err
	}
	if !path.IsAbs(dir) || strings.HasSuffix(dir, deleted) && !there(dir) {
		p.gone = true
	}
	return w, dir, nil
}

func there(name string) bool {
	var st unix.Stat_t
	return unix.Lstat(name, &st) == nil
}

// leave handles the end of a call.
func (t *tracer) leave(pid int) error {
	p, in := t.pending[pid]
	if !in {
		return nil
	}
	delete(t.pending, pid)
	if p.undo != nil {
		return p.undo.again(pid)
	}
	info, err := callOf(pid, infoExit)
	if err != nil {
		// It was killed: as with any thread that ends in a call.
		return errors.Join(err, t.touchLost(p))
	}
	if failed := uint8(info.data[1]) != 0; failed {
		return t.failed(pid, p, unix.Errno(-int64(info.data[0])))
	}
	switch {
	case p.call.kind == kindSpace:
		return whittle.ErrUnsupported.Errorf("a process makes a mount namespace: its paths are not those of the container")
	case p.gone:
		return nil
	case p.blind:
		return whittle.ErrUnmeasured.Errorf("a call succeeded although the tracer could not read the path that it names")
	case p.call.kind == kindHandle, p.call.kind == kindHow:
		// Where it leads depends on more than its path: what was opened is known now.
		file, err := link(pid, fmt.Sprintf("fd/%d", int32(info.data[0])))
		if err != nil {
			return err
		}
		p.final = ""
		if path.IsAbs(file) && !strings.HasSuffix(file, deleted) {
			p.final = file
		}
	}
	return t.touch(p.walked, p.call.how)
}

func (t *tracer) touchLost(p pending) error {
	if p.call.kind == kindExec || p.blind || p.gone || !p.exists {
		return nil
	}
	return t.touch(p.walked, p.call.how)
}

// touch notes a path that was touched, with the symlinks that led to it.
func (t *tracer) touch(w walked, how whittle.Touch) error {
	for _, l := range w.links {
		if err := t.out.touched(l, links); err != nil {
			return err
		}
	}
	if w.final == "" {
		return nil
	}
	return t.out.touched(w.final, how)
}

// failed handles a call that failed. Where the kernel says anything else than that
// there is nothing, the caller has learned that there is something.
func (t *tracer) failed(pid int, p pending, errno unix.Errno) error {
	if p.call.kind == kindExec && pid == t.main && !t.started {
		return fmt.Errorf("%w: %w", ErrNotStarted, errno)
	}
	if p.blind || p.gone || p.call.kind == kindSpace || p.call.kind == kindHandle {
		return nil
	}
	switch errno {
	case unix.ENOENT, unix.ENOTDIR:
		all := append([]walked{p.walked}, p.interpreters...)
		for _, w := range all {
			if err := t.absent(w, p.call.kind == kindExec); err != nil {
				return err
			}
		}
		return nil
	case unix.EFAULT, unix.EBADF, unix.ENAMETOOLONG, unix.EMFILE, unix.ENFILE, unix.ENOMEM, unix.ENOSYS, unix.EINTR,
		512, 513, 514, 516: // the call will be made again (ERESTARTSYS and its kin)
		return nil
	}
	if !p.exists {
		p.final = ""
	}
	return t.touch(p.walked, stats)
}

// absent notes a path that is not there. A script whose interpreter is missing was
// read.
func (t *tracer) absent(w walked, executed bool) error {
	if w.exists && executed {
		return t.touch(w, opens)
	}
	for _, l := range w.links {
		if err := t.out.touched(l, links); err != nil {
			return err
		}
	}
	if w.exists || w.final == "" {
		return nil // it has come, or gone, meanwhile
	}
	return t.out.missing(w.final)
}

// executed handles a program that a thread has begun: it is now the only one of its
// process, and has the process's number. What the kernel has mapped is the program
// and its loader.
func (t *tracer) executed(pid, former int) error {
	p, in := t.pending[former]
	if !in {
		p, in = t.pending[pid]
	}
	for _, id := range []int{pid, former} {
		delete(t.pending, id)
		delete(t.opened, id)
	}
	if former != pid {
		delete(t.live, former)
	}
	if !in {
		return whittle.ErrUnmeasured.Errorf("a program was executed, and the call for it was not seen")
	}
	t.started = t.started || pid == t.main
	for _, w := range append([]walked{p.walked}, p.interpreters...) {
		if err := t.touch(w, execs); err != nil {
			return err
		}
	}
	files, err := mapped(pid)
	if err != nil {
		return fmt.Errorf("reading which files are executed: %w", err)
	}
	for _, f := range files {
		if err := t.out.touched(f, execs); err != nil {
			return err
		}
	}
	space, err := link(pid, "ns/mnt")
	switch {
	case err != nil:
		return err
	case space != t.space:
		return whittle.ErrUnsupported.Errorf("a process is in a mount namespace of its own: its paths are not those of the container")
	}
	return t.privileges(pid)
}

// mapped are the files that a process has mapped.
func mapped(pid int) (out []string, err error) {
	var b []byte
	err = asThread(pid, func() (err error) {
		b, err = os.ReadFile(proc(pid, "maps"))
		return err
	})
	for line := range strings.Lines(string(b)) {
		// Address, permissions, offset, device, inode, and the path.
		if i := strings.IndexByte(line, '/'); i > 0 {
			file := strings.ReplaceAll(strings.TrimSuffix(line[i:], "\n"), `\012`, "\n")
			if !strings.HasSuffix(file, deleted) {
				out = append(out, path.Clean(file))
			}
		}
	}
	return out, err
}

// privileges notes a program that did not get what its file would give it.
func (t *tracer) privileges(pid int) error {
	exe, err := link(pid, "exe")
	if err != nil || !path.IsAbs(exe) {
		return err
	}
	var st unix.Stat_t
	if unix.Stat(exe, &st) != nil {
		return nil // deleted
	}
	uid, gid, err := user(pid)
	if err != nil {
		return err
	}
	caps, _ := unix.Getxattr(exe, "security.capability", nil)
	without := st.Mode&unix.S_ISUID != 0 && int(st.Uid) != uid || st.Mode&unix.S_ISGID != 0 && st.Mode&unix.S_IXGRP != 0 && int(st.Gid) != gid
	if caps > 0 {
		privs, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
		without = without || err != nil || privs != 0 || uid != 0
	}
	if !without {
		return nil
	}
	return t.out.unprivileged(exe)
}

// end kills what is left of the command, as the end of a container's first process
// does, and waits for it.
func (t *tracer) end() {
	for pid := range t.live {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WALL, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return
		case status.Stopped():
			_ = unix.Kill(pid, unix.SIGKILL)
			_ = ptrace(unix.PTRACE_CONT, pid, 0)
		}
	}
}
