package toolmodel

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// debPackage is what the model knows of a package of Debian: relations as
// bookworm's are, where they matter to an image.
type debPackage struct {
	depends, recommends, provides string
	programs                      string
	size                          int64
}

const mega = 1 << 20

// universe has the packages with relations or programs that Dockerfiles rely
// on. Every other name is a package with a program of its name, which depends on
// libc6 and recommends NAME-extras.
var universe = map[string]debPackage{
	"libc6": {size: 12 * mega}, "bash": {depends: "libc6", size: 6 * mega}, "coreutils": {depends: "libc6", size: 7 * mega},
	"apt": {depends: "libc6", size: 4 * mega}, "dpkg": {depends: "libc6", size: 6 * mega}, "libssl3": {depends: "libc6", size: 6 * mega},
	"perl-base": {depends: "libc6", programs: "perl", size: 7 * mega},
	"git":       {depends: "libc6 libcurl3-gnutls perl git-man", recommends: "ca-certificates patch less ssh-client", programs: "git", size: 36 * mega},
	"git-man":   {size: 2 * mega}, "perl": {depends: "perl-base", recommends: "netbase", size: 30 * mega},
	"libcurl3-gnutls": {depends: "libc6", size: mega}, "libcurl4": {depends: "libc6 libssl3", recommends: "ca-certificates krb5-locales publicsuffix", size: mega},
	"curl": {depends: "libc6 libcurl4", programs: "curl", size: mega / 2}, "wget": {depends: "libc6", recommends: "ca-certificates", programs: "wget", size: 3 * mega},
	"krb5-locales": {size: 1 * mega}, "publicsuffix": {size: mega / 2}, "less": {depends: "libc6", programs: "less", size: mega / 2}, "patch": {depends: "libc6", programs: "patch", size: mega / 4},
	"ca-certificates": {depends: "openssl", programs: "update-ca-certificates", size: mega / 2}, "openssl": {depends: "libc6 libssl3", programs: "openssl", size: 2 * mega},
	"openssh-client": {depends: "libc6", recommends: "xauth", provides: "ssh-client", programs: "ssh ssh-keyscan ssh-keygen scp sftp ssh-add ssh-agent", size: 5 * mega},
	"openssh-server": {depends: "libc6 openssh-client", recommends: "default-logind xauth", programs: "sshd", size: 2 * mega},
	"xauth":          {depends: "libc6", programs: "xauth", size: mega / 8}, "xvfb": {depends: "libc6", recommends: "xauth libgl1-mesa-dri", programs: "xvfb-run Xvfb", size: 4 * mega},
	"gpg": {depends: "libc6 gpgconf", recommends: "gnupg", programs: "gpg", size: 2 * mega}, "gpgconf": {depends: "libc6", programs: "gpgconf", size: mega},
	"gpg-agent": {depends: "libc6", recommends: "pinentry-curses", programs: "gpg-agent", size: mega}, "dirmngr": {depends: "libc6", recommends: "gnupg", programs: "dirmngr", size: mega},
	"gnupg": {depends: "gpg gpg-agent dirmngr", recommends: "gnupg-l10n", size: mega}, "gnupg2": {depends: "gnupg", size: mega / 8}, "gnupg-l10n": {size: 4 * mega}, "pinentry-curses": {size: mega / 4},
	"software-properties-common": {depends: "python3 gpg", recommends: "unattended-upgrades packagekit", programs: "add-apt-repository apt-add-repository", size: mega},
	"build-essential":            {depends: "gcc g++ make libc6-dev dpkg-dev", size: mega / 8}, "dpkg-dev": {depends: "patch xz-utils bzip2 make perl", recommends: "build-essential fakeroot gnupg libalgorithm-merge-perl", size: 2 * mega},
	"gcc": {depends: "cpp", recommends: "libc6-dev", programs: "gcc cc", size: 50 * mega}, "cpp": {depends: "libc6", programs: "cpp", size: 30 * mega},
	"g++": {depends: "gcc libstdc++-12-dev", programs: "g++ c++", size: 40 * mega}, "libstdc++-12-dev": {depends: "libc6-dev", size: 18 * mega},
	"libc6-dev": {depends: "libc6", recommends: "manpages manpages-dev libc-devtools", size: 12 * mega}, "make": {depends: "libc6", programs: "make", size: 2 * mega},
	"cmake": {depends: "libc6", recommends: "gcc make", programs: "cmake ctest", size: 24 * mega}, "libtool": {depends: "gcc libc6-dev", recommends: "libltdl-dev", programs: "libtoolize", size: mega},
	"autoconf": {depends: "perl", recommends: "automake", programs: "autoconf autoreconf", size: 2 * mega}, "automake": {depends: "autoconf", programs: "automake aclocal", size: 2 * mega},
	"python3": {depends: "libc6", programs: "python3", size: 25 * mega}, "python3-pip": {depends: "python3", recommends: "build-essential python3-dev", programs: "pip3 pip", size: 7 * mega},
	"python3-dev": {depends: "python3 libc6-dev", size: 25 * mega}, "python3-venv": {depends: "python3", size: mega}, "python3-setuptools": {depends: "python3", size: 3 * mega},
	"nodejs": {depends: "libc6", recommends: "ca-certificates nodejs-doc", programs: "node", size: 60 * mega}, "npm": {depends: "nodejs", recommends: "build-essential git", programs: "npm npx", size: 20 * mega},
	"unzip": {depends: "libc6", programs: "unzip", size: mega / 2}, "zip": {depends: "libc6", recommends: "unzip", programs: "zip", size: mega / 2},
	"bzip2": {depends: "libc6", programs: "bzip2 bunzip2", size: mega / 8}, "xz-utils": {depends: "libc6", programs: "xz unxz", size: mega / 2},
	"mercurial": {depends: "python3", recommends: "openssh-client", programs: "hg", size: 8 * mega}, "subversion": {depends: "libc6", programs: "svn", size: 6 * mega},
	"procps": {depends: "libc6", recommends: "psmisc", programs: "ps top pgrep free", size: 2 * mega}, "sudo": {depends: "libc6", programs: "sudo", size: 6 * mega},
	"iputils-ping": {depends: "libc6", recommends: "libcap2-bin", programs: "ping", size: mega / 8}, "iproute2": {depends: "libc6", recommends: "libatm1", programs: "ip ss", size: 3 * mega},
	"cron": {depends: "libc6", recommends: "default-mta", programs: "cron crontab", size: mega / 4}, "rsync": {depends: "libc6", programs: "rsync", size: mega},
	"openjdk-17-jdk": {depends: "openjdk-17-jre", recommends: "libxt-dev", programs: "javac", size: 240 * mega}, "openjdk-17-jre": {depends: "openjdk-17-jre-headless", recommends: "fonts-dejavu-extra", size: mega},
	"openjdk-17-jre-headless": {depends: "ca-certificates-java libc6", programs: "java", size: 190 * mega}, "ca-certificates-java": {depends: "ca-certificates", size: mega / 8},
	"default-jre": {depends: "default-jre-headless openjdk-17-jre", size: 1 << 13}, "default-jre-headless": {depends: "openjdk-17-jre-headless", size: 1 << 13}, "default-jdk": {depends: "default-jre openjdk-17-jdk", size: 1 << 13},
	"r-base": {depends: "r-base-core", recommends: "r-recommended r-base-dev", size: 1 << 13}, "r-base-core": {depends: "libc6", recommends: "r-base-dev", programs: "R Rscript", size: 60 * mega}, "r-base-dev": {depends: "build-essential", size: 1 << 13},
	"ffmpeg": {depends: "libc6", programs: "ffmpeg ffprobe", size: 50 * mega}, "imagemagick": {depends: "libc6", recommends: "ghostscript", programs: "convert identify", size: 20 * mega}, "ghostscript": {depends: "libc6", programs: "gs", size: 10 * mega},
	"aptitude": {depends: "apt", programs: "aptitude", size: 6 * mega}, "gosu": {depends: "libc6", programs: "gosu", size: 2 * mega}, "jq": {depends: "libc6", programs: "jq", size: mega}, "lsb-release": {programs: "lsb_release", size: 1 << 14},
	"apt-transport-https": {depends: "apt", size: 1 << 13}, "debian-keyring": {size: 30 * mega}, "apt-utils": {depends: "apt", size: mega}, "locales": {depends: "libc6", programs: "locale-gen", size: 16 * mega},
	"golang": {depends: "golang-go", size: 1 << 13}, "golang-go": {depends: "libc6", recommends: "g++ gcc libc6-dev pkg-config", programs: "go gofmt", size: 100 * mega},
	"ruby": {depends: "libc6", recommends: "libjs-jquery", programs: "ruby gem", size: 25 * mega}, "supervisor": {depends: "python3", programs: "supervisord supervisorctl", size: 2 * mega},
	"postgresql-client": {depends: "libpq5 perl", programs: "psql pg_dump", size: 7 * mega}, "libpq-dev": {depends: "libpq5 libssl-dev", size: 2 * mega}, "libpq5": {depends: "libc6", size: mega / 2}, "libssl-dev": {depends: "libssl3", size: 12 * mega},
	"gdebi-core": {depends: "python3", programs: "gdebi", size: mega}, "maven": {depends: "default-jre-headless", programs: "mvn", size: 9 * mega}, "graphviz": {depends: "libc6", recommends: "fonts-liberation", programs: "dot", size: 4 * mega},
}

