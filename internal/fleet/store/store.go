// Package store keeps what is known of many images in a database: names, images, layers and
// what was read of each, once for all images that have it. It is the one place that knows the
// tables, but for those of the queue.
package store

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/codec"
	"whittle.dev/whittle/internal/database"
)

//go:embed migrations
var migrations embed.FS

// Store is the database of a fleet. It may be used by several goroutines, and a database by
// any number of processes.
type Store struct {
	db *database.DB
	// version is that of the indexes which count as read.
	version string
}

// Options say how a store is opened.
type Options struct {
	// Version is that of the indexes: what another version has read is read anew.
	Version string
	// Queue brings the tables of the queue up to date.
	Queue func(ctx context.Context, db *database.DB) error
}

// Open opens the store in a file, or the one at postgres://…, and brings its tables up to
// date, as [database.Open] does. [Store.Close] ends it.
func Open(ctx context.Context, where string, o Options) (*Store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	db, err := database.Open(ctx, where, database.Options{What: "fleet", Migrations: files, Table: "whittle_fleet_version", One: true,
		Also: o.Queue})
	if err != nil {
		return nil, err
	}
	return &Store{db: db, version: o.Version}, nil
}

// Close closes the store.
func (s *Store) Close() error { return s.db.Close() }

// Database is where the store is: the queue is there, too.
func (s *Store) Database() *database.DB { return s.db }

// Within does something as one transaction.
func (s *Store) Within(ctx context.Context, do func(tx *sql.Tx) error) error {
	return s.db.Failed("writing", s.db.Within(ctx, do))
}

// failed is the error of reading the store.
func (s *Store) failed(err error) error { return s.db.Failed("reading", err) }

// all has the rows of a query that has one column.
func all[T any](ctx context.Context, s *Store, of database.Asked, query string, args ...any) (out []T, err error) {
	err = s.db.Each(ctx, of, func(scan func(...any) error) error {
		var v T
		err := scan(&v)
		out = append(out, v)
		return err
	}, query, args...)
	return out, err
}

// marks are placeholders for n arguments behind those that there are.
func marks(n, after int) string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("?%d", after+i+1))
	}
	return strings.Join(out, ", ")
}

// maxUnpacked bounds what a column unpacks to, in bytes: no index within the default limits
// is as large.
const maxUnpacked = 1 << 30

func unpack(packed []byte, what string) ([]byte, error) {
	in, release, err := codec.Decompress(bufio.NewReader(bytes.NewReader(packed)))
	if err != nil {
		return nil, whittle.ErrCorrupt.Errorf("%s cannot be read: %w", what, err)
	}
	defer release()
	content, err := io.ReadAll(io.LimitReader(in, maxUnpacked+1))
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", what, codec.Error(err))
	}
	if len(content) > maxUnpacked {
		return nil, whittle.ErrLimit.Errorf("%s is longer than %s", what, whittle.Bytes(maxUnpacked))
	}
	return content, nil
}

func now() string { return time.Now().UTC().Format(database.Moment) }
