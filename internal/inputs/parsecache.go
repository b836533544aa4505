package inputs

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/build"
)

// pathKey is the attribute that holds the folder of a local cache.
func pathKey(to bool) string {
	if to {
		return "dest"
	}
	return "src"
}

// parseCache reads a cache as buildx's options --cache-from and --cache-to have it:
// type=local,src=FOLDER, type=registry,ref=IMAGE, or an image alone.
func parseCache(text string, to bool) (build.Cache, error) {
	c := build.Cache{Attrs: map[string]string{}}
	if !strings.Contains(text, "=") && text != "" && !strings.Contains(text, ",") {
		return build.Cache{Type: "registry", Attrs: map[string]string{"ref": text}}, nil
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
	need := map[string]string{"registry": "ref", "local": pathKey(to)}[c.Type]
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
