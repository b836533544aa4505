package start

import (
	"strconv"
	"strings"

	"whittle.dev/whittle"
)

// account is who the image's process runs as.
type account struct {
	UID    int
	groups map[int]bool
	home   string
	// problem says that the name is not there, group which group is not.
	Missing, MissingGroup string
}

// mayWrite says whether the process may create or change a file in a folder.
func (a *account) MayWrite(e whittle.Entry) bool {
	switch {
	case a.UID == 0:
		return true
	case e.UID == a.UID:
		return e.Mode&0o200 != 0
	case a.groups[e.GID]:
		return e.Mode&0o020 != 0
	}
	return e.Mode&0o002 != 0
}

// account resolves USER as a container engine does: names by /etc/passwd and
// /etc/group of the image, numbers as they are.
// https://github.com/opencontainers/image-spec/blob/main/config.md#properties
func (fl *Files) account(user string) *account {
	a := &account{groups: map[int]bool{}}
	name, group, hasGroup := strings.Cut(user, ":")
	passwd := fl.colonFile("etc/passwd")
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
			a.UID, a.home, known = id, whittle.Join("", f[5]), true
			a.groups[gid] = true
			name = f[0]
			break
		}
	}
	if !known {
		if err != nil {
			a.Missing = name
		}
		a.UID = uid
		a.groups[0] = true
	}
	groupFound := !hasGroup || group == ""
	if gid, err := strconv.Atoi(group); err == nil {
		a.groups, groupFound = map[int]bool{gid: true}, true
	}
	for _, f := range fl.colonFile("etc/group") {
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
		a.MissingGroup = group
	}
	return a
}

func (fl *Files) colonFile(p string) [][]string {
	real, _, ok := fl.Stat(p)
	if !ok {
		return nil
	}
	b, err := fl.root.ReadFile(real, 4<<20)
	if err != nil {
		return nil
	}
	var out [][]string
	for line := range strings.Lines(string(b)) {
		out = append(out, strings.Split(strings.TrimRight(line, "\r\n"), ":"))
	}
	return out
}
