package dockerfile

import (
	"runtime"
	"slices"
	"strconv"
	"strings"

	"whittle.dev/whittle"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// Scratch is the name of the base that holds nothing.
const Scratch = "scratch"

// With is the file with its base images and platforms resolved for the given
// build arguments. TARGETPLATFORM and BUILDPLATFORM and their parts (such as
// TARGETARCH) may be among them; they are this machine's architecture on Linux
// by default.
func (f *File) With(args map[string]string) *File {
	g := *f
	g.Stages = slices.Clone(f.Stages)
	g.resolve(args)
	return &g
}

// resolve fills in the stages' bases, platforms and origins in the way of
// BuildKit's frontend (dockerfile2llb).
func (f *File) resolve(args map[string]string) {
	env := f.globals(args)
	latest := map[string]int{}
	for i := range f.Stages {
		st := &f.Stages[i]
		st.BaseResolved, _ = ExpandWith(st.Base, f.Escape, env)
		st.PlatformResolved, _ = ExpandWith(st.Platform, f.Escape, env)
		st.From = nil
		if j, ok := latest[st.BaseResolved]; ok {
			st.From = &j
		}
		if st.Name != "" {
			latest[st.Name] = i
		}
	}
}

// globals are the variables that FROM lines may use.
func (f *File) globals(args map[string]string) lookup {
	env := platformArgs(args)
	env["TARGETSTAGE"] = "default"
	if n := len(f.Stages); n > 0 && f.Stages[n-1].Name != "" {
		env["TARGETSTAGE"] = f.Stages[n-1].Name
	}
	for name := range env {
		if v, ok := args[name]; ok {
			env[name] = v
		}
	}
	for i := range f.Meta {
		for _, kv := range f.Meta[i].parsed.(*instructions.ArgCommand).Args {
			if v, ok := args[kv.Key]; ok {
				env[kv.Key] = v
			} else if kv.Value != nil {
				env[kv.Key], _ = ExpandWith(*kv.Value, f.Escape, env)
			}
			if len(env[kv.Key]) > MaxValue {
				env[kv.Key] = ""
			}
		}
	}
	return env
}

// platformArgs are the variables that BuildKit sets for every build. A part
// that is not given is taken from the whole platform.
func platformArgs(args map[string]string) lookup {
	env := lookup{}
	for _, side := range []string{"BUILD", "TARGET"} {
		p, err := whittle.ParsePlatform(args[side+"PLATFORM"])
		if err != nil {
			p = whittle.Platform{OS: "linux", Architecture: runtime.GOARCH}
		}
		env[side+"PLATFORM"] = p.String()
		env[side+"OS"], env[side+"ARCH"], env[side+"VARIANT"] = p.OS, p.Architecture, p.Variant
		env[side+"OSVERSION"] = ""
	}
	return env
}

// lookup is an environment for BuildKit's word expansion.
type lookup map[string]string

// Get is one variable.
func (l lookup) Get(name string) (string, bool) { v, ok := l[name]; return v, ok }

// Keys are the names of all variables, sorted.
func (l lookup) Keys() []string {
	keys := make([]string, 0, len(l))
	for k := range l {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Variables that are longer, and words that use more of them, are not
// expanded: a few lines of ARG A=$A$A would otherwise fill the memory.
const (
	MaxValue     = 4 << 10
	maxVariables = 500
)

// Environment gives the values of variables. Its Get says whether a variable is
// set; Keys are the names of all, sorted.
type Environment = shell.EnvGetter

// ExpandWith replaces the variables of a word and takes its quotes off, as
// BuildKit does. It is not ok for a word that is malformed or uses too many.
func ExpandWith(word string, escape rune, env Environment) (string, bool) {
	if strings.Count(word, "$") > maxVariables {
		return "", false
	}
	out, _, err := shell.NewLex(escape).ProcessWord(word, env)
	return out, err == nil
}

// Expand replaces the variables of a word, of a Dockerfile's instruction or of a
// shell command, by their values and takes its quotes off. It is not ok where
// one of them has no value there, or is written with a modifier (${X:-y}).
func Expand(word string, values map[string]string) (string, bool) {
	if HasModifier(word) {
		return "", false
	}
	missing := false
	out, ok := ExpandWith(word, '\\', known{values, &missing})
	return out, ok && !missing
}

// HasModifier says that a word has a ${X} with a modifier (${X:-y}).
func HasModifier(word string) bool {
	for {
		_, rest, ok := strings.Cut(word, "${")
		if !ok {
			return false
		}
		end := strings.IndexFunc(rest, func(r rune) bool {
			return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
		})
		if end < 0 || rest[end] != '}' {
			return true
		}
		word = rest[end:]
	}
}

// known notes whether an expansion asks for a variable without a value.
type known struct {
	lookup
	missing *bool
}

// Get is one variable.
func (k known) Get(name string) (string, bool) {
	v, ok := k.lookup[name]
	if !ok {
		*k.missing = true
	}
	return v, ok
}

// Target finds a stage by its name in any case or by its number; "" is the
// last stage.
func (f *File) Target(name string) (*Stage, error) {
	if name == "" {
		return &f.Stages[len(f.Stages)-1], nil
	}
	if i, ok := f.stage(name); ok {
		return &f.Stages[i], nil
	}
	if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(f.Stages) {
		return &f.Stages[i], nil
	}
	labels := make([]string, len(f.Stages))
	for i := range f.Stages {
		labels[i] = f.Stages[i].Label()
	}
	err := whittle.ErrUsage.Errorf("%s has no stage %q", f.Name, name)
	if len(labels) == 1 {
		return nil, whittle.WithHint(err, whittle.DidYouMean(name, labels, "it has one stage only: leave the name out"))
	}
	return nil, whittle.WithHint(err, whittle.DidYouMean(name, labels, "the stages are "+strings.Join(labels, ", ")))
}

// stage is the last stage of that name, which is the one that BuildKit takes.
func (f *File) stage(name string) (int, bool) {
	for i := len(f.Stages) - 1; i >= 0; i-- {
		if f.Stages[i].Name != "" && strings.EqualFold(f.Stages[i].Name, name) {
			return i, true
		}
	}
	return 0, false
}

// Chain returns the instructions that make the target, in the order they run:
// those of the stages that it builds on first. FROM lines and what the base
// image brings are not among them.
func (f *File) Chain(target string) ([]Instruction, error) {
	st, err := f.Target(target)
	if err != nil {
		return nil, err
	}
	var out []Instruction
	for _, i := range f.Ancestry(st) {
		out = append(out, f.Stages[i].Instructions...)
	}
	return out, nil
}

// Ancestry lists the stages that st builds on and st itself, by their indexes:
// first the one on a base image.
func (f *File) Ancestry(st *Stage) []int {
	stages := []int{st.Index}
	for st.From != nil {
		st = &f.Stages[*st.From]
		stages = append(stages, st.Index)
	}
	slices.Reverse(stages)
	return stages
}

// Bases lists the images from outside that the target needs, each once, in the
// order of the file: bases of every stage that it reaches by FROM, COPY --from
// and RUN --mount=from, with the build arguments replaced. A base whose
// argument has no value is listed as written. Empty for an unknown target.
func (f *File) Bases(target string, args map[string]string) []string {
	var out []string
	for _, name := range slices.Concat(f.With(args).reached(target)...) {
		if name != Scratch && name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// Needs are the indexes of the stages that the target needs: its own, and those
// that it reaches by FROM, COPY --from and RUN --mount=from. It is empty for an
// unknown target.
func (f *File) Needs(target string) []int {
	var out []int
	for i, images := range f.reached(target) {
		if images != nil {
			out = append(out, i)
		}
	}
	return out
}

// reached has the images that each stage needs directly, nil for the stages that
// the target does not reach.
func (f *File) reached(target string) [][]string {
	st, err := f.Target(target)
	if err != nil {
		return nil
	}
	needs := make([][]string, len(f.Stages))
	for todo := []int{st.Index}; len(todo) > 0; {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if needs[i] == nil {
			var stages []int
			stages, needs[i] = f.sources(&f.Stages[i])
			todo = append(todo, stages...)
		}
	}
	return needs
}

// sources are the stages and the images that a stage needs directly; the images
// are not nil.
func (f *File) sources(st *Stage) (stages []int, images []string) {
	images = []string{}
	var ran []Instruction
	switch {
	case st.From != nil:
		stages = append(stages, *st.From)
		ran = f.triggers(*st.From)
	case st.BaseResolved == "":
		images = append(images, st.Base)
	default:
		images = append(images, st.BaseResolved)
	}
	for _, in := range append(ran, st.Instructions...) {
		for _, name := range in.sources() {
			i, ok := f.stage(name)
			if n, err := strconv.Atoi(name); err == nil && in.Keyword == "COPY" && n >= 0 && n < len(f.Stages) {
				i, ok = n, true
			}
			if ok {
				stages = append(stages, i)
			} else {
				images = append(images, name)
			}
		}
	}
	return stages, images
}

// triggers are the ONBUILD instructions of a stage, which run in those that build
// on it.
func (f *File) triggers(stage int) (out []Instruction) {
	for i := range f.Stages[stage].Instructions {
		if t := f.Stages[stage].Instructions[i].Trigger; t != nil {
			out = append(out, *t)
		}
	}
	return out
}

// sources are the stages or images that COPY --from and RUN --mount=from name.
func (in *Instruction) sources() []string {
	if in.Keyword == "COPY" {
		return in.Flag("from")
	}
	var names []string
	for _, mount := range in.Flag("mount") {
		for _, field := range strings.Split(mount, ",") {
			if k, v, ok := strings.Cut(field, "="); ok && strings.EqualFold(k, "from") {
				names = append(names, v)
			}
		}
	}
	return names
}
