package check

import (
	"io/fs"

	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/start"
)

// Image is what the checks look at.
type Image struct {
	start.Image
	// Folder is the project's folder, nil where it is not known.
	Folder fs.FS
	// Names says which distribution has a module. With nil, only installed and
	// declared distributions and the table of wheels are known.
	Names *python.Names
	// Bound gives the specifiers with which to declare a distribution that no
	// file of the project pins; it may be nil.
	Bound func(distribution string) (specifiers string, ok bool)
}

// state is what the checks share: the image, and its processes.
type state struct {
	*Image
	trace  *start.Trace
	starts []*start.Process
	files  *start.Files
	owners *start.Owners
	names  *python.Names
	// inImage and inProject are read when they are first needed.
	inImage, inProject *places
}

func newState(img *Image) *state {
	t := start.Follow(&img.Image)
	s := &state{Image: img, trace: t, starts: t.Processes, files: t.Files, owners: t.Owners, names: img.Names}
	if s.names == nil {
		s.names = python.NewNames(img.Distributions)
		s.names.Declare(img.Project.Names())
	}
	return s
}
