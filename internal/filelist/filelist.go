// Package filelist keeps the lists of installed files true while files of an image are
// removed or changed: the RECORD of Python distributions, and dpkg's .list and .md5sums.
//
// Formats: https://packaging.python.org/en/latest/specifications/recording-installed-packages/,
// and dpkg's manual (dpkg-query(1), "var/lib/dpkg/info").
package filelist

import (
	"crypto/md5" //nolint:gosec // dpkg's lists have it
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"path"
	"slices"
	"strconv"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/distro"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/rootfs"
)

// Lists are the lists of an image.
type Lists struct {
	// at are the lists that name a path.
	at map[string][]string
	// site is the folder to which the paths of a RECORD are relative, by its path.
	site map[string]string
	// managed are the ecosystems of the files of system packages and environments.
	managed map[string]string
}

// Content is what lists say of a file's content.
type Content struct {
	size int
	sum  [sha256.Size]byte
	md5  [md5.Size]byte
}

// ContentOf is that of a file with these bytes.
func ContentOf(b []byte) Content {
	return Content{len(b), sha256.Sum256(b), md5.Sum(b)} //nolint:gosec // dpkg's lists have it
}

// maxList bounds a list of files in bytes.
const maxList = 16 << 20

const dpkgInfo = "var/lib/dpkg/info/"

// Read reads the lists of an image, of these distributions and packages.
func Read(m *rootfs.Image, distributions []python.Distribution, packages []distro.Installed) *Lists {
	f := &Lists{at: map[string][]string{}, site: map[string]string{}, managed: map[string]string{}}
	for i := range packages {
		for _, p := range packages[i].Files {
			f.managed[p] = packages[i].Ecosystem
		}
	}
	for i := range distributions {
		d := &distributions[i]
		f.read(m, path.Join(d.Record, "RECORD"), d.Site)
	}
	for _, p := range m.Paths() {
		if name, ok := strings.CutPrefix(p, dpkgInfo); ok && (strings.HasSuffix(name, ".list") || strings.HasSuffix(name, ".md5sums")) {
			f.read(m, p, "")
		}
	}
	return f
}

// read notes what a list names.
func (f *Lists) read(m *rootfs.Image, list, site string) {
	text, err := m.ReadFile(list, maxList)
	if err != nil {
		return // without it, what belongs to a package stays
	}
	f.site[list] = site
	for line := range strings.Lines(string(text)) {
		if p := f.named(list, line); p != "" {
			f.at[p] = append(f.at[p], list)
		}
	}
}

// named is the path that a line of a list names, empty if it cannot be told.
func (f *Lists) named(list, line string) string {
	line = strings.TrimRight(line, "\r\n")
	switch {
	case strings.HasSuffix(list, ".list"):
		return strings.TrimPrefix(line, "/")
	case strings.HasSuffix(list, ".md5sums"):
		_, p, _ := strings.Cut(line, "  ")
		return p
	}
	row, err := csv.NewReader(strings.NewReader(line)).Read()
	if err != nil || len(row) != 3 || row[0] == "" {
		return ""
	}
	if p, ok := strings.CutPrefix(row[0], "/"); ok {
		return path.Clean(p)
	}
	return path.Join(f.site[list], row[0])
}

// Naming are the lists that name a path.
func (f *Lists) Naming(p string) []string { return f.at[p] }

// Managed is the ecosystem of the system package or environment that a file is of, empty
// if it is of none.
func (f *Lists) Managed(p string) string { return f.managed[p] }

// listless are the ecosystems (see [whittle.Owner]) that have no list of files to keep
// true.
var listless = map[string]bool{"": true, "npm": true, "python": true, "app": true, "instruction": true}

// Stays says why a path has to stay as it is, empty if it can go or change. fixed says why
// a list cannot change, empty if it can.
func (f *Lists) Stays(p string, owner whittle.Owner, fixed func(list string) string) string {
	lists := f.at[p]
	for _, l := range lists {
		if why := fixed(l); why != "" {
			return "its list of files cannot change: " + why
		}
	}
	ecosystem := owner.Ecosystem
	switch by := f.managed[p]; {
	case by == "deb" && slices.ContainsFunc(lists, func(l string) bool { return strings.HasPrefix(l, dpkgInfo) }):
		return ""
	case by != "" && by != "npm":
		ecosystem = by
	case len(lists) > 0, listless[ecosystem]:
		return ""
	case ecosystem == "pypi" && strings.HasSuffix(p, ".pyc"):
		return "" // bytecode that the interpreter wrote is in no RECORD
	}
	return "the list of files of its package (" + ecosystem + ") is not edited"
}

// Edits are the changes of the lists that name what is removed or has another content.
func (f *Lists) Edits(remove map[string]bool, changed map[string]Content) map[string]func([]byte) []byte {
	out := map[string]func([]byte) []byte{}
	note := func(p string) {
		for _, list := range f.at[p] {
			if remove[list] {
				continue // it goes with all that it names
			}
			out[list] = func(content []byte) []byte {
				var left strings.Builder
				for line := range strings.Lines(string(content)) {
					named := f.named(list, line)
					if c, ok := changed[named]; ok {
						line = c.line(list, line)
					}
					if !remove[named] {
						left.WriteString(line)
					}
				}
				return []byte(left.String())
			}
		}
	}
	for p := range remove {
		note(p)
	}
	for p := range changed {
		note(p)
	}
	return out
}

// line is a list's line of a file with this content. What the list does not say of a file
// it does not say afterwards either, and its other bytes stay.
func (c Content) line(list, line string) string {
	text := strings.TrimRight(line, "\r\n")
	end := line[len(text):]
	switch {
	case strings.HasSuffix(list, ".list"):
		return line
	case strings.HasSuffix(list, ".md5sums"):
		_, p, _ := strings.Cut(text, "  ")
		return hex.EncodeToString(c.md5[:]) + "  " + p + end
	}
	row, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil || len(row) != 3 {
		return line
	}
	// A digest and a number need no quotes, which the path may have.
	name, ok := strings.CutSuffix(text, ","+row[1]+","+row[2])
	if !ok {
		name = `"` + strings.ReplaceAll(row[0], `"`, `""`) + `"`
	}
	sum, size := row[1], row[2]
	if sum != "" {
		sum = "sha256=" + base64.RawURLEncoding.EncodeToString(c.sum[:])
	}
	if size != "" {
		size = strconv.Itoa(c.size)
	}
	return name + "," + sum + "," + size + end
}
