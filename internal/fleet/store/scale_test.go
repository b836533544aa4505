package store_test

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/fleet/store"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/postgrestest"
)

// filled is a store with so many images of ten layers: five that are shared by many, in three
// parts each, two by ten, and three that the image alone has, with 300 packages in all.
func filled(t *testing.T, where string, images int) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), where, store.Options{Version: "1"})
	imagetest.Must(t, err)
	t.Cleanup(func() { s.Close() })
	download := int64(400e6)
	digest := func(format string, args ...any) whittle.Digest {
		return whittle.DigestOf(fmt.Appendf(nil, format, args...))
	}
	part := func(id whittle.Digest, packages int, seed int) store.Part {
		p := store.Part{DiffID: id, Entries: 4000}
		for i := range packages {
			o := store.OwnerSum{Owner: whittle.Owner{Ecosystem: "deb", Name: fmt.Sprintf("package-%03d", (seed*7+i)%900), Version: fmt.Sprintf("1.%d", seed%12)}, Visible: int64(1000 * (i + 1)), Files: 10}
			p.Owners, p.Visible = append(p.Owners, o), p.Visible+o.Visible
		}
		p.Wastes = []store.WasteSum{{Cause: "deleted", Bytes: 5000, Files: 3}}
		p.Wasted, p.Size = 5000, p.Visible+5000
		return p
	}
	var scan int64
	ctx := context.Background()
	names := make([]string, images)
	for i := range names {
		names[i] = fmt.Sprintf("registry.example.org/team-%d/app-%d:1", i%50, i)
	}
	imagetest.Must(t, s.Within(ctx, func(tx *sql.Tx) (err error) {
		scan, err = s.AddScan(ctx, tx, "all", "", names)
		return err
	}))
	for from := 0; from < images; from += 500 {
		imagetest.Must(t, s.Within(ctx, func(tx *sql.Tx) error {
			for i := from; i < min(images, from+500); i++ {
				m := &store.Manifest{Digest: digest("image %d", i), Place: names[i], Platform: "linux/amd64", Labels: map[string]string{"team": fmt.Sprint(i % 50)}, Config: fmt.Appendf(nil, `{"n":%d}`, i)}
				f := &store.Figures{Sizes: whittle.Sizes{Download: &download}, Files: 30000}
				for l := range 10 {
					of := []int{i % 20, i / 10, i}[min(2, max(0, l-3)/2)]
					id := digest("layer %d %d", l, of)
					m.Layers = append(m.Layers, store.Claim{Blob: whittle.Blob{Digest: id, Size: 40e6, MediaType: "layer"}, DiffID: id})
					p := part(id, 30, l*31+of)
					if l < 5 && i%3 > 0 { // what is above hides some of a shared layer's files
						n := int64(i % 3 * 500)
						p.Owners[0].Visible, p.Visible, p.Wasted = p.Owners[0].Visible-n, p.Visible-n, p.Wasted+n
						p.Wastes[0].Bytes += n
					}
					f.Layers = append(f.Layers, p)
					f.Sizes.Size, f.Sizes.Visible, f.Sizes.Wasted = f.Sizes.Size+p.Size, f.Sizes.Visible+p.Visible, f.Sizes.Wasted+p.Wasted
				}
				for k := range 8 {
					f.Findings = append(f.Findings, store.Finding{Fingerprint: fmt.Sprintf("finding %d", (i+k*k)%300), Rule: fmt.Sprintf("rule-%d", k), Message: "a finding", Layer: k, Saving: whittle.Saving{Low: 1000, High: 2000}})
				}
				image, missing, err := s.Put(ctx, tx, scan, names[i], m)
				if err != nil {
					return err
				}
				for _, blob := range missing {
					b := -1
					for l := range m.Layers { // the blobs of an image are put in the order of digests
						if id, err := s.BlobID(ctx, tx, m.Layers[l]); err != nil || id == blob {
							b = l
							break
						}
					}
					if err := s.PutLayer(ctx, tx, blob, m.Layers[b].DiffID, []byte("index")); err != nil {
						return err
					}
				}
				if err := s.PutFigures(ctx, tx, image, f); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	return s
}

// TestReportScale prints how long reports on many images take; $WHITTLE_TEST_FLEET_FULL is
// how many. $WHITTLE_TEST_FLEET_FILE is where the file with them stays: the tests of
// tools/browser look at it.
func TestReportScale(t *testing.T) {
	images := 40
	if n, err := strconv.Atoi(os.Getenv("WHITTLE_TEST_FLEET_FULL")); err == nil {
		images = max(n, images)
	}
	kept := cmp.Or(os.Getenv("WHITTLE_TEST_FLEET_FILE"), filepath.Join(t.TempDir(), "fleet.db"))
	for name, where := range map[string]func() string{"file": func() string { return kept }, "postgres": func() string { return postgrestest.Start(t).URL("postgres") }} {
		if testing.Short() && name == "postgres" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			begun := time.Now()
			s := filled(t, where(), images)
			t.Logf("%d images in %.1f s", images, time.Since(begun).Seconds())
			begun = time.Now()
			r, err := s.Report(t.Context(), store.ReportOptions{Team: "team", Rows: 20})
			imagetest.Must(t, err)
			if r.Totals.Images != int64(images) || len(r.Teams) != min(50, images) || len(r.Packages) != 20 {
				t.Errorf("%+v", r.Totals)
			}
			t.Logf("report: %.1f s, %d layers", time.Since(begun).Seconds(), r.Totals.Layers)
			begun = time.Now()
			found, err := s.Find(t.Context(), "package_007", "", store.ReportOptions{Rows: 50})
			imagetest.Must(t, err)
			if len(found.Rows) == 0 {
				t.Error("no image has a package")
			}
			t.Logf("find: %.2f s, %d rows", time.Since(begun).Seconds(), found.More+int64(len(found.Rows)))
			u, err := s.Usage(t.Context())
			imagetest.Must(t, err)
			t.Logf("rows %v, %d bytes", u.Rows, u.Bytes)
		})
	}
}
