package chunked

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"

	"whittle.dev/whittle"
)

// maxValue bounds one entry of a document, in bytes.
const maxValue = 16 << 20

// maxPieces bounds the pieces of a file: of 64 KiB each, as writers have them on average,
// they are 32 GiB.
const maxPieces = 1 << 19

// values reads JSON values one after another, none of which may be long.
type values struct {
	dec  *json.Decoder
	from *allowance
}

// allowance is a reader that gives as many bytes as one value may have.
type allowance struct {
	r    io.Reader
	left int64
}

func (a *allowance) Read(p []byte) (int, error) {
	if a.left <= 0 {
		return 0, whittle.ErrLimit.Errorf("an entry of the table of contents or the tar-split has more than %s", whittle.Bytes(maxValue))
	}
	n, err := a.r.Read(p[:min(int64(len(p)), a.left)])
	a.left -= int64(n)
	return n, err
}

func newValues(r io.Reader) *values {
	from := &allowance{r, maxValue}
	return &values{json.NewDecoder(from), from}
}

// decode reads one value. JSON that says something twice, or whose names are in other
// letters, is a contradiction: readers choose differently.
func (v *values) decode(into any, what string) error {
	v.from.left = maxValue
	var raw json.RawMessage
	if err := v.dec.Decode(&raw); err != nil {
		return v.explain(err, what)
	}
	if err := unambiguous(raw, reflect.TypeOf(into).Elem()); err != nil {
		return err
	}
	if err := whittle.ParseJSON(raw, into); err != nil {
		return contradiction("an entry of its %s is wrong: %v", what, err)
	}
	return nil
}

// token reads one token, which is nil at the end.
func (v *values) token(what string) (json.Token, error) {
	v.from.left = maxValue
	t, err := v.dec.Token()
	if errors.Is(err, io.EOF) {
		return nil, nil //nolint:nilnil // the end
	}
	if err != nil {
		return nil, v.explain(err, what)
	}
	return t, nil
}

func (v *values) explain(err error, what string) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return contradiction("its %s is no JSON: %v", what, err)
	}
	return err
}

