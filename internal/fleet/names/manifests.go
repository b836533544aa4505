package names

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"whittle.dev/whittle"
)

const (
	// MaxManifest bounds a manifest, in bytes; maxFiles how many files are looked at.
	MaxManifest, maxFiles = 8 << 20, 1_000_000
	// maxVisits bounds the values of a document, with those that aliases repeat.
	maxVisits = 1_000_000
)

// containers are the keys of a pod's containers, in whatever kind of object the pod's
// specification is: a Pod, a Deployment, a CronJob, a list of them, or a kind of somebody's own.
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#PodSpec
var containers = []string{"containers", "initContainers", "ephemeralContainers"}

// Manifests reads the images of the Kubernetes manifests in a folder and below it: files whose
// names end in .yaml, .yml or .json. What cannot be read, such as a template, is named in the
// notes, as is an image whose name is a template's.
func Manifests(ctx context.Context, dir string) (out, notes []string, err error) {
	files := 0
	err = filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return err
		case e.IsDir() && name != dir && strings.HasPrefix(e.Name(), "."):
			return fs.SkipDir
		case !e.Type().IsRegular() || !slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(name))):
			return nil
		}
		if files++; files > maxFiles {
			return whittle.ErrLimit.Errorf("it has more than %d manifests", maxFiles)
		}
		found, wrong := manifest(name)
		for _, image := range found {
			if strings.ContainsAny(image, "{}$<> \t") {
				notes = append(notes, fmt.Sprintf("%s: %.200q is filled in by a template", name, image))
				continue
			}
			out = append(out, image)
		}
		if wrong != nil {
			notes = append(notes, fmt.Sprintf("%s: %.300s", name, whittle.OneLine(wrong.Error())))
		}
		return nil
	})
	if err != nil {
		kind := whittle.ErrUsage
		if errors.Is(err, fs.ErrNotExist) {
			kind = whittle.ErrNotFound
		}
		return nil, nil, kind.Errorf("reading the manifests in %s: %w", dir, err)
	}
	slices.Sort(out)
	return slices.Compact(out), notes, nil
}

// manifest has the images of a file.
func manifest(name string) (out []string, err error) {
	text, err := whittle.ReadFile(name, MaxManifest)
	if err != nil {
		return nil, err
	}
	return images(strings.NewReader(string(text)))
}

// images has the images of YAML documents. Those before an error count.
func images(r io.Reader) (out []string, err error) {
	decoder := yaml.NewDecoder(r)
	v := &visitor{}
	for {
		var doc yaml.Node
		if err := decoder.Decode(&doc); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return v.found, err
		}
		v.visit(&doc, nil)
		if v.visits > maxVisits {
			return v.found, whittle.ErrLimit.Errorf("it has more than %d values", maxVisits)
		}
	}
}

// visitor collects the images of containers.
type visitor struct {
	visits int
	found  []string
}

// visit looks at a value. within are the aliases that it is in, so that none is in itself.
func (v *visitor) visit(n *yaml.Node, within []*yaml.Node) {
	if v.visits++; v.visits > maxVisits || len(within) > 50 {
		return
	}
	if n.Kind == yaml.AliasNode {
		if n.Alias != nil && !slices.Contains(within, n.Alias) {
			v.visit(n.Alias, append(slices.Clone(within), n.Alias))
		}
		return
	}
	if n.Kind != yaml.MappingNode {
		for _, c := range n.Content {
			v.visit(c, within)
		}
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], resolved(n.Content[i+1])
		if slices.Contains(containers, key.Value) && value.Kind == yaml.SequenceNode {
			for _, c := range value.Content {
				v.container(resolved(c))
			}
		}
		v.visit(n.Content[i+1], within)
	}
}

// container takes the image of a container.
func (v *visitor) container(n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if value := resolved(n.Content[i+1]); n.Content[i].Value == "image" && value.Kind == yaml.ScalarNode && value.Value != "" {
			v.found = append(v.found, value.Value)
		}
	}
}

func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

// ReadList reads a list in a file; - is standard input.
func ReadList(name string, in io.Reader) ([]string, error) {
	if name == "-" {
		return List(in, "standard input")
	}
	f, err := os.Open(name)
	if err != nil {
		kind := whittle.ErrUsage
		if errors.Is(err, fs.ErrNotExist) {
			kind = whittle.ErrNotFound
		}
		return nil, kind.Of(err)
	}
	defer f.Close()
	return List(f, name)
}
