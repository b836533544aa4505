package history_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/history"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/postgrestest"
)

// databases are what the contract is held against: a file, and a real PostgreSQL.
func databases(t *testing.T, do func(t *testing.T, where string)) {
	t.Run("file", func(t *testing.T) { do(t, filepath.Join(t.TempDir(), "a folder %41", "history.db")) })
	t.Run("postgres", func(t *testing.T) { do(t, postgrestest.Start(t).URL("postgres")) })
}

func opened(t testing.TB, where string) *history.Store {
	t.Helper()
	s, err := history.Open(context.Background(), where)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// measured is a record of an image with packages.
func measured(project, commit string, packages ...whittle.BaselineOwner) *whittle.Record {
	r := &whittle.Record{RecordRow: whittle.RecordRow{Command: "gate", Project: project, Commit: commit, Branch: "main", Ref: project + ":latest", Digest: whittle.DigestOf([]byte(commit)),
		Platform: "linux/amd64", Engine: whittle.Engine{Kind: "buildkit", Version: "v0.34"}, Gate: whittle.GatePasses, Runs: whittle.Runs}}
	r.Image = &whittle.Baseline{Schema: whittle.BaselineSchema, Ref: r.Ref, Digest: r.Digest, Platform: r.Platform, Owners: packages, Wasted: []whittle.BaselineWaste{},
		Steps: []whittle.BaselineStep{{Text: "RUN pip install \u2028 x", DiffID: r.Digest}}}
	for _, p := range packages {
		r.Sizes.Visible += p.Visible
	}
	r.Sizes.Size, r.Image.Steps[0].Size = r.Sizes.Visible, r.Sizes.Visible
	r.Image.Sizes = r.Sizes
	return r
}

func of(name, version string, bytes int64) whittle.BaselineOwner {
	return whittle.BaselineOwner{Owner: whittle.Owner{Ecosystem: "python", Name: name, Version: version}, Visible: bytes, Files: 1}
}

// TestContract: what both databases hold.
func TestContract(t *testing.T) {
	ctx := context.Background()
	databases(t, func(t *testing.T, where string) {
		s := opened(t, where)
		start, download := 1.25, int64(40)
		var want []*whittle.Record
		for i, r := range []*whittle.Record{
			measured("shop", strings.Repeat("a", 40), of("numpy", "2.0", 50), of("pandas", "3.0", 70)),
			measured("shop", strings.Repeat("b", 40), of("numpy", "2.1", 55), of("pandas", "3.0", 70)),
			measured("blog", strings.Repeat("a1", 20), of("numpy", "2.0", 50)),
			measured("shop", strings.Repeat("b", 40)),
			measured("'; DROP TABLE records; --", ""),
		} {
			r.Time = fmt.Sprintf("2026-11-%02dT10:00:00+02:00", 20+i)
			switch i {
			case 1:
				r.Startup, r.Sizes.Download, r.Variant = &start, &download, "slim"
				r.Findings = []whittle.RecordFinding{{Rule: "python-tests", Fingerprint: "f", Saving: whittle.Saving{Low: 1, High: 2}}}
				r.Categories = []whittle.CategoryRow{{Name: "python", Visible: 125, Files: 2}}
			case 3:
				r.Modified = true
			}
			if err := s.Add(ctx, r); err != nil {
				t.Fatal(err)
			}
			want = append(want, r)
		}
		for i, r := range want {
			if got, err := s.Get(ctx, r.ID); err != nil || cmp.Diff(r, got) != "" || r.ID != int64(i+1) {
				t.Errorf("record %d: %v, %s", r.ID, err, cmp.Diff(r, got))
			}
		}
		if want[0].Time != "2026-11-20T08:00:00.000Z" {
			t.Errorf("a time in another zone is kept as %s", want[0].Time)
		}
		for _, c := range []struct {
			name string
			q    history.Query
			want string // IDs
			more int64
		}{
			{"all", history.Query{}, "5 4 3 2 1", 0},
			{"the last two", history.Query{Last: 2}, "5 4", 3},
			{"of a project", history.Query{Project: "shop"}, "4 2 1", 0},
			{"of a variant", history.Query{Project: "shop", Variant: "slim"}, "2", 0},
			{"of a commit's beginning", history.Query{Commit: "a"}, "3 1", 0},
			{"of more of it", history.Query{Commit: "a1"}, "3", 0},
			{"of a whole commit", history.Query{Commit: strings.Repeat("b", 40)}, "4 2", 0},
			{"of unchanged commits", history.Query{Committed: true}, "3 2 1", 0},
			{"of a time", history.Query{Since: day(21), Until: day(23)}, "3 2", 0},
			{"of another branch", history.Query{Branch: "dev"}, "", 0},
			{"of a project with quotes", history.Query{Project: "'; DROP TABLE records; --"}, "5", 0},
		} {
			rows, more, err := s.List(ctx, c.q)
			if got := ids(rows); got != c.want || more != c.more || err != nil {
				t.Errorf("%s: %q and %d more, %v; want %q and %d", c.name, got, more, err, c.want, c.more)
			}
		}
		rows, _, err := s.List(ctx, history.Query{Package: "numpy"})
		var sizes []int64
		for _, r := range rows {
			sizes = append(sizes, *r.Package)
		}
		if diff := cmp.Diff([]int64{0, 0, 50, 55, 50}, sizes); diff != "" || err != nil {
			t.Errorf("numpy: %v, %s", err, diff)
		}
		if _, err := s.Get(ctx, 99); !errors.Is(err, whittle.ErrNotFound) {
			t.Errorf("a record that is not there: %v", err)
		}
		for _, c := range []struct {
			r    history.Retention
			gone int64
			want string
		}{
			{history.Retention{Keep: 1, Try: true}, 1, "5 4 3 2 1"}, // shop has two records without a variant, 1 and 4
			{history.Retention{Keep: 0, Before: day(20)}, 0, "5 4 3 2 1"},
			{history.Retention{Keep: 1, Before: day(25)}, 1, "5 4 3 2"},
			{history.Retention{Before: day(23)}, 2, "5 4"},
		} {
			p, err := s.Prune(ctx, c.r)
			imagetest.Must(t, err)
			n := p.Records
			rows, _, listed := s.List(ctx, history.Query{})
			if got := ids(rows); n != c.gone || got != c.want || err != nil || listed != nil {
				t.Errorf("%+v: %d gone, %q are left, %v, %v; want %d, %q", c.r, n, got, err, listed, c.gone, c.want)
			}
		}
		if _, err := s.Get(ctx, 2); !errors.Is(err, whittle.ErrNotFound) {
			t.Errorf("a removed record: %v", err)
		}
	})
}

func day(n int) time.Time { return time.Date(2026, 11, n, 0, 0, 0, 0, time.UTC) }

func ids(rows []whittle.RecordRow) string {
	var all []string
	for _, r := range rows {
		all = append(all, fmt.Sprint(r.ID))
	}
	return strings.Join(all, " ")
}

// TestRecordsComeBack: any record comes back as it was, and a package's size over the
// records is what they have.
func TestRecordsComeBack(t *testing.T) {
	ctx := context.Background()
	databases(t, func(t *testing.T, where string) {
		s := opened(t, where)
		text := rapid.StringOf(rapid.RuneFrom([]rune("ab'\"\\?$1%_ é\u2028💾;-")))
		rapid.Check(t, func(t *rapid.T) {
			var owners []whittle.BaselineOwner
			had := map[whittle.Owner]bool{}
			for range rapid.IntRange(0, 12).Draw(t, "owners") {
				o := of(text.Draw(t, "name"), text.Draw(t, "version"), rapid.Int64Range(0, 1<<50).Draw(t, "bytes"))
				if !had[o.Owner] {
					owners, had[o.Owner] = append(owners, o), true
				}
			}
			r := measured(text.Draw(t, "project"), rapid.StringMatching(`[0-9a-f]{40}`).Draw(t, "commit"), owners...)
			if err := s.Add(ctx, r); err != nil {
				t.Fatal(err)
			}
			got, err := s.Get(ctx, r.ID)
			if diff := cmp.Diff(r, got); diff != "" || err != nil {
				t.Fatalf("%v, %s", err, diff)
			}
			if len(owners) == 0 {
				return
			}
			var sum int64
			for _, o := range owners {
				if o.Name == owners[0].Name {
					sum += o.Visible
				}
			}
			if rows, _, err := s.List(ctx, history.Query{Last: 1, Package: owners[0].Name}); err != nil || owners[0].Name != "" && *rows[0].Package != sum {
				t.Fatalf("%q has %v bytes of %d, %v", owners[0].Name, rows[0].Package, sum, err)
			}
		})
	})
}

// TestWritersAtOnce: many writers, each with a store of its own, lose nothing and fail
// nowhere, although they begin with an empty database.
func TestWritersAtOnce(t *testing.T) {
	const writers, each = 8, 10
	databases(t, func(t *testing.T, where string) {
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				s, err := history.Open(context.Background(), where)
				if err != nil {
					t.Error(err)
					return
				}
				defer s.Close()
				for i := range each {
					var owners []whittle.BaselineOwner
					for p := range 30 {
						owners = append(owners, of(fmt.Sprintf("package%d", (p*7+w)%40), fmt.Sprint(i), 1))
					}
					if err := s.Add(context.Background(), measured(fmt.Sprint(w), "", owners...)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		s := opened(t, where)
		rows, more, err := s.List(context.Background(), history.Query{})
		if len(rows) != writers*each || more != 0 || err != nil {
			t.Errorf("%d records, %d more, %v", len(rows), more, err)
		}
		seen := map[int64]bool{}
		for _, r := range rows {
			seen[r.ID] = true
		}
		if len(seen) != len(rows) {
			t.Errorf("%d IDs for %d records", len(seen), len(rows))
		}
	})
}

// TestMigrations: down and up again, and what a later whittle has written is refused.
func TestMigrations(t *testing.T) {
	ctx := context.Background()
	databases(t, func(t *testing.T, where string) {
		s := opened(t, where)
		if err := s.Add(ctx, measured("shop", "")); err != nil {
			t.Fatal(err)
		}
		if err := history.Down(ctx, s); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.List(ctx, history.Query{}); err == nil {
			t.Error("there are records without tables")
		}
		again := opened(t, where)
		if rows, _, err := again.List(ctx, history.Query{}); len(rows) != 0 || err != nil {
			t.Errorf("%d records, %v", len(rows), err)
		}
		if err := again.Add(ctx, measured("shop", "")); err != nil {
			t.Error(err)
		}
		if err := history.SetVersion(ctx, again, 99); err != nil {
			t.Fatal(err)
		}
		if _, err := history.Open(ctx, where); !errors.Is(err, whittle.ErrUnsupported) || !strings.Contains(err.Error(), "version 99") {
			t.Errorf("tables of a later whittle: %v", err)
		}
	})
}

// TestDamagedFile: what is no database, and one that is damaged in the middle, is said
// and kept, and a new one begins.
func TestDamagedFile(t *testing.T) {
	ctx := context.Background()
	for name, damage := range map[string]func(text []byte) []byte{
		"no database": func([]byte) []byte { return []byte(strings.Repeat("not a database\n", 1000)) },
		"overwritten in the middle": func(text []byte) []byte {
			for i := 4096; i < len(text); i++ {
				text[i] = byte(i * 7)
			}
			return text
		},
	} {
		where := filepath.Join(t.TempDir(), "history.db")
		s := opened(t, where)
		for i := range 50 {
			if err := s.Add(ctx, measured("shop", fmt.Sprint(i), of("numpy", fmt.Sprint(i), 1))); err != nil {
				t.Fatal(err)
			}
		}
		imagetest.Must(t, s.Close())
		text, err := os.ReadFile(where)
		imagetest.Must(t, err)
		text = damage(text)
		imagetest.Must(t, os.WriteFile(where, text, 0o600))
		list := func() ([]whittle.RecordRow, error) {
			s, err := history.Open(ctx, where)
			if err != nil {
				return nil, err
			}
			defer s.Close()
			rows, _, err := s.List(ctx, history.Query{})
			return rows, err
		}
		if _, err = list(); !errors.Is(err, whittle.ErrCorrupt) || !strings.Contains(err.Error(), ".damaged-") {
			t.Errorf("%s: %v", name, err)
			continue
		}
		kept, err := filepath.Glob(where + ".damaged-*[0-9]")
		imagetest.Must(t, err)
		if len(kept) != 1 {
			t.Errorf("%s: kept as %q", name, kept)
			continue
		}
		if is, err := os.ReadFile(kept[0]); err != nil || string(is) != string(text) {
			t.Errorf("%s: what was kept is not what was there: %v", name, err)
		}
		if rows, err := list(); len(rows) != 0 || err != nil {
			t.Errorf("%s: then %d records, %v", name, len(rows), err)
		}
	}
}

// TestPasswords: no message shows a password.
func TestPasswords(t *testing.T) {
	for _, where := range []string{"postgres://u:geheim@127.0.0.1:1/db", "postgres://u:geheim@127.0.0.1:port/db", "postgres://127.0.0.1:1/db?password=geheim"} {
		_, err := history.Open(context.Background(), where)
		if err == nil || strings.Contains(err.Error()+whittle.Hint(err), "geheim") {
			t.Errorf("%s: %v", where, err)
		}
	}
}

// TestJSON: a record's JSON has each field once.
func TestJSON(t *testing.T) {
	text, err := json.Marshal(measured("shop", "c", of("numpy", "2", 1)))
	if err != nil || strings.Count(string(text), `"project"`) != 1 {
		t.Errorf("%s, %v", text, err)
	}
}

// TestWriterHelper writes records until it is killed. It prints the number of each
// when it is kept.
func TestWriterHelper(t *testing.T) {
	where := os.Getenv("WHITTLE_TEST_HISTORY")
	if where == "" {
		t.Skip("it is run by TestKilled")
	}
	s := opened(t, where)
	for i := 0; ; i++ {
		var owners []whittle.BaselineOwner
		for p := range 100 {
			owners = append(owners, of(fmt.Sprintf("package%d", p), fmt.Sprint(i), int64(p)))
		}
		r := measured("shop", fmt.Sprint(i), owners...)
		if err := s.Add(context.Background(), r); err != nil {
			t.Fatal(err)
		}
		fmt.Println(r.ID)
	}
}

// TestKilled: a writer is killed 200 times at random moments. No record is there in part,
// none that was kept is lost, and nothing has to be mended.
func TestKilled(t *testing.T) {
	kills := 200
	if testing.Short() {
		kills = 5
	}
	databases(t, func(t *testing.T, where string) {
		random := rand.New(rand.NewPCG(1, 2))
		kept := map[int64]bool{}
		for i := range kills / 2 {
			cmd := exec.Command(os.Args[0], "-test.run=^TestWriterHelper$")
			cmd.Env = append(os.Environ(), "WHITTLE_TEST_HISTORY="+where)
			out, err := cmd.StdoutPipe()
			imagetest.Must(t, err)
			imagetest.Must(t, cmd.Start())
			ids := make(chan int64)
			go func() {
				defer close(ids)
				for lines := bufio.NewScanner(out); lines.Scan(); {
					if id, err := strconv.ParseInt(lines.Text(), 10, 64); err == nil {
						ids <- id
					}
				}
			}()
			after := time.Duration(random.IntN(150)) * time.Millisecond
			if i%2 == 0 { // while it begins
				time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
			}
			for id := range ids {
				if kept[id] = true; i%2 == 1 { // while it writes
					time.AfterFunc(after/2, func() { _ = cmd.Process.Kill() })
				}
			}
			_ = cmd.Wait() // it was killed
		}
		s := opened(t, where)
		rows, _, err := s.List(context.Background(), history.Query{Package: "package99"})
		imagetest.Must(t, err)
		t.Logf("%d records, of which %d were said to be kept", len(rows), len(kept))
		if len(kept) == 0 {
			t.Error("no writer kept a record before it was killed")
		}
		for _, r := range rows {
			delete(kept, r.ID)
			full, err := s.Get(context.Background(), r.ID)
			if err != nil || len(full.Image.Owners) != 100 || *r.Package != 99 {
				t.Errorf("record %d: %v", r.ID, err)
			}
		}
		if n, err := history.Packages(context.Background(), s); err != nil || n != 100*len(rows) {
			t.Errorf("%d packages of %d records, %v", n, len(rows), err)
		}
		if len(kept) > 0 {
			t.Errorf("%d records are lost", len(kept))
		}
	})
}

// BenchmarkQueries: what the command line asks of a history with 100,000 records.
func BenchmarkQueries(b *testing.B) {
	ctx := context.Background()
	where := filepath.Join(b.TempDir(), "history.db")
	s := opened(b, where)
	const records, projects = 100_000, 20
	if err := history.Fill(ctx, s, records, func(i int) *whittle.Record {
		var owners []whittle.BaselineOwner
		for p := range 20 {
			owners = append(owners, of(fmt.Sprintf("package%d", p), fmt.Sprint(i/1000), int64(i)))
		}
		r := measured(fmt.Sprintf("project%d", i%projects), fmt.Sprintf("%040x", i), owners...)
		r.Time = time.Unix(int64(1_700_000_000+60*i), 0).UTC().Format(time.RFC3339)
		return r
	}); err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		do   func() error
	}{
		{"open", func() error { again, err := history.Open(ctx, where); return errors.Join(err, again.Close()) }},
		{"newest", func() error { _, _, err := s.List(ctx, history.Query{Last: 30}); return err }},
		{"project", func() error { _, _, err := s.List(ctx, history.Query{Project: "project7", Last: 30}); return err }},
		{"whole project", func() error {
			rows, _, err := s.List(ctx, history.Query{Project: "project7", Committed: true})
			if len(rows) != records/projects {
				return fmt.Errorf("%d records", len(rows))
			}
			return err
		}},
		{"package", func() error {
			_, _, err := s.List(ctx, history.Query{Project: "project7", Package: "package3", Last: 30})
			return err
		}},
		{"commit", func() error {
			_, _, err := s.List(ctx, history.Query{Commit: fmt.Sprintf("%040x", 4711)[:39]})
			return err
		}},
		{"record", func() error { _, err := s.Get(ctx, 50_000); return err }},
		{"add", func() error { return s.Add(ctx, measured("new", "", of("numpy", "1", 1))) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if err := c.do(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/op")
		})
	}
}
