package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"whittle.dev/whittle"
)

// repository reads manifests and blobs of one repository of a registry. It
// logs in once: one token serves all of them.
type repository struct {
	name   name.Repository
	client *http.Client
	d      Deadlines
	limit  int64 // of a manifest, in bytes
}

// openRegistry reads an image of a registry. Credentials come from Docker's
// configuration and its credential helpers.
func openRegistry(ctx context.Context, shown, ref string, o Options) (whittle.Image, error) {
	parsed, err := name.ParseReference(ref)
	if err != nil {
		return nil, badReference(shown, ref)
	}
	if o.Offline {
		return nil, offline(shown, "the registry "+parsed.Context().RegistryStr())
	}
	d := o.Deadlines.withDefaults()
	opening, cancel := context.WithTimeoutCause(ctx, 4*d.Document, tooSlow("the image was not opened", 4*d.Document))
	defer cancel()
	img, err := openRepository(opening, parsed, d, o)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", shown, err)
	}
	img.ref.Name, img.ref.Source = shown, Registry
	return img, nil
}

func openRepository(ctx context.Context, ref name.Reference, d Deadlines, o Options) (*image, error) {
	r, err := login(ctx, ref.Context(), d, o, ref.Context().Scope(transport.PullScope))
	if err != nil {
		return nil, err
	}
	// What was named is read once. The digest of a tag is that of its bytes.
	b, mediaType, err := r.document(ctx, "manifests/"+ref.Identifier(), "the manifest")
	if err != nil {
		return nil, err
	}
	root := descriptor{MediaType: mediaType, Digest: whittle.DigestOf(b), Size: int64(len(b))}
	if d, ok := ref.(name.Digest); ok && d.DigestStr() != string(root.Digest) {
		return nil, whittle.ErrCorrupt.Errorf("manifest %s has another digest, %s", d.DigestStr(), root.Digest)
	}
	named := &namedRepository{r, root.Digest, b}
	img, err := pick(ctx, named, []descriptor{root}, "", o)
	if err != nil {
		return nil, err
	}
	repositoryDetails(img, named, root, o)
	return img, nil
}

// HostOf is the registry of an image's name, which is one without a scheme.
func HostOf(ref string) (string, error) {
	parsed, err := name.ParseReference(ref)
	if err != nil {
		return "", badReference(ref, ref)
	}
	return parsed.Context().RegistryStr(), nil
}

// RegistryLayer is a layer of an image in a registry, whose manifest and configuration said
// before what its blob and its diff ID are: they are not read again. ref is the image's name
// without a scheme. The errors are those of [Open], and of [whittle.Layer].
func RegistryLayer(ctx context.Context, ref string, blob whittle.Blob, diffID whittle.Digest, o Options) (whittle.Layer, error) {
	parsed, err := name.ParseReference(ref)
	if err != nil {
		return nil, badReference(ref, ref)
	}
	o.Limits = o.Limits.withDefaults()
	r, err := login(ctx, parsed.Context(), o.Deadlines.withDefaults(), o, parsed.Context().Scope(transport.PullScope))
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", ref, err)
	}
	return blobLayer(r, descriptor{Digest: blob.Digest, Size: blob.Size, MediaType: blob.MediaType}, diffID), nil
}

// namedRepository is a repository whose named manifest was already read.
type namedRepository struct {
	*repository
	digest  whittle.Digest
	content []byte
}

func (n *namedRepository) manifest(ctx context.Context, d whittle.Digest) (io.ReadCloser, error) {
	if d == n.digest {
		return io.NopCloser(bytes.NewReader(n.content)), nil
	}
	return n.repository.manifest(ctx, d)
}

