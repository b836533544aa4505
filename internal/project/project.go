// Package project reads what a project says about itself: whittle.yaml, the
// Dockerfiles that lie in its folder, and the name and console scripts of its
// pyproject.toml. docs/reference/whittle-yaml.md documents the file and
// schema/whittle.yaml.json is its JSON Schema.
package project

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/project/inline"
	"whittle.dev/whittle/internal/project/settings"
)

// ConfigName is the name of the project's file for whittle.
const ConfigName = "whittle.yaml"

// Project is what whittle knows about a project before it builds anything.
type Project struct {
	// Dir is the project's folder; the build context of a variant that names none.
	Dir  string
	Name string
	// Bases maps image names, as FROM has them, to places on this
	// machine: "oci-layout:" and an absolute path.
	Bases    map[string]string
	Variants []Variant
	// Commands are run in each image. Without Configured they are the console
	// scripts with --help.
	Commands   []Command
	Configured bool
	// Requests are the paths that what an image starts has to answer.
	Requests []Request
	// Test are the project's own tests, nil where it names none.
	Test *Test
	// Touch is the source file, relative to Dir, that is changed to measure a
	// rebuild; empty where there is none.
	Touch string
	// Check is what the project says about checks.
	Check Check
	// Gate has the budgets, and Ignore the findings that are accepted, never nil.
	Gate   settings.Gate
	Ignore []settings.Ignore
	// History says that what is measured of the project is recorded.
	History bool
	// Env and EnvFiles are variables for all that is run, Secrets and SSH what
	// builds may mount; paths are absolute. Values are read when they are used.
	Env      Variables
	EnvFiles []string
	Secrets  []Secret
	SSH      []SSH
	// Services run beside what is run.
	Services []Service
	// Notes say what was left out, and why.
	Notes []string
	// Hidden are values that nothing shows.
	Hidden []string
}

// Variant is one way to build the project.
type Variant struct {
	Name string `yaml:"name"`
	// Context is the folder that the build gets, slashed and relative to the
	// project's; empty is the project's folder. One outside the project is absolute.
	Context string `yaml:"context"`
	// Dockerfile is relative to the project's folder.
	Dockerfile string            `yaml:"dockerfile"`
	Target     string            `yaml:"target"`
	Args       map[string]string `yaml:"args"`
	Platform   string            `yaml:"platform"`
	// Contexts are further contexts by the name that FROM and COPY --from use:
	// folders like Context, or docker-image://NAME.
	Contexts map[string]string `yaml:"contexts"`
	// Builds are further contexts that are the images of other variants.
	Builds map[string]*Variant `yaml:"-" json:",omitempty"`
	// IsBase says that other variants are made of its image, OnlyBase that nothing else
	// asks for it: it is built and measured, and not started.
	IsBase, OnlyBase bool `yaml:"-" json:",omitempty"`
	// CacheFrom and CacheTo are caches outside the engine, written as buildx has them.
	// Folders are relative to the project's.
	CacheFrom Strings `yaml:"cache-from" json:",omitempty"`
	CacheTo   Strings `yaml:"cache-to" json:",omitempty"`
	// Inline is the Dockerfile's text if it is not in a file; Dockerfile is then
	// how messages name it, and From says where it is.
	Inline []byte      `yaml:"-"`
	From   inline.From `yaml:"-" json:"-"`
	// Starts are how the image is started; without any as it says itself.
	Starts []Start `yaml:"-"`
	// Peers are the services of compose files beside which it runs.
	Peers []string `yaml:"-"`
}

// Start is how an image is started. What it does not say is the image's.
type Start struct {
	Name string
	// Command and Entrypoint are nil for the image's, empty for none.
	Command, Entrypoint []string
	Env                 Variables `json:"-"` // may be secret
	EnvFiles            []string
	WorkingDir, User    string
	// Healthcheck is nil for the image's.
	Healthcheck *HealthCheck
	// Mounts are the folders of the image over which folders of this machine are
	// mounted; Given are other places where compose puts something. whittle does not.
	Mounts, Given []string
}

// ImageContext begins the value of a named context that is an image.
// https://docs.docker.com/reference/cli/docker/buildx/build/#build-context
const ImageContext = "docker-image://"

// Command is one command to run in an image.
type Command struct {
	Name    string   `yaml:"name"`
	Command []string `yaml:"command"`
	// Env and EnvFiles are variables for this command alone.
	Env      Variables `yaml:"env"`
	EnvFiles Strings   `yaml:"env-file"`
}

