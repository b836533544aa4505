//go:build !linux

package build

// runHelper is for the tests of the private daemon, which runs on Linux only.
func runHelper() int { return -1 }
