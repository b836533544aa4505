package manifest

import (
	"path"
	"strings"

	"whittle.dev/whittle/internal/python/source"
)

// cfgLine is a line of a value of setup.cfg.
type cfgLine struct {
	text string
	line int
}

// setupCfg reads what setuptools reads of setup.cfg.
// https://setuptools.pypa.io/en/latest/userguide/declarative_config.html
func (d *declaredReader) setupCfg() {
	file := d.at("setup.cfg")
	cfg := readCfg(string(d.read(file)))
	first := func(section, key string) string {
		if l := cfg[section][key]; len(l) > 0 {
			return l[0].text
		}
		return ""
	}
	if d.out.Name == "" {
		d.out.Name = first("metadata", "name")
	}
	if d.out.RequiresPython == "" {
		d.out.RequiresPython = first("options", "python_requires")
	}
	list := func(lines []cfgLine, from origin) {
		for _, l := range lines {
			switch files, ok := strings.CutPrefix(l.text, "file:"); {
			case ok:
				for f := range strings.SplitSeq(files, ",") {
					d.requirementsOf(d.at(strings.TrimSpace(f)), from, 0)
				}
			case strings.Contains(l.text, "%("):
				d.unread("%s:%d: %s is put in by a build", file, l.line, l.text)
			default:
				d.add(l.text, file, l.line, from.kind, from.extra, from.group)
			}
		}
	}
	list(cfg["options"]["install_requires"], origin{kind: Runtime})
	list(cfg["options"]["tests_require"], origin{kind: Development, group: "tests"})
	for _, extra := range sortedKeys(cfg["options.extras_require"]) {
		list(cfg["options.extras_require"][extra], origin{kind: Optional, extra: extra})
	}
	for _, group := range sortedKeys(cfg["options.entry_points"]) {
		for _, l := range cfg["options.entry_points"][group] {
			d.entryPoint(group, l.text)
		}
	}
	d.cfgPackages(cfg, first("options.packages.find", "where"))
}

// cfgPackages reads where the packages are and which of them are shipped.
func (d *declaredReader) cfgPackages(cfg map[string]map[string][]cfgLine, where string) {
	root := ""
	for _, l := range cfg["options"]["package_dir"] {
		name, dir, ok := strings.Cut(strings.ReplaceAll(l.text, " ", ""), "=")
		switch {
		case ok && name == "":
			root = dir
			d.root(dir)
		case ok:
			mapPackage(d, name)
		}
	}
	if where != "" {
		d.root(where)
	}
	for _, l := range append(cfg["options"]["packages"], cfg["options"]["py_modules"]...) {
		if source.IsIdentifier(strings.ReplaceAll(l.text, ".", "")) && !strings.HasPrefix(l.text, "find") {
			name := d.at(path.Join(root, strings.ReplaceAll(l.text, ".", "/")))
			d.out.Ships = append(d.out.Ships, name, name+".py")
		}
	}
	d.out.Builds = d.out.Builds || len(cfg["options"]["packages"]) > 0
}

// root adds a folder that modules are found in.
func (d *declaredReader) root(dir string) {
	d.once(&d.out.Roots, d.at(dir))
}

// entryPoint takes "name = module:attribute".
func (d *declaredReader) entryPoint(group, text string) {
	name, target, ok := strings.Cut(text, "=")
	switch {
	case !ok:
	case group == "console_scripts", group == "gui_scripts":
		d.out.Scripts[strings.TrimSpace(name)] = strings.TrimSpace(target)
	default:
		d.plugin(group, target)
	}
}

// readCfg reads sections and keys of an INI file, values line by line.
func readCfg(text string) map[string]map[string][]cfgLine {
	out := map[string]map[string][]cfgLine{}
	section, key, n := "", "", 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\r\n")
		value := strings.TrimSpace(line)
		switch {
		case value == "" || value[0] == '#' || value[0] == ';':
			continue
		case value[0] == '[':
			section, key = strings.Trim(value, "[]"), ""
			continue
		case line[0] != ' ' && line[0] != '\t':
			k, v, ok := strings.Cut(line, "=")
			if !ok {
				continue
			}
			key, value = strings.ReplaceAll(strings.TrimSpace(k), "-", "_"), strings.TrimSpace(v)
			if section == "options.extras_require" {
				key = strings.TrimSpace(k)
			}
		}
		if value == "" || key == "" {
			continue
		}
		if out[section] == nil {
			out[section] = map[string][]cfgLine{}
		}
		out[section][key] = append(out[section][key], cfgLine{value, n})
	}
	return out
}