// login finds out how a registry authenticates, and gets a token for the scopes if it
// needs one.
func login(ctx context.Context, repo name.Repository, d Deadlines, o Options, scopes ...string) (*repository, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, d.Document, tooSlow("logging in did not end", d.Document))
	defer cancel()
	keychain := o.Keychain
	if keychain == nil {
		keychain = authn.DefaultKeychain
	}
	auth, err := authn.Resolve(ctx, keychain, repo)
	if err != nil {
		return nil, whittle.ErrAuth.Errorf("looking for credentials: %w", err)
	}
	inner := o.Transport
	if inner == nil {
		inner = NewTransport(d)
	}
	inner = transport.NewRetry(redirectLimit{inner}, transport.WithRetryPredicate(retryable),
		transport.WithRetryBackoff(transport.Backoff{Duration: d.Retry, Factor: 3, Jitter: 0.1, Steps: 3}),
		transport.WithRetryStatusCodes(http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout))
	tr, err := transport.NewWithContext(ctx, repo.Registry, auth, transport.NewUserAgent(inner, "whittle"), scopes)
	if err != nil {
		return nil, registryError(ctx, repo, d, "", err)
	}
	return &repository{name: repo, client: &http.Client{Transport: tr, CheckRedirect: checkRedirect}, d: d, limit: max(o.Limits.Manifest, o.Limits.Config)}, nil
}

// retryable says whether a failure is worth another attempt. Deadlines are not.
func retryable(err error) bool {
	var te *transport.Error
	if errors.As(err, &te) {
		return te.Temporary()
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// checkRedirect refuses redirects from a public address into a private network.
func checkRedirect(req *http.Request, via []*http.Request) error {
	from, to := via[0].URL.Hostname(), req.URL.Hostname()
	if from == to || !private(to) || private(from) || from == "localhost" {
		return nil
	}
	return fmt.Errorf("it redirects to %s, in a private network", to)
}

func private(host string) bool {
	a, err := netip.ParseAddr(host)
	if err != nil {
		// Some resolvers read a number, or parts that are not decimal, as an address.
		return host != "" && strings.Trim(host, "0123456789abcdefxABCDEFX.") == "" && strings.ContainsAny(host[:1], "0123456789")
	}
	a = a.Unmap()
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified()
}

// acceptHeader lists the media types of manifests.
var acceptHeader = strings.Join([]string{ociIndex, ociManifest, "application/vnd.docker.distribution.manifest.list.v2+json",
	"application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.v1+prettyjws", "application/json"}, ",")

// do requests a part of the repository. The caller closes the response's body.
func (r *repository) do(ctx context.Context, method, part string) (*http.Response, error) {
	u := url.URL{Scheme: r.name.Scheme(), Host: r.name.RegistryStr(), Path: "/v2/" + r.name.RepositoryStr() + "/" + part}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(part, "manifests/") {
		req.Header.Set("Accept", acceptHeader)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, registryError(ctx, r.name, r.d, part, err)
	}
	if err := transport.CheckError(resp, http.StatusOK); err != nil {
		resp.Body.Close()
		return nil, registryError(ctx, r.name, r.d, part, err)
	}
	return resp, nil
}

// document reads a manifest whole.
func (r *repository) document(ctx context.Context, part, what string) (b []byte, mediaType string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.d.Document, tooSlow(what+" did not come", r.d.Document))
	defer cancel()
	resp, err := r.do(ctx, http.MethodGet, part)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	b, err = readAll(resp.Body, what, r.limit)
	if err != nil {
		return nil, "", registryError(ctx, r.name, r.d, part, err)
	}
	mediaType, _, _ = strings.Cut(resp.Header.Get("Content-Type"), ";")
	return b, mediaType, nil
}

func (r *repository) manifest(ctx context.Context, d whittle.Digest) (io.ReadCloser, error) {
	b, _, err := r.document(ctx, "manifests/"+string(d), "the manifest")
	if errors.Is(err, whittle.ErrNotFound) {
		return nil, &absentError{d, "registry"}
	}
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

// open reads a blob. Its first byte must arrive within the deadline of a document;
// after that it must not stall.
func (r *repository) open(ctx context.Context, d whittle.Digest) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	late := tooSlow("the blob did not begin to come", r.d.Document)
	timer := time.AfterFunc(r.d.Document, func() { cancel(late) })
	resp, err := r.do(ctx, http.MethodGet, "blobs/"+string(d)) //nolint:bodyclose // the one who reads the blob closes it
	timer.Stop()
	if err != nil {
		cancel(nil)
	}
	if errors.Is(err, whittle.ErrNotFound) {
		return nil, &absentError{d, "registry"}
	}
	if err != nil {
		return nil, err
	}
	return newStallReader(ctx, cancel, resp.Body, r), nil
}

// stat asks the registry for the size of the blob. The identity is constant,
// because a registry names blobs by their content.
func (r *repository) stat(ctx context.Context, d whittle.Digest) (int64, string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.d.Document, tooSlow("the blob's size did not come", r.d.Document))
	defer cancel()
	resp, err := r.do(ctx, http.MethodHead, "blobs/"+string(d))
	if errors.Is(err, whittle.ErrNotFound) {
		return 0, "", &absentError{d, "registry"}
	}
	if err != nil {
		return 0, "", err
	}
	return resp.ContentLength, Registry, resp.Body.Close()
}

