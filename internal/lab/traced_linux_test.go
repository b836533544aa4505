package lab

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/destination"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/trace"
)

// TestMain is also the tracer, as whittle's own program is.
func TestMain(m *testing.M) {
	if code, ours := trace.Main(os.Args); ours {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// workloads are what is run in the projects of testdata/health, besides their own starts:
// workloads.txt has a project on each line, and commands with a bar between them.
func workloads(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "health", "workloads.txt"))
	imagetest.Must(t, err)
	out := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, commands, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if !ok {
			t.Fatalf("workloads.txt: %q", line)
		}
		out[name] = commands
	}
	return out
}

// TestHealthTraced squeezes the images of the corpus by what their runs touch: all runs
// pass on the result, and the certificate says all in which it differs. WHITTLE_HEALTH=all
// is all of them, otherwise it is one.
func TestHealthTraced(t *testing.T) {
	h := gatedHealth(t)
	h.env.Engine = func(context.Context, bool) (host.Builder, error) { return lasting{h.engine}, nil }
	for name, commands := range workloads(t) {
		if os.Getenv("WHITTLE_HEALTH") != "all" && name != "flask" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			archive, err := txtar.ParseFile(filepath.Join("testdata", "health", name+".txtar"))
			imagetest.Must(t, err)
			o := audit.TracedOptions{Miss: 1}
			for line := range strings.SplitSeq(commands, "|") {
				words := strings.Fields(line)
				if before, code, ok := strings.Cut(line, " -c "); ok {
					words = append(strings.Fields(before), "-c", strings.Trim(code, "'"))
				}
				o.Commands = append(o.Commands, words)
			}
			h.traced(t, h.made(t, archive), o)
		})
	}
}

// made builds a project, and names its image.
func (h *health) made(t *testing.T, archive *txtar.Archive) string {
	t.Helper()
	dir := t.TempDir()
	breakage{}.write(t, archive, dir)
	var log strings.Builder
	layout := healthImages(t)
	res, err := h.engine.Build(t.Context(), build.Definition{Context: dir, Bases: h.bases, Offline: true}, build.Output{Layout: layout, Compression: "uncompressed", Log: &log})
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	return "oci-layout:" + layout + "@" + string(res.Manifest)
}

func (h *health) traced(t *testing.T, name string, o audit.TracedOptions) {
	t.Helper()
	place := "oci-layout:" + filepath.Join(t.TempDir(), "small") + ":v1"
	to, err := destination.Parse(place)
	imagetest.Must(t, err)
	into := audit.IntoOptions{SqueezeOptions: audit.SqueezeOptions{RewriteBase: true, Traced: &o}, To: &to, Version: "test"}
	s, c, err := audit.SqueezeInto(t.Context(), h.env, name, into)
	imagetest.Must(t, err)
	runs, err := json.Marshal(s.Traced.Runs)
	imagetest.Must(t, err)
	var removed []string
	for _, d := range s.Traced.Distributions {
		if d.Status == whittle.TracedRemoved {
			removed = append(removed, d.Name)
		}
	}
	t.Logf("%s → %s, %d of %d distributions removed: %s; estimate %.3g, bound %.3g; %s", whittle.Bytes(s.Before.Size), whittle.Bytes(s.After.Size),
		len(removed), len(s.Traced.Distributions), strings.Join(removed, " "), s.Traced.Estimate, s.Traced.Bound, runs)
	if s.Traced.Failed > 0 || len(s.Trims) != 1 || s.Trims[0].Status == whittle.Reverted {
		t.Errorf("%+v %+v", s.Trims, s.Traced)
	}
	if len(removed) == 0 {
		return
	}
	v, err := audit.SameTree(t.Context(), h.env, name, place, c)
	if err != nil || !v.Explained() || v.Same {
		t.Errorf("%+v, %v", v, err)
	}
}
