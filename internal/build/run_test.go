package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whittle.dev/whittle"
)

func TestRun(t *testing.T) {
	f := needEngine(t)
	d := f.define(t, `FROM probe
ENV FROM_IMAGE=1 BOTH=image
WORKDIR /work
USER app
ENTRYPOINT ["/probe"]
CMD ["where"]
`, nil)
	named := func(name string, c Command) Command { c.Name = name; return c }
	results := f.run(t, d,
		named("default", Command{}),
		named("entry point", Command{Args: []string{"exit", "7"}, Entrypoint: true}),
		named("on PATH", Command{Args: []string{"probe", "where"}, User: "root", Dir: "/etc"}),
		named("stdin", Command{Args: []string{"/probe", "cat"}, Stdin: []byte("through")}),
		named("network", probe("net")),
		named("no stdin", probe("cat")),
		named("read-only user", probe("write", "/nope", "x")),
		named("missing", Command{Args: []string{"nosuch", "--help"}}),
		named("not executable", Command{Args: []string{"/etc/passwd"}}),
		named("environment", Command{Args: []string{"/probe", "env"}, Env: []string{"BOTH=command"}}),
	)
	type row struct {
		Name, Out, Err string
		Exit           int
		Failed         bool
	}
	var got []row
	for _, r := range results[:len(results)-1] {
		row := row{Name: r.Name, Out: string(r.Stdout), Err: string(r.Stderr), Exit: r.ExitCode}
		if r.Err != nil {
			row.Failed, row.Err = true, r.Err.Error()
		}
		got = append(got, row)
	}
	want := []row{
		{Name: "default", Out: "1000 1001 /work\n"},
		{Name: "entry point", Out: "out\n", Err: "err\n", Exit: 7},
		{Name: "on PATH", Out: "0 0 /etc\n"},
		{Name: "stdin", Out: "through"},
		{Name: "network", Out: "lo\n"},
		{Name: "no stdin"},
		{Name: "read-only user", Err: "open /nope: permission denied\n", Exit: 9},
		{Name: "missing", Err: `exec: "nosuch": executable file not found in $PATH`, Exit: 127, Failed: true},
		{Name: "not executable", Err: `exec: "/etc/passwd": permission denied`, Exit: 126, Failed: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	env := string(results[len(results)-1].Stdout)
	for _, v := range []string{"FROM_BASE=yes\n", "FROM_IMAGE=1\n", "BOTH=command\n", "HOME=/home/app\n", "OTEL_TRACES_EXPORTER=none\n"} {
		if !strings.Contains(env, v) {
			t.Errorf("environment lacks %q:\n%s", v, env)
		}
	}
	if strings.Contains(env, "BOTH=image") {
		t.Errorf("environment has the image's value too:\n%s", env)
	}
}

func TestRunLimits(t *testing.T) {
	f := needEngine(t)
	d := f.define(t, "FROM probe\n", nil)
	repeat, fails, slow := probe("write", "/once", "x"), probe("exit", "1"), probe("sleep", "60")
	repeat.Repeat, fails.Repeat, slow.Timeout = 3, 3, 5*time.Second
	repeat.Cold, fails.Cold = 2, 2
	r := f.run(t, d, repeat, fails, slow, probe("spew", "30000"))
	if len(r[0].Times) != 3 || !r[0].OK() || r[0].Times[0] <= 0 {
		t.Errorf("repeat: %+v", r[0])
	}
	if want := map[bool]int{true: 2}[f.engine.info.Kind == Buildkitd]; len(r[0].Cold) != want {
		t.Errorf("%d runs without the page cache, want %d: %+v", len(r[0].Cold), want, r[0])
	}
	if _, known := f.engine.guard.CPU(); known != (len(r[0].CPU) == 3) || known && slices.Min(r[0].CPU) <= 0 {
		t.Errorf("processor times, known %t: %v", known, r[0].CPU)
	}
	if len(r[1].Times) != 1 || r[1].OK() || len(r[1].Cold) != 0 {
		t.Errorf("a command that fails was repeated: %+v", r[1])
	}
	if !r[2].TimedOut || r[2].OK() || r[2].ExitCode != -1 || string(r[2].Stdout) != "sleeping\n" || r[2].Times[0] > 30*time.Second {
		t.Errorf("timeout: %+v", r[2])
	}
	out := r[3].Stdout
	if len(out) > 2*keepOutput+100 || !bytes.HasPrefix(out, []byte("line 0\n")) || !bytes.HasSuffix(out, []byte("line 29999\n")) ||
		!bytes.Contains(out, []byte("skipped")) {
		t.Errorf("output of %d bytes", len(out))
	}
}

func TestRunErrors(t *testing.T) {
	f := needEngine(t)
	_, err := f.engine.Run(t.Context(), f.define(t, "FROM probe\nRUN [\"/probe\", \"exit\", \"4\"]\n", nil), []Command{probe("env")}, RunOptions{})
	var got *Error
	if !errors.As(err, &got) || got.Kind != StepFailed || got.ExitCode != 4 || got.Line != 2 {
		t.Errorf("failing build: %v", err)
	}
	r := f.run(t, Definition{Content: []byte("FROM scratch")}, probe("env"))
	if !errors.Is(r[0].Err, whittle.ErrUsage) {
		t.Errorf("scratch: %+v", r[0])
	}
	r = f.run(t, f.define(t, "FROM probe\n", nil), Command{Name: "nothing"})
	if !errors.Is(r[0].Err, whittle.ErrUsage) {
		t.Errorf("no command: %+v", r[0])
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(300*time.Millisecond, cancel)
	start := time.Now()
	_, err = f.engine.Run(ctx, f.define(t, "FROM probe\n", nil), []Command{probe("sleep", "60")}, RunOptions{})
	if !errors.Is(err, context.Canceled) || time.Since(start) > 30*time.Second {
		t.Errorf("cancelled: %v", err)
	}
}

func TestEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var e ends
		var all []byte
		for i, n := range rapid.SliceOfN(rapid.IntRange(0, keepOutput), 0, 6).Draw(t, "writes") {
			p := bytes.Repeat([]byte{byte('a' + i)}, n)
			all = append(all, p...)
			if m, err := e.Write(p); m != n || err != nil {
				t.Fatal(m, err)
			}
		}
		want := all
		if over := len(all) - 2*keepOutput; over > 0 {
			want = fmt.Appendf(nil, "%s\n[… %s skipped …]\n%s", all[:keepOutput], whittle.Bytes(int64(over)), all[len(all)-keepOutput:])
		}
		if !bytes.Equal(want, e.bytes()) {
			t.Fatalf("%d bytes written, got %d", len(all), len(e.bytes()))
		}
	})
}

