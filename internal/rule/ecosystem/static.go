package ecosystem

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/rule/analysis"
)

// builderImage says that a base image has a toolchain, by its name.
var builderImages = []struct {
	toolchain string // the name in the table of toolchains
	name, tag *regexp.Regexp
}{
	{"Go", regexp.MustCompile(`^golang$`), regexp.MustCompile(``)},
	{"Rust", regexp.MustCompile(`^rust$`), regexp.MustCompile(``)},
	{"Maven", regexp.MustCompile(`^maven$`), regexp.MustCompile(``)},
	{"Gradle", regexp.MustCompile(`^gradle$`), regexp.MustCompile(``)},
	{"a JDK", regexp.MustCompile(`^(eclipse-temurin|amazoncorretto|openjdk)$`), regexp.MustCompile(`jdk`)},
}

// sdkImage matches the images of the .NET SDK.
var sdkImage = regexp.MustCompile(`^mcr\.microsoft\.com/dotnet/(nightly/)?sdk(:|@|$)`)

// windowsTag matches tags of images for Windows.
var windowsTag = regexp.MustCompile(`(?i)windows|nanoserver`)

// staticToolchains reports a base image that is made for building, in an image that
// starts a program of its own.
func staticToolchains(p *analysis.Pass) []whittle.Finding {
	if p.Dockerfile == nil || !startsItsOwn(p) || p.Files == nil {
		return nil // a script of the project may start the toolchain
	}
	st, err := p.Dockerfile.Target(p.Target)
	if err != nil {
		return nil
	}
	image := p.Recipe.BaseOf(st)
	for st.From != nil {
		st = &p.Dockerfile.Stages[*st.From]
	}
	b, name := p.StaticBase(), ""
	for _, k := range builderImages {
		if k.name.MatchString(b.Name) && k.tag.MatchString(b.Tag) {
			name = k.toolchain
		}
	}
	if sdkImage.MatchString(image) {
		name = "the .NET SDK"
	}
	i := slices.IndexFunc(allToolchains(), func(t toolchain) bool { return t.name == name })
	if i < 0 || windowsTag.MatchString(image) {
		return nil
	}
	t := allToolchains()[i]
	if _, all := p.AllTexts(); !all {
		return nil
	}
	if t.startedBy(p) || startsUnknown(p) || strings.HasSuffix(t.runs, "JRE") && path.Base(p.StartWords()[0]) != "java" {
		return nil
	}
	return []whittle.Finding{p.At(whittle.Finding{
		Message: fmt.Sprintf("the image that runs is based on %s, which has %s, which only builds need", image, t.name),
		Risk:    whittle.RiskMedium, Caution: "a program that builds something at run time needs it",
		Advice:      fmt.Sprintf("build in a stage, and copy the result into an image that only runs it: %s", t.runs),
		Fingerprint: whittle.Fingerprint("toolchain-in-final-stage", t.name, image),
	}, &st.Head, whittle.Span{})}
}

// startsUnknown says that the image starts a shell or a script, which may start what
// builds.
func startsUnknown(p *analysis.Pass) bool {
	return slices.ContainsFunc(p.StartWords(), func(w string) bool {
		return strings.HasSuffix(w, ".sh") || strings.ContainsAny(w, "$`") || strings.Contains(w, "entrypoint")
	})
}

// staticJDKs reports packages of a JDK that a RUN installs where nothing is seen to
// compile, and nothing to remove them.
func staticJDKs(p *analysis.Pass) (out []whittle.Finding) {
	if p.Dockerfile == nil || p.Files == nil || len(p.StartWords()) == 0 || startsUnknown(p) {
		return nil
	}
	for _, in := range p.StaticRuns() {
		words := jdkWords(in)
		if len(words) == 0 {
			continue
		}
		if _, all := p.AllTexts(); !all || compiles(p) != "" || removesPackages(p) {
			return nil
		}
		var names []string
		for w, jre := range words {
			names = append(names, w.Value+" → "+jre)
		}
		slices.Sort(names)
		out = append(out, p.At(whittle.Finding{
			Message: "this RUN installs a JDK, whose compiler and tools only builds need",
			Risk:    whittle.RiskMedium, Caution: "a program that compiles Java at run time, or draws windows, needs more than the JRE",
			Advice:      "install the JRE: " + analysis.List(names),
			Fingerprint: whittle.Fingerprint("jdk-instead-of-jre", whittle.OneLine(in.Text())),
		}, in, whittle.Span{}))
	}
	return out
}

// removesPackages says that a RUN may remove packages of the system.
func removesPackages(p *analysis.Pass) bool {
	return p.Texts().Match(regexp.MustCompile(`\b(purge|autoremove|apk del|remove|erase)\b`))
}
