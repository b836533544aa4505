// Package sitepackages has the rules about the files of installed Python
// distributions: tests, bytecode, headers and symbols in them that no run needs.
package sitepackages

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// PythonBytecode is the rule python-bytecode: bytecode beside the sources from
// which it was compiled.
func PythonBytecode() analysis.Rule {
	return analysis.Rule{
		ID:    "python-bytecode",
		Title: "Bytecode beside the sources it is compiled from",
		Text: `pip compiles what it installs, and an interpreter that may write compiles all that it imports: even a RUN that only calls pip leaves the
bytecode of the standard library and of pip itself in its layer. A program needs only the sources. Without bytecode, each start compiles
what it imports, in memory if it may not write. "pip install --no-compile" avoids the first kind, PYTHONDONTWRITEBYTECODE=1 in the stage
avoids the second. uv compiles only if it is asked to (UV_COMPILE_BYTECODE=1, --compile-bytecode): not to is then of high risk, as somebody
decided otherwise. Because every start is then slower, there is a fix only if it is certain to save at least 1 % of the image's bytes, and
fix does not make it unless it is asked to (--only python-bytecode, --objective size). "fix --verify" and "lab --fix" measure the starts with
it and without it, and keep it only if none is clearly slower. Bytecode whose source is gone, or that another version wrote, is never read, and
neither is any beside the sources if the image sets PYTHONPYCACHEPREFIX, or PYTHONOPTIMIZE and the bytecode is not optimized: to leave that out
costs nothing.`,
		Before: "RUN pip install pandas\n",
		After:  "ENV PYTHONDONTWRITEBYTECODE=1\nRUN pip install --no-compile pandas\n",
		Run:    findBytecode,
	}
}

// bytecode are items of bytecode by origin.
type bytecode struct {
	// compiled was written by an installer, written by running programs; stale
	// is read by no interpreter of the image.
	compiled, written, stale []int
	// wanted is the number of bytes that the Dockerfile compiles on purpose.
	wanted int64
}

func findBytecode(p *analysis.Pass) []whittle.Finding {
	if p.Graph == nil {
		return nil
	}
	b := bytecodes(p)
	var out []whittle.Finding
	out = append(append(out, compiledBytecode(p, b.compiled)...), writtenBytecode(p, b.written)...)
	i := slices.IndexFunc(out, func(f whittle.Finding) bool { return f.Fix != nil })
	if slack := b.wanted / 1000; slack > 0 && i >= 0 {
		out[i].Change.Plus, out[i].Change.Minus = out[i].Change.Plus+slack, out[i].Change.Minus-slack
		out[i].Evidence = append(out[i].Evidence, whittle.Evidence{Layer: -1, Bytes: slack,
			What: "by how much what is compiled on purpose may differ, as another process makes it"})
	}
	return append(out, staleBytecode(p, b.stale)...)
}

// bytecodes groups the bytecode above the base image, including wasted copies.
func bytecodes(p *analysis.Pass) (b bytecode) {
	sites, wanted := p.Dists.Sites(), compiledOnPurpose(p)
	sources, versions := map[string]*whittle.Node{}, map[string]bool{}
	for i := range p.Ledger.Tree.Nodes {
		if n := &p.Ledger.Tree.Nodes[i]; n.Item >= 0 && strings.HasSuffix(n.Path, ".py") {
			sources[n.Path] = n
		}
		if v, ok := interpreterVersion(p.Ledger.Tree.Nodes[i].Path); ok {
			versions[v] = true
		}
	}
	for i := range p.Ledger.Items {
		it := &p.Ledger.Items[i]
		source, version, ok := compiledFrom(it.Path)
		if !ok || it.Bytes == 0 || it.Cause == whittle.Deleted || p.Layers.IsBase(it.Layer) {
			continue // cleanup-in-later-layer reports what a later layer deletes
		}
		text, there := sources[source]
		s, inSite := analysis.Site(sites, it.Path)
		switch {
		case (!there || version != "" && len(versions) > 0 && !versions[version]) && it.Cause == whittle.Visible:
			b.stale = append(b.stale, i)
		case !there, p.Layers.OfSystem(text.Item), p.Dockerfile == nil && it.Layer == 0:
			// A system package manager decides itself what it compiles, and the
			// origin of the lowest layer is unknown.
		case it.Cause == whittle.Visible && wanted.has(it.Path):
			b.wanted += it.Bytes
		case p.Layers.IsBase(text.Layer) || !inSite || p.Owner[text.Item].Ecosystem != "pypi" || bootstrap(p, s, p.Owner[text.Item].Name),
			onlyImports(p, p.Recipe.Instruction(it.Layer)):
			b.written = append(b.written, i)
		default:
			b.compiled = append(b.compiled, i)
		}
	}
	return b
}

