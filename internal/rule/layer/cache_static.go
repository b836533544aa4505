package layer

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// writtenCache is the cache that commands of a package manager write for certain, as
// far as their words and the name of the base image say.
type writtenCache struct {
	manager string // the name in the table of managers
	folder  string // where it is, clean and relative
	// fills says that a command writes to it, at least some 100 kB, if nothing told it
	// otherwise before.
	fills func(p *analysis.Pass, in *dockerfile.Instruction, c *recipe.Located) bool
	// cleans finds commands that empty it, besides those that delete the folder.
	cleans func(c *recipe.Located) bool
	// settings are parts of a Dockerfile that may mean that it is not kept, or is
	// somewhere else.
	settings []string
	// once says that a second command adds nothing to what the first one wrote.
	once bool
}

// writtenCaches are the caches of which the text is enough.
func writtenCaches() []writtenCache {
	return []writtenCache{
		{manager: "apt", folder: "var/lib/apt/lists", once: true, cleans: hasWord("distclean"),
			settings: []string{"Dir::State", "apt.conf", "/var/lib/apt"},
			fills: func(_ *analysis.Pass, _ *dockerfile.Instruction, c *recipe.Located) bool {
				s, ok := recipe.ReadSystem(c.RunCommand)
				return ok && s.Manager == "apt" && s.Verb == "update" && !slices.ContainsFunc(c.Words, func(w dockerfile.Word) bool {
					return strings.HasPrefix(w.Text, "-o") || strings.HasPrefix(w.Text, "-c") || w.Value == "-h" || w.Value == "--help"
				})
			}},
		{manager: "apk", folder: "var/cache/apk", once: true, cleans: hasWord("cache"),
			settings: []string{"/etc/apk/cache", "--cache-dir", "--root", "--initdb"},
			fills: func(_ *analysis.Pass, _ *dockerfile.Instruction, c *recipe.Located) bool {
				s, ok := recipe.ReadSystem(c.RunCommand)
				return ok && s.Manager == "apk" && apkNeeds(&c.Command) == fetchesAgain && !hasWord("--no-cache")(c)
			}},
		{manager: "yum", folder: "var/cache", once: true, cleans: hasWord("clean"), settings: []string{"yum.conf", "dnf.conf", "cachedir", "--disablerepo"}, fills: fillsRPM("yum")},
		{manager: "dnf", folder: "var/cache", once: true, cleans: hasWord("clean"), settings: []string{"yum.conf", "dnf.conf", "cachedir", "--disablerepo"}, fills: fillsRPM("dnf", "dnf5", "microdnf")},
		{manager: "pip", folder: "root/.cache/pip", fills: fillsPip, cleans: func(c *recipe.Located) bool { return hasWord("purge")(c) || hasWord("config")(c) },
			settings: []string{"PIP_NO_CACHE", "PIP_CACHE_DIR", "XDG_CACHE_HOME", "pip.conf", "pip.ini", "PIP_CONFIG_FILE", "HOME=", "HOME ", "--cache-dir", "no-cache-dir=", "no_cache_dir"}},
		{manager: "npm", folder: "root/.npm", fills: fillsNpm, cleans: hasWord("cache"), settings: []string{"NPM_CONFIG_CACHE", "npm_config_cache", "npmrc", "HOME=", "HOME ", "XDG_CACHE_HOME", "--cache"}},
	}
}

// hasWord finds commands that have a word.
func hasWord(word string) func(c *recipe.Located) bool {
	return func(c *recipe.Located) bool {
		return slices.ContainsFunc(c.Words, func(w dockerfile.Word) bool { return w.Value == word })
	}
}

