package audit_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/destination"
	"whittle.dev/whittle/internal/elf"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/source"
)

const site = "usr/local/lib/python3.13/site-packages/"

// python is an interpreter, as far as whittle looks at it.
const pythonLayer = "f usr/local/bin/python3.13 5000 mode=0755\nf usr/local/lib/python3.13/os.py 900\nd usr/local/lib/python3.13/site-packages\n"

// alpha is a distribution with tests.
const alpha = "d " + site + "alpha\nf " + site + `alpha/__init__.py "import os\n"
d ` + site + `alpha/tests
f ` + site + `alpha/tests/__init__.py ""
f ` + site + `alpha/tests/test_a.py "x = 1\n"
f ` + site + `alpha/tests/data.csv 300000
d ` + site + `alpha-1.0.dist-info
f ` + site + `alpha-1.0.dist-info/METADATA "Metadata-Version: 2.1\nName: alpha\nVersion: 1.0\n"
` + recordLine

const recordLine = "f " + site + `alpha-1.0.dist-info/RECORD "alpha/__init__.py,,\nalpha/tests/__init__.py,,\r\n\"alpha/tests/test_a.py\",,\nalpha/tests/data.csv,sha256=x,300000\nalpha-1.0.dist-info/METADATA,,\nalpha-1.0.dist-info/RECORD,," mode=0640 uid=7 x.user.k=v
`

// debian is a package with documentation, and its lists.
const debian = `f var/lib/dpkg/status "Package: foo\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n"
f var/lib/dpkg/info/foo.list "/.\n/usr\n/usr/share/doc/foo\n/usr/share/doc/foo/manual.html\n/usr/share/doc/foo/copyright\n/usr/bin/foo\n"
f var/lib/dpkg/info/foo.md5sums "00  usr/share/doc/foo/manual.html\n01  usr/bin/foo\n"
f usr/share/doc/foo/manual.html 200000
f usr/share/doc/foo/copyright 100
f usr/bin/foo 100 mode=0755
`

// squeezedInto squeezes an image into an archive, and gives it with its certificate.
func squeezedInto(t *testing.T, img whittle.Image, o audit.SqueezeOptions) (*whittle.Squeeze, *whittle.Certificate, *host.Env, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "small.tar")
	to, err := destination.Parse("docker-archive:" + file)
	if err != nil {
		t.Fatal(err)
	}
	env := &host.Env{Images: named{"app:1": img}}
	r, c, err := audit.SqueezeInto(t.Context(), env, "app:1", audit.IntoOptions{SqueezeOptions: o, To: &to, Version: "1"})
	if err != nil {
		return r, c, nil, err
	}
	env.Images = beside{named{"app:1": img}, file}
	return r, c, env, nil
}

// beside opens a file as app:2.
type beside struct {
	named
	file string
}

func (b beside) Open(ctx context.Context, name string) (whittle.Image, error) {
	if name == "app:2" {
		return source.Open(ctx, b.file, source.Options{})
	}
	return b.named.Open(ctx, name)
}

// fileIn is a file's header and content in the highest layer that has it.
func fileIn(t *testing.T, env *host.Env, image, name string) (h *tar.Header, text string) {
	t.Helper()
	img, err := env.Images.Open(t.Context(), image)
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	for _, l := range img.Layers() {
		r, err := l.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for entries := tar.NewReader(r); ; {
			e, err := entries.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if e.Name == name {
				var b bytes.Buffer
				if _, err := b.ReadFrom(entries); err != nil {
					t.Fatal(err)
				}
				h, text = e, b.String()
			}
		}
		r.Close()
	}
	return h, text
}

