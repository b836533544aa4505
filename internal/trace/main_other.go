//go:build !linux || !(amd64 || arm64)

package trace

// Main is the tracer of Linux on amd64 and arm64; elsewhere there is none, and ours
// is always false.
func Main([]string) (code int, ours bool) { return 0, false }
