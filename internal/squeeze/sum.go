package squeeze

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// value is where the value of a member is in the text of a JSON object.
type value struct{ start, end int }

// members finds the values of the members of the object that raw is, by their names in
// lower case, as encoding/json matches them.
func members(raw []byte) (map[string]value, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	t, err := dec.Token()
	if err != nil {
		return nil, err
	}
	if t != json.Delim('{') {
		return nil, whittle.ErrCorrupt.Errorf("it is no object")
	}
	out := map[string]value{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			return nil, err
		}
		name := strings.ToLower(fmt.Sprint(key))
		if _, again := out[name]; again {
			return nil, whittle.ErrCorrupt.Errorf("it has %q twice", name)
		}
		end := int(dec.InputOffset())
		out[name] = value{end - len(v), end}
	}
	return out, nil
}

// Config is an image's configuration for other layers: its text with another list of
// diff IDs, and with empty_layer in the lines of the history whose layers are gone. All
// other bytes stay. gone has a value for each layer of the image as it was.
// https://github.com/opencontainers/image-spec/blob/main/config.md
func Config(raw []byte, diffIDs []whittle.Digest, gone []bool) ([]byte, error) {
	out, err := config(raw, diffIDs, gone)
	if err != nil {
		return nil, fmt.Errorf("rewriting the image's configuration: %w", err)
	}
	return out, nil
}

func config(raw []byte, diffIDs []whittle.Digest, gone []bool) ([]byte, error) {
	top, err := members(raw)
	if err != nil {
		return nil, err
	}
	type change struct {
		value
		text []byte
	}
	var changes []change
	rootfs, ok := top["rootfs"]
	if !ok {
		return nil, whittle.ErrCorrupt.Errorf("it has no rootfs")
	}
	text, err := withDiffIDs(raw[rootfs.start:rootfs.end], diffIDs)
	if err != nil {
		return nil, fmt.Errorf("rootfs: %w", err)
	}
	changes = append(changes, change{rootfs, text})
	if history, ok := top["history"]; ok && slices.Contains(gone, true) {
		if text, err = withEmptyLayers(raw[history.start:history.end], gone); err != nil {
			return nil, fmt.Errorf("history: %w", err)
		}
		changes = append(changes, change{history, text})
	}
	slices.SortFunc(changes, func(a, b change) int { return b.start - a.start })
	out := bytes.Clone(raw)
	for _, c := range changes {
		out = slices.Replace(out, c.start, c.end, c.text...)
	}
	return out, nil
}

func withDiffIDs(rootfs []byte, diffIDs []whittle.Digest) ([]byte, error) {
	in, err := members(rootfs)
	if err != nil {
		return nil, err
	}
	at, ok := in["diff_ids"]
	if !ok {
		return nil, whittle.ErrCorrupt.Errorf("it has no diff_ids")
	}
	var old []whittle.Digest
	if err := json.Unmarshal(rootfs[at.start:at.end], &old); err == nil && slices.Equal(old, diffIDs) {
		return rootfs, nil
	}
	list, err := json.Marshal(diffIDs)
	return slices.Replace(bytes.Clone(rootfs), at.start, at.end, list...), err
}

// withEmptyLayers marks the lines of layers that are gone.
func withEmptyLayers(history []byte, gone []bool) ([]byte, error) {
	if string(history) == "null" {
		return history, nil
	}
	dec := json.NewDecoder(bytes.NewReader(history))
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	out, done, layer := []byte{}, 0, 0
	for dec.More() {
		var line json.RawMessage
		if err := dec.Decode(&line); err != nil {
			return nil, err
		}
		end := int(dec.InputOffset())
		var h whittle.History
		if err := json.Unmarshal(line, &h); err != nil {
			return nil, err
		}
		if h.EmptyLayer {
			continue
		}
		if layer >= len(gone) {
			return nil, whittle.ErrCorrupt.Errorf("it has lines of more layers than there are")
		}
		if gone[layer] {
			marked, err := emptied(line)
			if err != nil {
				return nil, err
			}
			out = append(append(out, history[done:end-len(line)]...), marked...)
			done = end
		}
		layer++
	}
	return append(out, history[done:]...), nil
}

// emptied is a line of the history with empty_layer.
func emptied(line []byte) ([]byte, error) {
	in, err := members(line)
	if err != nil {
		return nil, err
	}
	if at, ok := in["empty_layer"]; ok {
		return slices.Replace(bytes.Clone(line), at.start, at.end, []byte("true")...), nil
	}
	last := bytes.LastIndexByte(line, '}')
	text := `"empty_layer":true`
	if len(in) > 0 {
		text = "," + text
	}
	return slices.Insert(bytes.Clone(line), last, []byte(text)...), nil
}

// historyAgrees says whether each layer has a line of the history, or there is none.
func historyAgrees(c *whittle.Config) bool {
	lines := 0
	for _, h := range c.History {
		if !h.EmptyLayer {
			lines++
		}
	}
	return len(c.History) == 0 || lines == len(c.RootFS.DiffIDs)
}

// ConfigDifferences names the fields in which two configurations differ, but for rootfs
// and history, in order: "config.Env". A field that is null is as one that is missing.
func ConfigDifferences(a, b []byte) ([]string, error) {
	out := []string{}
	var x, y map[string]any
	for _, c := range []struct {
		raw  []byte
		into *map[string]any
	}{{a, &x}, {b, &y}} {
		dec := json.NewDecoder(bytes.NewReader(c.raw))
		dec.UseNumber()
		if err := dec.Decode(c.into); err != nil {
			return nil, whittle.ErrCorrupt.Errorf("the image's configuration: %w", err)
		}
		for key := range *c.into {
			if name := strings.ToLower(key); name == "rootfs" || name == "history" {
				delete(*c.into, key)
			}
		}
	}
	differences(&out, "", x, y)
	slices.Sort(out)
	return out, nil
}

func differences(out *[]string, prefix string, a, b map[string]any) {
	names := map[string]bool{}
	for k := range a {
		names[k] = true
	}
	for k := range b {
		names[k] = true
	}
	for k := range names {
		x, y := a[k], b[k]
		if reflect.DeepEqual(x, y) {
			continue
		}
		p, pIs := x.(map[string]any)
		q, qIs := y.(map[string]any)
		if pIs && qIs {
			differences(out, prefix+k+".", p, q)
			continue
		}
		*out = append(*out, prefix+k)
	}
}
