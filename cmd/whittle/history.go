package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/flagvalue"
	"whittle.dev/whittle/internal/git"
	"whittle.dev/whittle/internal/history"
	"whittle.dev/whittle/internal/lab"
	"whittle.dev/whittle/internal/output"
	"whittle.dev/whittle/internal/report"
	"whittle.dev/whittle/internal/report/page"
	"whittle.dev/whittle/internal/table"
	"whittle.dev/whittle/internal/timeline"
)

// recordFlags add --record and --db.
func recordFlags(f *pflag.FlagSet, r *timeline.Recording) {
	f.BoolVar(&r.On, "record", false, "keep what was measured in the history")
	databaseFlag(f, &r.Database)
}

// save writes what was recorded, once the result is written.
func (a *app) save(ctx context.Context, r *timeline.Recording, written error) error {
	if written != nil {
		return written
	}
	r.Offline = a.offline
	return r.Save(ctx)
}

func databaseFlag(f *pflag.FlagSet, db *string) {
	f.StringVar(db, "db", "", "the history: a file, or postgres://USER@HOST/DATABASE (default: a file of the user's)")
}

// historyOptions are the options of history and of the commands below it.
type historyOptions struct {
	app      *app
	db       string
	dir      string // of blame and bisect
	query    history.Query
	variants []string
	rows     int
}

func historyCommand(a *app) *cobra.Command {
	o := historyOptions{app: a, rows: 20}
	var out *output.Output[*whittle.HistoryList]
	cmd := &cobra.Command{
		Use:         "history [PROJECT]",
		Annotations: map[string]string{"arguments": "any"},
		Short:       "Show what was recorded: sizes over time, and what changed them",
		Long: `history shows the records that inspect, gate and lab keep with --record, or for a
project whose whittle.yaml says "history: true": the newest first, with a line of
the sizes over time.

  whittle history shop --branch main --since 30d
  whittle history compare latest~1 latest
  whittle history blame .
  whittle history shop --rows 0 -o parquet=shop.parquet

Records are in a file of the user's (SQLite), or in PostgreSQL with --db.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("whittle history alone shows all", "history takes one project, and not %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.query.Project = args[0]
			}
			return o.with(cmd.Context(), func(s *history.Store) error {
				o.query.Last = o.rows
				h := &whittle.HistoryList{Schema: whittle.HistorySchema, Database: s.Name(), Package: o.query.Package, Records: []whittle.RecordRow{}}
				rows, more, err := s.List(cmd.Context(), o.query)
				if err != nil {
					return err
				}
				h.Records, h.More = append(h.Records, rows...), more
				return out.Write(h)
			})
		},
	}
	o.flags(cmd.Flags())
	cmd.Flags().StringVar(&o.query.Package, "package", "", "show the size of this package in place of the image's")
	cmd.Flags().Var(flagvalue.Bound(&o.rows), "rows", "show at most so many records; 0 shows all")
	out = output.New(&a.printer, cmd,
		output.Form[*whittle.HistoryList]{Name: output.Text, Write: func(w io.Writer, st page.Style, h *whittle.HistoryList) error { return report.HistoryText(w, h, st) }},
		output.AsJSON(func(h *whittle.HistoryList) any { return h }),
		output.Form[*whittle.HistoryList]{Name: output.Markdown, Write: func(w io.Writer, _ page.Style, h *whittle.HistoryList) error { return report.HistoryMarkdown(w, h) }},
		output.Form[*whittle.HistoryList]{Name: output.CSV, Write: func(w io.Writer, _ page.Style, h *whittle.HistoryList) error { return table.CSV(w, timeline.Lines(h)) }},
		output.Form[*whittle.HistoryList]{Name: output.Parquet, Write: func(w io.Writer, _ page.Style, h *whittle.HistoryList) error {
			return table.Parquet(w, timeline.Lines(h))
		}})
	cmd.AddCommand(historyCompareCommand(a), historyBlameCommand(a), historyBisectCommand(a), historyPruneCommand(a))
	return cmd
}

// flags adds the options that select records.
func (o *historyOptions) flags(f *pflag.FlagSet) {
	databaseFlag(f, &o.db)
	f.Var(flagvalue.Names(&o.variants), "variant", "only records of this variant")
	f.StringVar(&o.query.Branch, "branch", "", "only records of this branch")
	f.Var(flagvalue.Moment(&o.query.Since), "since", "only records since then: 2026-11-30, or 30d for the last thirty days")
	f.Var(flagvalue.Moment(&o.query.Until), "until", "only records before then")
}

// with opens the history.
func (o *historyOptions) with(ctx context.Context, do func(s *history.Store) error) error {
	if len(o.variants) > 1 {
		return usage("run it for each of them", "--variant takes one variant here, and not %d", len(o.variants))
	}
	if len(o.variants) == 1 {
		o.query.Variant = o.variants[0]
	}
	s, err := timeline.OpenHistory(ctx, o.db, o.app.offline)
	if err != nil {
		return err
	}
	defer s.Close()
	return do(s)
}

func historyCompareCommand(a *app) *cobra.Command {
	o := historyOptions{app: a, rows: 15}
	var out *output.Output[*whittle.HistoryChange]
	cmd := &cobra.Command{
		Use:   "compare FROM TO",
		Short: "Say what changed between two records",
		Long: `compare says what makes up the difference in size between two records, in rows
that add up. A record is its number, latest, latest~1 for the one before, or a
commit; --project and the other options choose among which.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usage("such as whittle history compare latest~1 latest", "compare takes two records, and not %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.with(cmd.Context(), func(s *history.Store) error {
				from, err := timeline.Select(cmd.Context(), s, o.query, args[0])
				if err != nil {
					return err
				}
				to, err := timeline.Select(cmd.Context(), s, o.query, args[1])
				if err != nil {
					return err
				}
				c, err := timeline.Compare(from, to)
				if err != nil {
					return err
				}
				return out.Write(c)
			})
		},
	}
	o.flags(cmd.Flags())
	cmd.Flags().StringVar(&o.query.Project, "project", "", "only records of the project with this name")
	cmd.Flags().Var(flagvalue.Bound(&o.rows), "rows", "rows of each long table; 0 shows all")
	out = output.New(&a.printer, cmd, output.InText(&o.rows, report.HistoryChangeText, report.HistoryChangeMarkdown)...)
	return cmd
}