// Test is how a project's own tests are run in an image: with what they need
// laid on top, so that the image itself is as it will be shipped.
type Test struct {
	// Copy are files and folders of the project that go into the image's
	// working directory, whatever .dockerignore says.
	Copy []string `yaml:"copy"`
	// Setup is a line for the image's shell, run as root: "pip install pytest".
	Setup string `yaml:"setup"`
	// Command is run as the image's user, and has to end with success.
	Command []string `yaml:"command"`
}

type config struct {
	Project  string            `yaml:"project"`
	Bases    map[string]string `yaml:"bases"`
	Variants []Variant         `yaml:"variants"`
	Run      []Command         `yaml:"run"`
	Requests []Request         `yaml:"requests"`
	Test     *Test             `yaml:"test"`
	Touch    string            `yaml:"touch"`
	Check    Check             `yaml:"check"`
	Env      Variables         `yaml:"env"`
	EnvFiles Strings           `yaml:"env-file"`
	Secrets  Secrets           `yaml:"secrets"`
	SSH      Strings           `yaml:"ssh"`
	Services Services          `yaml:"services"`
	Compose  *BuildFiles       `yaml:"compose"`
	Bake     *BuildFiles       `yaml:"bake"`
	Gate     settings.Gate     `yaml:"gate"`
	Ignore   []settings.Ignore `yaml:"ignore"`
	History  bool              `yaml:"history"`
}

// Load reads the project in dir. configPath names another file than
// dir/whittle.yaml; without a file the variants are the Dockerfiles that lie
// in dir. Errors wrap [whittle.ErrUsage] and name the file.
//
// Of compose files, it reads what they name in the project, and no variables.
func Load(dir, configPath string) (*Project, error) {
	return LoadWith(context.Background(), dir, configPath, Outside{})
}

// LoadWith is [Load], with what compose files name outside of the project.
func LoadWith(ctx context.Context, dir, configPath string, from Outside) (*Project, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("reading project %s: %w", dir, err)
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real // walks of the folder do not follow a link to it
	}
	if info, err := os.Stat(abs); err == nil && !info.IsDir() {
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("project %s is a file", dir),
			"name the folder that it lies in: "+filepath.Dir(dir))
	} else if err != nil {
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("project %s: no such folder", dir),
			"name the folder that holds the Dockerfile")
	}
	required := configPath != ""
	if !required {
		configPath = filepath.Join(abs, ConfigName)
	}
	c, err := read(configPath, displayName(abs, dir, configPath), required)
	if err != nil {
		return nil, err
	}
	p := &Project{Dir: abs, Name: c.Project, Variants: c.Variants, Commands: c.Run, Configured: len(c.Run) > 0, Requests: c.Requests, Touch: c.Touch, Test: c.Test, Check: c.Check, Gate: c.Gate, Ignore: slices.Concat([]settings.Ignore{}, c.Ignore), History: c.History}
	p.Notes = append(p.Notes, c.Gate.Notes...)
	p.surround(c, filepath.Dir(configPath))
	if err := p.complete(ctx, dir, c, from); err != nil {
		return nil, err
	}
	p.Bases, err = resolveBases(c.Bases, filepath.Dir(configPath))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", displayName(abs, dir, configPath), err)
	}
	return p, nil
}

// surround notes what builds and runs get from outside the project, with paths
// relative to the file that names them.
func (p *Project) surround(c config, dir string) {
	place := func(path string) string { return Place(dir, path, os.LookupEnv) }
	p.Env, p.Services = c.Env, c.Services
	for _, f := range c.EnvFiles {
		p.EnvFiles = append(p.EnvFiles, place(f))
	}
	for i := range p.Commands {
		for j, f := range p.Commands[i].EnvFiles {
			p.Commands[i].EnvFiles[j] = place(f)
		}
	}
	for _, s := range c.Secrets {
		if s.File != "" {
			s.File = place(s.File)
		}
		p.Secrets = append(p.Secrets, s)
	}
	for _, text := range c.SSH {
		s, _ := ParseSSH(text) // it was validated
		for j := range s.Paths {
			s.Paths[j] = place(s.Paths[j])
		}
		p.SSH = append(p.SSH, s)
	}
}

// read reads a whittle.yaml, which may be missing unless it is required; shown
// is how errors name it.
func read(file, shown string, required bool) (config, error) {
	var src []byte
	var err error
	if required { // the user has named it: it may lie anywhere
		src, err = whittle.ReadFile(file, MaxConfig)
	} else {
		src, err = whittle.Folder(filepath.Dir(file)).Read(filepath.Base(file), MaxConfig)
	}
	table, tableErr := tableOf(filepath.Dir(file))
	switch {
	case required && err == nil:
		return parse(shown, src)
	case err == nil && table != nil:
		c, err := parse(shown, src)
		c.Gate.Notes = append(c.Gate.Notes, fmt.Sprintf("[tool.whittle] of %s is not read, as there is %s", pyprojectName, ConfigName))
		return c, err
	case err == nil:
		return parse(shown, src)
	case required || !errors.Is(err, fs.ErrNotExist):
		return config{}, whittle.ErrUsage.Errorf("reading %s: %w", file, reason(err))
	case table != nil || tableErr != nil:
		return parseTable(filepath.Join(filepath.Dir(shown), pyprojectName), table, tableErr)
	}
	return config{}, nil
}

