package check

import "whittle.dev/whittle"

// programs sees that what the image starts is there and can be executed.
func programs() group {
	return group{run: checkPrograms, checks: []Check{
		{ID: whittle.CheckEntrypointNotFound, Severity: whittle.SeverityError, Title: "the program that the image starts is not there",
			Text: "The first word of the entry point, the command or a program that a start script runs is looked up as the kernel and `execvp` do: as a path, or in the folders of `PATH` of the image's configuration. Install the program in the final stage, or correct the name."},
		{ID: whittle.CheckExecFailed, Severity: whittle.SeverityError, Title: "a program is there and cannot be executed",
			Text: "The file has no permission to execute, is no program, has no `#!` line, or `#!` names itself in a circle. Set the permission (`chmod +x`, `COPY --chmod=755`), or start it through its interpreter."},
		{ID: whittle.CheckMissingInterpreter, Severity: whittle.SeverityError, Title: "what a script or program is run by is not there",
			Text: "The `#!` line of a script, or the dynamic loader that an ELF program names, leads to no file. This is what \"no such file or directory\" means for a program that is there: a script made in a virtual environment that was moved, or a program for glibc in an image with musl."},
		{ID: whittle.CheckHealthcheckCannotRun, Severity: whittle.SeverityError, Title: "the health check cannot run",
			Text: "What `HEALTHCHECK` starts is not there or needs what is not there. The image starts all the same, and its orchestrator restarts it forever. Slim images have neither curl nor wget: use the language's own client."},
		{ID: whittle.CheckMissingSource, Severity: whittle.SeverityError, Title: "a file of the project that is needed is not in the image",
			Text: "A script, a module or a data file of the application that a start reads is not copied into the image, or `.dockerignore` keeps it out of the build."},
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
