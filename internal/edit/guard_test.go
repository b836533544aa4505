package edit

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"whittle.dev/whittle"

	"github.com/google/go-cmp/cmp"
)

// guardCase is one line for testdata/guard.py.
type guardCase struct {
	Before  string `json:"before"`
	After   string `json:"after"`
	Line    int    `json:"line"`
	Message string `json:"message"`
	what    string
}

const needsRich = `this needs "rich": pip install demo[pretty]`

func TestGuardImport(t *testing.T) {
	var cases []guardCase
	for _, tt := range []struct {
		name, src string
		line      int
		want      string
	}{
		{"from", "import os\nfrom rich.console import Console\nx = 1\n", 2,
			"import os\ntry:\n    from rich.console import Console\nexcept ImportError as error:\n    raise ImportError(\"this needs \\\"rich\\\": pip install demo[pretty]\") from error\nx = 1\n"},
		{"alone", "import rich", 1,
			"try:\n    import rich\nexcept ImportError as error:\n    raise ImportError(\"this needs \\\"rich\\\": pip install demo[pretty]\") from error"},
		{"as", "import rich.table as table  # nice, really\n", 1, ""},
		{"several", "import rich, os.path as p, sys\n", 1, ""},
		{"star", "from rich import *\n", 1, ""},
		{"relative", "from . import rich\n", 1, ""},
		{"relative dots", "from ...a.b import rich as r\n", 1, ""},
		{"parentheses", "from rich import (  # c1\n    a,  # c2\n\n    b as c,\n  # c3\n)\n", 1, ""},
		{"backslash", "from rich \\\n  import a, \\\n  b\nx = 1\n", 1, ""},
		{"in a function", "def f(error):\n  \"\"\"doc\n  import rich\n  \"\"\"\n  import rich\n  return rich, error\n", 5, ""},
		{"in an if", "if x:\n    import rich\nelse:\n    rich = None\n", 2, ""},
		{"in tabs", "class A:\n\tdef f(self):\n\t\timport rich\n\t\treturn rich\n", 3, ""},
		{"windows", "import os\r\nfrom rich import (\r\n    a,\r\n)\r\nx = 1\r\n", 2, ""},
		{"windows, no end", "if 1:\r\n\timport rich", 2, ""},
		{"byte order mark", "\ufeffimport rich\n", 1, ""},
		{"cookie", "# -*- coding: utf-8 -*-\nimport rich\n", 2, ""},
		{"behind strings", "x = '''\nimport a\n''' + \"\\\"\" + f\"{x!r:>{10}} {{}}\" + r'\\\\'\nimport rich\n", 4, ""},
		{"behind brackets", "x = [\n  1, # ]\n]\nimport rich\n", 4, ""},
		{"behind a joined string", "x = 'a\\\nb'\nimport rich\n", 3, ""},
		{"names in use", "error = 1\nexc = err = 2\nimport rich\n", 3, ""},
		{"other guard", "try:\n    import rich\nexcept ValueError:\n    pass\n", 2, ""},
		{"two in a try", "try:\n    import rich\n    import os\nexcept ImportError:\n    pass\n", 2, ""},
		{"unicode", "größe = '日本'\nfrom größe import ü\n", 2, ""},
		{"tight", "from.a import(b)\n", 1, ""},
		{"form feed line", "x = 1\n\f\nimport rich\n", 3, ""},
	} {
		edits, err := GuardImport([]byte(tt.src), tt.line, needsRich)
		if err != nil || len(edits) == 0 {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		out := string(applied(t, []byte(tt.src), edits))
		if tt.want != "" && out != tt.want {
			t.Errorf("%s (-want +got):\n%s", tt.name, cmp.Diff(tt.want, out))
		}
		if again, err := GuardImport([]byte(out), tt.line+1, needsRich); err != nil || again != nil {
			t.Errorf("%s: guarding it again: %v, %v", tt.name, again, err)
		}
		cases = append(cases, guardCase{tt.src, out, tt.line, needsRich, tt.name})
	}
	for _, message := range []string{"", "a\nb", "ünïcode … 🐍", "\\", "\x00\x7f\u2028", "'\"'"} {
		src := "import rich\n"
		edits, err := GuardImport([]byte(src), 1, message)
		if err != nil {
			t.Errorf("%q: %v", message, err)
			continue
		}
		cases = append(cases, guardCase{src, string(applied(t, []byte(src), edits)), 1, message, message})
	}
	ask(t, "guard.py", cases, func(c guardCase) string { return c.what })
}

func TestGuardImportRefused(t *testing.T) {
	for _, tt := range []struct {
		name, src string
		line      int
	}{
		{"no import", "x = 1\n", 1},
		{"no such line", "import a\n", 3},
		{"line zero", "import a\n", 0},
		{"in a string", "x = '''\nimport a\n'''\n", 2},
		{"in parentheses", "from a import (\n  b)\n", 2},
		{"behind a semicolon", "import a; import b\n", 1},
		{"behind a colon", "if x: import a\n", 1},
		{"from the future", "from __future__ import annotations\n", 1},
		{"continued", "x = \\\nimport_a\n", 2},
		{"string without an end", "x = 'a\nimport b\n", 2},
		{"text without an end", "import b\nx = '''a\n", 1},
		{"open bracket", "import b\nx = [\n", 1},
		{"no Python", "print 'a'\nimport b\n", 2},
		{"a backslash in the middle", "x = a \\ b\nimport b\n", 2},
		{"bare carriage return", "import b\rx = 1\n", 1},
		{"form feed", "\fimport b\n", 1},
		{"no name", "import b\nerror, exc, err, import_error, original_error = range(5)\n", 1},
		{"nul", "import b\n\x00", 1},
		{"name like one", "importlib.x()\n", 1},
		{"comment", "# import a\n", 1},
	} {
		edits, err := GuardImport([]byte(tt.src), tt.line, "m")
		refused(t, tt.name, whittle.ErrUnsupported, edits, err)
	}
	for _, src := range []string{
		"try:\n    import rich\nexcept ImportError:\n    rich = None\n",
		"try:\n    import rich # c\n# c\nexcept (ValueError, ModuleNotFoundError) as e:\n    pass\n",
		"try:\n    import rich\nexcept:\n    pass\n",
	} {
		if edits, err := GuardImport([]byte(src), 2, "m"); err != nil || edits != nil {
			t.Errorf("%q is guarded already: %v, %v", src, edits, err)
		}
	}
	if _, err := GuardImport([]byte("import a\n"), 1, "\xff"); !errors.Is(err, whittle.ErrUsage) {
		t.Errorf("a message that is no text: %v", err)
	}
	if _, err := GuardImport(bytes.Repeat([]byte("x\n"), maxText/2+1), 1, "m"); !errors.Is(err, whittle.ErrLimit) {
		t.Errorf("a large file: %v", err)
	}
	if _, err := GuardImport(bytes.Repeat([]byte("x\n"), maxLines+1), 1, "m"); !errors.Is(err, whittle.ErrLimit) {
		t.Errorf("a file of many lines: %v", err)
	}
	// Only Python 3.12 and later compile it, and read it one way.
	src := "x = f\"{a[\"b\"]}\"\nimport b\n"
	edits, err := GuardImport([]byte(src), 2, "m")
	if out := string(applied(t, []byte(src), edits)); err != nil || out != "x = f\"{a[\"b\"]}\"\ntry:\n    import b\nexcept ImportError as error:\n    raise ImportError(\"m\") from error\n" {
		t.Errorf("an f-string with its own quotes: %q, %v", out, err)
	}
	// The message of a file in another encoding is in ASCII.
	edits, err = GuardImport([]byte("# coding: latin-1\nimport a # \xe4\n"), 2, "é")
	if err != nil || !strings.Contains(edits[len(edits)-1].New, `\u00e9`) {
		t.Errorf("latin-1: %v, %v", edits, err)
	}
}

// TestGuardLibrary guards imports of the host's standard library.
func TestGuardLibrary(t *testing.T) {
	out, err := exec.Command("python3", "-c", "import os; print(os.path.dirname(os.__file__))").Output()
	if err != nil {
		t.Skip("there is no python3 to compare with")
	}
	var cases []guardCase
	files, doubtful, refused := 0, 0, 0
	_ = filepath.WalkDir(strings.TrimSpace(string(out)), func(name string, e fs.DirEntry, err error) error {
		if files == 40 {
			return fs.SkipAll
		}
		if err != nil || !strings.HasSuffix(name, ".py") || strings.Contains(name, "bad") || strings.Contains(name, "lib2to3") {
			return nil
		}
		src, err := os.ReadFile(name)
		if err != nil || len(src) > 60_000 {
			return nil
		}
		files++
		p, err := parsePython(src)
		if err != nil {
			doubtful++
			return nil
		}
		if p.ascii {
			return nil // the oracle gets UTF-8
		}
		found := 0
		for _, s := range p.statements {
			if !s.isImport() || found == 2 {
				continue
			}
			edits, err := GuardImport(src, s.line, needsRich)
			if err != nil {
				refused++
				continue
			}
			if len(edits) > 0 {
				found++
				cases = append(cases, guardCase{string(src), string(applied(t, src, edits)), s.line, needsRich, name})
			}
		}
		return nil
	})
	t.Logf("%d files, %d of them doubtful, %d imports refused", files, doubtful, refused)
	if doubtful*20 > files {
		t.Errorf("%d of %d files are doubtful", doubtful, files)
	}
	ask(t, "guard.py", cases, func(c guardCase) string { return c.what })
}
