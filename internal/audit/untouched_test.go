package audit_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/destination"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/rootfs"
	"whittle.dev/whittle/internal/source"
	"whittle.dev/whittle/internal/trace"
)

// uses is an engine that runs nothing: a command touches the files of its words that the
// image has, below the folder of distributions or, of absolute words, below the root, and fails without those that begin with an exclamation mark.
type uses struct {
	t *testing.T
	// ran are the commands that were run, in order.
	ran []string
	// more are words of commands, by their names.
	more map[string]string
}

func (*uses) Info() build.Info { return build.Info{} }
func (*uses) Close() error     { return nil }
func (*uses) Warm(context.Context, build.Definition, build.RunOptions) error {
	return nil
}

func (*uses) Build(context.Context, build.Definition, build.Output) (*build.Result, error) {
	return nil, errors.New("nothing is built")
}

func (u *uses) Run(ctx context.Context, d build.Definition, commands []build.Command, _ build.RunOptions) (out []build.RunResult, err error) {
	for _, base := range d.Bases {
		img, err := source.Open(ctx, "oci-layout:"+base.Layout, source.Options{})
		if err != nil {
			return nil, err
		}
		m, err := rootfs.Read(ctx, img, "it", rootfs.Options{Databases: audit.Databases()})
		if err != nil {
			return nil, err
		}
		paths := m.Paths()
		img.Close()
		for _, c := range commands {
			u.ran = append(u.ran, c.Name)
			r := build.RunResult{Name: c.Name, Args: c.Args, Trace: &trace.Log{Touched: map[string]whittle.Touch{}, Ended: true}}
			for _, word := range append(slices.Clone(c.Args), strings.Fields(u.more[c.Name])...) {
				needed := strings.HasPrefix(word, "!")
				there := false
				for _, p := range paths {
					if strings.HasPrefix(p, site+strings.TrimPrefix(word, "!")) || strings.HasPrefix("/"+p, word) {
						there = true
						r.Trace.Touched["/"+p] = whittle.TouchOpen
					}
				}
				if word == "false" || needed && !there {
					r.ExitCode, r.Stderr = 1, []byte("no "+word+"\n")
				}
			}
			out = append(out, r)
		}
	}
	return out, nil
}

// installed is a layer with distributions: NAME>REQUIREMENT has the files
// NAME/__init__.py of 100,000 bytes, and what pip lists.
func installed(names ...string) string {
	var b strings.Builder
	for _, text := range names {
		name, requires, _ := strings.Cut(text, ">")
		info := site + name + "-1.0.dist-info/"
		metadata := "Metadata-Version: 2.1\nName: " + name + "\nVersion: 1.0\n"
		if requires != "" {
			metadata += "Requires-Dist: " + requires + "\n"
		}
		fmt.Fprintf(&b, "d %s%s\nf %s%s/__init__.py %q\nf %s%s/data.bin 100000\n", site, name, site, name, "x = 1\n", site, name)
		fmt.Fprintf(&b, "d %s\nf %sMETADATA %q\n", strings.TrimSuffix(info, "/"), info, metadata)
		fmt.Fprintf(&b, "f %sRECORD %q\n", info, fmt.Sprintf("%s/__init__.py,,\n%s/data.bin,,\n%s-1.0.dist-info/METADATA,,\n%s-1.0.dist-info/RECORD,,\n", name, name, name, name))
	}
	return b.String()
}

// runnable is an interpreter that starts, as far as files show: the head of an ELF
// program.
func runnable() string {
	head := make([]byte, 64)
	copy(head, "\x7fELF\x02\x01\x01")
	machine := map[string]uint16{"amd64": 62, "arm64": 183}[runtime.GOARCH]
	for at, value := range map[int]uint16{16: 2, 18: machine, 20: 1, 52: 64, 54: 56, 58: 64} {
		binary.LittleEndian.PutUint16(head[at:], value)
	}
	return fmt.Sprintf("f usr/local/bin/python3.13 %q mode=0755\nf usr/local/lib/python3.13/os.py \"import sys\"\nf usr/local/lib/python3.13/site.py \"\"\nd %s\n", head, strings.TrimSuffix(site, "/"))
}

