package work_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/fleet/store"
	"whittle.dev/whittle/internal/fleet/work"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/postgrestest"
	"whittle.dev/whittle/internal/source"
)

// databases are what everything is tried on: a file, and a real PostgreSQL, which in short
// runs TestFaults alone has.
func databases(t *testing.T, do func(t *testing.T, where string)) {
	t.Run("file", func(t *testing.T) { do(t, filepath.Join(t.TempDir(), "fleet.db")) })
	if testing.Short() {
		return
	}
	t.Run("postgres", func(t *testing.T) { do(t, postgrestest.Start(t).URL("postgres")) })
}

func opened(t testing.TB, where string) *store.Store {
	t.Helper()
	s, err := work.Open(context.Background(), where)
	imagetest.Must(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// scanned scans names to the end.
func scanned(t testing.TB, s *store.Store, names []string, o work.Options) int64 {
	t.Helper()
	id, err := work.Scan(t.Context(), s, "a list", "", names)
	imagetest.Must(t, err)
	worked(t, s, id, o)
	return id
}

// worked works until a scan is over.
func worked(t testing.TB, s *store.Store, scan int64, o work.Options) {
	t.Helper()
	imagetest.Must(t, work.New(s, o).Run(t.Context(), over(s, scan)))
}

func over(s *store.Store, scan int64) func(ctx context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		p, err := s.Progress(ctx, scan)
		return err == nil && p.Open == 0, err
	}
}

// registryImages opens images of the registries of tests, and nothing else.
type registryImages struct{}

func (registryImages) Open(ctx context.Context, name string) (whittle.Image, error) {
	return source.Open(ctx, source.Registry+":"+name, source.Options{})
}

// sums are figures in the form in which they are compared: sorted rows.
type sums struct {
	Sizes    whittle.Sizes
	Layers   [][4]int64
	Packages []string
	Wasted   []string
}

// inspected is what an inspection says.
func inspected(in *whittle.Inspection) (s sums) {
	s.Sizes = in.Sizes
	for _, l := range in.Layers {
		s.Layers = append(s.Layers, [4]int64{l.Size, l.Visible, l.Wasted, int64(l.Entries)})
	}
	for _, p := range in.Packages {
		s.Packages = append(s.Packages, fmt.Sprintf("%s %s %s: %d in %d", p.Ecosystem, p.Name, p.Version, p.Visible, p.Files))
	}
	wasted := map[string][2]int64{}
	for _, d := range in.WastedSums {
		k := fmt.Sprintf("layer %d %s", d.AddedBy, d.Cause)
		wasted[k] = [2]int64{wasted[k][0] + d.Bytes, wasted[k][1] + int64(d.Files)}
	}
	for k, v := range wasted {
		s.Wasted = append(s.Wasted, fmt.Sprint(k, v))
	}
	slices.Sort(s.Packages)
	slices.Sort(s.Wasted)
	return s
}

// stored is what a store says.
func stored(f *store.Figures) (s sums) {
	s.Sizes = f.Sizes
	owners := map[whittle.Owner][2]int64{}
	for i, l := range f.Layers {
		s.Layers = append(s.Layers, [4]int64{l.Size, l.Visible, l.Wasted, l.Entries})
		for _, o := range l.Owners {
			owners[o.Owner] = [2]int64{owners[o.Owner][0] + o.Visible, owners[o.Owner][1] + o.Files}
		}
		for _, d := range l.Wastes {
			s.Wasted = append(s.Wasted, fmt.Sprint(fmt.Sprintf("layer %d %s", i, d.Cause), [2]int64{d.Bytes, d.Files}))
		}
	}
	for o, v := range owners {
		s.Packages = append(s.Packages, fmt.Sprintf("%s %s %s: %d in %d", o.Ecosystem, o.Name, o.Version, v[0], v[1]))
	}
	slices.Sort(s.Packages)
	slices.Sort(s.Wasted)
	return s
}

// checkImage compares what the store has of a name with an inspection of the image.
func checkImage(t *testing.T, s *store.Store, n store.Named) {
	t.Helper()
	want, err := audit.Inspect(t.Context(), &host.Env{Images: registryImages{}}, n.Name, audit.InspectOptions{})
	if err != nil {
		t.Errorf("%s: inspect fails (%v), and the store has %+v", n.Name, err, n)
		return
	}
	f, err := s.Figures(t.Context(), n.Image)
	if err != nil || !n.Done {
		t.Errorf("%s: %+v, %v", n.Name, n, err)
		return
	}
	if diff := gocmp.Diff(inspected(want), stored(f)); diff != "" {
		t.Errorf("%s is in the store (+) not as it is inspected (-):\n%s", n.Name, diff)
	}
	again, err := work.New(s, work.Options{}).Inspect(t.Context(), n.Image)
	if err != nil {
		t.Errorf("%s: %v", n.Name, err)
		return
	}
	again.Image.Ref = want.Image.Ref // the name with a digest
	if diff := gocmp.Diff(want, again); diff != "" {
		t.Errorf("%s is inspected otherwise from the store (+):\n%s", n.Name, diff)
	}
}

// TestScan: each layer of many images is fetched once, and the figures of each image are those
// of an inspection. Another scan of the same fetches no layer.
func TestScan(t *testing.T) {
	databases(t, func(t *testing.T, where string) {
		p := newPlace(t)
		names := p.generated(t, 24, 14)
		s := opened(t, where)
		scan := scanned(t, s, append(names, names[0], p.host+"/team-1/none:1"), work.Options{Jobs: 4})
		p.once(t)
		again := scanned(t, s, names, work.Options{Jobs: 2})
		p.once(t)
		list, err := s.Names(t.Context(), scan)
		imagetest.Must(t, err)
		if len(list) != len(names)+1 {
			t.Fatalf("%d names", len(list))
		}
		for _, n := range list {
			if strings.Contains(n.Name, "/none:") {
				if n.Done || !strings.Contains(n.Error, "has no team-1/none:1") {
					t.Errorf("%+v", n)
				}
				continue
			}
			checkImage(t, s, n)
		}
		if list, err = s.Names(t.Context(), again); err != nil || slices.ContainsFunc(list, func(n store.Named) bool { return !n.Done }) {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

// once checks that each layer's blob was fetched once.
func (p *place) once(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.blobs) != len(p.layers) {
		t.Errorf("%d of %d layers were fetched", len(p.blobs), len(p.layers))
	}
	for digest, n := range p.blobs {
		if n != 1 {
			t.Errorf("blob %s was fetched %d times", digest, n)
		}
	}
}
