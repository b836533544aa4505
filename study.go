package whittle

import (
	"slices"
	"strings"
)

// StudySchema names the JSON form of [Study].
const StudySchema = "whittle.lab/v2"

// Study is the whole study of a project: every variant built, measured,
// explained and run. Its JSON form is the contract whittle.lab/v2.
type Study struct {
	Schema  string `json:"schema"`
	Project string `json:"project"`
	// Date is when the study was finished, RFC 3339 in UTC.
	Date     string    `json:"date"`
	Machine  Machine   `json:"machine"`
	Variants []Variant `json:"variants"`
	// Differences compare each built variant with the first built one.
	Differences []Difference `json:"differences"`
	Findings    []Finding    `json:"findings"`
	// Ignored are what the project accepts; such findings are not among Findings.
	Ignored   []Ignored  `json:"ignored,omitempty"`
	Forecasts []Forecast `json:"forecasts"`
	// Repair is the loop of fixing and building again, nil where the study was
	// not asked to fix anything.
	Repair *Repair `json:"repair,omitempty"`
	// Best is the smallest image that is proven to run, nil where there is
	// none or none was looked for.
	Best *Best `json:"best,omitempty"`
}

// Best is the smallest image of a study that was built and is proven to run.
type Best struct {
	// Variant is the study's variant that it was made from.
	Variant string `json:"variant"`
	// Dockerfile is the text that makes it.
	Dockerfile string `json:"dockerfile"`
	// Diff is the unified diff of all the project's files that it takes, empty
	// where the project makes it as it is.
	Diff string `json:"diff,omitempty"`
	// Archive is the image's path relative to the study's folder.
	Archive string `json:"archive,omitempty"`
	Sizes   Sizes  `json:"sizes"`
	// Original is the size of the first built variant before any change.
	Original Sizes `json:"original"`
	// Percent is Sizes.Size as a part of Original.Size: 60 is six
	// tenths of it.
	Percent float64 `json:"percent"`
	Outcome Outcome `json:"outcome"`
}

// Machine says on what the times were measured.
type Machine struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	CPU          string `json:"cpu"`
	Cores        int    `json:"cores"`
	// Memory is in bytes, 0 where it is not known.
	Memory int64  `json:"memory"`
	Engine Engine `json:"engine"`
}

// Engine is what built the images.
type Engine struct {
	Kind    string `json:"kind"`
	Version string `json:"version"`
}

// BuildStatus is how a build ended.
type BuildStatus string

// The ways in which a build ends.
const (
	Built        BuildStatus = "built"
	Failed       BuildStatus = "failed"
	BuildSkipped BuildStatus = "skipped"
)

// Variant is one way to build the project, with all that was measured of it.
type Variant struct {
	Name string `json:"name"`
	// Context is the folder that the build got, relative to the project's; empty
	// is the project's folder.
	Context    string            `json:"context,omitempty"`
	Dockerfile string            `json:"dockerfile"`
	Target     string            `json:"target,omitempty"`
	Args       map[string]string `json:"args,omitempty"`
	Build      BuildFacts        `json:"build"`
	// Change is the size against that of the first built variant, nil
	// for that one and where nothing was built.
	Change   *Change       `json:"change"`
	Download DownloadFacts `json:"download"`
	// Inspect is nil where nothing was built.
	Inspect *Inspection `json:"inspect"`
	Check   *Check      `json:"check"`
	Run     RunFacts    `json:"run"`
	// Ready is its time to ready, nil where that was not measured.
	Ready *Ready `json:"ready"`
	// Fingerprint is a digest of all that the variant was made from; a study
	// that is resumed keeps a variant while it is the same.
	Fingerprint Digest `json:"fingerprint"`
}

// Change is a signed difference in size.
type Change struct {
	Size    int64   `json:"size"`
	Percent float64 `json:"percent"`
}

// BuildFacts say how a build went.
type BuildFacts struct {
	Status BuildStatus `json:"status"`
	// Reason says in one line why there is no image.
	Reason string `json:"reason,omitempty"`
	// Tail holds the last lines that the failing step printed.
	Tail []string `json:"tail,omitempty"`
	// Seconds is the time of a build without cache, or with what was cached
	// where Cold is false; without the export of the image.
	Seconds float64 `json:"seconds"`
	Cold    bool    `json:"cold"`
	// RebuildSeconds is the time of a cached build after a change in Touched,
	// nil where it was not measured.
	RebuildSeconds *float64 `json:"rebuild_seconds"`
	Touched        string   `json:"touched,omitempty"`
	// Steps are those of the Dockerfile, and others that took long, by when they
	// started. The last may be the export, which Seconds is without.
	Steps []BuildStep `json:"steps,omitempty"`
	// Engine built it and Date is when it was measured, RFC 3339 in UTC: a
	// study that is resumed keeps both.
	Engine Engine `json:"engine"`
	Date   string `json:"date"`
	// Log is the path of the full log, Archive that of the image, both
	// relative to the study's folder.
	Log     string `json:"log"`
	Archive string `json:"archive,omitempty"`
	// Image stands in for a build, which was then not made.
	Image string   `json:"image,omitempty"`
	Notes []string `json:"notes,omitempty"`
}

