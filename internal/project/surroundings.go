package project

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/project/bake"
	"whittle.dev/whittle/internal/project/dotenv"
)

// MaxEnvFile bounds a file of variables in bytes; for the others see [dotenv].
const (
	MaxEnvFile     = 1 << 20
	MaxValue       = dotenv.MaxValue
	MaxEnvironment = dotenv.MaxEnvironment
)

// Lookup gives a variable of whittle's own environment.
type Lookup func(name string) (value string, ok bool)

// Outside is where values come from that are not in the project's file itself.
type Outside struct {
	Lookup Lookup
	// Read reads a regular file of at most so many bytes; nil is
	// [whittle.ReadFile].
	Read func(file string, most int64) ([]byte, error)
	// Docker is asked about Bake files that whittle does not understand; nil if there
	// is none.
	Docker bake.Client
}

// file reads a file that was named.
func (o Outside) file(name string, most int64) ([]byte, error) {
	if o.Read == nil {
		return whittle.ReadFile(name, most)
	}
	return o.Read(name, most)
}

// Variable is one variable of a container's environment. Its value may name
// others of whittle's own environment: ${NAME}, ${NAME:-default}.
type Variable struct {
	Name, Value string
	// Bare has no value: it is that of the same name in whittle's environment.
	Bare bool
}

// Variables are a mapping, or a list of NAME=value and NAME, as compose has it:
// https://docs.docker.com/reference/compose-file/services/#environment
type Variables []Variable

// UnmarshalYAML reads either form.
func (v *Variables) UnmarshalYAML(n *yaml.Node) error {
	*v = nil
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			if value.Kind != yaml.ScalarNode {
				return fmt.Errorf("%s: a variable's value is one text", key.Value)
			}
			*v = append(*v, Variable{Name: key.Value, Value: value.Value, Bare: value.Tag == "!!null"})
		}
	case yaml.SequenceNode:
		var list []string
		if err := n.Decode(&list); err != nil {
			return err
		}
		for _, s := range list {
			*v = append(*v, ParseVariable(s))
		}
	default:
		if n.Tag != "!!null" {
			return errors.New("write NAME: value, or a list of NAME=value")
		}
	}
	for _, one := range *v {
		if !dotenv.IsName(one.Name) {
			return fmt.Errorf("%q is not a variable's name", one.Name)
		}
	}
	return nil
}

// ParseVariable reads NAME=value, or NAME.
func ParseVariable(s string) Variable {
	name, value, ok := strings.Cut(s, "=")
	return Variable{Name: name, Value: value, Bare: !ok}
}

// Strings are one text or a list of them.
type Strings []string

// UnmarshalYAML reads either form.
func (s *Strings) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
		*s = Strings{n.Value}
		return nil
	}
	return n.Decode((*[]string)(s))
}

// Secret is what a build's RUN steps may mount, and what runs find in
// /run/secrets: the content of a file, or a variable of whittle's environment.
type Secret struct {
	ID   string
	File string
	Env  string
}

// Secrets are a mapping of names to {file: …} or {environment: …}, as compose
// has it, or a list of id=NAME,src=FILE and id=NAME,env=NAME, as buildx has it.
type Secrets []Secret

// UnmarshalYAML reads either form.
func (s *Secrets) UnmarshalYAML(n *yaml.Node) error {
	*s = nil
	if n.Kind == yaml.SequenceNode {
		var list []string
		if err := n.Decode(&list); err != nil {
			return err
		}
		for _, text := range list {
			one, err := ParseSecret(text)
			if err != nil {
				return err
			}
			*s = append(*s, one)
		}
		return nil
	}
	var all map[string]struct {
		File        string `yaml:"file"`
		Environment string `yaml:"environment"`
		Env         string `yaml:"env"`
	}
	if err := n.Decode(&all); err != nil {
		return err
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		id := n.Content[i].Value
		one := Secret{ID: id, File: all[id].File, Env: all[id].Environment + all[id].Env}
		if err := one.valid(); err != nil {
			return err
		}
		*s = append(*s, one)
	}
	return nil
}

var secretID = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)

func (s Secret) valid() error {
	switch {
	case !secretID.MatchString(s.ID):
		return fmt.Errorf("secret %q: a name has letters, digits, dot, dash and underscore", s.ID)
	case (s.File == "") == (s.Env == ""):
		return fmt.Errorf("secret %s: name a file or a variable of the environment", s.ID)
	}
	return nil
}

