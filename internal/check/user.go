package check

import (
	"whittle.dev/whittle"
)

// account is who the image's process runs as.
type account struct {
	uid    int
	groups map[int]bool
	home   string
	// problem says that the name is not there, group which group is not.
	missing, missingGroup string
}

// mayWrite says whether the process may create or change a file in a folder.
func (a *account) mayWrite(e whittle.Entry) bool {
	switch {
	case a.uid == 0:
		return true
	case e.UID == a.uid:
		return e.Mode&0o200 != 0
	case a.groups[e.GID]:
		return e.Mode&0o020 != 0
	}
	return e.Mode&0o002 != 0
}

// checkUser sees that USER names somebody.
func checkUser(s *state) []whittle.Problem {
	var out []whittle.Problem
	report := func(what, file string) {
		out = append(out, whittle.Problem{Rule: whittle.CheckMissingUser, Severity: whittle.SeverityError, Path: "/" + file,
			Message: "USER " + s.Config.Config.User + ": " + what + " is not in /" + file + " of the image",
			Fix:     "create it in the final stage (useradd --create-home …), or use a number", ReachedFrom: []string{"USER"}})
	}
	if s.user.missing != "" {
		report(s.user.missing, "etc/passwd")
	}
	if s.user.missingGroup != "" {
		report("group "+s.user.missingGroup, "etc/group")
	}
	return out
}
