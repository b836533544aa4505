package distro

import (
	"bytes"
	"path"
	"strings"

	"whittle.dev/whittle"
)

// DpkgRecords are the files with a stanza for each package that [DpkgEdits] edits: dpkg's
// status, and apt's notes on what it installed for others.
func DpkgRecords() []string { return []string{dpkgStatus, aptStates} }

// DpkgEdits are the changes of the records of a root that go with packages, which are
// those whose list (see [Installed.DpkgList]) is removed.
func DpkgEdits(root whittle.Root, packages []Installed, remove map[string]bool) map[string]func([]byte) []byte {
	gone, count := map[[2]string]bool{}, map[string]int{}
	for i := range packages {
		p := &packages[i]
		if list := p.DpkgList(); list != "" && remove[list] {
			gone[[2]string{p.Name, p.Arch}] = true
		} else {
			count[p.Name]++
		}
	}
	out := map[string]func([]byte) []byte{}
	for _, record := range DpkgRecords() {
		if _, err := root.Lstat(record); err != nil || len(gone) == 0 {
			continue
		}
		out[record] = func(text []byte) []byte {
			return WithoutStanzas(text, func(name, arch string) bool {
				// apt notes packages of all architectures by the machine's.
				return gone[[2]string{name, arch}] || gone[[2]string{name, "all"}] && count[name] == 0
			})
		}
	}
	return out
}

// DpkgList is the path of the list of a package's files, empty if it has none in dpkg's
// database: then not all of its files are known.
func (p *Installed) DpkgList() string {
	if p.Evidence != dpkgStatus {
		return ""
	}
	for _, stem := range []string{p.Name, p.Name + ":" + p.Arch} {
		list := path.Join(dpkgDir, "info", stem+".list")
		for _, file := range p.Files {
			if file == list {
				return list
			}
		}
	}
	return ""
}

// WithoutStanzas removes the stanzas of some packages from a text of stanzas, with the
// empty lines that end them. All other bytes stay.
func WithoutStanzas(text []byte, gone func(name, arch string) bool) []byte {
	out := make([]byte, 0, len(text))
	var lines []string
	start, at, ended := 0, 0, false
	finish := func(end int) {
		if name := field(lines, "Package"); name == "" || !gone(name, field(lines, "Architecture")) {
			out = append(out, text[start:end]...)
		}
		start, lines, ended = end, lines[:0], false
	}
	for line := range bytes.Lines(text) {
		content := strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r") // as bufio.ScanLines does
		switch {
		case content == "":
			ended = len(lines) > 0
		case ended:
			finish(at)
			fallthrough
		default:
			lines = append(lines, content)
		}
		at += len(line)
	}
	finish(len(text))
	return out
}
