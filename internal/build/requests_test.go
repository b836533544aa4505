package build

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAskers: every program that can ask for a page gives the same answers:
// those of the server and no redirection's, and nothing where nobody answers.
// Each is tried where this machine has it, alone on the PATH.
func TestAskers(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/moved":
			http.Redirect(w, r, "/missing", http.StatusFound)
		case r.URL.Path == "/a$HOME" && r.URL.RawQuery == "b=[%27]&c=1" || r.URL.Path == "/":
		default:
			http.Error(w, "no", http.StatusNotFound)
		}
	}))
	defer server.Close()
	port := server.Listener.Addr().(interface{ String() string }).String()
	port = port[strings.LastIndexByte(port, ':')+1:]
	dead := httptest.NewServer(nil)
	closed := dead.URL[strings.LastIndexByte(dead.URL, ':')+1:]
	dead.Close()
	requests := requestsScript([]Request{{Path: "/"}, {Path: "/moved"}, {Path: "/missing"}, {Path: "/missing", Status: 404}, {Path: "/a$HOME?b=%5B%27%5D&c=1"}, {Path: "/", any: true}})
	want := fmt.Sprintf("answer 0 %[1]s 200\nanswer 1 %[1]s 302\nanswer 2 %[1]s 404\nanswer 3 %[1]s 404\nanswer 4 %[1]s 404\nanswer 5 %[1]s 200\n", port)
	for _, tool := range []string{"python3", "curl", "bash", "perl", "node", "wget"} {
		t.Run(tool, func(t *testing.T) {
			real, err := exec.LookPath(tool)
			if err != nil {
				t.Skip("this machine has none")
			}
			bin := t.TempDir()
			script := "#!/bin/sh\nPATH=" + os.Getenv("PATH") + " exec " + real + ` "$@"` + "\n"
			if err := os.WriteFile(filepath.Join(bin, tool), []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("/bin/sh", "-c", askers+"ports='"+closed+" "+port+"'\n"+requests)
			cmd.Env = []string{"PATH=" + bin, "http_proxy=http://localhost:1", "ALL_PROXY=http://localhost:1"}
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if diff := cmp.Diff(want, string(out)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	cmd := exec.Command("/bin/sh", "-c", askers+"ports="+port+"\n"+requests)
	cmd.Env = []string{"PATH=" + t.TempDir()}
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "mute\n" {
		t.Errorf("with nothing to ask with: %q, %v", out, err)
	}
}

// TestSettled: when a watch is over, and with which answers.
func TestSettled(t *testing.T) {
	health := []string{"ok"}
	two := []Request{{Path: "/"}, {Path: "/login", Status: 401}}
	for _, c := range []struct {
		name  string
		watch Watch
		lines string
		over  bool
		want  []Answer
		first Answer // of a watch without a check
	}{
		{"any answer will do", Watch{}, "answer 0 80 500", true, nil, Answer{80, 500}},
		{"a check alone", Watch{Check: health}, "healthy", true, []Answer{}, Answer{}},
		{"a check that does not pass", Watch{Check: health}, "round\ncheck no", false, []Answer{}, Answer{}},
		{"a check, and no answer yet", Watch{Check: health, Requests: two}, "healthy\nanswer 0 80 200", false, []Answer{{80, 200}, {}}, Answer{}},
		{"a check, and answers", Watch{Check: health, Requests: two}, "healthy\nanswer 0 80 200\nanswer 1 81 401", true, []Answer{{80, 200}, {81, 401}}, Answer{}},
		{"answers, and no check", Watch{Requests: two}, "answer 0 80 303\nanswer 1 80 401", true, []Answer{{80, 303}, {80, 401}}, Answer{80, 303}},
		{"a check, and nobody who can ask", Watch{Check: health, Requests: two}, "mute\nhealthy", true, []Answer{{}, {}}, Answer{}},
		{"it is late", Watch{Requests: two[:1]}, "answer 0 80 503\nanswer 0 80 503\nanswer 0 80 200", true, []Answer{{80, 200}}, Answer{80, 200}},
		{"once wanted is enough", Watch{Requests: two}, "answer 0 80 200\nanswer 0 80 500", false, []Answer{{80, 200}, {}}, Answer{80, 200}},
		{"it fails to the end", Watch{Requests: two[:1]}, strings.Repeat("answer 0 80 500\n", maxRounds), true, []Answer{{80, 500}}, Answer{80, 500}},
		{"it fails so far", Watch{Requests: two[:1]}, strings.Repeat("answer 0 80 500\n", maxRounds-1), false, []Answer{{80, 500}}, Answer{80, 500}},
		{"no answers", Watch{Requests: two[:1]}, "answer 9 80 200\nanswer -1 80 200\nanswer 0 80 7\nanswer 0\nanswer", false, []Answer{{}}, Answer{}},
	} {
		s := newObserver(&c.watch)
		if _, err := s.Write([]byte(c.lines + "\n")); err != nil {
			t.Fatal(err)
		}
		w := s.result()
		if diff := cmp.Diff([]any{c.over, c.want, c.first}, []any{s.done, w.Answers, Answer{w.Port, w.Answer}}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}
