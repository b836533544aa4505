package check

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python/imports"
	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/start"
)

// asked sees that what modules ask for when they are imported is there: metadata,
// files beside them, codecs, classes by name.
func asked() group {
	return group{run: checkAsks, also: []string{whittle.CheckMissingSource, whittle.CheckMissingModule, whittle.CheckMissingName}, checks: []Check{
		{ID: whittle.CheckMissingMetadata, Severity: whittle.SeverityError, Title: "a module asks for metadata of a distribution that has none",
			Text: "`importlib.metadata.version(…)` and similar functions read `.dist-info`, which was deleted or never copied. Keep it: it is small, and plug-ins are found through it."},
	}}
}

// checkAsks looks at what modules ask for when they are imported other than by
// an import: metadata, files beside them, codecs, names in configurations, what
// a library needs for one of its features.
func checkAsks(s *state) []whittle.Problem {
	var out []whittle.Problem
	for _, st := range s.starts {
		if st.Python == nil {
			continue
		}
		for _, r := range st.Python.Roots {
			if r.Node == nil {
				continue
			}
			walk := imports.Walk(false, r.Node)
			for _, n := range walk.Nodes {
				if n.Source == nil || isLibrary(n.File, r.Importer) || len(n.Failures) > 0 {
					continue
				}
				a := asking{s, st, r, walk, n}
				for i := range n.Source.Calls {
					if p, ok := a.one(&n.Source.Calls[i]); ok {
						out = append(out, adjust(st, p))
					}
				}
			}
		}
	}
	return out
}

// isLibrary says that a file is the standard library's.
func isLibrary(file string, im *imports.Importer) bool {
	rest, ok := strings.CutPrefix(file, im.Finder.Interpreter.Lib+"/")
	return ok && !strings.Contains(rest, "-packages/")
}

// asking is one module that a start imports.
type asking struct {
	s    *state
	st   *start.Process
	r    start.Root
	walk *imports.Reach
	n    *imports.Node
}

// one looks at one call. What is caught, or depends on what is not known, is
// skipped.
func (a asking) one(c *source.Call) (whittle.Problem, bool) {
	if c.Context&(source.Lazy|source.Guarded|source.Caught|source.TypeChecking|source.Handler) != 0 || a.r.Importer.Happens(a.n, c.Conditions, c.Line) != source.Yes {
		return whittle.Problem{}, false
	}
	var p whittle.Problem
	found := false
	switch c.Func {
	case source.AskMetadata:
		p, found = a.metadata(c)
	case source.AskFile:
		p, found = a.file(c)
	case source.AskCodec:
		p, found = a.codec(c)
	case source.AskNames:
		p, found = a.names(c)
	case source.AskFeature:
		p, found = a.feature(c)
	}
	p.Path, p.Line, p.ReachedFrom = a.s.owners.Shown(a.n.File), c.Line, reached(a.s, a.st, a.r, a.walk.Chain(a.n))
	return p, found
}

func (a asking) at(c *source.Call) string {
	return fmt.Sprintf("%s:%d", a.s.owners.Shown(a.n.File), c.Line)
}

func (a asking) from() string { return ", reached from " + a.st.Name }

// metadata: importlib.metadata fails for a distribution that is not installed,
// or whose .dist-info was deleted.
func (a asking) metadata(c *source.Call) (p whittle.Problem, found bool) {
	name, ok := a.r.Importer.Text(a.n, c.Text, c.Line)
	if !ok || name == "" || a.r.Importer.Finder.Metadata(name) {
		return p, false
	}
	if why := a.r.Importer.Doubted(); why != "" {
		a.st.Doubt(fmt.Sprintf("whether the metadata of %s, which %s asks for, is there: %s", name, a.at(c), a.s.owners.ShownIn(why)))
		return p, false
	}
	return whittle.Problem{Rule: whittle.CheckMissingMetadata, Distribution: pep.Normalize(name),
		Message: fmt.Sprintf("%s asks for the metadata of %s, which is not there (no %s-*.dist-info on the path)%s", a.at(c), name, pep.Normalize(name), a.from()),
		Fix:     "install " + pep.Normalize(name) + ", and do not delete its .dist-info"}, true
}

// file: a file beside the code that is read when the code is imported. Others
// may be mounted, or made by what runs before.
func (a asking) file(c *source.Call) (p whittle.Problem, found bool) {
	file, ok := a.r.Importer.Text(a.n, c.Text, c.Line)
	if !ok || file == "" {
		return p, false
	}
	full := whittle.Join(a.st.Dir, file)
	if a.s.files.Real(full) != "" || volatile.MatchString(full) {
		return p, false
	}
	if !strings.HasPrefix(full, path.Dir(a.n.File)+"/") || a.madeBefore() || mounted(a.s, full) {
		a.st.Doubt(fmt.Sprintf("whether /%s, which %s reads, is there: the image does not have it", full, a.at(c)))
		return p, false
	}
	return whittle.Problem{Rule: whittle.CheckMissingSource,
		Message: fmt.Sprintf("%s reads /%s, which is not there%s", a.at(c), full, a.from()),
		Fix:     "COPY the file, or have the distribution bring it (package data)"}, true
}

// volatile are folders whose files are not the image's.
var volatile = regexp.MustCompile(`^(proc|sys|dev|run|var/run|tmp|var/tmp)/`)

