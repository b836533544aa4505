package database

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// Asked is what a query goes to: a database, or a transaction of it.
type Asked interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Each calls do for the rows of a query. do scans a row.
func (d *DB) Each(ctx context.Context, of Asked, do func(scan func(to ...any) error) error, query string, args ...any) error {
	rows, err := of.QueryContext(ctx, d.Query(query), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Exec executes a statement.
func (d *DB) Exec(ctx context.Context, of Asked, statement string, args ...any) error {
	_, err := of.ExecContext(ctx, d.Query(statement), args...)
	return err
}

// AtOnce is how many rows one statement inserts or looks for: a database may be far away, and
// takes at most 32,766 arguments (SQLite) or 65,535.
const AtOnce = 500

// Insert inserts rows, many with one statement: "INSERT INTO t (a, b)", the values, "ON
// CONFLICT …".
func (d *DB) Insert(ctx context.Context, of Asked, into string, rows [][]any, conflict string) error {
	for len(rows) > 0 {
		some := rows[:min(len(rows), AtOnce)]
		rows = rows[len(some):]
		var args []any
		var values []string
		for _, row := range some {
			var marks []string
			for _, v := range row {
				args = append(args, v)
				marks = append(marks, fmt.Sprintf("?%d", len(args)))
			}
			values = append(values, "("+strings.Join(marks, ", ")+")")
		}
		if err := d.Exec(ctx, of, into+" VALUES "+strings.Join(values, ", ")+" "+conflict, args...); err != nil {
			return err
		}
	}
	return nil
}

// Clock is an expression for the time of the database, in milliseconds: those of its clients
// may differ.
func (d *DB) Clock() string {
	if d.File != "" {
		return `CAST((julianday('now') - 2440587.5) * 86400000 AS BIGINT)`
	}
	return `CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)`
}

// Moment is how columns have a time: RFC 3339 in UTC with milliseconds, so that texts sort as
// times.
const Moment = "2006-01-02T15:04:05.000Z"
