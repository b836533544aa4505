package audit

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/index"
)

// recall gives a verb's result about an image as the cache has kept it, if this program
// made it, with the same options, of the same bytes. Otherwise it makes the result and
// keeps it; of a result that depends on anything else, whole says that it is not kept.
func recall[T any](ctx context.Context, env *host.Env, img whittle.Image, verb string, options any, result func() (made *T, whole bool, err error)) (*T, error) {
	cache := env.Index.Cache
	if cache == nil || env.Program == "" || env.Index.Verify {
		made, _, err := result()
		return made, err
	}
	before := cache.LayerVersions(ctx, img.Layers())
	if key, ok := resultKey(env, img, verb, options, before); ok {
		if b, ok := cache.Result(key); ok {
			kept := new(T)
			if json.Unmarshal(b, kept) == nil {
				return kept, nil
			}
		}
	}
	made, whole, err := result()
	if err != nil || !whole {
		return made, err
	}
	after := cache.LayerVersions(ctx, img.Layers())
	for i := range after {
		// A layer that was verified meanwhile is the one that was read. Of any other the
		// file may have been written since.
		if !after[i].Verified && after[i] != before[i] {
			return made, nil
		}
	}
	if key, ok := resultKey(env, img, verb, options, after); ok {
		keepResult(cache, key, made)
	}
	return made, nil
}

// keepResult keeps a result, unless JSON loses some of it, such as the bytes of a name that
// is not UTF-8. It is no error if the cache cannot be written.
func keepResult[T any](cache *index.Cache, key whittle.Digest, made *T) {
	b, err := json.Marshal(made)
	again := new(T)
	if err != nil || json.Unmarshal(b, again) != nil || !reflect.DeepEqual(made, again) {
		return
	}
	_ = cache.KeepResult(key, b)
}

// resultKey is a digest of all that a result depends on, false if something of it is not
// known.
func resultKey(env *host.Env, img whittle.Image, verb string, options any, layers []index.LayerVersion) (whittle.Digest, bool) {
	if slices.Contains(layers, index.LayerVersion{}) {
		return "", false
	}
	type stored struct {
		Blob  whittle.Blob
		Known bool
	}
	var blobs []stored
	for _, l := range img.Layers() {
		blob, known := l.Blob()
		blobs = append(blobs, stored{blob, known})
	}
	b, err := json.Marshal([]any{env.Program, verb, options, env.Index.Limits, img.Ref(), img.Config(), blobs, layers})
	return whittle.DigestOf(b), err == nil
}
