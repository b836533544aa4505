package toolmodel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// machine is a container in which instructions run.
type machine struct {
	sync.Mutex
	fs      files
	env     map[string]string
	user    string
	dir     string
	shell   []string
	family  string
	full    bool
	python  string
	context files
	// assumed is what the base or the context is taken to have, because the
	// original Dockerfile could not be built otherwise: "program curl".
	assumed map[string]bool
	// wants are what failing commands missed, by the same words.
	wants []string
	// events are what other programs did: their words, and what they saw.
	events []string
	// mounts are the targets of mounts; readonly ones may not be changed.
	mounts   map[string]bool // true: read-only
	stderr   bytes.Buffer
	depth    int
	commands int
}

const maxCommands = 3000

// process is one program that runs.
type process struct {
	*machine
	ctx      context.Context
	hc       interp.HandlerContext
	dir      string
	uid, gid int
	home     string
	env      map[string]string
	in       *string
	out      bytes.Buffer
}

// errDenied and the like end a command.
func (p *process) fail(code int, format string, args ...any) error {
	fmt.Fprintf(&p.machine.stderr, format+"\n", args...)
	return interp.ExitStatus(uint8(code))
}

func (m *machine) want(key string) { m.wants = append(m.wants, key) }

// printf prints when the program has ended, because a file takes the lock.
func (p *process) printf(format string, args ...any) { fmt.Fprintf(&p.out, format, args...) }

// sub runs a script as a child, which takes the lock itself.
func (p *process) sub(text string, bash bool, options, params []string, user string) error {
	p.Unlock()
	defer p.Lock()
	if p.out.Len() > 0 {
		p.hc.Stdout.Write(p.out.Bytes())
		p.out.Reset()
	}
	var in io.Reader
	if f, ok := p.hc.Stdin.(*os.File); ok && f != nil && p.in == nil {
		in = f
	}
	return p.script(p.ctx, text, bash, options, params, user, "/"+clean(p.dir), p.env, in, p.hc.Stdout)
}

// stdin reads all that is piped in.
func (p *process) stdin() string {
	if p.in != nil {
		return *p.in
	}
	text := ""
	if f, ok := p.hc.Stdin.(*os.File); ok && f != nil {
		p.machine.Unlock()
		b, _ := io.ReadAll(f)
		p.machine.Lock()
		text = string(b)
	}
	p.in = &text
	return text
}

// account finds a user by name or number: uid, gid, home.
func (m *machine) account(name string) (uid, gid int, home string, ok bool) {
	name, group, _ := strings.Cut(name, ":")
	home = "/"
	n, err := strconv.Atoi(name)
	for line := range strings.Lines(m.fs["etc/passwd"].data) {
		w := strings.Split(strings.TrimSpace(line), ":")
		if len(w) > 5 && (w[0] == name || w[2] == name && err == nil) {
			uid, _ = strconv.Atoi(w[2])
			gid, _ = strconv.Atoi(w[3])
			home, ok = w[5], true
			break
		}
	}
	if !ok && err == nil {
		uid, gid, ok = n, 0, true
	}
	if group != "" && ok {
		gid, ok = m.group(group)
	}
	return uid, gid, home, ok
}

func (m *machine) group(name string) (int, bool) {
	if n, err := strconv.Atoi(name); err == nil {
		return n, true
	}
	for line := range strings.Lines(m.fs["etc/group"].data) {
		if w := strings.Split(strings.TrimSpace(line), ":"); len(w) > 2 && w[0] == name {
			n, err := strconv.Atoi(w[2])
			return n, err == nil
		}
	}
	return 0, false
}

