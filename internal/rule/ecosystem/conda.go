package ecosystem

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/rule/analysis"
)

// CondaBase is the rule conda-base: conda itself is in the image that runs an
// environment.
func CondaBase() analysis.Rule {
	return analysis.Rule{
		ID:    "conda-base",
		Title: "conda itself is in the image beside the environment that runs",
		Text: `An image on miniconda or anaconda has conda's own environment, with a Python and packages of its own, and the application's environment below
envs. The second one runs without the first. Make it in a stage, and copy it: conda-pack writes an environment as one archive, and the
folder itself can be copied to the same path. A start that calls conda run or activates the environment by conda needs conda: call the
environment's Python by its path instead.`,
		Before: "FROM continuumio/miniconda3\nRUN conda env create -f environment.yml\nCMD [\"conda\", \"run\", \"-n\", \"app\", \"python\", \"app.py\"]\n",
		After:  "FROM continuumio/miniconda3 AS build\nRUN conda env create -f environment.yml\n\nFROM debian:trixie-slim\nCOPY --from=build /opt/conda/envs/app /opt/conda/envs/app\nCMD [\"/opt/conda/envs/app/bin/python\", \"app.py\"]\n",
		Run:    condaBases,
	}
}

func condaBases(p *analysis.Pass) []whittle.Finding {
	if p.Ledger == nil || p.Config == nil {
		return nil
	}
	var out []whittle.Finding
	for _, root := range condaRoots(p) {
		if usesBase(p, root) {
			continue
		}
		items := p.Layers.Visible(func(i int) bool {
			at := p.Ledger.Items[i].Path
			return whittle.Under(at, root) && !whittle.Under(at, root+"/envs") && !whittle.Under(at, root+"/pkgs")
		})
		if p.Layers.Bytes(items) < analysis.MinBytes {
			continue
		}
		f := whittle.Finding{
			Message:  fmt.Sprintf("conda's own environment, /%s, takes %s; what starts is in /%s/envs", root, whittle.Bytes(p.Layers.Bytes(items)), root),
			Evidence: p.Layers.Places(items), Change: p.Layers.Removal(items), Risk: whittle.RiskMedium,
			Caution:     "a program that calls conda, or activates an environment by it, needs it",
			Advice:      "make the environment in a stage, and copy its folder to the same path in an image on a slim base",
			Fingerprint: whittle.Fingerprint("conda-base", root),
		}
		if startsConda(p) {
			f.Advice = "start the environment's Python by its path instead of conda run; then " + f.Advice
		}
		out = append(out, withLines(p, f, items))
	}
	return out
}

// condaRoots are the folders of installations of conda that have environments below
// envs.
func condaRoots(p *analysis.Pass) (out []string) {
	conda, envs := map[string]bool{}, map[string]bool{}
	for _, n := range p.Ledger.Tree.Nodes {
		if root, ok := strings.CutSuffix(n.Path, "/condabin/conda"); ok {
			conda[root] = true
		}
		if dir, ok := strings.CutSuffix(n.Path, "/conda-meta/history"); ok && path.Base(path.Dir(dir)) == "envs" {
			envs[path.Dir(path.Dir(dir))] = true
		}
	}
	for root := range conda {
		if envs[root] {
			out = append(out, root)
		}
	}
	slices.Sort(out)
	return out
}

// usesBase says that the image may start something of conda's own environment: it
// does not show that it starts one below envs.
func usesBase(p *analysis.Pass, root string) bool {
	c := &p.Config.Config
	start := slices.Concat(c.Entrypoint, c.Cmd)
	text := strings.Join(start, " ")
	if strings.Contains(text, "/"+root+"/envs/") && !strings.Contains(text, "/"+root+"/bin/") {
		return false
	}
	if startsConda(p) {
		return !slices.ContainsFunc(start, func(w string) bool { return w == "-n" || w == "--name" || w == "-p" || w == "--prefix" })
	}
	for _, v := range c.Env {
		if search, ok := strings.CutPrefix(v, "PATH="); ok {
			first, _, _ := strings.Cut(search, ":")
			return !strings.HasPrefix(first, "/"+root+"/envs/")
		}
	}
	return true
}

// startsConda says that the image's own start is conda run.
func startsConda(p *analysis.Pass) bool {
	c := &p.Config.Config
	start := slices.Concat(c.Entrypoint, c.Cmd)
	return len(start) > 1 && slices.Contains([]string{"conda", "mamba", "micromamba"}, path.Base(start[0])) && start[1] == "run"
}
