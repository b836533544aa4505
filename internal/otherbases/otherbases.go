// Package otherbases reads how large an image would be on other bases: from the
// package indexes of Python and of Debian, and from images that whittle.yaml maps.
package otherbases

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/distro"
	"whittle.dev/whittle/internal/forecast"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/resolve"
)

// maxOSIndex bounds an index of OS packages in bytes, uncompressed.
const maxOSIndex = 256 << 20

// Reader reads indexes and images.
type Reader struct {
	Env *host.Env
	// Layouts are the base images that whittle.yaml maps, by name.
	Layouts map[string]build.Base
}

// Add adds the sizes on other bases to a forecast's input, with the
// requirements that fixes add. If an index is not available, it adds a note, and
// the forecast goes without it.
func (w Reader) Add(ctx context.Context, in *forecast.Project, x *audit.Examined, added []string) (notes []string) {
	var err error
	if in.Alpine, err = w.alpine(ctx, in, x, added); err != nil {
		notes = append(notes, "packages on Alpine: "+whittle.OneLine(err.Error()))
	}
	if size, ok := w.alpineBase(ctx, in); ok {
		if in.Alpine == nil {
			in.Alpine = &forecast.AlpineBase{}
		}
		in.Alpine.Low, in.Alpine.Bytes, in.Alpine.High, in.Alpine.Source = size, size, size, "read"
	}
	if in.Distroless, err = w.Distroless(ctx, x); err != nil {
		notes = append(notes, "Debian's index: "+whittle.OneLine(err.Error()))
	}
	return notes
}

// alpineBase is the uncompressed size of python's image on Alpine in bytes, if
// whittle.yaml maps it.
func (w Reader) alpineBase(ctx context.Context, in *forecast.Project) (int64, bool) {
	st, err := in.Dockerfile.Target(in.Target)
	if err != nil {
		return 0, false
	}
	for st.From != nil {
		st = &in.Dockerfile.Stages[*st.From]
	}
	name, ok := forecast.AlpineImage(st.BaseResolved)
	base, mapped := w.Layouts[name]
	if !ok || !mapped {
		return 0, false
	}
	img, err := audit.Open(ctx, w.Env, fmt.Sprintf("oci-layout:%s@%s", base.Layout, base.Digest), audit.InspectOptions{})
	if err != nil {
		return 0, false
	}
	defer img.Close()
	return img.Inspection().Sizes.Size, true
}

// alpine resolves the installed distributions for musl, in the same versions.
func (w Reader) alpine(ctx context.Context, in *forecast.Project, x *audit.Examined, added []string) (*forecast.AlpineBase, error) {
	found := python.Interpreters(x.Facts.Root)
	if w.Env.Packages == nil || len(found) == 0 {
		return nil, nil
	}
	o := resolve.Options{Env: in.Env, Locked: map[string]string{}, Target: x.Target(found[0])}
	o.Target.Libc, o.Target.LibcMajor, o.Target.LibcMinor = "musl", audit.MuslMajor, audit.MuslMinor
	var wants []pep.Requirement
	for i := range in.Graph.Distributions {
		d := &in.Graph.Distributions[i]
		if d.Local || d.Editable || d.VendoredBy != "" || in.Removed[d.Name] || d.Version == "" || o.Locked[d.Name] != "" || slices.Contains(audit.BaseTools, d.Name) {
			continue
		}
		if in.Declared != nil && d.Name == pep.Normalize(in.Declared.Name) {
			continue
		}
		o.Locked[d.Name] = d.Version
		wants = append(wants, pep.Requirement{Name: d.Name})
	}
	for _, text := range added {
		r, err := pep.ParseRequirement(text)
		if err != nil {
			return nil, err
		}
		wants = append(wants, r)
	}
	w.Env.Listener().Step("asking the package index what there is for musl")
	ctx, cancel := context.WithTimeout(ctx, audit.ResolvePatience)
	defer cancel()
	res, err := resolve.Versions(ctx, w.Env.Packages, wants, o)
	if err != nil {
		return nil, err
	}
	sizes, err := resolve.Installed(ctx, w.Env.Packages, res, resolve.InstallOptions{})
	if err != nil {
		return nil, err
	}
	return &forecast.AlpineBase{Weights: forecast.Weights(res, sizes)}, nil
}

