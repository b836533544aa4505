package toolmodel

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/interp"
)

// call sees every simple command before it runs, builtins too.
func (p *process) call(args []string) ([]string, error) {
	p.Lock()
	defer p.Unlock()
	switch args[0] {
	case "command", "type", "hash":
		rest := args[1:]
		if args[0] == "command" && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
			return rest, nil
		}
		rest = slices.DeleteFunc(slices.Clone(rest), func(w string) bool { return strings.HasPrefix(w, "-") })
		return append([]string{"which"}, rest...), nil
	case ".", "source":
		if len(args) < 2 {
			return args, nil
		}
		at := p.abs(args[1])
		if dir, ok := strings.CutSuffix(at, "/bin/activate"); ok && p.exists(dir+"/pyvenv.cfg") {
			return []string{"eval", "export VIRTUAL_ENV=/" + dir + " PATH=/" + dir + "/bin:$PATH"}, nil
		}
		if n, ok := p.fs.get(at); ok {
			if strings.HasPrefix(n.data, "assumed") {
				return []string{":"}, nil
			}
			return []string{"eval", n.data}, nil
		}
		if p.want("path /" + at); p.assumed["path /"+at] {
			p.assume(at, 'f')
			return []string{":"}, nil
		}
		return []string{"exit", "2"}, nil
	case "exec":
		if len(args) > 1 {
			return args[1:], nil
		}
	case "cd":
		if len(args) > 1 {
			if at := p.abs(args[len(args)-1]); !p.fs.isDir(at) {
				p.want("path /" + at)
			}
		}
	case "wait", "ulimit", "trap", "umask", "unalias", "kill", "times", "fc", "jobs":
		return []string{":"}, nil
	}
	return args, nil
}

var assignment = regexp.MustCompile(`^[A-Za-z_]\w*=`)

// run runs a program.
func (p *process) run(args []string) error {
	for {
		rest, err := p.unwrap(args)
		if err != nil || rest == nil {
			return err
		}
		if slices.Equal(rest, args) {
			break
		}
		args = rest
	}
	name := path.Base(args[0])
	at, err := p.find(args[0])
	if err != nil {
		return err
	}
	if f, ok := p.fs.get(at); ok && at != "" {
		if !p.may(f, 1) {
			p.want("mode " + path.Base(at))
			return p.fail(126, "%s: permission denied", args[0])
		}
		if strings.HasPrefix(f.data, "#!") && strings.Contains(strings.SplitN(f.data, "\n", 2)[0], "sh") {
			return p.sub(f.data, strings.Contains(strings.SplitN(f.data, "\n", 2)[0], "bash"), nil, args[1:], p.userName())
		}
	}
	if do, ok := tools[name]; ok {
		return do(p, name, args[1:])
	}
	if pythonName.MatchString(name) {
		return pythonTool(p, at, args[1:])
	}
	if strings.HasPrefix(name, "pip") && pipName.MatchString(name) {
		return pip(p, at, args[1:])
	}
	return p.other(name, args[1:])
}

func (p *process) userName() string { return strconv.Itoa(p.uid) + ":" + strconv.Itoa(p.gid) }

// find finds a program; empty says that the base is taken to have it.
func (p *process) find(word string) (string, error) {
	if strings.Contains(word, "/") {
		at := p.fs.real(p.abs(word), true)
		if _, ok := p.fs[at]; ok {
			return at, nil
		}
		dir := path.Dir("/" + at)
		if strings.HasSuffix(dir, "bin") && (strings.HasPrefix(dir, "/usr") || dir == "/bin" || dir == "/sbin" || strings.HasPrefix(dir, "/opt")) && packagedPrograms[path.Base(at)] == "" {
			return "", nil
		}
		if key := "path /" + at; !p.assumed[key] {
			p.want(key)
			return "", p.fail(127, "%s: not found", word)
		}
		p.assume(at, 'f')
		return at, nil
	}
	for dir := range strings.SplitSeq(cmp.Or(p.env["PATH"], defaultPath), ":") {
		at := p.fs.real(path.Join(dir, word), true)
		if n, ok := p.fs[at]; ok && n.kind == 'f' {
			return at, nil
		}
	}
	key := "program " + word
	if packagedPrograms[word] != "" && !p.assumed[key] && !(p.full && p.family != "none") && !busybox(p.family, word) {
		p.want(key)
		return "", p.fail(127, "%s: command not found", word)
	}
	return "", nil
}

