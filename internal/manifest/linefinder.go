package manifest

import (
	"bytes"
	"sort"
	"strings"
)

// newlines are the offsets of a text's line ends.
type newlines []int

func newlinesOf(text string) newlines {
	var out newlines
	for at := 0; ; at++ {
		i := strings.IndexByte(text[at:], '\n')
		if i < 0 {
			return out
		}
		at += i
		out = append(out, at)
	}
}

// line is the line of an offset, from 1.
func (n newlines) line(offset int) int { return 1 + sort.SearchInts(n, offset) }

// lineFinder finds the lines of values in a TOML file by their text. It reads
// the file once, however many values are looked for.
type lineFinder struct {
	src []byte
	// Where sections are mentioned first.
	sections map[string]int
	// quoted has, by the text behind a quote up to the next one, where in places
	// the first of that text is. Nil before anyone asks.
	quoted map[string]int32
	places []quotedPlace
	ends   newlines
	// asked are the answers so far.
	asked map[[2]string]int
	// keys are the lines of keys by their tables, nil before anyone asks.
	keys map[string]map[string]int
}

// maxSections bounds how many sections are looked for in the whole file; those
// after them are taken to begin with it.
const maxSections = 100

// maxQuoted bounds the texts that are looked for, in bytes: no requirement is
// longer.
const maxQuoted = 64 << 10

func newLineFinder(src []byte) *lineFinder {
	return &lineFinder{src: src, sections: map[string]int{}, asked: map[[2]string]int{}}
}

// quotedPlace is where a text is, and in the list of places the next of the
// same text, -1 for none.
type quotedPlace struct{ at, next int32 }

// line is the line of a string after the first mention of its section.
func (f *lineFinder) line(section, text string) int {
	n, ok := f.asked[[2]string{section, text}]
	if !ok {
		n = f.find(f.section(section), text)
		f.asked[[2]string{section, text}] = n
	}
	return n
}

func (f *lineFinder) find(from int, text string) int {
	if f.quoted == nil {
		f.readQuoted()
	}
	for _, q := range []string{`"`, `'`} {
		first, ok := f.quoted[q+text]
		if !ok {
			continue
		}
		for i := first; i >= 0; i = f.places[i].next {
			if at := int(f.places[i].at); at >= from {
				return f.ends.line(at)
			}
		}
		return f.ends.line(int(f.places[first].at))
	}
	return 0
}

func (f *lineFinder) section(name string) int {
	at, ok := f.sections[name]
	if !ok && len(f.sections) < maxSections {
		at = max(bytes.Index(f.src, []byte(name)), 0)
		f.sections[name] = at
	}
	return at
}

// readQuoted notes where the texts between quotes are, from the end of the
// file to its begin.
func (f *lineFinder) readQuoted() {
	text := string(f.src)
	f.ends, f.quoted = newlinesOf(text), map[string]int32{}
	for _, q := range []byte{'"', '\''} {
		end := -1 // the quote after this one
		for at := strings.LastIndexByte(text, q); at >= 0; at = strings.LastIndexByte(text[:at], q) {
			if end-at > 1 && end-at < maxQuoted {
				later, ok := f.quoted[text[at:end]]
				if !ok {
					later = -1
				}
				f.quoted[text[at:end]] = int32(len(f.places))
				f.places = append(f.places, quotedPlace{int32(at), later})
			}
			end = at
		}
	}
}

// key is the line of a key of a table, 0 where it is not there.
func (f *lineFinder) key(section, name string) int {
	if f.keys == nil {
		f.readKeys()
	}
	return f.keys[section][name]
}

func (f *lineFinder) readKeys() {
	f.keys = map[string]map[string]int{}
	var in map[string]int
	n := 0
	for line := range strings.Lines(string(f.src)) {
		n++
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section := strings.Trim(line, "[] ")
			if in = f.keys[section]; in == nil {
				in = map[string]int{}
				f.keys[section] = in
			}
			continue
		}
		if in == nil {
			continue
		}
		k, _, _ := strings.Cut(line, "=")
		if k = strings.Trim(k, ` "'`); in[k] == 0 {
			in[k] = n
		}
	}
}
