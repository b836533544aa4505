package project

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
)

// outside gives variables, and files of the project's folder and of one more.
func outside(variables map[string]string, allowed string, denied *[]string) Outside {
	return Outside{
		Lookup: func(name string) (string, bool) {
			v, ok := variables[name]
			if strings.HasPrefix(v, "denied") {
				*denied = append(*denied, name)
				return "", true
			}
			return v, ok
		},
		Read: func(file string, most int64) ([]byte, error) {
			if _, ok := whittle.Below(allowed, whittle.WithoutLinks(file)); !ok {
				*denied = append(*denied, file)
				return nil, nil
			}
			return whittle.ReadFile(file, most)
		},
	}
}

// TestComposeStarts: how compose starts an image, and what runs beside it.
func TestComposeStarts(t *testing.T) {
	dir := write(t, map[string]string{"Dockerfile": "", "app.env": "A=1\n", "key.txt": "k", "compose.yaml": `
secrets:
  key: {file: key.txt}
  lost: {file: lost.txt}
  password: {environment: PASSWORD}
configs: {site: {file: site.conf}}
services:
  web:
    build: .
    command: gunicorn app:app --bind "0.0.0.0:8000"
    environment: {PASSWORD: "${PASSWORD}", PLAIN: 'a$$b', LEVEL: "${LEVEL:-info}", OWN: }
    env_file: [app.env, {path: gone.env, required: false}]
    working_dir: /srv
    user: "1000"
    healthcheck: {test: curl localhost, interval: 5s, retries: "${RETRIES:-4}"}
    volumes: [".:/app", "data:/data", {type: bind, source: "${HOME}/x", target: /x}, /cache]
    tmpfs: "/run/app:size=1m"
    secrets: [key, lost, {source: key, target: /etc/key}]
    configs: [site, {source: site, target: /etc/site.conf}]
    depends_on: {db: {condition: service_healthy}, helper: {condition: service_started}, migrate: {condition: service_completed_successfully}}
  worker:
    build: {context: .}
    entrypoint: []
    command: [celery, worker]
    links: [cache:redis]
  helper:
    build: {context: ., target: helper}
  db:
    image: postgres:17
    command: postgres -c fsync=off
    environment: {POSTGRES_PASSWORD: "${PASSWORD}"}
    healthcheck: {test: [CMD, pg_isready]}
    depends_on: [log]
    secrets: [{source: password, target: db}]
  migrate: {image: "postgres:17", command: psql -f schema.sql}
  cache: {image: "redis:8", volumes: ["${HOME}:/home"]}
  log: {image: log:1}
  alone: {image: "alone:${ALONE}", environment: {X: "${ALONE}"}}
`})
	var denied []string
	p, err := LoadWith(t.Context(), dir, "", outside(map[string]string{"PASSWORD": "geheim", "HOME": "denied", "ALONE": "denied", "OWN": "own"}, dir, &denied))
	if err != nil {
		t.Fatal(err)
	}
	want := []Variant{
		{Name: "web", Dockerfile: "Dockerfile", Starts: []Start{
			{Name: "web", Command: []string{"gunicorn", "app:app", "--bind", "0.0.0.0:8000"}, WorkingDir: "/srv", User: "1000", EnvFiles: []string{filepath.Join(dir, "app.env")},
				Env: Variables{{Name: "LEVEL", Value: "info"}, {Name: "OWN", Value: "own"}, {Name: "PASSWORD", Value: "geheim"}, {Name: "PLAIN", Value: "a$$b"}}, Mounts: []string{"/app", "/x"}, Given: []string{"/data", "/cache", "/run/app", "/site", "/etc/site.conf", "/etc/key"},
				Healthcheck: &HealthCheck{Test: Line{Words: []string{"CMD-SHELL", "curl localhost"}}, Interval: Duration(5 * time.Second), Retries: 4}},
			{Name: "worker", Command: []string{"celery", "worker"}, Entrypoint: []string{}},
		}, Peers: []string{"cache", "db", "helper", "log"}},
		{Name: "helper", Dockerfile: "Dockerfile", Target: "helper", Starts: []Start{{Name: "helper"}}},
	}
	for i := range p.Variants {
		sortPeers(p.Variants[i].Peers)
	}
	if diff := cmp.Diff(want, p.Variants); diff != "" {
		t.Errorf("variants (-want +got):\n%s", diff)
	}
	var peers []string
	for _, s := range p.Services {
		peers = append(peers, fmt.Sprint(s.Name, " ", s.Image, " ", s.Command.Words, " ", s.Environment, " ", s.Composed))
	}
	if diff := cmp.Diff([]string{"db postgres:17 [postgres -c fsync=off] [{POSTGRES_PASSWORD geheim false}] true", "cache redis:8 [] [] true", "log log:1 [] [] true"}, peers); diff != "" {
		t.Errorf("services (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"service helper of compose.yaml does not run beside web: it is built, and whittle runs only images that are there",
		"service migrate of compose.yaml does not run before web: whittle runs only services that stay"}, p.Notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Secret{{ID: "key", File: filepath.Join(dir, "key.txt")}, {ID: "db", Env: "PASSWORD"}}, p.Secrets); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
	if len(denied) > 0 || !strings.Contains(strings.Join(p.Hidden, " "), "geheim") {
		t.Errorf("denied %v, hidden %v", denied, p.Hidden)
	}
}

