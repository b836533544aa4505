package rootfs

import (
	"path"
	"runtime"
	"strings"
	"sync"

	"whittle.dev/whittle/internal/python/source"
)

// ahead scans the Python texts that those which were asked for import, on the other
// cores: most of them are asked for next. Where an import leads is only guessed, by
// the names of files.
type ahead struct {
	m       *Image
	workers sync.WaitGroup
	mu      sync.Mutex // of the rest
	next    []string
	seen    map[string]bool // what was in next
	done    map[string]bool // what was followed
	running int
	stopped bool
}

// ScanAhead has texts scanned before [Image.Source] is asked for them, until stop is
// called. That waits for the last one, and keeps in the cache what all of them say, so
// that later runs need not scan them. It is no error if the cache cannot be written.
func (m *Image) ScanAhead() (stop func()) {
	a := &ahead{m: m, seen: map[string]bool{}, done: map[string]bool{}}
	m.ahead = a
	return func() {
		m.ahead = nil
		a.mu.Lock()
		a.stopped = true
		a.mu.Unlock()
		a.workers.Wait()
		m.keepScans()
	}
}

// follow takes the imports of a text that was scanned.
func (a *ahead) follow(file string, s *source.Facts) {
	a.mu.Lock()
	again := a.done[file]
	a.done[file], a.seen[file] = true, true
	a.mu.Unlock()
	if again {
		return
	}
	var found []string
	for i := range s.Imports {
		if imp := &s.Imports[i]; imp.Context&(source.Lazy|source.TypeChecking) == 0 {
			found = append(found, a.m.candidates(file, imp)...)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := len(found) - 1; i >= 0; i-- { // the first one is the next
		if !a.seen[found[i]] {
			a.seen[found[i]] = true
			a.next = append(a.next, found[i])
		}
	}
	for range len(a.next) {
		if a.stopped || a.running >= runtime.GOMAXPROCS(0)-1 {
			return
		}
		a.running++
		a.workers.Go(a.work)
	}
}

func (a *ahead) work() {
	for {
		a.mu.Lock()
		if a.stopped || len(a.next) == 0 {
			a.running--
			a.mu.Unlock()
			return
		}
		file := a.next[len(a.next)-1]
		a.next = a.next[:len(a.next)-1]
		a.mu.Unlock()
		if f := a.m.file(file); f != nil && f.packed != nil {
			if s, ok := f.scan(); ok {
				a.follow(file, s)
			}
		}
	}
}

// candidates are the files that an import of a file may load, among the packages
// beside which its own package stands.
func (m *Image) candidates(file string, imp *source.Import) (out []string) {
	dir := path.Dir(file)
	if imp.Level > 0 {
		for range imp.Level - 1 {
			dir = path.Dir(dir)
		}
	} else {
		for m.nodes.has(dir + "/__init__.py") {
			dir = path.Dir(dir)
		}
	}
	add := func(p string) {
		for _, p := range []string{p + "/__init__.py", p + ".py"} {
			if n, ok := m.nodes.find(p); ok && n.Item >= 0 {
				out = append(out, p)
				return
			}
		}
	}
	if imp.Module != "" {
		for part := range strings.SplitSeq(imp.Module, ".") {
			if !m.nodes.has(dir) { // nor is anything below it, however long the name is
				return out
			}
			dir += "/" + part
			add(dir)
		}
	}
	if !m.nodes.has(dir) {
		return out
	}
	for _, name := range imp.Names {
		add(dir + "/" + name)
	}
	return out
}
