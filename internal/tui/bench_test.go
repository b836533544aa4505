package tui

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/view"
)

// large is a made-up image of n files in folders of fifty.
func large(t testing.TB, n int) *view.Model {
	f := facts("large:1.0", nil)
	in := f.Inspection
	f.Items = func(yield func(view.Item) bool) {
		for i := range n {
			it := view.Item{Path: fmt.Sprintf("usr/lib/part%03d/module%04d/file%06d.%s", i/5000, i/50, i, []string{"py", "so", "js", "txt"}[i%4]),
				Layer: i % 4, HiddenBy: -1, Entry: i, Bytes: int64(i*7919%100_000) + 1, Owner: i / 1000 % len(owners), Category: i % len(categories), Names: 1}
			if i%4 < 3 && i%11 == 0 {
				it.Cause, it.HiddenBy, it.Names = whittle.Deleted, 3, 0
			}
			if !yield(it) {
				return
			}
		}
	}
	for it := range f.Items {
		row := &in.Layers[it.Layer]
		row.Size += it.Bytes
		if it.Cause == whittle.Visible {
			row.Visible += it.Bytes
			in.Sizes.Visible += it.Bytes
		} else {
			row.Wasted += it.Bytes
			in.Sizes.Wasted += it.Bytes
		}
		in.Sizes.Size += it.Bytes
	}
	m, err := view.New(f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// BenchmarkExplore presses keys in an image of 500,000 files. ms/paint-max is the
// longest time from a key to the painted screen, ms/answer-max the longest until
// the lists are those of the key, and MB is the live heap of all of it.
func BenchmarkExplore(b *testing.B) {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	big := large(b, 500_000)
	o := options(b)
	o.Load = func(context.Context, whittle.Progress, func(*view.Model, int)) (Subject, error) {
		return &fake{model: big, judged: big}, nil
	}
	d := drive(b, o, 120, 40)
	runtime.GC()
	runtime.ReadMemStats(&after)
	keys := []string{"2", "enter", "enter", "down", "left", "s", "w", "w", "3", "4", "end", "5", "down", "down", "enter", "left", "1", "enter", "pgdown", "esc", "/", "m", "o", "d", "u", "l", "e", "9", "enter", "x", "u", "esc"}
	var paint, answer []time.Duration
	for b.Loop() {
		for _, k := range keys {
			start := time.Now()
			_, cmd := d.Update(pressed(k))
			_ = d.View()
			paint = append(paint, time.Since(start))
			d.run(cmd)
			_ = d.View()
			answer = append(answer, time.Since(start))
		}
	}
	ms := func(t time.Duration) float64 { return float64(t.Microseconds()) / 1000 }
	b.ReportMetric(ms(slices.Max(paint)), "ms/paint-max")
	slices.Sort(answer)
	b.ReportMetric(ms(answer[len(answer)*95/100]), "ms/answer-p95")
	b.ReportMetric(ms(answer[len(answer)-1]), "ms/answer-max")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB")
}
