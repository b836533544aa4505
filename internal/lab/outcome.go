package lab

import (
	"cmp"
	"fmt"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/runs"
)

// worse says what harm a change does: something that ran does not run any more,
// or the image is larger. A change that repairs an image, this one or another, may
// make it larger. It is empty if the change does no harm.
func worse(before, after *trial, repairs bool) string {
	b, a := runs.Outcome(before.Variant), runs.Outcome(after.Variant)
	if b.Build == whittle.Built && a.Build != whittle.Built {
		return "it does not build any more: " + a.Problem
	}
	for _, was := range before.Run.Commands {
		if was.Status != whittle.Runs {
			continue
		}
		is := runs.SameCommand(after.Variant, was)
		switch {
		case is == nil:
			return was.Name + " cannot be run any more"
		case is.Status != whittle.Runs:
			return fmt.Sprintf("%s does not run any more: %s", is.Name, cmp.Or(is.Problem, strings.Join(is.Tail, " ")))
		case was.Answer > 0 && was.Answer < 500 && is.Answer >= 500:
			return fmt.Sprintf("%s answers with %d now, and did with %d", is.Name, is.Answer, was.Answer)
		}
		if why := runs.WorseAnswer(&was, is); why != "" {
			return is.Name + ": " + why
		}
	}
	if name, run := lost(before, after); name != "" {
		return fmt.Sprintf("%s is not there any more, and %s imports it", name, run)
	}
	if runs.FileVerdict(after.Variant) == whittle.Fails && runs.FileVerdict(before.Variant) != whittle.Fails {
		return "its files show that it cannot run any more: " + a.Problem
	}
	if grown := a.Sizes.Size - b.Sizes.Size; grown > 0 && b.Build == whittle.Built && !repairs {
		return fmt.Sprintf("the image is %s larger", whittle.Bytes(grown))
	}
	return ""
}
