package ledger

import (
	"fmt"
	"testing"

	"whittle.dev/whittle"
)

// manyFiles is a stack of n entries: a base, a copy-up of a tenth of it, and a
// deletion of another tenth.
func manyFiles(n int) []*whittle.Index {
	layers := []*whittle.Index{{}, {}, {}}
	add := func(layer int, e whittle.Entry) {
		layers[layer].Entries = append(layers[layer].Entries, e)
		layers[layer].Size += e.Size
	}
	base := n * 10 / 12
	for i := range base {
		dir := fmt.Sprintf("usr/local/lib/python3.13/site-packages/package%d/module%d", i/400, i/20)
		if i%20 == 0 {
			add(0, whittle.Entry{Path: dir, Kind: whittle.Dir, Mode: 0o755})
		}
		e := whittle.Entry{Path: fmt.Sprintf("%s/file%d.py", dir, i), Kind: whittle.File, Size: int64(i%10000) + 1, Mode: 0o644, Content: [32]byte{byte(i), 1}}
		add(0, e)
		switch i % 10 {
		case 1:
			e.Mode = 0o600
			add(1, e)
		case 2:
			add(2, whittle.Entry{Path: e.Path, Kind: whittle.Whiteout})
		}
	}
	return layers
}

func BenchmarkBuild(b *testing.B) {
	for _, n := range []int{40_000, 500_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			indexes := manyFiles(n)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Build(indexes, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkWastedRows(b *testing.B) {
	l, err := Build(manyFiles(500_000), Options{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		WastedRows(l)
	}
}
