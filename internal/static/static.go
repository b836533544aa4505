// Package static says what Dockerfiles and the files of their projects show without an
// image: findings with their places, and fixes that the text alone proves to be safe.
// Nothing is built, run or asked of a network.
package static

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/dockerfile/ignore"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/project/settings"
	"whittle.dev/whittle/internal/rule"
	"whittle.dev/whittle/internal/rule/analysis"
)

// Options say what is looked at.
type Options struct {
	// Names are Dockerfiles, and folders of projects of which the Dockerfiles of all
	// variants are looked at; empty is this folder.
	Names []string
	// Config is the file in place of whittle.yaml of the folders; empty is that one.
	Config string
	// Variants names some of a folder's; empty is all.
	Variants []string
	// Only names the rules that are asked; empty is all that need no image.
	Only []string
	// Today is the day by which ignores end.
	Today time.Time
	// Texts are in place of what is on disk, by the names of Dockerfiles in results.
	Texts map[string][]byte

	folders map[string]*folder // that were looked at
}

// folder is what is known of a project's folder.
type folder struct {
	project *project.Project // nil if nothing says how its Dockerfiles are built
	ignores []settings.Ignore
	err     error // of the ignores
}

// folder looks at a folder, once.
func (o *Options) folder(ctx context.Context, dir string) *folder {
	if f, ok := o.folders[dir]; ok {
		return f
	}
	f := &folder{}
	if project.NamesBuilds(dir) {
		f.project, _ = project.LoadWith(ctx, dir, "", project.Outside{}) // what is wrong with it is not the Dockerfile's
		f.ignores, f.err = project.ReadIgnores(dir)
	}
	if o.folders == nil {
		o.folders = map[string]*folder{}
	}
	o.folders[dir] = f
	return f
}

// build is a way to build a Dockerfile, as far as files show it.
type build struct {
	dir   string // the project's folder
	name  string // the Dockerfile, slashed and relative to it
	shown string // as it was named
	// base is how the project's folder is named from here, empty for this one.
	base string
	text []byte
	// context is the folder that the build gets; empty if that is not known.
	context string
	target  string
	args    map[string]string
	// moved is the context as a part of the paths of the project's files.
	moved string
	// inline says that the text is not in a file of its own, so that nothing is fixed.
	inline bool
}

