//go:build !unix

package whittle

import (
	"io/fs"
	"os"
)

// Lock finds every file free: this system has no such lock.
func Lock(*os.File) (free bool, err error) { return true, nil }

// othersWrite is not known here.
func othersWrite(fs.FileInfo) string { return "" }
