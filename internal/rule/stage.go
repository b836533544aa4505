package rule

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
)

// chain are the instructions that make the image, in the order they run.
func (rc *recipe) chain() []*dockerfile.Instruction {
	if rc.dockerfile == nil {
		return nil
	}
	st, err := rc.dockerfile.Target(rc.target)
	if err != nil {
		return nil
	}
	return rc.chainOf(st)
}

// chainOf are the instructions that make a stage, those of the stages that it
// builds on first.
func (rc *recipe) chainOf(st *dockerfile.Stage) []*dockerfile.Instruction {
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
		st = &rc.dockerfile.Stages[*st.From]
	}
	return out
}

// baseOf is the image that a stage is built on at last, empty where an
// argument without a value decides.
func (rc *recipe) baseOf(st *dockerfile.Stage) string {
	for st.From != nil {
		st = &rc.dockerfile.Stages[*st.From]
	}
	return st.BaseResolved
}

// layerOf is the layer that an instruction of the chain made, -1 for none.
func (rc *recipe) layerOf(in *dockerfile.Instruction) int {
	for i := range rc.steps {
		if o := rc.steps[i].Origin; o != nil && o.Span == in.Span && rc.steps[i].Layer >= 0 {
			return rc.steps[i].Layer
		}
	}
	return -1
}

// between are the chain's instructions after one and before another; ok is
// false where they do not stand in that order.
func (rc *recipe) between(a, b *dockerfile.Instruction) (out []*dockerfile.Instruction, ok bool) {
	chain := rc.chain()
	i, j := slices.Index(chain, a), slices.Index(chain, b)
	if i < 0 || j <= i {
		return nil, false
	}
	return chain[i+1 : j], true
}

// last is the value of the last instruction of a keyword (WORKDIR, USER) that
// runs before in, in its stage and those below; empty where the base decides.
func (rc *recipe) last(in *dockerfile.Instruction, keyword string) string {
	value := ""
	for _, other := range rc.chainOf(&rc.dockerfile.Stages[in.Stage]) {
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

// isRoot says whether a USER is root; the base's own is taken to be.
func isRoot(user string) bool {
	name, _, _ := strings.Cut(user, ":")
	return name == "" || name == "root" || name == "0"
}

// copied is a COPY or ADD that made a layer.
type copied struct {
	in    *dockerfile.Instruction
	layer int
	// stage is what --from names, nil for the build context; image says that
	// --from names an image from outside.
	stage *dockerfile.Stage
	image bool
	// sources are as written but for the quotes. dest is where the files came
	// to, clean and relative.
	sources []string
	dest    string
}

// copy reads the COPY or ADD that made a layer; ok is false for other layers
// and where the words do not tell where the files came to.
func (rc *recipe) copy(layer int) (c copied, ok bool) {
	c, ok = rc.copyOf(rc.instruction(layer))
	if c.layer = layer; !ok {
		return c, false
	}
	for i := range rc.indexes[layer].Entries {
		if e := &rc.indexes[layer].Entries[i]; e.Kind == whittle.File && !whittle.Under(e.Path, c.dest) {
			return c, false // a variable or a link leads elsewhere
		}
	}
	return c, true
}

// copyOf reads a COPY or ADD of any stage, whose layer is not known.
func (rc *recipe) copyOf(in *dockerfile.Instruction) (c copied, ok bool) {
	if in == nil || in.Keyword != "COPY" && in.Keyword != "ADD" || len(in.Args) < 2 || len(in.Heredocs) > 0 {
		return c, false
	}
	c = copied{in: in, layer: -1}
	for _, a := range in.Args {
		if strings.ContainsAny(a.Value, "$") {
			return c, false
		}
		c.sources = append(c.sources, strings.Trim(a.Value, `"'`))
	}
	last := len(c.sources) - 1
	c.dest = whittle.Join(rc.last(in, "WORKDIR"), c.sources[last])
	c.sources = c.sources[:last]
	for _, s := range c.sources {
		if strings.Contains(s, "://") || strings.HasPrefix(s, "git@") {
			return c, false
		}
	}
	if from := in.Flag("from"); len(from) > 0 {
		st, err := rc.dockerfile.Target(from[0])
		if c.stage, c.image = st, err != nil; c.image {
			c.stage = nil
		}
	}
	return c, true
}

// context says that a copy brings files from the build context.
func (c *copied) context() bool { return c.stage == nil && !c.image }

// same says whether a copy from a stage puts a path where it was there.
func (c *copied) same() bool {
	return c.stage != nil && len(c.sources) == 1 && path.IsAbs(c.sources[0]) && whittle.Join("", c.sources[0]) == c.dest
}

// origin is the path in the build context of what a copy brought to a path;
// ok is false where the words do not tell, or the context has no such file.
// What comes from a stage is looked for in what that stage copied.
func (rc *recipe) origin(c *copied, at string) (string, bool) {
	for _, t := range c.candidates(at) {
		if c.context() && rc.inContext(t) {
			return t, true
		}
		if c.stage == nil {
			continue
		}
		for _, in := range rc.chainOf(c.stage) {
			if below, ok := rc.copyOf(in); ok && below.context() && whittle.Under(t, below.dest) {
				if from, ok := rc.origin(&below, t); ok {
					return from, true
				}
			}
		}
	}
	return "", false
}

// candidates are the paths that what stands at a path may have had before it
// was copied: in a folder whose contents were, or under its own name.
func (c *copied) candidates(at string) (out []string) {
	rest := strings.TrimPrefix(strings.TrimPrefix(at, c.dest), "/")
	for _, s := range c.sources {
		s = strings.Trim(path.Clean("/"+s), "/")
		out = append(out, path.Join(s, rest))
		if rest == path.Base(s) {
			out = append(out, s)
		}
	}
	return out
}

// buildkit says whether the Dockerfile asks for BuildKit already: by its
// syntax, a mount or a flag that only BuildKit has.
func (rc *recipe) buildkit() bool {
	if rc.dockerfile.Syntax != "" {
		return true
	}
	for i := range rc.dockerfile.Stages {
		for j := range rc.dockerfile.Stages[i].Instructions {
			in := &rc.dockerfile.Stages[i].Instructions[j]
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

// mounts are the targets of a RUN's mounts as clean relative paths, by type.
func (rc *recipe) mounts(in *dockerfile.Instruction) map[string]string {
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
		out[whittle.Join(rc.last(in, "WORKDIR"), strings.Trim(target, `"'`))] = kind
	}
	return out
}

// inContext says whether the build context has a path.
func (rc *recipe) inContext(at string) bool {
	if rc.project == nil || !fs.ValidPath(at) || rc.ignore.Ignore(at) {
		return false
	}
	_, err := fs.Stat(rc.project, at)
	return err == nil
}

// maxSources bounds the Python files of a project that are looked at.
const maxSources = 20_000

// sources are the Python files of the project, without those of environments
// and hidden folders.
func (rc *recipe) sources() []string {
	var out []string
	_ = fs.WalkDir(rc.project, ".", func(at string, d fs.DirEntry, err error) error {
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

// mountTarget is where a mount puts what a copy of one source brought: a folder, or
// a file that keeps its name or gets one.
func (rc *recipe) mountTarget(c *copied) string {
	name := path.Join(c.dest, path.Base(path.Clean("/"+c.sources[0])))
	for i := range rc.indexes[c.layer].Entries {
		if e := &rc.indexes[c.layer].Entries[i]; e.Kind == whittle.File && e.Path != name {
			return c.dest
		}
	}
	return name
}
