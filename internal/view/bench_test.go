package view_test

import (
	"fmt"
	"runtime"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/view"
)

// large are the items of an image of n files in n/20 folders.
func large(n int) []view.Item {
	items := make([]view.Item, n)
	for i := range items {
		items[i] = view.Item{Path: fmt.Sprintf("usr/lib/python3.13/site-packages/package%d/module%d/file%d.py", i/2000, i/20, i), Bytes: int64(i % 9999), HiddenBy: -1, Layer: i % drawnLayers, Owner: i % 3}
		if i%7 == 0 {
			items[i].Cause, items[i].HiddenBy = whittle.Deleted, drawnLayers-1
		}
	}
	return items
}

// BenchmarkLarge says what 500,000 files take in memory, and how long a filter with
// its groups takes.
func BenchmarkLarge(b *testing.B) {
	heap := func() float64 {
		var s runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&s)
		return float64(s.HeapAlloc)
	}
	before := heap()
	m := modelOf(b, large(500_000), drawnLayers)
	b.Run("memory", func(b *testing.B) {
		for b.Loop() {
			b.ReportMetric((heap()-before)/1e6, "MB")
		}
	})
	for _, text := range []string{"", "module7", "usr/lib size:>1kB", "path:*file9*", "pkg:pandas -wasted:yes"} {
		q, err := view.ParseQuery(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run("query="+text, func(b *testing.B) {
			for b.Loop() {
				m.Select(q).By(view.ByPackage)
			}
		})
	}
	b.Run("tree", func(b *testing.B) {
		for b.Loop() {
			m.All().Tree().Children(0)
		}
	})
}
