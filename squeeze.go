package whittle

// SqueezeSchema names the JSON form of [Squeeze].
const SqueezeSchema = "whittle.squeeze/v1"

// Squeeze says what was done to an image's layers so that it is smaller and its
// merged root file system the same. Its JSON form is the contract whittle.squeeze/v1.
type Squeeze struct {
	Schema string     `json:"schema"`
	Image  ImageFacts `json:"image"`
	// Before and After are the image's sizes.
	Before SqueezeSizes `json:"before"`
	After  SqueezeSizes `json:"after"`
	// Layers are those of the image, lowest first. With Merged, the last row of them
	// stands for the layer that holds all that were merged.
	Layers []SqueezedLayer `json:"layers"`
	// Merged says that all layers above the base's were made into one.
	Merged bool `json:"merged"`
	// Dropped adds up what all layers lost, by reason.
	Dropped []Dropped `json:"dropped"`
	// Base is what rewriting the base's layers would change; nil where they were not
	// left alone.
	Base *SqueezeBase `json:"base,omitempty"`
	// Tree is the merged root file system, which is the same before and after, but for
	// what Trims removed: then TreeBefore is that of the image as it was.
	Tree       TreeSum  `json:"tree"`
	TreeBefore *TreeSum `json:"tree_before,omitempty"`
	// Trims are the findings of rules that were asked for, and what became of them.
	Trims []Trim `json:"trims,omitempty"`
	// Traced is the evidence for what was removed as no run touched it; nil where that
	// was not asked for.
	Traced *TracedSqueeze `json:"traced,omitempty"`
	// Config is the digest of the configuration after, ConfigBefore of that before.
	Config       Digest `json:"config"`
	ConfigBefore Digest `json:"config_before"`
	// Ambiguous are places that runtimes merge differently, of an image that was
	// squeezed all the same.
	Ambiguous []Ambiguity `json:"ambiguous,omitempty"`
	// Notes say what a user should know: layers that were left alone, and why.
	Notes []string `json:"notes,omitempty"`
	// Destination is where the image was written, nil where it was not.
	Destination *SqueezeDestination `json:"destination"`
	// Stale are the documents about the image as it was that its place has.
	Stale []StaleDocument `json:"stale,omitempty"`
}

// SqueezeSizes are an image's sizes in bytes.
type SqueezeSizes struct {
	// Stored is the sum of the layers as they are stored, compressed or not.
	Stored int64 `json:"stored"`
	// Size is the sum of the layers' files, Tar that of their uncompressed tars.
	Size   int64 `json:"size"`
	Tar    int64 `json:"tar"`
	Layers int   `json:"layers"`
	// Entries counts the entries of all tars.
	Entries int `json:"entries"`
}

// SqueezedLayer is what was done to one layer.
type SqueezedLayer struct {
	Index int `json:"index"`
	// Action is "kept" (its blob is the same), "rewritten", "removed" (nothing was left
	// of it) or "merged" (what was left of it is in the layer of the last row).
	Action string `json:"action"`
	// Why says why a layer was kept that has something to drop, empty otherwise.
	Why    string     `json:"why,omitempty"`
	Before LayerBlob  `json:"before"`
	After  *LayerBlob `json:"after,omitempty"`
	// Dropped is what the layer lost, by reason.
	Dropped []Dropped `json:"dropped,omitempty"`
}

// LayerBlob describes a layer as it is stored.
type LayerBlob struct {
	// Digest is that of the stored bytes, empty where they were not read as a blob.
	Digest    Digest `json:"digest,omitempty"`
	DiffID    Digest `json:"diff_id"`
	MediaType string `json:"media_type,omitempty"`
	// Stored is the number of bytes as stored, Size of the files, Tar of the
	// uncompressed tar.
	Stored  int64 `json:"stored"`
	Size    int64 `json:"size"`
	Tar     int64 `json:"tar"`
	Entries int   `json:"entries"`
}

// Dropped counts entries that the merged root file system does not need.
type Dropped struct {
	// Reason is "deleted", "replaced", "metadata" or "identical" for files, as a
	// [Cause] is, "duplicate" for what the same layer has again, "whiteout" for a
	// marker that hides nothing, "directory" for one whose metadata a later layer
	// has, "link" for hard links and symlinks, "trimmed" for what a rule found, "other"
	// for the rest.
	Reason  string `json:"reason"`
	Entries int    `json:"entries"`
	// Bytes are those of the files' contents.
	Bytes int64 `json:"bytes"`
}

