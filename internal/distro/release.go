package distro

import (
	"regexp"
	"strings"

	"whittle.dev/whittle"
)

// The files that name a distribution: the second is usually a link to the first.
const (
	osRelease     = "usr/lib/os-release"
	osReleaseLink = "etc/os-release"
)

// Release names the distribution of a root, as its os-release does: ID "debian" and
// Version "12". What it does not say is empty.
// https://www.freedesktop.org/software/systemd/man/latest/os-release.html
type Release struct{ ID, Version string }

// releaseWord is what ID and VERSION_ID may be.
var releaseWord = regexp.MustCompile(`^[a-z0-9._-]+$`)

// ReadRelease reads which distribution a root is.
func ReadRelease(root whittle.Root) (out Release) {
	r := newResolver(root)
	for _, name := range []string{osReleaseLink, osRelease} {
		text, absent, err := r.read(name, 64<<10)
		if absent || err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			value = strings.Trim(value, `"'`)
			switch {
			case !releaseWord.MatchString(value):
			case key == "ID":
				out.ID = value
			case key == "VERSION_ID":
				out.Version = value
			}
		}
		if out.ID != "" {
			return out
		}
	}
	return Release{}
}
