package ledger

import (
	"fmt"
	"strconv"

	"whittle.dev/whittle"
)

// Words explains in sentences with figures why an image has wasted bytes: one
// sentence for each pair of instructions, largest first, until what is left
// is under one percent of the image.
func (a *Account) Words() []string {
	sum := a.Ledger.Sum()
	if sum.Wasted*100 < sum.Size {
		return nil
	}
	words := []string{fmt.Sprintf("%s of %s is wasted.", whittle.Bytes(sum.Wasted), whittle.Bytes(sum.Size))}
	for _, d := range a.Wastes() {
		if d.Bytes*100 < sum.Size {
			break
		}
		words = append(words, fmt.Sprintf("%s: %s.", whittle.Bytes(d.Bytes), d.sentence(a)))
	}
	return words
}

func (d Waste) sentence(a *Account) string {
	hider, adder := a.StepName(d.HiddenBy), a.StepName(d.AddedBy)
	files := Count(d.Files, "file")
	switch {
	case d.AddedBy == d.HiddenBy:
		return fmt.Sprintf("%s holds %s twice", adder, files)
	case d.Cause == whittle.Deleted:
		return fmt.Sprintf("%s deleted %s of %s: hidden, but still in the image", hider, files, adder)
	case d.Cause == whittle.Replaced:
		return fmt.Sprintf("%s put other content over %s of %s", hider, files, adder)
	case d.Cause == whittle.Identical:
		return fmt.Sprintf("%s wrote %s of %s again, unchanged", hider, files, adder)
	}
	return fmt.Sprintf("%s rewrote %s of %s by changing only their %s", hider, files, adder, d.changed())
}

// changed names what a metadata-only copy changed.
func (d Waste) changed() string {
	switch d.Files {
	case d.Mode:
		return "mode"
	case d.Owner:
		return "owner"
	case d.Time:
		return "time"
	}
	return "mode, owner, time or extended attributes"
}

// Count is a number with thousands marked and its noun: "1,203 files".
func Count(n int, noun string) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if n != 1 {
		noun += "s"
	}
	return s + " " + noun
}
