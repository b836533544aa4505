package inputs

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/shell"
)

// Consent says what a project may use of this machine. A user who has just cloned
// it has not read its whittle.yaml, and its RUN steps have a network. So it may use
// the files in its folder, and beyond that only what the command line names. The
// kinds are those of docker buildx bake, and env:
// https://docs.docker.com/reference/cli/docker/buildx/bake/#allow
type Consent struct {
	dir    string // the project's folder, links resolved
	lookup project.Lookup
	// files are allowed files and folders with all their contents, links resolved;
	// variables are allowed names.
	files, variables []string
	// written are files and folders to which builds may put a cache; ssh and push say
	// that they may use the user's SSH agent, and put a cache elsewhere.
	written   []string
	ssh, push bool
	denials   []denial
}

// denial is something that a project names and may not use.
type denial struct {
	what  string // for an error
	allow string // the argument of --allow that permits it
}

const (
	allowFile     = "fs.read="
	allowVariable = "env="
	allowSSH      = "ssh"
	allowWrite    = "fs.write="
	allowCacheTo  = "cache-to"
	// shownDenials bounds the denials that an error names.
	shownDenials = 8
)

// Ask gives the consent for a project, for which allow are the options --allow; to
// them come those of $WHITTLE_ALLOW.
func Ask(lookup project.Lookup, dir string, allow []string) (*Consent, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("finding project %s: %w", dir, err)
	}
	c := &Consent{dir: whittle.WithoutLinks(dir), lookup: lookup}
	option := "--allow"
	if more, ok := lookup("WHITTLE_ALLOW"); ok && more != "" {
		allow = append(slices.Clone(allow), strings.Split(more, ",")...)
		option = "--allow or WHITTLE_ALLOW"
	}
	for _, text := range allow {
		path, isFile := strings.CutPrefix(text, allowFile)
		name, isVariable := strings.CutPrefix(text, allowVariable)
		switch {
		case isFile && path != "":
			abs, err := filepath.Abs(project.Place("", path, lookup))
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", option, text, err)
			}
			c.files = append(c.files, whittle.WithoutLinks(abs))
		case isVariable && name != "":
			c.variables = append(c.variables, name)
		case text == allowSSH:
			c.ssh = true
		case text == allowCacheTo:
			c.push = true
		case strings.HasPrefix(text, allowWrite) && text != allowWrite:
			abs, err := filepath.Abs(project.Place("", strings.TrimPrefix(text, allowWrite), lookup))
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", option, text, err)
			}
			c.written = append(c.written, whittle.WithoutLinks(abs))
		default:
			return nil, whittle.WithHint(whittle.ErrUsage.Errorf("%s: %q is nothing that can be allowed", option, text), "write fs.read=PATH, fs.write=PATH, env=NAME, ssh or cache-to")
		}
	}
	return c, nil
}

// Outside reads what the project names. What it may not use is empty, and
// recorded as a denial.
//
// It has no docker client.
func (c *Consent) Outside() project.Outside {
	return project.Outside{Lookup: c.variable, Read: c.read}
}

func (c *Consent) variable(name string) (string, bool) {
	value, ok := c.lookup(name)
	if ok && !slices.Contains(c.variables, name) {
		c.deny("the variable "+name, allowVariable+name)
		return "", true
	}
	return value, ok
}

func (c *Consent) read(file string, most int64) ([]byte, error) {
	real := whittle.WithoutLinks(file)
	if rel, ok := whittle.Below(c.dir, real); ok {
		return whittle.Folder(c.dir).Read(filepath.ToSlash(rel), most) // without following links that were made since
	}
	if !c.allows(real) {
		return nil, nil
	}
	return whittle.ReadFile(real, most)
}

// dockerfile records a denial if a Dockerfile is outside the project and not
// allowed. A local name is not checked here, even if it is a link.
func (c *Consent) dockerfile(name string) {
	if !filepath.IsLocal(name) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(c.dir, name)
		}
		if real := whittle.WithoutLinks(name); !c.inside(real) {
			c.allows(real)
		}
	}
}

// folder records a denial if a context is outside the project and not allowed.
// Links are resolved; one in the project is relative.
func (c *Consent) folder(context string) {
	if filepath.IsAbs(context) && !c.allowed(context) {
		c.deny("the folder "+context, allowFile+context)
	}
}

// sshPaths are the paths of an SSH agent or of keys; they are empty for the user's
// agent.
func (c *Consent) sshPaths(paths []string) []string {
	var out []string
	for _, path := range paths {
		out = append(out, whittle.WithoutLinks(path))
	}
	outside := slices.ContainsFunc(out, func(path string) bool { return !c.inside(path) })
	if (outside || len(out) == 0) && !c.ssh {
		what := "your SSH agent"
		if outside {
			what = "the SSH key or agent " + strings.Join(out, ", ")
		}
		c.deny(what, allowSSH)
	}
	return out
}

func (c *Consent) inside(path string) bool {
	_, ok := whittle.Below(c.dir, path)
	return ok
}

// allows says whether the project may read a file outside its folder, and records
// a denial if not.
func (c *Consent) allows(file string) bool {
	ok := c.allowed(file)
	if !ok {
		c.deny("the file "+file, allowFile+file)
	}
	return ok
}

func (c *Consent) allowed(path string) bool {
	return slices.ContainsFunc(c.files, func(dir string) bool {
		_, ok := whittle.Below(dir, path)
		return ok
	})
}

func (c *Consent) deny(what, allow string) {
	if one := (denial{what, allow}); len(c.denials) <= shownDenials && !slices.Contains(c.denials, one) {
		c.denials = append(c.denials, one)
	}
}

// Refusal is the error that names all denials, nil if there are none.
func (c *Consent) Refusal() error {
	if len(c.denials) == 0 {
		return nil
	}
	var what, allow []string
	for _, w := range c.denials[:min(len(c.denials), shownDenials)] {
		what = append(what, w.what)
		if option := "--allow " + shell.Quote(w.allow); !slices.Contains(allow, option) {
			allow = append(allow, option)
		}
	}
	if len(c.denials) > shownDenials {
		what = append(what, "and more")
	}
	return whittle.WithHint(whittle.ErrUsage.Errorf("project %s asks for what is not its own, and its steps may send it anywhere: %s", filepath.Base(c.dir), strings.Join(what, "; ")),
		"where you trust it, say "+strings.Join(allow, " "))
}
