package check

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/python/source/byname"
)

// calls notes what the application names in strings: drivers of databases, and
// programs that distributions install.
func (u *usage) calls(src *source.Facts, file string) {
	for _, c := range src.Calls {
		if len(c.Args) == 0 {
			continue
		}
		name := c.Func[strings.LastIndexByte(c.Func, '.')+1:]
		by := u.s.owners.Shown(file) + ":" + strconv.Itoa(c.Line)
		if scheme, _, ok := strings.Cut(c.Args[0], "://"); ok && (name == "create_engine" || name == "connect") {
			dialect, driver, named := strings.Cut(scheme, "+")
			u.useModule(driver, by)
			u.useModule(dialect, by)
			for _, name := range byname.Drivers("sqlalchemy", dialect) {
				for _, i := range u.positions(name) {
					if !named {
						u.use(i, LazyUse, by)
					}
				}
			}
			continue
		}
		switch name {
		case "run", "Popen", "call", "check_call", "check_output", "system", "which":
			program, _, _ := strings.Cut(c.Args[0], " ")
			for i := range u.s.Distributions {
				if offers(&u.s.Distributions[i], path.Base(program)) {
					u.use(i, LazyUse, by)
				}
			}
		}
	}
}

// useModule notes the distribution that has a module.
func (u *usage) useModule(module, by string) {
	for i := range u.s.Distributions {
		if module != "" && slices.Contains(u.s.Distributions[i].ImportNames(), module) {
			u.use(i, LazyUse, by)
		}
	}
}

// offers says that a distribution installs a program.
func offers(d *python.Distribution, program string) bool {
	return slices.ContainsFunc(d.EntryPoints, func(e python.EntryPoint) bool {
		return e.Name == program && (e.Group == "console_scripts" || e.Group == "gui_scripts")
	}) || slices.ContainsFunc(d.Files, func(f string) bool { return path.Base(f) == program && path.Base(path.Dir(f)) == "bin" })
}

// programs notes the distributions of the programs that are started.
func (u *usage) programs() {
	for _, st := range u.s.starts {
		for _, file := range st.Programs {
			if i, ok := u.s.owners.Owner[file]; ok {
				u.use(i, EagerUse, st.Name)
			}
		}
	}
}

// pathFiles notes the distributions whose .pth files run code whenever an
// interpreter starts.
func (u *usage) pathFiles() {
	for i := range u.s.Distributions {
		d := &u.s.Distributions[i]
		for _, f := range d.Files {
			if strings.HasSuffix(f, ".pth") && path.Dir(f) == d.Site {
				u.use(i, PluginUse, path.Base(f))
			}
		}
	}
}

// plugins finds the distributions that offer entry points to those that are
// used: in a group whose name begins with one of their modules or their name, or
// that they look up.
// https://packaging.python.org/en/latest/specifications/entry-points/
func (u *usage) plugins() (changed bool) {
	hosts := map[string]string{}
	for i := range u.s.Distributions {
		if d := &u.s.Distributions[i]; u.used(i) {
			hosts[d.Name] = d.Name
			for _, m := range d.ImportNames() {
				hosts[strings.ToLower(m)] = d.Name
			}
		}
	}
	for i := range u.s.Distributions {
		if u.used(i) {
			continue
		}
		for _, e := range u.s.Distributions[i].EntryPoints {
			if host, ok := hostOf(e.Group, hosts); ok {
				changed = u.use(i, PluginUse, "entry point "+e.Name+" of "+host) || changed
			}
		}
		if by, ok := u.lookedUp(i); ok {
			changed = u.use(i, PluginUse, by) || changed
		}
	}
	return changed
}

// hostOf is the distribution that a group of entry points is for: "pytest11"
// and "sqlalchemy.dialects" begin with its name.
func hostOf(group string, hosts map[string]string) (string, bool) {
	group = strings.ToLower(group)
	if group == "console_scripts" || group == "gui_scripts" {
		return "", false
	}
	for end := len(group); end > 0; end-- {
		if end < len(group) && group[end] >= 'a' && group[end] <= 'z' {
			continue
		}
		for _, name := range []string{group[:end], pep.Normalize(group[:end])} {
			if host, ok := hosts[name]; ok {
				return host, true
			}
		}
	}
	return "", false
}

