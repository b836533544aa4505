package forecast

import (
	"bytes"
	"encoding/csv"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/restage"
)

// maxRecord bounds the RECORDs that are read, in bytes.
const maxRecord = 16 << 20

// missing adds the files that a distribution's RECORD names and the image does not
// have: a Dockerfile may not have copied them from the builder, or deleted them
// later. Another way of installing has them.
func (a *account) missing(c *content, d *python.Distribution, nodes map[string]int) {
	if a.Root == nil {
		return
	}
	text, err := a.Root.ReadFile(d.Record+"/RECORD", maxRecord)
	if err != nil {
		return // egg-info, or not read with its layer: nothing is known to be missing
	}
	rows := csv.NewReader(bytes.NewReader(text))
	rows.FieldsPerRecord = -1
	rows.ReuseRecord = true
	for at := int64(0); ; {
		row, err := rows.Read()
		if err == io.EOF || len(row) == 0 && err != nil {
			return
		}
		end := rows.InputOffset()
		line := end - at
		at = end
		if strings.HasSuffix(row[0], ".pyc") {
			c.lines += line
			continue
		}
		p := path.Join(d.Site, row[0])
		if _, there := nodes[p]; there || len(row) < 3 || strings.HasPrefix(p, "..") {
			continue
		}
		const most = 1 << 40
		if n, err := strconv.ParseInt(row[2], 10, 64); err == nil && n > 0 && n < most {
			a.add(c, p, n)
		}
	}
}

// packages are the bytes of some distributions after the clean-up; nil are all,
// with the files beside them that no distribution owns.
func (a *account) packages(only map[string]bool) (bytes, bytecode int64) {
	all, none := a.Clean, a.Clean
	all.Bytecode, none.Bytecode = false, true
	add := func(c content) {
		bytes += c.bytes(none)
		if !a.Clean.Bytecode {
			bytecode += c.bytes(all) - c.bytes(none)
		}
	}
	for _, d := range a.dists {
		if only == nil || only[d.name] {
			add(d.content)
		}
	}
	if only == nil {
		add(a.loose)
	}
	return bytes, bytecode
}

// neededBy are the distributions that the project needs with some extras, by name:
// those in the measured image, and those that are absent from it.
func (a *account) neededBy(extras []string) (have map[string]bool, absent []string) {
	have = map[string]bool{}
	type request struct{ name, extra string }
	var queue []request
	asked := map[request]bool{}
	ask := func(r pep.Requirement) {
		for _, e := range append([]string{""}, r.Extras...) {
			if q := (request{r.Name, e}); !asked[q] {
				asked[q] = true
				queue = append(queue, q)
			}
		}
	}
	for _, d := range a.Declared.Dependencies {
		if d.Kind != manifest.Runtime && (d.Kind != manifest.Optional || !slices.Contains(extras, d.Extra)) {
			continue
		}
		if ok, err := d.Marker.Evaluate(a.Env, ""); err != nil || !ok {
			continue
		}
		ask(d.Requirement)
	}
	if a.Declared.Name != "" {
		have[pep.Normalize(a.Declared.Name)] = true
	}
	for len(queue) > 0 {
		q := queue[0]
		queue = queue[1:]
		i, ok := a.Graph.Find(q.name)
		if !ok {
			if q.extra == "" {
				absent = append(absent, q.name)
			}
			continue
		}
		have[a.Graph.Distributions[i].Name] = true
		for _, e := range a.Graph.Edges {
			if e.From == i && e.Extra == q.extra {
				ask(e.Requirement)
			}
		}
	}
	slices.Sort(absent)
	return have, absent
}

// made are the bytes of the original's layers that the image keeps: what it copies
// from the context, and what other RUNs write.
func (a *account) made(skip func(s *restage.Step) bool) (application, other int64) {
	for i := range a.outline.Runtime {
		s := &a.outline.Runtime[i]
		layer, ok := a.layers[s.In.Span]
		if ok && len(s.Mixed(true)) > 0 {
			other += a.beside[layer]
		}
		sources, context := restage.FromContext(s.In)
		if !ok && context && s.Role == recipe.Keeps && !(skip != nil && skip(s)) {
			application += contextBytes(a.Context, sources) // a fix copies it
		}
		if !ok || s.Role != recipe.Keeps && s.Role != recipe.InstallsBuildTools || skip != nil && skip(s) {
			continue
		}
		if context {
			application += a.Ledger.Layers[layer].Size
			if a.Before != nil {
				application += contextBytes(a.Context, sources) - contextBytes(a.Before, sources)
			}
		} else {
			other += a.Ledger.Layers[layer].Size
			if s.In.Keyword == "RUN" && a.Clean.Bytecode && !a.Loud {
				other -= a.bytecode[layer] // see quiet: it is not written
			} else if s.In.Keyword == "RUN" && !a.Clean.Bytecode {
				other -= a.imported[layer] // it is among the packages
			}
		}
	}
	return application, other
}

// system are the bytes of the operating system's packages that the installing RUNs
// install: a single stage installs them as well.
func (a *account) system() (sum int64) {
	for i := range a.outline.Runtime {
		s := &a.outline.Runtime[i]
		if layer, ok := a.layers[s.In.Span]; ok && len(s.Mixed(true)) == 0 && len(s.Mixed(false)) > 0 {
			sum += a.beside[layer]
		}
	}
	return sum
}

// contextBytes are the files of a build context that an instruction copies.
func contextBytes(context map[string]int64, sources []string) (sum int64) {
	for name, size := range context {
		if slices.ContainsFunc(sources, func(src string) bool { return selects(src, name) }) {
			sum += size
		}
	}
	return sum
}

// selects says whether a source of COPY takes a file of the context.
func selects(source, name string) bool {
	source = strings.TrimPrefix(path.Clean("/"+source), "/")
	if source == "" {
		return true
	}
	for {
		if ok, err := path.Match(source, name); ok || err != nil && source == name {
			return true
		}
		i := strings.LastIndexByte(name, '/')
		if i < 0 {
			return false
		}
		name = name[:i]
	}
}

// pinned says whether every distribution's version is fixed by a lock or
// constraints file.
func (a *account) pinned(names map[string]bool) bool {
	locked := map[string]bool{}
	if a.Declared != nil {
		for _, l := range a.Declared.Locked {
			locked[pep.Normalize(l.Name)] = true
		}
	}
	for _, d := range a.dists {
		own := a.Declared != nil && d.name == pep.Normalize(a.Declared.Name) || a.Graph.Distributions[d.index].Local
		if !locked[d.name] && !own && (names == nil || names[d.name]) {
			return false
		}
	}
	return true
}

// sizes collects the parts of a forecast.
type sizes struct{ f *whittle.Forecast }

// exact adds a part that was measured.
func (s sizes) exact(name string, n int64, source string) { s.between(name, n, n, n, source) }

// between adds a part with its bounds; one of no bytes is skipped.
func (s sizes) between(name string, low, n, high int64, source string) {
	if low == 0 && n == 0 && high == 0 {
		return
	}
	s.f.Parts = append(s.f.Parts, whittle.ForecastPart{Name: name, Low: low, Bytes: n, High: high, Source: source})
	s.f.Low += low
	s.f.Predicted += n
	s.f.High += high
}
