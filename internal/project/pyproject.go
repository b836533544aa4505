package project

import (
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"
	"sort"
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
			return p, whittle.ErrUsage.Errorf("%s:%d: %s", path, line, strings.TrimPrefix(de.Error(), "toml: "))
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

// tableOf is the table [tool.whittle] of a folder's pyproject.toml as YAML, nil
// where there is none. A file that cannot be read is the reader's to report.
func tableOf(dir string) ([]byte, error) {
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
	return yaml.Marshal(doc.Tool.Whittle)
}

// tableLine is where the table's YAML, which nobody wrote, is wrong.
var tableLine = regexp.MustCompile(`(\[tool\.whittle\]):\d+`)

// parseTable reads the settings that tableOf gives.
func parseTable(file string, table []byte, err error) (config, error) {
	if err != nil {
		return config{}, whittle.ErrUsage.Errorf("%s: [tool.whittle]: %w", file, err)
	}
	c, err := parse(file+": [tool.whittle]", table)
	if err != nil {
		hint := whittle.Hint(err)
		text := tableLine.ReplaceAllString(err.Error(), "$1")
		if err = whittle.ErrUsage.Errorf("%s", text); hint != "" {
			err = whittle.WithHint(err, hint)
		}
	}
	return c, err
}
