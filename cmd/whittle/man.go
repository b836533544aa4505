package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"whittle.dev/whittle"
)

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
		RunE: func(cmd *cobra.Command, args []string) error { return writeManual(cmd.Root(), args[0]) },
	}
}

// writeManual writes a page for each command that the help names.
func writeManual(root *cobra.Command, dir string) error {
	failed := func(err error) error {
		var at *fs.PathError
		if errors.As(err, &at) {
			err = at.Err
		}
		return whittle.WithHint(whittle.ErrSystem.Errorf("writing the manual to %s: %w", dir, err), "name a folder that can be made or written to")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return failed(err)
	}
	for _, cmd := range manualCommands(root) {
		file := filepath.Join(dir, pageName(cmd)+".1")
		if err := os.WriteFile(file, manualPage(cmd, thisBuild()), 0o644); err != nil {
			return failed(err)
		}
	}
	return nil
}

// manualCommands are a command and those below it that have a page: topics too.
func manualCommands(cmd *cobra.Command) []*cobra.Command {
	out := []*cobra.Command{cmd}
	for _, c := range cmd.Commands() {
		if c.Hidden || c.Name() == "help" {
			continue
		}
		out = append(out, manualCommands(c)...)
	}
	return out
}

// pageName is the name of a command's page, without the section.
func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// manualPage is one page in roff's man macros. It has the date of the release,
// and none in other builds, so that equal sources give equal pages.
func manualPage(cmd *cobra.Command, o origin) []byte {
	var b bytes.Buffer
	date := ""
	if t, err := time.Parse(time.RFC3339, o.Date); err == nil {
		date = t.UTC().Format(time.DateOnly)
	}
	version := "whittle"
	if releaseVersion != "" {
		version += " " + releaseVersion
	}
	fmt.Fprintf(&b, ".TH %s 1 %q %q %q\n", strings.ToUpper(strings.ReplaceAll(pageName(cmd), "-", `\-`)), date, version, "whittle manual")
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(pageName(cmd)), roff(cmd.Short))
	if cmd.Runnable() {
		fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n", roff(cmd.CommandPath()))
		if rest := strings.TrimSpace(strings.TrimPrefix(cmd.UseLine(), cmd.CommandPath())); rest != "" {
			fmt.Fprintln(&b, roff(rest))
		}
	}
	b.WriteString(".SH DESCRIPTION\n")
	paragraphs(&b, cmp.Or(cmd.Long, cmd.Short+"."))
	if cmd.HasAvailableSubCommands() {
		b.WriteString(".SH COMMANDS\n")
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() && c.Name() != "help" {
				fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(c.Name()), roff(c.Short))
			}
		}
	}
	heading := "OPTIONS"
	if !cmd.HasParent() {
		heading = "OPTIONS OF EVERY COMMAND"
	}
	flagList(&b, heading, cmd.LocalFlags())
	if cmd.HasParent() && cmd.Runnable() {
		b.WriteString(".SH OPTIONS OF EVERY COMMAND\nSee\n.BR whittle (1).\n")
	}
	b.WriteString(".SH SEE ALSO\n")
	var also []string
	for _, c := range manualCommands(cmd.Root()) {
		if c != cmd && (c == cmd.Root() || c == cmd.Parent() || c.Parent() == cmd || cmd.HasParent() && c.Parent() == cmd.Parent()) {
			also = append(also, fmt.Sprintf(".BR %s (1)", roff(pageName(c))))
		}
	}
	b.WriteString(strings.Join(also, ",\n") + "\n")
	return b.Bytes()
}

// paragraphs writes a help's text. Lines that are indented stay as they are.
func paragraphs(b *bytes.Buffer, text string) {
	literal, began, gap := false, false, false
	for line := range strings.Lines(strings.TrimSpace(text)) {
		line = strings.ReplaceAll(strings.TrimRight(line, "\n"), "\t", "  ")
		if line == "" {
			gap = true
			continue
		}
		indented := strings.HasPrefix(line, "  ")
		if literal && !indented {
			b.WriteString(".fi\n.RE\n")
		}
		switch {
		case literal && indented && gap:
			b.WriteString("\\&\n")
		case began && (gap || literal != indented):
			b.WriteString(".PP\n")
		}
		if indented && !literal {
			b.WriteString(".RS 4\n.nf\n")
		}
		fmt.Fprintln(b, roff(strings.TrimPrefix(line, "  ")))
		literal, began, gap = indented, true, false
	}
	if literal {
		b.WriteString(".fi\n.RE\n")
	}
}

// flagList writes the options of a set that the help names.
func flagList(b *bytes.Buffer, heading string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	fmt.Fprintf(b, ".SH %s\n", heading)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		b.WriteString(".TP\n")
		name := `\fB\-\-` + roff(f.Name) + `\fR`
		if f.Shorthand != "" {
			name = `\fB\-` + roff(f.Shorthand) + `\fR, ` + name
		}
		kind, text := pflag.UnquoteUsage(f)
		if kind != "" {
			name += ` \fI` + roff(kind) + `\fR`
		}
		fmt.Fprintf(b, "%s\n%s\n", name, roff(text))
	})
}

// roff is a text as roff prints it: what begins a request, an escape or a name
// of a character is text.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, `"`, `\(dq`).Replace(text)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	return text
}
