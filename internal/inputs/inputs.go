// Package inputs reads what builds and runs get from outside a project: secrets,
// SSH agents, environments and services, which the project and the command line
// name. A project gets nothing from outside its folder without the user's consent.
package inputs

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/project"
)

// Options are the command line's options for what builds and runs get besides the
// project's files. They replace those of the same name in whittle.yaml.
type Options struct {
	// Secrets and SSH have the syntax of buildx: "id=NAME,src=FILE",
	// "id=NAME,env=NAME"; "default", "NAME=PATH".
	Secrets, SSH []string
	// Env are "NAME=value", or "NAME" for a variable of whittle's environment;
	// EnvFiles are files of such lines. Their values are never shown.
	Env, EnvFiles []string
	// CacheFrom and CacheTo are caches of builds, as buildx has them. They replace
	// those of all variants.
	CacheFrom, CacheTo []string
	// Allow is what a project may use of this machine besides these:
	// "fs.read=PATH" (a file, or everything in a folder), "fs.write=PATH", "env=NAME",
	// "ssh", "cache-to". The entries of $WHITTLE_ALLOW, separated by commas, are added.
	Allow []string
}

// Set are inputs that were read.
type Set struct {
	secrets []build.Secret
	ssh     []build.SSH
	// from is the project, nil if there is none.
	from     *project.Project
	files    []string
	env      project.Variables
	lookup   project.Lookup
	consent  *Consent
	hidden   []string // values of all environments
	services []build.Service
	// cacheFrom and cacheTo are the caches by variant, "" of the options.
	cacheFrom, cacheTo map[string][]build.Cache
}

// Read reads the inputs of a project, which may be nil, and of options. Errors
// wrap [whittle.ErrUsage] and show no values. It is an error if the project names
// something outside its folder that the options do not allow.
func Read(lookup project.Lookup, p *project.Project, in Options) (*Set, error) {
	var c *Consent
	if p != nil {
		var err error
		if c, err = Ask(lookup, p.Dir, in.Allow); err != nil {
			return nil, err
		}
	}
	return ReadWith(c, lookup, p, in)
}

// ReadWith is [Read] with the consent with which the project was read.
func ReadWith(c *Consent, lookup project.Lookup, p *project.Project, in Options) (*Set, error) {
	s := &Set{lookup: lookup, files: in.EnvFiles, from: p, consent: c}
	secrets, agents, err := s.parseOptions(in)
	if err != nil {
		return nil, err
	}
	if p != nil {
		if err := s.readProject(p, secrets, agents); err != nil {
			return nil, err
		}
	}
	if err := s.readCaches(p, in); err != nil {
		return nil, err
	}
	for _, a := range agents {
		s.ssh = append(s.ssh, build.SSH{ID: a.ID, Paths: a.Paths})
	}
	if err := s.readSecrets(secrets, project.Outside{Lookup: s.lookup, Read: whittle.ReadFile}); err != nil {
		return nil, err
	}
	shared, err := s.environment(nil, nil)
	if err != nil {
		return nil, err
	}
	s.hidden = append(s.hidden, shared.Hidden...)
	if p == nil {
		return s, s.checkSSH()
	}
	for _, c := range p.Commands {
		own, err := s.environment(&c, nil)
		if err != nil {
			return nil, fmt.Errorf("run %s: %w", c.Name, err)
		}
		s.hidden = append(s.hidden, own.Hidden...)
	}
	for _, start := range startsOf(p) {
		own, err := s.environment(nil, &start)
		if err != nil {
			return nil, fmt.Errorf("service %s: %w", start.Name, err)
		}
		s.hidden = append(s.hidden, own.Hidden...)
	}
	if err := s.consent.Refusal(); err != nil { // before anything is said of what is outside
		return nil, err
	}
	return s, s.checkSSH()
}

func (s *Set) checkSSH() error {
	for _, one := range s.ssh {
		if err := one.Check(s.lookup); err != nil {
			return err
		}
	}
	return nil
}

