package ledger

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// indexTar indexes a tar without the index room, which this one may not
// import; imagetest writes nothing that this does not know.
func indexTar(t testing.TB, raw []byte) *whittle.Index {
	t.Helper()
	idx, err := readTar(raw)
	if err != nil {
		t.Fatal(err)
	}
	return idx
}

func readTar(raw []byte) (*whittle.Index, error) {
	idx := &whittle.Index{DiffID: whittle.SHA256(sha256.Sum256(raw)), Hashed: true, TarSize: int64(len(raw))}
	r := tar.NewReader(bytes.NewReader(raw))
	for {
		h, err := r.Next()
		if err == io.EOF {
			return idx, nil
		}
		if err != nil {
			return nil, err
		}
		e := whittle.Entry{Mode: uint32(h.Mode & 0o7777), UID: uint32(h.Uid), GID: uint32(h.Gid), ModTime: h.ModTime.UnixNano(), Link: h.Linkname}
		if e.Path, err = whittle.CleanPath(h.Name); err != nil {
			return nil, err
		}
		kind, ok := map[byte]whittle.Kind{tar.TypeReg: whittle.File, tar.TypeLink: whittle.HardLink, tar.TypeSymlink: whittle.Symlink,
			tar.TypeDir: whittle.Dir, tar.TypeChar: whittle.CharDevice, tar.TypeBlock: whittle.BlockDevice, tar.TypeFifo: whittle.FIFO}[h.Typeflag]
		if !ok {
			return nil, errors.New("type")
		}
		e.Kind = kind
		special := whittle.Special{Major: h.Devmajor, Minor: h.Devminor}
		for k, v := range h.PAXRecords {
			if strings.HasPrefix(k, "SCHILY.xattr.") {
				special.Xattrs = whittle.DigestOf([]byte(k + "=" + v)) // one is enough here
			}
		}
		e.Special = special.Kept()
		if kind == whittle.HardLink {
			if e.Link, err = whittle.CleanPath(h.Linkname); err != nil {
				return nil, err
			}
		}
		if kind == whittle.File {
			sum := sha256.New()
			if e.Size, err = io.Copy(sum, r); err != nil {
				return nil, err
			}
			e.Content = [32]byte(sum.Sum(nil))
		}
		if dir, base := path.Split(e.Path); base == ".wh..wh..opq" {
			e = whittle.Entry{Kind: whittle.Opaque, Path: path.Clean(dir)}
		} else if strings.HasPrefix(base, ".wh.") {
			e = whittle.Entry{Kind: whittle.Whiteout, Path: dir + base[4:]}
		} else if e.Path == "." && kind != whittle.Dir {
			return nil, errors.New("root")
		}
		idx.Size += e.Size
		idx.Entries = append(idx.Entries, e)
	}
}

func indexes(t testing.TB, layers []string) []*whittle.Index {
	t.Helper()
	var out []*whittle.Index
	for _, notation := range layers {
		out = append(out, indexTar(t, imagetest.Tar(t, notation)))
	}
	return out
}

// show writes what a test compares: one line for each item, "!" for each
// ambiguity.
func show(l *whittle.Ledger) []string {
	lines := []string{}
	for _, it := range l.Items {
		line := fmt.Sprintf("%d %s %d visible", it.Layer, it.Path, it.Bytes)
		if it.Cause != whittle.Visible {
			line = fmt.Sprintf("%d %s %d %s by %d", it.Layer, it.Path, it.Bytes, it.Cause, it.HiddenBy)
		}
		lines = append(lines, line)
	}
	for _, a := range l.Ambiguous {
		lines = append(lines, fmt.Sprintf("! %d %s: %s", a.Layer, a.Path, a.What))
	}
	return lines
}

func showTree(l *whittle.Ledger) string {
	var names []string
	for _, n := range l.Tree.Nodes {
		names = append(names, n.Path)
	}
	return strings.Join(names, " ")
}

