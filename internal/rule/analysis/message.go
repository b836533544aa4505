package analysis

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"whittle.dev/whittle"
)

const (
	// MinBytes is the least sum of bytes that a finding is reported for.
	MinBytes = 100_000
	// maxPlaces bounds the rows of evidence of a finding. The last row is the sum of
	// the rest.
	maxPlaces = 50
)

// isSystem says that a folder is too general to be named as evidence.
func isSystem(dir string) bool {
	switch dir {
	case "bin", "etc", "home", "lib", "lib64", "opt", "root", "run", "sbin", "srv", "tmp", "usr", "var", "usr/bin", "usr/lib", "usr/local",
		"usr/local/bin", "usr/local/lib", "usr/share", "var/cache", "var/lib":
		return true
	}
	return false
}

// common is the deepest path that is equal to or contains both paths.
func common(a, b string) string {
	for !whittle.Under(b, a) {
		a = path.Dir(a)
	}
	return a
}

// List is "a, b and c", or "a, b and 7 more".
func List(names []string) string {
	const most = 4
	if len(names) > most {
		names = append(slices.Clone(names[:most-1]), strconv.Itoa(len(names)-most+1)+" more")
	}
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// FileCount is a number of files in words.
func FileCount(n int) string { return Count(n, "file") }

// Count is a number of things in words.
func Count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}

// TopFolder is the first part of a path.
func TopFolder(p string) string {
	top, _, _ := strings.Cut(p, "/")
	return top
}
