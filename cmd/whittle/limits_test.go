package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// TestLimitsTopic: the page of limits names all options that are limits, and
// none that there is not.
func TestLimitsTopic(t *testing.T) {
	for _, args := range [][]string{{"help", "limits"}, {"--help", "limits"}, {"limits"}} {
		var out, errs bytes.Buffer
		if code := run(args, stdio{nil, &out, &errs}); code != exitOK || !strings.Contains(out.String(), "redirects of one request") {
			t.Errorf("%q: %d, %s%s", args, code, out.String(), errs.String())
		}
	}
	root := (&app{}).command()
	page := limitsCommand(&app{}, root).Long
	known := map[string]bool{}
	add := func(f *pflag.Flag) { known["--"+f.Name] = !f.Hidden }
	root.PersistentFlags().VisitAll(add)
	for _, c := range root.Commands() {
		c.Flags().VisitAll(add)
	}
	for name, shown := range known {
		limit := shown && (strings.HasPrefix(name, "--max-") || strings.HasPrefix(name, "--build-") || name == "--engine-keep" || name == "--patience")
		if limit && !strings.Contains(page, name) {
			t.Errorf("%s is not on the page", name)
		}
	}
	for word := range strings.FieldsSeq(page) {
		if strings.HasPrefix(word, "--") && !known[word] {
			t.Errorf("there is no option %s", word)
		}
	}
	for line := range strings.Lines(page) {
		if len(strings.TrimRight(line, "\n")) > 100 {
			t.Errorf("a line of %d columns: %s", len(line), line)
		}
	}
}
