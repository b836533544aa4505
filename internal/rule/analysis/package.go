package analysis

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// maxStatus bounds a package database that is read, in bytes.
const maxStatus = 64 << 20

// Package is one installed package of the distribution.
type Package struct {
	Name, version string
	// Auto says that it was installed only because another asked for it.
	Auto bool
	// Depends and recommends are lists of alternatives, by name.
	Depends, recommends [][]string
	// Layer brought its first file, -1 where it has none.
	Layer int
	Items []int
}

// Packages are the installed packages of a distribution.
type Packages struct {
	List []Package
	// Providers has positions in list by every name that they answer to.
	Providers map[string][]int
	// KnowsRequested says that what was asked for is known.
	KnowsRequested bool
}

// Packages reads dpkg's and apk's databases; of rpm's only names are known.
func (ls *Layers) Packages() *Packages {
	s := &Packages{Providers: map[string][]int{}}
	if ls.root == nil || ls.ledger == nil || len(ls.owner) != len(ls.ledger.Items) {
		return s
	}
	if status, err := ls.root.ReadFile("var/lib/dpkg/status", maxStatus); err == nil {
		s.dpkg(status)
		if states, err := ls.root.ReadFile("var/lib/apt/extended_states", maxStatus); err == nil {
			s.KnowsRequested = true
			for _, f := range stanzas(states) {
				if f["Auto-Installed"] == "1" {
					s.mark(f["Package"])
				}
			}
		}
	}
	if db, err := ls.root.ReadFile("lib/apk/db/installed", maxStatus); err == nil {
		s.apk(db)
		if world, err := ls.root.ReadFile("etc/apk/world", 1<<20); err == nil {
			s.KnowsRequested = true
			asked := map[string]bool{}
			for _, w := range strings.Fields(string(world)) {
				asked[name(w)] = true
			}
			for i := range s.List {
				s.List[i].Auto = !asked[s.List[i].Name]
			}
		}
	}
	ls.place(s)
	return s
}

// place gives packages their items; those that no database lists (rpm) are
// added by their owners' names.
func (ls *Layers) place(s *Packages) {
	at := map[string]int{}
	for i := range s.List {
		at[s.List[i].Name] = i
	}
	for i := range ls.ledger.Items {
		it, o := &ls.ledger.Items[i], &ls.owner[i]
		if o.Ecosystem != "deb" && o.Ecosystem != "apk" && o.Ecosystem != "rpm" {
			continue
		}
		n, ok := at[o.Name]
		if !ok {
			n = s.add(Package{Name: o.Name, version: o.Version, Layer: -1})
			at[o.Name] = n
		}
		k := &s.List[n]
		k.Items = append(k.Items, i)
		if k.Layer < 0 || it.Layer < k.Layer {
			k.Layer = it.Layer
		}
	}
}

func (s *Packages) add(k Package, provides ...string) int {
	s.List = append(s.List, k)
	n := len(s.List) - 1
	for _, name := range append(provides, k.Name) {
		s.Providers[name] = append(s.Providers[name], n)
	}
	return n
}

func (s *Packages) mark(name string) {
	for _, n := range s.Providers[name] {
		if s.List[n].Name == name {
			s.List[n].Auto = true
		}
	}
}

// stanzas reads paragraphs of "Field: value" lines, as dpkg writes them.
// https://www.debian.org/doc/debian-policy/ch-controlfields.html
func stanzas(content []byte) []map[string]string {
	var out []map[string]string
	for _, part := range bytes.Split(content, []byte("\n\n")) {
		f := map[string]string{}
		key := ""
		for line := range strings.Lines(string(part)) {
			if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") {
				f[key] += " " + strings.TrimSpace(line)
				continue
			}
			k, v, ok := strings.Cut(line, ":")
			if key = k; ok {
				f[k] = strings.TrimSpace(v)
			}
		}
		if f["Package"] != "" {
			out = append(out, f)
		}
	}
	return out
}

func (s *Packages) dpkg(status []byte) {
	for _, f := range stanzas(status) {
		if !strings.HasSuffix(f["Status"], " installed") {
			continue
		}
		k := Package{Name: f["Package"], version: f["Version"], Layer: -1}
		k.Depends = append(relations(f["Depends"]), relations(f["Pre-Depends"])...)
		k.recommends = relations(f["Recommends"])
		var provides []string
		for _, alternatives := range relations(f["Provides"]) {
			provides = append(provides, alternatives...)
		}
		s.add(k, provides...)
	}
}

