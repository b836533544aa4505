// Package rule finds what could be smaller in an image, or would break it:
// each rule looks at the account of the layers, the Dockerfile and the
// project's files together, and states findings with evidence, a saving, a
// risk and, where an edit is safe, a fix.
//
// Only what costs bytes or breaks a run is worth a rule: no style. A rule is
// one file, one row in the table of rules.go and one txtar under testdata, with
// a case that fires and one that must not.
package rule

import (
	"cmp"
	"context"
	"io/fs"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/python"
)

// Rule is one rule with its documentation.
type Rule struct {
	// ID is its name on the command line: "cleanup-in-later-layer".
	ID string
	// Title says in one line what it finds, Text explains in Markdown why that
	// costs bytes and what to do; Before and After are lines of a Dockerfile
	// or a project's file that show it.
	Title, Text, Before, After string
	// Run states what it finds; the order does not matter. It leaves Rule and,
	// where Change says it all, Saving empty.
	Run func(*Pass) []whittle.Finding
}

// Pass is what rules look at: one image, what made it, and the project. What
// is not known is nil; a rule that needs it then finds nothing.
type Pass struct {
	Config  *whittle.Config
	Indexes []*whittle.Index
	Ledger  *whittle.Ledger
	// Owner and Category are indexed like Ledger.Items.
	Owner    []whittle.Owner
	Category []string
	Root     whittle.Root
	// Steps are the history's, joined to the Dockerfile where it is known.
	Steps []whittle.Step
	// Dockerfile is what made the image, with its build arguments resolved;
	// its Name is the path in the project, Target the stage, empty for the last.
	Dockerfile *dockerfile.File
	Target     string
	// Ignore is the .dockerignore of the build.
	Ignore *dockerfile.Ignore
	// Project is the project's folder, which is the build context.
	Project fs.FS
	// Declared is what the project's files say that it needs.
	Declared *project.Declared
	// Names knows which distribution has a module.
	Names *python.Names
	// Graph has the installed distributions and what they require of each
	// other; Usage says of each of them how the image's starts use it.
	Graph *python.Graph
	Usage []Usage
	// Check is what keeps the image from running.
	Check *whittle.Check
	// Debug says how many bytes of a binary in Root are symbols and debug
	// sections that no process reads, and whether strip is known to leave it
	// whole; ok is false for what is no binary.
	Debug func(path string) (bytes int64, safe, ok bool)
	// Libraries are the names of the shared libraries that a binary in Root loads
	// (DT_NEEDED); nil where no binary was read.
	Libraries func(path string) []string
	// Bound gives the specifiers to declare a distribution with (">=13,<14"),
	// from a lock file or the package index; ok is false where neither says.
	Bound func(distribution string) (specifiers string, ok bool)
	// Growth is how many bytes installing some requirements adds to what is
	// there already; ok is false where no index says it.
	Growth func(requirements ...string) (low, high int64, ok bool)
	// Guard asks for an import that is not declared to be guarded instead.
	Guard bool

	// The views are made of the facts above: see withViews.
	layers  *layers
	recipe  *recipe
	dists   *dists
	project *projectFiles

	// spoken is what said gave when it was first asked.
	spoken *spoken
}

// withViews is the pass with its views, made of the facts that it has now.
func (p *Pass) withViews() *Pass {
	q := *p
	q.layers = &layers{indexes: p.Indexes, ledger: p.Ledger, owner: p.Owner, root: p.Root, steps: p.Steps}
	q.recipe = &recipe{dockerfile: p.Dockerfile, target: p.Target, steps: p.Steps, indexes: p.Indexes, ignore: p.Ignore, project: p.Project}
	q.dists = &dists{graph: p.Graph, usages: p.Usage, declares: p.Declared, root: p.Root, ledger: p.Ledger, owner: p.Owner, layers: q.layers}
	q.project = &projectFiles{files: p.Project, declared: p.Declared}
	return &q
}

// Usage is how the image's starts use a distribution, the strongest way.
type Usage uint8

// The ways. Unused means that nothing that was reached names one of its
// modules, which files alone never prove: a distribution may be imported by a
// name that is made at run time.
const (
	UsageUnknown Usage = iota
	Unused
	// Plugin: it offers entry points to a distribution that is used.
	Plugin
	// Optional: what imports it goes on without it.
	Optional
	// Lazy: a function imports it.
	Lazy
	// Eager: it is imported at start.
	Eager
)

// Find asks the rules, in the order of the table; only names some of them,
// empty is all. The findings are complete but for what they save, where they
// have a Change: see whittle.Finding.
func Find(ctx context.Context, p *Pass, only []string) ([]whittle.Finding, error) {
	p = p.withViews()
	var out []whittle.Finding
	for _, r := range All() {
		if len(only) > 0 && !slices.Contains(only, r.ID) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		found := r.Run(p)
		for i := range found {
			found[i].Rule = r.ID
			found[i].Risk = cmp.Or(found[i].Risk, whittle.RiskNone)
			found[i].Change.Sort()
		}
		out = append(out, found...)
	}
	return out, nil
}
