package outdir

import (
	"bytes"
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

// maxRecord bounds a file of a record, in bytes.
const maxRecord = 64 << 20

// record is a finished variant, for a study that is resumed, and for a later
// inspection of its image. Its seal shows that it was made with this user's key
// from that image, because a project may contain forged records.
type record struct {
	variant []byte         // as JSON
	source  []byte         // its Dockerfile
	image   whittle.Digest // of the image in its archive; empty if it was not built
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

// Save writes a finished variant and its Dockerfile. digest reads the digest of the
// image in an archive.
func (f Folder) Save(v *whittle.Variant, dockerfile []byte, digest func(archive string) (whittle.Digest, error)) error {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return fmt.Errorf("keeping variant %s: %w", v.Name, err)
	}
	r := record{variant: b, source: dockerfile}
	if v.Build.Status == whittle.Built {
		if r.image, err = digest(f.Path(v.Build.Archive)); err == nil {
			err = f.sync(v.Build.Archive) // the image must be durable before its record
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

// Record reads a finished variant and its Dockerfile. It gives false unless the seal
// proves that it was made with this user's key for the image with that digest.
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

// Load reads a finished variant if its image still exists, with the same digest.
func (f Folder) Load(name string, digest func(archive string) (whittle.Digest, error)) (*whittle.Variant, bool) {
	var image whittle.Digest
	archive := f.Path(ArchivePath(name))
	if _, err := os.Lstat(archive); err == nil {
		image, _ = digest(archive)
	}
	v, _, ok := f.Record(name, image)
	if !ok { // the build may have failed, and the archive be older
		image = ""
		v, _, ok = f.Record(name, image)
	}
	if !ok || (v.Build.Status == whittle.Built) != (image != "") ||
		image != "" && v.Build.Archive != ArchivePath(name) {
		return nil, false
	}
	return v, true
}

func tracePath(variant string) string { return filepath.Join("variants", variant+".trace.json") }

// traceSeal is the authentication code of a trace of an image under the user's key.
func traceSeal(key, text []byte, image whittle.Digest) string {
	h := hmac.New(sha256.New, key)
	fmt.Fprintf(h, "whittle trace 1 %d %s\n", len(text), image)
	h.Write(text)
	return hex.EncodeToString(h.Sum(nil))
}

// SaveTrace writes the trace of a variant's image: its seal, a new line, its JSON.
func (f Folder) SaveTrace(variant string, image whittle.Digest, t *whittle.Trace) error {
	text, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("keeping the trace of variant %s: %w", variant, err)
	}
	return whittle.Folder(f.Dir).Write(filepath.ToSlash(tracePath(variant)), append([]byte(traceSeal(f.key, text, image)+"\n"), text...), 0o644)
}

// Trace reads the trace of a variant's image, nil unless its seal proves that it was made
// with this user's key for the image with that digest.
func (f Folder) Trace(variant string, image whittle.Digest) *whittle.Trace {
	all, err := whittle.Folder(f.Dir).Read(filepath.ToSlash(tracePath(variant)), whittle.MaxTrace)
	if err != nil {
		return nil
	}
	seal, text, _ := bytes.Cut(all, []byte("\n"))
	if !hmac.Equal([]byte(traceSeal(f.key, text, image)), seal) {
		return nil
	}
	t, err := whittle.ReadTrace(text)
	if err != nil {
		return nil
	}
	return t
}

// ArchivePath is the path of a variant's image in the study's folder.
func ArchivePath(variant string) string { return "images/" + variant + ".tar" }

// LogPath is the path of the log of a variant's builds and runs in it.
func LogPath(variant string) string { return "logs/" + variant + ".log" }

const keyName = "key"

// UserKey gives the key of a user's records, which is a file in the cache folder.
// It is made on the first call. If it cannot be stored, this process uses a random
// key, and does not accept earlier records.
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
