package distro

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"strings"

	"whittle.dev/whittle"
)

const (
	dpkgDir        = "var/lib/dpkg"
	dpkgStatus     = dpkgDir + "/status"
	dpkgDiversions = dpkgDir + "/diversions"
	distrolessDir  = dpkgDir + "/status.d"
	aptStates      = "var/lib/apt/extended_states"
)

// unpacked are the states of a package whose files are in place: all but
// not-installed, config-files and half-installed.
// https://man7.org/linux/man-pages/man1/dpkg.1.html (Package states)
var unpacked = map[string]bool{"installed": true, "unpacked": true, "half-configured": true, "triggers-awaited": true, "triggers-pending": true}

// dpkg is Debian's database: the status file and the file lists beside it. apt
// notes beside it which packages it installed for others.
// https://man7.org/linux/man-pages/man1/dpkg-query.1.html (FILES)
func dpkg() database {
	return database{ecosystem: "deb", kind: whittle.OwnerSystem, read: readDpkg,
		files: []string{dpkgStatus, dpkgDiversions, dpkgDir + "/info/*.list", dpkgDir + "/info/*.md5sums", aptStates}}
}

func readDpkg(ctx context.Context, r *resolver) ([]Installed, error) {
	content, absent, err := r.read(dpkgStatus, maxDatabase)
	if absent || err != nil {
		return nil, err
	}
	d := &dpkgDatabase{gatherer: gatherer{r: r, evidence: dpkgStatus}, info: infoFiles(r)}
	if d.diverted, err = diversions(r); err != nil {
		return nil, err
	}
	var packages []Installed
	err = stanzas(dpkgStatus, bytes.NewReader(content), func(lines []string) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		status := strings.Fields(field(lines, "Status"))
		if len(status) == 0 || !unpacked[status[len(status)-1]] {
			return nil
		}
		p := debianPackage(lines, dpkgStatus)
		if p.Name == "" || strings.ContainsAny(p.Name, "/\x00") {
			return nil
		}
		err := d.addFiles(&p, field(lines, "Architecture"))
		if err == nil {
			packages = append(packages, p)
		}
		return err
	})
	if err == nil {
		err = aptReasons(r, packages)
	}
	return packages, err
}

// debianPackage is the package that a stanza describes.
func debianPackage(lines []string, evidence string) Installed {
	p := Installed{Owner: whittle.Owner{Name: field(lines, "Package"), Version: field(lines, "Version")}, Arch: field(lines, "Architecture"), Evidence: evidence,
		Depends: relationNames(field(lines, "Depends") + "," + field(lines, "Pre-Depends")), Recommends: relationNames(field(lines, "Recommends"))}
	p.Required = field(lines, "Priority") == "required"
	for _, key := range []string{"Essential", "Protected", "Important"} {
		p.Required = p.Required || field(lines, key) == "yes"
	}
	for _, names := range relationNames(field(lines, "Provides")) {
		p.Provides = append(p.Provides, names...)
	}
	return p
}

// aptReasons notes which packages apt installed only for others, where it
// keeps that.
// https://man7.org/linux/man-pages/man8/apt-mark.8.html
func aptReasons(r *resolver, packages []Installed) error {
	states, absent, err := r.read(aptStates, maxDatabase)
	if absent || err != nil {
		return err
	}
	automatic := map[string]bool{}
	err = stanzas(aptStates, bytes.NewReader(states), func(lines []string) error {
		if field(lines, "Auto-Installed") == "1" {
			automatic[field(lines, "Package")] = true
		}
		return nil
	})
	for i := range packages {
		if packages[i].Reason = Requested; automatic[packages[i].Name] {
			packages[i].Reason = Automatic
		}
	}
	return err
}

type dpkgDatabase struct {
	gatherer
	// info has the suffixes of the files in the info folder by what is before
	// them: a package's name, with its architecture where several are
	// installed together ("libc6:amd64").
	info     map[string][]string
	diverted map[string]diversion
}

