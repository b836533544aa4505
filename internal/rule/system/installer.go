package system

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// CopiedInstaller is the rule copied-installer: COPY brings an installer, which only
// RUN steps use, or nothing at all.
func CopiedInstaller() analysis.Rule {
	return analysis.Rule{
		ID:    "copied-installer",
		Title: "COPY brings an installer that the image does not start",
		Text: `uv and its kin are copied from their own image, and stay in the image that runs: uv and uvx take more than 50 MB. If only RUN steps use
the program, mount it into them instead, as uv's documentation shows; if nothing in the stage uses it, delete the COPY. There is no finding
if the image starts the program (uv run). If only scripts call it that people start, the risk is medium.`,
		Before: "COPY --from=ghcr.io/astral-sh/uv:0.9 /uv /bin/uv\nRUN uv sync --locked --no-dev\n",
		After:  "RUN --mount=type=bind,from=ghcr.io/astral-sh/uv:0.9,source=/uv,target=/bin/uv uv sync --locked --no-dev\n",
		Run:    copiedInstallers,
		Static: staticInstallers,
	}
}

// installers are programs that are copied as single files and only install or
// generate something. Other programs may be called by a library.
var installers = wordSet(`uv uvx pixi rye micromamba composer buf protoc cargo-binstall`)

// installerCopy is a COPY that brings installers, and the RUNs of its stage that use
// them.
type installerCopy struct {
	recipe.Copy
	items []int
	// programs are the paths of the installers in the image.
	programs []string
	users    []*dockerfile.Instruction
	// certain says that the users are all: every RUN can be read.
	certain bool
	// people says that scripts start them which only people start.
	people bool
}

func copiedInstallers(p *analysis.Pass) []whittle.Finding {
	if p.Dockerfile == nil || p.Ledger == nil {
		return nil
	}
	st, err := p.Dockerfile.Target(p.Target)
	if err != nil {
		return nil
	}
	var out []whittle.Finding
	for i := range st.Instructions {
		in := &st.Instructions[i]
		if in.Keyword != "COPY" || p.Recipe.LayerOf(in) < 0 {
			continue
		}
		if k, ok := installersOf(p, in); ok {
			out = append(out, k.finding(p))
		}
	}
	return out
}

// installersOf says what a COPY from another image or stage brings, if that is
// installers only, which the image does not start.
func installersOf(p *analysis.Pass, in *dockerfile.Instruction) (k installerCopy, ok bool) {
	layer := p.Recipe.LayerOf(in)
	if k.Copy, ok = p.Recipe.LayerCopy(layer); !ok || k.FromContext() {
		return k, false
	}
	started, named := p.StartPrograms(), false
	if slices.ContainsFunc(slices.Sorted(maps.Keys(installers)), func(name string) bool { return started[name] }) {
		named, started = true, p.StartedPrograms()
	}
	for at, e := range p.Layers.Entries(layer) {
		switch {
		case e.Kind == whittle.Dir:
		case e.Kind != whittle.File || e.Mode&0o111 == 0 || !installers[path.Base(at)] || started[path.Base(at)]:
			return k, false
		default:
			k.programs = append(k.programs, at)
		}
	}
	slices.Sort(k.programs)
	k.people = named && slices.ContainsFunc(k.programs, func(at string) bool { return p.StartPrograms()[path.Base(at)] })
	for i := range p.Ledger.Items {
		if it := &p.Ledger.Items[i]; it.Layer == layer && it.Bytes > 0 && it.Cause == whittle.Visible {
			k.items = append(k.items, i)
		}
	}
	_, k.certain = p.AllTexts()
	k.findUsers(p, in)
	return k, p.Layers.Bytes(k.items) >= analysis.MinBytes
}

// findUsers notes the instructions behind the COPY that use the programs, in its
// stage. A stage that is based on it, and a trigger, may use them too.
func (k *installerCopy) findUsers(p *analysis.Pass, in *dockerfile.Instruction) {
	for i := range p.Dockerfile.Stages {
		st := &p.Dockerfile.Stages[i]
		if i != in.Stage {
			k.certain = k.certain && !slices.Contains(p.Recipe.ChainOf(st), in)
			continue
		}
		for j := range st.Instructions {
			later := &st.Instructions[j]
			if later.Line <= in.Line || later.Keyword != "RUN" && later.Keyword != "ONBUILD" {
				continue
			}
			switch uses, certain := k.usedBy(later); {
			case !certain || later.Keyword == "ONBUILD":
				k.certain = false
			case uses:
				k.users = append(k.users, later)
			}
		}
	}
}

