package outdir

import "os"

// syncFolder makes a folder's names durable, if the system supports that.
func syncFolder(dir string) {
	if f, err := os.Open(dir); err == nil {
		_ = f.Sync()
		_ = f.Close()
	}
}
