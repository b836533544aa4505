package forecast

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/restage"
)

// AlpineBase has facts about an image on Alpine.
type AlpineBase struct {
	// Low, Bytes and High are the size of the base image in unpacked bytes, and
	// Source where they are from. If all are zero, the published range is used.
	Low, Bytes, High int64
	Source           string
	// Weights are the distributions as they resolve for musl, nil where nothing
	// was resolved.
	Weights []Weight
	// Packages has the sizes of Alpine's packages with their dependencies, in
	// bytes.
	Packages map[string]int64
}

// The size of python:3.10-alpine to 3.14-alpine, from the compressed sizes that
// Docker Hub shows (16 to 18 MB) and Docker's SIZE of the same images.
const (
	alpineLow  = 45_000_000
	alpineHigh = 55_000_000
)

// alpine is two stages on Alpine.
func (a *account) alpine() (*whittle.Forecast, error) {
	if strings.Contains(a.outline.Final.BaseResolved, "alpine") {
		return nil, &noUse{"alpine", "the original is on Alpine"}
	}
	f := &whittle.Forecast{Strategy: "alpine", Title: "two stages on Alpine: a smaller base, and every package has to fit musl"}
	s := sizes{f}
	known := a.Alpine
	if known == nil {
		known = &AlpineBase{}
	}
	low, n, high, source := known.Low, known.Bytes, known.High, known.Source
	if high == 0 {
		low, n, high, source = alpineLow, (alpineLow+alpineHigh)/2, alpineHigh, "Docker Hub"
		f.Notes = append(f.Notes, "the base image was not read: its size is the range of what Docker Hub shows of python's Alpine images")
	}
	s.between("base image", low, n, high, source)
	compile, impossible := addMusl(a, s, known)
	if len(known.Weights) == 0 {
		a.addChanges(s, true) // else they were resolved with the others
	}
	a.addMade(s, func(st *restage.Step) bool { return st.In.Keyword == "RUN" })
	tr := &alpineText{known: known}
	t := a.twoStage("On Alpine: every package has a wheel for musl, or is compiled in the builder.")
	t.build, t.run = tr.build, tr.run
	if a.outline.Install == nil {
		t.dest.venv = ""
	} else {
		a.addVenv(s)
	}
	if err := tr.bases(t); err != nil {
		return f, err
	}
	if compile {
		t.prelude = append(t.prelude, "# Some packages have no wheel for musl.", "RUN apk add --no-cache build-base linux-headers")
	}
	f, err := a.finish(f, t.text, t.dest)
	for _, name := range tr.added {
		if size, ok := known.Packages[name]; ok {
			s.exact("Alpine's "+name, size, "APKINDEX")
		} else {
			f.Notes = append(f.Notes, "the size of Alpine's "+name+" is not known")
		}
	}
	if err == nil && impossible {
		f.Dockerfile = ""
	}
	return f, err
}

// addMusl adds the packages as they are on musl. compile says that some have to
// be compiled, impossible that one has neither a wheel nor a source.
func addMusl(a *account, s sizes, known *AlpineBase) (compile, impossible bool) {
	weights := map[string]Weight{}
	for _, w := range known.Weights {
		weights[w.Name] = w
	}
	have := map[string]bool{}
	var unknown []string
	wanted := a.wanted()
	for _, d := range a.dists {
		w, resolved := weights[d.name]
		if wanted != nil && !wanted[d.name] {
			continue
		}
		if d.pure && (!resolved || w.Version == d.version) {
			have[d.name] = true
			delete(weights, d.name)
			continue
		}
		if !resolved && len(known.Weights) == 0 {
			unknown = append(unknown, d.name)
		}
	}
	if len(have) > 0 {
		a.addPackages(s, have, true)
	}
	var chosen []Weight
	for _, w := range known.Weights {
		if _, left := weights[w.Name]; !left {
			continue
		}
		chosen = append(chosen, a.withoutTests(w))
		switch {
		case w.NoSource:
			impossible = true
			s.f.Skipped = append(s.f.Skipped, fmt.Sprintf("%s %s has no wheel for musl and no source", w.Name, w.Version))
		case w.SourceOnly:
			compile = true
			s.f.Skipped = append(s.f.Skipped, fmt.Sprintf("%s %s has no wheel for musl: it has to be compiled, with build-base, linux-headers and what it links to", w.Name, w.Version))
		}
	}
	a.addWeights(s, chosen, nil, nil)
	addUnknown(a, s, unknown)
	return compile, impossible
}

