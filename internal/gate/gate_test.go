package gate

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/project/settings"
)

// images makes baselines whose rows add up.
func images(t *rapid.T, label string) *whittle.Baseline {
	b := &whittle.Baseline{Schema: whittle.BaselineSchema, Ref: "app", Platform: "linux/amd64", Digest: whittle.DigestOf([]byte(label))}
	n := rapid.IntRange(1, 6).Draw(t, label+" layers")
	base := rapid.IntRange(0, n).Draw(t, label+" base layers")
	if base > 0 {
		b.Base = &whittle.BaselineBase{Name: rapid.SampledFrom([]string{"python:3.12", "python:3.13"}).Draw(t, "base"), File: "Dockerfile", Line: 1}
	}
	download := int64(0)
	for i := range n {
		word := rapid.SampledFrom([]string{"RUN a", "RUN b", "RUN c", "COPY . /app", "FROM"}).Draw(t, "text")
		d := rapid.Int64Range(0, 1000).Draw(t, "download")
		download += d
		b.Steps = append(b.Steps, whittle.BaselineStep{Text: word, DiffID: whittle.DigestOf([]byte(fmt.Sprint(word, rapid.IntRange(0, 2).Draw(t, "id")))), Base: i < base, Download: &d,
			File: "Dockerfile", Line: i + 1})
	}
	left := make([]int64, n) // visible and wasted bytes of each layer, which its size is made of
	for range rapid.IntRange(0, 8).Draw(t, "owners") {
		size := rapid.Int64Range(0, 1_000_000).Draw(t, "bytes")
		layer := rapid.IntRange(0, n-1).Draw(t, "layer")
		o := whittle.BaselineOwner{Owner: whittle.Owner{Ecosystem: rapid.SampledFrom([]string{"pypi", "deb"}).Draw(t, "kind"), Name: rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "name"),
			Version: rapid.SampledFrom([]string{"1", "2"}).Draw(t, "version")}, Visible: size, Files: 1}
		if rapid.Bool().Draw(t, "instruction") {
			o.Owner, o.Step = whittle.Owner{Ecosystem: "instruction", Name: fmt.Sprintf("Dockerfile:%d", layer+1)}, &layer
		}
		if layer < base {
			o.Base, o.BaseFiles = o.Visible, o.Files
		}
		if left[layer] += size; o.Step == nil {
			o.Layer = layer
			if more := rapid.IntRange(base, n).Draw(t, "also in"); layer < base && more < n { // a package of the base image of which a layer has more
				o.Layer, o.Visible, o.Files = more, o.Visible+7, o.Files+1
				left[more] += 7
			}
		}
		b.Owners, b.Files = append(b.Owners, o), b.Files+o.Files
		b.Sizes.Visible += o.Visible
	}
	for range rapid.IntRange(0, 4).Draw(t, "wastes") {
		by := rapid.IntRange(0, n-1).Draw(t, "added")
		w := whittle.BaselineWaste{AddedBy: by, HiddenBy: rapid.IntRange(by, n-1).Draw(t, "hidden"), Bytes: rapid.Int64Range(1, 1_000_000).Draw(t, "wasted"), Files: 2}
		b.Wasted, left[by], b.Files = append(b.Wasted, w), left[by]+w.Bytes, b.Files+2
		b.Sizes.Wasted += w.Bytes
	}
	for i := range left {
		b.Steps[i].Size = left[i]
	}
	b.Sizes.Size, b.Sizes.Download = b.Sizes.Visible+b.Sizes.Wasted, &download
	dir := whittle.BaselineDirectory{Path: "/app", Parts: map[string]int64{}}
	for range rapid.IntRange(1, 3).Draw(t, "parts") {
		name, bytes := rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "part"), rapid.Int64Range(0, 1000).Draw(t, "part's bytes")
		dir.Visible += bytes
		dir.Parts[name] += bytes
	}
	b.Directories = []whittle.BaselineDirectory{dir}
	startup, build := rapid.Float64Range(0, 100).Draw(t, "startup"), rapid.Float64Range(0, 100).Draw(t, "build")
	b.Startup, b.Build = &startup, &build
	return b
}

