package sitepackages

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/rule/analysis"
	"whittle.dev/whittle/internal/shell"
)

// StripDebug is the rule strip-debug: symbols and debugging sections of
// extensions and libraries.
func StripDebug() analysis.Rule {
	return analysis.Rule{
		ID:    "strip-debug",
		Title: "Symbols and debugging sections of extensions and libraries",
		Text: `Extension modules and the libraries in wheels may contain symbol tables and debugging sections that no process reads. "strip
--strip-unneeded" (Debian's package binutils, in a builder stage) removes them. It makes some files impossible to load: those with
misaligned segments, and those that a tool has rearranged. These are not reported. There is no fix: the builder needs binutils, and a
library that verifies its own file would refuse to load. "whittle squeeze --fix strip-debug" strips the libraries of an image that is
built, and moves nothing that is mapped.`,
		Before: "RUN pip install pyarrow\n",
		After:  "RUN pip install pyarrow && strip --strip-unneeded /usr/local/lib/python3.*/site-packages/pyarrow/*.so*\n",
		Run:    findUnstripped,
	}
}

// Bounds of how much strip saves beyond the sections' own bytes, in each file.
// Tests of the package elf measured them: sections that move need some bytes,
// but padding and headers are saved too.
const stripSlack, stripExtra = 2 << 10, 8 << 10

func findUnstripped(p *analysis.Pass) []whittle.Finding {
	if p.Debug == nil {
		return nil
	}
	var items []int
	var sections int64
	unsafe, refused := 0, int64(0)
	var change whittle.LayerChange
	for _, i := range p.Layers.Visible(p.Layers.OfDistribution) {
		it := &p.Ledger.Items[i]
		if !isLibrary(it.Path) {
			continue
		}
		bytes, safe, ok := p.Debug(it.Path)
		switch {
		case !ok || bytes <= stripSlack:
			continue
		case !safe:
			unsafe++
			refused += bytes
			continue
		}
		items = append(items, i)
		sections += bytes
		change.Shrink = append(change.Shrink, whittle.Shrunk{Content: p.Layers.Content(i), Low: max(0, it.Bytes-bytes-stripExtra), High: min(it.Bytes, it.Bytes-bytes+stripSlack)})
	}
	if sections < analysis.MinBytes {
		return nil
	}
	f := whittle.Finding{
		Message:  fmt.Sprintf("%s of extensions and libraries hold %s of symbols and debugging sections", analysis.FileCount(len(items)), whittle.Bytes(sections)),
		Evidence: p.Layers.Places(items), Change: change, Risk: whittle.RiskMedium,
		Advice:      "strip them in a stage that has binutils, before they are copied: " + stripCommand(p, items),
		Caution:     "a library that verifies its own file (FIPS modules) refuses to load, and tracebacks of native code lose their names",
		Fingerprint: whittle.Fingerprint("strip-debug", p.Layers.DistributionsOf(items)...),
	}
	if unsafe > 0 {
		f.Message += fmt.Sprintf("; %s more with %s would not load afterwards", analysis.FileCount(unsafe), whittle.Bytes(refused))
	}
	return []whittle.Finding{f}
}

func isLibrary(at string) bool {
	base := path.Base(at)
	return strings.HasSuffix(base, ".so") || strings.Contains(base, ".so.")
}

// stripCommand is the command for the files with the most bytes; all of them
// would not fit on a line.
func stripCommand(p *analysis.Pass, items []int) string {
	const most = 3
	biggest := slices.Clone(items)
	slices.SortStableFunc(biggest, func(a, b int) int { return int(p.Ledger.Items[b].Bytes - p.Ledger.Items[a].Bytes) })
	words := "strip --strip-unneeded"
	for _, i := range biggest[:min(most, len(biggest))] {
		words += " " + shell.Quote("/"+p.Ledger.Items[i].Path)
	}
	if len(biggest) > most {
		words += " …"
	}
	return words
}
