package pep

import (
	"errors"
	"testing"

	"whittle.dev/whittle"
)

// rejected says whether an error is one that input deserves.
func rejected(err error) bool {
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
			if !rejected(err) {
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
			if !rejected(err) {
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
			if !rejected(err) {
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
		if err != nil && !rejected(err) {
			t.Errorf("ParseWheelName(%q): %v", file, err)
		}
		Target{Major: 3, Minor: 13, Libc: "glibc", LibcMajor: 2, LibcMinor: 36, Machine: "x86_64"}.Supports(w.Tags)
	})
}
