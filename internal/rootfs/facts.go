package rootfs

import (
	"bytes"
	"encoding/binary"
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/codec"
	"whittle.dev/whittle/internal/elf"
	"whittle.dev/whittle/internal/python/source"
)

// factsVersion is part of the name of facts in cached indexes: change it with
// hasFacts, distil or the encoding of facts.
const factsVersion = "facts-v16-" + source.SourceFormat

// factsName names facts that include some databases.
func factsName(databases Selection) string { return factsVersion + "-" + databases.Name }

// facts are what is known of a file: text, source or binary.
type facts struct {
	// text is the content of a database, a configuration or a script.
	text []byte
	// source is what a Python text says, packed a Python text, see [packer].
	source  *source.Facts
	packed  []byte
	binary  *program
	scanned *scanned // of text or packed
	said    []byte   // these facts, encoded, as an earlier run found them
}

// program is an ELF file.
type program struct {
	elf.File
	// builtins are the modules that are compiled into an interpreter or its
	// shared library; versions are texts in it that may be its own version.
	builtins, versions []string
}

// maxText bounds the scripts that are kept whole, in bytes.
const maxText = 256 << 10

// hasFacts says whether a file may have facts: databases, Python texts, and
// whatever may be a binary or a script.
func hasFacts(e *whittle.Entry, databases Selection) bool {
	return e.Kind == whittle.File && (databases.Has(e.Path) || isWhole(e.Path) || isConfig(e.Path) || isPython(e.Path) || maybeProgram(e))
}

func isPython(p string) bool { return strings.HasSuffix(p, ".py") }

// isWhole says which other files are kept whole, however large: those that
// tell the dynamic loader where libraries are, the modules that an editable
// installation generates, and the name of the distribution's release.
func isWhole(p string) bool {
	return elf.Database(p) || p == "usr/lib/os-release" || p == "etc/os-release" || strings.HasPrefix(path.Base(p), "__editable__")
}

// isConfig says which files may name what a process manager or a framework
// starts.
func isConfig(p string) bool {
	base := path.Base(p)
	for _, dir := range []string{"/site-packages/", "/dist-packages/", "/node_modules/", "usr/share/", "usr/lib/", "etc/ssl/"} {
		if strings.Contains("/"+p, dir) {
			return false
		}
	}
	switch ext := path.Ext(base); {
	case ext == ".ini", ext == ".conf", base == ".flaskenv", strings.HasPrefix(base, "Procfile") && ext != ".py":
		return true
	}
	top, _, _ := strings.Cut(p, "/") // a script without a suffix, which need not be executable
	return !strings.Contains(base, ".") && !slices.Contains([]string{"usr", "etc", "lib", "lib64", "var", "bin", "sbin", "boot", "proc", "sys", "dev"}, top)
}

func maybeProgram(e *whittle.Entry) bool {
	base := path.Base(e.Path)
	return e.Mode&0o111 != 0 || strings.Contains(base, ".so") || path.Ext(base) == ".sh" || !strings.Contains(base, ".") && path.Base(path.Dir(e.Path)) == "bin"
}

// distil makes the encoded facts of a file, nil where it has none.
func distil(e *whittle.Entry, content []byte, databases Selection, p *packer) []byte {
	f, ok := factsOf(e, content, databases, p)
	if !ok {
		return nil
	}
	b, _ := f.AppendBinary(nil)
	return b
}

func factsOf(e *whittle.Entry, content []byte, databases Selection, p *packer) (facts, bool) {
	config := isConfig(e.Path) && len(content) <= maxText && !elf.IsELF(content)
	switch {
	case databases.Has(e.Path), isWhole(e.Path) && !isConfig(e.Path), config:
		return facts{text: content}, true
	case isPython(e.Path):
		if packed, ok := p.pack(content); ok {
			return facts{packed: packed}, true
		}
		return facts{source: source.Scan(content)}, true
	case elf.IsELF(content):
		f, err := elf.Parse(content)
		if err != nil {
			return facts{}, false
		}
		p := &program{File: *f}
		if base := path.Base(e.Path); strings.HasPrefix(base, "python") || strings.HasPrefix(base, "libpython") {
			p.builtins, p.versions = found(initFunction, content), found(patchLevel, content)
		}
		return facts{binary: p}, true
	case len(content) > maxText || bytes.IndexByte(content[:min(len(content), 1024)], 0) >= 0:
		return facts{}, false
	}
	return facts{text: content}, true
}

