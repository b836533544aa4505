package restage

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
)

// leaves decides how the image's stage leaves the one that installs, which others build
// on.
type leaves struct{ *Plan }

// may says that the image's stage can leave the stage that installs, which another
// one builds on and installs in by an instruction: the stage that installs then keeps
// all that it has and installs into an environment, which is first on the PATH of both,
// and only the image's stage starts from the base.
func (r leaves) may(st *dockerfile.Stage, in *dockerfile.Instruction) bool {
	final := &r.File.Stages[r.Final.Index]
	if final.From == nil || *final.From != r.split.Index || slices.Contains(r.File.Ancestry(st), final.Index) || !onlyPlainPip(in) {
		return false
	}
	return pathIsFree(r.File, st, len(st.Instructions)) && !slices.ContainsFunc(r.File.Ancestry(st), func(i int) bool {
		return slices.ContainsFunc(r.File.Stages[i].Instructions, func(o dockerfile.Instruction) bool { return o.Keyword == "RUN" && installs(&o) && !onlyPlainPip(&o) })
	})
}

// pathIsFree says that an environment can come first on the PATH of the first
// instructions of a stage, and that pip then installs into it: nothing else sets the
// PATH, no variable sends pip elsewhere, and root runs it.
func pathIsFree(f *dockerfile.File, st *dockerfile.Stage, first int) bool {
	for _, i := range f.Ancestry(st) {
		n := len(f.Stages[i].Instructions)
		if i == st.Index {
			n = first
		}
		for j := range n {
			switch o := &f.Stages[i].Instructions[j]; o.Keyword {
			case "USER": // whose pip installs into a home where it may not write
				if len(o.Args) != 1 || !recipe.IsRoot(o.Args[0].Value) {
					return false
				}
			case "ENV":
				if SetsPath(o) || slices.ContainsFunc(Assignments(o), func(x Assignment) bool { return slices.Contains(elsewhereVariables, x.Name) }) {
					return false
				}
			case "ARG":
				if slices.ContainsFunc(o.Args, func(a dockerfile.Arg) bool {
					name, _, _ := strings.Cut(a.Value, "=")
					return name == "PATH" || slices.Contains(elsewhereVariables, name)
				}) {
					return false
				}
			}
		}
	}
	return true
}

// elsewhereOptions say where pip installs to.
var elsewhereOptions = []string{"--user", "--target", "-t", "--prefix", "--root", "--python", "--break-system-packages"}

// elsewhereVariables are these options as variables.
var elsewhereVariables = []string{"PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON", "PYTHONHOME"}

// onlyPlainPip says that the installers that a RUN starts are the pip of the PATH, which
// installs where its Python is.
func onlyPlainPip(in *dockerfile.Instruction) bool {
	script, err := in.Shell()
	if in.Keyword != "RUN" || err != nil || strings.Contains(in.Text(), "/site-packages") || strings.Contains(in.Text(), "/usr/local/") {
		return false
	}
	return !slices.ContainsFunc(script.Commands(), func(c dockerfile.Command) bool {
		words, _ := recipe.Values(c.Words)
		module := strings.HasPrefix(c.Name(), "python") && len(words) > 2 && words[1] == "-m"
		if !recipe.IsInstaller(c.Name()) && !(module && recipe.IsInstaller(words[2])) {
			return false
		}
		if module {
			words = words[2:]
		}
		return len(words) == 0 || words[0] != "pip" && words[0] != "pip3" || slices.ContainsFunc(words, func(w string) bool {
			name, _, _ := strings.Cut(w, "=")
			return slices.Contains(elsewhereOptions, name)
		})
	})
}

// check refuses what the stage that installs cannot do in an environment.
func (r leaves) check() error {
	for i := range r.plan {
		p := &r.plan[i]
		if p.Role != recipe.Installing {
			continue
		}
		if !onlyPlainPip(p.In) || p.final != "" {
			return fmt.Errorf("%s: %s is built on, and does more than to install with pip", r.At(p.In), r.File.StageName(r.split.Index))
		}
	}
	return nil
}

// text is the Dockerfile in which the image's stage leaves the one that installs.
func (r leaves) text() (string, error) {
	nl := r.lineEnd()
	var edits []whittle.Edit
	made := false
	for i := range r.plan {
		p := &r.plan[i]
		if p.Role != recipe.Installing {
			continue
		}
		if !made {
			made = true
			first := i // the environment is made before files are copied that change more often
			for first > 0 && (r.plan[first-1].In.Keyword == "COPY" || r.plan[first-1].In.Keyword == "ADD") {
				first--
			}
			in := r.plan[first].In
			_, rest := parted(r.above(in))
			at := in.Span.Start - len(rest)
			edits = append(edits, whittle.Edit{Span: whittle.Span{Start: at, End: at}, New: r.keyword("RUN") + r.python() + " -m venv " + r.venv + nl + r.path() + nl})
		}
		if p.builder != p.In.Text() {
			edits = append(edits, whittle.Edit{Span: p.In.Span, New: p.builder})
		}
	}
	if head := &r.split.Head; r.Full != "" && r.TakesSlim() {
		edits = append(edits, whittle.Edit{Span: head.Span, New: strings.Replace(head.Text(), r.split.Base, r.Full, 1)})
		slices.SortStableFunc(edits, func(a, b whittle.Edit) int { return a.Span.Start - b.Span.Start })
	}
	final := &r.File.Stages[r.Final.Index]
	from, err := r.head(final)
	if err != nil {
		return "", err
	}
	w := &page{nl: nl}
	w.b.WriteString(from)
	r.writeImage(w)
	edits = append(edits, whittle.Edit{Span: final.Head.Span, New: w.b.String()})
	out, err := whittle.Splice(r.File.Source, edits)
	return string(out), err
}

// head is the FROM line of the image's stage: the base of the stage that installs,
// with its own name.
func (r leaves) head(final *dockerfile.Stage) (string, error) {
	below, _, err := r.parts(r.split)
	if err != nil {
		return "", err
	}
	if r.TakesSlim() {
		below = strings.Replace(below, r.split.Base, r.Slim, 1)
	}
	_, name, err := r.parts(final)
	return below + name, err
}

// parts are a FROM line without the name of its stage, and the name with its keyword.
func (r *Plan) parts(st *dockerfile.Stage) (bare, name string, err error) {
	head := st.Head.Text()
	if len(st.Head.Comments) > 0 || strings.Contains(head, "\n") {
		return "", "", fmt.Errorf("%s: FROM has more than one line", r.At(&st.Head))
	}
	words := strings.Fields(head)
	as := slices.IndexFunc(words, func(w string) bool { return strings.EqualFold(w, "AS") })
	if as < 0 {
		return head, "", nil
	}
	at := strings.LastIndex(head, " "+words[as]+" ")
	return strings.TrimSpace(head[:at]), head[at:], nil
}

// path is the line that puts the environment first on the PATH.
func (r *Plan) path() string {
	return fmt.Sprintf("%sPATH=%q", r.keyword("ENV"), path.Join(r.venv, "bin")+":$PATH")
}
