// Package toolmodel runs Dockerfiles on a small abstract machine: it knows what
// the tools of package managers, users and files do, as far as it decides
// whether a build succeeds and what is in its image. Fixes of rules are judged
// by it: the fixed Dockerfile must build where the original does, and make the
// same image, except for what the finding says.
//
// The model is an oracle independent of whittle: BuildKit's own parser reads
// the Dockerfile, the interpreter of mvdan.cc/sh runs the scripts with its
// programs replaced by those here.
package toolmodel

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// node is what is at a path. data is the identity of a file's content: its
// text where programs read it.
type node struct {
	kind     byte // 'f', 'd', 'l'
	data     string
	size     int64
	mode     uint32
	uid, gid int
}

// files is a root file system by clean relative path.
type files map[string]node

func clean(at string) string { return strings.TrimPrefix(path.Clean("/"+at), "/") }

func parent(at string) string {
	if d := path.Dir(at); d != "." && d != "/" {
		return d
	}
	return ""
}

func under(at, dir string) bool {
	return dir == "" || at == dir || strings.HasPrefix(at, dir+"/")
}

// sum shortens what an identity is made of.
func sum(parts ...string) string {
	h := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(h[:6])
}

// real follows symlinks of the folders of a path, and of the last part if asked.
func (f files) real(at string, last bool) string {
	at = clean(at)
	for range 10 {
		done := true
		parts := strings.Split(at, "/")
		for i := range parts {
			if i == len(parts)-1 && !last {
				break
			}
			p := strings.Join(parts[:i+1], "/")
			if n, ok := f[p]; ok && n.kind == 'l' {
				target := n.data
				if !path.IsAbs(target) {
					target = path.Join("/", path.Dir(p), target)
				}
				at = clean(path.Join(target, strings.Join(parts[i+1:], "/")))
				done = false
				break
			}
		}
		if done {
			break
		}
	}
	return at
}

func (f files) get(at string) (node, bool) {
	at = f.real(at, true)
	if at == "" {
		return node{kind: 'd', mode: 0o755}, true
	}
	n, ok := f[at]
	return n, ok
}

func (f files) isDir(at string) bool { n, ok := f.get(at); return ok && n.kind == 'd' }

// below lists a path and what lies in it, sorted.
func (f files) below(at string) []string {
	at = f.real(at, false)
	var out []string
	for p := range f {
		if under(p, at) {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

// children lists the names in a folder.
func (f files) children(at string) []string {
	at = f.real(at, true)
	var out []string
	for p := range f {
		if p != at && parent(p) == at {
			out = append(out, path.Base(p))
		}
	}
	slices.Sort(out)
	return out
}

// put writes a node without asking for permission, with the folders above it.
func (f files) put(at string, n node) {
	at = clean(at)
	if at == "" {
		return
	}
	for d := parent(at); d != ""; d = parent(d) {
		if _, ok := f[d]; !ok {
			f[d] = node{kind: 'd', mode: 0o755}
		}
	}
	f[at] = n
}

// text writes a file of root.
func (f files) text(at, data string) {
	f.put(at, node{kind: 'f', data: data, size: int64(len(data)), mode: 0o644})
}

// blob writes a file of root of a size, which is known by its identity.
func (f files) blob(at, data string, size int64) {
	f.put(at, node{kind: 'f', data: data, size: size, mode: 0o644})
}

func (f files) program(at, data string, size int64) {
	f.put(at, node{kind: 'f', data: data, size: size, mode: 0o755})
}

func (f files) remove(at string) {
	for _, p := range f.below(at) {
		delete(f, p)
	}
}

// identity is that of all that lies at a path: names, contents, owners, modes.
func (f files) identity(at string) string {
	at = f.real(at, true)
	var parts []string
	for _, p := range f.below(at) {
		n := f[p]
		if n.kind == 'd' {
			continue
		}
		parts = append(parts, strings.TrimPrefix(p, at), n.data, fmt.Sprint(n.mode))
	}
	return sum(parts...)
}

// info is a node as fs.FileInfo.
type info struct {
	name string
	node
}

func (i info) Name() string { return i.name }
func (i info) Size() int64  { return i.size }
func (i info) Mode() fs.FileMode {
	m := fs.FileMode(i.mode & 0o777)
	switch i.kind {
	case 'd':
		m |= fs.ModeDir
	case 'l':
		m |= fs.ModeSymlink
	}
	return m
}
func (i info) ModTime() time.Time         { return time.Unix(1700000000, 0) }
func (i info) IsDir() bool                { return i.kind == 'd' }
func (i info) Sys() any                   { return nil }
func (i info) Type() fs.FileMode          { return i.Mode().Type() }
func (i info) Info() (fs.FileInfo, error) { return i, nil }

// lines adds lines to a text file.
func (f files) lines(at, more string) {
	n := f[at]
	f.text(at, n.data+more)
}

func cloneFiles(f files) files { return maps.Clone(f) }