// known notes the distributions of the table that used ones load by name.
func (u *usage) known() (changed bool) {
	for r := range byname.Rows() {
		for _, i := range u.positions(r.Name) {
			by := "python loads it by name"
			if r.Host != "python" {
				by = ""
				for _, host := range u.positions(r.Host) {
					if u.used(host) && by == "" {
						by = u.asks(host, i).by
					}
				}
			}
			how := OptionalUse
			if len(u.out[i].Extras) > 0 { // the project asks for it, and this is what for
				how = LazyUse
			}
			changed = by != "" && u.use(i, how, by) || changed
		}
	}
	return changed
}

// positions are those of the distributions of a name.
func (u *usage) positions(name string) []int {
	var out []int
	for i := range u.s.Distributions {
		if u.s.Distributions[i].Name == name {
			out = append(out, i)
		}
	}
	return out
}

// application notes what the application's other modules import, which no
// start reaches: they may be run by hand. Tests do not count.
func (u *usage) application() {
	byName := u.importable(func(i int) bool { return !u.used(i) })
	for _, p := range u.s.Root.Paths() {
		if strings.HasSuffix(p, ".py") && u.applicationFile(p) {
			u.mentions(p, byName, LazyUse)
		}
	}
}

// applicationFile says that a file is in the application's folder or belongs
// to its distributions, and is not a test. An application in the root folder has
// all that is nobody else's.
func (u *usage) applicationFile(p string) bool {
	if i, ok := u.s.owners.Owner[p]; ok {
		return slices.Contains(u.s.owners.Own, i)
	}
	rest := "/" + p
	if dir := u.s.trace.Workdir; dir != "" {
		below, ok := strings.CutPrefix(p, dir+"/")
		if !ok {
			return false
		}
		rest = "/" + below
	} else if slices.Contains(systemFolders, source.Top(strings.ReplaceAll(p, "/", "."))) {
		return false
	}
	return !strings.Contains("/"+p, "/site-packages/") && !strings.Contains(rest, "/tests/") && !strings.Contains(rest, "/test/") && !python.ForTests(rest)
}

// systemFolders are the root's folders of the operating system, of temporary
// files and of users.
// https://refspecs.linuxfoundation.org/FHS_3.0/fhs/index.html
var systemFolders = []string{"bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "media", "mnt", "proc", "root", "run", "sbin", "sys", "tmp", "usr", "var"}

// mentioned finds what modules of used distributions import although no start
// reached them: they may be loaded by name, like the dialects of databases.
func (u *usage) mentioned() (changed bool) {
	byName := u.importable(func(i int) bool { return !u.used(i) })
	if len(byName) == 0 {
		return false
	}
	if u.scanned == nil {
		u.scanned = map[int]bool{}
	}
	for i := range u.s.Distributions {
		d := &u.s.Distributions[i]
		if !u.used(i) || u.scanned[i] {
			continue
		}
		u.scanned[i] = true
		for _, f := range d.Files {
			if strings.HasSuffix(f, ".py") && d.PartOf(f) == python.Modules {
				changed = u.mentions(f, byName, OptionalUse) || changed
			}
		}
	}
	return changed
}

// importable are the top-level modules of some distributions.
func (u *usage) importable(want func(int) bool) map[string][]int {
	out := map[string][]int{}
	for i := range u.s.Distributions {
		if d := &u.s.Distributions[i]; want(i) && d.VendoredBy == "" {
			for _, m := range d.ImportNames() {
				out[m] = append(out[m], i)
			}
		}
	}
	return out
}

// mentions notes the distributions that a file's statements name.
func (u *usage) mentions(file string, byName map[string][]int, how Use) (changed bool) {
	src, ok := u.s.Sources(file)
	if !ok {
		return false
	}
	for i := range src.Imports {
		imp := &src.Imports[i]
		if imp.Level > 0 || imp.Context&source.TypeChecking != 0 {
			continue
		}
		for _, to := range byName[source.Top(imp.Module)] {
			if j, owned := u.s.owners.Owner[file]; !owned || j != to && !u.unaskedFor(j, to) {
				changed = u.use(to, how, u.s.owners.Shown(file)+":"+strconv.Itoa(imp.Line)) || changed
			}
		}
	}
	return changed
}
