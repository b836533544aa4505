// Package history keeps records of images over time, in a file (SQLite) or in
// PostgreSQL. It is the one place that knows the tables.
package history

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite" // also the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/codec"
)

//go:embed migrations
var migrations embed.FS

// Store is a history. It may be used by several goroutines, and a database by any
// number of processes.
type Store struct {
	db *sql.DB
	// file is SQLite's, empty for PostgreSQL; name says where the history is, without a
	// password.
	file, name string
}

// busy is how long a write waits for those of other processes, in milliseconds.
const busy = 30_000

// Open opens the history in a file, or the one at postgres://…, and brings its tables up
// to date. A file that does not exist is made, with its folder. A damaged file is moved
// aside, which the error says: the next call begins a new one. [Store.Close] ends it.
func Open(ctx context.Context, where string) (*Store, error) {
	s, err := open(ctx, where)
	if err != nil {
		return nil, err
	}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(s.failed("opening", err), s.db.Close())
	}
	return s, nil
}

func open(ctx context.Context, where string) (*Store, error) {
	if IsURL(where) {
		u, err := url.Parse(where)
		if err != nil {
			return nil, whittle.WithHint(whittle.ErrUsage.Errorf("the address of the history's database cannot be read"), "such as postgres://user@host/database")
		}
		name := redacted(u)
		db, err := sql.Open("pgx", where)
		if err == nil {
			err = db.PingContext(ctx)
		}
		if err != nil {
			return nil, whittle.WithHint(whittle.ErrSystem.Errorf("opening the history in %s: %w", name, err), "check the address, and that the server takes connections")
		}
		return &Store{db: db, name: name}, nil
	}
	if err := os.MkdirAll(filepath.Dir(where), 0o700); err != nil {
		return nil, whittle.ErrSystem.Errorf("opening the history: %w", err)
	}
	if info, err := os.Stat(where); err == nil && !info.Mode().IsRegular() {
		return nil, whittle.ErrUsage.Errorf("opening the history in %s: it is no file", where)
	}
	dsn := url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(where)}).EscapedPath(), RawQuery: url.Values{
		"_pragma": {fmt.Sprintf("busy_timeout(%d)", busy), "journal_mode(wal)", "synchronous(normal)", "foreign_keys(on)"},
		"_txlock": {"immediate"}, // what reads and then writes would else fail at once beside another one
	}.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, whittle.ErrSystem.Errorf("opening the history in %s: %w", where, err)
	}
	return &Store{db: db, file: where, name: where}, nil
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

// IsURL says that a history is in PostgreSQL, and not in a file.
func IsURL(where string) bool {
	return strings.HasPrefix(where, "postgres://") || strings.HasPrefix(where, "postgresql://")
}

// Name says where the history is, without a password.
func (s *Store) Name() string { return s.name }

// Close closes the history.
func (s *Store) Close() error { return s.db.Close() }

// provider has the migrations of the history's database.
func (s *Store) provider() (*goose.Provider, error) {
	dir, dialect := "migrations/postgres", goose.DialectPostgres
	if s.file != "" {
		dir, dialect = "migrations/sqlite", goose.DialectSQLite3
	}
	files, err := fs.Sub(migrations, dir)
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(dialect, s.db, files, goose.WithTableName("whittle_history_version"))
}

// migrate brings the tables up to date. Of two processes, one waits for the other.
func (s *Store) migrate(ctx context.Context) error {
	p, err := s.provider()
	if err != nil {
		return err
	}
	if pending, err := p.HasPending(ctx); err == nil && !pending {
		return s.notNewer(ctx, p)
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if s.file == "" {
		// 7765 and the text are this lock's name alone.
		if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock(7765, hashtext('whittle history'))`); err != nil {
			return err
		}
		defer func() {
			_, _ = conn.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock(7765, hashtext('whittle history'))`) // the end of the connection does it, too
		}()
	} else {
		unlock, err := lock(ctx, s.file+".lock")
		if err != nil {
			return err
		}
		defer unlock()
	}
	_, err = p.Up(ctx)
	return cmp.Or(err, s.notNewer(ctx, p))
}

