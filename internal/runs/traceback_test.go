package runs

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
)

const traceback = `Traceback (most recent call last):
  File "/usr/local/bin/inventory", line 5, in <module>
    from src.cli import cli
  File "/usr/local/lib/python3.13/site-packages/src/cli.py", line 10, in <module>
    from src.commands import anonymize
  File "/usr/local/lib/python3.13/site-packages/src/commands/anonymize.py", line 5, in <module>
    from rich.console import Console
ModuleNotFoundError: No module named 'rich'
`

func TestExplain(t *testing.T) {
	for _, tc := range []struct {
		name, output string
		exit         int
		want         whittle.Problem
	}{
		{"the seed's case", traceback, 1,
			whittle.Problem{Rule: "missing-module", Message: "ModuleNotFoundError: rich (src/commands/anonymize.py:5)", Path: "src/commands/anonymize.py", Line: 5, Module: "rich"}},
		{"under the working directory, frozen frames between", `Traceback (most recent call last):
  File "/app/main.py", line 3, in <module>
  File "<frozen importlib._bootstrap>", line 1360, in _find_and_load
ModuleNotFoundError: No module named 'a.b'; 'a' is not a package
`, 1, whittle.Problem{Rule: "missing-module", Message: "ModuleNotFoundError: a.b (main.py:3)", Path: "main.py", Line: 3, Module: "a.b"}},
		{"the last of several", "Traceback (most recent call last):\n  File \"/app/a.py\", line 1, in f\nKeyError: 'x'\n\nDuring handling of the above exception, another exception occurred:\n\n" +
			"Traceback (most recent call last):\n  File \"/app/b.py\", line 2, in g\nsqlalchemy.exc.OperationalError: no such table: vms\n", 1,
			whittle.Problem{Rule: "exec-failed", Message: "sqlalchemy.exc.OperationalError: no such table: vms (b.py:2)", Path: "b.py", Line: 2}},
		{"a command that is not there", `exec: "proj": executable file not found in $PATH`, 127,
			whittle.Problem{Rule: "entrypoint-not-found", Message: `exit code 127: exec: "proj": executable file not found in $PATH`}},
		{"no traceback", "usage: x\nx: error: bad\n\n", 2, whittle.Problem{Rule: "exec-failed", Message: "exit code 2: x: error: bad"}},
		{"silence", "", 3, whittle.Problem{Rule: "exec-failed", Message: "exit code 3"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.want.Severity = "error"
			line, got := explain([]byte(tc.output), tc.exit, "/app")
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("problem (-want +got):\n%s", diff)
			}
			if line != tc.want.Message {
				t.Errorf("line %q", line)
			}
		})
	}
}

func FuzzTraceback(f *testing.F) {
	f.Add([]byte(traceback))
	f.Fuzz(func(_ *testing.T, b []byte) { explain(b, 1, "/app") })
}

func TestHealthcheckImports(t *testing.T) {
	for _, tc := range []struct {
		test []string
		want []string
	}{
		{[]string{"CMD", "python", "-c", "import urllib.request; urllib.request.urlopen('http://x')"}, []string{"python", "-c", "import urllib.request"}},
		{[]string{"CMD-SHELL", `python3 -I -c "import a, b; from c import d
print(1)" || exit 1`}, []string{"python3", "-I", "-c", "import a, b; from c import d"}},
		{[]string{"CMD-SHELL", `/opt/venv/bin/python -c 'import a'`}, []string{"/opt/venv/bin/python", "-c", "import a"}},
		{[]string{"CMD-SHELL", "curl -f http://localhost"}, nil},
		{[]string{"CMD-SHELL", `python -c "$CHECK"`}, nil},
		{[]string{"CMD", "python", "-c", "print(1)"}, nil},
		{[]string{"NONE"}, nil},
		{nil, nil},
	} {
		got, ok := HealthcheckImports(whittle.Process{Healthcheck: &whittle.Healthcheck{Test: tc.test}})
		if ok != (tc.want != nil) {
			t.Errorf("%q: ok = %v", tc.test, ok)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tc.test, diff)
		}
	}
	if _, ok := HealthcheckImports(whittle.Process{}); ok {
		t.Error("an image without a health check has an import test")
	}
}

func TestMedian(t *testing.T) {
	for _, tc := range []struct {
		in   []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{5, 1, 3}, 3}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := Median(tc.in); got != tc.want {
			t.Errorf("median(%v) = %v, want %v", tc.in, got, tc.want)
		}
	}
}