// application is what the image starts.
const application = "f app/main.py \"import used\\n\"\n"

// squeezedTraced squeezes an image with a workload.
func squeezedTraced(t *testing.T, img *imagetest.Image, o audit.SqueezeOptions, commands ...string) (*whittle.Squeeze, *whittle.Certificate, *host.Env, *uses, error) {
	t.Helper()
	return squeezedWith(t, &uses{t: t}, img, o, commands...)
}

func squeezedWith(t *testing.T, engine *uses, img *imagetest.Image, o audit.SqueezeOptions, commands ...string) (*whittle.Squeeze, *whittle.Certificate, *host.Env, *uses, error) {
	t.Helper()
	img.Conf.OS, img.Conf.Architecture = "linux", runtime.GOARCH
	img.Conf.Config.Cmd, img.Conf.Config.WorkingDir = []string{"/usr/local/bin/python3.13", "/app/main.py"}, "/app"
	file := filepath.Join(t.TempDir(), "small.tar")
	to, err := destination.Parse("docker-archive:" + file)
	imagetest.Must(t, err)
	env := &host.Env{Images: named{"app:1": img}, Engine: func(context.Context, bool) (host.Builder, error) { return engine, nil }}
	for _, c := range commands {
		o.Traced.Commands = append(o.Traced.Commands, strings.Fields(c))
	}
	r, c, err := audit.SqueezeInto(t.Context(), env, "app:1", audit.IntoOptions{SqueezeOptions: o, To: &to, Version: "1"})
	env.Images = beside{named{"app:1": img}, file}
	return r, c, env, engine, err
}

// statuses are those of the distributions of a result, with the first words of reasons.
func statuses(r *whittle.Squeeze) map[string]whittle.TracedStatus {
	out := map[string]whittle.TracedStatus{}
	for _, d := range r.Traced.Distributions {
		out[d.Name] = d.Status
	}
	return out
}

