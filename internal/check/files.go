package check

import (
	"encoding/csv"
	"path"
	"slices"
	"strconv"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/imports"
	"whittle.dev/whittle/internal/python/source"
)

// files reads the image's files, as the user that it starts as.
type files struct {
	root    whittle.Root
	sources func(path string) (*source.Facts, bool)
	user    *account
}

// hasZone looks where zoneinfo does: the system's data, then tzdata.
// https://docs.python.org/3/library/zoneinfo.html#data-sources
func (fl *files) hasZone(zone string, im *imports.Importer) bool {
	for _, dir := range []string{"usr/share/zoneinfo", "usr/lib/zoneinfo", "usr/share/lib/zoneinfo", "etc/zoneinfo"} {
		if _, _, ok := fl.stat(whittle.Join("", dir+"/"+zone)); ok {
			return true
		}
	}
	n, f := im.Import("tzdata.zoneinfo")
	if f != nil {
		return false
	}
	if n == nil {
		return true // cannot be looked into
	}
	for _, dir := range n.Dirs {
		if _, _, ok := fl.stat(whittle.Join(dir, zone)); ok {
			return true
		}
	}
	return false
}

// hasLocale says whether the C library would find a locale. An archive of
// locales is not looked into.
func (fl *files) hasLocale(name string) bool {
	base, charset, _ := strings.Cut(name, ".")
	if base == "C" || base == "POSIX" || base == "" {
		return true
	}
	if _, _, ok := fl.stat("usr/lib/locale/locale-archive"); ok {
		return true
	}
	if _, _, musl := fl.stat("etc/alpine-release"); musl {
		return true // musl takes any name
	}
	charset = strings.ReplaceAll(strings.ToLower(charset), "-", "")
	for _, dir := range []string{name, base + "." + charset, base} {
		if _, _, ok := fl.stat("usr/lib/locale/" + dir); ok {
			return true
		}
	}
	return false
}

// goneLicences are the licence files of a distribution that its RECORD lists
// and the image lacks. What the RECORD does not list was never there: wheels
// declare licences that they do not ship.
func (fl *files) goneLicences(d *python.Distribution) []string {
	metadata, err := fl.root.ReadFile(d.Record+"/METADATA", maxLicenceRecord)
	if err != nil {
		return nil
	}
	places := map[string]bool{}
	for _, name := range licenceFiles(string(metadata)) {
		where := licencePlaces(d.Record, name)
		if slices.ContainsFunc(where, func(p string) bool { _, _, there := fl.stat(p); return there }) {
			continue
		}
		for _, p := range where {
			places[p] = true
		}
	}
	if len(places) == 0 {
		return nil
	}
	record, err := fl.root.ReadFile(d.Record+"/RECORD", maxLicenceRecord)
	if err != nil {
		return nil
	}
	var gone []string
	r := csv.NewReader(strings.NewReader(string(record)))
	r.FieldsPerRecord, r.LazyQuotes, r.ReuseRecord = -1, true, true
	for {
		row, err := r.Read()
		if err != nil {
			return gone // what cannot be read is not accused
		}
		if p := whittle.Join(d.Site, row[0]); places[p] {
			gone = append(gone, p)
		}
	}
}

// lookup finds a program as execvp does: by its path, or on PATH. What is not
// there, or not executable, becomes a problem of the start.
func (fl *files) lookup(st *start, name string) (string, bool) {
	if strings.Contains(name, "/") {
		return fl.executable(st, whittle.Join(st.dir, name), name)
	}
	denied := ""
	for _, dir := range strings.Split(searchPath(st.env), ":") {
		p := whittle.Join(st.dir, dir+"/"+name)
		_, e, ok := fl.stat(p)
		switch {
		case !ok || e.Kind == whittle.Dir:
		case e.Mode&0o111 == 0:
			denied = p
		default:
			return p, true
		}
	}
	if denied != "" {
		st.problem(whittle.Problem{Rule: whittle.CheckExecFailed, Path: "/" + denied, Message: "/" + denied + " is not executable",
			Fix: "make it executable: COPY --chmod=755, or chmod +x in the RUN that makes it"})
		return "", false
	}
	st.missing(name, name+" is nowhere on PATH ("+searchPath(st.env)+")")
	return "", false
}

