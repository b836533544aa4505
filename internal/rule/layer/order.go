package layer

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// CacheOrder is the rule cache-order: every change of the source reinstalls the
// dependencies.
func CacheOrder() analysis.Rule {
	return analysis.Rule{
		ID:    "cache-order",
		Title: "Every change of the source installs the dependencies again",
		Text: `A step is built again when a file that was copied before it changes. If the whole source is copied before the dependencies are installed,
each change of a source file makes a new layer of dependencies, which every build, push and pull must move. First copy only the files that
declare the dependencies, install them, and then copy the source. The image does not become smaller, but each new release of it downloads
less.`,
		Before: "COPY . .\nRUN pip install -r requirements.txt\n",
		After:  "COPY requirements.txt ./\nRUN pip install -r requirements.txt\nCOPY . .\n",
		Run:    orders,
		Static: orders,
	}
}

func orders(p *analysis.Pass) []whittle.Finding {
	var out []whittle.Finding
	for _, stage := range contributing(p) {
		if f, ok := order(p, stage); ok {
			out = append(out, f)
		}
	}
	return out
}

// contributing are the stages with files in the image: those on which it is
// based, and those from which it copies.
func contributing(p *analysis.Pass) (out []*dockerfile.Stage) {
	if p.Dockerfile == nil {
		return nil
	}
	target, err := p.Dockerfile.Target(p.Target)
	if err != nil {
		return nil
	}
	add := func(i int) {
		if st := &p.Dockerfile.Stages[i]; !slices.Contains(out, st) {
			out = append(out, st)
		}
	}
	for st := target; st != nil; {
		add(st.Index)
		if st.From == nil {
			break
		}
		st = &p.Dockerfile.Stages[*st.From]
	}
	for _, in := range p.Recipe.Chain() {
		if c, ok := p.Recipe.ReadCopy(in); ok && c.Stage != nil {
			add(c.Stage.Index)
		}
	}
	return out
}

// order finds the first COPY of sources in a stage that is followed by an
// installation, and the layers that a change of the sources rebuilds.
func order(p *analysis.Pass, stage *dockerfile.Stage) (f whittle.Finding, ok bool) {
	var source *recipe.Copy
	for i := range stage.Instructions {
		in := &stage.Instructions[i]
		switch in.Keyword {
		case "COPY", "ADD":
			c, ok := p.Recipe.ReadCopy(in)
			if ok && c.FromContext() && source == nil && bringsSource(p, &c) {
				source = &c
			}
		case "RUN":
			asks, installs := installs(p, in)
			if !installs {
				continue
			}
			if source == nil {
				return f, false // the dependencies are there before the source
			}
			if p.Ledger == nil {
				return staticOrder(p, source, in, asks)
			}
			layers := madeBy(p, stage, in)
			evidence := layerEvidence(p, layers)
			if len(evidence) == 0 {
				return f, false
			}
			return orderFinding(p, source, in, asks, evidence), true
		}
	}
	return f, false
}

// bringsSource says that a COPY copies the whole context, or Python source.
func bringsSource(p *analysis.Pass, c *recipe.Copy) bool {
	return slices.ContainsFunc(c.Sources, func(s string) bool {
		s = strings.Trim(path.Clean("/"+s), "/")
		return s == "" || p.Recipe.InContext(path.Join(s, "__init__.py"))
	})
}

