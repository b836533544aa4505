package resolve

import (
	"cmp"
	"strconv"
	"strings"

	"whittle.dev/whittle/internal/pep"
)

// tagRank orders the tags that a target supports as installers do, the least
// first: those for the very interpreter before the stable ABI and those for
// any, and the newest platform first within each.
// https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/
type tagRank struct{ group, interpreter, platform int }

func (a tagRank) compare(b tagRank) int {
	return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.interpreter, b.interpreter), cmp.Compare(a.platform, b.platform))
}

// The groups of tags, in order.
const (
	ownABI     = iota // cp313-cp313-linux
	stableABI         // cp313-abi3-linux
	ownNoABI          // cp313-none-linux
	olderABI          // cp39-abi3-linux
	anyPython         // py3-none-linux
	ownNowhere        // cp313-none-any
	anywhere          // py3-none-any
)

// rankTag is the rank of a tag; ok is false where the target does not support
// it.
func rankTag(t pep.Target, tag pep.Tag) (tagRank, bool) {
	if !t.Supports([]pep.Tag{tag}) {
		return tagRank{}, false
	}
	language, version := tag.Interpreter[:2], tag.Interpreter[2:]
	own := version == strconv.Itoa(t.Major)+strconv.Itoa(t.Minor)
	r := tagRank{platform: rankPlatform(t, tag.Platform)}
	switch {
	case language == "cp" && tag.Platform == "any":
		r.group = ownNowhere
	case language == "cp" && own && tag.ABI == "none":
		r.group = ownNoABI
	case language == "cp" && strings.HasPrefix(tag.ABI, "abi"):
		r.group, r.interpreter = olderABI, older(t, version)
		if own {
			r.group = stableABI
		}
	case language == "cp":
		r.group = ownABI
	default:
		r.group, r.interpreter = anyPython, olderAny(t, version)
		if tag.Platform == "any" {
			r.group = anywhere
		}
	}
	return r, true
}

// older is how many minor versions a tag's is behind.
func older(t pep.Target, version string) int {
	minor, err := strconv.Atoi(version[1:])
	if err != nil {
		return t.Minor
	}
	return t.Minor - minor
}

// olderAny orders py313, py3, py312, …
func olderAny(t pep.Target, version string) int {
	switch {
	case len(version) == 1:
		return 1
	case older(t, version) == 0:
		return 0
	}
	return older(t, version) + 1
}

// rankPlatform orders platforms: the newest C library first, its old name
// behind the new one, and what names no library last.
func rankPlatform(t pep.Target, platform string) int {
	name := strings.TrimSuffix(platform, "_"+t.Machine)
	legacy := map[string]int{"manylinux2014": 17, "manylinux2010": 12, "manylinux1": 5}
	if minor, ok := legacy[name]; ok {
		return 2*(t.LibcMinor-minor) + 1
	}
	parts := strings.Split(name, "_")
	minor, err := strconv.Atoi(parts[len(parts)-1])
	if len(parts) != 3 || err != nil {
		return 1 << 20
	}
	return 2 * (t.LibcMinor - minor)
}

// rankWheel is the best rank of a wheel's tags.
func rankWheel(t pep.Target, w pep.Wheel) (best tagRank, ok bool) {
	for _, tag := range w.Tags {
		if r, fits := rankTag(t, tag); fits && (!ok || r.compare(best) < 0) {
			best, ok = r, true
		}
	}
	return best, ok
}

// compareBuild orders build tags: by their number, then by what follows it.
func compareBuild(a, b string) int {
	na, ra := splitBuild(a)
	nb, rb := splitBuild(b)
	return cmp.Or(cmp.Compare(len(na), len(nb)), cmp.Compare(na, nb), cmp.Compare(ra, rb))
}

// splitBuild splits a build tag into its number, without leading zeros, and the
// rest.
func splitBuild(s string) (number, rest string) {
	rest = strings.TrimLeft(s, "0123456789")
	number = strings.TrimLeft(s[:len(s)-len(rest)], "0")
	return number, rest
}
