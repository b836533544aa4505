package imagetest

import (
	"archive/tar"
	"crypto/sha256"
	"path"
	"strconv"
	"strings"
	"testing"
	"time"
)

type entry struct {
	line    string
	header  tar.Header
	content []byte
}

func parse(t testing.TB, notation string) []entry {
	t.Helper()
	var entries []entry
	for _, line := range strings.Split(notation, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		e, problem := parseLine(line)
		if problem != "" {
			t.Fatalf("notation %q: %s", line, problem)
		}
		entries = append(entries, e)
	}
	return entries
}

var types = map[string]byte{"d": tar.TypeDir, "f": tar.TypeReg, "s": tar.TypeSymlink, "h": tar.TypeLink,
	"w": tar.TypeReg, "o": tar.TypeReg, "c": tar.TypeChar, "b": tar.TypeBlock, "p": tar.TypeFifo}

func parseLine(line string) (e entry, problem string) {
	fields, literal, err := split(line)
	if err != nil {
		return e, err.Error()
	}
	kind := fields[0]
	flag, known := types[kind]
	if !known || len(fields) < 2 {
		return e, "no such kind, or no path"
	}
	name, rest := fields[1], 2
	h := tar.Header{Name: name, Typeflag: flag, Mode: 0o644, ModTime: time.Unix(1700000000, 0)}
	argument := func() string {
		if rest >= len(fields) || strings.Contains(fields[rest], "=") && !literal[rest] {
			problem = "an argument is missing"
			return ""
		}
		rest++
		return fields[rest-1]
	}
	size, seed := 0, ""
	switch kind {
	case "d":
		h.Mode, h.Name = 0o755, name+"/"
	case "f":
		e.content = []byte(argument())
		if rest-1 < len(literal) && !literal[rest-1] && problem == "" {
			if size, err = strconv.Atoi(string(e.content)); err != nil {
				return e, err.Error()
			}
			e.content = nil
		}
	case "s", "h":
		h.Linkname = argument()
	case "c", "b":
		major, minor, _ := strings.Cut(argument(), ":")
		h.Devmajor, _ = strconv.ParseInt(major, 10, 64)
		h.Devminor, _ = strconv.ParseInt(minor, 10, 64)
	case "w":
		h.Name = path.Join(path.Dir(name), ".wh."+path.Base(name))
	case "o":
		h.Name = path.Join(name, ".wh..wh..opq")
	}
	for ; rest < len(fields) && problem == ""; rest++ {
		key, value, _ := strings.Cut(fields[rest], "=")
		problem = attribute(&h, &seed, key, value)
	}
	if size > 0 {
		e.content = Content(name+seed, size)
	}
	h.Size = int64(len(e.content))
	e.header, e.line = h, line
	return e, problem
}

func attribute(h *tar.Header, seed *string, key, value string) (problem string) {
	n, err := strconv.ParseInt(value, 0, 64)
	switch {
	case key == "seed":
		*seed, err = value, nil
	case strings.HasPrefix(key, "x."):
		if h.PAXRecords == nil {
			h.PAXRecords = map[string]string{}
		}
		h.PAXRecords["SCHILY.xattr."+key[2:]], err = value, nil
	case key == "mode":
		h.Mode = n
	case key == "uid":
		h.Uid = int(n)
	case key == "gid":
		h.Gid = int(n)
	case key == "mtime":
		h.ModTime = time.Unix(n, 0)
	default:
		return "no attribute " + key
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// split cuts a line into fields and says which of them were string literals.
func split(line string) (fields []string, literal []bool, err error) {
	for line = strings.TrimLeft(line, " \t"); line != ""; line = strings.TrimLeft(line, " \t") {
		field, isLiteral := line, line[0] == '"'
		if isLiteral {
			if field, err = strconv.QuotedPrefix(line); err != nil {
				return nil, nil, err
			}
		} else if i := strings.IndexAny(line, " \t"); i >= 0 {
			field = line[:i]
		}
		line = line[len(field):]
		if isLiteral {
			field, _ = strconv.Unquote(field)
		}
		fields, literal = append(fields, field), append(literal, isLiteral)
	}
	return fields, literal, nil
}

// Content is size bytes that depend on seed alone and compress about as well
// as program code does.
func Content(seed string, size int) []byte {
	out := make([]byte, 0, size+64)
	block := sha256.Sum256([]byte(seed))
	for len(out) < size {
		block = sha256.Sum256(block[:])
		out = append(out, block[:20]...)
		out = append(out, "the content of a file"...)
	}
	return out[:size:size]
}
