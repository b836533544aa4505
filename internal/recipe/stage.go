package recipe

import (
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
)

// Chain are the instructions that make the image, in the order they run.
func (rc *Recipe) Chain() []*dockerfile.Instruction {
	if rc.Dockerfile == nil {
		return nil
	}
	st, err := rc.Dockerfile.Target(rc.Target)
	if err != nil {
		return nil
	}
	return rc.ChainOf(st)
}

// Runs are the RUNs among [Recipe.Chain] that made a layer, with that layer.
func (rc *Recipe) Runs() iter.Seq2[*dockerfile.Instruction, int] {
	return func(yield func(*dockerfile.Instruction, int) bool) {
		for _, in := range rc.Chain() {
			if layer := rc.LayerOf(in); in.Keyword == "RUN" && layer >= 0 && !yield(in, layer) {
				return
			}
		}
	}
}

// ChainOf are the instructions that make a stage, those of the stages that it
// builds on first.
func (rc *Recipe) ChainOf(st *dockerfile.Stage) []*dockerfile.Instruction {
	var out []*dockerfile.Instruction
	for st != nil {
		mine := make([]*dockerfile.Instruction, len(st.Instructions))
		for i := range st.Instructions {
			mine[i] = &st.Instructions[i]
		}
		out = append(mine, out...)
		if st.From == nil {
			break
		}
		st = &rc.Dockerfile.Stages[*st.From]
	}
	return out
}

// BaseOf is the image that a stage is built on at last, empty where an
// argument without a value decides.
func (rc *Recipe) BaseOf(st *dockerfile.Stage) string {
	for st.From != nil {
		st = &rc.Dockerfile.Stages[*st.From]
	}
	return st.BaseResolved
}

// LayerOf is the layer that an instruction of the chain made, -1 for none.
func (rc *Recipe) LayerOf(in *dockerfile.Instruction) int {
	for i := range rc.Steps {
		if o := rc.Steps[i].Origin; o != nil && o.Span == in.Span && rc.Steps[i].Layer >= 0 {
			return rc.Steps[i].Layer
		}
	}
	return -1
}

// Between are the chain's instructions after one and before another; ok is
// false where they are not in that order.
func (rc *Recipe) Between(a, b *dockerfile.Instruction) (out []*dockerfile.Instruction, ok bool) {
	chain := rc.Chain()
	i, j := slices.Index(chain, a), slices.Index(chain, b)
	if i < 0 || j <= i {
		return nil, false
	}
	return chain[i+1 : j], true
}

// Last is the value of the last instruction of a keyword (WORKDIR, USER) that
// runs before in, in its stage and those below; empty where the base decides.
func (rc *Recipe) Last(in *dockerfile.Instruction, keyword string) string {
	value := ""
	for _, other := range rc.ChainOf(&rc.Dockerfile.Stages[in.Stage]) {
		if other == in {
			break
		}
		if other.Keyword == keyword && len(other.Args) > 0 {
			v := strings.Trim(other.Args[0].Value, `"'`)
			if keyword == "WORKDIR" && !path.IsAbs(v) {
				v = path.Join("/", value, v)
			}
			value = v
		}
	}
	return value
}

// Env is the value of a variable that an ENV sets before an instruction runs, in
// its stage and those below, as written but for the quotes; ok is false if none
// does.
func (rc *Recipe) Env(in *dockerfile.Instruction, name string) (value string, ok bool) {
	for _, other := range rc.ChainOf(&rc.Dockerfile.Stages[in.Stage]) {
		if other == in {
			break
		}
		if other.Keyword != "ENV" {
			continue
		}
		if len(other.Args) == 2 && other.Args[0].Value == name {
			value, ok = other.Args[1].Value, true
		}
		for _, a := range other.Args {
			if n, v, joined := strings.Cut(a.Value, "="); joined && n == name {
				value, ok = strings.Trim(v, `"'`), true
			}
		}
	}
	return value, ok
}

// Ships says that what a stage makes may come into the image: the target needs it.
func (rc *Recipe) Ships(stage int) bool {
	return slices.Contains(rc.Dockerfile.Needs(rc.Target), stage)
}

// IsRoot says whether a USER is root; the base's own is taken to be.
func IsRoot(user string) bool {
	name, _, _ := strings.Cut(user, ":")
	return name == "" || name == "root" || name == "0"
}

// Copy is a COPY or ADD that made a layer.
type Copy struct {
	Instruction *dockerfile.Instruction
	Layer       int
	// Stage is what --from names, nil for the build context; image says that
	// --from names an image from outside.
	Stage    *dockerfile.Stage
	External bool
	// Sources are as written but for the quotes. dest is where the files came
	// to, clean and relative.
	Sources []string
	Dest    string
}

// LayerCopy reads the COPY or ADD that made a layer; ok is false for other layers
// and where the words do not show where the files came to.
func (rc *Recipe) LayerCopy(layer int) (c Copy, ok bool) {
	c, ok = rc.ReadCopy(rc.Instruction(layer))
	if c.Layer = layer; !ok {
		return c, false
	}
	for i := range rc.Indexes[layer].Entries {
		if e := &rc.Indexes[layer].Entries[i]; e.Kind == whittle.File && !whittle.Under(e.Path, c.Dest) {
			return c, false // a variable or a link leads elsewhere
		}
	}
	return c, true
}

