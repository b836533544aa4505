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
