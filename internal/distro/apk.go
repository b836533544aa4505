package distro

import (
	"bytes"
	"context"
	"path"
	"strings"

	"whittle.dev/whittle"
)

// apkPaths is where Alpine's package manager keeps its database; newer
// versions have it under /usr. apkWorld names the packages that were asked for.
var apkPaths = []string{"lib/apk/db/installed", "usr/lib/apk/db/installed"}

const apkWorld = "etc/apk/world"

// apk is Alpine's database: a stanza for each package, P: name, V: version,
// D: dependencies, p: what it provides, F: a directory, R: a file in it.
// https://wiki.alpinelinux.org/wiki/Apk_spec
func apk() database {
	return database{ecosystem: "apk", kind: whittle.OwnerSystem, files: append([]string{apkWorld}, apkPaths...), read: readAPK}
}

func readAPK(ctx context.Context, r *resolver) ([]Installed, error) {
	for _, name := range apkPaths {
		content, absent, err := r.read(name, maxDatabase)
		if err != nil {
			return nil, err
		}
		if absent {
			continue
		}
		packages, err := apkPackages(ctx, &gatherer{r: r, evidence: name}, content)
		if err == nil {
			err = apkReasons(r, packages)
		}
		return packages, err
	}
	return nil, nil
}

func apkPackages(ctx context.Context, g *gatherer, content []byte) ([]Installed, error) {
	var packages []Installed
	err := stanzas(g.evidence, bytes.NewReader(content), func(lines []string) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		p := Installed{Evidence: g.evidence}
		dir := ""
		for _, l := range lines {
			key, value, _ := strings.Cut(l, ":")
			switch key {
			case "P":
				p.Name = value
			case "V":
				p.Version = value
			case "A":
				p.Arch = value
			case "D":
				for _, name := range apkNames(value) {
					p.Depends = append(p.Depends, []string{name})
				}
			case "p":
				p.Provides = append(p.Provides, apkNames(value)...)
			case "F":
				dir = value
			case "R":
				if err := g.add(&p, path.Join(dir, value)); err != nil {
					return err
				}
			}
		}
		if p.Name != "" {
			packages = append(packages, p)
		}
		return nil
	})
	return packages, err
}

// apkNames are the names in a list such as "so:libc.musl.so.1=1 curl>8 !gcc":
// without versions, repositories and conflicts.
func apkNames(list string) (names []string) {
	for word := range strings.FieldsSeq(list) {
		if strings.HasPrefix(word, "!") {
			continue
		}
		if i := strings.IndexAny(word, "=<>~@"); i > 0 {
			word = word[:i]
		}
		names = append(names, word)
	}
	return names
}

// apkReasons notes which packages were asked for, where that is known.
func apkReasons(r *resolver, packages []Installed) error {
	world, absent, err := r.read(apkWorld, maxRecord)
	if absent || err != nil {
		return err
	}
	asked := map[string]bool{}
	for _, name := range apkNames(string(world)) {
		asked[name] = true
	}
	for i := range packages {
		if packages[i].Reason = Automatic; asked[packages[i].Name] {
			packages[i].Reason = Requested
		}
	}
	return nil
}
