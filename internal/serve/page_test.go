package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/fleet/store"
	"whittle.dev/whittle/internal/history"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/lab"
)

// pageFolder names the folder of a page that tools/browser opens. It has the project, and
// the file url, once the page is there. The engine is not a real one: its build prints
// lines until there is a file go-on.
const pageFolder = "SERVE_TEST_FOLDER"

// TestPage serves a page until standard input ends.
func TestPage(t *testing.T) {
	dir := os.Getenv(pageFolder)
	if dir == "" {
		t.Skip(pageFolder + " names no folder: the tests of tools/browser do")
	}
	project := filepath.Join(dir, "shop")
	imagetest.Must(t, os.MkdirAll(project, 0o755))
	file := filepath.Join(project, "Dockerfile")
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		imagetest.Must(t, os.WriteFile(file, []byte(pageDockerfile), 0o644))
	}
	env := testEnv(t)
	env.Images.(named)["shop:1"] = pageImage(t)
	fleetFile := filepath.Join(dir, "fleet.db")
	open := func(ctx context.Context) (*store.Store, error) {
		return store.Open(ctx, fleetFile, store.Options{Version: "1"})
	}
	if _, err := os.Stat(fleetFile); errors.Is(err, fs.ErrNotExist) {
		open = nil
	}
	s, err := New(t.Context(), Options{Fleet: open, Env: env, Images: []string{"app:1", "app:2", "shop:1"}, Projects: []string{project}, State: filepath.Join(dir, "state"), Verify: pageBuild(filepath.Join(dir, "go-on")),
		History: func(ctx context.Context) (*history.Store, error) {
			return history.Open(ctx, filepath.Join(dir, "history.db"))
		}})
	imagetest.Must(t, err)
	l, err := Listen(t.Context(), "127.0.0.1:0")
	imagetest.Must(t, err)
	imagetest.Must(t, whittle.WriteFile(filepath.Join(dir, "url"), []byte(s.URL(l.Addr()))))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	imagetest.Must(t, s.Serve(ctx, l))
	imagetest.Must(t, s.Close())
}

const pageDockerfile = "FROM debian:12\nRUN apt-get update && apt-get install -y curl\nRUN make-large\nCMD [\"/bin/true\"]\n"

// pageImage is what the Dockerfile of the page makes.
func pageImage(t *testing.T) whittle.Image {
	img := imagetest.New(t, imagetest.Gzip, "f usr/bin/env 90000", "d var/cache/apt/archives\nf var/cache/apt/archives/curl.deb 3000000\nf usr/bin/curl 500000", "f opt/large 2000000")
	img.Name = "shop:1"
	for i, line := range []string{"RUN /bin/sh -c apt-get update && apt-get install -y curl # buildkit", "RUN /bin/sh -c make-large # buildkit"} {
		img.Conf.History[i+1] = whittle.History{CreatedBy: line, Comment: "buildkit.dockerfile.v0"}
	}
	img.Conf.History = append(img.Conf.History, whittle.History{CreatedBy: `CMD ["/bin/true"]`, Comment: "buildkit.dockerfile.v0", EmptyLayer: true})
	return img
}

// pageBuild prints a line now and then until a file is there.
func pageBuild(goOn string) Verify {
	return func(ctx context.Context, env *host.Env, _ lab.FixOptions) (*whittle.Repair, error) {
		env.Listener().Step("building shop")
		task := env.Listener().Begin(whittle.Work{Name: "RUN make-large"})
		defer task.End("")
		for n := 1; ; n++ {
			task.Say(fmt.Sprintf("line %d.", n))
			if _, err := os.Stat(goOn); err == nil {
				break
			}
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		before := []byte(pageDockerfile)
		return &whittle.Repair{Schema: whittle.FixSchema, Project: "shop", Steps: []whittle.RepairStep{}, Files: []whittle.FileChange{{Path: "Dockerfile", Before: before, After: []byte("FROM debian:12\n"), Diff: "--- Dockerfile\n+++ Dockerfile\n@@ -1,2 +1 @@\n FROM debian:12\n-RUN make-large\n"}}}, nil
	}
}
