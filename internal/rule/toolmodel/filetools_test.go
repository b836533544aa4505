package toolmodel

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"mvdan.cc/sh/v3/interp"
)

// needs finds what a program works on; something missing may be taken to be there.
func (p *process) needs(name, word string) (string, error) {
	at := p.fs.real(p.abs(word), false)
	if at == "" || p.exists(at) {
		return at, nil
	}
	if p.want("path /" + at); !p.assumed["path /"+at] {
		return "", p.fail(1, "%s: no such file: %s", name, word)
	}
	at = strings.NewReplacer("*", "x", "?", "x", "[", "", "]", "").Replace(at)
	if !p.exists(at) {
		p.assume(at, kindOf(name, at))
	}
	return at, nil
}

// kindOf is what a path most likely is that a program works on.
func kindOf(name, at string) byte {
	if name == "cp" || name == "install" || name == "rm" || name == "tar" || name == "unzip" || archive.MatchString(at) || slices.Contains([]string{".zip", ".gz", ".py", ".sh", ".conf", ".so", ".jar", ".json", ".txt", ".deb"}, path.Ext(at)) {
		return 'f'
	}
	return 'd'
}

func (p *process) busy(at string) bool {
	for target := range p.mounts {
		if under(target, at) {
			return true
		}
	}
	return false
}

// removeTree deletes what is at a path as rm -r does.
func (p *process) removeTree(at string) error {
	at = p.fs.real(at, false)
	if !p.exists(at) {
		return nil
	}
	if p.busy(at) {
		return p.fail(1, "rm: cannot remove %s: device or resource busy", at)
	}
	for _, q := range p.fs.below(at) {
		if err := p.mayChange(q); err != nil {
			return err
		}
	}
	p.fs.remove(at)
	return nil
}

func rm(p *process, _ string, args []string) error {
	opts, rest := options(args)
	force := opts["-f"] != "" || opts["--force"] != ""
	var failed error
	for _, w := range rest {
		at := p.fs.real(p.abs(w), false)
		n, ok := p.fs[at]
		switch {
		case !ok && force:
		case !ok:
			if _, err := p.needs("rm", w); err != nil {
				failed = err
			} else {
				p.fs.remove(at)
			}
		case n.kind == 'd' && opts["-r"] == "" && opts["-R"] == "" && opts["--recursive"] == "":
			failed = p.fail(1, "rm: %s is a directory", w)
		default:
			if err := p.removeTree(at); err != nil {
				failed = err
			}
		}
	}
	return failed
}

func rmdir(p *process, _ string, args []string) error {
	_, rest := options(args)
	for _, w := range rest {
		at, err := p.needs("rmdir", w)
		if err != nil {
			return err
		}
		if len(p.fs.children(at)) > 0 {
			return p.fail(1, "rmdir: %s is not empty", w)
		}
		if err := p.removeTree(at); err != nil {
			return err
		}
	}
	return nil
}

func mv(p *process, _ string, args []string) error {
	opts, rest := options(args, "-t")
	if t := opts["-t"]; t != "" {
		rest = append(rest, t)
	}
	if len(rest) < 2 {
		return p.fail(1, "mv: missing operand")
	}
	dest := p.abs(rest[len(rest)-1])
	isDir := p.fs.isDir(dest)
	if !isDir && (len(rest) > 2 || strings.HasSuffix(rest[len(rest)-1], "/")) {
		if src := p.abs(rest[0]); len(rest) > 2 || !p.fs.isDir(src) {
			p.want("path /" + dest)
			if !p.assumed["path /"+dest] {
				return p.fail(1, "mv: %s is not a directory", dest)
			}
			p.assume(dest, 'd')
			isDir = true
		}
	}
	for _, w := range rest[:len(rest)-1] {
		at, err := p.needs("mv", w)
		if err != nil {
			return err
		}
		to := dest
		if isDir {
			to = path.Join(p.fs.real(dest, true), path.Base(at))
		}
		if at == to || p.busy(at) {
			return p.fail(1, "mv: %s and %s are the same, or it is busy", at, to)
		}
		if err := p.mayChange(at); err != nil {
			return err
		}
		if err := p.parentThere(to); err != nil {
			return err
		}
		if err := p.mayChange(to); err != nil {
			return err
		}
		moved := map[string]node{}
		for _, q := range p.fs.below(at) {
			moved[to+strings.TrimPrefix(q, at)] = p.fs[q]
		}
		p.fs.remove(at)
		if n, ok := moved[to]; ok && n.kind == 'f' && p.exists(to) && p.fs[p.fs.real(to, false)].kind == 'f' {
			p.fs.remove(to)
		}
		for q, n := range moved {
			p.fs.put(q, n)
		}
	}
	return nil
}