// addFiles reads the file list of a package; if an image has dropped it, the
// checksums name the files.
func (d *dpkgDatabase) addFiles(c *Installed, arch string) error {
	stem := c.Name
	if with := c.Name + ":" + arch; d.info[with] != nil {
		stem = with
	}
	record := path.Join(dpkgDir, "info", stem)
	list, absent, err := d.r.read(record+".list", maxRecord)
	if err != nil {
		return err
	}
	if absent {
		sums, _, err := d.r.read(record+".md5sums", maxRecord)
		if err != nil {
			return err
		}
		err = eachSum(sums, func(p string) error { return d.add(c, d.moved("/"+p, c.Name)) })
		if err != nil {
			return err
		}
	}
	for line := range strings.Lines(string(list)) {
		if err := d.add(c, d.moved(strings.TrimSuffix(line, "\n"), c.Name)); err != nil {
			return err
		}
	}
	for _, suffix := range d.info[stem] {
		if err := d.add(c, record+suffix); err != nil {
			return err
		}
	}
	return nil
}

// moved is where a package's file lies after diversions.
func (d *dpkgDatabase) moved(p, name string) string {
	if to, ok := d.diverted[p]; ok && to.by != name {
		return to.path
	}
	return p
}

// infoFiles lists the packages' own records in the database.
func infoFiles(r *resolver) map[string][]string {
	out := map[string][]string{}
	for _, name := range r.list(dpkgDir + "/info") {
		suffix := path.Ext(name)
		stem := strings.TrimSuffix(name, suffix)
		out[stem] = append(out[stem], suffix)
	}
	return out
}

// eachSum calls each with the path of every line of an md5sums file.
func eachSum(sums []byte, each func(p string) error) error {
	for line := range strings.Lines(string(sums)) {
		if _, p, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  "); ok {
			if err := each(p); err != nil {
				return err
			}
		}
	}
	return nil
}

type diversion struct{ path, by string }

// diversions are files that one package moved away for another: three lines
// each, from, to and the package that diverts (":" is the administrator).
func diversions(r *resolver) (map[string]diversion, error) {
	content, absent, err := r.read(dpkgDiversions, maxRecord)
	if absent || err != nil {
		return nil, err
	}
	out := map[string]diversion{}
	lines := strings.SplitN(string(content), "\n", maxStanzaLines)
	for i := 0; i+2 < len(lines); i += 3 {
		out[lines[i]] = diversion{lines[i+1], lines[i+2]}
	}
	return out, nil
}

// distroless are the records of images that were made of Debian packages
// without dpkg: a stanza for each package, and its md5sums as the file list.
// https://github.com/GoogleContainerTools/distroless
func distroless() database {
	return database{ecosystem: "deb", kind: whittle.OwnerSystem, files: []string{distrolessDir + "/*"}, read: readDistroless}
}

func readDistroless(ctx context.Context, r *resolver) ([]Installed, error) {
	g := &gatherer{r: r, evidence: distrolessDir}
	var packages []Installed
	for _, name := range r.list(distrolessDir) {
		if err := ctx.Err(); err != nil {
			return packages, err
		}
		if strings.HasSuffix(name, ".md5sums") {
			continue
		}
		p, err := g.record(path.Join(distrolessDir, name))
		if err != nil {
			return packages, err
		}
		if p.Name != "" {
			packages = append(packages, p)
		}
	}
	return packages, nil
}

// record reads one record of a distroless image; the package has no name if it
// is none.
func (g *gatherer) record(name string) (Installed, error) {
	c := Installed{Evidence: name}
	content, absent, err := g.r.read(name, maxRecord)
	if absent || err != nil {
		return c, err
	}
	err = stanzas(name, bytes.NewReader(content), func(lines []string) error {
		if c.Name == "" {
			c = debianPackage(lines, name)
		}
		return nil
	})
	if err != nil || c.Name == "" {
		return c, err
	}
	for _, own := range []string{name, name + ".md5sums"} {
		if err := g.add(&c, own); err != nil {
			return c, err
		}
	}
	sums, _, err := g.r.read(name+".md5sums", maxRecord)
	if err != nil {
		return c, fmt.Errorf("the files of %s: %w", c.Name, err)
	}
	return c, eachSum(sums, func(p string) error { return g.add(&c, p) })
}
