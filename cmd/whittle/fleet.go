package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"whittle.dev/whittle/internal/flagvalue"
	"whittle.dev/whittle/internal/fleet"
	"whittle.dev/whittle/internal/fleet/names"
	"whittle.dev/whittle/internal/fleet/store"
	"whittle.dev/whittle/internal/fleet/work"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/output"
	"whittle.dev/whittle/internal/report/fleetpage"
	"whittle.dev/whittle/internal/report/page"
	"whittle.dev/whittle/internal/source/catalog"
	"whittle.dev/whittle/internal/table"
)

// fleetOptions are those of fleet and of the commands below it.
type fleetOptions struct {
	app  *app
	db   string
	rows int
}

// flags adds --db.
func (o *fleetOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.db, "db", "", "the fleet: a file, or postgres://USER@HOST/DATABASE (default: a file of the user's)")
}

// with opens the fleet.
func (o *fleetOptions) with(ctx context.Context, do func(s *store.Store) error) error {
	where, err := work.Where(o.db, o.app.offline)
	if err != nil {
		return err
	}
	s, err := work.Open(ctx, where)
	if err != nil {
		return err
	}
	defer s.Close()
	return do(s)
}

// inPages are the formats of a result that a document shows.
func inPages[T any](document func(T) page.Document, more ...output.Form[T]) []output.Form[T] {
	return append([]output.Form[T]{
		{Name: output.Text, Write: func(w io.Writer, st page.Style, v T) error { return page.WriteText(w, document(v), st) }},
		output.AsJSON(func(v T) any { return v }),
		{Name: output.Markdown, Write: func(w io.Writer, _ page.Style, v T) error { return page.WriteMarkdown(w, document(v)) }},
	}, more...)
}

// inTables are the formats for other programs that work on tables.
func inTables[T, L any](lines func(T) []L) []output.Form[T] {
	return []output.Form[T]{
		{Name: output.CSV, Write: func(w io.Writer, _ page.Style, v T) error { return table.CSV(w, lines(v)) }},
		{Name: output.Parquet, Write: func(w io.Writer, _ page.Style, v T) error { return table.Parquet(w, lines(v)) }},
	}
}

func fleetCommand(a *app) *cobra.Command {
	o := fleetOptions{app: a, rows: 20}
	var out *output.Output[*fleet.Status]
	cmd := &cobra.Command{
		Use:   "fleet",
		Short: "Read many images into a database, and report on all of them",
		Long: `fleet is about many images: which bytes are in which of them. Each distinct layer is
fetched and read once, whatever the number of images that have it. fleet alone says
how far the last scans are.

  whittle fleet scan --list images.txt
  whittle fleet scan --registry registry.example.org --repositories 'team-*/**' --tags latest
  whittle fleet report --team-label org.example.team
  whittle fleet find openssl

The database is a file of the user's (SQLite), or PostgreSQL with --db: then any
number of whittle fleet worker, on any machines, share the work.`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.with(cmd.Context(), func(s *store.Store) error {
				status, err := s.Status(cmd.Context(), o.rows)
				if err != nil {
					return err
				}
				return out.Write(status)
			})
		},
	}
	o.flags(cmd.Flags())
	cmd.Flags().Var(flagvalue.Bound(&o.rows), "rows", "names without figures that are shown; 0 shows all")
	out = output.New(&a.printer, cmd, inPages(fleetpage.Status)...)
	cmd.AddCommand(fleetScanCommand(a), fleetWorkerCommand(a), fleetReportCommand(a), fleetFindCommand(a))
	return cmd
}

// workFlags add the options of a process that works.
func workFlags(f *pflag.FlagSet, o *work.Options) {
	f.Var(flagvalue.Bound(&o.Jobs), "jobs", "images and layers that are read at once (default 2)")
	f.Var(flagvalue.Bound(&o.Rate), "rate", "requests that each registry gets in a second from this process (default: as many as there are)")
}

// workOptions says how images are read.
func (a *app) workOptions(o work.Options) (work.Options, *host.Env, error) {
	env, err := a.env()
	if err != nil {
		return o, nil, err
	}
	o.Source, o.Limits = env.Places, env.Index.Limits
	o.Source.Progress = nil // several at once
	return o, env, nil
}

