// Package byname knows which libraries load others by a name in a string, which
// no import statement of the application shows: the drivers of databases, the
// engines of tables, the backends of caches. It has the table of them, and finds
// the words of a text that ask for it.
package byname

import (
	_ "embed"
	"iter"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// table is made by scripts/by-name of scripts/by-name.txt: library, what it
// loads, words, source.
//
//go:embed table.tsv
var table string

// Row says that a library loads another distribution if that is installed.
type Row struct {
	// Host and Name are the distributions, normalized. The host "python" is the
	// standard library.
	Host, Name string
	// Words ask for it: names of Python, and schemes of addresses ("s3://"). It
	// is enough that a text has one. Without words any use of the host may, as no
	// text decides it: an address in the environment, the extension of a file.
	Words []string
	// Source is where that is said: the library, its version and the file, or a
	// page of its documentation.
	Source string
}

// rows is the table, read once: its rows in their order, and by host and name.
var rows = sync.OnceValue(func() (out struct {
	all     []Row
	between map[[2]string][]Row
}) {
	out.between = map[[2]string][]Row{}
	for line := range strings.Lines(table) {
		if r, ok := parseRow(line); ok {
			key := [2]string{r.Host, r.Name}
			out.all, out.between[key] = append(out.all, r), append(out.between[key], r)
		}
	}
	return out
})

// Rows are the rows of the table, in its order.
func Rows() iter.Seq[Row] { return slices.Values(rows().all) }

// parseRow reads a line of the table.
func parseRow(line string) (Row, bool) {
	cells := strings.Split(strings.TrimRight(line, "\n"), "\t")
	if len(cells) != 4 {
		return Row{}, false
	}
	r := Row{Host: cells[0], Name: cells[1], Source: cells[3]}
	if cells[2] != "-" {
		r.Words = strings.Fields(cells[2])
	}
	return r, true
}

// Pattern matches a text that has one of the words; it is nil if there are none.
func (r *Row) Pattern() *regexp.Regexp {
	if len(r.Words) == 0 {
		return nil
	}
	var parts []string
	for _, w := range r.Words {
		if scheme, ok := strings.CutSuffix(w, "://"); ok {
			parts = append(parts, scheme+`(\+\w+)?://`)
		} else {
			parts = append(parts, w+`\b`)
		}
	}
	return regexp.MustCompile(`\b(` + strings.Join(parts, "|") + `)`)
}

// Between are the rows by which one distribution loads another.
func Between(host, name string) []Row { return rows().between[[2]string{host, name}] }

// Drivers are the distributions that a library loads for an address whose scheme
// names no driver: of "postgresql" for SQLAlchemy psycopg2 and psycopg2-binary.
func Drivers(host, scheme string) (out []string) {
	for r := range Rows() {
		for _, w := range r.Words {
			if r.Host == host && w == scheme+"://" {
				out = append(out, r.Name)
			}
		}
	}
	return out
}
