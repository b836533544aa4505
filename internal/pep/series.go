package pep

import "strconv"

// SeriesOf is the specifier of the releases that are expected to be compatible
// with a version: ">=13,<14", and for a version before 1.0 ">=0.25,<0.26".
func SeriesOf(version string) string {
	v, err := ParseVersion(version)
	if err != nil || len(v.release) == 0 {
		return ""
	}
	major, err := strconv.Atoi(v.release[0].String())
	if err != nil {
		return ""
	}
	if major > 0 || len(v.release) == 1 {
		return ">=" + strconv.Itoa(major) + ",<" + strconv.Itoa(major+1)
	}
	minor, err := strconv.Atoi(v.release[1].String())
	if err != nil {
		return ""
	}
	return ">=0." + strconv.Itoa(minor) + ",<0." + strconv.Itoa(minor+1)
}