// busybox says that a family's base has a program without its package.
func busybox(family, word string) bool {
	switch family {
	case "alpine":
		return slices.Contains([]string{"wget", "unzip", "bzip2", "bunzip2", "less", "patch", "ps", "top", "free", "pgrep", "ping", "ip", "crontab", "xz", "unxz", "openssl"}, word)
	case "rpm":
		return slices.Contains([]string{"xz", "bzip2", "ps", "free", "python3"}, word)
	}
	return false
}

// unwrap takes a program off that runs another; nil says that all is done.
func (p *process) unwrap(args []string) ([]string, error) {
	name := path.Base(args[0])
	skip := func(takes string) int {
		i := 1
		for i < len(args) && strings.HasPrefix(args[i], "-") {
			if len(args[i]) == 2 && strings.Contains(takes, args[i][1:]) {
				i++
			}
			i++
		}
		return min(i, len(args))
	}
	i := 0
	switch name {
	case "sudo":
		if _, err := p.find(args[0]); err != nil {
			return nil, err
		}
		p.uid, p.gid = 0, 0
		if k := slices.Index(args, "-u"); k > 0 && k+1 < len(args) {
			p.uid, p.gid, _, _ = p.account(args[k+1])
		}
		i = skip("ugC")
	case "env":
		i = skip("uC")
	case "time", "nohup", "command", "chronic", "eatmydata", "stdbuf", "ionice", "setarch", "linux32", "linux64":
		i = skip("")
	case "nice":
		i = skip("n")
	case "timeout":
		i = min(skip("ks")+1, len(args))
	case "xvfb-run":
		if _, err := p.find(args[0]); err != nil {
			return nil, err
		}
		if _, err := p.find("xauth"); err != nil {
			return nil, p.fail(3, "xvfb-run: error: xauth command not found")
		}
		i = skip("nesfp")
	case "gosu", "su-exec", "chpst", "setuser":
		if len(args) < 3 {
			return nil, nil
		}
		uid, gid, home, ok := p.account(args[1])
		if !ok {
			return nil, p.fail(1, "%s: no user %s", name, args[1])
		}
		p.uid, p.gid, p.home = uid, gid, home
		i = 2
	case "su", "runuser":
		return nil, p.su(args[1:])
	case "exec":
		i = 1
	default:
		return args, nil
	}
	for i < len(args) && assignment.MatchString(args[i]) {
		k, v, _ := strings.Cut(args[i], "=")
		p.env[k] = v
		i++
	}
	if i >= len(args) {
		return nil, nil
	}
	return args[i:], nil
}

func (p *process) su(args []string) error {
	user, text := "root", ""
	for i := 0; i < len(args); i++ {
		switch w := args[i]; {
		case w == "-c" && i+1 < len(args):
			text = args[i+1]
			i++
		case w == "-s" || w == "-g" || w == "-u":
			i++
		case strings.HasPrefix(w, "-"):
		default:
			user = w
		}
	}
	if _, _, _, ok := p.account(user); !ok {
		p.want("user " + user)
		return p.fail(1, "su: no user %s", user)
	}
	delete(p.env, "HOME")
	return p.sub(text, true, nil, nil, user)
}

