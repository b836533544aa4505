// Package base has the rules about the image that FROM names, and about the
// compilers and headers that only the build needs: full variants where slim ones do,
// tags that move, releases without security updates, tools that stay in the final
// stage.
package base

import (
	"regexp"
	"slices"
	"strings"
)

// official is the name of an image of a language, or of Debian, of Docker's official
// library, by its parts.
type official struct {
	// prefix is what comes before the name: "docker.io/library/".
	prefix, name string
	// tag and digest are as written, empty where there is none.
	tag, digest string
	// version is "3.13", "lts", "latest" or empty, codename is "bookworm" or empty.
	version, codename string
	slim              bool
	// alpine is "alpine3.22" or "alpine", empty for an image on Debian.
	alpine string
}

var (
	// officialName matches a name with the registries that have the official images.
	officialName = regexp.MustCompile(`^((?:(?:docker\.io|index\.docker\.io|registry-1\.docker\.io|registry\.hub\.docker\.com|mirror\.gcr\.io)/(?:library/)?|` +
		`public\.ecr\.aws/docker/library/|library/)?)(python|node|ruby|perl|debian)(?::([\w.-]+))?(?:@(sha256:[0-9a-f]+))?$`)
	// officialVersion matches the part of a tag that is a version.
	officialVersion = regexp.MustCompile(`^\d+(?:\.\d+){0,2}$`)
)

// nodeReleases are parts of node's tags that name one major version.
var nodeReleases = strings.Fields("argon boron carbon dubnium erbium fermium gallium hydrogen iron jod krypton")

// channels are parts of tags that name the newest version of a kind, and nodeReleases.
var channels = append(strings.Fields("latest lts current stable oldstable testing unstable sid"), nodeReleases...)

// releases are Debian's releases, the oldest first.
var releases = strings.Fields("wheezy jessie stretch buster bullseye bookworm trixie forky")

// parseOfficial reads the name of an image; ok is false for all others, and for tags
// of which a part is not understood (windowsservercore, rc).
func parseOfficial(image string) (o official, ok bool) {
	m := officialName.FindStringSubmatch(image)
	if m == nil {
		return o, false
	}
	o = official{prefix: m[1], name: m[2], tag: m[3], digest: m[4]}
	for i, part := range strings.Split(o.tag, "-") {
		switch {
		case part == "" && o.tag == "":
		case i == 0 && (officialVersion.MatchString(part) || slices.Contains(channels, part)):
			o.version = part
		case part == "slim" && !o.slim:
			o.slim = true
		case slices.Contains(releases, part) && o.codename == "":
			o.codename = part
		case strings.HasPrefix(part, "alpine") && o.alpine == "" && o.name != "debian":
			o.alpine = part
		default:
			return o, false
		}
	}
	return o, true
}

// String is the name of the image.
func (o official) String() string {
	parts := []string{o.version, o.alpine, o.codename}
	if o.slim {
		parts[1] = "slim"
		if o.version == "latest" {
			parts[0] = ""
		}
	}
	if o.name == "node" || o.name == "debian" {
		parts[1], parts[2] = parts[2], parts[1] // these name the release first
	}
	tag := strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "-")
	out := o.prefix + o.name
	if tag != "" {
		out += ":" + tag
	}
	if o.digest != "" {
		out += "@" + o.digest
	}
	return out
}

// floats says that the tag alone does not say which version of the language is
// meant: there is none, a word that moves, or only the first number of a language whose
// second number counts.
func (o official) floats() bool {
	switch {
	case o.digest != "":
		return false
	case o.name == "debian":
		return o.version == "" && o.codename == "" || slices.Contains(channels, o.version)
	case o.version == "" || slices.Contains(channels, o.version):
		return o.version != "lts" && !slices.Contains(nodeReleases, o.version)
	}
	return o.name != "node" && !strings.Contains(o.version, ".")
}

// exact says that a tag names a release of Python to its last number: its full and its
// slim image are of the same release of Debian, which hardly ever changes.
func (o official) exact() bool { return o.name == "python" && strings.Count(o.version, ".") == 2 }
