package deps

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python/source"
)

// image is what a Dockerfile says of the image that it makes: what it installs,
// copies and starts.
type image struct {
	name string
	file *dockerfile.File
	// installs are the names of distributions that its commands install, extras
	// those of the project that they name, "*" all.
	installs []string
	extras   map[string]bool
	// base says why it is not known what is installed in the base image, empty
	// where that is Python alone.
	base string
	// minor is the version of Python 3 of the image that it makes, 0 where that
	// is not known.
	minor int
	// copies are the folders of the project whose content it copies.
	copies []string
	// develops says that it is for development, groups that it installs the
	// groups for development.
	develops, groups bool
	text             string
}

// readImages reads the Dockerfiles.
func readImages(t *tree) {
	slices.Sort(t.folder.dockerfiles)
	for _, name := range t.folder.dockerfiles {
		b, err := fs.ReadFile(t.fsys, name)
		if err != nil {
			continue
		}
		r := &image{name: name, extras: map[string]bool{}, text: string(b)}
		r.develops = anyOf(words(name), []string{"dev", "develop", "development", "test", "tests", "testing", "ci", "docs", "devcontainer", "local", "bench", "build", "example", "examples"})
		r.readExtras(b)
		t.images = append(t.images, r)
		if r.file, err = dockerfile.Parse(name, b); err != nil || len(r.file.Stages) == 0 {
			r.file = nil
			continue
		}
		for i := range r.file.Stages {
			for j := range r.file.Stages[i].Instructions {
				r.instruction(t, &r.file.Stages[i].Instructions[j])
			}
		}
		r.readBase()
	}
}

// namedExtras are those in brackets: pip install ".[dashboard,reports]".
var namedExtras = regexp.MustCompile(`[\w.'"]\[([A-Za-z0-9._, -]+)\]|--(?:extra|group|only-group|with)s?[= ]+["']?([A-Za-z0-9._, -]+)|--all-extras`)

func (r *image) readExtras(b []byte) {
	for _, m := range namedExtras.FindAllSubmatch(b, -1) {
		for _, extra := range strings.FieldsFunc(string(m[1])+","+string(m[2]), func(r rune) bool { return r == ',' || r == ' ' }) {
			r.extras[pep.Normalize(extra)] = true
		}
		if m[1] == nil && m[2] == nil {
			r.extras["*"] = true
		}
	}
}

// plainBase are the base images without distributions that an application
// would use.
var plainBase = regexp.MustCompile(`(?i)(^|/)(python|debian|ubuntu|alpine|scratch|busybox|buildpack-deps|uv|bitnami/python|chainguard/python|distroless/[\w-]+|cgr\.dev/[\w/-]+|pypy|fedora|centos|rockylinux|almalinux|amazonlinux)(:|@|$)`)

var pythonTag = regexp.MustCompile(`(?:^|/)python:3\.(\d+)`)

// readBase asks what the last stage and those before it build on.
func (r *image) readBase() {
	last := &r.file.Stages[len(r.file.Stages)-1]
	for seen := 0; last.From != nil && seen < len(r.file.Stages); seen++ {
		last = &r.file.Stages[*last.From]
	}
	base := last.BaseResolved
	if base == "" {
		base = last.Base
	}
	if m := pythonTag.FindStringSubmatch(base); m != nil {
		r.minor, _ = strconv.Atoi(m[1])
	}
	if !r.develops && !plainBase.MatchString(base) {
		r.base = fmt.Sprintf("%s builds on %s: what that has is not known", r.name, base)
	}
}

func (r *image) instruction(t *tree, in *dockerfile.Instruction) {
	switch in.Keyword {
	case "COPY", "ADD":
		if len(in.Flag("from")) > 0 || len(in.Args) < 2 {
			return
		}
		for _, a := range in.Args[:len(in.Args)-1] {
			for _, dir := range []string{path.Clean(a.Value), path.Join(path.Dir(r.name), a.Value)} {
				if dir = strings.TrimPrefix(strings.TrimSuffix(dir, "/*"), "/"); t.folder.dirs[dir] && !slices.Contains(r.copies, dir) {
					r.copies = append(r.copies, dir)
				}
			}
		}
	case "RUN":
		script, err := in.Shell()
		if err != nil {
			return
		}
		for _, c := range script.Commands() {
			r.command(&c)
			r.groups = r.groups || bringsGroups(&c) && !strings.Contains(r.text, "UV_NO_DEV")
		}
	}
}