// bootstrap says that a distribution came with the interpreter. The base image
// has it too, so a COPY of site-packages also copies the bytecode that its runs
// have written.
func bootstrap(p *analysis.Pass, site, name string) bool {
	if name != "pip" && name != "setuptools" && name != "wheel" {
		return false
	}
	for layer, idx := range p.Indexes {
		if !p.Layers.IsBase(layer) {
			return false
		}
		for i := range idx.Entries {
			if e := &idx.Entries[i]; strings.HasPrefix(e.Path, site+"/"+name+"/") {
				return true
			}
		}
	}
	return false
}

// compiledFrom is the source of a cached bytecode file (PEP 3147), and the
// version of Python that reads it: "313".
func compiledFrom(at string) (source, version string, ok bool) {
	dir, base := path.Split(at)
	parent, cached := strings.CutSuffix(dir, "__pycache__/")
	stem, tag, tagged := strings.Cut(strings.TrimSuffix(base, ".pyc"), ".")
	if !cached || !strings.HasSuffix(base, ".pyc") || !tagged {
		return "", "", false
	}
	if rest, cpython := strings.CutPrefix(tag, "cpython-"); cpython {
		version, _, _ = strings.Cut(rest, ".")
		version, _, _ = strings.Cut(version, "-")
	}
	return parent + stem + ".py", version, true
}

// interpreterVersion is the version in the path of an interpreter:
// "usr/local/bin/python3.13" is "313".
func interpreterVersion(at string) (string, bool) {
	dir, base := path.Split(at)
	v, ok := strings.CutPrefix(base, "python3.")
	if !ok || !strings.HasSuffix(dir, "bin/") || strings.Trim(v, "0123456789") != "" {
		return "", false
	}
	return "3" + v, true
}

// worthSlower says that a saving justifies a slower start: it is at least a
// hundredth of the image's bytes.
func worthSlower(p *analysis.Pass, certain int64) bool {
	return certain*100 >= p.Ledger.Sum().Size
}

// keepAdvice is the advice about bytecode whose saving does not.
const keepAdvice = "leave it: it is under 1 % of the image, and every start would be slower"

const slowStart = "each start compiles again what it imports, and keeps it only where it may write beside the sources"

// slows states that starts are slower without some bytecode, unless none reads it.
func slows(p *analysis.Pass, f *whittle.Finding, items []int) {
	if f.SlowsStart = slices.ContainsFunc(items, func(i int) bool { return mayBeRead(p, p.Ledger.Items[i].Path) }); f.SlowsStart {
		f.Caution = slowStart
	}
}

// mayBeRead says that the image's environment does not keep Python from reading a file
// of bytecode: it names no other folder for bytecode, and optimizes no more than the
// file is optimized. An option of the interpreter can only optimize more.
// https://docs.python.org/3/using/cmdline.html#envvar-PYTHONPYCACHEPREFIX
// https://docs.python.org/3/using/cmdline.html#envvar-PYTHONOPTIMIZE
func mayBeRead(p *analysis.Pass, at string) bool {
	if p.Config == nil {
		return true
	}
	level := 0
	for _, kv := range p.Config.Config.Env {
		switch name, value, _ := strings.Cut(kv, "="); {
		case value == "":
		case name == "PYTHONPYCACHEPREFIX":
			return false
		case name == "PYTHONOPTIMIZE":
			if n, err := strconv.Atoi(value); err == nil {
				level = max(0, n)
			} else {
				level = 1
			}
		}
	}
	switch {
	case strings.HasSuffix(at, ".opt-2.pyc"):
		return true
	case strings.HasSuffix(at, ".opt-1.pyc"):
		return level < 2
	}
	return level == 0
}