// installs says that a RUN installs dependencies, and which requirements or
// lock files it needs; asks is nil if it needs more.
func installs(p *analysis.Pass, in *dockerfile.Instruction) (asks []string, installs bool) {
	script, err := in.Shell()
	if err != nil {
		return nil, false
	}
	only := true
	for _, c := range script.Commands() {
		if c.Depth > 0 || !readsNoFile(&c) {
			only = false
		}
		words := make([]string, len(c.Words))
		for i, w := range c.Words {
			words[i] = w.Value
		}
		line := " " + strings.Join(words, " ") + " "
		switch {
		case strings.Contains(line, "pip install ") || strings.Contains(line, "pip3 install "):
			installs = true
			files, ok := requirementFiles(c)
			only = only && ok
			asks = append(asks, files...)
		case c.Name() == "npm" && strings.Contains(line, " ci "):
			installs = true
			asks = append(asks, "package.json", "package-lock.json")
		case c.Name() == "poetry" && strings.Contains(line, " install "), c.Name() == "uv" && strings.Contains(line, " sync "),
			c.Name() == "yarn" && strings.Contains(line, " install "), c.Name() == "npm" && strings.Contains(line, " install "):
			installs, only = true, false
		default:
			only = only && ignoresSource(&c, p.Recipe.Last(in, "WORKDIR"))
		}
	}
	if !only || len(asks) == 0 {
		return nil, installs
	}
	return asks, installs
}

// readsNoFile says that a command reads no other files than its words name: it
// has no input redirection, and no variable that names a file.
func readsNoFile(c *dockerfile.Command) bool {
	return !slices.ContainsFunc(c.Assigns, func(w dockerfile.Word) bool { return strings.ContainsAny(w.Text, "/.~$`") }) &&
		!slices.ContainsFunc(c.Redirects, func(r dockerfile.Redirect) bool {
			return !strings.Contains(r.Op, ">") || !r.Target.Literal || !path.IsAbs(r.Target.Value) && !strings.Contains(r.Op, "&")
		})
}

// ignoresSource says that a command which installs nothing of the project
// neither reads nor changes its source, so that it may run before the COPY.
func ignoresSource(c *dockerfile.Command, workdir string) bool {
	if slices.Contains([]string{"set", "echo", "true", ":"}, c.Name()) {
		return true
	}
	if !slices.Contains([]string{"apt-get", "apt", "apk", "rm", "mkdir", "useradd", "groupadd", "adduser", "addgroup", "find", "npm", "pip", "pip3"}, c.Name()) {
		return false
	}
	if c.Name() == "npm" || strings.HasPrefix(c.Name(), "pip") {
		return len(c.Words) > 2 && c.Words[1].Value == "cache" // "npm cache clean"
	}
	files := c.Name() == "rm" || c.Name() == "mkdir" || c.Name() == "find"
	for i, w := range c.Words[1:] {
		switch {
		case !w.Literal:
			return false
		case files && c.Name() != "find" && !strings.HasPrefix(w.Text, "-") || c.Name() == "find" && i == 0:
			if !path.IsAbs(w.Value) || whittle.Under(strings.Trim(path.Clean(w.Value), "/"), strings.Trim(workdir, "/")) {
				return false
			}
		case !files && strings.HasPrefix(w.Value, "./"):
			return false
		}
	}
	return true
}

// harmless are options of pip install, besides those that start with "--no-",
// that do not name files of the project.
var harmless = strings.Fields(`-i --index-url --extra-index-url --trusted-host --timeout --retries --only-binary --root-user-action --progress-bar
	--upgrade-strategy --target -t --prefix -U --upgrade -q -qq --quiet -v --user --pre --prefer-binary --require-hashes --compile
	--disable-pip-version-check --break-system-packages --ignore-installed -I --force-reinstall --isolated --system`)

// requirementFiles are the files after -r and -c of a pip install; ok is false
// if it also installs or reads something else of the project.
func requirementFiles(c dockerfile.Command) (files []string, ok bool) {
	install := recipe.InstallCommand{Command: c, Tool: "pip"}
	install.Verb = slices.IndexFunc(c.Words, func(w dockerfile.Word) bool { return w.Value == "install" })
	for _, a := range install.Arguments() {
		switch {
		case a.Option == "":
			if strings.HasPrefix(a.Value, ".") || strings.Contains(a.Value, "/") || a.Value == "" {
				return nil, false
			}
		case a.ReadsFile() && a.Value == "":
			return nil, false
		case a.ReadsFile():
			files = append(files, a.Value)
		case !slices.Contains(harmless, a.Option) && !strings.HasPrefix(a.Option, "--no-"):
			return nil, false
		case strings.HasPrefix(a.Value, "file:"), (a.Option == "-t" || a.Option == "--target" || a.Option == "--prefix") && !path.IsAbs(a.Value):
			return nil, false
		}
	}
	return files, true
}

