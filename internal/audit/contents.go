package audit

import (
	"context"
	"fmt"
	"io"
	"strings"

	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/rootfs"
)

// CopyFile writes the contents of a visible regular file of an image. The image is
// opened for it: what is looked at keeps none open.
func CopyFile(ctx context.Context, env *host.Env, name, path string, to io.Writer) error {
	img, err := env.Images.Open(ctx, name)
	if err != nil {
		return err
	}
	defer img.Close()
	read, task := env.Reading(name, img)
	m, err := rootfs.Read(ctx, img, name, rootfs.Options{Index: read, Databases: Databases()})
	task.End("")
	if err != nil {
		return err
	}
	if err := m.Copy(ctx, strings.TrimPrefix(path, "/"), to); err != nil {
		return fmt.Errorf("reading %s of %s: %w", path, name, err)
	}
	return nil
}
