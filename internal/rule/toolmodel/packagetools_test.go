package toolmodel

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

const aptLists = "var/lib/apt/lists"

// sources is the identity of what apt may install from.
func (p *process) sources() string {
	out := p.fs["etc/apt/sources.list"].data
	for _, at := range p.fs.below("etc/apt/sources.list.d") {
		out += p.fs[at].data
	}
	return out
}

func (p *process) root(name string) error {
	if p.uid != 0 {
		return p.fail(100, "%s: permission denied for %d", name, p.uid)
	}
	return nil
}

func apt(p *process, name string, args []string) error {
	opts, rest := options(args, "-o", "--option", "-t", "--target-release", "-c", "--config-file", "-a", "--host-architecture")
	if len(rest) == 0 {
		return nil
	}
	verb, names := rest[0], rest[1:]
	if err := p.root(name); err != nil {
		return err
	}
	if p.family != "debian" {
		return p.fail(127, "%s: command not found", name)
	}
	recommends := opts["--no-install-recommends"] == "" && opts["--without-recommends"] == "" && opts["-R"] == ""
	if v := strings.ToLower(opts["-o"]); strings.Contains(v, "install-recommends=0") || strings.Contains(v, "install-recommends=false") {
		recommends = false
	}
	for _, at := range p.fs.below("etc/apt/apt.conf.d") {
		low := strings.ToLower(p.fs[at].data)
		if strings.Contains(low, "install-recommends") && (strings.Contains(low, "0") || strings.Contains(low, "false")) {
			recommends = false
		}
	}
	switch verb {
	case "update":
		return p.aptUpdate()
	case "install", "reinstall", "satisfy":
		return p.aptInstall(names, recommends, opts["-f"] != "" || opts["--fix-broken"] != "")
	case "upgrade", "dist-upgrade", "full-upgrade", "safe-upgrade":
		if len(p.fs.children(aptLists)) == 0 {
			return nil // nothing is known to be newer
		}
		db := readDpkg(p.fs)
		for _, n := range []string{"libc6", "libssl3"} {
			if _, ok := db.installed[n]; ok {
				unpackDeb(p.fs, n, "upgraded")
			}
		}
		p.aptCaches("upgrade")
		return nil
	case "build-dep":
		if len(p.fs.children(aptLists)) == 0 {
			return p.fail(100, "E: Unable to find a source package")
		}
		return p.aptInstall([]string{"build-essential", "debhelper"}, false, false)
	case "source", "download":
		if len(p.fs.children(aptLists)) == 0 {
			return p.fail(100, "E: Unable to find a source package")
		}
		for _, n := range names {
			if err := p.write(p.abs(n+"_1.0_amd64.deb"), "<deb "+n+">", mega, 0o644); err != nil {
				return err
			}
		}
		return nil
	case "clean", "autoclean", "distclean":
		kept := p.fs.below("var/cache/apt")
		if verb == "distclean" {
			kept = append(kept, p.fs.below("var/lib/apt/lists")...)
		}
		for _, at := range kept {
			if p.fs[at].kind == 'f' {
				delete(p.fs, at)
			}
		}
		return nil
	case "remove", "purge", "autoremove", "auto-remove", "autopurge":
		return p.aptRemove(names, opts["--auto-remove"] != "" || opts["--autoremove"] != "" || strings.HasPrefix(verb, "auto"))
	}
	return nil
}

// aptUpdate fetches the lists of all sources.
func (p *process) aptUpdate() error {
	text := p.sources()
	if strings.Contains(text, "https://") && !p.certificates() {
		return p.fail(100, "apt-get update: certificate verification failed: the certificate is NOT trusted")
	}
	if p.busy(aptLists) && p.readonly(aptLists) {
		return p.fail(100, "apt-get update: read-only")
	}
	p.fs.blob(aptLists+"/deb_main_Packages", "lists "+sum(text), 18*mega)
	p.fs.blob(aptLists+"/deb_main_Release", "release "+sum(text), 150_000)
	p.fs.text(aptLists+"/lock", "")
	p.aptCaches("update")
	return nil
}

// aptCaches are what apt keeps where the image's configuration lets it.
func (p *process) aptCaches(why string) {
	if p.exists("etc/apt/apt.conf.d/docker-clean") {
		return
	}
	p.fs.blob("var/cache/apt/pkgcache.bin", "cache", 20*mega)
	if why != "update" {
		p.fs.blob("var/cache/apt/archives/"+why+".deb", "archive "+why, 2*mega)
	}
}

// certificates says whether connections can be verified.
func (p *process) certificates() bool {
	if _, ok := p.fs.get("etc/ssl/certs/ca-certificates.crt"); ok || p.full {
		return true
	}
	p.want("certificates")
	return p.assumed["certificates"]
}

func (p *process) aptInstall(words []string, recommends, fix bool) error {
	db := readDpkg(p.fs)
	var names, purged []string
	for _, w := range words {
		if strings.HasSuffix(w, "-") && !strings.Contains(w, "=") && len(w) > 1 {
			purged = append(purged, strings.TrimSuffix(w, "-"))
			continue
		}
		if strings.HasPrefix(w, "./") || strings.HasPrefix(w, "/") || strings.HasSuffix(w, ".deb") {
			at, err := p.needs("apt", w)
			if err != nil {
				return err
			}
			name := debName(at)
			unpackDeb(p.fs, name, "file "+sum(p.fs[at].data))
			db.installed[name] = false
			names = append(names, "libx11-6")
			continue
		}
		if !strings.HasSuffix(w, "++") {
			w = strings.TrimSuffix(w, "+")
		}
		w, _, _ = strings.Cut(w, "=")
		w, _, _ = strings.Cut(w, "/")
		w, _, _ = strings.Cut(w, ":")
		if strings.ContainsAny(w, "*?[^") {
			w = "pattern-" + sum(w)
		}
		if w != "" {
			names = append(names, provider(w))
		}
	}
	if fix && len(words) == 0 {
		names = append(names, "libx11-6")
	}
	have := func(n string) bool { _, ok := db.installed[n]; return ok }
	if len(p.fs.children(aptLists)) == 0 && slices.ContainsFunc(names, func(n string) bool { return !have(n) }) {
		p.want("lists")
		if !p.assumed["lists"] {
			return p.fail(100, "E: Unable to locate package %s", strings.Join(names, " "))
		}
	}
	origin := sum(p.sources())
	chosen := db.closure(names, recommends)
	for _, n := range slices.Sorted(maps.Keys(chosen)) {
		auto := chosen[n]
		if have(n) {
			db.installed[n] = db.installed[n] && auto
			continue
		}
		from := origin
		if _, known := universe[n]; auto || known && n != "nodejs" {
			from = "" // Debian's own, whenever it is installed
		}
		unpackDeb(p.fs, n, from)
		db.installed[n] = auto
	}
	for _, n := range purged {
		if have(n) {
			removeDeb(p.fs, db, n)
		}
	}
	db.write(p.fs)
	p.aptCaches(sum(names...))
	p.fs.text("var/log/dpkg.log", sum(p.fs["var/log/dpkg.log"].data, strings.Join(names, " ")))
	return nil
}