func historyBlameCommand(a *app) *cobra.Command {
	o, b := historyOptions{app: a, rows: 2}, timeline.BlameOptions{}
	var out *output.Output[*whittle.Blame]
	var from string
	cmd := &cobra.Command{
		Use:   "blame [DIR]",
		Short: "Say which commits changed the size of a project's image",
		Long: `blame follows the commits of the branch that is checked out in DIR (default: this
folder) and says, from the records of them, which one changed the size by how
much, and why. Records of files that were not committed do not count.`,
		Args: oneFolder,
		RunE: func(cmd *cobra.Command, args []string) error {
			commits, err := o.commits(cmd.Context(), args, from, "", &b)
			if err != nil {
				return err
			}
			return o.with(cmd.Context(), func(s *history.Store) error {
				b.Variant = o.query.Variant
				found, err := timeline.Blame(cmd.Context(), s, commits, b)
				if err != nil {
					return err
				}
				return out.Write(found)
			})
		},
	}
	f := cmd.Flags()
	databaseFlag(f, &o.db)
	f.Var(flagvalue.Names(&o.variants), "variant", "only records of this variant")
	f.StringVar(&b.Package, "package", "", "about the size of this package in place of the image's")
	f.Var(flagvalue.Bytes(&b.Least), "least", "leave out smaller changes, such as 1MB")
	f.StringVar(&from, "from", "", "the first commit (default: all)")
	f.Var(flagvalue.Bound(&o.rows), "rows", "causes that are named of each commit; 0 names all")
	out = output.New(&a.printer, cmd, output.InText(&o.rows, report.BlameText, report.BlameMarkdown)...)
	return cmd
}

