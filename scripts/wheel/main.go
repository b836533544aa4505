// Command wheel writes a Python wheel that holds whittle's program for one
// system, as those of ruff and uv do:
//
//	wheel -binary PROGRAM -os linux -arch amd64 -version 1.2.3 -out FOLDER
//
// Equal inputs give equal bytes. The format is that of
// https://packaging.python.org/en/latest/specifications/binary-distribution-format/
package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// The distribution's name, as the index and as files spell it.
const (
	distribution = "whittle-image"
	spelled      = "whittle_image"
)

// tags are the platforms that a program of a system runs on. A static one for
// Linux needs neither glibc nor musl; manylinux_2_17 is what all indexes and
// installers know. Go 1.26 needs macOS 12.
var tags = map[string][]string{
	"linux/amd64":   {"manylinux_2_17_x86_64", "manylinux2014_x86_64", "musllinux_1_1_x86_64"},
	"linux/arm64":   {"manylinux_2_17_aarch64", "manylinux2014_aarch64", "musllinux_1_1_aarch64"},
	"darwin/amd64":  {"macosx_12_0_x86_64"},
	"darwin/arm64":  {"macosx_12_0_arm64"},
	"windows/amd64": {"win_amd64"},
	"windows/arm64": {"win_arm64"},
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("wheel: ")
	binary := flag.String("binary", "", "the program")
	goos := flag.String("os", "", "the system that it is for, as Go names it")
	arch := flag.String("arch", "", "the architecture that it is for, as Go names it")
	version := flag.String("version", "", "its version (semver)")
	epoch := flag.Int64("epoch", 0, "the time of the files in the wheel, in seconds since 1970")
	root := flag.String("root", ".", "whittle's source, for the texts")
	out := flag.String("out", ".", "the folder to write to")
	flag.Parse()
	path, err := write(wheel{*binary, *goos, *arch, *version, time.Unix(*epoch, 0).UTC(), *root}, *out)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(path)
}

// wheel is what a wheel is made of.
type wheel struct {
	binary, os, arch, version string
	time                      time.Time
	root                      string
}

// file is one file of a wheel.
type file struct {
	name    string
	content []byte
	mode    os.FileMode
}

// write writes the wheel to a folder and gives its path.
func write(w wheel, out string) (string, error) {
	platforms, ok := tags[w.os+"/"+w.arch]
	if !ok {
		return "", fmt.Errorf("making a wheel for %s/%s: no Python platform is known for it", w.os, w.arch)
	}
	version, err := pep440(w.version)
	if err != nil {
		return "", err
	}
	files, err := w.files(version, platforms)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(out, fmt.Sprintf("%s-%s-py3-none-%s.whl", spelled, version, strings.Join(platforms, ".")))
	var b bytes.Buffer
	if err := pack(&b, files, w.time); err != nil {
		return "", fmt.Errorf("writing %s: %w", path, err)
	}
	return path, os.WriteFile(path, b.Bytes(), 0o644)
}

// files are the files of the wheel, RECORD last.
func (w wheel) files(version string, platforms []string) ([]file, error) {
	var failed error
	read := func(path string) []byte {
		b, err := os.ReadFile(path)
		if err != nil && failed == nil {
			failed = err
		}
		return b
	}
	source := func(name string) []byte { return read(filepath.Join(w.root, filepath.FromSlash(name))) }
	program := "whittle"
	if w.os == "windows" {
		program += ".exe"
	}
	info := spelled + "-" + version + ".dist-info/"
	files := []file{
		// No __init__.py: the folder is shared with whatever else is named whittle,
		// as the distribution of that name, so that neither overwrites the other.
		{"whittle/__main__.py", source("packaging/python/__main__.py"), 0o644},
		{spelled + "-" + version + ".data/scripts/" + program, read(w.binary), 0o755},
		{info + "METADATA", metadata(version, source("packaging/python/README.md")), 0o644},
		{info + "WHEEL", wheelFile(platforms), 0o644},
		// uvx runs the command that is named as the distribution.
		{info + "entry_points.txt", []byte("[console_scripts]\nwhittle-image = whittle.__main__:main\n"), 0o644},
		{info + "licenses/LICENSE", source("LICENSE"), 0o644},
	}
	return append(files, file{info + "RECORD", record(files, info+"RECORD"), 0o644}), failed
}

func metadata(version string, readme []byte) []byte {
	return fmt.Appendf(nil, `Metadata-Version: 2.4
Name: %s
Version: %s
Summary: Make container images smaller without breaking them, and prove both
Keywords: docker,container,image,size,oci,dockerfile
License-Expression: Apache-2.0
License-File: LICENSE
Requires-Python: >=3.8
Classifier: Environment :: Console
Classifier: Intended Audience :: Developers
Classifier: Programming Language :: Go
Classifier: Topic :: Software Development :: Build Tools
Project-URL: Homepage, https://whittle.dev
Description-Content-Type: text/markdown

%s`, distribution, version, readme)
}

func wheelFile(platforms []string) []byte {
	text := "Wheel-Version: 1.0\nGenerator: whittle scripts/wheel\nRoot-Is-Purelib: false\n"
	for _, p := range platforms {
		text += "Tag: py3-none-" + p + "\n"
	}
	return []byte(text)
}

// record lists the files with their digests and sizes, and itself without.
func record(files []file, self string) []byte {
	var b bytes.Buffer
	for _, f := range files {
		sum := sha256.Sum256(f.content)
		fmt.Fprintf(&b, "%s,sha256=%s,%d\n", f.name, base64.RawURLEncoding.EncodeToString(sum[:]), len(f.content))
	}
	fmt.Fprintf(&b, "%s,,\n", self)
	return b.Bytes()
}

// pack writes the files as a zip archive. A zip's times begin in 1980.
func pack(w io.Writer, files []file, t time.Time) error {
	if first := time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC); t.Before(first) {
		t = first
	}
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: t}
		h.SetMode(f.mode)
		dst, err := z.CreateHeader(h)
		if err != nil {
			return err
		}
		if _, err := dst.Write(f.content); err != nil {
			return err
		}
	}
	return z.Close()
}

// semver is a version as tags of releases have it: 1.2.3, 1.2.3-rc.1, 0.1.0-dev.7.
var semver = regexp.MustCompile(`^v?(\d+\.\d+\.\d+)(?:-(alpha|beta|rc|dev)\.?(\d*))?(?:-?\.?g?([0-9a-f]{7,40}))?(?:\+[0-9A-Za-z.-]+)?$`)

// pep440 spells a version as Python does: 1.2.3rc1 for 1.2.3-rc.1. A commit is a
// local version, which no index takes.
func pep440(version string) (string, error) {
	m := semver.FindStringSubmatch(version)
	if m == nil {
		return "", fmt.Errorf("the version %q is none of 1.2.3, 1.2.3-rc.1 (or alpha, beta) and 1.2.3-dev.4", version)
	}
	out := m[1]
	if m[2] != "" {
		number := strings.TrimLeft(m[3], "0")
		if number == "" {
			number = "0"
		}
		out += map[string]string{"alpha": "a", "beta": "b", "rc": "rc", "dev": ".dev"}[m[2]] + number
	}
	if m[4] != "" {
		out += "+g" + m[4]
	}
	return out, nil
}
