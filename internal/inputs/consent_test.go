package inputs

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/project"
)

// TestConsent: of what a project names, builds and runs get what is its own or
// what the command line names; for all else it is an error that says what it
// asks for, and how to allow it, and shows no value.
func TestConsent(t *testing.T) {
	top := whittle.WithoutLinks(t.TempDir())
	dir, home := filepath.Join(top, "shop"), filepath.Join(top, "home me")
	for path, text := range map[string]string{
		"shop/Dockerfile": "FROM scratch\n", "shop/own": "geheim-own", "shop/own.env": "A=geheim-file", "shop/asks.env": "A=${TOKEN}", "shop/bare.env": "TOKEN",
		"home me/key": "geheim-key", "home me/b.env": "A=geheim-env",
	} {
		path = filepath.Join(top, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	err := errors.Join(os.Symlink("own", filepath.Join(dir, "link")), os.Symlink("../home me/key", filepath.Join(dir, "out")), os.Symlink("../home me", filepath.Join(dir, "folder")),
		os.Symlink(dir, filepath.Join(home, "in")), os.Symlink(home, filepath.Join(top, "alias")))
	if err != nil {
		t.Skipf("no links here: %v", err)
	}
	t.Setenv("HOME", home)
	agent := listening(t)
	for _, path := range []string{filepath.Join(dir, "id"), filepath.Join(home, "id")} {
		if err := os.WriteFile(path, privateKey(t, ""), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key, quoted := filepath.Join(home, "key"), "--allow 'fs.read="+filepath.Join(home, "key")+"'"
	wholeHome := []string{"fs.read=" + home}
	for _, c := range []struct {
		name, yaml string
		in         Options
		secret     string // the value of the only secret
		env        string // the only variable of what is run
		ssh        int    // agents
		asks       string // what the error ends with, before the hint
		hint       string
	}{
		{name: "a file inside", yaml: "secrets: {s: {file: own}}", secret: "geheim-own"},
		{name: "a link to one", yaml: "secrets: {s: {file: link}}", secret: "geheim-own"},
		{name: "a way through outside", yaml: "secrets: {s: {file: ../shop/own}}", secret: "geheim-own"},
		{name: "a link in", yaml: "secrets: {s: {file: '~/in/own'}}", secret: "geheim-own"},
		{name: "a file outside", yaml: "secrets: {s: {file: '~/key'}}", asks: "the file " + key, hint: quoted},
		{name: "by ..", yaml: "secrets: ['id=s,src=../home me/key']", asks: "the file " + key, hint: quoted},
		{name: "by a link out", yaml: "secrets: {s: {file: out}}", asks: "the file " + key, hint: quoted},
		{name: "by a folder's link out", yaml: "secrets: {s: {file: folder/key}}", asks: "the file " + key, hint: quoted},
		{name: "that is not there", yaml: "secrets: {s: {file: ../none}}", asks: "the file " + filepath.Join(top, "none"), hint: "--allow fs.read=" + filepath.Join(top, "none")},
		{name: "allowed", yaml: "secrets: {s: {file: '~/key'}}", in: Options{Allow: []string{"fs.read=~/key"}}, secret: "geheim-key"},
		{name: "its folder allowed", yaml: "secrets: {s: {file: out}}", in: Options{Allow: wholeHome}, secret: "geheim-key"},
		{name: "allowed by another way", yaml: "secrets: {s: {file: out}}", in: Options{Allow: []string{"fs.read=" + filepath.Join(top, "alias")}}, secret: "geheim-key"},
		{name: "another allowed", yaml: "secrets: {s: {file: '~/key'}}", in: Options{Allow: []string{"fs.read=" + dir, "fs.read=" + key + "2", "env=TOKEN", "ssh"}}, asks: "the file " + key, hint: quoted},
		{name: "named by an option", yaml: "secrets: {s: {file: '~/key'}}", in: Options{Secrets: []string{"id=s,src=" + key}}, secret: "geheim-key"},

		{name: "a secret variable", yaml: "secrets: {s: {environment: TOKEN}}", asks: "the variable TOKEN", hint: "--allow env=TOKEN"},
		{name: "in buildx's form", yaml: "secrets: [id=TOKEN]", asks: "the variable TOKEN", hint: "--allow env=TOKEN"},
		{name: "a secret variable allowed", yaml: "secrets: {s: {environment: TOKEN}}", in: Options{Allow: []string{"env=TOKEN"}}, secret: "geheim-token"},
		{name: "a secret variable by an option", yaml: "secrets: {s: {environment: TOKEN}}", in: Options{Secrets: []string{"id=s,env=TOKEN"}}, secret: "geheim-token"},

		{name: "a variable of runs", yaml: "env: {A: 'x${TOKEN}'}", asks: "the variable TOKEN", hint: "--allow env=TOKEN"},
		{name: "a bare one", yaml: "env: [TOKEN]", asks: "the variable TOKEN", hint: "--allow env=TOKEN"},
		{name: "one of a command", yaml: "run: [{command: [x], env: [TOKEN]}]", asks: "the variable TOKEN", hint: "--allow env=TOKEN"},
		{name: "one of a service", yaml: "services: {db: {image: x, environment: {A: $TOKEN}}}", asks: "the variable TOKEN", hint: "--allow env=TOKEN"},
		{name: "in a file of its own", yaml: "env-file: asks.env", asks: "the variable TOKEN", hint: "--allow env=TOKEN"},
		{name: "bare in a file of its own", yaml: "env-file: bare.env", asks: "the variable TOKEN", hint: "--allow env=TOKEN"},
		{name: "one with a default", yaml: "env: {A: '${TOKEN:-x}'}", asks: "the variable TOKEN", hint: "--allow env=TOKEN"},
		{name: "one that is not set", yaml: "env: {A: '${NOWHERE:-x}'}", env: "A=x"},
		{name: "one allowed", yaml: "env: {A: 'x${TOKEN}'}", in: Options{Allow: []string{"env=TOKEN"}}, env: "A=xgeheim-token"},
		{name: "one that an option replaces", yaml: "env: {A: '${TOKEN}'}", in: Options{Env: []string{"A=y"}}, env: "A=y"},
		{name: "one that an option names", yaml: "env: [TOKEN]", in: Options{Env: []string{"TOKEN"}}, env: "TOKEN=geheim-token"},
		{name: "one that an option cannot replace", yaml: "env: {NOWHERE: x}", in: Options{Env: []string{"NOWHERE"}}, env: "NOWHERE=x"},

		{name: "a file of variables", yaml: "env-file: own.env", env: "A=geheim-file"},
		{name: "one outside", yaml: "env-file: ../home me/b.env", asks: "the file " + filepath.Join(home, "b.env"), hint: "--allow 'fs.read=" + filepath.Join(home, "b.env") + "'"},
		{name: "of a command, outside", yaml: "run: [{command: [x], env-file: folder/b.env}]", asks: "the file " + filepath.Join(home, "b.env"), hint: "--allow 'fs.read=" + filepath.Join(home, "b.env") + "'"},
		{name: "outside, allowed", yaml: "env-file: ../home me/b.env", in: Options{Allow: wholeHome}, env: "A=geheim-env"},
		{name: "outside, by an option", in: Options{EnvFiles: []string{filepath.Join(home, "b.env")}}, env: "A=geheim-env"},

		{name: "a Dockerfile", yaml: "variants: [{name: a, dockerfile: ../home me/b.env}]", asks: "the file " + filepath.Join(home, "b.env"), hint: "--allow 'fs.read=" + filepath.Join(home, "b.env") + "'"},
		{name: "a Dockerfile outside, allowed", yaml: "variants: [{name: a, dockerfile: ../home me/b.env}]", in: Options{Allow: wholeHome}},
		{name: "a Dockerfile inside", yaml: "variants: [{name: a, dockerfile: ../shop/Dockerfile}]"},

		{name: "a context", yaml: "variants: [{name: a, context: ../home me, dockerfile: Dockerfile}]", asks: "the folder " + home, hint: "--allow 'fs.read=" + home + "'"},
		{name: "a context by a link out", yaml: "variants: [{name: a, context: folder, dockerfile: Dockerfile}]", asks: "the folder " + home, hint: "--allow 'fs.read=" + home + "'"},
		{name: "a named context", yaml: "variants: [{name: a, contexts: {b: '../home me'}}]", asks: "the folder " + home, hint: "--allow 'fs.read=" + home + "'"},
		{name: "contexts outside, allowed", yaml: "variants: [{name: a, context: folder, dockerfile: Dockerfile, contexts: {b: folder}}]", in: Options{Allow: wholeHome}},

		{name: "an agent", yaml: "ssh: [default]", asks: "your SSH agent", hint: "--allow ssh"},
		{name: "a key", yaml: "ssh: ['k=~/key']", asks: "the SSH key or agent " + key, hint: "--allow ssh"},
		{name: "a key by a link", yaml: "ssh: ['k=own,out']", in: Options{Allow: wholeHome}, asks: "the SSH key or agent " + filepath.Join(dir, "own") + ", " + key, hint: "--allow ssh"},
		{name: "a key inside", yaml: "ssh: [k=id]", ssh: 1},
		{name: "agents allowed", yaml: "ssh: [default, 'k=~/id']", in: Options{Allow: []string{"ssh"}}, ssh: 2},
		{name: "an agent by an option", yaml: "ssh: [default]", in: Options{SSH: []string{"default"}}, ssh: 1},
		{name: "another one by an option", yaml: "ssh: [default]", in: Options{SSH: []string{"k"}}, asks: "your SSH agent", hint: "--allow ssh"},

		{name: "several", yaml: "secrets: {s: {file: own}, t: {environment: TOKEN}, u: {file: out}}\nenv: [TOKEN]\nssh: [default, 'k=~/key']",
			asks: "the variable TOKEN; your SSH agent; the SSH key or agent " + key + "; the file " + key, hint: "--allow env=TOKEN --allow ssh " + quoted},
		{name: "no such kind", in: Options{Allow: []string{"secrets"}}, asks: `--allow: "secrets" is nothing that can be allowed`, hint: "write fs.read=PATH, fs.write=PATH, env=NAME, ssh or cache-to"},
		{name: "no path", in: Options{Allow: []string{"fs.read="}}, asks: `--allow: "fs.read=" is nothing that can be allowed`, hint: "write fs.read=PATH, fs.write=PATH, env=NAME, ssh or cache-to"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(dir, project.ConfigName), []byte(c.yaml), 0o600); err != nil {
				t.Fatal(err)
			}
			p, err := project.Load(dir, "")
			if err != nil {
				t.Fatal(err)
			}
			lookup := func(name string) (string, bool) {
				v, ok := map[string]string{"TOKEN": "geheim-token", "HOME": home, "SSH_AUTH_SOCK": agent}[name]
				return v, ok
			}
			s, err := Read(lookup, p, c.in)
			if c.asks != "" {
				text, hint := "", ""
				if err != nil {
					text, hint = err.Error(), whittle.Hint(err)
				}
				if !errors.Is(err, whittle.ErrUsage) || !strings.HasSuffix(": "+text, ": "+c.asks) && text != c.asks || !strings.HasSuffix(hint, c.hint) || strings.Contains(text+hint, "geheim") {
					t.Errorf("%q\n%q\nwant %q\n%q", text, hint, c.asks, c.hint)
				}
				return
			}
			if err != nil {
				t.Fatal(err, whittle.Hint(err))
			}
			var d build.Definition
			s.AddTo(&d)
			commands := []build.Command{{Name: "x"}}
			if err := s.SetEnvironment(commands, nil); err != nil {
				t.Fatal(err)
			}
			secret := ""
			for _, one := range d.Secrets {
				secret += string(one.Value)
			}
			if got := strings.Join(commands[0].Env, " "); got != c.env || secret != c.secret || len(d.SSH) != c.ssh {
				t.Errorf("runs get %q, builds %q and %d agents; want %q, %q and %d", got, secret, len(d.SSH), c.env, c.secret, c.ssh)
			}
		})
	}
}

// TestConsentOfEnvironment: WHITTLE_ALLOW adds to the options.
func TestConsentOfEnvironment(t *testing.T) {
	lookup := func(name string) (string, bool) { return "env=A,ssh,fs.read=/x", name == "WHITTLE_ALLOW" }
	c, err := Ask(lookup, t.TempDir(), []string{"env=B"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{[]string{"B", "A"}, true, true}, []any{c.variables, c.ssh, c.allows(filepath.FromSlash("/x/y"))}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := Ask(func(string) (string, bool) { return "all", true }, t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "WHITTLE_ALLOW") {
		t.Errorf("%v", err)
	}
}

// TestConsentBounded: a project that asks for very much gets a short error.
func TestConsentBounded(t *testing.T) {
	c, err := Ask(func(name string) (string, bool) {
		return "x", !slices.Contains([]string{"WHITTLE_ALLOW", "HOME"}, name)
	}, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10_000 {
		c.variable("V" + strings.Repeat("x", i%1000))
	}
	if err := c.Refusal(); err == nil || !strings.Contains(err.Error(), "; and more") || len(err.Error()) > 500 {
		t.Errorf("%v", err)
	}
}
