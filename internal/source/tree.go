package source

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"whittle.dev/whittle"
)

// openTree reads a root file system in a folder (of debootstrap, a chroot, podman mount)
// as an image of one layer. It is spooled as a tar, as a layer needs a digest before it
// is read. Nothing of what an image's configuration says is known but the platform.
func openTree(ctx context.Context, name, dir string, o Options) (_ whittle.Image, err error) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, noSuchFile(name, "no folder "+dir, dir)
	case err != nil:
		return nil, whittle.ErrUsage.Errorf("opening %s: %w", name, err)
	case !info.IsDir():
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("opening %s: %s is a file", name, dir), "unpack it first, or name it as an image: docker-archive:PATH or oci-archive:PATH")
	}
	f, err := temporary(o.TempDir)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
		}
	}()
	t := &tree{o: o, dir: dir, links: map[inode]string{}, machines: map[string]int{}}
	diffID, err := t.write(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", name, err)
	}
	for _, note := range t.notes() {
		if o.Note != nil {
			o.Note(name + ": " + note)
		}
	}
	img := &image{close: f.Close}
	p := t.platform()
	img.config.OS, img.config.Architecture, img.config.Variant = p.OS, p.Architecture, p.Variant
	img.config.RootFS.Type, img.config.RootFS.DiffIDs = "layers", []whittle.Digest{diffID}
	config, err := json.Marshal(&img.config.Config)
	if err != nil {
		return nil, err
	}
	img.ref = whittle.Ref{Name: name, Source: RootFS, Digest: whittle.DigestOf(config)}
	section := func() *io.SectionReader { return io.NewSectionReader(f, 0, t.written) }
	img.layers = []whittle.Layer{&layer{diffID: diffID, blob: whittle.Blob{Digest: diffID, Size: t.written},
		raw:     func(context.Context) (io.ReadCloser, error) { return io.NopCloser(section()), nil },
		inPlace: func() (*io.SectionReader, bool) { return section(), true },
		stat:    func(context.Context) (int64, string, error) { return t.written, "", nil },
	}}
	return img, nil
}

// tree is a root file system that is written as a tar.
type tree struct {
	o    Options
	dir  string
	root *os.Root
	tar  *tar.Writer
	task whittle.Task
	// links are the names of files with several names; device is that of the root.
	links  map[inode]string
	device uint64
	// machines counts the programs and libraries by their architecture.
	machines map[string]int
	// mounted are folders of other file systems, whiteouts files that no layer can have,
	// unreadable what this user may not read.
	mounted, whiteouts, unreadable []string
	written                        int64
}

// inode identifies a file that may have several names.
type inode struct{ device, number uint64 }

// write writes the tar and gives its digest.
func (t *tree) write(ctx context.Context, to io.Writer) (whittle.Digest, error) {
	root, err := os.OpenRoot(t.dir)
	if err != nil {
		return "", whittle.ErrUsage.Of(err)
	}
	defer root.Close()
	t.root = root
	info, err := root.Stat(".")
	if err != nil {
		return "", whittle.ErrUsage.Of(err)
	}
	id, _ := inodeOf(info)
	t.device = id.device
	t.task = t.o.listener().Begin(whittle.Work{Name: "reading " + t.dir, Bytes: true, Kept: slowInput})
	defer func() { t.task.End("") }()
	sum, out := sha256.New(), bufio.NewWriterSize(to, 1<<20)
	t.tar = tar.NewWriter(&bounded{io.MultiWriter(out, sum), t})
	if err := t.folder(ctx, "."); err != nil {
		return "", err
	}
	if len(t.unreadable) > 0 {
		return "", whittle.WithHint(whittle.ErrUsage.Errorf("%s of it cannot be read, such as %s: %w", number(len(t.unreadable), "file"), t.unreadable[0], fs.ErrPermission),
			"run whittle as a user who may read everything: with sudo, or in podman unshare")
	}
	if err := errors.Join(t.tar.Close(), out.Flush()); err != nil {
		return "", whittle.ErrSystem.Errorf("keeping it in a temporary file: %w", err)
	}
	return whittle.SHA256([32]byte(sum.Sum(nil))), nil
}

