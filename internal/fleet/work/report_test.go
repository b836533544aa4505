package work_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/fleet"
	"whittle.dev/whittle/internal/fleet/store"
	"whittle.dev/whittle/internal/fleet/work"
	"whittle.dev/whittle/internal/imagetest"
)

// TestReport: what a report says of all images is what the figures of each add up to, on both
// databases.
func TestReport(t *testing.T) {
	databases(t, func(t *testing.T, where string) {
		p := newPlace(t)
		names := p.generated(t, 30, 21)
		s := opened(t, where)
		first := scanned(t, s, names[:20], work.Options{Jobs: 4})
		scan := scanned(t, s, append(names, names[3], p.host+"/bad/none:1"), work.Options{Jobs: 4})
		r, err := s.Report(t.Context(), store.ReportOptions{Team: "team"})
		imagetest.Must(t, err)
		list, err := s.Names(t.Context(), scan)
		imagetest.Must(t, err)
		o := newOracle(t, s, list)
		if diff := gocmp.Diff(o.totals, r.Totals); diff != "" {
			t.Errorf("totals (-want +got):\n%s", diff)
		}
		var packages, versions []string
		for _, x := range r.Packages {
			packages = append(packages, fmt.Sprintf("%s %s: %d, %d in %d", x.Ecosystem, x.Name, x.Once, x.Each, x.Images))
			for _, v := range x.Versions {
				versions = append(versions, fmt.Sprintf("%s %s %s: %d, %d in %d", x.Ecosystem, x.Name, v.Version, v.Once, v.Each, v.Images))
			}
		}
		o.check(t, "packages", o.names, packages)
		o.check(t, "versions", o.owners, versions)
		var wasted, teams []string
		for _, w := range r.Wasted {
			wasted = append(wasted, fmt.Sprintf("%s: %d, %d", w.Cause, w.Once, w.Each))
		}
		for _, x := range r.Teams {
			var sum int64
			for _, c := range x.Causes {
				sum += c.Bytes
			}
			if sum != x.Wasted {
				t.Errorf("the causes of %s add up to %d of %d", x.Name, sum, x.Wasted)
			}
			teams = append(teams, fmt.Sprintf("%s: %d images, %d, %d", x.Name, x.Images, x.Size, x.Wasted))
		}
		o.checkTexts(t, "wasted", o.wasted(), wasted)
		o.checkTexts(t, "teams", o.teams(t, s), teams)
		var layers, once, each int64
		for _, x := range r.Sharing {
			layers, once, each = layers+x.Layers, once+x.Once, each+x.Each
		}
		if layers != r.Totals.Layers || once != r.Totals.Once.Size || each != r.Totals.Each.Size {
			t.Errorf("layers by sharing add up to %d with %d, %d; %+v", layers, once, each, r.Totals)
		}
		if len(r.Failed) != 1 || !strings.HasSuffix(r.Failed[0].Name, "/bad/none:1") || len(r.Scans) != 1 || r.Scans[0].ID != scan || r.Scans[0].Failed != 1 {
			t.Errorf("%+v, %+v", r.Failed, r.Scans)
		}
		if len(r.Growth) != 2 || r.Growth[0].Scan != first || r.Growth[0].Images != 20 || r.Growth[1].Images != 30 || r.Growth[1].Once != r.Totals.Once.Size {
			t.Errorf("%+v", r.Growth)
		}
		if len(r.Findings) == 0 || !slices.IsSortedFunc(r.Findings, func(a, b fleet.Finding) int { return int(b.Once.Low + b.Once.High - a.Once.Low - a.Once.High) }) {
			t.Errorf("%+v", r.Findings)
		}
		short, err := s.Report(t.Context(), store.ReportOptions{Rows: 2, Scan: first})
		imagetest.Must(t, err)
		if len(short.Packages) != 2 || short.Totals.Images != 20 || short.MorePackages <= 0 {
			t.Errorf("%+v", short.Packages)
		}
		if _, err := s.Report(t.Context(), store.ReportOptions{Scan: 77}); err == nil {
			t.Error("there is a report on a scan that there is not")
		}
		for _, name := range []string{"pkg1", "PKG1"} {
			for _, version := range []string{"", "1.1"} {
				found, err := s.Find(t.Context(), name, version, store.ReportOptions{})
				imagetest.Must(t, err)
				var rows []string
				for _, h := range found.Rows {
					rows = append(rows, fmt.Sprintf("%s has %s %s: %d", h.Image, h.Name, h.Version, h.Visible))
				}
				o.checkTexts(t, "find "+name+" "+version, o.having("pkg1", version), rows)
			}
		}
	})
}

// oracle adds up the figures of images in plain loops.
type oracle struct {
	images map[int64]*store.Figures
	list   []store.Named
	totals fleet.Totals
	// by a package or a version: by layer, the most of it; and for each image.
	names, owners map[string]*oracleSum
}

type oracleSum struct {
	once         map[whittle.Digest]int64
	each, images int64
}

