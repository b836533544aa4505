// Package bake reads Bake files: the targets that `docker buildx bake` builds.
// https://docs.docker.com/build/bake/reference/
//
// buildx's own parser evaluates variables, functions, matrices and references; it
// reads no file. What it makes of them is merged here as buildx does. What the parser
// does not understand is asked of the docker client, if there is one.
package bake

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/platforms"
	"github.com/docker/buildx/bake/hclparser"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/zclconf/go-cty/cty"

	"whittle.dev/whittle"
)

// Options say what is read.
type Options struct {
	// Dir is the project's folder.
	Dir string
	// Files are absolute paths; what is later goes over what is earlier.
	Files []string
	// Targets are names of targets and groups; empty is the default group.
	Targets []string
	// Lookup gives a variable of whittle's environment, Read a file. A variable that
	// is refused is empty.
	Lookup func(name string) (string, bool)
	Read   func(file string, most int64) ([]byte, error)
	// Docker is asked about files that are not understood; nil if none is.
	Docker Client
}

// Target is one target. Paths are as written, relative to the project's folder;
// Dockerfile is relative to the context.
type Target struct {
	Name, Context, Dockerfile, Inline, Target string
	Args, Contexts                            map[string]string
	Platforms                                 []string
	Secrets                                   []Secret
	// SSH are "ID" or "ID=PATHS".
	SSH []string
	// Linked says that it is not asked for: a context of another target names it.
	Linked bool
}

// Link begins the value of a context that is the result of another target.
const Link = "target:"

// Secret is a secret of a build: a file, or a variable of whittle's environment.
type Secret struct{ ID, File, Env string }

// maxFile bounds a file in bytes, maxTargets the targets of all files.
const (
	maxFile    = 256 << 10
	maxTargets = 500
)

// names are those of Bake files, in the order in which they are read.
var names = []string{"docker-bake.json", "docker-bake.hcl", "docker-bake.override.json", "docker-bake.override.hcl"}

// Find is the Bake files of a folder.
func Find(dir string) []string {
	var out []string
	for _, name := range names {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() {
			out = append(out, filepath.Join(dir, name))
		}
	}
	return out
}

// config is what the parser fills.
type config struct {
	Groups  []*group  `hcl:"group,block" cty:"group"`
	Targets []*target `hcl:"target,block" cty:"target"`
}

type group struct {
	Name        string   `hcl:"name,label" cty:"name"`
	Description string   `hcl:"description,optional" cty:"description"`
	Targets     []string `hcl:"targets" cty:"targets"`
}

type target struct {
	Name             string             `hcl:"name,label" cty:"name"`
	Description      string             `hcl:"description,optional" cty:"description"`
	Inherits         []string           `hcl:"inherits,optional" cty:"inherits"`
	Context          *string            `hcl:"context,optional" cty:"context"`
	Contexts         map[string]string  `hcl:"contexts,optional" cty:"contexts"`
	Dockerfile       *string            `hcl:"dockerfile,optional" cty:"dockerfile"`
	DockerfileInline *string            `hcl:"dockerfile-inline,optional" cty:"dockerfile-inline"`
	Args             map[string]*string `hcl:"args,optional" cty:"args"`
	Labels           map[string]*string `hcl:"labels,optional" cty:"labels"`
	Tags             []string           `hcl:"tags,optional" cty:"tags"`
	Target           *string            `hcl:"target,optional" cty:"target"`
	Platforms        []string           `hcl:"platforms,optional" cty:"platforms"`
	Secrets          *entries           `hcl:"secret,optional" cty:"secret"`
	SSH              *entries           `hcl:"ssh,optional" cty:"ssh"`
	// What follows is not for whittle.
	Annotations   []string           `hcl:"annotations,optional" cty:"annotations"`
	Attest        *entries           `hcl:"attest,optional" cty:"attest"`
	CacheFrom     *entries           `hcl:"cache-from,optional" cty:"cache-from"`
	CacheTo       *entries           `hcl:"cache-to,optional" cty:"cache-to"`
	Outputs       *entries           `hcl:"output,optional" cty:"output"`
	Pull          *bool              `hcl:"pull,optional" cty:"pull"`
	NoCache       *bool              `hcl:"no-cache,optional" cty:"no-cache"`
	NetworkMode   *string            `hcl:"network,optional" cty:"network"`
	NoCacheFilter []string           `hcl:"no-cache-filter,optional" cty:"no-cache-filter"`
	ShmSize       *string            `hcl:"shm-size,optional" cty:"shm-size"`
	Ulimits       []string           `hcl:"ulimits,optional" cty:"ulimits"`
	Call          *string            `hcl:"call,optional" cty:"call"`
	Entitlements  []string           `hcl:"entitlements,optional" cty:"entitlements"`
	ExtraHosts    map[string]*string `hcl:"extra-hosts,optional" cty:"extra-hosts"`
}

