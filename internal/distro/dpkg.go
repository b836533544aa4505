package distro

import (
	"context"
	"fmt"
	"path"
	"strings"

	"whittle.dev/whittle"
)

const dpkgDir = "var/lib/dpkg"

// unpacked are the states of a package whose files are in place: all but
// not-installed, config-files and half-installed.
// https://man7.org/linux/man-pages/man1/dpkg.1.html (Package states)
var unpacked = map[string]bool{"installed": true, "unpacked": true, "half-configured": true, "triggers-awaited": true, "triggers-pending": true}

// dpkg reads the status file and the file lists beside it.
// https://man7.org/linux/man-pages/man1/dpkg-query.1.html (FILES)
func dpkg(ctx context.Context, r *resolver) ([]whittle.Claim, error) {
	const name = dpkgDir + "/status"
	content, absent, err := r.read(name, maxDatabase)
	if absent || err != nil {
		return nil, err
	}
	d := &dpkgDatabase{gatherer: gatherer{r: r, evidence: name}, info: infoFiles(r)}
	if d.diverted, err = diversions(r); err != nil {
		return nil, err
	}
	var claims []whittle.Claim
	err = stanzas(name, content, func(lines []string) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		status := strings.Fields(field(lines, "Status"))
		if len(status) == 0 || !unpacked[status[len(status)-1]] {
			return nil
		}
		o := whittle.Owner{Ecosystem: "deb", Name: field(lines, "Package"), Version: field(lines, "Version")}
		if o.Name == "" || strings.ContainsAny(o.Name, "/\x00") {
			return nil
		}
		c, err := d.claim(o, field(lines, "Architecture"))
		if err == nil {
			claims = append(claims, c)
		}
		return err
	})
	return claims, err
}

type dpkgDatabase struct {
	gatherer
	// info has the suffixes of the files in the info folder by what stands
	// before them: a package's name, with its architecture where several are
	// installed together ("libc6:amd64").
	info     map[string][]string
	diverted map[string]diversion
}

// claim reads the file list of one package; where an image has dropped it, the
// checksums name the files.
func (d *dpkgDatabase) claim(o whittle.Owner, arch string) (whittle.Claim, error) {
	c := whittle.Claim{Owner: o, Evidence: d.evidence}
	stem := o.Name
	if with := o.Name + ":" + arch; d.info[with] != nil {
		stem = with
	}
	record := path.Join(dpkgDir, "info", stem)
	list, absent, err := d.r.read(record+".list", maxRecord)
	if err != nil {
		return c, err
	}
	if absent {
		sums, _, err := d.r.read(record+".md5sums", maxRecord)
		if err != nil {
			return c, err
		}
		err = eachSum(sums, func(p string) error { return d.add(&c, d.moved("/"+p, o.Name)) })
		if err != nil {
			return c, err
		}
	}
	for line := range strings.Lines(string(list)) {
		if err := d.add(&c, d.moved(strings.TrimSuffix(line, "\n"), o.Name)); err != nil {
			return c, err
		}
	}
	for _, suffix := range d.info[stem] {
		if err := d.add(&c, record+suffix); err != nil {
			return c, err
		}
	}
	return c, nil
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
	content, absent, err := r.read(dpkgDir+"/diversions", maxRecord)
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

// distroless reads the records of images that were made of Debian packages
// without dpkg: a stanza for each package, and its md5sums as the file list.
// https://github.com/GoogleContainerTools/distroless
func distroless(ctx context.Context, r *resolver) ([]whittle.Claim, error) {
	const dir = dpkgDir + "/status.d"
	g := &gatherer{r: r, evidence: dir}
	var claims []whittle.Claim
	for _, name := range r.list(dir) {
		if err := ctx.Err(); err != nil {
			return claims, err
		}
		if strings.HasSuffix(name, ".md5sums") {
			continue
		}
		c, err := g.record(path.Join(dir, name))
		if err != nil {
			return claims, err
		}
		if c.Owner.Name != "" {
			claims = append(claims, c)
		}
	}
	return claims, nil
}

// record reads one record of a distroless image; its owner has no name where
// it is none.
func (g *gatherer) record(name string) (whittle.Claim, error) {
	c := whittle.Claim{Evidence: name}
	content, absent, err := g.r.read(name, maxRecord)
	if absent || err != nil {
		return c, err
	}
	err = stanzas(name, content, func(lines []string) error {
		if c.Owner.Name == "" {
			c.Owner = whittle.Owner{Ecosystem: "deb", Name: field(lines, "Package"), Version: field(lines, "Version")}
		}
		return nil
	})
	if err != nil || c.Owner.Name == "" {
		return c, err
	}
	for _, own := range []string{name, name + ".md5sums"} {
		if err := g.add(&c, own); err != nil {
			return c, err
		}
	}
	sums, _, err := g.r.read(name+".md5sums", maxRecord)
	if err != nil {
		return c, fmt.Errorf("the files of %s: %w", c.Owner.Name, err)
	}
	return c, eachSum(sums, func(p string) error { return g.add(&c, p) })
}
