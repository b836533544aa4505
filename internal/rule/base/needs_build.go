package base

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// builds notes what the instructions use while the image is built: those of the
// final stage, and those of other stages on the same FROM line.
func (n *needs) builds(st *dockerfile.Stage) {
	chain := n.p.Recipe.Chain()
	for i := range n.p.Dockerfile.Stages {
		other := &n.p.Dockerfile.Stages[i]
		if !slices.Contains(n.p.Dockerfile.Ancestry(other), st.Index) {
			continue
		}
		for k := range other.Instructions {
			in := &other.Instructions[k]
			known := len(n.why)
			if in.Keyword == "RUN" {
				n.building = in
			}
			n.instruction(in)
			n.building = nil
			if len(n.why) > known && !slices.Contains(chain, in) {
				n.blocks = append(n.blocks, fmt.Sprintf("%s, in another stage on the same FROM line, uses more than the slim image has", n.p.Recipe.Name(in)))
			}
		}
	}
}

// compilers are programs that build something.
var compilers = strings.Fields("gcc g++ cc c++ make cmake autoreconf pkg-config node-gyp cpp ld")

func (n *needs) instruction(in *dockerfile.Instruction) {
	switch in.Keyword {
	case "RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK":
	default:
		return
	}
	script, err := in.Shell()
	if err != nil {
		n.blocks = append(n.blocks, n.p.Recipe.Name(in)+" cannot be read, and may need more than the slim image has")
		return
	}
	n.script(script, n.p.Recipe.Name(in))
	for _, c := range script.Commands() {
		if slices.Contains(compilers, c.Name()) && in.Keyword == "RUN" && n.only[n.programs[c.Name()]] {
			if _, ok := n.programs[c.Name()]; ok {
				n.blocks = append(n.blocks, fmt.Sprintf("%s builds with %s", n.p.Recipe.Name(in), c.Name()))
			}
		}
		n.installs(in, &c)
	}
}

// versionFromGit matches what reads a project's version from git when it is
// installed.
var versionFromGit = regexp.MustCompile(`setuptools[-_]scm|hatch-vcs|versioningit|poetry-dynamic-versioning|setuptools-git-versioning|\bpbr\b|dunamai`)

// installs notes the programs with which installers fetch what they install.
func (n *needs) installs(in *dockerfile.Instruction, c *dockerfile.Command) {
	by := n.p.Recipe.Name(in)
	if i, ok := recipe.ReadInstall(*c); ok {
		text := ""
		for _, a := range i.Arguments() {
			text += a.Value + "\n"
			if a.ReadsFile() {
				text += n.text(path.Base(a.Value))
			}
			if recipe.NamesProject(a.Value) && versionFromGit.MatchString(n.text("pyproject.toml")+n.text("setup.py")+n.text("setup.cfg")) {
				n.program("git", by)
			}
		}
		if i.Tool != "pip" || strings.Contains(text, "\n.") {
			text += n.text("pyproject.toml") + n.text("uv.lock") + n.text("poetry.lock")
		}
		n.fetches(text, by)
		return
	}
	switch c.Name() {
	case "npm", "yarn", "pnpm":
		n.fetches(strings.ReplaceAll(n.text("package.json"), `"github:`, "git+")+n.text("package-lock.json")+n.text("yarn.lock"), by)
	case "bundle", "bundler":
		if strings.Contains(n.text("Gemfile.lock"), "GIT\n") || strings.Contains(n.text("Gemfile"), "git:") {
			n.program("git", by)
		}
	}
}

// fetches notes the version control that URLs of requirements name.
func (n *needs) fetches(text, by string) {
	for _, tool := range []string{"git", "hg", "svn", "bzr"} {
		if strings.Contains(text, tool+"+") || tool == "git" && strings.Contains(text, "git = ") {
			n.program(tool, by)
			if strings.Contains(text, tool+"+ssh") || strings.Contains(text, "git@") {
				n.program("ssh", by)
			}
		}
	}
}

// text is a file of the project, empty if there is none.
func (n *needs) text(name string) string {
	if n.p.Files == nil {
		return ""
	}
	b, _ := n.p.Project.Read(name)
	return string(b)
}

// compiled notes what was compiled in the image: distributions, modules of node and of
// Ruby.
func (n *needs) compiled() {
	for _, what := range compiledBy(n.p, n.list, -1) {
		block := what + " was compiled in the image, with what the full base has"
		n.blocks = append(n.blocks, block)
		if !strings.HasPrefix(what, "/") {
			n.wheels = append(n.wheels, block)
		}
	}
}

// compiledBy names what was compiled in a layer above the base, or in any of them for
// -1: distributions that a wheel of this machine alone was made of, modules of node and
// Ruby, by their paths. What a COPY brings was compiled elsewhere.
func compiledBy(p *analysis.Pass, s *analysis.Packages, layer int) (names []string) {
	in := func(item int) bool {
		of := p.Ledger.Items[item].Layer
		if by := p.Recipe.Instruction(of); layer < 0 && by != nil && by.Keyword == "COPY" {
			return false
		}
		return layer < 0 || of == layer
	}
	compiled := map[string]bool{}
	if p.Graph != nil {
		for i := range p.Graph.Distributions {
			d := &p.Graph.Distributions[i]
			compiled[d.Name] = d.CompiledHere()
		}
	}
	n := newNeeds(p, s, nil)
	n.above(func(at string, item int) {
		name := ""
		switch owner := p.Owner[item]; {
		case !in(item):
		case owner.Ecosystem == "pypi" && compiled[owner.Name]:
			name = owner.Name
		case strings.HasSuffix(at, ".node") && strings.Contains(at, "/build/Release/"),
			strings.HasSuffix(at, ".so") && strings.Contains(at, "/extensions/") && strings.Contains(at, "bundle/"):
			name = "/" + at
		}
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	})
	return names
}

// unknownPackages notes the commands that may need more than the slim image has, where
// the packages of the image are not known.
func (n *needs) unknownPackages(st *dockerfile.Stage) {
	for i := range n.p.Dockerfile.Stages {
		if !slices.Contains(n.p.Dockerfile.Ancestry(&n.p.Dockerfile.Stages[i]), st.Index) {
			continue
		}
		for k := range n.p.Dockerfile.Stages[i].Instructions {
			in := &n.p.Dockerfile.Stages[i].Instructions[k]
			switch in.Keyword {
			case "RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK":
			default:
				continue
			}
			script, err := in.Shell()
			if err != nil {
				n.blocks = append(n.blocks, n.p.Recipe.Name(in)+" cannot be read, and may need more than the slim image has")
				continue
			}
			for _, c := range script.Commands() {
				if w := slices.IndexFunc(c.Words, func(w dockerfile.Word) bool { return slices.Contains(onlyInFull, path.Base(w.Value)) }); w >= 0 {
					n.blocks = append(n.blocks, fmt.Sprintf("%s uses %s, which the slim image may lack", n.p.Recipe.Name(in), path.Base(c.Words[w].Value)))
					break
				}
			}
		}
	}
}

// onlyInFull are programs that full images have and slim ones may not have.
var onlyInFull = []string{"gcc", "g++", "cc", "make", "cmake", "git", "hg", "svn", "curl", "wget", "ssh", "patch", "pkg-config", "autoreconf", "node-gyp", "convert",
	"mysql_config", "pg_config", "xml2-config", "unzip", "dpkg-dev", "file"}