// IsDockerfile says that a name is that of a Dockerfile on this machine.
func IsDockerfile(name string) bool {
	if !project.IsDockerfile(filepath.Base(name)) || strings.HasSuffix(strings.ToLower(name), ".tar") {
		return false // Dockerfile.tar is an image
	}
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// Instead adds to an error about a missing engine that files can be read without one.
func Instead(err error) error {
	if !errors.Is(err, whittle.ErrEngine) {
		return err
	}
	return whittle.WithHint(err, "--static reads the files only, and needs no engine")
}

// Rules are the rules that need no image.
func Rules() []analysis.Rule {
	return slices.DeleteFunc(rule.All(), func(r analysis.Rule) bool { return r.Static == nil })
}

// knownRules returns a usage error that names a rule that is unknown, or needs an image.
func knownRules(only []string) error {
	if err := audit.KnownRules(only); err != nil {
		return err
	}
	for _, id := range only {
		if !slices.ContainsFunc(Rules(), func(r analysis.Rule) bool { return r.ID == id }) {
			return whittle.WithHint(whittle.ErrUsage.Errorf("the rule %s needs an image", id), "leave --static out")
		}
	}
	return nil
}

// rulesOf are the names of the rules that are asked: all, or some of them.
func rulesOf(only []string) []string {
	out := []string{}
	for _, r := range Rules() {
		if len(only) == 0 || slices.Contains(only, r.ID) {
			out = append(out, r.ID)
		}
	}
	return out
}

// Advise gives the findings in Dockerfiles. If one of them cannot be read or parsed, it
// returns those of the others together with the error.
func Advise(ctx context.Context, o Options) (*whittle.StaticAdvice, error) {
	if err := knownRules(o.Only); err != nil {
		return nil, err
	}
	out := &whittle.StaticAdvice{Schema: whittle.StaticSchema, Files: []string{}, Findings: []whittle.StaticFinding{}, Rules: rulesOf(o.Only)}
	builds, notes, failed := o.builds(ctx)
	out.Notes = notes
	for i := range builds {
		b := &builds[i]
		if !slices.Contains(out.Files, b.shown) {
			out.Files = append(out.Files, b.shown)
		}
		file, found, accepted, err := o.find(ctx, b)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		out.Ignored = whittle.MergeIgnored(append(out.Ignored, accepted...))
		for j := range found {
			if f := b.place(file, &found[j]); !slices.ContainsFunc(out.Findings, func(g whittle.StaticFinding) bool {
				return g.Path == f.Path && g.Line == f.Line && g.Rule == f.Rule && g.Message == f.Message
			}) {
				out.Findings = append(out.Findings, f)
			}
		}
	}
	sortFindings(out)
	return out, first(failed)
}

// first is the first of some errors, which says how many there are besides.
func first(all []error) error {
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return fmt.Errorf("%w; and %d more files cannot be read", all[0], len(all)-1)
}

// sortFindings puts findings in the order of the files and of their lines.
func sortFindings(a *whittle.StaticAdvice) {
	slices.SortStableFunc(a.Findings, func(f, g whittle.StaticFinding) int {
		return cmp.Or(slices.Index(a.Files, f.Path)-slices.Index(a.Files, g.Path), f.Line-g.Line, f.Column-g.Column, strings.Compare(f.Rule, g.Rule))
	})
}

// builds are how the Dockerfiles that the options name are built. Errors are of single
// files.
func (o *Options) builds(ctx context.Context) (out []build, notes []string, failed []error) {
	if len(o.Names) == 0 {
		o.Names = []string{"."}
	}
	for _, name := range o.Names {
		if err := ctx.Err(); err != nil {
			return out, notes, append(failed, err)
		}
		var more []build
		var said []string
		var err error
		if info, no := os.Stat(name); no == nil && info.IsDir() {
			more, said, err = o.ofFolder(ctx, name)
		} else {
			more, err = o.ofFile(ctx, name)
		}
		notes = append(notes, said...)
		if err != nil {
			failed = append(failed, err)
		}
		out = append(out, more...)
	}
	return out, notes, failed
}

// ofFolder are the builds of a project's variants.
func (o *Options) ofFolder(ctx context.Context, dir string) ([]build, []string, error) {
	p, err := project.LoadWith(ctx, dir, o.Config, project.Outside{})
	if err != nil {
		return nil, nil, err
	}
	for _, name := range o.Variants {
		if !slices.ContainsFunc(p.Variants, func(v project.Variant) bool { return v.Name == name }) {
			var names []string
			for _, v := range p.Variants {
				names = append(names, v.Name)
			}
			return nil, nil, whittle.WithHint(whittle.ErrUsage.Errorf("no variant is named %q", name), whittle.DidYouMean(name, names, "the variants are "+strings.Join(names, ", ")))
		}
	}
	var out []build
	for _, v := range p.Variants {
		if len(o.Variants) > 0 && !slices.Contains(o.Variants, v.Name) {
			continue
		}
		b, err := ofVariant(p, v)
		if err != nil {
			return nil, nil, err
		}
		b.base = filepath.ToSlash(filepath.Clean(dir))
		b.shown = path.Join(b.base, b.name)
		if filepath.IsAbs(b.name) {
			b.shown = b.name
		}
		if text, ok := o.Texts[b.shown]; ok {
			b.text = text
		}
		out = append(out, b)
	}
	return out, p.Notes, nil
}

func ofVariant(p *project.Project, v project.Variant) (build, error) {
	text, err := p.Source(v)
	if err != nil {
		return build{}, err
	}
	return build{dir: p.Dir, name: v.Dockerfile, text: text, context: p.ContextDir(v), target: v.Target, args: v.Args, moved: v.Context, inline: v.Inline != nil}, nil
}

// ofFile are the builds of a Dockerfile: those of the project in this folder, or in the
// file's own, that have it, else one with the context that what it copies shows.
func (o *Options) ofFile(ctx context.Context, name string) ([]build, error) {
	text, ok := o.Texts[name]
	if !ok {
		var err error
		if text, err = whittle.ReadFile(name, dockerfile.MaxSize); err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, missing(err))
		}
	}
	dir, rel, err := around(name)
	if err != nil {
		return nil, err
	}
	base := filepath.ToSlash(strings.TrimSuffix(name, filepath.FromSlash(rel)))
	if p := o.folder(ctx, dir).project; p != nil {
		var out []build
		for _, v := range p.Variants {
			if v.Dockerfile == rel && v.Inline == nil {
				out = append(out, build{dir: p.Dir, name: rel, shown: name, base: base, text: text, context: p.ContextDir(v), target: v.Target, args: v.Args, moved: v.Context})
			}
		}
		if len(out) > 0 {
			return out, nil
		}
	}
	b := build{dir: dir, name: rel, shown: name, base: base, text: text}
	if within, ok := project.ContextOf(dir, rel); ok {
		b.context, b.moved = filepath.Join(dir, filepath.FromSlash(within)), within
	}
	return []build{b}, nil
}

// Context is the folder that the build of a Dockerfile gets, relative to this one if it is
// in it.
func Context(ctx context.Context, name string) (string, error) {
	builds, err := new(Options).ofFile(ctx, name)
	if err != nil {
		return "", err
	}
	for _, b := range builds {
		if b.context == "" {
			continue
		}
		if here, err := os.Getwd(); err == nil {
			if rel, err := filepath.Rel(here, b.context); err == nil && filepath.IsLocal(rel) {
				return rel, nil
			}
		}
		return b.context, nil
	}
	return "", whittle.WithHint(whittle.ErrUsage.Errorf("what %s copies does not show which folder its build gets", name), "name that folder")
}

