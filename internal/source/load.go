package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/moby/moby/client"

	"whittle.dev/whittle"
)

// SameFile says whether an image was opened in the file or folder of info.
func SameFile(from whittle.Ref, info os.FileInfo) bool {
	switch from.Source {
	case DockerArchive, OCIArchive, OCILayout, Dir, RootFS:
	default:
		return false
	}
	path, _ := splitPath(withoutScheme(from.Name))
	other, err := os.Stat(path)
	return err == nil && os.SameFile(other, info)
}

// Load gives a Docker engine the archive that write writes, and asks it afterwards
// whether it has the image by its name; ids are the digests that it may have there: an
// engine calls an image by its configuration's digest or by its manifest's.
func Load(ctx context.Context, ref string, ids []whittle.Digest, o Options, write func(context.Context, io.Writer) error) error {
	d := dockerDaemon(o)
	cli, err := d.client("", o)
	if err != nil {
		return err
	}
	defer cli.Close()
	if err := ping(ctx, cli, o.Deadlines.withDefaults()); err != nil {
		return d.explainWrite(ctx, cli, ref, err)
	}
	if err := d.send(ctx, cli, ref, write); err != nil {
		return err
	}
	got, err := cli.ImageInspect(ctx, ref)
	if err != nil {
		return d.explainWrite(ctx, cli, ref, err)
	}
	if !slices.Contains(ids, whittle.Digest(got.ID)) {
		return &placeError{"", fmt.Sprintf("the %s engine has another image of this name, %.80s", d.label, got.ID), whittle.ErrEngine}
	}
	return nil
}

// explainWrite is [daemon.explain] of an image that is written.
func (d daemon) explainWrite(ctx context.Context, cli *client.Client, ref string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return d.explain(ctx, cli, "", ref, err)
}

// send streams an archive to the engine.
func (d daemon) send(ctx context.Context, cli *client.Client, ref string, write func(context.Context, io.Writer) error) error {
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	pr, pw := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := write(within, pw)
		pw.CloseWithError(err)
		written <- err
	}()
	said, err := cli.ImageLoad(ctx, pr)
	if err == nil {
		err = loadError(said)
		said.Close()
	}
	if err != nil {
		_ = pr.CloseWithError(err) // the writer ends
		cancel()
	}
	// What failed first is the cause: the archive's writer, if it was not ended here.
	if failed := <-written; failed != nil && (err == nil || !errors.Is(failed, err) && !errors.Is(failed, context.Canceled)) {
		return failed
	}
	if err != nil {
		return d.explainWrite(ctx, cli, ref, err)
	}
	return nil
}

// loadError is the error in what an engine says while it loads an image.
func loadError(r io.Reader) error {
	dec := json.NewDecoder(io.LimitReader(r, 16<<20))
	for {
		var line struct {
			Error string `json:"error"`
		}
		switch err := dec.Decode(&line); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("reading what the engine says: %w", err)
		case line.Error != "":
			return errors.New(shorten(line.Error))
		}
	}
}
