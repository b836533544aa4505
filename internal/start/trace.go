package start

import (
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/elf"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/imports"
	"whittle.dev/whittle/internal/python/source"
)

// Image is what is known of an image.
type Image struct {
	Root   whittle.Root
	Config *whittle.Config
	// Distributions are the installed Python distributions.
	Distributions []python.Distribution
	// Sources says what the Python text at a path imports.
	Sources func(path string) (*source.Facts, bool)
	// Binaries gives the ELF file at a path.
	Binaries func(path string) (*elf.File, bool)
	// Builtins are the modules compiled into the interpreter at a path, nil
	// where that is not known.
	Builtins func(path string) []string
	// Version is the full version of the interpreter at a path, of a series
	// ("3.13"), empty where that is not known; nil knows none.
	Version func(path, series string) string
	// Project is what the project's files declare, nil where there are none.
	Project *manifest.Declared
	// Commands are further commands that have to work.
	Commands [][]string
}

// Trace is an image with its processes, as far as they were followed.
type Trace struct {
	*Image
	// Processes are in the order in which they were found: each start before the
	// processes that it starts.
	Processes []*Process
	Files     *Files
	Owners    *Owners
	User      *Account          // who the processes run as
	Env       map[string]string // the configuration's
	Workdir   string            // clean and relative

	loader    *elf.Loader
	importers map[string]*imports.Importer
	// touchedBy is the process that an importer was made for: one that changed
	// its path is of no use to others.
	touchedBy map[*imports.Importer]*Process
}

// Follow finds the processes that an image starts, and what each imports.
func Follow(img *Image) *Trace {
	config := img.Config.Config
	t := &Trace{Image: img, Env: map[string]string{}, Workdir: whittle.Join("", config.WorkingDir),
		importers: map[string]*imports.Importer{}, touchedBy: map[*imports.Importer]*Process{}}
	for _, kv := range config.Env {
		k, v, _ := strings.Cut(kv, "=")
		t.Env[k] = v
	}
	t.Files = &Files{root: img.Root, sources: img.Sources}
	t.User = t.Files.account(config.User)
	t.Files.user = t.User
	t.Owners = newOwners(img, t.Workdir)
	t.loader = elf.NewLoader(img.Root, img.Binaries, t.Env)
	t.loader.Machine = elf.MachineOf(img.Config.Architecture)
	t.findStarts()
	return t
}

// Refused are what the dynamic loader does not find for a file: a program, or
// what a process of the program loads.
func (t *Trace) Refused(file, program string) []elf.Missing {
	if program == "" {
		return t.loader.Missing(file)
	}
	var out []elf.Missing
	for _, m := range t.loader.MissingIn(program, file) {
		if m.Elsewhere == "" || m.Kind != "library" { // packages load such files by their path before they need them
			out = append(out, m)
		}
	}
	return out
}