// deb is what is known of a package.
func deb(name string) debPackage {
	if p, ok := universe[name]; ok {
		return p
	}
	p := debPackage{depends: "libc6", size: mega}
	plain := strings.Contains(name, "-extras") || strings.Contains(name, "-doc") || strings.HasPrefix(name, "manpages")
	if strings.HasPrefix(name, "lib") || plain {
		return p
	}
	p.programs, p.recommends = name, name+"-extras"
	return p
}

// provider is the package of a name, which may be virtual.
func provider(name string) string {
	if _, ok := universe[name]; ok {
		return name
	}
	for _, n := range slices.Sorted(maps.Keys(universe)) {
		if slices.Contains(strings.Fields(universe[n].provides), name) {
			return n
		}
	}
	return name
}

// packagedPrograms are the programs that a base image has only with their
// package, by name.
var packagedPrograms = func() map[string]string {
	out := map[string]string{}
	for name := range universe {
		for _, prog := range strings.Fields(universe[name].programs) {
			if was, ok := out[prog]; !ok || name < was {
				out[prog] = name
			}
		}
	}
	return out
}()

// dpkgDB is the database of installed packages, as a state that is written out.
type dpkgDB struct {
	installed map[string]bool // name → marked as automatically installed
}

func readDpkg(f files) dpkgDB {
	db := dpkgDB{installed: map[string]bool{}}
	auto := f["var/lib/apt/extended_states"].data
	for para := range strings.SplitSeq(f["var/lib/dpkg/status"].data, "\n\n") {
		if name, ok := strings.CutPrefix(strings.SplitN(para, "\n", 2)[0], "Package: "); ok {
			db.installed[name] = strings.Contains(auto, "Package: "+name+"\n")
		}
	}
	return db
}

