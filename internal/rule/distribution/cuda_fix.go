package distribution

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// cpuWheels is PyTorch's index of builds for the CPU. Their versions (2.9.0+cpu) come
// after those of the package index (2.9.0) and match the same pins, so that pip takes
// them even if it knows both.
// https://pytorch.org/get-started/locally/
const cpuWheels = "https://download.pytorch.org/whl/cpu"

// pytorch are the distributions that this index has for other machines than those of
// the package index.
var pytorch = []string{"torch", "torchvision", "torchaudio"}

// fromCPUIndex names the index of builds for the CPU in the commands of pip that install
// PyTorch. by are the tools of the commands that cannot be edited.
func fromCPUIndex(p *analysis.Pass, items []int, hosts []string) (fix *whittle.Fix, runs []string, by string) {
	if p.Dockerfile == nil || slices.ContainsFunc(hosts, func(n string) bool { return !slices.Contains(pytorch, n) }) {
		return nil, nil, ""
	}
	commands := pytorchCommands(p)
	for i := range commands {
		if c := &commands[i]; c.Tool != "pip" {
			by = c.Tool
			if byWords(&c.InstallCommand) {
				by = "uv pip"
			}
		}
	}
	// pip's default index is PyPI, whose wheels for other machines are built for the CPU.
	if groups, rest := p.ByInstall(items); by != "" || len(groups) == 0 || len(rest) > 0 || p.Config.Architecture != "amd64" || ownIndex.Match(p.Dockerfile.Source) {
		return nil, nil, by
	}
	var edits []whittle.Edit
	for i := range commands {
		c := &commands[i]
		words, ok := cpuOption(p, c)
		if !ok {
			return nil, nil, ""
		}
		e, err := c.run.AddWords(c.Command, c.Verb, words...)
		if err != nil {
			return nil, nil, ""
		}
		edits = append(edits, e)
		if name := p.Recipe.Name(c.run); !slices.Contains(runs, name) {
			runs = append(runs, name)
		}
	}
	fix, ok := p.Recipe.Fix("install "+analysis.List(hosts)+" built for the CPU", edits)
	if !ok {
		return nil, nil, ""
	}
	return fix, runs, ""
}

// ownIndex matches settings by which pip has another index than its default.
var ownIndex = regexp.MustCompile(`PIP_(INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|CONFIG_FILE|REQUIRE_HASHES|CONSTRAINT)|pip\.conf|pip3? config`)

// pytorchCommands are the commands that install PyTorch: those that name it, by
// themselves or in a file; else the only one that installs anything but installers.
func pytorchCommands(p *analysis.Pass) (out []installing) {
	d := developers{p: p}
	all := slices.DeleteFunc(d.commands(), func(c installing) bool { return onlyInstallers(&c) })
	for _, c := range all {
		names, _ := requirementsOf(p, &c)
		if slices.ContainsFunc(names, func(n string) bool { return slices.Contains(pytorch, n) }) {
			out = append(out, c)
		}
	}
	if len(out) == 0 && len(all) == 1 {
		return all
	}
	if managed := slices.IndexFunc(all, func(c installing) bool { return !byWords(&c.InstallCommand) }); managed >= 0 && len(out) == 0 {
		return all[managed : managed+1]
	}
	return out
}

// onlyInstallers says that a command installs pip, setuptools or another installer only.
func onlyInstallers(c *installing) bool {
	if !byWords(&c.InstallCommand) {
		return false
	}
	for _, a := range c.Arguments() {
		name, _ := pep.CutName(a.Value)
		if a.ReadsFile() || a.Option == "-e" || a.Option == "--editable" ||
			a.Option == "" && !slices.Contains([]string{"pip", "setuptools", "wheel", "uv", "poetry", "pdm", "pipenv", "build", "hatch", "virtualenv"}, pep.Normalize(name)) {
			return false
		}
	}
	return true
}

// requirementsOf are the names that a command of pip gives, and those in its files; ok
// is false if something cannot be read.
func requirementsOf(p *analysis.Pass, c *installing) (names []string, ok bool) {
	ok = true
	for _, a := range c.Arguments() {
		switch {
		case a.ReadsFile():
			more, read := requirementsIn(p, a.Value, 0)
			names, ok = append(names, more...), ok && read
		case a.Option == "":
			if r, err := pep.ParseRequirement(a.Value); err == nil {
				names = append(names, r.Name)
			}
		}
	}
	return names, ok
}

// maxNested is how deep files of requirements name others.
const maxNested = 5

// plainLine matches what a file of requirements may have beside requirements.
var plainLine = regexp.MustCompile(`^(--?(r|c|requirement|constraint)[ =]?|#|$)`)

