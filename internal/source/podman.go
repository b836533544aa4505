package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"whittle.dev/whittle"
)

// Podman keeps its images in a storage that skopeo and buildah share. There are two ways
// to it: the socket of podman system service, which has Docker's API, and the programs.
// https://docs.podman.io/en/latest/markdown/podman-system-service.1.html
// https://github.com/containers/image/blob/main/docs/containers-transports.5.md

// podmanHint is what to try without Podman.
const podmanHint = "start it with podman system service, name its socket by CONTAINER_HOST=unix://PATH, or name an archive: podman save -o FILE.tar NAME"

// unknownImage is what Podman says if it has no such image.
const unknownImage = "image not known"

// podmanHost is the address of Podman's engine: that of CONTAINER_HOST, otherwise of
// the first socket that there is; empty if there is none.
func podmanHost() string {
	if host := os.Getenv("CONTAINER_HOST"); host != "" {
		return host
	}
	for _, dir := range []string{os.Getenv("XDG_RUNTIME_DIR"), "/run/user/" + strconv.Itoa(os.Getuid()), "/run"} {
		socket := filepath.Join(dir, "podman", "podman.sock")
		if info, err := os.Stat(socket); dir != "" && err == nil && info.Mode()&os.ModeSocket != 0 {
			return "unix://" + socket
		}
	}
	return ""
}

// hasPodman says whether a bare name may be one of Podman's images: its engine is named
// or its socket is there, or its program and its storage are. The program alone would
// make a storage.
func hasPodman(o Options) bool {
	if podmanHost() != "" {
		return true
	}
	if !o.has("podman") {
		return false
	}
	storage := "/var/lib/containers/storage"
	if os.Getuid() != 0 {
		home, _ := os.UserHomeDir()
		data := cmp.Or(os.Getenv("XDG_DATA_HOME"), filepath.Join(home, ".local", "share"))
		storage = filepath.Join(data, "containers", "storage")
	}
	return exists(storage)
}

// openPodman reads an image of Podman: from its engine, or by its program.
func openPodman(ctx context.Context, name, ref string, o Options) (whittle.Image, error) {
	host := podmanHost()
	if strings.HasPrefix(host, "ssh://") {
		return nil, whittle.WithHint(&placeError{name, "whittle does not reach a Podman over ssh (" + host + ")", whittle.ErrUnsupported},
			"ssh HOST podman save NAME | whittle inspect -")
	}
	if host == "" {
		return openStorage(ctx, name, ref, o)
	}
	d := daemon{"Podman", PodmanEngine, host, podmanHint}
	img, err := d.open(ctx, name, ref, o)
	if errors.Is(err, whittle.ErrNotFound) && !strings.Contains(ref, "/") {
		// Docker's API takes a short name for one of docker.io; podman build makes
		// localhost/NAME of it.
		if local, err := d.open(ctx, name, "localhost/"+ref, o); err == nil {
			return local, nil
		}
	}
	return img, err
}

// Programs are those of this machine that read an image's place. The code that reads
// images starts none itself.
type Programs interface {
	// Has says whether there is such a program.
	Has(name string) bool
	// Output starts a program and gives what it writes. Closing that ends it; the error
	// is then the last line of what it said.
	Output(ctx context.Context, words ...string) (io.ReadCloser, error)
}

func (o Options) has(program string) bool { return o.Programs != nil && o.Programs.Has(program) }

// savers are the programs that write an image of the storage to standard output as a
// docker archive: podman, if the reference names no other storage, and skopeo.
func savers(ref string) [][]string {
	skopeo := []string{"skopeo", "copy", "--quiet", "containers-storage:" + ref, "docker-archive:/dev/stdout"}
	if strings.HasPrefix(ref, "[") {
		return [][]string{skopeo}
	}
	return [][]string{{"podman", "save", "--format", "docker-archive", "--", ref}, skopeo}
}

// openStorage reads an image of the storage that podman, buildah and skopeo share, by
// the first of these programs that there is.
func openStorage(ctx context.Context, name, ref string, o Options) (whittle.Image, error) {
	for _, words := range savers(ref) {
		if !o.has(words[0]) {
			continue
		}
		f, err := saved(ctx, words, o)
		if err != nil {
			return nil, storageError(ctx, name, ref, words[0], err)
		}
		a, err := indexed(f, "what "+words[0]+" writes", o.Limits)
		if err != nil {
			return nil, fmt.Errorf("opening %s: %w", name, err)
		}
		return archiveImage(ctx, a, name, ContainersStorage, DockerArchive, "", o)
	}
	return nil, whittle.WithHint(&placeError{name, "there is no podman or skopeo on this machine, which read the storage", whittle.ErrEngine}, podmanHint)
}

// saved spools what a program writes.
func saved(ctx context.Context, words []string, o Options) (*storedFile, error) {
	out, err := o.Programs.Output(ctx, words...)
	if err != nil {
		return nil, err
	}
	f, failed := spool(ctx, out, "the image", o)
	ended := out.Close()
	if ended == nil || ctx.Err() != nil || failed != nil && !errors.Is(failed, whittle.ErrCorrupt) {
		return f, failed
	}
	if f != nil {
		ended = errors.Join(ended, f.Close())
	}
	return nil, &programError{ended}
}

// programError is the failure of a program.
type programError struct{ error }

func (e *programError) Unwrap() error { return e.error }

func storageError(ctx context.Context, name, ref, program string, err error) error {
	var failed *programError
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("opening %s: %w", name, ctx.Err())
	case !errors.As(err, &failed):
		return fmt.Errorf("opening %s: reading it by %s: %w", name, program, err)
	}
	for _, missing := range []string{unknownImage, "does not resolve to an image ID", "identifier is not an image", "no such image"} {
		if strings.Contains(failed.Error(), missing) {
			return &placeError{name, "Podman has no image " + ref, whittle.ErrNotFound}
		}
	}
	return &placeError{name, program + ": " + shorten(failed.Error()), whittle.ErrEngine}
}
