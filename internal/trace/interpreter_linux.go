//go:build amd64 || arm64

package trace

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

const (
	// maxScripts is how many scripts the kernel follows one after the other.
	maxScripts = 5
	// headBytes is how much the kernel reads of a program to know what it is.
	headBytes = 256
)

// interpreters follows what the kernel reads to execute a file: the interpreters that
// scripts name in their first lines, and the loader that a program names. cwd gives
// the folder of the process.
func (w walker) interpreters(name string, cwd func() (string, error)) (out []walked, err error) {
	for range maxScripts + 1 {
		interpreter := interpreter(name)
		if interpreter == "" {
			return out, nil
		}
		dir := w.root
		if !path.IsAbs(interpreter) {
			if dir, err = cwd(); err != nil {
				return nil, err
			}
		}
		next, err := w.walk(dir, interpreter, true)
		if err != nil {
			return nil, err
		}
		out = append(out, next)
		name = next.final
	}
	return out, nil
}

// interpreter is what a file that is executed names, empty if it names nothing, or
// cannot be read.
func interpreter(name string) string {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return ""
	}
	f := os.NewFile(uintptr(fd), name)
	defer func() { _ = f.Close() }()
	b := make([]byte, headBytes)
	n, _ := io.ReadFull(f, b)
	b = b[:n]
	if line, script := bytes.CutPrefix(b, []byte("#!")); script {
		return firstWord(line)
	}
	return loader(b, f)
}

// firstWord is the interpreter in the first line of a script.
func firstWord(line []byte) string {
	line, _, _ = bytes.Cut(line, []byte("\n"))
	line = bytes.TrimLeft(line, " \t")
	if i := bytes.IndexAny(line, " \t\x00"); i >= 0 {
		line = line[:i]
	}
	return string(line)
}

// loader is the dynamic loader (PT_INTERP) that an ELF file names. Both machines have
// little-endian programs.
// https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.pheader.html
func loader(head []byte, f io.ReaderAt) string {
	const ptInterp, most = 3, 64 << 10 // bytes of all program headers, as in the kernel
	if len(head) < 64 || !bytes.HasPrefix(head, []byte("\x7fELF")) {
		return ""
	}
	le := binary.LittleEndian
	wide := head[4] == 2
	at, size, count := uint64(le.Uint32(head[28:])), int(le.Uint16(head[42:])), int(le.Uint16(head[44:]))
	least := 32
	if wide {
		at, size, count, least = le.Uint64(head[32:]), int(le.Uint16(head[54:])), int(le.Uint16(head[56:])), 56
	}
	if size < least || size*count > most {
		return ""
	}
	headers := make([]byte, size*count)
	if _, err := f.ReadAt(headers, int64(at)); err != nil {
		return ""
	}
	for ; len(headers) >= size && size > 0; headers = headers[size:] {
		if le.Uint32(headers) != ptInterp {
			continue
		}
		from, length := uint64(le.Uint32(headers[4:])), uint64(le.Uint32(headers[16:]))
		if wide {
			from, length = le.Uint64(headers[8:]), le.Uint64(headers[32:])
		}
		if length < 2 || length > unix.PathMax {
			return ""
		}
		name := make([]byte, length)
		if _, err := f.ReadAt(name, int64(from)); err != nil {
			return ""
		}
		name, _, _ = bytes.Cut(name, []byte{0})
		return string(name)
	}
	return ""
}
