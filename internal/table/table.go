// Package table writes rows of figures for other programs: CSV, and Parquet, which
// DuckDB, pandas and spreadsheets read.
package table

import (
	"encoding/csv"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
)

// CSV writes rows with a line of names first (RFC 4180, with LF at the ends of lines).
// T is a struct whose fields have the tag parquet:"NAME": texts, numbers, booleans,
// times, or pointers to them, where nil is empty.
func CSV[T any](w io.Writer, rows []T) error {
	out := csv.NewWriter(w)
	fields := reflect.VisibleFields(reflect.TypeFor[T]())
	line := make([]string, len(fields))
	for i, f := range fields {
		line[i], _, _ = strings.Cut(f.Tag.Get("parquet"), ",")
	}
	if err := out.Write(line); err != nil {
		return err
	}
	for i := range rows {
		row := reflect.ValueOf(&rows[i]).Elem()
		for j := range fields {
			var err error
			if line[j], err = cell(row.Field(j)); err != nil {
				return err
			}
		}
		if err := out.Write(line); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func cell(v reflect.Value) (string, error) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return "", nil
		}
		v = v.Elem()
	}
	switch x := v.Interface().(type) {
	case time.Time:
		return x.UTC().Format(time.RFC3339Nano), nil
	case string:
		return x, nil
	case bool:
		return strconv.FormatBool(x), nil
	case int64:
		return strconv.FormatInt(x, 10), nil
	case float64:
		return strconv.FormatFloat(x, 'g', -1, 64), nil
	}
	return "", fmt.Errorf("a table cannot have a %s", v.Type())
}

// Parquet writes the same rows as Parquet, compressed by zstd.
// https://parquet.apache.org/docs/file-format/
func Parquet[T any](w io.Writer, rows []T) error {
	out := parquet.NewGenericWriter[T](w, parquet.Compression(&parquet.Zstd))
	if _, err := out.Write(rows); err != nil {
		return err
	}
	return out.Close()
}