// TestCausesAddUp: the causes of a figure add up to it, those of a change to the
// change, to the byte; and a baseline that was written and read is the same.
func TestCausesAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := images(t, "now")
		var before *whittle.Baseline
		if rapid.Bool().Draw(t, "with baseline") {
			before = images(t, "before")
			text, err := Encode(before)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Decode("baseline.json", text)
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			if diff := cmp.Diff(before, again, cmp.Transformer("empty", func(w []whittle.BaselineWaste) []whittle.BaselineWaste {
				return append([]whittle.BaselineWaste{}, w...)
			}),
				cmp.Transformer("owners", func(w []whittle.BaselineOwner) []whittle.BaselineOwner {
					return append([]whittle.BaselineOwner{}, w...)
				})); diff != "" {
				t.Fatalf("read again (-want +got):\n%s", diff)
			}
		}
		c := compare(before, now)
		for _, on := range settings.Subjects() {
			for _, except := range []string{"", "base"} {
				b := &settings.Budget{On: settings.On(on), Except: except}
				switch b.On {
				case settings.OnPackage:
					b.Name = "a"
				case settings.OnDirectory:
					b.Path = "/app"
				case settings.OnNewPackage:
					continue // see TestNewPackages
				}
				if except != "" && !slices.Contains([]settings.On{settings.OnSize, settings.OnDownload, settings.OnWasted, settings.OnLayers}, b.On) {
					continue
				}
				want, _ := figure(c.now, b)
				if was, ok := figureOf(c.before, b); ok {
					want -= was
				}
				want = round(b, want)
				sum := 0.0
				for _, r := range c.causes(b) {
					sum += r.Change
					if r.Name == "" || r.Kind == "" {
						t.Fatalf("a cause without a name: %+v", r)
					}
				}
				if math.Abs(sum-want) > 1e-9 {
					t.Fatalf("%s: the causes add up to %v, want %v: %+v", b, sum, want, c.causes(b))
				}
			}
		}
	})
}

