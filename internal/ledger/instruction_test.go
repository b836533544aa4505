package ledger

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
)

// sixty is an image of sixty instructions of one shape, of which the last
// three are of one text.
func sixty(t *testing.T, first int) *Account {
	t.Helper()
	layers := make([]string, 60)
	for i := range layers {
		layers[i] = fmt.Sprintf("f opt/f%d %d", i, 100+i+first)
	}
	return account(t, func(c *whittle.Config) {
		for i := range c.History {
			c.History[i].CreatedBy = fmt.Sprintf("RUN /bin/sh -c set -eux; apt-get update && apt-get install -y --no-install-recommends p%d # buildkit", min(i, 57))
		}
	}, nil, layers...)
}

// TestInstructionsAreKeyedByLayer: an instruction is the layer's, however much
// of its text others share.
func TestInstructionsAreKeyedByLayer(t *testing.T) {
	a, b := sixty(t, 0), sixty(t, 1)
	rows := a.Packages()
	if len(rows) != 60 {
		t.Fatalf("%d rows: %+v", len(rows), rows)
	}
	if top := rows[0]; !strings.HasSuffix(top.Name, " p57 (3)") || top.Layer == nil || *top.Layer != 59 || top.Visible != 159 {
		t.Errorf("%+v", top)
	}
	if _, rows := Difference([]*Account{a, b}); len(rows) != 60 {
		t.Errorf("compared, they are %d rows", len(rows))
	}
	for _, key := range []string{"instruction", "package"} {
		if rows, err := a.By(key); err != nil || len(rows) != 60 {
			t.Errorf("by %s they are %d rows (%v)", key, len(rows), err)
		}
	}
}

// TestWastedOfOneShape: wasted bytes of instructions that share the beginning of
// their texts are not mixed in a comparison.
func TestWastedOfOneShape(t *testing.T) {
	one := func(word string) *Account {
		return account(t, func(c *whittle.Config) {
			c.History[0].CreatedBy = "RUN " + strings.Repeat("the same beginning ", 5) + word
		}, nil, "f big 1000", "w big")
	}
	_, rows := Difference([]*Account{one("one"), one("two")})
	var wasted int
	for _, r := range rows {
		if r.Kind == "wasted" {
			wasted++
		}
	}
	if wasted != 2 {
		t.Errorf("%+v", rows)
	}
}

// TestBytecodeOwner: bytecode is whose its source is.
func TestBytecodeOwner(t *testing.T) {
	dist := whittle.Owner{Ecosystem: "pypi", Name: "six", Version: "1"}
	deb := whittle.Owner{Ecosystem: "deb", Name: "python3-yaml", Version: "6"}
	other := whittle.Owner{Ecosystem: "pypi", Name: "pyyaml", Version: "6"}
	a := account(t, func(c *whittle.Config) { c.Config.WorkingDir = "/app" }, []whittle.Claim{
		{Owner: dist, Kind: whittle.OwnerPython, Paths: []string{"site/six.py", "site/gone.py"}, Evidence: "site/six-1.dist-info"},
		{Owner: deb, Kind: whittle.OwnerSystem, Paths: []string{"usr/lib/python3/dist-packages/yaml/a.py"}, Evidence: "var/lib/dpkg/status"},
		{Owner: other, Kind: whittle.OwnerPython, Paths: []string{"usr/lib/python3/dist-packages/yaml/a.py", "usr/lib/python3/dist-packages/yaml/__pycache__/a.cpython-313.pyc"}, Evidence: "usr/lib/python3/dist-packages/PyYAML.egg-info"},
	},
		"f site/six.py 1\nf usr/lib/python3/dist-packages/yaml/a.py 2\nf opt/tool/t.py 3\nf app/m.py 4",
		"f site/__pycache__/six.cpython-313.opt-1.pyc 10\nf site/six.pyc 11\nf site/gone.pyo 12\nf usr/lib/python3/dist-packages/yaml/__pycache__/a.cpython-313.pyc 13\n"+
			"f opt/tool/__pycache__/t.cpython-313.pyc 14\nf app/__pycache__/m.cpython-313.pyc 15\nf opt/alone.pyc 16")
	got := map[string]string{}
	for i, it := range a.Ledger.Items {
		if strings.HasSuffix(it.Path, ".pyc") || strings.HasSuffix(it.Path, ".pyo") {
			got[it.Path] = a.Owners[a.Owner[i]].Name
		}
	}
	want := map[string]string{"site/__pycache__/six.cpython-313.opt-1.pyc": "six", "site/six.pyc": "six", "site/gone.pyo": "six",
		"usr/lib/python3/dist-packages/yaml/__pycache__/a.cpython-313.pyc": "python3-yaml",
		"opt/tool/__pycache__/t.cpython-313.pyc":                           "layer 1", "app/__pycache__/m.cpython-313.pyc": "/app", "opt/alone.pyc": "layer 2"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestWastedFileHasItsPath: a row of one file names it, however much of its
// folder is wasted too.
func TestWastedFileHasItsPath(t *testing.T) {
	a := account(t, nil, nil, "f root/example/f1 6400", "f root/example/f1 6500", "f root/example/f2 6600\nf root/example/f3 1", "w root/example")
	var got []string
	for _, r := range WastedRows(a.Ledger) {
		got = append(got, fmt.Sprintf("%s %d", r.Path, r.Files))
	}
	if d := cmp.Diff([]string{"root/example 2", "root/example/f1 1", "root/example/f1 1"}, got); d != "" {
		t.Error(d)
	}
}
