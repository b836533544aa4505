package toolmodel

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"
)

// phrases are the instructions of the corpus by the base that they are for.
func phrases(t *testing.T) map[string][]string {
	ar, err := txtar.ParseFile("testdata/corpus.txtar")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, f := range ar.Files {
		res, err := parser.Parse(bytes.NewReader(f.Data))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(f.Data), "\n")
		from := ""
		for _, n := range res.AST.Children {
			text := strings.Join(lines[n.StartLine-1:n.EndLine], "\n")
			switch strings.ToUpper(n.Value) {
			case "FROM":
				if from = strings.Fields(n.Original)[1]; len(strings.Fields(n.Original)) > 2 {
					from = ""
				}
			case "RUN", "COPY", "USER", "WORKDIR", "ENV", "SHELL", "CMD":
				if from != "" && !strings.Contains(text, "--from") && !slices.Contains(out[from], text) {
					out[from] = append(out[from], text)
				}
			}
		}
	}
	return out
}

// TestComposed draws Dockerfiles of the corpus' instructions, in any order: no
// fix breaks one that builds.
func TestComposed(t *testing.T) {
	all := phrases(t)
	bases := []string{"debian:bookworm-slim", "alpine:3.21", "python:3.13-slim", "node:22-slim", "ubuntu:22.04"}
	built := 0
	rapid.Check(t, func(rt *rapid.T) {
		base := rapid.SampledFrom(bases).Draw(rt, "base")
		lines := []string{"# syntax=docker/dockerfile:1", "FROM " + base}
		for range rapid.IntRange(2, 6).Draw(rt, "instructions") {
			lines = append(lines, rapid.SampledFrom(all[base]).Draw(rt, "instruction"))
		}
		src := []byte(strings.Join(lines, "\n") + "\n")
		tr := try(src, standardContext())
		if tr.before.err != nil {
			return
		}
		verdicts, _, err := tr.judge(t)
		if err != nil {
			return
		}
		built++
		for _, v := range verdicts {
			if len(v.broken) > 0 && v.risk.AtMost("low") {
				rt.Fatalf("%s\n%s (%s): %s\n%s", src, v.rule, v.title, strings.Join(v.broken, "; "), v.fixed)
			}
		}
	})
	if built == 0 {
		t.Error("none could be built")
	}
	t.Logf("%d Dockerfiles could be built", built)
}