// relations reads "a (>= 1), b | c:any".
func relations(text string) [][]string {
	var out [][]string
	for _, group := range strings.Split(text, ",") {
		var names []string
		for _, alternative := range strings.Split(group, "|") {
			alternative, _, _ = strings.Cut(strings.TrimSpace(alternative), " ")
			if alternative, _, _ = strings.Cut(alternative, ":"); alternative != "" {
				names = append(names, alternative)
			}
		}
		if len(names) > 0 {
			out = append(out, names)
		}
	}
	return out
}

// apk reads its database of installed packages: a letter, a colon, a value.
// https://wiki.alpinelinux.org/wiki/Apk_spec
func (s *Packages) apk(db []byte) {
	for _, part := range bytes.Split(db, []byte("\n\n")) {
		k := Package{Layer: -1}
		var provides []string
		for line := range strings.Lines(string(part)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
			switch key {
			case "P":
				k.Name = value
			case "V":
				k.version = value
			case "D":
				for _, w := range strings.Fields(value) {
					if !strings.HasPrefix(w, "!") {
						k.Depends = append(k.Depends, []string{name(w)})
					}
				}
			case "p":
				for _, w := range strings.Fields(value) {
					provides = append(provides, name(w))
				}
			}
		}
		if k.Name != "" {
			s.add(k, provides...)
		}
	}
}

// name is a package's name without a version: "so:libc.musl.so.1=1", "curl>8".
func name(word string) string {
	if i := strings.IndexAny(word, "=<>~@"); i > 0 {
		return word[:i]
	}
	return word
}

// Needed says which packages some roots need, themselves among them: over what
// they depend on and, where wanted, recommend. Every installed alternative
// counts.
func (s *Packages) Needed(roots []int, recommended bool) []bool {
	out := make([]bool, len(s.List))
	stack := slices.Clone(roots)
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if out[n] {
			continue
		}
		out[n] = true
		groups := s.List[n].Depends
		if recommended {
			groups = append(slices.Clone(groups), s.List[n].recommends...)
		}
		for _, alternatives := range groups {
			for _, name := range alternatives {
				stack = append(stack, s.Providers[name]...)
			}
		}
	}
	return out
}

// Brought are a package's items of one layer.
func (ls *Layers) Brought(k *Package, layer int) (items []int) {
	for _, i := range k.Items {
		if ls.ledger.Items[i].Layer == layer {
			items = append(items, i)
		}
	}
	return items
}

// ByPackage is evidence with one row for each package, the largest first.
func (ls *Layers) ByPackage(s *Packages, chosen []int, layer int) (evidence []whittle.Evidence, items []int, names []string) {
	for _, n := range chosen {
		k := &s.List[n]
		mine := ls.Brought(k, layer)
		items = append(items, mine...)
		what := k.Name
		if k.version != "" {
			what += " " + k.version
		}
		evidence = append(evidence, whittle.Evidence{Layer: layer, Bytes: ls.Bytes(mine), Files: len(mine), What: what})
		names = append(names, k.Name)
	}
	slices.SortStableFunc(evidence, func(a, b whittle.Evidence) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.What, b.What))
	})
	if len(evidence) > maxPlaces {
		evidence = append(evidence[:maxPlaces-1], summed(evidence[maxPlaces-1:], "other packages"))
	}
	slices.Sort(names)
	return evidence, items, names
}

// summed sums up rows that are too many.
func summed(rows []whittle.Evidence, what string) whittle.Evidence {
	rest := whittle.Evidence{Layer: -1, What: what}
	for _, e := range rows {
		rest.Bytes += e.Bytes
		rest.Files += e.Files
	}
	return rest
}

// LargestNames names the packages of the first rows: "gcc-12 12.2.0 (58.1 MB)".
func LargestNames(evidence []whittle.Evidence) string {
	var names []string
	for _, e := range evidence {
		name, _, _ := strings.Cut(e.What, " ")
		names = append(names, name+" ("+whittle.Bytes(e.Bytes)+")")
	}
	return List(names)
}
