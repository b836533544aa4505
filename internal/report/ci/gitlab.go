package ci

import (
	"encoding/json"
	"io"
)

// quality is an entry of GitLab's code quality report.
// https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
type quality struct {
	Description string `json:"description"`
	CheckName   string `json:"check_name"`
	Fingerprint string `json:"fingerprint"`
	Severity    string `json:"severity"`
	Location    struct {
		Path  string `json:"path"`
		Lines struct {
			Begin int `json:"begin"`
		} `json:"lines"`
	} `json:"location"`
}

// CodeQuality writes GitLab's code quality report. Fingerprints are unique in it.
func CodeQuality(w io.Writer, results []Result) error {
	out := make([]quality, len(results))
	severities := map[Level]string{Error: "critical", Warning: "minor", Note: "info"}
	prints := unique(results)
	for i := range results {
		r, q := &results[i], &out[i]
		*q = quality{Description: shown(r.Message), CheckName: r.Rule, Fingerprint: prints[i], Severity: severities[r.Level]}
		q.Location.Path, q.Location.Lines.Begin = shown(r.file()), max(r.Line, 1)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(out)
}
