package distribution

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/edit"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/rule/analysis"
)

// UnusedExtra is the rule unused-extra: extras of requirements whose distributions
// nothing uses.
func UnusedExtra() analysis.Rule {
	return analysis.Rule{
		ID:    "unused-extra",
		Title: "Extras of requirements that nothing uses",
		Text: `A requirement with an extra (uvicorn[standard]) also installs what that extra requires, by the metadata of the installed distribution. If
nothing that the image starts imports any of it, and no text of the application names it, the extra can be left out. If a part of it is used,
that part is required instead of the extra. Libraries load some distributions by themselves if they are installed: drivers, brokers and
cache backends keep their extra; what only makes a library faster (uvloop, hiredis), or serves a feature whose names are nowhere in the
application (python-multipart without forms), is reported with a medium risk.`,
		Before: "dependencies = [\"uvicorn[standard]>=0.30\"]\n",
		After:  "dependencies = [\"uvicorn>=0.30\"]\n",
		Run:    findUnusedExtras,
	}
}

// features are distributions that a library loads by itself for one purpose: the
// words of an application that needs it, and what is different without it. Those
// without words only make something faster.
var features = map[string]struct {
	words *regexp.Regexp
	lost  string
}{
	"uvloop":            {nil, "the event loop is slower"},
	"httptools":         {nil, "HTTP is parsed more slowly"},
	"hiredis":           {nil, "answers of Redis are parsed more slowly"},
	"websockets":        {regexp.MustCompile(`(?i)websocket|socketio|/ws\b`), "uvicorn serves no WebSockets"},
	"wsproto":           {regexp.MustCompile(`(?i)websocket|socketio|/ws\b`), "uvicorn serves no WebSockets"},
	"watchfiles":        {regexp.MustCompile(`\breload|watchfiles`), "--reload looks at files more slowly"},
	"python-dotenv":     {regexp.MustCompile(`(?i)dotenv|env[_-]file|\.env\b`), "no .env file is read"},
	"pyyaml":            {regexp.MustCompile(`(?i)\byaml|\.ya?ml`), "no logging configuration in YAML is read"},
	"colorama":          {regexp.MustCompile(`colorama`), "Windows has no colours"},
	"python-multipart":  {regexp.MustCompile(`\b(Form|File|UploadFile|OAuth2PasswordRequestForm)\b|\.form\(|multipart`), "no form is parsed"},
	"email-validator":   {regexp.MustCompile(`\b(EmailStr|NameEmail|validate_email)\b|email_validator`), "no e-mail address is validated"},
	"jinja2":            {regexp.MustCompile(`Jinja2Templates|jinja2|render_template`), "no template is rendered"},
	"itsdangerous":      {regexp.MustCompile(`SessionMiddleware|itsdangerous`), "no session is signed"},
	"httpx":             {regexp.MustCompile(`httpx|TestClient`), "there is no test client"},
	"orjson":            {regexp.MustCompile(`(?i)orjson`), "there is no ORJSONResponse"},
	"ujson":             {regexp.MustCompile(`(?i)ujson`), "there is no UJSONResponse"},
	"pydantic-settings": {regexp.MustCompile(`BaseSettings|pydantic_settings`), "there are no settings"},
}

// extraUse is an extra of a requirement, and what of it is used.
type extraUse struct {
	dep   *manifest.Dependency
	dist  int
	extra string
	// keep are the requirements of the extra that are needed, freed what is not
	// needed without the others.
	keep  []pep.Requirement
	freed []int
	// lost says what libraries do not do any more.
	lost []string
}

func findUnusedExtras(p *analysis.Pass) []whittle.Finding {
	if p.Graph == nil || p.Declared == nil || len(p.Usage) == 0 || !usageKnown(p) {
		return nil
	}
	d := developers{p: p, roots: p.Dists.Requested(), used: map[int]bool{}}
	var ok, all bool
	d.imports, ok = p.Project.Imports()
	if d.said, all = p.AllTexts(); !ok || !all {
		return nil
	}
	sources := installSources(p)
	var out []whittle.Finding
	for _, dep := range p.Dists.Declared() {
		i, ok := p.Graph.Find(dep.Name)
		if !ok || len(dep.Extras) == 0 || isForDevelopment(dep) || !installsPlace(p, sources, dep) || pep.Normalize(dep.Name) == pep.Normalize(p.Declared.Name) {
			continue
		}
		for _, extra := range dep.Extras {
			u := extraUse{dep: dep, dist: i, extra: extra}
			if !d.needsExtra(&u) {
				if f, ok := d.unusedExtra(&u); ok {
					out = append(out, f)
				}
			}
		}
	}
	return out
}

