// Package catalog lists what a registry has: its repositories, and their tags.
package catalog

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"whittle.dev/whittle"
)

// Options say how a registry is asked.
type Options struct {
	// Keychain has credentials; nil is Docker's configuration. Transport sends the requests.
	Keychain  authn.Keychain
	Transport http.RoundTripper
	// Offline asks no registry.
	Offline bool
	// Most bounds how many names a list has; 0 is [Most].
	Most int
}

var errOffline = errors.New("--offline allows no network")

// Most is how many names a list has if nothing else is said.
const Most = 1_000_000

func (o Options) puller() (*remote.Puller, error) {
	if o.Offline {
		return nil, errOffline
	}
	if o.Keychain == nil {
		o.Keychain = authn.DefaultKeychain
	}
	options := []remote.Option{remote.WithAuthFromKeychain(o.Keychain), remote.WithUserAgent("whittle")}
	if o.Transport != nil {
		options = append(options, remote.WithTransport(o.Transport))
	}
	return remote.NewPuller(options...)
}

func (o Options) most() int {
	if o.Most <= 0 {
		return Most
	}
	return o.Most
}

// Repositories are those of a registry that want selects. Its list is read page by page.
// https://distribution.github.io/distribution/spec/api/#listing-repositories
func Repositories(ctx context.Context, registry string, want func(repository string) bool, o Options) (out []string, err error) {
	reg, err := name.NewRegistry(registry)
	if err != nil {
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("%.200q is no registry", registry), "a registry is HOST[:PORT]")
	}
	p, err := o.puller()
	if err != nil {
		return nil, whittle.ErrEngine.Errorf("listing the repositories of %s: %w", registry, err)
	}
	pages, err := p.Catalogger(ctx, reg)
	for err == nil && pages.HasNext() {
		var page *remote.Catalogs
		if page, err = pages.Next(ctx); err != nil {
			break
		}
		for _, r := range page.Repos {
			if want(r) {
				out = append(out, r)
			}
		}
		if len(out) > o.most() {
			return nil, whittle.WithHint(whittle.ErrLimit.Errorf("%s has more than %d such repositories", registry, o.most()), "choose fewer with --repositories")
		}
	}
	if err != nil {
		return nil, failed("listing the repositories of "+registry, "not every registry has a list of its repositories: name the images, or --list FILE", err)
	}
	return out, nil
}

// Tags are those of a repository, which is HOST/NAME, that want selects.
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-tags
func Tags(ctx context.Context, repository string, want func(tag string) bool, o Options) (out []string, err error) {
	repo, err := name.NewRepository(repository)
	if err != nil {
		return nil, whittle.ErrUsage.Errorf("%.200q is no repository", repository)
	}
	p, err := o.puller()
	if err != nil {
		return nil, whittle.ErrEngine.Errorf("listing the tags of %s: %w", repository, err)
	}
	pages, err := p.Lister(ctx, repo)
	for err == nil && pages.HasNext() {
		var page *remote.Tags
		if page, err = pages.Next(ctx); err != nil {
			break
		}
		for _, t := range page.Tags {
			if want(t) {
				out = append(out, t)
			}
		}
		if len(out) > o.most() {
			return nil, whittle.WithHint(whittle.ErrLimit.Errorf("%s has more than %d such tags", repository, o.most()), "choose fewer with --tags")
		}
	}
	if err != nil {
		return nil, failed("listing the tags of "+repository, "", err)
	}
	return out, nil
}

// failed is an error of a registry, without the answer's body, which may be long.
func failed(doing, hint string, err error) error {
	kind := whittle.ErrEngine
	var te *transport.Error
	if errors.As(err, &te) {
		switch te.StatusCode {
		case http.StatusUnauthorized, http.StatusForbidden:
			return whittle.WithHint(whittle.ErrAuth.Errorf("%s: the registry refuses access", doing), "log in with docker login; a list of repositories may need more rights than an image")
		case http.StatusNotFound, http.StatusMethodNotAllowed:
			kind = whittle.ErrNotFound
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the connection broke off")
	}
	return whittle.WithHint(kind.Errorf("%s: %.300s", doing, whittle.OneLine(err.Error())), hint)
}
