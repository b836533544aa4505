package python

import (
	"path"
	"strings"
)

// ForTests says that a Python file is for tests, or for tools of developers, by the
// names that pytest, unittest, Django, nox, tox and setuptools look for.
func ForTests(file string) bool {
	switch base := path.Base(file); base {
	case "conftest.py", "tests.py", "noxfile.py", "toxfile.py", "setup.py":
		return true
	default:
		return strings.HasPrefix(base, "test_") && strings.HasSuffix(base, ".py") || strings.HasSuffix(base, "_test.py")
	}
}