// needsExtra finds what of an extra is needed. It is true if the extra has to stay.
func (d *developers) needsExtra(u *extraUse) bool {
	g := d.p.Graph
	own := func(i int) bool { return i < 0 || d.p.Dists.IsApplication(&g.Distributions[i]) }
	n := 0
	for _, dep := range d.p.Dists.Declared() {
		if pep.Normalize(dep.Name) == pep.Normalize(u.dep.Name) && slices.Contains(dep.Extras, u.extra) && dep.File == u.dep.File {
			n++ // several lines with markers
		}
	}
	if n != 1 || slices.ContainsFunc(g.Edges, func(e python.Edge) bool {
		return e.To == u.dist && !own(e.From) && slices.Contains(e.Requirement.Extras, u.extra)
	}) {
		return true
	}
	var direct []int
	for k := range g.Edges {
		if e := &g.Edges[k]; e.From == u.dist && e.Extra == u.extra && e.To >= 0 {
			direct = append(direct, k)
		}
	}
	roots := slices.DeleteFunc(slices.Clone(d.roots), func(r int) bool { return r < 0 })
	without := func(gone []int) []int {
		before := g.Needed(roots)
		after := g.NeededBy(roots, func(e int) bool { return !slices.Contains(gone, e) })
		var freed []int
		for i := range before {
			if before[i] && !after[i] {
				freed = append(freed, i)
			}
		}
		return freed
	}
	gone := slices.Clone(direct)
	for {
		u.freed = without(gone)
		k := slices.IndexFunc(gone, func(e int) bool {
			needed := g.Needed([]int{g.Edges[e].To})
			return slices.ContainsFunc(u.freed, func(i int) bool { return needed[i] && d.keeps(i) })
		})
		if k < 0 {
			break
		}
		u.keep = append(u.keep, g.Edges[gone[k]].Requirement)
		gone = slices.Delete(gone, k, k+1)
	}
	for _, i := range u.freed {
		if d.p.Dists.Usage(i) > analysis.Unused {
			if lost := features[g.Distributions[i].Name].lost; lost != "" && !slices.Contains(u.lost, lost) {
				u.lost = append(u.lost, lost)
			}
		}
	}
	slices.SortFunc(u.keep, func(a, b pep.Requirement) int { return cmp.Compare(a.Name, b.Name) })
	slices.Sort(u.lost)
	return len(gone) == 0 || len(u.freed) == 0
}

// keeps says that something may use a distribution that an extra brings.
func (d *developers) keeps(i int) bool {
	dist := &d.p.Graph.Distributions[i]
	how := d.p.Dists.Usage(i)
	f, known := features[dist.Name]
	switch {
	case !known:
		return how > analysis.Unused || d.isUsed(i)
	case how == analysis.Eager || slices.ContainsFunc(dist.ImportNames(), func(m string) bool { return d.imports[m] }):
		return true
	}
	if _, named := d.said.Naming(dist); named || f.words == nil {
		return named
	}
	return how == analysis.Lazy || d.says(f.words)
}

// says says that a Python file of the application, or another text of it, has one of
// the words.
func (d *developers) says(words *regexp.Regexp) bool {
	if d.said.Match(words) {
		return true
	}
	own := d.p.Dists.ApplicationFiles()
	dir := whittle.Join("", d.p.Config.Config.WorkingDir)
	for _, at := range d.p.Root.Paths() {
		if !strings.HasSuffix(at, ".py") || !own[at] && (dir == "" || !whittle.Under(at, dir) || strings.Contains(at, "/site-packages/")) || python.ForTests(at) {
			continue
		}
		if text, err := d.p.Root.ReadFile(at, 4<<20); err != nil || words.Match(text) {
			return true
		}
	}
	return d.p.Project.MatchSource(words)
}