// other is a program that the model does not know: it sees its words, the files
// that they name, and if it builds, the folder it is in and the compilers.
func (p *process) other(name string, args []string) error {
	seen := []string{name}
	for _, a := range args {
		seen = append(seen, a)
		at := p.abs(strings.TrimPrefix(a[strings.LastIndexByte(a, '=')+1:], "@"))
		if n, ok := p.fs.get(at); ok && at != "" && at != p.abs("") && parent(at) != "" || ok && n.kind == 'f' {
			seen = append(seen, p.fs.identity(at))
		}
	}
	if builders.MatchString(name) {
		if p.dir != "/" && !under(clean(p.dir), "root") {
			seen = append(seen, p.fs.identity(p.dir))
		}
		tools := p.toolchain()
		if name == "make" || strings.HasSuffix(name, "cc") || strings.HasSuffix(name, "++") { // a Makefile names what it unpacks with
			tools = strings.Join(strings.Fields(strings.ReplaceAll(tools, "unzip", "")), " ")
		}
		seen = append(seen, tools)
	}
	token := sum(seen...)
	p.event(name, strings.Join(args, " "), token)
	if builders.MatchString(name) && p.dir != "/" && p.fs.isDir(p.dir) {
		if n, _ := p.fs.get(p.dir); p.may(n, 2) && !p.readonly(p.abs("")) {
			return p.write(p.abs("built-by-"+path.Base(name)), "built "+token, 2*mega, 0o644)
		}
	}
	for i, a := range args {
		if a == "-o" && i+1 < len(args) && name != "curl" {
			return p.writeAll(p.abs(args[i+1]), "made "+token, 2*mega)
		}
	}
	return nil
}

func (p *process) readonly(at string) bool {
	for target, readonly := range p.mounts {
		if readonly && under(at, target) {
			return true
		}
	}
	return false
}

var builders = regexp.MustCompile(`^(make|cmake|configure|ninja|meson|cargo|go|mvn|mvnw|gradle|gradlew|gcc|g\+\+|cc|rake|bundle|composer|dotnet|gem|phpize|autogen\.sh|bootstrap|build\.sh|setup\.py|waf|scons|bazel|ant|sbt|stack|cabal|swift|R|Rscript|install\.sh)$`)

// toolchain says which compilers there are.
func (p *process) toolchain() string {
	var out []string
	for _, prog := range []string{"gcc", "g++", "make", "git", "pkg-config", "unzip"} {
		for _, dir := range []string{"usr/bin/", "usr/local/bin/"} {
			if _, ok := p.fs[dir+prog]; ok {
				out = append(out, prog)
				break
			}
		}
	}
	for _, lib := range []string{"usr/include/libc6-dev.h", "usr/include/musl-dev.h"} {
		if _, ok := p.fs[lib]; ok {
			out = append(out, "headers")
		}
	}
	return strings.Join(out, " ")
}

// options splits words; takes are the options with a value in the next word.
func options(args []string, takes ...string) (opts map[string]string, rest []string) {
	opts = map[string]string{}
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "--":
			return opts, append(rest, args[i+1:]...)
		case a == "-" || !strings.HasPrefix(a, "-"):
			rest = append(rest, a)
		case slices.Contains(takes, a):
			if i+1 < len(args) {
				opts[a] = args[i+1]
			}
			i++
		case strings.HasPrefix(a, "--"):
			k, v, _ := strings.Cut(a, "=")
			opts[k] = cmp.Or(v, "yes")
		default:
			opts[a] = "yes"
			for _, c := range a[1:] {
				if opts["-"+string(c)] == "" {
					opts["-"+string(c)] = "yes"
				}
			}
			// An option in a cluster may take the next word: "-xzf FILE".
			if last := "-" + a[len(a)-1:]; len(a) > 2 && slices.Contains(takes, last) && i+1 < len(args) && !slices.ContainsFunc(takes, func(t string) bool { return len(t) == 2 && strings.HasPrefix(a, t) }) {
				opts[last] = args[i+1]
				i++
			} else {
				for _, t := range takes { // "-C/dir", "-ofile"
					if len(t) == 2 && strings.HasPrefix(a, t) && len(a) > 2 {
						opts[t] = a[2:]
					}
				}
			}
		}
	}
	return opts, rest
}

