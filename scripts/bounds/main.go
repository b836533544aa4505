// Command bounds measures what hostile images cost: time and peak memory
// against the size of the input, which have to grow together. It is run by
// hand:
//
//	go build -o /tmp/whittle ./cmd/whittle && go run ./scripts/bounds /tmp/whittle
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"whittle.dev/whittle"
)

// shapes write one layer of a size; tail comes behind its gzip.
var shapes = []struct {
	name string
	base int // the smallest of four sizes, each twice the one before
	make func(w *tar.Writer, n int) (tail []byte)
}{
	{"entries", 50_000, func(w *tar.Writer, n int) []byte {
		for i := range n {
			file(w, fmt.Sprintf("d%d/f%d", i/1000, i), "")
		}
		return nil
	}},
	{"folders that nothing lists", 100, func(w *tar.Writer, n int) []byte {
		for i := range n {
			file(w, fmt.Sprintf("%d/%sf", i, strings.Repeat("a/", 2000)), "")
		}
		return nil
	}},
	{"hard links", 50_000, func(w *tar.Writer, n int) []byte {
		file(w, "a", "x")
		for i := range n {
			check(w.WriteHeader(&tar.Header{Name: fmt.Sprintf("l%d", i), Linkname: "a", Typeflag: tar.TypeLink, Format: tar.FormatGNU}))
		}
		return nil
	}},
	{"whiteouts", 50_000, func(w *tar.Writer, n int) []byte {
		for i := range n {
			file(w, fmt.Sprintf("d%d/.wh.f%d", i/1000, i), "")
		}
		return nil
	}},
	{"bytes of PAX records", 8_000_000, func(w *tar.Writer, n int) []byte {
		for i := range n / 100_000 {
			check(w.WriteHeader(&tar.Header{Name: fmt.Sprintf("f%d", i), Typeflag: tar.TypeReg, Format: tar.FormatPAX,
				PAXRecords: map[string]string{"comment": strings.Repeat("x", 100_000)}}))
		}
		return nil
	}},
	{"extended attributes", 100_000, func(w *tar.Writer, n int) []byte {
		for i := range n / 1000 {
			records := map[string]string{}
			for j := range 1000 {
				records[fmt.Sprintf("SCHILY.xattr.user.%d", j)] = "x"
			}
			check(w.WriteHeader(&tar.Header{Name: fmt.Sprintf("f%d", i), Typeflag: tar.TypeReg, Format: tar.FormatPAX, PAXRecords: records}))
		}
		return nil
	}},
	{"empty gzip members", 500_000, func(_ *tar.Writer, n int) []byte {
		var b bytes.Buffer
		check(gzip.NewWriter(&b).Close())
		return bytes.Repeat(b.Bytes(), n)
	}},
	{"lines of RECORDs", 250_000, func(w *tar.Writer, n int) []byte {
		for i := range 8 {
			dir := fmt.Sprintf("usr/lib/python3.13/site-packages/p%d-1.dist-info/", i)
			file(w, dir+"METADATA", fmt.Sprintf("Name: p%d\nVersion: 1\n", i))
			file(w, dir+"RECORD", strings.Repeat("missing.py\n", n/8))
		}
		return nil
	}},
	{"portions of a namespace", 2_000, func(w *tar.Writer, n int) []byte {
		for i := range n {
			site := "usr/lib/python3.13/site-packages/"
			file(w, fmt.Sprintf("%sns/p%d/m.py", site, i), "")
			file(w, fmt.Sprintf("%sn%d-1.dist-info/METADATA", site, i), fmt.Sprintf("Name: n%d\nVersion: 1\n", i))
			file(w, fmt.Sprintf("%sn%d-1.dist-info/RECORD", site, i), fmt.Sprintf("ns/p%d/m.py,,\n", i))
		}
		return nil
	}},
}

func main() {
	if len(os.Args) == 5 && os.Args[1] == "make" {
		makeOne(os.Args[2], os.Args[3], os.Args[4])
		return
	}
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: bounds WHITTLE")
		os.Exit(2)
	}
	self, err := os.Executable()
	check(err)
	dir, err := os.MkdirTemp("", "bounds-")
	check(err)
	defer os.RemoveAll(dir)
	fmt.Printf("%-28s %9s %10s %7s %8s %12s\n", "what", "how many", "blob", "CPU s", "MB", "CPU s before")
	for _, s := range shapes {
		before := ""
		for n := s.base; n <= 8*s.base; n *= 2 {
			layout := filepath.Join(dir, "layout")
			check(os.RemoveAll(layout))
			// In a separate process: a child's peak memory is at least that of
			// the process that starts it.
			blob, err := exec.Command(self, "make", layout, s.name, strconv.Itoa(n)).Output()
			check(err)
			cmd := exec.Command(os.Args[1], "inspect", "-q", "--no-index-cache", "oci-layout:"+layout)
			cmd.Stderr = os.Stderr
			check(cmd.Run())
			u := cmd.ProcessState.SysUsage().(*syscall.Rusage)
			cpu := float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
			fmt.Printf("%-28s %9d %10s %7.2f %8d %12s\n", s.name, n, strings.TrimSpace(string(blob)), cpu, u.Maxrss>>10, before)
			before = fmt.Sprintf("%.2f", cpu)
		}
	}
}

// makeOne makes the image of a shape and prints how large its blob is.
func makeOne(dir, name, size string) {
	n, err := strconv.Atoi(size)
	check(err)
	for _, s := range shapes {
		if s.name == name {
			fmt.Println(whittle.Bytes(write(dir, func(w *tar.Writer) []byte { return s.make(w, n) })))
		}
	}
}

func file(w *tar.Writer, name, content string) {
	check(w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content)), Format: tar.FormatGNU}))
	_, err := w.Write([]byte(content))
	check(err)
}

// write makes an OCI layout of one layer and says how large its blob is.
func write(dir string, layer func(w *tar.Writer) (tail []byte)) int64 {
	var raw, blob bytes.Buffer
	w := tar.NewWriter(&raw)
	tail := layer(w)
	check(w.Close())
	z := gzip.NewWriter(&blob)
	_, err := z.Write(raw.Bytes())
	check(err)
	check(z.Close())
	blob.Write(tail)
	put := func(b []byte) map[string]any {
		d := whittle.DigestOf(b)
		name := filepath.Join(dir, "blobs", "sha256", d.Hex())
		check(os.MkdirAll(filepath.Dir(name), 0o700))
		check(os.WriteFile(name, b, 0o600))
		return map[string]any{"digest": d, "size": len(b)}
	}
	config := put(marshal(map[string]any{"os": "linux", "architecture": "amd64", "rootfs": map[string]any{"diff_ids": []whittle.Digest{whittle.DigestOf(raw.Bytes())}}}))
	manifest := put(marshal(map[string]any{"schemaVersion": 2, "config": config, "layers": []any{put(blob.Bytes())}}))
	check(os.WriteFile(filepath.Join(dir, "index.json"), marshal(map[string]any{"schemaVersion": 2, "manifests": []any{manifest}}), 0o600))
	return int64(blob.Len())
}

func marshal(v any) []byte {
	b, err := json.Marshal(v)
	check(err)
	return b
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bounds:", err)
		os.Exit(1)
	}
}