// busy counts the commands that are shown as running, and the most at a time.
type busy struct {
	mu        sync.Mutex
	now, most int
	// timed is how many ran beside the command of that name.
	timed int
}

func (b *busy) Step(string) {}

func (b *busy) Begin(w whittle.Work) whittle.Task {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now++
	b.most = max(b.most, b.now)
	if w.Name == "running timed" {
		b.timed = b.now - 1
	}
	return ending{b}
}

type ending struct{ of *busy }

func (ending) Done(int64, int64) {}
func (ending) Say(string)        {}

func (e ending) End(string) {
	e.of.mu.Lock()
	defer e.of.mu.Unlock()
	e.of.now--
}

// TestRunBeside: commands that run side by side end as they do one by one, and a command
// whose time counts has none beside it.
func TestRunBeside(t *testing.T) {
	f := needEngine(t)
	d := f.define(t, "FROM probe\nUSER app\n", nil)
	timed := probe("exit", "0")
	timed.Name, timed.Repeat = "timed", 2
	late := probe("sleep", "20s")
	late.Timeout = 300 * time.Millisecond
	commands := []Command{probe("sleep", "1s"), probe("exit", "7"), timed, probe("where"), late, probe("sleep", "1s"), {Name: "missing", Args: []string{"nosuch"}}, probe("write", "/nope", "x")}
	shown := &busy{}
	got, err := f.engine.Run(t.Context(), d, commands, RunOptions{Beside: true, Commands: shown})
	if err != nil {
		t.Fatal(err)
	}
	if n := runtime.GOMAXPROCS(0); shown.most > n || shown.most < min(n, 2) || shown.timed > 0 {
		t.Errorf("at most %d ran at a time, and %d beside the timed one", shown.most, shown.timed)
	}
	want := f.run(t, d, commands...)
	for i := range want {
		if timed := want[i].Name == "timed"; timed != (len(got[i].Times) > 0) {
			t.Errorf("%s has the times %v", got[i].Name, got[i].Times)
		}
		for _, r := range []*RunResult{&got[i], &want[i]} {
			r.Times, r.CPU = nil, nil
		}
		if fmt.Sprint(got[i]) != fmt.Sprint(want[i]) {
			t.Errorf("side by side %+v, one by one %+v", got[i], want[i])
		}
	}
}