// tools are the programs that the model knows, by name.
var tools map[string]func(p *process, name string, args []string) error

func init() {
	tools = map[string]func(*process, string, []string) error{
		"rm": rm, "rmdir": rmdir, "mv": mv, "cp": cpTool, "install": installTool, "mkdir": mkdir, "ln": ln, "chmod": chmod, "chown": chown, "chgrp": chown, "touch": touch, "find": findTool,
		"xargs": xargs, "cat": cat, "tee": tee, "sed": sed, "ls": ls, "tar": tarTool, "bsdtar": tarTool, "unzip": unzip, "gunzip": gunzip, "bunzip2": gunzip, "unxz": gunzip, "dd": cat, "truncate": touch,
		"which": which, "sh": shell, "bash": shell, "dash": shell, "ash": shell, "zsh": shell, "ksh": shell,
		"id": ident, "whoami": ident, "getent": getent, "useradd": useradd, "adduser": useradd, "groupadd": groupadd, "addgroup": groupadd, "usermod": usermod, "groupmod": nothing, "passwd": nothing, "chpasswd": drain, "deluser": nothing, "userdel": nothing,
		"apt-get": apt, "apt": apt, "aptitude": apt, "apt-mark": aptMark, "dpkg": dpkg, "apt-key": aptKey, "add-apt-repository": addRepository, "apt-add-repository": addRepository, "apt-cache": aptCache, "gdebi": gdebi,
		"update-ca-certificates": updateCerts, "update-alternatives": nothing, "ldconfig": nothing, "apk": apk, "yum": yum, "dnf": yum, "microdnf": yum, "tdnf": yum, "dnf5": yum, "zypper": yum, "pacman": pacman, "yum-config-manager": nothing, "rpm": rpm,
		"curl": curl, "wget": wget, "git": git, "ssh-keyscan": keyscan, "ssh": remote, "scp": remote, "rsync": nothing, "gpg": gpg, "gpg2": gpg,
		"npm": npm, "yarn": yarn, "pnpm": npm, "uv": uv, "poetry": poetry, "pipenv": poetry, "pdm": poetry, "conda": conda, "mamba": conda, "micromamba": conda, "virtualenv": venv,
		"uname": echoed("Linux x86_64"), "nproc": echoed("2"), "date": echoed("20240101"), "hostname": echoed("host"), "arch": echoed("x86_64"), "lsb_release": echoed("bookworm"), "dirname": dirname, "basename": basename, "mktemp": mktemp, "realpath": realpath, "readlink": realpath,
		"grep": grep, "egrep": grep, "awk": filter, "gawk": filter, "sort": filter, "head": filter, "tail": filter, "cut": filter, "tr": filter, "uniq": filter, "wc": filter, "jq": filter, "sha256sum": checksum, "sha512sum": checksum, "sha1sum": checksum, "md5sum": checksum, "yes": echoed("y"), "seq": echoed("1"),
		"sleep": nothing, "sync": nothing, "expr": echoed("1"), "env": nothing, "printenv": nothing, "locale-gen": nothing, "dpkg-reconfigure": nothing, "debconf-set-selections": drain, "echo": nothing, "dpkg-query": aptCache, "dpkg-divert": nothing, "rc-update": nothing, "service": nothing, "systemctl": nothing, "stat": nothing, "du": nothing, "df": nothing, "file": nothing, "strip": nothing, "ldd": filter, "scanelf": filter,
	}
}

