package toolmodel

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/distro"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/dockerfile/ignore"
	"whittle.dev/whittle/internal/ledger"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/patch"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/rule"
	"whittle.dev/whittle/internal/rule/analysis"
)

// index is what a layer's tar would list.
func (l *layer) index() *whittle.Index {
	x := &whittle.Index{Hashed: true, Verified: true, Kept: map[int][]byte{}, KeptBy: "toolmodel"}
	add := func(e whittle.Entry) { x.Entries = append(x.Entries, e) }
	for _, at := range slices.Sorted(maps.Keys(l.before)) {
		if _, ok := l.after[at]; !ok && (parent(at) == "" || l.after.isDir(parent(at))) {
			add(whittle.Entry{Path: at, Kind: whittle.Whiteout})
		}
	}
	for _, at := range slices.Sorted(maps.Keys(l.after)) {
		n := l.after[at]
		if was, ok := l.before[at]; ok && was == n {
			continue
		}
		e := whittle.Entry{Path: at, Mode: n.mode, UID: uint32(n.uid), GID: uint32(n.gid), ModTime: 1700000000e9}
		switch n.kind {
		case 'd':
			e.Kind = whittle.Dir
		case 'l':
			e.Kind, e.Link = whittle.Symlink, n.data
		default:
			e.Kind, e.Size, e.Content = whittle.File, n.size, sha256.Sum256([]byte(n.data))
			x.Size += n.size
			x.Kept[len(x.Entries)] = []byte(n.data)
		}
		add(e)
	}
	x.TarSize = x.Size
	x.DiffID = whittle.SHA256(sha256.Sum256(fmt.Appendf(nil, "%v", x.Entries)))
	return x
}

// image is the merged root of a built stage.
type image struct {
	indexes []*whittle.Index
	ledger  *whittle.Ledger
	paths   []string
	nodes   map[string]whittle.Node
}

func (r *image) Paths() []string { return r.paths }

func (r *image) Lstat(at string) (whittle.Entry, error) {
	n, ok := r.nodes[at]
	switch {
	case !ok:
		return whittle.Entry{}, fmt.Errorf("%s: %w", at, fs.ErrNotExist)
	case n.Entry < 0:
		return whittle.Entry{Path: at, Kind: whittle.Dir, Mode: 0o755}, nil
	}
	return r.indexes[n.Layer].Entries[n.Entry], nil
}

func (r *image) ReadFile(at string, limit int64) ([]byte, error) {
	n, ok := r.nodes[at]
	if !ok || n.Item < 0 {
		return nil, fmt.Errorf("%s: %w", at, fs.ErrNotExist)
	}
	it := r.ledger.Items[n.Item]
	b := r.indexes[it.Layer].Kept[it.Entry]
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s: %w", at, whittle.ErrLimit)
	}
	return b, nil
}

