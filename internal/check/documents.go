package check

import "whittle.dev/whittle"

// Check is one kind of problem and the function that looks for it.
type Check struct {
	// ID is what [whittle.Problem].Rule has, Title says in one line what is
	// wrong, Text what is looked at and what to do.
	ID, Title, Text string
	// Severity is the worst that it reports: "error", "warning" or "info".
	Severity string
	// Run looks for it; several checks may share one, which reports them all.
	Run func(*state) []whittle.Problem
}

// All is each check once, in the order in which they are made.
func All() []Check {
	var out []Check
	seen := map[string]bool{}
	for _, l := range looks() {
		for _, id := range l.finds {
			if seen[id] {
				continue
			}
			seen[id] = true
			c := documents()[id]
			c.ID, c.Run = id, l.run
			out = append(out, c)
		}
	}
	return out
}

// documents are what the checks say of themselves, by their ids.
func documents() map[string]Check {
	return map[string]Check{
		whittle.CheckEntrypointNotFound: {Severity: whittle.SeverityError, Title: "the program that the image starts is not there",
			Text: "The first word of the entry point, the command or a program that a start script runs is looked up as the kernel and `execvp` do: as a path, or in the folders of `PATH` of the image's configuration. Install the program in the final stage, or correct the name."},
		whittle.CheckExecFailed: {Severity: whittle.SeverityError, Title: "a program is there and cannot be executed",
			Text: "The file has no permission to execute, is no program, has no `#!` line, or `#!` names itself in a circle. Set the permission (`chmod +x`, `COPY --chmod=755`), or start it through its interpreter."},
		whittle.CheckMissingInterpreter: {Severity: whittle.SeverityError, Title: "what a script or program is run by is not there",
			Text: "The `#!` line of a script, or the dynamic loader that an ELF program names, leads to no file. This is what \"no such file or directory\" means for a program that is there: a script made in a virtual environment that was moved, or a program for glibc in an image with musl."},
		whittle.CheckHealthcheckCannotRun: {Severity: whittle.SeverityError, Title: "the health check cannot run",
			Text: "What `HEALTHCHECK` starts is not there or needs what is not there. The image starts all the same, and its orchestrator restarts it forever. Slim images have neither curl nor wget: use the language's own client."},
		whittle.CheckMissingSource: {Severity: whittle.SeverityError, Title: "a file of the project that is needed is not in the image",
			Text: "A script, a module or a data file of the application that a start reads is not copied into the image, or `.dockerignore` keeps it out of the build."},
		whittle.CheckMissingUser: {Severity: whittle.SeverityError, Title: "USER names somebody whom the image does not know",
			Text: "Names of users and groups are looked up in `/etc/passwd` and `/etc/group` of the image; numbers need no entry. Add the user in the final stage."},
		whittle.CheckMissingSharedLibrary: {Severity: whittle.SeverityError, Title: "the dynamic loader does not find a shared library",
			Text: "The libraries that a program or an extension module needs are looked up as glibc's or musl's loader does: `RPATH`, `LD_LIBRARY_PATH`, `RUNPATH`, `ld.so.cache`, the default folders. Install the package that has the library in the final stage."},
		whittle.CheckWrongLibc: {Severity: whittle.SeverityError, Title: "a program or library is built for another C library",
			Text: "A wheel or program for glibc does not load in an image with musl, nor the other way round. Install it in a stage with the C library of the final one."},
		whittle.CheckWrongArch: {Severity: whittle.SeverityError, Title: "a program or library is built for another processor",
			Text: "The ELF header names another machine than the image's configuration does. Build or download it for the platform of the image."},
		whittle.CheckMissingModule: {Severity: whittle.SeverityError, Title: "a module that is imported at start is not there",
			Text: "Imports are followed from what the image starts, statement by statement, with the search path that the process would have. An import in a `try` that catches its failure, under a condition that is false, or in a function is none of these. Install the distribution that has the module, or declare it."},
		whittle.CheckNotOnPath: {Severity: whittle.SeverityError, Title: "a module of the project is in the image, and not where the start looks for it",
			Text: "The file is there, and no folder of `sys.path` leads to it. Set `WORKDIR` or `PYTHONPATH`, start it with `-m` from the right folder, or install the project."},
		whittle.CheckMissingName: {Severity: whittle.SeverityError, Title: "a module is there and does not define a name that is imported from it",
			Text: "Mostly a distribution of another version than the code was written for, or a file of the project's that hides a module of the same name."},
		whittle.CheckMissingEntryPoint: {Severity: whittle.SeverityError, Title: "a console script names an object that is not there",
			Text: "A script of `[project.scripts]` or `console_scripts` imports a module and calls an object of it; one of both is missing."},
		whittle.CheckRelativeImport: {Severity: whittle.SeverityError, Title: "a relative import has no package to start from",
			Text: "A file that is run as a program is no part of a package. Start it with `python -m package.module`."},
		whittle.CheckSyntaxError: {Severity: whittle.SeverityError, Title: "a module does not compile with the image's interpreter",
			Text: "The text does not follow the grammar of the interpreter's version: newer syntax than it knows, Python 2, or a damaged file."},
		whittle.CheckMissingMetadata: {Severity: whittle.SeverityError, Title: "a module asks for metadata of a distribution that has none",
			Text: "`importlib.metadata.version(…)` and the like read `.dist-info`, which something deleted or never copied. Keep it: it is small, and plug-ins are found by it."},
		whittle.CheckLazyImport: {Severity: whittle.SeverityWarning, Title: "a function imports a module that is not there",
			Text: "The import runs when the function is called, so the image starts. Where the function is needed, install the distribution."},
		whittle.CheckOptionalImport: {Severity: whittle.SeverityInfo, Title: "a module that the application can do without is not there",
			Text: "The import's failure is caught. It is named so that nobody wonders about a feature that is missing."},
		whittle.CheckUndeclared: {Severity: whittle.SeverityError, Title: "the application imports what nothing declares",
			Text: "A module that the project's own code imports belongs to a distribution that no file of the project declares. It may work today because something else brings it along. Declare it."},
		whittle.CheckUnused: {Severity: whittle.SeverityInfo, Title: "a declared dependency is not used by what is started",
			Text: "Nothing that the image starts imports it, names it, or needs it as a plug-in. `whittle fix` can take it out and prove that all still runs."},
		whittle.CheckMisplaced: {Severity: whittle.SeverityWarning, Title: "a dependency is declared where the image does not install it from",
			Text: "The application imports it at start, and it is declared for development or for an extra only. Move the declaration."},
		whittle.CheckTransitive: {Severity: whittle.SeverityWarning, Title: "the application imports what only another dependency brings along",
			Text: "When the other dependency drops it, the import fails. Declare it."},
		whittle.CheckMissingRequirement: {Severity: whittle.SeverityWarning, Title: "an installed distribution lacks what it requires",
			Text: "What the metadata of a distribution that is used requires is not installed, or in a version that it does not allow; `pip check` says the same. Install all in one step, so that the resolver sees everything."},
		whittle.CheckUnwritablePath: {Severity: whittle.SeverityError, Title: "the application writes where its user may not",
			Text: "A file that the code opens for writing, or a folder that it makes, belongs to another user than the one that the image runs as. Use `COPY --chown`, or make the folder for the user before `USER`."},
		whittle.CheckMissingTimeZone: {Severity: whittle.SeverityError, Title: "a time zone is asked for, and the image has no database of them",
			Text: "`zoneinfo` reads `/usr/share/zoneinfo` or the distribution `tzdata`. Slim images may have neither: declare `tzdata`."},
		whittle.CheckMissingLocale: {Severity: whittle.SeverityWarning, Title: "a locale is set that the image does not have",
			Text: "`LANG`, `LC_ALL` or `locale.setlocale` name a locale that is not installed. `C.UTF-8` is always there."},
		whittle.CheckMissingLicence: {Severity: whittle.SeverityInfo, Title: "licences that distributions came with were deleted",
			Text: "Most licences ask that their text goes along with the program. Keep the licence files."},
		whittle.CheckStaleBytecode: {Severity: whittle.SeverityInfo, Title: "bytecode is of no use to the interpreter",
			Text: "The `.pyc` files were made by another version of Python than the image's: the interpreter ignores them."},
	}
}
