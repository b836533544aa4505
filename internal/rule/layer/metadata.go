package layer

import (
	"cmp"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/distro"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// MetadataCopy is the rule metadata-copy: a later chmod, chown or touch keeps
// every file twice.
func MetadataCopy() analysis.Rule {
	return analysis.Rule{
		ID:    "metadata-copy",
		Title: "A later chmod, chown or touch keeps every file twice",
		Text: `If a RUN changes only the mode, the owner or the time of a file of a lower layer, the whole file is written again into its own layer, and
the first copy stays below. COPY can set owner and mode itself, with --chown and --chmod. If the files are made by a RUN or in another
stage, change them there.`,
		Before: "COPY . /app\nRUN chown -R app:app /app\n",
		After:  "COPY --chown=app:app . /app\nRUN chown app:app /app\n",
		Run:    metadataCopies,
		Static: staticOwners,
	}
}

func metadataCopies(p *analysis.Pass) []whittle.Finding {
	return hiddenFindings(p, hiddenRule{effect: effect{"metadata-copy", "rewrites", " only to change metadata"},
		why:    func(hider int, items []int) string { return " only to change the " + changed(p, hider, items) },
		advice: "change the files in the instruction that makes them, or let COPY do it by --chown and --chmod",
		fix: func(k *dockerfile.Instruction, byLayer map[int][]int, layers []int) (relocation, bool) {
			if r, ok := copiedAgain(p, k, layers); ok {
				return r, true
			}
			if r, ok := copyFlags(p, k, byLayer, layers); ok {
				return r, true
			}
			return relocate(p, k, layers)
		}}, p.Layers.Wasted(whittle.Metadata))
}

// changed says which metadata of items a layer changed: "mode", "owner",
// "time", or "metadata" if it is not the same for all.
func changed(p *analysis.Pass, hider int, items []int) string {
	above := p.Layers.Entries(hider)
	what := ""
	for _, i := range items {
		it := &p.Ledger.Items[i]
		now, ok := above[it.Path]
		was := &p.Indexes[it.Layer].Entries[it.Entry]
		one := "metadata"
		switch {
		case !ok:
		case now.Mode != was.Mode && now.UID == was.UID && now.GID == was.GID:
			one = "mode"
		case now.Mode == was.Mode && (now.UID != was.UID || now.GID != was.GID):
			one = "owner"
		case now.Mode == was.Mode && now.ModTime != was.ModTime:
			one = "time"
		}
		if what != "" && what != one {
			return "metadata"
		}
		what = one
	}
	return cmp.Or(what, "metadata")
}

// copyFlags makes COPY set the metadata that a RUN changes later, if that RUN
// changes the owner or mode of whole copied trees, or of a copied file.
func copyFlags(p *analysis.Pass, k *dockerfile.Instruction, byLayer map[int][]int, layers []int) (relocation, bool) {
	acts, ok := p.Recipe.Actions(k)
	if !ok {
		return relocation{}, false
	}
	r := relocation{title: "let COPY set it", fixed: layers, risk: whittle.RiskLow, advice: "let COPY set it by a flag, which makes no second copy",
		caution: "what other instructions put into the same folder keeps its owner and mode"}
	var copies []recipe.Copy
	for _, layer := range layers {
		c, ok := p.Recipe.LayerCopy(layer)
		if !ok || c.Instruction.Stage != k.Stage {
			return relocation{}, false
		}
		copies = append(copies, c)
	}
	if repeatedBelow(p, copies, k) {
		return relocation{}, false
	}
	flags := make([]map[string]string, len(copies))
	for i := range flags {
		flags[i] = map[string]string{}
	}
	for _, a := range acts {
		if a.Effect != recipe.ChangesOwner && a.Effect != recipe.ChangesMode {
			continue
		}
		edits, ok := replaceByFlag(p, k, a, acts, copies, flags)
		if !ok {
			return relocation{}, false
		}
		r.edits = append(r.edits, edits...)
	}
	for i, c := range copies {
		if len(flags[i]) == 0 || !flagsCover(p, flags[i], byLayer[c.Layer], p.Recipe.LayerOf(k)) {
			return relocation{}, false
		}
		// Two flags are inserted at one position, so their order must be fixed.
		for _, name := range slices.Sorted(maps.Keys(flags[i])) {
			edits, err := c.Instruction.SetFlag(name, flags[i][name])
			if err != nil {
				return relocation{}, false
			}
			r.edits = append(r.edits, edits...)
		}
	}
	slices.SortStableFunc(r.edits, func(a, b whittle.Edit) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
	_, err := dockerfile.Apply(p.Dockerfile.Source, r.edits)
	return r, err == nil
}

// repeatedBelow says that, before an instruction, another COPY writes files to
// the same paths with other metadata, or a RUN moves some away.
func repeatedBelow(p *analysis.Pass, copies []recipe.Copy, k *dockerfile.Instruction) bool {
	for _, c := range copies {
		between, ok := p.Recipe.Between(c.Instruction, k)
		if !ok {
			return true
		}
		for _, in := range between {
			if acts, ok := p.Recipe.Actions(in); ok && slices.ContainsFunc(acts, func(a recipe.Action) bool {
				return a.Effect == recipe.Moves && slices.ContainsFunc(a.Paths, func(at string) bool { return recipe.Overlaps(at, []string{c.Dest}) })
			}) {
				return true
			}
			if in.Keyword != "COPY" && in.Keyword != "ADD" || slices.ContainsFunc(copies, func(o recipe.Copy) bool { return o.Instruction == in }) {
				continue
			}
			if o, ok := p.Recipe.ReadCopy(in); !ok || whittle.Under(o.Dest, c.Dest) || whittle.Under(c.Dest, o.Dest) {
				return true
			}
		}
	}
	return false
}

// flagsCover says that the flags set all metadata that a layer changed of
// items.
func flagsCover(p *analysis.Pass, flags map[string]string, items []int, hider int) bool {
	above := p.Layers.Entries(hider)
	for _, i := range items {
		it := &p.Ledger.Items[i]
		was, now := &p.Indexes[it.Layer].Entries[it.Entry], above[it.Path]
		if now == nil || now.Mode != was.Mode && flags["chmod"] == "" || (now.UID != was.UID || now.GID != was.GID) && flags["chown"] == "" {
			return false
		}
	}
	return true
}

var octal = regexp.MustCompile(`^[0-7]{3,4}$`)

// replaceByFlag finds the flags that replace a chown or chmod, and removes that
// from the RUN, or keeps it only for the folder itself, whose metadata COPY
// does not change.
func replaceByFlag(p *analysis.Pass, k *dockerfile.Instruction, a recipe.Action, acts []recipe.Action, copies []recipe.Copy, flags []map[string]string) ([]whittle.Edit, bool) {
	if !a.Complete || len(a.Paths) != 1 || a.Name() == "find" || a.Name() == "xargs" || a.Negated {
		return nil, false
	}
	dir := a.Paths[0]
	some := false
	for i := range copies {
		c := &copies[i]
		if !whittle.Under(c.Dest, dir) && !whittle.Under(dir, c.Dest) {
			continue
		}
		only, single := onlyFile(p, c)
		switch {
		case a.Effect == recipe.ChangesMode && single && (only == dir || a.Recursive && whittle.Under(only, dir)):
			e, ok := p.Layers.Entries(p.Recipe.LayerOf(k))[only]
			if !ok {
				return nil, false
			}
			flags[i]["chmod"] = strconv.FormatUint(uint64(e.Mode), 8)
		case !a.Recursive || !whittle.Under(c.Dest, dir) || !a.Exact:
			return nil, false
		case a.Effect == recipe.ChangesMode && octal.MatchString(a.Value):
			flags[i]["chmod"] = a.Value
		case a.Effect == recipe.ChangesOwner && a.Name() == "chown":
			owner, ok := ownerFlag(p, c, a.Value)
			if !ok {
				return nil, false
			}
			flags[i]["chown"] = owner
		default:
			return nil, false
		}
		some = true
	}
	if !some {
		return nil, true // it works on something else
	}
	rest := slices.DeleteFunc(slices.Clone(acts), func(o recipe.Action) bool { return o.Effect == recipe.ChangesMode || o.Effect == recipe.ChangesOwner })
	if mixed(p, dir, copies, p.Recipe.LayerOf(k)) || !recipe.Independent(rest, dir) {
		return nil, false
	}
	return chownFolders(p, k, a, acts, copies)
}

// mixed says that a tree contains files of other layers, to which no flag of a
// copy applies.
func mixed(p *analysis.Pass, dir string, copies []recipe.Copy, below int) bool {
	for layer := range p.Indexes[:below] {
		if !slices.ContainsFunc(copies, func(c recipe.Copy) bool { return c.Layer == layer }) &&
			slices.ContainsFunc(p.Indexes[layer].Entries, func(e whittle.Entry) bool {
				return e.Kind != whittle.Dir && e.Kind != whittle.Whiteout && e.Kind != whittle.Opaque && whittle.Under(e.Path, dir)
			}) {
			return true
		}
	}
	return false
}

// onlyFile is the file of a COPY of one file. A folder may contain further
// files that are not in the layer, because the image has them already.
func onlyFile(p *analysis.Pass, c *recipe.Copy) (string, bool) {
	only, n := "", 0
	for at, e := range p.Layers.Entries(c.Layer) {
		if e.Kind == whittle.File {
			only, n = at, n+1
		}
	}
	single := n == 1 && len(c.Sources) == 1
	return only, single && (only == c.Dest || only == path.Join(c.Dest, path.Base(c.Sources[0])))
}

// ownerFlag is the value of --chown with the effect of a chown: the name if the
// image has the user at that point, otherwise the number.
func ownerFlag(p *analysis.Pass, c *recipe.Copy, owner string) (string, bool) {
	user, group, both := strings.Cut(owner, ":")
	uid, gid, ok := userOf(p, user)
	switch {
	case strings.ContainsAny(owner, "$@ ") || user == "" || !both && !c.FromContext():
		return "", false
	case !both:
		group = "0" // chown leaves the group, which is root's for files from the context
	case group == "" && !ok:
		return "", false
	case group == "":
		group = gid
		if number, ok := groupOf(p, user); ok && number == gid {
			group = user // useradd needs its own group to be there
		}
	}
	linked := slices.ContainsFunc(c.Instruction.Flags, func(f dockerfile.Flag) bool { return f.Name == "link" && f.Value != "false" })
	if linked || !knownUser(p, c.Instruction, user) { // a separate layer has no names
		if !ok || !sameUID(p, user, uid) {
			return "", false
		}
		if number, ok := groupOf(p, group); ok {
			group = number
		} else if _, err := strconv.Atoi(group); err != nil {
			return "", false
		}
		user = uid
	}
	return user + ":" + group, true
}

// userOf looks up a user's numbers in the image.
func userOf(p *analysis.Pass, name string) (uid, gid string, ok bool) {
	if p.Root == nil {
		return "", "", false
	}
	u, ok := distro.ReadAccounts(p.Root).User(name)
	return strconv.Itoa(u.UID), strconv.Itoa(u.GID), ok
}

// groupOf looks up a group's number in the image.
func groupOf(p *analysis.Pass, name string) (gid string, ok bool) {
	if p.Root == nil {
		return "", false
	}
	g, ok := distro.ReadAccounts(p.Root).Group(name)
	return strconv.Itoa(g.GID), ok
}

// madeAbove says that a layer above the base has a path.
func madeAbove(p *analysis.Pass, at string) bool {
	for layer := range p.Indexes {
		if _, ok := p.Layers.Entries(layer)[at]; ok && !p.Layers.IsBase(layer) {
			return true
		}
	}
	return false
}

// knownUser says that a user exists before an instruction: as a number, as a
// user of every base, or because a RUN before it adds it.
func knownUser(p *analysis.Pass, in *dockerfile.Instruction, name string) bool {
	if _, err := strconv.Atoi(name); err == nil || name == "root" {
		return true
	}
	if _, _, ok := userOf(p, name); ok && !madeAbove(p, "etc/passwd") {
		return true
	}
	for _, before := range p.Recipe.Chain() {
		if before == in {
			return false
		}
		if acts, ok := p.Recipe.Actions(before); ok && slices.ContainsFunc(acts, func(a recipe.Action) bool {
			return (a.Name() == "useradd" || a.Name() == "adduser") && slices.ContainsFunc(a.Words, func(w dockerfile.Word) bool { return w.Value == name })
		}) {
			return true
		}
	}
	return false
}

// sameUID says that a user has the same number in every build: it is a number,
// the base has the user, or a RUN names the number. Otherwise the next free
// number is used.
func sameUID(p *analysis.Pass, user, uid string) bool {
	if user == uid || uid == "0" || !madeAbove(p, "etc/passwd") {
		return true
	}
	for _, in := range p.Recipe.Chain() {
		if acts, ok := p.Recipe.Actions(in); ok && slices.ContainsFunc(acts, func(a recipe.Action) bool {
			return (a.Name() == "useradd" || a.Name() == "adduser") && slices.ContainsFunc(a.Words, func(w dockerfile.Word) bool {
				return w.Value == uid || strings.HasSuffix(w.Value, "="+uid) || w.Value == "-u"+uid
			})
		}) {
			return true
		}
	}
	return false
}

// chownFolders restricts a chown or chmod of a tree to the folders that no COPY
// added, including the tree's own. For a single file, the command is removed.
func chownFolders(p *analysis.Pass, k *dockerfile.Instruction, a recipe.Action, acts []recipe.Action, copies []recipe.Copy) ([]whittle.Edit, bool) {
	dir := a.Paths[0]
	brought := map[string]bool{}
	for _, c := range copies {
		before := p.Layers.PathsBelow(c.Layer)
		for at, e := range p.Layers.Entries(c.Layer) {
			brought[at] = brought[at] || e.Kind != whittle.Dir || !before[at]
		}
	}
	var folders []string
	isDir := false
	for at, e := range p.Layers.Entries(p.Recipe.LayerOf(k)) {
		switch {
		case at == dir:
			isDir = e.Kind == whittle.Dir
		case !whittle.Under(at, dir) || brought[at]:
		case e.Kind == whittle.Dir && len(folders) < 4 && !strings.ContainsAny(at, " '\"$\\"):
			folders = append(folders, "/"+at)
		default:
			return nil, false
		}
	}
	if !isDir {
		if len(acts) == 1 {
			return p.Dockerfile.Remove(k), true
		}
		edits, err := k.RemoveCommand(a.Command)
		return edits, err == nil
	}
	slices.Sort(folders)
	return onlyFolders(k, a, folders)
}

// onlyFolders removes -R from a command, and adds further folders.
func onlyFolders(k *dockerfile.Instruction, a recipe.Action, folders []string) ([]whittle.Edit, bool) {
	var edits []whittle.Edit
	for i, w := range a.Words {
		if i == 0 || !strings.HasPrefix(w.Value, "-") {
			continue
		}
		switch without := strings.NewReplacer("R", "").Replace(w.Value); {
		case w.Value == "--recursive" || without == "-":
			more, err := k.RemoveWords(a.Command, i, i+1)
			if err != nil {
				return nil, false
			}
			edits = append(edits, more...)
		case without != w.Value && !strings.HasPrefix(w.Value, "--"):
			edits = append(edits, k.ReplaceWord(w, without))
		}
	}
	if len(folders) > 0 {
		more, err := k.AddWords(a.Command, a.PathWords[0], folders...)
		if err != nil {
			return nil, false
		}
		edits = append(edits, more)
	}
	return edits, true
}
