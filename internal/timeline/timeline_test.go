package timeline_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/git"
	"whittle.dev/whittle/internal/history"
	"whittle.dev/whittle/internal/timeline"
)

func opened(t *testing.T, name string) *history.Store {
	t.Helper()
	s, err := history.Open(context.Background(), filepath.Join(t.TempDir(), name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// sized is the record of a commit whose image is one package of a size.
func sized(commit string, bytes int64) *whittle.Record {
	r := &whittle.Record{RecordRow: whittle.RecordRow{Command: "test", Project: "shop", Commit: commit, Platform: "linux/amd64", Sizes: whittle.Sizes{Size: bytes, Visible: bytes}}}
	r.Image = &whittle.Baseline{Platform: r.Platform, Sizes: r.Sizes, Steps: []whittle.BaselineStep{{Text: "RUN pip install .", DiffID: whittle.DigestOf([]byte(commit)), Size: bytes}},
		Owners: []whittle.BaselineOwner{{Owner: whittle.Owner{Ecosystem: "pypi", Name: "numpy", Version: "1"}, Visible: bytes, Files: 1}}}
	return r
}

// branch has n commits, the newest first.
func branch(n int) (out []git.Commit) {
	for i := n - 1; i >= 0; i-- {
		out = append(out, git.Commit{Hash: fmt.Sprintf("%040x", i+1), Subject: fmt.Sprintf("commit %d", i)})
	}
	return out
}

// TestBisect: whatever the sizes and whichever commits are recorded or cannot be built,
// the commit that is found is the first that reaches the threshold after one that does
// not, nothing is built twice, and no more is built than a search by halves needs where
// all can be built.
func TestBisect(t *testing.T) {
	ctx := context.Background()
	runs := 0
	rapid.Check(t, func(r *rapid.T) {
		runs++
		n := rapid.IntRange(2, 40).Draw(r, "commits")
		cause := rapid.IntRange(1, n-1).Draw(r, "cause")
		sizes, broken := make([]int64, n), make([]bool, n)
		someBroken := false
		s := opened(t, fmt.Sprintf("%d.db", runs))
		commits := branch(n)
		for i := range sizes {
			sizes[i] = rapid.Int64Range(10, 20).Draw(r, "size")
			if i >= cause {
				sizes[i] += 100
			}
			if i > 0 && i < n-1 {
				broken[i] = rapid.IntRange(0, 9).Draw(r, "broken") == 0
			}
			someBroken = someBroken || broken[i]
			if !broken[i] && rapid.IntRange(0, 4).Draw(r, "recorded") == 0 {
				if err := s.Add(ctx, sized(commits[n-1-i].Hash, sizes[i])); err != nil {
					t.Fatal(err)
				}
			}
		}
		built := map[string]int{}
		b, err := timeline.Bisect(ctx, s, commits, timeline.BisectOptions{Project: "shop", Build: func(_ context.Context, c git.Commit) (*whittle.Record, string, error) {
			built[c.Hash]++
			var i int
			_, _ = fmt.Sscanf(c.Subject, "commit %d", &i)
			if broken[i] {
				return nil, "it does not build", nil
			}
			return sized(c.Hash, sizes[i]), "", nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		var found int
		_, _ = fmt.Sscanf(b.Step.Subject, "commit %d", &found)
		first := cause // the first at or after the cause that has an image
		for broken[first] {
			first++
		}
		before := cause - 1
		for broken[before] {
			before--
		}
		if found != first || b.Step.Commits != first-before || b.Step.Before != sizes[before] || b.Step.After != sizes[first] {
			t.Fatalf("found %+v, want commit %d, or one of %d", b.Step, first, first-before)
		}
		var sum float64
		for _, c := range b.Step.Causes {
			sum += c.Change
		}
		if int64(sum) != b.Step.Change() {
			t.Fatalf("causes add up to %v of %d", sum, b.Step.Change())
		}
		for hash, times := range built {
			if times > 1 {
				t.Fatalf("%s was built %d times", hash, times)
			}
		}
		halves := 2
		for left := n - 1; left > 1; left = (left + 1) / 2 {
			halves++
		}
		if !someBroken && len(b.Tried) > halves {
			t.Fatalf("%d of %d commits were looked at, want %d", len(b.Tried), n, halves)
		}
		// What was built is recorded, so that the next search builds nothing.
		again, err := timeline.Bisect(ctx, s, commits, timeline.BisectOptions{Project: "shop", Build: func(_ context.Context, c git.Commit) (*whittle.Record, string, error) {
			var i int
			if _, _ = fmt.Sscanf(c.Subject, "commit %d", &i); !broken[i] {
				t.Fatalf("%s is built again", c.Subject)
			}
			return nil, "it does not build", nil
		}})
		if err != nil || again.Step.Commit != b.Step.Commit {
			t.Fatalf("again: %v, %v", again, err)
		}
	})
}

// TestBlame: of ten commits of which some are recorded, each change is blamed on the
// right ones, and the changes add up.
func TestBlame(t *testing.T) {
	ctx := context.Background()
	runs := 0
	rapid.Check(t, func(r *rapid.T) {
		runs++
		s := opened(t, fmt.Sprintf("%d.db", runs))
		commits := branch(10)
		var at []int
		sizes := map[int]int64{}
		for i := range commits {
			if i == 3 || rapid.Bool().Draw(r, "recorded") {
				sizes[i] = rapid.Int64Range(1, 3).Draw(r, "size")
				at = append(at, i)
				if err := s.Add(ctx, sized(commits[9-i].Hash, sizes[i])); err != nil {
					t.Fatal(err)
				}
			}
		}
		b, err := timeline.Blame(ctx, s, commits, timeline.BlameOptions{Project: "shop"})
		if err != nil {
			t.Fatal(err)
		}
		var sum int64
		for _, step := range b.Steps {
			var i int
			_, _ = fmt.Sscanf(step.Subject, "commit %d", &i)
			if step.After != sizes[i] || step.Before != sizes[i-step.Commits] || step.Change() == 0 {
				t.Fatalf("commit %d: %+v", i, step)
			}
			sum += step.Change()
		}
		first, last := at[0], at[len(at)-1]
		if sum != sizes[last]-sizes[first] || b.Unrecorded != last-first+1-len(at) {
			t.Fatalf("the changes add up to %d, want %d; %d unrecorded of %v", sum, sizes[last]-sizes[first], b.Unrecorded, at)
		}
	})
}

// TestSelect: what names a record.
func TestSelect(t *testing.T) {
	ctx := context.Background()
	s := opened(t, "h.db")
	for i, commit := range []string{"aaaa" + strings.Repeat("0", 36), "1234567" + strings.Repeat("0", 33), "aaaa" + strings.Repeat("0", 36)} {
		if err := s.Add(ctx, sized(commit, int64(i))); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]int64{"1": 1, "3": 3, "latest": 3, "latest~0": 3, "latest~2": 1, "aaaa": 3, "AAAA0": 3, "1234567": 2} {
		if r, err := timeline.Select(ctx, s, history.Query{}, name); err != nil || r.ID != want {
			t.Errorf("%s: %v, %v; want record %d", name, r, err, want)
		}
	}
	for name, want := range map[string]error{"4": whittle.ErrNotFound, "latest~3": whittle.ErrNotFound, "bbbb": whittle.ErrNotFound, "latest~": whittle.ErrUsage, "latest~-1": whittle.ErrUsage, "latest1": whittle.ErrUsage, "zzzz": whittle.ErrUsage, "": whittle.ErrUsage, "aa": whittle.ErrUsage} {
		if r, err := timeline.Select(ctx, s, history.Query{}, name); !errors.Is(err, want) || whittle.Hint(err) == "" {
			t.Errorf("%q: %v, %v; want %v", name, r, err, want)
		}
	}
}
