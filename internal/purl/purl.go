// Package purl gives packages their package URLs, which other tools know them by.
package purl

import (
	"strings"

	packageurl "github.com/package-url/packageurl-go"
)

// Package is what a package URL is made of.
type Package struct {
	// Ecosystem is the package URL type: see [whittle.dev/whittle.Owner].
	Ecosystem, Name, Version string
	// Arch is the package's architecture, as its database has it; empty where it is not
	// known.
	Arch string
	// Distro is the ID and Release the VERSION_ID of the image's os-release.
	Distro, Release string
}

// Of is the package URL of a package, empty where there is none: for what is no package,
// and for a system's package whose distribution is not known.
// https://github.com/package-url/purl-spec
func Of(p Package) string {
	if p.Name == "" {
		return ""
	}
	u := packageurl.PackageURL{Type: p.Ecosystem, Name: p.Name, Version: p.Version}
	switch p.Ecosystem {
	case packageurl.TypeDebian, packageurl.TypeRPM, packageurl.TypeApk, packageurl.TypeAlpm:
		if p.Distro == "" {
			return ""
		}
		u.Namespace = p.Distro
		values := p.qualifiers()
		if epoch, version, ok := strings.Cut(p.Version, ":"); ok && p.Ecosystem == packageurl.TypeRPM {
			values["epoch"], u.Version = epoch, version
		}
		u.Qualifiers = packageurl.QualifiersFromMap(values)
	case packageurl.TypeNPM:
		if scope, name, ok := strings.Cut(p.Name, "/"); ok {
			u.Namespace, u.Name = scope, name
		}
	case packageurl.TypePyPi, packageurl.TypeConda:
	default:
		return ""
	}
	if u.Normalize() != nil {
		return "" // the name is none of a package, as anybody may have written it
	}
	return u.ToString()
}

func (p *Package) qualifiers() map[string]string {
	values := map[string]string{}
	if p.Arch != "" {
		values["arch"] = p.Arch
	}
	values["distro"] = p.Distro
	if p.Release != "" {
		values["distro"] += "-" + p.Release
	}
	return values
}
