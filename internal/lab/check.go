package lab

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/check"
	"whittle.dev/whittle/internal/elf"
	"whittle.dev/whittle/internal/index"
	"whittle.dev/whittle/internal/ledger"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/start"
)

// CheckOptions are the options of [Check].
type CheckOptions struct {
	// Project is the folder of the project that made the image; empty where
	// it is not known.
	Project string
	// Commands have to work too, besides what the image starts.
	Commands [][]string
	// Run runs what the image starts, too. Patience is how long an entry
	// point is watched that does not end; 0 is ten seconds.
	Run      bool
	Patience time.Duration
	// Inputs are what the runs get, besides those that the project names.
	Inputs Inputs
	// TempDir is where the image is laid out for the engine; empty is the
	// system's.
	TempDir string
	// digests says that the image is inspected too, so that its layers are
	// not read once for the check and once more for the digests of files.
	digests bool
}

// Check says whether an image can run, without running it.
func Check(ctx context.Context, env *Env, name string, o CheckOptions) (*whittle.Check, error) {
	img, err := env.Images.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer img.Close()
	f, err := readEvidence(ctx, env, img, name, o.digests)
	if err != nil {
		return nil, err
	}
	return f.check(ctx, env, name, o)
}

// readEvidence reads what checks look at in an image: with the digests of its
// files where it is inspected, too.
func readEvidence(ctx context.Context, env *Env, img whittle.Image, name string, digests bool) (*evidence, error) {
	env.progress().Step("reading " + name)
	read := env.Index
	read.Keep, read.KeepName, read.KeepToo, read.Distil, read.NoDigests = keepFacts, factsVersion, nil, distil, !digests
	indexes, err := index.All(ctx, img, read)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	led, err := ledger.Build(indexes, ledgerOptions(read))
	if err != nil {
		return nil, fmt.Errorf("accounting for %s: %w", name, err)
	}
	f := newEvidence(newRoot(img, indexes, led))
	if err := f.fetch(ctx); err != nil {
		return nil, fmt.Errorf("reading the files of %s: %w", name, err)
	}
	return f, nil
}

// check says whether an image can run, by what was read of it.
func (f *evidence) check(ctx context.Context, env *Env, name string, o CheckOptions) (*whittle.Check, error) {
	img, dists := f.img, f.distributions(ctx)
	in := &check.Image{
		Image: start.Image{Root: f, Config: img.Config(), Distributions: dists, Sources: f.source, Binaries: f.binary, Builtins: f.builtins,
			Version: f.version, Commands: o.Commands},
		Bound: func(name string) (string, bool) {
			return newest(ctx, env, name, environmentOf(f, img.Config().Platform()))
		}}
	said := project.Check{}
	var err error
	if o.Project != "" {
		if said, err = project.ReadCheck(o.Project); err != nil {
			return nil, err
		}
		in.Folder = whittle.Folder(o.Project)
		// What cannot be read of a project's files is not the image's fault.
		in.Project, _ = project.ReadDeclared(in.Folder)
	}
	in.Names = namesOf(ctx, env, dists, in.Project, said.Names, environmentOf(f, img.Config().Platform()))
	env.progress().Step("checking " + name)
	out, err := check.Run(ctx, in)
	if err != nil {
		return nil, err
	}
	out.Image, out.Unverified = img.Ref().Name, !verified(f.indexes)
	if o.Run {
		err = confirm(ctx, env, f, out, o)
	}
	return out, err
}

// factsVersion names the selection of keepFacts and the forms of distil in
// cached indexes: change it when either changes.
const factsVersion = "facts-v12-" + source.SourceFormat

// maxText bounds the scripts that are kept whole, in bytes.
const maxText = 256 << 10

// keepFacts selects what checks read: package databases, Python text, and
// whatever may be a binary or a script.
func keepFacts(e *whittle.Entry) bool {
	return e.Kind == whittle.File && (isDatabase(e.Path) || isCheckDatabase(e.Path) || strings.HasSuffix(e.Path, ".py") || maybeBinary(e))
}

// isCheckDatabase says which files checks read as they are.
func isCheckDatabase(p string) bool {
	return isStartFile(p) || p == "etc/passwd" || p == "etc/group" || elf.Database(p) || strings.HasPrefix(path.Base(p), "__editable__")
}

