// Package database opens whittle's own databases: a file (SQLite) or PostgreSQL, with
// tables that are brought up to date. A room that keeps something has its tables and
// queries; what is the same for all of them is here.
package database

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite" // also the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"whittle.dev/whittle"
)

// Options say what a database is for.
type Options struct {
	// What is what messages call it: "history".
	What string
	// Migrations has the folders postgres and sqlite with goose's files, Table is
	// where the version of the tables is kept.
	Migrations fs.FS
	Table      string
	// Also, if not nil, brings further tables up to date, those of a library. It is
	// called after the migrations, by one process at a time.
	Also func(ctx context.Context, db *DB) error
	// One says that a process uses one connection to a file, and waits for itself.
	One bool
}

// DB is an open database. It may be used by several goroutines, and a database by any
// number of processes.
type DB struct {
	// SQL is the database; what is asked of it goes through [DB.Query].
	SQL *sql.DB
	// File is SQLite's, empty for PostgreSQL; Name says where the database is, without
	// a password.
	File, Name string

	address string // of PostgreSQL
	options Options
}

// busy is how long a write waits for those of other processes, in milliseconds.
const busy = 30_000

// Open opens the database in a file, or the one at postgres://…, and brings its tables up
// to date. A file that does not exist is made, with its folder. A damaged file is moved
// aside, which the error says: the next call begins a new one. [DB.Close] ends it.
func Open(ctx context.Context, where string, o Options) (*DB, error) {
	d, err := open(ctx, where, o)
	if err != nil {
		return nil, err
	}
	if err := d.migrate(ctx); err != nil {
		return nil, errors.Join(d.Failed("opening", err), d.Close())
	}
	return d, nil
}

func open(ctx context.Context, where string, o Options) (*DB, error) {
	if IsURL(where) {
		u, err := url.Parse(where)
		if err != nil {
			return nil, whittle.WithHint(whittle.ErrUsage.Errorf("the address of the %s's database cannot be read", o.What), "such as postgres://user@host/database")
		}
		name := redacted(u)
		db, err := sql.Open("pgx", where)
		if err == nil {
			err = db.PingContext(ctx)
		}
		if err != nil {
			return nil, whittle.WithHint(whittle.ErrSystem.Errorf("opening the %s in %s: %w", o.What, name, err), "check the address, and that the server takes connections")
		}
		return &DB{SQL: db, Name: name, address: where, options: o}, nil
	}
	if err := os.MkdirAll(filepath.Dir(where), 0o700); err != nil {
		return nil, whittle.ErrSystem.Errorf("opening the %s: %w", o.What, err)
	}
	if info, err := os.Stat(where); err == nil && !info.Mode().IsRegular() {
		return nil, whittle.ErrUsage.Errorf("opening the %s in %s: it is no file", o.What, where)
	}
	dsn := url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(where)}).EscapedPath(), RawQuery: url.Values{
		"_pragma": {fmt.Sprintf("busy_timeout(%d)", busy), "journal_mode(wal)", "synchronous(normal)", "foreign_keys(on)"},
		"_txlock": {"immediate"}, // what reads and then writes would else fail at once beside another one
	}.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, whittle.ErrSystem.Errorf("opening the %s in %s: %w", o.What, where, err)
	}
	if o.One {
		db.SetMaxOpenConns(1)
	}
	return &DB{SQL: db, File: where, Name: where, options: o}, nil
}

// redacted is an address without its passwords.
func redacted(u *url.URL) string {
	shown := *u
	q := shown.Query()
	for key := range q {
		if strings.Contains(strings.ToLower(key), "password") {
			q.Set(key, "xxxxx") // as [url.URL.Redacted] has it
		}
	}
	shown.RawQuery = q.Encode()
	return shown.Redacted()
}

// IsURL says that a database is in PostgreSQL, and not in a file.
func IsURL(where string) bool {
	return strings.HasPrefix(where, "postgres://") || strings.HasPrefix(where, "postgresql://")
}

// Close closes the database.
func (d *DB) Close() error { return d.SQL.Close() }

// Provider has the migrations.
func (d *DB) Provider() (*goose.Provider, error) {
	dir, dialect := "postgres", goose.DialectPostgres
	if d.File != "" {
		dir, dialect = "sqlite", goose.DialectSQLite3
	}
	files, err := fs.Sub(d.options.Migrations, dir)
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(dialect, d.SQL, files, goose.WithTableName(d.options.Table))
}

