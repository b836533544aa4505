//go:build !race

package rule

import (
	"os"
	"path/filepath"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/distro"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/dockerfile/history"
	"whittle.dev/whittle/internal/dockerfile/ignore"
	"whittle.dev/whittle/internal/ledger"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/rule/analysis"
	"whittle.dev/whittle/internal/source"
)

// TestExample asks the rules on dead bytes about real images of the example:
// what they name, and cure, is all of the dead bytes but what nobody would
// notice.
func TestExample(t *testing.T) {
	if testing.Short() {
		t.Skip("decompresses more than a GB")
	}
	for _, v := range []struct {
		image, file string
		cured       []string
	}{
		{"optimized", "Dockerfile.optimized", []string{"cleanup-in-later-layer", "metadata-copy"}},
		{"wheel", "Dockerfile.wheel", []string{"cleanup-in-later-layer"}},
	} {
		t.Run(v.image, func(t *testing.T) {
			archive := filepath.Join("../../.cache/example/images", v.image+".tar")
			if _, err := os.Stat(archive); err != nil {
				t.Skip("no images of the example: run make images")
			}
			p := examplePass(t, archive, "../../examples/inventory", v.file)
			found, err := Find(t.Context(), p, nil)
			if err != nil {
				t.Fatal(err)
			}
			dead, cured := map[whittle.Content]int64{}, map[string]int64{}
			for i := range found {
				f := &found[i]
				hold(t, p, f)
				if f.Fix == nil {
					continue
				}
				c := testCase{parts: map[string][]byte{}}
				c.fixed(t, p, f)
				for _, r := range f.Change.Remove {
					dead[r] = p.Indexes[r.Layer].Entries[r.Entry].Size
				}
				cured[f.Rule] += saving(p, f).Low
			}
			t.Logf("%s of dead bytes; fixes save %v\n%s", whittle.Bytes(p.Ledger.Sum().Wasted), cured, show(p, found))
			for _, id := range v.cured {
				if cured[id] < 1_000_000 {
					t.Errorf("%s cures %s", id, whittle.Bytes(cured[id]))
				}
			}
			layers := analysis.New(p).Layers
			var left int64
			for i := range p.Ledger.Items {
				if it := &p.Ledger.Items[i]; it.Cause != whittle.Visible && dead[layers.Content(i)] == 0 {
					left += it.Bytes
				}
			}
			if sum := p.Ledger.Sum().Wasted; left*100 > sum {
				t.Errorf("of %s dead bytes, %s are left without a fix", whittle.Bytes(sum), whittle.Bytes(left))
			}
		})
	}
}

// examplePass reads a real image as lab does, without a check.
func examplePass(t *testing.T, archive, project, file string) *analysis.Facts {
	t.Helper()
	img, err := source.Open(t.Context(), archive, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	root, err := newTestRoot(t, img, func(e *whittle.Entry) bool {
		return distro.Database(e.Path) || python.Database(e.Path)
	})
	if err != nil {
		t.Fatal(err)
	}
	src, err := os.ReadFile(filepath.Join(project, file))
	if err != nil {
		t.Fatal(err)
	}
	p := &analysis.Facts{Config: img.Config(), Indexes: root.indexes, Ledger: root.ledger, Root: root, Files: os.DirFS(project)}
	if p.Dockerfile, err = dockerfile.Parse(file, src); err != nil {
		t.Fatal(err)
	}
	if p.Ignore, err = ignore.Load(project, filepath.Join(project, file)); err != nil {
		t.Fatal(err)
	}
	p.Steps = history.Join(p.Dockerfile, img.Config().Steps(), "")
	p.Packages, _ = distro.Read(t.Context(), root)
	more, _ := python.Claims(t.Context(), root)
	a := ledger.Attribute(root.ledger, root.indexes, img.Config(), p.Steps, append(distro.Claims(p.Packages), more...))
	for i := range root.ledger.Items {
		p.Owner = append(p.Owner, a.Owners[a.Owner[i]])
		p.Category = append(p.Category, a.Category[i].String())
	}
	return p
}
