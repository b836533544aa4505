package system

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// leftFolder is a folder that a RUN brings to build from it.
type leftFolder struct {
	p     *analysis.Pass
	in    *dockerfile.Instruction
	layer int
	// at is its path in the image.
	at string
	// where is how the RUN's commands name it.
	where recipe.Fetch
}

// items are the visible items of the layer below a path in the folder.
func (d *leftFolder) items(below string) []int {
	return d.p.Layers.Visible(func(i int) bool {
		it := &d.p.Ledger.Items[i]
		return it.Layer == d.layer && whittle.Under(it.Path, path.Join(d.at, below))
	})
}

// delete is the command that deletes a path of the folder at the end of the RUN.
func (d *leftFolder) delete(below string) (string, bool) {
	commands, ok := d.p.Commands(d.in)
	if !ok || d.where.Depth > 0 || d.where.Inner || d.in.JSON {
		return "", false
	}
	word := d.where.At(&commands[len(commands)-1])
	if word == "" || below == "" && (word == "." || d.at == "") {
		return "", false
	}
	command := "rm -rf "
	if prefix := d.where.Words[:d.where.Program]; len(prefix) > 0 {
		if prefix[0].Value != "sudo" {
			return "", false
		}
		command = "sudo rm -rf "
	}
	switch {
	case below == "":
	case word == ".":
		word = below
	case strings.HasSuffix(word, `"`) && strings.HasPrefix(word, `"`):
		word = strings.TrimSuffix(word, `"`) + "/" + below + `"`
	default:
		word += "/" + below
	}
	return command + word, true
}

// usedLater says that a later instruction or a file of the project may use the
// folder: it runs there, names it, or cannot be read.
func (d *leftFolder) usedLater() bool {
	texts, ok := d.p.AllTexts()
	if name := path.Base(d.at); !ok || len(name) > 3 && texts.Without(d.p.Dockerfile.Name).Name(name) {
		return true
	}
	for i := range d.p.Dockerfile.Stages {
		chain := d.p.Recipe.ChainOf(&d.p.Dockerfile.Stages[i])
		start := slices.Index(chain, d.in)
		if start < 0 {
			continue
		}
		for _, in := range chain[start+1:] {
			if d.usedBy(in) {
				return true
			}
		}
	}
	return false
}

func (d *leftFolder) usedBy(in *dockerfile.Instruction) bool {
	switch in.Keyword {
	case "ONBUILD", "VOLUME":
		return true
	case "RUN":
	default:
		return false
	}
	commands, ok := d.p.Commands(in)
	if !ok {
		return true
	}
	for _, c := range commands {
		if len(c.Words) == 0 || recipe.EffectOf(c.Name()) != recipe.Unknown {
			continue // it asks for no content
		}
		if s, ok := recipe.ReadSystem(c.RunCommand); ok && (s.Installs() || s.Prepares()) {
			continue
		}
		if c.Name() == "" || !c.Known || whittle.Under(c.Dir, d.at) {
			return true
		}
		if slices.ContainsFunc(c.Words, d.names) {
			return true
		}
	}
	return false
}

// names says that a word names the folder or something in it.
func (d *leftFolder) names(w dockerfile.Word) bool {
	pattern, _, _ := recipe.Pattern(w)
	return strings.Contains(w.Text, path.Base(d.at)) || strings.Contains("/"+pattern, "/"+d.at) || w.Literal && (w.Value == "." || w.Value == "./")
}