// requirementsIn are the names in a file of requirements. ok is false if it has hashes,
// an index of its own, or other options: then another index would do nothing, or more.
func requirementsIn(p *analysis.Pass, file string, depth int) (names []string, ok bool) {
	text, found := projectText(p, file)
	if !found || depth > maxNested {
		return nil, false
	}
	ok = !strings.Contains(text, "--hash") && !strings.Contains(text, "===")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		option, nested, is := strings.Cut(line, " ")
		switch {
		case is && slices.Contains([]string{"-r", "--requirement", "-c", "--constraint"}, option):
			more, read := requirementsIn(p, path.Join(path.Dir(file), strings.TrimSpace(nested)), depth+1)
			names, ok = append(names, more...), ok && read
		case strings.HasPrefix(line, "-"):
			ok = ok && plainLine.MatchString(line)
		default:
			if name, _ := pep.CutName(line); name != "" {
				names = append(names, pep.Normalize(name))
			}
		}
	}
	return names, ok
}

// projectText is a file of the project by the word with which a RUN names it: the
// longest end of its path that there is.
func projectText(p *analysis.Pass, file string) (string, bool) {
	for at := strings.TrimPrefix(path.Clean(file), "/"); at != ""; {
		if b, ok := p.Project.Read(at); ok {
			return string(b), true
		}
		_, rest, found := strings.Cut(at, "/")
		if !found {
			break
		}
		at = rest
	}
	return "", false
}

// cpuOption are the words that name the index: instead of the package index where a
// command installs PyTorch alone, else beside it.
func cpuOption(p *analysis.Pass, c *installing) ([]string, bool) {
	if c.Has("-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--no-index", "--require-hashes") ||
		slices.ContainsFunc(c.Assigns, func(w dockerfile.Word) bool { return ownIndex.MatchString(w.Text) }) {
		return nil, false
	}
	if names, ok := requirementsOf(p, c); !ok || len(names) == 0 && !installsProject(c) {
		return nil, false
	}
	alone := true
	for _, a := range c.Arguments() {
		r, err := pep.ParseRequirement(a.Value)
		alone = alone && (a.Option != "" && !a.ReadsFile() && a.Option != "-e" && a.Option != "--editable" || a.Option == "" && err == nil && slices.Contains(pytorch, r.Name))
	}
	if alone {
		return []string{"--index-url", cpuWheels}, true
	}
	return []string{"--extra-index-url", cpuWheels}, true
}

func installsProject(c *installing) bool {
	return slices.ContainsFunc(c.Arguments(), func(a recipe.Argument) bool { return recipe.NamesProject(a.Value) })
}

// cpuSteps say how other tools take the builds for the CPU.
// https://docs.astral.sh/uv/guides/integration/pytorch/
// https://python-poetry.org/docs/repositories/#explicit-package-sources
var cpuSteps = map[string]string{
	"uv":     "name " + cpuWheels + " in [[tool.uv.index]] with explicit = true, give torch this index in [tool.uv.sources], and run uv lock",
	"poetry": "run poetry source add --priority explicit pytorch-cpu " + cpuWheels + ", then poetry add --source pytorch-cpu torch",
	"uv pip": "add --torch-backend cpu to uv pip install",
}

// tensorflowForCPU reports tensorflow, whose code for a graphics card is in the same
// libraries as the rest: what tensorflow-cpu takes is known from the package index only.
func tensorflowForCPU(p *analysis.Pass) []whittle.Finding {
	const name, other = "tensorflow", "tensorflow-cpu"
	i, ok := p.Graph.Find(name)
	if _, both := p.Graph.Find(other); !ok || both || p.Growth == nil || p.Config.Architecture != "amd64" {
		return nil
	}
	dist := &p.Graph.Distributions[i]
	items := p.Dists.Contents([]int{i})
	low, high, known := p.Growth(other + "==" + dist.Version)
	size := p.Layers.Bytes(items)
	if !known || size-high < analysis.MinBytes {
		return nil
	}
	f := whittle.Finding{
		Message: fmt.Sprintf("%s takes %s, %s %s, and nothing in the image asks for a graphics card", name, whittle.Bytes(size), other, whittle.Bytes(high)),
		Change:  p.Layers.Removal(items), Risk: whittle.RiskMedium, Evidence: p.Dists.ByDistribution(items),
		Caution: "on a computer with a graphics card the image would not use it any more", Advice: "require " + other + " instead",
		Fingerprint: whittle.Fingerprint("wrong-build-of-wheel", name),
	}
	f.Change.Minus, f.Change.Plus = low, high
	for _, e := range p.Graph.Edges {
		if e.To == i && e.From >= 0 && !p.Dists.IsApplication(&p.Graph.Distributions[e.From]) {
			f.Advice += ": " + p.Graph.Distributions[e.From].Name + " requires " + name + " by its name, and would bring it again"
			return []whittle.Finding{f}
		}
	}
	d := developers{p: p}
	var deps []*manifest.Dependency
	for _, dep := range p.Dists.Declared() {
		if pep.Normalize(dep.Name) == name && !dep.Via {
			deps = append(deps, dep)
			f.Evidence = append(f.Evidence, whittle.Evidence{Layer: -1, File: dep.File, Line: dep.Line, What: dep.Text})
		}
	}
	f.Fix = d.renamed(deps, name, other)
	return []whittle.Finding{f}
}
