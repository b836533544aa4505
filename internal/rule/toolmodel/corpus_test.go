package toolmodel

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/diff"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what whittle makes of the corpus")

// styled are the rules whose diffs corpus.want has. Those of all others are
// tried, too, and shown in their own cases.
var styled = []string{"package-manager-cache", "build-tools-in-final-stage", "install-recommends", "cleanup-in-later-layer", "metadata-copy", "moved-file", "cache-order"}

// TestCorpus: no fix of the corpus breaks a build or changes what it makes, and
// the diffs are those that were read and accepted.
func TestCorpus(t *testing.T) {
	ar, err := txtar.ParseFile("testdata/corpus.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, f := range ar.Files {
		tr := try(f.Data, standardContext())
		if tr.before.err != nil {
			t.Errorf("%s: the model cannot build line %d: %v: %s", f.Name, tr.before.line, tr.before.err, lastLine(tr.before.stderr))
			continue
		}
		verdicts, found, err := tr.judge(t)
		if err != nil {
			t.Errorf("%s: %v", f.Name, err)
			continue
		}
		fmt.Fprintf(&got, "## %s\n", f.Name)
		for i := range found {
			if found[i].Fix == nil && slices.Contains(styled, found[i].Rule) {
				fmt.Fprintf(&got, "%s: no fix\n", found[i].Rule)
			}
		}
		for _, v := range verdicts {
			if len(v.broken) > 0 {
				t.Errorf("%s: %s: %s\n%s", f.Name, v.rule, strings.Join(v.broken, "; "), v.fixed)
			}
			if !slices.Contains(styled, v.rule) {
				continue
			}
			text := string(diff.Diff("a", f.Data, "b", v.fixed))
			if i := strings.Index(text, "@@"); i >= 0 {
				text = text[i:]
			}
			fmt.Fprintf(&got, "%s (%s)\n%s", v.rule, v.risk, text)
		}
	}
	if *update {
		if err := os.WriteFile("testdata/corpus.want", []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile("testdata/corpus.want")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); d != "" {
		t.Errorf("testdata/corpus.want (-want +got), -update writes it:\n%s", d)
	}
}
