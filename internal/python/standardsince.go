package python

import (
	"strconv"
	"strings"

	"whittle.dev/whittle/internal/pep"
)

// standardSpans are the modules that not every CPython from 3.8 on has: the
// first minor version that has it and the first that has it no more, 0 for
// none. From the release notes (https://docs.python.org/3/whatsnew/).
const standardSpans = `
asynchat 0 12
asyncore 0 12
distutils 0 12
imp 0 12
smtpd 0 12
binhex 0 11
formatter 0 10
parser 0 10
symbol 0 10
macpath 0 8
dummy_threading 0 9
_dummy_thread 0 9
aifc 0 13
audioop 0 13
cgi 0 13
cgitb 0 13
chunk 0 13
crypt 0 13
imghdr 0 13
mailcap 0 13
msilib 0 13
nis 0 13
nntplib 0 13
ossaudiodev 0 13
pipes 0 13
sndhdr 0 13
spwd 0 13
sunau 0 13
telnetlib 0 13
uu 0 13
xdrlib 0 13
lib2to3 0 13
graphlib 9 0
zoneinfo 9 0
tomllib 11 0
annotationlib 14 0
compression 14 0
profiling 15 0
asyncio.mixins 10 0
asyncio.taskgroups 11 0
asyncio.threads 9 0
asyncio.timeouts 11 0
concurrent.futures.interpreter 14 0
concurrent.interpreters 14 0
dbm.sqlite3 13 0
importlib.readers 10 0
importlib.resources.abc 11 0
importlib.simple 10 0
pathlib.types 14 0
string.templatelib 14 0
tkinter.tix 0 13
typing.io 0 13
typing.re 0 13
wsgiref.types 11 0
xml.etree.cElementTree 0 9
`

// StandardSpan is since which minor version of Python 3 a module, or a package
// above it, is in the standard library, and in which it no longer is; 0 is
// before 3.8, and not yet.
func StandardSpan(module string) (since, until int) {
	for line := range strings.Lines(standardSpans) {
		f := strings.Fields(line)
		if len(f) == 3 && (f[0] == module || strings.HasPrefix(module, f[0]+".")) {
			since, _ = strconv.Atoi(f[1])
			until, _ = strconv.Atoi(f[2])
			return since, until
		}
	}
	return 0, 0
}

// windowsOnly are the modules of the standard library that Linux has not.
const windowsOnly = " winreg winsound msvcrt nt msilib _winapi "

// OnWindowsAlone says whether a module of the standard library is there on
// Windows alone.
func OnWindowsAlone(module string) bool {
	top, _, _ := strings.Cut(module, ".")
	return strings.Contains(windowsOnly, " "+top+" ")
}

// ForWindowsAlone says that a distribution, by its normalized name, has wheels
// for Windows alone, or none and code for it alone.
func ForWindowsAlone(distribution string) bool {
	switch distribution {
	case "comtypes", "pycaw", "pypiwin32", "pywin32", "pywinauto", "pywinpty", "windows-curses", "winshell", "wmi":
		return true
	}
	return false
}

// WindowsMarker is the marker of what is for Windows alone.
const WindowsMarker = `; sys_platform == "win32"`

// The minor versions of Python 3 that a range of versions is looked up in.
const firstMinor, lastMinor = 8, 15

// Minors are the minor versions of Python 3 that a requirement of a Python
// version allows: ">=3.9,<3.12" is 9, 10, 11. It is nil for a requirement that
// says nothing or cannot be read.
func Minors(requires string) []int {
	s, err := pep.ParseSpecifiers(requires)
	if err != nil || strings.TrimSpace(requires) == "" {
		return nil
	}
	var out []int
	for minor := firstMinor; minor <= lastMinor; minor++ {
		for _, patch := range []string{".0", ".99"} {
			v, err := pep.ParseVersion("3." + strconv.Itoa(minor) + patch)
			if err == nil && s.Contains(v, true) {
				out = append(out, minor)
				break
			}
		}
	}
	return out
}
