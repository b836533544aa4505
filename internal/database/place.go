package database

import (
	"os"
	"path/filepath"
	"runtime"

	"whittle.dev/whittle"
)

// DefaultFile is the file in which a database of this user's is, by its name: not in the
// cache, which may be cleared at any time.
// https://specifications.freedesktop.org/basedir-spec/latest/
func DefaultFile(name string) (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "whittle", name+".db"), nil
	}
	var dir string
	var err error
	switch runtime.GOOS {
	case "windows":
		dir, err = os.UserCacheDir() // %LocalAppData%
	case "darwin":
		dir, err = os.UserConfigDir() // ~/Library/Application Support
	default:
		if dir, err = os.UserHomeDir(); err == nil {
			dir = filepath.Join(dir, ".local", "state")
		}
	}
	if err != nil {
		return "", whittle.WithHint(whittle.ErrUsage.Errorf("there is no folder for the %s: %w", name, err), "--db FILE names one, or a database: postgres://…")
	}
	return filepath.Join(dir, "whittle", name+".db"), nil
}
