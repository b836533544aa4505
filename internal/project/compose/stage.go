package compose

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/template"
	"go.yaml.in/yaml/v4"

	"whittle.dev/whittle"
)

// The limits of what is read.
const (
	maxFile  = 1 << 20 // bytes of one file
	maxFiles = 64      // compose files and files of variables
	maxNodes = 200_000 // nodes of all files, aliases replaced
	maxText  = 8 << 20 // bytes of all scalars, variables replaced
	// compose-go's time grows with the square of these.
	maxServices   = 500 // of all files
	maxDocuments  = 64  // of a file
	maxReferences = 500 // to variables in one scalar
	maxBases      = 20  // of a service in one file
)

// stage reads compose files and writes what compose-go reads in their place. It is
// the resource loader through which compose-go finds them.
type stage struct {
	from Outside
	dir  string // of the texts for compose-go
	// files are the texts by the file and the folder of its paths; folders are
	// those folders by the texts.
	files, folders map[string]string
	reads          int
	nodes, bytes   int
	// needed are the services that count, nil for all.
	needed map[string]bool
	order  []string
	hidden []string
}

// document is a compose file.
type document struct {
	file  string
	roots []*yaml.Node // of its documents, without aliases and merges
}

// content is the content of a file that a compose file names.
func (s *stage) content(file string) ([]byte, error) {
	if s.reads++; s.reads > maxFiles {
		return nil, whittle.ErrUsage.Errorf("reading %s: compose files name more than %d files", file, maxFiles)
	}
	text, err := s.from.Read(file, maxFile)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, whittle.ErrUsage.Errorf("reading %s: %w", file, err)
	}
	return text, nil
}

// read reads a compose file.
func (s *stage) read(file string) (*document, error) {
	text, err := s.content(file)
	if err != nil {
		return nil, err
	}
	d := &document{file: file}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var root yaml.Node
		err := dec.Decode(&root)
		if errors.Is(err, io.EOF) {
			return d, nil
		}
		if err != nil {
			return nil, whittle.ErrUsage.Errorf("%s: %s", filepath.Base(file), whittle.OneLine(strings.TrimPrefix(err.Error(), "yaml: ")))
		}
		if len(root.Content) == 0 || root.Content[0].Tag == "!!null" {
			continue
		}
		plain, err := s.plain(root.Content[0], nil)
		if err != nil {
			return nil, whittle.ErrUsage.Errorf("%s: %w", filepath.Base(file), err)
		}
		if plain.Kind != yaml.MappingNode {
			return nil, whittle.ErrUsage.Errorf("%s:%d: this is not a mapping", filepath.Base(file), plain.Line)
		}
		if d.roots = append(d.roots, plain); len(d.roots) > maxDocuments {
			return nil, whittle.ErrUsage.Errorf("%s: more than %d documents", filepath.Base(file), maxDocuments)
		}
	}
}

// plain is a copy of a node without aliases and merge keys, so that nothing is
// hidden in it; above are the anchors that it is in.
func (s *stage) plain(n *yaml.Node, above []*yaml.Node) (*yaml.Node, error) {
	if s.nodes++; s.nodes > maxNodes {
		return nil, fmt.Errorf("more than %d values", maxNodes)
	}
	if n.Kind == yaml.AliasNode {
		if slices.Contains(above, n.Alias) {
			return nil, fmt.Errorf("line %d: the alias %s is in its own anchor", n.Line, n.Value)
		}
		return s.plain(n.Alias, above)
	}
	if n.Anchor != "" {
		above = append(slices.Clone(above), n)
	}
	out := &yaml.Node{Kind: n.Kind, Style: n.Style, Tag: n.Tag, Value: n.Value, Line: n.Line}
	if s.bytes += len(n.Value); s.bytes > maxText {
		return nil, fmt.Errorf("more than %s of text", whittle.Bytes(maxText))
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		out.Value = "null" // nothing would be written as an empty text
	}
	var merged []*yaml.Node
	for i := 0; i < len(n.Content); i++ {
		if n.Kind == yaml.MappingNode && i%2 == 0 && n.Content[i].Kind == yaml.ScalarNode && n.Content[i].Value == "<<" && i+1 < len(n.Content) {
			from, err := s.plain(n.Content[i+1], above)
			if err != nil {
				return nil, err
			}
			if merged = append(merged, from); from.Kind == yaml.SequenceNode {
				merged = append(merged[:len(merged)-1], from.Content...)
			}
			i++
			continue
		}
		one, err := s.plain(n.Content[i], above)
		if err != nil {
			return nil, err
		}
		out.Content = append(out.Content, one)
	}
	for _, m := range merged {
		for i := 0; m.Kind == yaml.MappingNode && i+1 < len(m.Content); i += 2 {
			if get(out, m.Content[i].Value) == nil {
				out.Content = append(out.Content, m.Content[i], m.Content[i+1])
			}
		}
	}
	return out, nil
}

