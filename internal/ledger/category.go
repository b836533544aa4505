package ledger

import (
	"path"
	"strings"

	"whittle.dev/whittle"
)

// Category is one part of the partition of all bytes of an image.
type Category uint8

// The categories. What a file is for (bytecode, tests, …) comes before who
// owns it.
const (
	BaseOS Category = iota
	OSPackages
	Interpreter
	PythonPackages
	NodePackages
	Application
	Bytecode
	Tests
	DocsAndLocales
	Caches
	StaticAndHeaders
	VCS
	Other
)

var categoryNames = [...]string{"base OS", "OS packages", "interpreter", "Python packages", "Node packages", "application", "bytecode",
	"tests", "docs and locales", "caches", "static libraries and headers", "VCS", "other"}

// String is the category's name in JSON.
func (c Category) String() string { return categoryNames[c] }

// CategoryNames are the names of all categories, by their number.
func CategoryNames() []string { return categoryNames[:] }

// categorize puts an item into its category: by its path where that says what
// the file is for, else by its owner.
func categorize(it *whittle.Item, o whittle.Owner, kind whittle.OwnerKind) Category {
	if c, ok := purpose(it.Path); ok {
		return c
	}
	switch kind {
	case whittle.OwnerSystem:
		if it.Layer == 0 {
			return BaseOS
		}
		return OSPackages
	case whittle.OwnerInterpreter:
		return Interpreter
	case whittle.OwnerPython, whittle.OwnerEnvironment:
		return PythonPackages
	case whittle.OwnerNode:
		return NodePackages
	}
	switch {
	case o.Ecosystem == applicationOwner:
		return Application
	case strings.Contains(it.Path, "/site-packages/"), strings.Contains(it.Path, "/dist-packages/"):
		return PythonPackages
	case it.Layer == 0 && isSystem(it.Path):
		return BaseOS
	}
	return Other
}

// isSystem says whether a path lies where only a distribution puts files.
func isSystem(p string) bool {
	first, _, _ := strings.Cut(p, "/")
	switch first {
	case "bin", "boot", "etc", "lib", "lib32", "lib64", "libx32", "sbin", "var":
		return true
	case "usr":
		return !strings.HasPrefix(p, "usr/local/") && !strings.HasPrefix(p, "usr/src/")
	}
	return false
}

// purpose knows what a file is for by its path alone.
func purpose(p string) (Category, bool) {
	dirs, base := path.Split(p)
	ext := path.Ext(base)
	switch {
	case under(dirs, "/.git/", "/.hg/", "/.svn/"):
		return VCS, true
	case ext == ".pyc" || ext == ".pyo":
		return Bytecode, true
	case isCache(dirs):
		return Caches, true
	case ext == ".a" || ext == ".la" || isHeader(ext) && under(dirs, "/include/"), ext == ".pxd":
		return StaticAndHeaders, true
	case under(dirs, "/tests/", "/test/") && under(dirs, "/site-packages/", "/dist-packages/", "/node_modules/", "/lib/", "/lib64/"):
		return Tests, true
	case isDoc(dirs), ext == ".mo" || ext == ".po", under(dirs, "/LC_MESSAGES/"):
		return DocsAndLocales, true
	}
	return Other, false
}

// under says whether one of the folders, with a slash at both ends, is among a file's.
func under(dirs string, folders ...string) bool {
	for _, f := range folders {
		if strings.Contains(dirs, f) || strings.HasPrefix(dirs, f[1:]) {
			return true
		}
	}
	return false
}

func isCache(dirs string) bool {
	for _, prefix := range [...]string{"var/cache/", "var/lib/apt/lists/", "tmp/", "var/tmp/"} {
		if strings.HasPrefix(dirs, prefix) {
			return true
		}
	}
	return under(dirs, "/.cache/", "/.npm/", "/.pytest_cache/", "/.mypy_cache/", "/.ruff_cache/")
}

func isHeader(ext string) bool {
	switch ext {
	case ".h", ".hh", ".hpp", ".hxx", ".inl", ".cuh":
		return true
	}
	return false
}

func isDoc(dirs string) bool {
	for _, prefix := range [...]string{"usr/share/doc/", "usr/share/man/", "usr/share/info/", "usr/share/locale/", "usr/share/i18n/",
		"usr/local/share/doc/", "usr/local/share/man/", "usr/share/gtk-doc/", "usr/lib/locale/", "usr/share/help/"} {
		if strings.HasPrefix(dirs, prefix) {
			return true
		}
	}
	return false
}
