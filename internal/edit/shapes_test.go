package edit

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"whittle.dev/whittle"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "accept the outputs")

// shape is one hand-made file.
type shape struct {
	name string
	src  []byte
}

// shapes reads an archive; parts of the names say what is made of the text.
func shapes(t testing.TB, archive string) []shape {
	t.Helper()
	ar, err := txtar.ParseFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	var out []shape
	for _, f := range ar.Files {
		src := f.Data
		if strings.Contains(f.Name, ".noeol") {
			src = bytes.TrimSuffix(src, []byte("\n"))
		}
		if strings.Contains(f.Name, ".crlf") {
			src = bytes.ReplaceAll(src, []byte("\n"), []byte("\r\n"))
		}
		if strings.Contains(f.Name, ".bom") {
			src = append([]byte("\ufeff"), src...)
		}
		out = append(out, shape{f.Name, src})
	}
	return out
}

func tomlShapes(t testing.TB) []shape {
	t.Helper()
	return append(shapes(t, "testdata/shapes/lists.txtar"), shapes(t, "testdata/shapes/tools.txtar")...)
}

// oracleCase is one line for testdata/oracle.py.
type oracleCase struct {
	Before  string           `json:"before"`
	After   string           `json:"after"`
	Changes []map[string]any `json:"changes"`
	what    string
}

// pathOf says where a list is, apart from the code that is tested.
func pathOf(shape string, l List) []string {
	switch l.Kind {
	case "dependencies":
		return []string{"project", "dependencies"}
	case "optional":
		return []string{"project", "optional-dependencies", l.Name}
	case "group":
		return []string{"dependency-groups", l.Name}
	case "poetry":
		return []string{"tool", "poetry", "dependencies"}
	case "poetry-group":
		if shape == "poetry1.toml" && l.Name == "dev" {
			return []string{"tool", "poetry", "dev-dependencies"}
		}
		return []string{"tool", "poetry", "group", l.Name, "dependencies"}
	case "pdm-dev":
		return []string{"tool", "pdm", "dev-dependencies", l.Name}
	case "uv-dev":
		return []string{"tool", "uv", "dev-dependencies"}
	case "hatch":
		return []string{"tool", "hatch", "envs", l.Name, "dependencies"}
	}
	return []string{"build-system", "requires"}
}

func isTable(l List) bool { return strings.HasPrefix(l.Kind, "poetry") }

// adds is the change that the oracle is to find for a requirement.
func adds(shape string, l List, text, key, value string) map[string]any {
	c := map[string]any{"path": pathOf(shape, l), "add": text}
	if isTable(l) {
		c["add"], c["value"], c["table"] = key, value, true
	}
	return c
}

func removes(shape string, l List, name string) map[string]any {
	c := map[string]any{"path": pathOf(shape, l), "remove": name}
	if isTable(l) {
		c["table"] = true
	}
	return c
}

// ask holds cases against an oracle: a script of Python that answers each line of JSON with "ok" or what is wrong.
func ask[T any](t *testing.T, script string, cases []T, name func(T) string) {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3 to compare with")
	}
	var in bytes.Buffer
	enc := json.NewEncoder(&in)
	for _, c := range cases {
		if err := enc.Encode(c); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(python, filepath.Join("testdata", script))
	cmd.Stdin = &in
	out, err := cmd.CombinedOutput()
	if strings.HasPrefix(string(out), "skip: ") {
		t.Skip(string(out))
	}
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != len(cases) {
		t.Fatalf("%d answers for %d cases: %s", len(lines), len(cases), lines[0])
	}
	for i, l := range lines {
		if l != "ok" {
			t.Errorf("%s: %s", name(cases[i]), l)
		}
	}
	t.Logf("%s agrees on %d edits", script, len(cases))
}