// facts are what whittle would read of a built image and its project.
func (r *result) facts(t testing.TB, src []byte, ctx files) (*analysis.Facts, error) {
	f, err := dockerfile.Parse("Dockerfile", src)
	if err != nil {
		return nil, err
	}
	var steps []whittle.Step
	img := &image{nodes: map[string]whittle.Node{}}
	var family []*built
	for b := r.last(); b != nil; b = b.parent {
		family = append([]*built{b}, family...)
	}
	before := files{}
	for i, after := range family[0].base.layers {
		img.indexes = append(img.indexes, (&layer{before: before, after: after}).index())
		steps = append(steps, whittle.Step{CreatedBy: fmt.Sprintf("base %d", i), Layer: i})
		before = after
	}
	if len(img.indexes) == 0 && len(family[0].layers) == 0 {
		return nil, fmt.Errorf("the image has no layer")
	}
	for _, b := range family {
		k := slices.Index(r.stages, b)
		if k < 0 || k >= len(f.Stages) {
			return nil, fmt.Errorf("stages differ")
		}
		byCommand := map[int]layer{}
		for _, l := range b.layers {
			byCommand[l.command] = l
		}
		for i := range f.Stages[k].Instructions {
			in := &f.Stages[k].Instructions[i]
			st := whittle.Step{CreatedBy: in.Text(), Layer: -1, Origin: &whittle.Origin{File: "Dockerfile", Line: in.Line, EndLine: in.EndLine, Stage: f.Stages[k].Label(), Instruction: in.Keyword, Span: in.Span}}
			if l, ok := byCommand[i]; ok {
				st.Layer = len(img.indexes)
				img.indexes = append(img.indexes, l.index())
			}
			steps = append(steps, st)
		}
	}
	if img.ledger, err = ledger.Build(img.indexes, ledger.Options{}); err != nil {
		return nil, err
	}
	for _, n := range img.ledger.Tree.Nodes {
		img.paths = append(img.paths, n.Path)
		img.nodes[n.Path] = n
	}
	c := r.last().config
	conf := &whittle.Config{OS: "linux", Architecture: "amd64", Config: whittle.Process{User: c.user, Entrypoint: c.entrypoint, Cmd: c.cmd, WorkingDir: c.dir}}
	if c.healthcheck != nil {
		conf.Config.Healthcheck = &whittle.Healthcheck{Test: c.healthcheck}
	}
	for _, k := range slices.Sorted(maps.Keys(c.env)) {
		conf.Config.Env = append(conf.Config.Env, k+"="+c.env[k])
	}
	p := &analysis.Facts{Config: conf, Indexes: img.indexes, Ledger: img.ledger, Root: img, Steps: steps, Dockerfile: f.With(nil), Files: contextFS(ctx)}
	if p.Ignore, err = ignore.Parse(".dockerignore", nil); err != nil {
		return nil, err
	}
	packages, _ := distro.Read(t.Context(), img)
	p.Packages = packages
	more, _ := python.Claims(t.Context(), img)
	a := ledger.Attribute(img.ledger, img.indexes, conf, steps, append(distro.Claims(packages), more...))
	for i := range img.ledger.Items {
		p.Owner = append(p.Owner, a.Owners[a.Owner[i]])
		p.Category = append(p.Category, a.Category[i].String())
	}
	if p.Declared, err = manifest.ReadDeclared(p.Files); err != nil {
		p.Declared = nil
	}
	var wanted []pep.Requirement
	if p.Declared != nil {
		for _, d := range p.Declared.Dependencies {
			if d.Kind <= manifest.Optional {
				wanted = append(wanted, d.Requirement)
			}
		}
	}
	p.Libraries = func(string) []string { return nil } // no binary of the model loads any
	dists, _ := python.Distributions(t.Context(), img)
	p.Graph = python.NewGraph(dists, python.Interpreter{Series: "3.13", Version: "3.13.5", Implementation: "cpython"}.Environment("x86_64"), wanted)
	return p, nil
}

// contextFS is the build context as whittle reads it.
func contextFS(ctx files) fs.FS {
	out := fstest.MapFS{}
	for at, n := range ctx {
		if n.kind == 'f' {
			out[at] = &fstest.MapFile{Data: []byte(n.data), Mode: fs.FileMode(n.mode)}
		}
	}
	return out
}

// verdict is what is wrong with a fix; empty for nothing.
type verdict struct {
	rule, title string
	risk        whittle.Risk
	broken      []string
	fixed       []byte
}

// bookkeeping are files that differ whenever something else was installed.
func bookkeeping(at string) bool {
	for _, dir := range []string{"var/lib/dpkg", "var/lib/apt", "var/log", "var/cache", "lib/apk", "etc/apk/world", "etc/apk/cache"} {
		if under(at, dir) {
			return true
		}
	}
	return strings.HasSuffix(at, "/RECORD")
}

// trial is one Dockerfile with its context.
type trial struct {
	src     []byte
	context files
	assumed map[string]bool
	before  *result
}

// try builds a Dockerfile, taking to be there what it certainly needs: the
// world that it was written for.
func try(src []byte, ctx files) *trial {
	tr := &trial{src: src, context: ctx, assumed: map[string]bool{}}
	for range 40 {
		tr.before = buildFile(src, cloneFiles(ctx), tr.assumed)
		if tr.before.err == nil {
			return tr
		}
		more := false
		for _, w := range tr.before.wants {
			if !tr.assumed[w] {
				tr.assumed[w] = true
				more = true
				if name, ok := strings.CutPrefix(w, "mode "); ok {
					for at, n := range ctx {
						if path.Base(at) == name {
							n.mode = 0o755
							ctx[at] = n
						}
					}
				}
			}
		}
		if !more {
			return tr
		}
	}
	return tr
}

