package source

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"whittle.dev/whittle"
)

// daemon is an engine with Docker's API.
type daemon struct {
	label  string // "Docker" or "Podman"
	source string // [Docker] or [Podman]
	host   string // its address; empty is DOCKER_HOST, else Docker's default socket
	hint   string // what to try if it does not answer
}

func dockerDaemon(o Options) daemon {
	return daemon{"Docker", Docker, o.DockerHost, "is Docker running? DOCKER_HOST names another engine; docker context is not read"}
}

// openDaemon reads an image of a Docker engine.
func openDaemon(ctx context.Context, name, ref string, o Options) (whittle.Image, error) {
	return dockerDaemon(o).open(ctx, name, ref, o)
}

// client is a client of the engine. Without the network it may only be on this machine.
func (d daemon) client(name string, o Options) (*client.Client, error) {
	opts := []client.Opt{client.FromEnv}
	if d.host != "" {
		opts = append(opts, client.WithHost(d.host))
	}
	cli, err := client.New(opts...)
	if err != nil {
		return nil, &placeError{name, fmt.Sprintf("setting up the %s client: %v", d.label, err), whittle.ErrUsage}
	}
	if at := cli.DaemonHost(); o.Offline && !strings.HasPrefix(at, "unix://") && !strings.HasPrefix(at, "npipe://") {
		_ = cli.Close()
		return nil, offline(name, "the "+d.label+" engine at "+at)
	}
	return cli, nil
}

// open reads an image of an engine. The engine sends an archive whose manifest comes
// last, so it is spooled to a temporary file, which goes when it is closed.
func (d daemon) open(ctx context.Context, name, ref string, o Options) (whittle.Image, error) {
	cli, err := d.client(name, o)
	if err != nil {
		return nil, err
	}
	defer cli.Close()
	if err := ping(ctx, cli, o.Deadlines.withDefaults()); err != nil {
		return nil, d.explain(ctx, cli, name, ref, err)
	}
	saved, err := cli.ImageSave(ctx, []string{ref})
	if err != nil {
		return nil, d.explain(ctx, cli, name, ref, err)
	}
	defer saved.Close()
	f, err := spool(ctx, saved, "the image", o)
	if err != nil {
		return nil, fmt.Errorf("reading %s from the %s engine: %w", name, d.label, err)
	}
	a, err := indexed(f, "what the "+d.label+" engine sends", o.Limits)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", name, err)
	}
	return archiveImage(ctx, a, name, d.source, DockerArchive, "", o)
}

// offline is the error of what is not reached without a network.
func offline(name, what string) error {
	return whittle.WithHint(&placeError{name, "--offline forbids to contact " + what, whittle.ErrEngine},
		"leave out --offline, or name a file or folder: docker-archive:PATH, oci:PATH")
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

func (d daemon) explain(ctx context.Context, cli *client.Client, name, ref string, err error) error {
	engine := "the " + d.label + " engine"
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("opening %s: %w", name, ctx.Err())
	case errors.Is(err, errSlow):
		return &placeError{name, engine + " at " + cli.DaemonHost() + " gives " + slowness(err), whittle.ErrEngine}
	case errdefs.IsNotFound(err), strings.Contains(err.Error(), unknownImage): // Podman 4 answers with 500
		return &placeError{name, engine + " has no image " + ref, whittle.ErrNotFound}
	case client.IsErrConnectionFailed(err):
		return whittle.WithHint(&placeError{name, "no " + d.label + " engine answers at " + cli.DaemonHost(), whittle.ErrEngine}, d.hint)
	}
	return &placeError{name, whittle.OneLine(err.Error()), whittle.ErrEngine}
}
