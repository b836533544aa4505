package keep

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/distro"
	"whittle.dev/whittle/internal/python"
)

// SystemFacts are what an image's files show of its operating system packages.
type SystemFacts struct {
	Packages []distro.Installed
	Contents Contents
	// Stays says why a path has to stay, empty if it can go.
	Stays func(path string) string
}

// systemData are packages that others use without a name that files show: by prefixes of
// their names.
var systemData = []struct{ prefix, why string }{
	{"adduser", "scripts that install packages call it"},
	{"apt", "it is the package manager: security updates come by it"},
	{"base-files", "it has the folders and names of the system"},
	{"base-passwd", "it has the accounts of the system"},
	{"ca-certificates", "certificates are looked up by their folder"},
	{"debconf", "scripts that install packages call it"},
	{"debian-archive-keyring", "the package manager checks updates with it"},
	{"dpkg", "it is the package manager"},
	{"fontconfig", "fonts are looked up by their folder"},
	{"fonts-", "fonts are looked up by their folder"},
	{"init-system-helpers", "scripts that install packages call it"},
	{"krb5-locales", "locales are looked up by their folder"},
	{"libc-", "it is a part of the C library"},
	{"libc6", "it is the C library"},
	{"libgcc-s1", "the C library loads it when threads end"},
	{"libnss", "the C library loads its modules by nsswitch.conf"},
	{"libpam", "PAM loads its modules by its configuration"},
	{"libssl", "its configuration and modules are looked up by their folder"},
	{"libstdc++6", "compiled extensions load it"},
	{"locales", "locales are looked up by their folder"},
	{"media-types", "types of files are looked up in /etc/mime.types"},
	{"mime-support", "types of files are looked up in /etc/mime.types"},
	{"ncurses", "terminals are looked up by their names"},
	{"netbase", "services and protocols are looked up in /etc"},
	{"openssl", "its configuration is looked up by its folder"},
	{"publicsuffix", "domains are looked up in its list"},
	{"sensible-utils", "scripts call it"},
	{"shared-mime-info", "types of files are looked up by their folder"},
	{"tini", "containers are started by it"},
	{"ttf-", "fonts are looked up by their folder"},
	{"tzdata", "time zones are looked up by their names"},
	{"ubuntu-keyring", "the package manager checks updates with it"},
	{"usr-is-merged", "it says how the system is laid out"},
	{"usrmerge", "it says how the system is laid out"},
	{"xkb-data", "keyboards are looked up by their names"},
}

// systemNeed says why a package stays whatever files show, empty if it need not.
func systemNeed(p *distro.Installed) string {
	if p.Required {
		return "its package manager says that the system needs it"
	}
	for _, row := range systemData {
		if strings.HasPrefix(p.Name, row.prefix) {
			return row.why
		}
	}
	return ""
}

// system are the packages of [Distributions.AddSystem] while they are added.
type system struct {
	units    *Distributions
	facts    SystemFacts
	words    Vocabulary
	mentions *mentions
	// first is the number of the first package.
	first int
	// known are the packages that have a name, or provide it; modules are those
	// with modules of a language.
	known, modules map[string][]int
}

// AddSystem adds operating system packages as further units: unit n of the distributions'
// number and on is the package of that position. All of one goes or nothing.
func (d *Distributions) AddSystem(ctx context.Context, f SystemFacts) (err error) {
	s := &system{units: d, facts: f, first: len(d.Bytes), known: map[string][]int{}, modules: map[string][]int{}}
	packaged := filesOf(f.Packages)
	s.words = NewVocabulary(f.Packages, s.first, shadowed(d.facts.Root, f.Contents.Process.Env, packaged))
	if s.mentions, err = f.Contents.mentions(ctx, s.words, packaged); err != nil {
		return err
	}
	for i := range f.Packages {
		p := &f.Packages[i]
		n := s.first + i
		d.names = append(d.names, p.Name)
		for _, name := range append([]string{p.Name}, p.Provides...) {
			s.known[name] = append(s.known[name], n)
		}
		for _, file := range p.Files {
			d.of[file] = append(d.of[file], n)
			if l := moduleLanguage(file); l != "" && !slices.Contains(s.modules[l], n) {
				s.modules[l] = append(s.modules[l], n)
			}
		}
		d.Bytes, d.Always, d.Needs = append(d.Bytes, 0), append(d.Always, false), append(d.Needs, nil)
		d.Needed, d.Left, d.Paths, d.Files = append(d.Needed, ""), append(d.Left, ""), append(d.Paths, nil), append(d.Files, 0)
	}
	s.within()
	s.dependencies()
	s.references()
	strange := s.strangers()
	for i := range f.Packages {
		n := s.first + i
		d.Needed[n] = cmp.Or(systemNeed(&f.Packages[i]), d.Needed[n])
		d.Left[n] = s.whole(n, &f.Packages[i], strange)
		d.Always[n] = d.Needed[n] != "" || d.Left[n] != ""
	}
	return nil
}

