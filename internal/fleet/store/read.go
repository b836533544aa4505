package store

import (
	"context"
)

// Named is a name of a scan, and how it ended.
type Named struct {
	Name string
	// Image is 0 for a name without an image.
	Image int64
	// Done says that its figures are there. Error says why there are none; both are unset as
	// long as something is to be done.
	Done        bool
	Error, Hint string
}

// Names are those of a scan, sorted.
func (s *Store) Names(ctx context.Context, scan int64) (out []Named, err error) {
	err = s.db.Each(ctx, s.db.SQL, func(scan func(...any) error) error {
		var n Named
		err := scan(&n.Name, &n.Image, &n.Done, &n.Error, &n.Hint)
		out = append(out, n)
		return err
	}, `SELECT n.name, COALESCE(i.id, 0), COALESCE(i.state, '') = '`+done+`',
		CASE WHEN n.error <> '' THEN n.error ELSE COALESCE(i.error, '') END, CASE WHEN n.error <> '' THEN n.hint ELSE COALESCE(i.hint, '') END
		FROM fleet_names n LEFT JOIN fleet_images i ON i.id = n.image WHERE n.scan = ?1 ORDER BY n.name`, scan)
	return out, s.failed(err)
}

// Progress counts the names of a scan by how they ended.
type Progress struct {
	Names, Done, Failed, Open int64
}

// Progress is that of a scan; 0 is for all.
func (s *Store) Progress(ctx context.Context, scan int64) (Progress, error) {
	p, err := s.counts(ctx, scan)
	return p, s.failed(err)
}

// Layers counts the layers that are still to be read.
func (s *Store) Layers(ctx context.Context) (n int64, err error) {
	row := s.db.SQL.QueryRowContext(ctx, s.db.Query(`SELECT count(DISTINCT l.blob) FROM fleet_images i JOIN fleet_image_layers l ON l.image = i.id JOIN fleet_blobs b ON b.id = l.blob
		WHERE i.state = '`+reading+`' AND b.version <> ?1`), s.version)
	return n, s.failed(row.Scan(&n))
}

// counts is [Store.Progress].
func (s *Store) counts(ctx context.Context, scan int64) (p Progress, err error) {
	row := s.db.SQL.QueryRowContext(ctx, s.db.Query(`SELECT count(*), COALESCE(sum(CASE WHEN n.error = '' AND i.state = '`+done+`' THEN 1 ELSE 0 END), 0),
		COALESCE(sum(CASE WHEN n.error <> '' OR i.state = '`+failed+`' THEN 1 ELSE 0 END), 0)
		FROM fleet_names n LEFT JOIN fleet_images i ON i.id = n.image WHERE n.scan = ?1 OR ?1 = 0`), scan)
	err = row.Scan(&p.Names, &p.Done, &p.Failed)
	p.Open = p.Names - p.Done - p.Failed
	return p, err
}

// Figures has the figures of an image, without its findings.
func (s *Store) Figures(ctx context.Context, image int64) (*Figures, error) {
	f := &Figures{}
	row := s.db.SQL.QueryRowContext(ctx, s.db.Query(`SELECT download, size, visible, wasted, files FROM fleet_images WHERE id = ?1`), image)
	if err := row.Scan(&f.Sizes.Download, &f.Sizes.Size, &f.Sizes.Visible, &f.Sizes.Wasted, &f.Files); err != nil {
		return nil, s.failed(err)
	}
	var parts []int64
	err := s.db.Each(ctx, s.db.SQL, func(scan func(...any) error) error {
		var p Part
		var id int64
		err := scan(&id, &p.DiffID, &p.Size, &p.Visible, &p.Wasted, &p.Entries)
		f.Layers, parts = append(f.Layers, p), append(parts, id)
		return err
	}, `SELECT p.id, l.diff_id, p.size, p.visible, p.wasted, p.entries FROM fleet_image_layers i JOIN fleet_parts p ON p.id = i.part JOIN fleet_layers l ON l.id = p.layer
		WHERE i.image = ?1 ORDER BY i.position`, image)
	for i := range parts {
		if err != nil {
			break
		}
		err = s.part(ctx, parts[i], &f.Layers[i])
	}
	return f, s.failed(err)
}

func (s *Store) part(ctx context.Context, id int64, p *Part) error {
	err := s.db.Each(ctx, s.db.SQL, func(scan func(...any) error) error {
		var o OwnerSum
		err := scan(&o.Ecosystem, &o.Name, &o.Version, &o.Visible, &o.Files)
		p.Owners = append(p.Owners, o)
		return err
	}, `SELECT o.ecosystem, o.name, o.version, p.visible, p.files FROM fleet_part_owners p JOIN fleet_owners o ON o.id = p.owner WHERE p.part = ?1`, id)
	if err != nil {
		return err
	}
	return s.db.Each(ctx, s.db.SQL, func(scan func(...any) error) error {
		var w WasteSum
		err := scan(&w.Cause, &w.Bytes, &w.Files)
		p.Wastes = append(p.Wastes, w)
		return err
	}, `SELECT cause, bytes, files FROM fleet_part_wastes WHERE part = ?1`, id)
}

// Usage is what the store holds.
type Usage struct {
	// Rows are the rows of each table, by its name without the prefix.
	Rows map[string]int64
	// Bytes is what the database takes on the disk: all of it for a file, else the tables of
	// the fleet with their indexes.
	Bytes int64
	// Indexes is what the indexes of the layers take of it, and LayerBytes what the layers
	// take in their registries.
	Indexes, LayerBytes int64
}

// tables are all tables, without their prefix.
var tables = []string{"scans", "images", "names", "layers", "blobs", "parts", "owners", "part_owners", "part_wastes", "image_layers", "findings", "image_findings", "workers"}

// Usage counts what the store holds.
func (s *Store) Usage(ctx context.Context) (*Usage, error) {
	u := &Usage{Rows: map[string]int64{}}
	number := func(to *int64, query string) error { return s.db.SQL.QueryRowContext(ctx, query).Scan(to) }
	for _, t := range tables {
		var rows, bytes int64
		if err := number(&rows, `SELECT count(*) FROM fleet_`+t); err != nil {
			return nil, s.failed(err)
		}
		u.Rows[t] = rows
		if s.db.File == "" {
			if err := number(&bytes, `SELECT pg_total_relation_size('fleet_`+t+`')`); err != nil {
				return nil, s.failed(err)
			}
		}
		u.Bytes += bytes
	}
	if s.db.File != "" {
		if err := number(&u.Bytes, `SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()`); err != nil {
			return nil, s.failed(err)
		}
	}
	if err := number(&u.Indexes, `SELECT COALESCE(sum(length(data)), 0) FROM fleet_layers`); err != nil {
		return nil, s.failed(err)
	}
	return u, s.failed(number(&u.LayerBytes, `SELECT COALESCE(sum(size), 0) FROM fleet_blobs WHERE layer IS NOT NULL`))
}
