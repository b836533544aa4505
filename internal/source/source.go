// Package source opens images in the places where they are stored: docker
// archives, OCI layouts in folders and tars, a Docker engine, a registry. It does
// not read what is in their layers.
//
// Archives are indexed by their headers and read in place; nothing is
// unpacked. What comes through a pipe, or is compressed as a whole, is spooled first. Manifests and configurations are bounded in size and verified
// against their digests when they are opened, blobs while they are read.
package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"

	"whittle.dev/whittle"
)

// Schemes of image names.
const (
	DockerArchive     = "docker-archive"
	OCILayout         = "oci-layout"
	OCIArchive        = "oci-archive"
	Dir               = "dir"
	Docker            = "docker"
	PodmanEngine      = "podman"
	ContainersStorage = "containers-storage"
	Registry          = "registry"
	RootFS            = "rootfs"
)

// schemeOpener gives the image that rest names.
type schemeOpener func(ctx context.Context, name, rest string, o Options) (whittle.Image, error)

// schemes are the places by the beginnings of names, and whether a path comes behind
// them. docker:// has to come before docker:.
var schemes = []struct {
	prefix string
	path   bool
	open   schemeOpener
}{
	{DockerArchive + ":", true, func(ctx context.Context, name, rest string, o Options) (whittle.Image, error) {
		return openFile(ctx, name, DockerArchive, rest, o)
	}},
	{OCIArchive + ":", true, func(ctx context.Context, name, rest string, o Options) (whittle.Image, error) {
		return openFile(ctx, name, OCIArchive, rest, o)
	}},
	{OCILayout + ":", true, openFolder},
	{"oci:", false, openFolder}, // skopeo's, umoci's
	{Dir + ":", true, openDir},
	{RootFS + ":", true, openTree},
	{"docker://", false, openNamed}, // skopeo's
	{Docker + ":", false, openDaemon},
	{"docker-daemon:", false, openDaemon}, // skopeo's
	{PodmanEngine + ":", false, openPodman},
	{ContainersStorage + ":", false, openStorage},
	{Registry + ":", false, openNamed},
}

// openNamed opens an image of a registry that is named as one.
func openNamed(ctx context.Context, name, rest string, o Options) (whittle.Image, error) {
	img, err := openRegistry(ctx, name, rest, o)
	if errors.Is(err, whittle.ErrEngine) && whittle.Hint(err) == "" {
		err = whittle.WithHint(err, "is the network up, and the name right? an image in a file needs none: docker-archive:PATH or oci-layout:PATH")
	}
	return img, err
}

// Limits guard memory against hostile input; zero fields mean defaults.
type Limits struct {
	// Manifest and Config are bytes: 4 MiB and 8 MiB.
	Manifest, Config int64
	// Files bounds the entries of an archive: 1,000,000.
	Files int
	// Nested bounds how deep indexes are nested: 8. Manifests bounds how many they
	// name together: 10,000.
	Nested, Manifests int
	// Unpacked bounds the bytes of an archive that is spooled: 256 GiB; Ratio how many
	// times as many they are as those that were read, beyond 4 GiB: 1000.
	Unpacked, Ratio int64
}

// DefaultLimits are the default limits.
func DefaultLimits() Limits { return Limits{}.withDefaults() }

func (l Limits) withDefaults() Limits {
	set := func(n *int64, v int64) {
		if *n <= 0 {
			*n = v
		}
	}
	set(&l.Manifest, 4<<20)
	set(&l.Config, 8<<20)
	set(&l.Unpacked, 256<<30)
	set(&l.Ratio, 1000)
	if l.Files <= 0 {
		l.Files = 1_000_000
	}
	if l.Nested <= 0 {
		l.Nested = 8
	}
	if l.Manifests <= 0 {
		l.Manifests = 10_000
	}
	return l
}

// Options say how images are found. The zero value is the user's own set-up:
// Docker's environment, configuration and credential helpers.
type Options struct {
	// Platform selects an image from an index; nil is Linux on this machine's
	// architecture, or the only platform in the index.
	Platform *whittle.Platform
	Limits   Limits
	// DockerHost is the Docker engine's address; empty is DOCKER_HOST, else the
	// default socket. Docker's contexts are not read.
	DockerHost string
	// TempDir is the folder to which what cannot be read in place is spooled; empty
	// is the system's temporary folder.
	TempDir string
	// Offline opens nothing over a network: no registry, and no engine but one that
	// listens on a socket of this machine.
	Offline bool
	// Programs are podman and skopeo, which read the storage that they share; nil means
	// that there are none.
	Programs Programs
	// Spool has standard input; nil where there is none.
	Spool *Spool
	// Progress shows what is spooled; nil means silence. Note is told what of a place is
	// not in the image; nil means nobody.
	Progress whittle.Progress
	Note     func(string)
	// Keychain and Transport are for registries; nil means Docker's
	// configuration and a default transport.
	Keychain  authn.Keychain
	Transport http.RoundTripper
	Deadlines Deadlines

	host whittle.Platform // instead of this machine's, for tests
}

