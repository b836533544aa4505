package whittle

// The kinds of problems that checks report ([Problem].Rule); docs/reference/checks has a
// page for each.
const (
	CheckEntrypointNotFound   = "entrypoint-not-found"
	CheckExecFailed           = "exec-failed"
	CheckMissingInterpreter   = "missing-interpreter"
	CheckHealthcheckCannotRun = "healthcheck-cannot-run"
	CheckMissingSource        = "missing-source"
	CheckMissingUser          = "missing-user"
	CheckMissingSharedLibrary = "missing-shared-library"
	CheckWrongLibc            = "wrong-libc"
	CheckWrongArch            = "wrong-arch"
	CheckMissingModule        = "missing-module"
	CheckNotOnPath            = "not-on-path"
	CheckMissingName          = "missing-name"
	CheckMissingEntryPoint    = "missing-entry-point"
	CheckRelativeImport       = "relative-import"
	CheckSyntaxError          = "syntax-error"
	CheckMissingMetadata      = "missing-metadata"
	CheckLazyImport           = "lazy-import"
	CheckOptionalImport       = "optional-import"
	CheckUndeclared           = "undeclared-dependency"
	CheckUnused               = "unused-dependency"
	CheckMisplaced            = "misplaced-dependency"
	CheckTransitive           = "transitive-dependency"
	CheckMissingRequirement   = "missing-requirement"
	CheckUnwritablePath       = "unwritable-path"
	CheckMissingTimeZone      = "missing-time-zone"
	CheckMissingLocale        = "missing-locale"
	CheckMissingLicence       = "missing-licence"
	CheckStaleBytecode        = "stale-bytecode"
)