func (db dpkgDB) write(f files) {
	var status, auto strings.Builder
	for _, name := range slices.Sorted(maps.Keys(db.installed)) {
		p := deb(name)
		fmt.Fprintf(&status, "Package: %s\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0\nInstalled-Size: %d\n", name, p.size/1024)
		for _, field := range [][2]string{{"Depends", p.depends}, {"Recommends", p.recommends}, {"Provides", p.provides}} {
			if field[1] != "" {
				fmt.Fprintf(&status, "%s: %s\n", field[0], strings.ReplaceAll(field[1], " ", ", "))
			}
		}
		status.WriteString("\n")
		if db.installed[name] {
			fmt.Fprintf(&auto, "Package: %s\nArchitecture: amd64\nAuto-Installed: 1\n\n", name)
		}
	}
	f.text("var/lib/dpkg/status", status.String())
	f.text("var/lib/apt/extended_states", auto.String())
}

// closure is what installing some packages installs: name → only because of
// another.
func (db dpkgDB) closure(names []string, recommends bool) map[string]bool {
	out := map[string]bool{}
	var add func(name string, auto bool)
	add = func(name string, auto bool) {
		name = provider(name)
		if was, ok := out[name]; ok {
			out[name] = was && auto
			return
		}
		if _, have := db.installed[name]; have && auto {
			return
		}
		out[name] = auto
		p := deb(name)
		for _, d := range strings.Fields(p.depends) {
			add(d, true)
		}
		if recommends {
			for _, d := range strings.Fields(p.recommends) {
				add(d, true)
			}
		}
	}
	for _, n := range names {
		add(n, false)
	}
	return out
}

