package system

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// PipUpgrade is the rule pip-upgrade: a second pip is installed over that of a
// lower layer, or beside it.
func PipUpgrade() analysis.Rule {
	return analysis.Rule{
		ID:    "pip-upgrade",
		Title: "A second pip is installed over the one that is there",
		Text: `pip install --upgrade pip installs another pip (and setuptools, wheel) in a layer above the one that the base image has, so the image holds
both. Images of Python have a recent pip: nearly every build works with it, and pip itself only prints that there is a newer one. The risk
is low if the pip that is there is at least 23.1 and no command has an option that is newer; otherwise the new one may be needed. There is
no fix for a version that the command names: somebody chose it.`,
		Before: "FROM python:3.13-slim\nRUN pip install --upgrade pip && pip install -r requirements.txt\n",
		After:  "FROM python:3.13-slim\nRUN pip install -r requirements.txt\n",
		Run:    pipUpgrades,
	}
}

func pipUpgrades(p *analysis.Pass) []whittle.Finding {
	if p.Ledger == nil {
		return nil
	}
	var out []whittle.Finding
	for in, layer := range p.Recipe.Runs() {
		if commands := recipe.InstallerUpgrades(in); len(commands) > 0 {
			if f, ok := secondPip(p, in, layer, commands); ok {
				out = append(out, f)
			}
		}
	}
	return out
}

// secondPip reports the files of pip that a RUN installs although a lower layer
// has a pip: in the same folder, or, unless the new one is in a virtual
// environment, in another.
func secondPip(p *analysis.Pass, in *dockerfile.Instruction, layer int, commands []recipe.InstallerUpgrade) (f whittle.Finding, ok bool) {
	sites := sitesOfPip(p, layer)
	if len(sites) == 0 {
		return f, false
	}
	tools := toolsOf(commands)
	version, old := pipBelow(p, layer, sites)
	if old == "" {
		return f, false
	}
	below := toolsBelow(p, layer)
	var items []int
	for _, i := range itemsOf(p, layer) {
		if t := toolAt(p.Ledger.Items[i].Path, sites); t != "" && slices.Contains(tools, t) && below[t] {
			items = append(items, i)
		}
	}
	if p.Layers.Bytes(items) < analysis.MinBytes {
		return f, false
	}
	f = whittle.Finding{
		Message: fmt.Sprintf("%s installs another %s although %s has pip%s: %s",
			p.Recipe.LayerName(layer), analysis.List(tools), old, before(version), whittle.Bytes(p.Layers.Bytes(items))),
		Evidence: p.Recipe.WithLine(p.Layers.Places(items), layer), Change: p.Layers.Removal(items), Risk: whittle.RiskMedium,
		Caution:     "a later install may need the newer pip, or what it builds wheels with",
		Advice:      "leave pip as it is: it installs the same",
		Fingerprint: whittle.Fingerprint("pip-upgrade", p.Recipe.LayerText(layer)),
	}
	switch {
	case slices.ContainsFunc(commands, func(c recipe.InstallerUpgrade) bool { return c.Pinned }):
		f.Advice = "take a base image that has this version, or leave pip as it is if any version will do"
		return f, true
	case asksNewPip(p, in):
		f.Advice = "take a base image with a newer pip, which a later command needs"
		return f, true
	case recent(version) && slices.Equal(tools, []string{"pip"}):
		f.Risk, f.Caution = whittle.RiskLow, "the pip that is there may lack what the newest one can do"
	}
	edits, whole, ok := withoutUpgrade(p, in, layer, commands)
	if !ok {
		return f, true
	}
	if f.Fix, ok = p.Recipe.Fix("do not upgrade "+analysis.List(tools), edits); !ok {
		return f, true
	}
	if whole {
		items = itemsOf(p, layer)
		f.Evidence, f.Change = p.Recipe.WithLine(p.Layers.Places(items), layer), p.Layers.Removal(items)
	}
	noteOldPip(p, &f, in, layer, items)
	return f, true
}

