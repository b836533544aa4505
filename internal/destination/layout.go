package destination

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/source"
	"whittle.dev/whittle/internal/tempfolder"
)

// maxIndex bounds the index.json of a layout that an image is added to, in bytes.
const maxIndex = 4 << 20

// newPrefix begins the names of layouts that are being written.
const newPrefix = ".whittle-layout-"

// checkFolder says whether an image can be put into the folder: into none, an empty one
// or a layout, whose other images stay.
func (d Destination) checkFolder(from whittle.Ref) error {
	index, err := d.readIndex()
	if err != nil {
		return err
	}
	if index == nil {
		return d.checkParent()
	}
	at, err := index.place(d.name, "")
	switch info, statErr := os.Stat(d.path); {
	case err != nil:
		return fmt.Errorf("writing %s: %w", d.text, err)
	case statErr == nil && source.SameFile(from, info) && at >= 0:
		return d.isSource()
	}
	return nil
}

// layoutIndex is an index.json whose other fields and entries stay as they are.
type layoutIndex struct {
	fields  map[string]json.RawMessage
	entries []json.RawMessage
	heads   []descriptor // of the entries
}

// readIndex reads the index.json of the folder; nil if there is no folder.
func (d Destination) readIndex() (*layoutIndex, error) {
	names, err := os.ReadDir(d.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, whittle.ErrUsage.Errorf("writing %s: %w", d.text, err)
	}
	b, err := whittle.Folder(d.path).Read("index.json", maxIndex)
	if errors.Is(err, fs.ErrNotExist) {
		if onlyOurs(names) {
			return &layoutIndex{}, nil
		}
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("writing %s: the folder %s is not empty, and no OCI layout", d.text, d.path), "name a new folder, or a layout")
	}
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", d.text, whittle.ErrUsage.Of(err))
	}
	x := &layoutIndex{}
	if err := whittle.ParseJSON(b, &x.fields); err != nil {
		return nil, whittle.ErrCorrupt.Errorf("writing %s: index.json: %w", d.text, err)
	}
	if raw, ok := x.fields["manifests"]; ok {
		if err := json.Unmarshal(raw, &x.entries); err != nil {
			return nil, whittle.ErrCorrupt.Errorf("writing %s: index.json: %w", d.text, err)
		}
	}
	for _, e := range x.entries {
		var head descriptor
		if err := json.Unmarshal(e, &head); err != nil {
			return nil, whittle.ErrCorrupt.Errorf("writing %s: index.json: %w", d.text, err)
		}
		x.heads = append(x.heads, head)
	}
	return x, nil
}

// onlyOurs says whether a folder without an index has only the files that are there
// before it: of a whittle that was killed.
func onlyOurs(names []os.DirEntry) bool {
	for _, n := range names {
		if n.Name() != "blobs" && n.Name() != "oci-layout" {
			return false
		}
	}
	return true
}

// place is the entry that an image of this name takes the place of, -1 if it is added.
// Without a name it has to be the only one, or to be there already.
func (x *layoutIndex) place(tag string, digest whittle.Digest) (int, error) {
	images := 0
	for i, h := range x.heads {
		if tag != "" && h.Annotations[refName] == tag || tag == "" && h.Digest == digest && h.Annotations[refName] == "" {
			return i, nil
		}
		if h.ArtifactType == "" {
			images++
		}
	}
	if tag == "" && digest != "" && images > 0 {
		return -1, whittle.WithHint(whittle.ErrUsage.Errorf("the layout has images already, and this one would have no name"), "put :TAG behind the folder")
	}
	return -1, nil
}

// with is the index.json that has the image and its artifacts, too.
func (x *layoutIndex) with(p *parcel, tag string) ([]byte, error) {
	at, err := x.place(tag, p.manifest.Digest)
	if err != nil {
		return nil, err
	}
	entries := append([]json.RawMessage{}, x.entries...)
	put := func(at int, d descriptor) error {
		raw, err := json.Marshal(d)
		if err != nil {
			return err
		}
		if at >= 0 {
			entries[at] = raw
		} else {
			entries = append(entries, raw)
		}
		return nil
	}
	err = put(at, p.entry(tag, ""))
	for _, a := range p.attached {
		at := -1
		for i, h := range x.heads {
			if h.Digest == a.manifest.Digest {
				at = i
			}
		}
		err = errors.Join(err, put(at, a.manifest.descriptor))
	}
	if err != nil {
		return nil, err
	}
	fields := map[string]json.RawMessage{"schemaVersion": json.RawMessage("2"), "mediaType": json.RawMessage(`"` + indexType + `"`)}
	for name, value := range x.fields {
		fields[name] = value
	}
	if fields["manifests"], err = json.Marshal(entries); err != nil {
		return nil, err
	}
	return json.Marshal(fields)
}

