package rule

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whittle.dev/whittle/internal/rule/analysis"
)

const packages = "usr/local/lib/python3.13/site-packages"

// drawPackages draws the files of one distribution: modules that import each
// other, folders of tests at all depths and with odd names, headers.
func drawPackages(t *rapid.T) map[string]string {
	folder := rapid.SampledFrom([]string{"tests", "test", "sub", "include", "it's", "my tests", "tests.d"})
	files := map[string]string{"alpha/__init__.py": "import os\n"}
	for i := range rapid.IntRange(6, 40).Draw(t, "files") {
		dir := rapid.SampledFrom([]string{"alpha", "beta"}).Draw(t, "top")
		for range rapid.IntRange(0, 3).Draw(t, "depth") {
			dir += "/" + folder.Draw(t, "folder")
		}
		name := dir + fmt.Sprintf("/f%d%s", i, rapid.SampledFrom([]string{".py", ".csv", ".h", ".hpp", ".a", ".pxd"}).Draw(t, "kind"))
		files[name] = ""
		if path.Ext(name) == ".py" {
			from := rapid.SampledFrom([]string{"alpha.tests", "beta.test", "alpha.sub.tests", "beta.sub", "os"}).Draw(t, "module")
			files[name] = "from " + from + " import thing\n"
		}
	}
	return files
}

// distributionLayer is the layer of one distribution with these files, in imagetest's
// notation; of those without a text each seventh is a large one.
func distributionLayer(files map[string]string) string {
	var lines []string
	record := "alpha-1.dist-info/METADATA,,\nalpha-1.dist-info/RECORD,,\n"
	for at, text := range files {
		record += at + ",,\n"
		if text != "" {
			lines = append(lines, fmt.Sprintf("f %q %q", packages+"/"+at, text))
		} else {
			size := 10
			if len(at)%7 == 0 {
				size = 110_000
			}
			lines = append(lines, fmt.Sprintf("f %q %d", packages+"/"+at, size))
		}
	}
	slices.Sort(lines)
	info := packages + "/alpha-1.dist-info/"
	return strings.Join(append(lines, fmt.Sprintf("f %sMETADATA %q", info, "Name: alpha\nVersion: 1\n"), fmt.Sprintf("f %sRECORD %q", info, record)), "\n")
}

// TestDeleted lays random distributions on the disk and has a shell run the
// command that a fix appends: it deletes just the files that the finding
// counts.
func TestDeleted(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell")
	}
	tried := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		files := drawPackages(rt)
		layer := distributionLayer(files)
		c := testCase{parts: map[string][]byte{"Dockerfile": []byte("FROM python:3.13\nRUN pip install alpha\n")},
			layers: []string{"f usr/local/bin/python3.13 10 mode=0755", layer}}
		p := c.pass(t)
		for _, id := range []string{"python-tests", "static-libraries"} {
			found, err := Find(t.Context(), p, []string{id})
			if err != nil {
				rt.Fatal(err)
			}
			for _, f := range found {
				hold(t, p, &f)
				if f.Fix == nil {
					rt.Fatalf("%s has no fix for\n%s", id, layer)
				}
				tried[id]++
				command := strings.TrimPrefix(f.Fix.Patches[0].Edits[0].New, " && ")
				want := []string{}
				for _, gone := range f.Change.Remove {
					want = append(want, p.Indexes[gone.Layer].Entries[gone.Entry].Path)
				}
				if diff := cmp.Diff(want, deleted(rt, sh, command, p)); diff != "" {
					rt.Fatalf("%s\nof\n%s\n(-counted +deleted):\n%s", command, layer, diff)
				}
			}
		}
	})
	t.Logf("commands run: %v", tried)
	for _, id := range []string{"python-tests", "static-libraries"} {
		if tried[id] == 0 {
			t.Errorf("no command of %s was run", id)
		}
	}
}

// deleted runs a command in the tree of an image and gives the files with
// bytes that are gone, in the order of their layers.
func deleted(t *rapid.T, sh, command string, p *analysis.Facts) []string {
	root, err := os.MkdirTemp("", "whittle-deleted-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(root)
	items := analysis.New(p).Layers.Visible(func(int) bool { return true })
	for _, i := range items {
		at := filepath.Join(root, p.Ledger.Items[i].Path)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	script := command
	for _, site := range []string{packages, strings.Replace(packages, "python3.13", "python3.*", 1)} {
		script = strings.ReplaceAll(script, "/"+site, root+"/"+site)
	}
	if left := strings.ReplaceAll(script, root+"/", ""); strings.Contains(left, "/usr/") { // it must not run on this machine's own files
		t.Fatalf("not all paths are in the tree: %s", script)
	}
	if out, err := exec.Command(sh, "-ec", script).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	gone := []string{}
	for _, i := range items {
		if _, err := os.Lstat(filepath.Join(root, p.Ledger.Items[i].Path)); os.IsNotExist(err) {
			gone = append(gone, p.Ledger.Items[i].Path)
		}
	}
	return gone
}
