package history

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/database"
)

// Add keeps a record, whole or not at all, and gives it its ID. A record without a time
// gets the current one.
func (s *Store) Add(ctx context.Context, r *whittle.Record) error {
	at := time.Now()
	if r.Time != "" {
		var err error
		if at, err = time.Parse(time.RFC3339, r.Time); err != nil {
			return whittle.ErrUsage.Errorf("recording %s: %q is no time", r.Ref, r.Time)
		}
	}
	if r.Image == nil {
		return whittle.ErrUsage.Errorf("recording %s: it has no image", r.Ref)
	}
	r.Time = at.UTC().Format(database.Moment)
	if r.Categories == nil {
		r.Categories = []whittle.CategoryRow{}
	}
	if r.Findings == nil {
		r.Findings = []whittle.RecordFinding{}
	}
	packed, err := pack(r)
	if err != nil {
		return fmt.Errorf("recording %s: %w", r.Ref, err)
	}
	return s.db.Failed("writing", s.db.Within(ctx, func(tx *sql.Tx) error { return s.insert(ctx, tx, r, packed) }))
}

func (s *Store) insert(ctx context.Context, tx *sql.Tx, r *whittle.Record, packed []byte) error {
	row := tx.QueryRowContext(ctx, s.db.Query(`INSERT INTO records
		(at, command, project, variant, commit_id, branch, modified, engine, engine_version, ref, digest, platform, download, size, visible, wasted, files, startup, build, gate, runs, parts)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22) RETURNING id`),
		r.Time, r.Command, r.Project, r.Variant, r.Commit, r.Branch, r.Modified, r.Engine.Kind, r.Engine.Version, r.Ref, string(r.Digest), r.Platform,
		r.Sizes.Download, r.Sizes.Size, r.Sizes.Visible, r.Sizes.Wasted, r.Files, r.Startup, r.Build, string(r.Gate), string(r.Runs), packed)
	if err := row.Scan(&r.ID); err != nil {
		return err
	}
	packages := map[whittle.Owner]int64{}
	for _, o := range r.Image.Owners {
		if o.Step == nil { // what is of no package is part of the rest
			packages[o.Owner] += o.Visible
		}
	}
	// In one order everywhere: two writers who insert the same owners do not wait for
	// each other in a circle.
	order := slices.SortedFunc(maps.Keys(packages), func(a, b whittle.Owner) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Ecosystem, b.Ecosystem), cmp.Compare(a.Version, b.Version))
	})
	for some := range slices.Chunk(order, atOnce) {
		if err := s.insertPackages(ctx, tx, r.ID, some, packages); err != nil {
			return err
		}
	}
	return nil
}

// atOnce is how many packages one statement inserts: a database may be far away, and
// takes at most 32,766 arguments (SQLite) or 65,535.
const atOnce = 500

func (s *Store) insertPackages(ctx context.Context, tx *sql.Tx, record int64, owners []whittle.Owner, visible map[whittle.Owner]int64) error {
	var names, sizes []string
	var named, sized []any
	for _, o := range owners {
		n := len(named)
		names, named = append(names, fmt.Sprintf("(?%d, ?%d, ?%d)", n+1, n+2, n+3)), append(named, o.Ecosystem, o.Name, o.Version)
		n = len(sized)
		sizes, sized = append(sizes, fmt.Sprintf("(?%d, ?%d, ?%d, CAST(?%d AS BIGINT))", n+1, n+2, n+3, n+4)), append(sized, o.Ecosystem, o.Name, o.Version, visible[o])
	}
	if _, err := tx.ExecContext(ctx, s.db.Query(`INSERT INTO owners (ecosystem, name, version) VALUES `+strings.Join(names, ", ")+` ON CONFLICT DO NOTHING`), named...); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, s.db.Query(fmt.Sprintf(`WITH given (ecosystem, name, version, visible) AS (VALUES %s)
		INSERT INTO packages (record, owner, visible) SELECT CAST(?%d AS BIGINT), o.id, g.visible
		FROM given g JOIN owners o ON o.name = g.name AND o.ecosystem = g.ecosystem AND o.version = g.version`, strings.Join(sizes, ", "), len(sized)+1)), append(sized, record)...)
	return err
}

// Query selects records. What is empty selects all.
type Query struct {
	Project, Variant, Branch string
	// Commit is a commit's hash, or the beginning of one.
	Commit string
	// Since and Until are times; Until is not included.
	Since, Until time.Time
	// Committed leaves out records without a commit, and of changed files.
	Committed bool
	// Package is the name of a package whose size each row has.
	Package string
	// Last is how many records, the newest ones, 0 for all.
	Last int
}

// List has the records of a query, the newest first, and how many more there are.
func (s *Store) List(ctx context.Context, q Query) (rows []whittle.RecordRow, more int64, err error) {
	where, args := q.where()
	if err = s.db.SQL.QueryRowContext(ctx, s.db.Query(`SELECT count(*) FROM records`+where), args...).Scan(&more); err != nil {
		return nil, 0, s.db.Failed("reading", err)
	}
	text := `SELECT ` + columns + ` FROM records` + where + ` ORDER BY id DESC`
	if q.Last > 0 {
		text += fmt.Sprintf(` LIMIT %d`, q.Last)
	}
	found, err := s.db.SQL.QueryContext(ctx, s.db.Query(text), args...)
	if err != nil {
		return nil, 0, s.db.Failed("reading", err)
	}
	defer found.Close()
	for found.Next() {
		var r whittle.RecordRow
		if err := scan(found, &r); err != nil {
			return nil, 0, s.db.Failed("reading", err)
		}
		rows = append(rows, r)
	}
	if err := found.Err(); err != nil {
		return nil, 0, s.db.Failed("reading", err)
	}
	if q.Package != "" {
		err = s.sizes(ctx, q.Package, rows)
	}
	return rows, more - int64(len(rows)), s.db.Failed("reading", err)
}

