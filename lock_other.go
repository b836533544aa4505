//go:build !unix

package whittle

import (
	"io/fs"
	"os"
)

// Lock finds every file free: this system has no such lock.
func Lock(*os.File) (free bool, err error) { return true, nil }

// mine is not known here, so that nothing is removed for it.
func mine(fs.FileInfo) bool { return false }

// othersWrite is not known here.
func othersWrite(fs.FileInfo) string { return "" }
