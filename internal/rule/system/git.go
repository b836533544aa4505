package system

import (
	"fmt"
	"path"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// GitHistory is the rule git-history: a repository was cloned with its history.
func GitHistory() analysis.Rule {
	return analysis.Rule{
		ID:    "git-history",
		Title: "A repository is in the image with its history",
		Text: `git clone brings every version of every file in .git, which is often larger than the files. If no later instruction works in the folder and
nothing that is started runs git, delete .git in the RUN that clones; git clone --depth 1 brings only one version, but also no tags for git
describe or setuptools-scm, and no other commit to check out. The fix deletes .git at the end of the RUN: builds of that RUN still read
it. The alternative clones with --depth 1 where no command of the Dockerfile asks for more.`,
		Before: "RUN git clone https://example.org/tool.git /opt/tool && make -C /opt/tool\n",
		After:  "RUN git clone https://example.org/tool.git /opt/tool && make -C /opt/tool && rm -rf /opt/tool/.git\n",
		Run:    gitHistories,
		Static: staticHistories,
	}
}

func gitHistories(p *analysis.Pass) []whittle.Finding {
	if p.Ledger == nil {
		return nil
	}
	var out []whittle.Finding
	for in, layer := range p.Recipe.Runs() {
		commands, _ := p.Commands(in)
		var folders []leftFolder
		var clones []recipe.Clone
		for _, c := range recipe.Clones(commands) {
			if at, ok := clonedTo(p, layer, c.Pattern); ok && !slices.ContainsFunc(folders, func(d leftFolder) bool { return d.at == at }) {
				folders = append(folders, leftFolder{p, in, layer, at, c.Fetch})
				clones = append(clones, c)
			}
		}
		if f, ok := history(p, in, layer, folders, clones); ok {
			out = append(out, f)
		}
	}
	return out
}

// clonedTo is the one folder of a layer with a repository that a pattern names.
func clonedTo(p *analysis.Pass, layer int, pattern string) (at string, ok bool) {
	n := 0
	for name := range p.Layers.Entries(layer) {
		if path.Base(name) != "HEAD" || path.Base(path.Dir(name)) != ".git" {
			continue
		}
		dir := path.Dir(path.Dir(name))
		if match, _ := path.Match(pattern, dir); match {
			at = dir
			n++
		}
	}
	return at, n == 1
}

// history reports the histories of the repositories that a RUN clones.
func history(p *analysis.Pass, in *dockerfile.Instruction, layer int, folders []leftFolder, clones []recipe.Clone) (f whittle.Finding, ok bool) {
	var items []int
	var names []string
	for i := range folders {
		mine := folders[i].items(".git")
		if len(mine) > 0 && !sourcesGo(p, &folders[i]) {
			items = append(items, mine...)
			names = append(names, path.Join(folders[i].at, ".git"))
		}
	}
	if p.Layers.Bytes(items) < analysis.MinBytes {
		return f, false
	}
	f = whittle.Finding{
		Message:  fmt.Sprintf("%s clones with the whole history: %s in %s", p.Recipe.LayerName(layer), whittle.Bytes(p.Layers.Bytes(items)), analysis.List(names)),
		Evidence: p.Recipe.WithLine(p.Layers.Places(items), layer), Change: p.Layers.Removal(items), Risk: whittle.RiskMedium,
		Caution:     "a program that asks git for its version, or updates itself, finds no repository",
		Advice:      "clone with --depth 1, or delete .git in the RUN that clones",
		Fingerprint: whittle.Fingerprint("git-history", append([]string{p.Recipe.LayerText(layer)}, names...)...),
	}
	if !hasGit(p) {
		f.Risk, f.Caution = whittle.RiskLow, "a program may read the repository without git"
	}
	if runsGit(p) || slices.ContainsFunc(folders, func(d leftFolder) bool { return d.usedLater() }) {
		return f, true
	}
	var edits []whittle.Edit
	var commands []piece
	for i := range folders {
		command, ok := folders[i].delete(".git")
		if !ok {
			return f, true
		}
		commands = append(commands, piece{text: command})
	}
	edit, ok := appended(p, in, commands)
	if !ok {
		return f, true
	}
	f.Fix, _ = p.Recipe.Fix("delete .git at the end of "+p.Recipe.The(in), append(edits, edit))
	if fix, ok := shallow(p, in, clones); ok && f.Fix != nil {
		f.Alternative = &whittle.Alternative{Advice: "clone with --depth 1, which is also faster, and keeps a repository of one version", Fix: fix}
	}
	return f, true
}

// hasGit says that the image has git.
func hasGit(p *analysis.Pass) bool {
	return slices.ContainsFunc(p.Ledger.Tree.Nodes, func(n whittle.Node) bool {
		return path.Base(n.Path) == "git" && path.Base(path.Dir(n.Path)) == "bin"
	})
}

// runsGit says that what is started, or a file of the project, may run git.
func runsGit(p *analysis.Pass) bool {
	texts, ok := p.AllTexts()
	return !ok || texts.Without(p.Dockerfile.Name).Name("git")
}

// shallow is the fix that clones with --depth 1, unless a command of the RUN asks
// for more than one version.
func shallow(p *analysis.Pass, in *dockerfile.Instruction, clones []recipe.Clone) (*whittle.Fix, bool) {
	commands, ok := recipe.RunCommands(in)
	if !ok {
		return nil, false
	}
	for _, c := range commands {
		switch verb, _, git := c.GitVerb(); {
		case git && slices.Contains([]string{"clone", "config", "submodule", "lfs", "status"}, verb):
		case git, runsScript(c), slices.Contains([]string{"make", "cmake", "python", "python3", "pip", "pip3", "go", "cargo", "npm", "yarn", "meson", "ninja"}, c.Name()):
			return nil, false // it may describe the version by tags
		}
	}
	var edits []whittle.Edit
	for _, c := range clones {
		if c.Inner {
			return nil, false
		}
		edit, err := in.AddWords(c.Command, c.Verb, "--depth", "1")
		if err != nil {
			return nil, false
		}
		edits = append(edits, edit)
	}
	return p.Recipe.Fix("clone with --depth 1", edits)
}
