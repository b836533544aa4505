package bake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"whittle.dev/whittle"
)

// Client runs the docker client in a folder, with variables besides the ones that it
// always gets, and gives what it prints. Its errors are one line.
type Client func(ctx context.Context, dir string, args, env []string) ([]byte, error)

// plainName is a name of a target that is no option and no address.
var plainName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)

// ask gives the targets that `docker buildx bake --print` prints for files that this
// package does not understand: the installed buildx may be newer than the parser. It
// gets copies of the files that were read, and of the environment only the variables
// that they declare and that the project may have. asked is false if docker cannot be
// asked.
// https://docs.docker.com/reference/cli/docker/buildx/bake/#print
func (o Options) ask(ctx context.Context, texts map[string][]byte) (targets []Target, asked bool, err error) {
	if o.Docker == nil || slices.ContainsFunc(o.Targets, func(name string) bool { return !plainName.MatchString(name) }) {
		return nil, false, nil
	}
	env, ok := o.declared(texts)
	if !ok {
		return nil, false, nil
	}
	if _, err := o.Docker(ctx, o.Dir, []string{"buildx", "version"}, nil); err != nil {
		return nil, false, ctx.Err()
	}
	dir, err := os.MkdirTemp("", "whittle-bake-*")
	if err != nil {
		return nil, false, whittle.ErrSystem.Errorf("making a folder for Bake files: %w", err)
	}
	defer os.RemoveAll(dir)
	args := []string{"buildx", "bake", "--print"}
	for i, name := range o.Files { // a folder each: what is printed names the file
		file := filepath.Join(dir, strconv.Itoa(i), filepath.Base(name))
		if err := errors.Join(os.Mkdir(filepath.Dir(file), 0o700), os.WriteFile(file, texts[name], 0o600)); err != nil {
			return nil, false, whittle.ErrSystem.Errorf("writing a temporary file: %w", err)
		}
		args = append(args, "--file", file)
	}
	out, err := o.Docker(ctx, o.Dir, append(append(args, "--"), o.Targets...), env)
	if err != nil {
		text := err.Error()
		for i := range o.Files {
			text = strings.ReplaceAll(text, filepath.Join(dir, strconv.Itoa(i))+string(filepath.Separator), "")
		}
		return nil, true, fmt.Errorf("docker buildx bake --print: %s", whittle.OneLine(text))
	}
	targets, err = o.printed(out)
	return targets, true, err
}

// declared are the variables of whittle's environment that the files declare, as
// "NAME=value". ok is false if a file is not HCL or JSON.
func (o Options) declared(texts map[string][]byte) (env []string, ok bool) {
	seen := map[string]bool{}
	for _, name := range o.Files {
		file, diags := syntax(name, texts[name])
		if diags.HasErrors() || texts[name] == nil {
			return nil, false
		}
		content, _, _ := file.Body.PartialContent(&hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "variable", LabelNames: []string{"name"}}}})
		for _, block := range content.Blocks {
			for _, name := range []string{block.Labels[0], block.Labels[0] + "_JSON"} {
				value, set := o.Lookup(name)
				if set && !seen[name] {
					env = append(env, name+"="+value)
				}
				seen[name] = true
			}
		}
	}
	return env, true
}

// printed reads what docker has printed: a Bake file in JSON, whose targets may have
// attributes that this package does not know.
func (o Options) printed(out []byte) ([]Target, error) {
	var all struct {
		Group  map[string]map[string]json.RawMessage `json:"group,omitempty"`
		Target map[string]map[string]json.RawMessage `json:"target"`
	}
	if err := json.Unmarshal(out, &all); err != nil || len(all.Target) == 0 {
		return nil, errors.New("docker buildx bake --print: what it prints is not targets in JSON")
	}
	known := []string{"context", "contexts", "dockerfile", "dockerfile-inline", "args", "target", "platforms", "secret", "ssh"}
	for _, fields := range all.Target {
		maps.DeleteFunc(fields, func(key string, _ json.RawMessage) bool { return !slices.Contains(known, key) })
	}
	for _, fields := range all.Group {
		maps.DeleteFunc(fields, func(key string, _ json.RawMessage) bool { return key != "targets" })
	}
	text, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	const name = "docker-bake.json"
	read := Options{Files: []string{name}, Lookup: func(string) (string, bool) { return "", false }}
	if _, ok := all.Group["default"]; !ok {
		read.Targets = slices.Sorted(maps.Keys(all.Target))
	}
	return read.evaluate(map[string][]byte{name: text})
}
