// Package compose reads compose files: what their services build, and how they
// start it. https://docs.docker.com/reference/compose-file/
//
// compose-go merges, extends and includes; it reads no file and no variable by
// itself. This package gives it texts that name none: it has read them through
// [Outside], which has the permission for it, with variables, aliases and the
// paths of further files replaced. What whittle does not use (volumes, networks,
// ports that differ) is left out before that, so that it needs no permission.
package compose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"whittle.dev/whittle"
)

// Outside is what gives files and variables. Both may be refused: then a file
// is empty and a variable has an empty value.
type Outside struct {
	Lookup func(name string) (value string, ok bool)
	Read   func(file string, most int64) ([]byte, error)
}

// Options say what is read.
type Options struct {
	// Dir is the project's folder, Files are its compose files, those that come
	// later over the earlier ones; paths are absolute.
	Dir   string
	Files []string
	// Profiles are active besides those of COMPOSE_PROFILES in .env; "*" is all.
	Profiles []string
	From     Outside
}

// Model is what the files say.
type Model struct {
	// Services are in the order of the files.
	Services []Service
	// Hidden are values that came from whittle's environment or from .env, where
	// a container gets them: nothing shows them.
	Hidden []string
}

// Service is one service.
type Service struct {
	Name string
	// Active is false if only a profile that is not active has it.
	Active bool
	// Build is nil if the service only runs an image.
	Build *Build
	Image string
	// Command and Entrypoint are nil for the image's, empty for none.
	Command, Entrypoint []string
	// Environment are "NAME=value", sorted; EnvFiles come before them.
	Environment      []string
	EnvFiles         []string
	WorkingDir, User string
	Healthcheck      *Healthcheck
	// Mounts are the folders of the container over which folders of this machine are
	// mounted. Given are other places where compose puts something: volumes, temporary
	// file systems, configs, secrets that are not at /run/secrets/NAME.
	Mounts, Given []string
	// Secrets are those that the container gets at /run/secrets/ID.
	Secrets []Secret
	// DependsOn are the services that run beside it, After those that end before.
	DependsOn, After []string
}

// Healthcheck is a service's health check. Test is as in an image's
// configuration; empty is the image's own test, "NONE" none.
type Healthcheck struct {
	Test                           []string
	Interval, Timeout, StartPeriod time.Duration
	Retries                        int
}

// Build is how a service's image is built. Paths are absolute, except of what is
// not a folder of this machine.
type Build struct {
	Context, Dockerfile, Inline, Target string
	Args                                map[string]string
	Contexts                            map[string]string
	Secrets                             []Secret
	// SSH are "ID" or "ID=PATH".
	SSH       []string
	Platforms []string
	CacheFrom []string
	CacheTo   []string
}

// Secret is a secret of a build: a file, or a variable of whittle's environment.
type Secret struct{ ID, File, Env string }

// The names of compose files and of the files that go over them, in the order of
// preference.
// https://docs.docker.com/compose/intro/compose-application-model/#the-compose-file
var (
	names     = []string{"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"}
	overrides = []string{"compose.override.yml", "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml"}
)

// Find is the compose file of a folder and the file that goes over it.
func Find(dir string) []string {
	var out []string
	for _, list := range [][]string{names, overrides} {
		for _, name := range list {
			if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() {
				out = append(out, filepath.Join(dir, name))
				break
			}
		}
		if len(out) == 0 {
			return nil
		}
	}
	return out
}

