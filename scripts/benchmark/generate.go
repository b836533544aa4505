package main

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/gzip"
)

// archiveWriter writes a docker archive whose members' sizes are not known
// before they are written.
type archiveWriter struct {
	path string
	file *os.File
	tar  *tar.Writer
}

func newArchive(path string) (*archiveWriter, error) {
	f, err := os.Create(path + ".partial")
	if err != nil {
		return nil, err
	}
	return &archiveWriter{path, f, tar.NewWriter(f)}, nil
}

func (w *archiveWriter) bytes(name string, b []byte) error {
	if err := w.tar.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(b)), Mode: 0o644}); err != nil {
		return err
	}
	_, err := w.tar.Write(b)
	return err
}

// spooled writes what r gives, by way of a temporary file. Without a name it
// is a blob of an OCI layout, named by its digest; the name is returned.
func (w *archiveWriter) spooled(name string, r io.Reader) (string, error) {
	tmp, err := os.CreateTemp(filepath.Dir(w.path), "spool")
	if err != nil {
		return "", err
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(tmp, sum), r)
	if err != nil {
		return "", err
	}
	if name == "" {
		name = "blobs/sha256/" + hex.EncodeToString(sum.Sum(nil))
	}
	if _, err := tmp.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	if err := w.tar.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: n, Mode: 0o644}); err != nil {
		return "", err
	}
	_, err = io.Copy(w.tar, tmp)
	return name, err
}

func (w *archiveWriter) close() error {
	if err := w.tar.Close(); err != nil {
		return err
	}
	if err := w.file.Close(); err != nil {
		return err
	}
	return os.Rename(w.path+".partial", w.path)
}

// generate makes an image with gzip layers, the same for the same spec: most
// files lie in the first layers, a fifth of the last layer's rewrite or delete
// earlier ones.
func generate(path string, s spec) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	fmt.Fprintf(os.Stderr, "generating %s\n", s.name)
	w, err := newArchive(path)
	if err != nil {
		return err
	}
	g := generator{spec: s, random: rand.New(rand.NewPCG(1, 2)), block: make([]byte, 1<<20)}
	for i := range g.block { // text-like: it compresses to about a third
		g.block[i] = "etaoin shrdlu_()=.\n0123456789abcdef"[g.random.IntN(35)]
	}
	var layers, diffIDs []string
	for i := range s.layers {
		sum := sha256.New()
		pr, pw := io.Pipe()
		go func() {
			z := gzip.NewWriter(pw)
			err := g.layer(io.MultiWriter(z, sum), i)
			if err == nil {
				err = z.Close()
			}
			pw.CloseWithError(err)
		}()
		name, err := w.spooled("", pr)
		if err != nil {
			return err
		}
		layers = append(layers, name)
		diffIDs = append(diffIDs, "sha256:"+hex.EncodeToString(sum.Sum(nil)))
	}
	config, err := json.Marshal(map[string]any{"architecture": "amd64", "os": "linux", "config": map[string]any{}, "rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs}})
	if err != nil {
		return err
	}
	configSum := sha256.Sum256(config)
	configName := "blobs/sha256/" + hex.EncodeToString(configSum[:])
	if err := w.bytes(configName, config); err != nil {
		return err
	}
	manifest, err := json.Marshal([]map[string]any{{"Config": configName, "RepoTags": []string{"bench:1"}, "Layers": layers}})
	if err != nil {
		return err
	}
	if err := w.bytes("manifest.json", manifest); err != nil {
		return err
	}
	return w.close()
}

type generator struct {
	spec
	random *rand.Rand
	block  []byte
}

func (g *generator) path(n int) string {
	return fmt.Sprintf("usr/lib/python3/site-packages/package%03d/module%02d/file%06d.py", n/500, n/25%20, n)
}

func (g *generator) layer(out io.Writer, i int) error {
	w := tar.NewWriter(out)
	per := g.files / g.layers
	for n := i * per; n < (i+1)*per; n++ {
		name := g.path(n)
		last := i == g.layers-1
		if last && n%10 == 0 {
			name = g.path(n - per) // rewrites a file of the layer below
		}
		if last && n%10 == 5 {
			p := g.path(n - per)
			if err := g.file(w, filepath.Join(filepath.Dir(p), ".wh."+filepath.Base(p)), 0); err != nil {
				return err
			}
			continue
		}
		mean := g.bytes / int64(g.files)
		if err := g.file(w, name, mean/2+g.random.Int64N(mean)); err != nil {
			return err
		}
	}
	return w.Close()
}

func (g *generator) file(w *tar.Writer, name string, size int64) error {
	h := &tar.Header{Name: name, Typeflag: tar.TypeReg, Size: size, Mode: 0o644, ModTime: time.Unix(1700000000, 0)}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	for size > 0 {
		at := g.random.Int64N(int64(len(g.block)) / 2)
		n := min(size, int64(len(g.block))-at)
		if _, err := w.Write(g.block[at : at+n]); err != nil {
			return err
		}
		size -= n
	}
	return nil
}
