package system

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// UnusedLocales is the rule unused-locales: locales are installed that nothing
// asks for.
func UnusedLocales() analysis.Rule {
	return analysis.Rule{
		ID:    "unused-locales",
		Title: "Locales are installed that nothing asks for",
		Text: `locales-all (230 MB) and glibc-all-langpacks have the locales of all languages; a program uses the one that LANG and LC_ALL name. C.UTF-8 is in
every image without a package. If LANG names another one, the package locales can generate that one alone: localedef -i de_DE -f UTF-8
de_DE.UTF-8. The package locales only generates locales: if no command does so, it is not needed. There is a fix where neither a variable nor an
instruction nor a file of the project names a locale.`,
		Before: "RUN apt-get update && apt-get install -y --no-install-recommends locales-all\nENV LANG=C.UTF-8\n",
		After:  "ENV LANG=C.UTF-8\n",
		Run:    unusedLocales,
	}
}

// allLocales are packages with the locales of all languages.
var allLocales = wordSet("locales-all glibc-all-langpacks")

// localeName matches the name of a locale other than C and POSIX.
var localeName = regexp.MustCompile(`\b[a-z]{2,3}_[A-Z]{2}\b`)

func unusedLocales(p *analysis.Pass) []whittle.Finding {
	s := p.Layers.Packages()
	var out []whittle.Finding
	for in, layer := range p.Recipe.Runs() {
		a := askedIn(s, in, layer)
		for _, n := range sortedKeys(a) {
			if f, ok := localesOf(p, s, in, layer, a, n); ok {
				out = append(out, f)
			}
		}
		if f, ok := manyGenerated(p, in, layer); ok {
			out = append(out, f)
		}
	}
	return out
}