// SqueezeBase says what rewriting the layers of the base image would change.
type SqueezeBase struct {
	Layers int `json:"layers"`
	// Saves is the number of bytes of files that could go from them.
	Saves int64 `json:"saves"`
	// Shared is the number of stored bytes that the image would no longer share with
	// other images of its base.
	Shared int64 `json:"shared"`
}

// TreeSum identifies a merged root file system.
type TreeSum struct {
	// Digest is that of the canonical form: see docs/reference/tree.md.
	Digest Digest `json:"digest"`
	// Paths counts all visible paths; the others add up to it. A file with several
	// names (hard links) counts at each.
	Paths       int `json:"paths"`
	Files       int `json:"files"`
	Directories int `json:"directories"`
	Symlinks    int `json:"symlinks"`
	Devices     int `json:"devices"`
	FIFOs       int `json:"fifos"`
	// HardLinks counts the names of files beyond their first.
	HardLinks int `json:"hard_links"`
	// Implied counts directories that no layer lists: nothing says their metadata.
	Implied int `json:"implied"`
	// Bytes are those of the files, each once.
	Bytes int64 `json:"bytes"`
}

// VerifySchema names the JSON form of [TreeComparison].
const VerifySchema = "whittle.verify/v1"

// TreeComparison says whether two images have the same merged root file system and
// the same configuration but for its layers and history. Its JSON form is the
// contract whittle.verify/v1.
type TreeComparison struct {
	Schema string `json:"schema"`
	// Images are the two.
	Images []TreeImage `json:"images"`
	// Same says that the trees and the configurations are the same, and that no table of
	// contents of a layer contradicts its tar.
	Same bool `json:"same"`
	// Tree and Config say it of either.
	SameTree   bool `json:"same_tree"`
	SameConfig bool `json:"same_config"`
	// Differences are paths that differ, the first ones; More counts the others.
	Differences []TreeDifference `json:"differences"`
	More        int              `json:"more"`
	// ConfigDifferences are the fields of the configuration that differ.
	ConfigDifferences []string `json:"config_differences"`
	// Trim says whether the trees differ in just what a certificate lists; nil if none was
	// given.
	Trim *ExplainedTrim `json:"trim,omitempty"`
}

// Explained says that the images are the same, or differ in what a certificate lists and
// in nothing else.
func (c *TreeComparison) Explained() bool {
	return c.Same || c.SameConfig && c.Trim != nil && c.Trim.Holds && !c.Contradicts()
}

// Contradicts says that a table of contents of a layer contradicts its tar: programs that
// read the one see another tree than those that read the other.
func (c *TreeComparison) Contradicts() bool {
	for _, im := range c.Images {
		if len(im.Contradictions) > 0 {
			return true
		}
	}
	return false
}

// ExplainedTrim says whether two trees differ in just what a certificate lists.
type ExplainedTrim struct {
	Holds bool `json:"holds"`
	// Problem says why not.
	Problem string `json:"problem,omitempty"`
	// Rules are those whose findings were removed; Removed counts paths, Edited files with
	// another content, and Stripped those of them that a rule changed: the others are lists.
	Rules    []string `json:"rules,omitempty"`
	Removed  int      `json:"removed"`
	Edited   int      `json:"edited"`
	Stripped int      `json:"stripped,omitempty"`
}

// TracedSqueeze says which runs decided what was removed, and how far they can be
// trusted.
type TracedSqueeze struct {
	// Runs are the workload. Those that are not held out decide first.
	Runs []SqueezeRun `json:"runs"`
	// Distributions are the Python distributions of the image, and what became of each;
	// Packages are those of its operating system. What a package brought of Python is the
	// package's.
	Distributions []TracedDistribution `json:"distributions"`
	Packages      []TracedDistribution `json:"packages"`
	// HeldOut counts the runs that were held out, HeldOutMissed those of them that
	// touched something which the others alone would have removed: it stays. With a
	// confidence of 95 %, at most Bound of further runs would have done so, if runs are
	// independent and of one kind.
	HeldOut       int     `json:"held_out"`
	HeldOutMissed int     `json:"held_out_missed"`
	Bound         float64 `json:"bound"`
	// Failed counts the held-out runs that do not pass without what was removed. If any
	// run fails, nothing is removed as untouched.
	Failed int `json:"failed"`
	// Rate is the Good–Turing estimate of how many distributions and packages that no run
	// touched and nothing needs a further run touches. Estimate is the share of further runs that
	// touch one of those that were removed, 1 at most; Miss is its limit: they
	// come back until it is kept.
	Rate     float64 `json:"rate"`
	Estimate float64 `json:"estimate"`
	Miss     float64 `json:"miss"`
}

