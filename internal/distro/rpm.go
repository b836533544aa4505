package distro

import (
	"context"
	"errors"
	"fmt"
	"os"

	rpmdb "github.com/anchore/go-rpmdb/pkg"
	_ "modernc.org/sqlite" // the driver that go-rpmdb opens by name

	"whittle"
)

// rpmPaths is where rpm keeps its database: SQLite, NDB or Berkeley DB, in the
// old folder or the new one.
var rpmPaths = []string{
	"usr/lib/sysimage/rpm/rpmdb.sqlite", "var/lib/rpm/rpmdb.sqlite",
	"usr/lib/sysimage/rpm/Packages.db", "var/lib/rpm/Packages.db",
	"usr/lib/sysimage/rpm/Packages", "var/lib/rpm/Packages",
}

// rpm reads the first rpm database there is. The library reads files only, so
// the database is copied out for it.
func rpm(ctx context.Context, r *resolver) ([]whittle.Claim, error) {
	for _, name := range rpmPaths {
		content, absent, err := r.read(name, maxDatabase)
		if err != nil {
			return nil, err
		}
		if absent || len(content) == 0 {
			continue
		}
		claims, err := rpmDatabase(ctx, name, content, r)
		if err != nil {
			return nil, fmt.Errorf("reading the rpm database %s: %w", name, err)
		}
		return claims, nil
	}
	return nil, nil
}

func rpmDatabase(ctx context.Context, name string, content []byte, r *resolver) (_ []whittle.Claim, err error) {
	f, err := os.CreateTemp("", "whittle-rpm-*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	defer func() {
		// The library indexes into what a hostile database claims.
		if p := recover(); p != nil {
			err = fmt.Errorf("it is damaged (%v): %w", p, whittle.ErrCorrupt)
		}
	}()
	db, err := rpmdb.Open(f.Name())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, whittle.ErrCorrupt)
	}
	packages, err := db.ListPackages()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, whittle.ErrCorrupt)
	}
	var claims []whittle.Claim
	total := 0
	for _, p := range packages {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		files, err := p.InstalledFileNames()
		if err != nil {
			return nil, fmt.Errorf("package %.80q: %w: %w", p.Name, err, whittle.ErrCorrupt)
		}
		if total += len(files); total > maxFiles {
			return nil, tooMany(name)
		}
		version := p.Version + "-" + p.Release
		if e := p.EpochNum(); e != 0 {
			version = fmt.Sprintf("%d:%s", e, version)
		}
		c := whittle.Claim{Owner: whittle.Owner{Ecosystem: "rpm", Name: p.Name, Version: version}, Evidence: name}
		for _, file := range files {
			if real, ok := r.file(file); ok {
				c.Paths = append(c.Paths, real)
			}
		}
		claims = append(claims, c)
	}
	return claims, nil
}
