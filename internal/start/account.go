package start

import (
	"slices"
	"strconv"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/distro"
)

// Account is who the image's process runs as.
type Account struct {
	UID    int
	groups map[int]bool
	home   string
	// Missing is the name of the user that the image does not have, MissingGroup
	// that of the group.
	Missing, MissingGroup string
}

// MayWrite says whether the process may create or change a file in a folder.
func (a *Account) MayWrite(e whittle.Entry) bool { return a.may(e, 0o2) }

// MayRead says whether the process may read a file.
func (a *Account) MayRead(e whittle.Entry) bool { return a.may(e, 0o4) }

// MayExecute says whether the process may execute a file, or look names up in a
// folder.
func (a *Account) MayExecute(e whittle.Entry) bool { return a.may(e, 0o1) }

// may says whether an entry's mode has a permission for the process: only the
// first class that applies counts. path_resolution(7)
func (a *Account) may(e whittle.Entry, permission uint32) bool {
	switch {
	case a.UID == 0:
		return true
	case int(e.UID) == a.UID:
		return e.Mode&(permission<<6) != 0
	case a.groups[int(e.GID)]:
		return e.Mode&(permission<<3) != 0
	}
	return e.Mode&permission != 0
}

// account resolves USER as a container engine does: names by /etc/passwd and
// /etc/group of the image, numbers as they are.
// https://github.com/opencontainers/image-spec/blob/main/config.md#properties
func (fl *Files) account(user string) *Account {
	a := &Account{groups: map[int]bool{}}
	known := distro.ReadAccounts(fl.root)
	name, group, hasGroup := strings.Cut(user, ":")
	if name == "" {
		name = "0"
	}
	u, found := known.User(name)
	switch uid, err := strconv.Atoi(name); {
	case found:
		a.UID, a.home, a.groups[u.GID] = u.UID, whittle.Join("", u.Home), true
	case err != nil:
		a.Missing, a.groups[0] = name, true
	default:
		a.UID, a.groups[0] = uid, true
	}
	if hasGroup && group != "" {
		a.onlyGroup(known, group)
		return a
	}
	for _, g := range known.Groups {
		if found && !hasGroup && u.Name != "" && slices.Contains(g.Members, u.Name) {
			a.groups[g.GID] = true
		}
	}
	return a
}

// onlyGroup makes a group the only one of the process.
func (a *Account) onlyGroup(known *distro.Accounts, group string) {
	g, found := known.Group(group)
	gid, err := strconv.Atoi(group)
	switch {
	case found:
		a.groups = map[int]bool{g.GID: true}
	case err == nil:
		a.groups = map[int]bool{gid: true}
	default:
		a.MissingGroup = group
	}
}