// noteOldPip bounds what else changes when the pip of a lower layer stays: where
// it runs again it writes bytecode, if it has none, and part of what the RUN
// downloaded is not downloaded.
func noteOldPip(p *analysis.Pass, f *whittle.Finding, in *dockerfile.Instruction, layer int, items []int) {
	if p.Config != nil && runsPip(p, in) && !slices.ContainsFunc(p.Config.Config.Env, func(e string) bool {
		return strings.HasPrefix(e, "PYTHONDONTWRITEBYTECODE=") && !strings.HasSuffix(e, "=")
	}) {
		for _, i := range items {
			if at := p.Ledger.Items[i].Path; strings.HasSuffix(at, ".pyc") && strings.Contains(at, "-packages/pip/") {
				f.Change.Plus += p.Ledger.Items[i].Bytes
			}
		}
		// The bytecode of one version is about as large as that of another.
		f.Change.Plus = min(f.Change.Plus+f.Change.Plus/4, p.Layers.Bytes(items))
	}
	var cached []int
	for _, i := range itemsOf(p, layer) {
		if strings.Contains("/"+p.Ledger.Items[i].Path, "/.cache/pip/") && !slices.Contains(items, i) {
			cached = append(cached, i)
		}
	}
	if len(cached) > 0 {
		f.Evidence = append(f.Evidence, p.Layers.Places(cached)...)
		for _, i := range cached {
			f.Change.Shrink = append(f.Change.Shrink, whittle.Shrunk{Content: p.Layers.Content(i), High: p.Ledger.Items[i].Bytes})
		}
	}
}

// runsPip says that a RUN, from one on, runs pip for something else than to
// upgrade pip, or that nobody can say.
func runsPip(p *analysis.Pass, in *dockerfile.Instruction) bool {
	chain := p.Recipe.Chain()
	for _, later := range chain[slices.Index(chain, in):] {
		if later.Keyword != "RUN" {
			continue
		}
		commands, ok := recipe.RunCommands(later)
		upgrades := recipe.InstallerUpgrades(later)
		if !ok || slices.ContainsFunc(commands, func(c recipe.RunCommand) bool {
			if slices.ContainsFunc(upgrades, func(u recipe.InstallerUpgrade) bool { return u.Span == c.Span && !u.Others }) {
				return false
			}
			return c.Name() == "" || runsScript(c) || strings.HasPrefix(c.Name(), "pip") || slices.ContainsFunc(c.Words, func(w dockerfile.Word) bool { return w.Value == "pip" })
		}) {
			return true
		}
	}
	return false
}

func before(version string) string {
	if version != "" {
		version = " " + version
	}
	return version
}

func toolsOf(commands []recipe.InstallerUpgrade) (tools []string) {
	for _, t := range []string{"pip", "setuptools", "wheel"} {
		if slices.ContainsFunc(commands, func(c recipe.InstallerUpgrade) bool {
			return slices.Contains(c.Tools, t) || c.Pinned && t == "pip"
		}) {
			tools = append(tools, t)
		}
	}
	return tools
}

// toolPath matches a file of one of the tools in a folder of distributions.
var toolPath = regexp.MustCompile(`^(.*(?:site|dist)-packages)/(pip|setuptools|wheel|pkg_resources|_distutils_hack|distutils-precedence\.pth)(?:-([0-9][^/]*)\.(?:dist|egg)-info)?(?:/|$)`)

// matchTool matches a path with toolPath; it is nil if that does not match.
func matchTool(at string) []string {
	if !strings.Contains(at, "-packages/") {
		return nil // most paths are not even looked at
	}
	return toolPath.FindStringSubmatch(at)
}

// toolAt is the tool that a path belongs to, in one of the folders or among
// their programs.
func toolAt(at string, sites []string) string {
	if m := matchTool(at); m != nil && slices.Contains(sites, m[1]) {
		if m[2] == "pip" || m[2] == "wheel" {
			return m[2]
		}
		return "setuptools"
	}
	for _, site := range sites {
		// usr/local/lib/python3.13/site-packages has its programs in usr/local/bin.
		if path.Dir(at) == path.Join(path.Dir(path.Dir(path.Dir(site))), "bin") {
			switch base := path.Base(at); {
			case strings.HasPrefix(base, "pip") && strings.Trim(base, "pi0123456789.") == "":
				return "pip"
			case base == "wheel":
				return base
			}
		}
	}
	return ""
}

