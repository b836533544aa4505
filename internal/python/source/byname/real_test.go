package byname

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/verified.tsv")

// realCase is a line of testdata/real.txt.
type realCase struct{ host, name, module, own, code string }

func realCases(t *testing.T) (out []realCase) {
	t.Helper()
	text, err := os.ReadFile("testdata/real.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(strings.TrimRight(line, "\n"), "\t"); len(cells) == 5 {
			out = append(out, realCase{cells[0], cells[1], cells[2], cells[3], cells[4]})
		}
	}
	return out
}

// TestCases: each case has a row in the table, and its code a word of the row or
// the row none; each has a result in testdata/verified.tsv, in which the library has
// loaded the distribution.
func TestCases(t *testing.T) {
	verified, err := os.ReadFile("testdata/verified.tsv")
	if err != nil {
		t.Fatal(err)
	}
	results := strings.Split(strings.TrimSpace(string(verified)), "\n")
	cases := realCases(t)
	if len(cases) < 25 || len(results) != len(cases)+1 {
		t.Fatalf("%d cases, %d lines of results", len(cases), len(results))
	}
	for i, c := range cases {
		words := Words([]byte(c.code))
		if !slices.ContainsFunc(Between(c.host, c.name), func(r Row) bool {
			return len(r.Words) == 0 || slices.ContainsFunc(r.Words, func(w string) bool { return slices.Contains(words, w) })
		}) {
			t.Errorf("%s has no row by which %s loads %s", c.code, c.host, c.name)
		}
		cells := strings.Split(results[i+1], "\t")
		if len(cells) != 5 || !strings.HasPrefix(cells[0], c.host) || !strings.HasPrefix(cells[1], c.name) || cells[3] != "loaded" {
			t.Errorf("%s loads %s: the result is %q", c.host, c.name, results[i+1])
		}
		if always := slices.ContainsFunc(Between(c.host, c.name), func(r Row) bool { return len(r.Words) == 0 }); !always && cells[4] != "no" {
			t.Errorf("%s loads %s without being asked, and its rows have words", c.host, c.name)
		}
	}
}

// runner runs a case: its arguments are the folder of what is loaded, which comes
// last, the module, a folder, the module of the library, and the code.
const runner = `
import os, sys
deps, module, TMP, own, code = sys.argv[1:]
if deps:
    sys.path.append(deps)
os.chdir(TMP)
sys.stderr = open(os.devnull, "w")
try:
    exec(compile(code, "case", "exec"), {"TMP": TMP, "__name__": "case"})
    print("goes on")
except BaseException as e:
    text = " ".join(str(e).split())[:140]
    print(type(e).__name__ + (": " + text if text else ""))
print(module in sys.modules)
`

// TestReal runs the cases with the real libraries, in the folder that
// WHITTLE_TEST_BYNAME names: without what they load, with it, and what importing the
// library alone loads. With -update it writes the results.
func TestReal(t *testing.T) {
	dir := os.Getenv("WHITTLE_TEST_BYNAME")
	if dir == "" {
		t.Skip("WHITTLE_TEST_BYNAME is not a folder for libraries from the package index")
	}
	hosts := filepath.Join(dir, "hosts")
	python := filepath.Join(hosts, "bin", "python3")
	if _, err := os.Stat(python); err != nil {
		output(t, "python3", "-m", "venv", hosts)
	}
	cases := realCases(t)
	install := []string{"-m", "pip", "install", "-q"}
	for _, c := range cases {
		if !slices.Contains(install, c.host) && c.host != "python" {
			install = append(install, c.host)
		}
	}
	output(t, python, install...)
	result := "library\tloads\twithout it\twith it\timporting the library loads it\n"
	for _, c := range cases {
		deps := filepath.Join(dir, "deps", c.name)
		if _, err := os.Stat(deps); err != nil {
			output(t, python, "-m", "pip", "install", "-q", "--target", deps+".part", c.name)
			if err := os.Rename(deps+".part", deps); err != nil {
				t.Fatal(err)
			}
		}
		run := func(deps, code string) (said string, loaded bool) {
			lines := strings.Split(strings.TrimSpace(output(t, python, "-c", runner, deps, c.module, t.TempDir(), c.own, code)), "\n")
			return hidden(lines[len(lines)-2]), lines[len(lines)-1] == "True"
		}
		without, there := run("", c.code)
		with, loaded := run(deps, c.code)
		_, eager := run(deps, "import "+c.own)
		switch {
		case there:
			t.Errorf("%s: %s is installed among the libraries", c.host, c.name)
		case !loaded:
			t.Errorf("%s does not load %s: %s", c.host, c.name, with)
		}
		result += fmt.Sprintf("%s\t%s\t%s\t%s\t%s\n", version(t, python, "", c.host), version(t, python, deps, c.name), without, map[bool]string{true: "loaded", false: "not loaded"}[loaded], map[bool]string{true: "yes", false: "no"}[eager])
	}
	if *update {
		if err := os.WriteFile("testdata/verified.tsv", []byte(result), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Log(result)
}

var places = regexp.MustCompile(`/\S*/`)

// hidden leaves out the folders of this machine.
func hidden(text string) string { return places.ReplaceAllString(text, "…/") }

// version is the name and version of a distribution.
func version(t *testing.T, python, deps, name string) string {
	if name == "python" {
		return "python " + strings.TrimPrefix(strings.TrimSpace(output(t, python, "--version")), "Python ")
	}
	return name + " " + strings.TrimSpace(output(t, python, "-c", "import sys\nif sys.argv[1]: sys.path.insert(0, sys.argv[1])\nfrom importlib.metadata import version\nprint(version(sys.argv[2]))", deps, name))
}

func output(t *testing.T, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %q: %v\n%s%s", program, args[:min(len(args), 3)], err, out.String(), errs.String())
	}
	return out.String()
}
