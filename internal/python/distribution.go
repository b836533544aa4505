package python

import (
	"context"
	"errors"
	"path"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
)

// Distribution is one installed distribution.
type Distribution struct {
	// Name is normalized as PEP 503 has it.
	Name, Version string
	// Site is the folder that it is installed in, Record its dist-info or
	// egg-info.
	Site, Record string
	// Files are what it owns: what its RECORD lists and the root has, and the
	// bytecode of that. Sorted. A project in its source tree owns nothing
	// here: its files are the application's.
	Files []string
	// Editable says that its code lies elsewhere, in the source tree at
	// Source (a clean relative path, empty where it is not known).
	Editable bool
	Source   string
	// Local says that it was installed from a folder, not from an index.
	Local bool
	// VendoredBy is the record of the distribution that ships this one inside
	// itself, empty where none does.
	VendoredBy string
	// Installer is who installed it ("pip", "uv", "conda"), empty where that
	// is not recorded.
	Installer   string
	Metadata    Metadata
	EntryPoints []EntryPoint
	// Tags are those of the wheel that it was installed from.
	Tags []pep.Tag
}

// Distributions finds what is installed in a root, in every site-packages,
// dist-packages and --target folder and in virtual environments, sorted by
// record. The errors are those of records that could not be read.
func Distributions(ctx context.Context, root whittle.Root) ([]Distribution, []error) {
	return distributions(ctx, NewTree(root))
}

func distributions(ctx context.Context, t *Tree) ([]Distribution, []error) {
	var out []Distribution
	var problems []error
	total := 0
	linked := t.links()
	for _, p := range t.Paths {
		if err := ctx.Err(); err != nil {
			return out, append(problems, err)
		}
		kind, ok := t.recordKind(p)
		if !ok {
			continue
		}
		d, err := t.distribution(p, kind)
		if err != nil {
			problems = append(problems, err)
		}
		if kind == eggInfo && linked[d.Site] {
			d.Editable, d.Source = true, d.Site
		}
		if total += len(d.Files); total > maxFiles {
			return out, append(problems, tooMany(p))
		}
		out = append(out, d)
	}
	markVendored(out)
	return out, problems
}

type kind int

const (
	distInfo    kind = iota
	eggInfo          // a folder
	eggInfoFile      // as distutils wrote it
	eggFolder        // an unpacked egg's EGG-INFO
	eggFile          // an egg as one zip file
)

// recordKind says whether a path is the record of a distribution.
func (t *Tree) recordKind(p string) (kind, bool) {
	base := path.Base(p)
	has := func(name string) bool { return t.IsFile(p + "/" + name) }
	switch {
	case strings.HasSuffix(base, ".dist-info"):
		return distInfo, has("METADATA") || has("RECORD")
	case strings.HasSuffix(base, ".egg-info"):
		if t.IsFile(p) {
			return eggInfoFile, true
		}
		return eggInfo, has("PKG-INFO")
	case base == "EGG-INFO":
		return eggFolder, has("PKG-INFO")
	case strings.HasSuffix(base, ".egg"):
		return eggFile, strings.Count(base, "-") > 0 && t.IsFile(p)
	}
	return 0, false
}

// distribution reads a record. Where a part of it cannot be read, the rest is
// given together with the error.
func (t *Tree) distribution(record string, k kind) (Distribution, error) {
	d := Distribution{Site: path.Dir(record), Record: record}
	d.Name, d.Version = nameOfRecord(path.Base(record))
	metadata := record
	switch k {
	case distInfo:
		metadata = record + "/METADATA"
	case eggInfo, eggFolder:
		metadata = record + "/PKG-INFO"
	case eggFile:
		d.Files = []string{record}
		return d, nil
	}
	content, err := t.Read(metadata, maxMetadata)
	d.Metadata = ParseMetadata(content)
	if d.Metadata.Name != "" {
		d.Name = pep.Normalize(d.Metadata.Name)
	}
	if d.Metadata.Version != "" {
		d.Version = d.Metadata.Version
	}
	if k == eggInfoFile {
		d.Files = t.withBytecode(append([]string{record}, t.topLevel(&d)...))
		return d, err
	}
	files, ferr := t.files(&d, k)
	d.Files = t.withBytecode(files)
	return d, errors.Join(err, ferr, t.details(&d, k))
}

// files are the paths that a record folder names, there or not.
func (t *Tree) files(d *Distribution, k kind) ([]string, error) {
	switch {
	case k == eggFolder:
		return t.below(d.Site), nil
	case k == eggInfo && t.inSourceTree(d.Site):
		return nil, nil
	case k == eggInfo:
		files, listed, err := t.installedFiles(d.Record)
		if !listed {
			files = t.topLevel(d)
		}
		return append(t.below(d.Record), files...), err
	}
	files, listed, err := t.record(d.Site, d.Record+"/RECORD")
	if !listed {
		files = append(t.below(d.Record), t.topLevel(d)...)
	}
	return files, err
}

// details reads the small files of a record folder.
func (t *Tree) details(d *Distribution, k kind) error {
	var errs []error
	file := func(name string) []byte {
		b, err := t.Read(d.Record+"/"+name, maxSmall)
		errs = append(errs, err)
		return b
	}
	d.EntryPoints = ParseEntryPoints(file("entry_points.txt"))
	if k != distInfo {
		if requires := file("requires.txt"); len(d.Metadata.RequiresDist) == 0 {
			d.Metadata.RequiresDist = parseRequires(requires)
		}
		return errors.Join(errs...)
	}
	d.Installer = whittle.Printable(strings.TrimSpace(string(file("INSTALLER"))))
	d.Tags = parseWheelFile(file("WHEEL"))
	d.Local, d.Editable, d.Source = fromFolder(file("direct_url.json"))
	return errors.Join(errs...)
}

// nameOfRecord parts "Name-1.0.dist-info" and "Name-1.0-py3.11.egg-info".
func nameOfRecord(base string) (name, version string) {
	parts := strings.Split(strings.TrimSuffix(base, path.Ext(base)), "-")
	if len(parts) > 1 {
		version = parts[1]
	}
	return pep.Normalize(parts[0]), version
}

// markVendored finds the distributions whose records are files of others.
func markVendored(dists []Distribution) {
	byRecord := map[string]int{}
	for i, d := range dists {
		byRecord[d.Record] = i
	}
	for i, d := range dists {
		for _, f := range d.Files {
			if !strings.HasSuffix(f, "/METADATA") && !strings.HasSuffix(f, "/PKG-INFO") {
				continue
			}
			if n, ok := byRecord[path.Dir(f)]; ok && n != i && strings.Count(dists[n].Record, "/") > strings.Count(d.Record, "/") {
				dists[n].VendoredBy = d.Record
			}
		}
	}
}