// madeBy are the layers of the image that an instruction makes: its own or, in
// another stage, those that copy from that stage.
func madeBy(p *analysis.Pass, stage *dockerfile.Stage, in *dockerfile.Instruction) (layers []int) {
	if layer := p.Recipe.LayerOf(in); layer >= 0 {
		return []int{layer}
	}
	for _, other := range p.Recipe.Chain() {
		if p.Recipe.TakesFrom(other, stage) {
			if layer := p.Recipe.LayerOf(other); layer >= 0 {
				layers = append(layers, layer)
			}
		}
	}
	return layers
}

// layerEvidence are whole layers as evidence, without negligible ones.
func layerEvidence(p *analysis.Pass, layers []int) (out []whittle.Evidence) {
	for _, layer := range layers {
		if sum := p.Ledger.Layers[layer]; sum.Size >= analysis.MinBytes {
			e := whittle.Evidence{Layer: layer, Bytes: sum.Size, What: "pushed again with every change"}
			if st := p.Recipe.Step(layer); st != nil && st.Origin != nil {
				e.File, e.Line = st.Origin.File, st.Origin.Line
			}
			out = append(out, e)
		}
	}
	return out
}

// staticOrder reports an installation of something, whatever its size.
func staticOrder(p *analysis.Pass, source *recipe.Copy, in *dockerfile.Instruction, asks []string) (f whittle.Finding, ok bool) {
	if !installsFromFiles(p, in) {
		return f, false // a few names, or the source itself
	}
	f = orderFinding(p, source, in, asks, nil)
	f.Message = fmt.Sprintf("this RUN installs after %s has copied the source: every change of it installs the dependencies again", p.Recipe.Name(source.Instruction))
	return p.At(f, in, whittle.Span{}), true
}

// installsFromFiles says that a command of a RUN installs what a file of requirements
// or a lock lists, and nothing keeps it out of the layer.
func installsFromFiles(p *analysis.Pass, in *dockerfile.Instruction) bool {
	commands, ok := p.Commands(in)
	return ok && slices.ContainsFunc(commands, func(c recipe.Located) bool {
		if !analysis.Unconditional(&c) {
			return false
		}
		if i, ok := recipe.ReadInstall(c.Command); ok && i.Tool == "pip" {
			return slices.ContainsFunc(i.Arguments(), func(a recipe.Argument) bool { return a.Option == "-r" || a.Option == "--requirement" })
		}
		return c.Name() == "npm" && hasWord("ci")(&c) || (c.Name() == "uv" && hasWord("sync")(&c) || c.Name() == "poetry" && hasWord("install")(&c)) && p.Files != nil
	})
}

func orderFinding(p *analysis.Pass, source *recipe.Copy, in *dockerfile.Instruction, asks []string, evidence []whittle.Evidence) whittle.Finding {
	var bytes int64
	for _, e := range evidence {
		bytes += e.Bytes
	}
	f := whittle.Finding{
		Message: fmt.Sprintf("%s copies the source before %s installs: every change of it makes %s anew, to be built, pushed and pulled",
			p.Recipe.Name(source.Instruction), p.Recipe.Name(in), whittle.Bytes(bytes)),
		Evidence: evidence, Risk: whittle.RiskLow, Caution: "an installation that reads the source does not find it at that point",
		Advice:      "copy the files that declare the dependencies, install them, then copy the source",
		Fingerprint: whittle.Fingerprint("cache-order", source.Instruction.Text(), in.Text()),
	}
	if edits, ok := moveInstall(p, source, in, asks); ok {
		f.Fix = &whittle.Fix{Title: "install before the source is copied", Patches: []whittle.Patch{p.Recipe.Patch(edits)}}
	}
	return f
}

