//go:build race

package imagetest

// raceDetector: what the detector does to each access is not the work's.
const raceDetector = true
