package python

import (
	"fmt"
	"strings"

	"whittle.dev/whittle/internal/pep"
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

// ParseMetadata reads the headers of a METADATA or PKG-INFO file: mail headers
// up to the first empty line. It takes what it knows and skips the rest.
func ParseMetadata(b []byte) Metadata {
	var m Metadata
	eachHeader(b, func(key, value string) {
		switch key {
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
	})
	return m
}

// Limits of what is read: bytes of one header or requirement, and tags.
const (
	maxField = 64 << 10
	maxTags  = 1000
)

// eachHeader calls each with every mail header, its name in small letters. A
// line that begins with space goes on with the one before.
func eachHeader(b []byte, each func(key, value string)) {
	key := ""
	var value strings.Builder
	for line := range strings.Lines(string(b)) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			if value.Len() < maxField { // longer is a description, which nobody asks for
				value.WriteByte(' ')
				value.WriteString(strings.TrimSpace(line))
			}
			continue
		}
		if key != "" {
			each(key, value.String())
		}
		k, v, _ := strings.Cut(line, ":")
		key = strings.ToLower(strings.TrimSpace(k))
		value.Reset()
		value.WriteString(strings.TrimSpace(v))
	}
	if key != "" {
		each(key, value.String())
	}
}

// parseWheelFile reads the tags of a WHEEL file.
func parseWheelFile(b []byte) []pep.Tag {
	var tags []pep.Tag
	eachHeader(b, func(key, value string) {
		if key != "tag" || len(tags) > maxTags {
			return
		}
		if more, err := pep.ParseTags(value); err == nil {
			tags = append(tags, more...)
		}
	})
	return tags
}

// EntryPoint is a name under which a distribution offers an object.
// https://packaging.python.org/en/latest/specifications/entry-points/
type EntryPoint struct {
	// Group is "console_scripts", "gui_scripts" or a plug-in's group.
	Group, Name string
	// Module is imported; Attr is what is taken from it, empty for the module.
	Module, Attr string
	Extras       []string
}

// ParseEntryPoints reads an entry_points.txt. Lines that are none are skipped,
// as importlib.metadata would fail on them and name no object.
func ParseEntryPoints(b []byte) []EntryPoint {
	var out []EntryPoint
	group := ""
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
			continue
		case line[0] == '[' && line[len(line)-1] == ']':
			group = strings.TrimSpace(line[1 : len(line)-1])
			continue
		}
		name, object, ok := strings.Cut(line, "=")
		if !ok || group == "" {
			continue
		}
		e := EntryPoint{Group: group, Name: strings.TrimSpace(name)}
		object, extras, _ := strings.Cut(object, "[")
		for x := range strings.SplitSeq(strings.TrimRight(strings.TrimSpace(extras), "]"), ",") {
			if x = strings.TrimSpace(x); x != "" {
				e.Extras = append(e.Extras, pep.Normalize(x))
			}
		}
		module, attr, _ := strings.Cut(object, ":")
		e.Module, e.Attr = strings.TrimSpace(module), strings.TrimSpace(attr)
		if e.Name != "" && e.Module != "" {
			out = append(out, e)
		}
	}
	return out
}

// parseRequires turns setuptools' requires.txt into requirements: a section
// [EXTRA:MARKER] stands for its lines' markers.
func parseRequires(b []byte) []string {
	var out []string
	section := ""
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[' && line[len(line)-1] == ']':
			section = sectionMarker(line[1 : len(line)-1])
		case len(section)+len(line) > maxField:
		case section == "":
			out = append(out, line)
		default:
			requirement, own, has := strings.Cut(line, ";")
			if has {
				own = "(" + own + ") and "
			}
			out = append(out, requirement+" ; "+own+section)
		}
	}
	return out
}

// sectionMarker is the marker that a section's name stands for.
func sectionMarker(section string) string {
	extra, marker, _ := strings.Cut(section, ":")
	switch extra, marker = strings.TrimSpace(extra), strings.TrimSpace(marker); {
	case extra == "" && marker == "":
		return ""
	case extra == "":
		return "(" + marker + ")"
	case marker == "":
		return fmt.Sprintf("extra == %q", pep.Normalize(extra))
	}
	return fmt.Sprintf("(%s) and extra == %q", marker, pep.Normalize(extra))
}
