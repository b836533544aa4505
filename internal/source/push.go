package source

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"whittle.dev/whittle"
)

// CheckTag says whether an image can be given a name in a registry or an engine.
func CheckTag(ref string) error {
	if _, err := name.NewTag(ref); err == nil && !strings.Contains(ref, "//") {
		return nil
	}
	if _, err := name.NewDigest(ref); err == nil {
		return whittle.WithHint(whittle.ErrUsage.Errorf("an image is written under a name, and has its own digest"), "put NAME:TAG, without a digest")
	}
	return badReference("", ref)
}

// Tagged is a name with its tag, as Docker shortens it, the whole of it, as containerd
// has it, and the tag alone. The name is one that [CheckTag] accepts.
func Tagged(ref string) (short, whole, tag string) {
	t, err := name.NewTag(ref)
	if err != nil {
		return ref, ref, ""
	}
	whole = t.Name()
	if rest, ok := strings.CutPrefix(whole, name.DefaultRegistry+"/"); ok {
		whole = "docker.io/" + rest
	}
	return familiar(whole), whole, t.TagStr()
}

// CheckReach says whether a registry's or an engine's place may be contacted.
func CheckReach(kind, ref string, o Options) error {
	if kind == Registry && o.Offline {
		parsed, err := name.ParseReference(ref)
		if err != nil {
			return badReference("", ref)
		}
		return offline("", "the registry "+parsed.Context().RegistryStr())
	}
	return nil
}

// SamePlace says whether an image was opened by a name that means the same image of a
// registry or an engine.
func SamePlace(from whittle.Ref, kind, ref string) bool {
	if from.Source != kind {
		return false
	}
	a, errA := name.ParseReference(withoutScheme(from.Name))
	b, errB := name.ParseReference(ref)
	return errA == nil && errB == nil && a.Name() == b.Name()
}

// Repository is the repository of a registry that an image was opened in, as
// HOST/REPOSITORY; empty if it is of another place.
func Repository(from whittle.Ref) string {
	if from.Source != Registry {
		return ""
	}
	ref, err := name.ParseReference(withoutScheme(from.Name))
	if err != nil {
		return ""
	}
	return ref.Context().Name()
}

func withoutScheme(text string) string {
	for _, s := range schemes {
		if rest, ok := strings.CutPrefix(text, s.prefix); ok {
			return rest
		}
	}
	return text
}

// Push writes to one repository of a registry.
type Push struct {
	tag    name.Tag
	d      Deadlines
	pusher *remote.Pusher
	reads  readErrors
}

// UploadBlob is a blob that a manifest names.
type UploadBlob struct {
	whittle.Blob
	// Open gives the bytes, as often as it is called.
	Open func(ctx context.Context) (io.ReadCloser, error)
}

// Upload is a manifest with the blobs that it names. The bytes of a foreign layer may
// be missing.
type Upload struct {
	MediaType string
	Manifest  []byte
	Blobs     []UploadBlob
	// From is the repository that the blobs may be in already, HOST/REPOSITORY.
	From string
}

// answerFactor is by how much longer a registry may take to take a blob than to answer:
// it writes it and computes its digest.
const answerFactor = 15

// OpenPush logs in to the registry of a name, with credentials of Docker's
// configuration and its credential helpers.
func OpenPush(ctx context.Context, ref, from string, o Options) (*Push, error) {
	tag, err := name.NewTag(ref)
	if err != nil {
		return nil, badReference("", ref)
	}
	if err := CheckReach(Registry, ref, o); err != nil {
		return nil, err
	}
	o.Limits = o.Limits.withDefaults()
	d := o.Deadlines.withDefaults()
	d.Answer *= answerFactor
	scopes := []string{tag.Scope(transport.PushScope)}
	if other, err := name.NewRepository(from); from != "" && err == nil && other.RegistryStr() == tag.RegistryStr() && other.Name() != tag.Context().Name() {
		scopes = append(scopes, other.Scope(transport.PullScope))
	}
	r, err := login(ctx, tag.Context(), d, o, scopes...)
	if err != nil {
		return nil, err
	}
	// What is retried is retried by the transport of the login.
	pusher, err := remote.NewPusher(remote.WithTransport(r.client.Transport))
	if err != nil {
		return nil, whittle.ErrEngine.Of(err)
	}
	return &Push{tag: tag, d: d, pusher: pusher}, nil
}

// Put sends what the registry does not have of an upload: blobs first. Its manifest
// gets the name of the tag if tagged, otherwise it has its digest alone.
func (p *Push) Put(ctx context.Context, up Upload, tagged bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	img, err := newUploadImage(ctx, cancel, p, up)
	if err != nil {
		return err
	}
	ref := name.Reference(p.tag)
	if !tagged {
		ref = p.tag.Digest(string(whittle.DigestOf(up.Manifest)))
	}
	err = p.pusher.Push(ctx, ref, img)
	if err == nil {
		return nil
	}
	if read := p.reads.first(); read != nil {
		return read
	}
	return p.explain(ctx, err)
}

