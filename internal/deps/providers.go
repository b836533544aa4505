package deps

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/source"
)

// generated are the modules that compilers of interfaces write at build.
var generated = regexp.MustCompile(`_pb2(_grpc)?$`)

// maxProviders bounds how many distributions the package index is asked about.
const maxProviders = 8

// providers finds which of the distributions that a unit declares has a module
// that none is known to have.
type providers struct {
	t *tree
	u *unit
}

// providedBy says that a declared distribution has a module although the best known
// one is another: py-cord has discord. It can only be one whose modules are not
// known, and that no import is known to use. Where the index does not say, the
// severity becomes "info" and the verdict unknown.
func (h providers) providedBy(p *whittle.Problem, a *closure, n *python.Named, way route, at string) bool {
	t := h.t
	if n.Distribution == "" || way.level == guarded {
		return false
	}
	held := ""
	for i, name := range h.unidentified() {
		has := source.Maybe
		if t.options.Ships != nil && i < maxProviders {
			has = h.u.names.Ships(name, source.Top(n.Module))
		}
		switch has {
		case source.Yes:
			t.provided[name] = true
			return true
		case source.Maybe:
			t.provided[name] = true
			held = name
		}
	}
	if held == "" || !a.known {
		return false
	}
	p.Severity = atLevel(way.level, whittle.SeverityInfo, "", "")
	p.Message = fmt.Sprintf("%s; perhaps %s has it, which is declared, or %s, which is not", at, held, n.Distribution)
	p.Fix, p.Distribution = unknownName, ""
	if way.level == atStart {
		t.doubt("whether %s has %s", held, source.Top(n.Module))
	}
	return true
}

// declared is about what is declared for what runs: whether it has the module,
// and whether it does everywhere.
func (h providers) declared(s *declarations, n *python.Named, file string, imp *source.Import, way route) {
	if s.runs == nil {
		return
	}
	if way.level == atStart && s.notOnLinux {
		h.t.doubt("on which platform it is to run: %s:%d imports %s, and %s is declared for others than Linux alone", file, imp.Line, n.Module, s.runs.Name)
	}
	if slices.Contains(n.Perhaps, pep.Normalize(s.runs.Name)) {
		h.perhaps(s, n, way)
	}
}

// perhaps is about a declaration of a distribution whose modules are not known
// and whose name is like that of a module, or of the distribution that has it. It
// may be one that has no modules and requires what does: then that comes along.
func (h providers) perhaps(s *declarations, n *python.Named, way route) {
	has := source.Maybe
	if h.u.names.Ships != nil {
		has = h.u.names.Ships(pep.Normalize(s.runs.Name), n.Module)
	}
	if has == source.No {
		a := h.t.closureOf(h.u)
		resolve(h.t, h.u, a)
		n.Distribution = cmp.Or(n.Distribution, pep.Normalize(source.Top(n.Module)))
		if along, _ := a.has([]string{n.Distribution}); along && h.u.names.Ships(n.Distribution, n.Module) != source.No {
			s.runs, s.transitive = nil, true
			return
		}
	}
	if way.level == atStart && (has == source.No || has == source.Maybe && !n.NamedFor(s.runs.Name)) {
		h.t.doubt("whether %s has %s", s.runs.Name, source.Top(n.Module))
	}
}

// indexKnows says that the package index knows a declared distribution to have
// a module that none is known to have.
func (h providers) indexKnows(n *python.Named) bool {
	if h.t.options.Ships == nil || len(n.Candidates) > 0 {
		return false
	}
	for i, name := range h.unidentified() {
		if i < maxProviders && h.u.names.Ships(name, n.Module) == source.Yes {
			h.t.provided[name] = true
			return true
		}
	}
	return false
}

// isMade says that a module that no distribution is known to have is one that
// the build makes, or that is in a submodule that is not checked out.
func isMade(t *tree, imp *source.Import, n *python.Named, way route) bool {
	if generated.MatchString(source.Top(n.Module)) || len(imp.Names) > 0 && !slices.ContainsFunc(imp.Names, func(name string) bool { return !generated.MatchString(name) }) || t.made.makes(n.Module) {
		return true
	}
	dir, ok := t.made.inSubmodule(n.Module, t.folder)
	if ok && way.level == atStart {
		t.doubt("what is in %s, a submodule of git that is not checked out", dir)
	}
	return ok
}

// unidentified are the distributions that a unit declares, whose modules are not known
// and which no import is known to use.
func (h providers) unidentified() []string {
	var out []string
	for _, v := range h.u.chain() {
		for i := range v.declared.Dependencies {
			d := &v.declared.Dependencies[i]
			name := pep.Normalize(d.Name)
			if d.Kind == manifest.Runtime && name != "" && !h.t.uses.names[name] && python.ModulesOf(name) == nil && !slices.Contains(out, name) && !h.t.isUnit(name) && !stubs(name) {
				out = append(out, name)
			}
		}
	}
	return out
}

func stubs(name string) bool {
	return strings.HasPrefix(name, "types-") || strings.HasSuffix(name, "-stubs")
}

// askedFor says that a dependency is declared with an extra that is named as
// one of some distributions: psycopg[pool] asks for psycopg-pool.
func (h providers) askedFor(dists []string) bool {
	for _, v := range h.u.chain() {
		for i := range v.declared.Dependencies {
			d := &v.declared.Dependencies[i]
			if d.Kind != manifest.Runtime && !h.t.takes(v, d) {
				continue
			}
			for _, extra := range d.Extras {
				name := pep.Normalize(extra)
				if slices.ContainsFunc(dists, func(dist string) bool {
					return dist == name || dist == pep.Normalize(d.Name)+"-"+name || len(name) > 3 && strings.HasPrefix(dist, name)
				}) {
					h.t.provided[pep.Normalize(d.Name)] = true
					return true
				}
			}
		}
	}
	return false
}

// platform is what runs the project's code and has distributions installed.
type platform struct{ lambda bool }

// lambdaBrings are the distributions that the Python runtimes of AWS Lambda
// have besides the standard library.
// https://docs.aws.amazon.com/lambda/latest/dg/python-package.html
var lambdaBrings = []string{"boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3"}

var (
	lambdaFile = regexp.MustCompile(`(?i)^(template\.(ya?ml|json)|serverless\.ya?ml|samconfig\.(toml|ya?ml)|cdk\.json|zappa_settings\.(json|toml|ya?ml))$`)
	lambdaText = regexp.MustCompile(`AWS::(Serverless|Lambda)|\b(provider|functions|service)\s*:|\[default|"app"\s*:|aws_region|s3_bucket`)
)

// take looks whether a file says that the code runs in AWS Lambda.
func (p *platform) take(name string, read func() ([]byte, error)) {
	if p.lambda || !lambdaFile.MatchString(name) {
		return
	}
	b, err := read()
	p.lambda = err == nil && lambdaText.Match(b)
}

// takeSource looks whether a module has the handler that Lambda's console makes.
func (p *platform) takeSource(src *source.Facts) {
	if _, ok := slices.BinarySearch(src.Names, "lambda_handler"); ok {
		p.lambda = true
	}
}

func (p *platform) has(dists []string) bool {
	return p.lambda && slices.ContainsFunc(dists, func(d string) bool { return slices.Contains(lambdaBrings, d) })
}
