// Package timeline says what changed between records of a history, and which commit is
// the cause.
package timeline

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/gate"
	"whittle.dev/whittle/internal/git"
	"whittle.dev/whittle/internal/history"
)

// Select finds the record that a text names: the number of one, "latest", "latest~2" for
// the second before it, or a commit, whose latest record it is. Of records that the query
// does not select, only a number names one.
func Select(ctx context.Context, s *history.Store, q history.Query, name string) (*whittle.Record, error) {
	if id, err := strconv.ParseInt(name, 10, 64); err == nil && len(name) < 7 { // a commit's beginning has 7 digits
		return s.Get(ctx, id)
	}
	back, found := 0, ""
	if rest, ok := strings.CutPrefix(name, "latest"); ok {
		if n, ok := strings.CutPrefix(rest, "~"); ok {
			var err error
			if back, err = strconv.Atoi(n); err != nil || back < 0 || back > 1_000_000 {
				return nil, whittle.WithHint(whittle.ErrUsage.Errorf("%q names no record", name), "such as latest~1, the one before the last")
			}
		} else if rest != "" {
			return nil, whittle.WithHint(whittle.ErrUsage.Errorf("%q names no record", name), "such as 12, latest, latest~1, or a commit")
		}
		found = "there are not so many records"
	} else {
		if !isCommit(name) {
			return nil, whittle.WithHint(whittle.ErrUsage.Errorf("%q names no record", name), "such as 12, latest, latest~1, or a commit")
		}
		q.Commit, found = strings.ToLower(name), "no record is of such a commit"
	}
	q.Last = back + 1
	rows, _, err := s.List(ctx, q)
	if err != nil {
		return nil, err
	}
	if len(rows) <= back {
		return nil, whittle.WithHint(whittle.ErrNotFound.Errorf("the history in %s has no record %s: %s", s.Name(), name, found), "whittle history lists them")
	}
	return s.Get(ctx, rows[back].ID)
}

// isCommit says that a text may be the beginning of a commit's hash.
func isCommit(s string) bool {
	return len(s) >= 4 && len(s) <= 64 && strings.Trim(strings.ToLower(s), "0123456789abcdef") == ""
}

// Compare says what changed from one record to another.
func Compare(from, to *whittle.Record) (*whittle.HistoryChange, error) {
	if from.Platform != to.Platform {
		return nil, whittle.ErrUsage.Errorf("comparing record %d with record %d: one is for %s, the other for %s", from.ID, to.ID, from.Platform, to.Platform)
	}
	c := &whittle.HistoryChange{Schema: whittle.HistoryChangeSchema, From: from.RecordRow, To: to.RecordRow}
	c.Causes, c.Base = gate.Difference(from.Image, to.Image)
	c.New, c.Gone = without(to.Findings, from.Findings), without(from.Findings, to.Findings)
	if c.Causes == nil {
		c.Causes = []whittle.GateCause{}
	}
	return c, nil
}

// without are the findings of a that b does not have, the largest first.
func without(a, b []whittle.RecordFinding) []whittle.RecordFinding {
	has := map[string]bool{}
	for _, f := range b {
		has[f.Fingerprint] = true
	}
	out := []whittle.RecordFinding{}
	for _, f := range a {
		if !has[f.Fingerprint] {
			out = append(out, f)
		}
	}
	slices.SortStableFunc(out, func(x, y whittle.RecordFinding) int { return cmp.Compare(y.Saving.Low, x.Saving.Low) })
	return out
}

// BlameOptions say what a blame is about.
type BlameOptions struct {
	Project, Variant string
	// Package is the name of the package whose size it is about; empty is the image's.
	Package string
	// Least is the smallest change, in bytes, that is listed.
	Least int64
}