// entries are texts of the form id=x,src=y, or objects, each as its fields.
type entries []map[string]string

// FromCtyValue implements the parser's conversion.
func (e *entries) FromCtyValue(in cty.Value, path cty.Path) error {
	if in.IsNull() || !in.IsKnown() {
		return nil
	}
	if !in.CanIterateElements() {
		return path.NewErrorf("a list is needed")
	}
	*e = entries{}
	for it := in.ElementIterator(); it.Next(); {
		switch _, v := it.Element(); {
		case v.IsNull() || !v.IsKnown():
		case v.Type() == cty.String:
			*e = append(*e, textFields(v.AsString()))
		case v.CanIterateElements() && (v.Type().IsObjectType() || v.Type().IsMapType()):
			*e = append(*e, objectFields(v))
		default:
			*e = append(*e, map[string]string{})
		}
	}
	return nil
}

// textFields are the fields of id=x,src=y, and the text itself.
func textFields(text string) map[string]string {
	fields := map[string]string{}
	for field := range strings.SplitSeq(text, ",") {
		key, value, ok := strings.Cut(field, "=")
		if !ok {
			key, value = "", field
		}
		fields[key] = value
	}
	fields["text"] = text
	return fields
}

// objectFields are the fields of an object that are texts, and its list of paths.
func objectFields(object cty.Value) map[string]string {
	fields := map[string]string{}
	for key, value := range object.AsValueMap() {
		if value.Type() == cty.String && !value.IsNull() {
			fields[key] = value.AsString()
		} else if key == "paths" && value.CanIterateElements() {
			var paths []string
			for _, p := range value.AsValueSlice() {
				if p.Type() == cty.String && !p.IsNull() {
					paths = append(paths, p.AsString())
				}
			}
			fields[key] = strings.Join(paths, ",")
		}
	}
	return fields
}

// ToCtyValue implements the parser's conversion.
func (e *entries) ToCtyValue() cty.Value {
	if e == nil || len(*e) == 0 {
		return cty.ListValEmpty(cty.Map(cty.String))
	}
	var out []cty.Value
	for _, one := range *e {
		fields := map[string]cty.Value{"text": cty.StringVal("")}
		for key, value := range one {
			fields[key] = cty.StringVal(value)
		}
		out = append(out, cty.MapVal(fields))
	}
	return cty.ListVal(out)
}

// Read reads Bake files. Errors are one line and wrap [whittle.ErrUsage]; those that
// wrap [whittle.ErrLimit], too, are of files that take too much.
func Read(ctx context.Context, o Options) ([]Target, error) {
	files := map[string][]byte{}
	for _, name := range o.Files {
		text, err := o.Read(name, maxFile)
		if err != nil {
			return nil, whittle.ErrUsage.Errorf("reading %s: %w", filepath.Base(name), err)
		}
		files[name] = text
	}
	targets, err := o.evaluate(files)
	if err == nil || errors.Is(err, whittle.ErrLimit) {
		return targets, err
	}
	switch more, asked, failed := o.ask(ctx, files); {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case !asked && failed == nil:
		return nil, err
	case failed != nil:
		return nil, whittle.ErrUsage.Errorf("%w (%w)", err, failed)
	default:
		return more, nil
	}
}