var debVersion = regexp.MustCompile(`[-_][0-9].*$`)

// debName is the package in a file.
func debName(at string) string {
	name := debVersion.ReplaceAllString(strings.TrimSuffix(path.Base(at), ".deb"), "")
	return "local-" + strings.ToLower(strings.Trim(regexp.MustCompile(`[^A-Za-z0-9]+`).ReplaceAllString(name, "-"), "-"))
}

func (p *process) aptRemove(words []string, auto bool) error {
	db := readDpkg(p.fs)
	var gone []string
	for _, w := range words {
		for n := range db.installed {
			if ok, _ := path.Match(strings.Trim(w, "^$"), n); ok {
				gone = append(gone, n)
			}
		}
	}
	for len(gone) > 0 { // what depends on them goes, too
		next := []string{}
		for _, g := range gone {
			if _, ok := db.installed[g]; ok {
				removeDeb(p.fs, db, g)
			}
		}
		for n := range db.installed {
			for _, d := range strings.Fields(deb(n).depends) {
				if _, ok := db.installed[provider(d)]; !ok && slices.Contains(gone, provider(d)) {
					next = append(next, n)
				}
			}
		}
		gone = next
	}
	if auto {
		needed := map[string]bool{}
		var mark func(n string)
		mark = func(n string) {
			n = provider(n)
			if _, ok := db.installed[n]; !ok || needed[n] {
				return
			}
			needed[n] = true
			for _, d := range strings.Fields(deb(n).depends + " " + deb(n).recommends) {
				mark(d)
			}
		}
		for n, isAuto := range db.installed {
			if !isAuto {
				mark(n)
			}
		}
		for _, n := range slices.Sorted(maps.Keys(db.installed)) {
			if !needed[n] {
				removeDeb(p.fs, db, n)
			}
		}
	}
	db.write(p.fs)
	return nil
}

func aptMark(p *process, _ string, args []string) error {
	_, rest := options(args)
	if len(rest) == 0 {
		return nil
	}
	db := readDpkg(p.fs)
	switch rest[0] {
	case "showmanual", "showauto":
		for _, n := range slices.Sorted(maps.Keys(db.installed)) {
			if db.installed[n] == (rest[0] == "showauto") {
				p.printf("%s\n", n)
			}
		}
		return nil
	case "auto", "manual":
		for _, w := range rest[1:] {
			for n := range db.installed {
				if ok, _ := path.Match(strings.ReplaceAll(w, ".*", "*"), n); ok && !slices.Contains([]string{"libc6", "bash", "coreutils", "apt", "dpkg", "perl-base"}, n) {
					db.installed[n] = rest[0] == "auto"
				}
			}
		}
		db.write(p.fs)
	}
	return nil
}

func dpkg(p *process, name string, args []string) error {
	opts, rest := options(args, "--root", "--admindir")
	if opts["--print-architecture"] != "" {
		p.printf("amd64\n")
		return nil
	}
	if opts["-i"] == "" && opts["--install"] == "" {
		if opts["-s"] != "" && len(rest) > 0 {
			if _, ok := readDpkg(p.fs).installed[rest[0]]; !ok {
				return p.fail(1, "dpkg: %s is not installed", rest[0])
			}
		}
		if opts["-P"] != "" || opts["--purge"] != "" || opts["-r"] != "" {
			return p.aptRemove(rest, false)
		}
		return nil
	}
	if err := p.root(name); err != nil {
		return err
	}
	db := readDpkg(p.fs)
	for _, w := range rest {
		at, err := p.needs("dpkg", w)
		if err != nil {
			return err
		}
		n := debName(at)
		unpackDeb(p.fs, n, "file "+sum(p.fs[at].data))
		db.installed[n] = false
	}
	db.write(p.fs)
	if _, ok := db.installed["libx11-6"]; !ok {
		if p.want("debdeps"); !p.assumed["debdeps"] {
			return p.fail(1, "dpkg: dependency problems prevent configuration")
		}
	}
	return nil
}

// keyTools says that keys can be handled: gpg needs its agent and, for a key
// server, dirmngr.
func (p *process) keyTools(server bool) error {
	if _, err := p.find("gpg"); err != nil {
		return err
	}
	if _, err := p.find("gpg-agent"); err != nil {
		return p.fail(2, "gpg: failed to start agent '/usr/bin/gpg-agent': No such file or directory")
	}
	if server {
		if _, err := p.find("dirmngr"); err != nil {
			return p.fail(2, "gpg: failed to start the dirmngr: No such file or directory")
		}
	}
	return nil
}

func aptKey(p *process, name string, args []string) error {
	if err := p.root(name); err != nil {
		return err
	}
	server := slices.Contains(args, "--recv-keys") || slices.Contains(args, "--recv") || slices.Contains(args, "--keyserver")
	if err := p.keyTools(server); err != nil {
		return err
	}
	key := strings.Join(args, " ")
	if i := slices.Index(args, "add"); i >= 0 {
		if i+1 < len(args) && args[i+1] != "-" {
			at, err := p.needs(name, args[i+1])
			if err != nil {
				return err
			}
			key = p.fs[at].data
		} else if key = p.stdin(); key == "" {
			return p.fail(2, "gpg: no valid OpenPGP data found")
		}
	}
	p.fs.text("etc/apt/trusted.gpg.d/"+sum(key)+".gpg", "key "+key)
	return nil
}

func addRepository(p *process, name string, args []string) error {
	if err := p.root(name); err != nil {
		return err
	}
	_, rest := options(args, "-n")
	for _, r := range rest {
		if strings.HasPrefix(r, "ppa:") {
			if err := p.keyTools(false); err != nil {
				return err
			}
			if !p.certificates() {
				return p.fail(1, "add-apt-repository: certificate verify failed")
			}
		}
		p.fs.text("etc/apt/sources.list.d/"+sum(r)+".list", "deb http://ppa.example/"+sum(r)+" main\n")
	}
	return p.aptUpdate()
}

