// Package ecosystem has the rules about other languages than Python, about conda,
// and about models and data: what builds leave in the image that runs.
package ecosystem

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/rule/analysis"
)

// ToolchainInFinalStage is the rule toolchain-in-final-stage: the image that runs
// has the compiler or the build tool of a language.
func ToolchainInFinalStage() analysis.Rule {
	return analysis.Rule{
		ID:    "toolchain-in-final-stage",
		Title: "The toolchain of a language is in the image that runs",
		Text: `Go, Rust, Java and .NET programs run without what built them. An image on golang, rust, maven, gradle, a JDK or the .NET SDK contains the
compiler, the build tool and their libraries, which are often larger than the program. Build in a stage, and copy the result into an image
with only what runs it: a slim base, a JRE, the .NET runtime. The saving is that of the toolchain's own files; a smaller base saves more.
There is no finding if the image starts the toolchain, or starts nothing of its own.`,
		Before: "FROM golang:1.25\nCOPY . .\nRUN go build -o /app ./cmd/app\nCMD [\"/app\"]\n",
		After:  "FROM golang:1.25 AS build\nCOPY . .\nRUN CGO_ENABLED=0 go build -o /app ./cmd/app\n\nFROM debian:trixie-slim\nCOPY --from=build /app /app\nCMD [\"/app\"]\n",
		Run:    toolchains,
		Static: staticToolchains,
	}
}

// toolchain is what builds programs of one language.
type toolchain struct {
	name string
	// marker is the end of the path of its main program, or of its folder.
	marker string
	// parts are what belongs to it only, below the folder that is left when the
	// marker is cut off. Without parts, it is the whole folder.
	parts []string
	// programs are those that start it, and words those that do as arguments of
	// a program that also runs what was built (dotnet run).
	programs, words []string
	// runs is an image that runs what it builds.
	runs string
}

// allToolchains is the table of toolchains. Where they are is that of the official
// images and of their makers' archives.
func allToolchains() []toolchain {
	return []toolchain{
		{name: "Go", marker: "/bin/go", programs: []string{"go", "gofmt", "air"}, runs: "debian:*-slim, or scratch for a static program"},
		{name: "Rust", marker: "/rustup/toolchains", programs: []string{"cargo", "rustc", "rustup"}, runs: "debian:*-slim"},
		{name: "Maven", marker: "/bin/mvn", programs: []string{"mvn", "mvnw"}, runs: "a JRE"},
		{name: "Gradle", marker: "/bin/gradle", programs: []string{"gradle", "gradlew"}, runs: "a JRE"},
		{name: "a JDK", marker: "/bin/javac", parts: []string{"jmods", "include", "man", "demo", "sample", "lib/src.zip", "lib/ct.sym", "lib/tools.jar", "src.zip", "bin/javac", "bin/javadoc", "bin/jlink", "bin/jmod", "bin/jpackage", "bin/jshell", "bin/jdeps"},
			programs: []string{"javac", "javadoc", "jlink", "jmod", "jpackage", "jshell", "jdeps", "jar", "mvn", "mvnw", "gradle", "gradlew", "sbt", "ant", "lein"}, runs: "a JRE"},
		{name: "the .NET SDK", marker: "/sdk-manifests", parts: []string{"sdk", "sdk-manifests", "templates", "packs"}, words: []string{"run", "watch", "build", "test", "tool", "ef", "msbuild", "publish"}, runs: "the .NET runtime"},
	}
}

func toolchains(p *analysis.Pass) []whittle.Finding {
	if p.Ledger == nil || !startsItsOwn(p) {
		return nil
	}
	var out []whittle.Finding
	taken := map[int]bool{}
	for _, t := range allToolchains() {
		if t.startedBy(p) {
			continue
		}
		folders := t.folders(p)
		if len(folders) == 0 {
			continue
		}
		items := p.Layers.Visible(func(i int) bool {
			return !taken[i] && !p.Layers.OfSystem(i) && t.has(folders, p.Ledger.Items[i].Path)
		})
		if p.Layers.Bytes(items) < analysis.MinBytes {
			continue
		}
		for _, i := range items {
			taken[i] = true
		}
		out = append(out, t.finding(p, folders, items))
	}
	return out
}

// startsItsOwn says that the image starts something else than a shell or the
// prompt of a language, which is what images for building start.
func startsItsOwn(p *analysis.Pass) bool {
	if p.Config == nil {
		return false
	}
	words := slices.Concat(p.Config.Config.Entrypoint, p.Config.Config.Cmd)
	if len(words) == 0 {
		return false
	}
	return len(words) > 1 || !slices.Contains([]string{"bash", "sh", "ash", "dash", "zsh", "jshell", "mvn", "gradle", "go", "cargo", "python3", "python", "node", "irb"}, path.Base(words[0]))
}

func (t *toolchain) startedBy(p *analysis.Pass) bool {
	named := p.StartPrograms()
	if slices.ContainsFunc(t.programs, func(name string) bool { return named[name] }) {
		return true
	}
	return named["dotnet"] && slices.ContainsFunc(t.words, func(w string) bool { return named[w] })
}

// folders are those that hold the toolchain.
func (t *toolchain) folders(p *analysis.Pass) (out []string) {
	for _, n := range p.Ledger.Tree.Nodes {
		dir, ok := strings.CutSuffix(n.Path, t.marker)
		if !ok {
			continue
		}
		if len(t.parts) == 0 && strings.HasPrefix(t.marker, "/bin/") && !ownFolder(dir) {
			continue // /usr/bin/go is a package's, or a link
		}
		if t.marker == "/rustup/toolchains" {
			dir += "/rustup"
		}
		if !slices.Contains(out, dir) {
			out = append(out, dir)
		}
	}
	return out
}

// ownFolder says that a folder with a bin is of one program, and not of many.
func ownFolder(dir string) bool {
	return !slices.Contains([]string{"", "usr", "usr/local", "opt", "root", "root/.local", "home", "go", "root/go", "usr/local/cargo"}, dir)
}

// has says that a path is of the toolchain in one of the folders.
func (t *toolchain) has(folders []string, at string) bool {
	return slices.ContainsFunc(folders, func(dir string) bool {
		rel, ok := strings.CutPrefix(at, dir+"/")
		return ok && (len(t.parts) == 0 || slices.ContainsFunc(t.parts, func(part string) bool { return whittle.Under(rel, part) }))
	})
}

func (t *toolchain) finding(p *analysis.Pass, folders []string, items []int) whittle.Finding {
	where := p.LayerNames(p.Layers.LayersOf(items))
	f := whittle.Finding{
		Message: fmt.Sprintf("the image that runs has %s, %s in /%s, which only builds need (%s)",
			t.name, whittle.Bytes(p.Layers.Bytes(items)), strings.Join(folders, ", /"), where),
		Evidence: p.Layers.Places(items), Change: p.Layers.Removal(items), Risk: whittle.RiskMedium,
		Caution:     "a program that builds something at run time needs it",
		Advice:      fmt.Sprintf("build in a stage, and copy the result into an image that only runs it: %s", t.runs),
		Fingerprint: whittle.Fingerprint("toolchain-in-final-stage", append([]string{t.name}, folders...)...),
	}
	for _, layer := range p.Layers.LayersOf(items) {
		f.Evidence = p.Recipe.WithLine(f.Evidence, layer)
	}
	return f
}