// BuildStep is a step of a build as the engine ran it.
type BuildStep struct {
	// Name is the engine's: "[runtime 2/5] RUN pip install .".
	Name string `json:"name"`
	// Start is when it started, in seconds from the build's first step, and
	// Seconds how long it took.
	Start   float64 `json:"start"`
	Seconds float64 `json:"seconds"`
	// Cached says that its result is from an earlier build.
	Cached bool `json:"cached,omitempty"`
}

// DownloadFacts are the sums of the layer blobs in bytes by compression, nil
// where not measured.
type DownloadFacts struct {
	Gzip *int64 `json:"gzip"`
	Zstd *int64 `json:"zstd"`
}

// Verdict says whether an image, a start or a command runs.
type Verdict string

// The verdicts.
const (
	Runs    Verdict = "runs"
	Fails   Verdict = "fails"
	Unknown Verdict = "unknown"
)

// RunFacts say how the image's commands went.
type RunFacts struct {
	// Status is "runs" when what the image starts, and every command that the
	// project names, passed, "fails" when one did not, "unknown" when none
	// was run. Note says why the image's own start was not.
	Status Verdict `json:"status"`
	Note   string  `json:"note,omitempty"`
	// Seconds is the median start-up time of the first command, nil where it
	// failed or was not run.
	Seconds  *float64     `json:"seconds"`
	Commands []CommandRun `json:"commands"`
}

// CommandRun is one command run in an image.
type CommandRun struct {
	Name    string   `json:"name"`
	Command []string `json:"command"`
	Status  Verdict  `json:"status"`
	Exit    int      `json:"exit"`
	// Seconds has one time for each repeat, start to exit, or until it was seen to be
	// ready. CPU are the seconds that processors worked meanwhile, of all together,
	// empty where that is not known.
	Seconds []float64 `json:"seconds"`
	CPU     []float64 `json:"cpu,omitempty"`
	// Cold has the seconds of further runs, each without the image's files in the page
	// cache, empty where there was none.
	Cold []float64 `json:"cold,omitempty"`
	// Problem is what went wrong in one line: "ModuleNotFoundError: rich
	// (src/commands/anonymize.py:5)".
	Problem string `json:"problem,omitempty"`
	// Module, Path and Line are those of the problem, where its output names
	// them.
	Module string `json:"module,omitempty"`
	Path   string `json:"path,omitempty"`
	Line   int    `json:"line,omitempty"`
	// Needs is what it wanted that no image brings, where it said so:
	// "postgres at db:5432", "the environment variable SECRET_KEY". Its status
	// is "unknown" then.
	Needs string `json:"needs,omitempty"`
	// Optional says that nobody asked for it: a console script that was tried
	// with --help. Whether the image runs does not depend on it.
	Optional bool `json:"optional,omitempty"`
	// Own says that it is what the image itself starts: its entry point and
	// command. Ready is how that was seen to run ("its health check passed"),
	// empty where it does not; Ports, Programs and Answer are the TCP ports
	// that it listened on, the programs that were seen running and the status
	// of its answer to GET /, 0 where there was none.
	Own      bool     `json:"own,omitempty"`
	Ready    string   `json:"ready,omitempty"`
	Ports    []int    `json:"ports,omitempty"`
	Programs []string `json:"programs,omitempty"`
	Answer   int      `json:"answer,omitempty"`
	// Requests are what it answered to the paths that the project names.
	Requests []RequestRun `json:"requests,omitempty"`
	// Imports are the Python modules that its processes imported, nil where
	// that is not known.
	Imports *Imports `json:"imports"`
	// Tail holds the last lines that a failing command printed.
	Tail []string `json:"tail,omitempty"`
}

// RequestRun is a GET that a start was asked.
type RequestRun struct {
	Path string `json:"path"`
	// Port is where it was answered, or where it was to be; 0 is none.
	Port int `json:"port"`
	// Answer is the status of the answer, 0 where there was none; Problem says
	// why.
	Answer  int    `json:"answer"`
	Problem string `json:"problem,omitempty"`
	// Passed says that the status is what the project wants: 200 to 399, unless
	// it names another.
	Passed bool `json:"passed"`
}

// Imports are the Python modules that a run was seen to import, in all its
// processes. An interpreter without its site packages is not seen.
type Imports struct {
	// Modules are dotted names, sorted, the first 4,096 of them.
	Modules []string `json:"modules"`
	// Distributions are those that own a file of a module, sorted.
	Distributions []string `json:"distributions"`
}

