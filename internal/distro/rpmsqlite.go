package distro

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"regexp"

	"modernc.org/sqlite"

	"whittle.dev/whittle"
)

// walSuffix marks SQLite's write-ahead log, beside a database that was not
// closed.
const walSuffix = "-wal"

// packagesTable is what rpm creates. Anything else of that name (a view, a
// virtual table, computed columns) could make a query run code or without end.
var packagesTable = regexp.MustCompile(`(?i)^\s*create\s+table\s+['"\x60]?packages['"\x60]?\s*\(\s*hnum\s+integer\s+primary\s+key(\s+autoincrement)?\s*,\s*blob\s+blob\s+not\s+null\s*\)\s*$`)

func isSQLite(data []byte) bool { return bytes.HasPrefix(data, []byte("SQLite format 3\x00")) }

// sqliteHeaders calls each with every row's blob. SQLite reads files only, so
// the database is copied out for it.
func sqliteHeaders(ctx context.Context, data, wal []byte, each func(header []byte) error) (err error) {
	dir, err := os.MkdirTemp("", "whittle-rpm-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "rpmdb.sqlite")
	err = os.WriteFile(file, data, 0o600)
	if err == nil && len(wal) > 0 {
		err = os.WriteFile(file+walSuffix, wal, 0o600)
	}
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite", file)
	if err != nil {
		return err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return whittle.ErrCorrupt.Of(err)
	}
	defer conn.Close()
	defer func() {
		// SQLite here is C translated to Go: what would be a crash is a panic.
		if p := recover(); p != nil {
			err = whittle.ErrCorrupt.Errorf("it is damaged (%v)", p)
		}
	}()
	return sqliteRows(ctx, conn, int64(len(data)+len(wal)), each)
}

// sqliteRows reads the rows of a database of so many bytes.
func sqliteRows(ctx context.Context, conn *sql.Conn, size int64, each func(header []byte) error) error {
	const limitLength = 0 // SQLITE_LIMIT_LENGTH: no value is longer than the file
	if _, err := sqlite.Limit(conn, limitLength, int(size)); err != nil {
		return err
	}
	var kind, text string
	err := conn.QueryRowContext(ctx, "SELECT type, sql FROM sqlite_schema WHERE name = 'Packages' COLLATE NOCASE").Scan(&kind, &text)
	if err != nil {
		return corrupt(ctx, err)
	}
	if kind != "table" || !packagesTable.MatchString(text) {
		return whittle.ErrUnsupported.Errorf("its Packages is not rpm's table but %.80q", text)
	}
	rows, err := conn.QueryContext(ctx, "SELECT blob FROM Packages")
	if err != nil {
		return corrupt(ctx, err)
	}
	defer rows.Close()
	total := int64(0)
	for rows.Next() {
		var header sql.RawBytes
		if err := rows.Scan(&header); err != nil {
			return corrupt(ctx, err)
		}
		if total += int64(len(header)); total > size {
			return whittle.ErrCorrupt.Errorf("its rows are larger than its %d bytes", size)
		}
		if err := each(header); err != nil {
			return err
		}
	}
	return corrupt(ctx, rows.Err())
}

// corrupt says that SQLite could not read a database, unless it was stopped.
func corrupt(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	return whittle.ErrCorrupt.Of(err)
}
