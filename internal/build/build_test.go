package build

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

func TestBuildArchive(t *testing.T) {
	f := needEngine(t)
	d := f.define(t, "FROM probe\nRUN [\"/probe\", \"write\", \"/made\", \"hello\"]\nCOPY a.txt /a.txt\n", map[string]string{"a.txt": "aaa"})
	archive := filepath.Join(t.TempDir(), "image.tar")
	var log, shown bytes.Buffer
	res, err := f.engine.Build(t.Context(), d, Output{Archive: archive, Log: &log, Progress: Progress{W: &shown, Label: "one"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", res)
	t.Log(shown.String())
	if !strings.Contains(log.String(), "COPY a.txt") {
		t.Error(log.String())
	}
	rr, err := f.engine.Run(t.Context(), d, []Command{{Name: "x", Args: []string{"/probe", "env"}}, {Name: "nope", Args: []string{"/nope"}}, {Name: "n", Args: []string{"probe", "net"}, Repeat: 3}, {Name: "sleep", Args: []string{"probe", "sleep", "10"}, Timeout: 1e9}}, RunOptions{Log: &log})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rr {
		t.Logf("%+v %s %s", r, r.Stdout, r.Stderr)
	}
}
