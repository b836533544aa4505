package toolmodel

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	lexer "github.com/moby/buildkit/frontend/dockerfile/shell"
)

// layer is what one instruction changed: the files before and after it.
type layer struct {
	before, after files
	command       int // of its stage, -1 for the base's
}

// built is a stage after it was built.
type built struct {
	machine *machine
	layers  []layer // its own
	parent  *built
	base    base
	config  config
}

type config struct {
	env             map[string]string
	entrypoint, cmd []string
	healthcheck     []string
	user, dir       string
}

// result is what a Dockerfile makes.
type result struct {
	stages []*built
	events []string
	wants  []string
	line   int
	err    error
	stderr string
}

func (r *result) last() *built { return r.stages[len(r.stages)-1] }

// buildFile builds all stages of a Dockerfile, as docker build does with the
// last one as target: stages that it does not need are not built, which is no
// difference for what fails here.
func buildFile(src []byte, ctx files, assumed map[string]bool) (r *result) {
	r = &result{}
	parsed, err := parser.Parse(bytes.NewReader(src))
	if err != nil {
		r.err = err
		return r
	}
	stages, meta, err := instructions.Parse(parsed.AST, nil)
	if err != nil || len(stages) == 0 {
		r.err = fmt.Errorf("not a Dockerfile: %w", err)
		return r
	}
	lex := lexer.NewLex(parsed.EscapeToken)
	global := map[string]string{"TARGETARCH": "amd64", "TARGETOS": "linux", "TARGETPLATFORM": "linux/amd64", "BUILDPLATFORM": "linux/amd64", "BUILDARCH": "amd64", "BUILDOS": "linux", "TARGETVARIANT": ""}
	for _, m := range meta {
		for _, a := range m.Args {
			if a.Value != nil {
				v, _, _ := lex.ProcessWord(*a.Value, environ(global))
				global[a.Key] = v
			}
		}
	}
	byName := map[string]*built{}
	needed := neededStages(stages)
	for i := range stages {
		st := &stages[i]
		b := &built{}
		r.stages = append(r.stages, b)
		name, _, _ := lex.ProcessWord(st.BaseName, environ(global))
		if from, ok := byName[strings.ToLower(name)]; ok {
			b.parent, b.base = from, from.base
			m := *fresh(from.machine)
			m.fs, m.env = cloneFiles(from.machine.fs), maps.Clone(from.machine.env)
			b.machine, b.config = &m, from.config
			b.config.env = maps.Clone(from.config.env)
		} else {
			b.base = readBase(name, string(src))
			m := &machine{fs: files{}, env: maps.Clone(b.base.env), user: b.base.user, dir: "/", shell: []string{"/bin/sh", "-c"}, family: b.base.family, full: b.base.full, python: b.base.python}
			if n := len(b.base.layers); n > 0 {
				m.fs = cloneFiles(b.base.layers[n-1])
			}
			if m.env == nil {
				m.env = map[string]string{"PATH": defaultPath}
			}
			b.machine = m
			b.config.env = maps.Clone(m.env)
		}
		b.machine.context, b.machine.assumed = ctx, assumed
		e := &executor{r: r, b: b, machine: b.machine, lex: lex, args: map[string]string{}, global: global, byName: byName}
		if needed[i] {
			for k, c := range st.Commands {
				before := cloneFiles(b.machine.fs)
				changes, err := e.command(c)
				if err != nil {
					r.err = err
					if loc := c.Location(); len(loc) > 0 {
						r.line = loc[0].Start.Line
					}
				}
				if changes {
					b.layers = append(b.layers, layer{before, cloneFiles(b.machine.fs), k})
				}
				if err != nil {
					r.wants, r.stderr = b.machine.wants, b.machine.stderr.String()
					return r
				}
				b.machine.wants = nil
			}
		}
		b.config.user, b.config.dir = b.machine.user, b.machine.dir
		r.events = append(r.events, b.machine.events...)
		b.machine.events = nil
		byName[strconv.Itoa(i)] = b
		if st.Name != "" {
			byName[strings.ToLower(st.Name)] = b
		}
	}
	return r
}

// fresh is a machine with the settings of another.
func fresh(m *machine) *machine {
	return &machine{user: m.user, dir: m.dir, shell: m.shell, family: m.family, full: m.full, python: m.python}
}

// neededStages are those that the last one is built from, and, so that their
// fixes are tried, all others.
func neededStages(stages []instructions.Stage) map[int]bool {
	out := map[int]bool{}
	for i := range stages {
		out[i] = true
	}
	return out
}

type environ map[string]string

func (e environ) Get(name string) (string, bool) { v, ok := e[name]; return v, ok }
func (e environ) Keys() []string                 { return slices.Sorted(maps.Keys(e)) }

