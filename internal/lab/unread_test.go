package lab

import (
	"os"
	"path/filepath"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/absent"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/states"
)

// TestUnseen: a large file that no variant's build sees and the tests are not
// given is neither copied nor read, and still there in the copy; a change of its
// content is no other context. All others are copied and read.
func TestUnseen(t *testing.T) {
	for name, tc := range map[string]struct {
		files  map[string]string
		size   int64
		unseen bool
	}{
		"left out of all builds":   {map[string]string{".dockerignore": "data\n"}, whittle.MaxText + 1, true},
		"no larger than a text":    {map[string]string{".dockerignore": "data\n"}, whittle.MaxText, false},
		"no ignore file":           {nil, whittle.MaxText + 1, false},
		"an exception":             {map[string]string{".dockerignore": "data\n!data/b*\n"}, whittle.MaxText + 1, false},
		"one variant's build":      {map[string]string{".dockerignore": "data\n", "Dockerfile.b.dockerignore": ""}, whittle.MaxText + 1, false},
		"an ignore file with flaw": {map[string]string{".dockerignore": "data\n[\n"}, whittle.MaxText + 1, false},
		"the tests'":               {map[string]string{".dockerignore": "data\n", "whittle.yaml": "variants: [{name: a}]\ntest: {command: [x], copy: [data]}\n"}, whittle.MaxText + 1, false},
		"other tests":              {map[string]string{".dockerignore": "data\n", "whittle.yaml": "variants: [{name: a}]\ntest: {command: [x], copy: [shop.py]}\n"}, whittle.MaxText + 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := shop(t)
			big := filepath.Join(folderIn(t, filepath.Join(dir, "data")), "big")
			for file, text := range tc.files {
				imagetest.Must(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600))
			}
			imagetest.Must(t, os.WriteFile(filepath.Join(dir, "data", "small"), []byte("x"), 0o600))
			imagetest.Must(t, os.WriteFile(big, []byte("content"), 0o600))
			imagetest.Must(t, os.Truncate(big, tc.size)) // a hole: it takes no room
			s, err := newStudy(t.Context(), fakeEnv(&fakeEngine{t: t}), StudyOptions{Dir: dir, Quick: true})
			imagetest.Must(t, err)
			defer s.close()
			w, err := newWorkshop(t.Context(), s)
			imagetest.Must(t, err)
			for file, want := range map[string]bool{"data/big": tc.unseen, "data/small": false, "Dockerfile": false} {
				a, err := os.Stat(filepath.Join(dir, file))
				imagetest.Must(t, err)
				b, err := os.Stat(filepath.Join(w.copy.Dir, file))
				imagetest.Must(t, err)
				if os.SameFile(a, b) != want || a.Size() != b.Size() || a.Mode() != b.Mode() {
					t.Errorf("%s is a link: %v, of %d bytes and %d", file, os.SameFile(a, b), a.Size(), b.Size())
				}
			}
			imagetest.Must(t, w.close())
			if text, err := os.ReadFile(filepath.Join(dir, "data", "small")); err != nil || string(text) != "x" {
				t.Errorf("%q, %v", text, err)
			}
			digest := func() whittle.Digest {
				d, err := states.ContextDigest(t.Context(), dir, []string{s.bench.Out.Dir}, s.bench.Unread(absent.Unseen(s.bench.Project)))
				imagetest.Must(t, err)
				return d
			}
			before := digest()
			f, err := os.OpenFile(big, os.O_WRONLY, 0)
			imagetest.Must(t, err)
			_, err = f.WriteAt([]byte("CONTENT"), 0)
			imagetest.Must(t, err)
			imagetest.Must(t, f.Close())
			if same := digest() == before; same != tc.unseen {
				t.Errorf("the context is the same: %v", same)
			}
		})
	}
}

// folderIn makes a folder and gives its path.
func folderIn(t *testing.T, dir string) string {
	t.Helper()
	imagetest.Must(t, os.MkdirAll(dir, 0o700))
	return dir
}
