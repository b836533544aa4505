package distro

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// rpmPaths is where rpm keeps its database: SQLite, NDB or Berkeley DB, in the
// new folder or the old one.
var rpmPaths = []string{
	"usr/lib/sysimage/rpm/rpmdb.sqlite", "var/lib/rpm/rpmdb.sqlite",
	"usr/lib/sysimage/rpm/Packages.db", "var/lib/rpm/Packages.db",
	"usr/lib/sysimage/rpm/Packages", "var/lib/rpm/Packages",
}

// maxPackages bounds the records of one rpm database.
const maxPackages = 200_000

// rpm is rpm's database, the first that there is of these.
//
// The three formats are read here and not by a library: those that exist read
// in goroutines that they start. What a hostile database does there (index out
// of range, endless chains of pages, blobs of 4 GB) can neither be recovered
// from nor stopped. The tests compare this reader with one of them.
func rpm() database {
	files := slices.Clone(rpmPaths)
	for _, p := range rpmPaths {
		files = append(files, p+walSuffix)
	}
	return database{ecosystem: "rpm", kind: whittle.OwnerSystem, files: files, read: readRPM}
}

func readRPM(ctx context.Context, r *resolver) ([]Installed, error) {
	for _, name := range rpmPaths {
		content, absent, err := r.read(name, maxDatabase)
		if err != nil {
			return nil, err
		}
		if absent || len(content) == 0 {
			continue
		}
		wal, _, err := r.read(name+walSuffix, maxDatabase)
		if err != nil {
			return nil, err
		}
		g := &gatherer{r: r, evidence: name}
		var packages []Installed
		err = rpmHeaders(ctx, content, wal, func(header []byte) error {
			if len(packages) == maxPackages {
				return whittle.ErrLimit.Errorf("more than %d packages", maxPackages)
			}
			h, err := parseHeader(header)
			if err != nil {
				return err
			}
			p, err := g.rpmPackage(h)
			if err == nil {
				packages = append(packages, p)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("reading the rpm database %s: %w", name, err)
		}
		provideFiles(packages)
		return packages, nil
	}
	return nil, nil
}

// rpmHeaders calls each with the header of every installed package, whatever
// the format of the database.
func rpmHeaders(ctx context.Context, db, wal []byte, each func(header []byte) error) error {
	switch {
	case isSQLite(db):
		return sqliteHeaders(ctx, db, wal, each)
	case isNDB(db):
		return ndbHeaders(db, each)
	}
	return berkeleyHeaders(db, each)
}

// rpmPackage is the package of a header.
func (g *gatherer) rpmPackage(h *header) (Installed, error) {
	c := Installed{Owner: whittle.Owner{Name: h.text(tagName), Version: h.text(tagVersion) + "-" + h.text(tagRelease)}, Arch: h.text(tagArch), Evidence: g.evidence,
		Depends: rpmRelations(h.texts(tagRequireName)), Recommends: rpmRelations(h.texts(tagRecommendName)), Provides: h.texts(tagProvideName)}
	if epoch := h.number(tagEpoch, 0); epoch != 0 {
		c.Version = fmt.Sprintf("%d:%s", epoch, c.Version)
	}
	states, dirs := h.bytes(tagFileStates), h.texts(tagDirNames)
	for i, base := range h.texts(tagBaseNames) {
		dir := h.number(tagDirIndexes, i)
		if int(dir) >= len(dirs) {
			return c, whittle.ErrCorrupt.Errorf("package %.80q names directory %d of %d", c.Name, dir, len(dirs))
		}
		if i < len(states) && states[i] != stateNormal && states[i] != stateNetShared {
			continue // replaced by another package, or never installed
		}
		if err := g.add(&c, dirs[dir]+base); err != nil {
			return c, err
		}
	}
	return c, nil
}

// rpmRelations are the names that capabilities ask for. A boolean dependency,
// such as "(a or b)" or "(a if b)", is met by any of its names.
// https://rpm-software-management.github.io/rpm/manual/boolean_dependencies.html
func rpmRelations(capabilities []string) [][]string {
	var out [][]string
	for _, c := range capabilities {
		if !strings.HasPrefix(c, "(") {
			out = append(out, []string{c})
			continue
		}
		var names []string
		for word := range strings.FieldsSeq(c) {
			names = append(names, strings.TrimLeft(strings.TrimRight(word, ")"), "("))
		}
		out = append(out, names)
	}
	return out
}

// provideFiles adds the files that a package depends on by their paths to what
// their owners provide.
func provideFiles(packages []Installed) {
	asked := map[string]bool{}
	for i := range packages {
		for _, names := range slices.Concat(packages[i].Depends, packages[i].Recommends) {
			for _, name := range names {
				if strings.HasPrefix(name, "/") {
					asked[name] = true
				}
			}
		}
	}
	if len(asked) == 0 {
		return
	}
	for i := range packages {
		for _, f := range packages[i].Files {
			if asked["/"+f] {
				packages[i].Provides = append(packages[i].Provides, "/"+f)
			}
		}
	}
}

// The tags of a header that say who owns which files, the states of files, and
// what a package depends on.
// https://rpm-software-management.github.io/rpm/manual/tags.html
const (
	tagName          = 1000
	tagVersion       = 1001
	tagRelease       = 1002
	tagEpoch         = 1003
	tagArch          = 1022
	tagFileStates    = 1029
	tagProvideName   = 1047
	tagRequireName   = 1049
	tagDirIndexes    = 1116
	tagBaseNames     = 1117
	tagDirNames      = 1118
	tagRecommendName = 5046

	stateNormal    = 0
	stateNetShared = 3
)

// The types of a tag's data.
const (
	typeChar        = 1
	typeInt32       = 4
	typeString      = 6
	typeStringArray = 8
)

// header is one package's header: an index of tags, and the data that the
// index points into.
// https://rpm-software-management.github.io/rpm/manual/format_header.html
type header struct {
	data []byte
	tags map[uint32]headerTag
}

type headerTag struct{ kind, offset, count uint32 }

func parseHeader(b []byte) (*header, error) {
	if len(b) < 8 {
		return nil, whittle.ErrCorrupt.Errorf("a header of %d bytes", len(b))
	}
	const entrySize, most = 16, 1 << 16
	entries, size := int64(binary.BigEndian.Uint32(b)), int64(binary.BigEndian.Uint32(b[4:]))
	start := 8 + entries*entrySize
	if entries > most || start+size > int64(len(b)) {
		return nil, whittle.ErrCorrupt.Errorf("a header of %d bytes claims %d tags and %d bytes of data", len(b), entries, size)
	}
	h := &header{data: b[start : start+size], tags: map[uint32]headerTag{}}
	for i := range entries {
		e := b[8+i*entrySize:]
		tag := headerTag{binary.BigEndian.Uint32(e[4:]), binary.BigEndian.Uint32(e[8:]), binary.BigEndian.Uint32(e[12:])}
		if int64(tag.offset) <= size {
			// Tags that were added after the package was built come last, and
			// count.
			h.tags[binary.BigEndian.Uint32(e)] = tag
		}
	}
	return h, nil
}

// texts are the strings of a tag, as many as the data holds.
func (h *header) texts(tag uint32) []string {
	t, ok := h.tags[tag]
	if !ok || t.kind != typeString && t.kind != typeStringArray {
		return nil
	}
	var out []string
	rest := h.data[t.offset:]
	for n := t.count; n > 0; n-- {
		end := 0
		for end < len(rest) && rest[end] != 0 {
			end++
		}
		if end == len(rest) {
			break
		}
		out = append(out, string(rest[:end]))
		rest = rest[end+1:]
	}
	return out
}

func (h *header) text(tag uint32) string {
	if all := h.texts(tag); len(all) > 0 {
		return all[0]
	}
	return ""
}

// number is one 32-bit number of a tag, 0 where there is none.
func (h *header) number(tag uint32, i int) uint32 {
	t, ok := h.tags[tag]
	at := int64(t.offset) + 4*int64(i)
	if !ok || t.kind != typeInt32 || int64(i) >= int64(t.count) || at+4 > int64(len(h.data)) {
		return 0
	}
	return binary.BigEndian.Uint32(h.data[at:])
}

// bytes are the single bytes of a tag.
func (h *header) bytes(tag uint32) []byte {
	t, ok := h.tags[tag]
	if !ok || t.kind != typeChar || int64(t.offset)+int64(t.count) > int64(len(h.data)) {
		return nil
	}
	return h.data[t.offset : t.offset+t.count]
}
