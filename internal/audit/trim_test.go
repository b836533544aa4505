package audit_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/destination"
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