// TestTrim: what a rule found is gone, the lists of files are true, and the certificate
// says all in which the images differ.
func TestTrim(t *testing.T) {
	for _, c := range []struct {
		name    string
		rule    string
		layers  []string
		base    int
		removed []string
		// edited are files with what is left of them.
		edited map[string]string
	}{
		{"tests and their RECORD", "python-tests", []string{pythonLayer, alpha + "f srv/app.py 10\n"}, 1,
			[]string{site + "alpha/tests", site + "alpha/tests/__init__.py", site + "alpha/tests/data.csv", site + "alpha/tests/test_a.py"},
			map[string]string{site + "alpha-1.0.dist-info/RECORD": "alpha/__init__.py,,\nalpha-1.0.dist-info/METADATA,,\nalpha-1.0.dist-info/RECORD,,"}},
		{"what lower layers have of it", "python-tests", []string{pythonLayer, "f " + site + "alpha/tests/old.py 20\nf " + site + "alpha/tests/data.csv 10\n", "w " + site + "alpha/tests/old.py\n" + alpha}, 1,
			[]string{site + "alpha/tests", site + "alpha/tests/__init__.py", site + "alpha/tests/data.csv", site + "alpha/tests/test_a.py"},
			map[string]string{site + "alpha-1.0.dist-info/RECORD": "alpha/__init__.py,,\nalpha-1.0.dist-info/METADATA,,\nalpha-1.0.dist-info/RECORD,,"}},
		{"documentation and dpkg's lists", "docs-and-locales", []string{pythonLayer, debian}, 1,
			[]string{"usr/share/doc/foo/manual.html"},
			map[string]string{"var/lib/dpkg/info/foo.list": "/.\n/usr\n/usr/share/doc/foo\n/usr/share/doc/foo/copyright\n/usr/bin/foo\n", "var/lib/dpkg/info/foo.md5sums": "01  usr/bin/foo\n"}},
		{"a cache of no package", "package-manager-cache", []string{pythonLayer, "d root/.cache\nd root/.cache/pip\nf root/.cache/pip/http-v2/a/b.body 300000\nh root/.cache/pip/c root/.cache/pip/http-v2/a/b.body\nf srv/app.py 10\n"}, 1,
			[]string{"root/.cache/pip/c", "root/.cache/pip/http-v2/a/b.body"}, map[string]string{}},
		{"static libraries", "static-libraries", []string{pythonLayer, strings.ReplaceAll(strings.ReplaceAll(alpha, "tests/data.csv", "lib/liba.a"), "tests/test_a.py", "test_a.py")}, 0,
			[]string{site + "alpha/lib/liba.a"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			img := imagetest.New(t, imagetest.Plain, c.layers...)
			r, cert, env, err := squeezedInto(t, img, audit.SqueezeOptions{Fix: []string{c.rule}, BaseLayers: c.base})
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Trims) != 1 || r.Trims[0].Status != whittle.Applied || r.Trims[0].Rule != c.rule || cert.Trim == nil {
				t.Fatalf("%+v", r.Trims)
			}
			var removed []string
			for _, p := range cert.Trim.Removed {
				if removed = append(removed, p.Path); p.Rule != c.rule {
					t.Errorf("%+v", p)
				}
			}
			if c.rule != "package-manager-cache" { // folders that nothing lists go with what is in them
				if diff := cmp.Diff(c.removed, removed); diff != "" {
					t.Errorf("removed (-want +got):\n%s", diff)
				}
			}
			for name, want := range c.edited {
				was, _ := fileIn(t, env, "app:1", name)
				h, text := fileIn(t, env, "app:2", name)
				if text != want {
					t.Errorf("%s is %q", name, text)
				}
				was.Size, was.Format, h.Format = h.Size, 0, 0
				if diff := cmp.Diff(was, h); diff != "" {
					t.Errorf("%s (-was +is):\n%s", name, diff)
				}
			}
			if c.edited != nil && len(cert.Trim.Edited) != len(c.edited) {
				t.Errorf("edited %+v", cert.Trim.Edited)
			}
			v, err := audit.SameTree(t.Context(), env, "app:1", "app:2", cert)
			if err != nil || !v.Explained() || v.Same || v.Trim.Removed != len(cert.Trim.Removed) || len(v.Differences)+v.More < len(c.removed)+len(c.edited) {
				t.Errorf("%+v, %v", v, err)
			}
			lies := *cert
			lies.Trim = &whittle.CertifiedTrim{Removed: cert.Trim.Removed[1:], Edited: cert.Trim.Edited}
			if v, err = audit.SameTree(t.Context(), env, "app:1", "app:2", &lies); err != nil || v.Explained() || v.Trim.Problem == "" {
				t.Errorf("a certificate that does not list all: %+v, %v", v, err)
			}
			if v, err = audit.SameTree(t.Context(), env, "app:2", "app:1", cert); err != nil || v.Explained() {
				t.Errorf("the other way round: %+v, %v", v, err)
			}
			if r.After.Stored >= r.Before.Stored || r.TreeBefore == nil || cert.Before.Tree != *r.TreeBefore || cert.After.Tree != r.Tree {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestTrimLeaves: what cannot go without harm, or without a false list, stays, and the
// result says why.
func TestTrimLeaves(t *testing.T) {
	for _, c := range []struct {
		name   string
		rule   string
		layers []string
		start  []string
		status whittle.FixStatus
		why    string
	}{
		{"in the base's layers", "python-tests", []string{pythonLayer + alpha, "f x 1\n"}, nil, whittle.FixSkipped, "it is the base's"},
		{"the list is the base's", "python-tests", []string{pythonLayer + recordLine, strings.Split(alpha, recordLine)[0]}, nil, whittle.FixSkipped, "list of files cannot change"},
		{"a start is in it", "docs-and-locales", []string{pythonLayer, debian + "f usr/share/doc/foo/run.sh \"#!/bin/sh\\n\" mode=0755\n"}, []string{"/usr/share/doc/foo/run.sh"}, whittle.Reverted, "run.sh"},
		{"a package of apk", "docs-and-locales", []string{pythonLayer, "f lib/apk/db/installed \"P:foo\\nV:1\\nF:usr/share/doc/foo\\nR:manual.html\\n\\n\"\nf usr/share/doc/foo/manual.html 200000\n"}, nil, whittle.FixSkipped, "(apk) is not edited"},
		{"there is nothing", "package-manager-cache", []string{pythonLayer, alpha}, nil, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			img := imagetest.New(t, imagetest.Plain, c.layers...)
			img.Conf.Config.Entrypoint = c.start
			r, cert, env, err := squeezedInto(t, img, audit.SqueezeOptions{Fix: []string{c.rule}, BaseLayers: 1})
			if err != nil {
				t.Fatal(err)
			}
			if c.status != "" {
				if len(r.Trims) == 0 || r.Trims[0].Status != c.status {
					t.Fatalf("%+v", r.Trims)
				}
				text := r.Trims[0].Reason
				for _, l := range r.Trims[0].Left {
					text += "; " + l.Reason
				}
				if !strings.Contains(text, c.why) {
					t.Errorf("%s", text)
				}
			}
			if nothing := slices.Contains(r.Notes, c.rule+": nothing found"); nothing != (len(r.Trims) == 0) {
				t.Errorf("%+v, %q", r.Trims, r.Notes)
			}
			v, err := audit.SameTree(t.Context(), env, "app:1", "app:2", nil)
			if err != nil || !v.Same || cert.Trim != nil {
				t.Errorf("%+v, %v", v, err)
			}
		})
	}
}

// TestTrimTakesBack: of two findings the one that does harm is taken back, and the other is
// not, whichever is tried first.
func TestTrimTakesBack(t *testing.T) {
	start := "/usr/share/doc/foo/run.sh"
	for _, c := range []struct {
		name string
		size string // of the documentation: what takes more is tried first
	}{{"tried first", "900000"}, {"tried last", "200000"}} {
		t.Run(c.name, func(t *testing.T) {
			docs := strings.Replace(debian, "manual.html 200000", "manual.html "+c.size, 1) + "f " + start[1:] + " \"#!/bin/sh\\n\" mode=0755\n"
			img := imagetest.New(t, imagetest.Plain, pythonLayer, docs+alpha)
			img.Conf.Config.Entrypoint = []string{start}
			r, cert, env, err := squeezedInto(t, img, audit.SqueezeOptions{Fix: []string{"python-tests", "docs-and-locales"}, BaseLayers: 1})
			if err != nil {
				t.Fatal(err)
			}
			status := map[string]whittle.FixStatus{}
			for _, row := range r.Trims {
				status[row.Rule] = row.Status
			}
			if want := map[string]whittle.FixStatus{"python-tests": whittle.Applied, "docs-and-locales": whittle.Reverted}; !maps.Equal(status, want) {
				t.Errorf("%+v", r.Trims)
			}
			if h, _ := fileIn(t, env, "app:2", start[1:]); h == nil {
				t.Errorf("%s is gone", start)
			}
			v, err := audit.SameTree(t.Context(), env, "app:1", "app:2", cert)
			if err != nil || !v.Explained() || v.Trim.Removed != 4 {
				t.Errorf("%+v, %v", v, err)
			}
		})
	}
}

// library is a shared library with a section of debugging information of so many bytes:
// a file header, a segment that maps it, and the table of sections at the end.
func library(debug int) string {
	const head, segment = 64, 56
	names := "\x00.debug_info\x00.shstrtab\x00"
	b := make([]byte, head+segment+debug)
	copy(b, "\x7fELF\x02\x01\x01")
	table := len(b) + len(names)
	for at, v := range map[int]uint16{16: 3, 18: 62, 20: 1, 52: head, 54: segment, 56: 1, 58: 64, 60: 3, 62: 2} {
		binary.LittleEndian.PutUint16(b[at:], v)
	}
	for at, v := range map[int]uint64{32: head, 40: uint64(table), head + 32: head + segment, head + 40: head + segment, head + 48: 4096} {
		binary.LittleEndian.PutUint64(b[at:], v)
	}
	binary.LittleEndian.PutUint32(b[head:], 1) // PT_LOAD
	b = append(append(b, names...), make([]byte, 64)...)
	for _, s := range [][4]uint64{{1, 1, head + segment, uint64(debug)}, {13, 3, uint64(head + segment + debug), uint64(len(names))}} {
		h := make([]byte, 64)
		binary.LittleEndian.PutUint32(h, uint32(s[0]))
		binary.LittleEndian.PutUint32(h[4:], uint32(s[1]))
		binary.LittleEndian.PutUint64(h[24:], s[2])
		binary.LittleEndian.PutUint64(h[32:], s[3])
		b = append(b, h...)
	}
	return string(b)
}

// TestTrimStrips: libraries lose what no process reads, their RECORD has their new digests
// and sizes, and what verifies its own file stays.
func TestTrimStrips(t *testing.T) {
	lib, other := library(1_200_000), library(1_100_000)
	record := fmt.Sprintf("alpha/__init__.py,,\nalpha/a.so,sha256=x,%d\nalpha/libsoftokn3.so,sha256=y,%d\nalpha-1.0.dist-info/METADATA,,\nalpha-1.0.dist-info/RECORD,,\n", len(lib), len(other))
	layer := "d " + site + "alpha\nf " + site + `alpha/__init__.py "import os\n"
d ` + site + `alpha-1.0.dist-info
f ` + site + `alpha-1.0.dist-info/METADATA "Metadata-Version: 2.1\nName: alpha\nVersion: 1.0\n"
` + fmt.Sprintf("f %salpha-1.0.dist-info/RECORD %q\nf %salpha/a.so %q mode=0755 uid=7\nf %salpha/libsoftokn3.so %q\nf %salpha/libsoftokn3.chk 10\n", site, record, site, lib, site, other, site)
	img := imagetest.New(t, imagetest.Plain, pythonLayer, layer)
	r, cert, env, err := squeezedInto(t, img, audit.SqueezeOptions{Fix: []string{"strip-debug"}, BaseLayers: 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Trims) != 1 || r.Trims[0].Status != whittle.Applied || r.Trims[0].Files != 1 || len(r.Trims[0].Left) != 1 || !strings.Contains(r.Trims[0].Left[0].Reason, "libsoftokn3.chk") {
		t.Fatalf("%+v", r.Trims)
	}
	was, _ := fileIn(t, env, "app:1", site+"alpha/a.so")
	h, text := fileIn(t, env, "app:2", site+"alpha/a.so")
	want, err := elf.Strip([]byte(lib))
	if err != nil || text != string(want) || len(text) > 1000 || r.Trims[0].Bytes != int64(len(lib)-len(text)) {
		t.Errorf("%d bytes, %+v, %v", len(text), r.Trims[0], err)
	}
	was.Size, was.Format, h.Format = h.Size, 0, 0
	if diff := cmp.Diff(was, h); diff != "" {
		t.Errorf("(-was +is):\n%s", diff)
	}
	sum := sha256.Sum256(want)
	_, list := fileIn(t, env, "app:2", site+"alpha-1.0.dist-info/RECORD")
	if want := fmt.Sprintf("alpha/a.so,sha256=%s,%d\n", base64.RawURLEncoding.EncodeToString(sum[:]), len(want)); !strings.Contains(list, want) || !strings.Contains(list, "libsoftokn3.so,sha256=y,") {
		t.Errorf("%s, want %s", list, want)
	}
	if _, left := fileIn(t, env, "app:2", site+"alpha/libsoftokn3.so"); left != other {
		t.Error("what verifies itself was changed")
	}
	v, err := audit.SameTree(t.Context(), env, "app:1", "app:2", cert)
	if err != nil || !v.Explained() || v.Same || v.Trim.Removed != 0 || v.Trim.Edited != 2 || v.Trim.Stripped != 1 || !slices.Equal(v.Trim.Rules, []string{"strip-debug"}) {
		t.Errorf("%+v, %v", v.Trim, err)
	}
	if e := cert.Trim.Edited; len(e) != 2 || e[0].Rule != "strip-debug" || e[1].Rule != "" {
		t.Errorf("%+v", e)
	}
}

// TestTrimUnused: a distribution that nothing imports, names or requires goes with what
// only it needs. One with a command stays, unless a trace shows that nobody calls it; one
// that a trace shows to be touched stays.
func TestTrimUnused(t *testing.T) {
	command := "f " + site + "called-1.0.dist-info/entry_points.txt \"[console_scripts]\\ncalled = called:main\\n\"\n"
	traced := func(paths ...string) *whittle.Trace {
		out := &whittle.Trace{}
		for _, p := range paths {
			out.Touched = append(out.Touched, whittle.TouchedPath{Path: p, How: whittle.TouchOpen})
		}
		return out
	}
	for name, c := range map[string]struct {
		trace *whittle.Trace
		gone  []string
		left  string
	}{
		"files alone":              {nil, []string{"helper", "unused"}, "called"},
		"nobody calls it":          {traced("/" + site + "used/__init__.py"), []string{"called", "helper", "unused"}, ""},
		"a run touched the helper": {traced("/" + site + "helper/data.bin"), []string{"called", "unused"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			img := imagetest.New(t, imagetest.Plain, runnable(), strings.Replace(installed("used", "unused>helper", "helper", "called"), "called-1.0.dist-info/RECORD,,", "called-1.0.dist-info/RECORD,,\\ncalled-1.0.dist-info/entry_points.txt,,", 1)+command+application)
			img.Conf.OS, img.Conf.Architecture = "linux", runtime.GOARCH
			img.Conf.Config.Cmd, img.Conf.Config.WorkingDir = []string{"/usr/local/bin/python3.13", "/app/main.py"}, "/app"
			r, cert, env, err := squeezedInto(t, img, audit.SqueezeOptions{Fix: []string{"unused-dependency"}, BaseLayers: 1, Trace: c.trace})
			if err != nil {
				t.Fatal(err)
			}
			var gone []string
			for _, p := range []string{"called", "helper", "unused", "used"} {
				if h, _ := fileIn(t, env, "app:2", site+p+"/__init__.py"); h == nil {
					gone = append(gone, p)
				}
				if h, _ := fileIn(t, env, "app:2", site+p+"-1.0.dist-info/METADATA"); (h == nil) != slices.Contains(gone, p) {
					t.Errorf("%s is gone in part", p)
				}
			}
			if !slices.Equal(gone, c.gone) {
				t.Errorf("%q went, not %q: %+v", gone, c.gone, r.Trims)
			}
			left := ""
			for _, l := range r.Trims[0].Left {
				left += l.Reason
			}
			if c.left == "" && left != "" || !strings.Contains(left, c.left) {
				t.Errorf("left: %s", left)
			}
			if v, err := audit.SameTree(t.Context(), env, "app:1", "app:2", cert); err != nil || !v.Explained() {
				t.Errorf("%+v, %v", v, err)
			}
		})
	}
}

// TestTrimErrors: rules whose findings are not removed are refused, and so are images that
// runtimes merge differently.
func TestTrimErrors(t *testing.T) {
	if err := audit.KnownTrims([]string{"python-tests", "python-test"}); !errors.Is(err, whittle.ErrUsage) || whittle.Hint(err) == "" {
		t.Errorf("%v", err)
	}
	img := imagetest.New(t, imagetest.Plain, "s lib usr/lib\nd usr/lib", "f lib/a 10")
	if _, _, _, err := squeezedInto(t, img, audit.SqueezeOptions{Fix: []string{"python-tests"}, AnyRuntime: true}); !errors.Is(err, whittle.ErrUnsupported) {
		t.Errorf("%v", err)
	}
	file := filepath.Join(t.TempDir(), "c.json")
	if _, err := audit.ReadCertificate(file); err == nil {
		t.Error("a file that is not there")
	}
}