func nothing(*process, string, []string) error     { return nil }
func drain(p *process, _ string, _ []string) error { p.stdin(); return nil }
func echoed(text string) func(*process, string, []string) error {
	return func(p *process, _ string, _ []string) error { p.printf("%s\n", text); return nil }
}
func dirname(p *process, _ string, args []string) error {
	if len(args) > 0 {
		p.printf("%s\n", path.Dir(args[0]))
	}
	return nil
}
func basename(p *process, _ string, args []string) error {
	if len(args) > 0 {
		b := path.Base(args[0])
		if len(args) > 1 {
			b = strings.TrimSuffix(b, args[1])
		}
		p.printf("%s\n", b)
	}
	return nil
}
func realpath(p *process, _ string, args []string) error {
	if len(args) > 0 {
		p.printf("/%s\n", p.fs.real(p.abs(args[len(args)-1]), true))
	}
	return nil
}
func mktemp(p *process, _ string, args []string) error {
	at := "tmp/tmp." + sum(p.userName(), strconv.Itoa(len(p.fs.children("tmp"))))[:6]
	p.printf("/%s\n", at)
	if slices.Contains(args, "-d") || slices.Contains(args, "--directory") {
		p.fs.put(at, node{kind: 'd', mode: 0o700, uid: p.uid, gid: p.gid})
		return nil
	}
	return p.write(at, "", 0, 0o600)
}

// filter passes its input on; a file that it names is missed.
func filter(p *process, name string, args []string) error {
	_, rest := options(args, "-n", "-c", "-d", "-f", "-F", "-k", "-t", "-v", "-e", "--delimiter")
	if name == "awk" || name == "gawk" || name == "jq" || name == "tr" {
		rest = rest[min(1, len(rest)):]
	}
	if name == "tr" || name == "jq" || name == "ldd" || name == "scanelf" {
		rest = nil
	}
	read := false
	for _, f := range rest {
		n, ok := p.fs.get(p.abs(f))
		if ok && n.kind == 'f' {
			p.printf("%s", n.data)
			read = true
		}
	}
	if !read {
		p.printf("%s", p.stdin())
	}
	return nil
}

// grep finds what it is asked for, unless the file shows that it is not there.
func grep(p *process, _ string, args []string) error {
	opts, rest := options(args, "-e", "-m", "-A", "-B")
	if len(rest) == 0 {
		p.stdin()
		return nil
	}
	pattern := rest[0]
	text, known := "", false
	for _, f := range rest[1:] {
		if n, ok := p.fs.get(p.abs(f)); ok {
			text, known = text+n.data, true
		}
	}
	if len(rest) == 1 {
		text, known = p.stdin(), true
	}
	found := strings.Contains(text, strings.Trim(pattern, "^$"))
	if opts["-v"] != "" {
		found = !found
	}
	if known && strings.HasPrefix(text, "<") {
		found = true // a download has what is looked for
	}
	if opts["-q"] == "" {
		p.printf("%s\n", strings.SplitN(text, "\n", 2)[0])
	}
	if !found && len(rest) > 1 {
		return interp.ExitStatus(1)
	}
	return nil
}

func checksum(p *process, _ string, args []string) error {
	if slices.Contains(args, "-c") || slices.Contains(args, "--check") {
		for line := range strings.Lines(p.stdin()) {
			if w := strings.Fields(line); len(w) > 1 {
				if at := p.abs(strings.TrimPrefix(w[len(w)-1], "*")); !p.exists(at) && w[len(w)-1] != "-" {
					p.want("path /" + at)
					if !p.assumed["path /"+at] {
						return p.fail(1, "checksum: no %s", at)
					}
				}
			}
		}
	}
	return nil
}

func which(p *process, _ string, args []string) error {
	status := error(nil)
	for _, a := range args {
		if strings.HasPrefix(a, "-") {
			continue
		}
		wants := len(p.wants)
		at, err := p.find(a)
		p.wants = p.wants[:wants] // only asking is no failure
		if err != nil {
			status = interp.ExitStatus(1)
			continue
		}
		p.printf("/%s\n", cmp.Or(at, "usr/bin/"+a))
	}
	return status
}

