package inputs

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/states"
)

// WithOutside adds to the digest of a project those of a variant's contexts that
// lie outside of it; done are those that are known.
func WithOutside(ctx context.Context, own whittle.Digest, p *project.Project, v project.Variant, done map[string]whittle.Digest) (whittle.Digest, error) {
	var dirs []string
	for _, v := range v.WithBuilds() {
		dirs = append(dirs, p.ContextDir(v))
		folders := p.Folders(v)
		for _, name := range slices.Sorted(maps.Keys(folders)) {
			dirs = append(dirs, folders[name])
		}
	}
	digests := []whittle.Digest{own}
	for _, dir := range dirs {
		if _, ok := whittle.Below(p.Dir, dir); ok {
			continue
		}
		if _, ok := done[dir]; !ok {
			var err error
			if done[dir], err = states.ContextDigest(ctx, dir, nil, func(string, fs.DirEntry) bool { return false }); err != nil {
				return "", err
			}
		}
		digests = append(digests, done[dir])
	}
	if len(digests) == 1 {
		return own, nil
	}
	return whittle.SHA256(sha256.Sum256(fmt.Append(nil, digests))), nil
}

// Fingerprint is a digest of everything that a variant's image and measurements
// depend on; context, bases and inputs are digests of those, and quick is as in a study.
func Fingerprint(context whittle.Digest, p *project.Project, v project.Variant, bases map[string]whittle.Digest, inputs string, quick bool) whittle.Digest {
	b, _ := json.Marshal(struct { // marshalling strings, numbers and maps of them cannot fail
		Schema   string
		Context  whittle.Digest
		Variant  project.Variant
		Bases    map[string]whittle.Digest
		Commands []project.Command
		Requests []project.Request
		Inputs   string
		Test     *project.Test
		Touch    string
		Quick    bool
		Form     int // increased when more of a variant is measured or run
	}{whittle.StudySchema, context, v, bases, p.Commands, p.Requests, inputs, p.Test, p.Touch, quick, 3})
	return whittle.SHA256(sha256.Sum256(b))
}
