package source

import (
	"strconv"
	"strings"

	"whittle.dev/whittle"
)

// Annotations that name an image in a layout. Skopeo, umoci and Podman write a
// tag or any name into the first; BuildKit and containerd a bare tag, and the
// whole name into the second.
const (
	refName       = "org.opencontainers.image.ref.name"
	containerName = "io.containerd.image.name"
)

// fullName is an entry's most complete name, empty if it has none.
func (d descriptor) fullName() string {
	if n := d.Annotations[containerName]; n != "" {
		return n
	}
	return d.Annotations[refName]
}

// Tiers of how well a name matches a selector. The best one wins: of app:1
// and team/app:1, app:1 is the first.
const (
	exactly   = iota // the name, as Docker shortens it
	byEnd            // its tag, or its last parts: "1", "app:1"
	untagged         // its repository, or the last parts of that: "app"
	notAtAll         // it does not
	tierCount = notAtAll
)

// tierOf says how well a name matches a selector.
func tierOf(name, selector string) int {
	name, selector = familiar(name), familiar(selector)
	repository, tag := cutTag(name)
	switch {
	case name == "":
		return notAtAll
	case name == selector, tag == "latest" && repository == selector:
		return exactly
	case strings.HasSuffix(name, ":"+selector), strings.HasSuffix(name, "/"+selector):
		return byEnd
	case repository == selector, strings.HasSuffix(repository, "/"+selector):
		return untagged
	}
	return notAtAll
}

// familiar removes the prefixes that Docker adds to short names.
func familiar(name string) string {
	for _, host := range []string{"docker.io/", "index.docker.io/"} {
		if rest, ok := strings.CutPrefix(name, host); ok {
			name = rest
		}
	}
	return strings.TrimPrefix(name, "library/")
}

// cutTag splits a name from its tag. The colon of a port is not one of a tag.
func cutTag(name string) (repository, tag string) {
	i := strings.LastIndexByte(name, ':')
	if i < 0 || strings.Contains(name[i:], "/") {
		return name, ""
	}
	return name[:i], name[i+1:]
}

// digestSelector is the beginning of a digest's hexadecimal digits that a
// selector asks for: "@sha256:HEX", whole or not, or "@HEX" of seven digits
// and more.
func digestSelector(selector string) (prefix string, ok bool, err error) {
	d, ok := strings.CutPrefix(selector, "@")
	if !ok {
		return "", false, nil
	}
	hex, algorithm := strings.CutPrefix(d, "sha256:")
	if !algorithm && strings.Contains(d, ":") {
		_, err := whittle.ParseDigest(d)
		return "", true, err
	}
	if len(hex) > 64 || strings.Trim(hex, "0123456789abcdef") != "" || hex == "" || !algorithm && len(hex) < 7 {
		return "", true, whittle.ErrUsage.Errorf("%.80q is no digest, nor the first seven digits of one or more", d)
	}
	return hex, true, nil
}

// position is N of the selector "@N".
func position(selector string) (int, bool) {
	d, ok := strings.CutPrefix(selector, "@")
	if !ok || len(d) > 6 {
		return 0, false
	}
	n, err := strconv.Atoi(d)
	return n, err == nil && n >= 0
}