// TestTraced: what no run touched and nothing needs is gone with its metadata, all of it;
// the certificate says so, and the rest of the image is as it was.
func TestTraced(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("traces on Linux alone")
	}
	everything := "used,touched>helper,helper,lonely>part,part,tzdata,other"
	for _, c := range []struct {
		name string
		// layers are those above the interpreter's.
		layers   []string
		commands []string
		miss     float64
		want     map[string]whittle.TracedStatus
	}{
		{"touched, needed and the others", []string{installed(strings.Split(everything, ",")...)}, []string{"a touched/", "b touched/"}, 0.01,
			map[string]whittle.TracedStatus{"used": "needed", "touched": "touched", "helper": "needed", "lonely": "removed", "part": "removed", "tzdata": "needed", "other": "removed"}},
		{"what only a held-out run touches", []string{installed("used", "x", "y", "lonely")}, []string{"a x/", "b y/"}, 1,
			map[string]whittle.TracedStatus{"used": "needed", "x": "touched", "y": "touched", "lonely": "removed"}},
		{"more than --miss", []string{installed("used", "x", "y", "lonely")}, []string{"a x/", "b y/"}, 0.01,
			map[string]whittle.TracedStatus{"used": "needed", "x": "touched", "y": "touched", "lonely": "abstained"}},
		{"metadata that a run looks through", []string{installed("used", "x", "y", "lonely")}, []string{"a used-1.0 x-1.0 y-1.0 lonely-1.0", "b x/__init__"}, 1,
			map[string]whittle.TracedStatus{"used": "needed", "x": "touched", "y": "removed", "lonely": "removed"}},
		{"metadata that a run asks for", []string{installed("used", "x", "y", "lonely")}, []string{"a x-1.0", "b x-1.0"}, 1,
			map[string]whittle.TracedStatus{"used": "needed", "x": "touched", "y": "removed", "lonely": "removed"}},
		{"files of no list", []string{installed("used", "x", "lonely"), "f " + site + "x/cache.bin 10\n"}, []string{"a", "b"}, 1,
			map[string]whittle.TracedStatus{"used": "needed", "x": "left", "lonely": "removed"}},
		{"of a system package", []string{installed("used", "x", "lonely"), `f var/lib/dpkg/status "Package: python3-x\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n"
f var/lib/dpkg/info/python3-x.list "/.\n/` + site + `x/data.bin\n"
`}, []string{"a", "b"}, 1,
			map[string]whittle.TracedStatus{"used": "needed", "x": "left", "lonely": "removed"}},
		{"named by a script", []string{installed("used", "some-tool", "lonely"), "f app/run.sh \"#!/bin/sh\\nexec some-tool\\n\" mode=0755\n"}, []string{"a", "b"}, 1,
			map[string]whittle.TracedStatus{"used": "needed", "some-tool": "needed", "lonely": "removed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			img := imagetest.New(t, imagetest.Plain, append([]string{runnable()}, append(c.layers, application)...)...)
			r, cert, env, engine, err := squeezedTraced(t, img, audit.SqueezeOptions{BaseLayers: 1, Traced: &audit.TracedOptions{Miss: c.miss}}, c.commands...)
			imagetest.Must(t, err)
			got := statuses(r)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Fatalf("(-want +got):\n%s%+v", diff, r.Traced)
			}
			gone := slices.Contains(slices.Collect(maps.Values(got)), whittle.TracedRemoved)
			if want := 1 + len(c.commands); len(r.Traced.Runs) != want || gone && len(engine.ran) != 2*want || !gone && len(engine.ran) != want {
				t.Errorf("%v were run, %+v", engine.ran, r.Traced.Runs)
			}
			small, err := env.Images.Open(t.Context(), "app:2")
			imagetest.Must(t, err)
			defer small.Close()
			m, err := rootfs.Read(t.Context(), small, "app:2", rootfs.Options{Databases: audit.Databases()})
			imagetest.Must(t, err)
			for name, status := range got {
				for _, p := range []string{site + name, site + name + "-1.0.dist-info", site + name + "/__init__.py"} {
					if _, err := m.Lstat(p); (err != nil) != (status == whittle.TracedRemoved) {
						t.Errorf("%s is %s: %v", p, status, err)
					}
				}
			}
			if v, err := audit.SameTree(t.Context(), env, "app:1", "app:2", cert); gone && (err != nil || !v.Explained() || v.Same || !slices.Equal(v.Trim.Rules, []string{whittle.TracedTrim})) {
				t.Errorf("%+v, %v", v, err)
			}
			if e := r.Traced; e.Failed != 0 || e.Estimate > c.miss || e.HeldOut != 1 || e.Miss != c.miss {
				t.Errorf("%+v", e)
			}
		})
	}
}

// TestTracedTests: the tests of a project are runs by file, of which every other one is held
// out; if one of them fails by itself, they are one run.
func TestTracedTests(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("traces on Linux alone")
	}
	for name, c := range map[string]struct {
		more map[string]string
		runs []string
		x, y whittle.TracedStatus
	}{
		"by file": {map[string]string{"tests: tests/test_a.py": "x/", "tests: tests/test_b.py": "y/"},
			[]string{"CMD", "a", "tests: tests/test_a.py", "tests: tests/test_b.py"}, "touched", "touched"},
		"one needs the others": {map[string]string{"tests: tests/test_a.py": "false", "tests": "x/"}, []string{"CMD", "a", "tests"}, "touched", "removed"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			imagetest.Must(t, os.MkdirAll(filepath.Join(dir, "tests"), 0o700))
			for f, text := range map[string]string{"whittle.yaml": "test:\n  copy: [tests]\n  setup: python -m kept install pytest>=8\n  command: [python, -m, pytest]\n", "Dockerfile": "FROM scratch\n", "tests/test_a.py": "", "tests/test_b.py": ""} {
				imagetest.Must(t, os.WriteFile(filepath.Join(dir, f), []byte(text), 0o600))
			}
			img := imagetest.New(t, imagetest.Plain, runnable(), installed("used", "x", "y", "lonely", "kept"), application)
			o := audit.SqueezeOptions{BaseLayers: 1, Traced: &audit.TracedOptions{Miss: 1, TraceOptions: audit.TraceOptions{Test: true}}}
			o.Traced.Project = dir
			r, _, _, _, err := squeezedWith(t, &uses{t: t, more: c.more}, img, o, "a")
			imagetest.Must(t, err)
			var ran []string
			for _, run := range r.Traced.Runs {
				ran = append(ran, run.Name)
			}
			slices.Sort(ran)
			if !slices.Equal(ran, c.runs) {
				t.Errorf("%q", ran)
			}
			if got := statuses(r); got["x"] != c.x || got["y"] != c.y || got["lonely"] != "removed" || got["kept"] != "needed" {
				t.Errorf("%v", got)
			}
		})
	}
}