// Blame says which commits of a branch, the newest first, changed the size of a project's
// image, from what was recorded.
func Blame(ctx context.Context, s *history.Store, commits []git.Commit, o BlameOptions) (*whittle.Blame, error) {
	b := &whittle.Blame{Schema: whittle.BlameSchema, Project: o.Project, Variant: o.Variant, Package: o.Package, Steps: []whittle.BlameStep{}}
	recorded, err := byCommit(ctx, s, o)
	if err != nil {
		return nil, err
	}
	after := -1 // the commit that was recorded last, nearer to the tip
	for i := range commits {
		now, ok := recorded[commits[i].Hash]
		if !ok {
			continue
		}
		if after >= 0 {
			b.Unrecorded += i - after - 1
			step, err := stepOf(ctx, s, now, recorded[commits[after].Hash], o)
			if err != nil {
				return nil, err
			}
			if step != nil {
				step.Commit, step.Subject, step.Commits = commits[after].Hash, commits[after].Subject, i-after
				b.Steps = append(b.Steps, *step)
			}
		}
		after = i
	}
	if after < 0 {
		return nil, whittle.WithHint(whittle.ErrNotFound.Errorf("the history in %s has no record of a commit of this branch for %s", s.Name(), described(o)), "record them: whittle gate --record . in CI, or whittle history bisect builds them")
	}
	return b, nil
}

func described(o BlameOptions) string {
	if o.Variant != "" {
		return o.Project + ", variant " + o.Variant
	}
	return o.Project
}

// byCommit has the latest record of each commit whose files were not changed.
func byCommit(ctx context.Context, s *history.Store, o BlameOptions) (map[string]*whittle.RecordRow, error) {
	rows, _, err := s.List(ctx, history.Query{Project: o.Project, Variant: o.Variant, Committed: true, Package: o.Package})
	if err != nil {
		return nil, err
	}
	recorded := map[string]*whittle.RecordRow{}
	variants, platforms := map[string]bool{}, map[string]bool{}
	for i := range rows {
		r := &rows[i]
		variants[r.Variant], platforms[r.Platform] = true, true
		if recorded[r.Commit] == nil {
			recorded[r.Commit] = r
		}
	}
	if len(variants) > 1 {
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("%s has records of %d variants, and a blame is about one", o.Project, len(variants)), "choose it with --variant")
	}
	if len(platforms) > 1 {
		newest := rows[0].Platform // of one image, sizes for two platforms say nothing about commits
		clear(recorded)
		for i := range rows {
			if r := &rows[i]; r.Platform == newest && recorded[r.Commit] == nil {
				recorded[r.Commit] = r
			}
		}
	}
	return recorded, nil
}

// stepOf is the change between two records, nil where it is too small.
func stepOf(ctx context.Context, s *history.Store, before, after *whittle.RecordRow, o BlameOptions) (*whittle.BlameStep, error) {
	step := &whittle.BlameStep{From: before.ID, To: after.ID, Before: before.Sizes.Size, After: after.Sizes.Size}
	if o.Package != "" {
		step.Before, step.After = *before.Package, *after.Package
	}
	if n := step.Change(); n == 0 || max(n, -n) < o.Least {
		return nil, nil //nolint:nilnil // nil is a change that is not listed
	}
	if o.Package != "" {
		return step, nil
	}
	from, err := s.Get(ctx, before.ID)
	if err != nil {
		return nil, err
	}
	to, err := s.Get(ctx, after.ID)
	if err != nil {
		return nil, err
	}
	step.Causes, _ = gate.Difference(from.Image, to.Image)
	return step, nil
}

// BisectOptions say what a bisection looks for.
type BisectOptions struct {
	Project, Variant string
	// Threshold is the size in bytes that the image reaches; 0 is half way between the
	// first commit's and the last's.
	Threshold int64
	// Build gives the record of a commit that the history does not have; the commit
	// cannot be built if that is nil, for the reason.
	Build func(ctx context.Context, c git.Commit) (r *whittle.Record, reason string, err error)
	// Progress is called before each commit is built; nil calls nothing.
	Progress func(c git.Commit, left int)
}