func (p *process) parentThere(at string) error {
	if d := parent(at); !p.fs.isDir(d) {
		p.want("path /" + d)
		if !p.assumed["path /"+d] {
			return p.fail(1, "%s: no such directory", d)
		}
		p.assume(d, 'd')
	}
	return nil
}

func cpTool(p *process, _ string, args []string) error {
	opts, rest := options(args, "-t", "--target-directory")
	if t := opts["-t"]; t != "" {
		rest = append(rest, t)
	}
	if len(rest) < 2 {
		return p.fail(1, "cp: missing operand")
	}
	recursive := opts["-r"] != "" || opts["-R"] != "" || opts["-a"] != "" || opts["--recursive"] != "" || opts["--archive"] != ""
	keep := opts["-a"] != "" || opts["-p"] != "" || opts["--archive"] != ""
	return p.copyAll("cp", rest, recursive, keep, 0)
}

// copyAll copies paths to the last one.
func (p *process) copyAll(name string, rest []string, recursive, keep bool, mode uint32) error {
	word := rest[len(rest)-1]
	dest := p.abs(word)
	isDir := p.fs.isDir(dest)
	if !isDir && len(rest) > 2 {
		return p.fail(1, "%s: %s is not a directory", name, word)
	}
	for _, w := range rest[:len(rest)-1] {
		of := name
		if recursive {
			of = "cp -r"
		}
		at, err := p.needs(of, w)
		if err != nil {
			return err
		}
		at = p.fs.real(at, !keep)
		from, _ := p.fs.get(at)
		if from.kind == 'd' && !recursive {
			return p.fail(1, "%s: -r not specified; omitting directory %s", name, w)
		}
		to := dest
		if isDir && !strings.HasSuffix(w, "/.") {
			to = path.Join(p.fs.real(dest, true), path.Base(at))
		} else if isDir {
			to = p.fs.real(dest, true)
		}
		if err := p.parentThere(to); err != nil {
			return err
		}
		for _, q := range p.fs.below(at) {
			n := p.fs[q]
			at2 := clean(to + "/" + strings.TrimPrefix(q, at))
			if !p.may(n, 4) {
				return p.fail(1, "%s: %s: permission denied", name, q)
			}
			if n.kind == 'd' && p.fs.isDir(at2) {
				continue
			}
			if err := p.mayChange(at2); err != nil {
				return err
			}
			if !keep || p.uid != 0 {
				n.uid, n.gid = p.uid, p.gid
			}
			if old, ok := p.fs[at2]; ok && old.kind == 'f' && !keep {
				n.mode, n.uid, n.gid = old.mode, old.uid, old.gid
			}
			if mode != 0 && n.kind == 'f' {
				n.mode = mode
			}
			p.fs.put(at2, n)
		}
	}
	return nil
}