// parseOptions parses the options. Of several with the same name, the last counts.
func (s *Set) parseOptions(in Options) (secrets []project.Secret, agents []project.SSH, err error) {
	for _, text := range in.Env {
		v := project.ParseVariable(text)
		if v.Name == "" {
			return nil, nil, whittle.WithHint(whittle.ErrUsage.Errorf("--env: a variable without a name"), "write --env NAME=value")
		}
		if !v.Bare {
			v.Value = strings.ReplaceAll(v.Value, "$", "$$") // the shell has expanded it
		}
		s.env = append(s.env, v)
	}
	for _, text := range in.Secrets {
		one, err := project.ParseSecret(text)
		if err != nil {
			return nil, nil, whittle.ErrUsage.Errorf("--secret: %w", err)
		}
		if one.File != "" {
			one.File, _ = filepath.Abs(project.Place("", one.File, s.lookup))
		}
		secrets = append(slices.DeleteFunc(secrets, func(s project.Secret) bool { return s.ID == one.ID }), one)
	}
	for _, text := range in.SSH {
		one, err := project.ParseSSH(text)
		if err != nil {
			return nil, nil, whittle.ErrUsage.Errorf("--ssh: %w", err)
		}
		for i := range one.Paths {
			one.Paths[i] = project.Place("", one.Paths[i], s.lookup)
		}
		agents = append(slices.DeleteFunc(agents, func(s project.SSH) bool { return s.ID == one.ID }), one)
	}
	return secrets, agents, nil
}

// readProject reads the inputs that a project names and options do not replace, as
// far as the user allows them.
func (s *Set) readProject(p *project.Project, secrets []project.Secret, agents []project.SSH) error {
	for _, top := range p.Variants {
		for _, v := range top.WithBuilds() {
			s.readVariant(p, v)
		}
	}
	s.hidden = append(s.hidden, p.Hidden...)
	if _, err := s.environment(nil, nil); err != nil {
		return err
	}
	for _, a := range p.SSH {
		if slices.ContainsFunc(agents, func(o project.SSH) bool { return o.ID == a.ID }) {
			continue
		}
		s.ssh = append(s.ssh, build.SSH{ID: a.ID, Paths: s.consent.sshPaths(a.Paths)})
	}
	kept := slices.DeleteFunc(slices.Clone(p.Secrets), func(one project.Secret) bool {
		return slices.ContainsFunc(secrets, func(o project.Secret) bool { return o.ID == one.ID })
	})
	if err := s.readSecrets(kept, s.consent.Outside()); err != nil {
		return err
	}
	return s.readServices(p.Services)
}

// readVariant asks for what the build of a variant reads outside of the project.
func (s *Set) readVariant(p *project.Project, v project.Variant) {
	s.consent.folder(v.Context)
	file := v.Dockerfile
	if !filepath.IsAbs(file) {
		file = filepath.Join(p.Dir, file)
	}
	if _, ok := whittle.Below(p.ContextDir(v), file); v.Inline == nil && (v.Context == "" || !ok) {
		s.consent.dockerfile(v.Dockerfile)
	}
	for _, name := range slices.Sorted(maps.Keys(v.Contexts)) {
		s.consent.folder(v.Contexts[name])
	}
}

// notReplaced are a project's variables that no option replaces.
func (s *Set) notReplaced(all project.Variables) project.Variables {
	return slices.DeleteFunc(slices.Clone(all), func(v project.Variable) bool {
		return slices.ContainsFunc(s.env, func(o project.Variable) bool {
			if o.Name != v.Name || !o.Bare {
				return o.Name == v.Name
			}
			_, set := s.lookup(o.Name)
			return set
		})
	})
}

// maxSecret is the largest file of a secret in bytes, which is BuildKit's limit.
const maxSecret = 500 << 10

func (s *Set) readSecrets(all []project.Secret, from project.Outside) error {
	for _, one := range all {
		if one.Env != "" {
			value, ok := from.Lookup(one.Env)
			if !ok {
				return whittle.WithHint(whittle.ErrUsage.Errorf("secret %s: %s is not set in whittle's environment", one.ID, one.Env), "set it, or name a file: --secret id="+one.ID+",src=FILE")
			}
			s.secrets = append(s.secrets, build.Secret{ID: one.ID, Value: []byte(value)})
			continue
		}
		value, err := from.Read(one.File, maxSecret)
		if err != nil {
			return whittle.ErrUsage.Errorf("secret %s: %w", one.ID, err)
		}
		s.secrets = append(s.secrets, build.Secret{ID: one.ID, Value: value})
	}
	return nil
}