var fates = []struct {
	name   string
	layers []string
	want   []string
	tree   string
}{
	{"whiteout of a folder",
		[]string{"d opt/w\nf opt/w/a 246\nf opt/w/s/b 4\nf opt/k 7", "w opt/w"},
		[]string{"0 opt/w/a 246 deleted by 1", "0 opt/w/s/b 4 deleted by 1", "0 opt/k 7 visible"}, "opt opt/k"},
	{"whiteout of a root entry",
		[]string{"f a 10\nf b 20", "w a"},
		[]string{"0 a 10 deleted by 1", "0 b 20 visible"}, "b"},
	{"opaque folder",
		[]string{"d d\nf d/old 10\nf d/same 20\nf e 1", "d d\nf d/new 30\nf d/same 20\no d"},
		[]string{"0 d/old 10 deleted by 1", "0 d/same 20 identical by 1", "0 e 1 visible", "1 d/new 30 visible", "1 d/same 20 visible"}, "d d/new d/same e"},
	{"opaque folder that is not listed",
		[]string{"f d/old 10", "f d/new 30\no d"},
		[]string{"0 d/old 10 deleted by 1", "1 d/new 30 visible"}, "d d/new"},
	{"file to folder", []string{"f x 10", "d x\nf x/y 5"},
		[]string{"0 x 10 replaced by 1", "1 x/y 5 visible"}, "x x/y"},
	{"folder to file", []string{"d x\nf x/y 10\nf x/z/w 2", "f x 5"},
		[]string{"0 x/y 10 replaced by 1", "0 x/z/w 2 replaced by 1", "1 x 5 visible"}, "x"},
	{"metadata only", []string{"f a 10\nf b 10\nf c 10\nf d 10\nf e 10", "f a 10 mode=0600\nf b 10 uid=5\nf c 10 mtime=7\nf d 10 gid=9\nf e 10 x.user.k=v"},
		[]string{"0 a 10 metadata by 1", "0 b 10 metadata by 1", "0 c 10 metadata by 1", "0 d 10 metadata by 1", "0 e 10 metadata by 1",
			"1 a 10 visible", "1 b 10 visible", "1 c 10 visible", "1 d 10 visible", "1 e 10 visible"}, "a b c d e"},
	{"identical, replaced by the same size and by another", []string{"f a 10\nf b 10\nf c 10", "f a 10\nf b 10 seed=x\nf c 11"},
		[]string{"0 a 10 identical by 1", "0 b 10 replaced by 1", "0 c 10 replaced by 1", "1 a 10 visible", "1 b 10 visible", "1 c 11 visible"}, "a b c"},
	{"deleted, then there again", []string{"f a 10", "w a", "f a 10"},
		[]string{"0 a 10 deleted by 1", "2 a 10 visible"}, "a"},
	{"hard link keeps content", []string{"f a 10\nh b a", "w a"},
		[]string{"0 b 10 visible"}, "b"},
	{"all hard links deleted one by one", []string{"f a 10\nh b a\nh c b", "w a", "w c", "w b"},
		[]string{"0 a 10 deleted by 3"}, ""},
	{"copy-up breaks a hard link", []string{"f a 10\nh b a", "f b 10 mode=0600", "f a 12"},
		[]string{"0 a 10 replaced by 2", "1 b 10 visible", "2 a 12 visible"}, "a b"},
	{"both names copied up together", []string{"f a 10\nh b a", "f a 10 mode=0600\nh b a"},
		[]string{"0 a 10 metadata by 1", "1 a 10 visible"}, "a b"},
	{"one name deleted and one copied up", []string{"f a \"0123456789\"\nh b a\nf c 10\nh d c", "w a\nf b \"0123456789\" mode=0600\nf c 9\nf d 10"},
		[]string{"0 a 10 metadata by 1", "0 c 10 replaced by 1", "1 b 10 visible", "1 c 9 visible", "1 d 10 visible"}, "b c d"},
	{"path twice in one tar", []string{"f a 10\nf a 20\nf a 20 mode=0600"},
		[]string{"0 a 10 replaced by 0", "0 a 20 metadata by 0", "0 a 20 visible"}, "a"},
	{"hard link keeps what came twice", []string{"f a 10\nh b a\nf a 20"},
		[]string{"0 b 10 visible", "0 a 20 visible"}, "a b"},
	{"folder to file in one tar", []string{"d a\nf a/b 10\nf a 3"},
		[]string{"0 a/b 10 replaced by 0", "0 a 3 visible"}, "a"},
	{"file to folder in one tar", []string{"f a 3\nd a\nf a/b 10"},
		[]string{"0 a 3 replaced by 0", "0 a/b 10 visible"}, "a a/b"},
	{"folder over folder in one tar", []string{"d a\nf a/b 10\nd a mode=0700"},
		[]string{"0 a/b 10 visible"}, "a a/b"},
	{"added again in the layer that deletes it", []string{"f d/f 10\nf d/g 5", "w d/f\nf d/f 20\nw d/g"},
		[]string{"0 d/f 10 replaced by 1", "0 d/g 5 deleted by 1", "1 d/f 20 visible"}, "d d/f"},
	{"deleted after it was added again", []string{"f d/f 10", "f d/f 20\nw d/f"},
		[]string{"0 d/f 10 replaced by 1", "1 d/f 20 visible"}, "d d/f"},
	{"names with a common prefix", []string{"f a 1\nf ab 2\nf a.b 4\nf a-/x 8\nf aa/x 16", "w a\nw a-"},
		[]string{"0 a 1 deleted by 1", "0 ab 2 visible", "0 a.b 4 visible", "0 a-/x 8 deleted by 1", "0 aa/x 16 visible"}, "a.b aa aa/x ab"},
	{"a name that begins with a dot", []string{"f .a 1\nf d/..b 2\nf d/.wh 4", "w .a\nw d/..b\nw d/.wh"},
		[]string{"0 .a 1 deleted by 1", "0 d/..b 2 deleted by 1", "0 d/.wh 4 deleted by 1"}, "d"},
	{"a whiteout of nothing", []string{"f a 1", "w b\nw c/d"},
		[]string{"0 a 1 visible"}, "a c"},
	{"the killer is the first", []string{"f a 1", "f a 2", "w a"},
		[]string{"0 a 1 replaced by 1", "1 a 2 deleted by 2"}, ""},
	{"symlink over a folder and back", []string{"f d/a 10", "s d e", "d d\nf d/a 10"},
		[]string{"0 d/a 10 replaced by 1", "2 d/a 10 visible", "! 2 d: " + overSymlink}, "d d/a"},
	{"a write below a lower symlink", []string{"d usr/lib\nf usr/lib/a 10\ns lib usr/lib", "f lib/a 20"},
		[]string{"0 usr/lib/a 10 visible", "1 lib/a 20 visible", "! 1 lib: " + overSymlink}, "lib lib/a usr usr/lib usr/lib/a"},
	{"a write below a symlink of the same layer", []string{"f usr/lib/a 10", "d usr/lib\ns lib usr/lib\nf lib/a 20\nh lib/b lib/a"},
		[]string{"0 usr/lib/a 10 replaced by 1", "1 usr/lib/a 20 visible", "! 1 lib: " + symlinkInLayer}, "lib usr usr/lib usr/lib/a usr/lib/b"},
	{"an absolute symlink and one that leaves the root", []string{"s a /x/y\ns b ../../x\nf a/f 1\nf b/g 2"},
		[]string{"0 x/y/f 1 visible", "0 x/g 2 visible", "! 0 a: " + symlinkInLayer, "! 0 b: " + symlinkInLayer}, "a b x x/g x/y x/y/f"},
	{"a symlink that is replaced through itself", []string{"d a\ns a/s ../a\nf a/s/s 3\nf a/s/x 4"},
		[]string{"0 a/s 3 replaced by 0", "0 a/s/x 4 visible", "! 0 a/s: " + belowFile, "! 0 a/s: " + symlinkInLayer}, "a a/s a/s/x"},
	{"symlinks in a circle", []string{"s a b\ns b a\nf a/f 1"},
		[]string{"0 a/f 1 visible", "! 0 a: " + symlinkInLayer, "! 0 a: " + symlinkLoop}, "a a/f b"},
	{"an entry below a file", []string{"f a 1\nf a/b 2"},
		[]string{"0 a 1 replaced by 0", "0 a/b 2 visible", "! 0 a: " + belowFile}, "a a/b"},
	{"an entry below a lower file", []string{"f a 1", "f a/b 2"},
		[]string{"0 a 1 replaced by 1", "1 a/b 2 visible", "! 1 a: " + overFile}, "a a/b"},
	{"a whiteout and an entry below it", []string{"f d/a 1\nf d/b 2", "w d\nf d/c 4"},
		[]string{"0 d/a 1 deleted by 1", "0 d/b 2 deleted by 1", "1 d/c 4 visible", "! 1 d: " + belowWhiteout}, "d d/c"},
	{"a whiteout, then the folder", []string{"f d/a 1", "w d\nd d\nf d/c 4"},
		[]string{"0 d/a 1 visible", "1 d/c 4 visible", "! 1 d: " + whiteoutThenDir}, "d d/a d/c"},
	{"a file, then a folder, over a lower folder", []string{"f d/a 1", "f d 3\nd d\nf d/c 4"},
		[]string{"0 d/a 1 visible", "1 d 3 replaced by 1", "1 d/c 4 visible", "! 1 d: " + otherThenDir}, "d d/a d/c"},
	{"a symlink, then a folder, over a lower folder below one of the same layer", []string{"f e/d/a 1\nf g 1", "d e\ns e/d x\nd e/d\nf g 2\nd g"},
		[]string{"0 e/d/a 1 visible", "0 g 1 replaced by 1", "1 g 2 replaced by 1", "! 1 e/d: " + otherThenDir}, "e e/d e/d/a g"},
	{"a folder, then its whiteout", []string{"f d/a 1", "d d\nf d/c 4\nw d"},
		[]string{"0 d/a 1 deleted by 1", "1 d/c 4 visible", "! 1 d: " + dirThenWhiteout}, "d d/c"},
	{"a whiteout below a whiteout", []string{"f d/a 1", "w d\nw d/a"},
		[]string{"0 d/a 1 deleted by 1"}, ""},
	{"a whiteout above a whiteout", []string{"f d/a 1", "w d/a\nw d"},
		[]string{"0 d/a 1 deleted by 1"}, ""},
	{"opaque root", []string{"f a 1", "f b 2\no ."},
		[]string{"0 a 1 visible", "1 b 2 visible", "! 1 .: " + opaqueRoot}, "a b"},
	{"hard link to a lower layer", []string{"f a 1\ns s a", "h b a\nh t s", "w a"},
		[]string{"0 b 1 visible", "! 1 b: " + linkToLower, "! 1 t: " + linkToLower}, "b s t"},
	{"hard link to nothing, to a directory, to itself", []string{"f b 2\nd d\nh b a\nh c d\nf e 4\nh e e"},
		[]string{"0 b 2 replaced by 0", "0 e 4 visible", "! 0 b: " + linkToNothing, "! 0 c: " + linkToNothing}, "b c d e"},
	{"hard link before its target", []string{"h b a\nf a 2\nh c d\nf c 1"},
		[]string{"0 a 2 visible", "0 c 1 visible", "! 0 b: " + linkForward}, "a b c"},
	{"a device that overlayfs takes for a whiteout", []string{"f a 1\nc null 1:3", "c a 0:0"},
		[]string{"0 a 1 deleted by 1", "! 1 a: " + deviceWhiteout}, "null"},
	{"a root entry and an empty layer", []string{"d .\nf a 1", "", "d . mode=0700"},
		[]string{"0 a 1 visible"}, "a"},
	{"no layers", nil, []string{}, ""},
}

