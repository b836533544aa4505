package check

import (
	"fmt"

	"whittle.dev/whittle"
)

// libraries sees that the dynamic loader finds what programs need.
func libraries() group {
	return group{run: checkLibraries, also: []string{whittle.CheckMissingInterpreter}, checks: []Check{
		{ID: whittle.CheckMissingSharedLibrary, Severity: whittle.SeverityError, Title: "the dynamic loader does not find a shared library",
			Text: "whittle looks up the libraries that a program or an extension module needs as the loader of glibc or musl does: `RPATH`, `LD_LIBRARY_PATH`, `RUNPATH`, `ld.so.cache`, the default folders. Install the package that has the library in the final stage."},
		{ID: whittle.CheckWrongLibc, Severity: whittle.SeverityError, Title: "a program or library is built for another C library",
			Text: "A wheel or program for glibc does not load in an image with musl, and the other way round. Install it in a stage that has the same C library as the final one."},
		{ID: whittle.CheckWrongArch, Severity: whittle.SeverityError, Title: "a program or library is built for another processor",
			Text: "The ELF header names another architecture than the image's configuration. Build or download the file for the platform of the image."},
	}}
}

// checkLibraries sees that the programs that are started find their libraries.
// Those of Python's extension modules are checked where they are imported.
func checkLibraries(s *state) []whittle.Problem {
	var out []whittle.Problem
	for _, st := range s.starts {
		for _, program := range st.Programs {
			real := s.files.Real(program)
			if _, ok := s.Binaries(real); !ok {
				continue
			}
			for _, p := range libraryProblems(s, real, "") {
				p.Message = fmt.Sprintf("%s starts /%s; %s", st.Name, program, p.Message)
				out = append(out, adjust(st, p))
			}
		}
	}
	return out
}

// libraryProblems are what the loader refuses about a file: a program, or what
// a process of the program loads.
func libraryProblems(s *state, file, program string) []whittle.Problem {
	var out []whittle.Problem
	for _, m := range s.trace.Refused(file, program) {
		p := whittle.Problem{Rule: whittle.CheckMissingSharedLibrary, Severity: whittle.SeverityError, Path: "/" + file, ReachedFrom: nil}
		by := "/" + m.NeededBy
		switch m.Kind {
		case "version":
			p.Message = fmt.Sprintf("%s needs %s of %s, which the image's one does not have", by, m.Version, m.Library)
			p.Fix = "build it on the same distribution as the final image, or take a newer base image"
			if len(m.Version) > 6 && m.Version[:6] == "GLIBC_" {
				p.Rule = whittle.CheckWrongLibc
			}
		case "interpreter":
			p.Rule = whittle.CheckMissingInterpreter
			p.Message = fmt.Sprintf("%s asks for the loader %s, which is not there", by, m.Library)
			p.Fix = "use a binary made for this image's C library, or another base image"
		case "machine":
			p.Rule = whittle.CheckWrongArch
			p.Message = fmt.Sprintf("%s is made for another machine (%s)", by, m.Library)
			p.Fix = "install it for the platform of the image"
		case "libc":
			p.Rule = whittle.CheckWrongLibc
			p.Message = fmt.Sprintf("%s needs %s: it is made for another C library than the image's", by, m.Library)
			p.Fix = "install a build for this image's C library (musllinux or manylinux), or change the base image"
		default:
			p.Message = fmt.Sprintf("%s needs %s, which is not there", by, m.Library)
			p.Fix = "install the package that has " + m.Library + " in the final stage"
		}
		out = append(out, p)
	}
	return out
}