// ParseSecret reads a secret as buildx's option --secret has it:
// id=NAME[,src=FILE|,env=NAME]. Without either it is the variable of its name.
func ParseSecret(text string) (Secret, error) {
	var s Secret
	for _, field := range strings.Split(text, ",") {
		key, value, ok := strings.Cut(field, "=")
		switch {
		case !ok || value == "":
			return s, errors.New("write id=NAME,src=FILE or id=NAME,env=NAME") // not what it is: it may be the secret itself
		case key == "id":
			s.ID = value
		case key == "src" || key == "source":
			s.File = value
		case key == "env":
			s.Env = value
		case key == "type" && (value == "file" || value == "env"):
		default:
			return s, fmt.Errorf("secret: there is no %q: write id=NAME,src=FILE or id=NAME,env=NAME", key)
		}
	}
	if s.File == "" && s.Env == "" {
		s.Env = s.ID
	}
	return s, s.valid()
}

// SSH is what RUN --mount=type=ssh gets: the agent of $SSH_AUTH_SOCK where no
// path is named, else a socket or keys.
type SSH struct {
	ID    string
	Paths []string
}

// ParseSSH reads an agent or key as buildx's option --ssh has it:
// default|ID[=SOCKET|=KEY[,KEY]].
func ParseSSH(text string) (SSH, error) {
	id, paths, named := strings.Cut(text, "=")
	s := SSH{ID: id}
	if named {
		s.Paths = strings.Split(paths, ",")
	}
	if !secretID.MatchString(id) || slices.Contains(s.Paths, "") {
		return s, fmt.Errorf("ssh %q: write default, or NAME=SOCKET, or NAME=KEY", text)
	}
	return s, nil
}

// Place is the path of what is named in a folder, "~/" being the user's own.
func Place(dir, path string, lookup Lookup) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, _ := lookup("HOME"); home != "" {
			return filepath.Join(home, rest)
		}
	}
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// Value is a variable's value. hidden says that it, or a part of it, came from
// whittle's environment; ok is false for a bare one that is not set there.
func (v Variable) value(lookup Lookup) (value string, hidden, ok bool, err error) {
	if v.Bare {
		value, ok = lookup(v.Name)
		return value, true, ok, nil
	}
	value, hidden, err = dotenv.Interpolate(v.Value, lookup)
	if err != nil {
		err = fmt.Errorf("%s: %w", v.Name, err)
	}
	return value, hidden, true, err
}

// Environment is what a container's environment gets, a later variable in place
// of an earlier one of its name.
type Environment struct {
	// Values are "NAME=value", in the order in which they were named.
	Values []string
	// Hidden are the values that came from a file of variables or from
	// whittle's environment: nothing shows them that is printed.
	Hidden []string
}

// assembly is an environment in the making.
type assembly struct {
	values, hidden []string
	at             map[string]int // of a name in values
	size           int            // bytes of values, those that were replaced too
}

func (a *assembly) add(name, value string, hidden bool) error {
	if err := dotenv.Givable(value); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if i, ok := a.at[name]; ok {
		a.values[i] = "" // the later one counts, in its place
	}
	a.at[name] = len(a.values)
	a.values = append(a.values, name+"="+value)
	if hidden {
		a.hidden = append(a.hidden, value)
	}
	if a.size += len(name) + len(value) + 2; a.size > MaxEnvironment {
		return whittle.ErrUsage.Errorf("the variables have more than %d bytes", MaxEnvironment)
	}
	return nil
}

// With is the environment with the variables of files, and then with others.
// hide says that the values of these are hidden, too.
func (e Environment) With(files []string, variables Variables, hide bool, from Outside) (Environment, error) {
	a := assembly{at: map[string]int{}, hidden: slices.Clone(e.Hidden)}
	for _, v := range e.Values {
		name, value, _ := strings.Cut(v, "=")
		if err := a.add(name, value, false); err != nil {
			return e, fmt.Errorf("env: %w", err)
		}
	}
	for _, file := range files {
		if err := a.addFile(file, from); err != nil {
			return e, fmt.Errorf("env-file %s:%w", file, err)
		}
	}
	for _, v := range variables {
		value, hidden, ok, err := v.value(from.Lookup)
		if err == nil && ok {
			err = a.add(v.Name, value, hidden || hide)
		}
		if err != nil {
			return e, fmt.Errorf("env: %w", err)
		}
	}
	return Environment{Values: slices.DeleteFunc(a.values, func(v string) bool { return v == "" }), Hidden: a.hidden}, nil
}

// addFile adds the variables of a file.
func (a *assembly) addFile(file string, from Outside) error {
	text, err := from.file(file, MaxEnvFile)
	if err != nil {
		return whittle.ErrUsage.Errorf(" %w", reason(err))
	}
	own, err := dotenv.Parse(text, from.Lookup)
	if err != nil {
		return err
	}
	for _, v := range own {
		if err := a.add(v.Name, v.Value, true); err != nil {
			return fmt.Errorf(" %w", err)
		}
	}
	return nil
}
