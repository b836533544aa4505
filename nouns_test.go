package whittle_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whittle.dev/whittle"
)

// TestEntrySize: an image may have millions of entries.
func TestEntrySize(t *testing.T) {
	if size := unsafe.Sizeof(whittle.Entry{}); size > 112 {
		t.Errorf("an entry takes %d bytes", size)
	}
}

// TestSpecial: what few entries have takes no memory of the others.
func TestSpecial(t *testing.T) {
	if s := (whittle.Special{}).Kept(); s != nil || s.Value() != (whittle.Special{}) {
		t.Errorf("nothing is kept as %+v", s)
	}
	sda := whittle.Special{Xattrs: whittle.DigestOf([]byte("user.k=v")), Major: 8, Minor: 1 << 40}
	if got := sda.Kept().Value(); got != sda {
		t.Errorf("%+v, want %+v", got, sda)
	}
}

// TestCleanPath: what a container engine would extract is a clean relative
// path; what would leave the root is corrupt.
func TestCleanPath(t *testing.T) {
	for name, want := range map[string]string{
		"usr/bin/env": "usr/bin/env", "./usr//bin/": "usr/bin", "/etc/passwd": "etc/passwd", "///a": "a", ".": ".", "./": ".", "": ".",
		"a/../b": "b", "a/./b": "a/b", "..a": "..a", "\xff/x": "\xff/x",
	} {
		if got, err := whittle.CleanPath(name); got != want || err != nil {
			t.Errorf("CleanPath(%q) = %q, %v, want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"..", "../x", "a/../../x", "x\x00y"} {
		if got, err := whittle.CleanPath(name); !errors.Is(err, whittle.ErrCorrupt) {
			t.Errorf("CleanPath(%q) = %q, %v, want an error of corrupt input", name, got, err)
		}
	}
}

func TestDigest(t *testing.T) {
	const empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" // of sha256sum
	d, err := whittle.ParseDigest(empty)
	if err != nil || d != whittle.DigestOf(nil) || d.Short() != "e3b0c44298fc" || d.Hex() != empty[7:] {
		t.Errorf("%q, %v: short %q, hex %q", d, err, d.Short(), d.Hex())
	}
	for text, want := range map[string]error{
		"e3b0": whittle.ErrCorrupt, "sha256:e3b0": whittle.ErrCorrupt, "sha512:" + empty[7:]: whittle.ErrUnsupported,
		strings.ToUpper(empty): whittle.ErrUnsupported, "sha256:" + strings.ToUpper(empty[7:]): whittle.ErrCorrupt, "": whittle.ErrCorrupt,
	} {
		if _, err := whittle.ParseDigest(text); !errors.Is(err, want) {
			t.Errorf("ParseDigest(%q): %v, want %v", text, err, want)
		}
	}
}

// TestSteps: lines of the history take the layers in order; layers and lines
// without a partner stay.
func TestSteps(t *testing.T) {
	line := func(text string, empty bool) whittle.History {
		return whittle.History{CreatedBy: text, EmptyLayer: empty}
	}
	for name, c := range map[string]struct {
		history []whittle.History
		layers  int
		want    []whittle.Step
	}{
		"each its layer":        {[]whittle.History{line("a", false), line("b", true), line("c", false)}, 2, []whittle.Step{{CreatedBy: "a"}, {CreatedBy: "b", Layer: -1}, {CreatedBy: "c", Layer: 1}}},
		"more layers":           {[]whittle.History{line("a", false)}, 2, []whittle.Step{{CreatedBy: "a"}, {Layer: 1}}},
		"more lines":            {[]whittle.History{line("a", false), line("b", false)}, 1, []whittle.Step{{CreatedBy: "a"}, {CreatedBy: "b", Layer: -1}}},
		"no history, no layers": {nil, 0, []whittle.Step{}},
	} {
		var config whittle.Config
		config.History, config.RootFS.DiffIDs = c.history, make([]whittle.Digest, c.layers)
		if diff := cmp.Diff(c.want, config.Steps()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestLedgerValidate: a ledger that adds up is valid; whatever is changed in
// one figure of it, it is not.
func TestLedgerValidate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := whittle.Ledger{Layers: make([]whittle.LayerSum, rapid.IntRange(1, 4).Draw(t, "layers"))}
		for range rapid.IntRange(1, 12).Draw(t, "items") {
			it := whittle.Item{Layer: rapid.IntRange(0, len(l.Layers)-1).Draw(t, "layer"), Bytes: rapid.Int64Range(1, 1000).Draw(t, "bytes"), HiddenBy: -1}
			sum := &l.Layers[it.Layer]
			if sum.Size += it.Bytes; rapid.Bool().Draw(t, "visible") {
				sum.Visible += it.Bytes
			} else {
				it.Cause, it.HiddenBy = whittle.Deleted, rapid.IntRange(it.Layer, len(l.Layers)-1).Draw(t, "hidden by")
				sum.Wasted += it.Bytes
			}
			l.Items = append(l.Items, it)
		}
		if err := l.Validate(); err != nil {
			t.Fatal(err)
		}
		if sum := l.Sum(); sum.Size != sum.Visible+sum.Wasted {
			t.Fatalf("%+v", sum)
		}
		it := &l.Items[rapid.IntRange(0, len(l.Items)-1).Draw(t, "item")]
		sum := &l.Layers[it.Layer]
		change := map[string]func(){
			"more bytes":         func() { it.Bytes++ },
			"another sum":        func() { sum.Wasted++ },
			"no such layer":      func() { it.Layer = len(l.Layers) },
			"hidden from below":  func() { it.Cause, it.HiddenBy = whittle.Deleted, it.Layer-1 },
			"hidden and visible": func() { it.Cause, it.HiddenBy = whittle.Visible, it.Layer },
		}
		what := rapid.SampledFrom([]string{"more bytes", "another sum", "no such layer", "hidden from below", "hidden and visible"}).Draw(t, "change")
		change[what]()
		if err := l.Validate(); err == nil {
			t.Fatalf("%s: %+v is valid", what, l)
		}
	})
}

// TestCause: a cause is a word in JSON, and is read back.
func TestCause(t *testing.T) {
	for c, want := range map[whittle.Cause]string{whittle.Visible: "visible", whittle.Deleted: "deleted", whittle.Replaced: "replaced", whittle.Metadata: "metadata", whittle.Identical: "identical"} {
		b, err := json.Marshal(c)
		var back whittle.Cause
		if err != nil || string(b) != `"`+want+`"` || json.Unmarshal(b, &back) != nil || back != c {
			t.Errorf("%v is %s and %v again, %v", c, b, back, err)
		}
	}
	var c whittle.Cause
	if err := json.Unmarshal([]byte(`"live"`), &c); !errors.Is(err, whittle.ErrCorrupt) { // of an older whittle
		t.Errorf("an unknown cause: %v, %v", c, err)
	}
}

// TestFingerprint: a finding keeps its fingerprint; parts of a place do not run
// into each other.
func TestFingerprint(t *testing.T) {
	if a, b := whittle.Fingerprint("r", "a", "b"), whittle.Fingerprint("r", "a", "b"); a != b || len(a) != 16 {
		t.Errorf("%q, %q", a, b)
	}
	seen := map[string]bool{}
	for _, place := range [][]string{{}, {"a"}, {"a", "b"}, {"a b"}, {"ab"}, {"", "ab"}, {`a" "b`}} {
		seen[whittle.Fingerprint("r", place...)] = true
	}
	if seen[whittle.Fingerprint("other")] = true; len(seen) != 8 {
		t.Errorf("%d fingerprints of 8 places", len(seen))
	}
}

// TestFindingStarts: a finding about problems has their starts, each once, and
// says whether production starts one of them.
func TestFindingStarts(t *testing.T) {
	p := whittle.Problem{Path: "a.py", ReachedFrom: []string{"console script shop", "a.py"},
		Places: []whittle.Location{{Path: "b.py", ReachedFrom: []string{"CMD of Dockerfile", "b.py"}}, {Path: "c.py", ReachedFrom: []string{"console script shop"}}, {Path: "d.py"}}}
	var f whittle.Finding
	if f.InProduction() {
		t.Error("a finding about bytes keeps something from running")
	}
	f.About(p, p)
	if diff := cmp.Diff([]string{"console script shop", "CMD of Dockerfile"}, f.Starts); diff != "" {
		t.Errorf("starts (-want +got):\n%s", diff)
	}
	if !f.InProduction() || len(p.Spots()) != 4 {
		t.Errorf("in production %t, %d spots", f.InProduction(), len(p.Spots()))
	}
	for start, want := range map[string]bool{"ENTRYPOINT": true, "CMD": true, "HEALTHCHECK of Dockerfile.b": true, "console script CMD": false, "": false} {
		if whittle.IsProduction(start) != want {
			t.Errorf("IsProduction(%q) is %t", start, !want)
		}
	}
}

// TestPlatformDistance: an image for an earlier variant runs on a later one,
// the nearest first; any other does not.
func TestPlatformDistance(t *testing.T) {
	parse := func(s string) whittle.Platform {
		p, err := whittle.ParsePlatform(s)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, c := range []struct {
		wanted, has string
		runs        bool
	}{
		{"linux/amd64", "linux/amd64", true}, {"linux/amd64/v3", "linux/amd64", true}, {"linux/amd64", "linux/amd64/v3", false},
		{"linux/arm/v7", "linux/arm/v6", true}, {"linux/arm/v6", "linux/arm/v7", false}, {"linux/arm64", "linux/amd64", false},
	} {
		if d := parse(c.wanted).Distance(parse(c.has)); (d >= 0) != c.runs {
			t.Errorf("%s for %s: %d", c.has, c.wanted, d)
		}
	}
	want := parse("linux/arm/v7")
	if same, near, far := want.Distance(want), want.Distance(parse("linux/arm/v6")), want.Distance(parse("linux/arm/v5")); same != 0 || near <= same || far <= near {
		t.Errorf("distances %d, %d, %d", same, near, far)
	}
	if _, err := whittle.ParsePlatform("linux/amd64/v3/x"); err == nil {
		t.Error("linux/amd64/v3/x is a platform")
	}
}

// TestUnder: a path is under its folders, itself and the root, and not under the
// beginning of a name.
func TestUnder(t *testing.T) {
	for _, c := range []struct {
		path, dir string
		want      bool
	}{{"usr/lib/x", "usr/lib", true}, {"usr/lib", "usr/lib", true}, {"usr", "", true}, {"usr/libx", "usr/lib", false}, {"lib", "usr/lib", false}} {
		if got := whittle.Under(c.path, c.dir); got != c.want {
			t.Errorf("Under(%q, %q) = %t", c.path, c.dir, got)
		}
	}
}

func TestLayerChangeSort(t *testing.T) {
	at := func(layer, entry int) whittle.Content { return whittle.Content{Layer: layer, Entry: entry} }
	c := whittle.LayerChange{Remove: []whittle.Content{at(1, 0), at(0, 5), at(1, 0), at(0, 2)}, Shrink: []whittle.Shrunk{{Content: at(2, 1)}, {Content: at(0, 1)}}}
	c.Sort()
	want := whittle.LayerChange{Remove: []whittle.Content{at(0, 2), at(0, 5), at(1, 0)}, Shrink: []whittle.Shrunk{{Content: at(0, 1)}, {Content: at(2, 1)}}}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRiskAtMost(t *testing.T) {
	order := []whittle.Risk{whittle.RiskNone, whittle.RiskLow, whittle.RiskMedium, whittle.RiskHigh}
	for i, r := range order {
		for j, most := range order {
			if got := r.AtMost(most); got != (i <= j) {
				t.Errorf("%s at most %s: %t", r, most, got)
			}
		}
	}
}
