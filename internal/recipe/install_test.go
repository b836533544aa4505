package recipe

import (
	"fmt"
	"strings"
	"testing"

	"whittle.dev/whittle/internal/dockerfile"
)

func TestInstalling(t *testing.T) {
	for run, want := range map[string]string{
		"pip install x":                                 "pip 1",
		"pip3.13 --quiet install x":                     "pip 2",
		"/opt/venv/bin/pip install -r r.txt":            "pip 1",
		"python -m pip install x":                       "pip 3",
		"python3 -m pip --no-input install x":           "pip 4",
		"cd /x && pip install a && pip install b":       "pip 1, pip 1",
		"uv pip install --system x":                     "uv 2",
		"uv sync --frozen":                              "uv 1",
		"poetry install --only main":                    "poetry 1",
		"pdm sync":                                      "pdm 1",
		"pipenv sync":                                   "pipenv 1",
		"pip wheel -w /w .":                             "",
		"pip download x":                                "",
		"python -m build":                               "",
		"python -m pip":                                 "",
		"uv pip":                                        "",
		"apt-get install pip":                           "",
		"pip config set install.x y && pip uninstall x": "",
		"echo pip install x":                            "",
	} {
		f, err := dockerfile.Parse("Dockerfile", []byte("FROM a\nRUN "+run+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		commands, ok := InstallCommands(&f.Stages[0].Instructions[0])
		var got []string
		for _, c := range commands {
			got = append(got, fmt.Sprintf("%s %d", c.Tool, c.Verb))
		}
		if s := strings.Join(got, ", "); s != want || ok != (want != "") {
			t.Errorf("%s: %q, want %q", run, s, want)
		}
	}
}

// TestArguments: options have their values in whichever way they are written.
func TestArguments(t *testing.T) {
	const line = "pip --quiet install -r a.txt --requirement=b.txt -rc.txt -e . --index-url x --no-deps -U flask==3 -c"
	script, err := dockerfile.ParseShell("line", line)
	if err != nil {
		t.Fatal(err)
	}
	c, ok := ReadInstall(script.Commands()[0])
	if !ok {
		t.Fatal("it installs")
	}
	var got []string
	for _, a := range c.Arguments() {
		got = append(got, fmt.Sprintf("%s=%s@%d", a.Option, a.Value, a.At))
	}
	want := "-r=a.txt@4 --requirement=b.txt@5 -r=c.txt@6 -e=.@8 --index-url=x@10 --no-deps=@11 -U=@12 =flask==3@13 -c=@14"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("%s, want %s", s, want)
	}
}
