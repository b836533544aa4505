//go:build !unix

package tempfolder

import "io/fs"

// mine is not known here, so that nothing is removed for it.
func mine(fs.FileInfo) bool { return false }
