package python

import (
	"context"
	"errors"
	"testing"

	"whittle"
	"whittle/internal/imagetest"
)

// refused says whether an error is one that input deserves.
func refused(err error) bool {
	return errors.Is(err, whittle.ErrCorrupt) || errors.Is(err, whittle.ErrLimit)
}

// FuzzVersion: a version's normal form is the same version, and stays as it is.
func FuzzVersion(f *testing.F) {
	for _, s := range []string{"1.0", "1!2.3rc4.post5.dev6+abc.7", "v1-1", "1.0a.", "", "01.0_DEV-00"} {
		f.Add(s, "1.0")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		v, err := ParseVersion(a)
		if err != nil {
			if !refused(err) {
				t.Errorf("ParseVersion(%q): %v", a, err)
			}
			return
		}
		again, err := ParseVersion(v.String())
		if err != nil || again.Compare(v) != 0 || again.String() != v.String() {
			t.Errorf("%q is %s, and that is %s (%v)", a, v, again, err)
		}
		if w, err := ParseVersion(b); err == nil && v.Compare(w) != -w.Compare(v) {
			t.Errorf("%s against %s: %d and %d", v, w, v.Compare(w), w.Compare(v))
		}
	})
}

// FuzzSpecifiers: what is written by String is read as the same.
func FuzzSpecifiers(f *testing.F) {
	for _, s := range []string{">=1,<2", "~=1.4.2", "==1.*", "!=1.0+local", "===x", ">1.0.post1", ",,"} {
		f.Add(s, "1.4.5rc1")
	}
	f.Fuzz(func(t *testing.T, text, version string) {
		s, err := ParseSpecifiers(text)
		if err != nil {
			if !refused(err) {
				t.Errorf("ParseSpecifiers(%q): %v", text, err)
			}
			return
		}
		again, err := ParseSpecifiers(s.String())
		if err != nil || again.String() != s.String() {
			t.Errorf("%q is %s, and that is %s (%v)", text, s, again, err)
		}
		if v, err := ParseVersion(version); err == nil && s.Contains(v, true) != again.Contains(v, true) {
			t.Errorf("%q and %s differ on %s", text, s, v)
		}
	})
}

func FuzzRequirement(f *testing.F) {
	for _, s := range []string{"requests[socks, b] >= 2 ; python_version < '3.12' and extra == \"x\"", "a @ https://x ; os_name == 'nt'", "a(>=1)", "a;((('x'", "x in y"} {
		f.Add(s)
	}
	env := Environment{PythonVersion: "3.13", PythonFullVersion: "3.13.5", SysPlatform: "linux"}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRequirement(text)
		if err != nil {
			if !refused(err) {
				t.Errorf("ParseRequirement(%q): %v", text, err)
			}
			return
		}
		if r.Name == "" || r.Name != Normalize(r.Name) {
			t.Errorf("ParseRequirement(%q) names %q", text, r.Name)
		}
		if _, err := r.Marker.Evaluate(env, "x"); err != nil && !errors.Is(err, whittle.ErrUnsupported) {
			t.Errorf("evaluating %q: %v", text, err)
		}
	})
}

func FuzzWheelName(f *testing.F) {
	f.Add("numpy-2.3.1-1-cp313.cp314-abi3.none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl")
	f.Fuzz(func(t *testing.T, file string) {
		w, err := ParseWheelName(file)
		if err != nil && !refused(err) {
			t.Errorf("ParseWheelName(%q): %v", file, err)
		}
		Target{Major: 3, Minor: 13, Libc: "glibc", LibcMajor: 2, LibcMinor: 36, Machine: "x86_64"}.Supports(w.Tags)
	})
}

// FuzzRecord: whatever the records say, claims name files that are there.
func FuzzRecord(f *testing.F) {
	f.Add("a.py,sha256=x,1\n../../../bin/a,,\n", metadata("a", "1"), "a\n")
	f.Add("\"a\n", "Name", "../..")
	f.Fuzz(func(t *testing.T, record, meta, top string) {
		root := imagetest.Root{site + "a-1.dist-info/RECORD": record, site + "a-1.dist-info/METADATA": meta, site + "b-1.egg-info/PKG-INFO": meta,
			site + "b-1.egg-info/top_level.txt": top, site + "b-1.egg-info/installed-files.txt": record, site + "a.py": "", "usr/local/bin/a": ""}
		root[site+"a-1.dist-info/entry_points.txt"], root[site+"a-1.dist-info/direct_url.json"] = top, meta
		root[site+"b-1.egg-info/requires.txt"], root[site+"c.egg-link"], root["v/pyvenv.cfg"] = top, top, top
		claims, _ := Claims(context.Background(), root)
		for _, c := range claims {
			for _, p := range c.Paths {
				if _, ok := root[p]; !ok {
					t.Errorf("%s claims %q, which is not there", c.Owner, p)
				}
			}
		}
	})
}

func FuzzMetadata(f *testing.F) {
	f.Add([]byte(metadata("a", "1")), []byte("[console_scripts]\na = b.c:d [x, y]\n"), []byte("x>=1\n[test:os_name=='nt']\ny\n"))
	f.Fuzz(func(t *testing.T, meta, entries, requires []byte) {
		m := ParseMetadata(meta)
		for _, e := range ParseEntryPoints(entries) {
			if e.Group == "" || e.Name == "" || e.Module == "" {
				t.Errorf("entry point %+v", e)
			}
		}
		m.RequiresDist = append(m.RequiresDist, parseRequires(requires)...)
		NewGraph([]Distribution{{Name: Normalize(m.Name), Version: m.Version, Metadata: m}, {Name: "x"}}, Environment{}, nil)
	})
}