// withoutTests subtracts the tests that the clean-up deletes, where the measured
// image has the distribution: they are the same on every platform.
func (a *account) withoutTests(w Weight) Weight {
	i := slices.IndexFunc(a.dists, func(d installed) bool { return d.name == w.Name })
	if i < 0 || !a.Clean.Tests || w.Cleaned {
		return w
	}
	tests := min(a.dists[i].tests, w.Low)
	w.Low, w.Bytes, w.High = w.Low-tests, w.Bytes-tests, w.High-tests
	w.Bytecode -= min(a.dists[i].testBytecode, w.Bytecode)
	return w
}

// addUnknown adds distributions with machine code that were not resolved: as large
// as on glibc, plus or minus a half.
func addUnknown(a *account, s sizes, names []string) {
	if len(names) == 0 {
		return
	}
	only := map[string]bool{}
	for _, n := range names {
		only[n] = true
	}
	n, bytecode := a.packages(only)
	s.between("packages with machine code", n/2, n, n+n/2, a.measured()+", for glibc")
	s.exact("bytecode of packages with machine code", bytecode, a.measured())
	s.f.Notes = append(s.f.Notes, "whether there are wheels for musl was not looked up: "+strings.Join(names, ", "))
}

// AlpineImage is the official Python image on Alpine with the version of one on
// Debian; ok is false for any other image.
func AlpineImage(debian string) (name string, ok bool) {
	m := restage.OfficialPython.FindStringSubmatch(debian)
	if m == nil || strings.Contains(m[2], "alpine") {
		return "", false
	}
	return "python:" + m[1] + "-alpine", true
}

// alpineText translates instructions from Debian to Alpine.
type alpineText struct {
	known *AlpineBase
	// added are Alpine's packages that the image gets.
	added []string
}

// bases puts both stages on Alpine.
func (t *alpineText) bases(two *twoStage) error {
	change := func(st *dockerfile.Stage) (string, error) {
		name, ok := AlpineImage(st.BaseResolved)
		if !ok {
			return "", fmt.Errorf("%s is not one of python's images on Debian", st.Base)
		}
		return restage.PlatformFlag(st) + name, nil
	}
	base, err := change(two.Outline.Final)
	if err != nil {
		return err
	}
	two.elsewhere = true
	two.final = "FROM " + base
	if two.Outline.Final.Name != "" {
		two.final += " AS " + two.Outline.Final.Name
	}
	two.builder = "FROM " + base + " AS " + two.builderLabel()
	if two.Two() {
		if base, err = change(two.Outline.Install); err != nil {
			return err
		}
		two.builder = "FROM " + base
		if two.Outline.Install.Name != "" {
			two.builder += " AS " + two.Outline.Install.Name
		}
	}
	return nil
}

// build is an instruction of the builder.
func (t *alpineText) build(s *restage.Step) (string, error) {
	if s.Role == recipe.PreparesInstaller || s.In.Keyword != "RUN" {
		return s.Text, nil
	}
	if s.Role == recipe.InstallsBuildTools {
		return "RUN apk add --no-cache build-base linux-headers", nil
	}
	text, _, err := t.translate(s)
	return text, err
}

// run is an instruction of the final stage.
func (t *alpineText) run(s *restage.Step) (string, error) {
	switch s.In.Keyword {
	case "RUN":
		text, names, err := t.translate(s)
		t.added = append(t.added, names...)
		return text, err
	case "CMD", "ENTRYPOINT", "HEALTHCHECK":
		if script, err := s.In.Shell(); err == nil {
			for _, c := range script.Commands() {
				if name := c.Name(); name == "bash" || name == "curl" && !slices.Contains(t.added, "curl") {
					return "", fmt.Errorf("%s is not in Alpine's images", name)
				}
			}
		}
	}
	return s.Text, nil
}

// translate is a RUN with Alpine's commands, and the packages that it installs.
func (t *alpineText) translate(s *restage.Step) (text string, names []string, err error) {
	if apt, ok := recipe.AptInstalls(s.In); ok {
		for _, n := range apt {
			to, ok := alpineName(n)
			if !ok {
				return "", nil, fmt.Errorf("what Debian's %s is called in Alpine is not known", n)
			}
			if to != "" && !slices.Contains(names, to) {
				names = append(names, to)
			}
		}
		if len(names) == 0 {
			return "", nil, nil
		}
		return "RUN apk add --no-cache " + strings.Join(names, " "), names, nil
	}
	script, err := s.In.Shell()
	if err != nil {
		return "", nil, err
	}
	var out []string
	same := true
	for _, c := range script.Commands() {
		words, literal := recipe.Values(c.Words)
		if !literal || c.Depth > 0 || len(words) == 0 || len(c.Redirects) > 0 {
			return "", nil, fmt.Errorf("its shell is not understood well enough to move it to Alpine")
		}
		now, err := alpineCommand(words)
		if err != nil {
			return "", nil, err
		}
		if now == "" {
			now = string(s.Source(c.Span))
		} else {
			same = false
		}
		out = append(out, now)
	}
	if same {
		return s.Text, nil, nil
	}
	return "RUN " + strings.Join(out, " && \\\n    "), nil, nil
}