func newOracle(t *testing.T, s *store.Store, list []store.Named) *oracle {
	t.Helper()
	o := &oracle{images: map[int64]*store.Figures{}, list: list, names: map[string]*oracleSum{}, owners: map[string]*oracleSum{}}
	size, wasted := map[whittle.Digest]int64{}, map[whittle.Digest]int64{}
	for _, n := range list {
		if !n.Done {
			continue
		}
		o.totals.Names++
		if o.images[n.Image] != nil {
			continue
		}
		f, err := s.Figures(t.Context(), n.Image)
		imagetest.Must(t, err)
		o.images[n.Image] = f
		o.totals.Images++
		o.totals.Each.Size, o.totals.Each.Wasted, o.totals.Each.Download = o.totals.Each.Size+f.Sizes.Size, o.totals.Each.Wasted+f.Sizes.Wasted, o.totals.Each.Download+*f.Sizes.Download
		m, _, err := s.Image(t.Context(), n.Image)
		imagetest.Must(t, err)
		seen := map[string]bool{}
		for i, l := range f.Layers {
			if _, again := size[l.DiffID]; !again {
				o.totals.Once.Download += m.Layers[i].Size
			}
			size[l.DiffID], wasted[l.DiffID] = l.Size, max(wasted[l.DiffID], l.Wasted)
			named := map[string]int64{}
			for _, w := range l.Owners {
				if w.Ecosystem == "instruction" || w.Ecosystem == "app" {
					continue
				}
				named[w.Ecosystem+" "+w.Name] += w.Visible
				o.add(o.owners, w.Ecosystem+" "+w.Name+" "+w.Version, l.DiffID, w.Visible, seen)
			}
			for name, n := range named {
				o.add(o.names, name, l.DiffID, n, seen)
			}
		}
	}
	for d := range size {
		o.totals.Layers, o.totals.Once.Size, o.totals.Once.Wasted = o.totals.Layers+1, o.totals.Once.Size+size[d], o.totals.Once.Wasted+wasted[d]
	}
	return o
}

func (o *oracle) add(to map[string]*oracleSum, name string, layer whittle.Digest, n int64, seen map[string]bool) {
	if to[name] == nil {
		to[name] = &oracleSum{once: map[whittle.Digest]int64{}}
	}
	s := to[name]
	s.once[layer], s.each = max(s.once[layer], n), s.each+n
	if !seen[name] {
		s.images++
		seen[name] = true
	}
}

func (o *oracle) check(t *testing.T, what string, want map[string]*oracleSum, got []string) {
	t.Helper()
	var texts []string
	for name, s := range want {
		var once int64
		for _, n := range s.once {
			once += n
		}
		texts = append(texts, fmt.Sprintf("%s: %d, %d in %d", name, once, s.each, s.images))
	}
	o.checkTexts(t, what, texts, got)
}

func (o *oracle) checkTexts(t *testing.T, what string, want, got []string) {
	t.Helper()
	slices.Sort(want)
	slices.Sort(got)
	if diff := gocmp.Diff(want, got); diff != "" || len(want) == 0 {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func (o *oracle) wasted() (out []string) {
	once, each := map[string]map[whittle.Digest]int64{}, map[string]int64{}
	for _, f := range o.images {
		for _, l := range f.Layers {
			for _, w := range l.Wastes {
				if once[w.Cause] == nil {
					once[w.Cause] = map[whittle.Digest]int64{}
				}
				once[w.Cause][l.DiffID] = max(once[w.Cause][l.DiffID], w.Bytes)
				each[w.Cause] += w.Bytes
			}
		}
	}
	for cause, byLayer := range once {
		var sum int64
		for _, n := range byLayer {
			sum += n
		}
		out = append(out, fmt.Sprintf("%s: %d, %d", cause, sum, each[cause]))
	}
	return out
}

func (o *oracle) teams(t *testing.T, s *store.Store) (out []string) {
	t.Helper()
	sums := map[string][3]int64{}
	for id, f := range o.images {
		m, _, err := s.Image(t.Context(), id)
		imagetest.Must(t, err)
		x := sums[m.Labels["team"]]
		sums[m.Labels["team"]] = [3]int64{x[0] + 1, x[1] + f.Sizes.Size, x[2] + f.Sizes.Wasted}
	}
	for name, x := range sums {
		out = append(out, fmt.Sprintf("%s: %d images, %d, %d", name, x[0], x[1], x[2]))
	}
	return out
}

func (o *oracle) having(name, version string) (out []string) {
	for _, n := range o.list {
		if !n.Done {
			continue
		}
		sums := map[string]int64{}
		for _, l := range o.images[n.Image].Layers {
			for _, w := range l.Owners {
				if w.Name == name && (version == "" || w.Version == version) {
					sums[w.Version] += w.Visible
				}
			}
		}
		for v, sum := range sums {
			out = append(out, fmt.Sprintf("%s has %s %s: %d", n.Name, name, v, sum))
		}
	}
	return out
}

// TestBases: of two bases with the same packages in other layers, the one with fewer images
// can go; a base with other packages, and one that is the beginning of another, cannot.
func TestBases(t *testing.T) {
	databases(t, func(t *testing.T, where string) {
		p := newPlace(t)
		few, many := p.layer(t, baseNotation(0)), p.layer(t, baseNotation(1))
		other := p.layer(t, packageNotation(50))
		var names []string
		for i := range 7 {
			base := []*imagetest.Layer{many, many, many, few, few, other, other}[i]
			names = append(names, p.push(t, fmt.Sprintf("app-%d", i), "1", nil, []*imagetest.Layer{base, p.layer(t, appNotation(i, 9))}, nil))
		}
		s := opened(t, where)
		scanned(t, s, names, work.Options{})
		r, err := s.Report(t.Context(), store.ReportOptions{})
		imagetest.Must(t, err)
		if len(r.Bases) != 1 {
			t.Fatalf("%+v", r.Bases)
		}
		blob, _ := few.Blob()
		b := r.Bases[0]
		if b.From.Top != few.ID || b.To.Top != many.ID || b.From.Images != 2 || b.To.Images != 3 || b.Saved != b.From.Size || b.Download != blob.Size || b.From.Layers != 1 {
			t.Errorf("%+v", b)
		}
	})
}