// TestAlign: instructions that stayed, were edited, came and went.
func TestAlign(t *testing.T) {
	steps := func(texts ...string) (out []whittle.BaselineStep) {
		for i, s := range texts {
			out = append(out, whittle.BaselineStep{Text: s, DiffID: whittle.DigestOf([]byte(fmt.Sprint(s, i)))})
		}
		return out
	}
	for name, c := range map[string]struct {
		before, now []string
		want        []int
	}{
		"the same":           {[]string{"RUN a", "COPY b"}, []string{"RUN a", "COPY b"}, []int{0, 1}},
		"one came":           {[]string{"RUN a", "COPY b"}, []string{"RUN a", "RUN chmod", "COPY b"}, []int{0, -1, 1}},
		"one went":           {[]string{"RUN a", "RUN x", "COPY b"}, []string{"RUN a", "COPY b"}, []int{0, 2}},
		"one was edited":     {[]string{"RUN a", "RUN pip install x", "COPY b"}, []string{"RUN a", "RUN pip install x y", "COPY b"}, []int{0, 1, 2}},
		"edited and another": {[]string{"RUN a", "COPY b"}, []string{"RUN a2", "ENV", "COPY b"}, []int{0, -1, 1}},
		"nothing before":     {nil, []string{"RUN a"}, []int{-1}},
	} {
		if diff := cmp.Diff(c.want, align(steps(c.before...), steps(c.now...))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func gateOf(t *testing.T, text string) settings.Gate {
	t.Helper()
	var g settings.Gate
	if err := yaml.Unmarshal([]byte(text), &g); err != nil {
		t.Fatal(err)
	}
	if err := g.Validate(); err != nil {
		t.Fatal(err)
	}
	return g
}

// app is an image of one base layer and two of its own; pandas has so many bytes.
func app(pandas int64) *whittle.Baseline {
	one, two := 1, 2
	download := []int64{100e6, 40e6, 1e6}
	sum := int64(141e6)
	return &whittle.Baseline{Ref: "app", Sizes: whittle.Sizes{Download: &sum, Size: 300e6 + pandas, Visible: 290e6 + pandas, Wasted: 10e6}, Files: 5,
		Steps: []whittle.BaselineStep{{Text: "FROM slim", Base: true, Size: 150e6, Download: &download[0], DiffID: "sha256:1"}, {Text: "RUN pip install", File: "Dockerfile", Line: 3, Size: 149e6 + pandas, Download: &download[1]},
			{Text: "COPY . /app", File: "Dockerfile", Line: 5, Size: 1e6, Download: &download[2]}},
		Owners: []whittle.BaselineOwner{{Owner: whittle.Owner{Ecosystem: "deb", Name: "libc6"}, Visible: 150e6, Files: 1, Base: 150e6, BaseFiles: 1}, {Owner: whittle.Owner{Ecosystem: "pypi", Name: "pandas", Version: "2.3"}, Layer: 1, Visible: pandas, Files: 1},
			{Owner: whittle.Owner{Ecosystem: "instruction", Name: "Dockerfile:3"}, Step: &one, Visible: 139e6, Files: 1}, {Owner: whittle.Owner{Ecosystem: "app", Name: "app"}, Visible: 1e6, Files: 1, Step: &two}},
		Wasted: []whittle.BaselineWaste{{AddedBy: 1, HiddenBy: 2, Bytes: 10e6, Files: 1}}, Directories: []whittle.BaselineDirectory{{Path: "/app", Visible: 1e6, Parts: map[string]int64{"a": 1e6}}}}
}

// TestJudge: budgets at the limit, over and under it, with and without a baseline.
func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name, gate  string
		now, before *whittle.Baseline
		status      whittle.GateStatus
		says        string
		causes      string // "pandas +5.0 MB"
	}{
		{"under", "budgets: [{on: size, max: 350MB}]", app(20e6), nil, whittle.GatePasses, "size 320.0 MB of 350.0 MB", ""},
		{"exactly", "budgets: [{on: size, max: 320MB}]", app(20e6), nil, whittle.GatePasses, "size 320.0 MB, exactly at the limit", ""},
		{"a byte over", "budgets: [{on: size, max: 319999999}]", app(20e6), nil, whittle.GateFails, "size 320,000,000 B, over 319,999,999 B by 1 B",
			"libc6 +150.0 MB, RUN pip install +139.0 MB, pandas +20.0 MB, COPY . /app +10.0 MB, COPY . /app +1.0 MB"},
		{"grown by more than both", "budgets: [{on: size, grow: 1%, grow_min: 2MB}]", app(25e6), app(20e6), whittle.GateFails, "size 325.0 MB, over 323.2 MB (320.0 MB in main) by 1.8 MB", "pandas +5.0 MB"},
		{"grown by more than the share only", "budgets: [{on: size, grow: 1%, grow_min: 6MB}]", app(25e6), app(20e6), whittle.GatePasses, "size 325.0 MB of 326.0 MB (320.0 MB in main)", ""},
		{"grown to the limit", "budgets: [{on: size, grow: 5MB}]", app(25e6), app(20e6), whittle.GatePasses, "exactly at the limit (320.0 MB in main)", ""},
		{"shrunk", "budgets: [{on: size, grow: 0}]", app(15e6), app(20e6), whittle.GatePasses, "size 315.0 MB of 320.0 MB (320.0 MB in main)", ""},
		{"growth without a baseline", "budgets: [{on: size, grow: 1%}]", app(15e6), nil, whittle.GatePasses, "there is no baseline to compare with", ""},
		{"only a warning", "{informational: true, budgets: [{on: size, max: 1MB}]}", app(15e6), nil, whittle.GateWarns, "over 1.0 MB", ""},
		{"without the base", "budgets: [{on: size, max: 150MB, except: base}]", app(5e6), nil, whittle.GateFails, "size without the base 155.0 MB, over 150.0 MB by 5.0 MB", "RUN pip install +139.0 MB, COPY . /app +10.0 MB, pandas +5.0 MB, COPY . /app +1.0 MB"},
		{"a package", "budgets: [{on: package, name: Pandas, max: 10MB}]", app(15e6), app(10e6), whittle.GateFails, "package Pandas 15.0 MB, over 10.0 MB by 5.0 MB", "pandas +5.0 MB"},
		{"a package that is not there", "budgets: [{on: package, name: torch, max: 10MB}]", app(15e6), nil, whittle.GatePasses, "package torch 0 B of 10.0 MB", ""},
		{"a folder", "budgets: [{on: directory, path: /app, max: 500kB}]", app(15e6), nil, whittle.GateFails, "directory /app 1.0 MB, over 500.0 kB by 500.0 kB", "/app/a +1.0 MB"},
		{"wasted", "budgets: [{on: wasted, max: 5MB, except: base}]", app(15e6), nil, whittle.GateFails, "wasted without the base 10.0 MB, over 5.0 MB by 5.0 MB", "COPY . /app +10.0 MB"},
		{"layers", "budgets: [{on: layers, max: 3}]", app(15e6), nil, whittle.GatePasses, "layers 3, exactly at the limit", ""},
	} {
		g := Judge(Input{Image: whittle.ImageFacts{Ref: "app"}, Now: c.now, Before: c.before, Name: "main", Settings: gateOf(t, c.gate)})
		var causes []string
		for _, r := range g.Budgets[0].Causes {
			causes = append(causes, r.Name+" "+whittle.SignedBytes(int64(r.Change)))
		}
		if g.Status != c.status || !strings.Contains(g.Budgets[0].Text, c.says) || c.causes != "" && strings.Join(causes, ", ") != c.causes {
			t.Errorf("%s: %s: %q, %q", c.name, g.Status, g.Budgets[0].Text, causes)
		}
	}
	g := Judge(Input{Image: whittle.ImageFacts{Ref: "app"}, Now: app(1), Settings: gateOf(t, "budgets: [{on: startup, max: 2s}]"), Unmeasured: map[settings.On]string{settings.OnStartup: "it does not run"}})
	if g.Status != whittle.GateUnmeasured || g.Budgets[0].Text != "startup is not known: it does not run" {
		t.Errorf("a start that nobody measured: %+v", g)
	}
}

// TestNewPackages: only packages that are new and large enough.
func TestNewPackages(t *testing.T) {
	now := app(15e6)
	now.Owners = append(now.Owners, whittle.BaselineOwner{Owner: whittle.Owner{Ecosystem: "pypi", Name: "torch", Version: "2"}, Visible: 200e6}, whittle.BaselineOwner{Owner: whittle.Owner{Ecosystem: "pypi", Name: "six"}, Visible: 1e3})
	g := Judge(Input{Now: now, Before: app(15e6), Name: "main", Settings: gateOf(t, "budgets: [{on: new-package, min: 10MB}]"),
		Places: func(kind, name string) (string, int, string) {
			return "requirements.txt", 4, "required by " + kind + " " + name
		}})
	want := []whittle.GateCause{{Name: "torch", Kind: "pypi", To: "2", Change: 200e6, File: "requirements.txt", Line: 4, Why: "required by pypi torch"}}
	if diff := cmp.Diff(want, g.Budgets[0].Causes); diff != "" || g.Status != whittle.GateFails {
		t.Errorf("%s (-want +got):\n%s", g.Status, diff)
	}
}

// TestManyOwners: a file names the largest, and the rest still adds up; nothing that
// is among them counts as new.
func TestManyOwners(t *testing.T) {
	b := &whittle.Baseline{Schema: whittle.BaselineSchema, Digest: whittle.DigestOf(nil), Steps: []whittle.BaselineStep{{Text: "FROM"}}}
	for i := range 5000 {
		n := int64(i+1) * 1000
		b.Owners = append(b.Owners, whittle.BaselineOwner{Owner: whittle.Owner{Ecosystem: "deb", Name: fmt.Sprintf("package-with-a-name-%d", i), Version: "1:2.3.4-5+deb13u1"}, Visible: n, Files: 1})
		b.Sizes.Visible += n
	}
	b.Sizes.Size, b.Steps[0].Size, b.Files = b.Sizes.Visible, b.Sizes.Visible, 5000
	text, err := Encode(b)
	if err != nil || len(text) > 100_000 || bytes.Count(text, []byte("\n")) < maxOwners {
		t.Fatalf("%v, %d bytes", err, len(text))
	}
	kept, err := Decode("x", text)
	if err != nil {
		t.Fatal(err)
	}
	c := compare(kept, b)
	sum := 0.0
	for _, r := range c.causes(&settings.Budget{On: settings.OnSize}) {
		sum += math.Abs(r.Change)
	}
	g := Judge(Input{Now: b, Before: kept, Settings: gateOf(t, "budgets: [{on: new-package, min: 1kB}]")})
	if sum != 0 || g.Status != whittle.GatePasses {
		t.Errorf("changes of %v, %+v", sum, g.Budgets)
	}
}