// madeBefore says that something runs before, or in the application, that may
// make files: a shell script, another program, a file that is written.
func (a asking) madeBefore() bool {
	if slices.ContainsFunc(a.st.Programs, func(p string) bool {
		return start.IsShell(p) || path.Base(p) == "busybox"
	}) {
		return true
	}
	makes := []string{"run", "Popen", "call", "check_call", "check_output", "system", "mkdir", "makedirs"}
	for _, n := range a.walk.Nodes {
		if n.Source == nil || !a.s.owners.OwnFile(n.File, a.r.Importer.Finder) {
			continue
		}
		for i := range n.Source.Calls {
			c := &n.Source.Calls[i]
			last := c.Func[strings.LastIndexByte(c.Func, '.')+1:]
			if _, writes := written(c); c.Context&source.Lazy == 0 && (writes || slices.Contains(makes, last)) {
				return true
			}
		}
		for i := range n.Source.Effects {
			if e := &n.Source.Effects[i]; e.Kind == source.CallName && makers[e.Name] {
				return true
			}
		}
	}
	return false
}

// makers are functions that make files.
var makers = map[string]bool{"copy": true, "copyfile": true, "copy2": true, "copytree": true, "move": true, "rename": true, "urlretrieve": true,
	"extractall": true, "extract": true, "unpack_archive": true, "dump": true, "write": true, "writelines": true, "touch": true,
	"write_text": true, "write_bytes": true, "Popen": true, "call": true, "check_call": true, "check_output": true, "system": true,
	"symlink": true, "symlink_to": true, "link": true}

// mounted says that a file lies in a volume of the image.
func mounted(s *state, file string) bool {
	for dir := range s.Config.Config.Volumes {
		if v := whittle.Join("", dir); file == v || strings.HasPrefix(file, v+"/") {
			return true
		}
	}
	return false
}

// codec: those of the standard library are modules of encodings; some are in
// the interpreter, others are put there by code.
func (a asking) codec(c *source.Call) (p whittle.Problem, found bool) {
	name := strings.Trim(notWord.ReplaceAllString(strings.ToLower(c.Args[0]), "_"), "_")
	if inProgram.MatchString(name) {
		return p, false
	}
	n, f := a.r.Importer.Import("encodings." + name)
	switch {
	case f == nil && n != nil:
		for _, m := range imports.Walk(false, n).Nodes {
			if len(m.Failures) > 0 {
				f = &m.Failures[0]
			}
		}
		if f == nil {
			return p, false
		}
	case f == nil:
		return p, false
	case !slices.Contains(ownCodecs, name):
		if !alias.MatchString(name) {
			a.st.Doubt(fmt.Sprintf("whether there is a codec %s, which %s asks for", c.Args[0], a.at(c)))
		}
		return p, false
	}
	return whittle.Problem{Rule: whittle.CheckMissingModule, Module: f.Module,
		Message: fmt.Sprintf("%s asks for the codec %s, whose module %s is not in the standard library%s", a.at(c), c.Args[0], f.Module, a.from()),
		Fix:     "do not delete parts of the standard library that are used"}, true
}

var (
	notWord   = regexp.MustCompile(`[^a-z0-9]+`)
	inProgram = regexp.MustCompile(`^(utf_?8|utf_?16|utf_?32|latin_?1|iso_?8859_1|us_ascii|ascii|unicode_escape|raw_unicode_escape)$`)
	alias     = regexp.MustCompile(`^(utf|u8|u16|latin|l\d|iso|cp|windows|\d|ascii|us|big|euc|gb|shift|sjis|s_jis|koi|mac|hz|johab|ms|ibm|base64|hex|quopri|zlib|zip|bz2|rot|uu|tis|ptcp|csis|ansi|arabic|greek|hebrew|cyrillic|chinese|korean|ksc|ks_c|hkscs)`)
	// ownCodecs are codecs of the standard library that nobody registers.
	ownCodecs = []string{"idna", "punycode", "utf_8_sig", "utf_7", "base64_codec", "hex_codec", "zlib_codec", "bz2_codec", "quopri_codec", "rot_13", "charmap", "mbcs", "undefined"}
)

// names: classes that a configuration names.
func (a asking) names(c *source.Call) (p whittle.Problem, found bool) {
	wanted := c.Args
	for i := range a.n.Source.Calls {
		if d := &a.n.Source.Calls[i]; c.Text != "" && d.Func == source.NamedNames && d.Text == c.Text {
			wanted = d.Args
		}
	}
	for _, name := range wanted {
		t, f := a.r.Importer.Attribute(name)
		if t != source.No || f == nil {
			continue
		}
		p = whittle.Problem{Rule: whittle.CheckMissingModule, Module: f.Module, Message: fmt.Sprintf("%s names %s, and there is no module %s%s", a.at(c), name, f.Module, a.from()),
			Fix: "install what has it, or correct the name"}
		if f.Cause == imports.NoName {
			p.Rule, p.Name = whittle.CheckMissingName, f.Name
			p.Message = fmt.Sprintf("%s names %s, and %s does not define %s%s", a.at(c), name, f.Module, f.Name, a.from())
		}
		return p, true
	}
	return p, false
}

// needed are the modules one of which a feature of a library needs, and the
// distribution to install, by the beginning of the feature's name.
var needed = []struct {
	feature, distribution string
	modules               []string
}{
	{"fastapi.", "python-multipart", []string{"python_multipart", "multipart"}},
	{"pydantic.", "email-validator", []string{"email_validator"}},
}

// feature: what a library needs for something that the application uses of it.
func (a asking) feature(c *source.Call) (p whittle.Problem, found bool) {
	for _, row := range needed {
		if !strings.HasPrefix(c.Args[0], row.feature) {
			continue
		}
		for _, m := range row.modules {
			if _, f := a.r.Importer.Import(m); f == nil {
				return p, false
			}
		}
		return whittle.Problem{Rule: whittle.CheckMissingModule, Module: row.modules[0], Distribution: row.distribution,
			Message: fmt.Sprintf("%s uses %s, which needs %s, and that is not installed%s", a.at(c), c.Args[0], row.distribution, a.from()),
			Fix:     "install " + row.distribution}, true
	}
	return p, false
}
