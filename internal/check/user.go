package check

import (
	"whittle.dev/whittle"
)

// user sees that the image has the user and the group that USER names.
func user() group {
	return group{run: checkUser, checks: []Check{
		{ID: whittle.CheckMissingUser, Severity: whittle.SeverityError, Title: "USER names a user or group that the image does not have",
			Text: "Names of users and groups are looked up in `/etc/passwd` and `/etc/group` of the image; numbers need no entry. Add the user in the final stage."},
	}}
}

// checkUser looks for the user and the group that USER names.
func checkUser(s *state) []whittle.Problem {
	var out []whittle.Problem
	report := func(what, file string) {
		out = append(out, whittle.Problem{Rule: whittle.CheckMissingUser, Severity: whittle.SeverityError, Path: "/" + file,
			Message: "USER " + s.Config.Config.User + ": " + what + " is not in /" + file + " of the image",
			Fix:     "create it in the final stage (useradd --create-home …), or use a number", ReachedFrom: []string{"USER"}})
	}
	if s.trace.User.Missing != "" {
		report(s.trace.User.Missing, "etc/passwd")
	}
	if s.trace.User.MissingGroup != "" {
		report("group "+s.trace.User.MissingGroup, "etc/group")
	}
	return out
}
