package project

import (
	"strconv"

	"go.yaml.in/yaml/v4"

	"whittle.dev/whittle"
)

// YAMLText is a text in a YAML file.
type YAMLText struct {
	// Path are the keys that lead to it; the elements of a list have their
	// numbers.
	Path []string
	Text string
	// Line counts from 1.
	Line int
}

// maxYAMLTexts bounds the texts of one file, maxYAMLDepth the keys of a path.
const (
	maxYAMLTexts = 20_000
	maxYAMLDepth = 40
)

// YAMLTexts are the texts of a YAML file of another tool, in its order. Aliases are
// not followed, and only the first document is read. Errors wrap
// [whittle.ErrUsage].
func YAMLTexts(file string, src []byte) ([]YAMLText, error) {
	if len(src) > MaxConfig {
		return nil, whittle.ErrUsage.Errorf("%s: larger than %d bytes", file, MaxConfig)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(src, &root); err != nil {
		return nil, yamlError(file, err)
	}
	var out []YAMLText
	var walk func(n *yaml.Node, path []string)
	walk = func(n *yaml.Node, path []string) {
		if len(out) >= maxYAMLTexts || len(path) > maxYAMLDepth {
			return
		}
		down := func(key string) []string { return append(path[:len(path):len(path)], key) }
		switch n.Kind {
		case yaml.DocumentNode:
			for _, c := range n.Content {
				walk(c, path)
			}
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				walk(n.Content[i+1], down(n.Content[i].Value))
			}
		case yaml.SequenceNode:
			for i, c := range n.Content {
				walk(c, down(strconv.Itoa(i)))
			}
		case yaml.ScalarNode:
			if n.Tag != "!!null" {
				out = append(out, YAMLText{path, n.Value, n.Line})
			}
		}
	}
	walk(&root, nil)
	return out, nil
}
