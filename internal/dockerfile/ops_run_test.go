package dockerfile

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"whittle.dev/whittle/internal/shell"
)

// TestAppendKeepsFailures runs scripts before and after a command is appended:
// what failed still fails, and the command runs where nothing did.
func TestAppendKeepsFailures(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no sh")
	}
	members := []string{"true", "false", "! true", "! false", "(exit 3)", "false | true", "true | false", "{ true && false; }", "if false; then true; fi", "x=$(false)", "export y=1"}
	lists := []string{"RUN %s && %s", "RUN %s; %s", "RUN set -e; %s; %s", "RUN set -e \\\n  && %s \\\n  && %s",
		"RUN <<E\n%s\n%s\nE", "RUN <<E\nset -e\n%s\n%s\nE", "RUN <<E\nset -e\n%s && %s\nE", "RUN <<E\n%s &&\n%s\nE",
		"RUN <<E\nset -e\nset +e\n%s\n%s\nE", "RUN <<E\nif true; then set -e; fi\n%s\n%s\nE", "RUN <<E\nset -o errexit\n%s; %s\nE",
		"RUN <<E\ntrue || set -e\n%s\n%s\nE", "RUN <<E\nfalse && set -e\n%s\n%s\nE", "RUN <<E\nset -e && %s\n%s\nE"}
	var driver strings.Builder
	var sources []string
	for _, list := range lists {
		for _, a := range members {
			for _, b := range members {
				src := "FROM x\n" + fmt.Sprintf(list, a, b) + "\n"
				f, err := Parse("Dockerfile", []byte(src))
				if err != nil {
					t.Fatal(err)
				}
				edit, err := f.Stages[0].Instructions[0].AppendCommand("echo appended")
				if err != nil {
					t.Errorf("%q: %v", src, err)
					continue
				}
				out, err := Apply(f.Source, []Edit{edit})
				if err != nil {
					t.Fatal(err)
				}
				sources = append(sources, string(out))
				for _, version := range [][]byte{f.Source, out} {
					list, err := nodes(version)
					if err != nil {
						t.Fatal(err)
					}
					text, _ := scriptText(list[1])
					fmt.Fprintf(&driver, "( eval %s )\necho \" $?\"\n", shell.Quote(text))
				}
			}
		}
	}
	cmd := exec.Command(sh)
	cmd.Stdin = strings.NewReader(driver.String())
	output, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.ReplaceAll(string(output), "appended\n", "appended"), "\n")
	if len(lines) != 2*len(sources)+1 {
		t.Fatalf("%d results of %d scripts", len(lines), len(sources))
	}
	kept, failed := 0, 0
	for i, src := range sources {
		before, after := lines[2*i], lines[2*i+1]
		switch {
		case before == " 0" && after == "appended 0":
			kept++
		case before != " 0" && after == before:
			failed++
		default:
			t.Errorf("before %q, after %q: %q", before, after, src)
		}
	}
	if kept < 100 || failed < 100 {
		t.Errorf("%d scripts went well and %d failed", kept, failed)
	}
}
