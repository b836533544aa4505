package analysis

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"whittle.dev/whittle"
)

const (
	// MinBytes is what is not worth a word: a finding of fewer bytes, together,
	// is not stated.
	MinBytes = 100_000
	// maxPlaces bounds the evidence of one finding; what is left over is summed
	// up in its last place.
	maxPlaces = 50
)

// isSystem says that a folder belongs to nobody: to name it would say nothing.
func isSystem(dir string) bool {
	switch dir {
	case "bin", "etc", "home", "lib", "lib64", "opt", "root", "run", "sbin", "srv", "tmp", "usr", "var", "usr/bin", "usr/lib", "usr/local",
		"usr/local/bin", "usr/local/lib", "usr/share", "var/cache", "var/lib":
		return true
	}
	return false
}

// common is the deepest path that two are, or lie in.
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
