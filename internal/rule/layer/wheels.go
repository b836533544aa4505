package layer

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// InstalledWheels is the rule installed-wheels: wheels whose distributions are
// installed are still in the image.
func InstalledWheels() analysis.Rule {
	return analysis.Rule{
		ID:    "installed-wheels",
		Title: "Wheels whose distributions are installed are still in the image",
		Text: `A wheel is an archive. pip unpacks it and does not read it again, so a wheel that was copied from a build stage and installed is in the
image twice: packed and unpacked. Mount the wheels into the RUN that installs them, or delete them in the RUN that makes them. Only wheels
of the installed version are reported, and none that the application, a command or a setting names. There is a fix if
only one RUN uses what a COPY copied.`,
		Before: "COPY --from=builder /wheels /wheels\nRUN pip install --no-cache-dir /wheels/*.whl\n",
		After:  "RUN --mount=type=bind,from=builder,source=/wheels,target=/wheels pip install --no-cache-dir /wheels/*.whl\n",
		Run:    installedWheels,
	}
}

func installedWheels(p *analysis.Pass) []whittle.Finding {
	if p.Graph == nil || p.Ledger == nil {
		return nil
	}
	texts, ok := p.AllTexts()
	if !ok {
		return nil // one that cannot be read may name them
	}
	byLayer := map[int][]int{}
	for _, i := range p.Layers.WithWasted(p.Layers.Visible(func(i int) bool { return isInstalledWheel(p, i) && !texts.NamesPlace(p.Ledger.Items[i].Path, true) })) {
		layer := p.Ledger.Items[i].Layer
		byLayer[layer] = append(byLayer[layer], i)
	}
	var out []whittle.Finding
	for _, layer := range slices.Sorted(maps.Keys(byLayer)) {
		items := byLayer[layer]
		if p.Layers.Bytes(items) < analysis.MinBytes {
			continue
		}
		f := whittle.Finding{
			Message: fmt.Sprintf("%s leaves %s of wheels in the image whose distributions are installed: %s",
				p.Recipe.LayerName(layer), whittle.Bytes(p.Layers.Bytes(items)), analysis.List(wheelNames(p, items))),
			Evidence: p.Recipe.WithLine(p.Layers.Places(items), layer), Change: p.Layers.Removal(items), Risk: whittle.RiskLow,
			Caution:     "a program that installs them again when it runs needs them",
			Advice:      "delete them in the RUN that makes them",
			Fingerprint: whittle.Fingerprint("installed-wheels", p.Recipe.LayerText(layer)),
		}
		if in := p.Recipe.Instruction(layer); in != nil && in.Keyword != "RUN" {
			f.Advice = "mount them into the RUN that installs them (RUN --mount=type=bind) instead of copying them"
		}
		if user, edits, ok := mountedWheels(p, layer, items); ok {
			f.Fix = &whittle.Fix{Title: fmt.Sprintf("mount the wheels into %s instead of copying them", p.Recipe.The(user)), Patches: []whittle.Patch{p.Recipe.Patch(edits)}}
			f.Caution += "; a mount needs BuildKit"
		}
		out = append(out, f)
	}
	return out
}

// mountedWheels are the edits that mount what a COPY brought into the one RUN that
// works with it, where that RUN installs and nothing else can need the files.
func mountedWheels(p *analysis.Pass, layer int, items []int) (*dockerfile.Instruction, []whittle.Edit, bool) {
	c, ok := p.Recipe.LayerCopy(layer)
	if !ok || c.Instruction.Keyword != "COPY" || c.Instruction.Stage != len(p.Dockerfile.Stages)-1 || len(c.Sources) != 1 || !p.Layers.IsWhole(layer, items) ||
		len(c.Instruction.Flag("chown")) > 0 || len(c.Instruction.Flag("chmod")) > 0 {
		return nil, nil, false
	}
	target := p.Recipe.MountTarget(&c)
	if p.Layers.HasElsewhere(target, layer, len(p.Indexes)-1) || copiedTwice(p, &c, target) {
		return nil, nil, false
	}
	user, ok := installer(p, &c, target)
	if !ok {
		return nil, nil, false
	}
	value, ok := mountOf(&c, target)
	if !ok {
		return nil, nil, false
	}
	edits, err := user.AddFlag("mount", value)
	if err != nil {
		return nil, nil, false
	}
	edits = append(edits, p.Dockerfile.Remove(c.Instruction)...)
	slices.SortStableFunc(edits, func(a, b whittle.Edit) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
	_, err = dockerfile.Apply(p.Dockerfile.Source, edits)
	return user, edits, err == nil
}

// installer is the one RUN that works with what a copy brought, if all that it
// does is to install: a mount cannot be written to.
func installer(p *analysis.Pass, c *recipe.Copy, target string) (*dockerfile.Instruction, bool) {
	var users []*dockerfile.Instruction
	chain := p.Recipe.Chain()
	for _, in := range chain[slices.Index(chain, c.Instruction)+1:] {
		if in.Keyword == "ONBUILD" || in.Keyword == "RUN" && (!p.Recipe.Indifferent(in) || worksOn(p, in, target)) {
			users = append(users, in)
		}
	}
	if len(users) != 1 || users[0].Keyword != "RUN" || !mentions(p, users[0], target) {
		return nil, false
	}
	acts, ok := p.Recipe.Actions(users[0])
	installs, installing := recipe.InstallCommands(users[0])
	if !ok || !installing || slices.ContainsFunc(acts, func(a recipe.Action) bool {
		return a.Effect != recipe.NoEffect && !slices.ContainsFunc(installs, func(i recipe.InstallCommand) bool { return i.Span == a.Span })
	}) {
		return nil, false
	}
	return users[0], true
}

// isInstalledWheel says that an item is a wheel of a distribution that is
// installed in the same version. What a package owns is not: ensurepip, virtualenv
// and systems keep wheels to install from. Caches have a rule of their own.
func isInstalledWheel(p *analysis.Pass, i int) bool {
	it := &p.Ledger.Items[i]
	if path.Ext(it.Path) != ".whl" || p.Layers.IsBase(it.Layer) || strings.Contains("/"+it.Path, "/.cache/") {
		return false
	}
	if o := p.Owner[i].Ecosystem; o != "app" && o != "instruction" {
		return false
	}
	w, err := pep.ParseWheelName(path.Base(it.Path))
	if err != nil {
		return false
	}
	n, ok := p.Graph.Find(w.Name)
	if !ok {
		return false
	}
	d := &p.Graph.Distributions[n]
	v, err := pep.ParseVersion(d.Version)
	return err == nil && v.Compare(w.Version) == 0 && d.VendoredBy == "" && !d.Editable
}

// wheelNames are the distributions of wheels, sorted.
func wheelNames(p *analysis.Pass, items []int) []string {
	names := map[string]bool{}
	for _, i := range items {
		name, _, _ := strings.Cut(path.Base(p.Ledger.Items[i].Path), "-")
		names[pep.Normalize(name)] = true
	}
	return slices.Sorted(maps.Keys(names))
}
