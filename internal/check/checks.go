package check

import "whittle"

// checks is the table of all checks, in the order in which they are made.
func checks() []check {
	return []check{
		{[]string{"entrypoint-not-found", "exec-failed", "missing-interpreter", "healthcheck-cannot-run", "missing-source"},
			"what the image starts is there and can be executed", checkPrograms},
		{[]string{"missing-user"}, "USER names somebody whom the image knows", checkUser},
		{[]string{"missing-shared-library", "wrong-libc", "wrong-arch", "missing-interpreter"},
			"the dynamic loader finds what programs need", checkLibraries},
		{[]string{"missing-module"}, "the interpreter finds the modules that it starts with", checkInterpreter},
		{[]string{"missing-module", "missing-source", "not-on-path", "missing-name", "missing-entry-point", "relative-import", "missing-shared-library", "syntax-error"},
			"what is imported at start is there", checkImports},
		{[]string{"missing-metadata", "missing-source", "missing-module", "missing-name"},
			"what modules ask for when they are imported is there: metadata, files beside them, codecs, classes by name", checkAsks},
		{[]string{"lazy-import", "optional-import"}, "what the application imports later or if it can is there", checkLater},
		{[]string{"undeclared-dependency", "unused-dependency", "misplaced-dependency", "transitive-dependency"},
			"the application declares what it imports", checkDeclared},
		{[]string{"missing-requirement"}, "installed distributions have what they require", checkRequirements},
		{[]string{"unwritable-path"}, "the user may write where the application writes", checkWritable},
		{[]string{"missing-time-zone", "missing-locale"}, "time zones and locales that the application asks for are there", checkData},
		{[]string{"missing-licence"}, "licences that distributions came with are still there", checkLicences},
		{[]string{"stale-bytecode"}, "bytecode belongs to the interpreter", checkBytecode},
	}
}

// checkPrograms reports what was found while the starts were followed.
func checkPrograms(s *state) []whittle.Problem {
	var out []whittle.Problem
	for _, st := range s.starts {
		out = append(out, st.problems...)
	}
	return out
}
