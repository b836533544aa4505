package whittle

// The names of the JSON forms of [HistoryList], [HistoryChange], [Blame],
// [Bisection] and [Pruned].
const (
	HistorySchema       = "whittle.history/v1"
	HistoryChangeSchema = "whittle.history-change/v1"
	BlameSchema         = "whittle.blame/v1"
	BisectSchema        = "whittle.bisect/v1"
	PruneSchema         = "whittle.prune/v1"
)

// RecordRow is one measurement of an image that the history keeps, without its parts.
type RecordRow struct {
	// ID counts the records of a history, from 1.
	ID int64 `json:"id"`
	// Time is when it was recorded, RFC 3339 in UTC.
	Time string `json:"time"`
	// Command is what measured it: inspect, gate or lab.
	Command string `json:"command"`
	// Project is the project's name, or the image's without its tag. Variant is empty
	// where there is one only.
	Project string `json:"project"`
	Variant string `json:"variant,omitempty"`
	// Commit is the whole hash, empty where it is not known. Modified says that the
	// project's files were not those of the commit.
	Commit   string `json:"commit,omitempty"`
	Branch   string `json:"branch,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	// Engine built the image, empty where whittle did not build it.
	Engine   Engine `json:"engine"`
	Ref      string `json:"ref"`
	Digest   Digest `json:"digest"`
	Platform string `json:"platform"`
	Sizes    Sizes  `json:"sizes"`
	// Files counts the contents of all layers.
	Files int `json:"files"`
	// Startup and Build are seconds, nil where nobody measured them.
	Startup *float64 `json:"startup,omitempty"`
	Build   *float64 `json:"build,omitempty"`
	// Gate is the gate's status, Runs the verdict of the check, empty where neither was
	// asked.
	Gate GateStatus `json:"gate,omitempty"`
	Runs Verdict    `json:"runs,omitempty"`
	// Package is the visible size in bytes of the package that the list is about; nil
	// where it is about none, 0 where the image does not have it.
	Package *int64 `json:"package,omitempty"`
}

// Record is a measurement with its parts.
type Record struct {
	RecordRow
	// Image has the layers, the owners of the visible bytes and what is wasted.
	Image *Baseline `json:"image"`
	// Categories partition the bytes of all layers.
	Categories []CategoryRow   `json:"categories"`
	Findings   []RecordFinding `json:"findings"`
}

// RecordFinding is a finding that a record keeps.
type RecordFinding struct {
	Rule string `json:"rule"`
	// Fingerprint names the finding over all records ([Fingerprint]).
	Fingerprint string `json:"fingerprint"`
	Saving      Saving `json:"saving"`
}

// HistoryList has records, the newest first. Its JSON form is the contract
// whittle.history/v1.
type HistoryList struct {
	Schema string `json:"schema"`
	// Database says where they are, without a password.
	Database string `json:"database"`
	// Package is the package that the list is about, if any.
	Package string      `json:"package,omitempty"`
	Records []RecordRow `json:"records"`
	// More counts the records that match and are not listed.
	More int64 `json:"more"`
}

// Pruned says how many records were removed, or would be. Its JSON form is the contract
// whittle.prune/v1.
type Pruned struct {
	Schema   string `json:"schema"`
	Database string `json:"database"`
	Records  int64  `json:"records"`
	DryRun   bool   `json:"dry_run"`
}

// HistoryChange says what changed from one record to another. Its JSON form is the
// contract whittle.history-change/v1.
type HistoryChange struct {
	Schema string    `json:"schema"`
	From   RecordRow `json:"from"`
	To     RecordRow `json:"to"`
	// Causes add up to the change of the size.
	Causes []GateCause `json:"causes"`
	// Base says how the base image differs: empty where it is the same.
	Base string `json:"base,omitempty"`
	// New and Gone are findings that one of the two alone has.
	New  []RecordFinding `json:"new"`
	Gone []RecordFinding `json:"gone"`
}

// Blame says which commits changed the size of an image. Its JSON form is the contract
// whittle.blame/v1.
type Blame struct {
	Schema  string `json:"schema"`
	Project string `json:"project"`
	Variant string `json:"variant,omitempty"`
	// Package is what it is about, empty for the whole image.
	Package string `json:"package,omitempty"`
	// Steps are changes from a recorded commit to the next, in the order of the
	// branch, the newest first.
	Steps []BlameStep `json:"steps"`
	// Unrecorded counts the commits of the branch between the first recorded one and
	// the last that have no record.
	Unrecorded int `json:"unrecorded"`
}

// BlameStep is the change of a size by the commits after one recorded commit, up to and
// with another.
type BlameStep struct {
	// Commit is the last of Commits that can be the cause: with one there is no other.
	Commit  string `json:"commit"`
	Subject string `json:"subject"`
	Commits int    `json:"commits"`
	// From and To are the records before and after.
	From int64 `json:"from"`
	To   int64 `json:"to"`
	// Before and After are bytes.
	Before int64 `json:"before"`
	After  int64 `json:"after"`
	// Causes add up to the difference; of a blame that is about a package, there are
	// none.
	Causes []GateCause `json:"causes,omitempty"`
}

// Change is by how many bytes the size changed.
func (s *BlameStep) Change() int64 { return s.After - s.Before }

// Bisection is the first commit of a range whose image reaches a size. Its JSON form is
// the contract whittle.bisect/v1.
type Bisection struct {
	Schema  string `json:"schema"`
	Project string `json:"project"`
	Variant string `json:"variant,omitempty"`
	// Threshold is the size in bytes: the commit before First is smaller, First is not.
	Threshold int64 `json:"threshold"`
	// Step has the commit. Its Commits are more than one where those between could not
	// be built.
	Step BlameStep `json:"step"`
	// Tried are the commits that were looked at, in this order.
	Tried []BisectTry `json:"tried"`
}

// BisectTry is a commit that a bisection looked at.
type BisectTry struct {
	Commit  string `json:"commit"`
	Subject string `json:"subject"`
	// Size is in bytes, 0 where the commit has no image.
	Size int64 `json:"size"`
	// Recorded says that the history had it, and nothing was built.
	Recorded bool `json:"recorded"`
	// Reason says why there is no image.
	Reason string `json:"reason,omitempty"`
}