// unpack writes a package's files; origin is where it is from.
func unpackDeb(f files, name, origin string) {
	p := deb(name)
	list := []string{"/usr/share/doc/" + name + "/copyright", "/usr/share/doc/" + name + "/changelog.gz"}
	f.blob("usr/share/doc/"+name+"/copyright", "copyright "+name, 4000)
	f.blob("usr/share/doc/"+name+"/changelog.gz", "changelog "+name, max(p.size/50, 1000))
	programs := strings.Fields(p.programs)
	body := p.size
	for _, prog := range programs {
		f.program("usr/bin/"+prog, "deb "+name+" "+prog+" "+origin, max(p.size/int64(2*len(programs)), 1))
		list = append(list, "/usr/bin/"+prog)
		body = p.size / 2
	}
	data := "usr/lib/x86_64-linux-gnu/" + name + ".so.1"
	if strings.HasSuffix(name, "-dev") {
		data = "usr/include/" + name + ".h"
	}
	f.blob(data, "deb "+name+" "+origin, max(body, 1))
	list = append(list, "/"+data)
	if name == "ca-certificates" {
		f.blob("etc/ssl/certs/ca-certificates.crt", "certificates", 220_000)
	}
	f.text("var/lib/dpkg/info/"+name+".list", "/.\n"+strings.Join(list, "\n")+"\n")
}

func removeDeb(f files, db dpkgDB, name string) {
	for line := range strings.Lines(f["var/lib/dpkg/info/"+name+".list"].data) {
		if at := clean(strings.TrimSpace(line)); at != "" && at != "." {
			delete(f, at)
		}
	}
	delete(f, "var/lib/dpkg/info/"+name+".list")
	if name == "ca-certificates" {
		f.remove("etc/ssl/certs")
	}
	delete(db.installed, name)
}

// apkInstalled is alpine's database.
func apkInstalled(f files) map[string]string { // name → dependencies
	out := map[string]string{}
	for para := range strings.SplitSeq(f["lib/apk/db/installed"].data, "\n\n") {
		name, deps := "", ""
		for line := range strings.Lines(para) {
			line = strings.TrimSpace(line)
			if v, ok := strings.CutPrefix(line, "P:"); ok {
				name = v
			}
			if v, ok := strings.CutPrefix(line, "D:"); ok {
				deps = v
			}
		}
		if name != "" {
			out[name] = deps
		}
	}
	return out
}

func writeApk(f files, db map[string]string) {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(db)) {
		fmt.Fprintf(&b, "P:%s\nV:1.0-r0\nA:x86_64\nI:%d\n", name, apkSize(name))
		if db[name] != "" {
			fmt.Fprintf(&b, "D:%s\n", db[name])
		}
		if !strings.HasPrefix(name, ".") {
			at := apkFile(name)
			fmt.Fprintf(&b, "F:%s\nR:%s\n", parent(at), at[len(parent(at))+1:])
		}
		b.WriteString("\n")
	}
	f.text("lib/apk/db/installed", b.String())
}

func apkSize(name string) int64 {
	if p, ok := universe[name]; ok {
		return p.size
	}
	return mega
}

func apkFile(name string) string {
	if strings.HasSuffix(name, "-dev") {
		return "usr/include/" + name + ".h"
	}
	return "usr/lib/" + name + ".so"
}