// listener is where progress is shown.
func (o Options) listener() whittle.Progress {
	if o.Progress == nil {
		return whittle.Unseen{}
	}
	return o.Progress
}

func (o Options) platform() whittle.Platform {
	if o.Platform != nil {
		return *o.Platform
	}
	if o.host.OS != "" {
		return o.host
	}
	return whittle.Platform{OS: "linux", Architecture: runtime.GOARCH}
}

// Open finds an image by its name: docker-archive:PATH[:NAME|:@N],
// oci-layout:PATH[:TAG|:@N|@DIGEST] or oci:, oci-archive:PATH[:TAG|:@N|@DIGEST], dir:PATH,
// rootfs:PATH, docker:NAME or docker-daemon:, podman:NAME, containers-storage:NAME, registry:NAME or
// docker://NAME, "-", or a bare path or name, which is guessed in that order.
// Errors wrap [whittle.ErrNotFound], [whittle.ErrCorrupt],
// [whittle.ErrUnsupported], [whittle.ErrLimit], [whittle.ErrAuth],
// [whittle.ErrUsage] or [whittle.ErrEngine] and name the image.
func Open(ctx context.Context, name string, o Options) (whittle.Image, error) {
	o.Limits = o.Limits.withDefaults()
	for _, s := range schemes {
		rest, ok := strings.CutPrefix(name, s.prefix)
		switch {
		case !ok || !s.path && strings.HasPrefix(rest, "//"):
		case rest == "" && !exists(name):
			return nil, whittle.WithHint(whittle.ErrUsage.Errorf("no image is named by %q", name), "put a path or a name behind the colon")
		case rest != "":
			return s.open(ctx, name, rest, o)
		}
	}
	if strings.HasSuffix(name, ":") && !exists(name) {
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("no image is named by %q", name), "put a path or a name behind the colon")
	}
	return guess(ctx, name, o)
}

// guess opens a name without a scheme: a path, an image of the engine, or a name in
// a registry.
func guess(ctx context.Context, name string, o Options) (whittle.Image, error) {
	if name == "" {
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("no image is named"), "a name such as python:3.13, or a path")
	}
	path, _ := splitPath(name)
	if path == stdin || isPipe(path) {
		return openFile(ctx, name, "", name, o)
	}
	if info, err := os.Stat(path); err == nil {
		switch {
		case info.IsDir() && isFlat(path):
			return openDir(ctx, name, name, o)
		case info.IsDir():
			return openFolder(ctx, name, name, o)
		}
		return openFile(ctx, name, "", name, o)
	}
	if err := otherScheme(name); err != nil {
		return nil, err
	}
	if looksLikePath(name) || looksLikePath(path) {
		return nil, noSuchFile(name, "no such file or folder", path)
	}
	tried := []string{"no such file or folder"}
	img, err := openDaemon(ctx, name, name, o)
	if err == nil {
		return img, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	tried = append(tried, "docker: "+reason(err))
	if hasPodman(o) {
		if img, err = openPodman(ctx, name, name, o); err == nil {
			return img, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		tried = append(tried, "podman: "+reason(err))
	}
	img, err = openRegistry(ctx, name, name, o)
	if err == nil {
		return img, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	for _, found := range []error{whittle.ErrCorrupt, whittle.ErrUnsupported, whittle.ErrLimit} {
		if errors.Is(err, found) {
			return nil, err
		}
	}
	tried = append(tried, "registry: "+reason(err))
	return nil, &guessError{name: name, tried: tried, last: err, near: nearNames(path)}
}

// guessError lists everything that was tried.
type guessError struct {
	name  string
	tried []string
	last  error
	near  []string // of files and folders
}

func (e *guessError) Error() string {
	return fmt.Sprintf("no image %q: %s", e.name, strings.Join(e.tried, "; "))
}

func (e *guessError) Hint() string {
	places := "start Docker if the image is there, or name the place: docker-archive:PATH, oci-layout:PATH, oci-archive:PATH, docker:NAME, podman:NAME or registry:NAME"
	var hints []string
	if len(e.near) > 0 {
		hints = append(hints, fmt.Sprintf("did you mean %s?", strings.Join(e.near, " or ")))
	}
	if h := whittle.Hint(e.last); h != "" {
		hints = append(hints, h)
	}
	return strings.ReplaceAll(strings.Join(append(hints, places), "; "), "?; ", "? ")
}

// Unwrap gives the kind: if the registry could not be asked it is that error's,
// otherwise the image was not found.
func (e *guessError) Unwrap() []error {
	for _, kind := range []error{whittle.ErrEngine, whittle.ErrAuth} {
		if errors.Is(e.last, kind) {
			return []error{kind}
		}
	}
	return []error{whittle.ErrNotFound}
}

// reason is the cause in an error, for the list of what was tried.
func reason(err error) string {
	var r *placeError
	if errors.As(err, &r) {
		return r.why
	}
	return err.Error()
}

// placeError is an error of one place, with a separate reason. Its kind is not
// part of the sentence.
type placeError struct {
	place, why string
	kind       error
}

func (e *placeError) Error() string {
	if e.place == "" {
		return e.why
	}
	return fmt.Sprintf("opening %s: %s", e.place, e.why)
}
func (e *placeError) Unwrap() error { return e.kind }

func looksLikePath(name string) bool {
	return strings.HasPrefix(name, "/") || strings.HasPrefix(name, "./") || strings.HasPrefix(name, "../") ||
		strings.HasSuffix(name, ".tar") || filepath.Separator != '/' && strings.ContainsRune(name, filepath.Separator)
}

// splitPath splits a path from the selector of an image in it: ":TAG", ":@N" or
// "@DIGEST". The longest path that exists wins, so names with colons work.
func splitPath(s string) (path, selector string) {
	if rest, ok := strings.CutPrefix(s, stdin); ok && (rest == "" || rest[0] == ':' || rest[0] == '@') {
		return stdin, strings.TrimPrefix(rest, ":")
	}
	if _, err := os.Stat(s); err == nil {
		return s, ""
	}
	for i := len(s) - 1; i > 0; i-- {
		if s[i] != ':' && s[i] != '@' {
			continue
		}
		if _, err := os.Stat(s[:i]); err == nil {
			return s[:i], strings.TrimPrefix(s[i:], ":")
		}
	}
	// Nothing exists: messages name the part before the selector.
	if i := strings.LastIndexAny(s, ":@"); i > 0 && !strings.Contains(s[i:], "/") {
		return s[:i], strings.TrimPrefix(s[i:], ":")
	}
	return s, ""
}

// openFile opens an archive of either kind. If scheme is empty, the content decides.
func openFile(ctx context.Context, name, scheme, rest string, o Options) (whittle.Image, error) {
	path, selector := splitPath(rest)
	a, err := openArchive(ctx, path, o)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", name, err)
	}
	return archiveImage(ctx, a, name, "", scheme, selector, o)
}

// archiveImage is an image of an archive, which it closes if there is none. If scheme
// is empty, the content says which kind of archive it is; source is the place that
// the image is said to be from, if not that.
func archiveImage(ctx context.Context, a *archive, name, source, scheme, selector string, o Options) (_ *image, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("opening %s: %w", name, err)
			a.Close()
		}
	}()
	_, docker := a.files["manifest.json"]
	_, isLayout := a.files["index.json"]
	if !docker && !isLayout {
		return nil, a.noImage()
	}
	if scheme == "" {
		scheme = OCIArchive
		if docker {
			scheme = DockerArchive
		}
	}
	if scheme == OCIArchive && docker && !isLayout {
		return nil, whittle.WithHint(whittle.ErrCorrupt.Errorf("the archive has no index.json"), "it is a docker-archive:")
	}
	var img *image
	if scheme == DockerArchive {
		img, err = dockerImage(ctx, a, selector, o)
	} else {
		img, err = layoutImage(ctx, a, selector, o)
	}
	if err != nil {
		return nil, err
	}
	img.ref.Name, img.ref.Source, img.close = name, cmp.Or(source, scheme), a.Close
	return img, nil
}

