package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"whittle"
)

// remoteBlobs reads manifests and blobs of one repository.
type remoteBlobs struct {
	repo name.Repository
	opts []remote.Option
}

// openRegistry reads an image of a registry. Credentials come from Docker's
// configuration and its credential helpers.
func openRegistry(ctx context.Context, shown, ref string, o Options) (whittle.Image, error) {
	parsed, err := name.ParseReference(ref)
	if err != nil {
		return nil, &placeError{shown, err.Error(), whittle.ErrUsage}
	}
	keychain := o.Keychain
	if keychain == nil {
		keychain = authn.DefaultKeychain
	}
	opts := []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(keychain), remote.WithUserAgent("whittle")}
	if o.Transport != nil {
		opts = append(opts, remote.WithTransport(o.Transport))
	}
	desc, err := remote.Get(parsed, opts...)
	if err != nil {
		return nil, registryError(ctx, shown, parsed, err)
	}
	digest, err := whittle.ParseDigest(desc.Digest.String())
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", shown, err)
	}
	from := &remoteBlobs{repo: parsed.Context(), opts: opts}
	img, err := pick(ctx, from, []descriptor{{MediaType: string(desc.MediaType), Digest: digest, Size: desc.Size}}, o)
	if err != nil {
		return nil, registryError(ctx, shown, parsed, err)
	}
	img.ref.Name, img.ref.Source = shown, Registry
	return img, nil
}

func (r *remoteBlobs) with(ctx context.Context) []remote.Option {
	return append(append([]remote.Option{}, r.opts...), remote.WithContext(ctx))
}

func (r *remoteBlobs) open(ctx context.Context, d whittle.Digest) (io.ReadCloser, error) {
	l, err := remote.Layer(r.repo.Digest(string(d)), r.with(ctx)...)
	if err != nil {
		return nil, err
	}
	return l.Compressed()
}

func (r *remoteBlobs) manifest(ctx context.Context, d whittle.Digest) (io.ReadCloser, error) {
	desc, err := remote.Get(r.repo.Digest(string(d)), r.with(ctx)...)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(desc.Manifest)), nil
}

// stat asks the registry whether it has the blob, and how long that is. A
// registry names blobs by their content, so a name that was verified once is
// not asked for again.
func (r *remoteBlobs) stat(ctx context.Context, d whittle.Digest) (int64, string, error) {
	l, err := remote.Layer(r.repo.Digest(string(d)), r.with(ctx)...)
	if err != nil {
		return 0, "", err
	}
	size, err := l.Size()
	return size, Registry, err
}

func (r *remoteBlobs) section(whittle.Digest) (*io.SectionReader, bool) { return nil, false }

// registryError sorts what a registry or the way to it said.
func registryError(ctx context.Context, shown string, ref name.Reference, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("opening %s: %w", shown, ctx.Err())
	}
	var te *transport.Error
	if errors.As(err, &te) {
		switch te.StatusCode {
		case http.StatusNotFound:
			return &placeError{shown, fmt.Sprintf("%s has no %s", ref.Context().RegistryStr(), ref.Name()), whittle.ErrNotFound}
		case http.StatusUnauthorized, http.StatusForbidden:
			return whittle.WithHint(&placeError{shown, fmt.Sprintf("%s refuses access", ref.Context().RegistryStr()), whittle.ErrAuth},
				"log in with docker login, or the image does not exist")
		}
		return &placeError{shown, te.Error(), whittle.ErrEngine}
	}
	for _, kind := range []error{whittle.ErrCorrupt, whittle.ErrLimit, whittle.ErrUnsupported, whittle.ErrNotFound, whittle.ErrUsage} {
		if errors.Is(err, kind) {
			return fmt.Errorf("opening %s: %w", shown, err)
		}
	}
	return &placeError{shown, fmt.Sprintf("reaching %s: %v", ref.Context().RegistryStr(), err), whittle.ErrEngine}
}
