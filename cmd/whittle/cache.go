package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/report/page"
)

func (a *app) cacheCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cache",
		Short: "Show the cache of layer indexes, or clear it",
		Args:  none,
		RunE: func(*cobra.Command, []string) error {
			env, err := a.env()
			if err != nil {
				return err
			}
			use, err := host.CacheUsage(env)
			if err != nil {
				return err
			}
			return a.printer.Show(cacheUse{"whittle.cache/v1", use}, func(w io.Writer, _ page.Style) error {
				_, err := fmt.Fprintf(w, "%s: %d indexes of layers, %s of at most %s\n", use.Dir, use.Indexes, whittle.Bytes(use.Bytes), whittle.Bytes(use.Limit))
				return err
			})
		},
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "clear",
		Short: "Remove all indexes of layers from the cache",
		Args:  none,
		RunE: func(*cobra.Command, []string) error {
			env, err := a.env()
			if err != nil {
				return err
			}
			return host.ClearCache(env)
		},
	})
	return cmd
}

func (a *app) engineCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "engine",
		Short: "Say which build engine would be used",
		Long: `engine looks for a build engine as lab does: --engine or $BUILDKIT_HOST, then a
running Docker engine, then a private buildkitd, which it starts and stops.`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			env, err := a.env()
			if err != nil {
				return err
			}
			e, err := host.FindEngine(cmd.Context(), env)
			if err != nil {
				return err
			}
			return a.printer.Show(engineFound{"whittle.engine/v1", e}, func(w io.Writer, _ page.Style) error {
				_, err := fmt.Fprintf(w, "%s %s at %s\n", e.Kind, e.Version, e.Address)
				for _, note := range e.Notes {
					fmt.Fprintln(w, "  "+note)
				}
				return err
			})
		},
	}
}