// system is a layer with packages of dpkg, of which each has a program of its name and a
// folder; NAME>OTHER depends on another one.
func system(names ...string) string {
	var b, status strings.Builder
	for _, text := range names {
		name, depends, _ := strings.Cut(text, ">")
		fmt.Fprintf(&b, "f usr/bin/%s 50000 mode=0755\nd usr/share/%s\nf usr/share/%s/data 70000\nd usr/share/doc/%s\nf usr/share/doc/%s/copyright 900\n", name, name, name, name, name)
		fmt.Fprintf(&b, "f var/lib/dpkg/info/%s.list %q\nf var/lib/dpkg/info/%s.md5sums \"\"\n", name,
			fmt.Sprintf("/.\n/usr\n/usr/bin\n/usr/bin/%s\n/usr/share\n/usr/share/%s\n/usr/share/%s/data\n/usr/share/doc/%s\n/usr/share/doc/%s/copyright\n", name, name, name, name, name), name)
		fmt.Fprintf(&status, "Package: %s\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\nDepends: %s\n\n", name, depends)
	}
	fmt.Fprintf(&b, "f var/lib/dpkg/status %q\nf var/lib/apt/extended_states %q\n", status.String(), strings.ReplaceAll(status.String(), "Status: install ok installed\n", "Auto-Installed: 1\n"))
	return b.String()
}

// TestTracedSystem: packages of the operating system go with their files, folders, lists
// and records; other bytes of the records stay.
func TestTracedSystem(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("traces on Linux alone")
	}
	img := imagetest.New(t, imagetest.Plain, runnable(), system("touched>helper", "helper", "lonely>part", "part", "named", "netbase"), "f app/start.sh \"#!/bin/sh\\nnamed\\n\" mode=0755\n", application)
	r, cert, env, _, err := squeezedTraced(t, img, audit.SqueezeOptions{BaseLayers: 1, Traced: &audit.TracedOptions{Miss: 1}}, "a /usr/bin/touched", "b /usr/bin/touched")
	imagetest.Must(t, err)
	want := map[string]whittle.TracedStatus{"touched": "touched", "helper": "needed", "lonely": "removed", "part": "removed", "named": "needed", "netbase": "needed"}
	got := map[string]whittle.TracedStatus{}
	for _, p := range r.Traced.Packages {
		got[p.Name] = p.Status
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got):\n%s%+v", diff, r.Traced)
	}
	small, err := env.Images.Open(t.Context(), "app:2")
	imagetest.Must(t, err)
	defer small.Close()
	m, err := rootfs.Read(t.Context(), small, "app:2", rootfs.Options{Databases: audit.Databases()})
	imagetest.Must(t, err)
	for name, status := range got {
		for _, p := range []string{"usr/bin/" + name, "usr/share/" + name, "usr/share/doc/" + name, "var/lib/dpkg/info/" + name + ".list", "var/lib/dpkg/info/" + name + ".md5sums"} {
			if _, err := m.Lstat(p); (err != nil) != (status == whittle.TracedRemoved) {
				t.Errorf("%s is %s: %v", p, status, err)
			}
		}
	}
	left := imagetest.New(t, imagetest.Plain, system("touched>helper", "helper", "named", "netbase"))
	other, err := rootfs.Read(t.Context(), left, "left", rootfs.Options{Databases: audit.Databases()})
	imagetest.Must(t, err)
	for _, p := range []string{"var/lib/dpkg/status", "var/lib/apt/extended_states"} {
		is, err := m.ReadFile(p, 1<<20)
		imagetest.Must(t, err)
		was, err := other.ReadFile(p, 1<<20)
		imagetest.Must(t, err)
		if diff := cmp.Diff(string(was), string(is)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", p, diff)
		}
	}
	if v, err := audit.SameTree(t.Context(), env, "app:1", "app:2", cert); err != nil || !v.Explained() || v.Same {
		t.Errorf("%+v, %v", v, err)
	}
}