// lock takes a lock file that other processes wait for. It stays, empty.
func lock(ctx context.Context, name string) (unlock func(), err error) {
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
func (s *Store) notNewer(ctx context.Context, p *goose.Provider) error {
	current, target, err := p.GetVersions(ctx)
	if err == nil && current > target {
		return whittle.WithHint(whittle.ErrUnsupported.Errorf("its tables have version %d, and this whittle knows %d", current, target), "use the whittle that has written them, or a later one")
	}
	return err
}

// failed is the error of what was done to the history. A damaged file is moved aside.
func (s *Store) failed(doing string, err error) error {
	if err == nil {
		return nil
	}
	if s.file != "" && damaged(err) {
		aside := fmt.Sprintf("%s.damaged-%s", s.file, time.Now().UTC().Format("20060102T150405"))
		if moved := os.Rename(s.file, aside); moved == nil {
			for _, of := range []string{"-wal", "-shm"} {
				_ = os.Rename(s.file+of, aside+of) // there may be none
			}
			return whittle.WithHint(whittle.ErrCorrupt.Errorf("%s the history in %s: the file is damaged (%w); it is %s now", doing, s.file, err, aside), "run the command again: it begins a new history; sqlite3's .recover may read the old one")
		}
	}
	if slices.ContainsFunc([]error{whittle.ErrUnsupported, whittle.ErrLimit, whittle.ErrNotFound, whittle.ErrUsage}, func(kind error) bool { return errors.Is(err, kind) }) {
		return fmt.Errorf("%s the history in %s: %w", doing, s.name, err)
	}
	return whittle.ErrSystem.Errorf("%s the history in %s: %w", doing, s.name, err)
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

// query has the placeholders ?1, ?2, … that SQLite reads; PostgreSQL reads $1, $2, ….
func (s *Store) query(text string) string {
	if s.file != "" {
		return text
	}
	return strings.ReplaceAll(text, "?", "$")
}

// rest is what the column parts has.
type rest struct {
	Image      *whittle.Baseline       `json:"image"`
	Categories []whittle.CategoryRow   `json:"categories"`
	Findings   []whittle.RecordFinding `json:"findings"`
}

// maxRest bounds the parts of a record, in bytes of JSON.
const maxRest = 64 << 20

func pack(r *whittle.Record) ([]byte, error) {
	text, err := json.Marshal(rest{r.Image, r.Categories, r.Findings})
	if err != nil {
		return nil, err
	}
	if len(text) > maxRest {
		return nil, whittle.ErrLimit.Errorf("the record of %s has %s of parts, and %s are the most", r.Ref, whittle.Bytes(int64(len(text))), whittle.Bytes(maxRest))
	}
	var b bytes.Buffer
	w, err := codec.NewWriter(&b, codec.Gzip, 6) // zstd is smaller, and its writer takes megabytes to begin
	if err == nil {
		_, err = w.Write(text)
	}
	if err == nil {
		err = w.Close()
	}
	return b.Bytes(), err
}

func unpack(packed []byte, r *whittle.Record) error {
	in, release, err := codec.Decompress(bufio.NewReader(bytes.NewReader(packed)))
	if err != nil {
		return err
	}
	defer release()
	text, err := io.ReadAll(io.LimitReader(in, maxRest+1))
	if err != nil {
		return codec.Error(err)
	}
	if len(text) > maxRest {
		return whittle.ErrLimit.Errorf("the parts of record %d are longer than %s", r.ID, whittle.Bytes(maxRest))
	}
	var parts rest
	if err := json.Unmarshal(text, &parts); err != nil || parts.Image == nil {
		return whittle.ErrCorrupt.Errorf("record %d cannot be read: %w", r.ID, cmp.Or(err, errors.New("it has no image")))
	}
	r.Image, r.Categories, r.Findings = parts.Image, parts.Categories, parts.Findings
	return nil
}
