package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"whittle.dev/whittle/internal/commandline"
	"whittle.dev/whittle/internal/report/page"
)

// What a release is: set by the linker (-X main.releaseVersion=1.2.3), as
// .goreleaser.yaml and scripts/release do. Other builds have them from Go.
var (
	releaseVersion string // without a v
	releaseCommit  string // the whole hash
	releaseDate    string // the commit's time, RFC 3339 in UTC
)

// thisBuild is which whittle this is.
func thisBuild() commandline.Origin {
	return commandline.ThisBuild(commandline.Origin{Version: releaseVersion, Commit: releaseCommit, Date: releaseDate})
}

// version is one line: the version, and the commit and Go as far as they are
// known.
func version() string {
	o := thisBuild()
	if o.Version == "" {
		o.Version = "unknown"
	}
	words := []string{o.Version}
	if o.Commit != "" {
		words = append(words, o.Commit)
	}
	return strings.Join(append(words, o.Go), " ")
}

func versionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which whittle this is",
		Args:  none,
		RunE: func(*cobra.Command, []string) error {
			v := thisBuild().Facts()
			return a.printer.Show(v, func(w io.Writer, _ page.Style) error { return commandline.VersionText(w, v) })
		},
	}
}

// manCommand writes the manual's pages, for those who make packages. It is not
// in the help.
func manCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "Write the manual's pages to a folder",
		Long:   "man writes whittle's manual, a page for each command (whittle.1,\nwhittle-inspect.1, …), to the folder DIR, which it makes.",
		Hidden: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return nil
			}
			return usage("such as whittle man man1", "man takes one folder to write to, and not %d", len(args))
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return commandline.WriteManual(cmd.Root(), args[0], releaseVersion, releaseDate)
		},
	}
}
