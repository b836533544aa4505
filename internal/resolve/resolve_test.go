package resolve

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
)

// shelf is an index in memory: one line for each file, "name version" with the
// requirements behind a colon, and words before it that set the file apart:
//
//	"a 1.0 yanked python=>=3.9 tag=cp313-cp313-manylinux_2_17_x86_64 : b>=2, c; extra == 'x'"
//	"a 2.0 sdist size=100"
type shelf struct {
	files    map[string][]whittle.IndexFile
	metadata map[string]string
	members  map[string][]whittle.WheelMember
	// fails has errors by the name of a distribution or of a file.
	fails map[string]error
	mu    sync.Mutex
	asked map[string]int
}

func newShelf(lines ...string) *shelf {
	s := &shelf{files: map[string][]whittle.IndexFile{}, metadata: map[string]string{}, members: map[string][]whittle.WheelMember{},
		fails: map[string]error{}, asked: map[string]int{}}
	for _, l := range lines {
		head, requires, _ := strings.Cut(l, " : ")
		words := strings.Fields(head)
		name, version := words[0], words[1]
		tag, source := "py3-none-any", false
		f := whittle.IndexFile{URL: "https://index.example/" + name}
		meta := fmt.Sprintf("Metadata-Version: 2.4\nName: %s\nVersion: %s\n", name, version)
		for _, w := range words[2:] {
			key, value, _ := strings.Cut(w, "=")
			switch key {
			case "yanked":
				f.Yanked = true
			case "python":
				f.RequiresPython = value
			case "requires-python":
				meta += "Requires-Python: " + value + "\n"
			case "tag":
				tag = value
			case "sdist":
				source = true
			case "size":
				_, _ = fmt.Sscan(value, &f.Size)
			case "extra":
				meta += "Provides-Extra: " + value + "\n"
			case "dynamic":
				meta += "Dynamic: Requires-Dist\n"
			case "called":
				meta = strings.Replace(meta, "Name: "+name, "Name: "+value, 1)
			}
		}
		for r := range strings.SplitSeq(requires, ", ") {
			if r != "" {
				meta += "Requires-Dist: " + r + "\n"
			}
		}
		f.Name = fmt.Sprintf("%s-%s-%s.whl", name, version, tag)
		if source {
			f.Name = fmt.Sprintf("%s-%s.tar.gz", name, version)
		}
		s.files[name] = append(s.files[name], f)
		s.metadata[f.Name] = meta
	}
	return s
}

func (s *shelf) Files(_ context.Context, name string) ([]whittle.IndexFile, error) {
	s.mu.Lock()
	s.asked[name]++
	s.mu.Unlock()
	if err := s.fails[name]; err != nil {
		return nil, err
	}
	f, ok := s.files[name]
	if !ok {
		return nil, fmt.Errorf("no %s: %w", name, whittle.ErrNotFound)
	}
	return f, nil
}

func (s *shelf) Metadata(_ context.Context, f whittle.IndexFile) ([]byte, error) {
	if err := s.fails[f.Name]; err != nil {
		return nil, err
	}
	m, ok := s.metadata[f.Name]
	if !ok {
		return nil, fmt.Errorf("no %s: %w", f.Name, whittle.ErrNotFound)
	}
	return []byte(m), nil
}

func (s *shelf) Members(_ context.Context, f whittle.IndexFile) ([]whittle.WheelMember, error) {
	m, ok := s.members[f.Name]
	if !ok {
		return nil, fmt.Errorf("no %s: %w", f.Name, whittle.ErrNotFound)
	}
	return m, nil
}

// linux is a target with glibc and an environment of the same interpreter.
func linux(series string, minor int) Options {
	return Options{
		Target: pep.Target{Major: 3, Minor: minor, Libc: "glibc", LibcMajor: 2, LibcMinor: 36, Machine: "x86_64"},
		Env:    python.Interpreter{Series: series, Version: series + ".1", Implementation: "cpython"}.Environment("x86_64"),
	}
}