// judge tries each fix alone and all of a risk together.
func (tr *trial) judge(t testing.TB) (out []verdict, found []whittle.Finding, err error) {
	p, err := tr.before.facts(t, tr.src, tr.context)
	if err != nil {
		return nil, nil, err
	}
	if found, err = rule.Find(t.Context(), p, nil); err != nil {
		return nil, nil, err
	}
	var sets []*whittle.Fix
	gone := map[string]bool{}
	for i := range found {
		f := &found[i]
		if f.Fix == nil {
			continue
		}
		mine := changed(p, f)
		if f.Rule == "package-manager-cache" {
			for i := range found { // a command that empties a cache empties all of it
				if other := &found[i]; other.Rule == f.Rule {
					for at := range changed(p, other) {
						mine[at] = mine[at] || false
					}
				}
			}
		}
		for _, pt := range f.Fix.Patches {
			if pt.File != "Dockerfile" {
				continue
			}
			fixed, err := dockerfile.Apply(tr.src, pt.Edits)
			v := verdict{rule: f.Rule, title: f.Fix.Title, risk: f.Risk, fixed: fixed}
			if err != nil {
				v.broken = []string{"the fix cannot be applied: " + err.Error()}
			} else {
				v.broken = tr.compare(fixed, mine)
			}
			out = append(out, v)
			if f.Risk.AtMost(whittle.RiskLow) {
				sets = append(sets, &whittle.Fix{Patches: []whittle.Patch{pt}})
				maps.Copy(gone, mine)
			}
		}
	}
	if len(sets) > 1 {
		v := verdict{rule: "together", risk: whittle.RiskLow}
		changed, _, err := patch.Merge(map[string][]byte{"Dockerfile": tr.src}, []string{"Dockerfile"}, sets)
		if err != nil {
			v.broken = []string{"the fixes cannot be merged: " + err.Error()}
		} else {
			v.fixed = changed["Dockerfile"]
			v.broken = tr.compare(v.fixed, gone)
		}
		out = append(out, v)
	}
	return out, found, nil
}

// changed are the paths whose content a finding says would go or shrink; the
// value says that it goes for certain.
func changed(p *analysis.Facts, f *whittle.Finding) map[string]bool {
	out := map[string]bool{}
	for _, c := range f.Change.Shrink {
		out[p.Indexes[c.Layer].Entries[c.Entry].Path] = false
	}
	for _, c := range f.Change.Remove {
		out[p.Indexes[c.Layer].Entries[c.Entry].Path] = true
	}
	return out
}

// compare builds a fixed Dockerfile: what is other than before, and was not
// said, is listed.
func (tr *trial) compare(fixed []byte, said map[string]bool) (broken []string) {
	after := buildFile(fixed, cloneFiles(tr.context), tr.assumed)
	if after.err != nil {
		return []string{fmt.Sprintf("fails: line %d: %v: %s", after.line, after.err, lastLine(after.stderr))}
	}
	old, now := tr.before.last().machine.fs, after.last().machine.fs
	usedDirs := func(f files) map[string]bool {
		out := map[string]bool{}
		for at, n := range f {
			if n.kind != 'd' {
				for d := parent(at); d != ""; d = parent(d) {
					out[d] = true
				}
			}
		}
		return out
	}
	oldUsed, nowUsed := usedDirs(old), usedDirs(now)
	for _, at := range slices.Sorted(maps.Keys(old)) {
		was, is := old[at], now[at]
		_, there := now[at]
		_, expected := said[at]
		switch {
		case bookkeeping(at) && !expected:
		case !there && was.kind == 'd' && !oldUsed[at], !there && was.kind == 'd' && !nowUsed[at] && oldUsed[at]:
		case !there && !expected:
			broken = append(broken, "gone: "+at)
		case !there:
		case was.kind != 'd' && (was.data != is.data || was.kind != is.kind) && !expected:
			broken = append(broken, "other content: "+at)
		case was.mode != is.mode && (was.kind != 'd' || oldUsed[at]):
			broken = append(broken, fmt.Sprintf("mode of %s: %o became %o", at, was.mode, is.mode))
		case (was.uid != is.uid || was.gid != is.gid) && (was.kind != 'd' || oldUsed[at]):
			broken = append(broken, fmt.Sprintf("owner of %s: %d:%d became %d:%d", at, was.uid, was.gid, is.uid, is.gid))
		}
	}
	for _, at := range slices.Sorted(maps.Keys(now)) {
		if _, ok := old[at]; !ok && !bookkeeping(at) && now[at].kind != 'd' {
			broken = append(broken, "new: "+at)
		}
	}
	broken = append(broken, differences(tr.before.events, after.events)...)
	before := setTwice(tr.src)
	return append(broken, slices.DeleteFunc(setTwice(fixed), func(s string) bool { return slices.Contains(before, s) })...)
}

