package project

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"whittle"
)

// maxEnvFile bounds the size of a file of variables, in bytes.
const maxEnvFile = 1 << 20

// Lookup gives a variable of whittle's own environment.
type Lookup func(name string) (value string, ok bool)

// Outside is where values come from that are not in the project's file itself.
type Outside struct {
	Lookup Lookup
	// Read reads a regular file of at most so many bytes; nil is
	// [whittle.ReadFile].
	Read func(file string, most int64) ([]byte, error)
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
		if !variableName.MatchString(one.Name) {
			return fmt.Errorf("%q is not a variable's name", one.Name)
		}
	}
	return nil
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

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
	value, hidden, err = interpolate(v.Value, lookup)
	if err != nil {
		err = fmt.Errorf("%s: %w", v.Name, err)
	}
	return value, hidden, true, err
}

var reference = regexp.MustCompile(`\$(?:\$|\{([A-Za-z_]\w*)(?:(:?[-?+])([^{}]*))?\}|([A-Za-z_]\w*))`)

// interpolate puts variables of the environment into a text, as compose does:
// https://docs.docker.com/reference/compose-file/interpolation/
func interpolate(text string, lookup Lookup) (value string, hidden bool, err error) {
	value = reference.ReplaceAllStringFunc(text, func(m string) string {
		if m == "$$" {
			return "$"
		}
		p := reference.FindStringSubmatch(m)
		name := p[1] + p[4]
		found, ok := lookup(name)
		if strings.HasPrefix(p[2], ":") {
			ok = ok && found != ""
		}
		switch op := strings.TrimPrefix(p[2], ":"); {
		case op == "+" && ok:
			return p[3]
		case op == "+":
			return ""
		case ok:
			hidden = true
			return found
		case op == "-":
			return p[3]
		}
		err = whittle.WithHint(fmt.Errorf("${%s} is not set in whittle's environment: %w", name, whittle.ErrUsage), "set it, or write ${"+name+":-default}")
		return ""
	})
	return value, hidden, err
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

// with is an environment with more.
func (e Environment) with(name, value string, hidden bool) Environment {
	i := slices.IndexFunc(e.Values, func(v string) bool { return strings.HasPrefix(v, name+"=") })
	if i >= 0 {
		e.Values = slices.Delete(slices.Clone(e.Values), i, i+1)
	}
	e.Values = append(e.Values[:len(e.Values):len(e.Values)], name+"="+value)
	if hidden {
		e.Hidden = append(e.Hidden[:len(e.Hidden):len(e.Hidden)], value)
	}
	return e
}

// With is the environment with the variables of files, and then with others.
// hide says that the values of these are hidden, too.
func (e Environment) With(files []string, variables Variables, hide bool, from Outside) (Environment, error) {
	for _, file := range files {
		text, err := from.file(file, maxEnvFile)
		if err != nil {
			return e, fmt.Errorf("env-file %s: %w: %w", file, reason(err), whittle.ErrUsage)
		}
		own, err := parseEnvFile(text, from.Lookup)
		if err != nil {
			return e, fmt.Errorf("env-file %s:%w", file, err)
		}
		for _, v := range own {
			e = e.with(v.Name, v.Value, true)
		}
	}
	for _, v := range variables {
		value, hidden, ok, err := v.value(from.Lookup)
		if err != nil {
			return e, fmt.Errorf("env: %w", err)
		}
		if ok {
			e = e.with(v.Name, value, hidden || hide)
		}
	}
	return e, nil
}

// parseEnvFile reads lines of NAME=value, as compose has them: comments, export,
// quotes, and references to the environment and to what stands above.
// https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/#env-file-syntax
func parseEnvFile(text []byte, lookup Lookup) ([]Variable, error) {
	var out []Variable
	own := func(name string) (string, bool) {
		if i := slices.IndexFunc(out, func(v Variable) bool { return v.Name == name }); i >= 0 {
			return out[i].Value, true
		}
		return lookup(name)
	}
	rest := strings.ReplaceAll(strings.TrimPrefix(string(text), "\ufeff"), "\r\n", "\n")
	for number := 1; rest != ""; number++ {
		line, after, _ := strings.Cut(rest, "\n")
		rest = after
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		line = strings.TrimSpace(strings.TrimPrefix(line, "export "))
		name, value, ok := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); !variableName.MatchString(name) {
			return nil, fmt.Errorf("%d: not NAME=value: %w", number, whittle.ErrUsage)
		}
		if !ok {
			if v, set := lookup(name); set {
				out = append(out, Variable{Name: name, Value: v})
			}
			continue
		}
		value = strings.TrimSpace(value)
		if value != "" && (value[0] == '"' || value[0] == '\'') {
			for quoteEnd(value) < 0 && rest != "" { // it goes over several lines
				line, rest, _ = strings.Cut(rest, "\n")
				value += "\n" + line
				number++
			}
		}
		value, raw, err := unquoteEnv(value)
		if err != nil {
			return nil, fmt.Errorf("%d: %s: %w: %w", number, name, err, whittle.ErrUsage)
		}
		if !raw { // a password may have a $: what names nothing stays, and is in no error
			if found, _, err := interpolate(value, own); err == nil {
				value = found
			}
		}
		out = append(out, Variable{Name: name, Value: value})
	}
	return out, nil
}

// quoteEnd is where a quoted text ends that begins with its quote, -1 where it
// does not.
func quoteEnd(s string) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && s[0] == '"':
			i++
		case s[i] == s[0]:
			return i
		}
	}
	return -1
}

var escapes = strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\t`, "\t", `\"`, `"`, `\\`, `\`, `\$`, "$$")

// unquoteEnv takes quotes and comments from a value; raw says that it is in
// single quotes.
func unquoteEnv(s string) (value string, raw bool, err error) {
	if s != "" && (s[0] == '"' || s[0] == '\'') {
		end := quoteEnd(s)
		if end < 0 {
			return "", false, errors.New("the quote does not end")
		}
		if s[0] == '\'' {
			return s[1:end], true, nil
		}
		return escapes.Replace(s[1:end]), false, nil
	}
	if i := strings.Index(s, " #"); i >= 0 {
		s = strings.TrimSpace(s[:i])
	}
	return s, false, nil
}
