package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle/internal/imagetest"
)

type replacement struct {
	DeletedRegion struct {
		StartLine, StartColumn, EndLine, EndColumn int
		ByteOffset, ByteLength                     *int
	}
	InsertedContent *struct{ Text string }
}

// TestSARIFFix applies the fixes of a SARIF log, by their bytes and by their lines and
// columns, and compares the files with what whittle fix makes of them.
func TestSARIFFix(t *testing.T) {
	for name, dockerfile := range map[string]string{
		"one":     "FROM debian\nRUN make data\nRUN chmod 755 /opt/big/x.so\n",
		"comment": "# größe 😀\nFROM debian\n\nRUN make data && \\\n    true\n# 数 ENV\nRUN chmod 755 /opt/big/x.so\n# ende 😀",
		"crlf":    "FROM debian\r\nRUN make data\r\nRUN chmod 755 /opt/big/x.so\r\n# ä\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("XDG_CACHE_HOME", t.TempDir())
			repo := t.TempDir()
			dir := filepath.Join(repo, "services", "the app")
			imagetest.Must(t, os.MkdirAll(dir, 0o700))
			imagetest.Must(t, os.Mkdir(filepath.Join(repo, ".git"), 0o700))
			imagetest.Must(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o600))
			img := imagetest.New(t, imagetest.Plain, "f etc/os-release 500000\n", "f opt/big/x.so 1000000 mode=0644\n", "f opt/big/x.so 1000000 mode=0755\n")
			for i, by := range []string{"debian", "make data", "chmod 755 /opt/big/x.so"} {
				if i == 1 && name == "comment" {
					by = "make data &&     true"
				}
				img.Config().History[i].CreatedBy, img.Config().History[i].Comment = "RUN /bin/sh -c "+by+" # buildkit", "buildkit.dockerfile.v0"
			}
			archive := filepath.Join(t.TempDir(), "image.tar")
			imagetest.Must(t, os.WriteFile(archive, imagetest.DockerArchive(t, img), 0o600))
			t.Chdir(dir)

			var out, said bytes.Buffer
			if code := run([]string{"advise", "-q", "--image", archive, "--format", "sarif", "--only", "metadata-copy", "."}, stdio{strings.NewReader(""), &out, &said}); code != 0 {
				t.Fatalf("%d: %s", code, said.String())
			}
			byBytes, byLines := applied(t, repo, out.Bytes())
			if code, said := call(t, "fix", "-q", "--image", archive, "--only", "metadata-copy", "--write", "--force", "."); code != 0 {
				t.Fatalf("%d: %s", code, said)
			}
			fixed := read(t, dir, "Dockerfile")
			if fixed == dockerfile {
				t.Fatal("whittle fix changes nothing")
			}
			for how, got := range map[string]string{"bytes": byBytes, "lines": byLines} {
				if diff := cmp.Diff(fixed, got); diff != "" {
					t.Errorf("by %s (-whittle fix +SARIF):\n%s", how, diff)
				}
			}
		})
	}
}

// applied are the contents of the one file that a log's one fix changes.
func applied(t *testing.T, repo string, log []byte) (byBytes, byLines string) {
	t.Helper()
	var doc struct {
		Runs []struct {
			Results []struct {
				Fixes []struct {
					ArtifactChanges []struct {
						ArtifactLocation struct{ URI string }
						Replacements     []replacement
					}
				}
			}
		}
	}
	imagetest.Must(t, json.Unmarshal(log, &doc))
	if len(doc.Runs[0].Results) != 1 || len(doc.Runs[0].Results[0].Fixes) != 1 {
		t.Fatalf("no one fix in %s", log)
	}
	change := doc.Runs[0].Results[0].Fixes[0].ArtifactChanges[0]
	if change.ArtifactLocation.URI != "services/the%20app/Dockerfile" {
		t.Errorf("it changes %q", change.ArtifactLocation.URI)
	}
	text := read(t, filepath.Join(repo, "services", "the app"), "Dockerfile")
	byBytes, byLines = text, text
	for _, r := range slices.Backward(change.Replacements) {
		d := r.DeletedRegion
		insert := ""
		if r.InsertedContent != nil {
			insert = r.InsertedContent.Text
		}
		byBytes = byBytes[:*d.ByteOffset] + insert + byBytes[*d.ByteOffset+*d.ByteLength:]
		from, to := offset(byLines, d.StartLine, d.StartColumn), offset(byLines, d.EndLine, d.EndColumn)
		byLines = byLines[:from] + insert + byLines[to:]
	}
	return byBytes, byLines
}

// offset is where a line and a column of UTF-16 code units are.
func offset(text string, line, column int) int {
	at := 0
	for range line - 1 {
		at += strings.Index(text[at:], "\n") + 1
	}
	units := utf16.Encode([]rune(text[at:]))
	return at + len(string(utf16.Decode(units[:column-1])))
}
