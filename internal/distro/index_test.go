package distro

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whittle.dev/whittle"
)

const someDebian = `Package: app
Version: 1.0-1
Installed-Size: 100
Size: 4000
Depends: libc6 (>= 2.36), mta | mail-transport-agent, libx (>= 2) | libx-compat,
Pre-Depends: init
Recommends: docs, gone
Priority: optional

Package: libc6
Version: 2.36-9+deb12u1
Installed-Size: 13000
Depends: libgcc
Priority: required

Package: libgcc
Version: 12
Installed-Size: 140
Depends: libc6

Package: exim
Version: 4
Installed-Size: 50
Provides: mail-transport-agent
Priority: standard

Package: acme-mta
Version: 9
Provides: mail-transport-agent
Priority: optional

Package: libx
Version: 1.9
Priority: optional

Package: libx-compat
Version: 1
Provides: libx (= 2.1)

Package: libx-compat
Version: 1~rc1
Installed-Size: -7

Package: init
Version: 1
Essential: yes
Depends: nothing-has-this

Package: docs
Version: 1
Installed-Size: 20480
Recommends: more-docs

Package: more-docs
Version: 1
Description: not asked for
 Depends: app
`

func debianIndex(t *testing.T, text string) *Index {
	t.Helper()
	x, err := ReadDebianIndex(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestInstall(t *testing.T) {
	deb := debianIndex(t, someDebian)
	for _, tc := range []struct {
		name         string
		index        *Index
		want         []string
		o            InstallOptions
		got, missing string
		high         int64
	}{
		{"alternatives, a provider by its priority, a version that is too old, a circle", deb, []string{"app"}, InstallOptions{},
			"app exim init libc6 libgcc libx-compat", "nothing-has-this", 13290 << 10},
		{"recommended", deb, []string{"app"}, InstallOptions{Recommends: true, Installed: []string{"libc6", "mail-transport-agent", "init", "libx-compat"}},
			"app docs more-docs", "", 20580 << 10},
		{"installed already", deb, []string{"libc6"}, InstallOptions{Installed: []string{"libc6"}}, "", "", 0},
		{"what is installed provides", deb, []string{"mail-transport-agent"}, InstallOptions{Installed: []string{"acme-mta"}}, "", "", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in, err := tc.index.Install(tc.want, tc.o)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(in.Names(), " "); got != tc.got {
				t.Errorf("comes %q, want %q", got, tc.got)
			}
			if got := strings.Join(in.Missing, " "); got != tc.missing {
				t.Errorf("missing %q, want %q", got, tc.missing)
			}
			if in.Low > in.Bytes || in.Bytes > in.High || in.High != tc.high {
				t.Errorf("%d to %d to %d bytes, want %d at most", in.Low, in.Bytes, in.High, tc.high)
			}
		})
	}
	if _, err := deb.Install([]string{"nobody"}, InstallOptions{}); !errors.Is(err, whittle.ErrNotFound) {
		t.Errorf("a package that is not there: %v", err)
	}
	p, ok := deb.Find("libx-compat")
	if want := (Package{Name: "libx-compat", Version: "1"}); !ok || p.Name != want.Name || p.Version != want.Version || p.Installed != 0 {
		t.Errorf("found %+v, want the highest version", p)
	}
}

// TestIndexForms: plain and compressed.
func TestIndexForms(t *testing.T) {
	pack := func(write func(w io.Writer)) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		write(z)
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	gzipped := pack(func(w io.Writer) { io.WriteString(w, someDebian) })
	for _, tc := range []struct {
		name string
		data []byte
		len  int
		err  error
	}{
		{"gzip", gzipped, 11, nil},
		{"cut short", gzipped[:len(gzipped)-20], 0, whittle.ErrCorrupt},
		{"a long line", []byte("Package: a\nDescription: " + strings.Repeat("x", maxLine)), 0, whittle.ErrLimit},
		{"nothing", nil, 0, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x, err := ReadDebianIndex(bytes.NewReader(tc.data))
			if !errors.Is(err, tc.err) {
				t.Fatalf("error %v, want %v", err, tc.err)
			}
			if err == nil && len(x.packages) != tc.len {
				t.Errorf("%d packages, want %d", len(x.packages), tc.len)
			}
		})
	}
}

// TestCompareVersions compares the order with dpkg's.
func TestCompareVersions(t *testing.T) {
	if _, err := exec.LookPath("dpkg"); err != nil {
		t.Skip("no dpkg on this machine")
	}
	version := rapid.StringMatching(`([0-2]:)?[0-9][0-9a-z.+~]{0,6}(-[0-9][0-9a-z+~.]{0,4})?`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := version.Draw(t, "a"), version.Draw(t, "b")
		want := 1
		for i, op := range []string{"lt", "eq"} {
			if exec.Command("dpkg", "--compare-versions", a, op, b).Run() == nil {
				want = i - 1
				break
			}
		}
		if got := compareVersions(a, b); got != want && cmp.Compare(got, 0) != want {
			t.Errorf("%s against %s: %d, dpkg says %d", a, b, got, want)
		}
	})
}

