package source

import (
	"encoding/binary"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/python/source/syntax"
)

// sourceVersion is the first byte of a source in binary form.
const sourceVersion = 13

// SourceFormat names the binary form of a [Source]. What keeps sources names
// them by it: those of another form are not read.
const SourceFormat = "s" + string(rune('a'+sourceVersion))

// AppendBinary implements [encoding.BinaryAppender]: a compact form to keep
// beside a layer's index.
func (s *Facts) AppendBinary(b []byte) ([]byte, error) {
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
		w.tries(imp.Tries)
		w.str(imp.In)
		w.list(imp.Found)
	}
	w.int(len(s.Calls))
	for i := range s.Calls {
		c := &s.Calls[i]
		w.str(c.Func)
		w.list(c.Args)
		w.str(c.Text)
		w.int(c.Line)
		w.b = append(w.b, byte(c.Context))
		w.conditions(c.Conditions)
	}
	w.list(s.Names)
	for _, n := range s.NamesAt {
		w.int(n)
	}
	w.b = append(w.b, btob(s.Open), btob(s.OpensOthers), btob(s.AllKnown))
	for _, l := range [][]string{s.Words, s.Prefixes, s.Deleted, s.All, s.Asks} {
		w.list(l)
	}
	w.effects(s)
	w.str(s.Broken)
	w.int(s.BrokenLine)
	w.str(s.Shebang)
	w.str(s.Syntax.Text)
	w.int(s.Syntax.Line)
	w.b = append(w.b, btob(s.Syntax.Unsure))
	w.int(s.Syntax.Needs.Minor)
	w.int(s.Syntax.Needs.Line)
	w.str(s.Syntax.Needs.What)
	return w.b, nil
}

// UnmarshalBinary implements [encoding.BinaryUnmarshaler]. What is no source in
// binary form is [whittle.ErrCorrupt].
func (s *Facts) UnmarshalBinary(b []byte) error {
	r := reader{b: b}
	if r.byte() != sourceVersion {
		return whittle.ErrCorrupt.Errorf("the kept facts of a source have another version")
	}
	*s = Facts{}
	for range r.count() {
		imp := Import{Module: r.str(), Level: r.int(), Line: r.int(), Context: Context(r.byte())}
		named := r.byte() != 0
		if imp.Names = r.list(); named && imp.Names == nil {
			imp.Names = []string{}
		}
		imp.Known = r.list()
		imp.Conditions = r.conditions()
		imp.Tries = r.tries()
		imp.In = r.str()
		imp.Found = r.list()
		s.Imports = append(s.Imports, imp)
	}
	for range r.count() {
		s.Calls = append(s.Calls, Call{Func: r.str(), Args: r.list(), Text: r.str(), Line: r.int(), Context: Context(r.byte()), Conditions: r.conditions()})
	}
	s.Names = r.list()
	for range s.Names {
		s.NamesAt = append(s.NamesAt, r.int())
	}
	s.Open, s.OpensOthers, s.AllKnown = r.byte() != 0, r.byte() != 0, r.byte() != 0
	s.Words, s.Prefixes, s.Deleted, s.All, s.Asks = r.list(), r.list(), r.list(), r.list(), r.list()
	r.effects(s)
	s.Broken, s.BrokenLine, s.Shebang = r.str(), r.int(), r.str()
	s.Syntax = syntax.Result{Text: r.str(), Line: r.int(), Unsure: r.byte() != 0, Needs: syntax.Need{Minor: r.int(), Line: r.int(), What: r.str()}}
	if r.bad || len(r.b) > 0 {
		return whittle.ErrCorrupt.Errorf("the kept facts of a source are damaged")
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

func (w *writer) tries(tries []Try) {
	w.int(len(tries))
	for _, t := range tries {
		w.int(t.Number)
		w.b = append(w.b, byte(t.Part))
	}
}

func (r *reader) tries() (out []Try) {
	for range r.count() {
		out = append(out, Try{Number: r.int(), Part: TryPart(r.byte())})
	}
	return out
}

func (w *writer) effects(s *Facts) {
	w.int(len(s.Effects))
	for i := range s.Effects {
		e := &s.Effects[i]
		w.b = append(w.b, byte(e.Kind), byte(e.Context))
		w.str(e.Text)
		w.str(e.Name)
		w.str(e.In)
		w.int(e.At)
		w.int(e.Line)
		w.conditions(e.Conditions)
		w.tries(e.Tries)
	}
	w.int(len(s.Values))
	for _, v := range s.Values {
		w.str(v.Name)
		w.str(v.Text)
		w.int(v.Line)
		w.b = append(w.b, btob(v.Sure))
	}
}

func (r *reader) effects(s *Facts) {
	for range r.count() {
		s.Effects = append(s.Effects, Effect{Kind: EffectKind(r.byte()), Context: Context(r.byte()), Text: r.str(), Name: r.str(), In: r.str(),
			At: r.int(), Line: r.int(), Conditions: r.conditions(), Tries: r.tries()})
	}
	for range r.count() {
		s.Values = append(s.Values, Value{Name: r.str(), Text: r.str(), Line: r.int(), Sure: r.byte() != 0})
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
