package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"whittle.dev/whittle/internal/imagetest"
)

// TestDeployment: the commands of the deployment are commands of whittle, with options that
// they have; the probes ask for what a worker answers to, at the port that it listens on.
func TestDeployment(t *testing.T) {
	files, err := filepath.Glob("../../deploy/*.yaml")
	imagetest.Must(t, err)
	more, err := filepath.Glob("../../deploy/kubernetes/*.yaml")
	imagetest.Must(t, err)
	var commands, probes int
	for _, file := range append(files, more...) {
		text, err := os.ReadFile(file)
		imagetest.Must(t, err)
		decoder := yaml.NewDecoder(strings.NewReader(string(text)))
		for {
			var doc yaml.Node
			if decoder.Decode(&doc) != nil {
				break
			}
			eachNode(&doc, func(n *yaml.Node) {
				words := wordsOf(n)
				if i := slices.Index(words, "fleet"); i >= 0 && i < 2 {
					commands++
					checkCommand(t, file, words[i:])
				}
				if slices.Contains([]string{"/healthz", "/readyz"}, n.Value) {
					probes++
				}
			})
		}
		if strings.Contains(string(text), "WHITTLE_DB") != strings.Contains(string(text), "PGPASSWORD") {
			t.Errorf("%s: the database and its password do not go together", file)
		}
	}
	if commands != 4 || probes != 2 {
		t.Errorf("%d commands and %d probes", commands, probes)
	}
}

func eachNode(n *yaml.Node, do func(n *yaml.Node)) {
	do(n)
	for _, c := range n.Content {
		eachNode(c, do)
	}
}

func wordsOf(n *yaml.Node) (words []string) {
	if n.Kind == yaml.SequenceNode {
		for _, c := range n.Content {
			words = append(words, c.Value)
		}
	}
	return words
}

func checkCommand(t *testing.T, file string, words []string) {
	t.Helper()
	cmd, rest, err := (&app{}).command().Find(words)
	if err == nil {
		err = cmd.ParseFlags(rest)
	}
	if err != nil || !cmd.Runnable() || cmd.Name() == "fleet" || len(cmd.Flags().Args()) > 0 {
		t.Errorf("%s: %q is %s: %v", file, words, cmd.CommandPath(), err)
	}
}
