package python

import (
	"encoding/binary"
	"fmt"

	"whittle"
)

// sourceVersion is the first byte of a source in binary form.
const sourceVersion = 3

// AppendBinary implements [encoding.BinaryAppender]: a compact form to keep
// beside a layer's index.
func (s *Source) AppendBinary(b []byte) ([]byte, error) {
	w := writer{append(b, sourceVersion)}
	w.int(len(s.Imports))
	for i := range s.Imports {
		imp := &s.Imports[i]
		w.str(imp.Module)
		w.int(imp.Level)
		w.int(imp.Line)
		w.b = append(w.b, byte(imp.Context), btob(imp.Names != nil))
		w.list(imp.Names)
		w.list(imp.Known)
		w.conditions(imp.Conditions)
		w.int(len(imp.Tries))
		for _, t := range imp.Tries {
			w.int(t.Number)
			w.b = append(w.b, byte(t.Part))
		}
	}
	w.int(len(s.Calls))
	for i := range s.Calls {
		c := &s.Calls[i]
		w.str(c.Func)
		w.list(c.Args)
		w.int(c.Line)
		w.b = append(w.b, byte(c.Context))
		w.conditions(c.Conditions)
	}
	w.list(s.Names)
	w.b = append(w.b, btob(s.Open))
	w.str(s.Broken)
	w.int(s.BrokenLine)
	w.str(s.Shebang)
	return w.b, nil
}

// UnmarshalBinary implements [encoding.BinaryUnmarshaler]. What is no source in
// binary form is [whittle.ErrCorrupt].
func (s *Source) UnmarshalBinary(b []byte) error {
	r := reader{b: b}
	if r.byte() != sourceVersion {
		return fmt.Errorf("a kept source of another version: %w", whittle.ErrCorrupt)
	}
	*s = Source{}
	for range r.count() {
		imp := Import{Module: r.str(), Level: r.int(), Line: r.int(), Context: Context(r.byte())}
		named := r.byte() != 0
		if imp.Names = r.list(); named && imp.Names == nil {
			imp.Names = []string{}
		}
		imp.Known = r.list()
		imp.Conditions = r.conditions()
		for range r.count() {
			imp.Tries = append(imp.Tries, Try{Number: r.int(), Part: TryPart(r.byte())})
		}
		s.Imports = append(s.Imports, imp)
	}
	for range r.count() {
		s.Calls = append(s.Calls, Call{Func: r.str(), Args: r.list(), Line: r.int(), Context: Context(r.byte()), Conditions: r.conditions()})
	}
	s.Names = r.list()
	s.Open = r.byte() != 0
	s.Broken, s.BrokenLine, s.Shebang = r.str(), r.int(), r.str()
	if r.bad || len(r.b) > 0 {
		return fmt.Errorf("a damaged kept source: %w", whittle.ErrCorrupt)
	}
	return nil
}

func btob(b bool) byte {
	if b {
		return 1
	}
	return 0
}

type writer struct{ b []byte }

func (w *writer) int(n int) { w.b = binary.AppendUvarint(w.b, uint64(n)) }

func (w *writer) str(s string) {
	w.int(len(s))
	w.b = append(w.b, s...)
}

func (w *writer) list(l []string) {
	w.int(len(l))
	for _, s := range l {
		w.str(s)
	}
}

func (w *writer) conditions(l []Condition) {
	w.int(len(l))
	for _, c := range l {
		w.str(c.Text)
		w.b = append(w.b, btob(c.Not))
	}
}

// reader reads the binary form; once bad, it gives zero values.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) int() int {
	n, size := binary.Uvarint(r.b)
	if size <= 0 || n > 1<<40 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[size:]
	return int(n)
}

// count is the number of things that follow, each of at least one byte.
func (r *reader) count() int {
	n := r.int()
	if n > len(r.b) {
		r.bad, r.b = true, nil
		return 0
	}
	return n
}

func (r *reader) str() string {
	n := r.count()
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func (r *reader) list() []string {
	var out []string
	for range r.count() {
		if r.bad {
			return nil
		}
		out = append(out, r.str())
	}
	return out
}

func (r *reader) conditions() []Condition {
	var out []Condition
	for range r.count() {
		if r.bad {
			return nil
		}
		out = append(out, Condition{Text: r.str(), Not: r.byte() != 0})
	}
	return out
}
