// Package recall gives results about images that the cache has kept, as long as nothing that
// they depend on has changed: the program, its options, the bytes of the layers, and what
// the package index says.
package recall

import (
	"context"
	"encoding/json"
	"io/fs"
	"reflect"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/index"
)

// kept is a result in the cache, and what the package index said for it.
type kept[T any] struct {
	Answers []answer
	Result  *T
}

// Of is what a result depends on, beside the image and the outside world.
type Of struct {
	Verb    string
	Options any
	// Folders are read, but for what is aside.
	Folders []string
	Aside   func(fsys fs.FS, dir string) bool
}

// Result gives a verb's result about an image as the cache has kept it, if this program
// made it, with the same options, of the same bytes, and the package index still gives the
// same answers. Otherwise it makes the result, with the outside world that it is given, and
// keeps it. The result must depend on nothing else.
func Result[T any](ctx context.Context, env *host.Env, img whittle.Image, of Of, result func(*host.Env) (*T, error)) (*T, error) {
	cache := env.Index.Cache
	if cache == nil || env.Program == "" || env.Index.Verify {
		return result(env)
	}
	folders, ok := folderVersion(of.Aside, of.Folders...)
	if !ok {
		return result(env)
	}
	before := cache.LayerVersions(ctx, img.Layers())
	if key, ok := keyOf(env, img, of, folders, before); ok {
		var k kept[T]
		if b, ok := cache.Result(key); ok && json.Unmarshal(b, &k) == nil && same(ctx, env.Packages, k.Answers) {
			return k.Result, nil
		}
	}
	asking := *env
	w := &witness{index: env.Packages}
	if env.Packages != nil {
		asking.Packages = w
	}
	made, err := result(&asking)
	if err != nil || w.failed {
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
	if key, ok := keyOf(env, img, of, folders, after); ok {
		keep(cache, key, &kept[T]{w.answers, made})
	}
	return made, nil
}

// keep keeps a result, unless JSON loses some of it, such as the bytes of a name that is not
// UTF-8. It is no error if the cache cannot be written.
func keep[T any](cache *index.Cache, key whittle.Digest, k *kept[T]) {
	b, err := json.Marshal(k)
	var again kept[T]
	if err != nil || json.Unmarshal(b, &again) != nil || !reflect.DeepEqual(k.Result, again.Result) {
		return
	}
	_ = cache.KeepResult(key, b)
}

// keyOf is a digest of all that a result depends on beside the package index; false if
// something of it is not known.
func keyOf(env *host.Env, img whittle.Image, of Of, folders whittle.Digest, layers []index.LayerVersion) (whittle.Digest, bool) {
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
	b, err := json.Marshal([]any{env.Program, of.Verb, of.Options, of.Folders, folders, env.Index.Limits, env.Packages != nil, img.Ref(), img.Config(), blobs, layers})
	return whittle.DigestOf(b), err == nil
}
