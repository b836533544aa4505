package layer

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// bindMount finds files that are copied for one RUN only and deleted
// afterwards. The RUN can use a bind mount instead, which makes no layer.
func bindMount(p *analysis.Pass, k *dockerfile.Instruction, byLayer map[int][]int, layers []int) (relocation, bool) {
	c, ok := p.Recipe.LayerCopy(layers[0])
	acts, readable := p.Recipe.Actions(k)
	if !ok || !readable || c.Instruction.Keyword != "COPY" || c.Instruction.Stage != k.Stage || len(c.Sources) != 1 || !p.Layers.IsWhole(c.Layer, byLayer[c.Layer]) {
		return relocation{}, false
	}
	target := p.Recipe.MountTarget(&c)
	if p.Layers.HasElsewhere(target, c.Layer, p.Recipe.LayerOf(k)) || copiedTwice(p, &c, target) {
		return relocation{}, false
	}
	user, ok := onlyUser(p, &c, k, acts, target)
	if !ok {
		return relocation{}, false
	}
	if mine, _ := p.Recipe.Actions(user); user != k && mountWorkedOn(mine, target, 0, whittle.Span{}) {
		return relocation{}, false
	}
	edits, ok := withoutDeletion(p, k, acts, &c, target)
	if !ok {
		return relocation{}, false
	}
	value, ok := mountOf(&c, target)
	if !ok {
		return relocation{}, false
	}
	if writes(p, user, target) {
		value += ",rw"
	}
	flag, err := user.AddFlag("mount", value)
	if err != nil {
		return relocation{}, false
	}
	edits = append(append(edits, flag...), p.Dockerfile.Remove(c.Instruction)...)
	slices.SortStableFunc(edits, func(a, b whittle.Edit) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
	if _, err := dockerfile.Apply(p.Dockerfile.Source, edits); err != nil {
		return relocation{}, false
	}
	return relocation{title: fmt.Sprintf("mount /%s into %s instead of copying it", target, p.Recipe.The(user)), edits: edits, fixed: []int{c.Layer}, risk: whittle.RiskLow,
		advice:  fmt.Sprintf("mount /%s into %s: a bind mount makes no layer", target, p.Recipe.The(user)),
		caution: "it needs BuildKit, and a RUN that writes into what is mounted fails where it is mounted to be read"}, true
}

// copiedTwice says that another COPY writes to the same path, or copies a
// folder of the context that has it, which a layer need not show.
func copiedTwice(p *analysis.Pass, c *recipe.Copy, target string) bool {
	return slices.ContainsFunc(p.Recipe.Chain(), func(in *dockerfile.Instruction) bool {
		if in == c.Instruction || in.Keyword != "COPY" && in.Keyword != "ADD" {
			return false
		}
		other, ok := p.Recipe.ReadCopy(in)
		if !ok || whittle.Under(other.Dest, target) {
			return ok
		}
		_, ok = p.Recipe.Origin(&other, target)
		return ok && whittle.Under(target, other.Dest)
	})
}

// onlyUser is the only RUN that uses the files of a copy: one between the copy
// and the RUN that deletes them, or that RUN itself.
func onlyUser(p *analysis.Pass, c *recipe.Copy, k *dockerfile.Instruction, acts []recipe.Action, target string) (*dockerfile.Instruction, bool) {
	between, ok := p.Recipe.Between(c.Instruction, k)
	if !ok {
		return nil, false
	}
	var users []*dockerfile.Instruction
	for _, in := range between {
		if p.Recipe.Indifferent(in) && !worksOn(p, in, target) {
			continue
		}
		users = append(users, in)
	}
	if slices.ContainsFunc(acts, func(a recipe.Action) bool { return a.Effect == recipe.Unknown }) {
		users = append(users, k)
	}
	if len(users) != 1 || !mentions(p, users[0], target) {
		return nil, false
	}
	return users[0], true
}

// worksOn says that a RUN changes, or may change, files at a path.
func worksOn(p *analysis.Pass, in *dockerfile.Instruction, at string) bool {
	acts, _ := p.Recipe.Actions(in)
	return slices.ContainsFunc(acts, func(a recipe.Action) bool {
		return a.Effect != recipe.NoEffect && (!a.Complete || slices.ContainsFunc(a.Paths, func(q string) bool { return recipe.Overlaps(q, []string{at}) }))
	})
}

// mentions says that a command of a RUN names a path, or one below it, other
// than to delete it.
func mentions(p *analysis.Pass, in *dockerfile.Instruction, at string) bool {
	acts, _ := p.Recipe.Actions(in)
	dir := p.Recipe.Last(in, "WORKDIR")
	return slices.ContainsFunc(acts, func(a recipe.Action) bool {
		return a.Effect == recipe.Unknown && len(a.Words) > 1 && slices.ContainsFunc(a.Words[1:], func(w dockerfile.Word) bool {
			return strings.Contains(w.Value+"/", "/"+at+"/") || w.Literal && w.Value != "" && whittle.Under(whittle.Join(dir, w.Value), at)
		})
	})
}

// withoutDeletion removes the deletion of a mounted path from a RUN, which
// could not delete a mount.
func withoutDeletion(p *analysis.Pass, k *dockerfile.Instruction, acts []recipe.Action, c *recipe.Copy, target string) ([]whittle.Edit, bool) {
	for _, a := range acts {
		if a.Effect != recipe.Deletes || a.Name() == "find" || a.Name() == "xargs" || !a.Complete {
			continue
		}
		for i, at := range a.Paths {
			if at != target && at != c.Dest || mountWorkedOn(acts, target, a.PathWords[i], a.Span) {
				continue
			}
			var edits []whittle.Edit
			var err error
			switch {
			case len(acts) == 1 && len(a.Paths) == 1:
				edits = p.Dockerfile.Remove(k)
			case len(a.Paths) == 1:
				edits, err = k.RemoveCommand(a.Command)
			default:
				edits, err = k.RemoveWords(a.Command, a.PathWords[i], a.PathWords[i]+1)
			}
			return edits, err == nil
		}
	}
	return nil, false
}

// mountWorkedOn says that commands change, or may change, files in the future
// mount, except by one word of one command.
func mountWorkedOn(acts []recipe.Action, target string, word int, of whittle.Span) bool {
	return slices.ContainsFunc(acts, func(a recipe.Action) bool {
		if a.Effect == recipe.NoEffect || a.Effect == recipe.Unknown {
			return false
		}
		for i, at := range a.Paths {
			if recipe.Overlaps(at, []string{target}) && (a.Span != of || a.PathWords[i] != word) {
				return true
			}
		}
		return !a.Complete || a.Effect == recipe.Moves && recipe.Overlaps(a.Value, []string{target})
	})
}

// mountOf is the value of --mount for the source of a copy.
func mountOf(c *recipe.Copy, target string) (string, bool) {
	source := path.Clean("/" + c.Sources[0])
	from := ""
	if names := c.Instruction.Flag("from"); len(names) > 0 {
		from = "from=" + names[0] + ","
	} else if source = strings.TrimPrefix(source, "/"); source == "" {
		source = "."
	}
	value := fmt.Sprintf("type=bind,%ssource=%s,target=/%s", from, source, target)
	return value, !strings.ContainsAny(source+target+from, `"'*?[ $\`) && strings.Count(value, ",") <= 3
}

// writes says that a RUN may write to a folder: it changes into it, or builds a
// project in it.
func writes(p *analysis.Pass, in *dockerfile.Instruction, target string) bool {
	acts, ok := p.Recipe.Actions(in)
	if !ok {
		return true
	}
	return slices.ContainsFunc(acts, func(a recipe.Action) bool {
		if a.Effect != recipe.Unknown {
			return false
		}
		for i, w := range a.Words {
			at := strings.TrimPrefix(path.Clean(w.Value), "/")
			if w.Literal && at == target && i > 0 && !strings.HasPrefix(a.Words[i-1].Value, "-") && path.Ext(at) == "" {
				return true
			}
		}
		return false
	})
}
