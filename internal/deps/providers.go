package deps

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/project"
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

// unidentified are the distributions that a unit declares, whose modules are not known
// and which no import is known to use.
func (h providers) unidentified() []string {
	var out []string
	for _, v := range h.u.chain() {
		for i := range v.declared.Dependencies {
			d := &v.declared.Dependencies[i]
			name := pep.Normalize(d.Name)
			if d.Kind == project.Runtime && name != "" && !h.t.uses.names[name] && python.ModulesOf(name) == nil && !slices.Contains(out, name) && !h.t.isUnit(name) && !stubs(name) {
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
			if d.Kind != project.Runtime && !h.t.takes(v, d) {
				continue
			}
			for _, extra := range d.Extras {
				name := pep.Normalize(extra)
				if slices.ContainsFunc(dists, func(dist string) bool {
					return dist == name || dist == pep.Normalize(d.Name)+"-"+name || len(name) > 3 && strings.HasPrefix(dist, name)
				}) {
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
