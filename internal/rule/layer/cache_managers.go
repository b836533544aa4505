package layer

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/rule/analysis"
)

// cachingManager is a package manager that keeps its downloads.
type cachingManager struct {
	name string
	// holds says whether a path belongs to its cache.
	holds func(at string) bool
	// commands are the programs that fill it, verbs their subcommands; without
	// verbs, all of them do.
	commands, verbs []string
	// flag prevents that; clean is a command that empties it.
	flag, clean string
	// mount is the folder for a cache mount, empty if that would not help:
	// apt's configuration in images empties its cache.
	mount string
	// root is the cache's folder that has a path, empty if the path is not in it.
	// Without a command that empties it, what is in it and matches glob is deleted.
	root func(at string) string
	glob string
	// reused says that the package manager needs it again: in a later RUN (mvn
	// --offline, pnpm install after pnpm fetch), or when the image starts it (go
	// run). The others only fetch again.
	reused bool
}

// versionedPip matches pip for one version of Python.
var versionedPip = regexp.MustCompile(`^pip[23](\.\d+)?$`)

// inside selects what is in folders of the image.
func inside(dirs ...string) func(string) bool {
	return func(at string) bool {
		return slices.ContainsFunc(dirs, func(d string) bool { return strings.HasPrefix(at, d+"/") })
	}
}

// anyHome selects what is in folders at any depth.
func anyHome(dirs ...string) func(string) bool {
	return func(at string) bool {
		return slices.ContainsFunc(dirs, func(d string) bool { return strings.Contains("/"+at, "/"+d+"/") })
	}
}

// cachingManagers is the table of package managers.
func cachingManagers() []cachingManager {
	return append(systemCaches(), languageCaches()...)
}

func systemCaches() []cachingManager {
	return []cachingManager{
		{name: "apt", holds: func(at string) bool {
			return inside("var/lib/apt/lists", "var/cache/apt/archives")(at) || path.Dir(at) == "var/cache/apt" && path.Ext(at) == ".bin"
		}, commands: []string{"apt-get", "apt", "aptitude"}, verbs: []string{"update", "install", "upgrade", "dist-upgrade", "build-dep"}, clean: "rm -rf /var/lib/apt/lists/*"},
		{name: "apk", holds: inside("var/cache/apk"), commands: []string{"apk"}, verbs: []string{"add", "upgrade", "fix"}, flag: "--no-cache", clean: "rm -rf /var/cache/apk/*"},
		// Which folder each of them has differs by release.
		{name: "dnf", holds: inside("var/cache/dnf", "var/cache/libdnf5"), commands: []string{"dnf", "microdnf", "dnf5", "yum"}, verbs: []string{"install", "update", "upgrade", "makecache"}, clean: "%s clean all"},
		{name: "yum", holds: inside("var/cache/yum"), commands: []string{"yum", "microdnf", "dnf"}, verbs: []string{"install", "update", "upgrade", "makecache"}, clean: "%s clean all"},
		{name: "tdnf", holds: inside("var/cache/tdnf"), commands: []string{"tdnf"}, verbs: []string{"install", "update", "upgrade", "makecache"}, clean: "%s clean all"},
		{name: "zypper", holds: inside("var/cache/zypp"), commands: []string{"zypper"}, clean: "%s clean --all"},
		{name: "pacman", holds: inside("var/cache/pacman/pkg"), commands: []string{"pacman"}, clean: "rm -rf /var/cache/pacman/pkg/*"}, // --noconfirm answers -Scc with no
	}
}

