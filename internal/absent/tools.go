package absent

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/toml"
)

// tool is where a program writes unless it is told otherwise.
type tool struct {
	// verb is its first argument; empty is any.
	verb string
	// makes are its outputs.
	makes []string
	exts  []string
	// configs are the files that may name another folder, and key is what they
	// call it; its value is at the end of what setting finds.
	configs []string
	key     string
}

func configs(stem string) (out []string) {
	for _, ext := range []string{".js", ".ts", ".mjs", ".mts", ".cjs", ".cts"} {
		out = append(out, stem+ext)
	}
	return out
}

// tools are programs with their documented defaults, by name.
func tools(name string) []tool {
	web := func(verb, at, key string, config []string) tool {
		return tool{verb: verb, makes: []string{at}, key: key, configs: config}
	}
	python := func(verb string) tool {
		return tool{verb: verb, makes: []string{"dist"}, exts: distributions}
	}
	switch name {
	case "pyproject-build":
		return []tool{python("")}
	case "uv", "poetry", "hatch", "pdm", "flit", "rye":
		return []tool{python("build")}
	case "maturin":
		return []tool{{verb: "build", makes: []string{"target/wheels"}, exts: distributions}}
	case "pip", "pip3":
		return []tool{{verb: "wheel", makes: []string{"."}, exts: []string{".whl"}}}
	case "cibuildwheel":
		return []tool{{makes: []string{"wheelhouse"}, exts: distributions}}
	case "pyinstaller":
		return []tool{{makes: []string{"dist"}}}
	case "vite", "vite-plus":
		return []tool{web("build", "dist", "outDir", configs("vite.config"))}
	case "vue-cli-service":
		return []tool{web("build", "dist", "outputDir", configs("vue.config"))}
	case "webpack":
		return []tool{web("", "dist", "path", configs("webpack.config"))}
	case "rollup":
		return []tool{web("", "", "file|dir", configs("rollup.config"))}
	case "react-scripts", "react-app-rewired", "craco":
		return []tool{web("build", "build", "", nil)}
	case "ng":
		return []tool{web("build", "dist", "outputPath", []string{"angular.json"})}
	case "next":
		return []tool{web("build", ".next", "distDir", configs("next.config")), web("export", "out", "", nil)}
	case "nuxt", "nuxi":
		return []tool{web("build", ".output", "", nil), {verb: "generate", makes: []string{".output", "dist"}}}
	case "astro":
		return []tool{web("build", "dist", "outDir", configs("astro.config"))}
	case "gatsby":
		return []tool{web("build", "public", "", nil)}
	case "parcel":
		return []tool{web("build", "dist", "distDir", []string{"package.json"})}
	case "docusaurus":
		return []tool{web("build", "build", "", nil)}
	case "storybook", "build-storybook":
		return []tool{web("", "storybook-static", "", nil)}
	case "tsup":
		return []tool{web("", "dist", "outDir", configs("tsup.config"))}
	case "tsc":
		return []tool{web("", "", "outDir", []string{"tsconfig.json"})}
	case "quasar", "ember":
		return []tool{web("build", "dist", "", nil)}
	case "eleventy", "@11ty/eleventy":
		return []tool{{makes: []string{"_site"}}}
	case "hugo":
		return []tool{web("", "public", "publishDir", []string{"hugo.toml", "hugo.yaml", "config.toml", "config.yaml"})}
	case "jekyll":
		return []tool{web("build", "_site", "destination", []string{"_config.yml"})}
	case "mkdocs":
		return []tool{web("build", "site", "site_dir", []string{"mkdocs.yml", "mkdocs.yaml"})}
	case "npm":
		return []tool{{verb: "ci", makes: []string{"node_modules"}}, {verb: "install", makes: []string{"node_modules"}}, {verb: "pack", makes: []string{"."}, exts: []string{".tgz"}}}
	case "yarn", "pnpm", "bun":
		return []tool{{verb: "install", makes: []string{"node_modules"}}}
	case "composer":
		return []tool{{verb: "install", makes: []string{"vendor"}}}
	case "go":
		return []tool{{verb: "mod", makes: []string{"vendor"}}}
	case "cargo":
		return []tool{{verb: "build", makes: []string{"target"}}, {verb: "vendor", makes: []string{"vendor"}}}
	case "mvn", "mvnw":
		return []tool{{verb: "package", makes: []string{"target"}}, {verb: "install", makes: []string{"target"}}, {verb: "verify", makes: []string{"target"}}}
	case "gradle", "gradlew":
		return []tool{{verb: "build", makes: []string{"build"}}, {verb: "assemble", makes: []string{"build"}}, {verb: "bootJar", makes: []string{"build/libs"}}, {verb: "jar", makes: []string{"build/libs"}}, {verb: "installDist", makes: []string{"build/install"}}}
	case "flutter":
		return []tool{{verb: "build", makes: []string{"build"}}}
	}
	return nil
}

