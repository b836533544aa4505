package resolve

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/pypi"
	"whittle.dev/whittle/internal/python"
)

// realIndex is the index that this machine installs from; without one the
// test is skipped.
func realIndex(t *testing.T) *pypi.Client {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: no index is asked")
	}
	dir := os.Getenv("WHITTLE_TEST_CACHE")
	if dir == "" {
		dir = t.TempDir()
	}
	c := pypi.Open(pypi.Options{CacheDir: dir})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := c.Files(ctx, "flask"); err != nil {
		t.Skipf("no package index answers here: %v", err)
	}
	return c
}

// interpreter is a Python with pip, and what wheels and markers see of it.
type interpreter struct {
	program string
	target  pep.Target
	env     pep.Environment
}

const describe = `import json, os, platform, sys
print(json.dumps([sys.version_info[:2], platform.libc_ver(), platform.machine(), platform.python_version(), sys.platform, platform.release()]))`

func thisPython(t *testing.T) interpreter {
	t.Helper()
	program, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 on this machine")
	}
	if err := exec.Command(program, "-m", "pip", "install", "--dry-run", "--help").Run(); err != nil {
		t.Skip("python3 has no pip")
	}
	return describePython(t, program)
}

func describePython(t *testing.T, program string) interpreter {
	t.Helper()
	out, err := exec.Command(program, "-c", describe).Output()
	if err != nil {
		t.Fatal(err)
	}
	var version [2]int
	var libc [2]string
	var machine, full, system, release string
	if err := json.Unmarshal(out, &[]any{&version, &libc, &machine, &full, &system, &release}); err != nil {
		t.Fatal(err)
	}
	if system != "linux" || libc[0] != "glibc" {
		t.Skipf("wheels are chosen for Linux with glibc, and this is %s with %q", system, libc[0])
	}
	major, minor, _ := strings.Cut(libc[1], ".")
	i := interpreter{program: program, target: pep.Target{Major: version[0], Minor: version[1], Libc: "glibc", Machine: machine}}
	i.target.LibcMajor, _ = strconv.Atoi(major)
	i.target.LibcMinor, _ = strconv.Atoi(minor)
	i.env = python.Interpreter{Series: strconv.Itoa(version[0]) + "." + strconv.Itoa(version[1]), Version: full, Implementation: "cpython"}.Environment(machine)
	i.env.PlatformRelease = release
	return i
}

// pip is the environment of pip with the index alone.
func (i interpreter) pip(t *testing.T, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), i.program, append([]string{"-m", "pip"}, args...)...)
	cmd.Env = append(os.Environ(), "PIP_FIND_LINKS=", "PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_NO_INPUT=1")
	return cmd
}

// pipResolves is what pip would install: name to version and file.
func (i interpreter) pipResolves(t *testing.T, args ...string) (map[string]string, error) {
	t.Helper()
	report := filepath.Join(t.TempDir(), "report.json")
	out, err := i.pip(t, append([]string{"install", "--dry-run", "--ignore-installed", "--quiet", "--only-binary", ":all:", "--report", report}, args...)...).CombinedOutput()
	if err != nil {
		return nil, errors.New(string(out))
	}
	b, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Install []struct {
			Metadata struct{ Name, Version string }
			Download struct {
				URL string `json:"url"`
			} `json:"download_info"`
		}
	}
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, in := range r.Install {
		got[pep.Normalize(in.Metadata.Name)] = in.Metadata.Version + " " + filepath.Base(in.Download.URL)
	}
	return got, nil
}

func requirements(t *testing.T, texts ...string) []pep.Requirement {
	t.Helper()
	var out []pep.Requirement
	for _, s := range texts {
		r, err := pep.ParseRequirement(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

func versionsOf(r *Solution) map[string]string {
	out := map[string]string{}
	for _, c := range r.Choices {
		file := ""
		if c.Wheel != nil {
			file = c.Wheel.Name
		}
		out[c.Name] = c.Version + " " + file
	}
	return out
}

// TestResolveAgainstPip holds the resolver to pip: the same versions of the
// same distributions, from the same files.
func TestResolveAgainstPip(t *testing.T) {
	idx, py := realIndex(t), thisPython(t)
	tests := []struct {
		name        string
		asks        []string
		constraints []string
		fails       bool
		// long ones take pip a minute and more.
		long bool
	}{
		{name: "plain", asks: []string{"flask", "gunicorn"}},
		{name: "numeric", asks: []string{"pandas", "pyarrow"}, long: true},
		{name: "large", asks: []string{"streamlit"}, long: true},
		{name: "extras", asks: []string{"requests[socks]", "uvicorn[standard]", "httpx[http2,cli]"}},
		{name: "extra of an extra", asks: []string{"fastapi[standard]"}, long: true},
		{name: "older", asks: []string{"flask<2.2", "werkzeug<2.1"}},
		{name: "goes back", asks: []string{"flask", "werkzeug<2"}},
		{name: "goes back far", asks: []string{"aiobotocore<2.10", "boto3", "botocore==1.31.64"}, long: true},
		{name: "boto", asks: []string{"boto3<1.34", "urllib3<2", "s3transfer"}, long: true},
		{name: "yanked, pinned", asks: []string{"numpy==1.25.0"}},
		{name: "stable ABI", asks: []string{"cryptography", "orjson", "psutil"}, long: true},
		{name: "constraints", asks: []string{"django", "celery"}, constraints: []string{"django<5", "kombu==5.3.4", "absent<1"}, long: true},
		{name: "markers", asks: []string{"ipython<9", "rich>=13,<14", "tomli; python_version < '3.0'"}, long: true},
		{name: "conflict", asks: []string{"flask>=3", "werkzeug<2"}, fails: true},
		{name: "pre-release", asks: []string{"black>=23.1a1,<24"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.long && os.Getenv("WHITTLE_LONG") == "" {
				t.Skip("WHITTLE_LONG is not set: pip takes long over it")
			}
			args := tt.asks
			if tt.constraints != nil {
				file := filepath.Join(t.TempDir(), "constraints.txt")
				if err := os.WriteFile(file, []byte(strings.Join(tt.constraints, "\n")+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				args = append([]string{"-c", file}, args...)
			}
			want, pipErr := py.pipResolves(t, args...)
			start := time.Now()
			r, err := Versions(t.Context(), idx, requirements(t, tt.asks...),
				Options{Target: py.target, Env: py.env, Constraints: requirements(t, tt.constraints...), OnlyBinary: []string{":all:"}})
			if tt.fails {
				var none *Unresolvable
				if pipErr == nil || !errors.As(err, &none) || !errors.Is(err, whittle.ErrUsage) {
					t.Fatalf("pip: %v, ours: %v", pipErr, err)
				}
				t.Log(err)
				return
			}
			if pipErr != nil || err != nil {
				t.Fatalf("pip: %v, ours: %v", pipErr, err)
			}
			t.Logf("%d distributions in %d steps, %s", len(r.Choices), r.Steps, time.Since(start).Round(time.Millisecond))
			got := versionsOf(r)
			if !maps.Equal(got, want) {
				t.Errorf("pip chooses otherwise (-pip +ours):\n%s", cmp.Diff(want, got))
			}
		})
	}
}
