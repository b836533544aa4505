package rule

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
)

// mountInstead finds what was copied for one RUN alone, and is deleted then:
// the RUN can have it by a bind mount, which makes no layer.
func mountInstead(p *Pass, k *dockerfile.Instruction, byLayer map[int][]int, layers []int) (relocation, bool) {
	c, ok := p.recipe.copy(layers[0])
	acts, readable := p.recipe.actions(k)
	if !ok || !readable || c.in.Keyword != "COPY" || c.in.Stage != k.Stage || len(c.sources) != 1 || !p.layers.whole(c.layer, byLayer[c.layer]) {
		return relocation{}, false
	}
	target := p.recipe.mountTarget(&c)
	if p.layers.elsewhere(target, c.layer, p.recipe.layerOf(k)) || copiedTwice(p, &c, target) {
		return relocation{}, false
	}
	user, ok := onlyUser(p, &c, k, acts, target)
	if !ok {
		return relocation{}, false
	}
	if mine, _ := p.recipe.actions(user); user != k && mountWorkedOn(mine, target, 0, whittle.Span{}) {
		return relocation{}, false
	}
	edits, ok := dropped(p, k, acts, &c, target)
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
	edits = append(append(edits, flag...), p.Dockerfile.Remove(c.in)...)
	slices.SortStableFunc(edits, func(a, b whittle.Edit) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
	if _, err := dockerfile.Apply(p.Dockerfile.Source, edits); err != nil {
		return relocation{}, false
	}
	return relocation{title: fmt.Sprintf("mount /%s into %s instead of copying it", target, short(user)), edits: edits, cured: []int{c.layer}, risk: whittle.RiskLow,
		advice:  fmt.Sprintf("mount /%s into %s: a bind mount makes no layer", target, short(user)),
		caution: "it needs BuildKit, and a RUN that writes into what is mounted fails where it is mounted to be read"}, true
}

// copiedTwice says that another COPY brings something to the same path, which
// need not show in a layer.
func copiedTwice(p *Pass, c *copied, target string) bool {
	return slices.ContainsFunc(p.recipe.chain(), func(in *dockerfile.Instruction) bool {
		if in == c.in || in.Keyword != "COPY" && in.Keyword != "ADD" {
			return false
		}
		other, ok := p.recipe.copyOf(in)
		return ok && whittle.Under(other.dest, target)
	})
}

// onlyUser is the one RUN that works with what a copy brought: between it and
// the RUN that deletes it, or that RUN itself.
func onlyUser(p *Pass, c *copied, k *dockerfile.Instruction, acts []action, target string) (*dockerfile.Instruction, bool) {
	between, ok := p.recipe.between(c.in, k)
	if !ok {
		return nil, false
	}
	var users []*dockerfile.Instruction
	for _, in := range between {
		if p.recipe.idle(in) && !worksOn(p, in, target) {
			continue
		}
		users = append(users, in)
	}
	if slices.ContainsFunc(acts, func(a action) bool { return a.verb == other }) {
		users = append(users, k)
	}
	if len(users) != 1 || !mentions(p, users[0], target) {
		return nil, false
	}
	return users[0], true
}

// worksOn says that a RUN changes what stands at a path, or may.
func worksOn(p *Pass, in *dockerfile.Instruction, at string) bool {
	acts, _ := p.recipe.actions(in)
	return slices.ContainsFunc(acts, func(a action) bool {
		return a.verb != inert && (!a.all || slices.ContainsFunc(a.paths, func(q string) bool { return overlaps(q, []string{at}) }))
	})
}

// mentions says that a word of a RUN's commands names a path, or one below it,
// other than to delete it.
func mentions(p *Pass, in *dockerfile.Instruction, at string) bool {
	acts, _ := p.recipe.actions(in)
	dir := p.recipe.last(in, "WORKDIR")
	return slices.ContainsFunc(acts, func(a action) bool {
		return a.verb == other && len(a.Words) > 1 && slices.ContainsFunc(a.Words[1:], func(w dockerfile.Word) bool {
			return strings.Contains(w.Value+"/", "/"+at+"/") || w.Literal && w.Value != "" && whittle.Under(whittle.Join(dir, w.Value), at)
		})
	})
}

// dropped takes the deletion of what is mounted out of a RUN, which could not
// delete a mount.
func dropped(p *Pass, k *dockerfile.Instruction, acts []action, c *copied, target string) ([]whittle.Edit, bool) {
	for _, a := range acts {
		if a.verb != deletes || a.Name() == "find" || a.Name() == "xargs" || !a.all {
			continue
		}
		for i, at := range a.paths {
			if at != target && at != c.dest || mountWorkedOn(acts, target, a.words[i], a.Span) {
				continue
			}
			var edits []whittle.Edit
			var err error
			switch {
			case len(acts) == 1 && len(a.paths) == 1:
				edits = p.Dockerfile.Remove(k)
			case len(a.paths) == 1:
				edits, err = k.RemoveCommand(a.Command)
			default:
				edits, err = k.RemoveWords(a.Command, a.words[i], a.words[i]+1)
			}
			return edits, err == nil
		}
	}
	return nil, false
}

// mountWorkedOn says that commands change what would be a mount, or may, but
// for one word of one of them.
func mountWorkedOn(acts []action, target string, word int, of whittle.Span) bool {
	return slices.ContainsFunc(acts, func(a action) bool {
		if a.verb == inert || a.verb == other {
			return false
		}
		for i, at := range a.paths {
			if overlaps(at, []string{target}) && (a.Span != of || a.words[i] != word) {
				return true
			}
		}
		return !a.all || a.verb == moves && overlaps(a.value, []string{target})
	})
}

// mountOf is the value of --mount for what a copy brings.
func mountOf(c *copied, target string) (string, bool) {
	source := path.Clean("/" + c.sources[0])
	from := ""
	if names := c.in.Flag("from"); len(names) > 0 {
		from = "from=" + names[0] + ","
	} else if source = strings.TrimPrefix(source, "/"); source == "" {
		source = "."
	}
	value := fmt.Sprintf("type=bind,%ssource=%s,target=/%s", from, source, target)
	return value, !strings.ContainsAny(source+target+from, `"'*?[ $\`) && strings.Count(value, ",") <= 3
}

// writes says that a RUN may write into a folder: it goes there, or builds a
// project that lies there.
func writes(p *Pass, in *dockerfile.Instruction, target string) bool {
	acts, ok := p.recipe.actions(in)
	if !ok {
		return true
	}
	return slices.ContainsFunc(acts, func(a action) bool {
		if a.verb != other {
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
