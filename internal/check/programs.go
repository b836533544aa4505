package check

import "whittle.dev/whittle"

// programs sees that what the image starts is there and can be executed.
func programs() group {
	return group{run: checkPrograms, checks: []Check{
		{ID: whittle.CheckEntrypointNotFound, Severity: whittle.SeverityError, Title: "the program that the image starts is not there",
			Text: "whittle looks up the first word of the entry point, of the command or of a program that a start script runs, as the kernel and `execvp` do: as a path, or in the folders of `PATH` in the image's configuration. Install the program in the final stage, or correct the name."},
		{ID: whittle.CheckExecFailed, Severity: whittle.SeverityError, Title: "a program is there but cannot be executed",
			Text: "The file is not executable or not a program, has no `#!` line, or its `#!` line leads back to itself. Set the permission (`chmod +x`, `COPY --chmod=755`), or start it through its interpreter."},
		{ID: whittle.CheckMissingInterpreter, Severity: whittle.SeverityError, Title: "the interpreter of a script or program is not there",
			Text: "The `#!` line of a script, or the dynamic loader that an ELF program names, leads to no file. The kernel then says \"no such file or directory\" although the program is there. Typical are a script from a virtual environment that was moved, and a program for glibc in an image with musl."},
		{ID: whittle.CheckHealthcheckCannotRun, Severity: whittle.SeverityError, Title: "the health check cannot run",
			Text: "What `HEALTHCHECK` starts is not there, or needs something that is not there. The image still starts, but its orchestrator restarts it forever. Slim images have neither curl nor wget: use the client of the application's own language."},
		{ID: whittle.CheckMissingSource, Severity: whittle.SeverityError, Title: "a file that the project needs is not in the image",
			Text: "A start needs a script, a module or a data file of the application, but no instruction copies it into the image, or `.dockerignore` excludes it from the build."},
	}}
}

// checkPrograms reports what was found while the starts were followed.
func checkPrograms(s *state) []whittle.Problem {
	var out []whittle.Problem
	for _, st := range s.starts {
		out = append(out, st.Problems...)
	}
	return out
}
