package lab

import (
	"maps"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
)

// declaredNames are the distributions that a project declares for running, itself
// or in an extra, without those that it only pins; nil if it declares none.
func declaredNames(dir string) map[string]bool {
	d, _ := manifest.ReadDeclared(whittle.Folder(dir)) // what cannot be read declares nothing
	if d == nil || len(d.Dependencies) == 0 {
		return nil
	}
	out := map[string]bool{}
	for i := range d.Dependencies {
		if k := d.Dependencies[i].Kind; k == manifest.Runtime || k == manifest.Optional {
			out[pep.Normalize(d.Dependencies[i].Name)] = true
		}
	}
	return out
}

// imports are the distributions that a trial's successful runs imported, with
// the name of the run. What a run imports before it fails means nothing. If the
// project declares distributions, only these count: a library that tries to
// import another's dependency (cloudpickle, a dependency of scikit-learn) goes on
// without it, or the runs fail.
func imports(t *trial) map[string]string {
	out := map[string]string{}
	for _, c := range t.Run.Commands {
		if c.Status != whittle.Runs || c.Imports == nil {
			continue
		}
		for _, name := range c.Imports.Distributions {
			if out[name] == "" && (t.declared == nil || t.declared[name]) {
				out[name] = c.Name
			}
		}
	}
	return out
}

// lost names a distribution that the runs of the first trial imported and that is
// not in the second image, and the run. It is empty if the runs of the second
// import a new distribution, which replaces it, such as opencv-python-headless
// for opencv-python.
func lost(before, after *trial) (name, run string) {
	was, is := imports(before), imports(after)
	for name := range is {
		if was[name] == "" {
			return "", ""
		}
	}
	had, has := owners(before), owners(after)
	for _, name := range slices.Sorted(maps.Keys(was)) {
		if had[name] && !has[name] {
			return name, was[name]
		}
	}
	return "", ""
}

// owners are the Python distributions that have files in a trial's image.
func owners(t *trial) map[string]bool {
	out := map[string]bool{}
	if t.Inspect == nil {
		return out
	}
	for _, p := range t.Inspect.Packages {
		if p.Ecosystem == "pypi" {
			out[p.Name] = true
		}
	}
	return out
}

// removesImported names a distribution that a finding's fix removes from an
// image although a run imported it, and that run; empty if there is none.
func removesImported(x advisedImage, f *whittle.Finding) (name, run string) {
	seen := imports(x.trial)
	if len(seen) == 0 {
		return "", ""
	}
	for _, name := range removedDistributions(x, f) {
		if seen[name] != "" {
			return name, seen[name]
		}
	}
	return "", ""
}

// removesUnimported says that a finding's fix removes distributions from an image whose
// runs noted what they import, and that none imported these.
func removesUnimported(x advisedImage, f *whittle.Finding) bool {
	noted := slices.ContainsFunc(x.trial.Run.Commands, func(c whittle.CommandRun) bool { return c.Status == whittle.Runs && c.Imports != nil })
	if !noted || len(removedDistributions(x, f)) == 0 {
		return false
	}
	name, _ := removesImported(x, f)
	return name == ""
}

// removedDistributions are those whose records a finding's fix removes from an image.
func removedDistributions(x advisedImage, f *whittle.Finding) (names []string) {
	if x.image.Facts.Graph == nil {
		return nil
	}
	removed := map[whittle.Content]bool{}
	for _, c := range f.Change.Remove {
		removed[c] = true
	}
	gone := map[string]bool{}
	for i := range x.image.Facts.Ledger.Items {
		if it := &x.image.Facts.Ledger.Items[i]; it.Cause == whittle.Visible && removed[whittle.Content{Layer: it.Layer, Entry: it.Entry}] {
			gone[it.Path] = true
		}
	}
	for i := range x.image.Facts.Graph.Distributions {
		d := &x.image.Facts.Graph.Distributions[i]
		if d.VendoredBy == "" && (gone[d.Record] || gone[d.Record+"/METADATA"] || gone[d.Record+"/PKG-INFO"]) {
			names = append(names, d.Name)
		}
	}
	return names
}