// isStartFile says which files may name what a process manager or a framework
// starts.
func isStartFile(p string) bool {
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

func maybeBinary(e *whittle.Entry) bool {
	base := path.Base(e.Path)
	return e.Mode&0o111 != 0 || strings.Contains(base, ".so") || path.Ext(base) == ".sh" || !strings.Contains(base, ".") && path.Base(path.Dir(e.Path)) == "bin"
}

var (
	initFunction = regexp.MustCompile(`PyInit_([A-Za-z0-9_]+)`)
	// patchLevel is PY_VERSION as a string of the program.
	patchLevel = regexp.MustCompile(`\x00(3\.\d+\.\d+(?:(?:a|b|rc)\d+)?)\+?\x00`)
)

// distil makes of a file what checks need of it: package databases and scripts
// stay as they are, Python text and binaries become facts.
func distil(e *whittle.Entry, content []byte) []byte {
	switch {
	case isDatabase(e.Path), isCheckDatabase(e.Path) && (!isStartFile(e.Path) || len(content) <= maxText && !elf.IsELF(content)):
		return content
	case strings.HasSuffix(e.Path, ".py"):
		b, _ := source.Scan(content).AppendBinary(nil)
		return b
	case elf.IsELF(content):
		f, err := elf.Parse(content)
		if err != nil {
			return nil
		}
		b, _ := f.AppendBinary([]byte(binaryMark))
		if base := path.Base(e.Path); strings.HasPrefix(base, "python") || strings.HasPrefix(base, "libpython") {
			var names []string
			for _, m := range initFunction.FindAllSubmatch(content, -1) {
				names = append(names, string(m[1]))
			}
			for _, m := range patchLevel.FindAllSubmatch(content, -1) {
				names = append(names, versionMark+string(m[1]))
			}
			slices.Sort(names)
			b = append(b, binaryMark+strings.Join(slices.Compact(names), " ")...)
		}
		return b
	case len(content) > maxText || bytes.IndexByte(content[:min(len(content), 1024)], 0) >= 0:
		return nil
	}
	return content
}

// binaryMark stands before the facts of a binary, which no script begins with.
const binaryMark = "\x00elf\x00"

// versionMark stands before what may be an interpreter's version, among the
// modules that are compiled into it.
const versionMark = "="

// evidence is a root with what was distilled of its files.
type evidence struct {
	*root
	sources  map[string]*source.Facts
	binaries map[string]*elf.File
	// installed are the Python distributions, once they were read.
	installed []python.Distribution
	counted   bool
	// fileOwner has the names of the distributions by their files, once asked for.
	fileOwner map[string]string
}

func newEvidence(r *root) *evidence {
	return &evidence{root: r, sources: map[string]*source.Facts{}, binaries: map[string]*elf.File{}}
}

// fetch gives every visible file that checks read its distilled form: from the
// indexes, or from the layers where those were indexed by their headers.
func (f *evidence) fetch(ctx context.Context) error {
	byLayer := make([]map[int]int, len(f.indexes))
	for i := range f.ledger.Tree.Nodes {
		n := &f.ledger.Tree.Nodes[i]
		if n.Item < 0 {
			continue
		}
		it := f.ledger.Items[n.Item]
		e := f.indexes[it.Layer].Entries[it.Entry]
		if b, ok := f.indexes[it.Layer].Kept[it.Entry]; ok {
			f.contents[n.Item] = b
			continue
		}
		if f.indexes[it.Layer].KeptBy == factsVersion || !keepFacts(&e) || e.Size > maxDistilled {
			continue
		}
		if byLayer[it.Layer] == nil {
			byLayer[it.Layer] = map[int]int{}
		}
		byLayer[it.Layer][it.Entry] = n.Item
	}
	for layer, entries := range byLayer {
		if len(entries) == 0 {
			continue
		}
		idx := f.indexes[layer]
		want := func(entry int) bool { _, ok := entries[entry]; return ok }
		err := index.Files(ctx, f.img.Layers()[layer], idx, want, func(entry int, r io.Reader) error {
			content, err := io.ReadAll(r)
			if err != nil {
				return err
			}
			if b := distil(&idx.Entries[entry], content); b != nil {
				f.contents[entries[entry]] = bytes.Clone(b)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// maxDistilled is the largest file that is read for its facts, in bytes.
const maxDistilled = 128 << 20

func (f *evidence) content(p string) ([]byte, bool) {
	n, ok := f.nodes[p]
	if !ok || n.Item < 0 {
		return nil, false
	}
	b, ok := f.contents[n.Item]
	return b, ok
}

// ReadFile implements [whittle.Root] for the files that are kept as they are.
func (f *evidence) ReadFile(p string, limit int64) ([]byte, error) {
	if strings.HasSuffix(p, ".py") && !isDatabase(p) && !isCheckDatabase(p) {
		return nil, fmt.Errorf("of %s only the imports are known: %w", p, whittle.ErrUnsupported)
	}
	b, err := f.root.ReadFile(p, limit)
	if err == nil && bytes.HasPrefix(b, []byte(binaryMark)) {
		return nil, fmt.Errorf("%s is a binary: %w", p, whittle.ErrUnsupported)
	}
	return b, err
}

// source is what the Python text at a path says.
func (f *evidence) source(p string) (*source.Facts, bool) {
	if s, ok := f.sources[p]; ok {
		return s, s != nil
	}
	var s *source.Facts
	if b, ok := f.content(p); ok && strings.HasSuffix(p, ".py") {
		s = new(source.Facts)
		if isDatabase(p) || isCheckDatabase(p) {
			s = source.Scan(b)
		} else if s.UnmarshalBinary(b) != nil {
			s = nil
		}
	}
	f.sources[p] = s
	return s, s != nil
}

// binary is the ELF file at a path.
func (f *evidence) binary(p string) (*elf.File, bool) {
	if e, err := f.Lstat(p); err == nil && e.Kind == whittle.Symlink {
		if real, ok := f.resolve(p); ok {
			p = real
		}
	}
	if e, ok := f.binaries[p]; ok {
		return e, e != nil
	}
	var file *elf.File
	if b, ok := f.content(p); ok {
		if rest, ok := bytes.CutPrefix(b, []byte(binaryMark)); ok {
			rest, _, _ = bytes.Cut(rest, []byte(binaryMark))
			file = new(elf.File)
			if file.UnmarshalBinary(rest) != nil {
				file = nil
			}
		}
	}
	f.binaries[p] = file
	return file, file != nil
}

// resolve follows a symlink's own target.
func (f *evidence) resolve(p string) (string, bool) {
	for range 40 {
		e, err := f.Lstat(p)
		if err != nil {
			return "", false
		}
		if e.Kind != whittle.Symlink {
			return p, true
		}
		target := e.Link
		if !strings.HasPrefix(target, "/") {
			target = "/" + path.Dir(p) + "/" + target
		}
		p = strings.TrimPrefix(path.Clean(target), "/")
	}
	return "", false
}

// builtins are the modules that are compiled into an interpreter, or into the
// shared library that it loads; nil where neither says.
func (f *evidence) builtins(program string) []string {
	out := slices.DeleteFunc(f.interpreterFacts(program), func(s string) bool { return strings.HasPrefix(s, versionMark) })
	if len(out) == 0 {
		return nil
	}
	return out
}

// version is the full version of an interpreter of a series ("3.13") as its
// program has it, empty where that is not clear.
func (f *evidence) version(program, series string) string {
	found := ""
	for _, s := range f.interpreterFacts(program) {
		v, ok := strings.CutPrefix(s, versionMark)
		switch {
		case !ok || !strings.HasPrefix(v, series+"."):
		case found != "" && found != v:
			return ""
		default:
			found = v
		}
	}
	return found
}

// interpreterFacts are the built-in modules of an interpreter and what may be
// its version.
func (f *evidence) interpreterFacts(program string) []string {
	files := []string{program}
	if e, ok := f.binary(program); ok {
		for _, lib := range e.Needed {
			if strings.HasPrefix(lib, "libpython") {
				dir := path.Dir(path.Dir(program))
				files = append(files, path.Join(dir, "lib", lib), path.Join(dir, "lib/x86_64-linux-gnu", lib), path.Join(dir, "lib/aarch64-linux-gnu", lib))
			}
		}
	}
	var out []string
	for _, file := range files {
		b, ok := f.content(file)
		if !ok {
			continue
		}
		rest, _ := bytes.CutPrefix(b, []byte(binaryMark))
		if _, names, ok := bytes.Cut(rest, []byte(binaryMark)); ok {
			out = append(out, strings.Fields(string(names))...)
		}
	}
	return out
}

// Checks are all checks, in the order in which they are made.
func Checks() []check.Check { return check.All() }