// languageCaches are those of the package managers of languages. Where they keep
// what they download is in the documentation of each; what is needed at run time is
// not among it: Deno's and Yarn's with Plug'n'Play, the browsers of Playwright, models.
func languageCaches() []cachingManager {
	return []cachingManager{
		{name: "pip", holds: anyHome(".cache/pip"), commands: []string{"pip", "pip3"}, verbs: []string{"install", "wheel", "download"}, flag: "--no-cache-dir", mount: "root/.cache/pip"},
		{name: "uv", holds: anyHome(".cache/uv"), commands: []string{"uv"}, verbs: []string{"sync", "install", "add"}, flag: "--no-cache", mount: "root/.cache/uv"},
		homeCache("Poetry", []string{"poetry"}, []string{"install", "sync", "add", "update", "lock"}, ".cache/pypoetry/cache", ".cache/pypoetry/artifacts"),
		homeCache("pipenv", []string{"pipenv"}, []string{"install", "sync", "lock", "update"}, ".cache/pipenv"),
		homeCache("PDM", []string{"pdm"}, []string{"install", "sync", "add", "update", "lock"}, ".cache/pdm"),
		{name: "npm", holds: anyHome(".npm/_cacache"), commands: []string{"npm"}, verbs: []string{"install", "ci", "i"}, clean: "npm cache clean --force", mount: "root/.npm"},
		{name: "yarn", holds: func(at string) bool { return anyHome(".cache/yarn")(at) || inside("usr/local/share/.cache")(at) },
			commands: []string{"yarn"}, verbs: []string{"install", ""}, clean: "yarn cache clean", mount: "usr/local/share/.cache/yarn"},
		reused(homeCache("pnpm", []string{"pnpm", "pnpx"}, []string{"install", "i", "add", "fetch", "deploy"}, ".local/share/pnpm/store", ".pnpm-store", ".cache/pnpm")),
		homeCache("Bun", []string{"bun"}, []string{"install", "i", "add", "ci"}, ".bun/install/cache"),
		homeCache("Composer", []string{"composer"}, []string{"install", "update", "require", "create-project"}, ".composer/cache", ".cache/composer"),
		{name: "RubyGems", holds: gemArchive, commands: []string{"gem", "bundle", "bundler"}, verbs: []string{"install", "update", ""},
			root: path.Dir, glob: "/*.gem"},
		{name: "Go", holds: anyHome("go/pkg/mod", ".cache/go-build"), commands: []string{"go"}, verbs: []string{"build", "install", "get", "mod", "test", "generate"},
			clean: "go clean -cache -modcache", root: rootIn("go/pkg/mod", ".cache/go-build"), reused: true},
		reused(homeCache("Cargo", []string{"cargo"}, []string{"build", "install", "fetch", "test", "chef"}, ".cargo/registry", ".cargo/git", "usr/local/cargo/registry", "usr/local/cargo/git")),
		reused(homeCache("Maven", []string{"mvn", "mvnw", "mvnd"}, nil, ".m2/repository")),
		reused(homeCache("Gradle", []string{"gradle", "gradlew"}, nil, ".gradle/caches", ".gradle/wrapper/dists")),
		{name: "conda", holds: func(at string) bool {
			return strings.Contains("/"+at, "conda/pkgs/") || strings.Contains("/"+at, "conda3/pkgs/") || strings.Contains("/"+at, "mamba/pkgs/") || anyHome("miniforge3/pkgs")(at)
		}, commands: []string{"conda", "mamba", "micromamba"}, verbs: []string{"install", "create", "update", "env"}, clean: "%s clean -afy"},
	}
}

// homeCache is a package manager without a command or a flag that keeps the cache
// out of an image.
func homeCache(name string, commands, verbs []string, folders ...string) cachingManager {
	return cachingManager{name: name, holds: anyHome(folders...), commands: commands, verbs: verbs, root: rootIn(folders...)}
}

func reused(m cachingManager) cachingManager {
	m.reused = true
	return m
}

// gemArchive says that a path is the archive of an installed gem, GEM_HOME/cache;
// vendor/cache is what bundle install --local installs from.
// https://guides.rubygems.org/command-reference/
func gemArchive(at string) bool {
	dir := path.Dir(at)
	return path.Ext(at) == ".gem" && path.Base(dir) == "cache" && path.Base(path.Dir(dir)) != "vendor"
}

// rootIn finds the folder, one of some at any depth, that has a path.
func rootIn(folders ...string) func(at string) string {
	return func(at string) string {
		for _, d := range folders {
			if n := strings.Index("/"+at, "/"+d+"/"); n >= 0 {
				return at[:n+len(d)]
			}
		}
		return ""
	}
}

// roots are the folders of the cache in which items are.
func (m *cachingManager) roots(p *analysis.Pass, items []int) (out []string) {
	if m.root == nil {
		return nil
	}
	for _, i := range items {
		if root := m.root(p.Ledger.Items[i].Path); root != "" && !slices.Contains(out, root) {
			out = append(out, root)
		}
	}
	slices.Sort(out)
	return out
}

// startedBy says that the image may start one of the programs.
func startedBy(p *analysis.Pass, programs []string) bool {
	named := p.StartPrograms()
	return slices.ContainsFunc(programs, func(name string) bool { return named[name] })
}

// linkedInto says that a symbolic link outside of the paths leads to one of them,
// as node_modules does to pnpm's global store.
func linkedInto(p *analysis.Pass, holds func(at string) bool) bool {
	for _, n := range p.Ledger.Tree.Nodes {
		if n.Entry < 0 || holds(n.Path) {
			continue
		}
		e := &p.Indexes[n.Layer].Entries[n.Entry]
		if e.Kind == whittle.Symlink && holds(whittle.Join(path.Dir(n.Path), e.Link)+"/") {
			return true
		}
	}
	return false
}
