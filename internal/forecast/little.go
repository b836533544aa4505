package forecast

import (
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/restage"
)

// Fixes of these rules add a command, an option or a variable, or take a name out of
// what the project declares, only to have less. Where that is little, a maintainer would
// rather not read it.
var trims = []string{"python-tests", "python-bytecode", "strip-debug", "static-libraries", "unused-dependency"}

// Fixes of these rules reach into what is installed. That is harder to read, and to keep
// right, than an option.
var searches = []string{"python-tests", "static-libraries"}

const (
	// A line of a Dockerfile that saves less than both is not worth reading: 5 MB, and
	// this part of the image.
	littleBytes, littleShare = 5_000_000, 100
	// In a change for the project, a search is little if it saves less than both.
	searchBytes, searchShare = 100_000_000, 10
	// A fix that adds more lines than this is little below 3 MB and a larger part.
	littleLines, manyLinesBytes, manyLinesShare = 2, 3_000_000, 33
)

// Little says that some bytes of an image of a size are not worth a line of a
// Dockerfile.
func Little(saved, size int64) bool { return saved < littleBytes && saved*littleShare < size }

// TooLittle says why a fix is not made that saves little of an image of a size, and
// which option makes it; it is empty if the fix may be made. Besides trims, these are
// fixes of more than low risk: a maintainer has to think about each, and would rather
// not beside a large saving. A fix that is for more than bytes is never one. A study
// shows how small an image can be, and nobody merges it as it is: there a search counts
// as any other trim, and what nothing uses goes however little it is.
func TooLittle(f *whittle.Finding, size int64, study bool) string {
	trim, risky := slices.Contains(trims, f.Rule), !f.Risk.AtMost(whittle.RiskLow)
	if study {
		trim, risky = trim && f.Rule != "unused-dependency", false
	}
	if f.Breaks || f.Fix == nil || size <= 0 || f.Saving.High <= 0 || !trim && !risky {
		return ""
	}
	saved, lines := f.Saving.Low, addedLines(f.Fix)
	switch {
	case Little(f.Saving.High, size) && risky:
		option := ""
		if !f.Risk.AtMost(whittle.RiskMedium) {
			option = " --risk " + string(f.Risk)
		}
		return fmt.Sprintf("its risk is %s, and it saves %s, less than 1 %% of the image: whittle fix --verify%s --only %s tries it", f.Risk, whittle.Bytes(f.Saving.High), option, f.Rule)
	case Little(saved, size):
		return fmt.Sprintf("it saves %s, less than 1 %% of the image: whittle fix --only %s makes it", whittle.Bytes(saved), f.Rule)
	case !study && slices.Contains(searches, f.Rule) && saved < searchBytes && saved*searchShare < size:
		return fmt.Sprintf("it reaches into installed packages and saves %s, less than 10 %% of the image: whittle fix --only %s makes it", whittle.Bytes(saved), f.Rule)
	case trim && lines > littleLines && saved < manyLinesBytes && saved*manyLinesShare < size:
		return fmt.Sprintf("it adds %d lines and saves %s: whittle fix --only %s makes it", lines, whittle.Bytes(saved), f.Rule)
	}
	return ""
}

// addedLines are the lines that a fix has more than the files before.
func addedLines(f *whittle.Fix) (n int) {
	for _, p := range f.Patches {
		for _, e := range p.Edits {
			n += strings.Count(e.New, "\n")
		}
	}
	return n
}

// DropLittle takes out of what strategies delete what is little of the measured image:
// a maintainer would rather not read its lines.
func (p *Project) DropLittle() error {
	r, err := restage.ReadOutline(p.Dockerfile, p.Target, p.Arguments)
	if err != nil {
		return nil // nothing is written
	}
	a, err := newAccount(p, r)
	if err != nil {
		return err
	}
	var tests, bytecode, written int64
	for _, d := range a.dists {
		tests += d.tests + d.testBytecode
		bytecode += d.bytecode
		if !p.Clean.Tests {
			bytecode += d.testBytecode
		}
	}
	for i := range r.Runtime {
		s := &r.Runtime[i]
		if layer, ok := a.layers[s.In.Span]; ok && s.In.Keyword == "RUN" && s.Role == recipe.Keeps {
			written += a.bytecode[layer]
		}
	}
	size := p.Ledger.Sum().Size
	p.Clean.Tests = p.Clean.Tests && !Little(tests, size)
	p.Clean.Bytecode = p.Clean.Bytecode && !Little(bytecode, size)
	p.Loud = p.Loud || Little(written, size)
	return nil
}
