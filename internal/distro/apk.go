package distro

import (
	"context"
	"path"
	"strings"

	"whittle.dev/whittle"
)

// apkPaths is where Alpine's package manager keeps its database; newer
// versions have it under /usr.
var apkPaths = []string{"lib/apk/db/installed", "usr/lib/apk/db/installed"}

// apk reads Alpine's database: a stanza for each package, P: name, V: version,
// F: a directory, R: a file in it.
// https://wiki.alpinelinux.org/wiki/Apk_spec
func apk(ctx context.Context, r *resolver) ([]whittle.Claim, error) {
	for _, name := range apkPaths {
		content, absent, err := r.read(name, maxDatabase)
		if err != nil {
			return nil, err
		}
		if !absent {
			return apkPackages(ctx, &gatherer{r: r, evidence: name}, content)
		}
	}
	return nil, nil
}

func apkPackages(ctx context.Context, g *gatherer, content []byte) ([]whittle.Claim, error) {
	var claims []whittle.Claim
	err := stanzas(g.evidence, content, func(lines []string) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		c := whittle.Claim{Owner: whittle.Owner{Ecosystem: "apk"}, Evidence: g.evidence}
		dir := ""
		for _, l := range lines {
			key, value, _ := strings.Cut(l, ":")
			switch key {
			case "P":
				c.Owner.Name = value
			case "V":
				c.Owner.Version = value
			case "F":
				dir = value
			case "R":
				if err := g.add(&c, path.Join(dir, value)); err != nil {
					return err
				}
			}
		}
		if c.Owner.Name != "" {
			claims = append(claims, c)
		}
		return nil
	})
	return claims, err
}
