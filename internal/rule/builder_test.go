package rule

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
)

// node is what stands at a path of a made-up build: a folder has no content.
type node struct {
	content string // in the harness's form: a*500
	mode    string
	owner   string
	dir     bool
}

// tree is a root file system by clean relative path.
type tree map[string]node

// build runs a Dockerfile without a container, as an oracle of what fixes save:
// RUN knows mk PATH CONTENT, use PATH (which fails where nothing is), rm,
// find with -name and -delete or rm, chmod, chown, mv and useradd; COPY knows
// files and folders, --from, --chmod and --chown. It gives the layers of the
// last stage on top of the base in the notation of imagetest, and its tree.
func build(f *dockerfile.File, base, context tree) (layers []string, last tree, err error) {
	trees := map[string]tree{}
	for i := range f.Stages {
		st := &f.Stages[i]
		s := &stage{tree: maps.Clone(base), others: trees, context: context}
		layers = []string{layerText(tree{}, base)}
		for j := range st.Instructions {
			in := &st.Instructions[j]
			before := maps.Clone(s.tree)
			switch in.Keyword {
			case "RUN":
				err = s.run(in)
			case "COPY":
				err = s.copy(in)
			default:
				continue
			}
			if err != nil {
				return nil, nil, fmt.Errorf("line %d: %w", in.Line, err)
			}
			layers = append(layers, layerText(before, s.tree))
		}
		trees[st.Label()], last = s.tree, s.tree
	}
	return layers, last, nil
}

// layerText is what changed from one tree to the next.
func layerText(before, after tree) string {
	var b strings.Builder
	for _, at := range slices.Sorted(maps.Keys(after)) {
		n := after[at]
		if was, ok := before[at]; ok && was == n {
			continue
		}
		if n.dir {
			fmt.Fprintf(&b, "d %s mode=0%s uid=%s\n", at, n.mode, n.owner)
		} else {
			fmt.Fprintf(&b, "f %s %s mode=0%s uid=%s\n", at, n.content, n.mode, n.owner)
		}
	}
	for _, at := range slices.Sorted(maps.Keys(before)) {
		if _, ok := after[at]; !ok {
			if _, parent := after[path.Dir(at)]; parent || path.Dir(at) == "." {
				fmt.Fprintf(&b, "w %s\n", at)
			}
		}
	}
	return b.String() + "# the end\n"
}

// unpacked is the sum of a layer's files in bytes.
func unpacked(layer string) (sum int64) {
	for line := range strings.Lines(layer) {
		if f := strings.Fields(line); f[0] == "f" {
			n, _ := strconv.ParseInt(f[2][2:], 10, 64)
			sum += n
		}
	}
	return sum
}

type stage struct {
	tree
	others  map[string]tree
	context tree
	mounted []string
}

// add puts a node into the tree, with the folders above it. A file does not
// take a folder's place, nor a folder a file's.
func (s *stage) add(at string, n node) error {
	for dir := path.Dir(at); dir != "."; dir = path.Dir(dir) {
		if was, ok := s.tree[dir]; !ok {
			s.tree[dir] = node{mode: "755", owner: "0", dir: true}
		} else if !was.dir {
			return fmt.Errorf("%s is a file", dir)
		}
	}
	if was, ok := s.tree[at]; ok && was.dir != n.dir {
		return fmt.Errorf("%s is a folder, or is not", at)
	}
	s.tree[at] = n
	return nil
}

// below lists a path and what lies in it.
func (t tree) below(at string) (out []string) {
	for _, p := range slices.Sorted(maps.Keys(t)) {
		if whittle.Under(p, at) {
			out = append(out, p)
		}
	}
	return out
}

