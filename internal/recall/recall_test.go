package recall

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/index"
)

// inFile is an image whose layers are in a file that nobody writes.
type inFile struct{ *imagetest.Image }

func (i inFile) Layers() (out []whittle.Layer) {
	for _, l := range i.Image.Layers() {
		out = append(out, inPlace{l.(*imagetest.Layer)})
	}
	return out
}

type inPlace struct{ *imagetest.Layer }

func (inPlace) Stat(context.Context) (whittle.Stat, error) {
	return whittle.Stat{Size: -1, Identity: "a file"}, nil
}

// said is a package index that gives one answer to each kind of question.
type said struct {
	files   []whittle.IndexFile
	text    []byte
	members []whittle.WheelMember
	err     error
}

func (s *said) Files(context.Context, string) ([]whittle.IndexFile, error) { return s.files, s.err }

func (s *said) Metadata(context.Context, whittle.IndexFile) ([]byte, error) { return s.text, s.err }

func (s *said) Members(context.Context, whittle.IndexFile) ([]whittle.WheelMember, error) {
	return s.members, s.err
}

type result struct{ Name string }

// cached is an environment with a cache that is empty.
func cached(t *testing.T) *host.Env {
	t.Helper()
	cache, err := index.OpenCache(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	env := &host.Env{Program: "whittle"}
	env.Index.Cache = cache
	return env
}

// TestAnswers: a result is given again as long as the package index says the same; one for
// which it said nothing is not kept, nor one that JSON changes.
func TestAnswers(t *testing.T) {
	idx := &said{files: []whittle.IndexFile{{Name: "a-1-py3-none-any.whl"}}, text: []byte("Name: a\n"), members: []whittle.WheelMember{{Path: "a.py"}}}
	env := cached(t)
	env.Packages = idx
	img := inFile{imagetest.New(t, imagetest.Plain, "f a \"text\"\n")}
	name := "a result"
	made := func() bool {
		t.Helper()
		made := false
		got, err := Result(t.Context(), env, img, Of{Verb: "test"}, func(env *host.Env) (*result, error) {
			made = true
			if env.Packages == nil {
				return &result{name}, nil
			}
			_, err1 := env.Packages.Files(t.Context(), "a")
			_, err2 := env.Packages.Metadata(t.Context(), idx.files[0])
			_, err3 := env.Packages.Members(t.Context(), idx.files[0])
			_ = errors.Join(err1, err2, err3) // a check goes on without
			return &result{name}, nil
		})
		if err != nil || got.Name != name {
			t.Fatalf("%+v, %v; want %q", got, err, name)
		}
		return made
	}
	for _, step := range []struct {
		what   string
		change func()
		want   bool // the result is made
	}{
		{"the first time", func() {}, true},
		{"the second time", func() {}, false},
		{"a file more", func() { idx.files = append(idx.files, whittle.IndexFile{Name: "a-2-py3-none-any.whl"}) }, true},
		{"and again", func() {}, false},
		{"other metadata", func() { idx.text = []byte("Name: a\nVersion: 2\n") }, true},
		{"another member", func() { idx.members = nil }, true},
		{"and again", func() {}, false},
		{"no answer", func() { idx.err = errors.New("no network") }, true},
		{"no answer again", func() {}, true},
		{"the answers are there", func() { idx.err = nil }, false},
		{"no index", func() { env.Packages = nil }, true},
		{"no index again", func() {}, false},
		{"a name that is not UTF-8", func() { env.Program, name = "another", "a\xff" }, true},
		{"and again", func() {}, true},
	} {
		step.change()
		if got := made(); got != step.want {
			t.Errorf("%s: made is %v", step.what, got)
		}
	}
}

// TestPrinted: what is printed is kept apart from the result and by how it is printed, and is
// printed anew when the result is made anew.
func TestPrinted(t *testing.T) {
	idx := &said{files: []whittle.IndexFile{{Name: "a-1-py3-none-any.whl"}}}
	env := cached(t)
	env.Packages = idx
	img := inFile{imagetest.New(t, imagetest.Plain, "f a \"text\"\n")}
	made, printed := 0, 0
	inspect := func(env *host.Env) (*result, error) {
		made++
		_, err := env.Packages.Files(t.Context(), "a")
		return &result{"a\xff"[:1+made%2]}, err // every other one is not kept
	}
	show := func(as string) string {
		t.Helper()
		b, err := Printed(as, func(r *result) ([]byte, error) {
			printed++
			return []byte(as + " " + r.Name + "\n\n"), nil
		})(t.Context(), env, img, Of{Verb: "test"}, inspect)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, step := range []struct {
		what, as, want string
		change         func()
		made, printed  int
	}{
		{"the first time", "text", "text a\xff\n\n", nil, 1, 1},
		{"the second time", "text", "text a\xff\n\n", nil, 1, 1},
		{"otherwise, and the result is made", "JSON", "JSON a\n\n", nil, 2, 2},
		{"in a third way, and the result is kept", "wide", "wide a\n\n", nil, 2, 3},
		{"the first again", "text", "text a\xff\n\n", nil, 2, 3},
		{"the index says something else", "text", "text a\xff\n\n", func() { idx.files = nil }, 3, 4},
		{"no cache", "text", "text a\xff\n\n", func() { env.Index.Verify = true }, 5, 5},
	} {
		if step.change != nil {
			step.change()
		}
		if step.what == "no cache" {
			made = 4 // the result of a number that is odd
		}
		if got := show(step.as); got != step.want || made != step.made || printed != step.printed {
			t.Errorf("%s: %q, made %d times, printed %d times", step.what, got, made, printed)
		}
	}
	if _, err := Printed("none", func(*result) ([]byte, error) {
		t.Error("an error is printed")
		return nil, nil
	})(t.Context(), env, img, Of{Verb: "test"}, func(*host.Env) (*result, error) { return nil, errors.New("damaged") }); err == nil {
		t.Error("an error is lost")
	}
}

// named is an image with a name of its own.
type named struct {
	inFile
	name string
}

func (n named) Ref() whittle.Ref { return whittle.Ref{Name: n.name} }

// TestNames: names that are not UTF-8, which JSON does not tell from each other, are not mixed
// up: what is printed has the name.
func TestNames(t *testing.T) {
	env := cached(t)
	of := inFile{imagetest.New(t, imagetest.Plain, "f a \"text\"\n")}
	for _, name := range []string{"a", "b", "a\xff", "a\xfe", "a\ufffd", "a", "a\xfe"} {
		for _, option := range []string{"D\xff", "D\xfe", "D"} {
			img := named{of, name}
			want := name + " " + option
			b, err := Printed("text", func(r *result) ([]byte, error) { return []byte(r.Name), nil })(
				t.Context(), env, img, Of{Verb: "test", Options: option}, func(*host.Env) (*result, error) { return &result{want}, nil })
			if err != nil || string(b) != want {
				t.Errorf("%q, %v; want %q", b, err, want)
			}
		}
	}
}

// TestLooksOnce: what is printed and the result below it are looked up by one look at the folders.
func TestLooksOnce(t *testing.T) {
	env := cached(t)
	dir, looks := t.TempDir(), 0
	if err := os.Mkdir(filepath.Join(dir, "src"), 0o755); err != nil {
		t.Fatal(err)
	}
	of := Of{Verb: "test", Folders: []string{dir}, Aside: func(fs.FS, string) bool {
		looks++
		return false
	}}
	img := inFile{imagetest.New(t, imagetest.Plain, "f a \"text\"\n")}
	for _, want := range []int{1, 2} {
		b, err := Printed("text", func(r *result) ([]byte, error) { return []byte(r.Name), nil })(t.Context(), env, img, of, func(*host.Env) (*result, error) { return &result{"made"}, nil })
		if err != nil || string(b) != "made" || looks != want {
			t.Errorf("%q after %d looks, want %d; %v", b, looks, want, err)
		}
	}
}