func aptCache(p *process, name string, args []string) error {
	if name == "apt-cache" && len(p.fs.children(aptLists)) == 0 && len(args) > 0 && args[0] != "policy" {
		return p.fail(100, "N: Unable to locate package")
	}
	if name == "dpkg-query" {
		for _, n := range slices.Sorted(maps.Keys(readDpkg(p.fs).installed)) {
			p.printf("%s\n", n)
		}
	}
	return nil
}

func gdebi(p *process, name string, args []string) error {
	_, rest := options(args)
	return apt(p, "apt-get", append([]string{"install"}, rest...))
}

func updateCerts(p *process, name string, args []string) error {
	if _, err := p.find(name); err != nil {
		return err
	}
	if err := p.root(name); err != nil {
		return err
	}
	own := ""
	for _, at := range p.fs.below("usr/local/share/ca-certificates") {
		own += p.fs[at].data
	}
	if own != "" {
		p.fs.blob("etc/ssl/certs/ca-certificates.crt", "certificates "+sum(own), 225_000)
	}
	return nil
}

const apkIndex = "var/cache/apk/APKINDEX.tar.gz"

func apk(p *process, name string, args []string) error {
	if p.family != "alpine" {
		return p.fail(127, "apk: not found")
	}
	opts, rest := options(args, "-t", "--virtual", "-X", "--repository", "--repositories-file", "-p", "--root", "--keys-dir", "--arch")
	for _, a := range args { // --virtual=.deps is one word
		if v, ok := strings.CutPrefix(a, "--virtual="); ok {
			opts["--virtual"] = v
		}
	}
	if len(rest) == 0 {
		return nil
	}
	if err := p.root(name); err != nil {
		return err
	}
	fetch := func() { p.fs.blob(apkIndex, "index "+sum(p.fs["etc/apk/repositories"].data), 2*mega) }
	keep := opts["--no-cache"] == ""
	update := opts["-U"] != "" || opts["--update"] != "" || opts["--update-cache"] != ""
	index := func() bool {
		if !keep || p.exists(apkIndex) {
			return true
		}
		if p.want("apk fetches"); p.assumed["apk fetches"] {
			fetch()
			return true
		}
		return false
	}
	db := apkInstalled(p.fs)
	if update {
		fetch() // whatever is asked for, and also with --no-cache
	}
	switch rest[0] {
	case "update":
		if keep {
			fetch()
		}
	case "upgrade", "fix":
		if !index() {
			return nil // nothing is known to be newer
		}
		p.fs.blob(apkFile("musl"), "apk musl upgraded", apkSize("musl"))
		if keep && p.exists("etc/apk/cache") {
			p.fs.blob("etc/apk/cache/musl.apk", "archive", mega)
		}
	case "add":
		missing := slices.ContainsFunc(rest[1:], func(w string) bool { _, ok := db[apkName(w)]; return !ok })
		if missing && !index() {
			return p.fail(1, "ERROR: unable to select packages: no such package")
		}
		p.apkAdd(db, rest[1:], cmpOr(opts["--virtual"], opts["-t"]))
	case "del":
		p.apkDel(db, rest[1:])
	case "search", "policy":
		if !index() {
			return p.fail(1, "apk search: no index")
		}
	case "cache":
		p.fs.remove(apkIndex)
	}
	return nil
}

func apkName(word string) string {
	word, _, _ = strings.Cut(word, "@")
	if i := strings.IndexAny(word, "=<>~"); i > 0 {
		word = word[:i]
	}
	return word
}

func (p *process) apkAdd(db map[string]string, words []string, virtual string) {
	origin := sum(p.fs["etc/apk/repositories"].data)
	var names []string
	for _, w := range words {
		names = append(names, apkName(w))
	}
	world := strings.Fields(p.fs["etc/apk/world"].data)
	if virtual != "" {
		db[virtual] = strings.Join(names, " ")
		world = append(world, virtual)
	} else {
		world = append(world, names...)
	}
	deps := map[string]string{"build-base": "gcc g++ make musl-dev", "git": "pcre2", "openssh": "openssh-client openssh-keygen"}
	aliases := map[string]string{"openssh-client": "ssh ssh-keyscan scp", "openssh-keygen": "ssh-keygen", "openssh": "sshd", "openssh-client-default": "ssh ssh-keyscan", "nodejs": "node", "nodejs-current": "node", "py3-pip": "pip pip3", "python3": "python3", "build-base": "", "openjdk17": "java javac", "openjdk11": "java javac", "openjdk8": "java javac", "go": "go gofmt", "gnupg": "gpg gpg-agent dirmngr gpgconf", "xz": "xz unxz", "ca-certificates": "update-ca-certificates", "yarn": "yarn"}
	queue := slices.Clone(names)
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		if _, ok := db[n]; ok {
			continue
		}
		db[n] = deps[n]
		queue = append(queue, strings.Fields(deps[n])...)
		p.fs.blob(apkFile(n), "apk "+n+" "+origin, apkSize(n))
		progs, ok := aliases[n]
		if !ok {
			progs = cmpOr(universe[n].programs, n)
			if strings.HasPrefix(n, "lib") || strings.HasSuffix(n, "-dev") {
				progs = ""
			}
		}
		for _, prog := range strings.Fields(progs) {
			p.fs.program("usr/bin/"+prog, "apk "+n+" "+prog, mega/4)
		}
	}
	slices.Sort(world)
	p.fs.text("etc/apk/world", strings.Join(slices.Compact(world), "\n")+"\n")
	writeApk(p.fs, db)
}

func (p *process) apkDel(db map[string]string, words []string) {
	world := strings.Fields(p.fs["etc/apk/world"].data)
	world = slices.DeleteFunc(world, func(w string) bool { return slices.Contains(words, w) })
	needed := map[string]bool{}
	var mark func(n string)
	mark = func(n string) {
		if _, ok := db[n]; !ok || needed[n] {
			return
		}
		needed[n] = true
		for _, d := range strings.Fields(db[n]) {
			mark(d)
		}
	}
	for _, w := range append(world, "musl", "ca-certificates-bundle") {
		mark(w)
	}
	for n := range db {
		if needed[n] {
			continue
		}
		delete(db, n)
		for at, f := range p.fs {
			if strings.HasPrefix(f.data, "apk "+n+" ") {
				delete(p.fs, at)
			}
		}
	}
	p.fs.text("etc/apk/world", strings.Join(world, "\n")+"\n")
	writeApk(p.fs, db)
}

