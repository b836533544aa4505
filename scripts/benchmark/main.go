// Command benchmark measures whittle inspect against floors and against the
// layer explorer dive, whittle check on the example, and what whittle does against
// the tools that do a part of it, and prints Markdown tables of ratios within one run.
// scripts/bench installs what it needs and calls it.
package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"time"

	kgzip "github.com/klauspost/compress/gzip"
)

func main() {
	log.SetFlags(0)
	dir := flag.String("dir", ".cache/bench", "folder for generated images")
	whittle := flag.String("whittle", ".cache/bin/whittle", "the program")
	example := flag.String("example", "", "docker archive with gzip layers, about 1 GB")
	small := flag.Bool("small", false, "leave out the image of 5 GB")
	only := flag.Bool("check", false, "measure nothing but the check of the example")
	tools := flag.Bool("tools", false, "measure nothing but the tools that do a part of what whittle does")
	project := flag.String("project", "examples/inventory", "the project whose imports and Dockerfiles are read")
	profiles := flag.String("profile", "", "folder for profiles of each row of whittle")
	squeezes := flag.Bool("squeeze", false, "measure nothing but squeeze, of the generated images")
	flag.Parse()
	b := bench{dir: *dir, whittle: abs(*whittle), project: abs(*project)}
	if *profiles != "" {
		b.profiles = abs(*profiles)
	}
	if *example != "" {
		*example = abs(*example)
	}
	b.dir = abs(b.dir)
	images := []spec{
		{name: "250 MB, 10k files", files: 10_000, bytes: 250e6, layers: 3, runs: 3},
		{name: "example, 1.1 GB, 31k files", from: *example, runs: 3},
		{name: "5 GB, 500k files", files: 500_000, bytes: 5e9, layers: 4, runs: 1},
	}
	if *small {
		images = images[:2]
	}
	if *squeezes {
		for _, s := range []spec{images[0], images[2]} {
			if err := b.squeeze(s); err != nil {
				log.Fatalf("benchmark: %v", err)
			}
		}
		return
	}
	if *tools {
		if err := b.tools(os.Stdout, images[:2]); err != nil {
			log.Fatalf("benchmark: %v", err)
		}
		return
	}
	if *only {
		if err := b.check(images[1], "gzip", *example); err != nil {
			log.Fatalf("benchmark: %v", err)
		}
		b.printChecks(os.Stdout)
		return
	}
	for _, s := range images {
		if err := b.image(s); err != nil {
			log.Fatalf("benchmark: %s: %v", s.name, err)
		}
	}
	b.print(os.Stdout)
	b.printChecks(os.Stdout)
	if err := b.tools(os.Stdout, images[:2]); err != nil {
		log.Fatalf("benchmark: %v", err)
	}
}

func abs(p string) string {
	a, err := filepath.Abs(p)
	if err != nil {
		log.Fatal(err)
	}
	return a
}

// spec is an image to measure on: one that is there, or one to generate.
type spec struct {
	name   string
	from   string
	files  int
	bytes  int64
	layers int
	runs   int
}

type bench struct {
	dir, whittle, project string
	// profiles is where those of each row of whittle are kept, empty for none.
	profiles string
	rows     []row
	checks   []check
}

// check is one image that was checked, without a cache and with one.
type check struct {
	image, form string
	cold, warm  sample
}

// row is one measured image in one form.
type row struct {
	image, form                 string
	cold, warm, explorer        sample
	largest, igzip              sample // floors, of gzip layers only
	largestLayer, allCompressed int64
}

// sample is the median wall time and the peak memory of a command.
type sample struct {
	wall time.Duration
	cpu  time.Duration // of all cores, the least of the runs
	rss  int64         // bytes
	over bool          // it was ended after patience
}

// patience ends a command that does not end by itself.
const patience = 5 * time.Minute

// archive is where a generated image is.
func (b *bench) archive(s spec) string {
	return filepath.Join(b.dir, strings.NewReplacer(" ", "-", ",", "").Replace(s.name)+".gzip.tar")
}