func sortPeers(all []string) {
	for i := range all {
		for j := i; j > 0 && all[j] < all[j-1]; j-- {
			all[j], all[j-1] = all[j-1], all[j]
		}
	}
}

// TestComposePermission: compose files get no file outside of the project and no
// variable of the environment without permission; what is not used asks for nothing.
func TestComposePermission(t *testing.T) {
	top := whittle.WithoutLinks(t.TempDir())
	for name, text := range map[string]string{"home/base.yaml": "services: {web: {build: {context: .}}}", "home/.env": "A=1", "home/x.env": "A=1"} {
		file := filepath.Join(top, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	const plain = "services: {web: {build: .}}\n"
	for _, c := range []struct {
		name, compose, env string
		denied             string
	}{
		{"nothing", plain, "", ""},
		{"a variable", "services: {web: {build: {context: ., args: {A: $TOKEN}}}}", "", "TOKEN"},
		{"one with a default", "services: {web: {build: {context: ., args: {A: '${TOKEN:-x}'}}}}", "", "TOKEN"},
		{"a bare one", "services: {web: {build: {context: ., args: [TOKEN]}}}", "", "TOKEN"},
		{"a bare one of a start", "services: {web: {build: ., environment: [TOKEN]}}", "", "TOKEN"},
		{"one in .env", "services: {web: {build: {context: ., args: {A: $B}}}}", "B=${TOKEN}", "TOKEN"},
		{"where whittle does not look", "services: {web: {build: ., volumes: ['${TOKEN}:/x'], labels: ['$TOKEN'], ports: ['$TOKEN:1']}}\nvolumes: {x: {name: $TOKEN}}", "", ""},
		{"of a service that nothing needs", plain[:len(plain)-2] + ", db: {image: $TOKEN}}", "", ""},
		{"a file of .env by a link", plain, "link", "home/x.env"},
		{"extends", "services: {web: {extends: {file: ../home/base.yaml, service: web}}}", "", "home/base.yaml"},
		{"extends in a merge", "x: &x {extends: {file: ../home/base.yaml, service: web}}\nservices: {web: {<<: *x}}", "", "home/base.yaml"},
		{"extends with a variable", "services: {web: {extends: {file: '${NONE:-../home}/base.yaml', service: web}}}", "", "home/base.yaml"},
		{"include", "include: [../home/base.yaml]", "", "home/.env home/base.yaml"},
		{"include with its variables", "include: [{path: ok.yaml, env_file: ../home/x.env}]", "", "home/x.env"},
		{"include in its folder", "include: [{path: ok.yaml, project_directory: ../home}]", "", "home/.env"},
		{"include of an include", "include: [deep.yaml]", "", "home/.env home/base.yaml"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(top, strings.ReplaceAll(c.name, " ", "-"))
			files := map[string]string{"compose.yaml": c.compose, "Dockerfile": "", "ok.yaml": plain, "deep.yaml": "include: [../home/base.yaml]"}
			if c.env != "" && c.env != "link" {
				files[".env"] = c.env
			}
			for name, text := range files {
				file := filepath.Join(dir, name)
				if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(file, []byte(text), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			if c.env == "link" {
				if err := os.Symlink("../home/x.env", filepath.Join(dir, ".env")); err != nil {
					t.Skip(err)
				}
			}
			var denied []string
			_, _ = LoadWith(t.Context(), dir, "", outside(map[string]string{"TOKEN": "denied"}, dir, &denied))
			for i := range denied {
				denied[i] = strings.TrimPrefix(denied[i], top+"/")
				if denied[i] == ".env" || strings.HasSuffix(denied[i], "/.env") && c.env == "link" {
					denied[i] = "home/x.env"
				}
			}
			sortPeers(denied)
			if diff := cmp.Diff(c.denied, strings.Join(denied, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestComposeErrors: files that compose does not take either.
func TestComposeErrors(t *testing.T) {
	bomb := "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
	for i := 1; i < 10; i++ {
		bomb += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 10), ","))
	}
	for _, c := range []struct{ name, compose, err string }{
		{"not YAML", "a: [", "compose.yaml: "},
		{"a list", "- a", "compose.yaml:1: this is not a mapping"},
		{"a missing variable", "services: {web: {build: {context: ., args: {A: '${A:?say it}'}}}}", `compose.yaml:1: required variable A is missing a value: say it`},
		{"a bad variable", "services: {web: {build: '${'}}", "Invalid template"},
		{"extends itself", "services: {web: {extends: web}}", "reading compose.yaml: Circular reference"},
		{"extends in a ring over files", "services: {web: {extends: {file: b.yaml, service: web}}}", "Circular reference"},
		{"extends nothing", "services: {web: {extends: none}}", `service "none" not found`},
		{"includes itself", "include: [compose.yaml]\nservices: {web: {build: .}}", "include cycle"},
		{"includes what is not there", "include: [none.yaml]\nservices: {web: {build: .}}", "compose.yaml:1: reading "},
		{"includes from the web", "include: ['https://example.org/x.yaml']\nservices: {web: {build: .}}", "whittle fetches none"},
		{"an alias in itself", "services: &a {web: {build: .}, x: *a}", "is in its own anchor"},
		{"a bomb", bomb + "services: {web: {build: .}}", "more than 200000 values"},
		{"a bomb of text", "x: &x " + strings.Repeat("y", 100_000) + "\nservices: {web: {build: ., command: [" + strings.Repeat("*x,", 200) + "]}}", "more than "},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := write(t, map[string]string{"Containerfile": "", "compose.yaml": c.compose, "b.yaml": "services: {web: {extends: {file: compose.yaml, service: web}}}"})
			began := time.Now()
			var denied []string
			p, err := LoadWith(t.Context(), dir, "", outside(nil, dir, &denied))
			if err != nil {
				t.Fatal(err)
			}
			note := strings.Join(p.Notes, "\n")
			if !strings.HasPrefix(note, "its compose or Bake file is left out: ") || !strings.Contains(note, c.err) || strings.Contains(note, "whittle-compose-") || strings.Contains(note, "\n") {
				t.Errorf("%q, want %q", note, c.err)
			}
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("it took %v", took)
			}
			if _, err := Load(write(t, map[string]string{"compose.yaml": c.compose, "b.yaml": "", "whittle.yaml": "compose: compose.yaml"}), ""); !errors.Is(err, whittle.ErrUsage) {
				t.Errorf("asked for it by name: %v", err)
			}
		})
	}
}

// TestComposeKey: which compose files count, and what of them.
func TestComposeKey(t *testing.T) {
	files := map[string]string{"Dockerfile": "", "Dockerfile.b": "", "compose.yaml": "services: {a: {build: .}, b: {build: {context: ., target: b}, profiles: [p]}}",
		"deploy/compose.yaml": "services: {c: {build: {context: .., target: c}}}"}
	for _, c := range []struct{ yaml, want, err string }{
		{"", "a b", ""}, // the Dockerfile that compose does not build is one, too
		{"compose: {services: b}", "b", ""},
		{"compose: {profiles: [p]}", "a b", ""},
		{"compose: deploy/compose.yaml", "c", ""},
		{"variants: [{name: v}]", "v", ""},
		{"variants: [{name: v}]\ncompose: deploy/compose.yaml", "v c", ""},
		{"compose: {services: [x]}", "", `no service is named "x"`},
		{"compose: none.yaml", "", "no such file"},
		{"compose: {service: a}", "", `unknown key "service"`},
	} {
		files["whittle.yaml"] = c.yaml
		p, err := Load(write(t, files), "")
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, want %q", c.yaml, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.yaml, err)
			continue
		}
		var got []string
		for _, v := range p.Variants {
			got = append(got, v.Name)
		}
		if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s: %s", c.yaml, diff)
		}
	}
}