// bringsGroups says that a command installs a project with its groups for
// development, as "uv sync", "poetry install" and "pdm install" do unless they
// are told not to, or a requirements file of that kind.
func bringsGroups(c *dockerfile.Command) bool {
	var text string
	for _, w := range c.Words {
		text += " " + w.Value
	}
	without := func(options ...string) bool {
		return !slices.ContainsFunc(c.Words, func(w dockerfile.Word) bool {
			name, _, _ := strings.Cut(w.Value, "=")
			return slices.Contains(options, name)
		})
	}
	switch {
	case strings.Contains(text, " uv sync"):
		return without("--no-dev", "--no-default-groups", "--only-group", "--no-group")
	case strings.Contains(text, " poetry install"), strings.Contains(text, " poetry sync"):
		return without("--only", "--without", "--no-dev", "--only-root")
	case strings.Contains(text, " pdm install"), strings.Contains(text, " pdm sync"):
		return without("--prod", "--production", "--no-dev")
	case strings.Contains(text, " pipenv install"), strings.Contains(text, " pipenv sync"):
		return !without("--dev", "-d")
	}
	return false
}

// namedRequirement begins with a name; valueOption are options of pip with a
// value that is no requirement.
var (
	namedRequirement = regexp.MustCompile(`^["']?([A-Za-z0-9][A-Za-z0-9._-]*)(\[[\w,-]*\])?\s*(@|[=<>~!]=?).*\$`)
	valueOption      = regexp.MustCompile(`^(-i|-f|-t|-c|-p|--(index-url|extra-index-url|find-links|trusted-host|target|prefix|root|constraint|python|cert|proxy|timeout|retries|cache-dir))$`)
)

var pipWord = regexp.MustCompile(`(^|[ /])(pip[0-9.]*|uv|pipenv|poetry)( |$)`)

// command notes what pip, uv, poetry and the managers of packages install.
func (r *image) command(c *dockerfile.Command) {
	words := make([]string, len(c.Words))
	for i, w := range c.Words {
		words[i] = w.Value
		if m := namedRequirement.FindStringSubmatch(w.Text); !w.Literal && m != nil {
			words[i] = m[1] // "gunicorn==$VERSION"
		}
	}
	at := slices.IndexFunc(words, func(w string) bool { return w == "install" || w == "add" })
	if at < 1 {
		return
	}
	pip := !r.develops && pipWord.MatchString(strings.Join(words[:at], " "))
	for i, w := range words[at+1:] {
		if text := c.Words[at+1+i].Text; strings.HasPrefix(strings.Trim(text, `"'`), "$") && pip && !valueOption.MatchString(words[at+i]) && !strings.HasSuffix(strings.Trim(text, `"'`), ".txt") {
			r.base = fmt.Sprintf("%s installs %s: what that is is not known", r.name, text)
			continue
		}
		if rest, ok := strings.CutPrefix(w, "python3-"); ok { // apt-get, apk
			r.installs = append(r.installs, pep.Normalize(rest))
			continue
		}
		if strings.HasPrefix(w, "-") || strings.ContainsAny(w, "/") || strings.HasSuffix(w, ".txt") {
			continue
		}
		if q, err := pep.ParseRequirement(strings.ReplaceAll(w, "$", "")); err == nil {
			r.installs = append(r.installs, q.Name)
		}
	}
}

// copied are the folders whose content images have.
func (t *tree) copied() []string {
	var out []string
	for _, r := range t.images {
		out = append(out, r.copies...)
	}
	return out
}

// starts adds what the last stage starts, as far as it is a file or a module of
// the project.
func (r *image) starts(t *tree) {
	if r.file == nil || r.develops {
		return
	}
	dir := path.Dir(r.name)
	for _, in := range r.file.Stages[len(r.file.Stages)-1].Instructions {
		if in.Keyword != "CMD" && in.Keyword != "ENTRYPOINT" {
			continue
		}
		script, err := in.Shell()
		if err != nil {
			continue
		}
		what := fmt.Sprintf("%s of %s", in.Keyword, r.name)
		for _, c := range script.Commands() {
			for i, w := range c.Words {
				switch {
				case strings.HasSuffix(w.Value, ".py"):
					r.startFile(t, w.Value, what)
				case i > 0 && c.Words[i-1].Value == "-m" && t.folder.has(append(t.searchPath(dir), r.copies...), w.Value):
					t.start(dir, w.Value, what)
				case source.IsReference(w.Value):
					module, _, _ := strings.Cut(w.Value, ":")
					if t.folder.has(append(t.searchPath(dir), r.copies...), source.Top(module)) {
						t.start(dir, module, what)
					}
				}
			}
		}
	}
}

// startFile starts a file by its path in the image: the project's file with the
// longest end of it.
func (r *image) startFile(t *tree, name, what string) {
	for rest := strings.TrimPrefix(path.Clean(name), "/"); ; {
		for _, dir := range append([]string{".", path.Dir(r.name)}, r.copies...) {
			if p := path.Join(dir, rest); t.sources[p] != nil {
				t.reach(p, route{steps: []string{what}})
				return
			}
		}
		_, after, ok := strings.Cut(rest, "/")
		if !ok {
			return
		}
		rest = after
	}
}