// applied gives the file after edits, which are sorted.
func applied(t testing.TB, src []byte, edits []whittle.Edit) []byte {
	t.Helper()
	out, err := splice(src, edits)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// changed are the lines of two texts between what they share at both ends.
func changed(a, b []byte) (minus, plus []string) {
	minus, plus = strings.SplitAfter(string(a), "\n"), strings.SplitAfter(string(b), "\n")
	for len(minus) > 0 && len(plus) > 0 && minus[0] == plus[0] {
		minus, plus = minus[1:], plus[1:]
	}
	for len(minus) > 0 && len(plus) > 0 && minus[len(minus)-1] == plus[len(plus)-1] {
		minus, plus = minus[:len(minus)-1], plus[:len(plus)-1]
	}
	return minus, plus
}

func show(b *strings.Builder, what string, src, out []byte, err error) {
	fmt.Fprintf(b, "-- %s\n", what)
	if err != nil {
		fmt.Fprintf(b, "   %v\n", err)
		return
	}
	old, made := strings.SplitAfter(string(src), "\n"), strings.SplitAfter(string(out), "\n")
	common := table(old, made)
	i, j := 0, 0
	for i < len(old) || j < len(made) {
		switch {
		case i < len(old) && j < len(made) && old[i] == made[j]:
			i++
			j++
		case j == len(made) || i < len(old) && common[i+1][j] >= common[i][j+1]:
			fmt.Fprintf(b, "   - %s\n", visible(old[i]))
			i++
		default:
			fmt.Fprintf(b, "   + %s\n", visible(made[j]))
			j++
		}
	}
}

// visible is a line without its end, if that is the usual one.
func visible(line string) string {
	s := strings.TrimSuffix(line, "\n")
	if s == line {
		s += "<no end>"
	}
	return strings.NewReplacer("\t", "<tab>", "\r", "<cr>", "\ufeff", "<bom>").Replace(s)
}

// table has the lengths of the longest common subsequences of what is left.
func table(a, b []string) [][]int {
	out := make([][]int, len(a)+1)
	for i := range out {
		out[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if out[i][j] = max(out[i+1][j], out[i][j+1]); a[i] == b[j] {
				out[i][j] = out[i+1][j+1] + 1
			}
		}
	}
	return out
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("edits (-want +got):\n%s", diff)
	}
}

const rich = "rich>=13,<14"

// TestShapes adds to each list, takes each element out and moves it to each
// other list, and to two new ones.
func TestShapes(t *testing.T) {
	var cases []oracleCase
	for _, group := range []string{"lists", "tools"} {
		var got strings.Builder
		for _, s := range shapes(t, "testdata/shapes/"+group+".txtar") {
			fmt.Fprintf(&got, "== %s\n", s.name)
			lists, err := Lists(s.src)
			if err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
			sh := shaped{t, s, lists, &got, nil}
			sh.adding()
			sh.removing()
			sh.moving()
			if !strings.Contains(s.name, ".new") { // TOML 1.1
				cases = append(cases, sh.cases...)
			}
		}
		golden(t, group, got.String())
	}
	ask(t, "oracle.py", cases, func(c oracleCase) string { return c.what })
}

type shaped struct {
	*testing.T
	shape
	lists []List
	got   *strings.Builder
	cases []oracleCase
}

// keep notes an edit for the golden file and for the oracle.
func (s *shaped) keep(what string, edits []whittle.Edit, err error, most int, changes ...map[string]any) []byte {
	s.Helper()
	if err != nil {
		if !errors.Is(err, whittle.ErrUnsupported) || len(edits) > 0 {
			s.Errorf("%s: %s: %v with %d edits", s.name, what, err, len(edits))
		}
		show(s.got, what, nil, nil, err)
		return nil
	}
	if len(edits) == 0 {
		s.Errorf("%s: %s: no edit", s.name, what)
	}
	out := applied(s, s.src, edits)
	show(s.got, what, s.src, out, nil)
	if minus, plus := changed(s.src, out); max(len(minus), len(plus)) > most {
		s.Errorf("%s: %s changes %d lines to %d", s.name, what, len(minus), len(plus))
	}
	s.cases = append(s.cases, oracleCase{string(s.src), string(out), changes, s.name + ": " + what})
	return out
}

