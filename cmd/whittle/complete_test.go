package main

import (
	"bytes"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"whittle.dev/whittle/internal/commandline"
)

// engine is a Docker engine that gives an answer to each request for a list of
// images, or none.
func engine(t *testing.T, images func(http.ResponseWriter, *http.Request)) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Skip(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.47")
		if strings.HasSuffix(r.URL.Path, "/images/json") {
			images(w, r)
		}
	})}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	t.Setenv("DOCKER_HOST", "unix://"+socket)
}

// completed is what shells get for a line.
func completed(t *testing.T, words ...string) []string {
	t.Helper()
	var out, said bytes.Buffer
	if code := run(append([]string{"__complete"}, words...), stdio{strings.NewReader(""), &out, &said}); code != exitOK || strings.Contains(said.String(), "whittle:") {
		t.Fatalf("%q: %d %s", words, code, said.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	return lines[:len(lines)-1]
}

// TestLocalImages: the engine's images complete an IMAGE, but none without a
// name or with a name that is no word.
func TestLocalImages(t *testing.T) {
	t.Chdir(t.TempDir())
	engine(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`[{"RepoTags":["web:2","team/app:1.0","<none>:<none>"]},{"RepoTags":["web:1","a\nb:1"]},{"RepoTags":null},{"RepoTags":["web:2"]}]`))
	})
	for line, want := range map[string]string{
		"inspect|": "team/app:1.0 web:1 web:2", "inspect|we": "web:1 web:2", "inspect|web:2": "web:2", "inspect|x": "", "inspect|docker:we": "docker:web:1 docker:web:2",
		"compare|web:1|we": "web:1 web:2", "compare|web:1|web:2|t": "team/app:1.0", "explore|web:1|t": "team/app:1.0", "inspect|web:1|we": "", "lab|we": "",
		"check|--run|t": "team/app:1.0", "advise|--image|slim=we": "slim=web:1 slim=web:2", "inspect|registry:we": "", "gate|--baseline|we": "web:1 web:2",
	} {
		if got := strings.Join(completed(t, strings.Split(line, "|")...), " "); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

// TestNoAnswer: an engine that says nothing, or anything else than images, gives
// no words and no error, and keeps no shell waiting.
func TestNoAnswer(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, images := range map[string]func(http.ResponseWriter, *http.Request){
		"silent":  func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"error":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"no JSON": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
	} {
		t.Run(name, func(t *testing.T) {
			engine(t, images)
			began := time.Now()
			if got := completed(t, "inspect", ""); len(got) > 0 {
				t.Errorf("%q", got)
			}
			if took := time.Since(began); took > commandline.CompleteWithin+10*time.Second { // a machine may be slow; without a limit it would be forever
				t.Errorf("it takes %v", took)
			}
		})
	}
}

// TestCompletionOfEveryOption: shells get an answer for each option of each
// command that has a value, and for each argument.
func TestCompletionOfEveryOption(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("DOCKER_HOST", "unix:///nowhere.sock")
	root := (&app{}).command()
	for _, cmd := range commands(root) {
		words := strings.Fields(cmd.CommandPath())[1:]
		completed(t, append(words, "")...)
		for _, f := range valued(cmd) {
			for _, word := range completed(t, append(words, "--"+f, "")...) {
				if strings.TrimSpace(word) == "" || strings.ContainsAny(word, "\x1b\r") {
					t.Errorf("%s --%s: %q", cmd.CommandPath(), f, word)
				}
			}
		}
	}
	for _, want := range []string{"advise only", "fix risk", "inspect by", "inspect format", "fix strategy", "lab objective", "inspect color", "inspect platform"} {
		cmd, flag, _ := strings.Cut(want, " ")
		if len(completed(t, cmd, "--"+flag, "")) < 2 {
			t.Errorf("whittle %s --%s has no words", cmd, flag)
		}
	}
}

// valued are the options of a command that have a value.
func valued(cmd *cobra.Command) (out []string) {
	cmd.InheritedFlags() // merges them
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Value.Type() != "bool" {
			out = append(out, f.Name)
		}
	})
	return out
}
