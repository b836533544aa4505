//go:build !race

package imagetest

const raceDetector = false
