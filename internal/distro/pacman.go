package distro

import (
	"context"
	"path"
	"strings"

	"whittle.dev/whittle"
)

const pacmanDir = "var/lib/pacman/local"

// pacman is Arch Linux's database: a folder for each package, with its
// description in desc and the list of its files in files.
// https://man.archlinux.org/man/alpm-db-desc.5
func pacman() database {
	return database{ecosystem: "alpm", kind: whittle.OwnerSystem, read: readPacman,
		files: []string{pacmanDir + "/*/desc", pacmanDir + "/*/files"}}
}

func readPacman(ctx context.Context, r *resolver) ([]Installed, error) {
	g := &gatherer{r: r, evidence: pacmanDir}
	var packages []Installed
	for _, name := range r.list(pacmanDir) {
		if err := ctx.Err(); err != nil {
			return packages, err
		}
		p, err := g.pacmanPackage(path.Join(pacmanDir, name))
		if err != nil {
			return packages, err
		}
		if p.Name != "" {
			packages = append(packages, p)
		}
	}
	return packages, nil
}

// pacmanPackage reads the record of a package; it has no name if the folder
// holds none.
func (g *gatherer) pacmanPackage(dir string) (Installed, error) {
	p := Installed{Evidence: dir + "/desc", Reason: Requested} // which is noted only if it is another
	for _, file := range []string{"desc", "files"} {
		content, absent, err := g.r.read(path.Join(dir, file), maxRecord)
		if err != nil {
			return p, err
		}
		if absent {
			continue
		}
		if err := g.pacmanRecord(&p, string(content)); err != nil {
			return p, err
		}
		if err := g.add(&p, path.Join(dir, file)); err != nil {
			return p, err
		}
	}
	return p, nil
}

// pacmanRecord reads sections of lines, each below its %NAME%.
func (g *gatherer) pacmanRecord(p *Installed, content string) error {
	section := ""
	for line := range strings.Lines(content) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "%") && strings.HasSuffix(line, "%") || line == "" {
			section = line
			continue
		}
		switch section {
		case "%NAME%":
			p.Name = line
		case "%VERSION%":
			p.Version = line
		case "%ARCH%":
			p.Arch = line
		case "%REASON%":
			if line == "1" {
				p.Reason = Automatic
			}
		case "%DEPENDS%":
			p.Depends = append(p.Depends, []string{pacmanName(line)})
		case "%OPTDEPENDS%":
			p.Recommends = append(p.Recommends, []string{pacmanName(line)})
		case "%PROVIDES%":
			p.Provides = append(p.Provides, pacmanName(line))
		case "%FILES%":
			if err := g.add(p, line); err != nil {
				return err
			}
		}
	}
	return nil
}

// pacmanName is the name in "glibc>=2.38" and in "perl: for the hooks".
func pacmanName(text string) string {
	if i := strings.IndexAny(text, "<>=: "); i > 0 {
		return text[:i]
	}
	return text
}
