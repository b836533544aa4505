package commandline

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

// WriteManual writes a page for each command that the help names to a folder, which it
// makes. The date is as RFC 3339 has it; it and the version are empty where there is none.
func WriteManual(root *cobra.Command, dir, version, date string) error {
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
	for _, cmd := range ManualCommands(root) {
		file := filepath.Join(dir, PageName(cmd)+".1")
		if err := os.WriteFile(file, manualPage(cmd, version, date), 0o644); err != nil {
			return failed(err)
		}
	}
	return nil
}

// ManualCommands are a command and those below it that have a page: topics too.
func ManualCommands(cmd *cobra.Command) []*cobra.Command {
	out := []*cobra.Command{cmd}
	for _, c := range cmd.Commands() {
		if c.Hidden || c.Name() == "help" {
			continue
		}
		out = append(out, ManualCommands(c)...)
	}
	return out
}

// PageName is the name of a command's page, without the section.
func PageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// manualPage is one page in roff's man macros. It has the date of the release,
// and none in other builds, so that equal sources give equal pages.
func manualPage(cmd *cobra.Command, release, date string) []byte {
	var b bytes.Buffer
	day := ""
	if t, err := time.Parse(time.RFC3339, date); err == nil {
		day = t.UTC().Format(time.DateOnly)
	}
	version := strings.TrimSpace("whittle " + release)
	fmt.Fprintf(&b, ".TH %s 1 %q %q %q\n", strings.ToUpper(strings.ReplaceAll(PageName(cmd), "-", `\-`)), day, version, "whittle manual")
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", Roff(PageName(cmd)), Roff(cmd.Short))
	if cmd.Runnable() {
		fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n", Roff(cmd.CommandPath()))
		if rest := strings.TrimSpace(strings.TrimPrefix(cmd.UseLine(), cmd.CommandPath())); rest != "" {
			fmt.Fprintln(&b, Roff(rest))
		}
	}
	b.WriteString(".SH DESCRIPTION\n")
	paragraphs(&b, cmp.Or(cmd.Long, cmd.Short+"."))
	if cmd.HasAvailableSubCommands() {
		b.WriteString(".SH COMMANDS\n")
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() && c.Name() != "help" {
				fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", Roff(c.Name()), Roff(c.Short))
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
	for _, c := range ManualCommands(cmd.Root()) {
		if c != cmd && (c == cmd.Root() || c == cmd.Parent() || c.Parent() == cmd || cmd.HasParent() && c.Parent() == cmd.Parent()) {
			also = append(also, fmt.Sprintf(".BR %s (1)", Roff(PageName(c))))
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
		fmt.Fprintln(b, Roff(strings.TrimPrefix(line, "  ")))
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
		name := `\fB\-\-` + Roff(f.Name) + `\fR`
		if f.Shorthand != "" {
			name = `\fB\-` + Roff(f.Shorthand) + `\fR, ` + name
		}
		kind, text := pflag.UnquoteUsage(f)
		if kind != "" {
			name += ` \fI` + Roff(kind) + `\fR`
		}
		fmt.Fprintf(b, "%s\n%s\n", name, Roff(text))
	})
}

// Roff is a text as roff prints it: what begins a request, an escape or a name
// of a character is text.
func Roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, `"`, `\(dq`).Replace(text)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	return text
}