// within finds the distributions that packages brought, by their metadata: they stay and go
// with them.
func (s *system) within() {
	for i := range s.units.dists {
		n := s.bringer(&s.units.dists[i])
		if n < 0 {
			continue
		}
		s.units.Within[i], s.units.Always[i], s.units.Left[i] = n, false, ""
		s.units.Needs[i], s.units.Needs[n] = append(s.units.Needs[i], n), append(s.units.Needs[n], i)
		if s.units.Needed[i] != "" {
			s.units.Needed[n] = s.units.dists[i].Name + ": " + s.units.Needed[i]
		}
		for _, p := range s.units.dists[i].Files {
			if slices.Contains(s.units.of[p], n) {
				s.units.of[p] = slices.DeleteFunc(s.units.of[p], func(o int) bool { return o == i })
			}
		}
	}
}

// bringer is the package that has the metadata of a distribution, -1 without one.
func (s *system) bringer(d *python.Distribution) int {
	for _, p := range d.Files {
		if of := s.units.of[p]; len(of) > 0 && (p == d.Record || path.Dir(p) == d.Record) && of[len(of)-1] >= s.first {
			return of[len(of)-1]
		}
	}
	return -1
}

// dependencies notes what packages depend on, and what they recommend: what is found with
// them in all but unusual installations may be used by them. Of alternatives all that are
// installed stay.
// https://www.debian.org/doc/debian-policy/ch-relationships.html
func (s *system) dependencies() {
	for i := range s.facts.Packages {
		p := &s.facts.Packages[i]
		plugin := s.hasPlugins(p)
		for _, names := range slices.Concat(p.Depends, p.Recommends) {
			for _, name := range names {
				s.units.Needs[s.first+i] = append(s.units.Needs[s.first+i], s.known[name]...)
				if plugin {
					s.plugin(s.first+i, name)
				}
			}
		}
	}
}

// plugin notes that a package stays with those that it depends on, which may load its
// plug-ins from their folder: all but those that others depend on for other reasons.
func (s *system) plugin(n int, dependency string) {
	for _, x := range s.known[dependency] {
		if name := s.facts.Packages[x-s.first].Name; name != "zlib1g" && systemNeed(&s.facts.Packages[x-s.first]) == "" {
			s.units.Needs[x] = append(s.units.Needs[x], n)
		}
	}
}

// hasPlugins says that a package has shared libraries outside the folders of the loader,
// in one that does not have its own name.
func (s *system) hasPlugins(p *distro.Installed) bool {
	return slices.ContainsFunc(p.Files, func(file string) bool {
		_, below, ok := strings.Cut(file, "lib/")
		dir, rest, deep := strings.Cut(below, "/")
		if strings.Contains(dir, "-linux-") {
			dir, rest, deep = strings.Cut(rest, "/")
		}
		return ok && deep && strings.Contains(path.Base(rest), ".so") && moduleLanguage(file) == "" && !strings.HasPrefix(p.Name, dir)
	})
}

// references notes which files use files of packages: by loading a library, by a link, or
// by a name in their text.
func (s *system) references() {
	root := s.units.facts.Root
	for _, p := range root.Paths() {
		if e, err := root.Lstat(p); err == nil && e.Kind == whittle.Symlink {
			if to, _, ok := whittle.Follow(root, "", p); ok {
				s.refers(p, s.units.of[to], "leads to a file of it")
				s.runs(p, to)
			}
			continue
		}
		s.refers(p, s.modules[fileLanguage(p)], "may load a module of it")
		for _, lib := range s.units.facts.Loaded(p) {
			s.refers(p, s.units.of[lib], "loads a library of it")
			s.runs(p, lib)
		}
		for _, word := range s.mentions.files[p] {
			s.refers(p, s.words[word], "names "+word)
			s.runs(p, word)
		}
	}
	for _, word := range s.mentions.config {
		for _, to := range slices.Concat(s.words[word], s.modules[interpreted(word)]) {
			s.units.Needed[to] = "the image's configuration names " + word
		}
	}
}