// unusedExtra reports an extra.
func (d *developers) unusedExtra(u *extraUse) (f whittle.Finding, ok bool) {
	p := d.p
	items := p.Dists.Contents(u.freed)
	if p.Layers.Bytes(items) < analysis.MinBytes {
		return f, false
	}
	name := fmt.Sprintf("%s[%s]", u.dep.Name, u.extra)
	f = whittle.Finding{
		Evidence: append(p.Dists.ByDistribution(items), whittle.Evidence{Layer: -1, File: u.dep.File, Line: u.dep.Line, What: u.dep.Text}),
		Change:   p.Layers.Removal(items), Risk: whittle.RiskLow, Fingerprint: whittle.Fingerprint("unused-extra", name),
		Message: fmt.Sprintf("nothing needs %s, which the extra of %s brings: %s in %s", analysis.List(p.Dists.Names(u.freed)), name,
			whittle.Bytes(p.Layers.Bytes(items)), analysis.Count(len(u.freed), "distribution")),
		Caution: "a name that only data or the environment gives (a driver, an engine) shows in no file",
	}
	if why, found := makesNames(p); found {
		f.Risk, f.Caution = whittle.RiskMedium, why
	}
	if len(u.lost) > 0 {
		f.Risk, f.Caution = whittle.RiskMedium, "without them "+strings.Join(u.lost, "; ")
	}
	plain := withoutExtra(u.dep.Text, u.extra)
	more := make([]string, len(u.keep))
	for i, r := range u.keep {
		more[i] = requirementText(&r)
	}
	f.Advice = "require " + analysis.List(append([]string{plain}, more...)) + " instead of " + u.dep.Text
	if len(more) <= 3 {
		if patches, ok := d.replaceRequirement(u.dep, plain, more); ok {
			f.Fix = projectFix(p, "leave out the extra "+u.extra+" of "+u.dep.Name, patches)
		}
	}
	afterRelease(p, &f)
	return f, true
}

// withoutExtra is a requirement without one of its extras.
func withoutExtra(text, extra string) string {
	before, rest, _ := strings.Cut(text, "[")
	list, after, _ := strings.Cut(rest, "]")
	kept := slices.DeleteFunc(strings.Split(list, ","), func(e string) bool { return pep.Normalize(strings.TrimSpace(e)) == extra })
	if len(kept) == 0 {
		return strings.TrimSpace(before + after)
	}
	return before + "[" + strings.Join(kept, ",") + "]" + after
}

// requirementText writes a requirement without its marker.
func requirementText(r *pep.Requirement) string {
	text := r.Name
	if len(r.Extras) > 0 {
		text += "[" + strings.Join(r.Extras, ",") + "]"
	}
	return text + r.Specifiers.String()
}

// replaceRequirement puts a requirement in the place of a declared one, and adds
// others to its list.
func (d *developers) replaceRequirement(dep *manifest.Dependency, with string, more []string) (patches []whittle.Patch, ok bool) {
	for _, file := range d.p.Project.Written(dep.File) {
		var changes []analysis.Change
		src := d.p.Project.File(file)
		switch ext := path.Ext(file); {
		case path.Base(file) == "pyproject.toml":
			list, found := listOf(src, dep)
			if !found {
				continue
			}
			changes = append(changes, func(src []byte) ([]whittle.Edit, error) { return edit.ReplaceRequirement(src, list, dep.Name, with) })
			for _, text := range more {
				changes = append(changes, func(src []byte) ([]whittle.Edit, error) { return edit.AddRequirement(src, list, text) })
			}
		case ext == ".txt" || ext == ".in":
			if file != dep.File {
				// A compiled file has other words than its source.
				with = withoutExtra(lineOf(src, dep), dep.Extras[0])
			}
			changes = append(changes, func(src []byte) ([]whittle.Edit, error) { return edit.ReplaceLine(src, dep.Name, with) })
			for _, text := range more {
				changes = append(changes, func(src []byte) ([]whittle.Edit, error) { return edit.AddLine(src, text) })
			}
		default:
			continue
		}
		patch, err := d.p.Project.Patch(file, changes)
		return []whittle.Patch{patch}, err == nil
	}
	return nil, false
}
