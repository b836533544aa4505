package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"whittle.dev/whittle"
)

// openDaemon reads an image of a Docker engine. The engine sends an archive
// whose manifest comes last, so it is spooled to a temporary file, which Close
// removes.
func openDaemon(ctx context.Context, name, ref string, o Options) (_ whittle.Image, err error) {
	opts := []client.Opt{client.FromEnv}
	if o.DockerHost != "" {
		opts = append(opts, client.WithHost(o.DockerHost))
	}
	cli, err := client.New(opts...)
	if err != nil {
		return nil, &placeError{name, fmt.Sprintf("setting up the Docker client: %v", err), whittle.ErrUsage}
	}
	defer cli.Close()
	if err := ping(ctx, cli, o.Deadlines.withDefaults()); err != nil {
		return nil, daemonError(ctx, cli, name, ref, err)
	}
	saved, err := cli.ImageSave(ctx, []string{ref})
	if err != nil {
		return nil, daemonError(ctx, cli, name, ref, err)
	}
	defer saved.Close()
	path, err := spool(o.TempDir, saved)
	if err != nil {
		return nil, fmt.Errorf("reading %s from the Docker engine: %w", name, err)
	}
	img, err := openFile(ctx, name, DockerArchive, path, o)
	if err != nil {
		os.Remove(path)
		return nil, err
	}
	i := img.(*image)
	i.ref.Name, i.ref.Source = name, Docker
	closeArchive := i.close
	i.close = func() error { return errors.Join(closeArchive(), os.Remove(path)) }
	return i, nil
}

// ping waits for an engine's first answer. Later requests have no deadline,
// because saving an image takes long.
func ping(ctx context.Context, cli *client.Client, d Deadlines) error {
	ctx, cancel := context.WithTimeoutCause(ctx, d.Answer, tooSlow("no answer", d.Answer))
	defer cancel()
	_, err := cli.Ping(ctx, client.PingOptions{})
	if err != nil && errors.Is(context.Cause(ctx), errSlow) {
		return context.Cause(ctx)
	}
	return err
}

// spool copies to a temporary file. It removes the file if that fails.
func spool(dir string, r io.Reader) (path string, err error) {
	f, err := os.CreateTemp(dir, "whittle-*.tar")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, r)
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

func daemonError(ctx context.Context, cli *client.Client, name, ref string, err error) error {
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("opening %s: %w", name, ctx.Err())
	case errors.Is(err, errSlow):
		return &placeError{name, "the Docker engine at " + cli.DaemonHost() + " gives " + slowness(err), whittle.ErrEngine}
	case errdefs.IsNotFound(err):
		return &placeError{name, "the Docker engine has no image " + ref, whittle.ErrNotFound}
	case client.IsErrConnectionFailed(err):
		return whittle.WithHint(&placeError{name, "no Docker engine answers at " + cli.DaemonHost(), whittle.ErrEngine}, "is Docker running? DOCKER_HOST names another engine; docker context is not read")
	}
	return &placeError{name, err.Error(), whittle.ErrEngine}
}
