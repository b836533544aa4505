package outdir

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"whittle.dev/whittle"
)

// maxRecord bounds a kept variant, in bytes.
const maxRecord = 64 << 20

// record is a finished variant as a study keeps it: for a study that is
// resumed, and for whoever inspects the image later. Its seal shows that this
// user's whittle has made it, of that image: a project may bring records that
// say anything.
type record struct {
	variant []byte         // as JSON
	source  []byte         // its Dockerfile
	image   whittle.Digest // of the image in its archive; empty where it was not built
}

func recordPath(variant string) string { return filepath.Join("variants", variant+".json") }
func sourcePath(variant string) string { return filepath.Join("variants", variant+".Dockerfile") }
func sealPath(variant string) string   { return filepath.Join("variants", variant+".seal") }

// seal is the record's authentication code under the user's key.
func (r record) seal(key []byte) string {
	h := hmac.New(sha256.New, key)
	fmt.Fprintf(h, "whittle record 2 %d %d %s\n", len(r.variant), len(r.source), r.image)
	h.Write(r.variant)
	h.Write(r.source)
	return hex.EncodeToString(h.Sum(nil))
}

// Save keeps a finished variant and its Dockerfile; digest reads that of the
// image in an archive.
func (f Folder) Save(v *whittle.Variant, dockerfile []byte, digest func(archive string) (whittle.Digest, error)) error {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return fmt.Errorf("keeping variant %s: %w", v.Name, err)
	}
	r := record{variant: b, source: dockerfile}
	if v.Build.Status == whittle.Built {
		if r.image, err = digest(f.Path(v.Build.Archive)); err == nil {
			err = f.sync(v.Build.Archive) // a record is of an image that is there
		}
		if err != nil {
			return fmt.Errorf("keeping variant %s: %w", v.Name, err)
		}
	}
	for name, text := range map[string][]byte{sourcePath(v.Name): dockerfile, recordPath(v.Name): b, sealPath(v.Name): []byte(r.seal(f.key) + "\n")} {
		if err := whittle.Folder(f.Dir).Write(filepath.ToSlash(name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Record reads a variant that was kept, with its Dockerfile, if this user's
// whittle has made it of the image with that digest.
func (f Folder) Record(name string, image whittle.Digest) (*whittle.Variant, []byte, bool) {
	var texts [3][]byte
	for i, file := range []string{recordPath(name), sourcePath(name), sealPath(name)} {
		text, err := whittle.Folder(f.Dir).Read(filepath.ToSlash(file), maxRecord)
		if err != nil {
			return nil, nil, false
		}
		texts[i] = text
	}
	r := record{texts[0], texts[1], image}
	if !hmac.Equal([]byte(r.seal(f.key)), []byte(strings.TrimSpace(string(texts[2])))) {
		return nil, nil, false
	}
	var v whittle.Variant
	if json.Unmarshal(r.variant, &v) != nil || v.Name != name {
		return nil, nil, false
	}
	return &v, r.source, true
}

// Load gives the kept variant if its image is still there, by its digest.
func (f Folder) Load(name string, digest func(archive string) (whittle.Digest, error)) (*whittle.Variant, bool) {
	var image whittle.Digest
	archive := f.Path(ArchivePath(name))
	if _, err := os.Lstat(archive); err == nil {
		image, _ = digest(archive)
	}
	v, _, ok := f.Record(name, image)
	if !ok { // one that was not built, beside an archive of a time when it was
		image = ""
		v, _, ok = f.Record(name, image)
	}
	if !ok || (v.Build.Status == whittle.Built) != (image != "") ||
		image != "" && v.Build.Archive != ArchivePath(name) {
		return nil, false
	}
	return v, true
}

// ArchivePath is where a variant's image lies in the study's folder.
func ArchivePath(variant string) string { return "images/" + variant + ".tar" }

// LogPath is where the log of a variant's builds and runs lies in it.
func LogPath(variant string) string { return "logs/" + variant + ".log" }

const keyName = "key"

// UserKey is the key of a user's records, in the cache's folder, made when it
// is first asked for. Where it cannot be kept the process has one that nobody
// else knows: records of before are not believed then.
func UserKey(cache string) func() []byte {
	return sync.OnceValue(func() []byte {
		if cache == "" {
			return []byte(rand.Text() + rand.Text())
		}
		made := []byte(rand.Text() + rand.Text())
		dir, err := whittle.OwnFolder(cache)
		if err != nil {
			return made
		}
		key, err := dir.Read(keyName, 1<<10)
		if (err != nil || len(key) < sha256.Size) && dir.Write(keyName, made, 0o600) == nil {
			key, err = dir.Read(keyName, 1<<10) // another process may have made one at the same time
		}
		if err != nil || len(key) < sha256.Size {
			return made
		}
		return key
	})
}