// script runs a text by the shell; options are those of the shell ("-e").
func (m *machine) script(ctx context.Context, text string, bash bool, options []string, params []string, user, dir string, env map[string]string, in io.Reader, out io.Writer) error {
	if m.enter(1) > 8 {
		return errors.New("scripts are nested too deeply")
	}
	defer m.enter(-1)
	lang := syntax.LangPOSIX
	if bash {
		lang = syntax.LangBash
	}
	file, err := syntax.NewParser(syntax.Variant(lang)).Parse(strings.NewReader(text), "")
	if err != nil && !bash {
		file, err = syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
	}
	if err != nil {
		return fmt.Errorf("the script does not parse: %w", err)
	}
	uid, gid, home, ok := m.account(user)
	if !ok {
		return fmt.Errorf("unable to find user %s", user)
	}
	all := maps.Clone(env)
	if _, set := all["HOME"]; !set {
		all["HOME"] = home
	}
	var pairs []string
	for k, v := range all {
		pairs = append(pairs, k+"="+v)
	}
	slices.Sort(pairs)
	params = append(slices.Clone(options), append([]string{"--"}, params...)...)
	with := func(ctx context.Context) *process {
		hc := interp.HandlerCtx(ctx)
		e := map[string]string{}
		for name, v := range hc.Env.Each {
			if v.Exported || all[name] != "" {
				e[name] = v.String()
			}
		}
		return &process{machine: m, ctx: ctx, hc: hc, dir: hc.Dir, uid: uid, gid: gid, home: e["HOME"], env: e}
	}
	r, err := interp.New(interp.Env(expand.ListEnviron(pairs...)), interp.Params(params...), interp.Dir("/"), interp.StdIO(in, out, io.Discard),
		interp.CallHandler(func(ctx context.Context, args []string) ([]string, error) { return with(ctx).call(args) }),
		interp.ExecHandlers(func(interp.ExecHandlerFunc) interp.ExecHandlerFunc {
			return func(ctx context.Context, args []string) error {
				p := with(ctx)
				m.Lock()
				m.commands++
				err := errors.New("too many commands")
				if m.commands < maxCommands {
					err = p.run(args)
				}
				m.Unlock()
				p.hc.Stdout.Write(p.out.Bytes())
				return err
			}
		}),
		interp.StatHandler(func(ctx context.Context, name string, follow bool) (fs.FileInfo, error) { return m.stat(name, follow) }),
		interp.AccessHandler(func(ctx context.Context, name string, mode interp.AccessMode) error {
			return with(ctx).access(name, mode)
		}),
		interp.ReadDirHandler2(func(ctx context.Context, name string) ([]fs.DirEntry, error) { return m.readDir(name) }),
		interp.OpenHandler(func(ctx context.Context, name string, flag int, _ os.FileMode) (io.ReadWriteCloser, error) {
			return with(ctx).open(name, flag)
		}))
	if err != nil {
		return err
	}
	if dir != "" && dir != "/" {
		cd, err := syntax.NewParser().Parse(strings.NewReader("cd "+strconv.Quote(dir)), "")
		if err != nil {
			return err
		}
		if err := r.Run(ctx, cd.Stmts[0]); err != nil {
			return fmt.Errorf("cannot change to %s", dir)
		}
	}
	return r.Run(ctx, file)
}

func (m *machine) enter(n int) int {
	m.Lock()
	defer m.Unlock()
	m.depth += n
	return m.depth
}

