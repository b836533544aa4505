package check

import (
	"strconv"
	"strings"

	"whittle"
)

// account is who the image's process runs as.
type account struct {
	uid    int
	groups map[int]bool
	home   string
	// problem says that the name is not there, group which group is not.
	missing, missingGroup string
}

// account resolves USER as a container engine does: names by /etc/passwd and
// /etc/group of the image, numbers as they are.
// https://github.com/opencontainers/image-spec/blob/main/config.md#properties
func (s *state) account(user string) *account {
	a := &account{groups: map[int]bool{}}
	name, group, hasGroup := strings.Cut(user, ":")
	passwd := s.colonFile("etc/passwd")
	uid, err := strconv.Atoi(name)
	if name == "" {
		uid, err = 0, nil
	}
	known := false
	for _, f := range passwd {
		if len(f) < 6 {
			continue
		}
		id, _ := strconv.Atoi(f[2])
		if f[0] == name && name != "" || err == nil && id == uid {
			gid, _ := strconv.Atoi(f[3])
			a.uid, a.home, known = id, whittle.Join("", f[5]), true
			a.groups[gid] = true
			name = f[0]
			break
		}
	}
	if !known {
		if err != nil {
			a.missing = name
		}
		a.uid = uid
		a.groups[0] = true
	}
	groupFound := !hasGroup || group == ""
	if gid, err := strconv.Atoi(group); err == nil {
		a.groups, groupFound = map[int]bool{gid: true}, true
	}
	for _, f := range s.colonFile("etc/group") {
		if len(f) < 4 {
			continue
		}
		gid, _ := strconv.Atoi(f[2])
		switch {
		case hasGroup && f[0] == group:
			a.groups, groupFound = map[int]bool{gid: true}, true
		case !hasGroup:
			for _, m := range strings.Split(f[3], ",") {
				if m == name && name != "" {
					a.groups[gid] = true
				}
			}
		}
	}
	if !groupFound {
		a.missingGroup = group
	}
	return a
}

func (s *state) colonFile(p string) [][]string {
	real, _, ok := s.stat(p)
	if !ok {
		return nil
	}
	b, err := s.Root.ReadFile(real, 4<<20)
	if err != nil {
		return nil
	}
	var out [][]string
	for line := range strings.Lines(string(b)) {
		out = append(out, strings.Split(strings.TrimRight(line, "\r\n"), ":"))
	}
	return out
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
		out = append(out, whittle.Problem{Rule: "missing-user", Severity: Error, Path: "/" + file,
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