// fillsRPM finds commands that fetch the lists of the repositories of yum and its kin.
func fillsRPM(programs ...string) func(*analysis.Pass, *dockerfile.Instruction, *recipe.Located) bool {
	return func(_ *analysis.Pass, _ *dockerfile.Instruction, c *recipe.Located) bool {
		s, ok := recipe.ReadSystem(c.RunCommand)
		if !ok || s.Manager != "dnf" || !slices.Contains(programs, c.Name()) || !slices.Contains([]string{"install", "update", "upgrade", "makecache"}, s.Verb) {
			return false
		}
		return !slices.ContainsFunc(c.Words, func(w dockerfile.Word) bool {
			return slices.Contains([]string{"-C", "--cacheonly", "--help", "--version"}, w.Value) || strings.HasPrefix(w.Value, "--setopt") || strings.Contains(w.Value, "disablerepo")
		})
	}
}

// fillsPip finds commands of pip that download something for root on a base image
// whose settings are known.
func fillsPip(p *analysis.Pass, in *dockerfile.Instruction, c *recipe.Located) bool {
	install, ok := recipe.ReadInstall(c.Command)
	if !ok || install.Tool != "pip" || c.Prefixed() || len(c.Assigns) > 0 || !rootOnKnownBase(p, in) {
		return false
	}
	fetched := false
	for _, a := range install.Arguments() {
		switch {
		case slices.Contains([]string{"--no-cache-dir", "--no-index", "--find-links", "-f", "--dry-run", "--cache-dir", "--isolated", "--help", "-h", "--no-build-isolation", "--no-deps", "--root"}, a.Option), strings.HasPrefix(a.Option, "--no-ca"):
			return false
		case a.ReadsFile() && a.Option != "-c" && a.Option != "--constraint":
			fetched = true
		case a.Option == "" && a.Value != "" && !strings.ContainsAny(a.Value, "/$*") && !strings.HasPrefix(a.Value, ".") && !strings.HasSuffix(a.Value, ".whl"):
			fetched = true
		}
	}
	return fetched
}

// fillsNpm finds commands of npm that download something for root.
func fillsNpm(p *analysis.Pass, in *dockerfile.Instruction, c *recipe.Located) bool {
	if c.Name() != "npm" || c.Prefixed() || len(c.Words) < 2 || len(c.Assigns) > 0 || !rootOnKnownBase(p, in) {
		return false
	}
	if slices.ContainsFunc(c.Words, func(w dockerfile.Word) bool {
		return strings.HasPrefix(w.Value, "--cache") || w.Value == "--offline" || w.Value == "--dry-run" || !w.Literal
	}) {
		return false
	}
	names := slices.ContainsFunc(c.Words[2:], func(w dockerfile.Word) bool {
		return !strings.HasPrefix(w.Value, "-") && !strings.ContainsAny(w.Value[:min(1, len(w.Value))], "./") && !strings.HasSuffix(w.Value, ".tgz")
	})
	switch c.Words[1].Value {
	case "ci":
		return true // without a lock file, which has something, it fails
	case "install", "i":
		return names
	}
	return false
}

// rootOnKnownBase says that root runs a RUN, and that its stage is based on an official
// image: these tell no package manager to keep nothing, and set no HOME.
func rootOnKnownBase(p *analysis.Pass, in *dockerfile.Instruction) bool {
	return p.StaticBase().Name != "" && recipe.IsRoot(p.Recipe.Last(in, "USER"))
}

func staticCaches(p *analysis.Pass) (out []whittle.Finding) {
	managers := cachingManagers()
	for _, w := range writtenCaches() {
		if w.setElsewhere(p) {
			continue
		}
		m := managers[slices.IndexFunc(managers, func(m cachingManager) bool { return m.name == w.manager })]
		for _, in := range p.StaticRuns() {
			f, left := w.leftBy(p, m, in)
			if f != nil {
				out = append(out, *f)
			}
			if left && w.once {
				break // the next one finds the same lists
			}
		}
	}
	return out
}

// setElsewhere says that an instruction of the image may tell the package manager to
// keep nothing, or to keep it somewhere else.
func (w *writtenCache) setElsewhere(p *analysis.Pass) bool {
	for _, in := range p.Recipe.Chain() {
		text := in.Text()
		if in.Keyword == "RUN" { // deletions are looked at one by one
			if !slices.ContainsFunc(w.settings, func(s string) bool { return !strings.HasPrefix(s, "/var/") && strings.Contains(text, s) }) {
				continue
			}
			return true
		}
		if slices.Contains([]string{"ENV", "ARG", "COPY", "ADD", "VOLUME"}, in.Keyword) && slices.ContainsFunc(w.settings, func(s string) bool { return strings.Contains(text, s) }) {
			return true
		}
	}
	return false
}

