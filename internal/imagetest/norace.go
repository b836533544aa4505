//go:build !race

package imagetest

// RaceDetector says that the race detector is on.
const RaceDetector = false