// writeFolder makes a new layout beside its name and renames it, or adds to one: its
// blobs first, its index last.
func (d Destination) writeFolder(ctx context.Context, p *parcel) error {
	parent := filepath.Dir(filepath.Clean(d.path))
	for _, left := range tempfolder.Dead(parent, newPrefix) {
		_ = left.Remove()
	}
	index, err := d.readIndex()
	if err != nil {
		return err
	}
	if index != nil {
		return d.addTo(ctx, p)
	}
	temp, err := tempfolder.Make(filepath.Join(parent, whittle.TempName(newPrefix)))
	if err != nil {
		return whittle.ErrSystem.Errorf("writing %s: %w", d.text, err)
	}
	defer temp.Remove() //nolint:errcheck // of no effect once it is renamed
	err = os.Chmod(temp.Dir, 0o755)
	if err == nil {
		err = fill(ctx, p, whittle.Folder(temp.Dir), &layoutIndex{}, d.name)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", d.text, err)
	}
	if err := os.Rename(temp.Dir, filepath.Clean(d.path)); err != nil {
		return whittle.ErrSystem.Errorf("writing %s: %w", d.text, err)
	}
	sync(parent)
	return nil
}

// addTo adds to a layout. Only one process at a time does.
func (d Destination) addTo(ctx context.Context, p *parcel) error {
	lock, err := lockFolder(ctx, d.path)
	if err != nil {
		return err
	}
	defer lock.Close()
	index, err := d.readIndex() // again, as another may have written meanwhile
	if err != nil {
		return err
	}
	if index == nil {
		index = &layoutIndex{}
	}
	if _, err := index.place(d.name, p.manifest.Digest); err != nil {
		return fmt.Errorf("writing %s: %w", d.text, err)
	}
	if err := fill(ctx, p, whittle.Folder(d.path), index, d.name); err != nil {
		return fmt.Errorf("writing %s: %w", d.text, err)
	}
	return nil
}

// lockFolder waits for another whittle that writes into the folder.
func lockFolder(ctx context.Context, dir string) (io.Closer, error) {
	for {
		lock, err := tempfolder.Lock(dir)
		switch {
		case err != nil:
			return nil, whittle.ErrSystem.Of(err)
		case lock != nil:
			return lock, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// fill writes blobs that the layout does not have, then its index.
func fill(ctx context.Context, p *parcel, f whittle.Folder, index *layoutIndex, tag string) error {
	blobs := filepath.Join(string(f), "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return whittle.ErrSystem.Of(err)
	}
	whittle.Folder(blobs).SweepPartials()
	for _, b := range append(p.blobs(), p.artifactBlobs()...) {
		if b.open == nil || has(ctx, f, b) {
			continue
		}
		if err := whittle.Folder(blobs).WriteBy(b.Digest.Hex(), 0o644, func(w io.Writer) error { return b.copyTo(ctx, w) }); err != nil {
			return err
		}
	}
	text, err := index.with(p, tag)
	if err != nil {
		return err
	}
	if _, err := f.Stat("oci-layout"); errors.Is(err, fs.ErrNotExist) {
		if err := f.Write("oci-layout", []byte(layoutFile), 0o644); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return f.Write("index.json", text, 0o644)
}

// has says whether a layout has a blob, whole: one that is damaged is written again.
func has(ctx context.Context, f whittle.Folder, b blob) bool {
	there := b
	there.open = func(context.Context) (io.ReadCloser, error) { return f.OpenFile("blobs/sha256/" + b.Digest.Hex()) }
	return there.copyTo(ctx, io.Discard) == nil
}

// sync brings a folder's names to the disk, where the system can do that.
func sync(dir string) {
	if f, err := os.Open(dir); err == nil {
		_ = f.Sync()
		_ = f.Close()
	}
}