// Bisect finds the first of commits, the newest first, whose image reaches a size that
// the oldest one's does not. It looks up and builds as few as a search by halves does. A
// commit that cannot be built is passed over; if such commits are next to the one that is
// found, one of them may be the cause.
func Bisect(ctx context.Context, s *history.Store, commits []git.Commit, o BisectOptions) (*whittle.Bisection, error) {
	if len(commits) < 2 {
		return nil, whittle.ErrUsage.Errorf("there is no commit between the first and the last")
	}
	oldest := slices.Clone(commits)
	slices.Reverse(oldest)
	b := &bisection{s: s, o: o, commits: oldest, records: map[int]*whittle.Record{}, out: &whittle.Bisection{Schema: whittle.BisectSchema, Project: o.Project, Variant: o.Variant, Tried: []whittle.BisectTry{}}}
	var err error
	if b.known, err = byCommit(ctx, s, BlameOptions{Project: o.Project, Variant: o.Variant}); err != nil {
		return nil, err
	}
	low, high := 0, len(oldest)-1
	for _, i := range []int{low, high} {
		r, err := b.record(ctx, i, high-low)
		if err != nil {
			return nil, err
		}
		if r == nil {
			return nil, whittle.WithHint(whittle.ErrUnmeasured.Errorf("%s cannot be built: %s", Short(oldest[i].Hash), b.out.Tried[len(b.out.Tried)-1].Reason), "begin and end with commits whose image can be built")
		}
	}
	first, last := b.records[low].Sizes.Size, b.records[high].Sizes.Size
	b.out.Threshold = cmp.Or(o.Threshold, first+(last-first+1)/2)
	if first >= b.out.Threshold || last < b.out.Threshold {
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("no commit between them reaches %s: the first image has %s, the last %s", whittle.Bytes(b.out.Threshold), whittle.Bytes(first), whittle.Bytes(last)),
			"choose other commits, or another --size")
	}
	for high-low > 1 {
		next, err := b.step(ctx, low, high)
		if err != nil {
			return nil, err
		}
		if next < 0 {
			break // none between them can be built
		}
		if b.records[next].Sizes.Size < b.out.Threshold {
			low = next
		} else {
			high = next
		}
	}
	from, to := b.records[low], b.records[high]
	b.out.Step = whittle.BlameStep{Commit: oldest[high].Hash, Subject: oldest[high].Subject, Commits: high - low, From: from.ID, To: to.ID, Before: from.Sizes.Size, After: to.Sizes.Size}
	b.out.Step.Causes, _ = gate.Difference(from.Image, to.Image)
	return b.out, nil
}

// bisection is a search under way.
type bisection struct {
	s       *history.Store
	o       BisectOptions
	commits []git.Commit // the oldest first
	known   map[string]*whittle.RecordRow
	// records are those of commits that were looked at, by position; nil is one that
	// cannot be built.
	records map[int]*whittle.Record
	out     *whittle.Bisection
}

// step looks at the commit in the middle between two, or at the nearest one to it that
// has an image; -1 if none has.
func (b *bisection) step(ctx context.Context, low, high int) (int, error) {
	middle := low + (high-low)/2
	for away := 0; away < high-low; away++ {
		for _, i := range []int{middle + away, middle - away} {
			if i <= low || i >= high {
				continue
			}
			if r, seen := b.records[i]; seen && r == nil {
				continue
			}
			r, err := b.record(ctx, i, high-low)
			if err != nil || r != nil {
				return i, err
			}
		}
	}
	return -1, nil
}

// record is that of a commit: from the history, or built, and then recorded.
func (b *bisection) record(ctx context.Context, i, left int) (*whittle.Record, error) {
	c := b.commits[i]
	try := whittle.BisectTry{Commit: c.Hash, Subject: c.Subject}
	var r *whittle.Record
	var err error
	if row := b.known[c.Hash]; row != nil {
		try.Recorded = true
		if r, err = b.s.Get(ctx, row.ID); err != nil {
			return nil, err
		}
	} else {
		if b.o.Progress != nil {
			b.o.Progress(c, left)
		}
		if r, try.Reason, err = b.o.Build(ctx, c); err != nil {
			return nil, fmt.Errorf("building %s: %w", Short(c.Hash), err)
		}
		if r != nil {
			if err := b.s.Add(ctx, r); err != nil {
				return nil, err
			}
		}
	}
	if r != nil {
		try.Size = r.Sizes.Size
	}
	b.records[i] = r
	b.out.Tried = append(b.out.Tried, try)
	return r, nil
}

// Short is the beginning of a commit's hash.
func Short(commit string) string { return commit[:min(len(commit), 10)] }
