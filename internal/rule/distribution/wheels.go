package distribution

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/rule/analysis"
)

// InstalledWheels is the rule installed-wheels: wheels whose distributions are
// installed are still in the image.
func InstalledWheels() analysis.Rule {
	return analysis.Rule{
		ID:    "installed-wheels",
		Title: "Wheels whose distributions are installed are still in the image",
		Text: `A wheel is an archive. pip unpacks it and does not read it again, so a wheel that was copied from a build stage and
installed is in the image twice, once packed. Mount the wheels into the RUN that installs them, or delete them in the RUN that makes them.
Only wheels of the version that is installed are named, and none that the application, a command or a setting names. There is no fix.`,
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
		out = append(out, f)
	}
	return out
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
