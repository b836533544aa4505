package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
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

// origin is which whittle this is. What is not known is empty.
type origin struct {
	Version, Commit, Date, Go string
	Modified                  bool // there were changes that no commit has
}

// thisBuild is what the linker and Go have written into this program.
func thisBuild() origin {
	o := origin{Version: releaseVersion, Commit: releaseCommit, Date: releaseDate, Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok || o.Version != "" {
		return o
	}
	o.Version = strings.TrimPrefix(info.Main.Version, "v")
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			o.Commit = s.Value
		case "vcs.time":
			o.Date = s.Value
		case "vcs.modified":
			o.Modified = s.Value == "true"
		}
	}
	return o
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

// versionSchema names the form of version's JSON.
const versionSchema = "whittle.version/v1"

// versionFacts is what "whittle version" prints. What is not known is empty.
type versionFacts struct {
	Schema   string `json:"schema"`
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Date     string `json:"date"`
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func versionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which whittle this is",
		Args:  none,
		RunE: func(*cobra.Command, []string) error {
			o := thisBuild()
			v := versionFacts{versionSchema, o.Version, o.Commit, o.Date, o.Modified, o.Go, runtime.GOOS + "/" + runtime.GOARCH}
			return a.show(v, func(w io.Writer, _ page.Style) error { return versionText(w, v) })
		},
	}
}

func versionText(w io.Writer, v versionFacts) error {
	var b strings.Builder
	fmt.Fprintf(&b, "whittle %s\n", cmp.Or(v.Version, "unknown"))
	for _, row := range [][2]string{{"commit", v.Commit + map[bool]string{true: ", with changes"}[v.Modified]}, {"date", v.Date}, {"go", v.Go}, {"platform", v.Platform}} {
		if row[1] != "" {
			fmt.Fprintf(&b, "  %-9s %s\n", row[0], row[1])
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
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
