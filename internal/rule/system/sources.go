package system

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

// InstalledSources is the rule installed-sources: sources that were built and
// installed are still in the image.
func InstalledSources() analysis.Rule {
	return analysis.Rule{
		ID:    "installed-sources",
		Title: "Sources that were built and installed are still in the image",
		Text: `make install and the like copy to /usr/local what runs. The sources, and the object files beside them, are not needed any more, and often
larger than what was installed. Delete them in the RUN that builds, or build in a stage of its own. A folder is reported if the RUN
that brings it (git clone, tar) also builds and installs from it. There is a fix if no later instruction, start or link and no file of the
project leads into it.`,
		Before: "RUN git clone --depth 1 https://example.org/tool.git /src && make -C /src install\n",
		After:  "RUN git clone --depth 1 https://example.org/tool.git /src && make -C /src install && rm -rf /src\n",
		Run:    installedSources,
	}
}

func installedSources(p *analysis.Pass) []whittle.Finding {
	if p.Ledger == nil {
		return nil
	}
	var out []whittle.Finding
	for in, layer := range p.Recipe.Runs() {
		for _, d := range sourceFolders(p, in, layer) {
			if f, ok := sourcesLeft(&d); ok {
				out = append(out, f)
			}
		}
	}
	return out
}

// maxFolders bounds the folders of one RUN that are looked for in its layer.
const maxFolders = 20

// sourceFolders are the folders that a RUN brings, in which it installs.
func sourceFolders(p *analysis.Pass, in *dockerfile.Instruction, layer int) (out []leftFolder) {
	commands, ok := p.Commands(in)
	if !ok {
		return nil
	}
	var found []recipe.Fetch
	for _, c := range recipe.AllClones(commands) {
		found = append(found, c.Fetch)
	}
	unpacked := false
	for i, c := range commands {
		unpacked = unpacked || c.Unpacks()
		// The folder in an archive is known by the cd into it.
		if c.Name() == "cd" && unpacked && len(c.Words) == 2 && len(found) < maxFolders {
			if pattern, ok := c.Path(c.Words[1]); ok {
				found = append(found, recipe.Fetch{Located: commands[i], Text: strings.TrimSuffix(c.Words[1].Text, "/"), Pattern: pattern})
			}
		}
	}
	for _, f := range found {
		at, ok := newFolder(p, layer, f.Pattern)
		d := leftFolder{p, in, layer, at, f}
		if ok && d.installs(commands) && !slices.ContainsFunc(out, func(o leftFolder) bool { return whittle.Under(at, o.at) }) {
			out = append(out, d)
		}
	}
	return out
}

// newFolder is the one folder that a pattern names and that is new in a layer.
func newFolder(p *analysis.Pass, layer int, pattern string) (at string, ok bool) {
	if pattern == "" || !strings.Contains(pattern, "/") && slices.Contains([]string{"app", "usr", "opt", "var", "srv", "home", "root", "etc", "tmp"}, pattern) {
		return "", false
	}
	n := 0
	for name, e := range p.Layers.Entries(layer) {
		if match, _ := path.Match(pattern, name); match && e.Kind == whittle.Dir {
			at = name
			n++
		}
	}
	return at, n == 1 && !p.Layers.HasElsewhere(at, layer, layer)
}

// installs says that a command installs from the folder: the folder is where it
// runs, or one of its words.
func (d *leftFolder) installs(commands []recipe.Located) bool {
	inside := false
	for _, c := range commands {
		if c.Name() == "cd" && len(c.Words) == 2 {
			pattern, ok := c.Path(c.Words[1])
			match, _ := path.Match(pattern, d.at)
			inside = ok && (match || whittle.Under(pattern, d.at)) || !ok && inside
		}
		if !installsSources(c.RunCommand) {
			continue
		}
		if inside || c.Known && whittle.Under(c.Dir, d.at) || slices.ContainsFunc(c.Words, func(w dockerfile.Word) bool {
			pattern, ok := c.Path(w)
			match, _ := path.Match(pattern, d.at)
			return ok && (match || whittle.Under(pattern, d.at))
		}) {
			return true
		}
	}
	return false
}

// installsSources says that a command installs what was built from sources.
func installsSources(c recipe.RunCommand) bool {
	has := func(word string) bool {
		return slices.ContainsFunc(c.Words, func(w dockerfile.Word) bool { return w.Value == word })
	}
	switch c.Name() {
	case "make", "ninja", "meson", "gmake":
		return has("install") || has("install/strip")
	case "cmake":
		return has("--install") || has("install")
	case "python", "python3":
		return has("setup.py") && has("install")
	case "cargo":
		return has("install") && has("--path")
	}
	return false
}

