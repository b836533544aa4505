// Package lab has the verbs about projects: Study, Fix, Forecast and AdviseProject.
// Each is one function: it takes a
// context, the outside world as a [host.Env] and its own options, builds
// and runs what the project describes, and returns a value of the root package
// that a renderer shows.
package lab

import (
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/inputs"
	"whittle.dev/whittle/internal/outdir"
)

// Words are the words of a command line as a POSIX shell splits them, where
// they are the same whatever the environment.
func Words(line string) ([]string, error) { return dockerfile.Words(line) }

// OutName is the folder in a project where a study leaves its images, logs and
// reports.
const OutName = outdir.Name

// Inputs are what builds and runs get besides the project's files.
type Inputs = inputs.Options
