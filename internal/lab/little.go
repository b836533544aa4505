package lab

import (
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// Fixes of these rules add a command, an option or a variable only to have less.
// Where that is little, a maintainer would rather not read it.
var trims = []string{"python-tests", "python-bytecode", "strip-debug", "static-libraries"}

const (
	// A fix is little below both: 5 MB, and this part of the image.
	littleBytes, littleShare = 5_000_000, 100
	// One that adds more lines than this is little below 3 MB and a larger part.
	littleLines, manyLinesBytes, manyLinesShare = 2, 3_000_000, 33
)

// tooLittle says why a fix is not made that saves little of an image of a size,
// and which option makes it; it is empty if the fix may be made. It never holds
// back a fix whose rule was named, or any if only the size counts.
func tooLittle(f *whittle.Finding, size int64) string {
	if f.Breaks || f.Fix == nil || !slices.Contains(trims, f.Rule) || size <= 0 {
		return ""
	}
	saved, lines := f.Saving.Low, addedLines(f.Fix)
	switch {
	case saved < littleBytes && saved*littleShare < size:
		return fmt.Sprintf("it saves %s, less than 1 %% of the image: whittle fix --only %s makes it", whittle.Bytes(saved), f.Rule)
	case lines > littleLines && saved < manyLinesBytes && saved*manyLinesShare < size:
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
