package project

import (
	"cmp"
	"errors"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/project/settings"
	"whittle.dev/whittle/internal/project/shape"
)

// MaxConfig bounds the size of a configuration file, in bytes.
const MaxConfig = 1 << 20

// keys are the known keys of each mapping by its path; "*" stands for any key
// of a free mapping and for the elements of a list.
func keys(path string) []string {
	switch path {
	case "":
		return []string{"project", "bases", "variants", "run", "requests", "test", "touch", "check", "env", "env-file", "secrets", "ssh", "services", "compose", "bake", "gate", "ignore", "history"}
	case "variants.*":
		return []string{"name", "context", "dockerfile", "target", "args", "platform", "contexts", "cache-from", "cache-to"}
	case "run.*":
		return []string{"name", "command", "env", "env-file"}
	case "requests.*":
		return []string{"path", "port", "status"}
	case "test":
		return []string{"copy", "setup", "command"}
	case "services.*":
		return []string{"image", "command", "entrypoint", "environment", "healthcheck"}
	case "services.*.healthcheck":
		return []string{"test", "interval", "timeout", "start_period", "retries"}
	case "compose":
		return []string{"files", "services", "profiles"}
	case "bake":
		return []string{"files", "targets"}
	case "secrets.*":
		return []string{"file", "environment", "env"}
	case "gate":
		return []string{"baseline", "budgets", "check", "findings", "informational"}
	case "gate.budgets.*":
		return []string{"on", "name", "path", "max", "grow", "grow_min", "min", "except"}
	case "gate.findings":
		return []string{"fail", "warn"}
	case "gate.findings.fail", "gate.findings.warn":
		return []string{"risk", "saves"}
	case "ignore.*":
		return []string{"rule", "path", "package", "reason", "until"}
	case "check":
		return []string{"names", "ignore", "development"}
	}
	return nil
}

// parse reads whittle.yaml. Errors are one line, start with file:line and
// wrap [whittle.ErrUsage].
func parse(file string, src []byte) (config, error) {
	var c config
	if len(src) > MaxConfig {
		return c, whittle.ErrUsage.Errorf("%s: larger than %d bytes", file, MaxConfig)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(src, &root); err != nil {
		return c, yamlError(file, err)
	}
	if root.Kind == 0 {
		return c, nil
	}
	return parseNode(file, file, root.Content[0])
}

// parseNode reads the settings in a file; where is how errors without a line name them.
func parseNode(file, where string, n *yaml.Node) (config, error) {
	var c config
	if err := checkKeys(file, "", n); err != nil {
		return c, err
	}
	if err := shape.Check(file, n, reflect.TypeOf(c)); err != nil {
		return c, err
	}
	if err := n.Decode(&c); err != nil {
		return c, yamlError(file, err)
	}
	if err := cmp.Or(c.Gate.Validate(), settings.ValidateIgnores(c.Ignore)); err != nil {
		return c, whittle.ErrUsage.Errorf("%s:%d: %w", file, lineOfEntry(n, err.Error()), err)
	}
	return c, c.validate(where)
}

// lineOfEntry is the line of what a message begins with: "gate.budgets[1]: …", or of the
// part of it that is there.
func lineOfEntry(n *yaml.Node, message string) int {
	path, _, _ := strings.Cut(message, " ")
	for _, part := range strings.FieldsFunc(strings.TrimRight(path, ":"), func(r rune) bool { return strings.ContainsRune(".[]", r) }) {
		var next *yaml.Node
		for i, c := range n.Content {
			switch {
			case n.Kind == yaml.SequenceNode && strconv.Itoa(i) == part:
				next = c
			case n.Kind == yaml.MappingNode && i%2 == 1 && n.Content[i-1].Value == part:
				next = c
			}
		}
		if next == nil {
			break
		}
		n = next
	}
	return max(n.Line, 1)
}

// yamlError puts a YAML error on one line with the file's name before it.
func yamlError(file string, err error) error {
	var one *yaml.LoadError
	var many *yaml.LoadErrors
	if errors.As(err, &many) && len(many.Errors) > 0 {
		one = many.Errors[0]
	}
	if one != nil || errors.As(err, &one) {
		is, hint := shape.Plain(whittle.OneLine(one.Message))
		return whittle.WithHint(whittle.ErrUsage.Errorf("%s:%d: %s", file, max(one.Mark.Line, 1), is), hint)
	}
	is, hint := shape.Plain(whittle.OneLine(strings.TrimPrefix(err.Error(), "yaml: ")))
	return whittle.WithHint(whittle.ErrUsage.Errorf("%s: %s", file, is), hint)
}

func checkKeys(file, path string, n *yaml.Node) error {
	known := keys(path)
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			name := key.Value
			if known != nil && !slices.Contains(known, name) {
				return unknownKey(file, key, known)
			}
			if known == nil {
				name = "*"
			}
			if err := checkKeys(file, join(path, name), value); err != nil {
				return err
			}
		}
	case yaml.SequenceNode:
		for _, e := range n.Content {
			if err := checkKeys(file, join(path, "*"), e); err != nil {
				return err
			}
		}
	default:
		if known != nil && path == "" {
			return whittle.WithHint(whittle.ErrUsage.Errorf("%s:%d: this is not a mapping", file, n.Line), "write KEY: VALUE, with the keys "+strings.Join(keys(""), ", "))
		}
	}
	return nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func unknownKey(file string, key *yaml.Node, known []string) error {
	err := whittle.ErrUsage.Errorf("%s:%d: unknown key %q", file, key.Line, key.Value)
	return whittle.WithHint(err, whittle.DidYouMean(key.Value, known, "the keys here are "+strings.Join(known, ", ")))
}