// text is a resolution on one line: "a 1 b[x] 2".
func (r *Solution) text() string {
	var out []string
	for _, c := range r.Choices {
		name := c.Name
		if len(c.Extras) > 0 {
			name += "[" + strings.Join(c.Extras, ",") + "]"
		}
		out = append(out, name+" "+c.Version)
	}
	return strings.Join(out, " ")
}

func TestResolve(t *testing.T) {
	tests := []struct {
		name  string
		index []string
		asks  []string
		o     func(*Options)
		want  string // or the error's text
		notes []string
	}{
		{name: "the newest", index: []string{"a 1", "a 10", "a 9"}, asks: []string{"A"}, want: "a 10"},
		{name: "nothing", asks: nil, want: ""},
		{name: "what it requires", index: []string{"a 1 : b>=2", "b 1", "b 2 : c", "c 1"}, asks: []string{"a"}, want: "a 1 b 2 c 1"},
		{name: "in circles", index: []string{"a 1 : b", "b 1 : a"}, asks: []string{"a"}, want: "a 1 b 1"},
		{name: "both agree", index: []string{"a 1 : c<3", "b 1 : c>1", "c 1", "c 2", "c 3"}, asks: []string{"a", "b"}, want: "a 1 b 1 c 2"},
		{name: "an older one", index: []string{"a 1 : c<2", "b 1 : c<2", "b 2 : c>=2", "c 1", "c 2"}, asks: []string{"b", "a"}, want: "a 1 b 1 c 1"},
		{name: "an older one of what comes later", index: []string{"a 1 : b", "b 1", "b 2 : c==2", "c 1", "c 2"}, asks: []string{"a", "c<2"}, want: "a 1 b 1 c 1"},
		{name: "a pin that is void takes its requirements with it", index: []string{"a 1 : b<2", "b 1", "b 2 : c", "c 1"}, asks: []string{"b", "a"}, want: "a 1 b 1"},
		{name: "two ways to nowhere", index: []string{"a 1", "a 2 : x==1", "a 3 : x==2", "b 1 : x==3", "x 1", "x 2", "x 3"}, asks: []string{"a", "b"}, want: "a 1 b 1 x 3"},
		{name: "far back", index: []string{"a 1", "a 2 : p", "p 1 : q", "q 1 : r", "r 1 : s==1", "b 1 : s==2", "s 1", "s 2"}, asks: []string{"a", "b"}, want: "a 1 b 1 s 2"},
		{name: "markers", index: []string{`a 1 : b; python_version < "3.9", c; sys_platform == "linux", d; extra == "x"`, "c 1"}, asks: []string{"a", "z; os_name == 'nt'"}, want: "a 1 c 1"},
		{name: "an extra", index: []string{"a 1 extra=x : b, c; extra == 'x'", "b 1", "c 1"}, asks: []string{"a[X]"}, want: "a[x] 1 b 1 c 1"},
		{name: "extras of two who ask", index: []string{"a 1 extra=x extra=y : c; extra == 'x', d; extra == 'y'", "b 1 : a[y]", "c 1", "d 1"}, asks: []string{"a[x]", "b"}, want: "a[x,y] 1 b 1 c 1 d 1"},
		{name: "an extra of its own", index: []string{"a 1 extra=all extra=x : a[x]; extra == 'all', c; extra == 'x'", "c 1"}, asks: []string{"a[all]"}, want: "a[all,x] 1 c 1"},
		{name: "an extra goes back with its distribution", index: []string{"a 1 extra=x : c; extra == 'x'", "a 2 extra=x : c>1; extra == 'x'", "c 1"}, asks: []string{"a[x]"}, want: "a[x] 1 c 1"},
		{name: "an extra that is none", index: []string{"a 1"}, asks: []string{"a[x]"}, want: "a[x] 1", notes: []string{"a 1 has no extra x"}},
		{name: "for another Python", index: []string{"a 1", "a 2 python=<3.9", "a 3 requires-python=<3.9"}, asks: []string{"a"}, want: "a 1",
			notes: []string{"a 3 was passed over: a 3 requires Python <3.9"}},
		{name: "for another machine", index: []string{"a 1", "a 2 tag=cp313-cp313-win_amd64", "a 3 tag=cp313-cp313-musllinux_1_2_x86_64", "a 4 tag=cp313-cp313-manylinux_2_39_x86_64"}, asks: []string{"a"}, want: "a 1"},
		{name: "no pre-release", index: []string{"a 1", "a 2rc1", "a 2.dev3"}, asks: []string{"a"}, want: "a 1"},
		{name: "a pre-release by its name", index: []string{"a 1", "a 2rc1"}, asks: []string{"a>=2rc1"}, want: "a 2rc1"},
		{name: "a pre-release where there is nothing else", index: []string{"a 1", "a 2rc1"}, asks: []string{"a>1"}, want: "a 2rc1"},
		{name: "pre-releases for all", index: []string{"a 1", "a 2rc1"}, asks: []string{"a"}, o: func(o *Options) { o.Prereleases = true }, want: "a 2rc1"},
		{name: "no yanked one", index: []string{"a 1", "a 2 yanked"}, asks: []string{"a"}, want: "a 1"},
		{name: "a yanked one that is pinned", index: []string{"a 1", "a 2 yanked"}, asks: []string{"a==2"}, want: "a 2", notes: []string{"a 2 is yanked from the index"}},
		{name: "a yanked one that is not", index: []string{"a 1", "a 2 yanked"}, asks: []string{"a==2.*"}, want: "no version of a is allowed: the project asks for a==2.*"},
		{name: "constraints", index: []string{"a 1 : b", "b 1", "b 2"}, asks: []string{"a"}, o: constraints("b<2", "c==5"), want: "a 1 b 1"},
		{name: "a lock", index: []string{"a 1 : b", "b 1", "b 2rc1", "b 2"}, asks: []string{"a"}, o: func(o *Options) { o.Locked = map[string]string{"B": "2rc1"} }, want: "a 1 b 2rc1"},
		{name: "what is installed", index: []string{"a 1 : b", "b 1", "b 2", "b 3"}, asks: []string{"a"}, o: func(o *Options) { o.Prefer = map[string]string{"b": "2", "a": "7"} }, want: "a 1 b 2"},
		{name: "metadata of another", index: []string{"a 1", "a 2 called=b"}, asks: []string{"a"}, want: "a 1", notes: []string{"a 2 was passed over: the metadata of a 2 are those of b 2"}},
		{name: "requirements that are none", index: []string{"a 1", "a 2 : !?"}, asks: []string{"a"}, want: "a 1",
			notes: []string{`a 2 was passed over: the metadata of a 2: the requirement "!?": expected a name at "!?"`}},
		{name: "a source with promises", index: []string{"a 1 sdist size=10 : b", "b 1"}, asks: []string{"a"}, want: "a 1 b 1"},
		{name: "a source without", index: []string{"a 1 sdist dynamic : b", "b 1"}, asks: []string{"a"}, want: "a 1 b 1",
			notes: []string{"the requirements of a 1 are from PKG-INFO, and building it may come to others"}},
		{name: "a source with a wheel elsewhere", index: []string{"a 1 sdist", "a 1 tag=cp313-cp313-win_amd64 : b", "b 1"}, asks: []string{"a"}, want: "a 1 b 1",
			notes: []string{"the requirements of a 1 are from a wheel for another target"}},
		{name: "no binaries", index: []string{"a 1 : b", "a 1 sdist", "b 1"}, asks: []string{"a"}, o: func(o *Options) { o.NoBinary = []string{"A"} }, want: "a 1 b 1",
			notes: []string{"the requirements of a 1 are from a wheel for another target"}},
		{name: "binaries only", index: []string{"a 1", "a 2 sdist"}, asks: []string{"a"}, o: func(o *Options) { o.OnlyBinary = []string{":all:"} }, want: "a 1"},
		{name: "a URL", index: []string{"a 1 : b", "a 2", "b 1"}, asks: []string{"a @ https://files.example/a-1-py3-none-any.whl#sha256=00"}, want: "a 1 b 1"},
		{name: "two URLs", index: []string{"a 1", "b 1 : a @ https://x.example/a-1-py3-none-any.whl"}, asks: []string{"a @ https://files.example/a-1-py3-none-any.whl", "b"},
			want: "no version of a is allowed: the project asks for a @ https://files.example/a-1-py3-none-any.whl, b 1 asks for a @ https://x.example/a-1-py3-none-any.whl"},
		{name: "unknown", asks: []string{"a>1"}, want: "the index has no a: the project asks for a>1"},
		{name: "unknown, in an older one's place", index: []string{"a 1", "a 2 : nowhere"}, asks: []string{"a"}, want: "a 1"},
		{name: "nothing that fits", index: []string{"a 1 tag=cp313-cp313-win_amd64"}, asks: []string{"a"}, want: "the index has no file of a that the target can use: the project asks for a"},
		{name: "a conflict", index: []string{"a 1 : c<2", "b 1 : c>=2", "c 1", "c 2"}, asks: []string{"a", "b"}, want: "no version of c is allowed: a 1 asks for c<2, b 1 asks for c>=2"},
		{name: "a conflict with a constraint", index: []string{"a 1 : c>1", "c 1", "c 2"}, asks: []string{"a"}, o: constraints("c<2"),
			want: "no version of c is allowed: a 1 asks for c>1, a constraint asks for c<2"},
		{name: "too many steps", index: []string{"a 1 : b", "b 1 : c", "c 1"}, asks: []string{"a"}, o: func(o *Options) { o.MaxSteps = 2 }, want: "no set of versions was found in 2 steps"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := linux("3.13", 13)
			if tt.o != nil {
				tt.o(&o)
			}
			idx := newShelf(tt.index...)
			r, err := Versions(t.Context(), idx, requirements(t, tt.asks...), o)
			if err != nil {
				if tt.want == "" || !strings.HasPrefix(err.Error(), "resolving the requirements: "+tt.want) {
					t.Fatalf("%v, not %s", err, tt.want)
				}
				checkKind(t, err)
				return
			}
			if got := r.text(); got != tt.want {
				t.Errorf("%s, not %s", got, tt.want)
			}
			if tt.notes != nil {
				if d := cmp.Diff(tt.notes, r.Notes); d != "" {
					t.Errorf("notes (-want +got):\n%s", d)
				}
			}
			for name, n := range idx.asked {
				if n > 1 {
					t.Errorf("%s was listed %d times", name, n)
				}
			}
		})
	}
}