// aptIndex reads the lists that apt has on this machine.
func aptIndex(t *testing.T) *Index {
	t.Helper()
	const helper = "/usr/lib/apt/apt-helper"
	lists, _ := filepath.Glob("/var/lib/apt/lists/*_Packages*")
	if _, err := os.Stat(helper); err != nil || len(lists) == 0 {
		t.Skip("no apt with lists on this machine: run apt-get update")
	}
	var readers []io.Reader
	for _, l := range lists {
		out, err := exec.Command(helper, "cat-file", l).Output()
		if err != nil {
			t.Skipf("apt does not read %s: %v", filepath.Base(l), err)
		}
		readers = append(readers, bytes.NewReader(out))
	}
	x, err := ReadDebianIndex(readers...)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestInstallAgainstApt: apt, asked to install into a root without packages,
// comes to the same names.
func TestInstallAgainstApt(t *testing.T) {
	x := aptIndex(t)
	status := filepath.Join(t.TempDir(), "status")
	if err := os.WriteFile(status, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, tc := range []struct {
		names      string
		recommends bool
	}{
		{"python3-minimal", false}, {"python3", false}, {"python3", true}, {"libpq5", false}, {"build-essential", false}, {"curl ca-certificates", true},
		{"git", false}, {"libgl1 libglib2.0-0", false}, {"ffmpeg", false},
	} {
		names := strings.Fields(tc.names)
		if slices.ContainsFunc(names, func(n string) bool { _, ok := x.Find(n); return !ok }) {
			continue
		}
		in, err := x.Install(names, InstallOptions{Recommends: tc.recommends})
		if err != nil {
			t.Fatal(err)
		}
		args := []string{"-s", "-o", "Dir::State::status=" + status, "-o", "APT::Install-Recommends=" + strconv.FormatBool(tc.recommends), "install"}
		out, err := exec.Command("apt-get", append(args, names...)...).Output()
		if err != nil {
			t.Logf("apt-get -s install %s: %v", tc.names, err)
			continue
		}
		var want []string
		for line := range strings.Lines(string(out)) {
			if f := strings.Fields(line); len(f) > 1 && f[0] == "Inst" {
				want = append(want, f[1])
			}
		}
		slices.Sort(want)
		compared++
		if diff := gocmp.Diff(want, in.Names()); diff != "" {
			t.Errorf("%s, recommended too: %v (-apt +whittle):\n%s", tc.names, tc.recommends, diff)
		}
		t.Logf("%s: %d packages, %s to %s, missing %v", tc.names, len(in.Packages), whittle.Bytes(in.Low), whittle.Bytes(in.High), in.Missing)
	}
	if compared == 0 {
		t.Skip("apt has none of the packages")
	}
}

// TestPackageBytes holds the sizes to what the packages hold.
func TestPackageBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("downloads packages")
	}
	x := aptIndex(t)
	dir := t.TempDir()
	var low, likely, high, truth int64
	names := []string{"python3-minimal", "python3", "libpython3-stdlib", "libc6", "libssl3", "libsqlite3-0", "libexpat1", "zlib1g", "media-types",
		"netbase", "ca-certificates", "libgomp1", "perl-base"}
	for _, name := range names {
		p, ok := x.Find(name)
		if !ok {
			continue
		}
		cmd := exec.Command("apt-get", "download", name+"="+p.Version)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Skipf("apt downloads nothing: %v: %.200s", err, out)
		}
		debs, _ := filepath.Glob(filepath.Join(dir, "*.deb"))
		if len(debs) != 1 {
			t.Fatalf("%s: downloaded %q", name, debs)
		}
		size := unpackedSize(t, debs[0])
		if err := os.Remove(debs[0]); err != nil {
			t.Fatal(err)
		}
		l, b, h := p.Bytes()
		if size > h {
			t.Errorf("%s has %d bytes of files, Installed-Size says %d", name, size, h)
		}
		t.Logf("%-20s %9d bytes, predicted %9d (%d to %d)", name, size, b, l, h)
		low, likely, high, truth = low+l, likely+b, high+h, truth+size
	}
	if truth == 0 {
		t.Skip("apt has none of the packages")
	}
	if truth < low || truth > high || likely < truth/100*97 || likely > truth/100*103 {
		t.Errorf("together %d bytes, predicted %d (%d to %d)", truth, likely, low, high)
	}
}

// unpackedSize adds up the regular files of a package as dpkg-deb lists them.
func unpackedSize(t *testing.T, deb string) (sum int64) {
	t.Helper()
	out, err := exec.Command("dpkg-deb", "-c", deb).Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) < 3 || f[0][0] != '-' {
			continue
		}
		n, err := strconv.ParseInt(f[2], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return sum
}

func FuzzIndex(f *testing.F) {
	f.Add(someDebian, "", "app")
	f.Add("Package: a\nDepends: a (>= 1), a | b [amd64], (\nProvides: a (= \n", "Package: a\nVersion: 2\n", "a")
	f.Fuzz(func(t *testing.T, first, second, name string) {
		x, err := ReadDebianIndex(strings.NewReader(first), strings.NewReader(second))
		if err != nil {
			return
		}
		in, err := x.Install([]string{name}, InstallOptions{Recommends: true})
		if err != nil {
			return
		}
		if in.Low > in.Bytes || in.Bytes > in.High || in.Low < 0 {
			t.Errorf("bounds %d, %d, %d", in.Low, in.Bytes, in.High)
		}
		again, err := x.Install([]string{name}, InstallOptions{Recommends: true, Installed: in.Names()})
		if err != nil || len(again.Packages) > 0 {
			t.Errorf("installing it once more brings %q, %v", again.Names(), err)
		}
	})
}
