//go:build race

package imagetest

// RaceDetector says that the race detector is on: the time and the memory that
// work takes are not its own then.
const RaceDetector = true
