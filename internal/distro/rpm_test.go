package distro

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// smallDatabase is what rpm made of testdata/small.spec.
func smallDatabase(t testing.TB) []byte {
	t.Helper()
	f, err := os.Open("testdata/rpmdb.sqlite.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// smallHeader is the header of the package in it.
func smallHeader(t testing.TB) []byte {
	t.Helper()
	var header []byte
	err := rpmHeaders(context.Background(), smallDatabase(t), nil, func(h []byte) error { header = bytes.Clone(h); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return header
}

// headerFile is the same as a file: fuzzing instruments SQLite too, which then
// is too slow to fetch it.
func headerFile(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/small.header")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ndbDatabase wraps headers in rpm's own format.
func ndbDatabase(headers ...[]byte) []byte {
	db := make([]byte, ndbSlotPage)
	copy(db, "RpmP")
	le := binary.LittleEndian
	le.PutUint32(db[12:], 1)
	for slot := ndbHeaderSize; slot < ndbSlotPage; slot += ndbSlotSize {
		copy(db[slot:], "Slot")
	}
	for i, h := range headers {
		slot := ndbHeaderSize + i*ndbSlotSize
		le.PutUint32(db[slot+4:], uint32(i+1))
		le.PutUint32(db[slot+8:], uint32(len(db)/ndbBlockSize))
		blob := make([]byte, 16)
		copy(blob, "BlbS")
		le.PutUint32(blob[4:], uint32(i+1))
		le.PutUint32(blob[12:], uint32(len(h)))
		db = append(append(db, blob...), h...)
		db = append(db, make([]byte, (ndbBlockSize-len(db)%ndbBlockSize)%ndbBlockSize)...)
	}
	return db
}

// berkeleyDatabase wraps headers in a Berkeley DB hash with small pages, so
// that values take chains of them.
func berkeleyDatabase(order binary.ByteOrder, headers ...[]byte) []byte {
	const size = 512
	db := make([]byte, 2*size)
	order.PutUint32(db[12:], berkeleyMagic)
	order.PutUint32(db[16:], 9)
	order.PutUint32(db[20:], size)
	db[25] = 8
	hash := func() []byte { return db[size : 2*size] }
	hash()[25] = pageHash
	order.PutUint16(hash()[20:], uint16(2*len(headers)))
	for i, h := range headers {
		at := size - (i+1)*(itemOffPageSize+5)
		order.PutUint16(hash()[pageHeader+4*i:], uint16(at+itemOffPageSize))
		order.PutUint16(hash()[pageHeader+4*i+2:], uint16(at))
		hash()[at] = itemOffPage
		order.PutUint32(hash()[at+4:], uint32(len(db)/size))
		order.PutUint32(hash()[at+8:], uint32(len(h)))
		for len(h) > 0 {
			page := make([]byte, size)
			page[25] = pageOverflow
			n := copy(page[pageHeader:], h)
			order.PutUint16(page[22:], uint16(n))
			if h = h[n:]; len(h) > 0 {
				order.PutUint32(page[16:], uint32(len(db)/size+1))
			}
			db = append(db, page...)
		}
	}
	order.PutUint32(db[32:], uint32(len(db)/size-1))
	return db
}

var smallFiles = imagetest.Root{"usr/bin/small": "x", "usr/bin/sm": "-> small", "usr/share/doc/small/README": "left by another layer"}

// smallRoot is a root with the package's files and a database.
func smallRoot(name string, db []byte) imagetest.Root {
	r := imagetest.Root{name: string(db)}
	for p, c := range smallFiles {
		r[p] = c
	}
	return r
}

// TestRPM reads the same package from each format. It was installed without
// its documentation, so it does not own that.
func TestRPM(t *testing.T) {
	h := smallHeader(t)
	if !bytes.Equal(h, headerFile(t)) {
		t.Error("testdata/small.header is not the header in testdata/rpmdb.sqlite.gz")
	}
	other := bytes.Replace(h, []byte("whittle-small\x00"), []byte("whittle-other\x00"), 1)
	for name, db := range map[string][]byte{
		"usr/lib/sysimage/rpm/rpmdb.sqlite": smallDatabase(t),
		"var/lib/rpm/rpmdb.sqlite":          smallDatabase(t),
		"var/lib/rpm/Packages.db":           ndbDatabase(h, other),
		"usr/lib/sysimage/rpm/Packages":     berkeleyDatabase(binary.LittleEndian, h, other),
		"var/lib/rpm/Packages":              berkeleyDatabase(binary.BigEndian, h, other),
	} {
		want := []owned{{"rpm whittle-small 1:1.2-3", "usr/bin/sm usr/bin/small"}}
		if !strings.HasSuffix(name, "sqlite") {
			want = append(want, owned{"rpm whittle-other 1:1.2-3", "usr/bin/sm usr/bin/small"})
		}
		if diff := cmp.Diff(want, claimsOf(t, smallRoot(name, db))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if !Database(name) {
			t.Errorf("%s is read and not kept", name)
		}
	}
}

// TestRPMLog: what is only in the write-ahead log is read, too.
func TestRPMLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rpmdb.sqlite")
	db := openSQLite(t, file,
		"PRAGMA journal_mode=WAL", "PRAGMA wal_autocheckpoint=0",
		"CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT,blob BLOB NOT NULL)")
	if _, err := db.Exec("INSERT INTO Packages (blob) VALUES (?)", smallHeader(t)); err != nil {
		t.Fatal(err)
	}
	root := imagetest.Root{"usr/bin/small": ""}
	for _, suffix := range []string{"", walSuffix} {
		b, err := os.ReadFile(file + suffix)
		if err != nil {
			t.Fatal(err)
		}
		root["var/lib/rpm/rpmdb.sqlite"+suffix] = string(b)
	}
	if diff := cmp.Diff([]owned{{"rpm whittle-small 1:1.2-3", "usr/bin/small"}}, claimsOf(t, root)); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

func openSQLite(t *testing.T, file string, statements ...string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

// TestRPMHostile: what would crash, hang or fill the memory of a library is
// refused.
func TestRPMHostile(t *testing.T) {
	h := smallHeader(t)
	le := binary.LittleEndian
	change := func(db []byte, f func(db []byte)) []byte { f(db); return db }
	for _, tc := range []struct {
		name string
		db   []byte
		want error
	}{
		{"nothing of the kind", bytes.Repeat([]byte("x"), 1000), whittle.ErrCorrupt},
		{"berkeley: a chain in a circle", change(berkeleyDatabase(le, h), func(db []byte) { le.PutUint32(db[2*512+16:], 2) }), whittle.ErrCorrupt},
		{"berkeley: a chain into a hash page", change(berkeleyDatabase(le, h), func(db []byte) { le.PutUint32(db[2*512+16:], 1) }), whittle.ErrCorrupt},
		{"berkeley: 65,534 entries", change(berkeleyDatabase(le, h), func(db []byte) { le.PutUint16(db[512+20:], 65534) }), whittle.ErrCorrupt},
		{"berkeley: more pages than bytes", change(berkeleyDatabase(le, h), func(db []byte) { le.PutUint32(db[32:], 1<<32-1) }), whittle.ErrCorrupt},
		{"berkeley: encrypted", change(berkeleyDatabase(le, h), func(db []byte) { db[24] = 1 }), whittle.ErrUnsupported},
		{"ndb: a blob of 4 GB", change(ndbDatabase(h), func(db []byte) { le.PutUint32(db[ndbSlotPage+12:], 1<<32-1) }), whittle.ErrCorrupt},
		{"ndb: no slot", change(ndbDatabase(h), func(db []byte) { db[ndbHeaderSize] = 'x' }), whittle.ErrCorrupt},
		{"ndb: another version", change(ndbDatabase(h), func(db []byte) { db[4] = 9 }), whittle.ErrUnsupported},
		{"header: more tags than bytes", ndbDatabase(change(bytes.Clone(h), func(h []byte) { h[1] = 1 })), whittle.ErrCorrupt},
		{"header: empty", ndbDatabase([]byte{}), whittle.ErrCorrupt},
		{"sqlite: cut off", smallDatabase(t)[:20000], whittle.ErrCorrupt},
	} {
		t.Run(tc.name, func(t *testing.T) {
			claims, err := readRPM(context.Background(), newResolver(smallRoot("var/lib/rpm/Packages", tc.db)))
			if !errors.Is(err, tc.want) || len(claims) > 0 {
				t.Errorf("%d claims and error %v, want %v", len(claims), err, tc.want)
			}
		})
	}
}

// TestRPMView: a view named as the table could run without end.
func TestRPMView(t *testing.T) {
	for name, statement := range map[string]string{
		"view":     "CREATE VIEW Packages AS WITH RECURSIVE n(blob) AS (SELECT zeroblob(100) UNION ALL SELECT blob FROM n) SELECT blob FROM n",
		"computed": "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL AS (zeroblob(1000000000)))",
	} {
		file := filepath.Join(t.TempDir(), "rpmdb.sqlite")
		openSQLite(t, file, statement).Close()
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := readRPM(context.Background(), newResolver(smallRoot("var/lib/rpm/rpmdb.sqlite", b))); !errors.Is(err, whittle.ErrUnsupported) {
			t.Errorf("%s: error %v, want unsupported", name, err)
		}
	}
}

func FuzzRPM(f *testing.F) {
	h := headerFile(f)
	f.Add(berkeleyDatabase(binary.LittleEndian, h))
	f.Add(berkeleyDatabase(binary.BigEndian, h))
	f.Add(ndbDatabase(h))
	f.Fuzz(func(t *testing.T, db []byte) {
		if isSQLite(db) {
			return // SQLite is fuzzed by its authors, and is slow here
		}
		_, _ = readRPM(context.Background(), newResolver(smallRoot("var/lib/rpm/Packages", db)))
	})
}

func FuzzRPMHeader(f *testing.F) {
	f.Add(headerFile(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := parseHeader(b)
		if err != nil {
			return
		}
		c, err := (&gatherer{r: newResolver(smallFiles)}).rpmPackage(h)
		if err == nil && len(c.Files) > len(h.texts(tagBaseNames)) {
			t.Errorf("%d files of %d names", len(c.Files), len(h.texts(tagBaseNames)))
		}
	})
}