func (r *repository) section(whittle.Digest) (*io.SectionReader, bool) { return nil, false }

// registryError converts an error of a registry, or of the connection to it, about
// a part of a repository (a manifest or a blob).
func registryError(ctx context.Context, repo name.Repository, d Deadlines, part string, err error) error {
	host := repo.RegistryStr()
	if c := context.Cause(ctx); errors.Is(c, errSlow) {
		err = c
	} else if c != nil {
		return c
	}
	for _, kind := range []error{whittle.ErrCorrupt, whittle.ErrLimit, whittle.ErrUnsupported} {
		if errors.Is(err, kind) {
			return err
		}
	}
	var te *transport.Error
	if !errors.As(err, &te) {
		return &placeError{why: "reaching " + host + ": " + shorten(d.reason(err)), kind: whittle.ErrEngine}
	}
	switch te.StatusCode {
	case http.StatusNotFound:
		return &placeError{why: fmt.Sprintf("%s has no %s", host, repo.RepositoryStr()+suffixOf(part)), kind: whittle.ErrNotFound}
	case http.StatusUnauthorized, http.StatusForbidden:
		return whittle.WithHint(&placeError{why: host + " refuses access", kind: whittle.ErrAuth}, "log in with docker login, or the image does not exist")
	case http.StatusTooManyRequests:
		return whittle.WithHint(&placeError{why: host + " refuses more requests for now", kind: whittle.ErrEngine}, "wait, or log in with docker login")
	}
	return &placeError{why: shorten(te.Error()), kind: whittle.ErrEngine}
}

// shorten is the beginning of a registry's message, which may be long, in one line.
func shorten(s string) string { return fmt.Sprintf("%.300s", whittle.OneLine(s)) }

// suffixOf is the tag or digest of a part, as it is written after a repository.
func suffixOf(part string) string {
	_, id, _ := strings.Cut(part, "/")
	switch {
	case id == "":
		return ""
	case strings.HasPrefix(id, "sha256:"):
		return "@" + id
	}
	return ":" + id
}

// badReference is the error of an invalid name of an image in a registry.
func badReference(shown, ref string) error {
	err := &placeError{place: shown, why: fmt.Sprintf("%.200q is no name of an image in a registry", ref), kind: whittle.ErrUsage}
	lower := strings.ToLower(ref)
	rest, scheme := "", false
	for _, s := range []string{"https://", "http://", "docker://", "//"} {
		if rest, scheme = strings.CutPrefix(ref, s); scheme {
			break
		}
	}
	_, parses := name.ParseReference(lower)
	switch {
	case scheme:
		return whittle.WithHint(err, "a name has no scheme: registry:"+rest)
	case parses == nil && lower != ref:
		return whittle.WithHint(err, "names of repositories are in lower case: "+lower)
	}
	return whittle.WithHint(err, "a name is [HOST[:PORT]/]REPOSITORY[:TAG|@DIGEST]")
}