// runs notes that a file of no package uses an interpreter, which loads modules.
func (s *system) runs(file, program string) {
	if of := s.units.of[file]; len(of) == 0 || slices.Max(of) < s.first {
		s.refers(file, s.modules[interpreted(program)], "may load a module of it")
	}
}

// refers notes that a file uses packages among some units: those that have the file need
// them.
func (s *system) refers(file string, units []int, how string) {
	from := s.units.of[file]
	for _, to := range units {
		switch {
		case to < s.first || slices.Contains(from, to):
		case len(from) == 0:
			s.units.Needed[to] = "/" + file + " " + how
		default:
			for _, f := range from {
				s.units.Needs[f] = append(s.units.Needs[f], to)
			}
		}
	}
}

// strangers are files that no package has in folders in which one package alone has files,
// by that package: its program may have written them. Bytecode goes with its source.
func (s *system) strangers() map[int]string {
	only := s.folders()
	out := map[int]string{}
	for _, p := range s.units.facts.Root.Paths() {
		e, err := s.units.facts.Root.Lstat(p)
		if err != nil || e.Kind == whittle.Dir || len(s.units.of[p]) > 0 {
			continue
		}
		dir, name := path.Split(p)
		dir = path.Clean(dir)
		if path.Base(dir) == "__pycache__" {
			module, _, _ := strings.Cut(name, ".")
			if of := s.units.of[path.Join(path.Dir(dir), module+".py")]; len(of) == 1 && of[0] >= s.first {
				s.units.of[p] = of
				s.units.Paths[of[0]] = append(s.units.Paths[of[0]], p)
				continue
			}
		}
		if n, ok := only[dir]; ok && n >= 0 {
			out[n] = p
		}
	}
	return out
}

// folders says of the folders with files of packages in them, at any depth, which package
// it is; -1 if they are several.
func (s *system) folders() map[string]int {
	only := map[string]int{}
	for i := range s.facts.Packages {
		n := s.first + i
		for _, p := range s.facts.Packages[i].Files {
			for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
				was, known := only[dir]
				if known && (was == n || was < 0) {
					if was < 0 {
						break
					}
					continue
				}
				if only[dir] = n; known {
					only[dir] = -1
				}
			}
		}
	}
	return only
}

// whole says why a package cannot be removed whole, empty if it can, and notes what goes
// with it.
func (s *system) whole(n int, p *distro.Installed, strange map[int]string) string {
	if why := s.removable(p); why != "" {
		return why
	}
	if other := strange[n]; other != "" {
		return "no list has /" + other
	}
	for _, name := range []string{p.Name, p.Name + "/noawait", p.Name + ":" + p.Arch, p.Name + ":" + p.Arch + "/noawait"} {
		if s.mentions.books[name] {
			return "dpkg's notes on triggers or diversions name it"
		}
	}
	counted := map[string]bool{}
	for _, file := range slices.Concat(p.Files, s.units.Paths[n]) {
		if s.mentions.books["/"+file] {
			return "dpkg's notes name /" + file
		}
		names, bytes := s.units.facts.File(file)
		for _, name := range names { // of a file with several names (hard links), all go
			switch of := s.units.of[name]; {
			case !slices.Contains(of, n):
				return fmt.Sprintf("/%s is the same file as /%s", name, file)
			case len(of) > 1:
				return "/" + name + " is of another package, too"
			}
			if why := s.facts.Stays(name); why != "" {
				return why
			}
		}
		if !counted[names[0]] {
			counted[names[0]] = true
			s.units.Files[n]++
			s.units.Bytes[n] += bytes
		}
	}
	s.units.Paths[n] = append(s.units.Paths[n], p.Files...)
	return ""
}

// removable says why a package cannot be taken out of its database.
func (s *system) removable(p *distro.Installed) string {
	switch {
	case p.Ecosystem != "deb":
		return "the database of its package manager (" + p.Ecosystem + ") is not edited"
	case p.DpkgList() == "":
		return "no list says all of its files"
	}
	for _, record := range distro.DpkgRecords() {
		if why := s.facts.Stays(record); why != "" {
			return "the database of its package manager cannot change: " + why
		}
	}
	return ""
}
