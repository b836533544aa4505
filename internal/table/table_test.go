package table_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"

	"whittle.dev/whittle/internal/table"
)

type line struct {
	Name  string    `parquet:"name,dict"`
	Bytes int64     `parquet:"bytes"`
	At    time.Time `parquet:"at,timestamp(millisecond)"`
	Known bool      `parquet:"known"`
	Most  *int64    `parquet:"most,optional"`
	Took  *float64  `parquet:"took,optional"`
}

func lines(t *rapid.T) []line {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) line {
		l := line{Name: rapid.String().Draw(t, "name"), Bytes: rapid.Int64().Draw(t, "bytes"), Known: rapid.Bool().Draw(t, "known"),
			At: time.UnixMilli(rapid.Int64Range(0, 4_000_000_000_000).Draw(t, "at")).UTC()}
		if rapid.Bool().Draw(t, "has most") {
			n := rapid.Int64().Draw(t, "most")
			l.Most = &n
		}
		if rapid.Bool().Draw(t, "took time") {
			n := rapid.Float64Range(-1e300, 1e300).Draw(t, "took")
			l.Took = &n
		}
		return l
	}), 0, 20).Draw(t, "lines")
}

// TestCSV: any rows come back from the text, read by another reader.
func TestCSV(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := lines(t)
		for i := range rows { // encoding/csv reads CR LF as LF: RFC 4180 has lines end so
			rows[i].Name = string(bytes.ReplaceAll([]byte(rows[i].Name), []byte("\r"), nil))
		}
		var b bytes.Buffer
		if err := table.CSV(&b, rows); err != nil {
			t.Fatal(err)
		}
		all, err := csv.NewReader(&b).ReadAll()
		if err != nil || len(all) != len(rows)+1 || !cmp.Equal(all[0], []string{"name", "bytes", "at", "known", "most", "took"}) {
			t.Fatalf("%q, %v", all, err)
		}
		for i, r := range rows {
			most, took := "", ""
			if r.Most != nil {
				most = strconv.FormatInt(*r.Most, 10)
			}
			if r.Took != nil {
				took = strconv.FormatFloat(*r.Took, 'g', -1, 64)
			}
			if diff := cmp.Diff([]string{r.Name, strconv.FormatInt(r.Bytes, 10), r.At.Format(time.RFC3339Nano), strconv.FormatBool(r.Known), most, took}, all[i+1]); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

// TestParquet: any rows come back from the file.
func TestParquet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := lines(t)
		var b bytes.Buffer
		if err := table.Parquet(&b, rows); err != nil {
			t.Fatal(err)
		}
		got, err := parquet.Read[line](bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			got[i].At = got[i].At.UTC()
		}
		if diff := cmp.Diff(rows, got); diff != "" && len(rows)+len(got) > 0 {
			t.Fatal(diff)
		}
	})
}

// TestParquetElsewhere: another implementation reads the same, with the types of the
// columns. It needs pyarrow in Python.
func TestParquetElsewhere(t *testing.T) {
	if exec.Command("python3", "-c", "import pyarrow").Run() != nil {
		t.Skip("there is no pyarrow: pip install pyarrow")
	}
	most, took := int64(1)<<60, 1.5
	rows := []line{{"a\nü", -1, time.UnixMilli(1_700_000_000_123).UTC(), true, &most, &took}, {"", 1 << 62, time.UnixMilli(0).UTC(), false, nil, nil}}
	file := filepath.Join(t.TempDir(), "x.parquet")
	var b bytes.Buffer
	if err := table.Parquet(&b, rows); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("python3", "-c", `import json, sys, pyarrow.parquet as p
t = p.read_table(sys.argv[1])
print(json.dumps([[str(f.type) for f in t.schema], [[str(v) for v in r.values()] for r in t.to_pylist()]]))`, file).Output()
	if err != nil {
		t.Fatal(err)
	}
	var got [2]json.RawMessage
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		`["string", "int64", "timestamp[ms, tz=UTC]", "bool", "int64", "double"]`,
		`[["a\nü", "-1", "2023-11-14 22:13:20.123000+00:00", "True", "1152921504606846976", "1.5"], ["", "4611686018427387904", "1970-01-01 00:00:00+00:00", "False", "None", "None"]]`,
	} {
		var is, wanted any
		if json.Unmarshal(got[i], &is) != nil || json.Unmarshal([]byte(want), &wanted) != nil || !cmp.Equal(is, wanted) {
			t.Errorf("got %s, want %s", got[i], want)
		}
	}
}