func (b *bench) image(s spec) error {
	gz := s.from
	if gz == "" {
		gz = b.archive(s)
		if err := generate(gz, s); err != nil {
			return err
		}
	}
	plain := filepath.Join(b.dir, filepath.Base(strings.TrimSuffix(gz, ".tar"))+".plain.tar")
	if err := convert(gz, plain); err != nil {
		return err
	}
	for _, form := range []string{"gzip", "plain"} {
		archive := gz
		if form == "plain" {
			archive = plain
		}
		r, err := b.measure(s, form, archive)
		if err != nil {
			return err
		}
		b.rows = append(b.rows, r)
		if s.from == "" {
			continue // a generated image starts nothing
		}
		if err := b.check(s, form, archive); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) check(s spec, form, archive string) (err error) {
	log.Printf("checking %s, %s layers", s.name, form)
	cache, err := os.MkdirTemp(b.dir, "cache")
	if err != nil {
		return err
	}
	defer os.RemoveAll(cache)
	c := check{image: s.name, form: form}
	source := "docker-archive:" + archive
	if c.cold, err = timed(s.runs, nil, b.whittle, "check", "--quiet", "--json", "--no-index-cache", source); err != nil {
		return err
	}
	warm := []string{"check", "--quiet", "--json", "--cache-dir", cache, source}
	if _, err = timed(1, nil, b.whittle, warm...); err != nil {
		return err
	}
	if c.warm, err = timed(s.runs, nil, b.whittle, warm...); err != nil {
		return err
	}
	b.checks = append(b.checks, c)
	return b.kept("check: "+s.name+", "+form, "check", "--quiet", "--json", "--no-index-cache", source)
}

// kept has whittle keep profiles of a row of the first tables.
func (b *bench) kept(row string, args ...string) error {
	return b.keepProfile(row, func(env string) error {
		_, err := timed(1, []string{env}, b.whittle, args...)
		return err
	})
}

// squeeze prints what squeezing a generated image takes, as gzip is kept and as all of it is
// compressed again: memory is by the number of files.
func (b *bench) squeeze(s spec) error {
	archive := b.archive(s)
	if err := generate(archive, s); err != nil {
		return err
	}
	out := filepath.Join(b.dir, "squeezed.oci")
	defer os.Remove(out)
	for _, form := range []string{"keep", "zstd:chunked"} {
		took, err := timed(1, nil, b.whittle, "squeeze", "--quiet", "--json", "--no-index-cache", "--base", "rewrite", "--compress", form, "docker-archive:"+archive, "-o", "oci-archive:"+out)
		if err != nil {
			return err
		}
		if took.over {
			return fmt.Errorf("squeezing %s (%s) was ended after %v", s.name, form, patience)
		}
		fmt.Printf("| %s | %s | %.1f s | %d MB | %d bytes a file |\n", s.name, form, took.wall.Seconds(), took.rss/1e6, took.rss/int64(s.files))
	}
	return nil
}

func (b *bench) measure(s spec, form, archive string) (r row, err error) {
	log.Printf("measuring %s, %s layers", s.name, form)
	r = row{image: s.name, form: form}
	cache, err := os.MkdirTemp(b.dir, "cache")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(cache)
	source := "docker-archive:" + archive
	if r.cold, err = timed(s.runs, nil, b.whittle, "inspect", "--quiet", "--json", "--no-index-cache", source); err != nil {
		return r, err
	}
	if err := b.kept("inspect: "+s.name+", "+form, "inspect", "--quiet", "--json", "--no-index-cache", source); err != nil {
		return r, err
	}
	warm := []string{"inspect", "--quiet", "--json", "--cache-dir", cache, source}
	if _, err = timed(1, nil, b.whittle, warm...); err != nil {
		return r, err
	}
	if r.warm, err = timed(s.runs, nil, b.whittle, warm...); err != nil {
		return r, err
	}
	if r.explorer, err = timed(s.runs, []string{"CI=true"}, filepath.Join(b.dir, "dive"), "--ci", "--lowestEfficiency=0", "--highestUserWastedPercent=1", "--source", "docker-archive", archive); err != nil {
		return r, err
	}
	if form == "gzip" {
		err = b.floors(&r, s, archive)
	}
	return r, err
}

// floors decompresses the same blobs and does nothing else.
func (b *bench) floors(r *row, s spec, archive string) error {
	blobs, err := gzipBlobs(archive)
	if err != nil {
		return err
	}
	sort.Slice(blobs, func(i, j int) bool { return blobs[i].Size() > blobs[j].Size() })
	for _, blob := range blobs {
		r.allCompressed += blob.Size()
	}
	largest := filepath.Join(b.dir, "largest.gz")
	if err := copyTo(largest, blobs[0]); err != nil {
		return err
	}
	defer os.Remove(largest)
	r.largestLayer = blobs[0].Size()
	var times []time.Duration
	for range s.runs {
		f, err := os.Open(largest)
		if err != nil {
			return err
		}
		began := time.Now()
		z, err := kgzip.NewReader(f)
		if err == nil {
			_, err = io.Copy(io.Discard, z)
		}
		f.Close()
		if err != nil {
			return err
		}
		times = append(times, time.Since(began))
	}
	r.largest.wall = median(times)
	r.igzip, err = timed(s.runs, nil, filepath.Join(b.dir, "venv/bin/python"), "-c",
		"import sys\nfrom isal import igzip\nwith igzip.open(sys.argv[1]) as f:\n    while f.read(1 << 20): pass", largest)
	return err
}

// timed runs a command so often and gives the median wall time and the
// largest peak memory.
func timed(runs int, env []string, program string, args ...string) (sample, error) {
	var s sample
	var times []time.Duration
	for range runs {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Env = append(os.Environ(), env...)
		var errs strings.Builder
		cmd.Stderr = &errs
		began := time.Now()
		if err := cmd.Run(); ctx.Err() != nil {
			s.over = true
		} else if err != nil && !(args[0] == "check" && cmd.ProcessState.ExitCode() == 1) { // 1 is an answer: the image does not run
			return s, fmt.Errorf("%s: %w: %s", filepath.Base(program), err, errs.String())
		}
		times = append(times, time.Since(began))
		if cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(); s.cpu == 0 || cpu < s.cpu {
			s.cpu = cpu
		}
		if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			s.rss = max(s.rss, u.Maxrss*1024)
		}
	}
	s.wall = median(times)
	return s, nil
}