// sourcesLeft reports a folder of sources.
func sourcesLeft(d *leftFolder) (f whittle.Finding, ok bool) {
	p := d.p
	items := d.items("")
	if p.Layers.Bytes(items) < analysis.MinBytes || d.started() || d.linked() || d.kept() || !d.installed() {
		return f, false
	}
	f = whittle.Finding{
		Message:  fmt.Sprintf("%s leaves the sources of what it installs: %s in %s of /%s", p.Recipe.LayerName(d.layer), whittle.Bytes(p.Layers.Bytes(items)), analysis.FileCount(len(items)), d.at),
		Evidence: p.Recipe.WithLine(p.Layers.Places(items), d.layer), Change: p.Layers.Removal(items), Risk: whittle.RiskMedium,
		Caution:     "what was installed may read files of its sources",
		Advice:      "delete them in the RUN that builds, or build in a stage of its own and copy what it installs",
		Fingerprint: whittle.Fingerprint("installed-sources", p.Recipe.LayerText(d.layer), d.at),
	}
	if d.usedLater() {
		return f, true
	}
	if command, ok := d.delete(""); ok {
		if edit, ok := appended(p, d.in, []piece{{text: command}}); ok {
			f.Fix, _ = p.Recipe.Fix("append "+command, []whittle.Edit{edit})
		}
	}
	return f, true
}

// sourcesGo says that a fix deletes the whole folder.
func sourcesGo(p *analysis.Pass, d *leftFolder) bool {
	return slices.ContainsFunc(sourceFolders(p, d.in, d.layer), func(o leftFolder) bool {
		if o.at != d.at {
			return false
		}
		f, ok := sourcesLeft(&o)
		return ok && f.Fix != nil
	})
}

// started says that the image starts in the folder, or starts something in it.
func (d *leftFolder) started() bool {
	if d.p.Config == nil {
		return true
	}
	c := &d.p.Config.Config
	if whittle.Under(strings.TrimPrefix(c.WorkingDir, "/"), d.at) && c.WorkingDir != "" {
		return true
	}
	return slices.ContainsFunc(slices.Concat(c.Entrypoint, c.Cmd, c.Env), func(w string) bool { return strings.Contains(w, "/"+d.at) })
}

// installed says that the layer has programs or libraries outside of the folder.
func (d *leftFolder) installed() bool {
	return slices.ContainsFunc(d.p.Ledger.Items, func(it whittle.Item) bool {
		return it.Layer == d.layer && !whittle.Under(it.Path, d.at) &&
			slices.ContainsFunc(strings.Split(path.Dir(it.Path), "/"), func(dir string) bool {
				return dir == "bin" || dir == "sbin" || dir == "lib" || dir == "lib64" || dir == "libexec"
			})
	})
}

// linked says that a link leads into the folder, or out of it.
func (d *leftFolder) linked() bool {
	for _, x := range d.p.Indexes {
		for i := range x.Entries {
			e := &x.Entries[i]
			if e.Kind == whittle.Symlink && !whittle.Under(e.Path, d.at) && whittle.Under(whittle.Join(path.Dir(e.Path), e.Link), d.at) ||
				e.Kind == whittle.HardLink && whittle.Under(e.Path, d.at) != whittle.Under(e.Link, d.at) {
				return true
			}
		}
	}
	return false
}

// kept says that a command of the RUN may make something depend on the folder.
func (d *leftFolder) kept() bool {
	commands, ok := d.p.Commands(d.in)
	return !ok || slices.ContainsFunc(commands, d.keeps)
}

// keeps says that a command of the folder's RUN may make something depend on it:
// an installation in place, a link, or a place to install to.
func (d *leftFolder) keeps(c recipe.Located) bool {
	switch c.Name() {
	case "ln", "npm", "yarn", "pip", "pip3", "poetry", "uv", "export":
		return true
	case "git", "cd", "tar", "make", "ninja", "gmake", "rm", "curl", "wget", "unzip", "chmod", "chown", "mkdir", "":
		return slices.ContainsFunc(c.Words, func(w dockerfile.Word) bool { return asksFolder(w.Text) || strings.Contains(w.Text, "DESTDIR") })
	}
	return slices.ContainsFunc(c.Words, func(w dockerfile.Word) bool {
		pattern, _, _ := recipe.Pattern(w)
		return asksFolder(w.Text) || w.Value == "develop" || strings.Contains(w.Text, "=") && strings.Contains("/"+pattern, "/"+d.at) || strings.HasPrefix(w.Value, "--prefix=.")
	})
}

// asksFolder says that a word has the folder in which the command runs.
func asksFolder(text string) bool {
	return strings.Contains(text, "PWD") || strings.Contains(text, "pwd")
}
