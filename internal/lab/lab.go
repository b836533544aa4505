// Package lab has the verbs about projects: Study, Fix, Forecast and
// AdviseProject. Each is one function: it takes a context, the outside world as
// a [host.Env], and its own options. It builds and runs the project's images,
// and returns a value of the root package, which a renderer prints.
package lab

import (
	"whittle.dev/whittle/internal/inputs"
	"whittle.dev/whittle/internal/outdir"
)

// OutName is the name of the folder in a project in which a study keeps its
// images, logs and reports.
const OutName = outdir.Name

// Inputs are the options of what builds and runs get besides the project's files.
type Inputs = inputs.Options
