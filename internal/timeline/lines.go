package timeline

import (
	"time"

	"whittle.dev/whittle"
)

// Line is a record in a table for other programs.
type Line struct {
	ID            int64     `parquet:"id"`
	Time          time.Time `parquet:"time,timestamp(millisecond)"`
	Command       string    `parquet:"command,dict"`
	Project       string    `parquet:"project,dict"`
	Variant       string    `parquet:"variant,dict"`
	Commit        string    `parquet:"commit"`
	Branch        string    `parquet:"branch,dict"`
	Modified      bool      `parquet:"modified"`
	Engine        string    `parquet:"engine,dict"`
	EngineVersion string    `parquet:"engine_version,dict"`
	Ref           string    `parquet:"ref,dict"`
	Digest        string    `parquet:"digest"`
	Platform      string    `parquet:"platform,dict"`
	Download      *int64    `parquet:"download,optional"`
	Size          int64     `parquet:"size"`
	Visible       int64     `parquet:"visible"`
	Wasted        int64     `parquet:"wasted"`
	Files         int64     `parquet:"files"`
	Startup       *float64  `parquet:"startup,optional"`
	Build         *float64  `parquet:"build,optional"`
	Gate          string    `parquet:"gate,dict"`
	Runs          string    `parquet:"runs,dict"`
	// Package is the size of the package that the list is about.
	Package *int64 `parquet:"package,optional"`
}

// Lines are the records of a list, the newest first.
func Lines(h *whittle.HistoryList) []Line {
	out := make([]Line, 0, len(h.Records))
	for i := range h.Records {
		r := &h.Records[i]
		at, _ := time.Parse(time.RFC3339, r.Time) // as the history has written it
		out = append(out, Line{r.ID, at, r.Command, r.Project, r.Variant, r.Commit, r.Branch, r.Modified, r.Engine.Kind, r.Engine.Version, r.Ref, string(r.Digest), r.Platform,
			r.Sizes.Download, r.Sizes.Size, r.Sizes.Visible, r.Sizes.Wasted, int64(r.Files), r.Startup, r.Build, string(r.Gate), string(r.Runs), r.Package})
	}
	return out
}
