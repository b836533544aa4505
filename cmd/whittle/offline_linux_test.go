package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"whittle.dev/whittle/internal/imagetest"
)

// TestOffline: with --offline, no command connects to anything but sockets of this
// machine. strace is the oracle: it sees every connection that a process tries to make.
// Without --offline it sees some, so that it would see them.
func TestOffline(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("no strace on this machine (apt-get install strace)")
	}
	if out, err := exec.Command(strace, "-f", "-e", "trace=connect", "true").CombinedOutput(); err != nil {
		t.Skipf("strace does not work here: %v: %s", err, out)
	}
	top := t.TempDir()
	program := filepath.Join(top, "whittle")
	imagetest.Must(t, os.Symlink(os.Args[0], program))
	project := filepath.Join(top, "p")
	for name, text := range map[string]string{
		"Dockerfile":       "# syntax=docker/dockerfile:1\nFROM 127.0.0.1:1/base:1\nCOPY . .\nRUN pip install -r requirements.txt\nCMD [\"python\", \"app.py\"]\n",
		"requirements.txt": "requests==2.31.0\n", "app.py": "import requests, yaml\n",
		"whittle.yaml": "gate: {baseline: \"registry:127.0.0.1:1/app:main\", budgets: [{on: size, max: 1GB}]}\n",
	} {
		imagetest.Must(t, os.MkdirAll(project, 0o755))
		imagetest.Must(t, os.WriteFile(filepath.Join(project, name), []byte(text), 0o644))
	}
	image := filepath.Join(top, "app.tar")
	img := imagetest.New(t, imagetest.Plain, "d app\nf app/app.py \"import requests\\n\"\nf usr/bin/python3 1000 mode=0755")
	imagetest.Must(t, os.WriteFile(image, imagetest.DockerArchive(t, img), 0o644))
	log := filepath.Join(top, "strace")
	connections := func(words ...string) []string {
		cmd := exec.Command(strace, append([]string{"-f", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", log, program}, words...)...)
		cmd.Dir = project
		cmd.Env = []string{"HOME=" + top, "PATH=" + os.Getenv("PATH"), "DOCKER_HOST=tcp://127.0.0.1:1", "CONTAINER_HOST=tcp://127.0.0.1:1", "WHITTLE_CACHE_DIR=" + filepath.Join(top, "cache"), "WHITTLE_BUILDKITD=/nowhere"}
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		_ = cmd.Run() // most of them fail, and must not connect for it
		b, err := os.ReadFile(log)
		if err != nil || out.Len() == 0 {
			t.Fatalf("%v: %v: %s", words, err, out.String())
		}
		var found []string
		for line := range strings.Lines(string(b)) {
			if strings.Contains(line, "AF_INET") { // and AF_INET6
				found = append(found, strings.TrimSpace(line))
			}
		}
		return found
	}
	tried := 0
	for _, words := range [][]string{
		{"inspect", "127.0.0.1:1/app:1"}, {"inspect", "registry:127.0.0.1:1/app"}, {"inspect", "docker://127.0.0.1:1/app"}, {"inspect", "docker:app"}, {"inspect", "podman:app"},
		{"compare", image, "127.0.0.1:1/app:1"}, {"check", image}, {"check", "."}, {"check", "--run", image}, {"advise", image}, {"advise", "."},
		{"gate", image, "--project", "."}, {"simulate", image, "--without", "app"}, {"forecast", "."}, {"fix", "."}, {"lab", "."}, {"engine"}, {"version"}, {"cache"},
	} {
		if found := connections(append(words, "--offline")...); len(found) > 0 {
			t.Errorf("whittle %s --offline: %s", strings.Join(words, " "), strings.Join(found, "\n"))
		}
		if tried < 3 && len(connections(words...)) > 0 {
			tried++
		}
	}
	if tried == 0 {
		t.Error("no command connects without --offline: nothing was tried")
	}
}
