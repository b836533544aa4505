package lab

import (
	"os"
	"path/filepath"

	"whittle.dev/whittle"
)

// WriteFile writes a file whole or not at all, durably.
func WriteFile(path string, content []byte) error {
	return whittle.Folder(filepath.Dir(path)).Write(filepath.Base(path), content, 0o644)
}

// syncFolder makes a folder's names durable, where the system can do that.
func syncFolder(dir string) {
	if f, err := os.Open(dir); err == nil {
		_ = f.Sync()
		_ = f.Close()
	}
}
