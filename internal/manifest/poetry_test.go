package manifest

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// TestPoetry: a dependency in a table keeps its extras, constraint and marker,
// and what is no extra's name is left out.
func TestPoetry(t *testing.T) {
	declared, err := ReadDeclared(fstest.MapFS{"pyproject.toml": {Data: []byte(`[tool.poetry.dependencies]
celery = {version = "^5.4", extras = ["redis", "sqs"]}
click = "^8"
httpx = {version = ">=0.27", extras = ["http2] @ https://example.org/x", "brotli"]}
psycopg = {version = "*", extras = ["binary"], markers = "sys_platform == 'linux'"}
rich = {extras = ["jupyter"]}

[tool.poetry.group.dev.dependencies]
coverage = {version = "^7", extras = ["toml"]}
`)}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range declared.Dependencies {
		got = append(got, d.Text)
	}
	want := []string{
		"celery[redis,sqs]>=5.4,<6",
		"click>=8,<9",
		"httpx[brotli]>=0.27",
		"psycopg[binary] ; sys_platform == 'linux'",
		"rich[jupyter]",
		"coverage[toml]>=7,<8",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
