package keep

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/distro"
)

// Vocabulary has the words by which a file may name operating system packages: commands,
// libraries, and absolute paths of files and folders; with the units that each means.
type Vocabulary map[string][]int

// programDirs are the folders of commands.
var programDirs = []string{"bin", "sbin", "usr/bin", "usr/sbin", "usr/local/bin", "usr/local/sbin", "usr/games"}

// NewVocabulary makes the words of packages, whose units begin with first. A command that
// a program finds elsewhere before, by the image's PATH, is none: shadowed says so.
func NewVocabulary(packages []distro.Installed, first int, shadowed func(p string) bool) Vocabulary {
	v := Vocabulary{}
	dirs := map[string]int{}
	for i := range packages {
		for _, p := range packages[i].Files {
			v.add("/"+p, first+i)
			dir, base := path.Split(p)
			switch dir = path.Clean(dir); {
			case slices.Contains(programDirs, dir) && !shadowed(p), strings.Contains(base, ".so"):
				v.add(base, first+i)
			}
			for ; dir != "."; dir = path.Dir(dir) {
				if was, known := dirs[dir]; known && was != first+i {
					dirs[dir] = -1
				} else if !known {
					dirs[dir] = first + i
				}
			}
		}
	}
	for dir, unit := range dirs {
		if unit >= 0 {
			v.add("/"+dir, unit)
		}
	}
	return v
}

func (v Vocabulary) add(word string, unit int) {
	if !slices.Contains(v[word], unit) {
		v[word] = append(v[word], unit)
	}
}

// Texts are how a file's words are read.
type Texts uint8

const (
	// NoText has no words: documents, and what only describes packages.
	NoText Texts = iota
	// Libraries has names of libraries alone: the packages that have the file say
	// themselves which others they need.
	Libraries
	// Script may name a command anywhere.
	Script
	// Quoted names a command where a string begins, or a path.
	Quoted
)

// described are folders of what only people read, and of package managers.
var described = []string{"usr/share/doc/", "usr/share/man/", "usr/share/info/", "usr/share/locale/", "usr/share/lintian/", "usr/share/bash-completion/", "var/lib/dpkg/", "var/lib/apt/", "var/cache/", "var/log/"}

// documents are suffixes of what only people and compilers read.
var documents = []string{".md", ".rst", ".html", ".htm", ".css", ".svg", ".h", ".hpp", ".c", ".cc", ".cpp", ".pyx", ".pxd", ".pyi", ".mo", ".po", ".a", ".o", ".gz", ".png", ".jpg"}

// built are the files by which an interpreter says how it was built, or builds
// extensions. The compilers that they name are those of a build; a run that builds
// touches them.
func built(p string) bool {
	base := path.Base(p)
	return strings.HasPrefix(base, "_sysconfigdata_") || strings.HasSuffix(base, "-config") || base == "Makefile" && strings.Contains(p, "/config-") || strings.HasSuffix(p, ".pc") ||
		strings.Contains(p, "/distutils/") || strings.Contains(p, "/_distutils/")
}

// TextsOf says how the words of a file are read. packaged says that a system package has
// it.
func TextsOf(p string, packaged bool) Texts {
	for _, dir := range described {
		if strings.HasPrefix(p, dir) {
			return NoText
		}
	}
	ext := path.Ext(p)
	switch {
	case p == "etc/ld.so.cache": // it has all libraries; the loader passes over what is gone
		return NoText
	case packaged:
		return Libraries
	case slices.Contains(documents, ext), built(p), path.Base(path.Dir(p)) == "__pycache__", strings.Contains(p, ".dist-info/"), strings.Contains(p, ".egg-info/"):
		return NoText
	case ext == ".sh" || ext == ".bash" || ext == ".conf" || ext == ".ini" || ext == "" && path.Base(path.Dir(p)) != "bin":
		return Script
	}
	return Quoted
}

// maxWord is the longest word of a vocabulary in bytes.
const maxWord = 4096

// Words are the words of the vocabulary in a text, each once, sorted.
func (v Vocabulary) Words(r io.Reader, how Texts) ([]string, error) {
	if how == NoText {
		return nil, nil
	}
	in := bufio.NewReaderSize(r, 64<<10)
	if head, _ := in.Peek(2); how == Quoted && bytes.Equal(head, []byte("#!")) {
		how = Script
	}
	found := map[string]bool{}
	var word []byte
	starts := true // what follows may be a command: see begins
	for {
		b, err := in.ReadByte()
		switch {
		case err == nil && wordBytes[b]:
			if len(word) <= maxWord {
				word = append(word, b)
			}
			continue
		case len(word) > 0:
			v.find(word, how == Script || how == Quoted && starts, how, found)
			starts, word = slices.Contains(wrappers, string(word)), word[:0]
		}
		if err == nil {
			starts = begins(b, starts)
			continue
		}
		out := slices.AppendSeq([]string{}, maps.Keys(found))
		slices.Sort(out)
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return out, err
	}
}

// wrappers are words that a command may follow.
var wrappers = []string{"exec", "sudo", "env", "xargs", "nohup", "time", "nice", "timeout", "which", "-v", "-c"}

// begins says whether a command may follow a byte that is in no word: at the beginning of
// a string, or after what ends a command of a shell. Blanks change nothing.
func begins(b byte, starts bool) bool {
	switch {
	case b == ' ', b == '\t':
		return starts
	case b == '\n', b == '\r':
		return false
	}
	return b < ' ' || b == 0x7f || b >= 0x80 || strings.IndexByte("'\"`!(&|;$", b) >= 0
}

// wordBytes are the bytes of words.
var wordBytes = func() (in [256]bool) {
	for _, b := range []byte("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._+-/@~%") {
		in[b] = true
	}
	return in
}()

// maxDepth is how many components a path has at most that is looked up.
const maxDepth = 40

// find notes what a word means. command says that it is where a command may be.
func (v Vocabulary) find(word []byte, command bool, how Texts, found map[string]bool) {
	if _, ok := v[string(word)]; ok && word[0] != '/' && (command || bytes.Contains(word, []byte(".so"))) {
		found[string(word)] = true
	}
	if how == Libraries || len(word) > maxWord {
		return
	}
	at := bytes.IndexByte(word, '/')
	if at < 0 {
		return
	}
	p := path.Clean(string(word[at:]))
	if strings.Count(p, "/") > maxDepth {
		return
	}
	for _, p := range []string{p, "/usr" + p} { // /bin is a link to /usr/bin
		for ; p != "/"; p = path.Dir(p) {
			if _, ok := v[p]; ok {
				found[p] = true
				break
			}
		}
	}
}