// executor runs the instructions of one stage.
type executor struct {
	*machine
	r            *result
	b            *built
	lex          *lexer.Lex
	args, global map[string]string
	byName       map[string]*built
}

func (e *executor) all() environ {
	out := environ(maps.Clone(e.args))
	maps.Copy(out, e.env)
	return out
}

func (e *executor) expand(word string) (string, error) {
	v, _, err := e.lex.ProcessWord(word, e.all())
	return v, err
}

// command runs an instruction; changes says that it makes a layer.
func (e *executor) command(c instructions.Command) (changes bool, err error) {
	switch c := c.(type) {
	case *instructions.EnvCommand:
		for _, kv := range c.Env {
			v, err := e.expand(kv.Value)
			if err != nil {
				return false, err
			}
			e.env[kv.Key], e.b.config.env[kv.Key] = v, v
		}
	case *instructions.ArgCommand:
		for _, a := range c.Args {
			switch {
			case a.Value != nil:
				e.args[a.Key], _ = e.expand(*a.Value)
			case e.global[a.Key] != "":
				e.args[a.Key] = e.global[a.Key]
			}
		}
	case *instructions.UserCommand:
		e.user, err = e.expand(c.User)
	case *instructions.WorkdirCommand:
		dir, err := e.expand(c.Path)
		if err != nil {
			return false, err
		}
		if !path.IsAbs(dir) {
			dir = path.Join(e.dir, dir)
		}
		e.dir = path.Clean(dir)
		if !e.fs.isDir(e.dir) {
			uid, gid, _, _ := e.account(cmpOr(e.user, "root"))
			e.fs.put(e.fs.real(e.dir, true), node{kind: 'd', mode: 0o755, uid: uid, gid: gid})
		}
		return true, nil
	case *instructions.ShellCommand:
		e.shell = c.Shell
	case *instructions.CmdCommand:
		e.b.config.cmd = c.CmdLine
		if c.PrependShell {
			e.b.config.cmd = append(slices.Clone(e.shell), strings.Join(c.CmdLine, " "))
		}
	case *instructions.EntrypointCommand:
		e.b.config.entrypoint = c.CmdLine
		if c.PrependShell {
			e.b.config.entrypoint = append(slices.Clone(e.shell), strings.Join(c.CmdLine, " "))
		}
	case *instructions.HealthCheckCommand:
		if c.Health != nil {
			e.b.config.healthcheck = c.Health.Test
		}
	case *instructions.RunCommand:
		return true, e.run(c)
	case *instructions.CopyCommand:
		return true, e.copyTo(copying{sources: c.SourcePaths, contents: c.SourceContents, dest: c.DestPath, from: c.From, chown: c.Chown, chmod: c.Chmod, link: c.Link, excludes: c.ExcludePatterns, parents: c.Parents})
	case *instructions.AddCommand:
		return true, e.copyTo(copying{sources: c.SourcePaths, contents: c.SourceContents, dest: c.DestPath, chown: c.Chown, chmod: c.Chmod, link: c.Link, add: true})
	}
	return false, err
}

func (e *executor) run(c *instructions.RunCommand) error {
	if err := c.Expand(func(word string) (string, error) { return e.expand(word) }); err != nil {
		return err
	}
	user := cmpOr(e.user, "root")
	if _, _, _, ok := e.account(user); !ok {
		if e.want("user " + user); !e.assumed["user "+user] {
			return fmt.Errorf("unable to find user %s", user)
		}
		user = "1234:1234"
	}
	unmount, err := e.mountAll(instructions.GetMounts(c))
	if err != nil {
		return err
	}
	defer unmount()
	env := e.all()
	options := []string{}
	bash := strings.HasSuffix(e.shell[0], "bash")
	for i, w := range e.shell[1:] {
		switch {
		case w == "-o" || w == "-c" || strings.HasPrefix(w, "--"):
		case i > 0 && e.shell[i] == "-o":
			options = append(options, "-o", w)
		case strings.HasPrefix(w, "-"):
			for _, f := range w[1:] {
				if strings.ContainsRune("eux", f) {
					options = append(options, "-"+string(f))
				}
				if f == 'o' && i+2 < len(e.shell) {
					options = append(options, "-o", e.shell[i+2])
				}
			}
		}
	}
	text := strings.Join(c.CmdLine, " ")
	if !c.PrependShell {
		var words []string
		for _, w := range c.CmdLine {
			words = append(words, "'"+strings.ReplaceAll(w, "'", `'\''`)+"'")
		}
		text, options = strings.Join(words, " "), nil
	} else if len(c.Files) > 0 {
		if h, err := parser.ParseHeredoc(c.CmdLine[0]); err == nil && h != nil && len(c.CmdLine) == 1 {
			text = c.Files[0].Data
			if c.Files[0].Chomp {
				text = parser.ChompHeredocContent(text)
			}
			if strings.HasPrefix(text, "#!") {
				bash = strings.Contains(strings.SplitN(text, "\n", 2)[0], "bash")
				options = nil
			}
		} else {
			for _, f := range c.Files {
				text += "\n" + f.Data + f.Name
			}
		}
	}
	return e.script(context.Background(), text, bash, options, nil, user, e.dir, env, nil, io.Discard)
}

