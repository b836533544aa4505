package restage

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"whittle.dev/whittle/internal/dockerfile"
)

// TestVariables: a command's words have the values of the stage's variables,
// where nothing else can have set them.
func TestVariables(t *testing.T) {
	for _, test := range []struct {
		name, lines, run string
		arguments        map[string]string
		want             string // the RUN's last word, empty where only the build knows it
	}{
		{"ENV", "ENV VENV=/venv\n", "python -m venv $VENV", nil, "/venv"},
		{"braces and quotes", "ENV VENV=\"/ve nv\"\nENV VENV=/venv\n", `python -m venv "${VENV}"`, nil, "/venv"},
		{"the old form", "ENV VENV /venv\n", "python -m venv $VENV", nil, "/venv"},
		{"one of another", "ENV ROOT=/srv\nENV VENV=$ROOT/venv\n", "python -m venv $VENV", nil, "/srv/venv"},
		{"not in its own line", "ENV ROOT=/srv VENV=$ROOT/venv\n", "python -m venv $VENV", nil, ""},
		{"ARG", "ARG EXTRAS=web\n", `pip install ".[${EXTRAS}]"`, nil, ".[web]"},
		{"ARG of the build", "ARG EXTRAS=web\n", `pip install ".[${EXTRAS}]"`, map[string]string{"EXTRAS": "all"}, ".[all]"},
		{"ARG without a value", "ARG EXTRAS\n", `pip install ".[${EXTRAS}]"`, nil, ""},
		{"ARG over ENV", "ENV EXTRAS=web\nARG EXTRAS\n", `pip install ".[${EXTRAS}]"`, nil, ".[web]"},
		{"ENV before an argument", "ENV EXTRAS=web\nARG EXTRAS\n", `pip install ".[${EXTRAS}]"`, map[string]string{"EXTRAS": "all"}, ".[web]"},
		{"what the base sets", "ARG PYTHON_VERSION=3\n", "python -m venv /v$PYTHON_VERSION", nil, ""},
		{"nothing", "", "python -m venv $VENV", nil, ""},
		{"with a modifier", "ENV VENV=/venv\n", "python -m venv ${VENV:-/x}", nil, ""},
		{"set by the script", "ENV VENV=/venv\n", "VENV=/x && python -m venv $VENV", nil, ""},
		{"a loop", "ENV VENV=/venv\n", "for VENV in a b; do python -m venv $VENV; done", nil, ""},
		{"read", "ENV VENV=/venv\n", "read VENV < f && python -m venv $VENV", nil, ""},
		{"a substitution", "ENV VENV=/venv\n", "python -m venv $VENV$(date)", nil, ""},
		{"a value of two words", "ENV VENV=\"/a b\"\n", "python -m venv $VENV", nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, err := dockerfile.Parse("Dockerfile", []byte("FROM python:3.13-slim\n"+test.lines+"RUN "+test.run+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			values := newVariables()
			for i := range f.Stages[0].Instructions {
				in := &f.Stages[0].Instructions[i]
				if in.Keyword != "RUN" {
					values = values.after(in, test.arguments)
					continue
				}
				script, err := in.Shell()
				if err != nil {
					t.Fatal(err)
				}
				got := ""
				for _, c := range script.Commands() {
					if name := c.Name(); name == "python" || name == "pip" {
						c = values.reader(in.Text())(c)
						got = c.Words[len(c.Words)-1].Value
					}
				}
				if got != test.want {
					t.Errorf("%q, want %q", got, test.want)
				}
			}
		})
	}
}

// TestManyStages: what stages build on is followed within bounds.
func TestManyStages(t *testing.T) {
	tower := func(stages, lines int) string {
		var b strings.Builder
		b.WriteString("FROM python:3.13-slim AS s0\n")
		for i := range stages {
			fmt.Fprintf(&b, "FROM s%d AS s%d\n", i, i+1)
			for j := range lines {
				fmt.Fprintf(&b, "ENV V%d_%d=$V%d_%d\n", i, j, i, j-1)
			}
			fmt.Fprintf(&b, "COPY --from=s%d /x /x\n", i)
		}
		return b.String() + fmt.Sprintf("FROM s%d\n", stages) + strings.Repeat("COPY --from=s1 /x /x\n", 10) + "RUN pip install click\n"
	}
	for _, test := range []struct{ source, want string }{
		{tower(20, 2), ""},
		{tower(200, 1), "stages, more than"},
		{tower(90, 60), "instructions"},
	} {
		f, err := dockerfile.Parse("Dockerfile", []byte(test.source))
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err = ReadOutline(f, "", nil)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%v, want %q", err, test.want)
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("%v for %d stages", took, len(f.Stages))
		}
	}
}