// get is the value of a key of a mapping, nil if there is none.
func get(n *yaml.Node, key string) *yaml.Node {
	for i := 0; n != nil && n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// keep removes all keys of a mapping but some.
func keep(n *yaml.Node, keys ...string) {
	if n == nil || n.Kind != yaml.MappingNode {
		return
	}
	var out []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		if slices.Contains(keys, n.Content[i].Value) {
			out = append(out, n.Content[i], n.Content[i+1])
		}
	}
	n.Content = out
}

// needed are the services that are built, or may be, and those that they depend
// on; nil for all, if other files may have more.
func needed(docs []*document) map[string]bool {
	on := map[string][]string{}
	out := map[string]bool{}
	var open []string
	for _, d := range docs {
		for _, root := range d.roots {
			if get(root, "include") != nil {
				return nil
			}
			services := get(root, "services")
			for i := 0; services != nil && services.Kind == yaml.MappingNode && i+1 < len(services.Content); i += 2 {
				name, one := services.Content[i].Value, services.Content[i+1]
				on[name] = append(on[name], requires(one)...)
				if get(one, "build") != nil || get(one, "extends") != nil {
					open = append(open, name)
				}
			}
		}
	}
	for ; len(open) > 0; open = open[1:] {
		if name, _, _ := strings.Cut(open[0], ":"); !out[name] {
			out[name] = true
			open = append(open, on[name]...)
		}
	}
	return out
}

// requires are the services that one depends on, links or extends.
func requires(service *yaml.Node) (names []string) {
	for _, key := range []string{"depends_on", "links"} {
		names = append(names, namesIn(get(service, key))...)
	}
	extends := get(service, "extends")
	if extends == nil {
		return names
	}
	if extends.Kind == yaml.ScalarNode {
		return append(names, extends.Value)
	}
	if base := get(extends, "service"); base != nil {
		names = append(names, base.Value)
	}
	return names
}

// namesIn are the elements of a list, or the keys of a mapping.
func namesIn(n *yaml.Node) (out []string) {
	for i := 0; n != nil && i < len(n.Content); i++ {
		if n.Kind == yaml.SequenceNode || i%2 == 0 {
			out = append(out, n.Content[i].Value)
		}
	}
	return out
}

// rewrite gives the text of a compose file for compose-go: only what whittle uses,
// with variables replaced, and with texts in place of the files that it names.
// Paths are relative to dir.
func (s *stage) rewrite(ctx context.Context, d *document, dir string, lookup func(string) (string, bool)) ([]byte, error) {
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	for _, root := range d.roots {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		keep(root, "services", "secrets", "include")
		if services := get(root, "services"); services != nil && services.Kind == yaml.MappingNode {
			if err := s.reduce(d, services); err != nil {
				return nil, err
			}
		}
		if err := s.interpolate(root, lookup, nil); err != nil {
			return nil, whittle.ErrUsage.Errorf("%s:%w", filepath.Base(d.file), err)
		}
		if err := s.stageFiles(ctx, d, root, dir, lookup); err != nil {
			return nil, err
		}
		if err := enc.Encode(root); err != nil {
			return nil, d.failure(root, err)
		}
	}
	if len(d.roots) == 0 {
		return nil, nil
	}
	return out.Bytes(), enc.Close()
}

// failure is an error with its place in the compose file.
func (d *document) failure(n *yaml.Node, err error) error {
	return whittle.ErrUsage.Errorf("%s:%d: %w", filepath.Base(d.file), n.Line, err)
}

// reduce leaves the services that count, and of each what whittle uses.
func (s *stage) reduce(d *document, services *yaml.Node) error {
	var kept []*yaml.Node
	for i := 0; i+1 < len(services.Content); i += 2 {
		name, one := services.Content[i], services.Content[i+1]
		if s.needed != nil && !s.needed[name.Value] {
			continue
		}
		if s.order = append(s.order, name.Value); len(s.order) > maxServices {
			return d.failure(name, fmt.Errorf("more than %d services", maxServices))
		}
		kept = append(kept, name, one)
		keep(one, "build", "image", "command", "entrypoint", "environment", "env_file", "working_dir", "user", "healthcheck", "depends_on", "links", "extends", "profiles", "platform", "volumes", "tmpfs", "secrets", "configs")
		mounts(get(one, "volumes"))
		keep(get(one, "build"), "context", "dockerfile", "dockerfile_inline", "target", "args", "additional_contexts", "secrets", "ssh", "platforms", "cache_from", "cache_to")
		keep(get(one, "healthcheck"), "test", "interval", "timeout", "start_period", "retries", "disable")
	}
	services.Content = kept
	if err := chains(services); err != nil {
		return d.failure(services, err)
	}
	return nil
}

