package python

import (
	"strings"
)

// Metadata is the part of a distribution's core metadata that whittle uses.
// https://packaging.python.org/en/latest/specifications/core-metadata/
type Metadata struct {
	Name, Version  string
	RequiresPython string
	// RequiresDist are requirements as written (PEP 508), ProvidesExtra the
	// names of extras.
	RequiresDist, ProvidesExtra []string
}

// maxMetadata bounds a METADATA file in bytes; its description can be long.
const maxMetadata = 16 << 20

func readMetadata(t *tree, name string) (Metadata, error) {
	b, err := read(t, name, maxMetadata)
	if err != nil {
		return Metadata{}, err
	}
	return ParseMetadata(b), nil
}

// ParseMetadata reads the headers of a METADATA or PKG-INFO file: mail headers
// up to the first empty line. It takes what it knows and skips the rest.
func ParseMetadata(b []byte) Metadata {
	var m Metadata
	key := ""
	for _, line := range strings.Split(string(b), "\n") {
		line = strings.TrimRight(line, "\r")
		if line == "" {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			continue // a continuation: no field used here has one
		}
		var value string
		var ok bool
		if key, value, ok = strings.Cut(line, ":"); !ok {
			continue
		}
		value = strings.TrimSpace(value)
		switch strings.ToLower(key) {
		case "name":
			m.Name = value
		case "version":
			m.Version = value
		case "requires-python":
			m.RequiresPython = value
		case "requires-dist":
			m.RequiresDist = append(m.RequiresDist, value)
		case "provides-extra":
			m.ProvidesExtra = append(m.ProvidesExtra, value)
		}
	}
	return m
}
