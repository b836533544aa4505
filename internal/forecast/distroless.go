package forecast

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/restage"
)

// DistrolessBase is a base of only Debian's Python and its dependencies: the
// closure of python3 in a suite's index.
type DistrolessBase struct {
	// Suite is Debian's ("trixie"), Python the version that it has ("3.13").
	Suite, Python string
	// Packages are the names of the closure, with Low, Bytes and High the size
	// of their files; Source is where those are from.
	Packages         []string
	Low, Bytes, High int64
	Source           string
}

// DistrolessPackages are the packages whose closure is a [DistrolessBase]: Python
// with its standard library, the minimum of a root file system, and the C++
// library, which wheels for Linux may expect and not contain (PEP 600).
func DistrolessPackages() []string {
	return []string{"python3", "base-files", "netbase", "tzdata", cxxLibrary}
}

const cxxLibrary = "libstdc++6"

// distroless is an image without a shell and a package manager.
func (a *account) distroless() (*whittle.Forecast, error) {
	const name = NameDistroless
	d := a.Distroless
	if d == nil {
		return nil, &noUse{name, "Debian's index was not read"}
	}
	f := &whittle.Forecast{Strategy: name, Title: "Debian's Python without a shell or a package manager, and a virtual environment"}
	s := sizes{f}
	s.between("Debian's packages", d.Low, d.Bytes, d.High, d.Source)
	// The list of certificate authorities is made when its package is installed.
	s.between("certificates and accounts", 200_000, 225_000, 260_000, "ca-certificates")
	if a.outline.Install != nil {
		a.addPackages(s, a.wanted())
		a.addChanges(s, true)
		a.addVenv(s)
	}
	a.addMade(s, func(st *restage.Step) bool { return st.In.Keyword == "RUN" })
	t := a.twoStage("No shell and no package manager: Debian's Python, what it links to, and the packages.")
	if a.outline.Install == nil {
		t.dest.venv = ""
	}
	want := pythonVersion(a)
	if want == "" {
		return f, fmt.Errorf("which Python the image has is not known")
	}
	if want != d.Python {
		f.Skipped = append(f.Skipped, fmt.Sprintf("Debian %s has Python %s, the image has %s", d.Suite, d.Python, want))
		return f, nil
	}
	if i := slices.IndexFunc(a.dists, func(in installed) bool { return !in.pure }); i >= 0 && !slices.Contains(d.Packages, cxxLibrary) {
		return f, fmt.Errorf("%s may need %s, which is not among Debian's packages", a.dists[i].name, cxxLibrary)
	}
	for _, w := range append([]string{d.Suite, d.Python}, d.Packages...) {
		if !restage.Plain(w) {
			return f, fmt.Errorf("the index of Debian names a package %.40q", w)
		}
	}
	text := &distrolessText{account: a, base: d}
	if err := text.prepare(t); err != nil {
		return f, err
	}
	return a.finish(f, func() (string, error) { return text.text(t) }, t.dest)
}

// pythonVersion is the interpreter's, "3.13", empty where it is not known.
func pythonVersion(a *account) string {
	if m := restage.OfficialPython.FindStringSubmatch(a.outline.Final.BaseResolved); m != nil {
		parts := strings.SplitN(m[1], ".", 3)
		return parts[0] + "." + parts[1]
	}
	if v, ok := strings.CutPrefix(path.Base(path.Dir(a.site)), "python"); ok {
		return v
	}
	return ""
}

// distrolessText writes the Dockerfile: instructions that need a shell run in a
// stage that makes the root file system.
type distrolessText struct {
	*account
	base *DistrolessBase
	// system are instructions for that stage.
	system []string
}

const systemStage = "system"

// prepare sorts the final stage's instructions into those of the image and
// those of the stage that makes its root.
func (d *distrolessText) prepare(t *twoStage) error {
	t.final, t.elsewhere = "FROM scratch", true
	if name := d.outline.Final.Name; name != "" {
		t.final += " AS " + name
	}
	t.start = []string{"COPY --from=" + d.outline.FreeName(systemStage) + " /rootfs /", "ENV LANG=C.UTF-8"}
	texts := map[*dockerfile.Instruction]string{}
	for i := range d.outline.Runtime {
		s := &d.outline.Runtime[i]
		if s.Role != recipe.Keeps {
			continue
		}
		text, err := d.instruction(s, restage.Workdir(d.outline.Runtime[:i]))
		if err != nil {
			return fmt.Errorf("%s: %w", t.Outline.At(s.In), err)
		}
		texts[s.In] = text
	}
	t.run = func(s *restage.Step) (string, error) { return texts[s.In], nil }
	return nil
}

// instruction is one of the final stage's, without a shell.
func (d *distrolessText) instruction(s *restage.Step, dir string) (string, error) {
	switch s.In.Keyword {
	case "RUN":
		return "", d.move(s, dir)
	case "CMD", "ENTRYPOINT", "HEALTHCHECK":
		return d.exec(s)
	}
	return s.Text, nil
}

// move moves what a RUN does with accounts and the working directory to the other
// stage.
func (d *distrolessText) move(s *restage.Step, dir string) error {
	script, err := s.In.Shell()
	if err != nil {
		return err
	}
	for _, c := range script.Commands() {
		words, literal := recipe.Values(c.Words)
		if !literal || c.Depth > 0 || len(words) == 0 || len(c.Redirects) > 0 {
			return fmt.Errorf("there is no shell to run it")
		}
		switch path.Base(words[0]) {
		case "useradd", "groupadd", "adduser", "addgroup":
			d.system = append(d.system, "RUN "+string(s.Source(c.Span)))
		case "mkdir", "chown":
			line, err := inRoot(words, dir)
			if err != nil {
				return err
			}
			d.system = append(d.system, line...)
		default:
			return fmt.Errorf("there is no shell to run %s", words[0])
		}
	}
	return nil
}

