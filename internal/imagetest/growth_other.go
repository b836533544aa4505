//go:build !linux

package imagetest

import "time"

var started = time.Now()

func cpuTime() time.Duration { return time.Since(started) }