// leftBy reports the cache that a RUN leaves, nil for none. left says that it is there
// for later ones.
func (w *writtenCache) leftBy(p *analysis.Pass, m cachingManager, in *dockerfile.Instruction) (f *whittle.Finding, left bool) {
	commands, _ := p.Commands(in)
	for i := range commands {
		c := &commands[i]
		if !analysis.Unconditional(c) || !w.fills(p, in, c) {
			continue
		}
		stays, _ := p.Stays(in, i, w.folder, w.cleans)
		if !stays {
			continue
		}
		out := p.At(w.finding(p, m, in), in, c.Span)
		return &out, true
	}
	return nil, false
}

func (w *writtenCache) finding(p *analysis.Pass, m cachingManager, in *dockerfile.Instruction) whittle.Finding {
	f := whittle.Finding{
		Message: fmt.Sprintf("this RUN leaves %s's cache in the image", m.name),
		Risk:    whittle.RiskNone, Advice: m.advice(), Fingerprint: whittle.Fingerprint("package-manager-cache", m.name, whittle.OneLine(in.Text())),
	}
	if advice := keptFor(p, m, in); advice != "" {
		f.Advice = advice
		return f
	}
	m.mount = "" // only an image shows where the cache is
	if title, edits, err := withoutCache(p, m, in, nil); err == nil && len(edits) > 0 {
		f.Fix, _ = p.Recipe.Fix(title, edits)
	}
	return f
}

// staticCleanups reports lists of packages that a later RUN deletes.
func staticCleanups(p *analysis.Pass) (out []whittle.Finding) {
	reported := map[*dockerfile.Instruction]bool{}
	for _, w := range writtenCaches() {
		if !w.once || w.setElsewhere(p) {
			continue
		}
		for _, in := range p.StaticRuns() {
			commands, _ := p.Commands(in)
			for i := range commands {
				c := &commands[i]
				if !analysis.Unconditional(c) || !w.fills(p, in, c) {
					continue
				}
				_, by := p.Stays(in, i, w.folder, w.cleans)
				if by == nil || reported[by] || !deletesAll(p, by, w) {
					continue
				}
				reported[by] = true
				out = append(out, p.At(whittle.Finding{
					Message: fmt.Sprintf("this RUN deletes what %s of %s has fetched: it is hidden, but still in the image", w.manager, p.Recipe.Name(in)),
					Risk:    whittle.RiskLow, Advice: "delete it in " + p.Recipe.The(in),
					Fingerprint: whittle.Fingerprint("cleanup-in-later-layer", whittle.OneLine(by.Text()), whittle.OneLine(in.Text())),
				}, by, whittle.Span{}))
			}
		}
	}
	return out
}

// deletesAll says that a command of a RUN deletes all of a cache, whatever else it does.
func deletesAll(p *analysis.Pass, in *dockerfile.Instruction, w writtenCache) bool {
	commands, _ := p.Commands(in)
	return slices.ContainsFunc(commands, func(c recipe.Located) bool {
		if !analysis.Unconditional(&c) {
			return false
		}
		if w.cleans(&c) {
			return w.manager != "apk" // apk cache clean keeps the index
		}
		return c.Name() == "rm" && slices.ContainsFunc(c.Words[c.Program+1:], func(word dockerfile.Word) bool {
			at := strings.TrimSuffix(word.Value, "/*")
			return word.Literal && path.IsAbs(at) && !strings.ContainsAny(at, "*?[{") && whittle.Under(w.deleted(), whittle.Join("", at))
		})
	})
}

// deleted is the folder of which the deletion counts.
func (w *writtenCache) deleted() string {
	if w.folder == "var/cache" {
		return "var/cache/" + w.manager
	}
	return w.folder
}
