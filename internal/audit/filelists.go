package audit

import (
	"encoding/csv"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/distro"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/rootfs"
	"whittle.dev/whittle/internal/squeeze"
)

// fileLists are the lists of installed files that can be kept true: the RECORD of Python
// distributions, and dpkg's .list and .md5sums.
// https://packaging.python.org/en/latest/specifications/recording-installed-packages/
type fileLists struct {
	// at are the lists that name a path.
	at map[string][]string
	// site is the folder to which the paths of a RECORD are relative, by its path.
	site map[string]string
	// managed are the ecosystems of the files of system packages and environments.
	managed map[string]string
}

// maxList bounds a list of files in bytes.
const maxList = 16 << 20

const dpkgInfo = "var/lib/dpkg/info/"

func distributionsOf(x *Examined) []python.Distribution {
	if x.Facts.Graph == nil {
		return nil
	}
	return x.Facts.Graph.Distributions
}

func readLists(m *rootfs.Image, g *python.Graph, packages []distro.Installed) *fileLists {
	f := &fileLists{at: map[string][]string{}, site: map[string]string{}, managed: map[string]string{}}
	for i := range packages {
		for _, p := range packages[i].Files {
			f.managed[p] = packages[i].Ecosystem
		}
	}
	if g != nil {
		for i := range g.Distributions {
			d := &g.Distributions[i]
			f.read(m, path.Join(d.Record, "RECORD"), d.Site)
		}
	}
	for _, p := range m.Paths() {
		if name, ok := strings.CutPrefix(p, dpkgInfo); ok && (strings.HasSuffix(name, ".list") || strings.HasSuffix(name, ".md5sums")) {
			f.read(m, p, "")
		}
	}
	return f
}

// read notes what a list names.
func (f *fileLists) read(m *rootfs.Image, list, site string) {
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
func (f *fileLists) named(list, line string) string {
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

// listless are the ecosystems (see [whittle.Owner]) that have no list of files to keep
// true.
var listless = map[string]bool{"": true, "npm": true, "python": true, "app": true, "instruction": true}

// stays says why a path has to stay, empty if it can go.
func (f *fileLists) stays(p string, owner whittle.Owner, t *squeeze.Trimmer) string {
	lists := f.at[p]
	for _, l := range lists {
		if why := t.Fixed(l); why != "" {
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

// edits are the changes of the lists that name what is removed.
func (f *fileLists) edits(remove map[string]bool) map[string]func([]byte) []byte {
	out := map[string]func([]byte) []byte{}
	for p := range remove {
		for _, list := range f.at[p] {
			if remove[list] {
				continue // it goes with all that it names
			}
			out[list] = func(content []byte) []byte {
				var left strings.Builder
				for line := range strings.Lines(string(content)) {
					if !remove[f.named(list, line)] {
						left.WriteString(line)
					}
				}
				return []byte(left.String())
			}
		}
	}
	return out
}
