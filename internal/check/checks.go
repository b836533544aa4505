package check

import "whittle.dev/whittle"

// look is a function that looks at the starts and reports what it finds; doc says
// in one line what it looks at.
type look struct {
	// finds are the ids of the checks that it makes.
	finds []string
	doc   string
	run   func(*state) []whittle.Problem
}

// looks is the table of all checks, in the order in which they are made.
func looks() []look {
	return []look{
		{[]string{whittle.CheckEntrypointNotFound, whittle.CheckExecFailed, whittle.CheckMissingInterpreter, whittle.CheckHealthcheckCannotRun, whittle.CheckMissingSource},
			"what the image starts is there and can be executed", checkPrograms},
		{[]string{whittle.CheckMissingUser}, "USER names somebody whom the image knows", checkUser},
		{[]string{whittle.CheckMissingSharedLibrary, whittle.CheckWrongLibc, whittle.CheckWrongArch, whittle.CheckMissingInterpreter},
			"the dynamic loader finds what programs need", checkLibraries},
		{[]string{whittle.CheckMissingModule}, "the interpreter finds the modules that it starts with", checkInterpreter},
		{[]string{whittle.CheckMissingModule, whittle.CheckMissingSource, whittle.CheckNotOnPath, whittle.CheckMissingName, whittle.CheckMissingEntryPoint, whittle.CheckRelativeImport, whittle.CheckMissingSharedLibrary, whittle.CheckSyntaxError},
			"what is imported at start is there", checkImports},
		{[]string{whittle.CheckMissingMetadata, whittle.CheckMissingSource, whittle.CheckMissingModule, whittle.CheckMissingName},
			"what modules ask for when they are imported is there: metadata, files beside them, codecs, classes by name", checkAsks},
		{[]string{whittle.CheckLazyImport, whittle.CheckOptionalImport}, "what the application imports later or if it can is there", checkLater},
		{[]string{whittle.CheckUndeclared, whittle.CheckUnused, whittle.CheckMisplaced, whittle.CheckTransitive},
			"the application declares what it imports", checkDeclared},
		{[]string{whittle.CheckMissingRequirement}, "installed distributions have what they require", checkRequirements},
		{[]string{whittle.CheckUnwritablePath}, "the user may write where the application writes", checkWritable},
		{[]string{whittle.CheckMissingTimeZone, whittle.CheckMissingLocale}, "time zones and locales that the application asks for are there", checkData},
		{[]string{whittle.CheckMissingLicence}, "licences that distributions came with are still there", checkLicences},
		{[]string{whittle.CheckStaleBytecode}, "bytecode belongs to the interpreter", checkBytecode},
	}
}

// checkPrograms reports what was found while the starts were followed.
func checkPrograms(s *state) []whittle.Problem {
	var out []whittle.Problem
	for _, st := range s.starts {
		out = append(out, st.Problems...)
	}
	return out
}
