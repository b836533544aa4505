package forecast

import (
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/restage"
)

// single is the original's stage, whose RUN that installs also removes what only
// building needs.
func single(a *account, name, title string) (*whittle.Forecast, error) {
	if !Little(lean{a}.installers(), a.Ledger.Sum().Size) { // worth a line, if bytecode is left out
		quieter, p := *a, *a.Project
		p.Loud, quieter.Project, quieter.pipWrites = false, &p, true
		a = &quieter
	}
	_, kept := a.kept()
	r, err := restage.NewSingle(a.input(kept))
	if err != nil || a.Slim != nil && !r.TakesSlim() { // the sizes are of the original's base
		a = onOwnBase(a)
		r, err = restage.NewSingle(a.input(""))
	}
	f, s := a.forecast(name, title)
	a.addPackages(s, nil, false)
	compiled{a}.addTools(s)
	a.addChanges(s, true)
	if err != nil {
		a.addMade(s, func(st *restage.Step) bool { return st.Role == recipe.InstallsBuildTools })
		s.exact("system packages that the RUN installs", a.system(), a.measured())
		return f, err
	}
	if text, err := r.Text(); err == nil && text == string(a.outline.File.Source) {
		return nil, &noUse{name, "the Dockerfile has one stage already, and its RUNs leave nothing behind that only building needs"}
	}
	lean{a}.add(s, r)
	s.exact("bytecode of the packages", compiled{a}.untold(), a.measured())
	s.exact("metadata of what is installed in place", a.metadata, a.measured())
	if a.outline.OwnVenv() != "" {
		a.addVenv(s)
		a.addPip(s, false)
	}
	if len(r.Build) > 0 {
		f.Notes = append(f.Notes, "not in the image, as only building needs it: "+strings.Join(r.Build, ", "))
	}
	if len(r.Used) > 0 {
		f.Notes = append(f.Notes, "the image uses of what these brought: "+strings.Join(r.Used, ", "))
	}
	return written(a, f, r)
}

// lean is the account of one stage that leaves nothing behind.
type lean struct{ *account }

// add adds the original's layers without what only building needs, and without the
// caches of installers.
func (a lean) add(s sizes, r *restage.Single) {
	gone := func(st *restage.Step) bool { return r.Left(st.In) == "" }
	a.addMade(s, gone)
	s.exact("system packages that the RUN installs", a.system(), a.measured())
	var less, kept, caches, left int64
	freed := map[int]int64{}
	if a.System != nil && len(r.Build) > 0 {
		freed = a.System.Freed(r.Build, r.Used)
	}
	for i := range a.outline.Runtime {
		st := &a.outline.Runtime[i]
		layer, ok := a.layers[st.In.Span]
		switch {
		case !ok:
			continue
		case r.KeepsCache(st.In):
			caches += cacheOf(a.Ledger, layer)
		}
		if st.Role == recipe.Installing && len(st.Mixed(false)) == 0 && a.outline.OwnVenv() == "" {
			left += a.beside[layer] // such as build/ beside the sources
		}
		if n := freed[layer]; n > 0 {
			kept += a.records(layer)
			if !gone(st) {
				less += n
			}
		}
	}
	s.exact("cache of the installer", caches, a.measured())
	s.exact("what installing leaves beside the packages", left, a.measured())
	if written := a.installers(); len(a.quiet()) == 0 {
		s.between("bytecode of the installer", written-written/1000, written, written+written/1000, a.measured())
	}
	if less > 0 { // the package manager's own records shrink, too
		s.between("system packages that only building needs", -less-less/50-200_000, -less, -less+less/100+20_000, a.measured())
	}
	if r.Moves() && kept > 0 { // the RUN that installs changes the records once more
		s.between("records of the package manager", kept/2, kept, kept+kept/2, a.measured())
	}
}

// installers are the bytes of bytecode that installers write of themselves.
func (a lean) installers() (sum int64) {
	for i := range a.outline.Runtime {
		st := &a.outline.Runtime[i]
		if layer, ok := a.layers[st.In.Span]; ok && (st.Role == recipe.Installing || st.Role == recipe.PreparesInstaller) {
			sum += a.foreign(layer)
		}
	}
	return sum
}

// foreign are the bytes of bytecode in a layer that is not the packages' own: of the
// installer that ran, and of the interpreter.
func (a lean) foreign(layer int) (sum int64) {
	own := map[string]bool{}
	for _, d := range a.dists {
		for _, f := range a.Graph.Distributions[d.index].Files {
			own[f] = true
		}
	}
	for _, n := range a.Ledger.Tree.Nodes {
		if n.Item >= 0 && n.Layer == layer && strings.HasSuffix(n.Path, ".pyc") && !own[n.Path] {
			sum += a.Ledger.Items[n.Item].Bytes
		}
	}
	return sum
}

// cacheOf are the bytes of installers' caches in a layer.
func cacheOf(l *whittle.Ledger, layer int) (sum int64) {
	for _, n := range l.Tree.Nodes {
		if n.Item >= 0 && n.Layer == layer && strings.HasPrefix(n.Path, "root/.cache/") {
			sum += l.Items[n.Item].Bytes
		}
	}
	return sum
}

// records are the bytes that the package manager of the system writes about packages
// into a layer, besides the lists of their files.
func (a lean) records(layer int) (sum int64) {
	for i := range a.Ledger.Items {
		it := &a.Ledger.Items[i]
		if it.Layer == layer && !strings.HasPrefix(it.Path, "var/lib/dpkg/info/") &&
			slices.ContainsFunc([]string{"var/lib/dpkg/", "var/log/", "var/lib/apt/extended", "var/cache/debconf/", "lib/apk/", "usr/lib/apk/", "etc/ld.so.cache"}, func(dir string) bool { return strings.HasPrefix(it.Path, dir) }) {
			sum += it.Bytes
		}
	}
	return sum
}

// installsItself is the account for an image whose own stage installs the packages: on
// the smaller base only if none of them has to be compiled, also not those that the
// original takes from another stage.
func installsItself(a *account) *account {
	elsewhere := a.outline.Two() && slices.ContainsFunc(a.dists, func(d installed) bool { return a.Graph.Distributions[d.index].CompiledHere() })
	if a.Slim != nil && (len(a.Slim.Builds) > 0 || elsewhere) {
		return onOwnBase(a)
	}
	return a
}

// onOwnBase is the account without a smaller base.
func onOwnBase(a *account) *account {
	b, p := *a, *a.Project
	p.Slim, b.Project = nil, &p
	return &b
}
