package work_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"whittle.dev/whittle/internal/fleet/store"
	"whittle.dev/whittle/internal/fleet/work"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/postgrestest"
)

// TestScale: any number of processes fetch each layer once, and what the database takes grows
// with the distinct layers. $WHITTLE_TEST_FLEET_FULL makes it 1,000 images over 300 layers,
// and prints how long it takes.
func TestScale(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long")
	}
	images, layers, checked := 60, 30, 12
	numbers := []int{3}
	if os.Getenv("WHITTLE_TEST_FLEET_FULL") != "" {
		images, layers, checked, numbers = 1000, 300, 1000, []int{1, 2, 4}
	}
	pg := postgrestest.Start(t)
	half := used(t, pg, "half", 1, images/2, layers/2, checked)
	for _, n := range numbers {
		whole := used(t, pg, "workers"+string(rune('0'+n)), n, images, layers, checked)
		for what, ratio := range map[string][2]int64{"layers": {half.Rows["layers"], whole.Rows["layers"]}, "images": {half.Rows["images"], whole.Rows["images"]},
			"parts": {half.Rows["parts"], whole.Rows["parts"]}, "rows of parts": {half.Rows["part_owners"], whole.Rows["part_owners"]}, "bytes of indexes": {half.Indexes, whole.Indexes}} {
			if r := float64(ratio[1]) / float64(ratio[0]); r < 1.6 || r > 2.4 {
				t.Errorf("twice as many images over twice as many layers make %d %s of %d", ratio[1], what, ratio[0])
			}
		}
		if whole.Rows["layers"] != int64(layers) || whole.Rows["images"] != int64(images) {
			t.Errorf("%d layers and %d images, want %d and %d", whole.Rows["layers"], whole.Rows["images"], layers, images)
		}
	}
}

// used scans generated images with so many processes, and has what the database holds then.
func used(t *testing.T, pg *postgrestest.Server, database string, workers, images, layers, checked int) *store.Usage {
	t.Helper()
	p := newPlace(t)
	names := p.generated(t, images, layers)
	admin := opened(t, pg.URL("postgres"))
	_, err := admin.Database().SQL.ExecContext(t.Context(), "CREATE DATABASE "+database)
	imagetest.Must(t, err)
	s := opened(t, pg.URL(database))
	begun := time.Now()
	t.Run(database, func(t *testing.T) { // its processes end with it
		processes(t, pg.URL(database), workers)
		scan, err := work.Scan(t.Context(), s, "a list", "", names)
		imagetest.Must(t, err)
		waitFor(t, s, scan)
		took := time.Since(begun)
		p.once(t)
		list, err := s.Names(t.Context(), scan)
		imagetest.Must(t, err)
		if i := slices.IndexFunc(list, func(n store.Named) bool { return !n.Done }); i >= 0 || len(list) != images {
			t.Fatalf("%d names; %+v", len(list), list[max(0, i)])
		}
		for i := 0; i < len(list); i += max(1, len(list)/checked) {
			checkImage(t, s, list[i])
		}
		u, err := s.Usage(t.Context())
		imagetest.Must(t, err)
		p.mu.Lock()
		defer p.mu.Unlock()
		t.Logf("%d images over %d layers, %d workers: %.1f s, rows %v, %d bytes of which %d are indexes", images, layers, workers, took.Seconds(), u.Rows, u.Bytes, u.Indexes)
	})
	u, err := s.Usage(t.Context())
	imagetest.Must(t, err)
	return u
}