func installTool(p *process, _ string, args []string) error {
	opts, rest := options(args, "-m", "--mode", "-o", "--owner", "-g", "--group", "-t")
	mode := uint32(0o755)
	for _, k := range []string{"-m", "--mode"} {
		if n, err := strconv.ParseUint(opts[k], 8, 32); err == nil {
			mode = uint32(n)
		}
	}
	uid, gid := -1, -1
	if o := opts["-o"]; o != "" {
		uid, _, _, _ = p.account(o)
	}
	if g := opts["-g"]; g != "" {
		gid, _ = p.group(g)
	}
	own := func(at string) {
		n := p.fs[p.fs.real(at, true)]
		n.mode = mode
		if uid >= 0 {
			n.uid = uid
		}
		if gid >= 0 {
			n.gid = gid
		}
		p.fs[p.fs.real(at, true)] = n
	}
	if opts["-d"] != "" {
		for _, w := range rest {
			if err := p.mkdirs(p.abs(w)); err != nil {
				return err
			}
			own(p.abs(w))
		}
		return nil
	}
	if len(rest) < 2 {
		return p.fail(1, "install: missing operand")
	}
	dest := p.abs(rest[len(rest)-1])
	if opts["-D"] != "" {
		if err := p.mkdirs(parent(dest)); err != nil {
			return err
		}
	}
	if err := p.copyAll("install", rest, false, false, mode); err != nil {
		return err
	}
	for _, w := range rest[:len(rest)-1] {
		at := dest
		if p.fs.isDir(dest) {
			at = path.Join(dest, path.Base(w))
		}
		own(at)
	}
	return nil
}

func mkdir(p *process, _ string, args []string) error {
	opts, rest := options(args, "-m", "--mode")
	for _, w := range rest {
		at := p.abs(w)
		if p.fs.isDir(at) {
			if opts["-p"] == "" && opts["--parents"] == "" {
				if p.want("nodir /" + at); !p.assumed["nodir /"+at] {
					return p.fail(1, "mkdir: %s exists", w)
				}
			}
			continue
		}
		if opts["-p"] == "" && opts["--parents"] == "" {
			if err := p.parentThere(at); err != nil {
				return err
			}
		}
		if err := p.mkdirs(at); err != nil {
			return err
		}
		if n, err := strconv.ParseUint(opts["-m"], 8, 32); err == nil {
			d := p.fs[p.fs.real(at, true)]
			d.mode = uint32(n)
			p.fs[p.fs.real(at, true)] = d
		}
	}
	return nil
}

func ln(p *process, _ string, args []string) error {
	opts, rest := options(args)
	if len(rest) == 0 {
		return p.fail(1, "ln: missing operand")
	}
	if len(rest) == 1 {
		rest = append(rest, ".")
	}
	dest := p.abs(rest[len(rest)-1])
	for _, target := range rest[:len(rest)-1] {
		to := dest
		if p.fs.isDir(dest) && (opts["-n"] == "" || p.fs[p.fs.real(dest, false)].kind == 'd') {
			to = path.Join(p.fs.real(dest, true), path.Base(target))
		}
		if p.exists(to) && opts["-f"] == "" {
			if p.want("nofile /" + to); !p.assumed["nofile /"+to] {
				return p.fail(1, "ln: %s exists", to)
			}
		}
		if err := p.parentThere(to); err != nil {
			return err
		}
		if err := p.mayChange(to); err != nil {
			return err
		}
		if opts["-s"] == "" {
			at, err := p.needs("ln", target)
			if err != nil {
				return err
			}
			p.fs.put(to, p.fs[at])
			continue
		}
		p.fs.remove(to)
		p.fs.put(to, node{kind: 'l', data: target, mode: 0o777, uid: p.uid, gid: p.gid})
	}
	return nil
}

