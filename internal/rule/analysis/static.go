package analysis

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/dockerfile/ignore"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/recipe"
)

// NewStatic are the facts that a Dockerfile and a project's folder give without an image.
// Of the files, ignored and declared are those of [Facts].
func NewStatic(file *dockerfile.File, target string, context fs.FS, ignored *ignore.File, declared *manifest.Declared) *Facts {
	rc := recipe.Recipe{Dockerfile: file, Target: target}
	config := &whittle.Config{OS: "linux", Config: rc.Process()}
	return &Facts{Config: config, Dockerfile: file, Target: target, Files: context, Ignore: ignored, Declared: declared}
}

// IsStatic says that there is no image.
func (p *Pass) IsStatic() bool { return p.Ledger == nil }

// atRoot are official images that set no working directory.
var atRoot = strings.Fields("alpine almalinux amazonlinux buildpack-deps centos debian fedora node oraclelinux perl python redis rockylinux ruby ubuntu")

// NamedBase is what the name of a base image says about it for sure.
type NamedBase struct {
	// Name is the official image's: "python", "debian"; empty for any other image,
	// of which nothing is known. Tag is as written.
	Name, Tag string
	// Family is "debian" or "alpine" by the distribution, empty if the name does not
	// say.
	Family string
	// Small says that it has nothing but the system's minimum and, if it is an image
	// of a language, that language: no compiler, no git.
	Small bool
}

// officialImage matches the names of images of Docker's official library.
var officialImage = regexp.MustCompile(`^(?:(?:docker\.io|index\.docker\.io|registry-1\.docker\.io|registry\.hub\.docker\.com|mirror\.gcr\.io)/(?:library/)?|` +
	`public\.ecr\.aws/docker/library/|library/)?([a-z0-9][a-z0-9_.-]*)(?::([\w.-]+))?(?:@sha256:[0-9a-f]+)?$`)

// onDebian are official images that are on Debian or Ubuntu, unless a tag says alpine.
var onDebian = strings.Fields("debian ubuntu buildpack-deps gcc golang haskell httpd nginx node perl php postgres python r-base redis ruby rust swift")

// The parts of tags that name another system than the one of the image without them.
var otherSystem = regexp.MustCompile(`(?i)windows|nanoserver|ubi|oracle|amazon|rhel|al2|centos|opensuse|wasi|mariner|azurelinux`)

// StaticBase is the base image of the target by its name.
func (p *Pass) StaticBase() (b NamedBase) {
	if p.Dockerfile == nil {
		return b
	}
	st, err := p.Dockerfile.Target(p.Target)
	if err != nil {
		return b
	}
	m := officialImage.FindStringSubmatch(p.Recipe.BaseOf(st))
	if m == nil || m[1] == "scratch" {
		return b
	}
	b.Name, b.Tag = m[1], m[2]
	switch {
	case otherSystem.MatchString(b.Tag):
	case b.Name == "alpine" || strings.Contains(b.Tag, "alpine"):
		b.Family, b.Small = "alpine", slices.Contains([]string{"alpine", "python", "node", "ruby", "nginx", "redis", "httpd", "postgres", "php"}, b.Name)
	case slices.Contains(onDebian, b.Name):
		b.Family = "debian"
		b.Small = slices.Contains([]string{"debian", "ubuntu", "nginx", "redis", "httpd", "postgres"}, b.Name) ||
			strings.Contains(b.Tag, "slim") && slices.Contains([]string{"python", "node", "ruby", "perl"}, b.Name)
	}
	return b
}

// windowsImage matches the names of base images whose RUNs no POSIX shell runs.
var windowsImage = regexp.MustCompile(`(?i)windows|nanoserver|servercore`)

// StaticRuns are the RUNs that make the image, of which every command can be read.
func (p *Pass) StaticRuns() (out []*dockerfile.Instruction) {
	for _, in := range p.Recipe.Chain() {
		if in.Keyword != "RUN" || windowsImage.MatchString(p.Recipe.BaseOf(&p.Dockerfile.Stages[in.Stage])) {
			continue
		}
		if _, ok := p.Commands(in); ok {
			out = append(out, in)
		}
	}
	return out
}

// Unconditional says that a command runs whenever its RUN succeeds, and that the
// RUN fails where it fails.
func Unconditional(c *recipe.Located) bool {
	return !c.Inner && c.Depth == 0 && !c.Negated && c.Before.Text != "||" && c.After.Text != "||" && c.After.Text != "&" && len(c.Words) > 0
}

