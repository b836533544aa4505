package check

import (
	"testing"

	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/start"
)

// TestExtraOfOwn: without the project, the application's own metadata says
// which of its extras requires a distribution; another's does not.
func TestExtraOfOwn(t *testing.T) {
	meta := func(requires ...string) python.Metadata { return python.Metadata{RequiresDist: requires} }
	s := &state{Image: &Image{Image: start.Image{Distributions: []python.Distribution{
		{Name: "flask", Metadata: meta(`rich>=1; extra == "pretty"`)},
		{Name: "inventory", Local: true, Metadata: meta("click", `rich<14,>=13; extra == "screenshots"`, `attrs ; python_version < "3.9"`)},
	}}}, owners: &start.Owners{Own: []int{1}}}
	if extra, by, ok := s.extraOfOwn("Rich"); !ok || extra != "screenshots" || by != "inventory" {
		t.Errorf("rich: %q of %q, %t", extra, by, ok)
	}
	for _, name := range []string{"click", "attrs", "flask"} {
		if extra, _, ok := s.extraOfOwn(name); ok {
			t.Errorf("%s is in the extra %s", name, extra)
		}
	}
}
