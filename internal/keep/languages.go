package keep

import (
	"path"
	"strings"
)

// languages are those whose modules packages of the system have, with the suffixes of
// modules and the names of interpreters. What imports them is not read, but for Python.
var languages = []struct {
	name         string
	suffixes     []string
	interpreters []string
}{
	{"Perl", []string{".pm", ".pl"}, []string{"perl"}},
	{"Python", []string{".py"}, []string{"python"}},
	{"Ruby", []string{".rb"}, []string{"ruby"}},
	{"JavaScript", []string{".js", ".mjs"}, []string{"node"}},
	{"PHP", []string{".php"}, []string{"php"}},
	{"Tcl", []string{".tcl", ".tm"}, []string{"tclsh", "tcl", "wish"}},
	{"Lua", []string{".lua"}, []string{"lua"}},
	{"R", []string{".r", ".rdb"}, []string{"Rscript", "R"}},
	{"Java", []string{".jar", ".class"}, []string{"java"}},
	{"Guile", []string{".scm", ".go"}, []string{"guile"}},
	{"Emacs Lisp", []string{".el", ".elc"}, []string{"emacs"}},
}

// moduleLanguage is the language of a module in the folders of packages, empty if the file
// is none.
func moduleLanguage(p string) string {
	if !strings.HasPrefix(p, "usr/share/") && !strings.HasPrefix(p, "usr/lib/") || strings.HasPrefix(p, "usr/share/doc/") {
		return ""
	}
	if strings.Contains(p, "/dist-packages/") || strings.HasPrefix(p, "usr/lib/python") {
		return "Python"
	}
	if strings.Contains(p, "/perl") && strings.HasSuffix(p, ".so") {
		return "Perl"
	}
	return suffixLanguage(p)
}

func suffixLanguage(p string) string {
	ext := strings.ToLower(path.Ext(p))
	for _, l := range languages {
		for _, s := range l.suffixes {
			if s == ext {
				return l.name
			}
		}
	}
	return ""
}

// fileLanguage is the language of a file by its suffix. A file of Python does not say which
// of several interpreters runs it: what names the system's does.
func fileLanguage(p string) string {
	if l := suffixLanguage(p); l != "Python" {
		return l
	}
	return ""
}

// interpreted is the language that a program or library interprets, by its name or path:
// "python3.13", "/usr/bin/perl", "libpython3.13.so.1.0"; empty for others.
func interpreted(program string) string {
	base := strings.TrimPrefix(path.Base(program), "lib")
	for _, l := range languages {
		for _, name := range l.interpreters {
			if rest, ok := strings.CutPrefix(base, name); ok && strings.Trim(rest, "0123456789.-jso") == "" {
				return l.name
			}
		}
	}
	return ""
}
