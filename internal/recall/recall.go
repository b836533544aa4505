// Package recall gives results about images that the cache has kept, as long as nothing that
// they depend on has changed: the program, its options, the bytes of the layers, and what
// the package index says.
package recall

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"reflect"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/index"
)

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
	return recalled(ctx, env, img, &question{Of: of}, form[*T]{
		decode: func(b []byte) (*T, bool) {
			var v *T
			return v, json.Unmarshal(b, &v) == nil
		},
		// JSON may lose some of a result, such as the bytes of a name that is not UTF-8.
		encode: func(v *T) ([]byte, bool) {
			b, err := json.Marshal(v)
			var again *T
			return b, err == nil && json.Unmarshal(b, &again) == nil && reflect.DeepEqual(v, again)
		},
	}, result)
}

// Recalled gives something of a result, as [Result] does and what [Printed] gives.
type Recalled[T, V any] func(ctx context.Context, env *host.Env, img whittle.Image, of Of, result func(*host.Env) (*T, error)) (V, error)

// Printed gives what show makes of a [Result], and keeps that, too: to decode a long result
// and to print it takes longer than all else. What is printed must depend on the result and
// on as alone, which is a value that JSON tells from others.
func Printed[T any](as any, show func(*T) ([]byte, error)) Recalled[T, []byte] {
	whole := func(b []byte) ([]byte, bool) { return b, true }
	return func(ctx context.Context, env *host.Env, img whittle.Image, of Of, result func(*host.Env) (*T, error)) ([]byte, error) {
		return recalled(ctx, env, img, &question{Of: of, As: as}, form[[]byte]{whole, whole}, func(env *host.Env) ([]byte, error) {
			made, err := Result(ctx, env, img, of, result)
			if err != nil {
				return nil, err
			}
			return show(made)
		})
	}
}

// question is what is asked of the cache: a result, or how it is printed.
type question struct {
	Of
	As any // nil for the result itself
}

// form is how something is kept. What cannot be encoded without loss is not kept.
type form[V any] struct {
	encode func(V) ([]byte, bool)
	decode func([]byte) (V, bool)
}

// recalled gives what the cache has kept as the answer to a question, or makes it and keeps it:
// a line with what the package index said for it, as JSON, and the rest as its form has it.
func recalled[V any](ctx context.Context, env *host.Env, img whittle.Image, q *question, as form[V], result func(*host.Env) (V, error)) (V, error) {
	cache := env.Index.Cache
	if cache == nil || env.Program == "" || env.Index.Verify {
		return result(env)
	}
	folders, ok := folderVersion(q.Aside, q.Folders...)
	if !ok {
		return result(env)
	}
	before := cache.LayerVersions(ctx, img.Layers())
	if key, ok := keyOf(env, img, q, folders, before); ok {
		kept, _ := cache.Result(key)
		line, rest, ok := bytes.Cut(kept, []byte("\n"))
		var answers []answer
		if ok && json.Unmarshal(line, &answers) == nil {
			if v, ok := as.decode(rest); ok && same(ctx, env.Packages, answers) {
				return v, nil
			}
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
	if key, ok := keyOf(env, img, q, folders, after); ok {
		answers, err := json.Marshal(w.answers)
		if b, ok := as.encode(made); ok && err == nil {
			_ = cache.KeepResult(key, append(answers, '\n'), b) // it is no error if the cache cannot be written
		}
	}
	return made, nil
}

// keyOf is a digest of all that a result depends on beside the package index; false if
// something of it is not known, or not told from others by JSON: names that are not UTF-8.
func keyOf(env *host.Env, img whittle.Image, q *question, folders whittle.Digest, layers []index.LayerVersion) (whittle.Digest, bool) {
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
	b, err := json.Marshal([]any{env.Program, q.Verb, q.Options, q.Folders, folders, env.Index.Limits, env.Packages != nil, img.Ref(), img.Config(), blobs, layers, q.As})
	return whittle.DigestOf(b), err == nil && !bytes.Contains(b, []byte(`\ufffd`))
}