// migrate brings the tables up to date. Of two processes, one waits for the other.
func (d *DB) migrate(ctx context.Context) error {
	p, err := d.Provider()
	if err != nil {
		return err
	}
	if pending, err := p.HasPending(ctx); err == nil && !pending && d.options.Also == nil {
		return d.notNewer(ctx, p)
	}
	unlock, err := d.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	_, err = p.Up(ctx)
	if err == nil && d.options.Also != nil {
		err = d.options.Also(ctx, d)
	}
	return cmp.Or(err, d.notNewer(ctx, p))
}

// lock keeps other processes from migrating, too.
func (d *DB) lock(ctx context.Context) (unlock func(), err error) {
	if d.File != "" {
		return lockFile(ctx, d.File+".lock")
	}
	conn, err := d.SQL.Conn(ctx)
	if err != nil {
		return nil, err
	}
	// 7765 and the text are this lock's name alone.
	name := "whittle " + d.options.What
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock(7765, hashtext($1))`, name); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return func() {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock(7765, hashtext($1))`, name) // the end of the connection does it, too
		conn.Close()
	}, nil
}

// lockFile takes a lock file that other processes wait for. It stays, empty.
func lockFile(ctx context.Context, name string) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		free, err := whittle.Lock(f)
		if err != nil || free {
			return func() { f.Close() }, err
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

// notNewer refuses the tables of a later whittle.
func (d *DB) notNewer(ctx context.Context, p *goose.Provider) error {
	current, target, err := p.GetVersions(ctx)
	if err == nil && current > target {
		return whittle.WithHint(whittle.ErrUnsupported.Errorf("its tables have version %d, and this whittle knows %d", current, target), "use the whittle that has written them, or a later one")
	}
	return err
}

// Failed is the error of what was done to a database, nil for nil. A damaged file is moved
// aside.
func (d *DB) Failed(doing string, err error) error {
	if err == nil {
		return nil
	}
	what := d.options.What
	if d.File != "" && damaged(err) {
		aside := fmt.Sprintf("%s.damaged-%s", d.File, time.Now().UTC().Format("20060102T150405"))
		if moved := os.Rename(d.File, aside); moved == nil {
			for _, of := range []string{"-wal", "-shm"} {
				_ = os.Rename(d.File+of, aside+of) // there may be none
			}
			return whittle.WithHint(whittle.ErrCorrupt.Errorf("%s the %s in %s: the file is damaged (%w); it is %s now", doing, what, d.File, err, aside), "run the command again: it begins a new "+what+"; sqlite3's .recover may read the old one")
		}
	}
	if slices.ContainsFunc([]error{whittle.ErrUnsupported, whittle.ErrLimit, whittle.ErrNotFound, whittle.ErrUsage}, func(kind error) bool { return errors.Is(err, kind) }) {
		return fmt.Errorf("%s the %s in %s: %w", doing, what, d.Name, err)
	}
	return whittle.ErrSystem.Errorf("%s the %s in %s: %w", doing, what, d.Name, err)
}

// damaged says that SQLite found its file damaged.
func damaged(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	code := e.Code() & 0xff // the rest says more about it: https://sqlite.org/rescode.html
	return code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB
}

// Query is a query's text with the placeholders ?1, ?2, … that SQLite reads, for this
// database: PostgreSQL reads $1, $2, ….
func (d *DB) Query(text string) string {
	if d.File != "" {
		return text
	}
	return strings.ReplaceAll(text, "?", "$")
}

// Within does something as one transaction.
func (d *DB) Within(ctx context.Context, do func(tx *sql.Tx) error) error {
	tx, err := d.SQL.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// Listener is a pool of connections to PostgreSQL for who waits for its notifications; nil
// for a file. The caller closes it.
func (d *DB) Listener(ctx context.Context) (*pgxpool.Pool, error) {
	if d.File != "" {
		return nil, nil
	}
	config, err := pgxpool.ParseConfig(d.address)
	if err != nil {
		return nil, d.Failed("opening", err)
	}
	config.MinConns, config.MaxConns = 0, 1
	pool, err := pgxpool.NewWithConfig(ctx, config)
	return pool, d.Failed("opening", err)
}
