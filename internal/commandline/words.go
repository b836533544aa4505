package commandline

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// CompleteWithin is how long a shell waits for names that something else has to
// give, the Docker engine or the files of a project.
const CompleteWithin = 700 * time.Millisecond

// Words are what may be at a place of the command line. A word may have a
// description behind a tab.
type Words = func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective)

// AllCommands are a command and all below it.
func AllCommands(cmd *cobra.Command) []*cobra.Command {
	out := []*cobra.Command{cmd}
	for _, c := range cmd.Commands() {
		out = append(out, AllCommands(c)...)
	}
	return out
}

// Fixed are always the same words.
func Fixed(all ...string) Words {
	return func(_ *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return Beginning(all, begun), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// Open are words that go on: no space comes behind them.
func Open(of Words) Words {
	return func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		all, directive := of(cmd, args, begun)
		return all, directive | cobra.ShellCompDirectiveNoSpace
	}
}

// Beginning are those of all that begin with what was typed.
func Beginning(all []string, begun string) (out []cobra.Completion) {
	for _, word := range all {
		if strings.HasPrefix(word, begun) {
			out = append(out, word)
		}
	}
	return out
}

// CutList cuts a list with commas before its last word.
func CutList(s string) (before, last string) {
	i := strings.LastIndexByte(s, ',') + 1
	return s[:i], s[i:]
}

// FilesBeginning are the files and folders of some kind in a folder whose paths
// begin with a text.
func FilesBeginning(begun string, is func(path string, isDir bool) bool) (out []cobra.Completion) {
	dir, _ := filepath.Split(begun)
	entries, err := os.ReadDir(cmp.Or(dir, "."))
	if err != nil {
		return nil
	}
	for _, e := range entries {
		path := dir + e.Name()
		if strings.HasPrefix(path, begun) && !strings.ContainsAny(path, "\n\r\t") && is(path, e.IsDir()) {
			out = append(out, path)
		}
	}
	return out
}

// Soon gives what a function gives, if it does in time and without an error: a
// shell that completes a word wants neither to wait nor to read of errors.
func Soon(get func(context.Context) ([]string, error)) []string {
	ctx, cancel := context.WithTimeout(context.Background(), CompleteWithin)
	defer cancel()
	got := make(chan []string, 1)
	go func() {
		names, err := get(ctx)
		if err != nil {
			names = nil
		}
		got <- names
	}()
	select {
	case names := <-got:
		// A name of several lines would be several words.
		return slices.DeleteFunc(names, func(name string) bool { return strings.ContainsAny(name, "\n\r\t") })
	case <-ctx.Done():
		return nil
	}
}
