package toolmodel

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// base is an image to build on: its layers, each as the files after it.
type base struct {
	layers []files
	env    map[string]string
	user   string
	family string // debian, alpine, rpm
	full   bool   // an image of somebody, taken to have what is asked of it
	python string
}

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// oldRelease matches a release of Debian in a tag.
var oldRelease = regexp.MustCompile(`wheezy|jessie|stretch|buster|bullseye|trixie`)

var pythonTag = regexp.MustCompile(`^[a-z]*:?(?:pypy)?(3\.\d+|2\.7)`)

// readBase makes the image of a name; text is the Dockerfile, which says how
// an unknown image is used.
func readBase(name, text string) base {
	full := name
	name, _, _ = strings.Cut(name, "@")
	repo, tag, _ := strings.Cut(path.Base(name), ":")
	official := !strings.Contains(strings.TrimPrefix(strings.TrimPrefix(name, "docker.io/"), "library/"), "/")
	b := base{env: map[string]string{"PATH": defaultPath}}
	switch {
	case full == "scratch":
		b.family = "none"
		b.layers = []files{}
		return b
	case repo == "alpine" || strings.Contains(tag, "alpine"):
		b.family = "alpine"
	case slices.Contains([]string{"debian", "ubuntu"}, repo):
		b.family = "debian"
	case slices.Contains([]string{"fedora", "centos", "rockylinux", "almalinux", "amazonlinux", "ubi8", "ubi9", "ubi", "oraclelinux", "rhel", "ubi-minimal", "ubi8-minimal", "leap", "tumbleweed", "archlinux"}, repo):
		b.family = "rpm"
	case regexp.MustCompile(`(?m)\bapk (-\S+ )*(add|update)`).MatchString(text) && !regexp.MustCompile(`\bapt(-get)? (-\S+ )*(install|update)`).MatchString(text):
		b.family, b.full = "alpine", true
	case regexp.MustCompile(`\b(yum|dnf|microdnf|tdnf|zypper|pacman) `).MatchString(text) && !strings.Contains(text, "apt-get"):
		b.family, b.full = "rpm", true
	default:
		b.family = "debian"
		b.full = !official || !slices.Contains([]string{"python", "node", "ruby", "php", "golang", "rust", "perl", "openjdk", "buildpack-deps", "gcc"}, repo)
	}
	f := files{}
	switch b.family {
	case "debian":
		debianBase(f, b.full)
		if release := oldRelease.FindString(tag); release != "" {
			f.text("etc/os-release", "ID=debian\nVERSION_CODENAME="+release+"\n")
		}
	case "alpine":
		alpineBase(f)
	default:
		rpmBase(f)
	}
	b.layers = append(b.layers, cloneFiles(f))
	language(&b, f, repo, tag)
	if strings.Contains(name, "conda") || strings.Contains(name, "mamba") {
		for _, p := range []string{"conda", "mamba", "python", "python3", "pip"} {
			f.program("opt/conda/bin/"+p, "conda "+p, mega)
		}
		b.env["PATH"] = "/opt/conda/bin:" + defaultPath
		b.python = "3.12"
		b.layers = append(b.layers, cloneFiles(f))
	}
	if repo == "with-sudo" {
		f.program("usr/bin/sudo", "sudo", mega)
		f.lines("etc/passwd", "builder:x:1000:1000::/home/builder:/bin/sh\n")
		b.layers, b.user = append(b.layers, cloneFiles(f)), "builder"
	}
	return b
}

func accounts(f files, more ...string) {
	f.text("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/var/www:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n"+strings.Join(more, ""))
	group := "root:x:0:\nwww-data:x:33:\nstaff:x:50:\nnogroup:x:65534:\n"
	for _, m := range more {
		n, rest, _ := strings.Cut(m, ":x:")
		group += n + ":x:" + strings.Split(rest, ":")[0] + ":\n"
	}
	f.text("etc/group", group)
	f.text("etc/shadow", "root:*:\n")
	for _, d := range []string{"root", "home", "etc", "usr/local/bin", "usr/local/lib", "usr/share", "var/log", "opt", "srv", "usr/local/share", "usr/local/src", "usr/src", "var/www", "mnt", "media", "run", "var/lib", "var/cache", "usr/bin", "usr/sbin", "bin", "etc/profile.d", "etc/default"} {
		f.put(d, node{kind: 'd', mode: 0o755})
	}
	f.put("tmp", node{kind: 'd', mode: 0o1777})
	f.put("var/tmp", node{kind: 'd', mode: 0o1777})
	f.put("root", node{kind: 'd', mode: 0o700})
}