// Read reads compose files. Errors are one line and wrap [whittle.ErrUsage].
func Read(ctx context.Context, o Options) (m *Model, err error) {
	defer func() {
		// The library asserts types of what a hostile file may have otherwise.
		if r := recover(); r != nil {
			m, err = nil, whittle.ErrUsage.Errorf("reading %s: compose-go does not understand it (%.100v)", filepath.Base(o.Files[0]), r)
		}
	}()
	dir, err := os.MkdirTemp("", "whittle-compose-*")
	if err != nil {
		return nil, fmt.Errorf("making a folder for compose files: %w", err)
	}
	defer os.RemoveAll(dir)
	s := &stage{from: o.From, dir: dir, files: map[string]string{}, folders: map[string]string{}}
	env, profiles, err := s.dotenv(o.Dir)
	if err != nil {
		return nil, err
	}
	env["COMPOSE_PROJECT_NAME"] = name(o.Dir, env)
	details := types.ConfigDetails{WorkingDir: o.Dir, Environment: types.Mapping{}}
	var docs []*document
	for _, file := range o.Files {
		d, err := s.read(file)
		if err != nil {
			return nil, err
		}
		docs = append(docs, d)
	}
	s.needed = needed(docs)
	for _, d := range docs {
		text, err := s.rewrite(ctx, d, o.Dir, s.lookup(env))
		if err != nil {
			return nil, err
		}
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: d.file, Content: text})
	}
	s.needed = nil
	p, err := loader.LoadWithContext(ctx, details, func(l *loader.Options) {
		l.SkipValidation, l.SkipInterpolation, l.SkipNormalization = true, true, true
		l.SkipConsistencyCheck, l.SkipResolveEnvironment, l.SkipResolveLabels = true, true, true
		l.ResolvePaths = true
		l.Profiles = []string{"*"}
		l.ResourceLoaders = []loader.ResourceLoader{s}
		l.SetProjectName("project", true)
	})
	if err != nil {
		return nil, s.failure(o.Files[0], err)
	}
	active := slices.Concat(profiles, o.Profiles)
	m = &Model{}
	for _, name := range s.ordered(p) {
		one := s.service(p, name, s.lookup(env))
		one.Active = len(p.Services[name].Profiles) == 0 || slices.Contains(active, "*") ||
			slices.ContainsFunc(p.Services[name].Profiles, func(p string) bool { return slices.Contains(active, p) })
		m.Services = append(m.Services, one)
	}
	m.Hidden = s.hidden
	return m, nil
}

// dotenv reads the variables of a folder's .env, and the profiles that it makes
// active.
func (s *stage) dotenv(dir string) (map[string]string, []string, error) {
	file := filepath.Join(dir, ".env")
	if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
		return map[string]string{}, nil, nil
	}
	env, err := s.variables(file, s.from.Lookup)
	if err != nil {
		return nil, nil, err
	}
	var profiles []string
	for p := range strings.SplitSeq(env["COMPOSE_PROFILES"], ",") {
		if p = strings.TrimSpace(p); p != "" {
			profiles = append(profiles, p)
		}
	}
	return env, profiles, nil
}

// variables reads a file of variables.
func (s *stage) variables(file string, lookup func(string) (string, bool)) (map[string]string, error) {
	text, err := s.content(file)
	if err != nil {
		return nil, err
	}
	env, err := dotenv.UnmarshalBytesWithLookup(text, lookup)
	if err != nil { // its text may be a secret
		return nil, whittle.ErrUsage.Errorf("reading %s: it is not lines of NAME=value", file)
	}
	return env, nil
}

// lookup gives a variable as compose does: whittle's environment first, then the
// file's.
func (s *stage) lookup(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if v, ok := s.from.Lookup(name); ok && name != "COMPOSE_PROJECT_NAME" {
			return v, true
		}
		v, ok := env[name]
		return v, ok
	}
}

// name is the project's name, which a file may use.
func name(dir string, env map[string]string) string {
	if n := env["COMPOSE_PROJECT_NAME"]; n != "" {
		return n
	}
	return loader.NormalizeProjectName(filepath.Base(dir))
}

