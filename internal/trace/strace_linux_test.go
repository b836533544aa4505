//go:build amd64 || arm64

package trace

import (
	"debug/elf"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
)

// TestMain: the test binary is the tracer where it is called as one.
func TestMain(m *testing.M) {
	if code, ours := Main(os.Args); ours {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// outcome is what was seen of a command.
type outcome struct {
	opened, executed, stated, linked, missing []string
	exit                                      int
}

// sets are the outcome of a log.
func (l *Log) outcome() (o outcome) {
	for p, how := range l.Touched {
		for bit, list := range map[whittle.Touch]*[]string{opens: &o.opened, execs: &o.executed, stats: &o.stated, links: &o.linked} {
			if how&bit != 0 {
				*list = append(*list, p)
			}
		}
	}
	o.missing = slices.Collect(maps.Keys(l.Missing))
	o.exit = l.Exit
	for _, list := range []*[]string{&o.opened, &o.executed, &o.stated, &o.linked, &o.missing} {
		*list = slices.DeleteFunc(*list, passing)
		slices.Sort(*list)
	}
	return o
}

// passing are files whose names differ from run to run.
func passing(p string) bool {
	return strings.HasPrefix(p, "/dev/shm/") || strings.HasPrefix(p, "/tmp/pymp-") || whittle.Under(p, "/proc") || whittle.Under(p, "/sys")
}

// runTraced runs a command under the tracer.
func runTraced(t *testing.T, dir string, command ...string) (*Log, string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "log")
	cmd := exec.Command(os.Args[0], append([]string{Arg, name}, command...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "LC_ALL=C.UTF-8", "PWD="+dir)
	out, err := cmd.CombinedOutput()
	f, failed := os.Open(name)
	if failed != nil {
		t.Fatalf("%v, %v: %s", failed, err, out)
	}
	defer func() { _ = f.Close() }()
	l, failed := Read(f)
	if failed != nil {
		t.Fatalf("%v, %v: %s", failed, err, out)
	}
	if code := cmd.ProcessState.ExitCode(); code != l.Exit || !l.Ended {
		t.Fatalf("the tracer's exit code is %d, and the log says %d (%t)", code, l.Exit, l.Ended)
	}
	return l, string(out)
}

// strace runs a command under strace, and reads its output.
func strace(t *testing.T, dir string, command ...string) outcome {
	t.Helper()
	logs := t.TempDir()
	cmd := exec.Command("strace", append([]string{"-ff", "-y", "-qq", "-s", "65536", "-e", "trace=%file,%process,chroot", "-e", "signal=none", "-o", filepath.Join(logs, "p")}, command...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "LC_ALL=C.UTF-8", "PWD="+dir)
	out, _ := cmd.CombinedOutput()
	o := &oracle{t: t, logs: logs, sets: map[string]map[string]bool{}}
	files, err := filepath.Glob(filepath.Join(logs, "p.*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("strace wrote nothing: %v, %s", err, out)
	}
	first := slices.MinFunc(files, func(a, b string) int { return number(a) - number(b) })
	o.process(number(first), dir, "/", map[int]bool{})
	list := func(name string) []string {
		return slices.DeleteFunc(slices.Sorted(maps.Keys(o.sets[name])), passing)
	}
	exit := cmd.ProcessState.ExitCode()
	if exit < 0 {
		exit = 128 + int(signalOf(cmd.ProcessState))
	}
	return outcome{list("open"), list("exec"), list("stat"), list("link"), list("missing"), exit}
}

func signalOf(s *os.ProcessState) syscall.Signal { return s.Sys().(syscall.WaitStatus).Signal() }

func number(file string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(filepath.Ext(file), "."))
	return n
}

// oracle reads what strace writes: one file for each process, with resolved folders
// for descriptors.
type oracle struct {
	t    *testing.T
	logs string
	sets map[string]map[string]bool
}

var (
	callLine = regexp.MustCompile(`^(\w+)\((.*)\)\s+= (-?\d+|\?)(?:<([^>]*)>)?(?: (E[A-Z]+))?`)
	quoted   = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)
	folder   = regexp.MustCompile(`^(?:AT_FDCWD|\d+)<([^>]*)>, `)
)

func (o *oracle) add(set, p string) {
	if o.sets[set] == nil {
		o.sets[set] = map[string]bool{}
	}
	o.sets[set][p] = true
}

// process reads the log of a process that begins in a folder and with a root.
func (o *oracle) process(pid int, cwd, root string, seen map[int]bool) {
	if seen[pid] {
		return
	}
	seen[pid] = true
	text, err := os.ReadFile(filepath.Join(o.logs, "p."+strconv.Itoa(pid)))
	if err != nil {
		o.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		m := callLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		name, args, ret, errno := m[1], m[2], m[3], m[5]
		failed := strings.HasPrefix(ret, "-")
		if slices.Contains([]string{"clone", "clone3", "fork", "vfork"}, name) {
			if n, _ := strconv.Atoi(ret); n > 0 {
				o.process(n, cwd, root, seen)
			}
			continue
		}
		q := quoted.FindStringSubmatch(args)
		if q == nil || ret == "?" || name == "getcwd" {
			continue
		}
		p, err := strconv.Unquote(`"` + q[1] + `"`)
		if err != nil {
			o.t.Fatalf("%s: %v", line, err)
		}
		if p == "" && name != "execveat" || errno == "ENAMETOOLONG" {
			continue
		}
		from := cwd
		if f := folder.FindStringSubmatch(args); f != nil {
			from = f[1]
		}
		whole := filepath.Join(root, p)
		if !filepath.IsAbs(p) {
			whole = from + "/" + p
		}
		if root != "/" { // its links are relative, and nothing leads out of it
			inside := p
			if !filepath.IsAbs(p) {
				inside = strings.TrimPrefix(from, root) + "/" + p
			}
			whole = root + filepath.Join("/", inside)
		}
		final := strings.HasSuffix(p, "/") || strings.HasSuffix(p, "/.") || !slices.Contains([]string{"lstat", "readlink", "readlinkat", "unlink", "unlinkat", "rename", "renameat", "renameat2", "rmdir", "lgetxattr", "link", "llistxattr"}, name) &&
			(strings.HasPrefix(name, "exec") || !strings.Contains(args, "NOFOLLOW") && !strings.Contains(args, "O_EXCL"))
		o.call(name, whole, root, final, failed, errno)
		if !failed && name == "chdir" {
			cwd = real(whole)
		}
		if !failed && name == "chroot" {
			root = real(whole)
		}
	}
}

func (o *oracle) call(name, p, root string, final, failed bool, errno string) {
	o.passed(p, final)
	set := "stat"
	switch name {
	case "open", "openat", "openat2", "creat", "truncate":
		set = "open"
	case "execve", "execveat":
		set = "exec"
	case "readlink", "readlinkat":
		set = "link"
	}
	where := real(filepath.Dir(p)) + "/" + filepath.Base(p)
	if final {
		where = real(p)
	}
	where = filepath.Clean(where)
	switch {
	case errno == "ENOENT" || errno == "ENOTDIR":
		if _, err := os.Lstat(where); err != nil {
			o.add("missing", where)
		} else if set == "exec" { // a script
			o.add("open", where)
			o.add("missing", interpreterOf(o.t, where))
		}
	case errno == "ELOOP" && final: // it has followed links only
	case failed:
		if _, err := os.Lstat(where); err == nil {
			o.add("stat", where)
		}
	case set == "exec":
		o.program(where, root)
	default:
		o.add(set, where)
	}
}

// program adds a program and what the kernel reads for it.
func (o *oracle) program(p, root string) {
	o.add("exec", p)
	if next := interpreterOf(o.t, p); next != "" {
		o.passed(next, true)
		o.program(real(next), root)
		return
	}
	f, err := elf.Open(p)
	if err != nil {
		o.t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for _, prog := range f.Progs {
		if prog.Type == elf.PT_INTERP {
			b := make([]byte, prog.Filesz)
			if _, err := prog.ReadAt(b, 0); err != nil {
				o.t.Fatal(err)
			}
			loader := filepath.Join(root, strings.TrimRight(string(b), "\x00"))
			o.passed(loader, true)
			o.add("exec", real(loader))
		}
	}
}

// interpreterOf is the interpreter that a script names.
func interpreterOf(t *testing.T, p string) string {
	text, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	if first, ok := strings.CutPrefix(string(text[:min(len(text), 200)]), "#!"); ok {
		return strings.Fields(first)[0]
	}
	return ""
}

// passed adds the symlinks on the way to a path: each part of it that is one, and
// those on the way to what that leads to.
func (o *oracle) passed(p string, final bool) {
	parts := strings.Split(strings.Trim(p, "/"), "/")
	at := ""
	for i, part := range parts {
		at += "/" + part
		if i == len(parts)-1 && !final {
			return
		}
		parent := real(filepath.Dir(at))
		if part == ".." || part == "." {
			continue
		}
		own := filepath.Join(parent, part)
		if target, err := os.Readlink(own); err == nil && !o.sets["link"][own] {
			o.add("link", own)
			if !filepath.IsAbs(target) {
				target = parent + "/" + target
			}
			o.passed(target, true)
		}
	}
}

// real is the path without symlinks; of what is not there, with those of the part
// that is there, and of a symlink that leads nowhere, where it leads.
func real(p string) string { return realIn(p, 40) }

func realIn(p string, links int) string {
	if r, err := filepath.EvalSymlinks(p); err == nil {
		return r
	}
	if p == "/" || p == "" {
		return "/"
	}
	p = strings.TrimRight(p, "/")
	parent, base := p[:strings.LastIndex(p, "/")], p[strings.LastIndex(p, "/")+1:]
	parent = "/" + strings.TrimPrefix(realIn(parent, links), "/")
	own := filepath.Join(parent, base)
	if target, err := os.Readlink(own); err == nil && base != ".." && links > 0 {
		if filepath.IsAbs(target) {
			return realIn(target, links-1)
		}
		return realIn(parent+"/"+target, links-1)
	}
	return own
}

func TestStrace(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("strace is not installed")
	}
	dir := tree(t)
	for _, c := range commands {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			args := slices.Clone(c.args)
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "@DIR@", dir)
			}
			if _, err := exec.LookPath(args[0]); err != nil && filepath.IsAbs(args[0]) {
				t.Skip(args[0] + " is not installed")
			}
			want := strace(t, dir, args...)
			log, out := runTraced(t, dir, args...)
			if diff := cmp.Diff(want, log.outcome(), cmp.AllowUnexported(outcome{})); diff != "" {
				t.Errorf("(-strace +trace):\n%s\n%s", diff, out)
			}
			if len(want.opened)+len(want.executed) == 0 {
				t.Error("strace saw nothing")
			}
		})
	}
}