// setTwice are the variables that a stage sets to a value which it has from a stage
// that it builds on.
func setTwice(src []byte) (out []string) {
	f, err := dockerfile.Parse("Dockerfile", src)
	if err != nil {
		return nil
	}
	for i := range f.Stages {
		had := map[string]bool{}
		for _, a := range f.Ancestry(&f.Stages[i]) {
			for _, in := range f.Stages[a].Instructions {
				for _, arg := range in.Args {
					if in.Keyword != "ENV" {
						continue
					}
					if said := fmt.Sprintf("set twice: %s, in stage %d", arg.Value, i); a == i && had[arg.Value] {
						out = append(out, said)
					}
					had[arg.Value] = had[arg.Value] || a != i
				}
			}
		}
	}
	return out
}

// differences are events that only one build has.
func differences(old, now []string) (out []string) {
	count := map[string]int{}
	for _, e := range old {
		count[e]++
	}
	for _, e := range now {
		count[e]--
	}
	for _, e := range slices.Sorted(maps.Keys(count)) {
		switch {
		case count[e] > 0:
			out = append(out, "not done: "+e)
		case count[e] < 0:
			out = append(out, "done anew: "+e)
		}
	}
	return out
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// standardContext is a project that most Dockerfiles can be built in.
func standardContext() files {
	f := files{}
	for at, text := range map[string]string{
		"requirements.txt": "flask\nrequests==2.0\n", "package.json": `{"name":"app","dependencies":{"express":"4"}}`, "package-lock.json": "{}", "yarn.lock": "express@4\n",
		"main.py": "import flask\n", "app.py": "import flask\n", "setup.py": "from setuptools import setup\nsetup(name='app')\n", "pyproject.toml": "[project]\nname = \"app\"\nversion = \"1\"\ndependencies = [\"flask\"]\n", "uv.lock": "version = 1\n",
		"README.md": "# app\n", "Makefile": "all:\n\tcc main.c\n", "main.c": "int main(void){}\n", "main.js": "require('express')\n", "index.js": "1\n", "src/app.py": "import flask\n", "src/main.c": "int main(void){}\n", "src/sub/x.py": "1\n", "go.mod": "module app\n", "go.sum": "", "main.go": "package main\n",
		"docker-entrypoint.sh": "#!/bin/sh\nexec \"$@\"\n", "entrypoint.sh": "#!/bin/sh\nexec \"$@\"\n", "run.sh": "#!/bin/sh\ntrue\n", "a.sh": "#!/bin/sh\ntrue\n", "b.sh": "#!/bin/sh\ntrue\n", "scripts/run.sh": "#!/bin/sh\ntrue\n", "scripts/more.sh": "#!/bin/sh\ntrue\n",
		"install.sh": "#!/bin/sh\nset -e\napt-get install -y --no-install-recommends git\n", "environment.yml": "name: x\n", "Pipfile": "[packages]\nflask='*'\n", "Gemfile": "gem 'rails'\n", "Cargo.toml": "[package]\nname='app'\n",
	} {
		f.text(at, text)
	}
	f.blob(".git/objects/pack/p.pack", "history", 5*mega)
	f.blob("data/table.bin", "table", 4*mega)
	f.blob("dist/app.bin", "application", 3*mega)
	f.blob("dist/sub/lib.bin", "library", 2*mega)
	f.blob("wheels/flask-1.0-py3-none-any.whl", "<wheel flask>", 2*mega)
	f.blob("src/data.bin", "data", 2*mega)
	f.blob("src/sub/data.bin", "data of sub", 2*mega)
	f.blob("scripts/big.sh", "#!/bin/sh\ntrue # much\n", 300_000)
	f.blob("tool.bin", "tool", 3*mega)
	return f
}
