package host

import (
	"context"
	"path/filepath"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/source"
)

// What names there are, for completions on the command line. Nothing is run or
// written, and nothing is asked but the local Docker engine.

// LocalImages are the names of the images that the local Docker engine has.
func LocalImages(ctx context.Context) ([]string, error) { return source.LocalNames(ctx) }

// Variants are the names of a project's variants. A config of "" is the
// project's own.
func Variants(dir, config string) ([]string, error) {
	p, err := project.Load(dir, config)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, v := range p.Variants {
		names = append(names, v.Name)
	}
	return names, nil
}

// Stages are the names of the stages of a Dockerfile.
func Stages(file string) ([]string, error) {
	src, err := whittle.ReadFile(file, 1<<20) // what the parser takes
	if err != nil {
		return nil, err
	}
	f, err := dockerfile.Parse(filepath.Base(file), src)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, s := range f.Stages {
		if s.Name != "" {
			names = append(names, s.Name)
		}
	}
	return names, nil
}