func (m *machine) stat(name string, follow bool) (fs.FileInfo, error) {
	m.Lock()
	defer m.Unlock()
	at := m.fs.real(name, follow)
	if at == "" {
		return info{"/", node{kind: 'd', mode: 0o755}}, nil
	}
	n, ok := m.fs[at]
	if !ok && m.assumed["path /"+at] {
		m.assume(at, 'd')
		n, ok = m.fs[at], true
	}
	if !ok {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return info{path.Base(at), n}, nil
}

// assume makes a path that the base or an archive is taken to have.
func (m *machine) assume(at string, kind byte) {
	m.event("assumed", at)
	if kind == 'd' {
		m.fs.put(at, node{kind: 'd', mode: 0o755})
		m.fs.blob(at+"/content", "assumed "+at, mega)
		return
	}
	m.fs.program(at, "assumed "+at, mega)
}

func (m *machine) event(parts ...string) { m.events = append(m.events, strings.Join(parts, " ")) }

func (m *machine) readDir(name string) ([]fs.DirEntry, error) {
	m.Lock()
	defer m.Unlock()
	if !m.fs.isDir(name) {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	var out []fs.DirEntry
	for _, c := range m.fs.children(name) {
		at := path.Join(m.fs.real(name, true), c)
		out = append(out, info{c, m.fs[at]})
	}
	return out, nil
}

func (p *process) abs(name string) string {
	if !path.IsAbs(name) {
		name = path.Join(p.dir, name)
	}
	return clean(name)
}

func (p *process) access(name string, mode interp.AccessMode) error {
	p.Lock()
	defer p.Unlock()
	n, ok := p.fs.get(p.abs(name))
	if !ok || !p.may(n, uint32(mode)) {
		return fs.ErrPermission
	}
	return nil
}

// may says whether the process may use a node: 4 read, 2 write, 1 execute.
func (p *process) may(n node, mode uint32) bool {
	if p.uid == 0 {
		return mode&1 == 0 || n.kind == 'd' || n.mode&0o111 != 0
	}
	switch {
	case n.uid == p.uid:
		return n.mode>>6&mode == mode
	case n.gid == p.gid:
		return n.mode>>3&mode == mode
	}
	return n.mode&mode == mode
}

// mayChange says whether the process may make, replace or delete a path.
func (p *process) mayChange(at string) error {
	at = p.fs.real(at, false)
	for target, readonly := range p.mounts {
		if readonly && under(at, target) {
			return p.fail(1, "%s: read-only file system", at)
		}
	}
	dir := parent(at)
	for {
		n, ok := p.fs.get(dir)
		if ok {
			if key := "writable /" + dir; p.full && p.uid != 0 && !p.may(n, 2) {
				if p.want(key); p.assumed[key] {
					return nil
				}
			}
			if !p.may(n, 2) || n.mode&0o1000 != 0 && p.uid != 0 && p.exists(at) && p.fs[at].uid != p.uid {
				return p.fail(1, "%s: permission denied for %d", at, p.uid)
			}
			return nil
		}
		dir = parent(dir)
	}
}

func (p *process) exists(at string) bool { _, ok := p.fs[p.fs.real(at, false)]; return ok }

// write makes a file of the process's user.
func (p *process) write(at, data string, size int64, mode uint32) error {
	at = p.fs.real(at, true)
	if n, ok := p.fs[at]; ok {
		if n.kind == 'd' {
			return p.fail(1, "%s is a directory", at)
		}
		if !p.may(n, 2) {
			return p.fail(1, "%s: permission denied for %d", at, p.uid)
		}
		for target, readonly := range p.mounts {
			if readonly && under(at, target) {
				return p.fail(1, "%s: read-only file system", at)
			}
		}
		n.data, n.size = data, size
		p.fs[at] = n
		return nil
	}
	if !p.fs.isDir(parent(at)) {
		p.want("path /" + parent(at))
		if !p.assumed["path /"+parent(at)] {
			return p.fail(1, "%s: no such directory", parent(at))
		}
		p.assume(parent(at), 'd')
	}
	if err := p.mayChange(at); err != nil {
		return err
	}
	p.fs.put(at, node{kind: 'f', data: data, size: size, mode: mode, uid: p.uid, gid: p.gid})
	return nil
}

// mkdirs makes a folder and those above it.
func (p *process) mkdirs(at string) error {
	at = p.fs.real(at, true)
	if p.fs.isDir(at) {
		return nil
	}
	if err := p.mkdirs(parent(at)); err != nil {
		return err
	}
	if err := p.mayChange(at); err != nil {
		return err
	}
	if n, ok := p.fs[at]; ok && n.kind != 'd' {
		return p.fail(1, "%s is a file", at)
	}
	p.fs.put(at, node{kind: 'd', mode: 0o755, uid: p.uid, gid: p.gid})
	return nil
}

// writeAll writes a file and makes its folder.
func (p *process) writeAll(at, data string, size int64) error {
	if err := p.mkdirs(parent(at)); err != nil {
		return err
	}
	return p.write(at, data, size, 0o644)
}

// file is an open file of a redirection.
type file struct {
	p    *process
	at   string
	buf  bytes.Buffer
	read io.Reader
}

func (f *file) Read(b []byte) (int, error) {
	if f.read == nil {
		return 0, io.EOF
	}
	return f.read.Read(b)
}

func (f *file) Write(b []byte) (int, error) {
	f.p.Lock()
	defer f.p.Unlock()
	return f.write(b)
}

func (f *file) write(b []byte) (int, error) {
	f.buf.Write(b)
	if f.at != "" {
		text := f.buf.String()
		if n, ok := f.p.fs[f.at]; ok {
			n.data, n.size = text, size(text)
			f.p.fs[f.at] = n
		}
	}
	return len(b), nil
}
func (f *file) Close() error { return nil }

// size is that of a content: of one that stands for a download, what it says.
func size(text string) int64 {
	if strings.HasPrefix(text, "<") {
		return 3 * mega
	}
	return int64(len(text))
}

func (p *process) open(name string, flag int) (io.ReadWriteCloser, error) {
	p.Lock()
	defer p.Unlock()
	at := p.abs(name)
	if under(at, "dev") || under(at, "proc") || under(at, "sys") {
		return &file{p: p}, nil
	}
	at = p.fs.real(at, true)
	if flag&(os.O_WRONLY|os.O_RDWR) == 0 {
		n, ok := p.fs[at]
		if !ok && p.assumed["path /"+at] {
			p.assume(at, 'f')
			n, ok = p.fs[at], true
		}
		if !ok || n.kind != 'f' || !p.may(n, 4) {
			p.want("path /" + at)
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		return &file{p: p, read: strings.NewReader(n.data)}, nil
	}
	f := &file{p: p, at: at}
	n, ok := p.fs[at]
	if ok && flag&os.O_APPEND != 0 {
		f.buf.WriteString(n.data)
		if !p.may(n, 2) {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
		}
		return f, nil
	}
	if err := p.write(at, "", 0, 0o644); err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return f, nil
}