// TestTracedHeldOut: the result says what a held-out run would have missed, and how many
// further ones would.
func TestTracedHeldOut(t *testing.T) {
	img := imagetest.New(t, imagetest.Plain, runnable(), installed("used", "x", "y", "lonely"), application)
	r, _, _, _, err := squeezedTraced(t, img, audit.SqueezeOptions{BaseLayers: 1, Traced: &audit.TracedOptions{Miss: 1}}, "b x/", "a y/", "c y/")
	imagetest.Must(t, err)
	type row struct {
		Name    string
		HeldOut bool
		Touched int
		Alone   int
		Missed  string
	}
	var got []row
	for _, x := range r.Traced.Runs {
		got = append(got, row{x.Name, x.HeldOut, x.Touched, x.Alone, strings.Join(x.Missed, " ")})
	}
	want := []row{{"CMD", false, 0, 0, ""}, {"b x/", false, 1, 1, ""}, {"a y/", true, 1, 0, "y"}, {"c y/", true, 1, 0, "y"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if e := r.Traced; e.HeldOut != 2 || e.HeldOutMissed != 2 || e.Rate != 0.25 || e.Estimate != 0.25 || e.Bound != 1 {
		t.Errorf("%+v", e)
	}
}

// TestTracedReverts: a run that does not pass on the result takes everything back, also
// where no trace shows why.
func TestTracedReverts(t *testing.T) {
	img := imagetest.New(t, imagetest.Plain, runnable(), installed("used", "x", "lonely"), application)
	// It needs what its trace does not show: the folder alone.
	r, cert, _, _, err := squeezedTraced(t, img, audit.SqueezeOptions{BaseLayers: 1, Traced: &audit.TracedOptions{Miss: 1}}, "a !x-1.0.dist-info/RECORD lonely-1.0.dist-info/RECORD used-1.0.dist-info/RECORD", "b")
	imagetest.Must(t, err)
	if len(r.Trims) != 1 || r.Trims[0].Status != whittle.Reverted || !strings.Contains(r.Trims[0].Reason, "a !x") || cert.Trim != nil || r.Traced.Failed != 1 || r.Traced.Runs[1].Problem == "" {
		t.Errorf("%+v %+v", r.Trims, r.Traced)
	}
	if diff := cmp.Diff(map[string]whittle.TracedStatus{"used": "needed", "x": "reverted", "lonely": "reverted"}, statuses(r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTracedRefuses: nothing can be held out of one run, and a run that fails is none.
func TestTracedRefuses(t *testing.T) {
	for commands, want := range map[string]struct {
		is   error
		text string
	}{
		"":           {whittle.ErrUnmeasured, "of one run none can be held out, and what a further one would touch is unknown"},
		"false":      {whittle.ErrUsage, "false fails in app:1 as it is: "},
		"a !nowhere": {whittle.ErrUsage, "a !nowhere fails in app:1 as it is: "},
	} {
		img := imagetest.New(t, imagetest.Plain, runnable(), installed("used", "x"), application)
		var all []string
		if commands != "" {
			all = append(all, commands)
		}
		if _, _, _, _, err := squeezedTraced(t, img, audit.SqueezeOptions{Traced: &audit.TracedOptions{}}, all...); !errors.Is(err, want.is) || !strings.Contains(err.Error(), want.text) || whittle.Hint(err) == "" {
			t.Errorf("%q: %v", commands, err)
		}
	}
}