// inRoot is mkdir or chown in the root that is being made.
func inRoot(words []string, dir string) ([]string, error) {
	var flags, paths []string
	owner := ""
	for _, w := range words[1:] {
		switch {
		case strings.HasPrefix(w, "-"):
			if w == "-R" || w == "--recursive" {
				return nil, fmt.Errorf("there is no shell to run %s %s, which is about files that are copied before", words[0], w)
			}
			flags = append(flags, w)
		case path.Base(words[0]) == "chown" && owner == "":
			owner = w
		default:
			paths = append(paths, "/rootfs"+restage.FromDir(dir, w))
		}
	}
	make := "RUN mkdir -p " + strings.Join(paths, " ")
	if owner == "" {
		return []string{make}, nil
	}
	return []string{make + " && chown " + strings.Join(append(append(flags, owner), paths...), " ")}, nil
}

// exec is a CMD, ENTRYPOINT or HEALTHCHECK without a shell.
func (d *distrolessText) exec(s *restage.Step) (string, error) {
	script, err := s.In.Shell()
	if err != nil {
		return "", err
	}
	commands := script.Commands()
	if s.In.Keyword == "HEALTHCHECK" && len(commands) == 0 {
		return s.Text, nil
	}
	for i := range commands {
		if name := commands[i].Name(); len(commands[i].Words) > 0 && !(i > 0 && script.Exec) && !d.starts(name, s.In.Keyword) {
			return "", fmt.Errorf("%s is not in an image without a shell", name)
		}
	}
	if script.Exec {
		return s.Text, nil
	}
	if len(commands) != 1 || commands[0].Negated || len(commands[0].Assigns)+len(commands[0].Redirects) > 0 {
		return "", fmt.Errorf("%s needs a shell", s.In.Keyword)
	}
	words, literal := recipe.Values(commands[0].Words)
	if !literal || slices.ContainsFunc(commands[0].Words, func(w dockerfile.Word) bool { return w.Text == w.Value && strings.ContainsAny(w.Text, "*?[~{") }) {
		return "", fmt.Errorf("%s needs a shell", s.In.Keyword)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(words); err != nil {
		return "", err
	}
	list := strings.ReplaceAll(strings.TrimSpace(b.String()), `","`, `", "`)
	const note = "# The original's, without the shell that is not there.\n"
	if s.In.Keyword != "HEALTHCHECK" {
		return note + s.In.Keyword + " " + list, nil
	}
	text := "HEALTHCHECK"
	for _, f := range s.In.Flags {
		text += " --" + f.Name + "=" + f.Value
	}
	return note + text + " \\\n    CMD " + list, nil
}

// starts says whether the image has a program: the interpreter, or a console
// script of a package. An argument of ENTRYPOINT is no program.
func (d *distrolessText) starts(name, keyword string) bool {
	if name == "python" || name == "python3" || keyword == "CMD" && slices.ContainsFunc(d.outline.Runtime, func(s restage.Step) bool { return s.In.Keyword == "ENTRYPOINT" }) {
		return true
	}
	return slices.ContainsFunc(d.dists, func(in installed) bool { return ships(&d.Graph.Distributions[in.index], name) })
}

// text writes the Dockerfile.
func (d *distrolessText) text(t *twoStage) (string, error) {
	if d.outline.Install == nil && slices.ContainsFunc(d.outline.Runtime, func(s restage.Step) bool { return strings.Contains(s.In.Text(), `"python"`) }) {
		// Debian has no "python" without a version.
		d.system = append(d.system, "RUN ln -s python3 /rootfs/usr/bin/python")
	}
	stage := []string{"# Debian's Python and what it links to, unpacked without what installs it.", "FROM debian:" + d.base.Suite + "-slim AS " + d.outline.FreeName(systemStage),
		"RUN apt-get update && \\\n    apt-get install -y --no-install-recommends ca-certificates && \\\n    mkdir -p /debs /rootfs/etc/ssl/certs && cd /debs && \\\n" +
			"    apt-get download " + wrapped(d.base.Packages) + " && \\\n" +
			"    for deb in *.deb; do dpkg-deb -x \"$deb\" /rootfs || exit 1; done && \\\n" +
			"    for dir in bin lib lib64 sbin; do [ -e /rootfs/$dir ] || [ ! -e /rootfs/usr/$dir ] || ln -s usr/$dir /rootfs/$dir; done && \\\n" +
			"    cp /etc/ssl/certs/ca-certificates.crt /rootfs/etc/ssl/certs/ && mkdir -p -m 1777 /rootfs/tmp"}
	stage = append(stage, d.system...)
	stage = append(stage, "RUN cp /etc/passwd /etc/group /etc/nsswitch.conf /rootfs/etc/ && cp -a /home /rootfs/")
	if t.dest.venv != "" {
		t.finish = append(t.finish, "", "# The interpreter of the environment is Debian's from here on.",
			fmt.Sprintf("RUN ln -sf /usr/bin/python%s %s/bin/python && \\\n    sed -i 's|^home = .*|home = /usr/bin|' %s/pyvenv.cfg", d.base.Python, t.dest.venv, t.dest.venv))
	}
	t.stages = strings.Join(stage, "\n")
	return t.text()
}

// wrapped lists names over lines of a RUN.
func wrapped(names []string) string {
	var b strings.Builder
	width := 0
	for i, n := range names {
		if i > 0 {
			if width += len(n) + 1; width > 100 {
				b.WriteString(" \\\n       ")
				width = 0
			}
			b.WriteString(" ")
		}
		b.WriteString(n)
	}
	return b.String()
}
