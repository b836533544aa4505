package rule

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/diff"
	"github.com/rogpeppe/go-internal/txtar"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/patch"
	"whittle.dev/whittle/internal/rule/analysis"
)

var update = flag.Bool("update", false, "write the expected findings")

// cases lists the txtar files.
func cases(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	return files
}

// allCases is why a test that asks all rules about all cases is not for -short:
// TestRules asks each case's rules, and with the race detector each test takes minutes.
const allCases = "all rules about all cases: minutes with the race detector"

// TestRules asks each case's rules and applies their fixes.
func TestRules(t *testing.T) {
	for _, name := range cases(t) {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			ar, c := readCase(t, name)
			p := c.pass(t)
			found, err := Find(t.Context(), p, c.rules)
			if err != nil {
				t.Fatal(err)
			}
			again, _ := Find(t.Context(), p, c.rules)
			if diff := cmp.Diff(found, again); diff != "" {
				t.Errorf("asked twice, it finds something else:\n%s", diff)
			}
			var diffs strings.Builder
			for i := range found {
				hold(t, p, &found[i])
				diffs.WriteString(c.fixed(t, p, &found[i]))
				if alt := found[i].Alternative; alt != nil && alt.Fix != nil {
					diffs.WriteString("alternative:\n" + c.fixed(t, p, &whittle.Finding{Rule: found[i].Rule, Fix: alt.Fix}))
				}
			}
			golden(t, name, ar, map[string]string{"want": show(p, found), "want.diff": diffs.String(), "want.Dockerfile": together(t, p, found)})
		})
	}
}