func debianBase(f files, somebody bool) {
	accounts(f)
	db := dpkgDB{installed: map[string]bool{}}
	for _, p := range []string{"libc6", "bash", "coreutils", "apt", "dpkg", "libssl3", "perl-base"} {
		unpackDeb(f, p, "")
		db.installed[p] = false
	}
	db.write(f)
	f.text("etc/apt/sources.list", "deb http://deb.debian.org/debian bookworm main\n")
	f.text("etc/os-release", "ID=debian\nVERSION_CODENAME=bookworm\nVERSION_ID=\"12\"\n")
	f.put("etc/apt/sources.list.d", node{kind: 'd', mode: 0o755})
	f.put("etc/apt/trusted.gpg.d", node{kind: 'd', mode: 0o755})
	f.put("etc/apt/preferences.d", node{kind: 'd', mode: 0o755})
	f.put("etc/apt/keyrings", node{kind: 'd', mode: 0o755})
	f.put("usr/share/keyrings", node{kind: 'd', mode: 0o755})
	f.put("var/lib/apt/lists", node{kind: 'd', mode: 0o755})
	f.put("var/cache/apt/archives", node{kind: 'd', mode: 0o755})
	if !somebody {
		f.text("etc/apt/apt.conf.d/docker-clean", "Dir::Cache::pkgcache \"\"; Dir::Cache::srcpkgcache \"\";\n")
	}
}

func alpineBase(f files) {
	accounts(f)
	db := map[string]string{"alpine-baselayout": "", "musl": "", "busybox": "", "apk-tools": "", "ca-certificates-bundle": ""}
	for n := range db {
		f.blob(apkFile(n), "apk "+n, apkSize(n))
	}
	writeApk(f, db)
	f.text("etc/apk/world", "alpine-baselayout\nbusybox\napk-tools\n")
	f.text("etc/os-release", "ID=alpine\n")
	f.text("etc/apk/repositories", "https://dl-cdn.alpinelinux.org/alpine/v3.20/main\n")
	f.blob("etc/ssl/certs/ca-certificates.crt", "certificates", 220_000)
	f.put("var/cache/apk", node{kind: 'd', mode: 0o755})
}

func rpmBase(f files) {
	accounts(f)
	f.text("etc/os-release", "ID=fedora\n")
	f.blob("etc/ssl/certs/ca-certificates.crt", "certificates", 220_000)
	f.program("usr/bin/curl", "rpm curl", mega)
	f.program("usr/bin/gpg", "rpm gpg", mega)
	f.program("usr/bin/python3", "rpm python3", mega)
	f.put("etc/yum.repos.d", node{kind: 'd', mode: 0o755})
}

// language adds what official images of a language have.
func language(b *base, f files, repo, tag string) {
	debs := func(names ...string) {
		db := readDpkg(f)
		for n, auto := range db.closure(names, false) {
			if _, have := db.installed[n]; !have {
				unpackDeb(f, n, "")
				db.installed[n] = auto
			}
		}
		db.write(f)
		b.layers = append(b.layers, cloneFiles(f))
	}
	if !slices.Contains([]string{"python", "node", "ruby", "php", "golang", "rust", "perl", "openjdk", "buildpack-deps", "gcc"}, repo) {
		return
	}
	if b.family == "debian" {
		debs("ca-certificates", "netbase", "tzdata")
		if !strings.Contains(tag, "slim") {
			debs("curl", "gnupg", "wget")
			debs("git", "mercurial", "openssh-client", "subversion", "procps")
			debs("build-essential", "automake", "bzip2", "file", "imagemagick", "libcurl4-openssl-dev", "libpq-dev", "default-libmysqlclient-dev", "libxml2-dev", "unzip", "xz-utils", "zlib1g-dev")
		}
	}
	prog := func(names ...string) {
		for _, n := range names {
			f.program("usr/local/bin/"+n, repo+" "+n, 2*mega)
		}
	}
	switch repo {
	case "python":
		b.python = "3.13"
		if m := pythonTag.FindStringSubmatch(tag); m != nil {
			b.python = m[1]
		}
		prog("python", "python3", "pip", "pip3", "python"+b.python, "pip"+b.python)
		b.env["PYTHON_VERSION"] = b.python + ".5"
		site := fmt.Sprintf("usr/local/lib/python%s/site-packages", b.python)
		installDist(f, site, "pip", 0, 0, false, "base")
		f.blob(fmt.Sprintf("usr/local/lib/python%s/os.py", b.python), "stdlib", 20*mega)
	case "node":
		prog("node", "npm", "npx", "yarn", "corepack")
		b.env["NODE_VERSION"] = "22.21.1"
		f.lines("etc/passwd", "node:x:1000:1000::/home/node:/bin/bash\n")
		f.lines("etc/group", "node:x:1000:\n")
		f.put("home/node", node{kind: 'd', mode: 0o755, uid: 1000, gid: 1000})
	case "ruby":
		prog("ruby", "gem", "bundle", "bundler")
		b.env["RUBY_VERSION"] = "3.4.7"
	case "golang":
		prog("go", "gofmt")
		f.program("usr/local/go/bin/go", "go", 60*mega)
		f.put("go", node{kind: 'd', mode: 0o777})
	case "rust":
		prog("cargo", "rustc", "rustup")
		f.program("usr/local/rustup/toolchains/stable/bin/rustc", "rustc", 60*mega)
	case "php":
		prog("php", "docker-php-ext-install", "docker-php-ext-configure", "docker-php-ext-enable", "pecl", "pear")
	case "openjdk":
		prog("java", "javac", "jar")
	}
	if b.family == "alpine" && repo == "php" {
		f.program("usr/bin/curl", "curl", mega)
	}
	b.layers = append(b.layers, cloneFiles(f))
}
