package project

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

func lookupIn(m map[string]string) Lookup {
	return func(name string) (string, bool) { v, ok := m[name]; return v, ok }
}

// TestEnvironment: variables in the forms of compose; what came from a file or
// from whittle's environment is hidden.
func TestEnvironment(t *testing.T) {
	outside := lookupIn(map[string]string{"TOKEN": "t0ken", "EMPTY": "", "PORT": "80"})
	for _, c := range []struct {
		name, yaml   string
		want, hidden []string
		err          string
	}{
		{"a mapping", "env: {A: b, PORT: 8000, DEBUG: true, NONE: null, TOKEN: }", []string{"A=b", "PORT=8000", "DEBUG=true", "TOKEN=t0ken"}, []string{"t0ken"}, ""},
		{"a list", "env: [A=b=c, TOKEN, ABSENT, E=]", []string{"A=b=c", "TOKEN=t0ken", "E="}, []string{"t0ken"}, ""},
		{"references", `env: {A: "${PORT}", B: "${ABSENT:-x}", C: "${EMPTY:-y}", D: "${EMPTY-z}", E: "$$x", F: "http://$PORT/", G: "${PORT:+set}"}`,
			[]string{"A=80", "B=x", "C=y", "D=", "E=$x", "F=http://80/", "G=set"}, []string{"80", "", "http://80/"}, ""},
		{"one that is not set", `env: {A: "${ABSENT}"}`, nil, nil, "env: A: ${ABSENT} is not set in whittle's environment"},
		{"no name", "env: {'a b': c}", nil, nil, `w.yaml:1: "a b" is not a variable's name`},
		{"no text", "env: {A: {B: C}}", nil, nil, "a variable's value is one text"},
		{"no variables", "env: 3", nil, nil, "write NAME: value"},
	} {
		cfg, err := parse("w.yaml", []byte(c.yaml))
		var e Environment
		if err == nil {
			e, err = e.With(nil, cfg.Env, false, Outside{Lookup: outside})
		}
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: error %v, want %q", c.name, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff([][]string{c.want, c.hidden}, [][]string{e.Values, e.Hidden}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// TestEnvFile: the lines of a file of variables; no error shows a value.
func TestEnvFile(t *testing.T) {
	text := "# comment\nA=b\nexport B = c # not this\nC='$A #'\nD=\"x $A\\n\\\"y\\\"\"\nE=\"two\nlines\"\nF=pa$wörd\nTOKEN\nG=a#b\r\nH=\nI=${PORT:-81}\n"
	file := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := Environment{Values: []string{"A=before", "Z=1"}}.With([]string{file}, Variables{{Name: "G", Value: "last"}}, false, Outside{Lookup: lookupIn(map[string]string{"TOKEN": "t0ken"})})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"Z=1", "A=b", "B=c", "C=$A #", "D=x b\n\"y\"", "E=two\nlines", "F=pa$wörd", "TOKEN=t0ken", "H=", "I=81", "G=last"}
	if diff := cmp.Diff(want, e.Values); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestEnvironmentBounds: the values of variables and an environment have bounds, and no
// value has a NUL byte, which no program can be given.
func TestEnvironmentBounds(t *testing.T) {
	long := lookupIn(map[string]string{"LONG": strings.Repeat("x", MaxValue)})
	var all Variables
	for i := range 100 {
		all = append(all, Variable{Name: fmt.Sprintf("A%d", i), Value: "$LONG"})
	}
	for want, vars := range map[string]Variables{"more than": all, "longer than": {{Name: "A", Value: "$LONG$LONG"}}, "A: the value has a NUL byte": {{Name: "A", Value: "\x00"}}} {
		if _, err := (Environment{}).With(nil, vars, false, Outside{Lookup: long}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.200v, want %s", err, want)
		}
	}
}

// TestLinear: the time that files of variables and references take grows with
// them.
func TestLinear(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]func(n int) string{
		"variables":      func(n int) string { return imagetest.Lines(n, "A%d=b\n") },
		"references":     func(n int) string { return imagetest.Lines(n, "A%d=b$A1\n") },
		"one name":       func(n int) string { return strings.Repeat("A=b\n", n) },
		"lines in quote": func(n int) string { return "A='" + strings.Repeat("\n", n) + "'" },
		"open quote":     func(n int) string { return "A='" + strings.Repeat("\n", n) },
		"many quotes":    func(n int) string { return strings.Repeat("A='\n'\n", n) },
		"open braces":    func(n int) string { return "A=" + strings.Repeat("${A:-", min(n, MaxValue/5)) },
		"dollars":        func(n int) string { return "A=" + strings.Repeat("$$", min(n, MaxValue/2)) },
	} {
		imagetest.Linear(t, imagetest.Growth{Name: name, Most: 60_000, Make: func(n int) func() {
			file := filepath.Join(dir, fmt.Sprint(n))
			if err := os.WriteFile(file, []byte(text(n)), 0o600); err != nil {
				t.Fatal(err)
			}
			return func() { _, _ = Environment{}.With([]string{file}, nil, false, Outside{Lookup: lookupIn(nil)}) }
		}})
	}
}

// FuzzRequests: a request that is taken is a path of a URL that no shell reads
// as more than a word, in its bounds; all others are errors of one line.
func FuzzRequests(f *testing.F) {
	for _, seed := range []string{"[/]", "[{path: /a?b=c%20d, port: 80, status: 401}]", "['/a b']", `["/$(id)'"]`, "[{port: 1}]", "[{path: /, port: 99999}]", "[[/]]", "/", "[&a {path: /}, *a]", "{a: b}", "[!!int 1]", "[{path: /, status: 100}]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := parse("w.yaml", []byte("requests: "+text))
		if err != nil {
			if strings.Contains(err.Error(), "\n") || !errors.Is(err, whittle.ErrUsage) {
				t.Errorf("%q", err)
			}
			return
		}
		if len(cfg.Requests) > maxRequests {
			t.Errorf("%d requests", len(cfg.Requests))
		}
		for _, r := range cfg.Requests {
			u, err := url.ParseRequestURI(r.Path)
			if strings.Contains(r.Path, "%") { // what follows it is the server's to read
				u, err = url.ParseRequestURI(strings.ReplaceAll(r.Path, "%", "%25"))
			}
			if err != nil || !strings.HasPrefix(u.Path, "/") || strings.ContainsAny(r.Path, " \t\r\n'\"\\<>") || len(r.Path) > maxPath || r.Port < 0 || r.Port > 65535 || r.Status != 0 && (r.Status < 200 || r.Status > 599) {
				t.Errorf("%+v: %v", r, err)
			}
		}
	})
}

