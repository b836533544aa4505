package manifest

import (
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// setupPy reads the literal arguments of the call of setup() in setup.py; the
// file is not run. A list that is given by name is looked up where it is
// assigned as a literal; what is computed is not known and skipped.
// https://setuptools.pypa.io/en/latest/references/keywords.html
func (d *declaredReader) setupPy() {
	file := d.at("setup.py")
	b := d.read(file)
	if b == nil {
		return
	}
	text := string(b)
	if _, err := fs.Stat(d.fsys, d.at("__init__.py")); err == nil && !buildsWith.MatchString(text) {
		return // a module of a package that is named so
	}
	if s, ok := stringArgument(text, "name"); ok && d.out.Name == "" {
		d.out.Name = s
	}
	if s, ok := stringArgument(text, "version"); ok && d.out.Version == "" {
		d.out.Version = s
	}
	ends := newlinesOf(text)
	for _, s := range listArgument(text, "install_requires") {
		d.add(s.text, file, ends.line(s.at), Runtime, "", "")
	}
	for _, s := range listArgument(text, "tests_require") {
		d.add(s.text, file, ends.line(s.at), Development, "", "tests")
	}
	extras := tableArgument(text, "extras_require")
	for _, extra := range sortedKeys(extras) {
		for _, s := range extras[extra] {
			d.add(s.text, file, ends.line(s.at), Optional, extra, "")
		}
	}
	groups := tableArgument(text, "entry_points")
	for _, group := range sortedKeys(groups) {
		for _, s := range groups[group] {
			d.entryPoint(group, s.text)
		}
	}
	if s, ok := stringArgument(text, "python_requires"); ok && d.out.RequiresPython == "" {
		d.out.RequiresPython = s
	}
	d.setupPackages(text)
	d.out.Builds = true
	switch _, given := valueOf(text, "install_requires"); {
	case given && !wholeList(text, "install_requires"):
		d.unread("%s computes install_requires", file)
	case !given && strings.Contains(text, "**"):
		d.unread("%s computes the arguments of setup()", file)
	}
}

// buildsWith is what a file imports that calls setup().
var buildsWith = regexp.MustCompile(`\b(setuptools|distutils|skbuild)\b`)

var (
	packageDir = regexp.MustCompile(`package_dir\s*=\s*\{\s*["']{2}\s*:\s*["']([\w./-]+)["']`)
	// packageDirs is the whole of package_dir, packageDirName one package of it.
	packageDirs    = regexp.MustCompile(`package_dir\s*=\s*\{([^{}]*)\}`)
	packageDirName = regexp.MustCompile(`["'](\w+)["']\s*:`)
	findWhere      = regexp.MustCompile(`find_(?:namespace_)?packages\(\s*(?:where\s*=\s*)?["']([\w./-]+)["']`)
)

// setupPackages reads where the packages are, and their list.
func (d *declaredReader) setupPackages(text string) {
	root := ""
	for _, re := range []*regexp.Regexp{packageDir, findWhere} {
		if m := re.FindStringSubmatch(text); m != nil {
			root = m[1]
			d.root(root)
		}
	}
	if m := packageDirs.FindStringSubmatch(text); m != nil {
		for _, one := range packageDirName.FindAllStringSubmatch(m[1], -1) {
			mapPackage(d, one[1])
		}
	}
	if !wholeList(text, "packages") {
		return
	}
	for _, s := range append(listArgument(text, "packages"), listArgument(text, "py_modules")...) {
		name := d.at(path.Join(root, strings.ReplaceAll(s.text, ".", "/")))
		d.out.Ships = append(d.out.Ships, name, name+".py")
	}
}

// wholeList says that a keyword has a list of literals and nothing else, which
// nothing adds to later.
func wholeList(text, keyword string) bool {
	at, ok := literalOf(text, keyword, '[')
	if !ok {
		return false
	}
	_, end := listAt(text, at)
	if end <= at || text[end-1] != ']' {
		return false
	}
	value, _ := valueOf(text, keyword)
	if value == at {
		next := blanks(text, end)
		return next >= len(text) || text[next] == ',' || text[next] == ')'
	}
	name := identifierAt.FindStringSubmatch(text[value:])[1]
	rest := strings.TrimLeft(text[end:], " \t")
	return (rest == "" || rest[0] == '\n' || rest[0] == '\r' || rest[0] == '#') &&
		!regexp.MustCompile(`\b`+name+`\s*(\+=|\.(append|extend|insert|remove)\()`).MatchString(text)
}

// pyString is a string literal and its offset in bytes.
type pyString struct {
	text string
	at   int
}

// valueOf is the offset of what is given for a keyword, or assigned to a name.
func valueOf(text, name string) (int, bool) {
	m := regexp.MustCompile(`(?m)(?:^|[\s(,])` + regexp.QuoteMeta(name) + `\s*=\s*`).FindStringIndex(text)
	if m == nil {
		return 0, false
	}
	return m[1], true
}

// identifierAt is the name at an offset, where nothing is done to it.
var identifierAt = regexp.MustCompile(`^([A-Za-z_]\w*)\s*[,)\n]`)

// literalOf is the offset of a literal given for a keyword, by a name or not.
func literalOf(text, keyword string, open byte) (int, bool) {
	at, ok := valueOf(text, keyword)
	if ok && at < len(text) && text[at] != open {
		m := identifierAt.FindStringSubmatch(text[at:])
		if m == nil || m[1] == keyword {
			return 0, false
		}
		at, ok = valueOf(text, m[1])
	}
	return at, ok && at < len(text) && text[at] == open
}

func stringArgument(text, keyword string) (string, bool) {
	at, ok := valueOf(text, keyword)
	if !ok {
		return "", false
	}
	s, _, ok := quotedAt(text, at)
	return s.text, ok
}

func listArgument(text, keyword string) []pyString {
	at, ok := literalOf(text, keyword, '[')
	if !ok {
		return nil
	}
	list, _ := listAt(text, at)
	return list
}

// tableArgument reads {"key": ["value", …], …}.
func tableArgument(text, keyword string) map[string][]pyString {
	at, ok := literalOf(text, keyword, '{')
	if !ok {
		return nil
	}
	out := map[string][]pyString{}
	for at = blanks(text, at+1); at < len(text); at = blanks(text, at) {
		key, next, ok := quotedAt(text, at)
		if !ok {
			break
		}
		if at = blanks(text, next); at >= len(text) || text[at] != ':' {
			break
		}
		if at = blanks(text, at+1); at >= len(text) || text[at] != '[' {
			break
		}
		out[key.text], at = listAt(text, at)
		if at = blanks(text, at); at >= len(text) || text[at] != ',' {
			break
		}
		at++
	}
	return out
}

// listAt reads the strings of a list up to the first element that is none, and
// the offset behind it.
func listAt(text string, at int) (out []pyString, next int) {
	for at = blanks(text, at+1); at < len(text); at = blanks(text, at) {
		s, end, ok := quotedAt(text, at)
		if !ok {
			break
		}
		out = append(out, s)
		if at = blanks(text, end); at < len(text) && text[at] == ',' {
			at++
		}
	}
	if at < len(text) && text[at] == ']' {
		at++
	}
	return out, min(at, len(text))
}

// quotedAt reads a plain string literal on one line.
func quotedAt(text string, at int) (s pyString, next int, ok bool) {
	if at >= len(text) || text[at] != '"' && text[at] != '\'' {
		return s, at, false
	}
	end := strings.IndexAny(text[at+1:], text[at:at+1]+"\n\\")
	if end < 0 || text[at+1+end] != text[at] {
		return s, at, false
	}
	return pyString{text[at+1 : at+1+end], at}, at + end + 2, true
}

// blanks skips white space and comments.
func blanks(text string, at int) int {
	for at < len(text) {
		switch c := text[at]; {
		case c == '#':
			end := strings.IndexByte(text[at:], '\n')
			if end < 0 {
				return len(text)
			}
			at += end
		case strings.IndexByte(" \t\r\n\f", c) < 0:
			return at
		default:
			at++
		}
	}
	return at
}
