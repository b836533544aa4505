package database

import (
	"os"
	"path/filepath"
	"runtime"

	"whittle.dev/whittle"
)

// defaultFile is the file in which a database of this user's is, by its name: not in the
// cache, which may be cleared at any time.
// https://specifications.freedesktop.org/basedir-spec/latest/
func defaultFile(name string) (string, error) {
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

// Where is the database that a user named, or the file of this user's if none is named: its
// name says what is in it. With offline, one that may be elsewhere is [whittle.ErrEngine].
func Where(named, name string, offline bool) (string, error) {
	if named == "" {
		return defaultFile(name)
	}
	if offline && IsURL(named) {
		return "", whittle.WithHint(whittle.ErrEngine.Errorf("--offline: the %s is in a database, which may be elsewhere", name), "leave out --offline, or name a file with --db")
	}
	return named, nil
}