func shell(p *process, name string, args []string) error {
	var opts []string
	for len(args) > 0 && (strings.HasPrefix(args[0], "-") || strings.HasPrefix(args[0], "+")) && args[0] != "-" {
		a := args[0]
		args = args[1:]
		if strings.HasPrefix(a, "--") {
			continue
		}
		command := strings.Contains(a, "c")
		for _, c := range a[1:] {
			if strings.ContainsRune("eux", c) {
				opts = append(opts, "-"+string(c))
			}
		}
		if strings.HasSuffix(a, "o") && len(args) > 0 {
			if args[0] == "pipefail" {
				opts = append(opts, "-o", "pipefail")
			}
			args = args[1:]
		}
		if a == "-s" {
			args = nil
		}
		if command && len(args) > 0 {
			return p.sub(args[0], name == "bash", opts, args[min(2, len(args)):], p.userName())
		}
	}
	if len(args) == 0 || args[0] == "-" {
		return p.downloaded(p.stdin(), name, args)
	}
	at := p.abs(args[0])
	n, ok := p.fs.get(at)
	if !ok {
		if p.want("path /" + at); !p.assumed["path /"+at] {
			return p.fail(127, "%s: no such file", args[0])
		}
		p.assume(at, 'f')
		n = p.fs[at]
	}
	if strings.HasPrefix(n.data, "<") || strings.HasPrefix(n.data, "assumed") || strings.HasPrefix(n.data, "made") || strings.HasPrefix(n.data, "deb ") {
		return p.downloaded(n.data, name, args[1:])
	}
	return p.sub(n.data, name == "bash", opts, args[1:], p.userName())
}

// downloaded runs a script that is only known by its address: it does its work
// as the user, and adds the repository that it is for.
func (p *process) downloaded(text, by string, args []string) error {
	if text == "" {
		return nil // an empty script does nothing, and does not fail
	}
	if !strings.HasPrefix(text, "<") && !strings.HasPrefix(text, "assumed") && !strings.HasPrefix(text, "made") && !strings.HasPrefix(text, "deb ") {
		return p.sub(text, by == "bash", nil, nil, p.userName())
	}
	token := sum(text)
	p.event("script", by, text, strings.Join(args, " "), strconv.Itoa(p.uid))
	if p.uid == 0 && p.family == "debian" && regexp.MustCompile(`nodesource|get\.docker|packagecloud|setup`).MatchString(text) {
		p.fs.text("etc/apt/sources.list.d/"+token+".list", "deb https://"+token+".example stable main\n")
		return apt(p, "apt-get", []string{"update"})
	}
	home := clean(p.home)
	if p.uid == 0 {
		return p.writeAll("usr/local/bin/installed-"+token, "made "+token, mega)
	}
	return p.writeAll(home+"/installed-"+token, "made "+token, mega)
}

func ident(p *process, name string, args []string) error {
	if slices.Contains(args, "-u") {
		for _, a := range args {
			if !strings.HasPrefix(a, "-") {
				uid, _, _, ok := p.account(a)
				if !ok {
					return interp.ExitStatus(1)
				}
				p.printf("%d\n", uid)
				return nil
			}
		}
		p.printf("%d\n", p.uid)
		return nil
	}
	if name == "id" && len(args) == 1 && !strings.HasPrefix(args[0], "-") {
		if _, _, _, ok := p.account(args[0]); !ok {
			return interp.ExitStatus(1)
		}
	}
	p.printf("root\n")
	return nil
}

func getent(p *process, _ string, args []string) error {
	if len(args) > 1 {
		if args[0] == "group" {
			if _, ok := p.group(args[1]); !ok {
				return interp.ExitStatus(2)
			}
		} else if _, _, home, ok := p.account(args[1]); ok {
			p.printf("%s:x:0:0::%s:/bin/sh\n", args[1], home)
		} else if args[0] == "passwd" {
			return interp.ExitStatus(2)
		}
	}
	return nil
}

// nextID is the next free number above 1000, or below for a system account.
func (p *process) nextID(of string, system bool) int {
	n, step := 1000, 1
	if system {
		n, step = 999, -1
	}
	for {
		taken := false
		for line := range strings.Lines(p.fs[of].data) {
			w := strings.Split(line, ":")
			taken = taken || len(w) > 2 && strings.TrimSpace(w[2]) == strconv.Itoa(n)
		}
		if !taken {
			return n
		}
		n += step
	}
}