func sortedKeys(a asked) (out []int) {
	for n := range a {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// localesOf reports a package of locales that a RUN asks for.
func localesOf(p *analysis.Pass, s *analysis.Packages, in *dockerfile.Instruction, layer int, a asked, n int) (f whittle.Finding, ok bool) {
	name := s.List[n].Name
	wanted, complete := localesWanted(p)
	if !allLocales[name] && (name != "locales" || generates(p)) {
		return f, false
	}
	gone := slices.DeleteFunc(p.Layers.Freed(s, []int{n}), func(m int) bool { return s.List[m].Layer != layer })
	evidence, items, names := p.Layers.ByPackage(s, gone, layer)
	if p.Layers.Bytes(items) < analysis.MinBytes {
		return f, false
	}
	f = whittle.Finding{
		Message:  fmt.Sprintf("%s installs %s, %s, and nothing names a locale", p.Recipe.LayerName(layer), name, whittle.Bytes(p.Layers.Bytes(items))),
		Evidence: p.Recipe.WithLine(evidence, layer), Change: p.Layers.Removal(items), Risk: whittle.RiskMedium,
		Caution:     "who runs the image with another LANG gets messages and formats of C",
		Advice:      "leave it out: C.UTF-8 is there without a package",
		Fingerprint: whittle.Fingerprint("unused-locales", append([]string{p.Recipe.LayerText(layer)}, names...)...),
	}
	switch {
	case name == "locales" && len(wanted) > 0:
		f.Message = fmt.Sprintf("%s installs locales, %s, but no command generates %s", p.Recipe.LayerName(layer), whittle.Bytes(p.Layers.Bytes(items)), analysis.List(wanted))
		f.Advice = "generate it (localedef -i de_DE -f UTF-8 de_DE.UTF-8), or set LANG=C.UTF-8 and leave the package out"
		return f, true
	case name == "locales":
		f.Risk, f.Message = whittle.RiskLow, fmt.Sprintf("%s installs locales, %s, but no command generates a locale", p.Recipe.LayerName(layer), whittle.Bytes(p.Layers.Bytes(items)))
		f.Caution = "somebody may generate one in the running container"
	case len(wanted) > 0:
		f.Message = fmt.Sprintf("%s installs the locales of all languages, %s, of which %s is asked for", p.Recipe.LayerName(layer), whittle.Bytes(p.Layers.Bytes(items)), analysis.List(wanted))
		f.Advice = "generate that one alone: install locales, and run localedef -i de_DE -f UTF-8 de_DE.UTF-8"
		f.Change.Minus, f.Change.Plus = oneLocale, min(generator, p.Layers.Bytes(items))
		return f, true
	case !complete:
		f.Message = fmt.Sprintf("%s installs the locales of all languages, %s, and files of the project name some", p.Recipe.LayerName(layer), whittle.Bytes(p.Layers.Bytes(items)))
		f.Advice = "generate those alone that are used: install locales, and run localedef -i de_DE -f UTF-8 de_DE.UTF-8"
		f.Change.Plus = min(generator, p.Layers.Bytes(items))
		return f, true
	}
	if complete {
		leaveOut(p, &f, s, in, layer, a, []int{n}, names)
	}
	return f, true
}

// oneLocale is about what one locale takes, in bytes; generator what the package
// locales takes together with it.
const (
	oneLocale = 3 << 20
	generator = 25 << 20
)

// generates says that a command of the Dockerfile generates locales.
func generates(p *analysis.Pass) bool {
	return slices.ContainsFunc(p.Recipe.Chain(), makesLocales) || len(p.Texts().Find(wordSet("locale-gen localedef update-locale"))) > 0
}

func makesLocales(in *dockerfile.Instruction) bool {
	if in.Keyword != "RUN" {
		return false
	}
	commands, ok := recipe.RunCommands(in)
	return !ok || slices.ContainsFunc(commands, func(c recipe.RunCommand) bool {
		return slices.Contains([]string{"locale-gen", "localedef", "update-locale"}, c.Name()) || c.Name() == "dpkg-reconfigure" || runsScript(c)
	})
}

// localesWanted are the locales that the image's variables and the instructions
// name. complete says that no file of the project names another one, and that all
// could be read.
func localesWanted(p *analysis.Pass) (wanted []string, complete bool) {
	add := func(name string) {
		if name = localeName.FindString(name); name != "" && !slices.Contains(wanted, name) {
			wanted = append(wanted, name)
		}
	}
	if p.Config != nil {
		for _, e := range p.Config.Config.Env {
			if name, value, _ := strings.Cut(e, "="); strings.HasPrefix(name, "LC_") || name == "LANG" || name == "LANGUAGE" {
				add(value)
			}
		}
	}
	for _, in := range p.Recipe.Chain() {
		switch in.Keyword {
		case "RUN", "ENV", "CMD", "ENTRYPOINT", "HEALTHCHECK":
			for _, name := range localeName.FindAllString(in.Text(), -1) {
				add(name)
			}
		}
	}
	texts, complete := p.AllTexts()
	return wanted, complete && !texts.Match(localeName)
}

// manyGenerated reports an archive of locales that has many of them.
func manyGenerated(p *analysis.Pass, in *dockerfile.Instruction, layer int) (f whittle.Finding, ok bool) {
	if !makesLocales(in) {
		return f, false
	}
	items := p.Layers.Visible(func(i int) bool {
		return p.Ledger.Items[i].Layer == layer && p.Ledger.Items[i].Path == "usr/lib/locale/locale-archive" && !p.Layers.OfSystem(i)
	})
	size := p.Layers.Bytes(items)
	wanted, _ := localesWanted(p)
	if size < 10*oneLocale || len(wanted) > 3 {
		return f, false
	}
	f = whittle.Finding{
		Message:  fmt.Sprintf("%s generates many locales, %s in one archive", p.Recipe.LayerName(layer), whittle.Bytes(size)),
		Evidence: p.Recipe.WithLine(p.Layers.Places(items), layer), Risk: whittle.RiskMedium,
		Caution:     "who runs the image with another LANG gets messages and formats of C",
		Advice:      "generate those alone that are used: localedef -i de_DE -f UTF-8 de_DE.UTF-8; C.UTF-8 is there without",
		Fingerprint: whittle.Fingerprint("unused-locales", "archive", p.Recipe.LayerText(layer)),
	}
	high := int64(max(len(wanted), 1)) * 2 * oneLocale
	f.Change.Shrink = append(f.Change.Shrink, whittle.Shrunk{Content: p.Layers.Content(items[0]), High: high})
	return f, true
}