func yum(p *process, name string, args []string) error {
	if p.family != "rpm" {
		return p.fail(127, "%s: command not found", name)
	}
	opts, rest := options(args, "-c", "--enablerepo", "--disablerepo", "--setopt", "--installroot", "--releasever")
	if len(rest) == 0 {
		return nil
	}
	if err := p.root(name); err != nil {
		return err
	}
	cache := map[string]string{"yum": "var/cache/yum", "zypper": "var/cache/zypp", "tdnf": "var/cache/tdnf"}[name]
	cache = cmpOr(cache, "var/cache/dnf")
	if opts["-C"]+opts["--cacheonly"] != "" && !p.exists(cache+"/fedora/packages/x.solv") {
		return p.fail(1, "Cache-only enabled but no cache for 'fedora'")
	}
	fill := func() {
		p.fs.blob(cache+"/fedora/repodata/primary.xml.gz", "metadata", 30*mega)
		p.fs.blob(cache+"/fedora/packages/x.solv", "solv", 20*mega)
	}
	switch rest[0] {
	case "clean":
		p.fs.remove(cache)
	case "makecache", "check-update", "refresh", "ref":
		fill()
	case "install", "in", "localinstall", "groupinstall", "module", "update", "upgrade", "builddep", "swap", "reinstall":
		fill()
		for _, w := range rest[1:] {
			if strings.HasPrefix(w, "/") || strings.HasPrefix(w, "./") {
				if _, err := p.needs(name, w); err != nil {
					return err
				}
				w = debName(w)
			}
			if strings.HasPrefix(w, "https:") {
				w = sum(w)
			}
			w = strings.Trim(w, "@")
			p.fs.blob("usr/lib64/"+path.Base(w)+".so", "rpm "+w, mega)
			for _, prog := range strings.Fields(cmpOr(universe[w].programs, path.Base(w))) {
				p.fs.program("usr/bin/"+prog, "rpm "+w, mega/2)
			}
		}
		if rest[0] == "update" || rest[0] == "upgrade" {
			p.fs.blob("usr/lib64/glibc.so", "rpm glibc upgraded", 6*mega)
		}
	case "remove", "erase", "autoremove":
		for _, w := range rest[1:] {
			delete(p.fs, "usr/lib64/"+w+".so")
			delete(p.fs, "usr/bin/"+w)
		}
	}
	_ = opts
	return nil
}

// pacman is pacman's own behaviour: -S needs the databases that -y fetches, and
// -Scc asks whether to delete everything, which --noconfirm answers with no.
func pacman(p *process, name string, args []string) error {
	if err := p.root(name); err != nil {
		return err
	}
	opts, rest := options(args, "--color", "--ignore", "--root")
	const db, cache = "var/lib/pacman/sync/core.db", "var/cache/pacman/pkg"
	if opts["-S"]+opts["--sync"] == "" || opts["-c"]+opts["--clean"] != "" {
		return nil
	}
	if opts["-y"]+opts["--refresh"] != "" {
		p.fs.blob(db, "databases", 6*mega)
	}
	if len(rest) > 0 && !p.exists(db) {
		if p.want("path /" + db); !p.assumed["path /"+db] {
			return p.fail(1, "error: target not found: %s", rest[0])
		}
		p.fs.blob(db, "databases of the base", 6*mega)
	}
	if opts["-u"] != "" {
		p.fs.blob("usr/lib/glibc.so", "pacman glibc upgraded", 6*mega)
		p.fs.blob(cache+"/glibc.pkg.tar.zst", "archive", 5*mega)
	}
	for _, w := range rest {
		p.fs.blob("usr/lib/"+w+".so", "pacman "+w, 2*mega)
		p.fs.program("usr/bin/"+w, "pacman "+w, mega)
		p.fs.blob(cache+"/"+w+".pkg.tar.zst", "archive "+w, 3*mega)
	}
	return nil
}

func rpm(p *process, _ string, args []string) error {
	opts, rest := options(args)
	if opts["-i"] == "" && opts["-U"] == "" && opts["--install"] == "" {
		p.printf("x86_64\n")
		return nil
	}
	for _, w := range rest {
		if !strings.Contains(w, "://") {
			if _, err := p.needs("rpm", w); err != nil {
				return err
			}
		}
		p.fs.blob("usr/lib64/"+debName(w)+".so", "rpm "+w, mega)
	}
	return nil
}

// fetchURL says what is at an address, if it can be reached.
func (p *process) fetchURL(url string, insecure bool) (string, error) {
	if strings.HasPrefix(url, "https:") && !insecure && !p.certificates() {
		return "", p.fail(60, "SSL certificate problem: unable to get local issuer certificate")
	}
	return "<" + url + ">", nil
}