func useradd(p *process, name string, args []string) error {
	if p.uid != 0 {
		return p.fail(1, "%s: permission denied", name)
	}
	opts, rest := options(args, "-u", "--uid", "-g", "--gid", "-G", "--groups", "-d", "--home", "--home-dir", "-s", "--shell", "-c", "--comment", "--ingroup", "-h", "-p", "--password", "-k", "--gecos", "-b", "-K", "-e")
	if len(rest) == 0 {
		return p.fail(2, "%s: no name", name)
	}
	user := rest[0]
	if name == "adduser" && len(rest) == 2 { // adduser USER GROUP
		return nil
	}
	if _, _, _, ok := p.account(user); ok {
		p.want("nouser " + user)
		if !p.assumed["nouser "+user] {
			return p.fail(9, "%s: user %s exists", name, user)
		}
		return nil
	}
	system := opts["-r"] != "" || opts["--system"] != "" || name == "adduser" && opts["-S"] != ""
	uid := p.nextID("etc/passwd", system)
	if v := cmp.Or(opts["-u"], opts["--uid"]); v != "" && v != "yes" {
		uid, _ = strconv.Atoi(v)
	}
	group := cmp.Or(opts["-g"], opts["--gid"], opts["--ingroup"])
	if name == "adduser" {
		group = cmp.Or(opts["--ingroup"], opts["-G"])
	}
	gid := 0
	if group != "" && group != "yes" {
		var ok bool
		if gid, ok = p.group(group); !ok {
			if p.want("group " + group); !p.assumed["group "+group] {
				return p.fail(6, "%s: no group %s", name, group)
			}
			gid = 990
		}
	} else {
		gid = p.nextID("etc/group", system)
		if uid >= 1000 {
			gid = uid
		}
		p.fs.lines("etc/group", user+":x:"+strconv.Itoa(gid)+":\n")
	}
	home := cmp.Or(opts["-d"], opts["--home"], opts["--home-dir"], "/home/"+user)
	if name == "adduser" && opts["-h"] != "" {
		home = opts["-h"]
	}
	p.fs.lines("etc/passwd", user+":x:"+strconv.Itoa(uid)+":"+strconv.Itoa(gid)+"::"+home+":/bin/sh\n")
	if p.assumed["home"] || opts["-m"] != "" || opts["--create-home"] != "" || name == "adduser" && opts["-H"] == "" && opts["--no-create-home"] == "" {
		if !p.fs.isDir(home) {
			p.fs.put(home, node{kind: 'd', mode: 0o755, uid: uid, gid: gid})
			p.fs.put(clean(home)+"/.profile", node{kind: 'f', data: "profile", size: 800, mode: 0o644, uid: uid, gid: gid})
		}
	}
	return nil
}

func groupadd(p *process, name string, args []string) error {
	if p.uid != 0 {
		return p.fail(1, "%s: permission denied", name)
	}
	opts, rest := options(args, "-g", "--gid", "-K")
	if len(rest) == 0 {
		return p.fail(2, "%s: no name", name)
	}
	if name == "addgroup" && len(rest) == 2 {
		return nil
	}
	if _, ok := p.group(rest[0]); ok {
		if opts["-f"] != "" {
			return nil
		}
		if p.want("nouser " + rest[0]); !p.assumed["nouser "+rest[0]] {
			return p.fail(9, "group %s exists", rest[0])
		}
		return nil
	}
	gid := p.nextID("etc/group", opts["-r"] != "" || opts["-S"] != "" || opts["--system"] != "")
	if v := cmp.Or(opts["-g"], opts["--gid"]); v != "" && v != "yes" {
		gid, _ = strconv.Atoi(v)
	}
	p.fs.lines("etc/group", rest[0]+":x:"+strconv.Itoa(gid)+":\n")
	return nil
}

func usermod(p *process, _ string, args []string) error {
	if p.uid != 0 {
		return p.fail(1, "usermod: permission denied")
	}
	return nil
}