func (p *Push) explain(ctx context.Context, err error) error {
	var te *transport.Error
	if errors.As(err, &te) && ctx.Err() == nil && (te.StatusCode == http.StatusUnauthorized || te.StatusCode == http.StatusForbidden) {
		return whittle.WithHint(&placeError{why: p.tag.RegistryStr() + " refuses to take it", kind: whittle.ErrAuth}, "log in with docker login, as somebody who may write to "+p.tag.RepositoryStr())
	}
	return registryError(ctx, p.tag.Context(), p.d, "", err)
}

// readErrors are what failed when blobs were read, which is no fault of the registry's.
type readErrors struct {
	mu  sync.Mutex
	err error
}

func (r *readErrors) add(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
}

func (r *readErrors) first() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// uploadImage is an upload as the library wants it.
type uploadImage struct {
	v1.Image
	from name.Reference // nil if no blob is mounted
}

// Layers implements [v1.Image]: layers that the registry may have in another
// repository are mounted.
func (i *uploadImage) Layers() ([]v1.Layer, error) {
	layers, err := i.Image.Layers()
	if err != nil || i.from == nil {
		return layers, err
	}
	for n, l := range layers {
		layers[n] = &remote.MountableLayer{Layer: l, Reference: i.from}
	}
	return layers, nil
}

func newUploadImage(ctx context.Context, cancel context.CancelCauseFunc, p *Push, up Upload) (v1.Image, error) {
	core := &uploadCore{ctx: ctx, up: up, blobs: map[v1.Hash]*uploadLayer{}}
	for _, b := range up.Blobs {
		h, err := v1.NewHash(string(b.Digest))
		if err != nil {
			return nil, err
		}
		core.blobs[h] = &uploadLayer{ctx: ctx, cancel: cancel, hash: h, blob: b, push: p}
	}
	img, err := partial.CompressedToImage(core)
	if err != nil {
		return nil, err
	}
	out := &uploadImage{Image: img}
	if from, err := name.NewRepository(up.From); up.From != "" && err == nil && from.RegistryStr() == p.tag.RegistryStr() && from.Name() != p.tag.Context().Name() {
		out.from = from.Tag("latest")
	}
	return out, nil
}

// uploadCore implements [partial.CompressedImageCore].
type uploadCore struct {
	ctx   context.Context
	up    Upload
	blobs map[v1.Hash]*uploadLayer
}

func (c *uploadCore) MediaType() (types.MediaType, error) {
	return types.MediaType(c.up.MediaType), nil
}
func (c *uploadCore) RawManifest() ([]byte, error) { return c.up.Manifest, nil }

func (c *uploadCore) RawConfigFile() ([]byte, error) {
	m, err := partial.Manifest(c)
	if err != nil {
		return nil, err
	}
	l, ok := c.blobs[m.Config.Digest]
	if !ok {
		return nil, whittle.ErrCorrupt.Errorf("the manifest's configuration %s is missing", m.Config.Digest)
	}
	r, err := l.blob.Open(c.ctx)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func (c *uploadCore) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	if l, ok := c.blobs[h]; ok {
		return l, nil
	}
	m, err := partial.Manifest(c)
	if err != nil {
		return nil, err
	}
	for _, d := range m.Layers {
		if d.Digest == h && !d.MediaType.IsDistributable() {
			return &uploadLayer{hash: h, blob: UploadBlob{Blob: whittle.Blob{Digest: whittle.Digest(h.String()), Size: d.Size, MediaType: string(d.MediaType)}}}, nil
		}
	}
	return nil, whittle.ErrUnsupported.Errorf("blob %s is kept elsewhere (a foreign layer)", h)
}

// uploadLayer implements [partial.CompressedLayer].
type uploadLayer struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	hash   v1.Hash
	blob   UploadBlob
	push   *Push
}

func (l *uploadLayer) Digest() (v1.Hash, error) { return l.hash, nil }
func (l *uploadLayer) Size() (int64, error)     { return l.blob.Size, nil }

func (l *uploadLayer) MediaType() (types.MediaType, error) {
	return types.MediaType(l.blob.MediaType), nil
}

func (l *uploadLayer) Compressed() (io.ReadCloser, error) {
	r, err := l.blob.Open(l.ctx)
	if err != nil {
		l.push.reads.add(err)
		return nil, err
	}
	limit := l.push.d.Stall * 4
	stall := tooSlow("the registry takes no more of a blob", limit)
	return &uploadReader{ReadCloser: r, l: l, limit: limit, timer: time.AfterFunc(limit, func() { l.cancel(stall) })}, nil
}

// uploadReader fails if nothing is read of it for a time: the registry takes nothing
// more.
type uploadReader struct {
	io.ReadCloser
	l     *uploadLayer
	limit time.Duration
	timer *time.Timer
}

func (r *uploadReader) Read(p []byte) (int, error) {
	r.timer.Stop()
	n, err := r.ReadCloser.Read(p)
	switch {
	case err == nil:
		r.timer.Reset(r.limit)
	case !errors.Is(err, io.EOF) && r.l.ctx.Err() == nil:
		r.l.push.reads.add(err)
	}
	return n, err
}

func (r *uploadReader) Close() error {
	r.timer.Stop()
	return r.ReadCloser.Close()
}
