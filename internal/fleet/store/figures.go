package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/database"
)

// Figures are what an image is, as an inspection of it says.
type Figures struct {
	Sizes whittle.Sizes
	Files int64
	// Layers are what each layer is in the image, lowest first.
	Layers   []Part
	Findings []Finding
}

// Part is what a layer is in an image.
type Part struct {
	DiffID                         whittle.Digest `json:"-"`
	Size, Visible, Wasted, Entries int64
	// Owners have their visible bytes and files, Wastes what is wasted by cause; both are
	// sorted.
	Owners []OwnerSum
	Wastes []WasteSum
}

// OwnerSum is what an owner has of a layer that is visible.
type OwnerSum struct {
	whittle.Owner
	Visible, Files int64
}

// WasteSum is what is wasted of a layer for one cause.
type WasteSum struct {
	Cause        string
	Bytes, Files int64
}

// Finding is a finding in an image. Layer has most of what it would remove, -1 if it is about
// none.
type Finding struct {
	Fingerprint, Rule, Message, Advice string
	Layer                              int
	Saving                             whittle.Saving
	Breaks                             bool
}

// digest identifies a part by all that it says.
func (p *Part) digest() (string, error) {
	text, err := json.Marshal(p)
	return fmt.Sprintf("%s:%x", p.DiffID, sha256.Sum256(text)), err
}

// PutFigures keeps the figures of an image that waits for them. To do it again changes
// nothing.
func (s *Store) PutFigures(ctx context.Context, tx *sql.Tx, image int64, f *Figures) error {
	parts, err := s.putParts(ctx, tx, f.Layers)
	if err != nil {
		return err
	}
	for i, part := range parts {
		if err := s.db.Exec(ctx, tx, `UPDATE fleet_image_layers SET part = ?3 WHERE image = ?1 AND position = ?2`, image, i, part); err != nil {
			return err
		}
	}
	if err := s.putFindings(ctx, tx, image, f); err != nil {
		return err
	}
	return s.db.Exec(ctx, tx, `UPDATE fleet_images SET state = '`+done+`', version = ?2, download = ?3, size = ?4, visible = ?5, wasted = ?6, files = ?7 WHERE id = ?1`,
		image, s.version, f.Sizes.Download, f.Sizes.Size, f.Sizes.Visible, f.Sizes.Wasted, f.Files)
}

// putParts has the parts' identities; those that are not there yet are added.
func (s *Store) putParts(ctx context.Context, tx *sql.Tx, parts []Part) ([]int64, error) {
	digests, byDigest := make([]string, len(parts)), map[string]*Part{}
	for i := range parts {
		d, err := parts[i].digest()
		if err != nil {
			return nil, err
		}
		digests[i], byDigest[d] = d, &parts[i]
	}
	order := slices.Compact(slices.Sorted(slices.Values(digests)))
	ids, err := s.identities(ctx, tx, `SELECT digest, id FROM fleet_parts WHERE digest`, order)
	if err != nil {
		return nil, err
	}
	var fresh []string
	for _, d := range order {
		if _, known := ids[d]; !known {
			fresh = append(fresh, d)
		}
	}
	owners, err := s.putOwners(ctx, tx, fresh, byDigest)
	if err != nil {
		return nil, err
	}
	for _, d := range fresh {
		if ids[d], err = s.putPart(ctx, tx, d, byDigest[d], owners); err != nil {
			return nil, err
		}
	}
	out := make([]int64, len(parts))
	for i, d := range digests {
		out[i] = ids[d]
	}
	return out, nil
}

