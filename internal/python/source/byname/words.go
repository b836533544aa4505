package byname

import (
	"bytes"
	"slices"
	"strings"
	"sync"

	"whittle.dev/whittle/internal/python/source/search"
)

// The words that [Words] gives besides those of the table.
const (
	// Group, and a name after it, is a string of a text that looks for entry points:
	// it may be their group.
	Group = "group "
	// Made, and a name after it, is an object whose attribute is asked for by a
	// name that is made at run time: getattr(pd, name). The name is empty where
	// the object is an expression.
	Made = "made "
)

// maxWords bounds the groups and the objects of one text, maxGroup the length of a
// group in bytes.
const (
	maxWords = 256
	maxGroup = 64
)

// vocabulary are the words of the table, and a filter of them by the first two and
// the last byte.
type vocabulary struct {
	words  map[string]bool
	filter [1 << 12]bool
	// longest is the length of the longest word, in bytes.
	longest int
}

var words = sync.OnceValue(newVocabulary)

func newVocabulary() *vocabulary {
	v := &vocabulary{words: map[string]bool{}}
	for r := range Rows() {
		for _, w := range r.Words {
			v.words[w] = true
			name := strings.TrimSuffix(w, "://")
			v.filter[key([]byte(name))] = true
			v.longest = max(v.longest, len(name))
		}
	}
	return v
}

// key mixes what tells most words apart. The word is not empty.
func key(w []byte) int {
	return (int(w[0])*31 + int(w[len(w)/2])*7 + int(w[len(w)-1]) + len(w)*131) & (1<<12 - 1)
}

// find is the word of the table that a name is, or that it starts with what comes
// after it; empty if there is none. The filter has let it through.
func (v *vocabulary) find(w, after []byte) string {
	if v.words[string(w)] {
		return string(w)
	}
	// An address: postgresql://, postgresql+driver://
	rest := after[:min(len(after), 40)]
	if len(rest) > 0 && rest[0] == '+' {
		n := 1
		for n < len(rest) && search.InName[rest[n]] {
			n++
		}
		rest = rest[n:]
	}
	if bytes.HasPrefix(rest, []byte("://")) && v.words[string(w)+"://"] {
		return string(w) + "://"
	}
	return ""
}

// entryPoints are the words of texts that look for entry points.
var entryPoints = search.New("entry_points", "ExtensionManager", "DriverManager", "load_setuptools_entrypoints")

// Words are the words of the table that a text has, in comments and strings too,
// and those that [Group] and [Made] describe: sorted, each once.
func Words(src []byte) []string {
	a := asked{seen: map[string]bool{}, groups: entryPoints.In(src) != 0}
	known := words()
	for at := 0; at < len(src); {
		if !search.InName[src[at]] {
			at++
			continue
		}
		end := at + 1
		for end < len(src) && search.InName[src[end]] {
			end++
		}
		if w := src[at:end]; len(w) <= known.longest && known.filter[key(w)] {
			a.note(known.find(w, src[end:]))
		}
		if a.others < maxWords {
			a.at(src, at, end)
		}
		at = end
	}
	slices.Sort(a.out)
	return a.out
}

// asked collects words, each once.
type asked struct {
	out  []string
	seen map[string]bool
	// others are the groups and objects so far; groups says that there may be groups.
	others int
	groups bool
}

func (a *asked) note(w string) {
	if w != "" && !a.seen[w] {
		a.seen[w] = true
		a.out = append(a.out, w)
	}
}

// at notes the group that starts with a word, and the object of a call of it.
func (a *asked) at(src []byte, at, end int) {
	if a.groups && at > 0 && (src[at-1] == '"' || src[at-1] == '\'') {
		if g := group(src[at:], src[at-1]); g != "" {
			a.others++
			a.note(Group + g)
		}
	}
	if end < len(src) && src[end] == '(' {
		if object, ok := made(src[at:end], src[end:], at > 0 && src[at-1] == '.'); ok {
			a.others++
			a.note(Made + object)
		}
	}
}

// group is the string that a text starts with, if it may be a group of entry points.
func group(text []byte, quote byte) string {
	n := 0
	for n < len(text) && n <= maxGroup && (search.InName[text[n]] || strings.IndexByte(".-:", text[n]) >= 0) {
		n++
	}
	if n < 3 || n > maxGroup || n >= len(text) || text[n] != quote {
		return ""
	}
	return string(text[:n])
}

// made says that a word asks for an attribute by a name that is no literal, or
// runs a text, and the object if it is one name. What comes after it starts with "(".
func made(w, after []byte, attribute bool) (object string, ok bool) {
	if attribute {
		return "", false
	}
	switch string(w) {
	case "eval", "exec":
		return "", true
	case "methodcaller", "attrgetter":
		rest := bytes.TrimLeft(after[1:min(len(after), 200)], " \t\r\n")
		return "", len(rest) == 0 || rest[0] != '"' && rest[0] != '\''
	case "getattr":
	default:
		return "", false
	}
	args := after[1:min(len(after), 400)]
	depth, comma := 0, -1
	for i, c := range args {
		switch c {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		}
		if depth == 0 && c == ',' {
			comma = i
			break
		}
		if depth < 0 {
			return "", false
		}
	}
	if comma < 0 {
		return "", true
	}
	first := bytes.TrimSpace(args[:comma])
	if second := bytes.TrimLeft(args[comma+1:], " \t\r\n"); literal(second) {
		return "", false
	}
	for _, c := range first {
		if !search.InName[c] {
			return "", true
		}
	}
	return string(first), true
}

// literal says that an argument is one plain string.
func literal(arg []byte) bool {
	if len(arg) == 0 || arg[0] != '"' && arg[0] != '\'' {
		return false
	}
	end := bytes.IndexByte(arg[1:], arg[0])
	if end < 0 {
		return false
	}
	rest := bytes.TrimLeft(arg[end+2:], " \t\r\n")
	return len(rest) > 0 && (rest[0] == ',' || rest[0] == ')')
}