// readServices reads the services of a project.
func (s *Set) readServices(all []project.Service) error {
	for _, one := range all {
		out := build.Service{Name: one.Name, Image: one.Image, Check: one.Healthcheck.Command(), Patience: one.Patience()}
		if h := one.Healthcheck; h != nil {
			out.CheckTime = time.Duration(h.Timeout)
		}
		for _, line := range []struct {
			from project.Line
			to   *[]string
		}{{one.Command, &out.Args}, {one.Entrypoint, &out.Entrypoint}} {
			*line.to = line.from.Words
			if line.from.Text != "" {
				words, err := dockerfile.Words(line.from.Text)
				if err != nil {
					return fmt.Errorf("service %s: %w", one.Name, err)
				}
				*line.to = words
			}
		}
		e, err := one.Values(s.consent.Outside())
		if err != nil {
			return err
		}
		out.Env = e.Values
		s.hidden = append(s.hidden, e.Hidden...)
		s.services = append(s.services, out)
	}
	return nil
}

// startsOf are the starts that compose files name.
func startsOf(p *project.Project) (out []project.Start) {
	for _, v := range p.Variants {
		out = append(out, v.Starts...)
	}
	return out
}

// environment is the environment of one of the project's commands, or of any
// other run if c is nil, of an image that compose starts so.
func (s *Set) environment(c *project.Command, start *project.Start) (e project.Environment, err error) {
	if s.from != nil {
		from := s.consent.Outside()
		if start != nil {
			if e, err = e.With(start.EnvFiles, s.notReplaced(start.Env), false, from); err != nil {
				return e, err
			}
		}
		if e, err = e.With(s.from.EnvFiles, s.notReplaced(s.from.Env), false, from); err != nil {
			return e, err
		}
		if c != nil {
			if e, err = e.With(c.EnvFiles, s.notReplaced(c.Env), false, from); err != nil {
				return e, err
			}
		}
	}
	return e.With(s.files, s.env, true, project.Outside{Lookup: s.lookup})
}

// AddTo gives a build the secrets, SSH agents and services, and the values that it
// must not print.
func (s *Set) AddTo(d *build.Definition) {
	d.Secrets, d.SSH, d.Hidden, d.Services = s.secrets, s.ssh, s.hidden, s.services
}

// SetEnvironment gives commands their environment. The project's own commands are
// found by their names and words.
func (s *Set) SetEnvironment(commands []build.Command, own []project.Command) error {
	return s.SetStartEnvironment(commands, own, nil)
}

// SetStartEnvironment is [Set.SetEnvironment] in an image that compose starts so.
func (s *Set) SetStartEnvironment(commands []build.Command, own []project.Command, start *project.Start) error {
	for i := range commands {
		c := &commands[i]
		var named *project.Command
		if j := slices.IndexFunc(own, func(p project.Command) bool {
			return c.Watch == nil && p.Name == c.Name && slices.Equal(p.Command, c.Args)
		}); j >= 0 {
			named = &own[j]
		}
		e, err := s.environment(named, start)
		if err != nil {
			return err
		}
		c.Env = append(c.Env, e.Values...)
	}
	return nil
}

// Seal is a message authentication code over the inputs: with the key it shows
// whether they have changed, and without it nothing. It is empty if there are no
// inputs.
func (s *Set) Seal(key []byte, own []project.Command) string {
	h := hmac.New(sha256.New, key)
	empty := len(s.secrets)+len(s.ssh)+len(s.services) == 0
	for _, one := range s.services {
		fmt.Fprintf(h, "service %q", []any{one.Name, one.Image, one.Args, one.Entrypoint, one.Env, one.Check, one.Patience.String()})
	}
	for _, one := range s.secrets {
		fmt.Fprintf(h, "secret %q %d ", one.ID, len(one.Value))
		h.Write(one.Value)
	}
	for _, one := range s.ssh {
		fmt.Fprintf(h, "ssh %q", one.ID)
	}
	note := func(kind, name string, e project.Environment, err error) {
		if err == nil && len(e.Values) > 0 {
			empty = false
			fmt.Fprintf(h, "%s %q %q", kind, name, e.Values)
		}
	}
	for _, c := range append([]project.Command{{}}, own...) {
		e, err := s.environment(&c, nil)
		note("run", c.Name, e, err)
	}
	if s.from != nil {
		for _, start := range startsOf(s.from) {
			e, err := s.environment(nil, &start)
			note("start", start.Name, e, err)
		}
	}
	if empty {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}
