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
	return recalled(ctx, env, ask(ctx, env, img, of), nil, lossless[T](), result)
}

// Recalled gives something of a result, as [Result] does and what [Printed] gives.
type Recalled[T, V any] func(ctx context.Context, env *host.Env, img whittle.Image, of Of, result func(*host.Env) (*T, error)) (V, error)

// Printed gives what show makes of a [Result], and keeps that, too: to decode a long result
// and to print it takes longer than all else. What is printed must depend on the result and
// on as alone, which is a value that JSON tells from others.
func Printed[T any](as any, show func(*T) ([]byte, error)) Recalled[T, []byte] {
	whole := func(b []byte) ([]byte, bool) { return b, true }
	return func(ctx context.Context, env *host.Env, img whittle.Image, of Of, result func(*host.Env) (*T, error)) ([]byte, error) {
		q := ask(ctx, env, img, of)
		return recalled(ctx, env, q, as, form[[]byte]{whole, whole}, func(env *host.Env) ([]byte, error) {
			made, err := recalled(ctx, env, q, nil, lossless[T](), result)
			if err != nil {
				return nil, err
			}
			return show(made)
		})
	}
}

// form is how something is kept. What cannot be encoded without loss is not kept.
type form[V any] struct {
	encode func(V) ([]byte, bool)
	decode func([]byte) (V, bool)
}

// lossless is JSON, which may lose some of a result, such as the bytes of a name that is
// not UTF-8: that is not kept.
func lossless[T any]() form[*T] {
	decode := func(b []byte) (v *T, ok bool) {
		ok = json.Unmarshal(b, &v) == nil
		return v, ok
	}
	return form[*T]{decode: decode, encode: func(v *T) ([]byte, bool) {
		b, err := json.Marshal(v)
		if err != nil {
			return nil, false
		}
		again, ok := decode(b)
		return b, ok && reflect.DeepEqual(v, again)
	}}
}

// question is what is asked of the cache about an image, and how all that the answer depends
// on was then.
type question struct {
	Of
	image   whittle.Image
	folders whittle.Digest
	layers  []index.LayerVersion
}

// ask gives a question, nil if the cache cannot be asked it.
func ask(ctx context.Context, env *host.Env, img whittle.Image, of Of) *question {
	cache := env.Index.Cache
	if cache == nil || env.Program == "" || env.Index.Verify {
		return nil
	}
	folders, ok := folderVersion(of.Aside, of.Folders...)
	if !ok {
		return nil
	}
	return &question{of, img, folders, cache.LayerVersions(ctx, img.Layers())}
}

// recalled gives what the cache has kept as the answer to a question, or makes it and keeps it:
// a line with what the package index said for it, as JSON, and the rest as its form has it.
// as is how it is printed, nil for the result itself.
func recalled[V any](ctx context.Context, env *host.Env, q *question, as any, form form[V], result func(*host.Env) (V, error)) (V, error) {
	if q == nil {
		return result(env)
	}
	cache := env.Index.Cache
	if key, ok := q.key(env, as, q.layers); ok {
		kept, _ := cache.Result(key)
		line, rest, ok := bytes.Cut(kept, []byte("\n"))
		var answers []answer
		if ok && json.Unmarshal(line, &answers) == nil {
			if v, ok := form.decode(rest); ok && same(ctx, env.Packages, answers) {
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
	after := cache.LayerVersions(ctx, q.image.Layers())
	for i := range after {
		// A layer that was verified meanwhile is the one that was read. Of any other the
		// file may have been written since.
		if !after[i].Verified && after[i] != q.layers[i] {
			return made, nil
		}
	}
	if key, ok := q.key(env, as, after); ok {
		answers, err := json.Marshal(w.answers)
		if b, ok := form.encode(made); ok && err == nil {
			_ = cache.KeepResult(key, append(answers, '\n'), b) // it is no error if the cache cannot be written
		}
	}
	return made, nil
}

// key is a digest of all that an answer depends on beside the package index; false if
// something of it is not known, or not told from others by JSON: names that are not UTF-8.
func (q *question) key(env *host.Env, as any, layers []index.LayerVersion) (whittle.Digest, bool) {
	if slices.Contains(layers, index.LayerVersion{}) {
		return "", false
	}
	type stored struct {
		Blob  whittle.Blob
		Known bool
	}
	var blobs []stored
	for _, l := range q.image.Layers() {
		blob, known := l.Blob()
		blobs = append(blobs, stored{blob, known})
	}
	b, err := json.Marshal([]any{env.Program, q.Verb, q.Options, q.Folders, q.folders, env.Index.Limits, env.Packages != nil, q.image.Ref(), q.image.Config(), blobs, layers, as})
	return whittle.DigestOf(b), err == nil && !bytes.Contains(b, []byte(`\ufffd`))
}
