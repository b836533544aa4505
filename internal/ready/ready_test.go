package ready

import (
	"math"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

func of[T any](v T) *T { return &v }

// TestLater: a slower start is made up for by a smaller download and less to unpack, or is
// not, at each bandwidth.
func TestLater(t *testing.T) {
	was := &whittle.Ready{Unpack: of(10.0)}
	before := whittle.Sizes{Size: 1_000_000_000, Download: of(int64(400_000_000))}
	for _, c := range []struct {
		name           string
		size, download int64
		slower         float64 // seconds
		want           string  // the bandwidth at which it is later
	}{
		{"much smaller", 500_000_000, 200_000_000, 1, ""},
		{"it depends on the line", 900_000_000, 300_000_000, 2, "1 Gbit/s"}, // 1 + 0.8, 1 + 8 s less
		{"hardly smaller", 999_000_000, 399_500_000, 1, "1 Gbit/s"},
		{"as large", 1_000_000_000, 400_000_000, 0, "1 Gbit/s"},
	} {
		s := whittle.SlowerStart{Before: 2, After: 2 + c.slower}
		got := Later(was, before, whittle.Sizes{Size: c.size, Download: &c.download}, s, whittle.Bandwidths())
		if (got == "") != (c.want == "") || !strings.HasSuffix(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if why := Later(was, before, whittle.Sizes{Size: 900_000_000, Download: of(int64(300_000_000))}, whittle.SlowerStart{Before: 2, After: 4}, []whittle.Bandwidth{1e8}); why != "" {
		t.Errorf("at 100 Mbit/s: %s", why)
	}
	loaded := whittle.SlowerStart{Before: 2, After: 9, CPUBefore: of(1.8), CPUAfter: of(2.4)}
	if why := Later(was, before, whittle.Sizes{Size: 900_000_000, Download: of(int64(300_000_000))}, loaded, whittle.Bandwidths()); why != "" {
		t.Errorf("on a loaded machine: %s", why)
	}
	if why := Later(nil, whittle.Sizes{Size: 10}, whittle.Sizes{Size: 5}, whittle.SlowerStart{Before: 2, After: 3}, whittle.Bandwidths()); why == "" {
		t.Error("nothing is known, and the image is not ready later")
	}
}

// TestEstimate: an image of half the size is fetched and unpacked in half the time, and
// starts as fast.
func TestEstimate(t *testing.T) {
	from := &whittle.Ready{Download: of(int64(250_000_000)), Unpack: of(6.0), Start: &whittle.StartUp{Name: "CMD", Runs: 5, Wall: 1.5}}
	r := Estimate(from, 1000, 500, []whittle.Bandwidth{1e9})
	if !r.Estimated || *r.Download != 125_000_000 || *r.Unpack != 3 || math.Abs(r.Totals[0].Total-5.5) > 1e-9 {
		t.Errorf("%+v", r)
	}
	if Estimate(nil, 1000, 500, whittle.Bandwidths()) != nil || Estimate(from, 0, 500, whittle.Bandwidths()) != nil {
		t.Error("something is known of nothing")
	}
}

// TestMeasure: the time to ready of an image has its download, its start's medians, and
// what is not known.
func TestMeasure(t *testing.T) {
	img := imagetest.New(t, imagetest.Gzip, "f a 1000\n")
	v := &whittle.Variant{Inspect: &whittle.Inspection{Sizes: whittle.Sizes{Size: 1000, Download: of(int64(500))}, Layers: []whittle.LayerRow{{Entries: 1}}},
		Run: whittle.RunFacts{Commands: []whittle.CommandRun{{Name: "help", Status: whittle.Runs, Seconds: []float64{3, 1, 2}, CPU: []float64{0.5, 0.4, 0.6}, Cold: []float64{5, 4, 9}},
			{Name: "CMD", Own: true, Status: whittle.Fails, Seconds: []float64{9}}}}}
	r, err := Measure(t.Context(), img, v, t.TempDir(), whittle.Bandwidths(), Known{})
	imagetest.Must(t, err)
	if *r.Download != 500 || *r.Unpack <= 0 || r.Start.Name != "help" || r.Start.Wall != 2 || *r.Start.CPU != 0.5 || *r.Start.Cold != 5 || r.Start.Runs != 3 || len(r.Totals) != 2 || len(r.Notes) != 0 {
		t.Errorf("%+v, %+v", r, r.Start)
	}
	v.Run.Commands[0].Status = whittle.Fails
	v.Inspect.Sizes.Size = 999 // more than it says
	r, err = Measure(t.Context(), img, v, t.TempDir(), whittle.Bandwidths(), Known{})
	imagetest.Must(t, err)
	if r.Start != nil || r.Unpack != nil || len(r.Totals) != 0 || len(r.Notes) != 2 {
		t.Errorf("%+v", r)
	}
}

// TestLike: an image that is not unpacked takes as long for each byte as the one that was,
// and its own download and start.
func TestLike(t *testing.T) {
	first := &whittle.Variant{Name: "first", Inspect: &whittle.Inspection{Sizes: whittle.Sizes{Size: 1000}}, Ready: &whittle.Ready{Unpack: of(6.0)}}
	v := &whittle.Variant{Inspect: &whittle.Inspection{Sizes: whittle.Sizes{Size: 500, Download: of(int64(125_000_000))}}}
	r := Like(v, first, []whittle.Bandwidth{1e9})
	if r == nil || *r.Unpack != 3 || r.UnpackOf != "first" || math.Abs(r.Totals[0].Total-4) > 1e-9 || len(r.Notes) != 1 || r.Estimated {
		t.Fatalf("%+v", r)
	}
	v.Ready, v.Name = r, "second"
	if r := Like(v, v, []whittle.Bandwidth{1e9}); r.UnpackOf != "first" {
		t.Errorf("%+v", r)
	}
	if first.Ready.Unpack = nil; Like(v, first, whittle.Bandwidths()) != nil {
		t.Error("something is known of nothing")
	}
}
