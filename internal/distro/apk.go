package distro

import (
	"context"
	"path"
	"strings"

	"whittle"
)

// apkPaths is where Alpine's package manager keeps its database; newer
// versions have it under /usr.
var apkPaths = []string{"lib/apk/db/installed", "usr/lib/apk/db/installed"}

// apk reads Alpine's database: a stanza for each package, P: name, V: version,
// F: a directory, R: a file in it.
// https://wiki.alpinelinux.org/wiki/Apk_spec
func apk(_ context.Context, r *resolver) ([]whittle.Claim, error) {
	for _, name := range apkPaths {
		content, absent, err := r.read(name, maxDatabase)
		if err != nil {
			return nil, err
		}
		if !absent {
			return apkStanzas(name, content, r)
		}
	}
	return nil, nil
}

func apkStanzas(name string, content []byte, r *resolver) ([]whittle.Claim, error) {
	var claims []whittle.Claim
	total := 0
	err := stanzas(name, content, func(lines []string) error {
		c := whittle.Claim{Owner: whittle.Owner{Ecosystem: "apk"}, Evidence: name}
		dir := ""
		for _, l := range lines {
			key, value, ok := strings.Cut(l, ":")
			if !ok {
				continue
			}
			switch key {
			case "P":
				c.Owner.Name = value
			case "V":
				c.Owner.Version = value
			case "F":
				dir = value
			case "R":
				if real, ok := r.file(path.Join(dir, value)); ok {
					c.Paths = append(c.Paths, real)
				}
			}
		}
		if total += len(c.Paths); total > maxFiles {
			return tooMany(name)
		}
		if c.Owner.Name != "" {
			claims = append(claims, c)
		}
		return nil
	})
	return claims, err
}
