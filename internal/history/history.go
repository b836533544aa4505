// Package history keeps records of images over time, in a file (SQLite) or in
// PostgreSQL. It is the one place that knows the tables.
package history

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"io"
	"io/fs"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/codec"
	"whittle.dev/whittle/internal/database"
)

//go:embed migrations
var migrations embed.FS

// Store is a history. It may be used by several goroutines, and a database by any
// number of processes.
type Store struct{ db *database.DB }

// Open opens the history in a file, or the one at postgres://…, and brings its tables up
// to date. A file that does not exist is made, with its folder. A damaged file is moved
// aside, which the error says: the next call begins a new one. [Store.Close] ends it.
func Open(ctx context.Context, where string) (*Store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	db, err := database.Open(ctx, where, database.Options{What: "history", Migrations: files, Table: "whittle_history_version"})
	if err != nil {
		return nil, err
	}
	return &Store{db}, nil
}

// Name says where the history is, without a password.
func (s *Store) Name() string { return s.db.Name }

// Close closes the history.
func (s *Store) Close() error { return s.db.Close() }

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
