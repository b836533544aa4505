package gate

import (
	"math"
	"strconv"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/project/settings"
)

// figureOf is figure of a baseline that may not be there.
func figureOf(b *whittle.Baseline, of *settings.Budget) (float64, bool) {
	if b == nil {
		return 0, false
	}
	return figure(b, of)
}

// figure is what an image has of what a budget bounds, in the budget's unit; ok is
// false where that is not known.
func figure(b *whittle.Baseline, of *settings.Budget) (n float64, ok bool) {
	switch of.On {
	case settings.OnDownload:
		if b.Sizes.Download == nil {
			return 0, false
		}
		return steps(b, of.Except, func(s *whittle.BaselineStep) int64 { return pointed(s.Download) }), true
	case settings.OnSize:
		return steps(b, of.Except, func(s *whittle.BaselineStep) int64 { return s.Size }), true
	case settings.OnLayers:
		return steps(b, of.Except, func(*whittle.BaselineStep) int64 { return 1 }), true
	case settings.OnWasted:
		for _, w := range b.Wasted {
			if of.Except != exceptBase || !b.Steps[w.HiddenBy].Base {
				n += float64(w.Bytes)
			}
		}
		return n, true
	case settings.OnFiles:
		return float64(b.Files), true
	case settings.OnStartup:
		return seconds(b.Startup)
	case settings.OnBuild:
		return seconds(b.Build)
	case settings.OnPackage:
		for i := range b.Owners {
			if isPackage(&b.Owners[i], of.Name) {
				n += float64(b.Owners[i].Visible)
			}
		}
		return n, true
	case settings.OnDirectory:
		for _, d := range b.Directories {
			if d.Path == of.Path {
				return float64(d.Visible), true
			}
		}
	}
	return 0, false
}

func steps(b *whittle.Baseline, except string, of func(*whittle.BaselineStep) int64) (n float64) {
	for i := range b.Steps {
		if except != exceptBase || !b.Steps[i].Base {
			n += float64(of(&b.Steps[i]))
		}
	}
	return n
}

func seconds(s *float64) (float64, bool) {
	if s == nil {
		return 0, false
	}
	return milliseconds(*s), true
}

// round drops what is less than a byte, a layer or a millisecond.
func round(b *settings.Budget, n float64) float64 {
	if b.On.Unit() == settings.UnitSeconds {
		return milliseconds(n)
	}
	return math.Floor(n)
}

// amount is a bound in the budget's unit.
func amount(b *settings.Budget, a *settings.Amount) float64 {
	if b.On.Unit() == settings.UnitSeconds {
		return float64(a.Value) / 1000
	}
	return float64(a.Value)
}

// write is a figure as people read it.
func write(b *settings.Budget, n float64) string {
	switch b.On.Unit() {
	case settings.UnitSeconds:
		return strconv.FormatFloat(milliseconds(n), 'f', -1, 64) + " s"
	case settings.UnitCount:
		return whittle.Thousands(int64(n))
	}
	return whittle.Bytes(int64(n))
}

// missing says what to do where a figure is not known.
func missing(b *settings.Budget) string {
	switch b.On {
	case settings.OnDownload:
		return "a registry or an OCI layout has the compressed layers; docker's own store does not"
	case settings.OnStartup:
		return "no start of the image was timed"
	case settings.OnBuild:
		return "whittle gate DIR builds the image and takes the time"
	}
	return "it was not measured"
}
