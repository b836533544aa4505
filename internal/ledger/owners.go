package ledger

import (
	"fmt"
	"math"
	"sort"
	"strings"

	"whittle.dev/whittle"
)

// Account gives every item of a ledger one owner and one category.
type Account struct {
	Ledger  *whittle.Ledger
	Indexes []*whittle.Index
	Steps   []whittle.Step
	// Owners are the distinct owners; Owner and Category are indexed like
	// [whittle.Ledger.Items].
	Owners   []whittle.Owner
	Owner    []int
	Category []Category
	steps    []*whittle.Step // by layer
	// named has the names of the layers as owners; layers has the layer of an
	// owner that is an instruction.
	named  []string
	layers map[int]int
}

// Attribute finds the owner and the category of every item. Visible content
// belongs to the claim of highest precedence on its path, then to the
// application where it lies under the working directory, else to the
// instruction that added it. Wasted content belongs to whoever claims its path
// in the merged root, else to its instruction: the databases that could say
// more are wasted too.
func Attribute(l *whittle.Ledger, indexes []*whittle.Index, cfg *whittle.Config, steps []whittle.Step, claims []whittle.Claim) *Account {
	a := &Account{Ledger: l, Indexes: indexes, Steps: steps, Owner: make([]int, len(l.Items)), Category: make([]Category, len(l.Items)),
		steps: make([]*whittle.Step, len(l.Layers))}
	for i := range steps {
		if n := steps[i].Layer; n >= 0 && n < len(a.steps) {
			a.steps[n] = &steps[i]
		}
	}
	a.named, a.layers = a.layerNames(), map[int]int{}
	f := &finder{account: a, claimed: claimIndex(claims), app: appDir(cfg)}
	known := map[whittle.Owner]int{}
	for i := range l.Items {
		it := &l.Items[i]
		o, kind, layer := f.owner(it)
		n, seen := known[o]
		if !seen {
			n = len(a.Owners)
			known[o] = n
			a.Owners = append(a.Owners, o)
			if layer >= 0 {
				a.layers[n] = layer
			}
		}
		a.Owner[i] = n
		a.Category[i] = categorize(it, o, kind)
	}
	return a
}

// finder finds the owner of an item.
type finder struct {
	account *Account
	claimed map[string]*whittle.Claim
	app     string
}

// owner is the owner of an item, with its kind, and its layer if it is an
// instruction. Bytecode belongs to the owner of its source, because it comes and
// goes with it.
func (f *finder) owner(it *whittle.Item) (o whittle.Owner, kind whittle.OwnerKind, layer int) {
	source, bytecode := whittle.BytecodeSource(it.Path)
	if c, ok := f.claimed[source]; ok && bytecode {
		return c.Owner, c.Kind, -1
	}
	if c, ok := f.claimed[it.Path]; ok {
		return c.Owner, c.Kind, -1
	}
	if f.app != "" && strings.HasPrefix(it.Path, f.app+"/") {
		return whittle.Owner{Ecosystem: applicationOwner, Name: "/" + f.app}, whittle.OwnerUnknown, -1
	}
	layer = it.Layer
	if bytecode {
		if n, ok := f.source(source); ok {
			layer = n
		}
	}
	return whittle.Owner{Ecosystem: instructionOwner, Name: f.account.named[layer]}, whittle.OwnerUnknown, layer
}

// applicationOwner is the ecosystem of the files under the working directory,
// instructionOwner of what only an instruction brought.
const (
	applicationOwner = "app"
	instructionOwner = "instruction"
)

// source is the layer of the Python source that was added at a path, if it is visible.
func (f *finder) source(path string) (layer int, ok bool) {
	l := f.account.Ledger
	n, ok := find(l.Tree, path)
	if !ok || n.Item < 0 || l.Items[n.Item].Path != path {
		return 0, false
	}
	return l.Items[n.Item].Layer, true
}

// layerNames name the layers as owners: by the history's text, which is the
// same in every image that has the instruction. Of several layers of one text
// the second is "TEXT (2)".
func (a *Account) layerNames() []string {
	names, seen := make([]string, len(a.steps)), map[string]int{}
	for i, s := range a.steps {
		if s != nil {
			names[i] = s.Text()
		}
		if names[i] == "" {
			names[i] = fmt.Sprintf("layer %d", i)
		}
		text := names[i]
		if seen[text]++; seen[text] > 1 {
			names[i] = fmt.Sprintf("%s (%d)", text, seen[text])
		}
	}
	return names
}

