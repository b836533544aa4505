package dockerfile

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sample = `# syntax=docker/dockerfile:1
ARG PY=3.13
FROM python:${PY}-slim AS build
WORKDIR /src
COPY requirements.txt .
RUN --mount=type=cache,target=/root/.cache \
    # the application's needs
    pip install -r requirements.txt && \
    rm -rf /tmp/*

FROM python:${PY}-slim
ENV A=1 B="two words"
COPY --from=build --chown=1:1 /usr/local /usr/local
COPY . .
RUN <<EOF
set -e
echo hi
EOF
CMD ["python", "-m", "app"]
`

func TestParse(t *testing.T) {
	f, err := Parse("Dockerfile", []byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	if f.Syntax != "docker/dockerfile:1" || f.Escape != '\\' || len(f.Meta) != 1 || len(f.Stages) != 2 {
		t.Errorf("file: syntax %q, escape %q, %d metas, %d stages", f.Syntax, f.Escape, len(f.Meta), len(f.Stages))
	}
	run := f.Stages[0].Instructions[2]
	if run.Line != 6 || run.EndLine != 9 || run.Keyword != "RUN" {
		t.Errorf("RUN stands at %d to %d", run.Line, run.EndLine)
	}
	if got := f.Bases("", nil); !cmp.Equal(got, []string{"python:3.13-slim"}) {
		t.Errorf("bases %q", got)
	}
	if got := f.Bases("", map[string]string{"PY": "3.12"}); !cmp.Equal(got, []string{"python:3.12-slim"}) {
		t.Errorf("bases with PY=3.12: %q", got)
	}
	heredoc := f.Stages[1].Instructions[3]
	if heredoc.Text() != "RUN <<EOF\nset -e\necho hi\nEOF" {
		t.Errorf("heredoc's text %q", heredoc.Text())
	}
}