func constraints(texts ...string) func(*Options) {
	return func(o *Options) {
		for _, s := range texts {
			if r, err := pep.ParseRequirement(s); err == nil {
				o.Constraints = append(o.Constraints, r)
			}
		}
	}
}

// checkKind: an error is of one of the kinds that callers tell apart.
func checkKind(t *testing.T, err error) {
	t.Helper()
	var none *Unresolvable
	switch {
	case errors.As(err, &none) && none.Missing:
		if !errors.Is(err, whittle.ErrNotFound) {
			t.Errorf("%v is not ErrNotFound", err)
		}
	case errors.As(err, &none):
		if !errors.Is(err, whittle.ErrUsage) {
			t.Errorf("%v is not ErrUsage", err)
		}
	case !errors.Is(err, whittle.ErrLimit):
		t.Errorf("%v is of no kind", err)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("%q has several lines", err)
	}
}

// TestResolveDetails: who asks, and which files.
func TestResolveDetails(t *testing.T) {
	idx := newShelf("a 1 : b", "b 1 sdist size=7", "b 1 tag=cp313-cp313-win_amd64", "b 1 tag=cp313-cp313-musllinux_1_1_x86_64", "b 0.9",
		"c 1 tag=cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64", "c 1 tag=1-cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64", "c 1 tag=cp39-abi3-manylinux_2_28_x86_64", "c 1")
	r, err := Versions(t.Context(), idx, requirements(t, "a", "c"), linux("3.13", 13))
	if err != nil {
		t.Fatal(err)
	}
	b := r.Choices[1]
	if b.Wheel != nil || b.Source == nil || b.Like == nil || b.Like.Name != "b-1-cp313-cp313-musllinux_1_1_x86_64.whl" || b.Requested || len(b.RequiredBy) != 1 || b.RequiredBy[0] != "a" {
		t.Errorf("%+v", b)
	}
	if got := b.SourceOnly(); got != "b 1 has no wheel that fits, only its source of 7 bytes" {
		t.Error(got)
	}
	c := r.Choices[2]
	if c.Wheel == nil || c.Wheel.Name != "c-1-1-cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64.whl" || !c.Requested || c.SourceOnly() != "" {
		t.Errorf("%+v", c)
	}
}