// identities finds rows by a text.
func (s *Store) identities(ctx context.Context, tx *sql.Tx, query string, texts []string) (map[string]int64, error) {
	out := map[string]int64{}
	for some := range slices.Chunk(texts, database.AtOnce) {
		var args []any
		for _, t := range some {
			args = append(args, t)
		}
		err := s.db.Each(ctx, tx, func(scan func(...any) error) error {
			var text string
			var id int64
			err := scan(&text, &id)
			out[text] = id
			return err
		}, query+` IN (`+marks(len(some), 0)+`)`, args...)
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// putOwners has the identities of the owners of parts; those that are not there are added.
func (s *Store) putOwners(ctx context.Context, tx *sql.Tx, fresh []string, parts map[string]*Part) (map[whittle.Owner]int64, error) {
	var owners []whittle.Owner
	for _, d := range fresh {
		for _, o := range parts[d].Owners {
			owners = append(owners, o.Owner)
		}
	}
	slices.SortFunc(owners, byName)
	owners = slices.Compact(owners)
	out := map[whittle.Owner]int64{}
	for some := range slices.Chunk(owners, database.AtOnce) {
		if err := findOwners(ctx, s, tx, some, out); err != nil {
			return nil, err
		}
		unknown := slices.DeleteFunc(slices.Clone(some), func(o whittle.Owner) bool { return out[o] != 0 })
		if len(unknown) == 0 {
			continue
		}
		var rows [][]any
		for _, o := range unknown {
			rows = append(rows, []any{o.Ecosystem, o.Name, o.Version})
		}
		if err := s.db.Insert(ctx, tx, `INSERT INTO fleet_owners (ecosystem, name, version)`, rows, `ON CONFLICT DO NOTHING`); err != nil {
			return nil, err
		}
		if err := findOwners(ctx, s, tx, unknown, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// findOwners adds the identities of those owners that are there: of these alone, since a package
// may have a thousand versions.
func findOwners(ctx context.Context, s *Store, tx *sql.Tx, owners []whittle.Owner, to map[whittle.Owner]int64) error {
	var args []any
	var rows []string
	for i, o := range owners {
		args, rows = append(args, o.Name, o.Ecosystem, o.Version), append(rows, "("+marks(3, 3*i)+")")
	}
	return s.db.Each(ctx, tx, func(scan func(...any) error) error {
		var o whittle.Owner
		var id int64
		err := scan(&o.Ecosystem, &o.Name, &o.Version, &id)
		to[o] = id
		return err
	}, `SELECT ecosystem, name, version, id FROM fleet_owners WHERE (name, ecosystem, version) IN (VALUES `+strings.Join(rows, ", ")+`)`, args...)
}

func byName(a, b whittle.Owner) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Ecosystem, b.Ecosystem), cmp.Compare(a.Version, b.Version))
}

// putPart adds a part. If another process adds the same one at the same time, it waits for it
// and takes that one.
func (s *Store) putPart(ctx context.Context, tx *sql.Tx, digest string, p *Part, owners map[whittle.Owner]int64) (id int64, err error) {
	done, err := tx.ExecContext(ctx, s.db.Query(`INSERT INTO fleet_parts (digest, layer, size, visible, wasted, entries)
		SELECT CAST(?1 AS TEXT), id, CAST(?3 AS BIGINT), CAST(?4 AS BIGINT), CAST(?5 AS BIGINT), CAST(?6 AS BIGINT) FROM fleet_layers WHERE diff_id = ?2 ON CONFLICT (digest) DO NOTHING`),
		digest, string(p.DiffID), p.Size, p.Visible, p.Wasted, p.Entries)
	if err != nil {
		return 0, err
	}
	if err := tx.QueryRowContext(ctx, s.db.Query(`SELECT id FROM fleet_parts WHERE digest = ?1`), digest).Scan(&id); err != nil {
		return 0, err
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return id, err
	}
	var rows [][]any
	for _, o := range p.Owners {
		rows = append(rows, []any{id, owners[o.Owner], o.Visible, o.Files})
	}
	if err := s.db.Insert(ctx, tx, `INSERT INTO fleet_part_owners (part, owner, visible, files)`, rows, ""); err != nil {
		return 0, err
	}
	rows = nil
	for _, w := range p.Wastes {
		rows = append(rows, []any{id, w.Cause, w.Bytes, w.Files})
	}
	return id, s.db.Insert(ctx, tx, `INSERT INTO fleet_part_wastes (part, cause, bytes, files)`, rows, "")
}

func (s *Store) putFindings(ctx context.Context, tx *sql.Tx, image int64, f *Figures) error {
	if err := s.db.Exec(ctx, tx, `DELETE FROM fleet_image_findings WHERE image = ?1`, image); err != nil {
		return err
	}
	found := slices.Clone(f.Findings)
	slices.SortStableFunc(found, func(a, b Finding) int { return cmp.Compare(a.Fingerprint, b.Fingerprint) })
	found = slices.CompactFunc(found, func(a, b Finding) bool { return a.Fingerprint == b.Fingerprint })
	var rows [][]any
	var prints []string
	for _, x := range found {
		rows = append(rows, []any{x.Fingerprint, x.Rule, x.Message, x.Advice})
		prints = append(prints, x.Fingerprint)
	}
	if err := s.db.Insert(ctx, tx, `INSERT INTO fleet_findings (fingerprint, rule, message, advice)`, rows, `ON CONFLICT DO NOTHING`); err != nil {
		return err
	}
	ids, err := s.identities(ctx, tx, `SELECT fingerprint, id FROM fleet_findings WHERE fingerprint`, prints)
	if err != nil {
		return err
	}
	layers, err := s.identities(ctx, tx, `SELECT diff_id, id FROM fleet_layers WHERE diff_id`, layersOf(f))
	if err != nil {
		return err
	}
	rows = nil
	for _, x := range found {
		var layer any
		if x.Layer >= 0 && x.Layer < len(f.Layers) {
			layer = layers[string(f.Layers[x.Layer].DiffID)]
		}
		rows = append(rows, []any{image, ids[x.Fingerprint], layer, x.Saving.Low, x.Saving.High, x.Breaks})
	}
	return s.db.Insert(ctx, tx, `INSERT INTO fleet_image_findings (image, finding, layer, low, high, breaks)`, rows, "")
}

func layersOf(f *Figures) (out []string) {
	for _, p := range f.Layers {
		out = append(out, string(p.DiffID))
	}
	return out
}