var (
	initFunction = regexp.MustCompile(`PyInit_([A-Za-z0-9_]+)`)
	// patchLevel is PY_VERSION as a string of the program.
	patchLevel = regexp.MustCompile(`\x00(3\.\d+\.\d+(?:(?:a|b|rc)\d+)?)\+?\x00`)
)

// found are the distinct texts of a pattern's group, sorted.
func found(pattern *regexp.Regexp, content []byte) []string {
	var out []string
	for _, m := range pattern.FindAllSubmatch(content, -1) {
		out = append(out, string(m[1]))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// The first byte of encoded facts says what follows: the content of a text, a
// compressed Python text, a [source.Facts], or the length of an [elf.File] and the file, then the names
// of modules and the versions.
const (
	textFacts   = 't'
	packedFacts = 'p'
	sourceFacts = 's'
	binaryFacts = 'b'
)

// AppendBinary implements [encoding.BinaryAppender]. It returns no error.
func (f *facts) AppendBinary(b []byte) ([]byte, error) {
	switch {
	case f.packed != nil:
		return append(append(b, packedFacts), f.packed...), nil
	case f.source != nil:
		return f.source.AppendBinary(append(b, sourceFacts))
	case f.binary != nil:
		file, err := f.binary.AppendBinary(nil)
		if err != nil {
			return nil, err
		}
		b = binary.AppendUvarint(append(b, binaryFacts), uint64(len(file)))
		b = append(b, file...)
		return appendNames(appendNames(b, f.binary.builtins), f.binary.versions), nil
	}
	return append(append(b, textFacts), f.text...), nil
}

func appendNames(b []byte, names []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(names)))
	for _, n := range names {
		b = append(binary.AppendUvarint(b, uint64(len(n))), n...)
	}
	return b
}

// UnmarshalBinary implements [encoding.BinaryUnmarshaler]. The text of f is a
// part of b. Other bytes than those of AppendBinary are [whittle.ErrCorrupt],
// and take no more memory than a small multiple of their length.
func (f *facts) UnmarshalBinary(b []byte) error {
	*f = facts{scanned: f.scanned}
	if len(b) == 0 {
		return errFacts
	}
	kind, b := b[0], b[1:]
	switch kind {
	case textFacts:
		f.text = b
		return nil
	case packedFacts:
		f.packed = b
		_, err := codec.UnpackedSize(b, maxPackedText)
		return err
	case sourceFacts:
		f.source = new(source.Facts)
		return f.source.UnmarshalBinary(b)
	case binaryFacts:
		return f.unmarshalProgram(b)
	}
	return errFacts
}

var errFacts = whittle.ErrCorrupt.Errorf("facts of a file")

func (f *facts) unmarshalProgram(b []byte) error {
	file, b, ok := cutBytes(b)
	if !ok {
		return errFacts
	}
	p := new(program)
	if err := p.UnmarshalBinary(file); err != nil {
		return err
	}
	for _, list := range []*[]string{&p.builtins, &p.versions} {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)) {
			return errFacts
		}
		b = b[size:]
		for range n {
			var name []byte
			if name, b, ok = cutBytes(b); !ok {
				return errFacts
			}
			*list = append(*list, string(name))
		}
	}
	if len(b) > 0 {
		return errFacts
	}
	f.binary = p
	return nil
}

// cutBytes cuts off bytes that follow their length.
func cutBytes(b []byte) (cut, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return nil, nil, false
	}
	b = b[size:]
	return b[:n], b[n:], true
}