// ReadCopy reads a COPY or ADD of any stage, whose layer is not known.
func (rc *Recipe) ReadCopy(in *dockerfile.Instruction) (c Copy, ok bool) {
	if in == nil || in.Keyword != "COPY" && in.Keyword != "ADD" || len(in.Args) < 2 || len(in.Heredocs) > 0 {
		return c, false
	}
	c = Copy{Instruction: in, Layer: -1}
	for _, a := range in.Args {
		if strings.ContainsAny(a.Value, "$") {
			return c, false
		}
		c.Sources = append(c.Sources, strings.Trim(a.Value, `"'`))
	}
	last := len(c.Sources) - 1
	c.Dest = whittle.Join(rc.Last(in, "WORKDIR"), c.Sources[last])
	c.Sources = c.Sources[:last]
	for _, s := range c.Sources {
		if strings.Contains(s, "://") || strings.HasPrefix(s, "git@") {
			return c, false
		}
	}
	if from := in.Flag("from"); len(from) > 0 {
		st, err := rc.Dockerfile.Target(from[0])
		if c.Stage, c.External = st, err != nil; c.External {
			c.Stage = nil
		}
	}
	return c, true
}

// FromContext says that a copy brings files from the build context.
func (c *Copy) FromContext() bool { return c.Stage == nil && !c.External }

// SamePath says whether a copy from a stage puts a path where it was there.
func (c *Copy) SamePath() bool {
	return c.Stage != nil && len(c.Sources) == 1 && path.IsAbs(c.Sources[0]) && whittle.Join("", c.Sources[0]) == c.Dest
}

// Origin is the path in the build context of what a copy brought to a path;
// ok is false where the words do not show it, or the context has no such file.
// What comes from a stage is looked for in what that stage copied.
func (rc *Recipe) Origin(c *Copy, at string) (string, bool) {
	for _, t := range c.candidates(at) {
		if c.FromContext() && rc.InContext(t) {
			return t, true
		}
		if c.Stage == nil {
			continue
		}
		for _, in := range rc.ChainOf(c.Stage) {
			if below, ok := rc.ReadCopy(in); ok && below.FromContext() && whittle.Under(t, below.Dest) {
				if from, ok := rc.Origin(&below, t); ok {
					return from, true
				}
			}
		}
	}
	return "", false
}

// candidates are the paths that what is at a path may have had before it
// was copied: in a folder whose contents were, or under its own name.
func (c *Copy) candidates(at string) (out []string) {
	rest := strings.TrimPrefix(strings.TrimPrefix(at, c.Dest), "/")
	for _, s := range c.Sources {
		s = strings.Trim(path.Clean("/"+s), "/")
		out = append(out, path.Join(s, rest))
		if rest == path.Base(s) {
			out = append(out, s)
		}
	}
	return out
}

// UsesBuildKit says whether the Dockerfile asks for BuildKit already: by its
// syntax, a mount or a flag that only BuildKit has.
func (rc *Recipe) UsesBuildKit() bool {
	if rc.Dockerfile.Syntax != "" {
		return true
	}
	for i := range rc.Dockerfile.Stages {
		for j := range rc.Dockerfile.Stages[i].Instructions {
			in := &rc.Dockerfile.Stages[i].Instructions[j]
			if in.Keyword == "RUN" && len(in.Flags) > 0 || len(in.Heredocs) > 0 {
				return true
			}
			if len(in.Flag("chmod"))+len(in.Flag("link"))+len(in.Flag("parents")) > 0 {
				return true
			}
		}
	}
	return false
}

// Mounts are the targets of a RUN's mounts as clean relative paths, by type.
func (rc *Recipe) Mounts(in *dockerfile.Instruction) map[string]string {
	out := map[string]string{}
	for _, m := range in.Flag("mount") {
		kind, target := "bind", ""
		for _, field := range strings.Split(m, ",") {
			k, v, _ := strings.Cut(field, "=")
			switch strings.ToLower(k) {
			case "type":
				kind = v
			case "target", "dst", "destination":
				target = v
			}
		}
		out[whittle.Join(rc.Last(in, "WORKDIR"), strings.Trim(target, `"'`))] = kind
	}
	return out
}

// InContext says whether the build context has a path.
func (rc *Recipe) InContext(at string) bool {
	if rc.Context == nil || !fs.ValidPath(at) || rc.Ignore.Excludes(at) {
		return false
	}
	_, err := fs.Stat(rc.Context, at)
	return err == nil
}

// maxSources bounds the Python files of a project that are looked at.
const maxSources = 20_000

// PythonSources are the Python files of the project, without those of environments
// and hidden folders.
func (rc *Recipe) PythonSources() []string {
	var out []string
	_ = fs.WalkDir(rc.Context, ".", func(at string, d fs.DirEntry, err error) error {
		switch name := path.Base(at); {
		case err != nil || len(out) >= maxSources:
			return fs.SkipDir
		case d.IsDir() && at != "." && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "venv" || name == "site-packages"):
			return fs.SkipDir
		case strings.HasSuffix(at, ".py") && d.Type().IsRegular():
			out = append(out, at)
		}
		return nil
	})
	return out
}

// MountTarget is where a mount puts what a copy of one source brought: a folder, or
// a file that keeps its name or gets one.
func (rc *Recipe) MountTarget(c *Copy) string {
	name := path.Join(c.Dest, path.Base(path.Clean("/"+c.Sources[0])))
	for i := range rc.Indexes[c.Layer].Entries {
		if e := &rc.Indexes[c.Layer].Entries[i]; e.Kind == whittle.File && e.Path != name {
			return c.Dest
		}
	}
	return name
}