func fleetScanCommand(a *app) *cobra.Command {
	o := fleetOptions{app: a, rows: 20}
	var wanted names.Wanted
	var working work.Options
	var enqueue bool
	var out *output.Output[*fleet.Status]
	cmd := &cobra.Command{
		Use:         "scan [IMAGE…]",
		Annotations: map[string]string{"arguments": "any"},
		Short:       "Read images into the fleet: a list, a registry's, those of Kubernetes manifests",
		Long: `scan reads images, and stops when each has its figures or an error of its own. What
was read before is not read again. A name without a scheme is one in a registry.

  whittle fleet scan registry.example.org/app:1.0 oci-archive:web.tar
  whittle fleet scan --list images.txt
  whittle fleet scan --registry registry.example.org --repositories '**' --tags latest
  whittle fleet scan --manifests deploy/

In patterns, * is any text without a slash, ** any text, ? one character; a pattern
that begins with ! excludes. A scan that is interrupted goes on with whittle fleet
worker --until-idle. With --enqueue, other processes do the work.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if wanted.Catalog.Registry == "" && len(wanted.Catalog.Repositories)+len(wanted.Catalog.Tags) > 0 {
				return usage("such as --registry registry.example.org", "--repositories and --tags choose among the images of a registry, and none is named")
			}
			if len(wanted.Catalog.Tags) == 0 {
				wanted.Catalog.Tags = names.Pattern{"latest"}
			}
			wanted.Images, wanted.Input = args, a.in
			options, env, err := a.workOptions(working)
			if err != nil {
				return err
			}
			return o.with(cmd.Context(), func(s *store.Store) error {
				w := work.New(s, options)
				found, what, notes, err := wanted.Find(cmd.Context(), catalog.Options{Transport: w.Transport(), Offline: a.offline})
				for _, n := range notes {
					a.printer.Note(n)
				}
				if err != nil {
					return err
				}
				id, err := work.Scan(cmd.Context(), s, what, platformText(a), found)
				if err == nil && !enqueue {
					err = w.Finish(cmd.Context(), id, env.Listener())
				}
				if err != nil {
					return err
				}
				status, err := s.Status(cmd.Context(), o.rows)
				if err != nil {
					return err
				}
				return out.Write(status)
			})
		},
	}
	f := cmd.Flags()
	o.flags(f)
	workFlags(f, &working)
	f.Var(flagvalue.Names(&wanted.Lists), "list", "a file with the name of one image in each line; - is standard input")
	f.StringVar(&wanted.Catalog.Registry, "registry", "", "a registry, whose catalog is read: HOST[:PORT]")
	f.Var(flagvalue.Names((*[]string)(&wanted.Catalog.Repositories)), "repositories", "patterns of the registry's repositories (default: all)")
	f.Var(flagvalue.Names((*[]string)(&wanted.Catalog.Tags)), "tags", "patterns of the repositories' tags (default latest)")
	f.Var(flagvalue.Names(&wanted.Manifests), "manifests", "a folder with Kubernetes manifests")
	f.BoolVar(&enqueue, "enqueue", false, "only say what is to be read, and leave the reading to whittle fleet worker")
	f.Var(flagvalue.Bound(&o.rows), "rows", "names without figures that are shown; 0 shows all")
	out = output.New(&a.printer, cmd, inPages(fleetpage.Status)...)
	return cmd
}

func platformText(a *app) string {
	if a.printer.Platform == nil {
		return ""
	}
	return a.printer.Platform.String()
}

func fleetWorkerCommand(a *app) *cobra.Command {
	o := fleetOptions{app: a}
	var working work.Options
	var metrics string
	var untilIdle bool
	cmd := &cobra.Command{
		Use:   "worker",
		Short: "Do the work of scans, beside any number of others",
		Long: `worker fetches and reads what scans ask for, until it is ended: by SIGTERM it takes
nothing new, finishes what it has begun, and gives back what takes longer than 20
seconds. Another one takes over the work of a worker that is gone.

  whittle fleet worker --db postgres://whittle@db/fleet --metrics :9090

With --metrics it answers to /healthz, /readyz and /metrics (Prometheus). A line on
standard error says what did not end well.`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.printer.JSON {
				return usage("whittle fleet --json says how far scans are", "worker has no JSON")
			}
			working.Log = slog.New(slog.NewTextHandler(a.printer.Err, nil))
			a.quiet = true
			options, env, err := a.workOptions(working)
			if err != nil {
				return err
			}
			return o.with(cmd.Context(), func(s *store.Store) error {
				w := work.New(s, options)
				ctx, stop := context.WithCancel(cmd.Context())
				defer stop()
				if metrics != "" {
					at, end, err := w.Listen(ctx, metrics)
					if err != nil {
						return err
					}
					fmt.Fprintln(a.printer.Out, "http://"+at.String())
					go func() {
						if <-end != nil { // nobody could see any more whether it is alive
							stop()
						}
					}()
				}
				if untilIdle {
					return w.Finish(ctx, 0, env.Listener())
				}
				return w.Run(ctx, nil)
			})
		},
	}
	o.flags(cmd.Flags())
	workFlags(cmd.Flags(), &working)
	cmd.Flags().StringVar(&metrics, "metrics", "", "answer to probes and Prometheus on this address, such as :9090")
	cmd.Flags().BoolVar(&untilIdle, "until-idle", false, "end when all scans are over")
	return cmd
}

func fleetReportCommand(a *app) *cobra.Command {
	o := fleetOptions{app: a, rows: 15}
	var about store.ReportOptions
	var out *output.Output[*fleet.Report]
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Report on all images of the fleet",
		Long: `report says what all images of the last scans have: bytes by package, counted once
for each distinct layer and once for each image, with their versions; layers by how
many images share them; bases with nearly the same packages, of which one could go;
wasted bytes by cause and by team; the same finding over all images, the largest
saving first; and what changed from scan to scan.

CSV and Parquet have the versions of all packages.`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.with(cmd.Context(), func(s *store.Store) error {
				about.Rows = o.rows
				if out.Only(output.CSV) || out.Only(output.Parquet) {
					about.Rows = 0
				}
				r, err := s.Report(cmd.Context(), about)
				if err != nil {
					return err
				}
				return out.Write(r)
			})
		},
	}
	o.flags(cmd.Flags())
	cmd.Flags().Var(flagvalue.Bound(&about.Scan), "scan", "the scan with this number (default: the last one of each)")
	cmd.Flags().StringVar(&about.Team, "team-label", "", "sum the wasted bytes by the values of this label of images")
	cmd.Flags().Var(flagvalue.Bound(&o.rows), "rows", "rows of each long table; 0 shows all")
	forms := inPages(fleetpage.Report, output.AsPage("Fleet", fleetpage.Title, func(r *fleet.Report) any { return r }, func(w io.Writer, r *fleet.Report) error { return page.WriteHTML(w, fleetpage.Report(r)) }))
	out = output.New(&a.printer, cmd, append(forms, inTables((*fleet.Report).Lines)...)...)
	return cmd
}

func fleetFindCommand(a *app) *cobra.Command {
	o := fleetOptions{app: a, rows: 50}
	var about store.ReportOptions
	var out *output.Output[*fleet.Found]
	cmd := &cobra.Command{
		Use:         "find PACKAGE[==VERSION]",
		Annotations: map[string]string{"arguments": "any"},
		Short:       "List the images that have a package",
		Long: `find lists the images of the last scans that have a package, of the system's or of
Python's, by its name as these compare names: case, - and _ make no difference.

  whittle fleet find log4j
  whittle fleet find numpy==1.26.4 -o csv=numpy.csv`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("such as whittle fleet find openssl", "find takes one package, and not %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.with(cmd.Context(), func(s *store.Store) error {
				about.Rows = o.rows
				name, version, _ := strings.Cut(args[0], "==")
				found, err := s.Find(cmd.Context(), name, version, about)
				if err != nil {
					return err
				}
				return out.Write(found)
			})
		},
	}
	o.flags(cmd.Flags())
	cmd.Flags().Var(flagvalue.Bound(&about.Scan), "scan", "the scan with this number (default: the last one of each)")
	cmd.Flags().Var(flagvalue.Bound(&o.rows), "rows", "show at most so many images; 0 shows all")
	out = output.New(&a.printer, cmd, inPages(fleetpage.Found, inTables((*fleet.Found).Lines)...)...)
	return cmd
}