// Source is a variant's Dockerfile. A link out of the project is not followed;
// whittle.yaml may name a file that lies outside.
func (p *Project) Source(v Variant) ([]byte, error) {
	if v.Inline != nil {
		return v.Inline, nil
	}
	const most = 1 << 20 // what the parser takes
	if filepath.IsLocal(v.Dockerfile) {
		return whittle.Folder(p.Dir).Read(filepath.ToSlash(filepath.Clean(v.Dockerfile)), most)
	}
	return whittle.ReadFile(p.folder(v.Dockerfile), most)
}

// displayName is how messages name the file: as the user would write it.
func displayName(abs, dir, file string) string {
	if rel, err := filepath.Rel(abs, file); err == nil && filepath.IsLocal(rel) {
		return filepath.Join(dir, rel)
	}
	return file
}

func reason(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// complete fills in what the file does not say.
func (p *Project) complete(ctx context.Context, shown string, c config, from Outside) error {
	py, err := readPyproject(p.Dir)
	if err != nil {
		return err
	}
	if p.Name == "" {
		p.Name = py.name
	}
	if p.Name == "" {
		p.Name = filepath.Base(p.Dir)
	}
	if err := p.find(ctx, shown, c.Compose, c.Bake, from); err != nil {
		return err
	}
	for i := range p.Variants {
		if err := p.place(&p.Variants[i], shown); err != nil {
			return err
		}
	}
	for _, v := range p.Variants {
		if v.Inline != nil {
			continue
		}
		if _, err := os.Stat(filepath.Join(p.Dir, v.Dockerfile)); err != nil {
			err = whittle.ErrUsage.Errorf("variant %s: %s: %w", v.Name, filepath.Join(shown, v.Dockerfile), reason(err))
			if near := nearFile(filepath.Join(p.Dir, v.Dockerfile)); near != "" {
				err = whittle.WithHint(err, fmt.Sprintf("did you mean %q?", near))
			}
			return err
		}
	}
	if len(p.Commands) == 0 {
		for _, s := range py.scripts {
			p.Commands = append(p.Commands, Command{Name: s, Command: []string{s, "--help"}})
		}
	}
	if p.Touch == "" {
		p.Touch = sourceFile(p.Dir, py.scriptModules)
	} else if info, err := os.Stat(filepath.Join(p.Dir, p.Touch)); err != nil || !info.Mode().IsRegular() {
		return whittle.WithHint(whittle.ErrUsage.Errorf("%s: touch: %s is not a file", filepath.Join(shown, ConfigName), p.Touch), "it is a source file that a measured rebuild changes, relative to whittle.yaml")
	}
	return p.checkTest(shown)
}

// find finds the variants of a project that names none: those of its compose files,
// those of its Bake files that differ, then the Dockerfiles of its folder that these
// do not build. Without any they are the Dockerfiles in folders below.
func (p *Project) find(ctx context.Context, shown string, compose, bake *BuildFiles, from Outside) error {
	named := compose != nil || bake != nil
	if !named && len(p.Variants) > 0 {
		return nil
	}
	var composed, baked []Variant
	var composeErr, bakeErr error
	if compose != nil || !named {
		composed, composeErr = p.fromCompose(ctx, compose, from)
	}
	if bake != nil || !named {
		baked, bakeErr = p.fromBake(ctx, bake, from, slices.Concat(p.Variants, composed))
	}
	if err := cmp.Or(composeErr, bakeErr); err != nil && named || errors.Is(bakeErr, whittle.ErrLimit) {
		return err
	}
	if composeErr = cmp.Or(composeErr, bakeErr); named || len(p.Variants) > 0 {
		p.Variants = slices.Concat(p.Variants, composed, baked)
	} else {
		found, err := discover(p.Dir)
		if err != nil {
			return fmt.Errorf("looking for Dockerfiles in %s: %w", shown, err)
		}
		p.Variants = slices.Concat(composed, baked)
		for _, v := range found {
			if !slices.ContainsFunc(p.Variants, func(c Variant) bool { return c.Dockerfile == v.Dockerfile }) {
				v.Name = unique(p.Variants, v.Name)
				p.Variants = append(p.Variants, v)
			}
		}
	}
	if len(p.Variants) == 0 && !named {
		var notes []string
		p.Variants, notes = below(p.Dir)
		p.Notes = append(p.Notes, notes...)
	}
	switch {
	case len(p.Variants) == 0 && composeErr != nil:
		return composeErr
	case len(p.Variants) == 0 && len(p.Notes) > 0:
		return whittle.ErrUsage.Errorf("%s: nothing to build: %s", shown, strings.Join(p.Notes, "; "))
	case len(p.Variants) == 0:
		return whittle.WithHint(whittle.ErrUsage.Errorf("%s has no Dockerfile", shown),
			"whittle looks for compose and Bake files, for Dockerfile, Dockerfile.NAME, NAME.Dockerfile and Containerfile, also in folders below, or the variants of whittle.yaml")
	case composeErr != nil:
		p.Notes = append(p.Notes, "its compose or Bake file is left out: "+composeErr.Error())
	}
	return nil
}

// nearFile is the name of a file that lies beside a missing one and is called
// almost the same.
func nearFile(path string) string {
	entries, _ := os.ReadDir(filepath.Dir(path))
	var names []string
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return whittle.Nearest(filepath.Base(path), names)
}

func (p *Project) checkTest(shown string) error {
	if p.Test == nil {
		return nil
	}
	for _, name := range p.Test.Copy {
		if !filepath.IsLocal(name) {
			return whittle.ErrUsage.Errorf("%s: test: copy: %s lies outside the project", filepath.Join(shown, ConfigName), name)
		}
		if _, err := os.Stat(filepath.Join(p.Dir, name)); err != nil {
			return whittle.ErrUsage.Errorf("%s: test: copy: %s: %w", filepath.Join(shown, ConfigName), name, reason(err))
		}
	}
	return nil
}

// discover finds the Dockerfiles of a folder: Dockerfile first, then the
// others by name.
func discover(dir string) ([]Variant, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, reason(err)
	}
	var out []Variant
	for _, e := range entries {
		if e.Name() == "dockerfile" && slices.ContainsFunc(out, func(v Variant) bool { return v.Dockerfile == "Dockerfile" }) {
			continue // BuildKit takes it where there is no Dockerfile only
		}
		if name, ok := variantName(e.Name()); ok && !e.IsDir() {
			if slices.ContainsFunc(out, func(v Variant) bool { return v.Name == name }) {
				name = e.Name() // Dockerfile.x and x.Dockerfile
			}
			out = append(out, Variant{Name: name, Dockerfile: e.Name()})
		}
	}
	if len(out) == 1 { // there is nothing that it could be the original of
		out[0].Name = out[0].Dockerfile
	}
	sort.Slice(out, func(i, j int) bool {
		if a, b := out[i].Name == "original", out[j].Name == "original"; a != b {
			return a
		}
		return out[i].Name < out[j].Name
	})
	return out, nil
}