func (c *config) validate(file string) error {
	seen := map[string]bool{}
	for i := range c.Variants {
		v := &c.Variants[i]
		if v.Dockerfile == "" {
			v.Dockerfile = path.Join(filepath.ToSlash(v.Context), "Dockerfile")
		}
		if v.Name == "" {
			return whittle.ErrUsage.Errorf("%s: variant %d has no name", file, i+1)
		}
		if !validName(v.Name) {
			return whittle.WithHint(whittle.ErrUsage.Errorf("%s: the variant name %q is not valid", file, v.Name),
				"a name has letters, digits, dot, dash and underscore, and begins with a letter or digit")
		}
		if v.Platform != "" {
			p, err := whittle.ParsePlatform(v.Platform)
			if err != nil || p.OS != "linux" {
				return whittle.WithHint(whittle.ErrUsage.Errorf("%s: variant %s: the platform %q is not known", file, v.Name, v.Platform), "whittle builds for linux: linux/amd64, arm64, arm/v7")
			}
			v.Platform = p.String()
		}
		if seen[v.Name] {
			return whittle.WithHint(whittle.ErrUsage.Errorf("%s: two variants are named %s", file, v.Name), "give each another name: its images and logs have it")
		}
		seen[v.Name] = true
	}
	if err := validRequests(file, c.Requests); err != nil {
		return err
	}
	if err := c.Check.validate(file); err != nil {
		return err
	}
	if t := c.Test; t != nil && len(t.Command) == 0 {
		return whittle.WithHint(whittle.ErrUsage.Errorf("%s: test has no command", file), `write command: ["python", "-m", "pytest"]`)
	}
	if err := c.Services.validate(file); err != nil {
		return err
	}
	for _, text := range c.SSH {
		if _, err := ParseSSH(text); err != nil {
			return whittle.ErrUsage.Errorf("%s: %w", file, err)
		}
	}
	for i := range c.Run {
		r := &c.Run[i]
		if len(r.Command) == 0 {
			return whittle.WithHint(whittle.ErrUsage.Errorf("%s: run %d has no command", file, i+1),
				`write command: ["program", "argument"]`)
		}
		if r.Name == "" {
			r.Name = r.Command[0]
		}
	}
	return nil
}

// validName keeps variant names fit for file names.
func validName(s string) bool {
	for i, r := range s {
		alnum := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !alnum && (i == 0 || !strings.ContainsRune("._-", r)) {
			return false
		}
	}
	return s != "" && len(s) <= 64
}
