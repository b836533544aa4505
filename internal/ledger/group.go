package ledger

import (
	"path"
	"sort"
	"strings"

	"whittle.dev/whittle"
)

// Keys are what [Account.By] groups by.
func Keys() []string { return []string{"package", "category", "instruction", "directory", "extension"} }

// By partitions all bytes of an image by a key, largest first: the owner, the
// category, the instruction that added them, the directory (three levels
// deep) or the file name's extension.
func (a *Account) By(key string) ([]whittle.CategoryRow, error) {
	var name func(i int) string
	items := a.Ledger.Items
	switch key {
	case "package":
		names := a.OwnerNames()
		name = func(i int) string { return names[a.Owner[i]] }
	case "category":
		name = func(i int) string { return a.Category[i].String() }
	case "instruction":
		name = func(i int) string { return a.fullName(items[i].Layer) }
	case "directory":
		name = func(i int) string { return topDirectory(items[i].Path) }
	case "extension":
		name = func(i int) string { return whittle.Extension(items[i].Path) }
	default:
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("cannot group by %q", key), "the keys are "+strings.Join(Keys(), ", "))
	}
	sums := map[string]*whittle.CategoryRow{}
	for i, it := range items {
		n := name(i)
		s := sums[n]
		if s == nil {
			s = &whittle.CategoryRow{Name: n}
			sums[n] = s
		}
		s.Files++
		if it.Cause == whittle.Visible {
			s.Visible += it.Bytes
		} else {
			s.Wasted += it.Bytes
		}
	}
	rows := make([]whittle.CategoryRow, 0, len(sums))
	for _, s := range sums {
		rows = append(rows, *s)
	}
	sort.Slice(rows, func(i, j int) bool {
		if x, y := rows[i].Visible+rows[i].Wasted, rows[j].Visible+rows[j].Wasted; x != y {
			return x > y
		}
		return rows[i].Name < rows[j].Name
	})
	return rows, nil
}

// OwnerNames name the owners, each by another name.
func (a *Account) OwnerNames() []string {
	names, first := make([]string, len(a.Owners)), map[string]int{}
	for i, o := range a.Owners {
		names[i] = o.String()
		if n, taken := first[names[i]]; taken {
			names[i] += " (" + o.Ecosystem + ")"
			names[n] = a.Owners[n].String() + " (" + a.Owners[n].Ecosystem + ")"
			continue
		}
		first[names[i]] = i
	}
	return names
}

// topDirectory is the first three components of a file's directory.
func topDirectory(p string) string {
	parts := strings.Split(path.Dir(p), "/")
	return "/" + strings.TrimPrefix(strings.Join(parts[:min(len(parts), 3)], "/"), ".")
}

// Parts of a Python distribution.
const (
	partModules    = "modules"
	partExtensions = "extensions"
	partLibraries  = "libraries"
	partTests      = "tests"
	partBytecode   = "bytecode"
	partMetadata   = "metadata"
	partData       = "data"
)

// part says what a file of a Python distribution is for.
func part(p string) string {
	dirs, base := path.Split(p)
	switch ext := path.Ext(base); {
	case ext == ".pyc" || ext == ".pyo":
		return partBytecode
	case strings.Contains(dirs, ".dist-info/"), strings.Contains(dirs, ".egg-info/"):
		return partMetadata
	case strings.Contains(dirs, ".libs/"), under(dirs, "/.dylibs/"):
		return partLibraries
	case under(dirs, "/tests/", "/test/"):
		return partTests
	case strings.Contains(base, ".so.") || ext == ".so" && strings.HasPrefix(base, "lib"):
		return partLibraries
	case ext == ".so" || ext == ".pyd":
		return partExtensions
	case ext == ".py" || ext == ".pyi":
		return partModules
	}
	return partData
}