func (s *shaped) adding() {
	made := []List{{Kind: "dependencies"}, {"optional", "new"}, {"group", "new"}, {Kind: "poetry"}, {"poetry-group", "new"}}
	for i, l := range append(slices.Clone(s.lists), made...) {
		isNew := i >= len(s.lists)
		if isNew && (slices.Contains(s.lists, l) || isTable(l) != bytes.Contains(s.src, []byte("poetry"))) {
			continue
		}
		edits, err := AddRequirement(s.src, l, rich)
		most := 3
		if isNew {
			most = 6
		}
		out := s.keep("add to "+l.String(), edits, err, most, adds(s.name, l, rich, "rich", `">=13,<14"`))
		if out == nil {
			continue
		}
		for _, again := range []string{rich, "Rich", "rich ; os_name == 'nt'"} {
			if edits, err := AddRequirement(out, l, again); err != nil || len(edits) > 0 {
				s.Errorf("%s: %q to %s again: %v, %v", s.name, again, l, edits, err)
			}
		}
		edits, err = RemoveRequirement(out, l, "RICH")
		if err != nil {
			s.Errorf("%s: %v", s.name, err)
		}
		if back := applied(s, out, edits); !isNew && !bytes.Equal(back, s.src) {
			minus, plus := changed(s.src, back)
			s.Errorf("%s: adding to %s and removing is not the first text: %q became %q", s.name, l, minus, plus)
		}
	}
}

// names are the distributions of a list, each once.
func (s *shaped) names(l List) []string {
	list, err := Requirements(s.src, l)
	if err != nil {
		s.Fatalf("%s: %v", s.name, err)
	}
	var out []string
	for _, r := range list {
		if n := nameOf(r); n != "" && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

func (s *shaped) removing() {
	for _, l := range s.lists {
		for _, name := range s.names(l) {
			edits, err := RemoveRequirement(s.src, l, name)
			most := 3
			if s.name == "same-name-twice.toml" || s.name == "poetry1.toml" {
				most = 4 // what there is of it has more lines
			}
			out := s.keep("remove "+name+" from "+l.String(), edits, err, most, removes(s.name, l, name))
			if out == nil {
				continue
			}
			if edits, err := RemoveRequirement(out, l, name); err != nil || len(edits) > 0 {
				s.Errorf("%s: removing %s again: %v, %v", s.name, name, edits, err)
			}
		}
	}
}

func (s *shaped) moving() {
	for _, from := range s.lists {
		for _, to := range append(slices.Clone(s.lists), List{"optional", "new"}, List{"group", "new"}) {
			if to == from {
				continue
			}
			for i, name := range s.names(from) {
				s.move(from, to, name, i == 0)
			}
		}
	}
}

func (s *shaped) move(from, to List, name string, golden bool) {
	what := fmt.Sprintf("move %s from %s to %s", name, from, to)
	edits, err := MoveRequirement(s.src, from, to, name)
	if err != nil {
		if !errors.Is(err, whittle.ErrUnsupported) {
			s.Errorf("%s: %v", s.name, err)
		}
		show(s.got, what, nil, nil, err)
		return
	}
	out := applied(s, s.src, edits)
	if golden {
		show(s.got, what, s.src, out, nil)
	}
	var texts []string
	for _, l := range []struct {
		src  []byte
		list List
	}{{s.src, to}, {out, to}} {
		list, err := Requirements(l.src, l.list)
		if err != nil && !errors.Is(err, whittle.ErrNotFound) {
			s.Fatal(err)
		}
		for _, r := range list {
			if nameOf(r) == name {
				texts = append(texts, r)
			}
		}
	}
	if len(texts) == 0 {
		s.Errorf("%s: %s did not arrive", s.name, what)
	}
	if left, err := Requirements(out, from); err == nil && slices.ContainsFunc(left, func(r string) bool { return nameOf(r) == name }) {
		s.Errorf("%s: %s left it where it was", s.name, what)
	}
	if b, a := bytes.Count(s.src, []byte("#")), bytes.Count(out, []byte("#")); a != b && len(texts) == 1 {
		s.Errorf("%s: %s: %d signs of comments became %d", s.name, what, b, a)
	}
	if len(texts) == 1 && !isTable(from) && !isTable(to) {
		s.cases = append(s.cases, oracleCase{string(s.src), string(out),
			[]map[string]any{removes(s.name, from, name), adds(s.name, to, texts[0], "", "")}, s.name + ": " + what})
	}
}