// sitesOfPip are the folders in which a layer installs pip.
func sitesOfPip(p *analysis.Pass, layer int) (sites []string) {
	for at, e := range p.Layers.Entries(layer) {
		if e.Kind == whittle.File && path.Base(at) == "__init__.py" && path.Base(path.Dir(at)) == "pip" {
			if m := matchTool(at); m != nil && m[2] == "pip" {
				sites = append(sites, m[1])
			}
		}
	}
	slices.Sort(sites)
	return sites
}

// pipBelow looks for a pip below a layer, in the same folders or, unless they
// are in virtual environments, in others. It gives its version, empty if that is
// not known, and in words where it is.
func pipBelow(p *analysis.Pass, layer int, sites []string) (version, where string) {
	same := func(site string) bool {
		return slices.Contains(sites, site) || !slices.ContainsFunc(sites, func(s string) bool { return inEnvironment(p, s) })
	}
	for l := layer - 1; l >= 0; l-- {
		found := false
		for at, e := range p.Layers.Entries(l) {
			m := matchTool(at)
			if e.Kind != whittle.File || m == nil || m[2] != "pip" || !same(m[1]) {
				continue
			}
			found = true
			version = cmp.Or(version, m[3])
		}
		if found && p.Layers.IsBase(l) {
			return version, "the base image"
		} else if found {
			return version, p.Recipe.LayerName(l)
		}
	}
	return "", ""
}

// toolsBelow are the tools of which a layer below has files.
func toolsBelow(p *analysis.Pass, layer int) map[string]bool {
	out := map[string]bool{}
	for l := range layer {
		for i := range p.Indexes[l].Entries {
			if m := matchTool(p.Indexes[l].Entries[i].Path); m != nil {
				out[m[2]] = true
			}
		}
	}
	return out
}

// inEnvironment says that a folder of distributions is in a virtual environment.
func inEnvironment(p *analysis.Pass, site string) bool {
	_, err := p.Root.Lstat(path.Join(path.Dir(path.Dir(path.Dir(site))), "pyvenv.cfg"))
	return err == nil
}

// recent says that a version of pip does all that requirements of today need:
// editable installs of any backend (21.3), settings for it (22.1), Debian's
// marker (23.0.1), no setup.py install (23.1).
func recent(version string) bool {
	v, err := pep.ParseVersion(version)
	least, _ := pep.ParseVersion("23.1")
	return err == nil && v.Compare(least) >= 0
}

// newOptions are options of pip that are newer than that.
var newOptions = []string{"--group", "--uploaded-prior-to", "--build-constraint", "--use-feature", "--resume-retries", "--only-deps", "--all-releases", "--only-final", "--requirements-from-script", "lock", "--keyring-provider"}

// asksNewPip says that a command, from a RUN on, has an option of newer pips.
func asksNewPip(p *analysis.Pass, in *dockerfile.Instruction) bool {
	chain := p.Recipe.Chain()
	for _, later := range chain[slices.Index(chain, in):] {
		if later.Keyword != "RUN" {
			continue
		}
		commands, ok := recipe.RunCommands(later)
		if !ok || slices.ContainsFunc(commands, func(c recipe.RunCommand) bool {
			return slices.ContainsFunc(c.Words, func(w dockerfile.Word) bool {
				name, _, _ := strings.Cut(w.Value, "=")
				return slices.Contains(newOptions, name)
			})
		}) {
			return true
		}
	}
	return false
}

// withoutUpgrade are the edits that take the words of the tools out of commands,
// and the commands that have nothing else to install. gone says that the RUN
// goes with them.
func withoutUpgrade(p *analysis.Pass, in *dockerfile.Instruction, layer int, commands []recipe.InstallerUpgrade) (edits []whittle.Edit, gone, ok bool) {
	var whole []recipe.RunCommand
	for _, c := range commands {
		switch {
		case c.Inner || in.JSON:
			return nil, false, false
		case !c.Others:
			whole = append(whole, recipe.RunCommand{Command: c.Command})
			continue
		}
		more, ok := recipe.WithoutWords(in, c.Command, c.At)
		if !ok {
			return nil, false, false
		}
		edits = append(edits, more...)
	}
	if len(whole) == 0 {
		return edits, false, true
	}
	more, gone, ok := withoutCommands(p, in, layer, whole)
	return append(edits, more...), gone, ok
}
