package distro

import (
	"strconv"
	"strings"

	"whittle.dev/whittle"
)

// The files of accounts: passwd(5) and group(5). Passwords are not read.
const (
	passwdPath = "etc/passwd"
	groupPath  = "etc/group"

	maxAccounts = 4 << 20 // bytes of one of them
)

// Accounts are the users and groups of a root, in the order of their files.
type Accounts struct {
	Users  []User
	Groups []Group
}

// User is a line of /etc/passwd. What is no number is 0, as container engines
// read it.
type User struct {
	Name     string
	UID, GID int
	Home     string
}

// Group is a line of /etc/group.
type Group struct {
	Name    string
	GID     int
	Members []string
}

// ReadAccounts reads the accounts of a root. A file that cannot be read has
// none.
func ReadAccounts(root whittle.Root) *Accounts {
	a := &Accounts{}
	for _, f := range colonFile(root, passwdPath, 7) {
		a.Users = append(a.Users, User{Name: f[0], UID: number(f[2]), GID: number(f[3]), Home: f[5]})
	}
	for _, f := range colonFile(root, groupPath, 4) {
		a.Groups = append(a.Groups, Group{Name: f[0], GID: number(f[2]), Members: strings.Split(f[3], ",")})
	}
	return a
}

// User is the first user with a name or, written as a number, an ID.
func (a *Accounts) User(name string) (u User, ok bool) {
	id, err := strconv.Atoi(name)
	for _, u := range a.Users {
		if u.Name == name && name != "" || err == nil && u.UID == id {
			return u, true
		}
	}
	return User{}, false
}

// Group is the first group with a name.
func (a *Accounts) Group(name string) (g Group, ok bool) {
	for _, g := range a.Groups {
		if g.Name == name && name != "" {
			return g, true
		}
	}
	return Group{}, false
}

func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

// colonFile are the lines of a file, each with so many fields; what a line does
// not have is empty, as container engines read it.
func colonFile(root whittle.Root, name string, fields int) (out [][]string) {
	real, _, ok := whittle.Follow(root, "", name)
	if !ok {
		return nil
	}
	b, err := root.ReadFile(real, maxAccounts)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		f := strings.SplitN(line, ":", fields)
		out = append(out, append(f, make([]string, fields-len(f))...))
	}
	return out
}