// folder writes what is in a folder, by name.
func (t *tree) folder(ctx context.Context, dir string) error {
	entries, err := t.list(dir)
	if err != nil {
		return t.refused(dir, err)
	}
	for _, e := range entries {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		name := path.Join(dir, e.Name())
		if err := t.entry(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (t *tree) list(dir string) ([]fs.DirEntry, error) {
	f, err := t.root.OpenFile(dir, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, err
}

// refused notes what cannot be read. Any other error ends the reading.
func (t *tree) refused(name string, err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return whittle.ErrUsage.Errorf("reading %s: %w", name, err)
	}
	t.unreadable = append(t.unreadable, name)
	return nil
}

// entry writes a file, and what is in it if it is a folder.
func (t *tree) entry(ctx context.Context, name string) error {
	info, err := t.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it went while the folder was read
	}
	if err != nil {
		return t.refused(name, err)
	}
	if strings.HasPrefix(path.Base(name), ".wh.") {
		t.whiteouts = append(t.whiteouts, name)
		return nil
	}
	link := ""
	switch info.Mode().Type() {
	case fs.ModeSymlink:
		if link, err = t.root.Readlink(name); err != nil {
			return t.refused(name, err)
		}
	case fs.ModeSocket:
		return nil // no tar has one
	}
	h, err := tar.FileInfoHeader(withoutNames{info}, link)
	if err != nil {
		return whittle.ErrUsage.Errorf("reading %s: %w", name, err)
	}
	h.Name, h.Format, h.ModTime = name, tar.FormatPAX, info.ModTime().Truncate(time.Second)
	h.AccessTime, h.ChangeTime = time.Time{}, time.Time{}
	owned(h, info)
	id, several := inodeOf(info)
	if first, seen := t.links[id]; several && seen && !info.IsDir() {
		h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
		return t.tar.WriteHeader(h)
	}
	switch {
	case info.IsDir():
		h.Name += "/"
		if err := t.tar.WriteHeader(h); err != nil {
			return err
		}
		if id.device != t.device {
			t.mounted = append(t.mounted, name)
			return nil
		}
		return t.folder(ctx, name)
	case info.Mode().IsRegular():
		err = t.file(ctx, name, h)
	default:
		err = t.tar.WriteHeader(h)
	}
	if several {
		t.links[id] = name
	}
	return err
}

// withoutNames keeps the tar's header from looking up the names of the owners, which
// are those of this machine.
type withoutNames struct{ fs.FileInfo }

// Sys implements [fs.FileInfo].
func (withoutNames) Sys() any { return nil }

// file writes a regular file. It is opened anew, and may be another one by then.
func (t *tree) file(ctx context.Context, name string, h *tar.Header) error {
	f, err := t.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|noFollow, 0)
	if err != nil {
		return t.refused(name, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() != h.Size {
		return whittle.ErrUsage.Errorf("%s changed while it was read", name)
	}
	var start [20]byte
	n, _ := f.ReadAt(start[:], 0)
	if arch := elfMachine(start[:n]); arch != "" {
		t.machines[arch]++
	}
	if err := t.tar.WriteHeader(h); err != nil {
		return err
	}
	if n, err := io.CopyN(t.tar, contextReader{ctx, f}, h.Size); err != nil {
		if errors.Is(err, io.EOF) {
			return whittle.ErrUsage.Errorf("%s changed while it was read: it has %d of %d bytes", name, n, h.Size)
		}
		return err
	}
	return nil
}

// machineNames are architectures by the number in an ELF file, of the class (1: 32
// bits, 2: 64 bits) and the byte order (1: little endian).
// https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
var machineNames = map[[3]uint16]string{
	{62, 2, 1}: "amd64", {3, 1, 1}: "386", {183, 2, 1}: "arm64", {40, 1, 1}: "arm", {243, 2, 1}: "riscv64",
	{21, 2, 1}: "ppc64le", {22, 2, 2}: "s390x", {8, 2, 1}: "mips64le", {258, 2, 1}: "loong64",
}

func elfMachine(b []byte) string {
	if len(b) < 20 || string(b[:4]) != "\x7fELF" {
		return ""
	}
	order := binary.ByteOrder(binary.LittleEndian)
	if b[5] == 2 {
		order = binary.BigEndian
	}
	return machineNames[[3]uint16{order.Uint16(b[18:]), uint16(b[4]), uint16(b[5])}]
}

// platform is the one that was asked for, otherwise that of most programs.
func (t *tree) platform() whittle.Platform {
	p := t.o.platform()
	if t.o.Platform != nil {
		return p
	}
	most := 0
	for arch, n := range t.machines {
		if n > most || n == most && arch < p.Architecture {
			most = n
			p = whittle.Platform{OS: "linux", Architecture: arch}.Normalize()
		}
	}
	return p
}

// notes say what of the folder is not in the image.
func (t *tree) notes() (notes []string) {
	if n := len(t.mounted); n > 0 {
		notes = append(notes, fmt.Sprintf("what is mounted in it is left out: %s", some(t.mounted)))
	}
	if n := len(t.whiteouts); n > 0 {
		notes = append(notes, fmt.Sprintf("files that begin with .wh. are left out, as no layer can have them: %s", some(t.whiteouts)))
	}
	return notes
}

// some are the first of several names.
func some(names []string) string {
	const most = 5
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

func number(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// bounded counts what is written, up to the limit of an image's size.
type bounded struct {
	w io.Writer
	t *tree
}

// Write implements [io.Writer].
func (b *bounded) Write(p []byte) (int, error) {
	if b.t.written += int64(len(p)); b.t.written > b.t.o.Limits.Unpacked {
		return 0, whittle.WithHint(whittle.ErrLimit.Errorf("it has more than %s", whittle.Bytes(b.t.o.Limits.Unpacked)), "--max-size raises the limit")
	}
	b.t.task.Done(b.t.written, 0)
	n, err := b.w.Write(p)
	if err != nil {
		err = whittle.ErrSystem.Errorf("keeping it in a temporary file: %w", err)
	}
	return n, err
}