func curl(p *process, _ string, args []string) error {
	opts, rest := options(args, "-o", "--output", "-H", "--header", "-d", "--data", "-X", "--request", "-u", "--user", "-A", "-w", "--retry", "--retry-delay", "--connect-timeout", "--max-time", "-m", "-b", "--cacert", "-c", "--create-dirs-mode", "--output-dir", "--proto", "--url", "-e")
	if u := opts["--url"]; u != "" && u != "yes" {
		rest = append(rest, u)
	}
	for _, url := range rest {
		if strings.HasPrefix(url, "=") {
			continue // --proto '=https'
		}
		text, err := p.fetchURL(url, opts["-k"] != "" || opts["--insecure"] != "")
		if err != nil {
			return err
		}
		to := cmpOr(opts["-o"], opts["--output"])
		if opts["-O"] != "" || opts["--remote-name"] != "" {
			to = path.Base(strings.SplitN(url, "?", 2)[0])
		}
		if to == "" || to == "-" {
			p.printf("%s", text)
			continue
		}
		if dir := opts["--output-dir"]; dir != "" && dir != "yes" {
			to = path.Join(dir, to)
		}
		if under(p.abs(to), "dev") {
			continue
		}
		if opts["--create-dirs"] != "" {
			if err := p.mkdirs(parent(p.abs(to))); err != nil {
				return err
			}
		}
		if err := p.write(p.abs(to), text, size(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func wget(p *process, _ string, args []string) error {
	opts, rest := options(args, "-O", "--output-document", "-P", "--directory-prefix", "-o", "--header", "-t", "--tries", "-T", "--timeout", "-U", "-e", "-i")
	for _, a := range args { // -qO- and -O- have their value in the word
		if strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--") && strings.HasSuffix(a, "O-") {
			opts["-O"] = "-"
		}
	}
	for _, url := range rest {
		text, err := p.fetchURL(url, opts["--no-check-certificate"] != "")
		if err != nil {
			return p.fail(5, "wget: certificate of %s is not trusted", url)
		}
		to := cmpOr(opts["-O"], opts["--output-document"])
		if to == "-" {
			p.printf("%s", text)
			continue
		}
		if to == "" || to == "yes" {
			dir := cmpOr(cmpOr(opts["-P"], opts["--directory-prefix"]), ".")
			to = path.Join(dir, path.Base(strings.SplitN(url, "?", 2)[0]))
			if dir != "." {
				if err := p.mkdirs(p.abs(dir)); err != nil {
					return err
				}
			}
		}
		if under(p.abs(to), "dev") {
			continue
		}
		if err := p.write(p.abs(to), text, size(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func git(p *process, _ string, args []string) error {
	opts, rest := options(args, "-C", "-c", "-b", "--branch", "--depth", "-j", "-o", "--origin", "--config")
	if d := opts["-C"]; d != "" && d != "yes" {
		p.dir = "/" + p.abs(d)
	}
	if len(rest) == 0 {
		return nil
	}
	for i, w := range rest {
		if w == "config" || w == "lfs" {
			return nil
		}
		if w == "clone" || w == "fetch" || w == "pull" || w == "submodule" {
			rest = rest[i:]
			break
		}
	}
	switch rest[0] {
	case "clone":
		if len(rest) < 2 {
			return p.fail(128, "git clone: no repository")
		}
		url := rest[1]
		if strings.HasPrefix(url, "git@") || strings.HasPrefix(url, "ssh:") || strings.Contains(url, "git@") && !strings.HasPrefix(url, "http") {
			if _, err := p.find("ssh"); err != nil {
				return p.fail(128, "error: cannot run ssh: No such file or directory")
			}
		} else if _, err := p.fetchURL(url, strings.HasPrefix(p.env["GIT_SSL_NO_VERIFY"], "t")); err != nil {
			return err
		}
		dest := strings.TrimSuffix(path.Base(url), ".git")
		if len(rest) > 2 {
			dest = rest[2]
		}
		at := p.abs(dest)
		if err := p.mkdirs(at); err != nil {
			return err
		}
		for f, n := range map[string]node{".git/HEAD": {size: 23}, ".git/objects/pack/pack.pack": {size: 6 * mega}, "README.md": {size: 3000}, "Makefile": {size: 2000}, "configure": {size: 20000, mode: 0o755}, "src/main.c": {size: 200_000}} {
			n.kind, n.data, n.mode, n.uid, n.gid = 'f', "<git "+url+" "+f+">", max(n.mode, 0o644), p.uid, p.gid
			p.fs.put(path.Join(at, f), n)
		}
		return nil
	case "submodule", "fetch", "pull":
		if _, err := p.fetchURL("https://git", false); err != nil {
			return err
		}
	case "init":
		return p.mkdirs(p.abs(cmpOr(strings.Join(rest[1:min(2, len(rest))], ""), ".")) + "/.git")
	}
	p.event("git", strings.Join(args, " "))
	return nil
}

func keyscan(p *process, _ string, args []string) error {
	p.printf("keys of %s\n", strings.Join(args, " "))
	return nil
}

func remote(p *process, name string, args []string) error {
	p.event(name, strings.Join(args, " "))
	return nil
}

func gpg(p *process, name string, args []string) error {
	opts, rest := options(args, "-o", "--output", "--keyring", "--keyserver", "--homedir", "--recv-keys", "--recv-key", "--recv", "--import-options", "--keyserver-options")
	if opts["--dearmor"] != "" {
		text := ""
		if len(rest) > 0 {
			at, err := p.needs(name, rest[0])
			if err != nil {
				return err
			}
			text = p.fs[at].data
		} else {
			text = p.stdin()
		}
		if text == "" {
			return p.fail(2, "gpg: no valid OpenPGP data found")
		}
		if to := cmpOr(opts["-o"], opts["--output"]); to != "" && to != "-" {
			return p.write(p.abs(to), "key "+text, 3000, 0o644)
		}
		p.printf("key %s", text)
		return nil
	}
	server := slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "--recv") || a == "--keyserver" })
	if server || opts["--import"] != "" || opts["--verify"] != "" || opts["--batch"] != "" {
		if err := p.keyTools(server); err != nil {
			return err
		}
	}
	for _, k := range []string{"--output", "-o"} {
		if to := opts[k]; to != "" && to != "yes" {
			return p.write(p.abs(to), "key "+strings.Join(args, " "), 3000, 0o644)
		}
	}
	return nil
}

func npm(p *process, name string, args []string) error {
	opts, rest := options(args, "--prefix", "-C", "--cache", "--registry", "-w")
	dir := p.abs(cmpOr(cmpOr(opts["--prefix"], opts["-C"]), "."))
	if len(rest) == 0 {
		return nil
	}
	home := clean(cmpOr(p.home, "/root"))
	cache := home + "/.npm/_cacache"
	if name == "pnpm" {
		cache = home + "/.local/share/pnpm/store"
	}
	if c := cmpOr(p.env["npm_config_cache"], p.env["NPM_CONFIG_CACHE"]); c != "" {
		cache = clean(c) + "/_cacache"
	}
	switch rest[0] {
	case "install", "i", "ci", "add":
		var names []string
		names = append(names, rest[1:]...)
		token, at := "", dir+"/node_modules"
		if opts["-g"] != "" || opts["--global"] != "" {
			at = "usr/local/lib/node_modules"
			if p.exists("usr/bin/npm") {
				at = "usr/lib/node_modules"
			}
			token = strings.Join(names, " ")
		} else if len(names) == 0 {
			pkg, ok := p.fs[dir+"/package.json"]
			if !ok {
				if p.want("path /" + dir + "/package.json"); !p.assumed["path /"+dir+"/package.json"] {
					return p.fail(254, "npm: ENOENT: no such file %s/package.json", dir)
				}
				p.assume(dir+"/package.json", 'f')
			}
			if rest[0] == "ci" && !p.exists(dir+"/package-lock.json") && !p.exists(dir+"/npm-shrinkwrap.json") {
				if p.want("path /" + dir + "/package-lock.json"); !p.assumed["path /"+dir+"/package-lock.json"] {
					return p.fail(1, "npm ci needs a lock")
				}
				p.assume(dir+"/package-lock.json", 'f')
			}
			token = pkg.data + p.fs[dir+"/package-lock.json"].data
		}
		production := slices.ContainsFunc(args, func(a string) bool {
			return a == "--production" || a == "--omit=dev" || a == "--only=production" || a == "--prod"
		}) || p.env["NODE_ENV"] == "production"
		if err := p.writeAll(at+"/"+sum(token)+"/index.js", "npm "+token, 12*mega); err != nil {
			return err
		}
		if !production && len(names) == 0 {
			if err := p.writeAll(at+"/dev/index.js", "npm dev "+token, 20*mega); err != nil {
				return err
			}
		}
		for _, n := range names {
			prog, _, _ := strings.Cut(strings.TrimPrefix(n, "@"), "@")
			if opts["-g"] != "" && !strings.Contains(prog, "/") {
				p.fs.program("usr/local/bin/"+prog, "npm "+prog, 5000)
			}
		}
		return p.writeAll(cache+"/content-v2/"+sum(token, name), "cache "+token, 8*mega)
	case "cache":
		for _, at := range []string{cache, home + "/.npm/_cacache"} {
			if err := p.removeTree(at); err != nil {
				return err
			}
		}
		return nil
	case "prune":
		return p.removeTree(dir + "/node_modules/dev")
	case "config", "set", "login", "--version":
		return nil
	case "run", "run-script", "test", "exec", "build":
		seen := p.fs.identity("/" + cmpOr(dir, "package.json"))
		p.event("npm", strings.Join(rest, " "), seen, p.toolchain())
		return p.writeAll(dir+"/dist/app.js", "built "+seen, 2*mega)
	}
	p.event(name, strings.Join(args, " "))
	return nil
}

func yarn(p *process, _ string, args []string) error {
	opts, rest := options(args, "--cwd", "--cache-folder", "--registry", "--network-timeout")
	dir := p.abs(cmpOr(opts["--cwd"], "."))
	verb := "install"
	if len(rest) > 0 {
		verb = rest[0]
	}
	cache := "usr/local/share/.cache/yarn"
	if p.uid != 0 {
		cache = clean(p.home) + "/.cache/yarn"
	}
	if c := p.env["YARN_CACHE_FOLDER"]; c != "" {
		cache = clean(c)
	}
	switch verb {
	case "install", "add", "global":
		if verb == "install" && !p.exists(dir+"/package.json") {
			if p.want("path /" + dir + "/package.json"); !p.assumed["path /"+dir+"/package.json"] {
				return p.fail(1, "yarn: no package.json")
			}
			p.assume(dir+"/package.json", 'f')
		}
		token := p.fs[dir+"/package.json"].data + p.fs[dir+"/yarn.lock"].data + strings.Join(rest, " ")
		if err := p.writeAll(dir+"/node_modules/"+sum(token)+"/index.js", "yarn "+token, 14*mega); err != nil {
			return err
		}
		return p.writeAll(cache+"/v6/"+sum(token), "cache "+token, 9*mega)
	case "cache":
		return p.removeTree(cache)
	case "config", "set":
		return nil
	}
	seen := p.fs.identity("/" + cmpOr(dir, "package.json"))
	p.event("yarn", strings.Join(rest, " "), seen, p.toolchain())
	return p.writeAll(dir+"/dist/app.js", "built "+seen, 2*mega)
}

func conda(p *process, name string, args []string) error {
	opts, rest := options(args, "-n", "--name", "-c", "--channel", "-f", "--file", "-p", "--prefix")
	if len(rest) == 0 {
		return nil
	}
	if f := cmpOr(opts["-f"], opts["--file"]); f != "" && f != "yes" {
		if _, err := p.needs(name, f); err != nil {
			return err
		}
	}
	switch rest[0] {
	case "install", "create", "env", "update":
		token := strings.Join(rest[1:], " ")
		if err := p.writeAll("opt/conda/envs/"+cmpOr(cmpOr(opts["-n"], opts["--name"]), "base")+"/lib/"+sum(token), "conda "+token, 50*mega); err != nil {
			return err
		}
		return p.writeAll("opt/conda/pkgs/"+sum(token)+".conda", "cache "+token, 30*mega)
	case "clean":
		return p.removeTree("opt/conda/pkgs")
	}
	p.event(name, strings.Join(args, " "))
	return nil
}

var (
	pythonName = regexp.MustCompile(`^python([23](\.\d+)?)?$`)
	pipName    = regexp.MustCompile(`^pip([23](\.\d+)?)?$`)
)

func pythonTool(p *process, at string, args []string) error {
	for i := 0; i < len(args); i++ {
		if args[i] != "-m" || i+1 == len(args) {
			if !strings.HasPrefix(args[i], "-") || args[i] == "-" || args[i] == "-c" {
				args = args[i:]
				break
			}
			continue
		}
		switch args[i+1] {
		case "pip":
			return pip(p, at, args[i+2:])
		case "venv", "virtualenv":
			return venv(p, "", args[i+2:])
		case "compileall":
			for _, d := range args[i+2:] {
				for _, f := range p.fs.below(p.abs(d)) {
					if strings.HasSuffix(f, ".py") && !strings.HasPrefix(d, "-") {
						p.byteCompile(f)
					}
				}
			}
			return nil
		}
	}
	if len(args) > 0 && args[0] == "-" {
		return p.downloaded(cmpOr(p.stdin(), ""), "python", nil)
	}
	if len(args) > 1 && path.Base(args[0]) == "setup.py" && (args[1] == "install" || args[1] == "develop") {
		if _, err := p.needs("python", args[0]); err != nil {
			return err
		}
		return p.installAll(p.site(at), []string{"project"}, false, true)
	}
	if len(args) > 0 && strings.HasSuffix(args[0], ".py") {
		if _, err := p.needs("python", args[0]); err != nil {
			return err
		}
	}
	return p.other("python", args)
}

// site is the folder that a program of Python installs into.
func (p *process) site(program string) string {
	if prefix, ok := strings.CutSuffix(path.Dir(program), "/bin"); ok && p.exists(prefix+"/pyvenv.cfg") {
		return prefix + "/lib/python" + cmpOr(p.python, "3.11") + "/site-packages"
	}
	if strings.HasPrefix(program, "opt/conda") {
		return "opt/conda/lib/python3.12/site-packages"
	}
	if p.python == "" {
		return "usr/local/lib/python3.11/dist-packages"
	}
	return "usr/local/lib/python" + p.python + "/site-packages"
}

func venv(p *process, _ string, args []string) error {
	_, rest := options(args, "--python", "-p", "--prompt")
	for _, d := range rest {
		at := p.abs(d)
		if err := p.writeAll(at+"/pyvenv.cfg", "home = /usr/local/bin\n", 40); err != nil {
			return err
		}
		for _, prog := range []string{"python", "python3", "pip", "pip3"} {
			if err := p.writeAll(at+"/bin/"+prog, "venv "+prog, 300); err != nil {
				return err
			}
			n := p.fs[clean(at+"/bin/"+prog)]
			n.mode = 0o755
			p.fs[clean(at+"/bin/"+prog)] = n
		}
		if err := p.writeAll(at+"/bin/activate", "export VIRTUAL_ENV=/"+at+" PATH=/"+at+"/bin:$PATH\n", 80); err != nil {
			return err
		}
	}
	return nil
}

func (p *process) byteCompile(f string) {
	n := p.fs[f]
	at := path.Join(parent(f), "__pycache__", strings.TrimSuffix(path.Base(f), ".py")+".cpython-"+strings.ReplaceAll(cmpOr(p.python, "3.11"), ".", "")+".pyc")
	p.fs.put(at, node{kind: 'f', data: "pyc " + n.data, size: n.size * 11 / 10, mode: 0o644, uid: p.uid, gid: p.gid})
}

// installDist writes a distribution as pip does.
func installDist(f files, site, name string, uid, gid int, compile bool, origin string) {
	pkg := strings.ReplaceAll(name, "-", "_")
	info := site + "/" + pkg + "-1.0.dist-info"
	put := func(at, data string, size int64) string {
		for d := parent(at); !f.isDir(d); d = parent(d) {
			defer func() { n := f[d]; n.uid, n.gid = uid, gid; f[d] = n }()
		}
		f.put(at, node{kind: 'f', data: data, size: size, mode: 0o644, uid: uid, gid: gid})
		return strings.TrimPrefix(at, site+"/")
	}
	record := []string{
		put(site+"/"+pkg+"/__init__.py", "py "+name+" "+origin, 900_000), put(site+"/"+pkg+"/core.py", "py core "+name+" "+origin, 1_500_000),
		put(site+"/"+pkg+"/tests/__init__.py", "py tests "+name, 200), put(site+"/"+pkg+"/tests/test_core.py", "py test "+name+" "+origin, 6*mega),
		put(info+"/METADATA", "Metadata-Version: 2.1\nName: "+name+"\nVersion: 1.0\n", 60), put(info+"/INSTALLER", "pip\n", 4), put(info+"/WHEEL", "Wheel-Version: 1.0\n", 20), put(info+"/top_level.txt", pkg+"\n", 10),
	}
	var list strings.Builder
	for _, r := range record {
		list.WriteString(r + ",,\n")
	}
	if compile {
		for _, r := range record {
			if strings.HasSuffix(r, ".py") {
				src := site + "/" + r
				at := path.Join(path.Dir(r), "__pycache__", strings.TrimSuffix(path.Base(r), ".py")+".cpython-313.pyc")
				put(site+"/"+at, "pyc "+f[src].data, f[src].size*11/10)
				list.WriteString(at + ",,\n")
			}
		}
	}
	put(info+"/RECORD", list.String()+strings.TrimPrefix(info, site+"/")+"/RECORD,,\n", 500)
}

var sdist = regexp.MustCompile(`(?i)^(psycopg2|uwsgi|mysqlclient|python-ldap|pycairo|pygraphviz|pyaudio|pycrypto|regex-src)$`)

// installAll installs distributions into a folder.
func (p *process) installAll(site string, names []string, compile, project bool) error {
	for _, n := range names {
		if n == "pip" && p.exists(site+"/pip-1.0.dist-info") {
			continue // it is there already
		}
		if sdist.MatchString(n) && p.python != "" || project {
			tools := p.toolchain()
			p.event("build", n, tools)
			if sdist.MatchString(n) && (!strings.Contains(tools, "gcc") || !strings.Contains(tools, "headers")) && !p.full {
				if p.want("compiler"); !p.assumed["compiler"] {
					return p.fail(1, "error: command 'gcc' failed: no such file")
				}
			}
		}
		if err := p.mkdirs(site); err != nil {
			p.want("home")
			return err
		}
		installDist(p.fs, site, n, p.uid, p.gid, compile, "")
	}
	return nil
}

// requirements are the names that words and files ask for.
func (p *process) requirements(name string, words []string, opts map[string]string) (names []string, err error) {
	for _, k := range []string{"-r", "--requirement", "--requirements"} {
		for f := range strings.SplitSeq(opts[k], "\x00") {
			if f == "" || strings.Contains(f, "://") {
				continue
			}
			at, err := p.needs(name, f)
			if err != nil {
				return nil, err
			}
			text := p.fs[p.fs.real(at, true)].data
			if strings.HasPrefix(text, "<") || strings.HasPrefix(text, "assumed") {
				names = append(names, "dist-"+sum(text))
				continue
			}
			for line := range strings.Lines(text) {
				if line = strings.TrimSpace(line); line != "" && line[0] != '#' && line[0] != '-' {
					names = append(names, distName(line))
				}
			}
		}
	}
	for _, w := range words {
		switch {
		case strings.HasPrefix(w, "git+"):
			if _, err := p.find("git"); err != nil {
				return nil, err
			}
			if strings.HasPrefix(w, "git+ssh") {
				if _, err := p.find("ssh"); err != nil {
					return nil, err
				}
			} else if _, err := p.fetchURL(strings.TrimPrefix(w, "git+"), false); err != nil {
				return nil, err
			}
			names = append(names, "git-"+sum(w))
		case strings.Contains(w, "://"):
			names = append(names, "url-"+sum(w))
		case strings.HasPrefix(w, ".") || strings.HasPrefix(w, "/"):
			w, _, _ = strings.Cut(w, "[")
			at, err := p.needs(name, w)
			if err != nil {
				return nil, err
			}
			if strings.HasSuffix(w, ".whl") {
				names = append(names, distName(strings.SplitN(path.Base(w), "-", 2)[0]))
				continue
			}
			p.event("project", p.fs.identity(at))
			names = append(names, "project")
		case strings.HasSuffix(w, ".whl") || strings.HasSuffix(w, ".tar.gz"):
			if _, err := p.needs(name, w); err != nil {
				return nil, err
			}
			names = append(names, distName(strings.SplitN(path.Base(w), "-", 2)[0]))
		default:
			names = append(names, distName(w))
		}
	}
	return names, nil
}

func distName(word string) string {
	if i := strings.IndexAny(word, "=<>~!;[ @"); i > 0 {
		word = word[:i]
	}
	return strings.ToLower(strings.ReplaceAll(word, "_", "-"))
}

// repeated reads an option that may come more than once.
func repeated(args []string, names ...string) string {
	var out []string
	for i, a := range args {
		if slices.Contains(names, a) && i+1 < len(args) {
			out = append(out, args[i+1])
		}
		for _, n := range names {
			if v, ok := strings.CutPrefix(a, n+"="); ok {
				out = append(out, v)
			}
			if len(n) == 2 && strings.HasPrefix(a, n) && len(a) > 2 {
				out = append(out, a[2:])
			}
		}
	}
	return strings.Join(out, "\x00")
}

func pip(p *process, at string, args []string) error {
	opts, rest := options(args, "-r", "--requirement", "-c", "--constraint", "-t", "--target", "-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--prefix", "--root", "--trusted-host", "--timeout", "--retries", "--no-binary", "--only-binary", "-w", "--wheel-dir", "--cache-dir", "-d", "--dest", "-e", "--editable", "--platform", "--python-version", "--default-timeout", "--upgrade-strategy", "--config-settings")
	if len(rest) == 0 {
		return nil
	}
	verb, words := rest[0], rest[1:]
	opts["-r"] = repeated(args, "-r", "--requirement")
	if e := repeated(args, "-e", "--editable"); e != "" {
		words = append(words, strings.Split(e, "\x00")...)
	}
	switch verb {
	case "install", "wheel", "download":
		names, err := p.requirements("pip", words, opts)
		if err != nil {
			return err
		}
		if v := opts["-c"]; v != "" && v != "yes" && !strings.Contains(v, "://") {
			if _, err := p.needs("pip", v); err != nil {
				return err
			}
		}
		site := p.site(at)
		if t := cmpOr(opts["-t"], opts["--target"]); t != "" {
			site = p.abs(t)
		} else if t := opts["--prefix"]; t != "" {
			site = p.abs(t) + "/lib/python" + cmpOr(p.python, "3.11") + "/site-packages"
		} else if d, ok := p.fs.get(site); opts["--user"] != "" || p.uid != 0 && (!ok || !p.may(d, 2)) && !strings.Contains(site, "venv") {
			site = clean(p.home) + "/.local/lib/python" + cmpOr(p.python, "3.11") + "/site-packages"
		}
		if verb != "install" {
			dir := p.abs(cmpOr(cmpOr(opts["-w"], opts["--wheel-dir"]), cmpOr(cmpOr(opts["-d"], opts["--dest"]), ".")))
			for _, n := range names {
				if err := p.writeAll(dir+"/"+n+"-1.0-py3-none-any.whl", "<wheel "+n+">", 2*mega); err != nil {
					return err
				}
			}
		} else if err := p.installAll(site, names, opts["--no-compile"] == "", false); err != nil {
			return err
		}
		local := !slices.ContainsFunc(words, func(w string) bool { return !strings.HasSuffix(w, ".whl") && !strings.HasPrefix(w, ".") }) && opts["-r"] == ""
		off := p.env["PIP_NO_CACHE_DIR"]
		if opts["--no-cache-dir"] != "" || opts["--no-cache"] != "" || off != "" || local {
			return nil
		}
		dir := clean(cmpOr(p.home, "/root")) + "/.cache/pip"
		if d := cmpOr(p.env["PIP_CACHE_DIR"], opts["--cache-dir"]); d != "" {
			dir = clean(d)
		}
		if p.env["XDG_CACHE_HOME"] != "" {
			dir = clean(p.env["XDG_CACHE_HOME"]) + "/pip"
		}
		for _, n := range names {
			if p.mkdirs(dir) != nil {
				return nil // pip warns and does without
			}
			_ = p.writeAll(dir+"/http/"+sum(n), "cache "+n, 2*mega)
		}
		return nil
	case "uninstall":
		for _, w := range words {
			site := p.site(at)
			pkg := strings.ReplaceAll(distName(w), "-", "_")
			p.fs.remove(site + "/" + pkg)
			p.fs.remove(site + "/" + pkg + "-1.0.dist-info")
		}
	case "cache":
		return p.removeTree(clean(p.home) + "/.cache/pip")
	}
	return nil
}

func uv(p *process, _ string, args []string) error {
	opts, rest := options(args, "-r", "--requirement", "--requirements", "-p", "--python", "--extra", "--group", "--target", "--prefix", "--index-url", "--extra-index-url", "--project", "--no-group", "--directory", "--link-mode")
	opts["-r"] = repeated(args, "-r", "--requirement", "--requirements")
	if len(rest) == 0 {
		return nil
	}
	site := p.site("")
	var names []string
	switch {
	case rest[0] == "pip" && len(rest) > 1 && rest[1] == "install":
		var err error
		words := rest[2:]
		if e := repeated(args, "-e", "--editable"); e != "" {
			words = append(words, e)
		}
		if names, err = p.requirements("uv", words, opts); err != nil {
			return err
		}
	case rest[0] == "sync":
		dir := p.abs(cmpOr(opts["--project"], "."))
		if !p.exists(dir + "/pyproject.toml") {
			if p.want("path /" + dir + "/pyproject.toml"); !p.assumed["path /"+dir+"/pyproject.toml"] {
				return p.fail(2, "uv: no pyproject.toml")
			}
			p.assume(dir+"/pyproject.toml", 'f')
		}
		site = dir + "/.venv/lib/python" + cmpOr(p.python, "3.11") + "/site-packages"
		if e := p.env["UV_PROJECT_ENVIRONMENT"]; e != "" {
			site = clean(e) + "/lib/python" + cmpOr(p.python, "3.11") + "/site-packages"
		}
		names = []string{"dist-" + sum(p.fs[dir+"/pyproject.toml"].data, p.fs[dir+"/uv.lock"].data)}
	case rest[0] == "venv":
		return venv(p, "", append(rest[1:], ".venv")[:1])
	case rest[0] == "cache":
		return p.removeTree(clean(p.home) + "/.cache/uv")
	default:
		p.event("uv", strings.Join(args, " "))
		return nil
	}
	compile := opts["--compile-bytecode"] != "" || opts["--compile"] != "" || p.env["UV_COMPILE_BYTECODE"] == "1"
	if err := p.installAll(site, names, compile, false); err != nil {
		return err
	}
	if opts["--no-cache"] != "" || opts["-n"] != "" || opts["--no-cache-dir"] != "" || p.env["UV_NO_CACHE"] != "" {
		return nil
	}
	return p.writeAll(cmpOr(clean(p.env["UV_CACHE_DIR"]), clean(p.home)+"/.cache/uv")+"/archive-v0/"+sum(names...), "cache "+strings.Join(names, " "), 9*mega)
}

func poetry(p *process, name string, args []string) error {
	_, rest := options(args, "-C", "--with", "--without", "--only", "-E", "--extras")
	if len(rest) == 0 || rest[0] != "install" && rest[0] != "sync" {
		p.event(name, strings.Join(args, " "))
		return nil
	}
	dir := p.abs(".")
	file := map[string]string{"pipenv": "Pipfile"}[name]
	file = dir + "/" + cmpOr(file, "pyproject.toml")
	if !p.exists(file) {
		if p.want("path /" + file); !p.assumed["path /"+file] {
			return p.fail(1, "%s: no %s", name, file)
		}
		p.assume(file, 'f')
	}
	if err := p.installAll(p.site(""), []string{"dist-" + sum(p.fs[file].data)}, false, false); err != nil {
		return err
	}
	return p.writeAll(clean(p.home)+"/.cache/py"+name+"/"+sum(file), "cache", 9*mega)
}