func TestFates(t *testing.T) {
	for _, c := range fates {
		t.Run(c.name, func(t *testing.T) {
			l, err := Build(indexes(t, c.layers), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, show(l)); d != "" {
				t.Error(d)
			}
			if got := showTree(l); got != c.tree {
				t.Errorf("tree %q, want %q", got, c.tree)
			}
		})
	}
}

// undecided lists, by layer, the entries whose digests [Decide] asks for.
func undecided(indexes []*whittle.Index, opts Options) [][]int {
	b, err := merge(indexes, opts)
	if err != nil {
		return make([][]int, len(indexes))
	}
	return b.undecided()
}

func TestUndecided(t *testing.T) {
	idx := indexes(t, []string{"f a 10\nf b 10\nf c 0\nf d 10\nh e d\nf g 10", "f a 10\nf b 11\nf c 0\nf d 10\nw g", "f g 10\nf a 10"})
	for _, i := range idx {
		for j := range i.Entries {
			i.Entries[j].Content = [32]byte{}
		}
	}
	got := undecided(idx, Options{})
	if d := cmp.Diff([][]int{{0}, {0}, {1}}, got); d != "" {
		t.Error(d)
	}
	l, err := Build(idx, Options{})
	if err != nil || l.Items[0].Cause != whittle.Replaced || l.Items[2].Cause != whittle.Identical {
		t.Error(show(l), err)
	}
}

func TestLimits(t *testing.T) {
	deep := strings.Repeat("a/", 200) + "f 1"
	idx := indexes(t, []string{"f " + deep})
	if _, err := Build(idx, Options{Folders: 100}); !errors.Is(err, whittle.ErrLimit) {
		t.Errorf("200 directories of 100: %v", err)
	}
	// Each symlink leads through the one before, so that paths grow.
	var layer strings.Builder
	layer.WriteString("d x\n")
	name := strings.Repeat("n", 3000)
	for i := range 30 {
		fmt.Fprintf(&layer, "s l%d %s\nf l%d/%s/f 1\n", i, map[bool]string{true: "x", false: fmt.Sprintf("l%d/%s", i-1, name)}[i == 0], i, name)
	}
	if _, err := Build(indexes(t, []string{layer.String()}), Options{}); !errors.Is(err, whittle.ErrLimit) {
		t.Errorf("paths that grow: %v", err)
	}
}

func imageTar(t testing.TB, notation string) []byte { return imagetest.Tar(t, notation) }
