package check

import (
	"fmt"
	"path"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/python/imports"
	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/start"
)

// writable sees that the user may write where the application writes.
func writable() group {
	return group{run: checkWritable, checks: []Check{
		{ID: whittle.CheckUnwritablePath, Severity: whittle.SeverityError, Title: "the application writes where its user may not",
			Text: "The code opens a file for writing, or makes a folder, where only another user than the image's may write. Use `COPY --chown`, or make the folder for the user before `USER`."},
	}}
}

// checkWritable sees that the user may write where the application's own code
// writes: files that are opened for writing, logs, SQLite databases, folders.
func checkWritable(s *state) []whittle.Problem {
	if s.trace.User.UID == 0 || s.trace.User.Missing != "" {
		return nil
	}
	var out []whittle.Problem
	s.ownCalls(func(st *start.Process, r start.Root, walk *imports.Reach, n *imports.Node, c *source.Call) {
		target, ok := written(c)
		if !ok || source.Hold(c.Conditions, r.Importer.Runtime) == source.No {
			return
		}
		dir, blocked := unwritable(s, whittle.Join(st.Dir, target), isFolder(c))
		if !blocked {
			return
		}
		p := whittle.Problem{Rule: whittle.CheckUnwritablePath, Severity: whittle.SeverityError, Path: s.owners.Shown(n.File), Line: c.Line, ReachedFrom: reached(s, st, r, walk.Chain(n)),
			Message: fmt.Sprintf("%s:%d writes %s as user %s, who may not write in /%s", s.owners.Shown(n.File), c.Line, target, s.Config.Config.User, dir),
			Fix:     fmt.Sprintf("give the folder to the user in the RUN or COPY that makes it (COPY --chown=%s …, or RUN mkdir -p … && chown …)", s.Config.Config.User)}
		if c.Context&(source.Lazy|source.Guarded|source.Caught|source.TypeChecking) != 0 || source.Hold(c.Conditions, r.Importer.Runtime) == source.Maybe {
			p.Severity = whittle.SeverityWarning
		}
		out = append(out, adjust(st, p))
	})
	return out
}

// ownCalls visits the calls of the application's own modules.
func (s *state) ownCalls(visit func(*start.Process, start.Root, *imports.Reach, *imports.Node, *source.Call)) {
	for _, st := range s.starts {
		if st.Python == nil {
			continue
		}
		for _, r := range append(append([]start.Root{}, st.Python.Roots...), st.Python.Later...) {
			if r.Node == nil {
				continue
			}
			walk := imports.Walk(true, r.Node)
			for _, n := range walk.Nodes {
				if n.Source == nil || !s.owners.OwnFile(n.File, r.Importer.Finder) {
					continue
				}
				for i := range n.Source.Calls {
					visit(st, r, walk, n, &n.Source.Calls[i])
				}
			}
		}
	}
}

// written is the path that a call writes to.
func written(c *source.Call) (string, bool) {
	if len(c.Args) == 0 {
		return "", false
	}
	first := c.Args[0]
	switch last := c.Func[strings.LastIndexByte(c.Func, '.')+1:]; last {
	case "open":
		if c.Func != "open" && c.Func != "io.open" {
			return "", false
		}
		for i, a := range c.Args[1:] {
			mode, named := strings.CutPrefix(a, "mode=")
			if (named || i == 0 && !strings.Contains(a, "=")) && strings.ContainsAny(mode, "wax+") {
				return first, true
			}
		}
	case "FileHandler", "RotatingFileHandler", "TimedRotatingFileHandler", "mkdir", "makedirs":
		return first, !strings.Contains(first, "=")
	case "basicConfig":
		for _, a := range c.Args {
			if f, ok := strings.CutPrefix(a, "filename="); ok {
				return f, true
			}
		}
		if !strings.Contains(first, "=") && first != "" {
			return first, true
		}
	case "connect":
		if c.Func == "sqlite3.connect" && first != ":memory:" && !strings.HasPrefix(first, "file:") && first != "" {
			return first, true
		}
	}
	return "", false
}

func isFolder(c *source.Call) bool {
	return strings.HasSuffix(c.Func, "mkdir") || strings.HasSuffix(c.Func, "makedirs")
}

// unwritable is the folder in which the user would have to write and may not.
func unwritable(s *state, p string, folder bool) (string, bool) {
	if strings.HasPrefix(p, "proc/") || strings.HasPrefix(p, "dev/") || strings.HasPrefix(p, "sys/") || strings.HasPrefix(p, "tmp/") || strings.HasPrefix(p, "run/") {
		return "", false
	}
	if _, e, ok := s.files.Stat(p); ok {
		if folder || e.Kind == whittle.Dir {
			return "", false // it is there already
		}
		return p, !s.trace.User.MayWrite(e)
	}
	for dir := path.Dir(p); ; dir = path.Dir(dir) {
		if dir == "." || dir == "/" {
			dir = ""
		}
		_, e, ok := s.files.Stat(dir)
		if ok {
			return dir, !s.trace.User.MayWrite(e)
		}
		if !folder {
			return "", false // the folder has to be made first, maybe by the program
		}
		if dir == "" {
			return "", false
		}
	}
}
