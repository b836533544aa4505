package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"whittle.dev/whittle/internal/fleet/store"
	"whittle.dev/whittle/internal/fleet/work"
	"whittle.dev/whittle/internal/history"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/serve"
	"whittle.dev/whittle/internal/timeline"
)

func serveCommand(a *app) *cobra.Command {
	listen, records, images := serve.Address("127.0.0.1:0"), "", ""
	cmd := &cobra.Command{
		Use:         "serve [DIR|IMAGE…]",
		Annotations: map[string]string{"arguments": "any"},
		Short:       "Show images and projects in a browser, and go on from there",
		Long: `serve answers on this machine alone, and prints the address to open: it has a token
that nobody else knows. The page has the reports of all images: those that are
named, those of the projects' studies and of the local engine, and any other by
its name. It compares images, simulates them without some of their files, and shows
what is in a file. Beside the image of a project's Dockerfile is an editor: advice and
predicted size follow what is typed; nothing is written unless the page is told to.
Fixes are proven as fix --verify does it, one build at a time, while the page shows
what it prints. Jobs wait in a queue, and survive a restart. The last study of each
project is there, the records of the history, any two of which can be compared, and
the report on the images of a fleet.

  whittle serve .
  whittle serve app:1.0 app:1.1 --listen 127.0.0.1:8080

/api has the results as JSON, as commands print them with --json, and /metrics
figures of the server for Prometheus. Ctrl-C ends it.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := a.served(args, records, images)
			if err != nil {
				return err
			}
			s, err := serve.New(cmd.Context(), o)
			if err != nil {
				return err
			}
			defer s.Close()
			l, err := serve.Listen(cmd.Context(), listen)
			if err != nil {
				return err
			}
			fmt.Fprintln(a.printer.Out, s.URL(l.Addr()))
			return s.Serve(cmd.Context(), l)
		},
	}
	databaseFlag(cmd.Flags(), &records)
	cmd.Flags().StringVar(&images, "fleet", "", "the database of whittle fleet: a file, or postgres://USER@HOST/DATABASE (default: a file of the user's)")
	cmd.Flags().Var(&listen, "listen", "the address of this machine to listen on; port 0 is a free one")
	return cmd
}

// served is what the page shows: what is named, and the databases of records and of many
// images.
func (a *app) served(args []string, records, images string) (o serve.Options, err error) {
	if a.printer.JSON {
		return o, usage("the page has JSON at /api", "serve has no JSON")
	}
	if len(args) == 0 {
		args = []string{"."}
	}
	for _, name := range args {
		if isProject(name) {
			o.Projects = append(o.Projects, name)
		} else {
			o.Images = append(o.Images, name)
		}
	}
	if slices.ContainsFunc(o.Images, isInput) {
		return o, usage("name a file", "the page reads images several times, and standard input can be read once")
	}
	frugal()
	a.quiet = true // the page shows what is going on
	if o.Env, err = a.env(); err != nil {
		return o, err
	}
	o.Version = version()
	if !a.offline {
		o.Local = host.LocalImages
	}
	o.History = func(ctx context.Context) (*history.Store, error) {
		return timeline.OpenHistory(ctx, records, a.offline)
	}
	o.Fleet = func(ctx context.Context) (*store.Store, error) {
		where, err := work.Where(images, a.offline)
		if err != nil {
			return nil, err
		}
		return work.Open(ctx, where)
	}
	o.State, err = a.jobsFolder()
	return o, err
}

// jobsFolder is where jobs are kept: in the cache, or for the time of the process.
func (a *app) jobsFolder() (string, error) {
	dir, err := a.cache()
	return filepath.Join(cmp.Or(dir, os.TempDir()), "serve"), err
}