// evaluate gives the targets of files.
func (o Options) evaluate(files map[string][]byte) ([]Target, error) {
	shown := filepath.Base(o.Files[0])
	c := &config{}
	if err := bounded(shown, func() error { return parse(c, o, shown, files) }); err != nil {
		return nil, err
	}
	if len(c.Targets) > maxTargets {
		return nil, whittle.ErrUsage.Errorf("reading %s: more than %d targets", shown, maxTargets)
	}
	r := resolver{groups: map[string][]string{}, targets: map[string]*target{}, state: map[string]*target{}}
	for _, g := range c.Groups {
		r.groups[g.Name] = append(r.groups[g.Name], g.Targets...)
	}
	for _, t := range c.Targets {
		if have, ok := r.targets[t.Name]; ok {
			have.Merge(t)
		} else {
			r.targets[t.Name] = t
		}
	}
	wants := o.Targets
	if len(wants) == 0 {
		wants = []string{"default"}
	}
	var out []Target
	for _, name := range r.expand(wants) {
		t, err := r.resolve(name, nil)
		if err != nil {
			return nil, whittle.ErrUsage.Errorf("reading %s: %w", shown, err)
		}
		out = append(out, t.result())
	}
	return r.linked(out, shown)
}

// linked adds the targets that contexts of others name.
func (r *resolver) linked(out []Target, shown string) ([]Target, error) {
	for i := 0; i < len(out); i++ {
		for _, value := range slices.Sorted(maps.Values(out[i].Contexts)) {
			name, ok := strings.CutPrefix(value, Link)
			if !ok || slices.ContainsFunc(out, func(t Target) bool { return t.Name == name }) {
				continue
			}
			t, err := r.resolve(name, nil)
			if err != nil {
				return nil, whittle.ErrUsage.Errorf("reading %s: %w", shown, err)
			}
			one := t.result()
			one.Linked = true
			out = append(out, one)
		}
	}
	return out, nil
}

// builtin are the variables that buildx defines.
// https://docs.docker.com/build/bake/reference/#built-in-variables
func builtin() map[string]string {
	return map[string]string{"BAKE_CMD_CONTEXT": "cwd://", "BAKE_LOCAL_PLATFORM": platforms.Format(platforms.DefaultSpec())}
}

// syntax parses a file.
func syntax(name string, text []byte) (*hcl.File, hcl.Diagnostics) {
	if strings.HasSuffix(name, ".json") {
		return hclparse.NewParser().ParseJSON(text, filepath.Base(name))
	}
	return hclparse.NewParser().ParseHCL(text, filepath.Base(name))
}

// parse evaluates the files.
func parse(c *config, o Options, shown string, texts map[string][]byte) error {
	var files []*hcl.File
	for _, name := range o.Files {
		file, diags := syntax(name, texts[name])
		if diags.HasErrors() {
			return failure(shown, diags)
		}
		files = append(files, file)
	}
	meta, diags := hclparser.Parse(hclparser.MergeFiles(files), hclparser.Opt{LookupVar: o.Lookup, Vars: builtin(), ValidateLabel: func(string) error { return nil }}, c)
	if diags.HasErrors() {
		return failure(shown, diags)
	}
	for _, renamed := range meta.Renamed {
		for _, name := range slices.Sorted(maps.Keys(renamed)) {
			if to := renamed[name]; len(to) != 1 || to[0] != name {
				c.Groups = append(c.Groups, &group{Name: name, Targets: to})
			}
		}
	}
	return nil
}

// failure is the parser's first error on one line.
func failure(file string, diags hcl.Diagnostics) error {
	for _, d := range diags {
		if d.Severity == hcl.DiagError {
			if d.Subject != nil {
				file = fmt.Sprintf("%s:%d", d.Subject.Filename, d.Subject.Start.Line)
			}
			return whittle.ErrUsage.Errorf("%s: %s", file, whittle.OneLine(strings.TrimSuffix(d.Summary+": "+d.Detail, ": ")))
		}
	}
	return whittle.ErrUsage.Errorf("reading %s: %s", file, whittle.OneLine(diags.Error()))
}