// unambiguous says whether all readers find the same in an object: each name once, and
// those that are known in their own letters.
func unambiguous(raw []byte, as reflect.Type) error {
	known := map[string]string{}
	for i := range as.NumField() {
		if name, _, _ := strings.Cut(as.Field(i).Tag.Get("json"), ","); name != "" {
			known[strings.ToLower(name)] = name
		}
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	var open []map[string]bool // the names in each object that is open; nil for a list
	wantName := false
	for {
		t, err := dec.Token()
		if err != nil {
			return nil // the text was read once: it is at its end
		}
		d, isDelim := t.(json.Delim)
		if name, ok := t.(string); ok && wantName {
			top := open[len(open)-1]
			if other := known[strings.ToLower(name)]; top[name] || len(open) == 1 && other != "" && other != name {
				return contradiction("an entry of its table of contents or tar-split has %.80q twice, or in other letters", name)
			}
			top[name] = true
			wantName = false
			continue
		}
		switch {
		case isDelim && d == '{':
			open = append(open, map[string]bool{})
		case isDelim && d == '[':
			open = append(open, nil)
		case isDelim:
			open = open[:len(open)-1]
		}
		wantName = len(open) > 0 && open[len(open)-1] != nil
	}
}

// file is an entry of the table of contents with its pieces: a file that is not cut has one.
type file struct {
	entry
	pieces []span
}

// span is a piece of a file: where it is in the layer, and what it is in the file.
type span struct {
	Offset, ChunkOffset, ChunkSize int64
	ChunkDigest, ChunkType         string
}

func spanOf(e *entry) span {
	return span{e.Offset, e.ChunkOffset, e.ChunkSize, e.ChunkDigest, e.ChunkType}
}

// table reads a table of contents entry by entry.
type table struct {
	values
	split string // the tar-split's digest, once the table is read
	ahead *entry // that was read already
	state int
	seen  map[[16]byte]struct{}
}

const tableName = "table of contents"

// The states of a table: before its entries, among them, behind its end.
const (
	before = iota
	among
	behind
)

func newTable(r io.Reader) *table {
	return &table{values: *newValues(r), seen: map[[16]byte]struct{}{}}
}

// again says whether the table has had the path.
func (t *table) again(f *file) bool {
	sum := sha256.Sum256([]byte(clean(f.Name)))
	_, again := t.seen[[16]byte(sum[:])]
	t.seen[[16]byte(sum[:])] = struct{}{}
	return again
}

// next is the next entry; nil at the end.
func (t *table) next() (*file, error) {
	first, err := t.entry()
	if err != nil || first == nil {
		return nil, err
	}
	if first.Type == piece {
		return nil, contradiction("its table of contents has a piece of no file, %.80q", first.Name)
	}
	f := &file{entry: *first, pieces: []span{spanOf(first)}}
	for {
		e, err := t.entry()
		if err != nil {
			return nil, err
		}
		if e == nil || e.Type != piece {
			t.ahead = e
			break
		}
		if e.Name != first.Name || first.Type != regular {
			return nil, contradiction("its table of contents has a piece of %.80q behind %.80q", e.Name, first.Name)
		}
		if len(f.pieces) == maxPieces {
			return nil, whittle.ErrLimit.Errorf("its table of contents has more than %d pieces of %.80q", maxPieces, e.Name)
		}
		f.pieces = append(f.pieces, spanOf(e))
	}
	if len(f.pieces) == 1 && f.pieces[0].ChunkSize == 0 {
		f.pieces[0] = span{Offset: first.Offset, ChunkSize: first.Size}
	}
	return f, nil
}

// entry is the next line of the table; nil at the end.
func (t *table) entry() (*entry, error) {
	if e := t.ahead; e != nil {
		t.ahead = nil
		return e, nil
	}
	if t.state == before {
		if err := t.begin(); err != nil {
			return nil, err
		}
	}
	if t.state == behind {
		return nil, nil //nolint:nilnil // the end
	}
	t.from.left = maxValue
	if t.dec.More() {
		e := &entry{}
		return e, t.decode(e, tableName)
	}
	if _, err := t.token(tableName); err != nil { // the list's end
		return nil, err
	}
	t.state = behind
	return nil, t.fields()
}

// begin reads the table up to its entries.
func (t *table) begin() error {
	start, err := t.token(tableName)
	if err != nil {
		return err
	}
	if start != json.Delim('{') {
		return contradiction("its table of contents is no object")
	}
	return t.fields()
}

// fields reads the table's fields up to its entries, or its end.
func (t *table) fields() error {
	for {
		name, err := t.token(tableName)
		if err != nil {
			return err
		}
		if name == json.Delim('}') {
			t.state = behind
			if rest, err := t.token(tableName); err != nil || rest != nil {
				return contradiction("there is something behind its table of contents")
			}
			return nil
		}
		text, ok := name.(string)
		if !ok {
			return contradiction("its table of contents ends before its end")
		}
		switch known := strings.ToLower(text); {
		case known != text && (known == "entries" || known == "version" || text != "tarSplitDigest" && known == "tarsplitdigest"):
			return contradiction("its table of contents has %.80q in other letters", text)
		case text == "entries":
			if start, err := t.token(tableName); err != nil || t.state != before || start != json.Delim('[') {
				return contradiction("its table of contents has no list of entries, or two")
			}
			t.state = among
			return nil
		default:
			if err := t.field(text); err != nil {
				return err
			}
		}
	}
}

// field reads a field that is no list of entries.
func (t *table) field(name string) error {
	t.from.left = maxValue
	var value any
	if err := t.dec.Decode(&value); err != nil {
		return t.explain(err, tableName)
	}
	switch name {
	case "version":
		if value != float64(version) {
			return contradiction("its table of contents is of the unknown version %.40q", whittle.OneLine(jsonText(value)))
		}
	case "tarSplitDigest":
		text, ok := value.(string)
		if !ok || t.split != "" {
			return contradiction("its table of contents has two tar-splits, or one without a digest")
		}
		t.split = text
	}
	return nil
}

func jsonText(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// segment is a line of a tar-split: https://github.com/vbatts/tar-split
type segment struct {
	Type    int    `json:"type"`
	Name    string `json:"name"`
	NameRaw []byte `json:"name_raw"`
	Size    int64  `json:"size"`
	Payload []byte `json:"payload"` // the bytes of the tar, or a file's CRC-64
}

const (
	fileSegment  = 1
	bytesSegment = 2
)

// split reads a tar-split line by line.
type split struct{ values }

func newSplit(r io.Reader) *split { return &split{*newValues(r)} }

// next is the next segment; nil at the end.
func (s *split) next() (*segment, error) {
	s.from.left = maxValue
	if !s.dec.More() {
		_, err := s.token("tar-split")
		return nil, err
	}
	out := &segment{}
	if err := s.decode(out, "tar-split"); err != nil {
		return nil, err
	}
	if out.Size < 0 {
		return nil, contradiction("its tar-split has a file of %d bytes", out.Size)
	}
	return out, nil
}