// compiledBytecode reports bytecode that installers wrote.
func compiledBytecode(p *analysis.Pass, items []int) []whittle.Finding {
	const id = "python-bytecode"
	if p.Layers.Bytes(items) < analysis.MinBytes {
		return nil
	}
	groups, rest := p.ByInstall(items)
	var edits []whittle.Edit
	var able []analysis.Group
	var mine []int
	var unsure int64
	var asked bool
	for _, g := range groups {
		more, runs, uv, ok := noCompileGroup(p, &g)
		if !ok {
			rest = append(rest, g.Items...)
			continue
		}
		again := again(p, runs)
		for _, i := range g.Items {
			switch name := p.Owner[i].Name; {
			case bootstrapped(p, name, runs):
				continue // no installer of these RUNs wrote it
			case again.has(name):
				unsure += p.Ledger.Items[i].Bytes
			}
			mine = append(mine, i)
		}
		asked = asked || uv
		for _, e := range more {
			if !slices.Contains(edits, e) { // of a variable that several RUNs read
				edits = append(edits, e)
			}
		}
		for _, run := range runs {
			able = append(able, analysis.Group{Install: recipe.Install{Run: run}})
		}
	}
	slices.Sort(rest)
	slices.Sort(mine)
	base := whittle.Finding{Risk: whittle.RiskLow, Advice: "install without compiling, if the start may be slower"}
	state := func(mine []int, kind string) whittle.Finding {
		f := base
		f.Message = fmt.Sprintf("bytecode of installed distributions takes %s in %s, beside the sources", whittle.Bytes(p.Layers.Bytes(mine)), analysis.FileCount(len(mine)))
		f.Evidence, f.Change = p.Layers.Places(mine), p.Layers.Removal(mine)
		f.Fingerprint = whittle.Fingerprint(id, kind)
		slows(p, &f, mine)
		return f
	}
	var out []whittle.Finding
	title := "install with --no-compile"
	if asked {
		title = "install without compiling"
	}
	if fix, ok := p.Recipe.Fix(title, edits); !ok {
		rest = items
	} else if p.Layers.Bytes(mine) >= analysis.MinBytes {
		f := state(mine, "compiled")
		f.Fix, f.Advice = fix, "add --no-compile to pip install in "+p.RunNames(able)
		if asked {
			f.Risk, f.Advice = whittle.RiskHigh, "do not compile in "+p.RunNames(able)+", if the start may be slower: the Dockerfile asks uv for it"
		}
		f.Evidence = append(f.Evidence, p.RunLines(able)...)
		records, lines := shorterRecords(p, mine)
		f.Change.Shrink = records
		if lines > 0 {
			f.Evidence = append(f.Evidence, whittle.Evidence{Layer: -1, Bytes: lines, Files: len(records), What: "the lines of RECORD that name it"})
		}
		f.Change.Plus = unsure // what runs later imports some of it, and compiles that
		if f.SlowsStart && !worthSlower(p, p.Layers.Bytes(mine)+lines-unsure) {
			f.Fix, f.Advice = nil, keepAdvice
		}
		out = append(out, f)
	}
	if p.Layers.Bytes(rest) >= analysis.MinBytes {
		out = append(out, state(rest, "compiled elsewhere"))
	}
	return out
}

// shorterRecords are the RECORDs without the lines of some files, because an
// installer lists the files that it wrote. bytes are the bytes of these lines.
func shorterRecords(p *analysis.Pass, items []int) (records []whittle.Shrunk, bytes int64) {
	gone := make(map[string]bool, len(items))
	for _, i := range items {
		gone[p.Ledger.Items[i].Path] = true
	}
	lines := map[string]int64{} // by RECORD
	for i := range p.Graph.Distributions {
		d := &p.Graph.Distributions[i]
		for file, line := range p.Dists.RecordLines(d) {
			if gone[file] {
				lines[d.Record+"/RECORD"] += int64(len(line))
			}
		}
	}
	for i := range p.Ledger.Items {
		it := &p.Ledger.Items[i]
		if n := lines[it.Path]; n > 0 && it.Cause == whittle.Visible {
			bytes += n
			records = append(records, whittle.Shrunk{Content: p.Layers.Content(i), Low: it.Bytes - n, High: it.Bytes - n})
		}
	}
	return records, bytes
}

// noCompile are the edits that keep the installers of a RUN from compiling; ok is
// false if one of them compiles by other means or takes no option. asked says that the
// Dockerfile asks for it: uv compiles only then.
func noCompile(p *analysis.Pass, run *dockerfile.Instruction) (edits []whittle.Edit, asked, ok bool) {
	commands, _ := recipe.InstallCommands(run)
	for i := range commands {
		c := &commands[i]
		switch {
		case c.Has("--no-compile"):
			continue
		case c.Tool == "uv":
			more, ok := uvWithout(p, run, c)
			if !ok {
				return nil, false, false
			}
			edits, asked = append(edits, more...), asked || len(more) > 0
			continue
		case c.Tool != "pip", c.Has("--compile"):
			return nil, false, false
		}
		e, err := run.AddWords(c.Command, c.Verb, "--no-compile")
		if err != nil {
			return nil, false, false
		}
		edits = append(edits, e)
	}
	return edits, asked, len(edits) > 0
}

// knownNotToImport says that a command cannot start Python: file tools, user
// management, system package managers.
func knownNotToImport(c *dockerfile.Command) bool {
	name := c.Name()
	return name == "" && len(c.Words) == 0 || recipe.EffectOf(name) != recipe.Unknown || name == "find" || name == "xargs" ||
		slices.Contains([]string{"apt-get", "apt", "apk", "dnf", "yum", "groupmod", "cp", "cat", "sed", "grep", "curl", "wget", "tar", "strip", "test", "[", "cd", "export", "set", "uv"}, name)
}

