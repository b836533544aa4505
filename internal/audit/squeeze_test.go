package audit_test

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/imagetest"
)

// named opens images by their names.
type named map[string]whittle.Image

func (n named) Open(_ context.Context, name string) (whittle.Image, error) {
	if img, ok := n[name]; ok {
		return img, nil
	}
	return nil, whittle.ErrNotFound.Errorf("there is no %s", name)
}

// written is a squeezed image as it would be read back.
func written(t *testing.T, s *audit.Squeezed) whittle.Image {
	t.Helper()
	var tars [][]byte
	for _, l := range s.Layers {
		r, err := l.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil || int64(len(b)) != l.Size || whittle.DigestOf(b) != l.Digest {
			t.Fatalf("%d bytes of %d, %s is %s, %v", len(b), l.Size, l.Digest, whittle.DigestOf(b), err)
		}
		tars = append(tars, b)
		_ = r.Close()
	}
	img := imagetest.FromTars(t, imagetest.Plain, tars...) // the layers of these tests are plain
	img.Conf = whittle.Config{}
	if err := whittle.ParseJSON(s.Config, &img.Conf); err != nil {
		t.Fatal(err)
	}
	for i, l := range s.Layers {
		if img.Conf.RootFS.DiffIDs[i] != l.DiffID || img.Layers()[i].DiffID() != l.DiffID {
			t.Fatalf("layer %d is %s, the configuration says %s", i, l.DiffID, img.Conf.RootFS.DiffIDs[i])
		}
	}
	return img
}

