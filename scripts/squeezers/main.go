// Command squeezers squeezes images with whittle, docker-squash and
// go-containerregistry's flatten, compares the trees of the results with the images', and
// prints Markdown tables. scripts/squeeze-compare installs what it needs and calls it.
package main

import (
	"archive/tar"
	"bytes"
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
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/klauspost/compress/gzip"
)

// programs are where the tools are, and a folder for what they write.
type programs struct {
	whittle, squash, python, dir string
}

// tool makes an image smaller: it reads the docker archive from and writes the docker
// archive to. It gives the seconds that it took, without what only this comparison needs.
type tool struct {
	name string
	run  func(ctx context.Context, p programs, from, to string) (seconds float64, err error)
}

var tools = []tool{
	{"whittle squeeze", func(ctx context.Context, p programs, from, to string) (float64, error) {
		return timed(ctx, p.whittle, "squeeze", "-q", from, "-o", "docker-archive:"+to)
	}},
	{"whittle squeeze --merge", func(ctx context.Context, p programs, from, to string) (float64, error) {
		return timed(ctx, p.whittle, "squeeze", "-q", "--merge", from, "-o", "docker-archive:"+to)
	}},
	{"docker-squash", dockerSquash},
	{"go-containerregistry flatten", func(_ context.Context, _ programs, from, to string) (float64, error) {
		began := time.Now()
		err := flatten(from, to)
		return time.Since(began).Seconds(), err
	}},
}

// result is what a tool made of an image.
type result struct {
	// failed says why there is no image, empty if there is one.
	failed  string
	seconds float64
	sizes   sizes
	// whittle and umoci say how the tree differs, empty if it does not.
	whittle, umoci string
	// oracle says why umoci does not unpack the image as it is, nil if it does.
	oracle error
}

// sizes are an image's: of its files, and of its layers compressed with one encoder at
// one level, so that they compare.
type sizes struct {
	files, download int64
	layers          int
	// listed are the folders that a layer lists.
	listed map[string]bool
}

func main() {
	log.SetFlags(0)
	var p programs
	flag.StringVar(&p.whittle, "whittle", ".cache/bin/whittle", "the program")
	flag.StringVar(&p.squash, "squash", "docker-squash", "the program docker-squash")
	flag.StringVar(&p.python, "python", "python3", "a Python that has the module docker")
	flag.StringVar(&p.dir, "dir", ".cache/squeezers", "folder for what is written")
	flag.Parse()
	if err := compare(context.Background(), p, flag.Args(), os.Stdout); err != nil {
		log.Fatalf("squeezers: %v", err)
	}
}

// large is the size in bytes from which on an image's sizes are of interest.
const large = 1_000_000

func compare(ctx context.Context, p programs, images []string, w io.Writer) error {
	tally := make([][3]int, len(tools)) // right, wrong, none
	var figures []string
	fmt.Fprintf(w, "\n| image |")
	for _, t := range tools {
		fmt.Fprintf(w, " %s |", t.name)
	}
	fmt.Fprintln(w, "\n|---|"+strings.Repeat("---|", len(tools)))
	for _, image := range images {
		results, rows, err := measureTools(ctx, p, image)
		if err != nil {
			return fmt.Errorf("%s: %w", image, err)
		}
		figures = append(figures, rows...)
		fmt.Fprintf(w, "| %s |", title(image))
		for i, r := range results {
			tally[i][r.class()]++
			fmt.Fprintf(w, " %s |", r.verdict())
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w, "\n| tool | right tree | wrong tree | no image |\n|---|--:|--:|--:|")
	for i, t := range tools {
		fmt.Fprintf(w, "| %s | %d | %d | %d |\n", t.name, tally[i][0], tally[i][1], tally[i][2])
	}
	if len(figures) > 0 {
		fmt.Fprintln(w, "\n| image | tool | tree | files MB | download MB | layers | seconds |\n|---|---|---|--:|--:|--:|--:|")
		fmt.Fprintln(w, strings.Join(figures, "\n"))
	}
	return nil
}

func title(image string) string { return strings.TrimSuffix(filepath.Base(image), ".tar") }

// measureTools runs all tools on an image; rows are those of the table of sizes.
func measureTools(ctx context.Context, p programs, image string) (results []result, rows []string, err error) {
	work, err := os.MkdirTemp(p.dir, "work-")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(work)
	before, err := measure(image)
	if err != nil {
		return nil, nil, err
	}
	row := func(tool, tree string, s sizes, seconds string) {
		if before.files >= large {
			rows = append(rows, fmt.Sprintf("| %s | %s | %s | %.1f | %.1f | %d | %s |", title(image), tool, tree, float64(s.files)/1e6, float64(s.download)/1e6, s.layers, seconds))
		}
	}
	row("as it is", "", before, "")
	truth, oracle := unpacked(ctx, image, filepath.Join(work, "before"), before.listed)
	for _, t := range tools {
		r := one(ctx, p, t, image, work, truth, before.listed, oracle)
		row(t.name, classes[r.class()], r.sizes, fmt.Sprintf("%.1f", r.seconds))
		results = append(results, r)
	}
	return results, rows, nil
}

// one runs a tool on an image and compares the trees.
func one(ctx context.Context, p programs, t tool, image, work string, truth map[string]string, listed map[string]bool, oracle error) (r result) {
	r.oracle = oracle
	to := filepath.Join(work, strings.ReplaceAll(t.name, " ", "")+".tar")
	defer os.Remove(to)
	var err error
	if r.seconds, err = t.run(ctx, p, image, to); err != nil {
		return result{failed: line(strings.ReplaceAll(err.Error(), image, "it"))}
	}
	if r.sizes, err = measure(to); err != nil {
		return result{failed: line(err.Error())}
	}
	r.whittle = verify(ctx, p, image, to)
	if oracle != nil {
		return r
	}
	after, err := unpacked(ctx, to, filepath.Join(work, "after"), listed)
	if err != nil {
		r.umoci = line(err.Error())
	} else {
		r.umoci = different(truth, after)
	}
	return r
}

// classes are right, wrong, and no image.
var classes = [...]string{"right", "wrong", "none"}

func (r result) class() int {
	switch {
	case r.failed != "":
		return 2
	case r.whittle != "", r.umoci != "":
		return 1
	}
	return 0
}

func (r result) verdict() string {
	text := classes[r.class()]
	switch {
	case r.failed != "":
		text += ": " + r.failed
	case r.whittle != "" && r.umoci != "":
		text += ": " + r.whittle
	case r.umoci != "":
		text += " by umoci alone: " + r.umoci
	case r.whittle != "":
		text += " by whittle verify alone: " + r.whittle
	}
	if r.oracle != nil && r.failed == "" {
		text += " (umoci does not unpack the image as it is)"
	}
	return text
}

// line is a text in one short line, as a cell of a table.
func line(text string) string {
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(text), "\n"), func(l string) bool { return strings.Contains(l, "whittle: hint:") })
	last := strings.ReplaceAll(strings.ToValidUTF8(lines[len(lines)-1], "?"), "|", "\\|")
	if r := []rune(last); len(r) > 140 {
		last = string(r[:140]) + "…"
	}
	return last
}

