package elf

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Paths of the files that tell the loaders where libraries are.
const (
	cachePath = "etc/ld.so.cache"
	confPath  = "etc/ld.so.conf"
	confDir   = "etc/ld.so.conf.d/"

	maxDatabase = 16 << 20 // bytes of one of these files
	maxIncludes = 512      // configuration files read for one root, and patterns that name them
)

// Database says whether [Loader] wants to read this file of the root:
// ld.so.cache, ld.so.conf, ld.so.conf.d/*.conf and ld-musl-ARCH.path in /etc.
func Database(p string) bool {
	return p == cachePath || p == confPath ||
		strings.HasPrefix(p, confDir) && strings.HasSuffix(p, ".conf") ||
		strings.HasPrefix(p, "etc/ld-musl-") && strings.HasSuffix(p, ".path")
}

// read reads a file of the root and follows symlinks. gone says that it does
// not exist; if it exists but cannot be read, both ok and gone are false.
func (l *Loader) read(p string) (content string, ok, gone bool) {
	at, there := l.paths.file(p)
	if !there {
		return "", false, true
	}
	b, err := l.root.ReadFile(at, maxDatabase)
	if err != nil {
		return "", false, errors.Is(err, fs.ErrNotExist)
	}
	return string(b), true, false
}

// readGlibc reads where glibc's loader searches between RUNPATH and its default
// directories, which is the cache that ldconfig wrote. If there is a cache that
// cannot be read, it uses the directories from which ldconfig would make it.
func (l *Loader) readGlibc() {
	cache, ok, gone := l.read(cachePath)
	switch {
	case ok:
		l.cache = parseCache(cache)
	case !gone:
		includes := 0
		l.confDirs = l.conf("/"+confPath, &includes)
	}
}

// parseCache reads an ld.so.cache: the paths of each library name, in order
// (glibc's sysdeps/generic/dl-cache.h, struct cache_file_new). A broken cache
// is empty, as for the loader.
func parseCache(s string) map[string][]string {
	const magic, header, entry = "glibc-ld.so.cache1.1", 48, 24
	at := strings.Index(s, magic)
	if at < 0 {
		return nil
	}
	s = s[at:]
	if len(s) < header {
		return nil
	}
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32([]byte(s[at : at+4])) }
	if s[28]&3 == 3 {
		u32 = func(at int) uint32 { return binary.BigEndian.Uint32([]byte(s[at : at+4])) }
	}
	n := int(u32(20))
	if n < 0 || n > (len(s)-header)/entry {
		return nil
	}
	text := func(at uint32) string {
		if uint64(at) >= uint64(len(s)) {
			return ""
		}
		t := s[at:min(len(s), int(at)+maxName)]
		t, _, _ = strings.Cut(t, "\x00")
		return t
	}
	cache := make(map[string][]string, n)
	for i := range n {
		at := header + i*entry
		// Libraries that only newer processors can use are skipped.
		if u32(at+16) == 0 && u32(at+20) == 0 {
			name := text(u32(at + 4))
			cache[name] = append(cache[name], text(u32(at+8)))
		}
	}
	return cache
}

// conf reads an ld.so.conf with the files that it includes, as ldconfig does.
func (l *Loader) conf(p string, includes *int) []string {
	if *includes++; *includes > maxIncludes {
		return nil
	}
	content, ok, _ := l.read(p)
	if !ok {
		return nil
	}
	var dirs []string
	for line := range strings.Lines(content) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\r\n:,", r) })
		switch {
		case len(fields) == 0 || fields[0] == "hwcap":
		case fields[0] == "include":
			for _, glob := range fields[1:] {
				if *includes++; *includes > maxIncludes { // each looks through the whole root
					return dirs
				}
				for _, file := range l.glob(glob, path.Dir(p)) {
					dirs = append(dirs, l.conf(file, includes)...)
				}
			}
		default:
			for _, dir := range fields {
				dir, _, _ = strings.Cut(dir, "=")
				dirs = append(dirs, dir)
			}
		}
	}
	return dirs
}

// glob finds the paths of the root that match a pattern; a relative one is
// below dir. It does not follow symlinks in the parents of matches.
func (l *Loader) glob(pattern, dir string) []string {
	if !path.IsAbs(pattern) {
		pattern = path.Join(dir, pattern)
	}
	pattern = strings.TrimPrefix(path.Clean(pattern), "/")
	fixed := pattern
	if i := strings.IndexAny(pattern, `*?[\`); i >= 0 {
		fixed = pattern[:i]
	}
	var found []string
	for _, p := range l.root.Paths() {
		if !strings.HasPrefix(p, fixed) {
			continue
		}
		if ok, err := path.Match(pattern, p); err == nil && ok {
			found = append(found, "/"+p)
		}
	}
	slices.Sort(found)
	return found
}

// muslDirs are the directories that the musl loader with this path searches:
// those of its configuration file, or its defaults.
func (l *Loader) muslDirs(interp string) []string {
	base := strings.TrimSuffix(strings.TrimPrefix(path.Base(interp), "ld-musl-"), ".so.1")
	content, ok, _ := l.read(path.Join(path.Dir(path.Dir(interp)), "etc/ld-musl-"+base+".path"))
	if !ok {
		return []string{"/lib", "/usr/local/lib", "/usr/lib"}
	}
	return strings.FieldsFunc(content, func(r rune) bool { return r == '\n' || r == ':' })
}
