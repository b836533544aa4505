//go:build amd64 || arm64

package trace

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// tree makes files for the commands to be about, and gives their folder.
func tree(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	run := func(script string) {
		cmd := exec.Command("sh", "-ec", script)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	run(`mkdir -p a/b/c "sp ace" root/bin root/lib root/lib64 root/etc other
echo one >a/one; echo two >a/b/two; echo three >a/b/c/three; echo x >"sp ace/é"
ln -s a link; ln -s ../one a/b/up; ln -s nowhere dangling; ln -s "$PWD/link/b" absolute; ln -s loop2 loop1; ln -s loop1 loop2; ln -s dangling chain
printf '#!/bin/sh\nread x <a/one; echo $x\n' >script; printf '#!%s/script2 -x\n' "$PWD" >nested; printf '#!/usr/bin/env sh\ncat a/b/two\n' >script2
printf '#!/no/such/interpreter\n' >bad; chmod +x script nested script2 bad; ln -s script run
head -c 100000 /dev/zero >big
echo secret >other/file; chmod 700 other`)
	// A root of its own: a shell and what it loads.
	run(`cp /bin/dash root/bin/sh 2>/dev/null || cp /bin/sh root/bin/sh
for f in $(ldd /bin/sh | grep -o '/[^ ]*'); do mkdir -p root$(dirname $f); cp -L $f root$f; done
ln -s ../etc/target root/bin/inside; echo t >root/etc/target`)
	if err := os.WriteFile(filepath.Join(dir, "module.py"), []byte("import json\nvalue = json.dumps({})\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// commands are compared with strace. @DIR@ is the folder of tree.
var commands = []struct {
	name string
	args []string
}{
	{"ls -R", []string{"ls", "-lR", "."}},
	{"find", []string{"find", ".", "-name", "t*"}},
	{"find -L", []string{"find", "-L", "a", "link", "dangling", "loop1"}},
	{"cd and relative paths", []string{"sh", "-c", "cd a/b; read x <../one; cd ..; read y <b/up; cd /; cat @DIR@/link/b/two"}},
	{"a path through links", []string{"cat", "link/b/up", "absolute/c/three", "absolute/../one"}},
	{"names with blanks and letters", []string{"cat", "sp ace/é"}},
	{"dangling links", []string{"sh", "-c", "cat dangling; cat chain; cat loop1; ls -l dangling chain loop1; test -e dangling; : >>@DIR@/a/b/c/new; rm a/b/c/new"}},
	{"missing files", []string{"sh", "-c", "cat none a/none none/none a/one/x /none/../a link/none absolute/none/x; exit 3"}},
	{"trailing slashes", []string{"sh", "-c", "ls link/ link/. a/one/ dangling/; cat link//b/./two"}},
	{"a script", []string{"./script"}},
	{"a script through a link", []string{"@DIR@/run"}},
	{"a script of a script", []string{"./nested"}},
	{"env", []string{"./script2"}},
	{"a missing interpreter", []string{"sh", "-c", "./bad; ./none; a/one; exit 4"}},
	{"the loader as a program", []string{"sh", "-c", "$(ls /lib64/ld-linux-x86-64.so.2 /lib/ld-linux-aarch64.so.1 2>/dev/null) /bin/cat a/one"}},
	{"a pipe of processes", []string{"sh", "-c", "cat a/one | sort | uniq -c | wc -l; (cd a; (cd b; cat two)); sh -c 'cat link/one & wait'"}},
	{"exit code", []string{"sh", "-c", "exit 42"}},
	{"a signal", []string{"sh", "-c", "cat a/one; kill -TERM $$"}},
	{"a signal that is handled", []string{"sh", "-c", "trap 'cat a/b/two; exit 7' USR1; kill -USR1 $$; cat none"}},
	{"a stopped child", []string{"sh", "-c", "sh -c 'kill -STOP $$; cat a/one' & sleep 0.5; kill -CONT $!; wait $!"}},
	{"python", []string{"/usr/bin/python3", "-c", "import json, email.mime.text, xml.dom.minidom, sqlite3, ssl"}},
	{"python: own module", []string{"/usr/bin/python3", "-c", "import module; print(module.value); import nothing"}},
	{"python: the times of an open file", []string{"/usr/bin/python3", "-c", "import os; f = os.open('a/one', os.O_RDONLY); os.utime(f); os.stat(f); os.utime('a/b/two')"}},
	{"python: threads", []string{"/usr/bin/python3", "-c", `
import threading
def read(n):
    for i in range(20):
        try: open('a/one').close(); open('none-%d-%d' % (n, i))
        except OSError: pass
threads = [threading.Thread(target=read, args=(n,)) for n in range(20)]
[t.start() for t in threads]; [t.join() for t in threads]`}},
	{"python: multiprocessing", []string{"/usr/bin/python3", "-c", `
import multiprocessing
def read(n): return open(['a/one', 'a/b/two', 'a/b/c/three'][n % 3]).read()
with multiprocessing.get_context('fork').Pool(3) as p: print(p.map(read, range(30)))`}},
	{"python: subprocesses", []string{"/usr/bin/python3", "-c", `
import subprocess
subprocess.run(['sh', '-c', 'cat a/one; exec ./script'], cwd='@DIR@')
subprocess.run(['cat', 'one'], cwd='a')
subprocess.run('cat b/up && none', shell=True, cwd='link')
try: subprocess.run(['no-such-program'])
except OSError: pass`}},
	{"python: posix_spawn", []string{"/usr/bin/python3", "-c", `
import os
for i in range(5): os.waitpid(os.posix_spawn('/bin/cat', ['cat', 'a/one'], os.environ), 0)`}},
	{"python: dirfd", []string{"/usr/bin/python3", "-c", `
import os
d = os.open('a/b', os.O_RDONLY)
os.chdir('/')
os.close(os.open('c/three', os.O_RDONLY, dir_fd=d)); os.stat('../one', dir_fd=d); os.readlink('up', dir_fd=d); os.stat('up', dir_fd=d, follow_symlinks=False)
try: os.stat('none', dir_fd=d)
except OSError: pass
try: os.open('x', os.O_RDONLY, dir_fd=999)
except OSError: pass
os.fchdir(d); open('two').close(); os.access('c', os.R_OK, dir_fd=d)`}},
	{"python: O_PATH and O_NOFOLLOW", []string{"/usr/bin/python3", "-c", `
import os
os.open('link', os.O_PATH | os.O_NOFOLLOW); os.open('dangling', os.O_PATH | os.O_NOFOLLOW)
p = os.open('a', os.O_PATH); os.open('one', os.O_RDONLY, dir_fd=p)
for name, flags in [('link', os.O_NOFOLLOW), ('a/one', os.O_CREAT | os.O_EXCL), ('dangling', os.O_CREAT | os.O_EXCL), ('a', os.O_WRONLY), ('a/one', os.O_DIRECTORY)]:
    try: os.open(name, flags)
    except OSError as e: print(e)`}},
	{"python: faults", []string{"/usr/bin/python3", "-c", `
import ctypes, os
c = ctypes.CDLL(None)
c.open(ctypes.c_void_p(1), 0); c.open(b'', 0); c.open(b'x' * 5000, 0); c.open(b'a/' * 30 + b'x', 0); c.access(b'a/one', 0); c.open(b'a/one\0x', 0)`}},
	{"a chroot", []string{"chroot", "root", "/bin/sh", "-c", "read x </etc/target; read y </bin/inside; cd /etc; read z <target; read z <../../../etc/none; exit 9"}},
	{"processes from the root folder", []string{"sh", "-c", "cat /proc/self/status /dev/fd/0 </dev/null >/dev/null; ls /proc/self/fd >/dev/null; cat /etc/hostname /etc/mtab"}},
	{"other users", []string{"sh", "-c", "cat a/b/up >/dev/null; id -u; ls other"}},
}