// commits are those of the branch in a folder, and of which project they are.
func (o *historyOptions) commits(ctx context.Context, args []string, from, to string, b *timeline.BlameOptions) (commits []git.Commit, err error) {
	o.dir = projectDir(args)
	if b.Project, err = timeline.ProjectName(o.dir); err != nil {
		return nil, err
	}
	return git.Log(ctx, o.dir, from, to)
}

func historyBisectCommand(a *app) *cobra.Command {
	o, b := historyOptions{app: a, rows: 15}, timeline.BlameOptions{}
	var out *output.Output[*whittle.Bisection]
	var study lab.StudyOptions
	var from, to string
	var size int64
	cmd := &cobra.Command{
		Use:   "bisect --from COMMIT [DIR]",
		Short: "Find the commit that made a project's image larger, and build what is not recorded",
		Long: `bisect finds the first commit after --from whose image reaches a size: half way
between those of the first and the last commit, or --size. It searches by halves.
Commits that the history does not have are built, in a copy of the project as it
was, and recorded. A commit that does not build is passed over.`,
		Args: oneFolder,
		RunE: func(cmd *cobra.Command, args []string) error {
			if from == "" {
				return usage("such as whittle history bisect --from v1.0", "--from is wanted: a commit whose image was small enough")
			}
			commits, err := o.commits(cmd.Context(), args, from, to, &b)
			if err != nil {
				return err
			}
			env, err := a.env()
			if err != nil {
				return err
			}
			study.Dir, study.Only = o.dir, o.variants
			return o.with(cmd.Context(), func(s *history.Store) error {
				found, err := timeline.Bisect(cmd.Context(), s, commits, timeline.BisectOptions{Project: b.Project, Variant: o.query.Variant, Threshold: size, Build: timeline.Builder(env, b.Project, study), Progress: func(c git.Commit, left int) {
					env.Listener().Step("building " + timeline.Short(c.Hash) + ": " + whittle.Shorten(c.Subject, 60))
				}})
				if err != nil {
					return err
				}
				return out.Write(found)
			})
		},
	}
	f := cmd.Flags()
	databaseFlag(f, &o.db)
	f.StringVar(&from, "from", "", "a commit whose image was small enough")
	f.StringVar(&to, "to", "", "a commit whose image was not (default: what is checked out)")
	f.Var(flagvalue.Bytes(&size), "size", "the size that the image reaches, such as 500MB")
	f.Var(flagvalue.Names(&o.variants), "variant", "the variant, where the project has several")
	f.Var(flagvalue.Bound(&o.rows), "rows", "rows of each long table; 0 shows all")
	f.BoolVar(&study.Offline, "builtin-frontend", false, "build with BuildKit's own frontend, whatever a # syntax= line says")
	inputFlags(f, &study.Inputs)
	out = output.New(&a.printer, cmd, output.InText(&o.rows, report.BisectText, report.BisectMarkdown)...)
	return cmd
}

func historyPruneCommand(a *app) *cobra.Command {
	o := historyOptions{app: a}
	var r history.Retention
	var keep int
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Remove old records",
		Long: `prune removes records that are older than --before, but for the newest --keep of
each project and variant. One of the two options is wanted.`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if r.Before.IsZero() && keep == 0 {
				return usage("such as whittle history prune --before 365d --keep 100", "prune: nothing says what is to go")
			}
			r.Keep = keep
			return o.with(cmd.Context(), func(s *history.Store) error {
				p, err := s.Prune(cmd.Context(), r)
				if err != nil {
					return err
				}
				return a.printer.Show(p, func(w io.Writer, _ page.Style) error { return report.PruneText(w, p) })
			})
		},
	}
	databaseFlag(cmd.Flags(), &o.db)
	cmd.Flags().Var(flagvalue.Moment(&r.Before), "before", "remove what is older: 2026-11-30, or 365d")
	cmd.Flags().Var(flagvalue.Bound(&keep), "keep", "keep so many of each project and variant, whatever their age")
	cmd.Flags().BoolVar(&r.Try, "dry-run", false, "say how many would go, and remove none")
	return cmd
}