// stageFiles puts texts in place of the files that extends and include name.
func (s *stage) stageFiles(ctx context.Context, d *document, root *yaml.Node, dir string, lookup func(string) (string, bool)) error {
	services := get(root, "services")
	for i := 0; services != nil && services.Kind == yaml.MappingNode && i+1 < len(services.Content); i += 2 {
		if file := get(get(services.Content[i+1], "extends"), "file"); file != nil {
			staged, err := s.stageFile(ctx, file.Value, dir, "", lookup)
			if err != nil {
				return d.failure(file, err)
			}
			set(file, staged)
		}
	}
	include := get(root, "include")
	for i := 0; include != nil && include.Kind == yaml.SequenceNode && i < len(include.Content); i++ {
		one, err := s.include(ctx, include.Content[i], dir, lookup)
		if err != nil {
			return d.failure(include.Content[i], err)
		}
		include.Content[i] = one
	}
	return nil
}

// chains says whether services extend each other over too many.
func chains(services *yaml.Node) error {
	base := map[string]string{}
	for i := 0; i+1 < len(services.Content); i += 2 {
		extends := get(services.Content[i+1], "extends")
		if extends != nil && extends.Kind == yaml.MappingNode && get(extends, "file") == nil {
			extends = get(extends, "service")
		}
		if extends != nil && extends.Kind == yaml.ScalarNode {
			base[services.Content[i].Value] = extends.Value
		}
	}
	for name := range base {
		seen := map[string]bool{} // a ring is found by compose-go
		for at := name; base[at] != "" && !seen[at]; at = base[at] {
			if seen[at] = true; len(seen) > maxBases {
				return fmt.Errorf("the service %s extends more than %d others", name, maxBases)
			}
		}
	}
	return nil
}

// mounts leaves of a service's volumes their places in the container, and whether
// folders of this machine are mounted there. Where these are is not asked.
// https://docs.docker.com/reference/compose-file/services/#volumes
func mounts(n *yaml.Node) {
	if n == nil || n.Kind != yaml.SequenceNode {
		return
	}
	var out []*yaml.Node
	for _, one := range n.Content {
		target, bound := "", false
		if one.Kind == yaml.ScalarNode {
			from, rest, _ := strings.Cut(one.Value, ":")
			if strings.HasPrefix(from, "${") { // its default may have a colon
				_, rest, _ = strings.Cut(strings.TrimPrefix(one.Value, from), "}")
				_, rest, _ = strings.Cut(rest, ":")
			}
			target, _, _ = strings.Cut(rest, ":")
			if bound = strings.ContainsAny(from[:min(1, len(from))], "./~$"); target == "" {
				target, bound = from, false // an anonymous volume
			}
		} else if kind := get(one, "type"); kind != nil && get(one, "target") != nil {
			target, bound = get(one, "target").Value, kind.Value == "bind"
		}
		if target == "" || strings.Contains(target, "$") {
			continue
		}
		volume := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{scalar("type"), scalar("volume"), scalar("target"), scalar(target)}}
		if bound {
			volume.Content = []*yaml.Node{scalar("type"), scalar("bind"), scalar("source"), scalar("/"), scalar("target"), scalar(target)}
		}
		out = append(out, volume)
	}
	n.Content = out
}

// include is an entry of include with texts in place of its files.
// https://docs.docker.com/reference/compose-file/include/
func (s *stage) include(ctx context.Context, n *yaml.Node, dir string, lookup func(string) (string, bool)) (*yaml.Node, error) {
	paths, projectDir, envFiles := texts(n), "", []string(nil)
	if n.Kind == yaml.MappingNode {
		paths, envFiles = texts(get(n, "path")), texts(get(n, "env_file"))
		if p := get(n, "project_directory"); p != nil {
			projectDir = join(dir, p.Value)
		}
	}
	if len(paths) == 0 {
		return nil, errors.New("include names no file")
	}
	for i := range paths {
		if err := local(paths[i]); err != nil {
			return nil, err
		}
		paths[i] = join(dir, paths[i])
	}
	if projectDir == "" {
		projectDir = filepath.Dir(paths[0])
	}
	env := map[string]string{}
	if own := filepath.Join(projectDir, ".env"); get(n, "env_file") == nil {
		if info, err := os.Stat(own); err == nil && info.Mode().IsRegular() {
			envFiles = []string{own}
		}
	}
	for _, f := range envFiles {
		if f == "/dev/null" {
			continue
		}
		more, err := s.variables(join(dir, f), lookup)
		if err != nil {
			return nil, err
		}
		maps.Copy(env, more)
	}
	inner := func(name string) (string, bool) { // the including file's variables come first
		if v, ok := lookup(name); ok {
			return v, true
		}
		v, ok := env[name]
		return v, ok
	}
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, p := range paths {
		staged, err := s.stageFile(ctx, p, projectDir, projectDir, inner)
		if err != nil {
			return nil, err
		}
		list.Content = append(list.Content, scalar(staged))
	}
	return &yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Content: []*yaml.Node{
		scalar("path"), list, scalar("project_directory"), scalar(projectDir),
		scalar("env_file"), {Kind: yaml.SequenceNode, Content: []*yaml.Node{scalar("/dev/null")}},
	}}, nil
}

