package project

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/project/compose"
	"whittle.dev/whittle/internal/project/inline"
)

// BuildFiles says which compose or Bake files a project has, and what of them counts.
type BuildFiles struct {
	// Files are relative to the project's folder; empty are those that the tool finds
	// itself.
	Files Strings `yaml:"files"`
	// Services are those of compose that are variants; empty are all that are built.
	Services Strings `yaml:"services"`
	// Profiles of compose are active.
	Profiles Strings `yaml:"profiles"`
	// Targets are targets and groups of Bake; empty is the default group.
	Targets Strings `yaml:"targets"`
}

// UnmarshalYAML reads the mapping, or only its files.
func (f *BuildFiles) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.MappingNode {
		return f.Files.UnmarshalYAML(n)
	}
	type plain BuildFiles
	return n.Decode((*plain)(f))
}

// paths are the files that are read, those of found if none are named.
func (f *BuildFiles) paths(dir string, found []string) []string {
	if f == nil || len(f.Files) == 0 {
		return found
	}
	var out []string
	for _, name := range f.Files {
		out = append(out, filepath.Join(dir, filepath.FromSlash(name)))
	}
	return out
}

// files gives what compose files name: without a reader only what lies in the
// project.
func (p *Project) files(from Outside) compose.Outside {
	out := compose.Outside{Lookup: from.Lookup, Read: from.Read}
	if out.Lookup == nil {
		out.Lookup = func(string) (string, bool) { return "", false }
	}
	if out.Read == nil {
		out.Read = func(file string, most int64) ([]byte, error) {
			rel, ok := whittle.Below(p.Dir, whittle.WithoutLinks(file))
			if !ok {
				return nil, errors.New("it lies outside of the project")
			}
			return whittle.Folder(p.Dir).Read(filepath.ToSlash(rel), most)
		}
	}
	return out
}

// fromCompose gives the variants of the project's compose files, and notes the
// services that run beside them. What cannot be a variant is noted.
func (p *Project) fromCompose(ctx context.Context, c *BuildFiles, from Outside) ([]Variant, error) {
	o := compose.Options{Dir: p.Dir, Files: c.paths(p.Dir, compose.Find(p.Dir)), From: p.files(from)}
	if c != nil {
		if o.Profiles = c.Profiles; len(c.Services) > 0 {
			o.Profiles = []string{"*"}
		}
		if len(c.Files) > 0 {
			o.Dir = filepath.Dir(o.Files[0])
		}
	}
	if len(o.Files) == 0 {
		if c != nil {
			return nil, whittle.ErrUsage.Errorf("compose: the project has no compose file")
		}
		return nil, nil
	}
	m, err := compose.Read(ctx, o)
	if err != nil {
		return nil, err
	}
	p.Hidden = append(p.Hidden, m.Hidden...)
	b := composed{project: p, noun: "service", model: m, file: filepath.Base(o.Files[0]), files: o.Files, byBuild: map[string]int{}}
	if c != nil {
		if b.only = c.Services; len(b.only) > 0 {
			for _, name := range b.only {
				if b.service(name) == nil {
					return nil, whittle.WithHint(whittle.ErrUsage.Errorf("compose: no service is named %q", name), whittle.DidYouMean(name, b.names(), "the services are "+strings.Join(b.names(), ", ")))
				}
			}
		}
	}
	for i := range m.Services {
		if s := &m.Services[i]; s.Build != nil {
			b.add(s)
		}
	}
	b.markBases()
	b.peers()
	b.before()
	return b.variants, nil
}

// composed turns services into variants.
type composed struct {
	project  *Project
	noun     string // what the file calls what it builds
	model    *compose.Model
	file     string
	files    []string // file with its folder, and those that go over it
	only     []string
	variants []Variant
	byBuild  map[string]int // variants by their builds
	// parts are the names of those that are built for others only.
	parts []string
	links int // of the variant that is made
}