// output runs a program. Errors have what it wrote.
func output(ctx context.Context, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return out.Bytes(), fmt.Errorf("%s: %w: %s", filepath.Base(name), err, bytes.TrimSpace(problems.Bytes()))
	}
	return out.Bytes(), nil
}

func timed(ctx context.Context, name string, args ...string) (float64, error) {
	began := time.Now()
	_, err := output(ctx, name, args...)
	return time.Since(began).Seconds(), err
}

// load loads a docker archive into the engine and prints the image's ID; drop removes all
// images of the engine, which has no others.
const (
	load = "import docker, sys\nprint(docker.from_env(timeout=1800).images.load(open(sys.argv[1], 'rb'))[0].id)"
	drop = "import docker\nc = docker.from_env(timeout=1800)\n[c.images.remove(i.id, force=True) for i in c.images.list(all=True)]"
)

// dockerSquash squashes all layers of an image. The engine has the image before the clock
// starts, and docker-squash writes an archive.
func dockerSquash(ctx context.Context, p programs, from, to string) (seconds float64, err error) {
	id, err := output(ctx, p.python, "-c", load, from)
	if err != nil {
		return 0, fmt.Errorf("the engine does not load it: %s", line(err.Error()))
	}
	defer func() {
		_, dropped := output(ctx, p.python, "-c", drop)
		err = errors.Join(err, dropped)
	}()
	return timed(ctx, p.squash, "--output-path", to, "--load-image=false", "-t", "squashed:latest", string(bytes.TrimSpace(id)))
}

// flatten is what crane flatten does: one layer of the files that mutate.Extract gives.
func flatten(from, to string) error {
	img, err := tarball.ImageFromPath(from, nil)
	if err != nil {
		return err
	}
	flat, err := flattened(img)
	if err != nil {
		return err
	}
	return tarball.WriteToFile(to, tag, flat)
}

// measure reads an image's layers.
func measure(image string) (s sizes, err error) {
	img, err := tarball.ImageFromPath(image, nil)
	if err != nil {
		return s, err
	}
	layers, err := img.Layers()
	if err != nil {
		return s, err
	}
	s.layers, s.listed = len(layers), map[string]bool{}
	for _, l := range layers {
		files, download, err := measureLayer(l, s.listed)
		if err != nil {
			return s, err
		}
		s.files += files
		s.download += download
	}
	return s, nil
}

// counter counts what is written.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

func measureLayer(l v1.Layer, listed map[string]bool) (files, download int64, err error) {
	r, err := l.Uncompressed()
	if err != nil {
		return 0, 0, err
	}
	defer r.Close()
	var stored counter
	comp := gzip.NewWriter(&stored) // level 6 in effect, that of most builders
	plain := io.TeeReader(r, comp)
	for entries := tar.NewReader(plain); ; {
		h, err := entries.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, 0, err
		}
		switch h.Typeflag {
		case tar.TypeReg:
			files += h.Size
		case tar.TypeDir:
			listed[filepath.Clean("./"+h.Name)] = true
		}
	}
	if _, err := io.Copy(io.Discard, plain); err != nil {
		return 0, 0, err
	}
	return files, int64(stored), errors.Join(comp.Close())
}

// verify says how the trees of two images differ by whittle's readings, empty if they do
// not.
func verify(ctx context.Context, p programs, a, b string) string {
	text, err := output(ctx, p.whittle, "verify", "-q", "--json", a, b)
	var c struct {
		SameTree    bool `json:"same_tree"`
		More        int  `json:"more"`
		Differences []struct{ Path, What string }
	}
	if bad := json.Unmarshal(text, &c); bad != nil {
		return line(fmt.Sprint(errors.Join(bad, err)))
	}
	if c.SameTree {
		return ""
	}
	if len(c.Differences) == 0 {
		return "another digest"
	}
	return line(fmt.Sprintf("%d path(s), %q: %s", len(c.Differences)+c.More, c.Differences[0].Path, c.Differences[0].What))
}