// alpineCommand is a command as Alpine needs it, empty where it is the same.
func alpineCommand(words []string) (string, error) {
	switch path.Base(words[0]) {
	case "mkdir", "chown", "chmod", "rm", "ln", "touch", "cp", "mv", "echo", "python", "python3", "true", "set", "cat", "sed":
		return "", nil
	case "useradd":
		return addUser(words[1:])
	case "groupadd":
		return addGroup(words[1:])
	}
	return "", fmt.Errorf("what %s does is not known to go on Alpine", words[0])
}

// addUser is Debian's useradd as BusyBox's adduser.
func addUser(words []string) (string, error) {
	out, home, system, group := []string{"adduser", "-D"}, false, false, false
	name := ""
	for i := 0; i < len(words); i++ {
		flag, value, joined := strings.Cut(words[i], "=")
		to := map[string]string{"--uid": "-u", "-u": "-u", "--gid": "-G", "-g": "-G", "--home-dir": "-h", "--home": "-h", "-d": "-h", "--shell": "-s", "-s": "-s"}[flag]
		switch {
		case to != "":
			if !joined {
				if i++; i == len(words) {
					return "", fmt.Errorf("useradd %s has no value", flag)
				}
				value = words[i]
			}
			group = group || to == "-G"
			if to == "-s" && path.Base(value) == "bash" {
				value = "/bin/sh"
			}
			out = append(out, to, value)
		case flag == "--create-home" || flag == "-m":
			home = true
		case flag == "--system" || flag == "-r":
			system = true
			out = append(out, "-S")
		case flag == "--no-create-home" || flag == "-M" || flag == "--user-group" || flag == "-U" || flag == "--no-log-init" || flag == "-l":
		case strings.HasPrefix(flag, "-") || name != "":
			return "", fmt.Errorf("useradd %s is not understood", words[i])
		default:
			name = words[i]
		}
	}
	if name == "" || group && slices.Contains(out, "0") {
		return "", fmt.Errorf("useradd without a name that is understood")
	}
	if !home {
		out = append(out, "-H")
	}
	before := ""
	if system && !group {
		// Alpine puts system users into nogroup.
		before = "addgroup -S " + name + " && "
		out = append(out, "-G", name)
	}
	return before + strings.Join(append(out, name), " "), nil
}

// addGroup is Debian's groupadd as BusyBox's addgroup.
func addGroup(words []string) (string, error) {
	out := []string{"addgroup"}
	for i := 0; i < len(words); i++ {
		flag, value, joined := strings.Cut(words[i], "=")
		switch {
		case flag == "--gid" || flag == "-g":
			if !joined {
				if i++; i == len(words) {
					return "", fmt.Errorf("groupadd %s has no value", flag)
				}
				value = words[i]
			}
			out = append(out, "-g", value)
		case flag == "--system" || flag == "-r":
			out = append(out, "-S")
		case strings.HasPrefix(flag, "-"):
			return "", fmt.Errorf("groupadd %s is not understood", flag)
		default:
			out = append(out, words[i])
		}
	}
	return strings.Join(out, " "), nil
}

// alpineName is Alpine's name of a Debian package; it is empty where Alpine's
// Python images have it.
func alpineName(debian string) (string, bool) {
	name, ok := map[string]string{
		"build-essential": "build-base", "gcc": "build-base", "g++": "build-base", "make": "build-base", "git": "git", "curl": "curl", "wget": "",
		"pkg-config": "pkgconf", "pkgconf": "pkgconf", "python3-dev": "", "ca-certificates": "", "tzdata": "", "cmake": "cmake", "cargo": "cargo", "rustc": "rust",
		"libpq-dev": "postgresql-dev", "libpq5": "libpq", "libffi-dev": "libffi-dev", "libssl-dev": "openssl-dev", "libxml2-dev": "libxml2-dev",
		"libxslt1-dev": "libxslt-dev", "libxml2": "libxml2", "libxslt1.1": "libxslt", "libgomp1": "libgomp", "libstdc++6": "libstdc++",
		"zlib1g-dev": "zlib-dev", "libjpeg-dev": "jpeg-dev", "postgresql-client": "postgresql-client", "bash": "bash", "tini": "tini",
	}[debian]
	return name, ok
}