// resolver merges targets with those that they inherit from.
type resolver struct {
	groups  map[string][]string
	targets map[string]*target
	state   map[string]*target
}

// expand gives the targets of groups, each once.
func (r *resolver) expand(names []string) (out []string) {
	seen := map[string]bool{}
	for open := slices.Clone(names); len(open) > 0; {
		name := open[0]
		open = open[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		if in, ok := r.groups[name]; ok {
			open = append(slices.Clone(in), open...)
			if !slices.Contains(in, name) {
				continue
			}
		}
		out = append(out, name)
	}
	return out
}

// resolve merges a target over those that it inherits from, the last of which
// counts most.
func (r *resolver) resolve(name string, above []string) (*target, error) {
	if slices.Contains(above, name) {
		return nil, fmt.Errorf("the target %s inherits from itself", name)
	}
	if t, ok := r.state[name]; ok {
		return t, nil
	}
	own, ok := r.targets[name]
	if !ok {
		return nil, fmt.Errorf("there is no target %s", name)
	}
	out := &target{}
	for _, parent := range own.Inherits {
		base, err := r.resolve(parent, append(above[:len(above):len(above)], name))
		if err != nil {
			return nil, err
		}
		out.Merge(base)
	}
	out.Merge(own)
	out.Name = name
	r.state[name] = out
	return out, nil
}

// Merge puts another target over one. The parser calls it for blocks of one name.
func (t *target) Merge(over *target) {
	for _, p := range []struct{ to, from **string }{{&t.Context, &over.Context}, {&t.Dockerfile, &over.Dockerfile}, {&t.DockerfileInline, &over.DockerfileInline}, {&t.Target, &over.Target}} {
		if *p.from != nil {
			*p.to = *p.from
		}
	}
	t.Args, t.Contexts = maps.Clone(t.Args), maps.Clone(t.Contexts)
	for key, value := range over.Args {
		if t.Args == nil {
			t.Args = map[string]*string{}
		}
		if value != nil {
			t.Args[key] = value
		}
	}
	if t.Contexts == nil {
		t.Contexts = map[string]string{}
	}
	maps.Copy(t.Contexts, over.Contexts)
	if over.Platforms != nil {
		t.Platforms = over.Platforms
	}
	if over.Inherits != nil {
		t.Inherits = over.Inherits
	}
	for _, p := range []struct{ to, from **entries }{{&t.Secrets, &over.Secrets}, {&t.SSH, &over.SSH}} {
		if *p.from != nil {
			sum := entries{}
			if *p.to != nil {
				sum = slices.Clone(**p.to)
			}
			sum = append(sum, **p.from...)
			*p.to = &sum
		}
	}
}

// result is the target with its defaults.
func (t *target) result() Target {
	text := func(p *string, def string) string {
		if p == nil {
			return def
		}
		return *p
	}
	out := Target{Name: t.Name, Context: text(t.Context, "."), Dockerfile: text(t.Dockerfile, "Dockerfile"), Inline: text(t.DockerfileInline, ""), Target: text(t.Target, ""),
		Args: map[string]string{}, Contexts: t.Contexts, Platforms: t.Platforms}
	for key, value := range t.Args {
		out.Args[key] = *value
	}
	if t.Secrets != nil {
		for _, e := range *t.Secrets {
			file := e["src"]
			if file == "" {
				file = e["source"]
			}
			one := Secret{ID: e["id"], File: file, Env: e["env"]}
			if one.File == "" && one.Env == "" {
				one.Env = one.ID
			}
			out.Secrets = append(out.Secrets, one)
		}
	}
	if t.SSH != nil {
		for _, e := range *t.SSH {
			one := e["text"]
			if one == "" {
				if one = e["id"]; e["paths"] != "" {
					one += "=" + e["paths"]
				}
			}
			out.SSH = append(out.SSH, one)
		}
	}
	return out
}