// usedBy says whether a RUN uses one of the programs; certain is false if it runs
// something that may.
func (k *installerCopy) usedBy(in *dockerfile.Instruction) (uses, certain bool) {
	commands, ok := recipe.RunCommands(in)
	if !ok {
		return false, false
	}
	certain = true
	for _, c := range commands {
		mine := slices.ContainsFunc(c.Words, func(w dockerfile.Word) bool { return k.brings(path.Base(w.Value)) })
		uses = uses || mine
		certain = certain && (mine || !runsScript(c))
	}
	return uses, certain
}

// brings says that the COPY brings a program with a name.
func (k *installerCopy) brings(name string) bool {
	return slices.ContainsFunc(k.programs, func(at string) bool { return path.Base(at) == name })
}

func (k *installerCopy) finding(p *analysis.Pass) whittle.Finding {
	var names []string
	for _, at := range k.programs {
		names = append(names, path.Base(at))
	}
	layer := p.Recipe.LayerOf(k.Instruction)
	f := whittle.Finding{
		Message:  fmt.Sprintf("%s brings %s, %s, which the image does not start", p.Recipe.LayerName(layer), analysis.List(names), whittle.Bytes(p.Layers.Bytes(k.items))),
		Evidence: p.Recipe.WithLine(p.Layers.Places(k.items), layer), Change: p.Layers.Removal(k.items), Risk: whittle.RiskLow,
		Caution:     "people who use it in the running container do without it",
		Advice:      "mount it into the RUN that uses it (RUN --mount=type=bind) instead of copying it",
		Fingerprint: whittle.Fingerprint("copied-installer", append([]string{p.Recipe.LayerText(layer)}, names...)...),
	}
	if k.people {
		f.Risk = whittle.RiskMedium
		f.Message = strings.Replace(f.Message, "which the image does not start", "which only scripts start that people start by hand", 1)
		for _, s := range p.Unstarted() {
			for _, name := range names {
				if line := s.Line(name); line > 0 {
					f.Evidence = append(f.Evidence, whittle.Evidence{Layer: -1, File: s.File(), Line: line, What: "names " + name + ", and nothing starts it"})
					break
				}
			}
		}
	}
	if len(k.users) == 0 && k.certain {
		f.Advice = "delete the COPY: nothing in this stage uses it"
	}
	if edits, ok := k.edits(p); ok && k.certain {
		title := "delete the COPY of " + analysis.List(names)
		if len(k.users) > 0 {
			title = fmt.Sprintf("mount %s into %s instead of copying it", analysis.List(names), analysis.Count(len(k.users), "RUN"))
			f.Caution += "; a mount needs BuildKit"
		}
		if fix, ok := p.Recipe.Fix(title, edits); ok {
			f.Fix = fix
		}
	}
	return f
}

// edits remove the COPY and mount each program into the RUNs that name it.
func (k *installerCopy) edits(p *analysis.Pass) (edits []whittle.Edit, ok bool) {
	if in := k.Instruction; len(k.users) > 0 && (len(in.Flag("chown")) > 0 || len(in.Flag("chmod")) > 0) {
		return nil, false
	}
	for _, in := range k.users {
		var values []string
		for _, at := range k.programs {
			if !k.names(in, path.Base(at)) {
				continue
			}
			value, ok := k.mount(at)
			if !ok {
				return nil, false
			}
			values = append(values, value)
		}
		if len(values) != 1 {
			return nil, false // two flags at one place are two edits of it
		}
		flag, err := in.AddFlag("mount", values[0])
		if err != nil {
			return nil, false
		}
		edits = append(edits, flag...)
	}
	edits = append(edits, p.Dockerfile.Remove(k.Instruction)...)
	slices.SortStableFunc(edits, func(a, b whittle.Edit) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
	return edits, true
}

// names says that a command of a RUN has a program's name among its words.
func (k *installerCopy) names(in *dockerfile.Instruction, name string) bool {
	commands, _ := recipe.RunCommands(in)
	return slices.ContainsFunc(commands, func(c recipe.RunCommand) bool {
		return slices.ContainsFunc(c.Words, func(w dockerfile.Word) bool { return path.Base(w.Value) == name })
	})
}

// mount is the value of --mount that gives a RUN the program at its path.
func (k *installerCopy) mount(at string) (string, bool) {
	from := k.Instruction.Flag("from")
	i := slices.IndexFunc(k.Sources, func(s string) bool { return path.Base(s) == path.Base(at) })
	if i < 0 || len(from) != 1 {
		return "", false
	}
	value := fmt.Sprintf("type=bind,from=%s,source=%s,target=/%s", from[0], path.Clean("/"+k.Sources[i]), at)
	return value, !strings.ContainsAny(value, `"'*?[ $\`)
}