// variantName names the variant of a Dockerfile by its file name.
func variantName(file string) (string, bool) {
	for _, stem := range []string{"Dockerfile", "dockerfile", "Containerfile"} {
		if file == stem {
			return "original", true
		}
		if rest, ok := strings.CutPrefix(file, stem+"."); ok && rest != "" && rest != "dockerignore" && !strings.HasSuffix(rest, ".dockerignore") {
			return rest, true
		}
		if rest, ok := strings.CutSuffix(file, "."+stem); ok && rest != "" {
			return rest, true
		}
	}
	if rest, ok := strings.CutSuffix(file, ".dockerfile"); ok && rest != "" {
		return rest, true
	}
	return "", false
}

// sourceFile picks the file to touch: the module behind a console script.
func sourceFile(dir string, modules []string) string {
	for _, m := range modules {
		rel := filepath.Join(strings.Split(m, ".")...)
		for _, candidate := range []string{rel + ".py", filepath.Join(rel, "__init__.py"),
			filepath.Join("src", rel+".py"), filepath.Join("src", rel, "__init__.py")} {
			if !filepath.IsLocal(candidate) {
				continue
			}
			if info, err := os.Lstat(filepath.Join(dir, candidate)); err == nil && info.Mode().IsRegular() {
				return filepath.ToSlash(candidate)
			}
		}
	}
	return ""
}

func resolveBases(in map[string]string, dir string) (map[string]string, error) {
	out := make(map[string]string, len(in))
	for name, place := range in {
		path, ok := strings.CutPrefix(place, "oci-layout:")
		if !ok {
			return nil, whittle.WithHint(whittle.ErrUsage.Errorf("base %s: %q is not an OCI layout", name, place),
				"write oci-layout:PATH, relative to whittle.yaml")
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		out[name] = "oci-layout:" + path
	}
	return out, nil
}
