package forecast

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/restage"
)

// DistrolessBase is a base of only Debian's Python and its dependencies: the
// closure of python3 in a suite's index.
type DistrolessBase struct {
	// Suite is Debian's ("trixie"), Python the version that it has ("3.13").
	Suite, Python string
	// Packages are the names of the closure, with Low, Bytes and High the size
	// of their files; Source is where those are from.
	Packages         []string
	Low, Bytes, High int64
	Source           string
}

// DistrolessPackages are the packages whose closure is a [DistrolessBase]: Python
// with its standard library, the minimum of a root file system, and the C++
// library, which wheels for Linux may expect and not contain (PEP 600).
func DistrolessPackages() []string {
	return []string{"python3", "base-files", "netbase", "tzdata", cxxLibrary}
}

const cxxLibrary = "libstdc++6"

// distroless is an image without a shell and a package manager.
func (a *account) distroless() (*whittle.Forecast, error) {
	const name = NameDistroless
	d := a.Distroless
	if d == nil {
		return nil, &noUse{name, "the image is not Debian's, or Debian's index was not read"}
	}
	f := &whittle.Forecast{Strategy: name, Title: "Debian's Python without a shell or a package manager, and a virtual environment"}
	s := sizes{f}
	s.between("Debian's packages", d.Low, d.Bytes, d.High, d.Source)
	// The list of certificate authorities is made when its package is installed.
	s.between("certificates and accounts", 200_000, 225_000, 260_000, "ca-certificates")
	if a.outline.Install != nil {
		a.addPackages(s, a.wanted(), true)
		a.addChanges(s, true)
		a.addVenv(s)
	}
	a.addMade(s, func(st *restage.Step) bool { return st.In.Keyword == "RUN" })
	want := pythonVersion(a)
	if want == "" {
		return f, fmt.Errorf("which Python the image has is not known")
	}
	if want != d.Python {
		f.Skipped = append(f.Skipped, fmt.Sprintf("Debian %s has Python %s, the image has %s", d.Suite, d.Python, want))
		return f, nil
	}
	if i := slices.IndexFunc(a.dists, func(in installed) bool { return !in.pure }); i >= 0 && !slices.Contains(d.Packages, cxxLibrary) {
		return f, fmt.Errorf("%s may need %s, which is not among Debian's packages", a.dists[i].name, cxxLibrary)
	}
	b, err := restage.NewBare(a.input(""), restage.Debian{Suite: d.Suite, Packages: d.Packages, Ships: func(program string) bool {
		return slices.ContainsFunc(a.dists, func(in installed) bool { return ships(&a.Graph.Distributions[in.index], program) })
	}})
	if err != nil {
		return f, err
	}
	if b.HasPip() {
		a.addPip(s, false)
	}
	if script := a.startScript(); script != "" {
		f.Notes = append(f.Notes, "the image starts "+script+", which was not read: it may name places or programs that are not there")
	}
	f.Notes = append(f.Notes, b.Notes...)
	return written(a, f, b)
}

// pythonVersion is the interpreter's, "3.13", empty where it is not known.
func pythonVersion(a *account) string {
	if m := restage.OfficialPython.FindStringSubmatch(a.outline.Final.BaseResolved); m != nil {
		parts := strings.SplitN(m[1], ".", 3)
		return parts[0] + "." + parts[1]
	}
	if v, ok := strings.CutPrefix(path.Base(path.Dir(a.site)), "python"); ok {
		return v
	}
	return ""
}