// mountAll puts mounts into the file system; the function it gives takes them
// off again.
func (e *executor) mountAll(mounts []*instructions.Mount) (func(), error) {
	type saved struct {
		target string
		was    files
	}
	var all []saved
	e.mounts = map[string]bool{}
	for _, m := range mounts {
		target := m.Target
		if m.Type == instructions.MountTypeSecret || m.Type == instructions.MountTypeSSH || target == "" {
			continue
		}
		if !path.IsAbs(target) {
			target = path.Join(e.dir, target)
		}
		at := e.fs.real(target, true)
		s := saved{at, files{}}
		for _, q := range e.fs.below(at) {
			s.was[q] = e.fs[q]
		}
		e.fs.remove(at)
		all = append(all, s)
		uid, gid := 0, 0
		if m.UID != nil {
			uid = int(*m.UID)
		}
		if m.GID != nil {
			gid = int(*m.GID)
		}
		e.fs.put(at, node{kind: 'd', mode: 0o755, uid: uid, gid: gid})
		if m.Type == instructions.MountTypeTmpfs {
			e.fs.put(at, node{kind: 'd', mode: 0o1777})
		}
		if m.Type == instructions.MountTypeBind {
			from, ok := e.source(m.From)
			src := clean(m.Source)
			if list, err := e.sources(from, src, m.From); ok && err == nil && len(list) > 0 {
				for _, q := range from.below(src) {
					n := from[q]
					if m.From == "" {
						n.uid, n.gid = 0, 0
					}
					e.fs.put(path.Join(at, strings.TrimPrefix(q, src)), n)
				}
			} else {
				return func() {}, fmt.Errorf("mount: no %s", src)
			}
		}
		e.mounts[at] = m.Type == instructions.MountTypeBind && m.ReadOnly
	}
	return func() {
		for _, s := range slices.Backward(all) {
			e.fs.remove(s.target)
			maps.Copy(e.fs, s.was)
			if _, ok := e.fs[s.target]; !ok {
				e.fs.put(s.target, node{kind: 'd', mode: 0o755})
			}
		}
		e.mounts = nil
	}, nil
}

func (f files) exist(at string) bool { _, ok := f.get(at); return ok }

// source is what COPY --from names: a stage, an image, or the context.
func (e *executor) source(name string) (files, bool) {
	if name == "" {
		return e.context, true
	}
	name, _ = e.expand(name)
	if b, ok := e.byName[strings.ToLower(name)]; ok {
		return b.machine.fs, true
	}
	b := readBase(name, "")
	if n := len(b.layers); n > 0 {
		return cloneFiles(b.layers[n-1]), true
	}
	return files{}, true
}

type copying struct {
	sources            []string
	contents           []instructions.SourceContent
	dest, from         string
	chown, chmod       string
	link, add, parents bool
	excludes           []string
}

var archive = regexp.MustCompile(`\.(tar|tar\.gz|tgz|tar\.bz2|tar\.xz|txz|tbz2?)$`)

