package draft_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/draft"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/imagetest"
)

type oneImage struct{ whittle.Image }

func (o oneImage) Open(context.Context, string) (whittle.Image, error) { return o.Image, nil }

// measured is an image as a Dockerfile has made it: one layer for each RUN and COPY of its
// last stage, above one of the base.
func measured(t testing.TB, text string, layers ...string) (*draft.Image, []whittle.Finding) {
	t.Helper()
	img := imagetest.New(t, imagetest.Gzip, append([]string{"f base 1000"}, layers...)...)
	n, last := 1, text[strings.LastIndex(text, "FROM"):]
	img.Conf.History = img.Conf.History[:1]
	for line := range strings.Lines(last) {
		keyword, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		h := whittle.History{CreatedBy: keyword + " " + rest, Comment: "buildkit.dockerfile.v0"}
		switch keyword {
		case "FROM":
			continue
		case "RUN":
			h.CreatedBy = "RUN /bin/sh -c " + rest + " # buildkit"
			n++
		case "COPY":
			h.CreatedBy = "COPY " + strings.TrimPrefix(rest, "--from=build ") + " # buildkit"
			n++
		default:
			h.EmptyLayer = true
		}
		img.Conf.History = append(img.Conf.History, h)
	}
	if n != len(layers)+1 {
		t.Fatalf("%d layers for %d instructions", len(layers), n-1)
	}
	env := &host.Env{Images: oneImage{img}}
	x, err := audit.Examine(t.Context(), env, "app", audit.AdviseOptions{InspectOptions: audit.InspectOptions{Dockerfile: "Dockerfile", Source: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	advice, err := x.Advise(t.Context(), env, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := draft.Of(x, advice.Findings)
	if out == nil {
		t.Fatal("no instruction has a layer")
	}
	return out, advice.Findings
}

const before = `FROM base
ENV A=1
RUN apt-get update && apt-get install -y curl
RUN make-large
COPY . /app
CMD ["/app/run"]
`

func TestPredict(t *testing.T) {
	img, findings := measured(t, before, "d var/cache/apt/archives\nf var/cache/apt/archives/curl.deb 6000000\nf var/lib/apt/lists/list 4000000\nf usr/bin/curl 5000", "f large 2000000", "f app/run 700")
	for _, tc := range []struct {
		name          string
		old, new      string
		saved         int64
		fixes         string // the rules
		gone, unknown []string
	}{
		{name: "nothing"},
		{name: "a comment", old: "RUN make-large", new: "# large\nRUN make-large"},
		{name: "an instruction is gone", old: "RUN make-large\n", saved: 2_000_000, gone: []string{"RUN make-large"}},
		{name: "one without files", old: "CMD [\"/app/run\"]\n", new: "CMD [\"/app/run\", \"x\"]\nLABEL a=b\n"},
		{name: "a variable", old: "ENV A=1\n", unknown: []string{"ENV A=1 is gone"}},
		{name: "another base", old: "FROM base", new: "FROM other", unknown: []string{"FROM base is gone", "Dockerfile:1 FROM other is new"}},
		{name: "another command in its place", old: "RUN make-large", new: "RUN make-small", unknown: []string{"Dockerfile:4 RUN make-small is new"}},
		{name: "a new one", old: "COPY . /app", new: "COPY . /app\nRUN more", unknown: []string{"Dockerfile:6 RUN more is new"}},
		{name: "one that moved", old: "RUN make-large\nCOPY . /app", new: "COPY . /app\nRUN make-large", unknown: []string{"Dockerfile:5 RUN make-large is new"}},
		{name: "a part of a fix", old: "apt-get install -y curl", new: "apt-get install -y curl && rm -rf /var/lib/apt/lists/*", unknown: []string{"Dockerfile:3 RUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/* is new"}},
	} {
		text := strings.Replace(before, tc.old, tc.new, 1)
		p, err := img.Predict([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		var rules []string
		for _, f := range p.Fixes {
			rule, _, _ := strings.Cut(f, ":")
			rules = append(rules, rule)
		}
		if p.Saving.Low > tc.saved || p.Saving.High < tc.saved || strings.Join(rules, " ") != tc.fixes || !cmp.Equal(p.Removed, append([]string{}, tc.gone...)) || !cmp.Equal(p.Unknown, append([]string{}, tc.unknown...)) {
			t.Errorf("%s: %+v", tc.name, p)
		}
	}
	at := slices.IndexFunc(findings, func(f whittle.Finding) bool { return f.Rule == "package-manager-cache" && f.Fix != nil })
	if at < 0 {
		t.Fatalf("no fix in %+v", findings)
	}
	fixed, err := whittle.Splice([]byte(before), findings[at].Fix.Patches[0].Edits)
	if err != nil {
		t.Fatal(err)
	}
	for _, more := range []string{"", "RUN other\n"} {
		p, err := img.Predict(append(slices.Clone(fixed), more...))
		if err != nil || p.Saving != findings[at].Saving || len(p.Fixes) != 1 || (len(p.Unknown) > 0) != (more != "") {
			t.Errorf("with the fix and %q: %+v, %v", more, p, err)
		}
	}
	if _, err := img.Predict([]byte("FROM base\nNOTHING\n")); err == nil {
		t.Error("a text that is no Dockerfile")
	}
}

// TestPredictRemoved: without some instructions the size is that of the other layers.
func TestPredictRemoved(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		sizes := rapid.SliceOfN(rapid.Int64Range(0, 50_000), 1, 6).Draw(r, "sizes")
		lines, layers := []string{"FROM base"}, []string{}
		for i, n := range sizes {
			lines = append(lines, "RUN step "+string(rune('a'+i)))
			layers = append(layers, "f file"+string(rune('a'+i))+" "+itoa(n))
		}
		img, _ := measured(t, strings.Join(lines, "\n")+"\n", layers...)
		kept, want, removed := []string{lines[0]}, int64(1000), 0
		for i, n := range sizes {
			if rapid.Bool().Draw(r, "keep") {
				kept, want = append(kept, lines[i+1]), want+n
			} else {
				removed++
			}
		}
		p, err := img.Predict([]byte(strings.Join(kept, "\n") + "\n"))
		if err != nil {
			r.Fatal(err)
		}
		if p.Size-p.Saving.Low != want || p.Size-p.Saving.High != want || len(p.Removed) != removed || len(p.Unknown) > 0 {
			r.Fatalf("%+v, want %d", p, want)
		}
	})
}

func itoa(n int64) string { return strings.ReplaceAll(whittle.Thousands(n), ",", "") }

// TestTwoStages: what another stage makes is not known by the layers of the last one.
func TestTwoStages(t *testing.T) {
	text := "FROM base AS build\nRUN compile\nFROM base\nRUN one\nCOPY --from=build /out /app\n"
	img, _ := measured(t, text, "f one 100", "f app 200")
	p, err := img.Predict([]byte(strings.Replace(text, "RUN compile\n", "", 1)))
	if err != nil || len(p.Unknown) != 1 || p.Saving != (whittle.Saving{}) {
		t.Errorf("%+v, %v", p, err)
	}
}