func (s *stage) copy(in *dockerfile.Instruction) error {
	from := s.context
	if names := in.Flag("from"); len(names) > 0 {
		from = s.others[names[0]]
	}
	n := len(in.Args) - 1
	dest := whittle.Join("", in.Args[n].Value)
	for _, a := range in.Args[:n] {
		source := whittle.Join("", a.Value)
		found := from.below(source)
		if len(found) == 0 {
			return fmt.Errorf("COPY: no %s", source)
		}
		dest := dest
		if !from[source].dir && s.tree[dest].dir {
			dest = path.Join(dest, path.Base(source))
		}
		for _, at := range found {
			file := from[at]
			for _, mode := range in.Flag("chmod") {
				file.mode = mode
			}
			for _, owner := range in.Flag("chown") {
				file.owner, _, _ = strings.Cut(owner, ":")
			}
			to := path.Join(dest, strings.TrimPrefix(at, source))
			if was, ok := s.tree[to]; ok && was.dir && file.dir {
				continue // a folder that is there stays as it is
			}
			if err := s.add(to, file); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *stage) run(in *dockerfile.Instruction) error {
	script, err := in.Shell()
	if err != nil {
		return err
	}
	s.mounted = nil
	for _, m := range in.Flag("mount") {
		if err := s.mount(m); err != nil {
			return err
		}
	}
	for _, c := range script.Commands() {
		var words []string
		for _, w := range c.Words {
			words = append(words, w.Value)
		}
		if err := s.command(words); err != nil {
			return err
		}
	}
	for _, at := range s.mounted {
		for _, p := range s.below(at) {
			delete(s.tree, p)
		}
	}
	return nil
}

func (s *stage) mount(value string) error {
	f := map[string]string{}
	for _, field := range strings.Split(value, ",") {
		k, v, _ := strings.Cut(field, "=")
		f[k] = v
	}
	from := s.context
	if name, ok := f["from"]; ok {
		from = s.others[name]
	}
	source, target := whittle.Join("", f["source"]), whittle.Join("", f["target"])
	if _, ok := s.tree[target]; ok || len(from.below(source)) == 0 {
		return fmt.Errorf("mount: %s has no %s, or it hides something", value, source)
	}
	for _, at := range from.below(source) {
		s.tree[path.Join(target, strings.TrimPrefix(at, source))] = from[at]
	}
	s.mounted = append(s.mounted, target)
	return nil
}

func (s *stage) command(words []string) error {
	at := func(i int) string { return whittle.Join("", words[i]) }
	last := len(words) - 1
	switch words[0] {
	case "mk":
		return s.add(at(1), node{content: words[2], mode: "644", owner: "0"})
	case "use":
		if len(s.below(at(1))) == 0 {
			return fmt.Errorf("use: no %s", words[1])
		}
	case "useradd":
	case "rm":
		return s.rm(words[1:])
	case "find":
		pattern := words[slices.Index(words, "-name")+1]
		for _, p := range s.below(at(1)) {
			if ok, _ := path.Match(pattern, path.Base(p)); ok {
				for _, q := range s.below(p) {
					delete(s.tree, q)
				}
			}
		}
	case "chmod", "chown":
		paths := []string{at(last)}
		if words[1] == "-R" {
			paths = s.below(at(last))
		}
		if _, ok := s.tree[at(last)]; !ok {
			return fmt.Errorf("%s: no %s", words[0], words[last])
		}
		for _, p := range paths {
			n := s.tree[p]
			if value := words[last-1]; words[0] == "chmod" {
				n.mode = value
			} else {
				n.owner, _, _ = strings.Cut(value, ":")
			}
			s.tree[p] = n
		}
	case "mv":
		if len(s.below(at(1))) == 0 {
			return fmt.Errorf("mv: no %s", words[1])
		}
		for _, p := range s.below(at(1)) {
			if err := s.add(at(2)+strings.TrimPrefix(p, at(1)), s.tree[p]); err != nil {
				return err
			}
			delete(s.tree, p)
		}
	default:
		return fmt.Errorf("no command %q", words)
	}
	return nil
}

// rm deletes what words name; "/*" is what lies in a folder.
func (s *stage) rm(words []string) error {
	for _, w := range words {
		if w == "-rf" {
			continue
		}
		gone := s.below(whittle.Join("", strings.TrimSuffix(w, "/*")))
		if strings.HasSuffix(w, "/*") && len(gone) > 0 {
			gone = gone[1:]
		}
		for _, p := range gone {
			if slices.ContainsFunc(s.mounted, func(m string) bool { return whittle.Under(p, m) }) {
				return fmt.Errorf("rm: %s is mounted", p)
			}
			delete(s.tree, p)
		}
	}
	return nil
}