// TestSqueeze: what is reported adds up, the image that is written has the same tree,
// and the temporary files go.
func TestSqueeze(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	img := imagetest.New(t, imagetest.Plain,
		"d etc\nf etc/base 5000\nf etc/old 3000",
		"d srv\nf srv/a 2000\nf srv/b 7000\nw etc/old",
		"w srv/b\nf srv/a 2000 mode=0600",
		"w srv/none")
	env := &host.Env{Images: named{"app:1": img, "base:1": imagetest.New(t, imagetest.Plain, "d etc\nf etc/base 5000\nf etc/old 3000")}}
	s, err := audit.Squeeze(t.Context(), env, "app:1", audit.SqueezeOptions{BaseImage: "base:1"})
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		Action  string
		Dropped []whittle.Dropped
	}
	var rows []row
	for _, l := range s.Report.Layers {
		rows = append(rows, row{l.Action, l.Dropped})
	}
	want := []row{
		{"kept", []whittle.Dropped{}},
		{"rewritten", []whittle.Dropped{{Reason: "deleted", Entries: 1, Bytes: 7000}, {Reason: "metadata", Entries: 1, Bytes: 2000}}},
		{"rewritten", []whittle.Dropped{{Reason: "whiteout", Entries: 1}}},
		{"removed", []whittle.Dropped{{Reason: "whiteout", Entries: 1}}},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("layers (-want +got):\n%s", diff)
	}
	if b := s.Report.Base; b == nil || b.Layers != 1 || b.Saves != 3000 || b.Shared != s.Report.Layers[0].Before.Stored {
		t.Errorf("base %+v", b)
	}
	if before, after := s.Report.Before, s.Report.After; before.Size-after.Size != 9000 || before.Layers != 4 || after.Layers != 3 || before.Entries-after.Entries != 4 || after.Stored >= before.Stored {
		t.Errorf("before %+v, after %+v", before, after)
	}
	now := written(t, s)
	if h := now.Config().History; len(h) != 4 || !h[3].EmptyLayer || h[2].EmptyLayer {
		t.Errorf("history %+v", h)
	}
	env.Images = named{"app:1": img, "app:2": now}
	same, err := audit.SameTree(t.Context(), env, "app:1", "app:2", nil)
	if err != nil || !same.Same || same.Images[0].Tree != s.Report.Tree || same.Images[1].Second != s.Report.Tree || len(same.Differences) != 0 {
		t.Errorf("%+v, %v", same, err)
	}
	if names, err := os.ReadDir(temp); err != nil || len(names) != 1 {
		t.Errorf("%v, %v", names, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if names, err := os.ReadDir(temp); err != nil || len(names) != 0 {
		t.Errorf("%v, %v", names, err)
	}
}

// TestSqueezeRewritesBase: the base's layers change only where that is asked for.
func TestSqueezeRewritesBase(t *testing.T) {
	img := imagetest.New(t, imagetest.Plain, "d etc\nf etc/base 5000\nf etc/old 3000", "d etc mode=0700\nw etc/old\nf x 1")
	env := &host.Env{Images: named{"app:1": img}}
	s, err := audit.Squeeze(t.Context(), env, "app:1", audit.SqueezeOptions{BaseLayers: 1, RewriteBase: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Report.Base != nil || s.Report.Layers[0].Action != "rewritten" || s.Report.Before.Size-s.Report.After.Size != 3000 || s.Report.After.Entries != 3 || s.Report.Before.Entries != 6 {
		t.Errorf("%+v", s.Report)
	}
}

// TestSqueezeErrors: what cannot be is said in one line, with its kind.
func TestSqueezeErrors(t *testing.T) {
	env := &host.Env{Images: named{"app:1": imagetest.New(t, imagetest.Gzip, "s lib usr/lib\nd usr/lib", "f lib/a 10"), "other:1": imagetest.New(t, imagetest.Gzip, "f y 1")}}
	for _, c := range []struct {
		o    audit.SqueezeOptions
		name string
		kind error
		text string
	}{
		{audit.SqueezeOptions{}, "app:1", whittle.ErrUnsupported, `squeezing app:1: runtimes merge its layers differently: layer 1, "lib": a directory over a symlink`},
		{audit.SqueezeOptions{Compress: "lzma"}, "app:1", whittle.ErrUsage, "whittle does not compress by lzma"},
		{audit.SqueezeOptions{Compress: "gzip", Level: 10}, "app:1", whittle.ErrUsage, "gzip has the levels 1 to 9, not 10"},
		{audit.SqueezeOptions{Level: 3}, "app:1", whittle.ErrUsage, "a level is that of a compression"},
		{audit.SqueezeOptions{BaseLayers: 3}, "app:1", whittle.ErrUsage, "app:1 has 2 layers"},
		{audit.SqueezeOptions{BaseImage: "other:1"}, "app:1", whittle.ErrUsage, "other:1 is no base of app:1"},
		{audit.SqueezeOptions{}, "none", whittle.ErrNotFound, "there is no none"},
	} {
		s, err := audit.Squeeze(t.Context(), env, c.name, c.o)
		if s != nil || !errors.Is(err, c.kind) || !strings.HasPrefix(err.Error(), c.text) {
			t.Errorf("%+v: %v", c.o, err)
		}
	}
}

// TestSameTree: what differs is named.
func TestSameTree(t *testing.T) {
	a := imagetest.New(t, imagetest.Gzip, "d d mode=0700\nf d/a 10\nh d/b d/a\ns l d")
	b := imagetest.New(t, imagetest.Gzip, "d d\nf d/a 10\nf d/b 10 seed=x\ns l e\nf new 1")
	b.Conf.Config.Env = []string{"A=1"}
	env := &host.Env{Images: named{"a": a, "b": b}}
	got, err := audit.SameTree(t.Context(), env, "a", "b", nil)
	if err != nil || got.Same || got.SameTree || got.SameConfig {
		t.Fatalf("%+v, %v", got, err)
	}
	var paths []string
	for _, d := range got.Differences {
		paths = append(paths, d.Path+": "+d.What)
	}
	want := []string{`d: mode "700", "755"`, `d/a: first "d/a", ""`, `d/b: content; first "d/a", ""`, `l: link "d", "e"`, "new: only in the second"}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"config.Env"}, got.ConfigDifferences); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}