// golden compares parts of a case, or writes them.
func golden(t *testing.T, name string, ar *txtar.Archive, got map[string]string) {
	t.Helper()
	for _, part := range []string{"want", "want.diff", "want.Dockerfile"} {
		i := slices.IndexFunc(ar.Files, func(f txtar.File) bool { return f.Name == part })
		var want string
		if i >= 0 {
			want = string(ar.Files[i].Data)
		}
		if !*update {
			if diff := cmp.Diff(want, got[part]); diff != "" {
				t.Errorf("%s (-want +got):\n%s", part, diff)
			}
			continue
		}
		if i >= 0 {
			ar.Files = slices.Delete(ar.Files, i, i+1)
		}
		if got[part] != "" || part == "want" {
			ar.Files = append(ar.Files, txtar.File{Name: part, Data: []byte(got[part])})
		}
	}
	if *update {
		if err := os.WriteFile(name, txtar.Format(ar), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// hold checks what is true of every finding.
func hold(t *testing.T, p *analysis.Facts, f *whittle.Finding) {
	t.Helper()
	if len(f.Evidence) == 0 || f.Message == "" || f.Advice == "" || f.Fingerprint == "" {
		t.Errorf("evidence, message, advice or fingerprint is missing: %+v", f)
	}
	for _, text := range []string{f.Message, f.Advice, f.Caution} {
		if strings.ContainsAny(text, "\n\r\x1b") {
			t.Errorf("%q is not one line", text)
		}
	}
	if (f.Risk == whittle.RiskMedium || f.Risk == whittle.RiskHigh) && f.Caution == "" {
		t.Errorf("%s: a risk of %s needs a caution", f.Rule, f.Risk)
	}
	if said := slices.ContainsFunc(f.Evidence, func(e whittle.Evidence) bool { return strings.HasPrefix(e.What, "no traced run touched") }); said != f.Untouched {
		t.Errorf("%s: untouched is %t: %+v", f.Rule, f.Untouched, f.Evidence)
	}
	var evident int64
	for _, e := range f.Evidence {
		evident += e.Bytes
	}
	if s := saving(p, f); s.High > evident || s.Low > s.High {
		t.Errorf("%s saves %d to %d, the evidence accounts for %d", f.Rule, s.Low, s.High, evident)
	}
	seen := map[whittle.Content]bool{}
	for _, c := range f.Change.Remove {
		if kind := p.Indexes[c.Layer].Entries[c.Entry].Kind; seen[c] || kind != whittle.File && kind != whittle.HardLink {
			t.Errorf("%s takes out %+v twice, or it is no file", f.Rule, c)
		}
		seen[c] = true
	}
}

// fixed applies a finding's fix and gives what it changes.
func (c *testCase) fixed(t *testing.T, p *analysis.Facts, f *whittle.Finding) string {
	t.Helper()
	if f.Fix == nil {
		return ""
	}
	var out bytes.Buffer
	for _, patch := range f.Fix.Patches {
		before, ok := c.parts["project/"+patch.File]
		if patch.File == p.Dockerfile.Name {
			before, ok = p.Dockerfile.Source, true
		}
		if want := whittle.DigestOf(before); ok && patch.Digest != want || !ok && patch.Digest != "" {
			t.Errorf("the patch of %s is for %q", patch.File, patch.Digest)
		}
		after, err := splice(before, patch.Edits)
		if patch.File == p.Dockerfile.Name {
			after, err = dockerfile.Apply(before, patch.Edits)
		}
		if err != nil {
			t.Fatalf("the fix of %s cannot be applied: %v", f.Rule, err)
		}
		if bytes.Equal(before, after) {
			t.Errorf("the fix of %s changes nothing in %s", f.Rule, patch.File)
		}
		old := patch.File
		if !ok {
			old = "/dev/null"
		}
		out.Write(diff.Diff(old, before, patch.File, after))
	}
	return out.String()
}

// together is the Dockerfile with all fixes of it, empty for less than two.
func together(t *testing.T, p *analysis.Facts, found []whittle.Finding) string {
	t.Helper()
	var sets [][]whittle.Edit
	for i := range found {
		if found[i].Fix == nil {
			continue
		}
		for _, patch := range found[i].Fix.Patches {
			if patch.File == p.Dockerfile.Name {
				sets = append(sets, patch.Edits)
			}
		}
	}
	if len(sets) < 2 {
		return ""
	}
	out, conflicts, err := merged(p.Dockerfile, sets)
	if err != nil {
		t.Fatal(err)
	}
	if len(conflicts) > 0 {
		return fmt.Sprintf("fixes %v are in the way of others\n%s", conflicts, out)
	}
	return string(out)
}

// merged applies sets of edits as fix does; conflicts are those that do not go
// with the ones before them.
func merged(f *dockerfile.File, sets [][]whittle.Edit) (out []byte, conflicts []int, err error) {
	var fixes []*whittle.Fix
	for _, edits := range sets {
		fixes = append(fixes, &whittle.Fix{Patches: []whittle.Patch{{File: f.Name, Digest: whittle.DigestOf(f.Source), Edits: edits}}})
	}
	changed, skipped, err := patch.Merge(map[string][]byte{f.Name: f.Source}, []string{f.Name}, fixes)
	for _, c := range skipped {
		conflicts = append(conflicts, c.Fix)
	}
	return changed[f.Name], conflicts, err
}

func splice(src []byte, edits []whittle.Edit) ([]byte, error) {
	var out []byte
	at := 0
	for _, e := range edits {
		if e.Span.Start < at || e.Span.End < e.Span.Start || e.Span.End > len(src) {
			return nil, fmt.Errorf("the edit of [%d, %d) overlaps, is out of order or outside", e.Span.Start, e.Span.End)
		}
		out = append(append(out, src[at:e.Span.Start]...), e.New...)
		at = e.Span.End
	}
	return append(out, src[at:]...), nil
}

// TestTable: every rule has its documentation, a case that fires and one that
// must not. A case of one rule is named after it, and what gives a rule is in
// the table.
func TestTable(t *testing.T) {
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, name := range cases(t) {
		ar, c := readCase(t, name)
		if base := filepath.Base(name); len(c.rules) == 1 && !strings.HasPrefix(base, c.rules[0]+"_") {
			t.Errorf("%s is to be called %s_CASE.txtar", name, c.rules[0])
		}
		var want string
		for _, f := range ar.Files {
			if f.Name == "want" {
				want = string(f.Data)
			}
		}
		for _, id := range c.rules {
			if strings.Contains("\n"+want, "\n"+id+" ") {
				fires[id] = true
			} else {
				silent[id] = true
			}
		}
	}
	seen := map[string]bool{}
	for _, r := range All() {
		if r.ID == "" || r.Title == "" || r.Text == "" || r.Before == "" || r.After == "" || r.Run == nil {
			t.Errorf("rule %q is not documented", r.ID)
		}
		if seen[r.ID] || strings.HasSuffix(r.Title, ".") {
			t.Errorf("rule %s is in the table twice, or its title ends with a period", r.ID)
		}
		seen[r.ID] = true
		if !fires[r.ID] {
			t.Errorf("no case shows rule %s fire", r.ID)
		}
		if !silent[r.ID] {
			t.Errorf("no case shows where rule %s must not fire", r.ID)
		}
	}
	table, err := os.ReadFile("rules.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range constructors(t) {
		if !bytes.Contains(table, []byte(f+"(),")) {
			t.Errorf("%s is not in the table of rules.go", f)
		}
	}
}

// constructors are the functions that give a rule: "layer.MovedFile".
func constructors(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, pkg := range []string{"layer", "distribution", "system"} {
		files, err := filepath.Glob(pkg + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Type.Results != nil && types.ExprString(fn.Type.Results.List[0].Type) == "analysis.Rule" {
					out = append(out, pkg+"."+fn.Name.Name)
				}
			}
		}
	}
	if len(out) == 0 {
		t.Fatal("no function gives a rule")
	}
	return out
}

// TestNothingKnown: rules find nothing, and do not fall over, where only the
// files of an image are known.
func TestNothingKnown(t *testing.T) {
	if testing.Short() {
		t.Skip(allCases)
	}
	for _, name := range cases(t) {
		_, c := readCase(t, name)
		full := c.pass(t)
		for _, p := range []*analysis.Facts{
			{Config: full.Config, Indexes: full.Indexes, Ledger: full.Ledger, Owner: full.Owner, Category: full.Category, Root: full.Root, Steps: full.Config.Steps()},
			{Config: full.Config, Indexes: full.Indexes, Ledger: full.Ledger, Owner: full.Owner, Category: full.Category, Root: full.Root, Steps: full.Steps,
				Dockerfile: full.Dockerfile, Target: full.Target},
		} {
			found, err := Find(t.Context(), p, nil)
			if err != nil {
				t.Fatal(err)
			}
			for i := range found {
				hold(t, p, &found[i])
				if p.Dockerfile == nil && found[i].Fix != nil {
					t.Errorf("%s: %s fixes a Dockerfile that is not known", name, found[i].Rule)
				}
			}
		}
	}
}

// TestEnded: no rule is asked when the time is over.
func TestEnded(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if len(All()) == 0 {
		t.Skip("there are no rules yet")
	}
	if _, err := Find(ctx, &analysis.Facts{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