// TestResolveErrors: what the index cannot answer ends the search; what a file
// is not only passes over it.
func TestResolveErrors(t *testing.T) {
	lost := fmt.Errorf("asking: %w", whittle.ErrEngine)
	idx := newShelf("a 1", "a 2 : b", "b 1")
	for _, name := range []string{"a", "b", "a-2-py3-none-any.whl"} {
		idx.fails = map[string]error{name: lost}
		if r, err := Versions(t.Context(), idx, requirements(t, "a"), linux("3.13", 13)); !errors.Is(err, whittle.ErrEngine) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	idx.fails = map[string]error{"a-2-py3-none-any.whl": whittle.ErrCorrupt}
	if r, err := Versions(t.Context(), idx, requirements(t, "a"), linux("3.13", 13)); err != nil || r.text() != "a 1" {
		t.Errorf("%+v, %v", r, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Versions(ctx, idx, requirements(t, "a"), linux("3.13", 13)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestBound(t *testing.T) {
	env := linux("3.13", 13).Env
	idx := newShelf("rich 13.9.4", "rich 13.7.0", "rich 14.0 python=>=3.14", "rich 15 yanked", "rich 16rc1", "new 0.3rc1",
		"zero 0.25.1", "zero 0.3", "old 1 python=<3.9", "musl 2.1 tag=cp313-cp313-musllinux_1_2_x86_64", "win 1 tag=cp313-cp313-win_amd64", "src 3.1 sdist")
	tests := []struct{ name, want string }{
		{"Rich", ">=13,<14"}, {"new", ">=0.3,<0.4"}, {"zero", ">=0.25,<0.26"}, {"musl", ">=2,<3"}, {"src", ">=3,<4"},
		{"old", ""}, {"win", ""}, {"absent", ""},
	}
	for _, tt := range tests {
		got, err := Bound(t.Context(), idx, tt.name, env)
		if got != tt.want || (tt.want == "") != errors.Is(err, whittle.ErrNotFound) {
			t.Errorf("Bound(%s) is %q, %v; not %q", tt.name, got, err, tt.want)
		}
	}
}

// TestShips: what the newest wheel that fits has, by its directory.
func TestShips(t *testing.T) {
	env := linux("3.13", 13).Env
	idx := newShelf("a 1", "a 2", "a 3 python=>=3.14", "src 3.1 sdist", "lost 1")
	idx.members["a-1-py3-none-any.whl"] = []whittle.WheelMember{{Path: "old/__init__.py"}}
	idx.members["a-2-py3-none-any.whl"] = []whittle.WheelMember{{Path: "a/__init__.py"}, {Path: "a/b.py"}}
	idx.fails["down"] = fmt.Errorf("asking: %w", whittle.ErrEngine)
	tests := []struct {
		name, module string
		want         bool
		err          error
	}{
		{"A", "a", true, nil}, {"a", "a.b", true, nil}, {"a", "a.c", false, nil}, {"a", "old", false, nil},
		{"src", "src", false, whittle.ErrUnsupported}, {"lost", "lost", false, whittle.ErrNotFound}, {"absent", "x", false, whittle.ErrNotFound},
		{"down", "x", false, whittle.ErrEngine},
	}
	for _, tt := range tests {
		got, err := Ships(t.Context(), idx, tt.name, tt.module, env)
		if got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("Ships(%s, %s) is %v, %v", tt.name, tt.module, got, err)
		}
	}
}
