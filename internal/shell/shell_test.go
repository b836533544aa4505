package shell

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// files is a host that has some files; programs are found where they are.
type files map[string]string

func (f files) Read(p string) (string, bool) { s, ok := f[p]; return s, ok }

func (f files) Test(_, p string) Truth {
	for name := range f {
		if name == p || strings.HasPrefix(name, strings.TrimSuffix(p, "/")+"/") {
			return Yes
		}
	}
	return No
}

func (f files) Which(name, search, _ string) (string, bool) {
	for _, dir := range strings.Split(search, ":") {
		if _, ok := f[dir+"/"+name]; ok {
			return dir + "/" + name, true
		}
	}
	return "", false
}

func (f files) Glob(pattern string) []string {
	var out []string
	for name := range f {
		if ok, err := filepath.Match(pattern, name); err == nil && ok {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func (f files) Output(args []string) (string, bool) {
	return "0\n", strings.Join(args, " ") == "id -u"
}

var marks = [...]string{Must: "must", Survives: "survives", Perhaps: "perhaps", Elsewhere: "elsewhere"}

// followed is what a script starts, a line each, and the doubts.
func followed(t testing.TB, script string, p Process, host Host) []string {
	t.Helper()
	trace, err := Follow(script, p, host)
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	var out []string
	for _, l := range trace.Launches {
		line := marks[l.Certainty] + " " + strings.ReplaceAll(strings.Join(l.Args, " "), UnknownPart, "?")
		if l.Open {
			line += " …"
		}
		out = append(out, line)
	}
	for _, d := range trace.Doubts {
		out = append(out, "doubt "+d)
	}
	return out
}

// TestFollow: what is started, and how sure that is.
func TestFollow(t *testing.T) {
	tests := []struct {
		script string
		args   string
		want   []string
	}{
		{"a\nb", "", []string{"survives a", "must b"}},
		{"set -e\na\nb", "", []string{"must a", "must b"}},
		{"exec a \"$@\"\nb", "x y", []string{"must a x y", "elsewhere b"}},
		{"a || true\nb", "", []string{"survives a", "must b"}},
		{"a || exit 1\nb", "", []string{"must a", "must b"}},
		{"a && b", "", []string{"must a", "must b"}},
		{"a && b\nc", "", []string{"survives a", "perhaps b", "must c"}},
		{"if a; then b; else c; fi", "", []string{"perhaps a", "perhaps b", "perhaps c"}},
		{"a &\nb", "", []string{"perhaps a", "must b"}},
		{"a | b", "", []string{"perhaps a", "must b"}},
		{"case $1 in x) a;; y) b;; *) c;; esac", "y", []string{"elsewhere a", "must b", "elsewhere c"}},
		{"case $(date) in x) a;; *) c;; esac", "", []string{"survives date", "perhaps a", "perhaps c"}},
		{"if [ -z \"$KEY\" ]; then exit 1; fi\nexec a", "", []string{"perhaps a", "doubt its script ends with a failure at line 1, unless something is given to it"}},
		{"[ -n \"$KEY\" ] || exit 1\nexec a", "", []string{"perhaps a", "doubt its script ends with a failure at line 1, unless something is given to it"}},
		{": ${KEY:?}\nexec a", "", []string{"perhaps a", "doubt its script asks for $KEY, which is only given when it runs"}},
		{"f() { a \"$1\"; }\nf x", "", []string{"must a x"}},
		{"f() { a; }\nb", "", []string{"must b", "elsewhere a"}},
		{"f() { f; }\nf", "", []string{"doubt the functions of its script call each other"}},
		{"exec $(pick) x", "", []string{"survives pick", "must ? x …"}},
		{"a --n \"$(count)\"", "", []string{"survives count", "must a --n ?"}},
		{". $FILE\nexec a", "", []string{"perhaps a", "doubt its script sources a file that is only known when it runs"}},
		{"eval \"$(env)\"\nexec a", "", []string{"survives env", "perhaps a", "doubt its script makes a command of what is only known when it runs"}},
		{"while true; do a; done\nb", "", []string{"perhaps a", "elsewhere b"}},
		{"until ready; do sleep 1; done\nexec a", "", []string{"survives ready", "perhaps sleep 1", "must a"}},
		{"for f in /d/*.sh; do . $f; done\nexec $A", "", []string{"must run me"}},
		{"f() { if x; then return 1; fi; }\nif f; then a; else b; fi", "", []string{"perhaps x", "perhaps a", "perhaps b"}},
		{"f() { return 1; }\nif f; then a; else b; fi", "", []string{"elsewhere a", "must b"}},
		{"if x; then exit 3; fi\nexec a", "", []string{"perhaps x", "must a"}},
		{"a; exit 0", "", []string{"perhaps a"}},
		{"if x; then exec b; fi\nexec a", "", []string{"perhaps x", "perhaps b", "perhaps a"}},
		{"X=1; export X; a; (Y=2; b)", "", []string{"survives a", "must b"}},
	}
	host := files{"/d/1.sh": "A='run me'\n"}
	for _, tt := range tests {
		t.Run(tt.script, func(t *testing.T) {
			got := followed(t, tt.script, Process{Name: "/e", Args: strings.Fields(tt.args), Dir: "/", Env: map[string]string{"PATH": "/bin"}}, host)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// oracle are scripts that a real shell runs too, with their parameters.
var oracle = []struct{ script, args string }{
	{`set -e; log() { echo "$@"; }; main() { log x; exec web "$@"; }; main "$@"`, "a b"},
	{`case "$1" in web) shift; exec web "$@";; *) exec other;; esac`, "web 1 2"},
	{`if [ $# -eq 0 ]; then set -- web app; fi; exec "$@"`, ""},
	{`if [ "${1#-}" != "$1" ]; then set -- web "$@"; fi; exec "$@"`, "-x y"},
	{`A="one two"; web $A; web "$A"; web ${B:-d e} "${B:-d e}"`, ""},
	{`: ${A:=x}; web "$A" ${A%x}y "${#A}" ${A:+set}`, ""},
	{`for i in 1 2 3; do web $i; done; web end`, ""},
	{`while [ $# -gt 0 ]; do case $1 in --a) web "$2"; shift 2;; *) shift;; esac; done`, "x --a 1 --a 2"},
	{`f() { web "$1"; return 0; web no; }; f 1; f 2`, ""},
	{`x=$(echo a b); web $x "$x" "$(printf %s c)"`, ""},
	{`cd /tmp && web here; (cd /; web sub); web again`, ""},
	{`[ -n "$NOPE" ] && web no; [ -z "$NOPE" ] && web yes`, ""},
	{`if ! false; then web 1; elif true; then web 2; fi; true && web 3 || web 4; false || web 5`, ""},
	{`set -- a b c; shift; web "$#" "$*" "$1"; for a; do web "$a"; done`, ""},
	{`eval set -- x y; web "$@"; eval "web '1 2'"`, ""},
	{`P=web; $P a; "$P" b; command web c; { web d; }`, ""},
	{`case x.py in *.txt) web 1;; *.p?) web 2;; esac; case ab in a|ab) web 3;; esac`, ""},
	{`n=0; while true; do web $n; break; done; web done`, ""},
	{`F=/a/b/c.py; web "${F##*/}" "${F%/*}" "$(basename $F .py)" "$(dirname $F)"`, ""},
	{`web <<E` + "\nbody\nE\nweb 'it''s' \"a\\\"b\" c\\ d", ""},
	{`test 1 -lt 2 -a ! 2 -lt 1 && web and; [ a = b -o c = c ] && web or`, ""},
	{`A=1 web x; web "${A-unset}"; export B=2; web $B`, ""},
	{`exec 3>&1; exec web last; web never`, ""},
}

// TestOracle: where the text decides, a real shell starts the same programs.
func TestOracle(t *testing.T) {
	for _, sh := range []string{"sh", "bash"} {
		if _, err := exec.LookPath(sh); err != nil {
			t.Skipf("no %s: %v", sh, err)
		}
		dir := t.TempDir()
		for _, name := range []string{"web", "other"} {
			text := "#!/bin/sh\n{ printf '%s' " + name + "; for a; do printf ' <%s>' \"$a\"; done; printf '\\n'; } >>" + dir + "/log\n"
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		host := files{dir + "/web": "", dir + "/other": "", "/tmp/x": ""}
		for _, tt := range oracle {
			t.Run(sh+" "+tt.script, func(t *testing.T) {
				_ = os.Remove(filepath.Join(dir, "log"))
				env := map[string]string{"PATH": dir + ":/usr/bin:/bin"}
				cmd := exec.Command(sh, append([]string{"-c", tt.script, "sh"}, strings.Fields(tt.args)...)...)
				cmd.Env, cmd.Dir = []string{"PATH=" + env["PATH"]}, dir
				_ = cmd.Run() // its status is not what is compared
				b, _ := os.ReadFile(filepath.Join(dir, "log"))
				trace, err := Follow(tt.script, Process{Name: "sh", Args: strings.Fields(tt.args), Env: env, Dir: dir}, host)
				if err != nil || len(trace.Doubts) > 0 {
					t.Fatalf("doubts %q, %v", trace.Doubts, err)
				}
				got := ""
				for _, l := range trace.Launches {
					if l.Certainty == Elsewhere {
						continue
					}
					got += l.Args[0]
					for _, a := range l.Args[1:] {
						got += " <" + a + ">"
					}
					got += "\n"
				}
				if diff := cmp.Diff(string(b), got); diff != "" {
					t.Errorf("(-shell +followed):\n%s", diff)
				}
			})
		}
	}
}

// TestBounds: a script that grows without end is given up, in little time.
func TestBounds(t *testing.T) {
	calls := ""
	for i := range 40 {
		calls += fmt.Sprintf("f%d() { f%d; f%d; }\n", i, i+1, i+1)
	}
	for name, script := range map[string]string{
		"doubling": "A=xxxxxxxxxxxxxxxx\n" + strings.Repeat("A=$A$A\n", 60) + "exec a $A",
		"calls":    calls + "f40() { a; }\nf0",
		"braces":   "a {1..1000000000} {a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}",
		"branches": strings.Repeat("if x; then A=1; else A=2; fi\n", 3000) + "exec a",
		"nested":   strings.Repeat("if x; then ", 2000) + "a" + strings.Repeat("; fi", 2000),
		"loops":    strings.Repeat("for i in 1 2 3 4 5 6 7 8 9; do ", 30) + "a" + strings.Repeat("; done", 30),
		"patterns": "case " + strings.Repeat("a", 20000) + " in " + strings.Repeat("*a", 400) + "b) a;; esac",
	} {
		start := time.Now()
		if _, err := Follow(script, Process{Dir: "/", Env: map[string]string{"PATH": "/bin"}}, files{}); err != nil {
			t.Logf("%s: %v", name, err)
		}
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("%s took %v", name, d)
		}
	}
}

// FuzzFollow: no text makes it fail, and no argument shows the inner mark.
func FuzzFollow(f *testing.F) {
	for _, tt := range oracle {
		f.Add(tt.script)
	}
	f.Add("a ${b[1]} ${c@Q} $((1/0)) ${d/x/y} ${!e} <(f) @(g|h) ~root {1..9}")
	f.Fuzz(func(t *testing.T, script string) {
		trace, err := Follow(script, Process{Name: "sh", Args: []string{"x"}, Dir: "/", Env: map[string]string{"PATH": "/bin"}}, files{"/d/1.sh": "A=1"})
		if err != nil {
			return
		}
		for _, l := range trace.Launches {
			if len(l.Args) == 0 || slices.ContainsFunc(l.Args, isUnknown) && !isUnknown(script) {
				t.Errorf("launch %q", l.Args)
			}
		}
	})
}