// stageFile is the path of the text for compose-go of a compose file that another
// one names in dir. Paths in it are relative to within, or to its own folder.
func (s *stage) stageFile(ctx context.Context, file, dir, within string, lookup func(string) (string, bool)) (string, error) {
	if err := local(file); err != nil {
		return "", err
	}
	file = join(dir, file)
	own := filepath.Dir(file)
	if within != "" {
		own = within
	}
	key := file + "\x00" + own
	if staged, ok := s.files[key]; ok {
		return staged, nil
	}
	staged := filepath.Join(s.dir, strconv.Itoa(len(s.files))+".yaml")
	s.files[key], s.folders[staged] = staged, own // before what it names, which may name it again
	d, err := s.read(file)
	if err != nil {
		return "", err
	}
	needed := s.needed
	s.needed = nil
	text, err := s.rewrite(ctx, d, own, lookup)
	s.needed = needed
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(staged, text, 0o600); err != nil {
		return "", whittle.ErrSystem.Errorf("writing a temporary file: %w", err)
	}
	return staged, nil
}

func local(file string) error {
	if strings.Contains(file, "://") || strings.HasPrefix(file, "git@") {
		return fmt.Errorf("%s is not a file of this machine, and whittle fetches none", file)
	}
	return nil
}

// Accept, Load and Dir let compose-go read the texts, and nothing else, as further
// files.
func (s *stage) Accept(string) bool { return true }

// Load implements [loader.ResourceLoader].
func (s *stage) Load(_ context.Context, path string) (string, error) {
	if _, ok := s.folders[path]; !ok {
		return "", fmt.Errorf("%s was not read", path)
	}
	return path, nil
}

// Dir implements [loader.ResourceLoader].
func (s *stage) Dir(path string) string {
	if dir, ok := s.folders[path]; ok {
		return dir
	}
	return path
}

// untyped are keys whose values are not texts.
var untyped = []string{"retries", "disable", "required", "restart", "uid", "gid", "mode"}

// interpolate replaces the variables in a node's scalars; path are the keys that
// lead to it.
func (s *stage) interpolate(n *yaml.Node, lookup func(string) (string, bool), path []string) error {
	if n.Kind == yaml.ScalarNode && strings.Contains(n.Value, "$") {
		if strings.Count(n.Value, "$") > maxReferences {
			return fmt.Errorf("%d: more than %d variables", n.Line, maxReferences)
		}
		var used []string
		value, err := template.SubstituteWithOptions(n.Value, func(name string) (string, bool) {
			v, ok := lookup(name)
			if ok {
				used = append(used, v)
			}
			return v, ok
		}, template.WithoutLogging)
		if err != nil {
			return fmt.Errorf("%d: %s", n.Line, whittle.OneLine(err.Error()))
		}
		if s.bytes += len(value); s.bytes > maxText {
			return fmt.Errorf("%d: more than %s of text", n.Line, whittle.Bytes(maxText))
		}
		if slices.Contains(path, "environment") {
			s.hidden = append(s.hidden, used...)
		}
		set(n, value)
		if len(path) > 0 && slices.Contains(untyped, path[len(path)-1]) {
			n.Tag, n.Style = "", 0
		}
		return nil
	}
	for i, one := range n.Content {
		if n.Kind == yaml.MappingNode {
			if i%2 == 0 {
				continue
			}
			if err := s.interpolate(one, lookup, append(path, n.Content[i-1].Value)); err != nil {
				return err
			}
		} else if err := s.interpolate(one, lookup, path); err != nil {
			return err
		}
	}
	return nil
}

func set(n *yaml.Node, value string) {
	n.Kind, n.Tag, n.Value, n.Style = yaml.ScalarNode, "!!str", value, yaml.DoubleQuotedStyle
}

func scalar(value string) *yaml.Node {
	n := &yaml.Node{}
	set(n, value)
	return n
}

// texts are the scalars of a scalar or a list.
func texts(n *yaml.Node) []string {
	switch {
	case n == nil:
		return nil
	case n.Kind == yaml.ScalarNode:
		return []string{n.Value}
	}
	var out []string
	for _, one := range n.Content {
		if n.Kind == yaml.SequenceNode && one.Kind == yaml.ScalarNode {
			out = append(out, one.Value)
		}
	}
	return out
}

func join(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}
