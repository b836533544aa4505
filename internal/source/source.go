// Package source opens images in the places where they are stored: docker
// archives, OCI layouts in folders and tars, a Docker engine, a registry. It does
// not read what is in their layers.
//
// Archives are indexed by their headers and read in place; nothing is
// unpacked. Manifests and configurations are bounded in size and verified
// against their digests when they are opened, blobs while they are read.
package source

import (
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
	DockerArchive = "docker-archive"
	OCILayout     = "oci-layout"
	OCIArchive    = "oci-archive"
	Docker        = "docker"
	Registry      = "registry"
)

// Limits guard memory against hostile input; zero fields mean defaults.
type Limits struct {
	// Manifest and Config are bytes: 4 MiB and 8 MiB.
	Manifest, Config int64
	// Files bounds the entries of an archive: 1,000,000.
	Files int
	// Nested bounds how deep indexes are nested: 8. Manifests bounds how many they
	// name together: 10,000.
	Nested, Manifests int
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
	// TempDir is the folder to which images of a Docker engine are spooled; empty
	// is the system's temporary folder.
	TempDir string
	// Keychain and Transport are for registries; nil means Docker's
	// configuration and a default transport.
	Keychain  authn.Keychain
	Transport http.RoundTripper
	Deadlines Deadlines

	host whittle.Platform // instead of this machine's, for tests
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
// oci-layout:PATH[:TAG|@DIGEST], oci-archive:PATH[:TAG|@DIGEST], docker:NAME,
// registry:NAME, or a bare path or name, which is guessed in that order.
// Errors wrap [whittle.ErrNotFound], [whittle.ErrCorrupt],
// [whittle.ErrUnsupported], [whittle.ErrLimit], [whittle.ErrAuth],
// [whittle.ErrUsage] or [whittle.ErrEngine] and name the image.
func Open(ctx context.Context, name string, o Options) (whittle.Image, error) {
	o.Limits = o.Limits.withDefaults()
	scheme, rest, ok := strings.Cut(name, ":")
	if ok && rest == "" && !exists(name) {
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("no image is named by %q", name), "put a path or a name behind the colon")
	}
	if ok && (scheme != Docker && scheme != Registry || !strings.HasPrefix(rest, "//")) {
		switch scheme {
		case DockerArchive, OCIArchive:
			return openFile(ctx, name, scheme, rest, o)
		case OCILayout:
			return openFolder(ctx, name, rest, o)
		case Docker:
			return openDaemon(ctx, name, rest, o)
		case Registry:
			return openRegistry(ctx, name, rest, o)
		}
	}
	return guess(ctx, name, o)
}

// guess opens a name without a scheme: a path, an image of the engine, or a name in
// a registry.
func guess(ctx context.Context, name string, o Options) (whittle.Image, error) {
	if name == "" {
		return nil, whittle.ErrUsage.Errorf("no image is named")
	}
	path, _ := splitPath(name)
	if info, err := os.Stat(path); err == nil {
		if info.IsDir() {
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
	return nil, &guessError{name: name, tried: tried, last: err}
}

// guessError lists everything that was tried.
type guessError struct {
	name  string
	tried []string
	last  error
}

func (e *guessError) Error() string {
	return fmt.Sprintf("no image %q: %s", e.name, strings.Join(e.tried, "; "))
}

func (e *guessError) Hint() string {
	places := "name the place: docker-archive:PATH, oci-layout:PATH, oci-archive:PATH, docker:NAME or registry:NAME"
	if h := whittle.Hint(e.last); h != "" {
		return h + "; " + places
	}
	return places
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
func openFile(ctx context.Context, name, scheme, rest string, o Options) (_ whittle.Image, err error) {
	path, selector := splitPath(rest)
	a, err := openArchive(path, o.Limits)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			a.Close()
		}
	}()
	_, docker := a.files["manifest.json"]
	_, isLayout := a.files["index.json"]
	if !docker && !isLayout {
		return nil, fmt.Errorf("opening %s: %w", name, a.noImage())
	}
	if scheme == "" {
		scheme = OCIArchive
		if docker {
			scheme = DockerArchive
		}
	}
	if scheme == OCIArchive && docker && !isLayout {
		return nil, whittle.WithHint(whittle.ErrCorrupt.Errorf("opening %s: the archive has no index.json", name), "it is a docker-archive:")
	}
	var img *image
	if scheme == DockerArchive {
		img, err = dockerImage(ctx, a, selector, o)
	} else {
		img, err = layoutImage(ctx, a, selector, o)
	}
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", name, err)
	}
	img.ref.Name, img.ref.Source, img.close = name, scheme, a.Close
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
