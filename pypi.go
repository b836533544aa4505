package whittle

// IndexFile is one file of a distribution in a Python package index.
type IndexFile struct {
	// Name is the file's: "numpy-2.5.5-cp313-cp313-manylinux_2_28_x86_64.whl".
	Name string
	// URL is where it lies, without credentials.
	URL string
	// SHA256 is lower-case hexadecimal, empty where the index does not say.
	SHA256 string
	// Size is in bytes, 0 where the index does not say.
	Size int64
	// RequiresPython are specifiers as written, empty where any will do.
	RequiresPython string
	// Yanked files are taken only where a version is pinned to them.
	Yanked bool
	// Metadata says that the index has the METADATA beside the file, and
	// MetadataSHA256 its digest, empty where the index does not say.
	Metadata       bool
	MetadataSHA256 string
}

// WheelMember is one file in a wheel.
type WheelMember struct {
	// Path is clean and relative, with slashes.
	Path string
	// Size and Compressed are in bytes.
	Size, Compressed int64
	// Content is that of the .dist-info folder's entry_points.txt, which says
	// what an installer writes beside the files; nil for any other file.
	Content []byte
}
