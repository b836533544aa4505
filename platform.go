package whittle

import (
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Platform is what an image runs on.
type Platform struct {
	OS, Architecture, Variant string
}

// String is os/architecture or os/architecture/variant.
func (p Platform) String() string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

// Machine is the architecture as uname names it: "x86_64", "aarch64".
func (p Platform) Machine() string {
	switch p.Architecture {
	case "amd64":
		return "x86_64"
	case "arm64":
		return "aarch64"
	case "386":
		return "i686"
	case "arm":
		return "armv7l"
	}
	return p.Architecture
}

// spellings are other names of architectures, with the variant that they
// imply ("-" drops one that is given), as Docker and containerd read them.
var spellings = map[string]Platform{
	"x86_64":  {Architecture: "amd64"},
	"x86-64":  {Architecture: "amd64"},
	"aarch64": {Architecture: "arm64"},
	"i386":    {Architecture: "386", Variant: "-"},
	"armhf":   {Architecture: "arm", Variant: "v7"},
	"armel":   {Architecture: "arm", Variant: "v6"},
}

// Normalize is the platform in the one spelling that platforms are compared
// in: "arm64" for "aarch64" and "arm64/v8", "amd64" for "x86_64" and
// "amd64/v1", "arm/v7" for "arm" and "armhf", "darwin" for "macos".
// https://github.com/containerd/platforms
func (p Platform) Normalize() Platform {
	p = Platform{strings.ToLower(p.OS), strings.ToLower(p.Architecture), strings.ToLower(p.Variant)}
	if p.OS == "macos" {
		p.OS = "darwin"
	}
	if s, ok := spellings[p.Architecture]; ok {
		p.Architecture = s.Architecture
		if s.Variant != "" {
			p.Variant = strings.TrimPrefix(s.Variant, "-")
		}
	}
	if p.Variant != "" && p.Variant[0] >= '0' && p.Variant[0] <= '9' && (p.Architecture == "arm" || p.Architecture == "arm64") {
		p.Variant = "v" + p.Variant
	}
	switch p.Architecture + "/" + p.Variant {
	case "amd64/v1", "arm64/v8", "arm64/v8.0":
		p.Variant = ""
	case "arm64/v9.0":
		p.Variant = "v9"
	case "arm/":
		p.Variant = "v7"
	}
	return p
}

// Distance says how well an image of platform q serves who asks for p: 0 where
// they are the same, more for an earlier variant of the architecture, which
// runs too (arm/v6 for arm/v7, amd64 for amd64/v3), below 0 where it does not
// serve.
func (p Platform) Distance(q Platform) int {
	p, q = p.Normalize(), q.Normalize()
	if p.OS != q.OS || p.Architecture != q.Architecture {
		return -1
	}
	if p.Variant == q.Variant {
		return 0
	}
	want, ok1 := variantNumber(p)
	have, ok2 := variantNumber(q)
	if !ok1 || !ok2 || have > want {
		return -1
	}
	return want - have
}

// variantNumber orders the variants of one architecture; the number of a
// major version is a hundred times it.
func variantNumber(p Platform) (int, bool) {
	v := p.Variant
	if v == "" {
		v = map[string]string{"amd64": "v1", "arm64": "v8"}[p.Architecture]
	}
	digits, ok := strings.CutPrefix(v, "v")
	if !ok {
		return 0, false
	}
	major, minor, _ := strings.Cut(digits, ".")
	n, err := strconv.Atoi(major)
	m := 0
	if err == nil && minor != "" {
		m, err = strconv.Atoi(minor)
	}
	if err != nil || n < 0 || n > 99 || m < 0 || m > 99 {
		return 0, false
	}
	return n*100 + m, true
}

// Names that may be written alone.
var (
	systems       = []string{"linux", "windows", "darwin", "macos", "freebsd", "netbsd", "openbsd", "solaris", "illumos", "aix", "dragonfly", "plan9", "android", "js", "wasip1", "wasi"}
	architectures = []string{"386", "amd64", "arm", "arm64", "loong64", "mips", "mipsle", "mips64", "mips64le", "ppc64", "ppc64le", "riscv64", "s390x", "sparc64", "wasm"}
)

// ParsePlatform reads os/architecture[/variant], without the first or the last
// two, in any spelling that Docker accepts, and normalizes it: "arm64" and
// "arm64/v8" are linux/arm64, "linux" is Linux on this machine's architecture.
func ParsePlatform(s string) (Platform, error) {
	f := strings.Split(s, "/")
	bad := len(f) > 3 || slices.Contains(f, "")
	var p Platform
	switch {
	case bad:
	case len(f) == 1 && slices.Contains(systems, strings.ToLower(s)):
		p = Platform{OS: s, Architecture: runtime.GOARCH}
	case len(f) == 1:
		p = Platform{OS: "linux", Architecture: s}
		bad = !slices.Contains(architectures, p.Normalize().Architecture)
	default:
		p = Platform{OS: f[0], Architecture: f[1]}
		if len(f) == 3 {
			p.Variant = f[2]
		} else if alone := (Platform{Architecture: f[0], Variant: f[1]}); slices.Contains(architectures, alone.Normalize().Architecture) {
			// No system has the name of an architecture.
			p = Platform{OS: "linux", Architecture: f[0], Variant: f[1]}
		}
	}
	if bad {
		return Platform{}, WithHint(ErrUsage.Errorf("platform %q is not os/architecture[/variant]", s), "such as linux/amd64, linux/arm64 or linux/arm/v7")
	}
	return p.Normalize(), nil
}
