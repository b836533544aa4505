package report

import "whittle.dev/whittle"

// tracedSqueeze has distributions of every status, and a run that would have missed one.
func tracedSqueeze() *whittle.Squeeze {
	was := whittle.TreeSum{Digest: "sha256:0a", Paths: 30_120, Bytes: 620_000_000}
	out := &whittle.Squeeze{Image: whittle.ImageFacts{Ref: "app:1.0"}, Before: whittle.SqueezeSizes{Stored: 240_000_000, Size: 620_000_000, Layers: 2},
		After: whittle.SqueezeSizes{Stored: 150_000_000, Size: 410_000_000, Layers: 2}, Tree: whittle.TreeSum{Digest: "sha256:0b", Paths: 21_004, Bytes: 410_000_000}, TreeBefore: &was,
		Layers: []whittle.SqueezedLayer{{Index: 1, Action: "rewritten", Before: whittle.LayerBlob{Stored: 240_000_000}, After: &whittle.LayerBlob{Stored: 150_000_000},
			Dropped: []whittle.Dropped{{Reason: "trimmed", Entries: 9116, Bytes: 210_000_000}}}},
		Dropped:     []whittle.Dropped{{Reason: "trimmed", Entries: 9116, Bytes: 210_000_000}},
		Trims:       []whittle.Trim{{Rule: "traced", Message: "2 of 9 Python distributions: no run touched them, and nothing that stays needs them", Status: whittle.Applied, Files: 9000, Bytes: 210_000_000}},
		Destination: &whittle.SqueezeDestination{Name: "docker-archive:small.tar", Digest: "sha256:0c"}}
	out.Traced = &whittle.TracedSqueeze{HeldOut: 2, HeldOutMissed: 1, Bound: 0.9747, Rate: 0.25, Estimate: 0.0625, Miss: 0.1,
		Runs: []whittle.SqueezeRun{{Name: "CMD", Touched: 4}, {Name: "app import --dry-run", HeldOut: true, Touched: 4}, {Name: "app report", Touched: 4}, {Name: "tests", HeldOut: true, Touched: 5, Alone: 1, Missed: []string{"openpyxl"}}}}
	for _, d := range []whittle.TracedDistribution{{Name: "duckdb", Bytes: 60_000_000, Status: "removed"}, {Name: "pyarrow", Bytes: 150_000_000, Status: "removed"}, {Name: "openpyxl", Status: "touched"},
		{Name: "pandas", Status: "touched"}, {Name: "numpy", Status: "needed", Reason: "what stays needs it"}, {Name: "pip", Status: "left", Reason: "layer 0 is left alone: it is the base's"},
		{Name: "rich", Bytes: 900_000, Status: "abstained"}, {Name: "idna", Status: "reverted"}, {Name: "certifi", Status: "needed"}} {
		d.Version = "1.0"
		out.Traced.Distributions = append(out.Traced.Distributions, d)
	}
	for _, p := range []whittle.TracedDistribution{{Name: "gcc-14", Bytes: 90_000_000, Status: "removed"}, {Name: "tzdata", Status: "needed", Reason: "time zones are looked up by their names"}, {Name: "dash", Status: "touched"}} {
		p.Version = "14.2"
		out.Traced.Packages = append(out.Traced.Packages, p)
	}
	return out
}
