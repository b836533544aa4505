package audit

import (
	"context"
	"fmt"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/ledger"
	"whittle.dev/whittle/internal/view"
)

// Compare says where the size difference from the first image to the last
// comes from, and what all of them share.
func Compare(ctx context.Context, env *host.Env, names []string, o []InspectOptions) (*whittle.Comparison, error) {
	c, _, err := compare(ctx, env, names, o, false)
	return c, err
}

// CompareViews compares images as [Compare] does, and gives the files of each to
// look at.
func CompareViews(ctx context.Context, env *host.Env, names []string, o []InspectOptions) (*whittle.Comparison, []*view.Model, error) {
	return compare(ctx, env, names, o, true)
}

func compare(ctx context.Context, env *host.Env, names []string, o []InspectOptions, looked bool) (*whittle.Comparison, []*view.Model, error) {
	subjects := make([]*Subject, len(names))
	accounts := make([]*ledger.Account, len(names))
	var views []*view.Model
	duplicates := false
	for i, name := range names {
		var one InspectOptions
		if i < len(o) {
			one = o[i]
		}
		s, err := Open(ctx, env, name, one)
		if err != nil {
			return nil, nil, err
		}
		defer s.Close()
		subjects[i], accounts[i] = s, s.Account
		duplicates = duplicates || one.Duplicates
		if looked {
			m, err := s.look()
			if err != nil {
				return nil, nil, err
			}
			views = append(views, m)
		}
	}
	c := CompareSubjects(subjects, func(i int) string { return fmt.Sprintf("Image %d", i+1) })
	if duplicates {
		c.Duplicates = ledger.Duplicates(accounts)
	}
	return c, views, nil
}

// CompareSubjects compares images. Sentences about one image begin with its label.
func CompareSubjects(subjects []*Subject, label func(i int) string) *whittle.Comparison {
	c := &whittle.Comparison{Schema: whittle.CompareSchema, Words: []string{}}
	accounts := make([]*ledger.Account, len(subjects))
	for i, s := range subjects {
		accounts[i] = s.Account
		c.Images = append(c.Images, whittle.ImageSizes{ImageFacts: s.facts(), Sizes: s.sizes()})
	}
	c.Delta, c.Rows = ledger.Difference(accounts)
	c.Words = sentences(c, subjects, label)
	c.Shared = shared(subjects)
	return c
}

// sentences explain the difference, then the wasted bytes of each image.
func sentences(c *whittle.Comparison, subjects []*Subject, label func(i int) string) []string {
	first, last := c.Images[0], c.Images[len(c.Images)-1]
	words := []string{changeSentence(first.Sizes, last.Sizes, c.Delta)}
	for i, s := range subjects {
		for _, w := range s.Account.Words() {
			words = append(words, label(i)+": "+w)
		}
	}
	return words
}

// changeSentence says how the size changed. If an image is larger although less of
// it is visible, it says so.
func changeSentence(first, last whittle.Sizes, d whittle.Delta) string {
	switch {
	case d.Size == 0:
		return "The sizes are equal."
	case d.Size > 0 && d.Visible < 0:
		return fmt.Sprintf("%s larger (%s → %s) although %s less of it is visible: wasted bytes grew by %s.", whittle.Bytes(d.Size),
			whittle.Bytes(first.Size), whittle.Bytes(last.Size), whittle.Bytes(-d.Visible), whittle.Bytes(d.Wasted))
	}
	word, n := "larger", d.Size
	if n < 0 {
		word, n = "smaller", -n
	}
	return fmt.Sprintf("%s %s (%s → %s): %s visible, %s wasted.", whittle.Bytes(n), word, whittle.Bytes(first.Size),
		whittle.Bytes(last.Size), whittle.SignedBytes(d.Visible), whittle.SignedBytes(d.Wasted))
}

// shared adds up the layers that the images share. Layers are the same if their
// diff IDs are.
func shared(subjects []*Subject) whittle.Shared {
	type sharedLayer struct {
		unpacked int64
		transfer int64
		known    bool
		images   int
	}
	layers := map[whittle.Digest]*sharedLayer{}
	sets := make([]map[whittle.Digest]int64, len(subjects))
	for i, s := range subjects {
		sets[i] = map[whittle.Digest]int64{}
		for n, l := range s.Layers() {
			id, unpacked := l.DiffID(), s.Account.Ledger.Layers[n].Size
			if _, again := sets[i][id]; again {
				continue
			}
			sets[i][id] = unpacked
			h := layers[id]
			if h == nil {
				h = &sharedLayer{unpacked: unpacked}
				layers[id] = h
			}
			h.images++
			if blob, ok := l.Blob(); ok && !h.known {
				h.transfer, h.known = blob.Size, true
			}
		}
	}
	var out whittle.Shared
	var transfer int64
	known := true
	for _, h := range layers {
		out.PullSize += h.unpacked
		transfer += h.transfer
		known = known && h.known
		if h.images == len(subjects) {
			out.Layers++
			out.Size += h.unpacked
		}
	}
	if known {
		out.PullDownload = &transfer
	}
	for i := range sets {
		row := make([]int64, len(sets))
		for j := range sets {
			for id, n := range sets[i] {
				if _, both := sets[j][id]; both {
					row[j] += n
				}
			}
		}
		out.Matrix = append(out.Matrix, row)
	}
	return out
}