// claimIndex has the claim of highest precedence on each path.
func claimIndex(claims []whittle.Claim) map[string]*whittle.Claim {
	order := make([]int, len(claims))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool {
		a, b := claims[order[i]], claims[order[j]]
		if pa, pb := rank(a.Kind), rank(b.Kind); pa != pb {
			return pa < pb
		}
		// What vendors another distribution is above it.
		if da, db := strings.Count(a.Evidence, "/"), strings.Count(b.Evidence, "/"); da != db {
			return da < db
		}
		return a.Evidence < b.Evidence
	})
	index := map[string]*whittle.Claim{}
	for _, n := range order {
		for _, p := range claims[n].Paths {
			if _, taken := index[p]; !taken {
				index[p] = &claims[n]
			}
		}
	}
	return index
}

// rank orders claims of several kinds on one path; see [whittle.OwnerKind].
func rank(k whittle.OwnerKind) int {
	if k == whittle.OwnerUnknown {
		return math.MaxInt
	}
	return int(k)
}

// appDir is the working directory as a clean relative path, empty where it is
// the root or a folder of the system.
func appDir(cfg *whittle.Config) string {
	dir := strings.Trim(cfg.Config.WorkingDir, "/")
	switch first, _, _ := strings.Cut(dir, "/"); {
	case dir == "" || dir == ".":
		return ""
	case first == "usr" && !strings.HasPrefix(dir, "usr/src/"), first == "etc", first == "var" && dir == "var", first == "root" && dir == "root":
		return ""
	}
	return dir
}

// StepName names the instruction that made a layer: "Dockerfile:38" where the
// Dockerfile is known, else its history line shortened, else "layer 3".
func (a *Account) StepName(layer int) string {
	if s := a.step(layer); s != nil && s.Origin != nil {
		return fmt.Sprintf("%s:%d", s.Origin.File, s.Origin.Line)
	}
	if text := a.stepText(layer); text != "" {
		return fmt.Sprintf("layer %d, %s", layer, text)
	}
	return fmt.Sprintf("layer %d", layer)
}

func (a *Account) step(layer int) *whittle.Step {
	if layer < 0 || layer >= len(a.steps) {
		return nil
	}
	return a.steps[layer]
}

// stepText is what the history says of a layer, shortened for a sentence.
func (a *Account) stepText(layer int) string {
	s := a.step(layer)
	if s == nil {
		return ""
	}
	text := s.Text()
	if r := []rune(text); len(r) > 40 {
		text = string(r[:39]) + "…"
	}
	return text
}

// fullName is StepName with all that the history says.
func (a *Account) fullName(layer int) string {
	s := a.step(layer)
	if s == nil || s.Origin != nil || s.Text() == "" {
		return a.StepName(layer)
	}
	return fmt.Sprintf("layer %d, %s", layer, s.Text())
}

// Categories sums the categories, in their fixed order, without those that
// have no bytes.
func (a *Account) Categories() []whittle.CategoryRow {
	sums := make([]whittle.CategoryRow, len(categoryNames))
	for i, it := range a.Ledger.Items {
		s := &sums[a.Category[i]]
		s.Files++
		if it.Cause == whittle.Visible {
			s.Visible += it.Bytes
		} else {
			s.Wasted += it.Bytes
		}
	}
	var rows []whittle.CategoryRow
	for i, s := range sums {
		if s.Files > 0 {
			s.Name = categoryNames[i]
			rows = append(rows, s)
		}
	}
	return rows
}

// baseLayers is how many layers are below the first that the Dockerfile made, 0
// where none is known.
func (a *Account) baseLayers() int {
	for _, s := range a.Steps {
		if s.Origin != nil && s.Layer >= 0 {
			return s.Layer
		}
	}
	return 0
}

// Packages sums the visible bytes of each owner, largest first.
func (a *Account) Packages() []whittle.PackageRow {
	sums := make([]whittle.PackageRow, len(a.Owners))
	base := a.baseLayers()
	for i, it := range a.Ledger.Items {
		if it.Cause == whittle.Visible {
			s := &sums[a.Owner[i]]
			s.Visible += it.Bytes
			s.Files++
			if it.Layer < base {
				s.Base += it.Bytes
			}
			if a.Owners[a.Owner[i]].Ecosystem == "pypi" {
				if s.Parts == nil {
					s.Parts = map[string]int64{}
				}
				s.Parts[part(it.Path)] += it.Bytes
			}
		}
	}
	rows := make([]whittle.PackageRow, 0, len(sums))
	for i, s := range sums {
		if s.Files > 0 {
			s.Owner = a.Owners[i]
			if n, ok := a.layers[i]; ok {
				s.Layer = &n
			}
			rows = append(rows, s)
		}
	}
	sort.SliceStable(rows, func(i, j int) bool {
		if rows[i].Visible != rows[j].Visible {
			return rows[i].Visible > rows[j].Visible
		}
		return lessOwner(rows[i].Owner, rows[j].Owner)
	})
	return rows
}

func lessOwner(a, b whittle.Owner) bool {
	if a.Name != b.Name {
		return a.Name < b.Name
	}
	if a.Ecosystem != b.Ecosystem {
		return a.Ecosystem < b.Ecosystem
	}
	return a.Version < b.Version
}
