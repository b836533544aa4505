package python

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"sort"
	"strings"

	"whittle"
)

// Distribution is one installed distribution.
type Distribution struct {
	// Name is normalized as PEP 503 has it.
	Name, Version string
	// Site is the folder that it is installed in, Record its dist-info or
	// egg-info.
	Site, Record string
	// Files are what it owns: what its RECORD lists and the root has, and the
	// bytecode of that. Sorted.
	Files []string
	// Editable says that its code lies elsewhere, in a source tree.
	Editable bool
}

// Distributions finds what is installed in a root, in every site-packages,
// dist-packages and --target folder and in virtual environments, sorted by
// record. The errors are those of records that could not be read.
func Distributions(ctx context.Context, root whittle.Root) ([]Distribution, []error) {
	return distributions(ctx, newTree(root))
}

func distributions(ctx context.Context, t *tree) ([]Distribution, []error) {
	var out []Distribution
	var problems []error
	total := 0
	for _, p := range t.paths {
		if err := ctx.Err(); err != nil {
			return out, append(problems, err)
		}
		kind, ok := recordKind(t, p)
		if !ok {
			continue
		}
		d, err := readDistribution(t, p, kind)
		if err != nil {
			problems = append(problems, err)
		}
		if total += len(d.Files); total > maxFiles {
			return out, append(problems, tooMany(p))
		}
		out = append(out, d)
	}
	return out, problems
}

type kind int

const (
	distInfo kind = iota
	eggInfo
	eggInfoFile
	eggFolder // an unpacked egg's EGG-INFO
)

// recordKind says whether a path is the record of a distribution.
func recordKind(t *tree, p string) (kind, bool) {
	base := path.Base(p)
	has := func(name string) bool { return t.isFile(p + "/" + name) }
	switch {
	case strings.HasSuffix(base, ".dist-info"):
		return distInfo, has("METADATA") || has("RECORD")
	case strings.HasSuffix(base, ".egg-info"):
		if t.isFile(p) {
			return eggInfoFile, true
		}
		return eggInfo, has("PKG-INFO")
	case base == "EGG-INFO":
		return eggFolder, has("PKG-INFO")
	}
	return 0, false
}

func readDistribution(t *tree, record string, k kind) (Distribution, error) {
	d := Distribution{Site: path.Dir(record), Record: record}
	d.Name, d.Version = nameOfRecord(path.Base(record))
	metadata := map[kind]string{distInfo: record + "/METADATA", eggInfo: record + "/PKG-INFO", eggInfoFile: record, eggFolder: record + "/PKG-INFO"}[k]
	m, err := readMetadata(t, metadata)
	if m.Name != "" {
		d.Name = Normalize(m.Name)
	}
	if m.Version != "" {
		d.Version = m.Version
	}
	var files []string
	switch k {
	case distInfo:
		d.Editable = isEditable(t, record)
		var listed bool
		var rerr error
		files, listed, rerr = readRecord(t, d.Site, record+"/RECORD")
		err = errors.Join(err, rerr)
		if !listed {
			files = append(t.below(record), topLevel(t, d, record)...)
		}
	case eggInfo:
		files = append(t.below(record), eggFiles(t, d, record)...)
	case eggInfoFile:
		files = append([]string{record}, topLevel(t, d, record)...)
	case eggFolder:
		files = t.below(d.Site)
	}
	d.Files = withBytecode(t, files)
	return d, err
}

// nameOfRecord parts "Name-1.0.dist-info" and "Name-1.0-py3.11.egg-info".
func nameOfRecord(base string) (name, version string) {
	base = strings.TrimSuffix(strings.TrimSuffix(base, ".dist-info"), ".egg-info")
	parts := strings.Split(base, "-")
	if len(parts) > 1 {
		version = parts[1]
	}
	return Normalize(parts[0]), version
}

// read gives the content of a small file, nil where it is not there.
func read(t *tree, p string, limit int64) ([]byte, error) {
	b, err := t.root.ReadFile(p, limit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", p, err)
	}
	return b, nil
}

// readRecord reads a RECORD: lines of path, hash and size, paths relative to
// the site folder. listed is false where there is none.
func readRecord(t *tree, site, name string) (files []string, listed bool, err error) {
	b, err := read(t, name, maxRecord)
	if b == nil || err != nil {
		return nil, false, err
	}
	r := csv.NewReader(strings.NewReader(string(b)))
	r.FieldsPerRecord, r.LazyQuotes, r.ReuseRecord = -1, true, true
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return files, true, nil
		}
		if err != nil {
			return files, true, fmt.Errorf("reading %s: %w: %w", name, err, whittle.ErrCorrupt)
		}
		if len(files) > maxFiles {
			return nil, true, tooMany(name)
		}
		if p, ok := inSite(site, row[0]); ok && t.isFile(p) {
			files = append(files, p)
		}
	}
}

// inSite is the path that a record names, relative to its site folder or
// absolute; ok is false where it leaves the root.
func inSite(site, name string) (string, bool) {
	if name == "" {
		return "", false
	}
	if !strings.HasPrefix(name, "/") {
		name = path.Join(site, name)
	}
	p, err := whittle.CleanPath(name)
	return p, err == nil && p != "."
}

// isEditable says whether a distribution was installed with pip install -e.
func isEditable(t *tree, record string) bool {
	b, err := read(t, record+"/direct_url.json", 1<<20)
	if b == nil || err != nil {
		return false
	}
	var doc struct {
		DirInfo struct {
			Editable bool `json:"editable"`
		} `json:"dir_info"`
	}
	return json.Unmarshal(b, &doc) == nil && doc.DirInfo.Editable
}

// topLevel guesses the files of a distribution that lists none: what
// top_level.txt names, else what is named like the distribution.
func topLevel(t *tree, d Distribution, record string) []string {
	b, _ := read(t, record+"/top_level.txt", 1<<20)
	names := strings.Fields(string(b))
	if len(names) == 0 {
		names = []string{strings.ReplaceAll(d.Name, "-", "_"), d.Name}
	}
	var out []string
	for _, n := range names {
		p, ok := inSite(d.Site, n)
		if !ok || path.Dir(p) != d.Site && !strings.HasPrefix(p, d.Site+"/") {
			continue
		}
		out = append(out, t.below(p)...)
		if t.isFile(p + ".py") {
			out = append(out, p+".py")
		}
	}
	return out
}

// eggFiles are the files of an egg-info folder's distribution: pip's
// installed-files.txt, relative to the folder, else what its top-level names
// hold.
func eggFiles(t *tree, d Distribution, record string) []string {
	b, err := read(t, record+"/installed-files.txt", maxRecord)
	if b == nil || err != nil {
		return topLevel(t, d, record)
	}
	var out []string
	for _, line := range strings.Split(string(b), "\n") {
		if p, ok := inSite(record, strings.TrimSpace(line)); ok && t.isFile(p) {
			out = append(out, p)
		}
	}
	return out
}

// withBytecode adds the bytecode of the sources, and sorts without repeats.
func withBytecode(t *tree, files []string) []string {
	seen := make(map[string]bool, len(files))
	var out []string
	add := func(p string) {
		if !seen[p] {
			seen[p] = true
			out = append(out, p)
		}
	}
	for _, p := range files {
		add(p)
		for _, c := range t.bytecode[p] {
			add(c)
		}
	}
	sort.Strings(out)
	return out
}
