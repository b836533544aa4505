// Package pypi reads a Python package index: which files it has of a
// distribution, the metadata of a wheel, and what a wheel holds, by requests
// of ranges, without downloading it. The simple repository API:
// https://packaging.python.org/en/latest/specifications/simple-repository-api/
package pypi

// File is one file of a distribution in the index.
type File struct {
	// Name is the file's: "numpy-2.5.5-cp313-cp313-manylinux_2_28_x86_64.whl".
	Name string
	URL  string
	// SHA256 is lower-case hexadecimal, empty where the index does not say.
	SHA256 string
	// Size is in bytes, 0 where the index does not say.
	Size           int64
	RequiresPython string
	// Yanked files are taken only where a version is pinned to them.
	Yanked bool
	// Metadata says that the index has the wheel's METADATA beside it.
	Metadata bool
}

// Member is one file in a wheel. Size and Compressed are in bytes.
type Member struct {
	Path             string
	Size, Compressed int64
}
