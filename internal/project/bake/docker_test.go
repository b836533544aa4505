package bake

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
)

// client is a docker client that prints a text for Bake files, and notes what it gets.
type client struct {
	prints, fails string
	noBuildx      bool
	args, env     []string
	files         []string // texts
}

func (c *client) run(_ context.Context, _ string, args, env []string) ([]byte, error) {
	if slices.Equal(args, []string{"buildx", "version"}) {
		if c.noBuildx {
			return nil, errors.New("unknown command: docker buildx")
		}
		return nil, nil
	}
	c.args, c.env = slices.Clone(args), env
	dir := ""
	for i := range args {
		if i > 0 && args[i-1] == "--file" {
			text, err := os.ReadFile(args[i])
			if err != nil {
				return nil, err
			}
			c.files = append(c.files, string(text))
			dir, c.args[i] = filepath.Dir(args[i]), filepath.Base(args[i])
		}
	}
	if c.fails != "" {
		return nil, errors.New(strings.ReplaceAll(c.fails, "DIR", dir))
	}
	return []byte(c.prints), nil
}

// TestDocker: what the parser does not understand is asked of docker, and nothing else.
func TestDocker(t *testing.T) {
	const (
		newer  = `variable "A" { default = "a" }` + "\n" + `target "web" { args = { A = sha512sum(A) } }`
		prints = `{"group": {"default": {"targets": ["web"], "new": 1}}, "target": {"web": {"context": ".", "args": {"A": "$${x}"}, "policy": [{"a": 1}],
			"secret": [{"id": "s", "env": "S"}], "ssh": [{"id": "default"}], "contexts": {"b": "target:b"}}, "b": {"context": "b", "dockerfile": "D"}}}`
	)
	for _, c := range []struct {
		name, text string
		targets    []string
		client     client
		asked      bool
		err        string
		want       []Target
	}{
		{name: "understood", text: `target "default" {}`, client: client{prints: prints}, want: []Target{{Name: "default", Context: ".", Dockerfile: "Dockerfile", Args: map[string]string{}, Contexts: map[string]string{}}}},
		{name: "newer", text: newer, targets: []string{"web"}, client: client{prints: prints}, asked: true, want: []Target{
			{Name: "web", Context: ".", Dockerfile: "Dockerfile", Args: map[string]string{"A": "${x}"}, Contexts: map[string]string{"b": "target:b"}, Secrets: []Secret{{ID: "s", Env: "S"}}, SSH: []string{"default"}},
			{Name: "b", Context: "b", Dockerfile: "D", Args: map[string]string{}, Contexts: map[string]string{}, Linked: true}}},
		{name: "no buildx", text: newer, client: client{noBuildx: true}, err: "sha512sum"},
		{name: "docker refuses, too", text: newer, client: client{fails: "DIR/docker-bake.hcl:2,3-4: no"}, asked: true, err: `(docker buildx bake --print: docker-bake.hcl:2,3-4: no)`},
		{name: "docker prints something else", text: newer, client: client{prints: "hello"}, asked: true, err: "what it prints is not targets in JSON"},
		{name: "no Bake file", text: "target {", client: client{prints: prints}, err: "docker-bake.hcl:1"},
		{name: "an option as a target", text: newer, targets: []string{"--allow=*"}, client: client{prints: prints}, err: "sha512sum"},
		{name: "an address as a target", text: newer, targets: []string{"https://example.org/x.git"}, client: client{prints: prints}, err: "sha512sum"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := whittle.WithoutLinks(t.TempDir())
			if err := os.WriteFile(filepath.Join(dir, "docker-bake.hcl"), []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			lookup := func(name string) (string, bool) { return "of the environment", name == "A" }
			got, err := Read(t.Context(), Options{Dir: dir, Files: Find(dir), Targets: c.targets, Lookup: lookup, Read: whittle.ReadFile, Docker: c.client.run})
			if (err != nil) != (c.err != "") || err != nil && (!strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "\n") || !errors.Is(err, whittle.ErrUsage)) {
				t.Fatalf("%v, want %q", err, c.err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if !c.asked {
				if c.client.args != nil {
					t.Errorf("docker was asked: %q", c.client.args)
				}
				return
			}
			want := append([]string{"buildx", "bake", "--print", "--file", "docker-bake.hcl", "--"}, c.targets...)
			if diff := cmp.Diff([][]string{want, {"A=of the environment"}, {c.text}}, [][]string{c.client.args, c.client.env, c.client.files}); diff != "" {
				t.Errorf("docker got (-want +got):\n%s", diff)
			}
		})
	}
}

// TestBuiltin: the variables that buildx defines.
func TestBuiltin(t *testing.T) {
	targets, err := read(t, "docker-bake.hcl", `target "default" {
  context = BAKE_CMD_CONTEXT
  platforms = [BAKE_LOCAL_PLATFORM]
}`, unset)
	if err != nil || targets[0].Context != "cwd://" || len(targets[0].Platforms) != 1 || !strings.Contains(targets[0].Platforms[0], "/") {
		t.Errorf("%+v %v", targets, err)
	}
}
