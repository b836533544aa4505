package check

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// checkLicences finds distributions whose licences were stripped away: the
// metadata declares them, the RECORD says that they were installed, and they
// are not there. Most licences ask that they go along with copies.
func checkLicences(s *state) []whittle.Problem {
	var names []string
	first := ""
	for i := range s.Distributions {
		d := &s.Distributions[i]
		gone := s.files.goneLicences(d)
		if len(gone) == 0 {
			continue
		}
		if first == "" {
			first = gone[0]
		}
		if !slices.Contains(names, d.Name) {
			names = append(names, d.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	p := whittle.Problem{Rule: whittle.CheckMissingLicence, Severity: whittle.SeverityInfo, Path: "/" + first,
		Message: fmt.Sprintf("the licences of %s were installed and are not in the image", listed(names)),
		Fix:     "keep licences when documents are deleted: most ask to go along with copies"}
	if len(names) == 1 {
		p.Distribution = names[0]
	}
	return []whittle.Problem{p}
}

// listed names a few of many.
func listed(names []string) string {
	const most = 3
	if len(names) <= most+1 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more distributions", strings.Join(names[:most], ", "), len(names)-most)
}

// maxLicenceRecord bounds the files of a record folder that are read, in bytes.
const maxLicenceRecord = 16 << 20

// licenceFiles are the values of License-File among the headers of a METADATA.
func licenceFiles(metadata string) []string {
	var out []string
	for line := range strings.Lines(metadata) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			break
		}
		if key, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(strings.TrimSpace(key), "License-File") && len(out) < 1000 {
			out = append(out, strings.TrimSpace(value))
		}
	}
	return out
}

// licencePlaces are where build tools put a licence file: PEP 639 has it in
// licenses, earlier ones beside METADATA, with or without its folder.
// https://packaging.python.org/en/latest/specifications/core-metadata/#license-file-multiple-use
func licencePlaces(record, name string) []string {
	var out []string
	for _, dir := range []string{"licenses", "license_files", ""} {
		for _, n := range []string{name, path.Base(name)} {
			out = append(out, path.Join(record, dir, n))
		}
	}
	return out
}