// Stays says that nothing behind a command of a RUN, there or in a later RUN, is seen
// to delete or to move a path of the image: then it is in the image. cleans finds
// further commands that do so; it may be nil. removed is the later RUN that does; it is
// nil if it is the RUN itself, or if that is not known.
func (p *Pass) Stays(in *dockerfile.Instruction, behind int, at string, cleans func(*recipe.Located) bool) (stays bool, removed *dockerfile.Instruction) {
	commands, ok := p.Commands(in)
	if !ok {
		return false, nil
	}
	for target := range p.Recipe.Mounts(in) {
		if whittle.Under(at, target) || whittle.Under(target, at) {
			return false, nil
		}
	}
	for i := behind + 1; i < len(commands); i++ {
		if c := &commands[i]; mayDelete(c, at) || mayRunAnything(c) || cleans != nil && cleans(c) {
			return false, nil
		}
	}
	chain := p.Recipe.Chain()
	for _, later := range chain[slices.Index(chain, in)+1:] {
		if later.Keyword != "RUN" {
			continue
		}
		commands, ok := p.Commands(later)
		if !ok {
			return false, nil
		}
		for i := range commands {
			if c := &commands[i]; mayDelete(c, at) || cleans != nil && cleans(c) {
				return false, later
			}
		}
	}
	return true, nil
}

// mayDelete says that a command may delete or move what is at a path, or a part of it.
func mayDelete(c *recipe.Located, at string) bool {
	if c.Program >= len(c.Words) {
		return false
	}
	switch c.Name() {
	case "rm", "rmdir", "unlink", "mv", "find", "shred", "truncate", "rsync":
	case "git":
		verb, _, _ := c.GitVerb()
		return verb == "clean"
	case "xargs":
		return slices.ContainsFunc(c.Words, func(w dockerfile.Word) bool { return w.Value == "rm" || w.Value == "mv" })
	default:
		return false
	}
	for _, w := range c.Words[c.Program+1:] {
		text := w.Text
		if w.Literal {
			text = w.Value
		}
		if strings.HasPrefix(text, "-") {
			continue
		}
		if names(c, w, at) {
			return true
		}
	}
	return false
}

// names says that a word of a command may name a path, one above it or one below it.
func names(c *recipe.Located, w dockerfile.Word, at string) bool {
	pattern, _, vague := recipe.Pattern(w)
	switch {
	case strings.HasPrefix(pattern, "~"):
		pattern = "/root" + strings.TrimPrefix(pattern, "~") // or another home: both are looked at
		if strings.Contains("/"+at, "/."+strings.TrimPrefix(path.Base(pattern), ".")) {
			return true
		}
	case !path.IsAbs(pattern) && !c.Known:
		return true
	case vague && !path.IsAbs(pattern):
		return true
	}
	if strings.HasPrefix(pattern, "*") || strings.HasPrefix(pattern, "/*") {
		return true
	}
	if g := strings.IndexAny(pattern, "*?[{"); g >= 0 {
		full := whittle.Join(c.Dir, pattern[:strings.LastIndexByte("/"+pattern[:g], '/')])
		return whittle.Under(at, full) || whittle.Under(full, at)
	}
	full := whittle.Join(c.Dir, pattern)
	return whittle.Under(at, full) || whittle.Under(full, at)
}

// mayClean matches the names of programs that may clean up.
var mayClean = regexp.MustCompile(`(?i)clean|minimi[sz]e|squash|slim|purge|strip|permissions|tidy`)

// mayRunAnything says that a command runs a script, or something that is called after
// cleaning up, so that nobody can say what it deletes.
func mayRunAnything(c *recipe.Located) bool {
	if c.Program >= len(c.Words) {
		return len(c.Words) > 0
	}
	word, name := c.Words[c.Program], c.Name()
	switch {
	case !word.Literal:
		return true
	case slices.Contains([]string{"sh", "bash", "dash", "ash", "zsh", "ksh", "su", "eval", "source", "."}, name):
		if c.HasScript() {
			return false // its commands are among those that are looked at
		}
		return len(c.Words) != 2 || !strings.HasPrefix(path.Base(c.Words[1].Value), "activate")
	case strings.HasSuffix(name, ".sh"), mayClean.MatchString(name), strings.HasPrefix(word.Value, "./"), strings.HasPrefix(word.Value, "../"):
		return true
	case strings.HasPrefix(word.Value, "/"):
		return !slices.Contains([]string{"bin", "sbin"}, path.Base(path.Dir(word.Value)))
	}
	return slices.Contains([]string{"ansible-playbook", "ansible-pull", "salt-call", "chef-client", "puppet", "packer"}, name)
}

// At is the finding about a command of an instruction.
func (p *Pass) At(f whittle.Finding, in *dockerfile.Instruction, span whittle.Span) whittle.Finding {
	f.Evidence = append([]whittle.Evidence{{Layer: -1, File: p.Dockerfile.Name, Line: in.Line, What: in.Keyword}}, f.Evidence...)
	f.At = span
	return f
}

// UnpackedFrom says that RUNs unpack a downloaded file of the image, from the instruction
// that fetches it on, and that nothing else is seen to use it.
func (p *Pass) UnpackedFrom(by *dockerfile.Instruction, at string) bool {
	users, ok := p.unpacking(by, at)
	return ok && len(users) > 0
}