// columns are those of a [whittle.RecordRow], in the order of scan.
const columns = `id, at, command, project, variant, commit_id, branch, modified, engine, engine_version, ref, digest, platform, download, size, visible, wasted, files, startup, build, gate, runs`

func scan(from interface{ Scan(to ...any) error }, r *whittle.RecordRow, more ...any) error {
	to := []any{&r.ID, &r.Time, &r.Command, &r.Project, &r.Variant, &r.Commit, &r.Branch, &r.Modified, &r.Engine.Kind, &r.Engine.Version, &r.Ref, &r.Digest, &r.Platform,
		&r.Sizes.Download, &r.Sizes.Size, &r.Sizes.Visible, &r.Sizes.Wasted, &r.Files, &r.Startup, &r.Build, &r.Gate, &r.Runs}
	return from.Scan(append(to, more...)...)
}

// where is the condition of a query, with its arguments.
func (q *Query) where() (text string, args []any) {
	var all []string
	add := func(condition string, arg any) {
		args = append(args, arg)
		all = append(all, strings.ReplaceAll(condition, "?", fmt.Sprintf("?%d", len(args))))
	}
	for column, value := range map[string]string{"project": q.Project, "variant": q.Variant, "branch": q.Branch} {
		if value != "" {
			add(column+" = ?", value)
		}
	}
	if q.Commit != "" {
		add("commit_id >= ?", q.Commit)
		add("commit_id < ?", q.Commit+"g") // behind all hexadecimal digits
	}
	if !q.Since.IsZero() {
		add("at >= ?", q.Since.UTC().Format(database.Moment))
	}
	if !q.Until.IsZero() {
		add("at < ?", q.Until.UTC().Format(database.Moment))
	}
	if q.Committed {
		add("modified = ?", false)
		all = append(all, "commit_id <> ''")
	}
	if len(all) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(all, " AND "), args
}

// sizes adds to rows what each record has of a package, over its versions. The records
// of rows are between the first and the last of them.
func (s *Store) sizes(ctx context.Context, name string, rows []whittle.RecordRow) error {
	if len(rows) == 0 {
		return nil
	}
	found, err := s.db.SQL.QueryContext(ctx, s.db.Query(`SELECT p.record, p.visible FROM owners o JOIN packages p ON p.owner = o.id WHERE o.name = ?1 AND p.record BETWEEN ?2 AND ?3`),
		name, rows[len(rows)-1].ID, rows[0].ID)
	if err != nil {
		return err
	}
	defer found.Close()
	sizes := map[int64]int64{}
	for found.Next() {
		var record, visible int64
		if err := found.Scan(&record, &visible); err != nil {
			return err
		}
		sizes[record] += visible
	}
	for i := range rows {
		n := sizes[rows[i].ID]
		rows[i].Package = &n
	}
	return found.Err()
}

// Get has a record with its parts. It is [whittle.ErrNotFound] if there is none.
func (s *Store) Get(ctx context.Context, id int64) (*whittle.Record, error) {
	r := &whittle.Record{}
	var packed []byte
	err := scan(s.db.SQL.QueryRowContext(ctx, s.db.Query(`SELECT `+columns+`, parts FROM records WHERE id = ?1`), id), &r.RecordRow, &packed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, whittle.WithHint(whittle.ErrNotFound.Errorf("the history in %s has no record %d", s.db.Name, id), "whittle history lists them")
	}
	if err == nil {
		err = unpack(packed, r)
	}
	if err != nil {
		return nil, s.db.Failed("reading", err)
	}
	return r, nil
}

// Retention says which records stay.
type Retention struct {
	// Before is when records are old enough to go; zero spares none by age.
	Before time.Time
	// Keep is how many of each project and variant stay, the newest ones, whatever
	// their age.
	Keep int
	// Try says that nothing is removed.
	Try bool
}

// Prune removes records that a retention does not keep.
func (s *Store) Prune(ctx context.Context, r Retention) (*whittle.Pruned, error) {
	n, err := s.prune(ctx, r)
	if err != nil {
		return nil, s.db.Failed("pruning", err)
	}
	return &whittle.Pruned{Schema: whittle.PruneSchema, Database: s.db.Name, Records: n, DryRun: r.Try}, nil
}

func (s *Store) prune(ctx context.Context, r Retention) (n int64, err error) {
	before := "9999" // sorts behind all times
	if !r.Before.IsZero() {
		before = r.Before.UTC().Format(database.Moment)
	}
	const old = ` FROM records WHERE id IN (
		SELECT id FROM (SELECT id, at, row_number() OVER (PARTITION BY project, variant ORDER BY id DESC) AS newest FROM records) AS numbered
		WHERE newest > ?1 AND at < ?2)`
	err = s.db.Within(ctx, func(tx *sql.Tx) error {
		if r.Try {
			return tx.QueryRowContext(ctx, s.db.Query(`SELECT count(*)`+old), r.Keep, before).Scan(&n)
		}
		done, err := tx.ExecContext(ctx, s.db.Query(`DELETE`+old), r.Keep, before)
		if err != nil {
			return err
		}
		n, err = done.RowsAffected() // owners stay: they are few, and another process may be about to use one
		return err
	})
	if err == nil && n > 0 && !r.Try && s.db.File != "" {
		_, err = s.db.SQL.ExecContext(ctx, `VACUUM`) // gives the file's space back
	}
	return n, err
}
