package distro

import (
	"context"
	"fmt"
	"path"
	"strings"

	"whittle"
)

const dpkgDir = "var/lib/dpkg"

// dpkg reads the status file and the file lists beside it.
// https://man7.org/linux/man-pages/man1/dpkg-query.1.html (FILES)
func dpkg(_ context.Context, r *resolver) ([]whittle.Claim, error) {
	const name = dpkgDir + "/status"
	content, absent, err := r.read(name, maxDatabase)
	if absent || err != nil {
		return nil, err
	}
	diverted, err := diversions(r)
	if err != nil {
		return nil, err
	}
	var claims []whittle.Claim
	total := 0
	err = stanzas(name, content, func(lines []string) error {
		if !strings.HasSuffix(field(lines, "Status"), " installed") {
			return nil
		}
		o := whittle.Owner{Ecosystem: "deb", Name: field(lines, "Package"), Version: field(lines, "Version")}
		if o.Name == "" || strings.ContainsAny(o.Name, "/\x00") {
			return nil
		}
		list, absent, err := r.read(path.Join(dpkgDir, "info", o.Name+".list"), maxRecord)
		if absent {
			list, _, err = r.read(path.Join(dpkgDir, "info", o.Name+":"+field(lines, "Architecture")+".list"), maxRecord)
		}
		if err != nil {
			return err
		}
		c := whittle.Claim{Owner: o, Evidence: name}
		for _, p := range strings.Split(string(list), "\n") {
			if to, ok := diverted[p]; ok && to.by != o.Name {
				p = to.path
			}
			if real, ok := r.file(p); ok {
				c.Paths = append(c.Paths, real)
			}
		}
		c.Paths = append(c.Paths, infoFiles(r, o.Name)...)
		if total += len(c.Paths); total > maxFiles {
			return tooMany(name)
		}
		claims = append(claims, c)
		return nil
	})
	return claims, err
}

// infoFiles are the package's own records in the database.
func infoFiles(r *resolver, name string) []string {
	var out []string
	for _, suffix := range []string{"list", "md5sums", "conffiles", "preinst", "postinst", "prerm", "postrm", "triggers", "shlibs", "symbols", "templates", "config"} {
		if real, ok := r.file(path.Join(dpkgDir, "info", name+"."+suffix)); ok {
			out = append(out, real)
		}
	}
	return out
}

type diversion struct{ path, by string }

// diversions are files that one package moved away for another: three lines
// each, from, to and the package that diverts.
func diversions(r *resolver) (map[string]diversion, error) {
	content, absent, err := r.read(dpkgDir+"/diversions", maxRecord)
	if absent || err != nil {
		return nil, err
	}
	out := map[string]diversion{}
	lines := strings.Split(string(content), "\n")
	for i := 0; i+2 < len(lines); i += 3 {
		out[lines[i]] = diversion{lines[i+1], lines[i+2]}
	}
	return out, nil
}

// distroless reads the records of images that were made of Debian packages
// without dpkg: a stanza for each package, and its md5sums as the file list.
func distroless(_ context.Context, r *resolver) ([]whittle.Claim, error) {
	const dir = dpkgDir + "/status.d"
	var claims []whittle.Claim
	for _, name := range r.list(dir) {
		if strings.HasSuffix(name, ".md5sums") {
			continue
		}
		record := path.Join(dir, name)
		content, absent, err := r.read(record, maxRecord)
		if absent {
			continue
		}
		if err != nil {
			return claims, err
		}
		var o whittle.Owner
		if err := stanzas(record, content, func(lines []string) error {
			if o.Name == "" {
				o = whittle.Owner{Ecosystem: "deb", Name: field(lines, "Package"), Version: field(lines, "Version")}
			}
			return nil
		}); err != nil {
			return claims, err
		}
		if o.Name == "" {
			continue
		}
		c := whittle.Claim{Owner: o, Evidence: record, Paths: []string{r.dir(dir, 0) + "/" + name}}
		sums, _, err := r.read(record+".md5sums", maxRecord)
		if err != nil {
			return claims, err
		}
		for _, l := range strings.Split(string(sums), "\n") {
			if _, p, ok := strings.Cut(l, "  "); ok {
				if real, ok := r.file(p); ok {
					c.Paths = append(c.Paths, real)
				}
			}
		}
		if len(claims) > maxFiles/100 {
			return claims, fmt.Errorf("%s has more than %d records: %w", dir, maxFiles/100, whittle.ErrLimit)
		}
		claims = append(claims, c)
	}
	return claims, nil
}