// writtenBytecode reports bytecode that running programs wrote beside the
// sources of the base image and of the application.
func writtenBytecode(p *analysis.Pass, items []int) []whittle.Finding {
	const id = "python-bytecode"
	if p.Layers.Bytes(items) < analysis.MinBytes {
		return nil
	}
	f := whittle.Finding{
		Message: fmt.Sprintf("%s of bytecode in %s of %s is what Python wrote on the way, while the image was built",
			whittle.Bytes(p.Layers.Bytes(items)), analysis.FileCount(len(items)), p.LayerNames(p.Layers.LayersOf(items))),
		// The variable also keeps what starts compile from being written.
		Risk: whittle.RiskLow, SlowsStart: true, Caution: slowStart, Advice: "set PYTHONDONTWRITEBYTECODE=1 in the stage that runs Python",
		Evidence: p.Layers.Places(items), Change: p.Layers.Removal(items), Fingerprint: whittle.Fingerprint(id, "written"),
	}
	stages, ok := writers(p, items)
	if !ok {
		return []whittle.Finding{f}
	}
	if !worthSlower(p, p.Layers.Bytes(items)) {
		f.Advice = keepAdvice
		return []whittle.Finding{f}
	}
	var edits []whittle.Edit
	var names []string
	for _, stage := range stages {
		more, err := p.Dockerfile.SetEnv(stage, "PYTHONDONTWRITEBYTECODE", "1")
		if err != nil || len(more) == 0 {
			return []whittle.Finding{f}
		}
		edits = append(edits, more...)
		names = append(names, p.Dockerfile.StageName(stage))
	}
	f.Fix, _ = p.Recipe.Fix("keep Python from writing bytecode while the image is built", edits)
	f.Advice = "set PYTHONDONTWRITEBYTECODE=1 in " + analysis.List(names)
	return []whittle.Finding{f}
}

// writers are the stages whose commands wrote items: those of the layers, or
// those from which a layer was copied.
func writers(p *analysis.Pass, items []int) (stages []int, ok bool) {
	for _, layer := range p.Layers.LayersOf(items) {
		in := p.Recipe.Instruction(layer)
		if in == nil {
			return nil, false
		}
		stage := in.Stage
		if c, copied := p.Recipe.LayerCopy(layer); copied && c.Stage != nil {
			stage = c.Stage.Index
		} else if in.Keyword != "RUN" {
			return nil, false // the build context has it: that is for .dockerignore
		}
		if !slices.Contains(stages, stage) {
			stages = append(stages, stage)
		}
	}
	slices.Sort(stages)
	return slices.DeleteFunc(slices.Clone(stages), func(stage int) bool { // a stage has the variables of those that it builds on
		return slices.ContainsFunc(p.Dockerfile.Ancestry(&p.Dockerfile.Stages[stage]), func(a int) bool { return a != stage && slices.Contains(stages, a) })
	}), len(stages) > 0
}

// staleBytecode reports bytecode that no interpreter of the image reads.
func staleBytecode(p *analysis.Pass, items []int) []whittle.Finding {
	const id = "python-bytecode"
	if p.Layers.Bytes(items) < analysis.MinBytes {
		return nil
	}
	return []whittle.Finding{{
		Message: fmt.Sprintf("%s of bytecode in %s is never read: its source is gone, or it is another version's",
			whittle.Bytes(p.Layers.Bytes(items)), analysis.FileCount(len(items))),
		Risk: whittle.RiskNone, Advice: "delete the folders __pycache__ together with the sources, in the same RUN",
		Evidence: p.Layers.Places(items), Change: p.Layers.Removal(items), Fingerprint: whittle.Fingerprint(id, "stale"),
	}}
}

// bootstrapped says that a distribution was installed when the virtual
// environment was made into which RUNs install, and not by these RUNs: making
// an environment always compiles it.
func bootstrapped(p *analysis.Pass, name string, runs []*dockerfile.Instruction) bool {
	if name != "pip" && name != "setuptools" && name != "wheel" {
		return false
	}
	for _, run := range runs {
		commands, _ := recipe.InstallCommands(run)
		for _, c := range commands {
			if slices.ContainsFunc(c.Words[c.Verb:], func(w dockerfile.Word) bool {
				r, err := pep.ParseRequirement(w.Value)
				return err == nil && r.Name == name
			}) {
				return false
			}
		}
	}
	i, ok := p.Graph.Find(name)
	return !ok || !slices.ContainsFunc(p.Graph.Edges, func(e python.Edge) bool { return e.To == i && e.From >= 0 })
}
