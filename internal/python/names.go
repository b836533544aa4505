package python

import (
	_ "embed"
	"strings"
)

//go:embed names.tsv
var namesTable string

// DistributionFor is the distribution that ships a module, by a table of the
// best known ones. Without a row the module's own top-level name is a guess.
func DistributionFor(module string) (name string, guessed, ok bool) {
	best := ""
	for line := range strings.Lines(namesTable) {
		key, dist, found := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if found && (module == key || strings.HasPrefix(module, key+".")) && len(key) > len(best) {
			best, name = key, dist
		}
	}
	if best != "" {
		return name, false, true
	}
	top, _, _ := strings.Cut(module, ".")
	return Normalize(top), true, top != ""
}
