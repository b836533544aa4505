package audit

import (
	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/distro"
	"whittle.dev/whittle/internal/purl"
)

// purls keeps of the packages what their URLs have.
func (s *Subject) purls(packages []distro.Installed, release distro.Release) {
	s.release, s.arches = release, make(map[whittle.Owner]string, len(packages))
	for i := range packages {
		p := &packages[i]
		arch := p.Arch
		if other, twice := s.arches[p.Owner]; twice && other != arch {
			arch = "" // of several, the files are one row
		}
		s.arches[p.Owner] = arch
	}
}

// purlOf is the package URL of an owner of files, empty where it is no package.
func (s *Subject) purlOf(o whittle.Owner) string {
	return purl.Of(purl.Package{Ecosystem: o.Ecosystem, Name: o.Name, Version: o.Version, Arch: s.arches[o], Distro: s.release.ID, Release: s.release.Version})
}