// changeMode is a mode after chmod: octal, or clauses such as "u+x,g=rX".
func changeMode(mode uint32, spec string, dir bool) (uint32, bool) {
	if n, err := strconv.ParseUint(spec, 8, 32); err == nil {
		return uint32(n), true
	}
	for clause := range strings.SplitSeq(spec, ",") {
		i := strings.IndexAny(clause, "+-=")
		if i < 0 {
			return mode, false
		}
		who, bits := clause[:i], uint32(0)
		for _, c := range clause[i+1:] {
			switch c {
			case 'r':
				bits |= 4
			case 'w':
				bits |= 2
			case 'x':
				bits |= 1
			case 'X':
				if dir || mode&0o111 != 0 {
					bits |= 1
				}
			case 's', 't':
			default:
				if !unicode.IsLetter(c) {
					return mode, false
				}
			}
		}
		if who == "" || strings.Contains(who, "a") {
			who = "ugo"
		}
		for _, w := range who {
			shift := map[rune]uint32{'u': 6, 'g': 3, 'o': 0}[w]
			switch clause[i] {
			case '+':
				mode |= bits << shift
			case '-':
				mode &^= bits << shift
			default:
				mode = mode&^(7<<shift) | bits<<shift
			}
		}
	}
	return mode, true
}

// each calls a function for the paths of chmod and chown.
func (p *process) each(name string, words []string, recursive bool, do func(n *node)) error {
	for _, w := range words {
		at, err := p.needs(name, w)
		if err != nil {
			return err
		}
		list := []string{p.fs.real(at, true)}
		if recursive {
			list = p.fs.below(p.fs.real(at, true))
		}
		for _, q := range list {
			n, ok := p.fs[q]
			if !ok {
				continue
			}
			if p.uid != 0 && n.uid != p.uid {
				return p.fail(1, "%s: %s: operation not permitted for %d", name, q, p.uid)
			}
			for target, readonly := range p.mounts {
				if readonly && under(q, target) {
					return p.fail(1, "%s: %s: read-only file system", name, q)
				}
			}
			do(&n)
			p.fs[q] = n
		}
	}
	return nil
}

func chmod(p *process, _ string, args []string) error {
	var opts map[string]string
	var rest []string
	for i, a := range args { // "-x" is a mode
		if strings.HasPrefix(a, "-") && strings.ContainsAny(a, "rwx") && !strings.HasPrefix(a, "--") && len(rest) == 0 && !strings.Contains(a, "R") {
			rest = append(rest, a)
			args = slices.Delete(slices.Clone(args), i, i+1)
			break
		}
	}
	var more []string
	opts, more = options(args)
	rest = append(rest, more...)
	if len(rest) < 2 {
		return p.fail(1, "chmod: missing operand")
	}
	bad := false
	err := p.each("chmod", rest[1:], opts["-R"] != "" || opts["--recursive"] != "", func(n *node) {
		if n.kind == 'l' {
			return
		}
		mode, ok := changeMode(n.mode, rest[0], n.kind == 'd')
		n.mode, bad = mode, bad || !ok
	})
	if bad {
		return p.fail(1, "chmod: invalid mode %s", rest[0])
	}
	return err
}

func chown(p *process, name string, args []string) error {
	opts, rest := options(args, "--from", "--reference")
	if len(rest) < 2 {
		return p.fail(1, "%s: missing operand", name)
	}
	user, group, both := strings.Cut(rest[0], ":")
	if i := strings.IndexByte(user, '.'); i > 0 && !both {
		user, group, both = user[:i], user[i+1:], true
	}
	if name == "chgrp" {
		user, group, both = "", rest[0], true
	}
	uid, gid := -1, -1
	if user != "" {
		u, g, _, ok := p.account(user)
		if !ok {
			if p.want("user " + user); !p.assumed["user "+user] {
				return p.fail(1, "chown: invalid user %s", user)
			}
			u, g = 1234, 1234
		}
		uid = u
		if both && group == "" {
			gid = g
		}
	}
	if group != "" {
		g, ok := p.group(group)
		if !ok {
			if p.want("group " + group); !p.assumed["group "+group] {
				return p.fail(1, "chown: invalid group %s", group)
			}
			g = 990
		}
		gid = g
	}
	if p.uid != 0 {
		return p.fail(1, "chown: operation not permitted for %d", p.uid)
	}
	return p.each("chown", rest[1:], opts["-R"] != "" || opts["--recursive"] != "", func(n *node) {
		if uid >= 0 {
			n.uid = uid
		}
		if gid >= 0 {
			n.gid = gid
		}
	})
}

