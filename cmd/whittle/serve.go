package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"whittle.dev/whittle/internal/history"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/serve"
	"whittle.dev/whittle/internal/timeline"
)

func serveCommand(a *app) *cobra.Command {
	listen, database := serve.Address("127.0.0.1:0"), ""
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
project is there, and the records of the history, any two of which can be compared.

  whittle serve .
  whittle serve app:1.0 app:1.1 --listen 127.0.0.1:8080

/api has the results as JSON, as commands print them with --json, and /metrics
figures of the server for Prometheus. Ctrl-C ends it.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if a.printer.JSON {
				return usage("the page has JSON at /api", "serve has no JSON")
			}
			if len(args) == 0 {
				args = []string{"."}
			}
			o := serve.Options{Local: host.LocalImages, Version: version()}
			for _, name := range args {
				if isProject(name) {
					o.Projects = append(o.Projects, name)
				} else {
					o.Images = append(o.Images, name)
				}
			}
			if slices.ContainsFunc(o.Images, isInput) {
				return usage("name a file", "the page reads images several times, and standard input can be read once")
			}
			frugal()
			a.quiet = true // the page shows what is going on
			var err error
			if o.Env, err = a.env(); err != nil {
				return err
			}
			if a.offline {
				o.Local = nil
			}
			o.History = func(ctx context.Context) (*history.Store, error) {
				return timeline.OpenHistory(ctx, database, a.offline)
			}
			if o.State, err = a.jobsFolder(); err != nil {
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
	databaseFlag(cmd.Flags(), &database)
	cmd.Flags().Var(&listen, "listen", "the address of this machine to listen on; port 0 is a free one")
	return cmd
}

// jobsFolder is where jobs are kept: in the cache, or for the time of the process.
func (a *app) jobsFolder() (string, error) {
	dir, err := a.cache()
	return filepath.Join(cmp.Or(dir, os.TempDir()), "serve"), err
}