// openFolder opens an OCI image layout.
func openFolder(ctx context.Context, name, rest string, o Options) (whittle.Image, error) {
	path, selector := splitPath(rest)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, noSuchFile(name, "no folder "+path, path)
	case err != nil:
		return nil, whittle.ErrUsage.Errorf("opening %s: %w", name, err)
	case !info.IsDir():
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("opening %s: %s is a file", name, path), "an OCI layout in a tar is oci-archive:PATH")
	}
	if isFlat(path) {
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("opening %s: %s has no index.json, and a manifest.json", name, path), "it is a dir:")
	}
	if !exists(filepath.Join(path, "index.json")) {
		return nil, fmt.Errorf("opening %s: %w", name, folder(path).noLayout())
	}
	img, err := layoutImage(ctx, folder(path), selector, o)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", name, err)
	}
	img.ref.Name, img.ref.Source = name, OCILayout
	return img, nil
}

// openDir opens a folder of skopeo's "dir".
func openDir(ctx context.Context, name, path string, o Options) (whittle.Image, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, noSuchFile(name, "no folder "+path, path)
	case err != nil:
		return nil, whittle.ErrUsage.Errorf("opening %s: %w", name, err)
	case !info.IsDir():
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("opening %s: %s is a file", name, path), "an archive is docker-archive:PATH or oci-archive:PATH")
	case !isFlat(path) && exists(filepath.Join(path, "index.json")):
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("opening %s: %s has an index.json", name, path), "it is an oci-layout:")
	case !isFlat(path):
		return nil, fmt.Errorf("opening %s: %w", name, folder(path).noLayout())
	}
	img, err := openFlat(ctx, path, o)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", name, err)
	}
	img.ref.Name, img.ref.Source = name, Dir
	return img, nil
}

// ImageFolder says whether a folder holds an image that a bare path may name.
func ImageFolder(dir string) bool {
	return exists(filepath.Join(dir, "oci-layout")) || isFlat(dir)
}

// readAll reads everything; more than limit bytes are an error.
func readAll(r io.Reader, what string, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", what, err)
	}
	if int64(len(b)) > limit {
		return nil, whittle.ErrLimit.Errorf("%s is larger than %d bytes", what, limit)
	}
	return b, nil
}
