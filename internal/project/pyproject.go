package project

import (
	"cmp"
	"errors"
	"io/fs"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/toml"
)

const pyprojectName = "pyproject.toml"

// maxPyproject is the size of the largest pyproject.toml that is read, in bytes.
const maxPyproject = 8 << 20

type pyproject struct {
	name string
	// scripts are the names of the console scripts, sorted; scriptModules are
	// the modules behind them, in the same order.
	scripts, scriptModules []string
}

// readPyproject reads the name and the console scripts of a pyproject.toml
// (PEP 621, and Poetry's table where it has its own). A project without the
// file has neither.
func readPyproject(dir string) (pyproject, error) {
	var p pyproject
	path := filepath.Join(dir, pyprojectName)
	src, err := whittle.Folder(dir).Read(pyprojectName, maxPyproject)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return p, whittle.ErrUsage.Errorf("reading %s: %w", path, reason(err))
	}
	var doc struct {
		Project struct {
			Name    string            `toml:"name"`
			Scripts map[string]string `toml:"scripts"`
		} `toml:"project"`
		Tool struct {
			Poetry struct {
				Name    string         `toml:"name"`
				Scripts map[string]any `toml:"scripts"`
			} `toml:"poetry"`
		} `toml:"tool"`
	}
	if err := toml.Unmarshal(src, &doc); err != nil {
		var de *toml.DecodeError
		if errors.As(err, &de) {
			line, _ := de.Position()
			return p, whittle.ErrUsage.Errorf("%s:%d: %s", path, line, strings.TrimPrefix(err.Error(), "toml: "))
		}
		return p, whittle.ErrUsage.Errorf("%s: %w", path, err)
	}
	p.name = doc.Project.Name
	if p.name == "" {
		p.name = doc.Tool.Poetry.Name
	}
	targets := map[string]string{}
	for name, target := range doc.Tool.Poetry.Scripts {
		if s, ok := target.(string); ok {
			targets[name] = s
		}
	}
	for name, target := range doc.Project.Scripts {
		targets[name] = target
	}
	for name := range targets {
		p.scripts = append(p.scripts, name)
	}
	sort.Strings(p.scripts)
	for _, name := range p.scripts {
		module, _, _ := strings.Cut(targets[name], ":")
		p.scriptModules = append(p.scriptModules, strings.TrimSpace(module))
	}
	return p, nil
}

// settingsTable is the table [tool.whittle] of a pyproject.toml.
type settingsTable struct {
	yaml  []byte
	lines map[string]int // of its keys in the file, by their paths
}

// tableOf is the table [tool.whittle] of a folder's pyproject.toml as YAML, nil
// where there is none. A file that cannot be read is the reader's to report.
func tableOf(dir string) (*settingsTable, error) {
	src, err := whittle.Folder(dir).Read(pyprojectName, maxPyproject)
	if err != nil {
		return nil, nil
	}
	var doc struct {
		Tool struct {
			Whittle map[string]any `toml:"whittle"`
		} `toml:"tool"`
	}
	if toml.Unmarshal(src, &doc) != nil || doc.Tool.Whittle == nil {
		return nil, nil
	}
	text, err := yaml.Marshal(doc.Tool.Whittle)
	return &settingsTable{text, toml.Lines(src, "tool", "whittle")}, err
}

// parseTable reads the settings that tableOf gives. Messages have the lines of
// pyproject.toml.
func parseTable(file string, table *settingsTable, err error) (config, error) {
	where := file + ": [tool.whittle]"
	if err != nil {
		return config{}, whittle.ErrUsage.Errorf("%s: %w", where, err)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(table.yaml, &root); err != nil {
		return config{}, yamlError(where, err)
	}
	if root.Kind == 0 {
		return config{}, nil
	}
	table.place(root.Content[0], "", 1)
	return parseNode(file, where, root.Content[0])
}

// place gives a node and what is in it the lines that they have in pyproject.toml: those
// of their keys.
func (t *settingsTable) place(n *yaml.Node, path string, line int) {
	at := func(path string, otherwise int) int { return cmp.Or(t.lines[path], otherwise) }
	n.Line = at(path, line)
	for i, c := range n.Content {
		switch {
		case n.Kind == yaml.SequenceNode:
			t.place(c, join(path, strconv.Itoa(i)), n.Line)
		case i%2 == 0:
			c.Line = at(join(path, c.Value), n.Line)
		default:
			t.place(c, join(path, n.Content[i-1].Value), n.Content[i-1].Line)
		}
	}
}