// executable sees that a path can be started.
func (fl *files) executable(st *start, p, shown string) (string, bool) {
	_, e, ok := fl.stat(p)
	switch {
	case !ok:
		if link, err := fl.root.Lstat(p); err == nil && link.Kind == whittle.Symlink {
			st.missing(shown, "/"+p+" is a symlink to "+link.Link+", which is not there")
		} else {
			st.missing(shown, "/"+p+" is not there")
		}
		return "", false
	case e.Kind == whittle.Dir:
		st.problem(whittle.Problem{Rule: whittle.CheckExecFailed, Path: "/" + p, Message: "/" + p + " is a directory, not a program"})
		return "", false
	case e.Mode&0o111 == 0:
		st.problem(whittle.Problem{Rule: whittle.CheckExecFailed, Path: "/" + p, Message: "/" + p + " is not executable",
			Fix: "make it executable: COPY --chmod=755, or chmod +x in the RUN that makes it"})
		return "", false
	}
	return p, true
}

func (fl *files) home(env map[string]string) string {
	if h := env["HOME"]; h != "" {
		return whittle.Join("", h)
	}
	return fl.user.home
}

// source is what a Python file says, by whatever name it has.
func (fl *files) source(file string) (*source.Facts, bool) {
	if src, ok := fl.sources(file); ok {
		return src, true
	}
	_, text, ok := fl.text(file)
	if !ok || text == nil || strings.IndexByte(string(text), 0) >= 0 {
		return nil, false
	}
	return source.Scan(text), true
}

// which is the file of a program, where it can be started.
func (fl *files) which(name, search, dir string) (string, bool) {
	candidates := []string{name}
	if !strings.Contains(name, "/") {
		candidates = nil
		for _, in := range strings.Split(search, ":") {
			candidates = append(candidates, in+"/"+name)
		}
	}
	for _, c := range candidates {
		p := whittle.Join(dir, c)
		if _, e, ok := fl.stat(p); ok && e.Kind != whittle.Dir && e.Mode&0o111 != 0 {
			return p, true
		}
	}
	return "", false
}

// stat follows a path's symlinks to what is there.
func (fl *files) stat(p string) (real string, e whittle.Entry, ok bool) {
	return whittle.Follow(fl.root, "", p)
}

// realOf is a path without symlinks, "" where it leads nowhere.
func (fl *files) realOf(p string) string { real, _, _ := fl.stat(p); return real }

// text reads a script; first is its first line with the line end. Of Python
// files only the first line may be known.
func (fl *files) text(file string) (first string, text []byte, ok bool) {
	real, e, ok := fl.stat(file)
	if !ok || e.Kind == whittle.Dir {
		return "", nil, false
	}
	if b, err := fl.root.ReadFile(real, maxScript); err == nil {
		line, _, more := strings.Cut(string(b), "\n")
		if more {
			line += "\n"
		}
		return line, b, true
	}
	if src, ok := fl.sources(real); ok {
		return src.Shebang, nil, true
	}
	return "", nil, false
}

// account resolves USER as a container engine does: names by /etc/passwd and
// /etc/group of the image, numbers as they are.
// https://github.com/opencontainers/image-spec/blob/main/config.md#properties
func (fl *files) account(user string) *account {
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
		a.missingGroup = group
	}
	return a
}

func (fl *files) colonFile(p string) [][]string {
	real, _, ok := fl.stat(p)
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

// unwritable is the folder in which the user would have to write and may not.
func (fl *files) unwritable(p string, folder bool) (string, bool) {
	if strings.HasPrefix(p, "proc/") || strings.HasPrefix(p, "dev/") || strings.HasPrefix(p, "sys/") || strings.HasPrefix(p, "tmp/") || strings.HasPrefix(p, "run/") {
		return "", false
	}
	if _, e, ok := fl.stat(p); ok {
		if folder || e.Kind == whittle.Dir {
			return "", false // it is there already
		}
		return p, !fl.user.mayWrite(e)
	}
	for dir := path.Dir(p); ; dir = path.Dir(dir) {
		if dir == "." || dir == "/" {
			dir = ""
		}
		_, e, ok := fl.stat(dir)
		if ok {
			return dir, !fl.user.mayWrite(e)
		}
		if !folder {
			return "", false // the folder has to be made first, maybe by the program
		}
		if dir == "" {
			return "", false
		}
	}
}
