package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"

	"whittle.dev/whittle/internal/codec"
)

// tools compares whittle with the tools that do the same, or a part of it, in one run.
func (b *bench) tools(w io.Writer, images []spec) error {
	fmt.Fprintf(w, "\nThe best of several runs, all tools in turn; %s.\n\n", machine())
	fmt.Fprintln(w, "| what | whittle | tool | its time | of whittle's |")
	fmt.Fprintln(w, "|---|--:|---|--:|--:|")
	for _, of := range []func(io.Writer) error{b.staticTools, b.dependencyTools} {
		if err := of(w); err != nil {
			return err
		}
	}
	for _, s := range images {
		if err := b.imageTools(w, s); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	fmt.Fprintln(w, "\nTools do not do the same: see docs/explanation/speed.md.")
	return nil
}

// imageTools are those that read an image, and those that decompress its largest layer.
func (b *bench) imageTools(w io.Writer, s spec) error {
	archive := s.from
	if archive == "" {
		archive = b.archive(s)
		if err := generate(archive, s); err != nil {
			return err
		}
	} else if _, err := os.Stat(archive); err != nil {
		fmt.Fprintf(w, "| %s | not measured: make images builds it | | | |\n", s.name)
		return nil
	}
	blobs, err := gzipBlobs(archive)
	if err != nil {
		return err
	}
	source := "docker-archive:" + archive
	c := contest{what: "an image: " + s.name, runs: s.runs, ours: b.whittleOf(isJSON(`"layers"`), "inspect", "--quiet", "--json", "--no-index-cache", source), others: []contender{
		{name: "skopeo inspect", version: []string{"skopeo", "--version"}, command: []string{"skopeo", "inspect", source}, result: layerCount(len(blobs))},
		{name: "dive", version: []string{b.tool("dive")}, command: []string{b.tool("dive"), "--ci", "--lowestEfficiency=0", "--highestUserWastedPercent=1", "--source", "docker-archive", archive},
			env: []string{"CI=true"}, result: has("efficiency")},
	}}
	if s.from != "" { // a generated image has no packages
		c.others = append(c.others, contender{name: "syft", version: []string{b.tool("syft")}, command: []string{b.tool("syft"), "scan", "-q", "-o", "json", source},
			env: []string{"SYFT_CHECK_FOR_APP_UPDATE=false"}, result: isJSON(`"name":"pandas"`, `"name":"libc6"`)})
	}
	if err := b.hold(w, c); err != nil {
		return err
	}
	sort.Slice(blobs, func(i, j int) bool { return blobs[i].Size() > blobs[j].Size() })
	return b.layerTools(w, s, blobs[0])
}

// layerTools are those that decompress a layer, as it is and as zstd. What whittle reads is an
// image that has this layer alone: it also checks the layer's digests and hashes its files.
func (b *bench) layerTools(w io.Writer, s spec, layer *io.SectionReader) error {
	z, err := gzip.NewReader(layer)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(b.dir, "layer")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	plain := filepath.Join(dir, "layer.tar")
	h := sha256.New()
	if err := copyTo(plain, io.TeeReader(z, h)); err != nil {
		return err
	}
	sum := [sha256.Size]byte(h.Sum(nil))
	if _, err := layer.Seek(0, io.SeekStart); err != nil {
		return err
	}
	gz, zst := plain+".gz", plain+".zst"
	if err := copyTo(gz, layer); err != nil {
		return err
	}
	if err := compress(zst, plain); err != nil {
		return err
	}
	python, rapid := b.tool("venv/bin/python"), b.tool("venv/bin/rapidgzip")
	for _, form := range []struct {
		file, name string
		others     []contender
	}{
		{gz, "gzip", []contender{
			{name: "gzip", version: []string{"gzip", "--version"}, command: []string{"gzip", "-dc", gz}},
			{name: "igzip (isal)", version: []string{python, "-c", "import isal; print(isal.__version__)"}, command: []string{python, "-c",
				"import sys\nfrom isal import igzip\nwith igzip.open(sys.argv[1]) as f:\n    while b := f.read(1 << 20): sys.stdout.buffer.write(b)", gz}},
			{name: "rapidgzip, one thread", version: []string{rapid, "--version"}, command: []string{rapid, "-P", "1", "-d", "-c", gz}},
			{name: "rapidgzip, two threads", version: []string{rapid, "--version"}, command: []string{rapid, "-P", "2", "-d", "-c", gz}},
		}},
		{zst, "zstd", []contender{{name: "zstd", version: []string{"zstd", "--version"}, command: []string{"zstd", "-dc", zst}}}},
	} {
		archive := form.file + ".archive"
		if err := oneLayer(archive, form.file, sum); err != nil {
			return err
		}
		for i := range form.others {
			form.others[i].result = sums(sum)
		}
		err := b.hold(w, contest{what: fmt.Sprintf("the largest layer as %s: %s", form.name, s.name), runs: max(3, s.runs), others: form.others,
			ours: b.whittleOf(isJSON(hex.EncodeToString(sum[:])), "inspect", "--quiet", "--json", "--no-index-cache", "docker-archive:"+archive)})
		if err != nil {
			return err
		}
	}
	return nil
}

// compress writes a file as zstd, as whittle squeeze does.
func compress(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	z, err := codec.NewWriter(out, codec.Zstd, 0)
	if err != nil {
		return err
	}
	if _, err := io.Copy(z, in); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return out.Close()
}

// oneLayer writes an archive with an image of one layer.
func oneLayer(path, layer string, diffID [sha256.Size]byte) error {
	w, err := newArchive(path)
	if err != nil {
		return err
	}
	f, err := os.Open(layer)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := w.spooled("layer.tar", f); err != nil {
		return err
	}
	config, err := json.Marshal(map[string]any{"architecture": "amd64", "os": "linux", "config": map[string]any{}, "rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(diffID[:])}}})
	if err != nil {
		return err
	}
	manifest, err := json.Marshal([]map[string]any{{"Config": "config.json", "RepoTags": []string{"bench:1"}, "Layers": []string{"layer.tar"}}})
	if err != nil {
		return err
	}
	if err := w.bytes("config.json", config); err != nil {
		return err
	}
	if err := w.bytes("manifest.json", manifest); err != nil {
		return err
	}
	return w.close()
}

// dependencyTools are those that compare a project's imports with what it declares, of the
// example and of a tree of twenty packages with an import that nothing declares. None of them
// knows a package index: whittle has an empty cache of it.
func (b *bench) dependencyTools(w io.Writer) error {
	for _, t := range []struct {
		what, dir string
		runs      int
		finds     []string
	}{
		{"imports and declarations: the example", b.project, 5, []string{"rich", "anonymize.py"}},
		{"imports and declarations: twenty packages, 134 MB of Python", b.tree(), 1, []string{"plotly", "planted.py"}},
	} {
		if _, err := os.Stat(t.dir); err != nil {
			fmt.Fprintf(w, "| %s | not measured: %s is missing | | | |\n", t.what, filepath.Base(t.dir))
			continue
		}
		found := has(t.finds...)
		ours := b.whittleOf(isJSON(t.finds...), "check", "--quiet", "--json", "--offline", "--cache-dir", b.tool("no-cache"), ".")
		ours.answers = []int{1}
		err := b.hold(w, contest{what: t.what, dir: t.dir, runs: t.runs, ours: ours, others: []contender{
			{name: "deptry", version: []string{b.tool("venv/bin/deptry"), "--version"}, command: []string{b.tool("venv/bin/deptry"), ".", "--no-ansi", "-o", "/dev/stdout"}, answers: []int{1}, result: found},
			{name: "FawltyDeps", version: []string{b.tool("venv/bin/fawltydeps"), "--version"}, command: []string{b.tool("venv/bin/fawltydeps"), "--detailed", "."}, answers: []int{3}, result: found},
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

// tree is the folder of the larger project; scripts/bench makes it.
func (b *bench) tree() string { return filepath.Join(b.dir, "tree") }

// planted is a Dockerfile with a mistake that both find: lists of packages that stay.
const planted = "FROM debian:12-slim\nRUN apt-get update && apt-get install -y curl\nCMD [\"/bin/true\"]\n"

// staticTools are those that read Dockerfiles alone: the example's, and hundreds of copies.
func (b *bench) staticTools(w io.Writer) error {
	originals, err := filepath.Glob(filepath.Join(b.project, "Dockerfile*"))
	if err != nil {
		return err
	}
	texts := [][]byte{[]byte(planted)}
	for _, name := range originals {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		texts = append(texts, text)
	}
	for _, times := range []int{1, 100} {
		dir, err := os.MkdirTemp(b.dir, "dockerfiles")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		var names []string
		for i := range times {
			for n, text := range texts {
				name := fmt.Sprintf("%03d-%d.Dockerfile", i, n)
				if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
					return err
				}
				names = append(names, name)
			}
		}
		ours := b.whittleOf(isJSON(`"package-manager-cache"`, "000-0.Dockerfile"), append([]string{"advise", "--quiet", "--json", "--exit-zero"}, names...)...)
		hadolint := b.tool("venv/bin/hadolint")
		err = b.hold(w, contest{what: fmt.Sprintf("%d Dockerfiles", len(names)), dir: dir, runs: 5, ours: ours, others: []contender{
			{name: "hadolint", version: []string{hadolint, "--version"}, command: append([]string{hadolint, "-f", "json"}, names...), answers: []int{1}, result: isJSON("DL3009", "000-0.Dockerfile")},
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) whittleOf(result func() (io.Writer, func() error), args ...string) contender {
	return contender{name: "whittle", command: append([]string{b.whittle}, args...), result: result}
}

// tool is a program that scripts/bench has installed.
func (b *bench) tool(name string) string { return filepath.Join(b.dir, name) }

// layerCount is the result of skopeo for an image with so many layers.
func layerCount(want int) func() (io.Writer, func() error) {
	return func() (io.Writer, func() error) {
		var b bytes.Buffer
		return &b, func() error {
			var got struct{ Layers []string }
			if err := json.Unmarshal(b.Bytes(), &got); err != nil {
				return fmt.Errorf("wrong: %w", err)
			}
			if len(got.Layers) != want {
				return fmt.Errorf("wrong: %d layers of %d", len(got.Layers), want)
			}
			return nil
		}
	}
}