// Distroless is Python with its dependencies from the image's Debian suite, by
// the index of the mirror that the image names.
func (w Reader) Distroless(ctx context.Context, x *audit.Examined) (*forecast.DistrolessBase, error) {
	if w.Env.Fetch == nil {
		return nil, nil
	}
	uri, suite, err := debianMirror(ctx, x)
	if err != nil || uri == "" {
		return nil, err
	}
	index := fmt.Sprintf("%s/dists/%s/main/binary-%s/Packages.gz", strings.TrimRight(uri, "/"), suite, debianArch(x.Subject.Config().Architecture))
	if !isPublicHost(uri) {
		return nil, whittle.ErrUnsupported.Errorf("the image names a mirror that is no public address")
	}
	w.Env.Listener().Step("reading the index of Debian " + suite)
	ctx, cancel := context.WithTimeout(ctx, audit.ResolvePatience)
	defer cancel()
	body, err := w.Env.Fetch.Fetch(ctx, index)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	text, err := gzip.NewReader(body)
	if err != nil {
		return nil, whittle.ErrCorrupt.Errorf("reading the index of %s: %w", suite, err)
	}
	packages, err := distro.ReadDebianIndex(io.LimitReader(text, maxOSIndex))
	if err != nil {
		return nil, err
	}
	in, err := packages.Install(forecast.DistrolessPackages(),
		distro.InstallOptions{Installed: []string{"debconf", "awk", "mawk", "perl-base", "dpkg"}})
	if err != nil {
		return nil, err
	}
	pkg, _ := packages.Find("python3")
	series := strings.SplitN(pkg.Version, ".", 3)
	if len(series) < 2 {
		return nil, whittle.ErrCorrupt.Errorf("%s has Python %q", suite, pkg.Version)
	}
	return &forecast.DistrolessBase{Suite: suite, Python: series[0] + "." + series[1], Packages: in.Names(), Low: in.Low, Bytes: in.Bytes, High: in.High,
		Source: "Debian's Installed-Size"}, nil
}

// debianArch is an architecture's name in Debian's archive.
func debianArch(arch string) string {
	switch arch {
	case "arm":
		return "armhf"
	case "386":
		return "i386"
	case "ppc64le":
		return "ppc64el"
	}
	return arch
}

// isPublicHost says that a URL from an image may be requested: its host has a
// public name, not one of this machine or its network.
func isPublicHost(uri string) bool {
	u, err := url.Parse(uri)
	if err != nil || u.User != nil {
		return false
	}
	host := strings.ToLower(u.Hostname())
	return net.ParseIP(host) == nil && strings.Contains(host, ".") &&
		!strings.HasSuffix(host, ".internal") && !strings.HasSuffix(host, ".local") && !strings.HasSuffix(host, ".localhost")
}

var (
	oneLineSource = regexp.MustCompile(`^deb\s+(?:\[[^\]]*\]\s+)?(https?://\S+)\s+(\S+)\s+main\b`)
	fieldSource   = regexp.MustCompile(`(?m)^(URIs|Suites|Components):\s*(\S+)`)
)

// debianMirror is the first package source of an image's apt, empty if it has
// none.
func debianMirror(ctx context.Context, x *audit.Examined) (uri, suite string, err error) {
	root := x.Subject.Image
	if err := root.Fetch(ctx, isAptSource); err != nil {
		return "", "", err
	}
	for _, p := range root.Paths() {
		if !isAptSource(p) {
			continue
		}
		text, err := root.ReadFile(p, maxAptSource)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, whittle.ErrUnsupported) {
			continue
		}
		if err != nil {
			return "", "", err
		}
		if uri, suite = aptSource(p, string(text)); uri != "" {
			return uri, suite, nil
		}
	}
	return "", "", nil
}

// maxAptSource is the largest list of sources that is read, in bytes.
const maxAptSource = 256 << 10

func isAptSource(p string) bool {
	return p == "etc/apt/sources.list" || strings.HasPrefix(p, "etc/apt/sources.list.d/") && (strings.HasSuffix(p, ".list") || strings.HasSuffix(p, ".sources"))
}

// aptSource reads a file of sources.list(5), in its one-line or deb822 format.
func aptSource(name, text string) (uri, suite string) {
	if strings.HasSuffix(name, ".sources") {
		for stanza := range strings.SplitSeq(text, "\n\n") {
			fields := map[string]string{}
			for _, m := range fieldSource.FindAllStringSubmatch(stanza, -1) {
				fields[m[1]] = m[2]
			}
			if strings.HasPrefix(fields["URIs"], "http") && fields["Components"] == "main" && fields["Suites"] != "" {
				return fields["URIs"], fields["Suites"]
			}
		}
		return "", ""
	}
	for line := range strings.Lines(text) {
		if m := oneLineSource.FindStringSubmatch(line); m != nil {
			return m[1], m[2]
		}
	}
	return "", ""
}
