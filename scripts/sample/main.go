// Command sample writes a small docker archive, for trying a program that has
// just been built or installed.
package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log"
	"os"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: sample FILE")
	}
	layer := archive(map[string][]byte{"app/data": bytes.Repeat([]byte("whittle"), 1000)}, "app/data")
	sum := sha256.Sum256(layer)
	config := marshal(map[string]any{
		"architecture": "amd64", "os": "linux", "config": map[string]any{},
		"rootfs":  map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(sum[:])}},
		"history": []any{map[string]any{"created_by": "COPY data /app/data"}},
	})
	manifest := marshal([]any{map[string]any{"Config": "config.json", "RepoTags": []string{"sample:1"}, "Layers": []string{"layer.tar"}}})
	image := archive(map[string][]byte{"config.json": config, "manifest.json": manifest, "layer.tar": layer}, "manifest.json", "config.json", "layer.tar")
	if err := os.WriteFile(os.Args[1], image, 0o644); err != nil {
		log.Fatal(err)
	}
}

func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		log.Fatal(err)
	}
	return b
}

// archive is a tar of files, in this order.
func archive(files map[string][]byte, order ...string) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range order {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name]))}); err != nil {
			log.Fatal(err)
		}
		if _, err := w.Write(files[name]); err != nil {
			log.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}
	return b.Bytes()
}
