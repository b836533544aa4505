package main

import (
	"cmp"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"

	"whittle.dev/whittle"
)

// profiling writes what the processor and the memory were used for into a folder, as go tool
// pprof reads it: cpu.pprof and heap.pprof.
type profiling struct {
	dir string
	cpu *os.File // nil before it begins
}

// begin makes the folder, and begins.
func (p *profiling) begin() error {
	if p.dir == "" {
		return nil
	}
	err := os.MkdirAll(p.dir, 0o700)
	var f *os.File
	if err == nil {
		f, err = os.Create(filepath.Join(p.dir, "cpu.pprof"))
	}
	if err != nil {
		return profileError(err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		f.Close()
		return profileError(err)
	}
	p.cpu = f
	return nil
}

// end writes both files.
func (p *profiling) end() error {
	if p.cpu == nil {
		return nil
	}
	pprof.StopCPUProfile()
	err := p.cpu.Close()
	heap, failed := os.Create(filepath.Join(p.dir, "heap.pprof"))
	if failed != nil {
		return profileError(cmp.Or(err, failed))
	}
	runtime.GC() // the profile is as of the last one
	failed = pprof.Lookup("heap").WriteTo(heap, 0)
	if err := cmp.Or(err, failed, heap.Close()); err != nil {
		return profileError(err)
	}
	return nil
}

func profileError(err error) error {
	return whittle.WithHint(whittle.ErrSystem.Errorf("profiling (--profile): %w", err), "name a folder that can be written into")
}
