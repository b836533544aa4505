package ecosystem

import (
	"fmt"
	"regexp"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/distro"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// JDKInsteadOfJRE is the rule jdk-instead-of-jre: a package of a JDK is installed,
// and nothing uses more than a JRE.
func JDKInsteadOfJRE() analysis.Rule {
	return analysis.Rule{
		ID:    "jdk-instead-of-jre",
		Title: "A JDK is installed where a JRE does",
		Text: `The packages of a JDK have a compiler, tools for developers and the modules that jlink needs. Programs that run Java, such as Spark, only need
the JRE of the same version. If a RUN compiles something, do that in a stage of its own.`,
		Before: "RUN apt-get update && apt-get install -y --no-install-recommends openjdk-17-jdk-headless\n",
		After:  "RUN apt-get update && apt-get install -y --no-install-recommends openjdk-17-jre-headless\n",
		Run:    jdks,
		Static: staticJDKs,
	}
}

// jdkPackage matches the packages of a JDK: of Debian and Ubuntu, Alpine, and Fedora
// with its kin. The first group is the name and version of the JRE's.
var jdkPackage = []struct {
	name *regexp.Regexp
	jre  string
}{
	{regexp.MustCompile(`^(openjdk-\d+|default)-jdk-headless$`), "${1}-jre-headless"},
	{regexp.MustCompile(`^(openjdk-\d+|default)-jdk$`), "${1}-jre"},
	{regexp.MustCompile(`^(openjdk\d+)(-jdk)?$`), "${1}-jre-headless"},
	{regexp.MustCompile(`^(java-[\d.]+-openjdk|java-latest-openjdk)-devel$`), "${1}-headless"},
}

// jreOf is the package of the JRE for one of a JDK; ok is false for other packages.
func jreOf(name string) (jre string, ok bool) {
	for _, k := range jdkPackage {
		if k.name.MatchString(name) {
			return k.name.ReplaceAllString(name, k.jre), true
		}
	}
	return "", false
}

// compilesJava are programs that need a JDK.
var compilesJava = []string{"javac", "javadoc", "javah", "jar", "jarsigner", "jlink", "jmod", "jpackage", "jshell", "jdeps", "jdb", "jps", "jstack", "jmap", "jcmd", "jstat", "jconsole",
	"mvn", "mvnw", "gradle", "gradlew", "sbt", "ant", "lein", "bazel", "buck", "native-image", "scala", "scalac", "kotlinc", "groovyc"}

func jdks(p *analysis.Pass) []whittle.Finding {
	if p.Dockerfile == nil || p.Ledger == nil {
		return nil
	}
	s := p.Layers.Packages()
	var out []whittle.Finding
	for in, layer := range p.Recipe.Runs() {
		words := jdkWords(in)
		if len(words) == 0 {
			continue
		}
		if f, ok := jdkFinding(p, s, in, layer, words); ok {
			out = append(out, f)
		}
	}
	return out
}

// jdkWords are the words of a RUN that name packages of a JDK, with those of the JRE.
func jdkWords(in *dockerfile.Instruction) map[dockerfile.Word]string {
	script, err := in.Shell()
	if err != nil {
		return nil
	}
	out := map[dockerfile.Word]string{}
	for _, c := range script.Commands() {
		verb, at, ok := recipe.Verb(&c, "apt-get", "apt", "aptitude", "apk", "dnf", "microdnf", "yum")
		if !ok || verb != "install" && verb != "add" {
			continue
		}
		for _, w := range c.Words[at+1:] {
			if jre, ok := jreOf(w.Text); ok {
				out[w] = jre
			}
		}
	}
	return out
}

func jdkFinding(p *analysis.Pass, s *analysis.Packages, in *dockerfile.Instruction, layer int, words map[dockerfile.Word]string) (f whittle.Finding, ok bool) {
	var jdk, jre, names []string
	for w, runs := range words {
		jdk, jre = append(jdk, w.Value), append(jre, runs)
		names = append(names, w.Value+" → "+runs)
	}
	slices.Sort(names)
	var chosen []int
	for _, n := range withoutJDK(s, jdk, jre) {
		if s.List[n].Layer == layer {
			chosen = append(chosen, n)
		}
	}
	evidence, items, packages := p.Layers.ByPackage(s, chosen, layer)
	if p.Layers.Bytes(items) < analysis.MinBytes {
		return f, false
	}
	f = whittle.Finding{
		Message: fmt.Sprintf("%s installs a JDK, whose compiler and tools take %s in %s: %s", p.Recipe.LayerName(layer),
			whittle.Bytes(p.Layers.Bytes(items)), analysis.Count(len(chosen), "package"), analysis.LargestNames(evidence)),
		Evidence: p.Recipe.WithLine(evidence, layer), Change: p.Layers.Removal(items), Risk: whittle.RiskMedium,
		Caution:     "a program that compiles Java at run time, or draws windows, needs more than the JRE",
		Advice:      "install the JRE: " + analysis.List(names),
		Fingerprint: whittle.Fingerprint("jdk-instead-of-jre", append([]string{p.Recipe.LayerText(layer)}, packages...)...),
	}
	if by := compiles(p); by != "" {
		f.Advice = fmt.Sprintf("do what needs the JDK (%s) in a stage of its own, and install the JRE: %s", by, analysis.List(names))
		return f, true
	}
	var edits []whittle.Edit
	for w, runs := range words {
		edits = append(edits, in.ReplaceWord(w, runs))
	}
	slices.SortFunc(edits, func(a, b whittle.Edit) int { return a.Span.Start - b.Span.Start })
	if fix, ok := p.Recipe.Fix("install the JRE", edits); ok {
		f.Fix = fix
	}
	return f, true
}

// withoutJDK are the packages that go if the JDK's are not installed, but the JRE's.
// It is empty if the image does not have these: then their size is not known.
func withoutJDK(s *analysis.Packages, jdk, jre []string) (out []int) {
	var roots, all []int
	for n := range s.List {
		k := &s.List[n]
		if k.Reason == distro.Automatic {
			continue
		}
		if all = append(all, n); !slices.Contains(jdk, k.Name) {
			roots = append(roots, n)
		}
	}
	for _, name := range jre {
		if len(s.Providers[name]) == 0 {
			return nil
		}
		roots = append(roots, s.Providers[name]...)
	}
	had, kept := s.Needed(all, true), s.Needed(roots, true)
	for n := range s.List {
		if had[n] && !kept[n] {
			out = append(out, n)
		}
	}
	return out
}

// compiles is a program that needs a JDK, which a RUN, a start or a script names.
func compiles(p *analysis.Pass) string {
	named := p.Texts().Programs()
	for _, name := range compilesJava {
		if named[name] {
			return name
		}
	}
	return ""
}
