package sitepackages

import (
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// MissingBytecode is the rule missing-bytecode: what the start imports was installed
// without compiling it.
func MissingBytecode() analysis.Rule {
	return analysis.Rule{
		ID:    "missing-bytecode",
		Title: "What the start imports is not compiled",
		Text: `uv compiles nothing unless it is asked to, and pip nothing with --no-compile. Then each start compiles what it imports, and keeps it only
where it may write beside the sources, which a container that is made anew does not have. Compiled when it is installed (UV_COMPILE_BYTECODE=1,
"uv pip install --compile-bytecode", pip without --no-compile), the image is larger and its start does not compile. By how much it is larger
is a forecast: nine wheels (Django, FastAPI, Flask, pandas, pydantic, requests, rich, SQLAlchemy, Streamlit) have 1.3 bytes of bytecode for
each byte of source in all, and 0.9 to 1.5 each, with CPython 3.11. How much sooner the start is ready is not known before it is measured: "lab"
shows the start-up of two Dockerfiles side by side. There is no fix: it would make the image larger. Reported from 1 MB of sources on, of
distributions that the start certainly imports.`,
		Before: "RUN uv pip install --system pandas\n",
		After:  "ENV UV_COMPILE_BYTECODE=1\nRUN uv pip install --system pandas\n",
		Run:    findUncompiled,
	}
}

const (
	// leastUncompiled are the bytes of source below which it is not reported.
	leastUncompiled = 1_000_000
	// compiledLow and compiledHigh are the bytes of bytecode for a byte of source, as the
	// rule's text says.
	compiledLow, compiledHigh = 0.9, 1.5
)

func findUncompiled(p *analysis.Pass) []whittle.Finding {
	if p.Graph == nil || p.Dockerfile == nil {
		return nil
	}
	groups, _ := p.ByInstall(uncompiled(p))
	var items []int
	var able []analysis.Group
	for _, g := range groups {
		if leavesUncompiled(p, &g) {
			items, able = append(items, g.Items...), append(able, g)
		}
	}
	slices.Sort(items)
	n := p.Layers.Bytes(items)
	if n < leastUncompiled {
		return nil
	}
	names := p.Layers.DistributionsOf(items)
	more := whittle.Bytes(int64(float64(n)*compiledLow)) + " to " + whittle.Bytes(int64(float64(n)*compiledHigh))
	return []whittle.Finding{{
		Message: fmt.Sprintf("the start imports distributions whose sources have no bytecode (%s in %s): each start compiles what it needs of them",
			whittle.Bytes(n), analysis.FileCount(len(items))),
		Evidence: append(p.Dists.ByDistribution(items), p.RunLines(able)...), Risk: whittle.RiskLow,
		Caution:     "the image is about " + more + " larger",
		Advice:      "have " + p.RunNames(able) + " compile what it installs, and measure the start: by how much it is faster is not known",
		Fingerprint: whittle.Fingerprint("missing-bytecode", names...),
	}}
}

// uncompiled are the sources above the base image, of distributions that the start
// imports, without bytecode beside them.
func uncompiled(p *analysis.Pass) []int {
	imported := map[string]bool{}
	for i := range p.Graph.Distributions {
		if d := &p.Graph.Distributions[i]; d.VendoredBy == "" && !p.Dists.IsApplication(d) && p.Dists.Usage(i) == analysis.Eager {
			imported[d.Name] = true
		}
	}
	compiled := map[string]bool{}
	for i := range p.Ledger.Tree.Nodes {
		if source, _, ok := compiledFrom(p.Ledger.Tree.Nodes[i].Path); ok {
			compiled[source] = true
		}
	}
	return p.Layers.Visible(func(i int) bool {
		it := &p.Ledger.Items[i]
		return strings.HasSuffix(it.Path, ".py") && !compiled[it.Path] && !p.Layers.IsBase(it.Layer) && p.Owner[i].Ecosystem == "pypi" && imported[p.Owner[i].Name]
	})
}

// leavesUncompiled says that the installers of a group's RUN certainly compile nothing.
func leavesUncompiled(p *analysis.Pass, g *analysis.Group) bool {
	commands, found := recipe.InstallCommands(g.Install.Run)
	return found && len(commands) > 0 && !slices.ContainsFunc(commands, func(c recipe.InstallCommand) bool {
		return compiles(c) || c.Tool == "uv" && uvCompiles(p, g.Install.Run, &c.Command)
	})
}
