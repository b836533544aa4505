package imports

import (
	"testing"

	"whittle.dev/whittle/internal/python"
)

// TestRunModuleOpaque: a module in a zip file, which is not looked into, is
// neither there nor missing.
func TestRunModuleOpaque(t *testing.T) {
	im := &Importer{Finder: &Finder{opaque: "x", t: &python.Tree{}, top: map[string]Module{}}}
	if n, f := im.RunModule("zipped"); n != nil || f != nil {
		t.Errorf("node %v, failure %v", n, f)
	}
}
