package pep

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
)

// The vectors in testdata are what PyPI's "packaging" says; testdata/generate.py
// made them.

// vectors calls each with every row of a file; a row's columns go into what
// columns returns.
func vectors(t *testing.T, file string, least int, each func(row []json.RawMessage)) {
	t.Helper()
	f, err := os.Open("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	n := 0
	for ; s.Scan(); n++ {
		var row []json.RawMessage
		if err := json.Unmarshal(s.Bytes(), &row); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		each(row)
	}
	if n < least {
		t.Errorf("%s has %d rows, want %d or more", file, n, least)
	}
}

// column decodes a column, the zero value for null.
func column[T any](t *testing.T, raw json.RawMessage) (v T) {
	t.Helper()
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return v
}

func TestVersionVectors(t *testing.T) {
	vectors(t, "parses.jsonl", 3500, func(row []json.RawMessage) {
		text, want, pre := column[string](t, row[0]), column[string](t, row[1]), column[bool](t, row[2])
		v, err := ParseVersion(text)
		if err != nil && !errors.Is(err, whittle.ErrCorrupt) {
			t.Errorf("ParseVersion(%q): %v", text, err)
		}
		if got := v.String(); err == nil && (got != want || v.Prerelease() != pre) || (err == nil) != (want != "") {
			t.Errorf("ParseVersion(%q) = %q (pre-release %v), %v; want %q (%v)", text, got, v.Prerelease(), err, want, pre)
		}
	})
}

func TestComparisonVectors(t *testing.T) {
	vectors(t, "comparisons.jsonl", 7000, func(row []json.RawMessage) {
		a, b, want := column[string](t, row[0]), column[string](t, row[1]), column[int](t, row[2])
		v, w := version(t, a), version(t, b)
		if got, back := v.Compare(w), w.Compare(v); got != want || back != -want {
			t.Errorf("%q against %q: %d, and back %d; want %d", a, b, got, back, want)
		}
	})
}

func version(t testing.TB, text string) Version {
	t.Helper()
	v, err := ParseVersion(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSpecifierVectors(t *testing.T) {
	vectors(t, "specifiers.jsonl", 8000, func(row []json.RawMessage) {
		text, v := column[string](t, row[0]), version(t, column[string](t, row[1]))
		s, err := ParseSpecifiers(text)
		if valid := string(row[2]) != "null"; valid != (err == nil) {
			t.Errorf("ParseSpecifiers(%q): %v, want valid: %v", text, err, valid)
			return
		}
		if err != nil {
			return
		}
		for i, pre := range []bool{true, false} {
			if want := column[bool](t, row[2+i]); s.Contains(v, pre) != want {
				t.Errorf("%q contains %q, with pre-releases %v: want %v", text, v.text, pre, want)
			}
		}
	})
}

// environments are those that the markers were evaluated in.
func environments(t *testing.T) []Environment {
	t.Helper()
	b, err := os.ReadFile("testdata/environments.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var out []Environment
	for _, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		e := column[map[string]string](t, json.RawMessage(line))
		out = append(out, Environment{
			PythonVersion: e["python_version"], PythonFullVersion: e["python_full_version"],
			ImplementationName: e["implementation_name"], ImplementationVersion: e["implementation_version"],
			PlatformPythonImplementation: e["platform_python_implementation"], OSName: e["os_name"], SysPlatform: e["sys_platform"],
			PlatformSystem: e["platform_system"], PlatformMachine: e["platform_machine"],
			PlatformRelease: e["platform_release"], PlatformVersion: e["platform_version"],
		})
	}
	return out
}

// outcome is an evaluation as the vectors write it.
func outcome(m Marker, env Environment, extra string) any {
	ok, err := m.Evaluate(env, extra)
	if errors.Is(err, whittle.ErrUnsupported) {
		return "UndefinedComparison"
	}
	return ok
}

func TestMarkerVectors(t *testing.T) {
	envs := environments(t)
	vectors(t, "markers.jsonl", 2500, func(row []json.RawMessage) {
		text, env, extra, want := column[string](t, row[0]), column[int](t, row[1]), column[string](t, row[2]), column[any](t, row[3])
		m, err := ParseMarker(text)
		if err != nil {
			if want != "invalid" || !errors.Is(err, whittle.ErrCorrupt) {
				t.Errorf("ParseMarker(%q): %v", text, err)
			}
			return
		}
		if got := outcome(m, envs[env], extra); got != want {
			t.Errorf("%q in environment %d with %q: %v, want %v", text, env, extra, got, want)
		}
	})
}

// asked is a requirement as the vectors write it.
type asked struct {
	Name       string   `json:"name"`
	Extras     []string `json:"extras"`
	URL        string   `json:"url"`
	Specifiers []string `json:"specifiers"`
	Marker     []any    `json:"marker"`
}

func TestRequirementVectors(t *testing.T) {
	envs := environments(t)
	vectors(t, "requirements.jsonl", 2500, func(row []json.RawMessage) {
		text, want := column[string](t, row[0]), column[*asked](t, row[1])
		r, err := ParseRequirement(text)
		if err != nil {
			if want != nil || !errors.Is(err, whittle.ErrCorrupt) {
				t.Errorf("ParseRequirement(%q): %v", text, err)
			}
			return
		}
		got := &asked{Name: r.Name, Extras: append([]string{}, r.Extras...), URL: r.URL, Specifiers: []string{}, Marker: []any{}}
		sort.Strings(got.Extras)
		got.Extras = slices.Compact(got.Extras)
		for _, s := range r.Specifiers {
			got.Specifiers = append(got.Specifiers, s.op+s.text)
		}
		sort.Strings(got.Specifiers)
		got.Specifiers = slices.Compact(got.Specifiers)
		if r.Marker.root != nil {
			for _, e := range envs {
				got.Marker = append(got.Marker, outcome(r.Marker, e, "test"))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ParseRequirement(%q) (-want +got):\n%s", text, diff)
		}
	})
}

func TestWheelVectors(t *testing.T) {
	targets := []Target{
		{Major: 3, Minor: 13, Libc: "glibc", LibcMajor: 2, LibcMinor: 36, Machine: "x86_64"},
		{Major: 3, Minor: 13, Threaded: true, Libc: "glibc", LibcMajor: 2, LibcMinor: 41, Machine: "aarch64"},
		{Major: 3, Minor: 9, Libc: "glibc", LibcMajor: 2, LibcMinor: 28, Machine: "x86_64"},
		{Major: 3, Minor: 12, Libc: "musl", LibcMajor: 1, LibcMinor: 2, Machine: "x86_64"},
		{Major: 3, Minor: 11, Libc: "glibc", LibcMajor: 2, LibcMinor: 17, Machine: "i686"},
		{Major: 3, Minor: 15, Threaded: true, Libc: "musl", LibcMajor: 1, LibcMinor: 2, Machine: "aarch64"},
		{Major: 3, Minor: 10, Libc: "glibc", LibcMajor: 2, LibcMinor: 36, Machine: "armv7l"},
	}
	vectors(t, "wheels.jsonl", 1800, func(row []json.RawMessage) {
		file := column[string](t, row[0])
		w, err := ParseWheelName(file)
		if err != nil {
			t.Error(err)
			return
		}
		var tags []string
		for _, tag := range w.Tags {
			tags = append(tags, tag.String())
		}
		sort.Strings(tags)
		got := []any{w.Name, w.Version.String(), w.Build, tags, make([]bool, len(targets))}
		for i, target := range targets {
			got[4].([]bool)[i] = target.Supports(w.Tags)
		}
		want := []any{column[string](t, row[1]), column[string](t, row[2]), column[string](t, row[3]), column[[]string](t, row[4]), column[[]bool](t, row[5])}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	})
	for _, bad := range []string{"", "x.whl", "a-1-py3-none.whl", "a-x-py3-none-any.whl", "a-1-b1-py3-none-any.whl", "a-1-py3-none-any.zip", "a-1-1-py3-none-any-x.whl"} {
		if w, err := ParseWheelName(bad); !errors.Is(err, whittle.ErrCorrupt) {
			t.Errorf("ParseWheelName(%q) = %+v, %v", bad, w, err)
		}
	}
}
