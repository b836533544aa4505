package pep

import (
	"fmt"
	"strconv"
	"strings"

	"whittle.dev/whittle"
)

// Wheel is what the name of a wheel says (PEP 427).
// https://packaging.python.org/en/latest/specifications/binary-distribution-format/
type Wheel struct {
	// Name is normalized.
	Name, Build string
	Version     Version
	Tags        []Tag
}

// Tag says which interpreters, ABIs and platforms can use a wheel (PEP 425).
type Tag struct{ Interpreter, ABI, Platform string }

// String is "cp313-abi3-manylinux_2_17_x86_64".
func (t Tag) String() string { return t.Interpreter + "-" + t.ABI + "-" + t.Platform }

// maxExpanded bounds what a compressed set of tags expands to.
const maxExpanded = 1000

// ParseTags expands a compressed set of tags ("py2.py3-none-any").
func ParseTags(text string) ([]Tag, error) {
	parts := strings.Split(text, "-")
	if len(parts) != 3 {
		return nil, whittle.ErrCorrupt.Errorf("%.80q is not a wheel's tag", text)
	}
	sets := [3][]string{}
	total := 1
	for i, p := range parts {
		sets[i] = strings.Split(strings.ToLower(p), ".")
		if total *= len(sets[i]); total > maxExpanded {
			return nil, whittle.ErrLimit.Errorf("%.80q has more than %d tags", text, maxExpanded)
		}
	}
	tags := make([]Tag, 0, total)
	for _, interpreter := range sets[0] {
		for _, abi := range sets[1] {
			for _, platform := range sets[2] {
				tags = append(tags, Tag{interpreter, abi, platform})
			}
		}
	}
	return tags, nil
}

// ParseWheelName reads the name of a wheel's file. What is none is
// [whittle.ErrCorrupt].
func ParseWheelName(file string) (Wheel, error) {
	stem, ok := strings.CutSuffix(file, ".whl")
	parts := strings.Split(stem, "-")
	if !ok || len(parts) != 5 && len(parts) != 6 {
		return Wheel{}, whittle.ErrCorrupt.Errorf("%.80q is not a wheel's name", file)
	}
	w := Wheel{Name: Normalize(parts[0])}
	var err error
	if w.Version, err = ParseVersion(parts[1]); err != nil {
		return Wheel{}, fmt.Errorf("the wheel %.80q: %w", file, err)
	}
	if len(parts) == 6 {
		w.Build = parts[2]
		if w.Build == "" || !isDigit(w.Build[0]) {
			return Wheel{}, whittle.ErrCorrupt.Errorf("the wheel %.80q has a build tag without a number", file)
		}
	}
	w.Tags, err = ParseTags(strings.Join(parts[len(parts)-3:], "-"))
	return w, err
}

// Target is an installation that wheels have to fit.
type Target struct {
	// Major and Minor are CPython's version; Threaded says that it runs
	// without the global lock.
	Major, Minor int
	Threaded     bool
	// Libc is "glibc" or "musl"; LibcMajor and LibcMinor are its version.
	Libc                 string
	LibcMajor, LibcMinor int
	// Machine is "x86_64", "aarch64", …
	Machine string
}

// Supports says whether the target can use what has one of the tags.
func (t Target) Supports(tags []Tag) bool {
	for _, tag := range tags {
		if t.supports(tag) {
			return true
		}
	}
	return false
}

func (t Target) supports(tag Tag) bool {
	anywhere := tag.Platform == "any"
	if !anywhere && !t.platform(tag.Platform) {
		return false
	}
	language, version := tag.Interpreter[:min(2, len(tag.Interpreter))], tag.Interpreter[min(2, len(tag.Interpreter)):]
	major, minor, ok := splitVersion(version)
	if !ok || major != t.Major || minor > t.Minor {
		return false
	}
	switch {
	case language == "py":
		return tag.ABI == "none"
	case language != "cp" || minor < 0:
		return false
	case minor == t.Minor && tag.ABI == "none":
		return true
	case anywhere:
		return false
	case tag.ABI == t.stableABI():
		return minor >= 2
	}
	return minor == t.Minor && tag.ABI == t.abi()
}

func (t Target) abi() string {
	abi := fmt.Sprintf("cp%d%d", t.Major, t.Minor)
	if t.Threaded {
		abi += "t"
	}
	return abi
}

func (t Target) stableABI() string {
	if t.Threaded {
		return "abi3t"
	}
	return "abi3"
}

// splitVersion parts "313" and "3" (whose minor version is -1).
func splitVersion(s string) (major, minor int, ok bool) {
	if s == "" || !isNumber(s) || len(s) > 5 {
		return 0, 0, false
	}
	if len(s) == 1 {
		return int(s[0] - '0'), -1, true
	}
	minor, err := strconv.Atoi(s[1:])
	return int(s[0] - '0'), minor, err == nil
}

// legacyPlatforms are the names that platforms had before PEP 600.
var legacyPlatforms = map[string]string{"manylinux1": "manylinux_2_5", "manylinux2010": "manylinux_2_12", "manylinux2014": "manylinux_2_17"}

// platform says whether a platform's tag fits: built for the same machine and
// a C library that is not newer (PEP 600, PEP 656).
func (t Target) platform(tag string) bool {
	name, ok := strings.CutSuffix(tag, "_"+t.Machine)
	if !ok {
		return false
	}
	if name == "linux" {
		return true
	}
	if new, ok := legacyPlatforms[name]; ok {
		name = new
	}
	family, version, _ := strings.Cut(name, "_")
	majorText, minorText, _ := strings.Cut(version, "_")
	major, err1 := strconv.Atoi(majorText)
	minor, err2 := strconv.Atoi(minorText)
	if err1 != nil || err2 != nil || major != t.LibcMajor || minor > t.LibcMinor || minor < 0 {
		return false
	}
	switch family {
	case "manylinux":
		oldest := 17
		if t.Machine == "x86_64" || t.Machine == "i686" {
			oldest = 5
		}
		return t.Libc == "glibc" && minor >= oldest
	case "musllinux":
		return t.Libc == "musl"
	}
	return false
}