// TestSecrets: secrets and agents in the forms of compose and buildx.
func TestSecrets(t *testing.T) {
	for _, c := range []struct {
		yaml string
		want []Secret
		err  string
	}{
		{"secrets: {npmrc: {file: ./x}, token: {environment: TOKEN}, other: {env: OTHER}}", []Secret{{ID: "npmrc", File: "./x"}, {ID: "token", Env: "TOKEN"}, {ID: "other", Env: "OTHER"}}, ""},
		{"secrets: ['id=npmrc,src=x', 'id=t,env=TOKEN', 'type=file,id=a,source=/b', id=TOKEN]", []Secret{{ID: "npmrc", File: "x"}, {ID: "t", Env: "TOKEN"}, {ID: "a", File: "/b"}, {ID: "TOKEN", Env: "TOKEN"}}, ""},
		{"secrets: {npmrc: {}}", nil, "secret npmrc: name a file or a variable"},
		{"secrets: {../x: {file: y}}", nil, `secret "../x"`},
		{"secrets: ['id=a,target=/x']", nil, `there is no "target"`},
		{"secrets: {a: {fil: y}}", nil, `unknown key "fil"`},
	} {
		cfg, err := parse("w.yaml", []byte(c.yaml))
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v", c.yaml, err)
			}
		} else if diff := cmp.Diff(c.want, []Secret(cfg.Secrets)); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", c.yaml, err, diff)
		}
	}
	for text, want := range map[string]SSH{"default": {ID: "default"}, "git=/run/a.sock": {ID: "git", Paths: []string{"/run/a.sock"}}, "git=a,b": {ID: "git", Paths: []string{"a", "b"}}} {
		got, err := ParseSSH(text)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", text, err, diff)
		}
	}
	if _, err := ParseSSH("="); err == nil {
		t.Error("an agent without a name")
	}
}

// TestSurround: paths are relative to the file that names them.
func TestSurround(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"Dockerfile": "FROM scratch\n",
		"whittle.yaml": "env-file: .env\nsecrets: {a: {file: s/a}, b: {file: ~/b}}\nssh: [default, k=id_rsa]\nrun: [{name: x, command: [x], env: {A: b}, env-file: [own.env]}]\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HOME", "/home/me")
	p, err := Load(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	in := func(name string) string { return filepath.Join(p.Dir, name) }
	if diff := cmp.Diff([]any{[]string{in(".env")}, []Secret{{ID: "a", File: in("s/a")}, {ID: "b", File: "/home/me/b"}}, []SSH{{ID: "default"}, {ID: "k", Paths: []string{in("id_rsa")}}}, Strings{in("own.env")}, Variables{{Name: "A", Value: "b"}}},
		[]any{p.EnvFiles, p.Secrets, p.SSH, p.Commands[0].EnvFiles, p.Commands[0].Env}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, err = Environment{}.With(p.EnvFiles, nil, false, Outside{Lookup: os.LookupEnv})
	if err == nil || !strings.Contains(err.Error(), ".env: no such file") || !errors.Is(err, whittle.ErrUsage) {
		t.Errorf("%v", err)
	}
}