func median(t []time.Duration) time.Duration {
	sort.Slice(t, func(i, j int) bool { return t[i] < t[j] })
	return t[len(t)/2]
}

// gzipBlobs are the gzip files in an archive, by their magic.
func gzipBlobs(archive string) ([]*io.SectionReader, error) {
	var out []*io.SectionReader
	err := eachFile(archive, func(_ *tar.Header, s *io.SectionReader) error {
		var magic [2]byte
		if _, err := s.ReadAt(magic[:], 0); err == nil && magic == [2]byte{0x1f, 0x8b} {
			out = append(out, s)
		}
		return nil
	})
	return out, err
}

func eachFile(archive string, fn func(h *tar.Header, s *io.SectionReader) error) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	tr := tar.NewReader(f)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		at, err := f.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		if h.Typeflag == tar.TypeReg {
			if err := fn(h, io.NewSectionReader(f, at, h.Size)); err != nil {
				return err
			}
		}
	}
}

func copyTo(path string, r io.Reader) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, r); err != nil {
		return err
	}
	return f.Close()
}

// convert writes the archive with its layers uncompressed, as docker save did.
func convert(from, to string) error {
	if fresh(to, from) {
		return nil
	}
	var all []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	parts := map[string]*io.SectionReader{}
	if err := eachFile(from, func(h *tar.Header, s *io.SectionReader) error { parts[h.Name] = s; return nil }); err != nil {
		return err
	}
	if err := json.NewDecoder(parts["manifest.json"]).Decode(&all); err != nil {
		return err
	}
	w, err := newArchive(to)
	if err != nil {
		return err
	}
	m := all[0]
	for i, name := range m.Layers {
		m.Layers[i] = fmt.Sprintf("%02d/layer.tar", i)
		z, err := gzip.NewReader(parts[name])
		if err != nil {
			return err
		}
		if _, err := w.spooled(m.Layers[i], z); err != nil {
			return err
		}
	}
	config, err := io.ReadAll(parts[m.Config])
	if err != nil {
		return err
	}
	if err := w.bytes("config.json", config); err != nil {
		return err
	}
	manifest, err := json.Marshal([]map[string]any{{"Config": "config.json", "RepoTags": []string{"bench:1"}, "Layers": m.Layers}})
	if err != nil {
		return err
	}
	if err := w.bytes("manifest.json", manifest); err != nil {
		return err
	}
	return w.close()
}

func fresh(path, than string) bool {
	a, err := os.Stat(path)
	if err != nil {
		return false
	}
	b, err := os.Stat(than)
	return err == nil && a.ModTime().After(b.ModTime())
}
