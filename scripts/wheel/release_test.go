package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// TestReleaseFile: .goreleaser.yaml builds for the systems that there are wheels
// for; the variables that it sets exist, as the linker says nothing of one that
// does not; the files that it names are there, or scripts/release-files makes
// them; and what makes the same program besides passes the same options.
func TestReleaseFile(t *testing.T) {
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	text := read(".goreleaser.yaml")
	var config struct {
		Builds []struct {
			Goos, Goarch, Flags, Ldflags, Env []string
		}
		Nfpms []struct {
			Contents []struct{ Src, Dst string }
		}
		Archives []struct {
			Files []struct{ Src string }
		}
		Sboms []struct{ Cmd string }
	}
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		t.Fatal(err)
	}
	build := config.Builds[0]
	var systems []string
	for _, goos := range build.Goos {
		for _, arch := range build.Goarch {
			systems = append(systems, goos+"/"+arch)
			if tags[goos+"/"+arch] == nil {
				t.Errorf("no wheel is made for %s/%s", goos, arch)
			}
		}
	}
	for system := range tags {
		if !slices.Contains(systems, system) {
			t.Errorf("no program is built for %s", system)
		}
	}

	flags := strings.Join(slices.Concat(build.Flags, build.Ldflags, build.Env), " ")
	script, variables := read("scripts/release"), read("cmd/whittle/version.go")
	for _, option := range []string{"CGO_ENABLED=0", "-trimpath", "-buildvcs=false", "-s -w -buildid="} {
		if !strings.Contains(flags, option) || !strings.Contains(script, option) {
			t.Errorf("%s is not in both .goreleaser.yaml and scripts/release", option)
		}
	}
	set := regexp.MustCompile(`-X main\.(\w+)=`)
	for _, of := range []string{flags, script} {
		found := set.FindAllStringSubmatch(of, -1)
		if len(found) != 3 {
			t.Errorf("%d variables are set", len(found))
		}
		for _, m := range found {
			if !regexp.MustCompile(`(?m)^\t` + m[1] + ` +string`).MatchString(variables) {
				t.Errorf("cmd/whittle has no variable %s", m[1])
			}
		}
	}

	made := read("scripts/release-files")
	named := []string{strings.TrimPrefix(config.Sboms[0].Cmd, "../../")}
	for _, f := range config.Archives[0].Files {
		named = append(named, f.Src)
	}
	for _, f := range config.Nfpms[0].Contents {
		named = append(named, f.Src)
	}
	if len(named) < 10 {
		t.Errorf("only %q", named)
	}
	for _, name := range named {
		if rest, ok := strings.CutPrefix(name, ".cache/release/"); ok {
			if rest, _, _ = strings.Cut(rest, "*"); !strings.Contains(made, "$out/"+strings.TrimSuffix(rest, "/")) {
				t.Errorf("scripts/release-files does not make %s", name)
			}
		} else if _, err := os.Stat(filepath.Join("../..", name)); err != nil {
			t.Error(err)
		}
	}
}
