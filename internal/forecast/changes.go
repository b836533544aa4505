package forecast

import (
	"cmp"
	"path"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/restage"
)

// edited is by how much the fixes make the copied files grow, in bytes. Files that
// appear or disappear are not counted.
func (p *Project) edited() (sum int64) {
	if p.Before == nil || p.Dockerfile == nil {
		return 0
	}
	changed := map[string]int64{}
	for name, size := range p.Context {
		if before, ok := p.Before[name]; ok && before != size {
			changed[name] = size - before
		}
	}
	if own := path.Clean(cmp.Or(p.Own, p.Dockerfile.Name)); len(p.Fixed) > 0 {
		if before, ok := p.Before[own]; ok {
			changed[own] = int64(len(p.Fixed)) - before
		}
	}
	chain, err := p.Dockerfile.Chain(p.Target)
	if err != nil {
		return 0
	}
	for i := range chain {
		if sources, ok := restage.FromContext(&chain[i]); ok {
			sum += contextBytes(changed, sources)
		}
	}
	return sum
}

// metadataLine bounds what one requirement takes in the project's own metadata,
// in bytes.
const metadataLine = 100

// addChanges adds the packages that fixes add, where the image installs them.
func (a *account) addChanges(s sizes, asked bool) {
	var low, n, high, bytecode int64
	source := ""
	if asked {
		for _, w := range a.Added {
			low, n, high, bytecode = low+w.Low, n+w.Bytes, high+w.High, bytecode+w.Bytecode
			source = w.Source
		}
	}
	// The index may have newer versions by the time of a build.
	s.between("packages that fixes add", low-low/33, n, high+high/33, source)
	if !a.Clean.Bytecode {
		s.between("bytecode of packages that fixes add", bytecode/10*8, bytecode, bytecode/10*12, "ratio of bytecode to sources")
	}
	if lines := int64(len(a.Added)+len(a.Removed)) * metadataLine; lines > 0 {
		s.between("the project's metadata", -lines, 0, lines, "requirements that fixes change")
	}
}

// addItself adds the generated Dockerfile, where the image copies the folder
// that it is written to.
func (a *account) addItself(s sizes) {
	name := "Dockerfile." + s.f.Strategy
	if a.Ignored == nil || a.Ignored(name) || s.f.Dockerfile == "" {
		return
	}
	for i := range a.outline.Runtime {
		st := &a.outline.Runtime[i]
		if sources, ok := restage.FromContext(st.In); ok && st.Role == recipe.Keeps && slices.ContainsFunc(sources, func(src string) bool { return selects(src, name) }) {
			s.exact("the Dockerfile itself", int64(len(s.f.Dockerfile)), "the build context")
		}
	}
}

// fixed is the forecast's range of what all fixes save.
func (p *Project) fixed() whittle.Saving {
	edited := p.edited()
	return whittle.Saving{Low: p.Saving.Low - edited, High: p.Saving.High - edited}
}