// toolOutputs are the outputs of a program that names none itself.
func (x *explainer) toolOutputs(name string, args []string, dir string) (out []output) {
	words := slices.DeleteFunc(slices.Clone(args), func(a string) bool { return strings.HasPrefix(a, "-") })
	switch {
	case strings.HasPrefix(name, "python") && len(words) > 0 && path.Base(words[0]) == "setup.py":
		if slices.ContainsFunc(words[1:], func(w string) bool { return w == "sdist" || w == "bdist_wheel" || w == "bdist_egg" }) {
			return []output{{path: "dist", exts: distributions}}
		}
		return nil
	case name == "venv" || name == "virtualenv" || name == "uv" && len(words) > 0 && words[0] == "venv":
		if words = slices.DeleteFunc(words, func(w string) bool { return w == "venv" }); len(words) > 0 {
			return []output{{path: path.Clean(words[len(words)-1])}}
		}
		return []output{{path: ".venv"}}
	case name == "pip-compile" || name == "pip-tools" && len(words) > 0 && words[0] == "compile":
		if words = slices.DeleteFunc(words, func(w string) bool { return w == "compile" }); len(words) == 0 {
			return []output{{path: "requirements.txt"}}
		}
		if stem, ok := strings.CutSuffix(words[len(words)-1], ".in"); ok {
			return []output{{path: path.Clean(stem + ".txt")}}
		}
		return nil
	case name == "submodule" || name == "git" && len(words) > 1 && words[0] == "submodule":
		return nil
	}
	for _, t := range tools(name) {
		if t.verb != "" && !slices.Contains(words, t.verb) {
			continue
		}
		out = append(out, x.configured(t, dir)...)
	}
	return out
}

// configured are the outputs of a tool with its configuration. There are none if
// that names another place that cannot be read from its text.
func (x *explainer) configured(t tool, dir string) (out []output) {
	not := distributions
	if len(t.exts) > 0 {
		not = nil
	}
	if text := x.text(within(dir, t.configs)...); text != "" && t.key != "" {
		values, all := settings(text, t.key)
		if len(values) > 0 || !all {
			for _, v := range values {
				out = append(out, output{path: path.Clean(v), not: not})
			}
			return out
		}
		if t.configs[0] == "vite.config.js" && strings.Contains(text, "root:") {
			return nil
		}
	}
	if t.configs != nil && t.configs[0] == "vite.config.js" {
		if text := x.text(within(dir, configs("svelte.config"))...); strings.Contains(text, "adapter") {
			return []output{{path: "build", not: not}}
		}
	}
	if len(t.configs) > 0 && t.configs[0] == "next.config.js" {
		if text := x.text(within(dir, t.configs)...); strings.Contains(text, "'export'") || strings.Contains(text, `"export"`) {
			out = append(out, output{path: "out", not: not})
		}
	}
	for _, p := range t.makes {
		if p != "" {
			out = append(out, output{path: p, exts: t.exts, not: not})
		}
	}
	return out
}

func within(dir string, names []string) (out []string) {
	for _, n := range names {
		out = append(out, path.Join(dir, n))
	}
	return out
}

var lastString = regexp.MustCompile(`["'` + "`" + `]([^"'` + "`" + `\n]*)["'` + "`" + `]\s*\)?\s*,?\s*(?:\}|$)`)

// settings are the values of a key in a configuration that is a program or YAML,
// TOML or JSON: texts, or calls whose last argument is one (path.resolve(__dirname,
// "x")). all is false if one cannot be read.
func settings(text, key string) (values []string, all bool) {
	find := regexp.MustCompile(`(?m)^[^\n]*?(?:^|[\s{,"'])(?:` + key + `)["']?\s*[:=]\s*([^\n]*)`)
	all = true
	for _, m := range find.FindAllStringSubmatch(text, -1) {
		value := strings.TrimSpace(m[1])
		if before := strings.TrimSpace(m[0]); strings.HasPrefix(before, "//") || strings.HasPrefix(before, "#") || strings.HasPrefix(before, "*") {
			continue
		}
		found := ""
		if s := lastString.FindStringSubmatch(value); s != nil {
			found = s[1]
		} else if i := strings.IndexAny(value, `"'`); i >= 0 {
			if end := strings.IndexByte(value[i+1:], value[i]); end >= 0 && (i == 0 || strings.Contains(value[:i], "(")) {
				found = value[i+1 : i+1+end]
			}
		} else if plainValue.MatchString(value) {
			found = value
		}
		if found == "" || path.IsAbs(found) || strings.Contains(found, "$") {
			all = false
			continue
		}
		values = append(values, found)
	}
	return values, all
}

var plainValue = regexp.MustCompile(`^[\w./-]+$`)

// backends are the build systems whose own front end people run.
var backends = map[string]string{"poetry.core.masonry.api": "`poetry build`", "uv_build": "`uv build`", "hatchling.build": "`hatch build`", "pdm.backend": "`pdm build`", "flit_core.buildapi": "`flit build`", "maturin": "`maturin build`"}

// buildSystem is the maker of wheels and source distributions if pyproject.toml
// names a build system.
func (x *explainer) buildSystem(s source) (maker, bool) {
	named := hasSuffix(s.path, distributions) || len(s.empty) > 0 && strings.Contains(strings.ToUpper(strings.Join(s.empty, " ")), "WHEEL") || s.path == "dist" && x.installsWheels()
	dir := path.Dir(s.path)
	switch {
	case len(s.empty) > 0:
		dir = s.parent
	case s.path == "dist":
		dir = s.path
	}
	if !named || path.Base(dir) != "dist" {
		return maker{}, false
	}
	file := path.Join(path.Dir(dir), "pyproject.toml")
	text := x.text(file)
	var t struct {
		System struct {
			Backend string `toml:"build-backend"`
		} `toml:"build-system"`
	}
	if text == "" || toml.Unmarshal([]byte(text), &t) != nil || t.System.Backend == "" {
		return maker{}, false
	}
	call := backends[t.System.Backend]
	if call == "" {
		call = "`python -m build`"
	}
	return maker{call: "building the project, such as by " + call, file: file, rank: buildSystem}, true
}

// installsWheels says that a RUN of the Dockerfile names wheels.
func (x *explainer) installsWheels() bool {
	return slices.ContainsFunc(x.instructions(), func(in *dockerfile.Instruction) bool {
		return in.Keyword == "RUN" && strings.Contains(in.Text(), ".whl")
	})
}
