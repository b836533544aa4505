//go:build !unix

package outdir

import (
	"os"
	"path/filepath"
)

func (t target) inherit(_, _ *os.File) {}

func replaceable(string, target) bool { return true }

func sameDevice(staged string, t target) bool {
	return filepath.VolumeName(staged) == filepath.VolumeName(t.root.Name())
}