func touch(p *process, _ string, args []string) error {
	_, rest := options(args, "-d", "-t", "-r", "-s")
	for _, w := range rest {
		if !p.exists(p.abs(w)) {
			if err := p.write(p.abs(w), "", 0, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// findTool is find: its tests and actions as a small language.
func findTool(p *process, _ string, args []string) error {
	i := 0
	for i < len(args) && (args[i] == "-L" || args[i] == "-H" || args[i] == "-P") {
		i++
	}
	var roots []string
	for ; i < len(args) && !strings.HasPrefix(args[i], "-") && args[i] != "(" && args[i] != "!"; i++ {
		roots = append(roots, args[i])
	}
	if len(roots) == 0 {
		roots = []string{"."}
	}
	e := &findExpr{p: p, words: args[i:]}
	e.depth = slices.Contains(e.words, "-depth") || slices.Contains(e.words, "-delete")
	e.acts = slices.ContainsFunc(e.words, func(w string) bool {
		return w == "-delete" || w == "-exec" || w == "-execdir" || w == "-print" || w == "-print0" || w == "-ls"
	})
	for _, w := range roots {
		at := p.fs.real(p.abs(w), true)
		if at != "" && !p.exists(at) {
			p.want("path /" + at)
			if !p.assumed["path /"+at] {
				e.failed = p.fail(1, "find: %s: no such file", w)
				continue
			}
			p.assume(at, 'd')
		}
		e.root, e.word = at, w
		e.walk(at, 0)
	}
	e.flush()
	return e.failed
}

type findExpr struct {
	p           *process
	words       []string
	depth, acts bool
	root, word  string
	pruned      bool
	batch       map[string][]string
	order       []string
	failed      error
}

func (e *findExpr) name(at string) string {
	rest := strings.TrimPrefix(strings.TrimPrefix(at, e.root), "/")
	if rest == "" {
		return e.word
	}
	return strings.TrimSuffix(e.word, "/") + "/" + rest
}

func (e *findExpr) walk(at string, level int) {
	n, ok := e.p.fs[at]
	if at == "" {
		n, ok = node{kind: 'd'}, true
	}
	if !ok {
		return
	}
	e.pruned = false
	limit, least := 1000, 0
	for i, w := range e.words {
		if i+1 < len(e.words) && w == "-maxdepth" {
			limit, _ = strconv.Atoi(e.words[i+1])
		}
		if i+1 < len(e.words) && w == "-mindepth" {
			least, _ = strconv.Atoi(e.words[i+1])
		}
	}
	if level > limit {
		return
	}
	visit := func() {
		if level < least {
			return
		}
		rest := e.words
		if e.or(&rest, at, n, true) && !e.acts {
			e.p.printf("%s\n", e.name(at))
		}
	}
	if !e.depth {
		visit()
		if e.pruned {
			return
		}
	}
	if n.kind == 'd' {
		for _, c := range e.p.fs.children(at) {
			e.walk(path.Join(at, c), level+1)
		}
	}
	if e.depth {
		visit()
	}
}

func (e *findExpr) or(words *[]string, at string, n node, live bool) bool {
	got := e.and(words, at, n, live)
	for len(*words) > 0 && ((*words)[0] == "-o" || (*words)[0] == "-or") {
		*words = (*words)[1:]
		right := e.and(words, at, n, live && !got)
		got = got || right
	}
	return got
}

func (e *findExpr) and(words *[]string, at string, n node, live bool) bool {
	got := true
	for len(*words) > 0 && (*words)[0] != "-o" && (*words)[0] != "-or" && (*words)[0] != ")" {
		if (*words)[0] == "-a" || (*words)[0] == "-and" {
			*words = (*words)[1:]
			continue
		}
		one := e.one(words, at, n, live && got)
		got = got && one
	}
	return got
}

func (e *findExpr) one(words *[]string, at string, n node, live bool) bool {
	w := (*words)[0]
	*words = (*words)[1:]
	arg := func() string {
		if len(*words) == 0 {
			return ""
		}
		a := (*words)[0]
		*words = (*words)[1:]
		return a
	}
	match := func(pattern, text string) bool {
		ok, _ := path.Match(pattern, text)
		return ok
	}
	switch w {
	case "(":
		got := e.or(words, at, n, live)
		arg()
		return got
	case "!", "-not":
		return !e.one(words, at, n, live)
	case "-name":
		return match(arg(), path.Base(e.name(at)))
	case "-iname":
		return match(strings.ToLower(arg()), strings.ToLower(path.Base(at)))
	case "-path", "-wholename", "-ipath":
		return wild(arg(), e.name(at))
	case "-type":
		return strings.ContainsRune(arg(), rune(n.kind))
	case "-perm", "-size", "-mtime", "-newer", "-user", "-group", "-maxdepth", "-mindepth", "-regextype", "-links", "-mmin", "-atime", "-fstype":
		arg()
		return true
	case "-regex", "-iregex":
		arg()
		return true
	case "-executable":
		return n.mode&0o111 != 0
	case "-empty":
		return n.kind == 'f' && n.size == 0 || n.kind == 'd' && len(e.p.fs.children(at)) == 0
	case "-prune":
		e.pruned = e.pruned || live
		return true
	case "-print", "-print0", "-ls":
		if live {
			e.p.printf("%s\n", e.name(at))
		}
		return true
	case "-delete":
		if live && n.kind == 'd' && len(e.p.fs.children(at)) > 0 {
			e.failed = e.p.fail(1, "find: cannot delete %s: directory not empty", at)
			return false
		}
		if live && at != e.root {
			if err := e.p.removeTree(at); err != nil {
				e.failed = err
			}
		}
		return true
	case "-exec", "-execdir", "-ok":
		var command []string
		end := ""
		for len(*words) > 0 {
			if a := arg(); a == ";" || a == "+" && len(command) > 0 && command[len(command)-1] == "{}" {
				end = a
				break
			} else {
				command = append(command, a)
			}
		}
		if !live {
			return true
		}
		if end == "+" {
			key := strings.Join(command, "\x00")
			if e.batch == nil {
				e.batch = map[string][]string{}
			}
			if e.batch[key] == nil {
				e.order = append(e.order, key)
			}
			e.batch[key] = append(e.batch[key], e.name(at))
			return true
		}
		for i := range command {
			command[i] = strings.ReplaceAll(command[i], "{}", e.name(at))
		}
		return e.p.run(command) == nil
	}
	return true
}

func (e *findExpr) flush() {
	for _, key := range e.order {
		command := strings.Split(key, "\x00")
		if err := e.p.run(append(command[:len(command)-1], e.batch[key]...)); err != nil {
			e.failed = err
		}
	}
}

// wild matches a pattern whose asterisk matches slashes, too.
func wild(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if !strings.HasPrefix(text, parts[0]) {
		return false
	}
	text = text[len(parts[0]):]
	for i, part := range parts[1:] {
		if i == len(parts)-2 {
			return strings.HasSuffix(text, part)
		}
		k := strings.Index(text, part)
		if k < 0 {
			return false
		}
		text = text[k+len(part):]
	}
	return text == ""
}

func xargs(p *process, _ string, args []string) error {
	i, replace := 0, ""
	empty := true
	for i < len(args) && strings.HasPrefix(args[i], "-") {
		switch a := args[i]; {
		case a == "-I" && i+1 < len(args):
			replace = args[i+1]
			i++
		case a == "-n" || a == "-P" || a == "-d" || a == "-L" || a == "-a":
			i++
		case strings.Contains(a, "r") || a == "--no-run-if-empty":
			empty = false
		}
		i++
	}
	if i >= len(args) {
		return nil
	}
	words := strings.Fields(p.stdin())
	if len(words) == 0 && !empty {
		return nil
	}
	p.in = nil
	if replace == "" {
		return p.run(append(slices.Clone(args[i:]), words...))
	}
	for _, w := range words {
		var c []string
		for _, a := range args[i:] {
			c = append(c, strings.ReplaceAll(a, replace, w))
		}
		if err := p.run(c); err != nil {
			return err
		}
	}
	return nil
}

func cat(p *process, name string, args []string) error {
	if name == "dd" {
		for _, a := range args {
			if at, ok := strings.CutPrefix(a, "of="); ok {
				return p.write(p.abs(at), cmpOr(p.stdin(), "<dd>"), mega, 0o644)
			}
		}
		return nil
	}
	_, rest := options(args)
	if len(rest) == 0 || rest[0] == "-" {
		p.printf("%s", p.stdin())
		return nil
	}
	for _, f := range rest {
		at := p.abs(f)
		n, ok := p.fs.get(at)
		if !ok {
			if under(at, "etc") || under(at, "proc") || under(at, "sys") || under(at, "run/secrets") {
				continue
			}
			if _, err := p.needs("cat", f); err != nil {
				return err
			}
		}
		p.printf("%s", n.data)
	}
	return nil
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func tee(p *process, _ string, args []string) error {
	opts, rest := options(args)
	text := p.stdin()
	for _, f := range rest {
		at := p.abs(f)
		if under(at, "dev") {
			continue
		}
		data := text
		if n, ok := p.fs.get(at); ok && opts["-a"] != "" {
			data = n.data + text
		}
		if err := p.write(at, data, size(data), 0o644); err != nil {
			return err
		}
	}
	p.printf("%s", text)
	return nil
}

func sed(p *process, _ string, args []string) error {
	opts, rest := options(args, "-e", "-f", "--expression")
	inplace := opts["-i"] != "" || opts["--in-place"] != ""
	for k := range opts {
		inplace = inplace || strings.HasPrefix(k, "-i") && !strings.HasPrefix(k, "--")
	}
	script := cmpOr(opts["-e"], opts["--expression"])
	if script == "" && len(rest) > 0 {
		script, rest = rest[0], rest[1:]
	}
	if !inplace {
		return filter(p, "cat", rest)
	}
	for _, f := range rest {
		at := p.fs.real(p.abs(f), true)
		n, ok := p.fs[at]
		if !ok {
			if p.want("path /" + at); !p.assumed["path /"+at] {
				return p.fail(2, "sed: %s: no such file", f)
			}
			p.assume(at, 'f')
			n = p.fs[at]
		}
		if err := p.mayChange(at); err != nil {
			return err
		}
		if at == "etc/apt/sources.list" || at == "etc/apk/repositories" {
			n.data += "# " + sum(script) + "\n"
		} else {
			n.data = "<edited " + sum(n.data, script) + ">"
		}
		p.fs[at] = n
	}
	return nil
}

func ls(p *process, _ string, args []string) error {
	_, rest := options(args, "-I")
	if len(rest) == 0 {
		rest = []string{"."}
	}
	for _, w := range rest {
		at := p.fs.real(p.abs(w), true)
		if at != "" && !p.exists(at) {
			if p.want("path /" + at); !p.assumed["path /"+at] {
				return p.fail(2, "ls: %s: no such file", w)
			}
		}
		if p.fs.isDir(at) {
			for _, c := range p.fs.children(at) {
				p.printf("%s\n", c)
			}
		} else {
			p.printf("%s\n", w)
		}
	}
	return nil
}

// decompressor says which program a compressed file needs.
func decompressor(text string) string {
	text = strings.TrimRight(text, ">\n")
	switch {
	case strings.HasSuffix(text, ".bz2") || strings.HasSuffix(text, ".tbz"):
		return "bzip2"
	case strings.HasSuffix(text, ".xz") || strings.HasSuffix(text, ".txz"):
		return "xz"
	}
	return ""
}

// extract unpacks an archive, which is known by its identity.
func (p *process) extract(data, name, dir string, strip bool) error {
	stem := path.Base(name)
	for _, ext := range []string{".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".zip", ".tar", ".gz", ".xz", ".bz2"} {
		stem = strings.TrimSuffix(stem, ext)
	}
	root := p.abs(dir)
	if !p.fs.isDir(root) {
		if p.want("path /" + root); !p.assumed["path /"+root] {
			return p.fail(2, "tar: %s: cannot open: no such directory", dir)
		}
		p.assume(root, 'd')
	}
	if err := p.mayChange(path.Join(root, stem)); err != nil {
		return err
	}
	if !strip {
		root = path.Join(root, stem)
	}
	token := sum(data)
	for at, n := range map[string]node{"bin/" + stem: {kind: 'f', size: 3 * mega, mode: 0o755}, "README": {kind: 'f', size: 5000, mode: 0o644}, "share/doc/manual": {kind: 'f', size: 2 * mega, mode: 0o644}} {
		n.data = "from " + token + " " + at
		n.uid, n.gid = p.uid, p.gid
		p.fs.put(path.Join(root, at), n)
	}
	return nil
}

func tarTool(p *process, name string, args []string) error {
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		args = append([]string{"-" + args[0]}, args[1:]...)
	}
	opts, rest := options(args, "-f", "--file", "-C", "--directory", "--exclude", "-I", "--strip-components")
	at := cmpOr(opts["-f"], opts["--file"])
	if opts["-c"] != "" || opts["--create"] != "" {
		token := ""
		for _, w := range rest {
			token += p.fs.identity(p.abs(path.Join(opts["-C"], w)))
		}
		if at == "" || at == "-" || at == "yes" {
			p.printf("<tar %s>", sum(token))
			return nil
		}
		return p.write(p.abs(at), "<tar "+sum(token)+">", mega, 0o644)
	}
	data, stem := "", at
	if at == "" || at == "-" || at == "yes" {
		data = p.stdin()
		stem = strings.TrimRight(data, ">\n")
		if data == "" {
			return p.fail(2, "tar: this does not look like a tar archive")
		}
	} else {
		real, err := p.needs("tar", at)
		if err != nil {
			return err
		}
		data = p.fs[p.fs.real(real, true)].data
	}
	need := decompressor(cmpOr(decompressor(stem)+"", ""))
	for _, text := range []string{stem, data} {
		if d := decompressor(text); d != "" {
			need = d
		}
	}
	if opts["-j"] != "" {
		need = "bzip2"
	}
	if opts["-J"] != "" {
		need = "xz"
	}
	if need != "" {
		if _, err := p.find(need); err != nil {
			return err
		}
	}
	if opts["-t"] != "" {
		return nil
	}
	_, long := opts["--strip-components"]
	_, short := opts["--strip"]
	return p.extract(data, stem, cmpOr(cmpOr(opts["-C"], opts["--directory"]), "."), long || short)
}

func unzip(p *process, _ string, args []string) error {
	opts, rest := options(args, "-d", "-x")
	if len(rest) == 0 {
		return p.fail(10, "unzip: no archive")
	}
	at, err := p.needs("unzip", rest[0])
	if err != nil {
		return err
	}
	dir := cmpOr(opts["-d"], ".")
	if err := p.mkdirs(p.abs(dir)); err != nil {
		return err
	}
	return p.extract(p.fs[at].data, rest[0], dir, false)
}

func gunzip(p *process, name string, args []string) error {
	opts, rest := options(args)
	for _, w := range rest {
		at, err := p.needs(name, w)
		if err != nil {
			return err
		}
		n := p.fs[at]
		if opts["-c"] != "" {
			p.printf("<%s>", sum(n.data))
			continue
		}
		if err := p.removeTree(at); err != nil {
			return err
		}
		if err := p.write(strings.TrimSuffix(at, path.Ext(at)), "<"+sum(n.data)+">", 2*n.size, 0o644); err != nil {
			return err
		}
	}
	if len(rest) == 0 {
		if text := p.stdin(); text != "" {
			p.printf("<%s>", sum(text))
		} else {
			return interp.ExitStatus(1)
		}
	}
	return nil
}