// TracedTrim is what certificates and reports call the removal of what no run touched,
// where they name a rule.
const TracedTrim = "traced"

// TracedStatus is what became of a [TracedDistribution].
type TracedStatus string

// A distribution is removed, or there is a reason why it stays.
const (
	TracedRemoved   TracedStatus = "removed"
	TracedTouched   TracedStatus = "touched"   // by a run
	TracedNeeded    TracedStatus = "needed"    // by what the files show
	TracedLeft      TracedStatus = "left"      // it cannot be removed whole
	TracedAbstained TracedStatus = "abstained" // the estimate was over its limit
	TracedReverted  TracedStatus = "reverted"  // something fails without it
)

// Revert says that what was to be removed stays; of nil it does nothing.
func (t *TracedSqueeze) Revert() {
	if t == nil {
		return
	}
	for _, all := range [][]TracedDistribution{t.Distributions, t.Packages} {
		for i := range all {
			if all[i].Status == TracedRemoved {
				all[i].Status = TracedReverted
			}
		}
	}
	t.Estimate = 0
}

// SqueezeRun is a run of the workload of a [TracedSqueeze].
type SqueezeRun struct {
	Name    string   `json:"name"`
	Command []string `json:"command"`
	HeldOut bool     `json:"held_out"`
	// Touched counts the distributions and packages that it touched, Alone those of them that would
	// be gone without it: no other run touched them, and nothing that stays needs them.
	Touched int `json:"touched"`
	Alone   int `json:"alone"`
	// Missed are, of a run that is held out, the distributions and packages that it touched and that
	// the deciding runs alone would have removed.
	Missed []string `json:"missed"`
	// Problem says why it does not pass without what was removed, empty if it does.
	Problem string `json:"problem,omitempty"`
}

// TracedDistribution is a Python distribution of a [TracedSqueeze], or a package of the
// operating system.
type TracedDistribution struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// Bytes are those of its files; 0 where it was not counted, as it cannot go.
	Bytes int64 `json:"bytes"`
	// Status is "removed", or why it stays: "touched" by a run, "needed" by what the
	// files show, "left" as it cannot be removed whole, "abstained" as the estimate
	// was over its limit, "reverted" as something fails without it.
	Status TracedStatus `json:"status"`
	// Reason says more of what is needed or left.
	Reason string `json:"reason,omitempty"`
}

// Trim is a finding that squeeze removes from an image.
type Trim struct {
	// Rule is the rule that found it, or [TracedTrim] ("traced") for what no run touched.
	Rule    string `json:"rule"`
	Message string `json:"message"`
	// Status is "applied", "skipped" or "reverted", Reason why it is not applied.
	Status FixStatus `json:"status"`
	Reason string    `json:"reason,omitempty"`
	// Files and Bytes are what it removes, or of libraries strips; Left is what stays.
	Files int        `json:"files"`
	Bytes int64      `json:"bytes"`
	Left  []TrimLeft `json:"left"`
}

// TrimLeft counts files that a rule found, and that stay.
type TrimLeft struct {
	Reason string `json:"reason"`
	Files  int    `json:"files"`
	Bytes  int64  `json:"bytes"`
}

// TreeImage is one image of a [TreeComparison].
type TreeImage struct {
	ImageFacts
	// Tree is what the account of the layers says, Second what an independent reading
	// of them says: a comparison needs both to agree.
	Tree   TreeSum `json:"tree"`
	Second TreeSum `json:"second"`
	// Ambiguous are places that runtimes merge differently.
	Ambiguous []Ambiguity `json:"ambiguous,omitempty"`
	// Contradictions are layers whose table of contents (zstd:chunked) does not say what
	// their tar says.
	Contradictions []Contradiction `json:"contradictions,omitempty"`
}

// Contradiction is the first place in which a layer's table of contents contradicts its tar.
type Contradiction struct {
	Layer int    `json:"layer"`
	What  string `json:"what"`
}

// TreeDifference is a path that differs.
type TreeDifference struct {
	Path string `json:"path"`
	// What says what differs: "only in the first", "mode 0644, 0755".
	What string `json:"what"`
}