// missing is an error with what to try where a file is not there.
func missing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return whittle.WithHint(whittle.ErrUsage.Errorf("no such file"), "name a Dockerfile, or the folder of a project")
	}
	return err
}

// around is the folder of the project that a Dockerfile is taken to be of: this one if
// the file lies in it, else the file's own; with the file's path in it.
func around(name string) (dir, rel string, err error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", "", fmt.Errorf("finding %s: %w", name, err)
	}
	here, err := os.Getwd()
	if err != nil {
		return "", "", whittle.ErrSystem.Errorf("finding this folder: %w", err)
	}
	for _, dir := range []string{here, filepath.Dir(abs)} {
		if rel, err := filepath.Rel(dir, abs); err == nil && filepath.IsLocal(rel) {
			return dir, filepath.ToSlash(rel), nil
		}
	}
	return filepath.Dir(abs), filepath.Base(abs), nil
}

// find asks the rules about a build. accepted are the entries of ignore about these
// rules, and what they did.
func (o *Options) find(ctx context.Context, b *build) (file *dockerfile.File, found []whittle.Finding, accepted []whittle.Ignored, err error) {
	file, err = dockerfile.Parse(b.name, b.text)
	if err != nil {
		return nil, nil, nil, err
	}
	file = file.With(b.args)
	var files fs.FS
	var declared *manifest.Declared
	ignored, err := ignore.Parse(".dockerignore", nil)
	if err != nil {
		return nil, nil, nil, err
	}
	if b.context != "" {
		files = whittle.Folder(b.context)
		declared, _ = manifest.ReadDeclared(files) // what cannot be read declares nothing
		read, err := ignore.Load(b.context, filepath.Join(b.dir, filepath.FromSlash(b.name)))
		switch {
		case err == nil:
			ignored = read
		case !errors.Is(err, fs.ErrNotExist):
			return nil, nil, nil, err
		}
	}
	if _, err := file.Target(b.target); err != nil {
		return nil, nil, nil, err
	}
	found, err = rule.FindStatic(ctx, analysis.NewStatic(file, b.target, files, ignored, declared), o.Only)
	if err != nil {
		return nil, nil, nil, err
	}
	audit.FromProject(found, b.moved, file)
	folder := o.folder(ctx, b.dir)
	if folder.err != nil {
		return nil, nil, nil, folder.err
	}
	ignores, err := audit.Ignores(folder.ignores, file)
	if err != nil {
		return nil, nil, nil, err
	}
	asked := rulesOf(o.Only)
	ignores = slices.DeleteFunc(slices.Clone(ignores), func(i settings.Ignore) bool { return !slices.Contains(asked, i.Rule) })
	found, accepted = settings.Sift(found, ignores, o.Today)
	return file, found, accepted, nil
}

// place is a finding with its place in the file.
func (b *build) place(file *dockerfile.File, f *whittle.Finding) whittle.StaticFinding {
	out := whittle.StaticFinding{Rule: f.Rule, Path: b.shown, Line: 1, Column: 1, EndLine: 1, Message: f.Message, Risk: f.Risk, Caution: f.Caution, Advice: f.Advice, Fix: f.Fix, Fingerprint: f.Fingerprint}
	if f.Saving != (whittle.Saving{}) {
		s := f.Saving
		out.Saving = &s
	}
	if f.Fix != nil {
		fix := *f.Fix
		fix.Patches = slices.Clone(fix.Patches)
		for i := range fix.Patches {
			fix.Patches[i].File = path.Join(b.base, fix.Patches[i].File)
		}
		out.Fix = &fix
	}
	at := f.At
	if at == (whittle.Span{}) {
		at = spanOf(file, f)
	}
	out.Line, out.Column = position(file.Source, at.Start)
	out.EndLine, _ = position(file.Source, max(at.Start, at.End-1))
	return out
}

// spanOf are the bytes of the instruction that the first evidence names.
func spanOf(file *dockerfile.File, f *whittle.Finding) whittle.Span {
	for _, e := range f.Evidence {
		if e.Line == 0 || path.Base(e.File) != path.Base(file.Name) {
			continue
		}
		for i := range file.Stages {
			st := &file.Stages[i]
			if st.Head.Line == e.Line {
				return st.Head.Span
			}
			for j := range st.Instructions {
				if st.Instructions[j].Line == e.Line {
					return st.Instructions[j].Span
				}
			}
		}
	}
	return whittle.Span{}
}

// position is the line and the column of a byte, both from 1; columns are bytes.
func position(src []byte, at int) (line, column int) {
	before := src[:min(at, len(src))]
	return bytes.Count(before, []byte("\n")) + 1, len(before) - bytes.LastIndexByte(before, '\n')
}
