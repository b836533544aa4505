package base

import (
	"strings"

	"whittle.dev/whittle/internal/rule/analysis"
)

// languageVersion is the version of the language in a base image, as its tags name
// it: "3.13", "20". It is empty if the image does not say.
func languageVersion(p *analysis.Pass, image string) string {
	o, ok := parseOfficial(image)
	if !ok || p.Config == nil || p.Ledger == nil || p.Ledger.Tree == nil {
		return ""
	}
	version := ""
	for _, kv := range p.Config.Config.Env {
		if name, value, _ := strings.Cut(kv, "="); name == strings.ToUpper(o.name)+"_VERSION" {
			version = value
		}
	}
	if version == "" && o.name == "python" {
		version = interpreter(p)
	}
	parts := strings.Split(version, ".")
	if len(parts) < 2 || !officialVersion.MatchString(strings.Join(parts[:2], ".")) {
		return ""
	}
	if o.name == "node" {
		return parts[0] // its versions are compatible within a major one
	}
	return parts[0] + "." + parts[1]
}

// interpreter is the version of the base's own Python by the name of its program.
func interpreter(p *analysis.Pass) string {
	for i := range p.Ledger.Tree.Nodes {
		n := &p.Ledger.Tree.Nodes[i]
		if rest, ok := strings.CutPrefix(n.Path, "usr/local/bin/python"); ok && p.Layers.IsBase(n.Layer) && officialVersion.MatchString(rest) && strings.Contains(rest, ".") {
			return rest
		}
	}
	return ""
}

// debianRelease is the codename of the base's Debian release, empty if it is not
// known.
func debianRelease(p *analysis.Pass) string {
	if p.Root == nil {
		return ""
	}
	for _, file := range []string{"usr/lib/os-release", "etc/os-release"} {
		text, err := p.Root.ReadFile(file, 64<<10)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			if value, ok := strings.CutPrefix(strings.TrimSpace(line), "VERSION_CODENAME="); ok {
				return strings.Trim(value, `"'`)
			}
		}
	}
	return ""
}