// ordered are the names of services in the order of the files.
func (s *stage) ordered(p *types.Project) []string {
	var out []string
	for _, name := range append(s.order, slices.Sorted(maps.Keys(p.Services))...) {
		if _, ok := p.Services[name]; ok && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// failure is an error of compose-go on one line, without the paths of temporary
// files.
func (s *stage) failure(file string, err error) error {
	text := err.Error()
	for from, staged := range s.files {
		from, _, _ = strings.Cut(from, "\x00")
		text = strings.ReplaceAll(text, staged, from)
	}
	text = strings.ReplaceAll(text, filepath.Dir(file)+string(filepath.Separator), "")
	return whittle.ErrUsage.Errorf("reading %s: %s", filepath.Base(file), whittle.OneLine(text))
}

// service converts a service.
func (s *stage) service(p *types.Project, name string, lookup func(string) (string, bool)) Service {
	in := p.Services[name]
	out := Service{Name: name, Image: in.Image, Command: in.Command, Entrypoint: in.Entrypoint, WorkingDir: in.WorkingDir, User: in.User}
	for _, key := range slices.Sorted(maps.Keys(in.Environment)) {
		value := in.Environment[key]
		if value == nil {
			v, ok := lookup(key)
			if !ok {
				continue
			}
			value = &v
			s.hidden = append(s.hidden, v)
		}
		out.Environment = append(out.Environment, key+"="+*value)
	}
	for _, f := range in.EnvFiles {
		if _, err := os.Stat(f.Path); !bool(f.Required) && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		out.EnvFiles = append(out.EnvFiles, f.Path)
	}
	out.files(p, in)
	for _, l := range in.Links {
		to, _, _ := strings.Cut(l, ":")
		out.DependsOn = append(out.DependsOn, to)
	}
	for _, on := range slices.Sorted(maps.Keys(in.DependsOn)) {
		if in.DependsOn[on].Condition == types.ServiceConditionCompletedSuccessfully {
			out.After = append(out.After, on)
		} else {
			out.DependsOn = append(out.DependsOn, on)
		}
	}
	if h := in.HealthCheck; h != nil {
		out.Healthcheck = &Healthcheck{Test: h.Test}
		if h.Disable {
			out.Healthcheck.Test = []string{"NONE"}
		}
		for _, d := range []struct {
			from *types.Duration
			to   *time.Duration
		}{{h.Interval, &out.Healthcheck.Interval}, {h.Timeout, &out.Healthcheck.Timeout}, {h.StartPeriod, &out.Healthcheck.StartPeriod}} {
			if d.from != nil {
				*d.to = time.Duration(*d.from)
			}
		}
		if h.Retries != nil {
			out.Healthcheck.Retries = int(min(*h.Retries, 1000))
		}
	}
	if in.Build != nil {
		out.Build = build(p, in.Build, in.Platform, lookup)
	}
	return out
}

// files adds what a service gets as files: volumes, configs, secrets. A secret whose
// file is not there is not given.
func (s *Service) files(p *types.Project, in types.ServiceConfig) {
	for _, v := range in.Volumes {
		if v.Type == types.VolumeTypeBind {
			s.Mounts = append(s.Mounts, v.Target)
		} else {
			s.Given = append(s.Given, v.Target)
		}
	}
	for _, t := range in.Tmpfs {
		place, _, _ := strings.Cut(t, ":")
		s.Given = append(s.Given, place)
	}
	for _, c := range in.Configs {
		s.Given = append(s.Given, cmp.Or(c.Target, "/"+c.Source))
	}
	for _, one := range in.Secrets {
		from, id := p.Secrets[one.Source], cmp.Or(one.Target, one.Source)
		id = strings.TrimPrefix(id, "/run/secrets/")
		if strings.HasPrefix(id, "/") {
			s.Given = append(s.Given, id)
			continue
		}
		if _, err := os.Lstat(from.File); from.File != "" && err == nil || from.Environment != "" {
			s.Secrets = append(s.Secrets, Secret{ID: id, File: from.File, Env: from.Environment})
		}
	}
}

// build converts a service's build.
func build(p *types.Project, in *types.BuildConfig, platform string, lookup func(string) (string, bool)) *Build {
	out := &Build{Context: in.Context, Dockerfile: in.Dockerfile, Inline: in.DockerfileInline, Target: in.Target,
		Args: map[string]string{}, Contexts: in.AdditionalContexts, Platforms: in.Platforms, CacheFrom: in.CacheFrom, CacheTo: in.CacheTo}
	if out.Context == "" {
		out.Context = p.WorkingDir
	}
	if out.Dockerfile == "" {
		out.Dockerfile = "Dockerfile"
	}
	if len(out.Platforms) == 0 && platform != "" {
		out.Platforms = []string{platform}
	}
	for key, value := range in.Args {
		if value == nil {
			v, ok := lookup(key)
			if !ok {
				continue
			}
			value = &v
		}
		out.Args[key] = *value
	}
	for _, one := range in.Secrets {
		from := p.Secrets[one.Source]
		id := one.Target
		if id == "" {
			id = one.Source
		}
		out.Secrets = append(out.Secrets, Secret{ID: id, File: from.File, Env: from.Environment})
	}
	for _, one := range in.SSH {
		text := one.ID
		if one.Path != "" {
			text += "=" + one.Path
		}
		out.SSH = append(out.SSH, text)
	}
	return out
}
