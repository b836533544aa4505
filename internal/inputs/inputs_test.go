package inputs

import (
	"crypto/ed25519"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/project"
)

// TestSurroundings: what options say replaces what whittle.yaml says; the seal
// changes with each value, and shows none.
func TestSurroundings(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	agent := listening(t)
	lookup := func(name string) (string, bool) { return "outside", name == "OUTSIDE" }
	p := &project.Project{
		Dir:      dir,
		EnvFiles: []string{file("a.env", "A=from-file\nB=from-file\n")},
		Env:      project.Variables{{Name: "B", Value: "from-yaml"}, {Name: "C", Value: "from-yaml"}, {Name: "E", Value: "${OUTSIDE}"}},
		Commands: []project.Command{{Name: "one", Command: []string{"one"}, Env: project.Variables{{Name: "C", Value: "of-one"}, {Name: "D", Value: "of-one"}}}},
		Secrets:  []project.Secret{{ID: "x", File: file("x", "in x")}, {ID: "y", Env: "OUTSIDE"}},
		SSH:      []project.SSH{{ID: "default"}},
	}
	in := Options{Env: []string{"D=$option", "OUTSIDE"}, Secrets: []string{"id=x,src=" + file("other", "in other")}, SSH: []string{"default=" + agent}, Allow: []string{"env=OUTSIDE"}}
	s, err := Read(lookup, p, in)
	if err != nil {
		t.Fatal(err)
	}
	commands := []build.Command{{Name: "one", Args: []string{"one"}}, {Name: "CMD", Args: []string{"one"}, Watch: &build.Watch{}}}
	if err := s.SetEnvironment(commands, p.Commands); err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"A=from-file", "B=from-yaml", "E=outside", "C=of-one", "D=$option", "OUTSIDE=outside"}, {"A=from-file", "B=from-yaml", "C=from-yaml", "E=outside", "D=$option", "OUTSIDE=outside"}}
	if diff := cmp.Diff(want, [][]string{commands[0].Env, commands[1].Env}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var d build.Definition
	s.AddTo(&d)
	if diff := cmp.Diff([]build.Secret{{ID: "y", Value: []byte("outside")}, {ID: "x", Value: []byte("in other")}}, d.Secrets); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]build.SSH{{ID: "default", Paths: []string{agent}}}, d.SSH); diff != "" {
		t.Errorf("agents (-want +got):\n%s", diff)
	}
	for _, value := range []string{"from-file", "outside", "$option"} {
		if !strings.Contains(strings.Join(d.Hidden, "\n"), value) {
			t.Errorf("%q is not hidden: %q", value, d.Hidden)
		}
	}
	seals := map[string]bool{s.Seal([]byte("k"), p.Commands): true, s.Seal([]byte("other"), p.Commands): true}
	for _, change := range []func(){func() { in.Env[0] = "D=x" }, func() { file("other", "new") }, func() { p.Commands[0].Env[0].Value = "x" }, func() { file("a.env", "A=2") }} {
		change()
		if s, err = Read(lookup, p, in); err != nil {
			t.Fatal(err)
		}
		seals[s.Seal([]byte("k"), p.Commands)] = true
	}
	if len(seals) != 6 {
		t.Errorf("%d seals of 6", len(seals))
	}
	if s, err = Read(lookup, nil, Options{}); err != nil || s.Seal(nil, nil) != "" {
		t.Errorf("a seal of nothing, %v", err)
	}
	for _, bad := range []Options{{Secrets: []string{"x"}}, {Secrets: []string{"id=x,env=NOWHERE"}}, {Secrets: []string{"id=x,src=" + dir + "/nowhere"}}, {SSH: []string{"="}}, {Env: []string{"=x"}}, {EnvFiles: []string{dir + "/nowhere"}}} {
		if _, err := Read(lookup, nil, bad); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// listening is the socket of an agent.
func listening(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "whittle-agent-") // the path of a socket has to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "agent"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return filepath.Join(dir, "agent")
}

func privateKey(t *testing.T, passphrase string) []byte {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	var block *pem.Block
	if passphrase == "" {
		block, err = ssh.MarshalPrivateKey(key, "")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(block)
}