// Needs is what the first of the commands that count wanted from outside the
// image; empty where none did.
func (r RunFacts) Needs() string {
	for _, c := range r.Commands {
		if c.Needs != "" && !c.Optional {
			return c.Needs
		}
	}
	return ""
}

// Difference says where a variant's size differs from that of the first.
type Difference struct {
	Variant string `json:"variant"`
	Base    string `json:"base"`
	Comparison
}

// CheckSchema names the JSON form of [Check].
const CheckSchema = "whittle.check/v1"

// Check says whether an image can run, and what keeps it from running.
type Check struct {
	Schema string `json:"schema"`
	// Verdict is "runs", "fails" or "unknown".
	Verdict  Verdict   `json:"verdict"`
	Problems []Problem `json:"problems"`
	// Unknown says what could not be followed: why the verdict is "unknown".
	Unknown []string `json:"unknown,omitempty"`
	// Image is the image that was checked, empty for a project.
	Image string `json:"image,omitempty"`
	// Unverified says that the digests of the image's layers were not compared
	// with their bytes: see [ImageFacts].
	Unverified bool `json:"unverified,omitempty"`
	// Project is the name of the project that was checked without an image.
	Project string `json:"project,omitempty"`
	// Starts are what the image starts.
	Starts []Start `json:"starts,omitempty"`
	// Disagreements say where a verdict and a run differ.
	Disagreements []string `json:"disagreements,omitempty"`
}

// StartKind is what a start is of an image.
type StartKind string

// The kinds of starts.
const (
	StartEntry       StartKind = "entry" // entry point and command
	StartHealthcheck StartKind = "healthcheck"
	StartConsole     StartKind = "console script"
	StartCommand     StartKind = "command" // one that a user or the project names
)

// IsProduction says whether a start, by its name, is one that production
// starts: the entry point, the command or the health check.
func IsProduction(start string) bool {
	kind, _, _ := strings.Cut(start, " ") // of a folder it is "CMD of Dockerfile"
	return kind == "ENTRYPOINT" || kind == "CMD" || kind == "HEALTHCHECK"
}

// Start is something that an image starts: what the check says of it, and how
// it went where it was run.
type Start struct {
	Kind    StartKind `json:"kind"`
	Name    string    `json:"name"`
	Command []string  `json:"command"`
	// Verdict is "runs", "fails" or "unknown", by the files alone: where Run says
	// "runs" or "fails", that counts.
	Verdict Verdict `json:"verdict"`
	// Disagreement says how Run contradicts Verdict, empty where it does not; it
	// is one of [Check.Disagreements].
	Disagreement string `json:"disagreement,omitempty"`
	// Probe is a command that does what the start would do for its first
	// visitor, nil where the start shows all by itself.
	Probe []string `json:"probe,omitempty"`
	// Run is nil where it was not run.
	Run *CommandRun `json:"run,omitempty"`
}

// Problem is one thing that keeps an image from running, or might.
type Problem struct {
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`
	// Path and Line say where; Line counts from 1, 0 where there is none.
	Path         string `json:"path,omitempty"`
	Line         int    `json:"line,omitempty"`
	Module       string `json:"module,omitempty"`
	Distribution string `json:"distribution,omitempty"`
	// Wanted is the whole name of what is imported, where Module is only the
	// part of it that is missing.
	Wanted string `json:"wanted,omitempty"`
	// Name is what Module does not define, where the module itself is there.
	Name        string   `json:"name,omitempty"`
	Guarded     bool     `json:"guarded"`
	ReachedFrom []string `json:"reached_from,omitempty"`
	Fix         string   `json:"fix,omitempty"`
	// Places are the other places where the same cause shows.
	Places []Location `json:"places,omitempty"`
}

// Spots are all places where the cause of a problem shows, its own first.
func (p *Problem) Spots() []Location {
	return append([]Location{{Path: p.Path, Line: p.Line, Module: p.Module, ReachedFrom: p.ReachedFrom}}, p.Places...)
}

// Starts are those that the problem is reached from, each once.
func (p *Problem) Starts() []string {
	var out []string
	for _, at := range p.Spots() {
		if len(at.ReachedFrom) > 0 && !slices.Contains(out, at.ReachedFrom[0]) {
			out = append(out, at.ReachedFrom[0])
		}
	}
	return out
}

// Location is a place where the cause of a [Problem] shows too.
type Location struct {
	Path string `json:"path"`
	Line int    `json:"line,omitempty"`
	// Module is what is imported there: it or a parent is what is missing.
	Module      string   `json:"module,omitempty"`
	ReachedFrom []string `json:"reached_from,omitempty"`
}
