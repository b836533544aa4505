package analysis

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
)

// Archive is a file that an instruction downloads to unpack or to install it,
// and that nothing else uses.
type Archive struct {
	// Item is its content in the layer of the instruction that fetches it.
	Item int
	By   *dockerfile.Instruction
	// Users are the RUNs that unpack it, in their order.
	Users []*dockerfile.Instruction
	// Fetch is the command that fetches it; it has no words if ADD does.
	Fetch recipe.Fetch
}

// Archives are the downloaded archives of the image, by layer.
func (p *Pass) Archives() []Archive {
	if p.archives == nil {
		p.archives = []Archive{}
		for _, in := range p.Recipe.Chain() {
			if layer := p.Recipe.LayerOf(in); layer >= 0 && p.Ledger != nil {
				p.archives = append(p.archives, p.archivesOf(in, layer)...)
			}
		}
	}
	return p.archives
}

// UnpackedLater says that an item is an archive that another RUN unpacks than the
// instruction that fetches it.
func (p *Pass) UnpackedLater(item int) bool {
	return slices.ContainsFunc(p.Archives(), func(a Archive) bool { return a.Item == item && !slices.Contains(a.Users, a.By) })
}

// Commands are the commands of a RUN with the folders in which they run; see
// [recipe.Locate].
func (p *Pass) Commands(in *dockerfile.Instruction) (commands []recipe.Located, ok bool) {
	c, known := p.commands[in]
	if !known {
		c.list, c.ok = recipe.Locate(in, p.Dir(in))
		if p.commands == nil {
			p.commands = map[*dockerfile.Instruction]cachedCommands{}
		}
		p.commands[in] = c
	}
	return c.list, c.ok
}

// cachedCommands is a result of Commands.
type cachedCommands struct {
	list []recipe.Located
	ok   bool
}

// Dir is the folder in which a RUN starts; empty if that is not known.
func (p *Pass) Dir(in *dockerfile.Instruction) string {
	if dir := p.Recipe.Last(in, "WORKDIR"); dir != "" {
		return dir
	}
	if p.Config == nil || slices.ContainsFunc(p.Recipe.Chain(), func(o *dockerfile.Instruction) bool { return o.Keyword == "WORKDIR" }) {
		return ""
	}
	if p.IsStatic() && !slices.Contains(atRoot, p.StaticBase().Name) {
		return "" // the base's own
	}
	return path.Join("/", p.Config.Config.WorkingDir)
}

func (p *Pass) archivesOf(in *dockerfile.Instruction, layer int) (out []Archive) {
	var fetches []recipe.Fetch
	switch in.Keyword {
	case "RUN":
		commands, _ := p.Commands(in)
		fetches = recipe.Fetches(commands)
	case "ADD":
		fetches = p.added(in)
	}
	if len(fetches) == 0 {
		return nil
	}
	found := map[int][]int{} // items by the fetch that may have brought them
	for i := range p.Ledger.Items {
		it := &p.Ledger.Items[i]
		if it.Layer != layer || it.Bytes == 0 || it.Cause != whittle.Visible && it.Cause != whittle.Deleted || it.HiddenBy == layer || !maybeArchive(it.Path) {
			continue
		}
		n := slices.IndexFunc(fetches, func(f recipe.Fetch) bool {
			ok, _ := path.Match(f.Pattern, it.Path)
			return ok
		})
		if n >= 0 {
			found[n] = append(found[n], i)
		}
	}
	for n, f := range fetches {
		if len(found[n]) != 1 {
			continue // none, or nobody can say which
		}
		if users, ok := p.unpacking(in, p.Ledger.Items[found[n][0]].Path); ok && len(users) > 0 {
			out = append(out, Archive{Item: found[n][0], By: in, Users: users, Fetch: f})
		}
	}
	return out
}

// added are the files that an ADD downloads.
func (p *Pass) added(in *dockerfile.Instruction) (out []recipe.Fetch) {
	if len(in.Args) < 2 {
		return nil
	}
	dest := in.Args[len(in.Args)-1].Value
	for _, a := range in.Args[:len(in.Args)-1] {
		if !strings.Contains(a.Value, "://") {
			continue
		}
		to, _, _ := recipe.Pattern(dockerfile.Word{Text: dest})
		if strings.HasSuffix(dest, "/") {
			name, _, _ := recipe.Pattern(dockerfile.Word{Text: path.Base(a.Value)})
			to = path.Join(to, name)
		}
		out = append(out, recipe.Fetch{Pattern: whittle.Join(p.Dir(in), to)})
	}
	return out
}

// archiveExtensions are the endings of the names of archives, packages and
// installers.
var archiveExtensions = []string{".tar", ".gz", ".tgz", ".bz2", ".tbz", ".tbz2", ".xz", ".txz", ".zst", ".zip", ".7z", ".rar", ".deb", ".rpm", ".apk", ".whl", ".run", ".sh", ".bin", ".py"}

func maybeArchive(at string) bool { return slices.Contains(archiveExtensions, path.Ext(at)) }

// unpacking are the RUNs that unpack a file, from the instruction that fetches
// it on. ok is false if something else may use it.
func (p *Pass) unpacking(by *dockerfile.Instruction, at string) (users []*dockerfile.Instruction, ok bool) {
	if p.Texts().Without(p.Dockerfile.Name).Name(path.Base(at)) {
		return nil, false
	}
	for i := range p.Dockerfile.Stages {
		chain := p.Recipe.ChainOf(&p.Dockerfile.Stages[i])
		start := slices.Index(chain, by)
		if start < 0 {
			continue
		}
		for _, in := range chain[start:] {
			switch in.Keyword {
			case "RUN":
				unpacks, ok := p.usesArchive(in, at)
				if !ok {
					return nil, false
				}
				if unpacks && !slices.Contains(users, in) {
					users = append(users, in)
				}
			case "CMD", "ENTRYPOINT", "HEALTHCHECK", "ONBUILD", "VOLUME":
				if LineWith([]byte(in.Text()), path.Base(at)) > 0 {
					return nil, false
				}
			}
		}
	}
	return users, true
}

// usesArchive says that a RUN unpacks a file; ok is false if it may do something
// else with it than to look at it or to delete it.
func (p *Pass) usesArchive(in *dockerfile.Instruction, at string) (unpacks, ok bool) {
	commands, ok := p.Commands(in)
	if !ok {
		return false, false
	}
	for _, c := range commands {
		for i, w := range c.Words {
			pattern, _, vague := recipe.Pattern(w)
			where, known := c.Path(w)
			if !known {
				where = path.Join(path.Dir(at), path.Base(pattern)) // it may be
			}
			match, _ := path.Match(where, at)
			vague = vague || where != at && path.Ext(pattern) != path.Ext(at) // "cd tool-$V", a folder
			switch {
			case match && (c.Unpacks() || i == c.Program):
				unpacks = true
			case match && vague, c.LooksAt():
			case match, strings.Contains(w.Text, path.Base(at)):
				return false, false
			}
		}
	}
	return unpacks, true
}
