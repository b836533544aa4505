package names

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"whittle.dev/whittle/internal/imagetest"
)

// FuzzManifest: whatever a manifest is, what is found in it are texts that another reader of
// YAML finds, too, and no more values are looked at than there may be.
func FuzzManifest(f *testing.F) {
	for _, text := range []string{"spec: {containers: [{image: a:1}]}", "a: &a {containers: [{image: b}]}\nc: [*a, *a]", "---\n---\nx", "a: &a [*a]", `{"initContainers":[{"image":"x"}]}`, "containers: [{image: [1]}, 7]"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		found, err := images(strings.NewReader(text))
		if len(found) > maxVisits {
			t.Errorf("%d images of %d bytes", len(found), len(text))
		}
		if err != nil || strings.Contains(text, "*") { // aliases may grow without end there
			return
		}
		var all []string
		for decoder := yaml.NewDecoder(strings.NewReader(text)); ; {
			var doc any
			if decoder.Decode(&doc) != nil {
				break
			}
			all = append(all, texts(doc)...)
		}
		for _, image := range found {
			if !slices.Contains(all, image) && !strings.Contains(text, image) {
				t.Errorf("%q is not in %q", image, text)
			}
		}
	})
}

func texts(v any) (out []string) {
	switch x := v.(type) {
	case []any:
		for _, e := range x {
			out = append(out, texts(e)...)
		}
	case map[string]any:
		for k, e := range x {
			out = append(append(out, k), texts(e)...)
		}
	case map[any]any:
		for k, e := range x {
			out = append(append(out, texts(k)...), texts(e)...)
		}
	default:
		out = append(out, fmt.Sprint(x))
	}
	return out
}

// TestLinear: the time for manifests and lists grows with them.
func TestLinear(t *testing.T) {
	imagetest.Linear(t,
		imagetest.Growth{Name: "containers", Most: 16_000, Make: func(n int) func() {
			text := "containers:\n" + imagetest.Lines(n, "- {name: a%d, image: b}\n")
			return func() { _, _ = images(strings.NewReader(text)) }
		}},
		imagetest.Growth{Name: "documents", Most: 16_000, Make: func(n int) func() {
			text := imagetest.Lines(n, "---\nspec: {containers: [{image: a%d}]}\n")
			return func() { _, _ = images(strings.NewReader(text)) }
		}},
		imagetest.Growth{Name: "list", Most: 256_000, Make: func(n int) func() {
			text := imagetest.Lines(n, "registry.example.org/app:%d\n")
			return func() { _, _ = List(strings.NewReader(text), "list") }
		}})
}
