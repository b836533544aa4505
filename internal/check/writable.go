package check

import (
	"fmt"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/python/imports"
	"whittle.dev/whittle/internal/python/source"
)

// checkWritable sees that the user may write where the application's own code
// writes: files that are opened for writing, logs, SQLite databases, folders.
func checkWritable(s *state) []whittle.Problem {
	if s.user.uid == 0 || s.user.missing != "" {
		return nil
	}
	var out []whittle.Problem
	s.ownCalls(func(st *start, r root, walk *imports.Reach, n *imports.Node, c *source.Call) {
		target, ok := written(c)
		if !ok || source.Hold(c.Conditions, r.im.Runtime) == source.No {
			return
		}
		dir, blocked := s.files.unwritable(whittle.Join(st.dir, target), isFolder(c))
		if !blocked {
			return
		}
		p := whittle.Problem{Rule: whittle.CheckUnwritablePath, Severity: whittle.SeverityError, Path: s.owners.shown(n.File), Line: c.Line, ReachedFrom: reached(s, st, r, walk.Chain(n)),
			Message: fmt.Sprintf("%s:%d writes %s as user %s, who may not write in /%s", s.owners.shown(n.File), c.Line, target, s.Config.Config.User, dir),
			Fix:     fmt.Sprintf("give the folder to the user in the RUN or COPY that makes it (COPY --chown=%s …, or RUN mkdir -p … && chown …)", s.Config.Config.User)}
		if c.Context&(source.Lazy|source.Guarded|source.Caught|source.TypeChecking) != 0 || source.Hold(c.Conditions, r.im.Runtime) == source.Maybe {
			p.Severity = whittle.SeverityWarning
		}
		out = append(out, adjust(st, p))
	})
	return out
}

// ownCalls visits the calls of the application's own modules.
func (s *state) ownCalls(visit func(*start, root, *imports.Reach, *imports.Node, *source.Call)) {
	for _, st := range s.starts {
		if st.python == nil {
			continue
		}
		for _, r := range append(append([]root{}, st.python.roots...), st.python.later...) {
			if r.node == nil {
				continue
			}
			walk := imports.Walk(true, r.node)
			for _, n := range walk.Nodes {
				if n.Source == nil || !s.owners.ownFile(n.File, r.im.Finder) {
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
