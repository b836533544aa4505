package check

import (
	"encoding/csv"
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/python"
)

// licences sees that licences that distributions came with are still there.
func licences() group {
	return group{run: checkLicences, checks: []Check{
		{ID: whittle.CheckMissingLicence, Severity: whittle.SeverityInfo, Title: "licence files of installed distributions were deleted",
			Text: "Most licences demand that their text is passed on with the program. Keep the licence files."},
	}}
}

// checkLicences finds distributions whose licences were stripped away: the
// metadata declares them, the RECORD says that they were installed, and they
// are not there. Most licences ask that they go along with copies.
func checkLicences(s *state) []whittle.Problem {
	var names []string
	first := ""
	for i := range s.Distributions {
		d := &s.Distributions[i]
		gone := goneLicences(s, d)
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

// goneLicences are the licence files of a distribution that its RECORD lists
// and the image does not have. What the RECORD does not list was never there: wheels
// declare licences that they do not ship.
func goneLicences(s *state, d *python.Distribution) []string {
	metadata, err := s.Root.ReadFile(d.Record+"/METADATA", maxLicenceRecord)
	if err != nil {
		return nil
	}
	places := map[string]bool{}
	for _, name := range licenceFiles(string(metadata)) {
		where := licencePlaces(d.Record, name)
		if slices.ContainsFunc(where, func(p string) bool { _, _, there := s.files.Stat(p); return there }) {
			continue
		}
		for _, p := range where {
			places[p] = true
		}
	}
	if len(places) == 0 {
		return nil
	}
	record, err := s.Root.ReadFile(d.Record+"/RECORD", maxLicenceRecord)
	if err != nil {
		return nil
	}
	var gone []string
	r := csv.NewReader(strings.NewReader(string(record)))
	r.FieldsPerRecord, r.LazyQuotes, r.ReuseRecord = -1, true, true
	for {
		row, err := r.Read()
		if err != nil {
			return gone // what cannot be read is not accused
		}
		if p := whittle.Join(d.Site, row[0]); places[p] {
			gone = append(gone, p)
		}
	}
}