// moveInstall moves an installation that needs only some files before the COPY
// of the source, and inserts a COPY of these files before it. The comments
// above the installation stay directly above it.
func moveInstall(p *analysis.Pass, source *recipe.Copy, in *dockerfile.Instruction, asks []string) ([]whittle.Edit, bool) {
	stage := &p.Dockerfile.Stages[in.Stage]
	at := slices.IndexFunc(stage.Instructions, func(o dockerfile.Instruction) bool { return o.Span == source.Instruction.Span })
	files, dir, ok := complete(p, source, in, asks)
	if !ok || at < 0 {
		return nil, false
	}
	for i := at + 1; &stage.Instructions[i] != in; i++ {
		if !recipe.OnlyConfigures(&stage.Instructions[i]) {
			return nil, false
		}
	}
	first := "COPY "
	for _, name := range []string{"chown", "chmod"} { // the installation reads them as the user that it is of
		for _, value := range source.Instruction.Flag(name) {
			first += "--" + name + "=" + value + " "
		}
	}
	edits, err := p.Dockerfile.MoveBefore(in, &stage.Instructions[at], first+strings.Join(files, " ")+" "+dir)
	return edits, err == nil
}

// complete finds the files of the context that an installation needs, with
// those that they include, and the folder in which they must be. All of them
// must be in one folder, and none may name something else of the project.
func complete(p *analysis.Pass, source *recipe.Copy, in *dockerfile.Instruction, asks []string) (files []string, dir string, ok bool) {
	workdir := p.Recipe.Last(in, "WORKDIR")
	if p.Files == nil || len(asks) == 0 || workdir == "" {
		return nil, "", false
	}
	for len(asks) > 0 && len(files) < 20 {
		at := whittle.Join(workdir, asks[0])
		asks = asks[1:]
		from, ok := p.Recipe.Origin(source, at)
		if !ok || strings.ContainsAny(from, " \"'$*?[\\") {
			return nil, "", false
		}
		if slices.Contains(files, from) {
			continue
		}
		there := "/" + path.Dir(at) + "/"
		if len(files) > 0 && there != dir {
			return nil, "", false
		}
		files, dir = append(files, from), there
		more, ok := includes(p, from)
		if !ok {
			return nil, "", false
		}
		for _, m := range more {
			asks = append(asks, "/"+path.Join(path.Dir(at), m))
		}
	}
	if dir == path.Clean(workdir)+"/" {
		dir = "./"
	}
	return files, dir, len(asks) == 0
}

// includes are the files that a requirements file names; ok is false if it
// names something else of the project, or runs it.
func includes(p *analysis.Pass, name string) (out []string, ok bool) {
	src, ok := p.Project.Read(name)
	if !ok {
		return nil, false
	}
	if path.Ext(name) == ".json" {
		for _, script := range []string{`"preinstall"`, `"install"`, `"postinstall"`, `"prepare"`, `"file:`, `"workspaces"`} {
			if strings.Contains(string(src), script) {
				return nil, false
			}
		}
		return nil, true
	}
	for line := range strings.Lines(string(src)) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0:
		case len(f) == 2 && (f[0] == "-r" || f[0] == "-c" || f[0] == "--requirement" || f[0] == "--constraint"):
			out = append(out, f[1])
		case f[0] == "-e" || strings.HasPrefix(f[0], "--editable") || strings.HasPrefix(f[0], ".") || strings.HasPrefix(f[0], "-r") || strings.HasPrefix(f[0], "-c"),
			strings.Contains(line, "file:"), strings.Contains(f[0], "/") && !strings.Contains(line, "://"):
			return nil, false
		}
	}
	return out, true
}