func (e *executor) copyTo(c copying) error {
	dest, err := e.expand(c.dest)
	if err != nil {
		return err
	}
	folder := strings.HasSuffix(dest, "/") || dest == "." || strings.HasSuffix(dest, "/.")
	if !path.IsAbs(dest) {
		dest = path.Join(e.dir, dest)
	}
	to := e.fs.real(dest, true)
	uid, gid := -1, -1
	if c.chown != "" {
		owner, err := e.expand(c.chown)
		if err != nil {
			return err
		}
		var ok bool
		if uid, gid, _, ok = e.account(owner); !ok {
			if e.want("user " + owner); !e.assumed["user "+owner] {
				return fmt.Errorf("COPY --chown: no user %s", owner)
			}
			uid, gid = 1234, 1234
		}
	}
	own := func(n node, context bool) node {
		if context {
			n.uid, n.gid = 0, 0
		}
		if uid >= 0 {
			n.uid, n.gid = uid, gid
		}
		if c.chmod != "" {
			if mode, err := e.expand(c.chmod); err == nil {
				n.mode, _ = changeMode(n.mode, mode, n.kind == 'd')
			}
		}
		return n
	}
	parents := func(at string) {
		var missing []string
		for d := at; d != "" && !e.fs.isDir(d); d = parent(d) {
			missing = append(missing, d)
		}
		for _, d := range slices.Backward(missing) {
			n := node{kind: 'd', mode: 0o755}
			if uid >= 0 {
				n.uid, n.gid = uid, gid
			}
			e.fs.put(d, n)
		}
	}
	put := func(at string, n node, context bool) {
		if n.kind == 'd' && e.fs.isDir(at) && at != to {
			return
		}
		if n.kind == 'd' && e.fs.isDir(at) {
			return // a folder that is there stays as it is
		}
		parents(parent(at))
		if old, ok := e.fs[at]; ok && old.kind != n.kind {
			e.fs.remove(at)
		}
		e.fs.put(at, own(n, context))
	}
	for _, doc := range c.contents {
		at := to
		if folder || e.fs.isDir(to) {
			at = path.Join(to, doc.Path)
		}
		put(at, node{kind: 'f', data: doc.Data, size: int64(len(doc.Data)), mode: 0o644}, true)
	}
	from, _ := e.source(c.from)
	var list []string
	for _, s := range c.sources {
		s, err := e.expand(s)
		if err != nil {
			return err
		}
		if c.add && (strings.Contains(s, "://") || strings.HasPrefix(s, "git@")) {
			at := to
			if folder || e.fs.isDir(to) {
				at = path.Join(to, path.Base(strings.SplitN(s, "?", 2)[0]))
			}
			put(at, node{kind: 'f', data: "<" + s + ">", size: 3 * mega, mode: 0o600}, true)
			continue
		}
		found, err := e.sources(from, clean(s), c.from)
		if err != nil {
			return err
		}
		list = append(list, found...)
	}
	if len(list) > 1 || folder {
		parents(to)
	}
	for _, src := range list {
		n, ok := from.get(src)
		if src == "" {
			n, ok = node{kind: 'd', mode: 0o755}, true
		}
		if !ok {
			continue
		}
		if c.add && n.kind == 'f' && archive.MatchString(src) {
			parents(to)
			token := sum(n.data)
			stem := archive.ReplaceAllString(path.Base(src), "")
			put(path.Join(to, stem, "README"), node{kind: 'f', data: "from " + token, size: 2 * mega, mode: 0o644}, true)
			continue
		}
		if n.kind != 'd' {
			at := to
			if folder || len(list) > 1 || e.fs.isDir(to) {
				at = path.Join(to, path.Base(src))
			}
			put(at, n, c.from == "")
			continue
		}
		real := from.real(src, true)
		parents(parent(to))
		if !e.fs.isDir(to) {
			e.fs.put(to, own(node{kind: 'd', mode: 0o755}, true))
		}
		for _, q := range from.below(real) {
			rel := strings.TrimPrefix(strings.TrimPrefix(q, real), "/")
			if rel == "" || slices.ContainsFunc(c.excludes, func(x string) bool { ok, _ := path.Match(x, rel); return ok }) {
				continue
			}
			put(path.Join(to, rel), from[q], c.from == "")
		}
	}
	return nil
}

// sources are the paths that a source names; what the context or an image does
// not have may be taken to be there.
func (e *executor) sources(from files, src, name string) ([]string, error) {
	if src == "" || from.exist(src) {
		return []string{src}, nil
	}
	if strings.ContainsAny(src, "*?[") {
		var out []string
		for q := range from {
			if ok, _ := path.Match(src, q); ok {
				out = append(out, q)
			}
		}
		slices.Sort(out)
		if len(out) > 0 {
			return out, nil
		}
		src = strings.NewReplacer("*", "x", "?", "x", "[", "", "]", "").Replace(src)
		if from.exist(src) {
			return []string{src}, nil
		}
	}
	key := "context " + src
	if name != "" {
		key = "stage " + name + " " + src
	}
	if e.want(key); !e.assumed[key] {
		return nil, fmt.Errorf("COPY: no %s", src)
	}
	e.event("assumed", key)
	if path.Ext(src) != "" && !strings.HasPrefix(path.Base(src), ".") || regexp.MustCompile(`(?i)(file|license|lock|\.sh|ini|rc)$`).MatchString(src) {
		n := node{kind: 'f', data: "assumed " + src, size: 300_000, mode: 0o644}
		if e.assumed["mode "+path.Base(src)] {
			n.mode = 0o755
		}
		from.put(src, n)
	} else {
		from.put(src+"/data.bin", node{kind: 'f', data: "assumed " + src, size: 2 * mega, mode: 0o644})
		from.put(src+"/main.py", node{kind: 'f', data: "assumed main " + src, size: 3000, mode: 0o644})
		from.put(src+"/run.sh", node{kind: 'f', data: "#!/bin/sh\ntrue\n", size: 20, mode: 0o644})
	}
	return []string{src}, nil
}
