package lab

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/outdir"
)

// TestFolderLinks: a study writes nothing through links that the project
// brings; a link in the place of one of its files is replaced.
func TestFolderLinks(t *testing.T) {
	for link, refused := range map[string]bool{
		".whittle": true, ".whittle/images": true, ".whittle/logs": true, ".whittle/variants": true,
		".whittle/logs/original.log": false, ".whittle/images/original.tar": false, ".whittle/variants/original.json": false, ".whittle/.gitignore": false,
		".whittle/lock": true,
	} {
		for _, target := range []string{"out", "out/precious"} {
			dir, out := shop(t), filepath.Join(t.TempDir(), "out")
			imagetest.Must(t, os.Mkdir(out, 0o755))
			imagetest.Must(t, os.WriteFile(filepath.Join(out, "precious"), []byte("precious"), 0o644))
			imagetest.Must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, link)), 0o755))
			imagetest.Must(t, os.Symlink(filepath.Join(filepath.Dir(out), target), filepath.Join(dir, link)))
			_, err := Study(context.Background(), fakeEnv(&fakeEngine{t: t}), StudyOptions{Dir: dir, Quick: true})
			if (err != nil) != refused || err != nil && (!errors.Is(err, whittle.ErrUsage) || whittle.Hint(err) == "") {
				t.Errorf("%s → %s: %v [%s]", link, target, err, whittle.Hint(err))
			}
			text, _ := os.ReadFile(filepath.Join(out, "precious"))
			if string(text) != "precious" || !slices.Equal(imagetest.Names(t, out), []string{"precious"}) {
				t.Errorf("%s → %s: outside is %q, precious %.40q", link, target, imagetest.Names(t, out), text)
			}
		}
	}
}

// TestFolderLocked: a second whittle is told who works in the folder, and has
// nothing to wait for when that one has ended.
func TestFolderLocked(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("has no such lock")
	}
	dir := shop(t)
	env := fakeEnv(&fakeEngine{t: t})
	f, err := outdir.Open(dir, filepath.Join(dir, outdir.Name), nil, func(string) {})
	imagetest.Must(t, err)
	_, err = Study(context.Background(), env, StudyOptions{Dir: dir, Quick: true})
	if !errors.Is(err, whittle.ErrSystem) || !strings.Contains(err.Error(), "in use by another whittle (process ") || !strings.Contains(whittle.Hint(err), "--out") {
		t.Errorf("locked: %v [%s]", err, whittle.Hint(err))
	}
	imagetest.Must(t, f.Close())
	if _, err = Study(context.Background(), env, StudyOptions{Dir: dir, Quick: true}); err != nil {
		t.Errorf("free: %v", err)
	}
}

// TestRecords: what a study has kept is believed where this user's whittle has
// made it of the very image that is there; what a project brings never is.
func TestRecords(t *testing.T) {
	other := func(t *testing.T, out string) {
		img := imagetest.New(t, imagetest.Plain, "f other 77")
		imagetest.Must(t, os.WriteFile(filepath.Join(out, "images/original.tar"), imagetest.DockerArchive(t, img), 0o644))
	}
	edit := func(name, old, new string) func(*testing.T, string) {
		return func(t *testing.T, out string) {
			name := filepath.Join(out, name)
			text, err := os.ReadFile(name)
			imagetest.Must(t, err)
			if !strings.Contains(string(text), old) {
				t.Fatalf("%s has no %q:\n%s", name, old, text)
			}
			imagetest.Must(t, os.WriteFile(name, []byte(strings.ReplaceAll(string(text), old, new)), 0o644))
		}
	}
	for name, tc := range map[string]struct {
		change func(*testing.T, string)
		key    string
		kept   bool
	}{
		"nothing":             {func(*testing.T, string) {}, "mine", true},
		"another user's":      {func(*testing.T, string) {}, "theirs", false},
		"a forged time":       {edit("variants/original.json", `"seconds": 1.5`, `"seconds": 0.1`), "mine", false},
		"a forged Dockerfile": {edit("variants/original.Dockerfile", "chmod 755", "chmod 777"), "mine", false},
		"no seal": {func(t *testing.T, out string) {
			imagetest.Must(t, os.Remove(filepath.Join(out, "variants/original.seal")))
		}, "mine", false},
		"another image": {other, "mine", false},
		"no image": {func(t *testing.T, out string) {
			imagetest.Must(t, os.Remove(filepath.Join(out, "images/original.tar")))
		}, "mine", false},
		"another one's record": {func(t *testing.T, out string) { renameRecord(t, out, "b", "original") }, "mine", false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := shop(t)
			out := filepath.Join(dir, outdir.Name)
			env := fakeEnv(&fakeEngine{t: t})
			env.Secret = func() []byte { return []byte("mine") }
			_, err := Study(context.Background(), env, StudyOptions{Dir: dir, Quick: true})
			imagetest.Must(t, err)
			tc.change(t, out)
			e := &fakeEngine{t: t}
			env = fakeEnv(e)
			env.Secret = func() []byte { return []byte(tc.key) }
			if imagetest.Exists(filepath.Join(out, "images/original.tar")) {
				archive := filepath.Join(out, "images/original.tar")
				img, err := env.Images.Open(context.Background(), archive)
				imagetest.Must(t, err)
				if o := audit.WithStudyDockerfile(env, img, archive, audit.InspectOptions{}); (o.Source != nil) != tc.kept {
					t.Errorf("the Dockerfile is %q", o.Source)
				}
				imagetest.Must(t, img.Close())
			}
			_, err = Study(context.Background(), env, StudyOptions{Dir: dir, Quick: true, Resume: true})
			imagetest.Must(t, err)
			if kept := !slices.Contains(e.builds, "Dockerfile"); kept != tc.kept {
				t.Errorf("kept is %v; builds %q", kept, e.builds)
			}
		})
	}
}

// renameRecord gives one variant's record another one's name.
func renameRecord(t *testing.T, out, from, to string) {
	t.Helper()
	for _, ext := range []string{".json", ".Dockerfile", ".seal"} {
		imagetest.Must(t, os.Rename(filepath.Join(out, "variants", from+ext), filepath.Join(out, "variants", to+ext)))
	}
}

// TestForgedBuild: the whole folder of a project that "was studied" elsewhere.
func TestForgedBuild(t *testing.T) {
	dir := shop(t)
	stranger := fakeEnv(&fakeEngine{t: t})
	stranger.Secret = func() []byte { return []byte("stranger") }
	_, err := Study(context.Background(), stranger, StudyOptions{Dir: dir, Quick: true})
	imagetest.Must(t, err)
	e := &fakeEngine{t: t, fail: func(build.Definition, build.Output) error {
		return &build.Error{Kind: build.StepFailed, File: "Dockerfile", Line: 1, Message: "exit code 3"}
	}}
	env := fakeEnv(e)
	env.Secret = outdir.UserKey(t.TempDir())
	s, err := Study(context.Background(), env, StudyOptions{Dir: dir, Quick: true, Resume: true})
	imagetest.Must(t, err)
	for _, v := range s.Variants {
		if v.Build.Status != whittle.Failed || v.Run.Status == whittle.Runs {
			t.Errorf("%s is %s and %s", v.Name, v.Build.Status, v.Run.Status)
		}
	}
}
