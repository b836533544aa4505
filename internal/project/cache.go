package project

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Cache is a place outside the engine where a build's cache is taken from or put.
// https://docs.docker.com/build/cache/backends/
type Cache struct {
	// Type is "registry", "local", "gha" or "inline".
	Type string
	// Attrs are its other attributes: "ref" of a registry, "src" or "dest" of a
	// local folder.
	Attrs map[string]string
}

// PathKey is the attribute that holds the folder of a local cache.
func PathKey(to bool) string {
	if to {
		return "dest"
	}
	return "src"
}

// ParseCache reads a cache as buildx's options --cache-from and --cache-to have it:
// type=local,src=FOLDER, type=registry,ref=IMAGE, or an image alone.
func ParseCache(text string, to bool) (Cache, error) {
	c := Cache{Attrs: map[string]string{}}
	if !strings.Contains(text, "=") && text != "" && !strings.Contains(text, ",") {
		return Cache{Type: "registry", Attrs: map[string]string{"ref": text}}, nil
	}
	for field := range strings.SplitSeq(text, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(field), "=")
		key = strings.ToLower(strings.TrimSpace(key))
		switch {
		case !ok || key == "" || value == "":
			return c, errors.New("write type=local,src=FOLDER, type=registry,ref=IMAGE or type=gha") // not what it is: it may be a token
		case key == "type":
			c.Type = value
		default:
			c.Attrs[key] = value
		}
	}
	kinds := []string{"registry", "local", "gha"}
	if to {
		kinds = append(kinds, "inline")
	}
	need := map[string]string{"registry": "ref", "local": PathKey(to)}[c.Type]
	switch {
	case c.Type == "":
		return c, errors.New("name a type: type=local, type=registry or type=gha")
	case !slices.Contains(kinds, c.Type):
		return c, fmt.Errorf("type %q is not one of %s", c.Type, strings.Join(kinds, ", "))
	case need != "" && c.Attrs[need] == "":
		return c, fmt.Errorf("type=%s needs %s=…", c.Type, need)
	}
	return c, nil
}

// validCaches checks what a variant says about caches.
func (v *Variant) validCaches() error {
	for _, list := range []struct {
		name  string
		texts []string
		to    bool
	}{{"cache-from", v.CacheFrom, false}, {"cache-to", v.CacheTo, true}} {
		for _, text := range list.texts {
			if _, err := ParseCache(text, list.to); err != nil {
				return fmt.Errorf("variant %s: %s: %w", v.Name, list.name, err)
			}
		}
	}
	return nil
}
