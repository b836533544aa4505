package report

import (
	"fmt"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
)

// span says a range of sizes: "12.3–15.0 MB", "900.0 kB–1.2 MB". Ends that
// print the same without being equal are "about" that.
func span(low, high int64) string {
	a, b := whittle.Bytes(low), whittle.Bytes(high)
	switch {
	case low == high:
		return a
	case a == b:
		return "about " + a
	}
	number, unit, _ := strings.Cut(a, " ")
	if strings.HasSuffix(b, " "+unit) {
		return number + "–" + b
	}
	return a + "–" + b
}

// savingText says a saving, and growth as growth.
func savingText(s whittle.Saving) string {
	switch {
	case s.High <= 0 && s.Low < 0:
		return span(-s.High, -s.Low) + " larger"
	case s.Low < 0:
		return whittle.Bytes(s.High) + " less to " + whittle.Bytes(-s.Low) + " more"
	}
	return span(s.Low, s.High)
}

func savingCell(s whittle.Saving) page.Cell {
	switch {
	case s.High < 0:
		return page.Toned(savingText(s), page.Bad)
	case s.Low > 0:
		return page.Toned(savingText(s), page.Good)
	}
	return page.Text(savingText(s))
}

// together says what findings save in all: "save 12.3 MB together".
func together(s whittle.Saving, n int) string {
	verb, suffix := "save ", " together"
	if n == 1 {
		verb, suffix = "saves ", ""
	}
	if s.Low < 0 {
		verb = map[bool]string{true: "makes it ", false: "make it "}[n == 1]
	}
	return verb + savingText(s) + suffix
}

// savedError is how far a predicted saving is from the actual one: "exact",
// "within" its range, "under half" of it, or the distance of the nearer end in
// percent of the actual one, which says nothing above 100 %.
func savedError(predicted whittle.Saving, saved int64) page.Cell {
	nearer := predicted.Low
	if saved > predicted.High {
		nearer = predicted.High
	}
	switch {
	case predicted.Exact() && predicted.Low == saved:
		return page.Toned("exact", page.Good)
	case predicted.Low <= saved && saved <= predicted.High:
		return page.Toned("within", page.Good)
	case disappoints(predicted, saved):
		return page.Toned("under half", page.Bad)
	case saved == 0:
		return page.Text(whittle.SignedBytes(nearer))
	}
	if off := offBy(nearer, saved); off > 100 || off < -100 {
		return page.Toned("far off", page.Bad)
	}
	return page.Text(percentOff(nearer, saved))
}

// disappoints says that a fix saved less than half of what it was to save.
func disappoints(predicted whittle.Saving, saved int64) bool {
	return predicted.Low > 0 && 2*saved < predicted.Low
}

// percentOff is how much larger a prediction is than the actual size, in
// percent of the actual size.
func percentOff(predicted, actual int64) string {
	return fmt.Sprintf("%+.2f %%", offBy(predicted, actual))
}

func offBy(predicted, actual int64) float64 {
	t := float64(actual)
	if t < 0 {
		t = -t
	}
	return 100 * (float64(predicted) - float64(actual)) / t
}

// SavingText says a saving, and growth as growth: "12.3–15.0 MB".
func SavingText(s whittle.Saving) string { return savingText(s) }