func (b *composed) names() (out []string) {
	for i := range b.model.Services {
		out = append(out, b.model.Services[i].Name)
	}
	return out
}

func (b *composed) service(name string) *compose.Service {
	i := slices.IndexFunc(b.model.Services, func(s compose.Service) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &b.model.Services[i]
}

func (b *composed) skip(name, format string, args ...any) {
	b.project.Notes = append(b.project.Notes, fmt.Sprintf("%s %s of %s is skipped: ", b.noun, name, b.file)+fmt.Sprintf(format, args...))
}

// add makes a variant of a service, or another start of the variant that has the
// same build.
func (b *composed) add(s *compose.Service) {
	switch {
	case len(b.only) > 0 && !slices.Contains(b.only, s.Name):
		return
	case !s.Active:
		b.skip(s.Name, "it is in a profile: name it in whittle.yaml (compose: {services: %s})", s.Name)
		return
	}
	v, err := b.built(s, nil)
	if err != nil {
		b.skip(s.Name, "%s", err)
		return
	}
	v.Name = unique(b.variants, cmp.Or(validated(s.Name), "service"))
	part := slices.Contains(b.parts, s.Name)
	if v.OnlyBase = part; part {
		v.Starts = []Start{notStarted}
		v.Starts[0].Name = v.Name
	}
	key := v.build()
	switch i, ok := b.byBuild[key]; {
	case ok && (i < 0 || part):
	case ok:
		b.variants[i].Starts = append(b.variants[i].Starts, startOf(s))
	default:
		b.byBuild[key] = len(b.variants)
		b.variants = append(b.variants, v)
	}
}

// notStarted is a start that starts nothing.
var notStarted = Start{Command: []string{}, Entrypoint: []string{}, Healthcheck: &HealthCheck{Test: Line{Words: []string{"NONE"}}}}

// build is the same for variants with the same build.
func (v Variant) build() string {
	v.Name, v.Starts, v.Peers, v.IsBase, v.OnlyBase = "", nil, nil, false, false
	if len(v.Contexts) == 0 {
		v.Contexts = nil
	}
	if v.Inline != nil {
		v.Dockerfile = ""
	}
	v.Dockerfile = filepath.ToSlash(filepath.Clean(v.Dockerfile))
	key, _ := json.Marshal(v) // strings and maps of them can be marshalled
	return string(key)
}

// built is the variant of a service, with its places in the project; above are the
// services that are made of it.
func (b *composed) built(s *compose.Service, above []string) (Variant, error) {
	v, err := b.variant(s, above)
	if err == nil {
		err = b.project.place(&v, b.project.Dir)
	}
	if err == nil {
		err = b.mounts(s)
	}
	if err != nil {
		return v, errors.New(strings.TrimPrefix(err.Error(), "variant "+v.Name+": "))
	}
	return v, nil
}

// maxLinked bounds how many builds a variant is made of, and how many of these are made
// on each other.
const maxLinked, maxDeep = 32, 8

// link is the variant whose image a context is, nil if it is none.
func (b *composed) link(context string, above []string) (*Variant, error) {
	_, name, ok := strings.Cut(context, ":")
	if ok = ok && strings.HasPrefix(context, b.noun+":"); !ok {
		return nil, nil
	}
	s := b.service(name)
	switch b.links++; {
	case s == nil || s.Build == nil:
		return nil, fmt.Errorf("there is no %s %s that is built", b.noun, name)
	case slices.Contains(above, name):
		return nil, errors.New("it would be made of itself")
	case b.links > maxLinked || len(above) > maxDeep:
		return nil, errors.New("it is made of too many others")
	}
	v, err := b.built(s, above)
	if err != nil {
		return nil, err
	}
	v.Name, v.Starts = s.Name, nil
	if v.Inline == nil && !filepath.IsLocal(v.Dockerfile) { // it is the same in a copy of the project
		v.Dockerfile = filepath.Join(b.project.Dir, v.Dockerfile)
	}
	return &v, nil
}

// markBases marks the variants that others are made of.
func (b *composed) markBases() {
	bases := map[string]bool{}
	for i := range b.variants {
		for _, v := range b.variants[i].WithBuilds()[1:] {
			bases[v.build()] = true
		}
	}
	for i := range b.variants {
		b.variants[i].IsBase = b.variants[i].IsBase || bases[b.variants[i].build()]
	}
}

// variant is the variant of a service, as the file has it.
func (b *composed) variant(s *compose.Service, above []string) (Variant, error) {
	in := s.Build
	v := Variant{Name: s.Name, Context: in.Context, Target: in.Target, Args: in.Args, Contexts: map[string]string{}, Starts: []Start{startOf(s)}}
	if len(v.Args) == 0 {
		v.Args = nil
	}
	if above == nil {
		b.links = 0
	}
	if remote.MatchString(in.Context) {
		return v, fmt.Errorf("its context %s is not a folder of this machine, and whittle fetches none", in.Context)
	}
	for name, value := range in.Contexts {
		made, err := b.link(value, append(above[:len(above):len(above)], s.Name))
		if err != nil {
			return v, fmt.Errorf("its context %s (%s): %w", name, value, err)
		}
		if made != nil {
			if v.Builds == nil {
				v.Builds = map[string]*Variant{}
			}
			v.Builds[name] = made
			continue
		}
		v.Contexts[name] = value
		if remote.MatchString(value) && !strings.HasPrefix(value, ImageContext) {
			return v, fmt.Errorf("its context %s (%s) is not a folder of this machine", name, value)
		}
	}
	if len(v.Contexts) == 0 {
		v.Contexts = nil
	}
	var err error
	if v.Platform, err = platformOf(in.Platforms); err != nil {
		return v, err
	}
	if in.Inline != "" {
		v.Inline, v.Dockerfile, v.From = []byte(in.Inline), b.file+"#"+s.Name, inline.From{Files: b.files, Name: s.Name, Bake: b.noun == "target"}
		return v, nil
	}
	v.Dockerfile = in.Dockerfile
	if !filepath.IsAbs(v.Dockerfile) {
		v.Dockerfile = filepath.Join(in.Context, v.Dockerfile)
	}
	if _, err := os.Stat(v.Dockerfile); err != nil {
		shown := v.Dockerfile
		if rel, ok := whittle.Below(b.project.Dir, shown); ok {
			shown = filepath.ToSlash(rel)
		}
		return v, fmt.Errorf("%s: %w", shown, reason(err))
	}
	return v, nil
}

// platformOf is the platform of a variant: the engine's own if it is among those
// that are built, else the first of them.
func platformOf(all []string) (string, error) {
	for _, one := range all {
		p, err := whittle.ParsePlatform(one)
		if err != nil || p.OS != "linux" {
			return "", fmt.Errorf("its platform %s is not linux", one)
		}
		if p.Architecture == runtime.GOARCH && p.Variant == "" && len(all) > 1 {
			return "", nil
		}
	}
	if len(all) == 0 {
		return "", nil
	}
	return all[0], nil
}

// mounts adds the secrets of a service and of its build, and the build's agents, to the
// project's.
func (b *composed) mounts(s *compose.Service) error {
	p, build := b.project, cmp.Or(s.Build, &compose.Build{})
	for _, from := range slices.Concat(build.Secrets, s.Secrets) {
		one := Secret{ID: from.ID, File: from.File, Env: from.Env}
		if err := one.valid(); err != nil {
			return err
		}
		if !slices.ContainsFunc(p.Secrets, func(o Secret) bool { return o.ID == one.ID }) {
			p.Secrets = append(p.Secrets, one)
		}
	}
	for _, text := range build.SSH {
		one, err := ParseSSH(text)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(p.SSH, func(o SSH) bool { return o.ID == one.ID }) {
			p.SSH = append(p.SSH, one)
		}
	}
	return nil
}

// startOf is how a service starts its image.
func startOf(s *compose.Service) Start {
	return Start{Name: s.Name, Command: s.Command, Entrypoint: s.Entrypoint, Env: literal(s.Environment), EnvFiles: s.EnvFiles,
		WorkingDir: s.WorkingDir, User: s.User, Healthcheck: healthOf(s.Healthcheck), Mounts: s.Mounts, Given: s.Given}
}

// literal are variables whose values are not expanded again.
func literal(values []string) Variables {
	var out Variables
	for _, text := range values {
		v := ParseVariable(text)
		v.Value = strings.ReplaceAll(v.Value, "$", "$$")
		out = append(out, v)
	}
	return out
}

func healthOf(h *compose.Healthcheck) *HealthCheck {
	if h == nil {
		return nil
	}
	return &HealthCheck{Test: Line{Words: h.Test}, Interval: Duration(h.Interval), Timeout: Duration(h.Timeout), StartPeriod: Duration(h.StartPeriod), Retries: h.Retries}
}

// peers adds the services that the variants' services need: those that run an
// image as it is. whittle.yaml's come first.
func (b *composed) peers() {
	needed := map[string][]string{} // the variants that need a service
	for i := range b.variants {
		v := &b.variants[i]
		v.Peers = b.below(*v)
		for _, name := range v.Peers {
			needed[name] = append(needed[name], v.Name)
		}
	}
	for i := range b.model.Services { // in the order of the file
		s := &b.model.Services[i]
		own := slices.ContainsFunc(b.project.Services, func(o Service) bool { return o.Name == s.Name })
		switch {
		case own || needed[s.Name] == nil:
			continue
		case s.Build != nil:
			b.project.Notes = append(b.project.Notes, fmt.Sprintf("service %s of %s does not run beside %s: it is built, and whittle runs only images that are there", s.Name, b.file, strings.Join(needed[s.Name], ", ")))
			continue
		}
		one := Service{Name: s.Name, Image: s.Image, Command: Line{Words: s.Command}, Entrypoint: Line{Words: s.Entrypoint}, Environment: literal(s.Environment), EnvFiles: s.EnvFiles,
			Healthcheck: healthOf(s.Healthcheck), Composed: true}
		err := (Services{one}).validate(b.file)
		if err == nil {
			err = b.mounts(s)
		}
		if err == nil && len(b.project.Services) == maxServices {
			err = fmt.Errorf("%s: more than %d services", b.file, maxServices)
		}
		if err != nil {
			b.project.Notes = append(b.project.Notes, err.Error()+": it does not run beside the others")
			continue
		}
		b.project.Services = append(b.project.Services, one)
	}
}

// before notes the services that would have run, and ended, before a variant's.
func (b *composed) before() {
	for i := range b.model.Services {
		name := b.model.Services[i].Name
		var after []string
		for _, v := range b.variants {
			if slices.ContainsFunc(v.Starts, func(s Start) bool { return slices.Contains(b.service(s.Name).After, name) }) {
				after = append(after, v.Name)
			}
		}
		if len(after) > 0 {
			b.project.Notes = append(b.project.Notes, fmt.Sprintf("service %s of %s does not run before %s: whittle runs only services that stay", name, b.file, strings.Join(after, ", ")))
		}
	}
}

// below are the services that those of a variant depend on.
func (b *composed) below(v Variant) (out []string) {
	var open []string
	for _, s := range v.Starts {
		open = append(open, b.service(s.Name).DependsOn...)
	}
	for ; len(open) > 0; open = open[1:] {
		s := b.service(open[0])
		if s == nil || slices.Contains(out, s.Name) || slices.ContainsFunc(v.Starts, func(o Start) bool { return o.Name == s.Name }) {
			continue
		}
		out = append(out, s.Name)
		open = append(open, s.DependsOn...)
	}
	return out
}
